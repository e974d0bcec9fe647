//! Grey pictures, as the readers look at them.

use std::fmt;

/// A grey picture: one byte a pixel, row by row from the top left, 0 black, 255 white.
#[derive(Clone, PartialEq, Eq)]
pub struct Gray {
    width: usize,
    height: usize,
    pixels: Vec<u8>,
}

/// Shows no pixel: pictures are people's documents.
impl fmt::Debug for Gray {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Gray({} x {})", self.width, self.height)
    }
}

impl Gray {
    /// A picture of this many pixels a row and this many rows; none if either is zero or `pixels`
    /// has another length than their product.
    #[must_use]
    pub fn new(width: usize, height: usize, pixels: Vec<u8>) -> Option<Self> {
        let fits = width > 0 && height > 0 && width.checked_mul(height) == Some(pixels.len());
        fits.then_some(Self { width, height, pixels })
    }

    /// Pixels in a row, at least one.
    #[must_use]
    pub fn width(&self) -> usize {
        self.width
    }

    /// Rows, at least one.
    #[must_use]
    pub fn height(&self) -> usize {
        self.height
    }

    /// The longer side in pixels.
    #[must_use]
    pub fn longest(&self) -> usize {
        self.width.max(self.height)
    }

    /// All pixels, row by row.
    #[must_use]
    pub fn pixels(&self) -> &[u8] {
        &self.pixels
    }

    /// The rows from the top.
    pub fn rows(&self) -> impl Iterator<Item = &[u8]> {
        self.pixels.chunks_exact(self.width)
    }

    /// The brightness between pixels (bilinear), where `(0, 0)` is the middle of the first pixel;
    /// outside, that of the nearest pixel.
    #[must_use]
    pub fn at(&self, x: f32, y: f32) -> f32 {
        let x = x.clamp(0.0, (self.width - 1) as f32);
        let y = y.clamp(0.0, (self.height - 1) as f32);
        let (left, top) = (x as usize, y as usize);
        let (right, bottom) = ((left + 1).min(self.width - 1), (top + 1).min(self.height - 1));
        let (across, down) = (x - left as f32, y - top as f32);
        let pixel = |column: usize, row: usize| f32::from(self.pixels[row * self.width + column]);
        let upper = pixel(left, top) * (1.0 - across) + pixel(right, top) * across;
        let lower = pixel(left, bottom) * (1.0 - across) + pixel(right, bottom) * across;
        upper * (1.0 - down) + lower * down
    }

    /// The picture turned clockwise by 90 degrees.
    #[must_use]
    pub fn quarter_turn(&self) -> Self {
        let mut pixels = vec![0; self.pixels.len()];
        for (row, line) in self.rows().enumerate() {
            for (column, pixel) in line.iter().enumerate() {
                pixels[column * self.height + (self.height - 1 - row)] = *pixel;
            }
        }
        Self { width: self.height, height: self.width, pixels }
    }

    /// The picture turned by 180 degrees.
    #[must_use]
    pub fn half_turn(&self) -> Self {
        Self { pixels: self.pixels.iter().rev().copied().collect(), ..*self }
    }

    /// The picture at another size, at least one pixel a side: the mean of what each new pixel
    /// covers where it shrinks, bilinear where it grows.
    #[must_use]
    pub fn resized(&self, width: usize, height: usize) -> Self {
        let (width, height) = (width.max(1), height.max(1));
        if (width, height) == (self.width, self.height) {
            return self.clone();
        }
        if width > self.width || height > self.height { self.grown(width, height) } else { self.shrunk(width, height) }
    }

    /// The picture with its longer side at most so many pixels.
    #[must_use]
    pub fn at_most(&self, longest: usize) -> Self {
        if self.longest() <= longest {
            return self.clone();
        }
        let factor = longest as f32 / self.longest() as f32;
        self.resized((self.width as f32 * factor) as usize, (self.height as f32 * factor) as usize)
    }

    fn grown(&self, width: usize, height: usize) -> Self {
        let (across, down) = (self.width as f32 / width as f32, self.height as f32 / height as f32);
        let mut pixels = Vec::with_capacity(width * height);
        for row in 0..height {
            let y = (row as f32 + 0.5) * down - 0.5;
            pixels.extend((0..width).map(|column| self.at((column as f32 + 0.5) * across - 0.5, y) as u8));
        }
        Self { width, height, pixels }
    }

    /// Sums along each row make the mean over any stretch of it two look-ups; rows then add up with
    /// the share that each new row covers.
    fn shrunk(&self, width: usize, height: usize) -> Self {
        let (across, down) = (self.width as f32 / width as f32, self.height as f32 / height as f32);
        let edges: Vec<(usize, f32)> = (0..=width)
            .map(|column| {
                let edge = (column as f32 * across).min(self.width as f32);
                (edge as usize, edge.fract())
            })
            .collect();
        let mut pixels = Vec::with_capacity(width * height);
        let mut sums = vec![0_u32; self.width + 2];
        let mut narrow = vec![0.0_f32; width];
        let mut total = vec![0.0_f32; width];
        let mut filled = 0.0_f32;
        let scale = 1.0 / (across * down);
        for (row, line) in self.rows().enumerate() {
            squeeze(line, &edges, &mut sums, &mut narrow);
            let (top, bottom) = (row as f32, row as f32 + 1.0);
            let mut from = top;
            while pixels.len() < width * height {
                let end = ((pixels.len() / width + 1) as f32 * down).min(self.height as f32);
                let share = bottom.min(end) - from;
                total.iter_mut().zip(&narrow).for_each(|(sum, value)| *sum += value * share);
                filled += share;
                if end > bottom + 1e-3 {
                    break;
                }
                pixels.extend(total.iter().map(|sum| (sum * scale + 0.5) as u8));
                total.fill(0.0);
                filled = 0.0;
                from = end;
            }
        }
        // Rounding may leave the last row open.
        if pixels.len() < width * height && filled > 0.0 {
            pixels.extend(total.iter().map(|sum| (sum / (across * filled)) as u8));
        }
        pixels.resize(width * height, 0);
        Self { width, height, pixels }
    }
}

/// The sums of a row's pixels between neighbouring edges; `sums` is room to work in.
fn squeeze(line: &[u8], edges: &[(usize, f32)], sums: &mut [u32], narrow: &mut [f32]) {
    let mut sum = 0_u32;
    for (slot, pixel) in sums.iter_mut().skip(1).zip(line.iter().chain([&0])) {
        sum += u32::from(*pixel);
        *slot = sum;
    }
    let until = |(whole, part): (usize, f32)| {
        let (before, after) = (sums[whole], sums[whole + 1]);
        before as f32 + (after - before) as f32 * part
    };
    for (slot, pair) in narrow.iter_mut().zip(edges.windows(2)) {
        *slot = until(pair[1]) - until(pair[0]);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn slope(width: usize, height: usize) -> Gray {
        let pixels = (0..height).flat_map(|y| (0..width).map(move |x| ((x * 2 + y) % 256) as u8)).collect();
        Gray::new(width, height, pixels).unwrap()
    }

    #[test]
    fn sizes_must_fit() {
        assert!(Gray::new(0, 3, vec![]).is_none());
        assert!(Gray::new(2, 2, vec![1, 2, 3]).is_none());
        assert!(Gray::new(usize::MAX, 2, vec![]).is_none());
    }

    #[test]
    fn shrinking_is_the_mean() {
        let picture = Gray::new(4, 2, vec![0, 100, 10, 30, 100, 200, 50, 70]).unwrap();
        assert_eq!(picture.resized(2, 1).pixels(), [100, 40]);
        let even = Gray::new(97, 61, vec![180; 97 * 61]).unwrap();
        for (width, height) in [(50, 33), (96, 60), (3, 1), (97, 30), (1, 61)] {
            let small = even.resized(width, height);
            assert!(small.pixels().iter().all(|pixel| (179..=181).contains(pixel)), "{width} x {height}");
        }
    }

    #[test]
    fn growing_keeps_a_slope() {
        let large = slope(60, 40).resized(120, 80);
        assert_eq!((large.width(), large.height()), (120, 80));
        assert!((f32::from(large.pixels()[40 * 120 + 60]) - (30.0 * 2.0 + 20.0)).abs() < 3.0);
    }

    #[test]
    fn four_quarters_are_a_whole() {
        let picture = slope(7, 5);
        let half = picture.quarter_turn().quarter_turn();
        assert_eq!(half, picture.half_turn());
        assert_eq!(half.quarter_turn().quarter_turn(), picture);
        assert_eq!(picture.quarter_turn().pixels()[4], picture.pixels()[0]);
    }

    #[test]
    fn places_outside_are_the_edge() {
        let picture = slope(7, 5);
        assert!((picture.at(-10.0, -10.0) - 0.0).abs() < 1e-6);
        assert!((picture.at(1e9, 1e9) - 16.0).abs() < 1e-6);
        assert!(picture.at(f32::NAN, 1.0).is_nan());
    }
}
