//! Pictures without a document: what people send by mistake, or to see what happens.

use crate::canvas::{Canvas, Face};
use crate::document::portrait;
use crate::people::{Person, code};
use crate::photo::{Camera, Page, Photograph};
use crate::rng::Seeded;

/// What a picture without a document shows.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Blank {
    /// A page of running text.
    Letter,
    /// A listing in a typewriter face, its lines as long as those of a zone.
    Listing,
    /// Lines of OCR-B that are no zone, as on payment slips.
    Slip,
    /// A drawn face.
    Face,
    /// Bars.
    Barcode,
    /// Waves, squares and noise.
    Texture,
}

impl Blank {
    /// All of them.
    pub const ALL: [Self; 6] = [Self::Letter, Self::Listing, Self::Slip, Self::Face, Self::Barcode, Self::Texture];

    /// Takes a picture of one: the same for the same seed.
    #[must_use]
    pub fn photo(self, camera: &Camera, seed: u64) -> Photograph {
        let random = &mut Seeded::new(seed, "blank");
        let paper = [u8::try_from(random.whole(215, 252)).unwrap_or(240); 3];
        let mut canvas = Canvas::new(1800, 1250, paper);
        match self {
            Self::Letter => letter(&mut canvas, random),
            Self::Listing => listing(&mut canvas, random),
            Self::Slip => slip(&mut canvas, random),
            Self::Face => portrait(&mut canvas, 300.0, 100.0, 1200.0, 1000.0, random),
            Self::Barcode => barcode(&mut canvas, random),
            Self::Texture => texture(&mut canvas, random),
        }
        camera.photograph(&Page { canvas, unit: 38.0 }, seed)
    }
}

/// What stands between names in running text.
const SEPARATORS: [&str; 4] = [", ", " ", ". ", " 12 "];

fn letter(canvas: &mut Canvas, random: &mut Seeded) {
    for row in 0..26 {
        let mut text = String::new();
        while text.len() < 70 {
            let person = Person::invented(random.bits());
            text.push_str(&person.given_names.to_lowercase());
            text.push(' ');
            text.push_str(&person.surname.to_lowercase());
            text.push_str(SEPARATORS[random.whole(0, 3) as usize]);
        }
        canvas.text(Face::Sans, 90.0, 90.0 + 44.0 * row as f32, 36.0, &text[..70], [30, 30, 35]);
    }
}

fn listing(canvas: &mut Canvas, random: &mut Seeded) {
    let columns = *random.pick(&[30_u32, 36, 44]);
    let pitch = 1600.0 / columns as f32;
    for row in 0..14 {
        let text = code(random, columns - 3, columns).replace(['7', 'Q'], "<");
        canvas.cells(Face::Mono, (90.0, 110.0 + 82.0 * row as f32), pitch, &text, [25, 25, 25], || 0.0);
    }
}

fn slip(canvas: &mut Canvas, random: &mut Seeded) {
    canvas.text(Face::Sans, 90.0, 120.0, 60.0, "Payment / Zahlschein", [60, 60, 60]);
    let face = *random.pick(&[Face::OcrB, Face::OcrBSecond]);
    let columns = *random.pick(&[30_u32, 36, 44]);
    for row in 0..random.whole(2, 4) {
        let digits: String =
            (0..columns).map(|_| *random.pick(&['0', '1', '2', '3', '5', '6', '8', '9', '<', '>', '+'])).collect();
        let text = if random.chance(0.5) { code(random, columns, columns) } else { digits };
        canvas.cells(face, (64.0, 800.0 + 95.0 * row as f32), 38.0, &text, [30, 30, 30], || 0.0);
    }
}

fn barcode(canvas: &mut Canvas, random: &mut Seeded) {
    for band in 0..random.whole(1, 3) {
        let mut x = 120.0;
        while x < 1650.0 {
            let wide = 5.0 * random.whole(1, 4) as f32;
            canvas.rectangle(x, 150.0 + 340.0 * band as f32, wide, 260.0, [15, 15, 15]);
            x += wide + 5.0 * random.whole(1, 4) as f32;
        }
    }
}

fn texture(canvas: &mut Canvas, random: &mut Seeded) {
    let (across, down) = (random.between(0.02, 0.5), random.between(0.02, 0.5));
    let square = random.whole(10, 60) as usize;
    let depth = random.between(10.0, 110.0);
    let squares = random.chance(0.5);
    canvas.each(|x, y, colour| {
        let wave = if squares {
            ((x / square + y / square) % 2) as f32
        } else {
            0.5 + 0.5 * (x as f32 * across).sin() * (y as f32 * down).sin()
        };
        colour.map(|part| (f32::from(part) - depth * wave).max(0.0) as u8)
    });
}
