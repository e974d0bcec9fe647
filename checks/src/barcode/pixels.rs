//! What is done to a grey picture before a barcode is looked for: scale, turn, set upright.
//!
//! Coordinates are those of pixel centres: the first pixel's is (0, 0).

/// A picture in shades of grey that is being worked on.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Gray {
    pub(super) width: usize,
    pub(super) height: usize,
    /// `width * height` of them, row by row from the top.
    pub(super) pixels: Vec<u8>,
}

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

/// The picture at `scale` times its size: averaged over the pixels that fall into one where it
/// shrinks, so that no bar is lost between two samples; interpolated where it grows.
pub(super) fn scaled(picture: &Gray, scale: f32) -> Gray {
    let size = |length: usize| ((length as f32 * scale).round() as usize).max(1);
    let (width, height) = (size(picture.width), size(picture.height));
    if scale < 1.0 {
        let narrow = averaged(picture, width);
        return transposed(&averaged(&transposed(&narrow), height));
    }
    let step = 1.0 / scale;
    sampled(picture, width, height, |x, y| Point::new((x + 0.5) * step - 0.5, (y + 0.5) * step - 0.5))
}

/// Each row averaged down to `width` pixels, in 1/256 of a pixel.
fn averaged(picture: &Gray, width: usize) -> Gray {
    let edge = |column: usize| column * picture.width * 256 / width;
    let mut pixels = Vec::with_capacity(width * picture.height);
    for row in picture.pixels.chunks_exact(picture.width.max(1)).take(picture.height) {
        for column in 0..width {
            let (from, to) = (edge(column), edge(column + 1).max(edge(column) + 1));
            let (first, last) = (from / 256, (to - 1) / 256);
            let covered = row.iter().enumerate().take(last + 1).skip(first);
            let sum: usize =
                covered.map(|(at, value)| usize::from(*value) * (to.min((at + 1) * 256) - from.max(at * 256))).sum();
            pixels.push(u8::try_from(sum / (to - from)).unwrap_or(u8::MAX));
        }
    }
    Gray { width, height: picture.height, pixels }
}

/// Rows for columns.
fn transposed(picture: &Gray) -> Gray {
    let mut pixels = Vec::with_capacity(picture.pixels.len());
    for column in 0..picture.width {
        pixels.extend(picture.pixels.iter().skip(column).step_by(picture.width).take(picture.height));
    }
    Gray { width: picture.height, height: picture.width, pixels }
}

/// The picture turned about its middle, clockwise by so many degrees, in a frame of its size.
pub(super) fn turned(picture: &Gray, degrees: f32) -> Gray {
    let (sine, cosine) = degrees.to_radians().sin_cos();
    let middle = Point::new((picture.width as f32 - 1.0) / 2.0, (picture.height as f32 - 1.0) / 2.0);
    sampled(picture, picture.width, picture.height, |x, y| {
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
    Some(sampled(picture, width + 2 * margin, height + 2 * margin, at))
}

/// The picture with five times the contrast against the mean of `reach` pixels around, which parts
/// narrow bars that a lens has run into one another. Trebled, it parted fewer.
pub(super) fn sharpened(picture: &Gray, reach: usize) -> Gray {
    let across = smoothed(picture, reach);
    let mean = transposed(&smoothed(&transposed(&across), reach));
    let pixels = picture.pixels.iter().zip(&mean.pixels).map(|(value, mean)| {
        let (value, mean) = (i32::from(*value), i32::from(*mean));
        (5 * value - 4 * mean).clamp(0, 255) as u8
    });
    Gray { width: picture.width, height: picture.height, pixels: pixels.collect() }
}

/// Each pixel as the mean of those up to `reach` to its left and right.
fn smoothed(picture: &Gray, reach: usize) -> Gray {
    let mut pixels = Vec::with_capacity(picture.pixels.len());
    for row in picture.pixels.chunks_exact(picture.width.max(1)) {
        let value = |at: usize| u32::from(row.get(at).copied().unwrap_or_default());
        let mut sum: u32 = row.iter().take(reach).map(|value| u32::from(*value)).sum();
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
            pixels.push((sum / count.max(1)) as u8);
        }
    }
    Gray { width: picture.width, height: picture.height, pixels }
}

/// A picture of which each pixel is taken, between four pixels, from where `source` says. What lies
/// outside is grey.
fn sampled(picture: &Gray, width: usize, height: usize, source: impl Fn(f32, f32) -> Point) -> Gray {
    let mut pixels = Vec::with_capacity(width * height);
    for row in 0..height {
        for column in 0..width {
            pixels.push(between(picture, source(column as f32, row as f32)));
        }
    }
    Gray { width, height, pixels }
}

/// The value at a point, interpolated between its four neighbours; grey outside.
fn between(picture: &Gray, at: Point) -> u8 {
    const OUTSIDE: u8 = 128;
    // Written so that a point that is no number lies outside, too.
    let inside = at.x > -1.0 && at.y > -1.0 && at.x < picture.width as f32 && at.y < picture.height as f32;
    if !inside {
        return OUTSIDE;
    }
    let (left, top) = (at.x.max(0.0) as usize, at.y.max(0.0) as usize);
    let (right, bottom) = ((left + 1).min(picture.width - 1), (top + 1).min(picture.height - 1));
    let value = |x: usize, y: usize| f32::from(picture.pixels.get(y * picture.width + x).copied().unwrap_or(OUTSIDE));
    let (across, down) = (at.x.max(0.0) - left as f32, at.y.max(0.0) - top as f32);
    let upper = value(left, top) * (1.0 - across) + value(right, top) * across;
    let lower = value(left, bottom) * (1.0 - across) + value(right, bottom) * across;
    (upper * (1.0 - down) + lower * down).round() as u8
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Darker to the right and to the bottom.
    fn slope(width: usize, height: usize) -> Gray {
        let pixels = (0..height).flat_map(|y| (0..width).map(move |x| (x * 3 + y * 2) as u8)).collect();
        Gray { width, height, pixels }
    }

    #[test]
    fn half_the_size_is_the_mean_of_four() {
        let half = scaled(&slope(8, 6), 0.5);
        assert_eq!((half.width, half.height), (4, 3));
        assert_eq!(half.pixels[0], (3 + 2 + 5) / 4);
        let twice = scaled(&half, 2.0);
        assert_eq!((twice.width, twice.height, twice.pixels.len()), (8, 6, 48));
    }

    #[test]
    fn a_picture_set_upright_onto_itself_stays() {
        let picture = slope(20, 10);
        let corners = [Point::new(0.0, 0.0), Point::new(20.0, 0.0), Point::new(0.0, 10.0), Point::new(20.0, 10.0)];
        assert_eq!(upright(&picture, corners, 20, 10, 0).unwrap().pixels, picture.pixels);
        assert!(upright(&picture, [Point::new(1.0, 1.0); 4], 20, 10, 0).is_none());
    }

    #[test]
    fn a_blurred_bar_becomes_darker_and_a_plain_stays() {
        let bar = Gray { width: 7, height: 1, pixels: vec![200, 200, 180, 140, 180, 200, 200] };
        assert!(sharpened(&bar, 2).pixels[3] < 100);
        let plain = Gray { width: 3, height: 3, pixels: vec![90; 9] };
        assert_eq!(sharpened(&plain, 4), plain);
    }

    #[test]
    fn there_and_back_is_where_it_was() {
        let picture = slope(41, 31);
        let back = turned(&turned(&picture, 20.0), -20.0);
        let middle = 15 * 41 + 20;
        assert!(back.pixels[middle].abs_diff(picture.pixels[middle]) <= 1);
    }

    #[test]
    fn the_smallest_pictures_are_no_trouble() {
        let dot = Gray { width: 1, height: 1, pixels: vec![7] };
        assert_eq!(scaled(&dot, 0.4).pixels, [7]);
        assert_eq!(scaled(&dot, 1.6).pixels.len(), 4);
        assert_eq!(turned(&dot, 6.0).pixels, [7]);
    }
}
