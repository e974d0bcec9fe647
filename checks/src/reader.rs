//! Taking a picture in: from the file that a person sent to what is kept of it, and what a machine
//! reads of it. The slow part of all checks, done once; the checks decide over what was read.

use std::sync::Arc;

use vetd_model::media::{Flaw, MediaKind, MrzText, Quality, Reading};

use crate::faces::{FaceReader, Subject};
use crate::gray::Gray;
use crate::mrz::{MrzReader, MrzReading};
use crate::nets::NetError;
use crate::picture::{Picture, PictureError};
use crate::quality;

/// Below so many pixels a character a zone that could not be proven is too small rather than wrong.
const LEGIBLE_PITCH: f32 = 12.0;

/// A picture that was taken in.
#[derive(Clone)]
pub struct TakenIn {
    /// What is kept: a JPEG, upright, without metadata.
    pub jpeg: Vec<u8>,
    /// What was read of it.
    pub reading: Reading,
}

/// Reads pictures. Threads may share one; each call takes one core, for about 0.1 s and at most
/// about 4 s. The largest picture that is taken needs some 400 MB by calculation: two copies of 50
/// megapixels of four bytes while it is turned.
#[derive(Debug)]
pub struct Reader {
    mrz: MrzReader,
    faces: Option<Arc<FaceReader>>,
}

impl Reader {
    /// Loads the net that reads zones, which is part of the program. Without a reader of faces, nobody
    /// looks for any.
    ///
    /// # Errors
    /// If it cannot be loaded: a bug of this program's build.
    pub fn new(faces: Option<Arc<FaceReader>>) -> Result<Self, NetError> {
        Ok(Self { mrz: MrzReader::new()?, faces })
    }

    /// Takes a picture in. What is on it decides what is looked for: a document's zone and barcode on
    /// either side, since people mix the sides up; faces on pictures of the person, to tell them at once
    /// that there is none. What would tell a face from others is read, and portraits are looked for,
    /// only if somebody `compares_faces`.
    ///
    /// # Errors
    /// Why the file is no picture that can be used.
    pub fn take_in(&self, kind: MediaKind, file: &[u8], compares_faces: bool) -> Result<TakenIn, PictureError> {
        let picture = Picture::decode(file)?;
        let gray = picture.gray();
        let mut quality = measured(&picture, &gray);
        let (mut mrz, mut barcode) = (None, None);
        if kind.shows_document() {
            mrz = self.mrz.read(&gray);
            if !mrz.as_ref().is_some_and(|mrz| mrz.proven) {
                barcode = crate::barcode::pdf417::read(&gray).ok().map(|symbol| symbol.text);
            }
        }
        let too_far = |mrz: &MrzReading| !mrz.proven && mrz.pixels_per_character < LEGIBLE_PITCH;
        if quality.flaw.is_none() && barcode.is_none() && mrz.as_ref().is_some_and(too_far) {
            quality.flaw = Some(Flaw::TooSmall);
        }
        let subject = if kind.shows_person() { Subject::Person } else { Subject::Portrait };
        let faces = self.faces.as_ref().filter(|_| compares_faces || kind.shows_person());
        let faces = faces.and_then(|faces| faces.read(&picture, subject, compares_faces));
        let reading = Reading { quality, mrz: mrz.map(text), barcode, faces };
        Ok(TakenIn { jpeg: picture.to_jpeg(), reading })
    }
}

fn text(mrz: MrzReading) -> MrzText {
    MrzText { lines: mrz.lines, confidence: thousandths(mrz.confidence), proven: mrz.proven }
}

fn measured(picture: &Picture, gray: &Gray) -> Quality {
    let figures = quality::Quality::of(gray);
    Quality {
        width: picture.width(),
        height: picture.height(),
        sharpness: figures.sharpness.clamp(0.0, 1e9) as u32,
        glare: thousandths(figures.glare),
        brightness: figures.brightness.clamp(0.0, 255.0) as u8,
        flaw: figures.judge().map(|(code, _)| match code {
            "picture_too_small" => Flaw::TooSmall,
            "picture_dark" => Flaw::Dark,
            "picture_overexposed" => Flaw::Overexposed,
            "picture_glare" => Flaw::Glare,
            _ => Flaw::Blurred,
        }),
    }
}

/// A share from 0 to 1 in thousandths.
fn thousandths(share: f32) -> u16 {
    (share.clamp(0.0, 1.0) * 1000.0).round() as u16
}
