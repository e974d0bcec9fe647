//! What of a picture a net gets to see: shrunk, cut out, turned; as three planes of red, green and blue
//! from 0 to 255. Outside of the picture everything is black.

use image::{GenericImageView, RgbImage};

/// A place in a picture, in pixels; `(0, 0)` is the middle of the first one.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Point {
    pub(super) x: f32,
    pub(super) y: f32,
}

impl Point {
    pub(super) fn middle(points: &[Self]) -> Self {
        let count = points.len().max(1) as f32;
        let sum = |of: fn(&Self) -> f32| points.iter().map(of).sum::<f32>() / count;
        Self { x: sum(|point| point.x), y: sum(|point| point.y) }
    }

    pub(super) fn minus(self, other: Self) -> Self {
        Self { x: self.x - other.x, y: self.y - other.y }
    }

    /// The length, if it is taken as a way.
    pub(super) fn length(self) -> f32 {
        self.x.hypot(self.y)
    }
}

/// Turns, scales and moves: from places in a view to places in the picture.
#[derive(Debug, Clone, Copy)]
pub(super) struct Similarity {
    /// The scale times the cosine and the sine of the turn.
    along: f32,
    across: f32,
    origin: Point,
}

impl Similarity {
    /// A square of the picture, upright, shown with so many pixels a side.
    pub(super) fn of_square(corner: Point, side: f32, pixels: usize) -> Self {
        let along = side / pixels as f32;
        let half = (along - 1.0) / 2.0;
        Self { along, across: 0.0, origin: Point { x: corner.x + half, y: corner.y + half } }
    }

    /// The one that brings each of `from` as near as can be to its fellow of `to` (least squares).
    /// `None` if they all lie in one place.
    pub(super) fn fitting<const N: usize>(from: &[Point; N], to: &[Point; N]) -> Option<Self> {
        let (from_middle, to_middle) = (Point::middle(from), Point::middle(to));
        let (mut along, mut across, mut spread) = (0.0, 0.0, 0.0);
        for (a, b) in from.iter().zip(to) {
            let (a, b) = (a.minus(from_middle), b.minus(to_middle));
            along += a.x * b.x + a.y * b.y;
            across += a.x * b.y - a.y * b.x;
            spread += a.x * a.x + a.y * a.y;
        }
        if spread <= f32::EPSILON {
            return None;
        }
        let (along, across) = (along / spread, across / spread);
        let x = to_middle.x - along * from_middle.x + across * from_middle.y;
        let y = to_middle.y - across * from_middle.x - along * from_middle.y;
        Some(Self { along, across, origin: Point { x, y } })
    }

    pub(super) fn apply(&self, x: f32, y: f32) -> Point {
        Point {
            x: self.origin.x + self.along * x - self.across * y,
            y: self.origin.y + self.across * x + self.along * y,
        }
    }
}

/// The square view of so many pixels a side. Where it shrinks, a pixel is the mean of up to 64 places.
pub(super) fn cut(picture: &RgbImage, place: &Similarity, side: usize) -> Vec<f32> {
    let steps = place.along.hypot(place.across).ceil().clamp(1.0, 8.0) as usize;
    let offsets: Vec<f32> = (0..steps).map(|step| (step as f32 + 0.5) / steps as f32 - 0.5).collect();
    let share = 1.0 / (steps * steps) as f32;
    let mut planes = vec![0.0; 3 * side * side];
    for row in 0..side {
        for column in 0..side {
            let mut sums = [0.0; 3];
            for down in &offsets {
                for across in &offsets {
                    let at = place.apply(column as f32 + across, row as f32 + down);
                    add_colour(&mut sums, picture, at);
                }
            }
            for (plane, sum) in sums.into_iter().enumerate() {
                planes[(plane * side + row) * side + column] = sum * share;
            }
        }
    }
    planes
}

/// Adds the colour at a place between pixels (bilinear).
fn add_colour(sums: &mut [f32; 3], picture: &RgbImage, at: Point) {
    let (left, top) = (at.x.floor(), at.y.floor());
    for (x, y) in [(left, top), (left + 1.0, top), (left, top + 1.0), (left + 1.0, top + 1.0)] {
        let share = (1.0 - (at.x - x).abs()) * (1.0 - (at.y - y).abs());
        if x < 0.0 || y < 0.0 || x >= picture.width() as f32 || y >= picture.height() as f32 {
            continue;
        }
        let pixel = picture.get_pixel(x as u32, y as u32).0;
        for (sum, part) in sums.iter_mut().zip(pixel) {
            *sum += share * f32::from(part);
        }
    }
}

/// A part of a picture, shrunk.
pub(super) struct Part {
    pub(super) pixels: RgbImage,
    corner: Point,
    /// Pixels of the picture for one of these.
    scale: f32,
}

impl Part {
    /// The rectangle from `(x, y)`, its longer side at most `longest` pixels.
    pub(super) fn of(picture: &RgbImage, (x, y): (u32, u32), (width, height): (u32, u32), longest: u32) -> Self {
        let scale = (width.max(height) as f32 / longest as f32).max(1.0);
        let side = |length: u32| ((length as f32 / scale).round() as u32).max(1);
        let part = picture.view(x, y, width, height);
        let pixels =
            if scale > 1.0 { image::imageops::thumbnail(&*part, side(width), side(height)) } else { part.to_image() };
        Self { pixels, corner: Point { x: x as f32, y: y as f32 }, scale }
    }

    /// Where a place of this part is in the picture.
    pub(super) fn place(&self, x: f32, y: f32) -> Point {
        Point { x: self.corner.x + x * self.scale, y: self.corner.y + y * self.scale }
    }

    /// How long something of this part is in the picture.
    pub(super) fn length(&self, length: f32) -> f32 {
        length * self.scale
    }
}

/// The planes of a whole picture, with black to the right and below, so that each side is a multiple of
/// `unit`.
pub(super) fn padded(picture: &RgbImage, unit: usize) -> ((usize, usize), Vec<f32>) {
    let (across, down) = (picture.width() as usize, picture.height() as usize);
    let (width, height) = (across.next_multiple_of(unit), down.next_multiple_of(unit));
    let mut planes = vec![0.0; 3 * width * height];
    for (x, y, pixel) in picture.enumerate_pixels() {
        for (plane, part) in pixel.0.into_iter().enumerate() {
            planes[(plane * height + y as usize) * width + x as usize] = f32::from(part);
        }
    }
    ((width, height), planes)
}

#[cfg(test)]
mod tests {
    use image::Rgb;

    use super::*;

    #[test]
    fn a_fit_undoes_a_turn() {
        let to = [Point { x: 100.0, y: 50.0 }, Point { x: 160.0, y: 80.0 }, Point { x: 115.0, y: 95.0 }];
        // The same three places in a view that is turned by 30 degrees, half as large and moved.
        let (sine, cosine) = 0.5_f32.mul_add(std::f32::consts::FRAC_PI_3, 0.0).sin_cos();
        let from = to.map(|place| Point {
            x: 0.5 * (cosine * place.x + sine * place.y) + 7.0,
            y: 0.5 * (cosine * place.y - sine * place.x) - 3.0,
        });
        let fit = Similarity::fitting(&from, &to).unwrap();
        for (from, to) in from.iter().zip(to) {
            assert!(fit.apply(from.x, from.y).minus(to).length() < 0.01);
        }
        assert!(Similarity::fitting(&[to[0]; 3], &to).is_none());
    }

    #[test]
    fn a_cut_shows_the_square_and_black_around_the_picture() {
        let picture = RgbImage::from_fn(40, 40, |x, _| if x < 20 { Rgb([200, 0, 0]) } else { Rgb([0, 0, 100]) });
        let square = Similarity::of_square(Point { x: 0.0, y: 0.0 }, 80.0, 8);
        let planes = cut(&picture, &square, 8);
        assert_eq!((planes[0].round(), planes[2 * 64 + 2].round()), (200.0, 100.0));
        assert_eq!((planes[6], planes[7 * 8]), (0.0, 0.0), "outside");
    }

    #[test]
    fn padding_is_black() {
        let ((width, height), planes) = padded(&RgbImage::from_pixel(40, 20, Rgb([9, 8, 7])), 32);
        assert_eq!((width, height), (64, 32));
        assert_eq!((planes[0], planes[39], planes[40], planes[20 * 64]), (9.0, 9.0, 0.0, 0.0));
        assert_eq!((planes[64 * 32], planes[2 * 64 * 32]), (8.0, 7.0));
    }
}
