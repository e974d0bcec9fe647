//! The search for a zone in one picture: at three sizes, in four turns, within a budget.

use std::sync::Arc;

use rten::ThreadPool;

use super::lattice::{Cell, Columns, Reading, normalise};
use super::layout::Format;
use super::lines::{self, Line};
use super::marks::{self, Mark};
use super::net::{Cut, LetterNet, Span};
use super::zone::{self, Zone};
use super::{MAX_LOOKS, MrzReading};
use crate::gray::Gray;

/// The sizes that marks are looked for at (the longer side in pixels), and by which share a mark
/// must be darker than its surroundings.
const VIEWS: [(f32, f32); 3] = [(1500.0, 0.14), (1100.0, 0.10), (2000.0, 0.20)];
/// A picture is enlarged at most by this.
const MAX_ENLARGEMENT: f32 = 2.8;
/// So many lines are looked at in one turn of one view, the likeliest first.
const LINES: usize = 9;
/// A lattice that fits worse is no line of a zone.
const MIN_FIT: f32 = 0.55;
/// Likewise for a zone that is to be proven.
const MIN_ZONE_FIT: f32 = 0.7;
/// A lattice that fits this well needs no other cut of the strip.
const GOOD_FIT: f32 = 0.97;
/// Marks that stand this evenly are print of fixed pitch, whatever a first cut shows.
const EVEN_PRINT: f32 = 0.85;
/// The mean of logarithms of probabilities from which on a zone is worth a second look.
const WORTH_A_LOOK: f32 = -1.0;
/// And that from which on it is told as a guess; pages without a zone reach about -0.8.
const MIN_GUESS: f32 = -0.5;
/// And that from which on the print was seen clearly: more views will not change what it says.
const CLEAR_PRINT: f32 = -0.02;

/// A line that the net has looked at.
struct Seen {
    line: Line,
    columns: Columns,
    span: Span,
    readings: Vec<Reading>,
    ends: (f32, f32),
}

/// A zone and how it came about.
struct Candidate {
    zone: Zone,
    rank: f32,
    pixels: f32,
    quarter_turns: u8,
}

/// One search.
pub(super) struct Search<'a> {
    net: &'a LetterNet,
    worker: &'a Arc<ThreadPool>,
    /// The picture turned clockwise by so many quarters, once it is needed.
    turned: [Option<Gray>; 4],
    looks: usize,
    best: Option<Candidate>,
    /// How promising each turn was so far.
    promise: [f32; 4],
}

impl<'a> Search<'a> {
    pub(super) fn new(net: &'a LetterNet, worker: &'a Arc<ThreadPool>, picture: &Gray) -> Self {
        let turned = [Some(picture.clone()), None, None, None];
        Self { net, worker, turned, looks: MAX_LOOKS, best: None, promise: [0.3, 0.0, 0.2, 0.1] }
    }

    pub(super) fn run(mut self) -> Option<MrzReading> {
        for (longest, contrast) in VIEWS {
            let picture = self.turned[0].as_ref()?;
            let scale = (picture.longest() as f32 / longest).max(1.0 / MAX_ENLARGEMENT);
            let side = |length: usize| (length as f32 / scale) as usize;
            let small = picture.resized(side(picture.width()), side(picture.height()));
            let size = (small.width() as f32, small.height() as f32);
            let window = (small.width() / 36).max(15);
            let upright = marks::find(&small, window, contrast);
            let mut turns = [0_usize, 1, 2, 3];
            turns.sort_by(|a, b| self.promise[*b].total_cmp(&self.promise[*a]));
            for turn in turns {
                if self.looks == 0 {
                    break;
                }
                let marks = turned_marks(&upright, turn, size);
                self.attempt(turn, scale, &marks, if turn % 2 == 0 { size.0 } else { size.1 });
                if self.is_settled() {
                    return self.answer();
                }
            }
        }
        self.answer()
    }

    /// Whether looking on is of no use: a zone is proven, or is plain to see with wrong digits.
    fn is_settled(&self) -> bool {
        self.best.as_ref().is_some_and(|best| best.zone.is_proven() || (best.zone.clear_print() && best.rank > 0.0))
    }

    fn answer(self) -> Option<MrzReading> {
        let best = self.best.filter(|best| best.zone.mean >= MIN_GUESS)?;
        let lines = best.zone.lines.iter().map(|line| String::from_utf8_lossy(line).into_owned()).collect();
        Some(MrzReading {
            lines,
            format: best.zone.format,
            confidence: best.zone.mean.exp(),
            pixels_per_character: best.pixels,
            proven: best.zone.is_proven(),
            quarter_turns: best.quarter_turns,
        })
    }

    /// Looks for zones in one turn of one view.
    fn attempt(&mut self, turn: usize, scale: f32, marks: &[Mark], width: f32) {
        let found = lines::find(marks, width);
        let mut order: Vec<usize> = (0..found.len()).collect();
        order.sort_by(|a, b| found[*b].promise().total_cmp(&found[*a].promise()));
        order.truncate(LINES);
        order.sort_unstable();
        if order.len() < 2 {
            return;
        }
        self.turn_picture(turn);
        let mut seen: Vec<Seen> = Vec::new();
        for index in order {
            let line = &found[index];
            if let Some(look) = self.look(turn, scale, line, &found) {
                self.promise[turn] += look.readings.first().map_or(0.0, |reading| reading.score);
                seen.push(look);
            }
        }
        for start in 0..seen.len() {
            for columns in [44, 36, 30] {
                let count = if columns == 30 { 3 } else { 2 };
                let Some(group) = seen.get(start..start + count) else { continue };
                if stand_together(group) {
                    self.consider(turn, scale, group, columns);
                }
            }
        }
    }

    fn turn_picture(&mut self, turn: usize) {
        if self.turned[turn].is_none() {
            let turned = self.turned[0].as_ref().map(|picture| match turn {
                1 => picture.quarter_turn(),
                2 => picture.half_turn(),
                _ => picture.quarter_turn().half_turn(),
            });
            self.turned[turn] = turned;
        }
    }

    fn strip(&mut self, turn: usize, scale: f32, line: &Line, ends: (f32, f32), cut: Cut) -> Option<(Columns, Span)> {
        self.looks = self.looks.checked_sub(1)?;
        self.net.look(self.worker, self.turned[turn].as_ref()?, scale, line, ends, cut)
    }

    /// Lets the net look at a line, in up to three cuts. Lines like it tell how long it may be.
    fn look(&mut self, turn: usize, scale: f32, line: &Line, all: &[Line]) -> Option<Seen> {
        let mut ends = (line.start, line.end);
        for other in all.iter().filter(|other| line.is_like(other)) {
            ends = (ends.0.min(other.start), ends.1.max(other.end));
        }
        let reach = 8.0 * line.pitch;
        ends = (ends.0.max(line.start - reach), ends.1.min(line.end + reach));
        let mut best: Option<Seen> = None;
        for cut in Cut::FIRST {
            let Some((columns, span)) = self.strip(turn, scale, line, ends, cut) else { break };
            let readings = columns.readings();
            let score = readings.first().map_or(f32::MIN, |reading| reading.score);
            let former = best.as_ref().and_then(|seen| seen.readings.first()).map_or(f32::MIN, |reading| reading.score);
            if best.is_none() || score > former {
                best = Some(Seen { line: line.clone(), columns, span, readings, ends });
            }
            let hopeless = score.max(former) < 0.2 && line.regularity < EVEN_PRINT;
            if score.max(former) > GOOD_FIT || hopeless {
                break;
            }
        }
        best.filter(|seen| seen.readings.first().is_some_and(|reading| reading.score > MIN_FIT))
    }

    /// Reads lines as a zone. If one of them is shifted by a cell against the others, it is also
    /// read in line with them; if the zone is not proven, more cuts of its lines are looked at.
    fn consider(&mut self, turn: usize, scale: f32, group: &[Seen], columns: usize) {
        let Some(own) = group.iter().map(|seen| of_length(seen, columns)).collect::<Option<Vec<&Reading>>>() else {
            return;
        };
        // Lines that are not in line with each other prove nothing as they are: then one of them
        // began with something beside the zone.
        let own: Vec<Reading> = own.into_iter().cloned().collect();
        let mut choices: Vec<Vec<Reading>> = (0..group.len()).filter_map(|anchor| align(group, &own, anchor)).collect();
        if choices.is_empty() {
            // Something at the edge of the page may have been taken for a letter in each line.
            let moved = |cells: f32| {
                let moved = group.iter().zip(&own).map(|(seen, reading)| seen.columns.read(reading.grid.moved(cells)));
                moved.collect()
            };
            choices = vec![own.clone(), moved(1.0), moved(-1.0)];
        }
        for readings in choices {
            let fit = readings.iter().map(|reading| reading.score).fold(f32::MAX, f32::min);
            let pixels = pitch(&group[0], &readings[0]) * scale;
            let cells: Vec<Vec<Cell>> = readings.iter().map(|reading| reading.cells.clone()).collect();
            let Some(zone) = self.keep_best(turn, fit, pixels, columns, &cells) else { continue };
            let unsettled = !zone.is_proven() && zone.mean > WORTH_A_LOOK && fit >= MIN_ZONE_FIT;
            if unsettled && let Some(cells) = self.look_again(turn, scale, group, &readings) {
                self.keep_best(turn, fit, pixels, columns, &cells);
            }
            if self.is_settled() {
                return;
            }
        }
    }

    /// Reads cells as a zone of each format that has lines of this length, keeps the best one ever
    /// seen, and returns the best of these.
    fn keep_best(&mut self, turn: usize, fit: f32, pixels: f32, columns: usize, cells: &[Vec<Cell>]) -> Option<Zone> {
        let lines: Vec<&[Cell]> = cells.iter().map(Vec::as_slice).collect();
        let zones = Format::with_columns(columns).iter().filter_map(|format| zone::read(*format, &lines));
        let rank = |zone: &Zone| {
            let proven = f32::from(u8::from(zone.is_proven()));
            fit + zone.mean + f32::from(u8::from(zone.holds)) + 2.0 * proven
        };
        let mut zone = zones.max_by(|a, b| rank(a).total_cmp(&rank(b)))?;
        zone.clear &= fit >= MIN_ZONE_FIT;
        let rank = rank(&zone);
        if zone.mean > WORTH_A_LOOK && self.best.as_ref().is_none_or(|best| rank > best.rank) {
            let quarter_turns = u8::try_from(turn).unwrap_or(0);
            self.best = Some(Candidate { zone: zone.clone(), rank, pixels, quarter_turns });
        }
        Some(zone)
    }

    /// The cells' probabilities, averaged over more cuts of the same lines.
    fn look_again(&mut self, turn: usize, scale: f32, group: &[Seen], readings: &[Reading]) -> Option<Vec<Vec<Cell>>> {
        let mut all = Vec::with_capacity(group.len());
        for (seen, reading) in group.iter().zip(readings) {
            let mut views: Vec<Vec<Cell>> = vec![reading.cells.clone()];
            for cut in Cut::SECOND {
                let (columns, _) = self.strip(turn, scale, &seen.line, seen.ends, cut)?;
                // The cut has the same ends, so the same grid fits.
                views.push(columns.read(reading.grid).cells);
            }
            all.push(average(&views));
        }
        Some(all)
    }
}

impl Zone {
    /// Whether every letter was seen clearly, whatever the zone says.
    fn clear_print(&self) -> bool {
        self.mean > CLEAR_PRINT && self.clear_letters
    }
}

/// Where marks are after their picture of this width and height is turned by so many quarters.
fn turned_marks(marks: &[Mark], quarters: usize, (width, height): (f32, f32)) -> Vec<Mark> {
    let mut turned = marks.to_vec();
    for quarter in 0..quarters {
        let height = if quarter % 2 == 0 { height } else { width };
        turned.iter_mut().for_each(|mark| *mark = mark.quarter_turn(height));
    }
    turned
}

fn of_length(seen: &Seen, columns: usize) -> Option<&Reading> {
    seen.readings.iter().find(|reading| reading.cells.len() == columns)
}

/// Whether each line is one line below the one before.
fn stand_together(group: &[Seen]) -> bool {
    group.windows(2).all(|pair| {
        let below = pair[1].line.below(&pair[0].line) / pair[0].line.height;
        (1.2..5.5).contains(&below)
    })
}

/// The width of a cell, in pixels of the picture that the line was found in.
fn pitch(seen: &Seen, reading: &Reading) -> f32 {
    let last = (reading.cells.len() - 1) as f32;
    let (from, to) = (seen.span.x(reading.grid.place(0.0)), seen.span.x(reading.grid.place(last)));
    (to - from) / last
}

/// The group's readings with all lines but the anchor moved by whole cells so that they stand
/// above each other; none if they do already.
fn align(group: &[Seen], readings: &[Reading], anchor: usize) -> Option<Vec<Reading>> {
    let shifts = shifts(group, readings)?;
    if shifts.iter().all(|shift| *shift == 0.0) {
        return None;
    }
    let base = shifts.get(anchor)?;
    let moved = group.iter().zip(readings).zip(&shifts);
    Some(moved.map(|((seen, reading), shift)| seen.columns.read(reading.grid.moved(base - shift))).collect())
}

/// By how many cells each line is shifted against the first of two, or the second of three.
///
/// Seen at an angle, lines that stand above each other are a little apart: by less than half a
/// cell from line to line, and equally in both steps of three lines.
fn shifts(group: &[Seen], readings: &[Reading]) -> Option<Vec<f32>> {
    match group.len() {
        2 => Some(vec![0.0, apart(group, readings, 0, 1)?.round()]),
        3 => {
            let (above, below) = (apart(group, readings, 1, 0)?, apart(group, readings, 1, 2)?);
            let near = |value: f32| [value.round() - 1.0, value.round(), value.round() + 1.0];
            let pairs = near(above).into_iter().flat_map(|one| near(below).map(|other| (one, other)));
            let cost = |(one, other): &(f32, f32)| {
                let (above, below) = (above - one, below - other);
                (above + below).abs() + 0.3 * (above.abs() + below.abs())
            };
            let (one, other) = pairs.min_by(|a, b| cost(a).total_cmp(&cost(b)))?;
            Some(vec![one, 0.0, other])
        }
        _ => None,
    }
}

/// How far the middle of a line is to the right of the middle of another, along that line, in
/// cells.
fn apart(group: &[Seen], readings: &[Reading], from: usize, to: usize) -> Option<f32> {
    let middle = |index: usize| {
        let (seen, grid) = (group.get(index)?, readings.get(index)?.grid);
        let x = seen.span.x(grid.place((grid.cells - 1) as f32 / 2.0));
        Some((x, seen.line.y(x), seen.line.slope(x)))
    };
    let ((x, y, slope), (to_x, to_y, _)) = (middle(from)?, middle(to)?);
    let along = ((to_x - x) + slope * (to_y - y)) / (1.0 + slope * slope).sqrt();
    Some(along / pitch(group.get(to)?, readings.get(to)?))
}

/// The mean of the probabilities that several views give each cell.
fn average(views: &[Vec<Cell>]) -> Vec<Cell> {
    let Some(first) = views.first() else { return Vec::new() };
    (0..first.len())
        .map(|index| {
            let mut mean = [0.0_f32; 37];
            for cell in views.iter().filter_map(|view| view.get(index)) {
                mean.iter_mut().zip(cell).for_each(|(sum, score)| *sum += score.exp());
            }
            mean.iter_mut().for_each(|sum| *sum = (*sum / views.len() as f32).max(1e-6).ln());
            normalise(&mut mean);
            mean
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn views_are_averaged() {
        let (mut one, mut other) = ([-9.0; 37], [-9.0; 37]);
        one[3] = -0.01;
        other[4] = -0.01;
        let mean = average(&[vec![one], vec![other]]);
        assert!((mean[0][3].exp() - 0.5).abs() < 0.01 && (mean[0][4].exp() - 0.5).abs() < 0.01);
        assert!(average(&[]).is_empty());
    }

    #[test]
    fn marks_are_turned_about_the_picture() {
        let mark = Mark { left: 10.0, top: 20.0, right: 14.0, bottom: 30.0 };
        let half = turned_marks(&[mark], 2, (100.0, 50.0));
        assert_eq!(half, [Mark { left: 86.0, top: 20.0, right: 90.0, bottom: 30.0 }]);
        assert_eq!(turned_marks(&[mark], 0, (100.0, 50.0)), [mark]);
        assert_eq!(turned_marks(&[mark], 4, (100.0, 50.0)), [mark]);
    }
}
