//! Pictures that a person has sent, and what a machine has read of them.

use serde::{Serialize, Serializer};

use crate::challenge::CHALLENGES;
use crate::event::Hash;
use crate::face::Faces;
use crate::flow::{DocumentKind, StepKind};
use crate::id::MediaId;
use crate::time::Timestamp;

/// The most pictures that a person may send in the life of a session, retaken ones included.
pub const UPLOAD_LIMIT: u32 = 60;

/// What a picture shows.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum MediaKind {
    /// The side of the document with the portrait.
    DocumentFront,
    /// The other side.
    DocumentBack,
    /// The person's face.
    Selfie,
    /// The person does the first thing that the liveness step asks for.
    Liveness1,
    /// The second.
    Liveness2,
    /// The third.
    Liveness3,
    /// The fourth.
    Liveness4,
}

impl MediaKind {
    /// All of them.
    pub const ALL: [Self; 7] = [
        Self::DocumentFront,
        Self::DocumentBack,
        Self::Selfie,
        Self::Liveness1,
        Self::Liveness2,
        Self::Liveness3,
        Self::Liveness4,
    ];
    /// The pictures of a liveness step, in the order of its challenges.
    pub const LIVENESS: [Self; CHALLENGES] = [Self::Liveness1, Self::Liveness2, Self::Liveness3, Self::Liveness4];

    /// The name in paths and JSON.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::DocumentFront => "document_front",
            Self::DocumentBack => "document_back",
            Self::Selfie => "selfie",
            Self::Liveness1 => "liveness_1",
            Self::Liveness2 => "liveness_2",
            Self::Liveness3 => "liveness_3",
            Self::Liveness4 => "liveness_4",
        }
    }

    /// The kind with this name.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|kind| kind.as_str() == text)
    }

    /// The step that such a picture belongs to.
    #[must_use]
    pub const fn step(self) -> StepKind {
        match self {
            Self::DocumentFront | Self::DocumentBack => StepKind::DocumentUpload,
            Self::Selfie => StepKind::Selfie,
            Self::Liveness1 | Self::Liveness2 | Self::Liveness3 | Self::Liveness4 => StepKind::Liveness,
        }
    }

    /// True if a new picture of this kind takes the place of that one: its own kind's, and, since
    /// challenges are answered in their order, those of the challenges behind it.
    #[must_use]
    pub fn replaces(self, other: Self) -> bool {
        self == other || (Self::LIVENESS.contains(&self) && Self::LIVENESS.contains(&other) && other > self)
    }

    /// True for pictures of a document.
    #[must_use]
    pub const fn shows_document(self) -> bool {
        matches!(self, Self::DocumentFront | Self::DocumentBack)
    }

    /// True for pictures of the person.
    #[must_use]
    pub const fn shows_person(self) -> bool {
        !self.shows_document()
    }

    /// The pictures that must be there before a document of this kind is accepted. What a card
    /// says for machines stands on its back.
    #[must_use]
    pub const fn required_of(document: DocumentKind) -> &'static [Self] {
        match document {
            DocumentKind::Passport => &[Self::DocumentFront],
            DocumentKind::IdCard | DocumentKind::DrivingLicense => &[Self::DocumentFront, Self::DocumentBack],
        }
    }
}

impl Serialize for MediaKind {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(self.as_str())
    }
}

/// A picture on record. What is kept is always a JPEG of our own making, upright and without
/// metadata, whatever was sent.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Media {
    /// Names it.
    pub id: MediaId,
    /// What it shows.
    pub kind: MediaKind,
    /// How long the kept JPEG is, in bytes.
    pub size: u32,
    /// SHA-256 of the kept JPEG.
    pub sha256: Hash,
    /// When it was taken in.
    pub at: Timestamp,
    /// How many runs of checks had begun by then.
    pub attempt: u32,
    /// What was read of it.
    pub reading: Reading,
}

impl Media {
    /// The type of what is kept.
    pub const CONTENT_TYPE: &str = "image/jpeg";

    /// Why the person should take it again, if they should.
    #[must_use]
    pub fn flaw(&self) -> Option<Flaw> {
        let faces = self.reading.faces.as_ref().filter(|_| self.kind.shows_person());
        self.reading.quality.flaw.or_else(|| match faces?.count {
            0 => Some(Flaw::NoFace),
            1 => None,
            _ => Some(Flaw::SeveralFaces),
        })
    }
}

/// What a machine has read of a picture, once, when it was taken in. Checks decide over this, so a
/// stored session can be decided again without its pictures.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Reading {
    /// How well it can be read.
    pub quality: Quality,
    /// The machine-readable zone (ICAO Doc 9303), if one was found.
    pub mrz: Option<MrzText>,
    /// The text of the barcode, if one was found.
    pub barcode: Option<String>,
    /// The faces on it, if it was looked for any.
    pub faces: Option<Faces>,
}

/// How well a picture can be read.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Quality {
    /// Pixels across, upright.
    pub width: u32,
    /// Pixels down, upright.
    pub height: u32,
    /// The variance of the Laplacian over the sharpest third of the picture.
    pub sharpness: u32,
    /// The share of pixels that are white, in thousandths.
    pub glare: u16,
    /// The mean of all pixels, 0 to 255.
    pub brightness: u8,
    /// Why it should be taken again, if it should.
    pub flaw: Option<Flaw>,
}

/// Why a picture should be taken again.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Flaw {
    /// It is not sharp.
    Blurred,
    /// Light is reflected.
    Glare,
    /// There is too little light.
    Dark,
    /// There is too much light.
    Overexposed,
    /// It has too few pixels.
    TooSmall,
    /// It should show the person, and shows nobody.
    NoFace,
    /// It shows somebody else, too.
    SeveralFaces,
}

impl Flaw {
    /// The stable code.
    #[must_use]
    pub const fn code(self) -> &'static str {
        match self {
            Self::Blurred => "picture_blurred",
            Self::Glare => "picture_glare",
            Self::Dark => "picture_dark",
            Self::Overexposed => "picture_overexposed",
            Self::TooSmall => "picture_too_small",
            Self::NoFace => "no_face",
            Self::SeveralFaces => "several_faces",
        }
    }

    /// What the person can do about it.
    #[must_use]
    pub const fn message(self) -> &'static str {
        match self {
            Self::Blurred => "The picture is not sharp; hold still and take it again.",
            Self::Glare => "Light is reflected in the picture; tilt the document and take it again.",
            Self::Dark => "The picture is too dark; take it again with more light.",
            Self::Overexposed => "The picture is too bright; take it again with less light.",
            Self::TooSmall => "The picture has too few pixels; move closer or use a better camera.",
            Self::NoFace => "No face was found; look straight at the camera, in good light, and take it again.",
            Self::SeveralFaces => "More than one face was found; take a picture of yourself alone.",
        }
    }
}

/// The text of a machine-readable zone as it was read.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct MrzText {
    /// Its lines: two of 44 or 36 characters, or three of 30.
    pub lines: Vec<String>,
    /// How sure the reader is of its characters, in thousandths.
    pub confidence: u16,
    /// True if every check digit holds and the reader would stand by it.
    pub proven: bool,
}
