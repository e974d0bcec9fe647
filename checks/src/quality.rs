//! Whether a picture is good enough to be looked at: plain figures of it, and a verdict.
//!
//! The verdict is to save a person from a refusal later, so it speaks up only where hardly
//! anything could be read: a document that the reader can read must pass.

use crate::gray::Gray;

/// Figures are taken of the picture at this size, so that they do not depend on the camera.
const LONGEST: usize = 1_000;
/// The picture is looked at in a grid of so many tiles a side.
const GRID: usize = 8;
/// So many of the sharpest tiles count: the document seldom fills the picture, and paper between
/// its letters is smooth.
const SHARPEST: usize = GRID * GRID / 3;
/// From here on a pixel is burnt out.
const BURNT: u8 = 250;

/// Below this variance of the Laplacian nothing in the picture has an edge. Zones were still read at 7.
const MIN_SHARPNESS: f32 = 6.0;
/// Above this share of burnt-out pixels most of a page is lost. White paper in good light comes
/// to about a third.
const MAX_GLARE: f32 = 0.6;
/// Below this mean brightness, of 255, noise hides the print.
const MIN_BRIGHTNESS: f32 = 22.0;
/// Above this mean brightness, of 255, the print is burnt out.
const MAX_BRIGHTNESS: f32 = 248.0;
/// The fewest pixels of the longer side: a passport that fills it has then 10 pixels a character.
const MIN_LONGEST: usize = 480;

/// Plain figures of a picture.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Quality {
    /// The variance of the Laplacian over the sharpest third of an 8 by 8 grid, of the picture
    /// with a longer side of 1000 pixels: under 20 blurred, over 100 crisp.
    pub sharpness: f32,
    /// The share of burnt-out pixels, 0 to 1.
    pub glare: f32,
    /// The mean brightness, 0 to 255.
    pub brightness: f32,
    /// Pixels in a row.
    pub width: usize,
    /// Rows.
    pub height: usize,
}

impl Quality {
    /// Measures a picture.
    #[must_use]
    pub fn of(picture: &Gray) -> Self {
        let small = picture.at_most(LONGEST);
        let count = small.pixels().len() as f32;
        let burnt = small.pixels().iter().filter(|pixel| **pixel >= BURNT).count() as f32;
        let sum: u64 = small.pixels().iter().map(|pixel| u64::from(*pixel)).sum();
        Self {
            sharpness: sharpness(&small),
            glare: burnt / count,
            brightness: sum as f32 / count,
            width: picture.width(),
            height: picture.height(),
        }
    }

    /// What is wrong with the picture, if anything: a stable code, and what to do about it.
    ///
    /// Codes: `picture_too_small`, `picture_dark`, `picture_overexposed`, `picture_glare`,
    /// `picture_blurred`.
    #[must_use]
    pub fn judge(&self) -> Option<(&'static str, &'static str)> {
        if self.width.max(self.height) < MIN_LONGEST {
            Some(("picture_too_small", "The picture is too small. Take it with the camera's full size."))
        } else if self.brightness < MIN_BRIGHTNESS {
            Some(("picture_dark", "The picture is too dark. Take it in more light."))
        } else if self.brightness > MAX_BRIGHTNESS {
            Some(("picture_overexposed", "The picture is too bright. Take it in less light, without the flash."))
        } else if self.glare > MAX_GLARE {
            Some(("picture_glare", "Light reflects off the document. Tilt it and take the picture again."))
        } else if self.sharpness < MIN_SHARPNESS {
            Some(("picture_blurred", "The picture is blurred. Hold still and wait until it is in focus."))
        } else {
            None
        }
    }
}

fn sharpness(picture: &Gray) -> f32 {
    let (width, height) = (picture.width(), picture.height());
    if width < GRID + 2 || height < GRID + 2 {
        return 0.0;
    }
    // For each tile the count, the sum and the sum of squares of the Laplacian.
    let mut tiles = [[0.0_f64; 3]; GRID * GRID];
    let pixels = picture.pixels();
    for y in 1..height - 1 {
        let row = y * width;
        for x in 1..width - 1 {
            let pixel = |at: usize| f64::from(pixels[at]);
            let at = row + x;
            let edge = 4.0 * pixel(at) - pixel(at - 1) - pixel(at + 1) - pixel(at - width) - pixel(at + width);
            let tile = &mut tiles[(y * GRID / height) * GRID + x * GRID / width];
            tile[0] += 1.0;
            tile[1] += edge;
            tile[2] += edge * edge;
        }
    }
    let mut variances = tiles.map(|[count, sum, squares]| {
        let count = count.max(1.0);
        squares / count - (sum / count).powi(2)
    });
    variances.sort_by(|a, b| b.total_cmp(a));
    (variances.iter().take(SHARPEST).sum::<f64>() / SHARPEST as f64) as f32
}

#[cfg(test)]
mod tests {
    use super::*;

    fn picture(pixel: impl Fn(usize, usize) -> u8) -> Gray {
        let pixels = (0..600).flat_map(|y| (0..800).map(move |x| (x, y))).map(|(x, y)| pixel(x, y)).collect();
        Gray::new(800, 600, pixels).unwrap()
    }

    fn code(picture: &Gray) -> Option<&'static str> {
        Quality::of(picture).judge().map(|(code, _)| code)
    }

    #[test]
    fn each_fault_has_its_code() {
        assert_eq!(code(&picture(|x, y| if (x / 9 + y / 9) % 2 == 0 { 60 } else { 190 })), None);
        assert_eq!(code(&picture(|x, _| (x / 4) as u8)), Some("picture_blurred"));
        assert_eq!(code(&picture(|x, _| (x % 3) as u8)), Some("picture_dark"));
        assert_eq!(code(&picture(|x, _| 253 + (x % 3) as u8)), Some("picture_overexposed"));
        assert_eq!(
            code(&picture(|x, y| if x < 560 { 255 } else { (40 + (x + y) % 2 * 99) as u8 })),
            Some("picture_glare")
        );
        assert_eq!(code(&picture(|x, y| ((x + y) * 37 % 200) as u8).resized(400, 300)), Some("picture_too_small"));
    }

    #[test]
    fn a_tiny_picture_has_figures_too() {
        let quality = Quality::of(&Gray::new(1, 1, vec![7]).unwrap());
        assert!(quality.sharpness.abs() < 1e-6 && (quality.brightness - 7.0).abs() < 1e-3);
    }
}
