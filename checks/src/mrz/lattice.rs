//! From what the net sees to a line of exactly 30, 36 or 44 letters at one pitch.

/// The letters of a zone, in the order of the net's classes.
pub(super) const ALPHABET: [u8; 37] = *b"<0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZ";
/// What a cell that the picture does not show holds: nothing is likelier than anything else.
const UNSEEN: f32 = -3.61;

/// How likely each letter is in one place: logarithms of probabilities.
pub(super) type Cell = [f32; 37];

/// The share of letters that must stand at a pitch for a grid to be looked for.
const MIN_EVEN: f32 = 0.6;
/// The grid search looks letters up at so many places a column.
const FINENESS: usize = 4;
/// So many columns outside a strip can be asked for; nothing is there.
const OUTSIDE: usize = 80;

/// What the net sees in a strip, by column.
#[derive(Debug, Clone)]
pub(super) struct Columns {
    /// Logarithms of probabilities; the first class is the gap between letters.
    scores: Vec<[f32; 38]>,
    /// How likely a letter is at all.
    letter: Vec<f32>,
    /// The same between columns, [`FINENESS`] to each, with [`OUTSIDE`] columns on either side.
    between: Vec<f32>,
}

/// A line as read.
#[derive(Debug, Clone)]
pub(super) struct Reading {
    pub(super) cells: Vec<Cell>,
    /// How well letters stand where they should and nothing stands around them: at most 1.
    pub(super) score: f32,
    /// Where the cells are.
    pub(super) grid: Grid,
}

/// Cells at one pitch that changes slightly, as in perspective: in columns.
#[derive(Debug, Clone, Copy)]
pub(super) struct Grid {
    pub(super) cells: usize,
    start: f32,
    pitch: f32,
    bend: f32,
}

impl Grid {
    /// The middle of a cell; the first one is 0.
    pub(super) fn place(&self, index: f32) -> f32 {
        let half = (self.cells - 1) as f32 / 2.0;
        let away = index - half;
        self.start + half * self.pitch + away * self.pitch + self.bend * (away * away - half * half * 0.33)
    }

    /// The grid moved by so many cells.
    pub(super) fn moved(self, cells: f32) -> Self {
        Self { start: self.start + cells * self.pitch, ..self }
    }
}

impl Columns {
    /// Takes the net's answer, class by class, and the columns that show something. None if there
    /// are fewer numbers than that.
    pub(super) fn new(answer: &[f32], columns: usize, used: usize) -> Option<Self> {
        if answer.len() < 38 * columns || used > columns {
            return None;
        }
        let scores: Vec<[f32; 38]> = (0..used)
            .map(|column| {
                let mut scores = [0.0; 38];
                for (class, score) in scores.iter_mut().enumerate() {
                    *score = answer[class * columns + column];
                }
                normalise(&mut scores);
                scores
            })
            .collect();
        let letter: Vec<f32> = scores.iter().map(|scores| 1.0 - scores[0].exp()).collect();
        let mut between = vec![0.0; (used + 2 * OUTSIDE) * FINENESS];
        for (step, slot) in between.iter_mut().enumerate().skip(OUTSIDE * FINENESS).take(used * FINENESS) {
            let (index, share) = (step / FINENESS - OUTSIDE, (step % FINENESS) as f32 / FINENESS as f32);
            let next = letter.get(index + 1).copied().unwrap_or(0.0);
            *slot = letter[index] * (1.0 - share) + next * share;
        }
        Some(Self { scores, letter, between })
    }

    /// How likely a letter is between columns, zero outside.
    fn letter_at(&self, place: f32) -> f32 {
        let step = ((place + OUTSIDE as f32) * FINENESS as f32 + 0.5) as usize;
        self.between.get(step).copied().unwrap_or(0.0)
    }

    /// The middles of stretches of columns that show one letter.
    fn peaks(&self) -> Vec<f32> {
        let mut peaks = Vec::new();
        let mut column = 0;
        while column < self.letter.len() {
            if self.letter[column] <= 0.4 {
                column += 1;
                continue;
            }
            let (mut weight, mut moment, mut end) = (0.0, 0.0, column);
            let first = best(&self.scores[column]);
            while end < self.letter.len()
                && end - column < 3
                && self.letter[end] > 0.4
                && best(&self.scores[end]) == first
            {
                weight += self.letter[end];
                moment += self.letter[end] * end as f32;
                end += 1;
            }
            peaks.push(moment / weight);
            column = end;
        }
        peaks
    }

    /// Readings of each length that could fit, the best one first.
    pub(super) fn readings(&self) -> Vec<Reading> {
        let peaks = self.peaks();
        let (Some(first), Some(last)) = (peaks.first().copied(), peaks.last().copied()) else { return Vec::new() };
        if peaks.len() < 15 {
            return Vec::new();
        }
        let mut gaps: Vec<f32> = peaks.windows(2).map(|pair| pair[1] - pair[0]).collect();
        gaps.sort_by(f32::total_cmp);
        let pitch = gaps[gaps.len() / 2];
        let even = gaps.iter().filter(|gap| (**gap / pitch - (**gap / pitch).round()).abs() < 0.25).count();
        if !(2.6..=6.5).contains(&pitch) || (even as f32) < MIN_EVEN * gaps.len() as f32 {
            return Vec::new();
        }
        let mut readings: Vec<Reading> = [44_usize, 36, 30]
            .into_iter()
            .filter(|cells| ((last - first) / pitch + 1.0 - *cells as f32).abs() <= 9.0)
            .map(|cells| self.read(self.best_grid(cells, pitch, (first, last))))
            .collect();
        readings.sort_by(|a, b| b.score.total_cmp(&a.score));
        readings
    }

    /// Searches pitch, place and bend: first coarsely, then three times finer.
    fn best_grid(&self, cells: usize, pitch: f32, (first, last): (f32, f32)) -> Grid {
        let mut best = (f32::MIN, Grid { cells, start: first, pitch, bend: 0.0 });
        let keep = |grid: Grid, best: &mut (f32, Grid)| {
            let fit = self.fit(&grid);
            if fit > best.0 {
                *best = (fit, grid);
            }
        };
        for step in -10..=10_i8 {
            let pitch = pitch * (1.0 + f32::from(step) * 0.008);
            let span = pitch * (cells - 1) as f32;
            let (low, high) = ((last - span).min(first) - 2.5, (last - span).max(first) + 2.5);
            for bend in -2..=2_i8 {
                let bend = f32::from(bend) * 0.002 * pitch;
                let mut start = low;
                while start <= high {
                    keep(Grid { cells, start, pitch, bend }, &mut best);
                    start += 0.75;
                }
            }
        }
        for round in 0..4_i32 {
            let step = 0.5_f32.powi(round);
            let around = best.1;
            for (across, stretch, bend) in (0..125_i16).map(|n| (n % 5 - 2, n / 5 % 5 - 2, n / 25 - 2)) {
                let grid = Grid {
                    start: around.start + f32::from(across) * 0.3 * step,
                    pitch: around.pitch * (1.0 + f32::from(stretch) * 0.003 * step),
                    bend: around.bend + f32::from(bend) * 0.0006 * around.pitch * step,
                    ..around
                };
                keep(grid, &mut best);
            }
        }
        best.1
    }

    /// Letters in the cells count for a grid; letters between and next to them against it.
    fn fit(&self, grid: &Grid) -> f32 {
        let mut sum = 0.0;
        for index in 0..grid.cells {
            sum += self.letter_at(grid.place(index as f32));
            if index > 0 {
                sum -= 0.6 * self.letter_at(grid.place(index as f32 - 0.5));
            }
        }
        (sum - self.around(grid)) / grid.cells as f32
    }

    /// How much stands next to the grid.
    fn around(&self, grid: &Grid) -> f32 {
        let cells = grid.cells as f32;
        [-2.0, -1.0, cells, cells + 1.0].into_iter().map(|index| self.letter_at(grid.place(index))).sum()
    }

    /// How much stands farther away from the grid, at its pitch.
    fn beyond(&self, grid: &Grid) -> f32 {
        let away = (3..=9_u8).map(f32::from);
        away.map(|away| {
            let behind = grid.place(grid.cells as f32 - 1.0 + away);
            self.letter_at(grid.place(-away)) + self.letter_at(behind)
        })
        .sum()
    }

    /// Reads the cells of a grid.
    pub(super) fn read(&self, grid: Grid) -> Reading {
        let mut inside = 0.0;
        let cells: Vec<Cell> = (0..grid.cells)
            .map(|index| {
                let place = grid.place(index as f32);
                let columns = [0.0_f32, -0.6, 0.6].into_iter().filter_map(|aside| {
                    let column = (place + aside).round();
                    (column >= 0.0).then_some(column as usize).filter(|column| *column < self.scores.len())
                });
                let clearest = columns.max_by(|a, b| self.letter[*a].total_cmp(&self.letter[*b]));
                let mut cell = [UNSEEN; 37];
                if let Some(column) = clearest {
                    inside += self.letter[column];
                    cell.copy_from_slice(&self.scores[column][1..]);
                    normalise(&mut cell);
                }
                cell
            })
            .collect();
        // A line of 44 holds a fair line of 36, but letters go on beside it.
        let score = (inside - self.around(&grid) - 2.0 * self.beyond(&grid)) / grid.cells as f32;
        Reading { cells, score, grid }
    }
}

/// The class with the highest score.
fn best(scores: &[f32; 38]) -> usize {
    scores.iter().enumerate().max_by(|a, b| a.1.total_cmp(b.1)).map_or(0, |(class, _)| class)
}

/// Makes scores logarithms of probabilities that sum up to one.
pub(super) fn normalise(scores: &mut [f32]) {
    let highest = scores.iter().copied().fold(f32::MIN, f32::max);
    let sum: f32 = scores.iter().map(|score| (score - highest).exp()).sum();
    let total = highest + sum.ln();
    scores.iter_mut().for_each(|score| *score -= total);
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The answer of a net that is certain: the letters of `text` every `pitch` columns.
    fn answer(text: &str, start: f32, pitch: f32, columns: usize) -> Vec<f32> {
        let mut answer = vec![0.0; 38 * columns];
        answer[..columns].fill(8.0);
        for (index, letter) in text.bytes().enumerate() {
            let place = start + index as f32 * pitch;
            let class = 1 + ALPHABET.iter().position(|known| *known == letter).unwrap();
            for column in [place.floor() as usize, place.ceil() as usize] {
                answer[column] = 0.0;
                answer[class * columns + column] = 8.0;
            }
        }
        answer
    }

    fn text(reading: &Reading) -> String {
        let letter = |cell: &Cell| {
            let best = cell.iter().enumerate().max_by(|a, b| a.1.total_cmp(b.1)).unwrap().0;
            char::from(ALPHABET[best])
        };
        reading.cells.iter().map(letter).collect()
    }

    #[test]
    fn letters_at_one_pitch_become_a_line() {
        for line in ["I<UTOD231458907<<<<<<<<<<<<<<<", "L898902C36UTO7408122F1204159ZE184226B<<<<<10"] {
            let columns = Columns::new(&answer(line, 6.3, 4.1, 200), 200, 200).unwrap();
            let readings = columns.readings();
            assert_eq!(text(&readings[0]), line);
            assert!(readings[0].score > 0.95, "{}", readings[0].score);
            let moved = columns.read(readings[0].grid.moved(-1.0));
            assert_eq!(text(&moved)[1..], line[..line.len() - 1]);
        }
    }

    #[test]
    fn what_is_short_or_empty_is_no_line() {
        assert!(Columns::new(&answer("ABCDEFG", 5.0, 4.0, 100), 100, 100).unwrap().readings().is_empty());
        assert!(Columns::new(&[], 0, 0).unwrap().readings().is_empty());
        assert!(Columns::new(&[0.0; 10], 3, 3).is_none());
    }
}
