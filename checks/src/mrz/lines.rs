//! Marks that stand in a row: what could be lines of a zone.

use super::marks::Mark;

/// The fewest marks of a line: a blurred zone's letters run together.
const MIN_MARKS: usize = 14;

/// A line of marks: a slightly bent row of like height. Lengths are in pixels of the picture that
/// the marks were found in.
#[derive(Debug, Clone)]
pub(super) struct Line {
    /// The middle height of the letters at `x` is `offset + slope * t + bend * t * t` with
    /// `t = x - origin`.
    offset: f32,
    slope: f32,
    bend: f32,
    origin: f32,
    /// The middle of the first and of the last letter.
    pub(super) start: f32,
    pub(super) end: f32,
    /// How high the letters are.
    pub(super) height: f32,
    /// From letter to letter.
    pub(super) pitch: f32,
    /// How many marks it has.
    pub(super) count: usize,
    /// The share of gaps that are near to a multiple of the pitch: print of fixed pitch has nearly 1.
    pub(super) regularity: f32,
}

impl Line {
    /// Where the middle of its letters is at `x`.
    pub(super) fn y(&self, x: f32) -> f32 {
        let t = x - self.origin;
        self.offset + self.slope * t + self.bend * t * t
    }

    /// How steep it is at `x`.
    pub(super) fn slope(&self, x: f32) -> f32 {
        self.slope + 2.0 * self.bend * (x - self.origin)
    }

    /// How far below the other line it is, where both are.
    pub(super) fn below(&self, other: &Self) -> f32 {
        let x = (self.start.max(other.start) + self.end.min(other.end)) * 0.5;
        self.y(x) - other.y(x)
    }

    /// Whether it may be another line of the same zone.
    pub(super) fn is_like(&self, other: &Self) -> bool {
        (other.height / self.height - 1.0).abs() < 0.3
            && (other.pitch / self.pitch - 1.0).abs() < 0.12
            && self.below(other).abs() < 9.0 * self.height
    }

    /// How much it looks like a line of a zone, to look at the likeliest lines first.
    pub(super) fn promise(&self) -> f32 {
        let wide = ((self.end - self.start) / self.pitch / 29.0).min(1.0);
        self.regularity + wide + 0.01 * self.count.min(44) as f32
    }

    fn overlaps(&self, other: &Self) -> bool {
        let shared = self.end.min(other.end) - self.start.max(other.start);
        let shorter = (self.end - self.start).min(other.end - other.start);
        shared > 0.5 * shorter && self.below(other).abs() < 0.5 * self.height
    }
}

/// The lines of a picture `width` pixels wide that could belong to a zone, from top to bottom.
pub(super) fn find(marks: &[Mark], width: f32) -> Vec<Line> {
    let mut letters: Vec<Mark> = marks.iter().copied().filter(is_upright).collect();
    letters.sort_by(|a, b| a.x().total_cmp(&b.x()));
    let mut lines: Vec<Line> = Vec::new();
    for chain in chains(&letters) {
        let Some(line) = fit(&chain).and_then(|line| grow(line, &letters)) else { continue };
        let plausible = line.count >= MIN_MARKS
            && line.end - line.start > 0.25 * width
            && (0.35..=2.2).contains(&(line.pitch / line.height));
        if plausible && !lines.iter().any(|other| other.overlaps(&line)) {
            lines.push(line);
        }
    }
    lines.sort_by(|a, b| a.y(width * 0.5).total_cmp(&b.y(width * 0.5)));
    lines
}

fn is_upright(mark: &Mark) -> bool {
    (5.0..=70.0).contains(&mark.height()) && mark.width() <= mark.height() * 1.8
}

/// Rows of at least eight neighbours of like height; each mark follows the one that is nearest to
/// it and has no nearer follower.
fn chains(letters: &[Mark]) -> Vec<Vec<Mark>> {
    let mut next: Vec<Option<usize>> = vec![None; letters.len()];
    let mut previous: Vec<Option<(usize, f32)>> = vec![None; letters.len()];
    for (index, letter) in letters.iter().enumerate() {
        let Some((follower, cost)) = nearest_follower(letters, index, letter) else { continue };
        match previous[follower] {
            Some((_, cheaper)) if cheaper <= cost => {}
            taken => {
                if let Some((former, _)) = taken {
                    next[former] = None;
                }
                previous[follower] = Some((index, cost));
                next[index] = Some(follower);
            }
        }
    }
    let mut chains = Vec::new();
    for (start, before) in previous.iter().enumerate() {
        if before.is_some() {
            continue;
        }
        let chain: Vec<Mark> = std::iter::successors(Some(start), |at| next[*at]).map(|at| letters[at]).collect();
        if chain.len() >= 8 {
            chains.push(chain);
        }
    }
    chains
}

fn nearest_follower(letters: &[Mark], index: usize, letter: &Mark) -> Option<(usize, f32)> {
    let mut best: Option<(usize, f32)> = None;
    for (other, candidate) in letters.iter().enumerate().skip(index + 1) {
        let across = candidate.x() - letter.x();
        // Marks are sorted, and none is higher than 70 pixels.
        if across > 3.2 * 70.0 {
            break;
        }
        let height = letter.height().max(candidate.height());
        let down = (candidate.y() - letter.y()).abs();
        let ratio = letter.height() / candidate.height();
        let fits = across >= 0.35 * height
            && across <= 3.2 * height
            && (0.5..=2.0).contains(&ratio)
            && down <= (0.12 * height + 0.38 * across).min(0.75 * height);
        let cost = across + 3.0 * down + 4.0 * (letter.height() - candidate.height()).abs();
        if fits && best.is_none_or(|(_, least)| cost < least) {
            best = Some((other, cost));
        }
    }
    best
}

/// Takes in every mark near the line, up to gaps of five letters, and fits it anew.
fn grow(mut line: Line, letters: &[Mark]) -> Option<Line> {
    for _ in 0..3 {
        let near: Vec<Mark> = letters
            .iter()
            .copied()
            .filter(|mark| {
                let height = mark.height() / line.height;
                (mark.y() - line.y(mark.x())).abs() < 0.42 * line.height && (0.45..1.7).contains(&height)
            })
            .collect();
        let (mut from, mut to) = (0, near.len());
        for (index, pair) in near.windows(2).enumerate() {
            if pair[1].x() - pair[0].x() > 5.0 * line.pitch {
                if pair[1].x() <= line.start + line.pitch {
                    from = index + 1;
                } else if pair[0].x() >= line.end - line.pitch {
                    to = to.min(index + 1);
                }
            }
        }
        line = fit(near.get(from..to)?)?;
    }
    Some(line)
}

/// Fits a line through the middles of marks (sorted from left to right), leaving out those that
/// are off.
fn fit(marks: &[Mark]) -> Option<Line> {
    if marks.len() < 6 {
        return None;
    }
    let mut heights: Vec<f32> = marks.iter().map(Mark::height).collect();
    heights.sort_by(f32::total_cmp);
    let height = *heights.get(heights.len() * 7 / 10)?;
    let origin = marks.iter().map(Mark::x).sum::<f32>() / marks.len() as f32;
    let mut kept: Vec<Mark> = marks.to_vec();
    let mut curve = parabola(&kept, origin)?;
    for tolerance in [0.5, 0.3, 0.3] {
        let away = |mark: &Mark| {
            let t = mark.x() - origin;
            (mark.y() - (curve[0] + curve[1] * t + curve[2] * t * t)).abs()
        };
        kept = marks.iter().copied().filter(|mark| away(mark) < tolerance * height).collect();
        if kept.len() < 6 {
            return None;
        }
        curve = parabola(&kept, origin)?;
    }
    let mut gaps: Vec<f32> =
        kept.windows(2).map(|pair| pair[1].x() - pair[0].x()).filter(|gap| *gap > 0.3 * height).collect();
    if gaps.len() < 4 {
        return None;
    }
    gaps.sort_by(f32::total_cmp);
    let pitch = *gaps.get(gaps.len() / 2)?;
    let regular = gaps.iter().filter(|gap| ((*gap / pitch) - (*gap / pitch).round()).abs() < 0.2).count();
    Some(Line {
        offset: curve[0],
        slope: curve[1],
        bend: curve[2],
        origin,
        start: kept.first()?.x(),
        end: kept.last()?.x(),
        height,
        pitch,
        count: kept.len(),
        regularity: regular as f32 / gaps.len() as f32,
    })
}

/// The parabola through the marks' middles by least squares; few marks get a straight line.
fn parabola(marks: &[Mark], origin: f32) -> Option<[f32; 3]> {
    let bent = marks.len() >= 16;
    let mut rows = [[0.0_f64; 4]; 3];
    for mark in marks {
        let t = f64::from(mark.x() - origin) / 100.0;
        let powers = [1.0, t, if bent { t * t } else { 0.0 }];
        for (row, power) in rows.iter_mut().zip(powers) {
            for (slot, other) in row.iter_mut().zip(powers) {
                *slot += power * other;
            }
            row[3] += power * f64::from(mark.y());
        }
    }
    if !bent {
        rows[2] = [0.0, 0.0, 1.0, 0.0];
    }
    for column in 0..3 {
        let pivot = (column..3).max_by(|a, b| rows[*a][column].abs().total_cmp(&rows[*b][column].abs()))?;
        if rows[pivot][column].abs() < 1e-12 {
            return None;
        }
        rows.swap(column, pivot);
        let lead = rows[column];
        for (index, row) in rows.iter_mut().enumerate() {
            if index != column {
                let factor = row[column] / lead[column];
                row.iter_mut().zip(lead).for_each(|(value, lead)| *value -= factor * lead);
            }
        }
    }
    let [a, b, c] = [rows[0][3] / rows[0][0], rows[1][3] / rows[1][1], rows[2][3] / rows[2][2]];
    Some([a as f32, (b / 100.0) as f32, (c / 10_000.0) as f32])
}

#[cfg(test)]
mod tests {
    use super::*;

    fn mark(x: f32, y: f32) -> Mark {
        Mark { left: x - 4.0, right: x + 4.0, top: y - 7.0, bottom: y + 7.0 }
    }

    #[test]
    fn a_bent_row_is_one_line() {
        let row = |x: f32| 200.0 + 0.05 * x + 0.00004 * (x - 400.0).powi(2);
        let mut marks: Vec<Mark> = (0..44).map(|index| 60.0 + 17.0 * index as f32).map(|x| mark(x, row(x))).collect();
        marks.remove(20);
        marks.push(mark(300.0, 100.0));
        let lines = find(&marks, 900.0);
        assert_eq!(lines.len(), 1);
        let line = &lines[0];
        assert_eq!(line.count, 43);
        assert!((line.pitch - 17.0).abs() < 0.1 && line.regularity > 0.99);
        assert!((line.start - 60.0).abs() < 0.1 && (line.end - 791.0).abs() < 0.1);
        assert!((line.y(500.0) - row(500.0)).abs() < 0.5);
    }

    #[test]
    fn scattered_marks_are_no_line() {
        let marks: Vec<Mark> =
            (0..200_u32).map(|n| mark((n * 7919 % 900) as f32, (n * 104_729 % 700) as f32)).collect();
        assert!(find(&marks, 900.0).len() < 3);
    }
}
