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
