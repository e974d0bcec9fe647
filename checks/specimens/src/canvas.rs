//! A flat colour picture to draw on, and letters on it.

use ab_glyph::{Font, FontRef, Glyph, Point, PxScale, ScaleFont};

/// A colour: red, green, blue.
pub type Colour = [u8; 3];

/// The typefaces that specimens are printed in; their licences stand next to the files.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Face {
    /// OCR-B as drawn by Norbert Schwarz and Matthew Skala.
    OcrB,
    /// OCR-B as drawn by Raisty: thinner, with other proportions.
    OcrBSecond,
    /// A proportional sans-serif (Cantarell), for everything else on a document.
    Sans,
    /// A fixed-pitch typewriter face (`DejaVu` Sans Mono) that is not OCR-B.
    Mono,
}

impl Face {
    fn bytes(self) -> &'static [u8] {
        match self {
            Self::OcrB => include_bytes!("../fonts/OCRB-Skala.otf"),
            Self::OcrBSecond => include_bytes!("../fonts/OCR-B-Raisty.ttf"),
            Self::Sans => include_bytes!("../fonts/Cantarell-Regular.otf"),
            Self::Mono => include_bytes!("../fonts/DejaVuSansMono.ttf"),
        }
    }

    fn font(self) -> FontRef<'static> {
        FontRef::try_from_slice(self.bytes()).expect("the fonts of this crate are well-formed")
    }
}

/// A picture in memory, 8 bits a channel, row by row from the top left.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Canvas {
    width: usize,
    height: usize,
    pixels: Vec<Colour>,
}

impl Canvas {
    /// A canvas of one colour; sizes in pixels.
    #[must_use]
    pub fn new(width: usize, height: usize, colour: Colour) -> Self {
        Self { width, height, pixels: vec![colour; width * height] }
    }

    /// Its width in pixels.
    #[must_use]
    pub fn width(&self) -> usize {
        self.width
    }

    /// Its height in pixels.
    #[must_use]
    pub fn height(&self) -> usize {
        self.height
    }

    /// The colour at a place; outside, the nearest one inside.
    #[must_use]
    pub fn at(&self, x: i64, y: i64) -> Colour {
        let x = usize::try_from(x).unwrap_or(0).min(self.width - 1);
        let y = usize::try_from(y).unwrap_or(0).min(self.height - 1);
        self.pixels[y * self.width + x]
    }

    /// Lets `colour` cover a share (0 to 1) of a pixel; outside nothing happens.
    pub fn blend(&mut self, x: i64, y: i64, colour: Colour, share: f32) {
        let (Ok(x), Ok(y)) = (usize::try_from(x), usize::try_from(y)) else { return };
        if x >= self.width || y >= self.height {
            return;
        }
        let pixel = &mut self.pixels[y * self.width + x];
        for (old, new) in pixel.iter_mut().zip(colour) {
            *old = (f32::from(*old) + (f32::from(new) - f32::from(*old)) * share.clamp(0.0, 1.0)) as u8;
        }
    }

    /// Changes every pixel by what `change` makes of its place and colour.
    pub fn each(&mut self, mut change: impl FnMut(usize, usize, Colour) -> Colour) {
        for (index, pixel) in self.pixels.iter_mut().enumerate() {
            *pixel = change(index % self.width, index / self.width, *pixel);
        }
    }

    /// A filled rectangle from `(x, y)`; in pixels.
    pub fn rectangle(&mut self, x: f32, y: f32, width: f32, height: f32, colour: Colour) {
        for row in y as i64..(y + height) as i64 {
            for column in x as i64..(x + width) as i64 {
                self.blend(column, row, colour, 1.0);
            }
        }
    }

    /// A filled ellipse around `(x, y)` with these half axes; in pixels.
    pub fn ellipse(&mut self, x: f32, y: f32, across: f32, down: f32, colour: Colour) {
        for row in (y - down) as i64..=(y + down) as i64 {
            for column in (x - across) as i64..=(x + across) as i64 {
                let distance = ((column as f32 - x) / across).hypot((row as f32 - y) / down);
                self.blend(column, row, colour, (1.0 - distance) * across.min(down));
            }
        }
    }

    /// Writes `text` from `x` on the baseline `y`, `size` pixels from ascender to descender.
    /// Returns where it ends.
    pub fn text(&mut self, face: Face, x: f32, y: f32, size: f32, text: &str, ink: Colour) -> f32 {
        let font = face.font();
        let mut place = x;
        for letter in text.chars() {
            let id = font.glyph_id(letter);
            self.glyph(&font, Glyph { id, scale: PxScale::from(size), position: Point { x: place, y } }, ink);
            place += font.as_scaled(size).h_advance(id);
        }
        place
    }

    /// Writes `text` at a fixed pitch: the first letter's cell begins at `at`, on the baseline,
    /// each cell is `pitch` pixels wide, and letters have the size at which the face's own advance
    /// is the pitch. `wobble` says by how many pixels each letter is off its place, as printers
    /// print it.
    pub fn cells(
        &mut self,
        face: Face,
        at: (f32, f32),
        pitch: f32,
        text: &str,
        ink: Colour,
        mut wobble: impl FnMut() -> f32,
    ) {
        let font = face.font();
        let advance = font.as_scaled(100.0).h_advance(font.glyph_id('0'));
        let scale = PxScale::from(100.0 * pitch / advance);
        for (index, letter) in text.chars().enumerate() {
            let position = Point { x: at.0 + index as f32 * pitch + wobble(), y: at.1 + wobble() };
            self.glyph(&font, Glyph { id: font.glyph_id(letter), scale, position }, ink);
        }
    }

    fn glyph(&mut self, font: &FontRef<'_>, glyph: Glyph, ink: Colour) {
        let Some(outline) = font.outline_glyph(glyph) else { return };
        let corner = outline.px_bounds().min;
        outline.draw(|x, y, share| {
            self.blend(corner.x as i64 + i64::from(x), corner.y as i64 + i64::from(y), ink, share);
        });
    }
}
