//! Test mode: pictures of documents of a person who does not exist, made by vetd-specimens. They go with
//! the typed data of [`vetd_model::specimen`].

use vetd_model::flow::DocumentKind;
use vetd_model::media::MediaKind;
use vetd_model::submission::Submission;

const PASSPORT: &[u8] = include_bytes!("../specimen-pictures/passport.jpg");
const CARD_FRONT: &[u8] = include_bytes!("../specimen-pictures/id_card_front.jpg");
const CARD_BACK: &[u8] = include_bytes!("../specimen-pictures/id_card_back.jpg");
const LICENCE_FRONT: &[u8] = include_bytes!("../specimen-pictures/driving_license_front.jpg");
const LICENCE_BACK: &[u8] = include_bytes!("../specimen-pictures/driving_license_back.jpg");
const SELFIE: &[u8] = include_bytes!("../specimen-pictures/selfie.jpg");

/// One picture of a specimen.
#[derive(Debug, Clone, Copy)]
pub struct SpecimenPicture {
    /// What it is called.
    pub name: &'static str,
    /// Of which document, if of one.
    pub document: Option<DocumentKind>,
    /// What it shows.
    pub kind: MediaKind,
    /// A JPEG file.
    pub jpeg: &'static [u8],
}

/// All of them.
pub const SPECIMENS: [SpecimenPicture; 6] = {
    use DocumentKind::{DrivingLicense, IdCard, Passport};
    use MediaKind::{DocumentBack, DocumentFront, Selfie};
    const fn of(
        name: &'static str,
        document: Option<DocumentKind>,
        kind: MediaKind,
        jpeg: &'static [u8],
    ) -> SpecimenPicture {
        SpecimenPicture { name, document, kind, jpeg }
    }
    [
        of("passport", Some(Passport), DocumentFront, PASSPORT),
        of("id_card_front", Some(IdCard), DocumentFront, CARD_FRONT),
        of("id_card_back", Some(IdCard), DocumentBack, CARD_BACK),
        of("driving_license_front", Some(DrivingLicense), DocumentFront, LICENCE_FRONT),
        of("driving_license_back", Some(DrivingLicense), DocumentBack, LICENCE_BACK),
        of("selfie", None, Selfie, SELFIE),
    ]
};

/// The picture of this kind that goes with a submission: a JPEG file.
#[must_use]
pub const fn specimen(submission: &Submission, kind: MediaKind) -> &'static [u8] {
    let document = match submission {
        Submission::DocumentUpload { document, .. } => *document,
        _ => DocumentKind::Passport,
    };
    match (kind, document) {
        (
            MediaKind::Selfie
            | MediaKind::Liveness1
            | MediaKind::Liveness2
            | MediaKind::Liveness3
            | MediaKind::Liveness4,
            _,
        ) => SELFIE,
        (_, DocumentKind::Passport) => PASSPORT,
        (MediaKind::DocumentFront, DocumentKind::IdCard) => CARD_FRONT,
        (MediaKind::DocumentBack, DocumentKind::IdCard) => CARD_BACK,
        (MediaKind::DocumentFront, DocumentKind::DrivingLicense) => LICENCE_FRONT,
        (MediaKind::DocumentBack, DocumentKind::DrivingLicense) => LICENCE_BACK,
    }
}
