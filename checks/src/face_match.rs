//! `face_match`: whether the selfie shows the face on the document. Advice, no proof: a picture of the
//! person passes as well as the person does.

use serde_json::{Map, Value};
use vetd_model::check::Finding;
use vetd_model::face::Face;
use vetd_model::media::{Media, MediaKind};

use crate::Evidence;

/// Below this distance, in thousandths, two faces are one person's.
pub(crate) const SAME: u16 = 550;
/// Above this one they are two people's. In between a person must look.
pub(crate) const OTHER: u16 = 660;

/// Codes: `face_mismatch` (failed); `face_similar`, `no_face`, `several_faces`, `portrait_not_found`,
/// `face_match_unavailable` (needs review); `nothing_to_compare` (skipped).
pub(crate) fn run(evidence: &Evidence<'_>) -> Finding {
    let selfie = evidence.media.iter().find(|media| media.kind == MediaKind::Selfie);
    let documents: Vec<&Media> = evidence.media.iter().filter(|media| media.kind.shows_document()).collect();
    let (Some(selfie), false) = (selfie, documents.is_empty()) else {
        return Finding::skipped("nothing_to_compare", "The flow asks for no selfie or for no document.");
    };
    let counts: Map<String, Value> = std::iter::once(&selfie)
        .chain(&documents)
        .filter_map(|media| Some((media.kind.as_str().to_owned(), media.reading.faces.as_ref()?.count.into())))
        .collect();
    compare(selfie, &documents).with("faces", counts)
}

fn compare(selfie: &Media, documents: &[&Media]) -> Finding {
    let (Some(theirs), true) = (&selfie.reading.faces, documents.iter().any(|media| media.reading.faces.is_some()))
    else {
        return unavailable();
    };
    let face = match (theirs.count, &theirs.main) {
        (1, Some(face)) => face,
        (0, _) | (_, None) => return Finding::needs_review("no_face", "No face was found on the selfie."),
        _ => return Finding::needs_review("several_faces", "More than one face was found on the selfie."),
    };
    let Some(portrait) = portrait(documents) else {
        return Finding::needs_review("portrait_not_found", "No portrait was found on the document.");
    };
    let (Some(one), Some(other)) = (&face.embedding, &portrait.embedding) else { return unavailable() };
    let Some(distance) = one.distance(other) else { return unavailable() };
    let finding = if distance < SAME {
        Finding::passed()
    } else if distance <= OTHER {
        Finding::needs_review("face_similar", "The face on the selfie is like the one on the document, but not enough.")
    } else {
        Finding::failed("face_mismatch", "The face on the selfie is not the one on the document.")
    };
    finding.with_score(1000_u16.saturating_sub(distance))
}

/// The face that stands out most on any side of the document: some have a faint copy of it, too.
fn portrait<'a>(documents: &[&'a Media]) -> Option<&'a Face> {
    let faces = documents.iter().filter_map(|media| media.reading.faces.as_ref()?.main.as_ref());
    faces.max_by_key(|face| u64::from(face.confidence) * u64::from(face.bounds.width))
}

fn unavailable() -> Finding {
    Finding::needs_review("face_match_unavailable", "The faces could not be compared on this server.")
}

#[cfg(test)]
mod tests {
    use vetd_model::check::{CheckKind, CheckStatus};
    use vetd_model::face::{Bounds, Embedding, Faces, Pose};

    use super::*;
    use crate::tests::check_pictures;

    const FRONT: MediaKind = MediaKind::DocumentFront;

    /// One face whose distance from the origin is this many thousandths.
    fn face(distance: f32) -> Option<Faces> {
        let bounds = Bounds { left: 0, top: 0, width: 200, height: 220 };
        let embedding = Embedding::of(&[distance / 1000.0, 0.0]);
        let main = Face { bounds, confidence: 900, pose: Pose::default(), embedding };
        Some(Faces { count: 1, main: Some(main) })
    }

    fn compared(selfie: Option<Faces>, front: Option<Faces>) -> Finding {
        check_pictures(CheckKind::FaceMatch, &[(MediaKind::Selfie, selfie), (FRONT, front)])
    }

    fn code(finding: &Finding) -> (CheckStatus, &str) {
        (finding.status, finding.code.as_deref().unwrap_or(""))
    }

    #[test]
    fn three_bands() {
        for (distance, status, expected) in [
            (0.0, CheckStatus::Passed, ""),
            (549.0, CheckStatus::Passed, ""),
            (551.0, CheckStatus::NeedsReview, "face_similar"),
            (660.0, CheckStatus::NeedsReview, "face_similar"),
            (662.0, CheckStatus::Failed, "face_mismatch"),
            (1_400.0, CheckStatus::Failed, "face_mismatch"),
        ] {
            let finding = compared(face(distance), face(0.0));
            assert_eq!(code(&finding), (status, expected), "{distance}");
            let score = finding.score.unwrap();
            assert!((i32::from(score) - (1_000 - distance as i32).max(0)).abs() <= 1, "{score} at {distance}");
            assert_eq!(finding.details["faces"], serde_json::json!({ "selfie": 1, "document_front": 1 }));
        }
    }

    #[test]
    fn what_cannot_be_compared_is_for_a_person() {
        let none = || Some(Faces::default());
        let crowd = Some(Faces { count: 3, ..face(0.0).unwrap() });
        let without = || {
            let mut faces = face(0.0).unwrap();
            faces.main.as_mut().unwrap().embedding = None;
            Some(faces)
        };
        for (selfie, front, expected) in [
            (none(), face(0.0), "no_face"),
            (crowd, face(0.0), "several_faces"),
            (face(0.0), none(), "portrait_not_found"),
            (None, face(0.0), "face_match_unavailable"),
            (face(0.0), None, "face_match_unavailable"),
            (without(), face(0.0), "face_match_unavailable"),
        ] {
            let finding = compared(selfie, front);
            assert_eq!(code(&finding), (CheckStatus::NeedsReview, expected));
            assert_eq!(finding.score, None);
        }
    }

    #[test]
    fn faces_of_different_nets_are_not_compared() {
        let mut other = face(0.0).unwrap();
        other.main.as_mut().unwrap().embedding = Embedding::of(&[0.0]);
        assert_eq!(code(&compared(face(0.0), Some(other))).1, "face_match_unavailable");
    }

    #[test]
    fn the_portrait_may_be_on_either_side_and_have_a_faint_copy() {
        let mut copy = face(900.0).unwrap();
        copy.main.as_mut().unwrap().bounds.width = 40;
        let pictures = [(MediaKind::Selfie, face(0.0)), (FRONT, Some(copy)), (MediaKind::DocumentBack, face(10.0))];
        assert_eq!(check_pictures(CheckKind::FaceMatch, &pictures).status, CheckStatus::Passed);
    }

    #[test]
    fn without_a_selfie_or_a_document_there_is_nothing_to_compare() {
        for kind in [MediaKind::Selfie, FRONT] {
            let finding = check_pictures(CheckKind::FaceMatch, &[(kind, face(0.0))]);
            assert_eq!(code(&finding), (CheckStatus::Skipped, "nothing_to_compare"));
        }
    }

    #[test]
    fn nothing_of_the_face_itself_is_shown() {
        let finding = compared(face(300.0), face(0.0));
        assert_eq!(finding.details.keys().collect::<Vec<_>>(), ["faces"]);
    }
}
