//! The net that tells the letters of OCR-B apart, and the strips of picture that it looks at.

use std::sync::Arc;

use rten::{OpRegistry, ThreadPool, op_types};

use super::lattice::Columns;
use super::lines::Line;
use crate::gray::Gray;
use crate::nets::{Net, NetError, Workers};

/// The net: 136,814 parameters, trained for this program (see `checks/models/NOTICE.md`).
static NET: &[u8] = include_bytes!("../../models/mrz.onnx");
/// Rows of a strip.
const HEIGHT: usize = 32;
/// The most columns of a strip.
const WIDTH: usize = 800;
/// The pitch that letters get in a strip, where the line is short enough.
const PITCH: f32 = 16.2;
/// So many columns of a strip are one column of the net's answer.
pub(super) const STRIDE: usize = 4;
/// What the net tells apart: the gap between letters, and 37 letters.
const CLASSES: usize = 38;
/// How many letters' widths of picture stand on either side of the line.
const MARGIN: f32 = 1.6;

/// How a strip is cut: shares of the letters' height.
#[derive(Debug, Clone, Copy)]
pub(super) struct Cut {
    /// How much higher or lower than usual the strip is.
    pub(super) stretch: f32,
    /// How far below the line's middle it lies.
    pub(super) shift: f32,
}

impl Cut {
    /// The usual cut, and what is tried if it does not fit.
    pub(super) const FIRST: [Self; 3] =
        [Self { stretch: 1.0, shift: 0.0 }, Self { stretch: 0.85, shift: 0.0 }, Self { stretch: 1.15, shift: 0.05 }];
    /// Other views of the same line, to settle what one view leaves open.
    pub(super) const SECOND: [Self; 4] = [
        Self { stretch: 0.93, shift: 0.04 },
        Self { stretch: 1.08, shift: -0.04 },
        Self { stretch: 1.0, shift: 0.06 },
        Self { stretch: 0.96, shift: -0.05 },
    ];
}

/// Which part of a line a strip shows, in pixels of the picture that the line was found in.
#[derive(Debug, Clone, Copy)]
pub(super) struct Span {
    from: f32,
    to: f32,
    columns: usize,
}

impl Span {
    /// Where a column of the net's answer is.
    pub(super) fn x(&self, column: f32) -> f32 {
        let share = (column + 0.5) * STRIDE as f32 / self.columns as f32;
        self.from + (self.to - self.from) * share
    }
}

/// The loaded net. Shared by threads; a run takes one core.
pub(super) struct LetterNet {
    net: Net,
    workers: Workers,
}

impl LetterNet {
    pub(super) fn load() -> Result<Self, NetError> {
        let operators = OpRegistry::with_ops(&[&op_types::Conv, &op_types::MaxPool, &op_types::Relu]);
        Ok(Self { net: Net::built_in("mrz.onnx", NET, operators)?, workers: Workers::default() })
    }

    /// Does some work on one thread, on which the net runs too.
    pub(super) fn on_one_thread<T: Send>(&self, work: impl FnOnce(&Arc<ThreadPool>) -> T + Send) -> T {
        self.workers.on_one_thread(work)
    }

    /// What the net sees in a line of `picture`, which is `scale` times as large as the one the
    /// line was found in. None if the net fails, which no input is known to cause.
    pub(super) fn look(
        &self,
        worker: &Arc<ThreadPool>,
        picture: &Gray,
        scale: f32,
        line: &Line,
        ends: (f32, f32),
        cut: Cut,
    ) -> Option<(Columns, Span)> {
        let (strip, span) = strip(picture, scale, line, ends, cut);
        let width = strip.len() / HEIGHT;
        let (shape, scores) = self.net.run::<4>(worker, [1, 1, HEIGHT, width], strip).ok()?;
        let [1, CLASSES, 1, columns] = shape else { return None };
        Some((Columns::new(&scores, columns, span.columns / STRIDE)?, span))
    }
}

/// Cuts a line out of the picture, along its curve: brightness with mean 0 and deviation 1. Behind
/// the line's end the strip is 0.
fn strip(picture: &Gray, scale: f32, line: &Line, ends: (f32, f32), cut: Cut) -> (Vec<f32>, Span) {
    let (from, to) = (ends.0 - MARGIN * line.pitch, ends.1 + MARGIN * line.pitch);
    let letters = (to - from) / line.pitch;
    let columns = ((letters * PITCH) as usize).clamp(STRIDE, WIDTH);
    // The net takes in 15 columns around each; behind the end it must see nothing.
    let width = (columns + 32).next_multiple_of(STRIDE * 4).min(WIDTH);
    let height = line.height * 1.56 * cut.stretch;
    let samples = |step: f32| (step * scale).ceil().clamp(1.0, 4.0) as usize;
    let step = (to - from) / columns as f32;
    let (across, down) = (samples(step), samples(height / HEIGHT as f32));
    let mut strip = vec![0.0_f32; HEIGHT * width];
    for column in 0..columns {
        let mut sums = [0.0_f32; HEIGHT];
        for sample in 0..across {
            let x = from + step * (column as f32 + (sample as f32 + 0.5) / across as f32);
            let (middle, slope) = (line.y(x) + cut.shift * line.height, line.slope(x));
            for (row, sum) in sums.iter_mut().enumerate() {
                for sample in 0..down {
                    let place = row as f32 + (sample as f32 + 0.5) / down as f32;
                    // Along the normal of the line, so that italics stay upright.
                    let away = (place / HEIGHT as f32 - 0.5) * height;
                    let (at_x, at_y) = (x - slope * away, middle + away);
                    *sum += picture.at((at_x + 0.5) * scale - 0.5, (at_y + 0.5) * scale - 0.5);
                }
            }
        }
        for (row, sum) in sums.iter().enumerate() {
            strip[row * width + column] = sum / (across * down) as f32;
        }
    }
    standardise(&mut strip, width, columns);
    (strip, Span { from, to, columns })
}

fn standardise(strip: &mut [f32], width: usize, columns: usize) {
    let (mut sum, mut squares) = (0.0_f64, 0.0_f64);
    for row in strip.chunks_exact(width) {
        for value in &row[..columns] {
            sum += f64::from(*value);
            squares += f64::from(*value) * f64::from(*value);
        }
    }
    let count = (HEIGHT * columns) as f64;
    let mean = sum / count;
    let deviation = ((squares / count - mean * mean).max(0.0)).sqrt() + 6.0;
    for row in strip.chunks_exact_mut(width) {
        for value in &mut row[..columns] {
            *value = ((f64::from(*value) - mean) / deviation) as f32;
        }
    }
}
