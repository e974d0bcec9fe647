//! Drawn heads that nets take for people: to try what finds, compares and turns faces, without anybody's
//! picture.

use image::RgbImage;
use image::codecs::jpeg::JpegEncoder;

use crate::canvas::{Canvas, Colour};

/// Somebody who does not exist. Sizes are shares of the head's own.
#[derive(Debug, Clone, Copy)]
pub struct Head {
    skin: Colour,
    brows: Colour,
    beard: Option<Colour>,
    /// How wide the head is, as a share of its height.
    breadth: f32,
    brow_width: f32,
    nose: f32,
    mouth: f32,
}

/// How a head is held, seen from its owner.
#[derive(Debug, Clone, Copy, Default)]
pub struct Held {
    /// From -1 (far to the own right) to 1 (far to the own left).
    pub turn: f32,
    /// From -1 (down) to 1 (up).
    pub lift: f32,
    /// How much nearer than usual: 0.5 makes the head half as large again.
    pub near: f32,
}

impl Head {
    /// Pale and shaven.
    pub const PALE: Self = Self {
        skin: [253, 206, 175],
        brows: [20, 25, 15],
        beard: None,
        breadth: 0.83,
        brow_width: 0.05,
        nose: 0.2,
        mouth: 0.33,
    };
    /// Dark and bearded.
    pub const BEARDED: Self = Self {
        skin: [82, 68, 58],
        brows: [44, 44, 14],
        beard: Some([44, 44, 14]),
        breadth: 0.89,
        brow_width: 0.035,
        nose: 0.26,
        mouth: 0.26,
    };

    /// A picture of heads next to each other, each so many pixels wide: a JPEG file.
    #[must_use]
    pub fn picture(heads: &[(Self, Held)], width: usize) -> Vec<u8> {
        let (cell, side) = (2 * width, 2 * width);
        let mut canvas = Canvas::new(cell * heads.len().max(1), side + side / 4, [160, 172, 165]);
        for (place, (head, held)) in heads.iter().enumerate() {
            head.draw(
                &mut canvas,
                (cell * place + cell / 2) as f32,
                side as f32 * 0.5,
                width as f32 / 2.0 * (1.0 + held.near),
                *held,
            );
        }
        jpeg(&canvas)
    }

    /// Draws the head around a place; `across` is half its width in pixels.
    fn draw(&self, canvas: &mut Canvas, x: f32, y: f32, across: f32, held: Held) {
        let down = across / self.breadth;
        let shade = self.skin.map(|part| (f32::from(part) * 0.8) as u8);
        for row in 0..(down * 0.6) as usize {
            let reach = across * 1.8 * (row as f32 / (down * 0.6)).sqrt();
            canvas.rectangle(x - reach, y + down * 1.3 + row as f32, 2.0 * reach, 1.0, [50, 55, 85]);
        }
        canvas.rectangle(x - across * 0.45, y + down * 0.6, across * 0.9, down * 0.9, shade);
        for side in [-1.0, 1.0] {
            // The ear on the side that the head turns to disappears.
            canvas.ellipse(
                x + side * across * (1.0 - 0.15 * (side * held.turn).max(0.0)),
                y,
                across * 0.12,
                down * 0.18,
                self.skin,
            );
        }
        canvas.ellipse(x, y, across, down, self.skin);
        if let Some(beard) = self.beard {
            for row in (down * 0.3) as i64..(down * 1.0) as i64 {
                let reach = across * (1.0 - (row as f32 / down).powi(2)).max(0.0).sqrt() * 0.97;
                canvas.rectangle(x - reach, y + row as f32, 2.0 * reach, 1.0, beard);
            }
        }
        self.features(canvas, (x, y), (across, down), held);
    }

    /// Eyes, nose and mouth. When the head turns they move to that side, the nose, which stands out, most.
    fn features(&self, canvas: &mut Canvas, (x, y): (f32, f32), (across, down): (f32, f32), held: Held) {
        let (aside, up) = (held.turn * across, held.lift * down);
        let middle = x + 0.3 * aside;
        let narrow = 1.0 - 0.25 * held.turn.abs();
        let eyes = y - 0.12 * down - 0.12 * up;
        let dark = self.skin.map(|part| (f32::from(part) * 0.4) as u8);
        for side in [-1.0, 1.0] {
            let eye = middle + side * 0.4 * across * narrow;
            canvas.ellipse(eye, eyes, 0.18 * across * narrow, 0.075 * down, [245, 245, 245]);
            canvas.ellipse(eye, eyes, 0.075 * down, 0.075 * down, [60, 40, 25]);
            canvas.ellipse(eye, eyes, 0.035 * down, 0.035 * down, [10, 10, 10]);
            canvas.rectangle(
                eye - 0.22 * across * narrow,
                eyes - 0.17 * down,
                0.44 * across * narrow,
                self.brow_width * down,
                self.brows,
            );
        }
        let tip = (middle + 0.28 * aside, y + 0.24 * down - 0.3 * up);
        let shade = self.skin.map(|part| (f32::from(part) * 0.78) as u8);
        let (bridge, rows) = (eyes + 0.03 * down, ((tip.1 - eyes).max(1.0)) as usize);
        for row in 0..rows {
            let share = row as f32 / rows as f32;
            let reach = across * (0.05 + (self.nose - 0.05) * share);
            let from = middle + (tip.0 - middle) * share;
            canvas.rectangle(from - reach, bridge + row as f32 * 0.95, 2.0 * reach, 1.5, shade);
        }
        canvas.ellipse(
            tip.0,
            tip.1,
            self.nose * across * 0.9,
            0.06 * down,
            self.skin.map(|part| (f32::from(part) * 0.9) as u8),
        );
        for side in [-1.0, 1.0] {
            canvas.ellipse(
                tip.0 + side * self.nose * 0.5 * across,
                tip.1 + 0.03 * down,
                self.nose * 0.2 * across,
                0.02 * down,
                dark,
            );
        }
        let mouth = (middle + 0.1 * aside, y + 0.52 * down - 0.1 * up);
        canvas.ellipse(mouth.0, mouth.1, self.mouth * across * narrow, 0.07 * down, [165, 75, 75]);
        canvas.rectangle(
            mouth.0 - self.mouth * across * narrow,
            mouth.1,
            2.0 * self.mouth * across * narrow,
            0.012 * down,
            [80, 30, 30],
        );
    }
}

fn jpeg(canvas: &Canvas) -> Vec<u8> {
    let (width, height) = (canvas.width() as u32, canvas.height() as u32);
    let pixels = RgbImage::from_fn(width, height, |x, y| image::Rgb(canvas.at(i64::from(x), i64::from(y))));
    let mut file = Vec::new();
    JpegEncoder::new_with_quality(&mut file, 90).encode_image(&pixels).expect("a picture can be written to memory");
    file
}
