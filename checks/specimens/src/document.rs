//! Documents: what is printed on passports, cards and visas.

use crate::canvas::{Canvas, Colour, Face};
use crate::people::Person;
use crate::photo::{Camera, Page, Photograph, Setting};
use crate::rng::Seeded;
use crate::zone::{self, Format, WrongDigit};

/// Pixels a millimetre of a drawn page.
const PER_MM: f32 = 15.0;
/// ICAO Doc 9303 part 3 section 4: ten characters an inch.
const PITCH_MM: f32 = 2.54;

/// What is really printed, to hold a reading against.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Truth {
    /// The zone's lines; none on the front of a card.
    pub lines: Vec<String>,
    /// Whose document it is.
    pub person: Person,
    /// The zone's format.
    pub format: Format,
}

/// A photo and what it shows.
#[derive(Debug, Clone)]
pub struct Photo {
    /// The file as a phone sends it.
    pub jpeg: Vec<u8>,
    /// Its width in pixels.
    pub width: usize,
    /// Its height in pixels.
    pub height: usize,
    /// How many pixels one character of the zone is wide, about.
    pub pixels_per_character: f32,
    /// What is printed.
    pub truth: Truth,
}

/// One side of a document.
#[derive(Debug, Clone)]
pub struct Specimen {
    page: Page,
    truth: Truth,
}

/// What a specimen is to look like, before it is drawn.
#[derive(Debug, Clone)]
struct Design {
    format: Format,
    size_mm: (f32, f32),
    title: &'static str,
    has_zone: bool,
    has_visual_zone: bool,
}

impl Specimen {
    /// The data page of a passport (TD3).
    #[must_use]
    pub fn passport(person: &Person) -> Self {
        Self::of(Format::Td3, person)
    }

    /// The front of a card (TD1): portrait and data in plain letters, no zone.
    #[must_use]
    pub fn card_front(person: &Person) -> Self {
        let design = Design { has_zone: false, ..design(Format::Td1) };
        draw(&design, person, Format::Td1.code(), None)
    }

    /// The back of a card with its zone of three lines (TD1).
    #[must_use]
    pub fn card_back(person: &Person) -> Self {
        Self::of(Format::Td1, person)
    }

    /// The side with the zone of a document in any format.
    #[must_use]
    pub fn of(format: Format, person: &Person) -> Self {
        draw(&design(format), person, format.code(), None)
    }

    /// Likewise with another document code: one letter and a letter or nothing, as in `PD` or `AC`.
    #[must_use]
    pub fn with_code(format: Format, code: &str, person: &Person) -> Self {
        draw(&design(format), person, code, None)
    }

    /// Likewise, but one check digit is printed wrong.
    #[must_use]
    pub fn with_wrong_digit(format: Format, person: &Person, wrong: WrongDigit) -> Self {
        draw(&design(format), person, format.code(), Some(wrong))
    }

    /// Takes a picture of it: the same one for the same seed.
    #[must_use]
    pub fn photo(&self, seed: u64, setting: Setting) -> Photo {
        self.photo_with(&Camera::new(setting), seed)
    }

    /// Takes a picture with a camera held otherwise.
    #[must_use]
    pub fn photo_with(&self, camera: &Camera, seed: u64) -> Photo {
        let Photograph { jpeg, width, height, unit_pixels, .. } = camera.photograph(&self.page, seed);
        Photo { jpeg, width, height, pixels_per_character: unit_pixels, truth: self.truth.clone() }
    }

    /// The flat page.
    #[must_use]
    pub fn page(&self) -> &Page {
        &self.page
    }

    /// What is printed.
    #[must_use]
    pub fn truth(&self) -> &Truth {
        &self.truth
    }
}

/// Sizes are those of ISO/IEC 7810: ID-3, ID-1, ID-2; a visa of format A is 120 by 80 mm.
fn design(format: Format) -> Design {
    let (size_mm, title) = match format {
        Format::Td3 => ((125.0, 88.0), "PASSPORT  PASSEPORT"),
        Format::Td1 => ((85.6, 53.98), "IDENTITY CARD"),
        Format::Td2 => ((105.0, 74.0), "RESIDENCE PERMIT"),
        Format::MrvA => ((120.0, 80.0), "VISA"),
        Format::MrvB => ((105.0, 74.0), "VISA  VISUM"),
    };
    // The zone of a card is on its back.
    Design { format, size_mm, title, has_zone: true, has_visual_zone: format != Format::Td1 }
}

fn draw(design: &Design, person: &Person, code: &str, wrong: Option<WrongDigit>) -> Specimen {
    let lines = zone::lines(design.format, code, person, wrong);
    // How a document looks follows from whose it is.
    let seed = lines.concat().bytes().fold(7_u64, |hash, byte| hash.wrapping_mul(31).wrapping_add(u64::from(byte)));
    let random = &mut Seeded::new(seed, "page");
    let (width, height) = (design.size_mm.0 * PER_MM, design.size_mm.1 * PER_MM);
    let paper = [0; 3].map(|_: u8| u8::try_from(random.whole(205, 250)).unwrap_or(230));
    let mut canvas = Canvas::new(width as usize, height as usize, paper);
    guilloche(&mut canvas, random);
    let zone_height = (line_pitch(design.format) * lines.len() as f32 + 4.0) * PER_MM;
    let bottom = if design.has_zone { height - zone_height } else { height };
    if design.has_visual_zone || !design.has_zone {
        visual_zone(&mut canvas, design, person, bottom, random);
    } else {
        card_back_print(&mut canvas, bottom, random);
    }
    let mut unit = PITCH_MM * PER_MM;
    if design.has_zone {
        unit = machine_zone(&mut canvas, design, &lines, zone_height, paper, random);
    }
    let truth = Truth {
        lines: if design.has_zone { lines } else { Vec::new() },
        person: person.clone(),
        format: design.format,
    };
    Specimen { page: Page { canvas, unit }, truth }
}

/// Millimetres from line to line.
fn line_pitch(format: Format) -> f32 {
    if format == Format::Td1 { 6.0 } else { 6.35 }
}

/// Prints the zone; returns the width of a cell in pixels.
fn machine_zone(
    canvas: &mut Canvas,
    design: &Design,
    lines: &[String],
    zone_height: f32,
    paper: Colour,
    random: &mut Seeded,
) -> f32 {
    let (width, height) = (canvas.width() as f32, canvas.height() as f32);
    if random.chance(0.8) {
        let lighter = paper.map(|part| part.saturating_add(8));
        canvas.rectangle(0.0, height - zone_height - PER_MM, width, zone_height + PER_MM, lighter);
    }
    let face = if random.chance(0.5) { Face::OcrB } else { Face::OcrBSecond };
    let pitch = PITCH_MM * PER_MM * random.between(0.985, 1.015);
    let left = (width - pitch * design.format.columns() as f32) / 2.0 + random.between(-0.6, 0.6) * PER_MM;
    let ink = [u8::try_from(random.whole(5, 70)).unwrap_or(30); 3];
    for (index, line) in lines.iter().enumerate() {
        let baseline = height - zone_height + (line_pitch(design.format) * index as f32 + 4.6) * PER_MM;
        canvas.cells(face, (left, baseline), pitch, line, ink, || random.between(-0.25, 0.25));
    }
    pitch
}

/// Fine waves over the whole page, as security print has them.
fn guilloche(canvas: &mut Canvas, random: &mut Seeded) {
    let waves: Vec<[f32; 7]> = (0..3)
        .map(|_| {
            let (across, down) = (random.between(0.008, 0.08), random.between(0.008, 0.08));
            [
                random.between(3.0, 16.0),
                across,
                down,
                random.between(0.0, 6.0),
                random.unit(),
                random.unit(),
                random.unit(),
            ]
        })
        .collect();
    canvas.each(|x, y, colour| {
        let mut light = colour.map(f32::from);
        for [depth, across, down, phase, red, green, blue] in &waves {
            let wave = (x as f32 * across + 6.0 * (y as f32 * down + phase).sin()).sin();
            let shade = depth * (0.5 + 0.5 * wave);
            light.iter_mut().zip([red, green, blue]).for_each(|(part, share)| *part -= shade * share);
        }
        light.map(|part| part.clamp(0.0, 255.0) as u8)
    });
}

/// Title, portrait and the person's data in plain letters.
fn visual_zone(canvas: &mut Canvas, design: &Design, person: &Person, bottom: f32, random: &mut Seeded) {
    let (width, height) = (canvas.width() as f32, canvas.height() as f32);
    canvas.text(Face::Sans, width * 0.05, height * 0.1, height * 0.065, design.title, [40, 40, 90]);
    portrait(canvas, width * 0.05, height * 0.18, width * 0.25, (bottom - height * 0.2).min(width * 0.33), random);
    let fields = [
        ("Surname / Nom", person.surname.clone()),
        ("Given names / Prenoms", person.given_names.clone()),
        ("Nationality", person.nationality.clone()),
        ("Date of birth", person.born.to_string()),
        ("Document No.", person.number.clone()),
        ("Date of issue", person.issued.to_string()),
        ("Date of expiry", person.expires.to_string()),
    ];
    let step = (bottom - height * 0.16) / fields.len() as f32;
    let face = if random.chance(0.2) { Face::OcrB } else { Face::Sans };
    for (index, (label, value)) in fields.iter().enumerate() {
        let y = height * 0.16 + step * index as f32;
        canvas.text(Face::Sans, width * 0.36, y + step * 0.3, step * 0.3, label, [80, 80, 90]);
        canvas.text(face, width * 0.36, y + step * 0.82, step * 0.55, value, [20, 20, 25]);
    }
}

/// What else stands on the back of a card: small print, a stripe or a chip.
fn card_back_print(canvas: &mut Canvas, bottom: f32, random: &mut Seeded) {
    let width = canvas.width() as f32;
    for row in 0..4 {
        let text = format!("Authority / Autorite {}   {}", row + 1, crate::people::code(random, 6, 18));
        canvas.text(Face::Sans, width * 0.36, bottom * (0.2 + 0.19 * row as f32), bottom * 0.13, &text, [70, 70, 80]);
    }
    if random.chance(0.5) {
        canvas.rectangle(width * 0.07, bottom * 0.3, width * 0.14, bottom * 0.42, [200, 170, 90]);
    }
}

/// A drawn head and shoulders in a box.
pub(crate) fn portrait(canvas: &mut Canvas, x: f32, y: f32, width: f32, height: f32, random: &mut Seeded) {
    let backdrop = [0; 3].map(|_: u8| u8::try_from(random.whole(140, 215)).unwrap_or(180));
    canvas.rectangle(x, y, width, height, backdrop);
    let skin_tone = random.between(0.35, 1.0);
    let skin = [225.0, 180.0, 150.0].map(|part: f32| (part * skin_tone) as u8);
    let hair = [0; 3].map(|_: u8| u8::try_from(random.whole(20, 120)).unwrap_or(60));
    let (middle, radius) = (x + width * 0.5, width.min(height) * 0.24);
    let head = y + height * 0.42;
    // Shoulders that end with the box.
    for row in 0..(height * 0.26) as i64 {
        let reach = width * 0.46 * (row as f32 / (height * 0.26)).sqrt();
        canvas.rectangle(middle - reach, y + height * 0.74 + row as f32, reach * 2.0, 1.0, [50, 55, 85]);
    }
    canvas.rectangle(middle - radius * 0.4, head + radius * 0.8, radius * 0.8, radius * 0.8, skin);
    canvas.ellipse(middle, head - radius * 0.25, radius * 1.08, radius * 1.2, hair);
    canvas.ellipse(middle, head, radius * 0.9, radius * 1.15, skin);
    for side in [-1.0, 1.0] {
        canvas.ellipse(
            middle + side * radius * 0.36,
            head - radius * 0.15,
            radius * 0.14,
            radius * 0.08,
            [245, 245, 245],
        );
        canvas.ellipse(middle + side * radius * 0.36, head - radius * 0.15, radius * 0.06, radius * 0.07, [30, 30, 30]);
    }
    canvas.rectangle(middle - radius * 0.25, head + radius * 0.6, radius * 0.5, radius * 0.08, [150, 70, 70]);
}
