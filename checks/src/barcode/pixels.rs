//! What is done to a grey picture before a barcode is looked for: scale, turn, set upright.
//!
//! Coordinates are those of pixel centres: the first pixel's is (0, 0).

use crate::gray::Gray;

/// A point of a picture, in pixels from its first one to the right and down.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Point {
    pub(super) x: f32,
    pub(super) y: f32,
}

impl Point {
    pub(super) fn new(x: f32, y: f32) -> Self {
        Self { x, y }
    }

    pub(super) fn distance(self, other: Self) -> f32 {
        (self.x - other.x).hypot(self.y - other.y)
    }
}

/// The picture at `scale` times its size, at least one pixel a side.
pub(super) fn scaled(picture: &Gray, scale: f32) -> Gray {
    let size = |length: usize| (length as f32 * scale).round() as usize;
    picture.resized(size(picture.width()), size(picture.height()))
}

/// The picture turned about its middle, clockwise by so many degrees, in a frame of its size.
pub(super) fn turned(picture: &Gray, degrees: f32) -> Option<Gray> {
    let (sine, cosine) = degrees.to_radians().sin_cos();
    let middle = Point::new((picture.width() as f32 - 1.0) / 2.0, (picture.height() as f32 - 1.0) / 2.0);
    sampled(picture, picture.width(), picture.height(), |x, y| {
        let (right, down) = (x - middle.x, y - middle.y);
        Point::new(middle.x + right * cosine + down * sine, middle.y - right * sine + down * cosine)
    })
}

/// The quadrilateral with these corners (top left, top right, bottom left, bottom right), set
/// upright into `width` by `height` pixels with a margin of `margin` pixels on each side.
///
/// The mapping is the projective one of the unit square (Heckbert, *Fundamentals of Texture
/// Mapping*, 1989, 2.2.3). `None` where the corners have no such mapping.
pub(super) fn upright(picture: &Gray, corners: [Point; 4], width: usize, height: usize, margin: usize) -> Option<Gray> {
    let [top_left, top_right, bottom_left, bottom_right] = corners;
    let (right, bottom) = (
        Point::new(top_right.x - bottom_right.x, top_right.y - bottom_right.y),
        Point::new(bottom_left.x - bottom_right.x, bottom_left.y - bottom_right.y),
    );
    let sum = Point::new(
        top_left.x - top_right.x + bottom_right.x - bottom_left.x,
        top_left.y - top_right.y + bottom_right.y - bottom_left.y,
    );
    let determinant = right.x * bottom.y - bottom.x * right.y;
    if determinant.abs() < 1.0 {
        return None;
    }
    let g = (sum.x * bottom.y - bottom.x * sum.y) / determinant;
    let h = (right.x * sum.y - sum.x * right.y) / determinant;
    let (a, b) = (top_right.x - top_left.x + g * top_right.x, bottom_left.x - top_left.x + h * bottom_left.x);
    let (d, e) = (top_right.y - top_left.y + g * top_right.y, bottom_left.y - top_left.y + h * bottom_left.y);
    let at = |x: f32, y: f32| {
        let (u, v) = ((x - margin as f32) / width as f32, (y - margin as f32) / height as f32);
        let depth = g * u + h * v + 1.0;
        Point::new((a * u + b * v + top_left.x) / depth, (d * u + e * v + top_left.y) / depth)
    };
    sampled(picture, width + 2 * margin, height + 2 * margin, at)
}

/// The picture with five times the contrast against the mean of `reach` pixels around, which parts
/// narrow bars that a lens has run into one another. Trebled, it parted fewer.
pub(super) fn sharpened(picture: &Gray, reach: usize) -> Option<Gray> {
    let (width, height) = (picture.width(), picture.height());
    let across = smoothed(picture.pixels(), width, reach);
    let down = smoothed(&transposed(&across, width), height, reach);
    let pixels = picture.pixels().iter().zip(transposed(&down, height)).map(|(value, mean)| {
        let (value, mean) = (i32::from(*value), i32::from(mean));
        (5 * value - 4 * mean).clamp(0, 255) as u8
    });
    Gray::new(width, height, pixels.collect())
}

/// Columns for rows of `width` pixels.
fn transposed(pixels: &[u8], width: usize) -> Vec<u8> {
    (0..width).flat_map(|column| pixels.iter().skip(column).step_by(width.max(1))).copied().collect()
}

/// Each pixel of rows of `width` pixels as the mean of those up to `reach` to its left and right.
fn smoothed(pixels: &[u8], width: usize, reach: usize) -> Vec<u8> {
    let mut means = Vec::with_capacity(pixels.len());
    for row in pixels.chunks_exact(width.max(1)) {
        let value = |at: usize| u32::from(row.get(at).copied().unwrap_or_default());
        let mut sum: u32 = (0..reach).map(value).sum();
        let mut count = row.len().min(reach) as u32;
        for column in 0..row.len() {
            if column + reach < row.len() {
                sum += value(column + reach);
                count += 1;
            }
            if column > reach {
                sum -= value(column - reach - 1);
                count -= 1;
            }
            means.push((sum / count.max(1)) as u8);
        }
    }
    means
}

/// A picture of which each pixel is taken, between four pixels, from where `source` says; grey where
/// that lies outside. `None` if it has no pixel.
fn sampled(picture: &Gray, width: usize, height: usize, source: impl Fn(f32, f32) -> Point) -> Option<Gray> {
    const OUTSIDE: u8 = 128;
    let (right, bottom) = (picture.width() as f32, picture.height() as f32);
    let mut pixels = Vec::with_capacity(width * height);
    for row in 0..height {
        for column in 0..width {
            let Point { x, y } = source(column as f32, row as f32);
            // Written so that what is no number lies outside, too.
            let inside = x > -1.0 && y > -1.0 && x < right && y < bottom;
            pixels.push(if inside { picture.at(x, y).round() as u8 } else { OUTSIDE });
        }
    }
    Gray::new(width, height, pixels)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Brighter to the right and to the bottom.
    fn slope(width: usize, height: usize) -> Gray {
        let pixels = (0..height).flat_map(|y| (0..width).map(move |x| (x * 3 + y * 2) as u8)).collect();
        Gray::new(width, height, pixels).unwrap()
    }

    #[test]
    fn a_picture_set_upright_onto_itself_stays() {
        let picture = slope(20, 10);
        let corners = [Point::new(0.0, 0.0), Point::new(20.0, 0.0), Point::new(0.0, 10.0), Point::new(20.0, 10.0)];
        assert_eq!(upright(&picture, corners, 20, 10, 0).unwrap().pixels(), picture.pixels());
        assert!(upright(&picture, [Point::new(1.0, 1.0); 4], 20, 10, 0).is_none());
    }

    #[test]
    fn a_blurred_bar_becomes_darker_and_a_plain_stays() {
        let bar = Gray::new(7, 1, vec![200, 200, 180, 140, 180, 200, 200]).unwrap();
        assert!(sharpened(&bar, 2).unwrap().pixels()[3] < 100);
        let plain = Gray::new(3, 3, vec![90; 9]).unwrap();
        assert_eq!(sharpened(&plain, 4), Some(plain));
    }

    #[test]
    fn there_and_back_is_where_it_was() {
        let picture = slope(41, 31);
        let back = turned(&turned(&picture, 20.0).unwrap(), -20.0).unwrap();
        let middle = 15 * 41 + 20;
        assert!(back.pixels()[middle].abs_diff(picture.pixels()[middle]) <= 1);
    }

    #[test]
    fn the_smallest_pictures_are_no_trouble() {
        let dot = Gray::new(1, 1, vec![7]).unwrap();
        assert_eq!(scaled(&dot, 0.4).pixels(), [7]);
        assert_eq!(scaled(&dot, 1.6).pixels().len(), 4);
        assert_eq!(turned(&dot, 6.0).unwrap().pixels(), [7]);
        assert_eq!(sharpened(&dot, 2).unwrap().pixels(), [7]);
    }
}
