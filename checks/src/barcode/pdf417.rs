//! Reads a PDF417 symbol (ISO/IEC 15438) from a photo.
//!
//! `rxing` finds the start and stop patterns and corrects errors. It follows the rows of a symbol
//! along the rows of the picture, so it reads poorly what is slanted; where it has seen a symbol and
//! could not decode it, the symbol is cut out and set upright. The rest is to look again at other
//! sizes, sharpened, which parts bars that blur has joined, and at small turns.
//!
//! `rxing` is asked for its detector and its decoder and not for a `Reader`: the latter stamps its
//! results with the time of day.

use std::panic::{AssertUnwindSafe, catch_unwind};

use rxing::common::{BitMatrix, HybridBinarizer};
use rxing::pdf417::decoder::pdf_417_scanning_decoder;
use rxing::pdf417::detector::pdf_417_detector;
use rxing::{Binarizer, Luma8LuminanceSource};

use super::pixels::{Point, scaled, sharpened, turned, upright};
use crate::gray::Gray;

/// The longest text that is handed on, in bytes. The largest symbol holds 2,710 digits.
pub const LONGEST_TEXT: usize = 3_000;

/// The most pixels that one reading makes black and white, over all attempts: see [`read`].
pub const MOST_PIXELS: usize = 24_000_000;

/// The most pixels of the first attempt: a larger picture is shrunk to this.
const FIRST_PIXELS: usize = 4_000_000;

/// The smallest side of a picture that is looked at. `rxing` cannot take less than five blocks of
/// eight pixels, and no symbol is that small.
const SMALLEST: usize = 40;

/// The largest side that `rxing` is given, far below where its arithmetic wraps.
const LARGEST: usize = 20_000;

/// The ways to look at a picture, in the order in which they are tried: what finds most comes first.
/// Of 105 photos that were read, the first found 78, the second 14, the next two 5 each.
const ATTEMPTS: [Attempt; 10] = [
    Attempt { scale: 1.0, degrees: 0.0, sharp: false },
    Attempt { scale: 0.6, degrees: 0.0, sharp: false },
    Attempt { scale: 1.0, degrees: 0.0, sharp: true },
    Attempt { scale: 0.6, degrees: 0.0, sharp: true },
    Attempt { scale: 1.0, degrees: 3.0, sharp: true },
    Attempt { scale: 1.0, degrees: -3.0, sharp: true },
    Attempt { scale: 1.6, degrees: 0.0, sharp: false },
    Attempt { scale: 0.4, degrees: 0.0, sharp: false },
    Attempt { scale: 1.0, degrees: -6.0, sharp: false },
    Attempt { scale: 1.0, degrees: 6.0, sharp: false },
];

/// Symbols that are looked at in each quarter turn of one attempt. What looks like a start pattern
/// in a background is rarely seen twice.
const CANDIDATES: usize = 2;

/// Width of a module in a symbol that was set upright, in pixels.
const UPRIGHT_MODULE: f32 = 4.0;

/// Modules of the start pattern (ISO/IEC 15438, 5.2.1).
const START_MODULES: f32 = 17.0;

/// Modules of the stop pattern.
const STOP_MODULES: f32 = 18.0;

/// What a symbol says.
#[derive(Debug, Clone, PartialEq)]
pub struct Symbol {
    /// The decoded text: at most [`LONGEST_TEXT`] bytes. Bytes that no character set was named for
    /// are taken for UTF-8 or ISO 8859-1.
    pub text: String,
    /// Width of the narrowest bar in pixels of the picture, measured at the start or stop pattern,
    /// off by 5 % on average: below 2.5, ask for a picture from nearer. `None` if it could not be
    /// measured.
    pub pixels_per_module: Option<f32>,
}

/// Why no symbol was read.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum Unread {
    /// Nothing that looks like a PDF417 was seen.
    #[error("No PDF417 barcode was found in the picture.")]
    NotFound,
    /// The start or stop of a symbol was seen, and what it says could not be read; or the decoder
    /// failed on what it saw.
    #[error("The PDF417 barcode in the picture could not be read.")]
    Illegible,
    /// A side of the picture has fewer than 40 or more than 20,000 pixels.
    #[error("The picture cannot be searched for a barcode.")]
    UnfitPicture,
}

impl Unread {
    /// The stable code: `barcode_not_found`, `barcode_illegible` or `picture_unfit`.
    #[must_use]
    pub fn code(self) -> &'static str {
        match self {
            Self::NotFound => "barcode_not_found",
            Self::Illegible => "barcode_illegible",
            Self::UnfitPicture => "picture_unfit",
        }
    }
}

/// Finds and reads the PDF417 in a picture, in any quarter turn and some degrees off.
///
/// Work is bounded by counting: each attempt costs the pixels that it makes black and white, and no
/// attempt begins that would bring the sum above [`MOST_PIXELS`].
///
/// A panic inside of `rxing` ends the attempt, not the reading; it is counted as a symbol that could
/// not be read. The process's panic hook still hears of it.
///
/// # Errors
///
/// [`Unread`] says whether a symbol was seen at all.
pub fn read(picture: &Gray) -> Result<Symbol, Unread> {
    let sides = [picture.width(), picture.height()];
    if !sides.into_iter().all(|side| (SMALLEST..=LARGEST).contains(&side)) {
        return Err(Unread::UnfitPicture);
    }
    let shrunk = (FIRST_PIXELS as f32 / picture.pixels().len() as f32).sqrt();
    let smaller = (shrunk < 1.0).then(|| scaled(picture, shrunk));
    let base = smaller.as_ref().unwrap_or(picture);
    let mut search = Search { left: MOST_PIXELS, seen: false };
    for attempt in ATTEMPTS {
        if let Some(symbol) = search.attempt(base, attempt) {
            let scale = attempt.scale * shrunk.min(1.0);
            return Ok(Symbol {
                text: symbol.text,
                pixels_per_module: symbol.pixels_per_module.map(|width| width / scale),
            });
        }
    }
    Err(if search.seen { Unread::Illegible } else { Unread::NotFound })
}

/// One way to look at the picture.
#[derive(Debug, Clone, Copy)]
struct Attempt {
    scale: f32,
    /// Clockwise.
    degrees: f32,
    sharp: bool,
}

/// What is left of the work that may be done, and what was seen.
struct Search {
    /// Pixels that may still be made black and white.
    left: usize,
    /// Whether a start or stop pattern was seen.
    seen: bool,
}

impl Search {
    /// Takes the work for a picture of so many pixels, if that much is left.
    fn afford(&mut self, pixels: usize) -> bool {
        let rest = self.left.checked_sub(pixels);
        self.left = rest.unwrap_or(self.left);
        rest.is_some()
    }

    /// Looks at the picture in one way, in all quarter turns.
    fn attempt(&mut self, base: &Gray, attempt: Attempt) -> Option<Symbol> {
        let pixels = base.pixels().len() as f32 * attempt.scale * attempt.scale;
        if !self.afford(pixels as usize) {
            return None;
        }
        let changed = match attempt {
            Attempt { degrees: 0.0, scale: 1.0, .. } => None,
            Attempt { degrees: 0.0, scale, .. } => Some(scaled(base, scale)),
            Attempt { degrees, .. } => Some(turned(base, degrees)?),
        };
        let picture = changed.as_ref().unwrap_or(base);
        let sharp = if attempt.sharp { sharpened(picture, 2) } else { None };
        let picture = sharp.as_ref().unwrap_or(picture);
        let bits = self.contained(|| black_and_white(picture))?;
        // The order of rxing: cards are held upright or upside down more often than on an edge.
        [0, 180, 270, 90].into_iter().find_map(|turn| self.quarter_turn(picture, &bits, turn))
    }

    /// Looks for symbols in one quarter turn: decodes each as it is, then set upright.
    fn quarter_turn(&mut self, picture: &Gray, bits: &BitMatrix, turn: u32) -> Option<Symbol> {
        let mut bits = bits.clone();
        self.contained(|| bits.rotate(turn).ok())?;
        for _ in 0..CANDIDATES {
            let corners = self.contained(|| detected(&bits))?;
            self.seen = true;
            let text =
                self.contained(|| decoded(&bits, &corners)).or_else(|| self.set_upright(picture, turn, &corners));
            if let Some(text) = text.filter(|text| text.len() <= LONGEST_TEXT) {
                return Some(Symbol { text, pixels_per_module: corners.pixels_per_module() });
            }
            self.contained(|| {
                erase(&mut bits, &corners);
                Some(())
            })?;
        }
        None
    }

    /// Cuts the symbol out of the picture, sets it upright and decodes that.
    fn set_upright(&mut self, picture: &Gray, turn: u32, corners: &Corners) -> Option<String> {
        const MARGIN: usize = UPRIGHT_MODULE as usize * 6;
        let scale = UPRIGHT_MODULE / corners.pixels_per_module()?;
        let side = |one: f32, other: f32| ((one.max(other) * scale) as usize).clamp(SMALLEST, 3_000);
        corners.outlines()?.into_iter().find_map(|outline| {
            let [top_left, top_right, bottom_left, bottom_right] = outline;
            let width = side(top_left.distance(top_right), bottom_left.distance(bottom_right));
            let height = side(top_left.distance(bottom_left), top_right.distance(bottom_right));
            // It is looked at twice.
            if !self.afford(2 * (width + 2 * MARGIN) * (height + 2 * MARGIN)) {
                return None;
            }
            let outline = outline.map(|point| before_turn(point, turn, picture));
            let cut_out = upright(picture, outline, width, height, MARGIN)?;
            self.look(&cut_out).or_else(|| self.look(&sharpened(&cut_out, UPRIGHT_MODULE as usize)?))
        })
    }

    /// Decodes the first symbol of a picture.
    fn look(&mut self, picture: &Gray) -> Option<String> {
        self.contained(|| {
            let bits = black_and_white(picture)?;
            let corners = detected(&bits)?;
            decoded(&bits, &corners)
        })
    }

    /// What `work` finds, or nothing if it panics. All that it changes is thrown away then.
    fn contained<T>(&mut self, work: impl FnOnce() -> Option<T>) -> Option<T> {
        let result = catch_unwind(AssertUnwindSafe(work));
        self.seen |= result.is_err();
        result.ok().flatten()
    }
}

/// The corners of a symbol as `rxing` numbers them: 0 to 3 are its outer ones (top left, bottom
/// left, top right, bottom right), 4 to 7 the same of what is between start and stop pattern.
struct Corners([Option<rxing::Point>; 8]);

impl Corners {
    fn at(&self, number: usize) -> Option<Point> {
        self.0.get(number).copied().flatten().map(|point| Point::new(point.x, point.y))
    }

    /// Measured along the picture's rows, which a slanted pattern crosses aslant; at the start
    /// pattern, which is 17 modules wide, or the stop pattern, which is 18.
    fn pixels_per_module(&self) -> Option<f32> {
        let width = |top: Option<Point>, bottom: Option<Point>, inner: Option<Point>| {
            let (top, bottom, inner) = (top?, bottom?, inner?);
            let upright = (bottom.y - top.y).abs() / top.distance(bottom).max(1.0);
            Some((inner.x - top.x).abs() * upright)
        };
        let start = width(self.at(0), self.at(1), self.at(4)).map(|width| width / START_MODULES);
        let stop = || width(self.at(2), self.at(3), self.at(6)).map(|width| width / STOP_MODULES);
        start.or_else(stop).filter(|module| *module > 0.5)
    }

    /// The quadrilaterals that may be the symbol's outline, if both patterns were seen: their ends
    /// taken as they are, then with the slant of the top edge alone and of the bottom edge alone,
    /// because glare or a stain may end a pattern early.
    fn outlines(&self) -> Option<[[Point; 4]; 3]> {
        let [top_left, bottom_left] = [self.at(0)?, self.at(1)?];
        let [top_right, bottom_right] = [self.at(2)?, self.at(3)?];
        let (left, right) = (top_left.distance(bottom_left), top_right.distance(bottom_right));
        let longer = left.max(right);
        let along = |from: Point, to: Point| {
            let length = from.distance(to).max(1.0);
            Point::new(from.x + (to.x - from.x) * longer / length, from.y + (to.y - from.y) * longer / length)
        };
        Some([
            [top_left, top_right, bottom_left, bottom_right],
            [top_left, top_right, along(top_left, bottom_left), along(top_right, bottom_right)],
            [along(bottom_left, top_left), along(bottom_right, top_right), bottom_left, bottom_right],
        ])
    }
}

/// Where a point of the turned picture was before `rxing` turned it counter-clockwise.
fn before_turn(point: Point, turn: u32, picture: &Gray) -> Point {
    let (right, bottom) = (picture.width() as f32 - 1.0, picture.height() as f32 - 1.0);
    match turn {
        90 => Point::new(right - point.y, point.x),
        180 => Point::new(right - point.x, bottom - point.y),
        270 => Point::new(point.y, bottom - point.x),
        _ => point,
    }
}

fn black_and_white(picture: &Gray) -> Option<BitMatrix> {
    let (width, height) = (u32::try_from(picture.width()).ok()?, u32::try_from(picture.height()).ok()?);
    let source = Luma8LuminanceSource::new(picture.pixels().to_vec(), width, height).ok()?;
    HybridBinarizer::new(source).get_black_matrix().ok().cloned()
}

/// The first symbol from the top of which a start or a stop pattern is seen.
fn detected(bits: &BitMatrix) -> Option<Corners> {
    let corners = pdf_417_detector::detect(false, bits)?.into_iter().next()?;
    corners.iter().any(Option::is_some).then_some(Corners(corners))
}

fn decoded(bits: &BitMatrix, corners: &Corners) -> Option<String> {
    let Corners(points) = corners;
    let widths = codeword_widths(corners);
    let [_, _, _, _, top_left, bottom_left, top_right, bottom_right] = *points;
    let (narrowest, widest) = widths;
    pdf_417_scanning_decoder::decode(bits, top_left, bottom_left, top_right, bottom_right, narrowest, widest)
        .ok()
        .map(|result| result.getText().to_owned())
}

/// The narrowest and the widest codeword, in pixels, going by the start pattern, which is as wide as
/// a codeword, and by the stop pattern, which is one module wider.
fn codeword_widths(corners: &Corners) -> (u32, u32) {
    let between = |one: usize, other: usize| Some((corners.at(one)?.x - corners.at(other)?.x).abs() as u32);
    let stop = |one: usize, other: usize| between(one, other).map(|width| width * 17 / 18);
    let widths = [between(0, 4), between(1, 5), stop(6, 2), stop(7, 3)];
    let known = || widths.into_iter().flatten();
    (known().min().unwrap_or(u32::MAX), known().max().unwrap_or(0))
}

/// Whitens the start pattern, or the stop pattern if only that was seen, so that the next search
/// finds something else.
fn erase(bits: &mut BitMatrix, corners: &Corners) {
    let box_of = |numbers: [usize; 4]| {
        let points: Vec<Point> = numbers.into_iter().filter_map(|number| corners.at(number)).collect();
        let range = |pick: fn(&Point) -> f32, largest: u32| {
            let values = || points.iter().map(pick);
            let (low, high) = (values().fold(f32::MAX, f32::min), values().fold(0.0, f32::max));
            (low as u32).min(largest)..=(high as u32).min(largest)
        };
        let columns = range(|point| point.x, bits.getWidth().saturating_sub(1));
        let rows = range(|point| point.y, bits.getHeight().saturating_sub(1));
        (!points.is_empty()).then_some((columns, rows))
    };
    if let Some((columns, rows)) = box_of([0, 1, 4, 5]).or_else(|| box_of([2, 3, 6, 7])) {
        for row in rows {
            columns.clone().for_each(|column| bits.unset(column, row));
        }
    }
}
