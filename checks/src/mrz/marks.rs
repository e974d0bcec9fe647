//! Dark marks on lighter ground: what could be letters.

use crate::gray::Gray;

/// The most marks that are looked at in one picture; a page of print has about 5,000.
const MAX_MARKS: usize = 10_000;

/// The box around connected dark pixels, in pixels of the picture it was found in.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Mark {
    pub(super) left: f32,
    pub(super) top: f32,
    pub(super) right: f32,
    pub(super) bottom: f32,
}

impl Mark {
    pub(super) fn x(&self) -> f32 {
        (self.left + self.right) * 0.5
    }

    pub(super) fn y(&self) -> f32 {
        (self.top + self.bottom) * 0.5
    }

    pub(super) fn width(&self) -> f32 {
        self.right - self.left
    }

    pub(super) fn height(&self) -> f32 {
        self.bottom - self.top
    }

    /// The box after the picture, `height` pixels high, is turned clockwise by 90 degrees.
    pub(super) fn quarter_turn(&self, height: f32) -> Self {
        Self { left: height - self.bottom, right: height - self.top, top: self.left, bottom: self.right }
    }

    /// Whether a letter in a line of a zone could look like this either way up.
    fn may_be_letter(&self, pixels: u32) -> bool {
        let (width, height) = (self.width(), self.height());
        let sized = width.max(height) >= 5.0 && width.max(height) <= 70.0 && width.min(height) >= 1.5;
        sized && pixels as f32 > 0.1 * width * height
    }
}

/// The marks of a picture: pixels darker by `contrast` (a share) than the mean of the square with
/// sides of `window` pixels around them (Bradley and Roth, 2007), connected in eight directions.
pub(super) fn find(picture: &Gray, window: usize, contrast: f32) -> Vec<Mark> {
    let mut dark = threshold(picture, window, contrast);
    let (width, height) = (picture.width(), picture.height());
    let mut marks = Vec::new();
    let mut open: Vec<usize> = Vec::new();
    for start in 0..dark.len() {
        if !dark[start] {
            continue;
        }
        dark[start] = false;
        open.push(start);
        let (mut left, mut top, mut right, mut bottom, mut count) = (width, height, 0, 0, 0_u32);
        while let Some(at) = open.pop() {
            let (x, y) = (at % width, at / width);
            count += 1;
            (left, right) = (left.min(x), right.max(x));
            (top, bottom) = (top.min(y), bottom.max(y));
            for row in y.saturating_sub(1)..(y + 2).min(height) {
                for column in x.saturating_sub(1)..(x + 2).min(width) {
                    let neighbour = row * width + column;
                    if dark[neighbour] {
                        dark[neighbour] = false;
                        open.push(neighbour);
                    }
                }
            }
        }
        let mark = Mark { left: left as f32, top: top as f32, right: right as f32 + 1.0, bottom: bottom as f32 + 1.0 };
        if mark.may_be_letter(count) {
            marks.push(mark);
            if marks.len() >= MAX_MARKS {
                break;
            }
        }
    }
    marks
}

fn threshold(picture: &Gray, window: usize, contrast: f32) -> Vec<bool> {
    let (width, height) = (picture.width(), picture.height());
    let stride = width + 1;
    // Sums over everything above and to the left. They may wrap; differences are right all the same,
    // because no window's own sum does.
    let mut sums = vec![0_u32; stride * (height + 1)];
    for (y, row) in picture.rows().enumerate() {
        let mut sum = 0_u32;
        let (above, below) = sums.split_at_mut((y + 1) * stride);
        let above = &above[y * stride + 1..];
        for ((slot, above), pixel) in below[1..].iter_mut().zip(above).zip(row) {
            sum = sum.wrapping_add(u32::from(*pixel));
            *slot = above.wrapping_add(sum);
        }
    }
    let reach = window / 2;
    let mut dark = Vec::with_capacity(width * height);
    for (y, row) in picture.rows().enumerate() {
        let upper = y.saturating_sub(reach) * stride;
        let lower = (y + reach + 1).min(height) * stride;
        let rows = (lower - upper) / stride;
        for (x, pixel) in row.iter().enumerate() {
            let (left, right) = (x.saturating_sub(reach), (x + reach + 1).min(width));
            let plus = sums[lower + right].wrapping_add(sums[upper + left]);
            let sum = plus.wrapping_sub(sums[upper + right]).wrapping_sub(sums[lower + left]);
            let area = (rows * (right - left)) as f32;
            dark.push((f32::from(*pixel) + 2.0) * area < sum as f32 * (1.0 - contrast));
        }
    }
    dark
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn two_strokes_are_two_marks() {
        let mut pixels = vec![220_u8; 100 * 60];
        for y in 20..40 {
            for x in [30, 31, 32, 50, 51, 52, 53] {
                pixels[y * 100 + x] = 20;
            }
        }
        let marks = find(&Gray::new(100, 60, pixels).unwrap(), 41, 0.14);
        assert_eq!(marks.len(), 2);
        assert_eq!(marks[0], Mark { left: 30.0, top: 20.0, right: 33.0, bottom: 40.0 });
        let turned = marks[0].quarter_turn(60.0);
        assert_eq!(turned, Mark { left: 20.0, top: 30.0, right: 40.0, bottom: 33.0 });
    }

    #[test]
    fn an_even_page_has_none() {
        assert!(find(&Gray::new(300, 300, vec![128; 90_000]).unwrap(), 21, 0.14).is_empty());
    }
}
