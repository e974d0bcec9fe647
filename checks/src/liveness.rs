//! `liveness`: whether the person has done what they were asked to in front of the camera. It stops whoever
//! holds up a picture; it does not stop a film that is made for the challenges and fed in place of the
//! camera's.

use serde_json::Value;
use vetd_model::challenge::{CHALLENGE_TIME, Challenge};
use vetd_model::check::Finding;
use vetd_model::face::Face;
use vetd_model::media::{Media, MediaKind};

use crate::Evidence;
use crate::face_match::{OTHER, SAME};

/// How far the face may be turned, in thousandths of yaw, and still look straight at the camera.
const STRAIGHT: i16 = 200;
/// How much further than in the first picture it must be turned: about 20 degrees.
const TURNED: i16 = 180;
/// How much higher than in the first picture the tip of the nose must be, in thousandths of pitch.
const LIFTED: i16 = 90;
/// How much larger than in the first picture the face must be, in hundredths.
const CLOSER: u64 = 125;

/// Codes: `no_face`, `several_faces`, `challenge_failed`, `challenge_too_slow`, `face_changed` (failed);
/// `face_similar`, `liveness_unavailable` (needs review); `no_challenge` (skipped).
pub(crate) fn run(evidence: &Evidence<'_>) -> Finding {
    let pictures = MediaKind::LIVENESS.iter().zip(evidence.challenges);
    let taken = pictures.map(|(kind, challenge)| {
        evidence.media.iter().find(|media| media.kind == *kind).map(|media| (media, *challenge))
    });
    let taken: Option<Vec<_>> = taken.collect();
    let Some(taken) = taken.filter(|taken| !taken.is_empty()) else {
        return Finding::skipped("no_challenge", "The flow has no liveness step.");
    };
    let names: Vec<Value> = taken.iter().map(|(_, challenge)| challenge.as_str().into()).collect();
    judge(evidence, &taken).with("challenges", names)
}

fn judge(evidence: &Evidence<'_>, taken: &[(&Media, Challenge)]) -> Finding {
    let mut faces = Vec::new();
    for (media, _) in taken {
        let Some(found) = &media.reading.faces else { return unavailable() };
        match (found.count, &found.main) {
            (1, Some(face)) => faces.push(face),
            (0, _) | (_, None) => {
                return Finding::failed("no_face", "On one of the pictures no face was found.")
                    .with("picture", media.kind.as_str());
            }
            _ => {
                return Finding::failed("several_faces", "On one of the pictures there is more than one face.")
                    .with("picture", media.kind.as_str());
            }
        }
    }
    if let Some(pair) = taken.windows(2).find(|pair| is_late(pair[0].0, pair[1].0)) {
        return Finding::failed("challenge_too_slow", "One of the moves took longer than a minute.")
            .with("picture", pair[1].0.kind.as_str());
    }
    let Some(straight) = faces.first().copied() else { return unavailable() };
    let width = |media: &Media| u64::from(media.reading.quality.width.max(1));
    for ((media, challenge), face) in taken.iter().zip(&faces) {
        // As shares of pictures that may differ in size.
        let (here, first) = (u64::from(face.bounds.width), u64::from(straight.bounds.width));
        let is_closer = here * 100 * width(taken[0].0) >= first * CLOSER * width(media);
        if !is_met(*challenge, straight, face, is_closer) {
            return Finding::failed(
                "challenge_failed",
                "One of the pictures does not show the move that was asked for.",
            )
            .with("picture", media.kind.as_str());
        }
    }
    let selfie = evidence.media.iter().find(|media| media.kind == MediaKind::Selfie);
    same_person(straight, &faces, selfie)
}

/// Whether a face does what was asked, compared with the one that looks straight at the camera.
fn is_met(challenge: Challenge, straight: &Face, face: &Face, is_closer: bool) -> bool {
    let (turned, lifted) = (face.pose.yaw - straight.pose.yaw, straight.pose.pitch - face.pose.pitch);
    match challenge {
        Challenge::LookStraight => face.pose.yaw.abs() <= STRAIGHT,
        Challenge::TurnLeft => turned >= TURNED,
        Challenge::TurnRight => turned <= -TURNED,
        Challenge::LookUp => lifted >= LIFTED,
        Challenge::ComeCloser => is_closer,
    }
}

/// A turned head is less like itself: between the pictures of the challenges only another face counts,
/// between the one that looks straight and the selfie the bands of `face_match`.
fn same_person(straight: &Face, faces: &[&Face], selfie: Option<&Media>) -> Finding {
    let distance = |face: &Face| straight.embedding.as_ref()?.distance(face.embedding.as_ref()?);
    let distances: Option<Vec<u16>> = faces.iter().map(|face| distance(face)).collect();
    let Some(furthest) = distances.and_then(|distances| distances.into_iter().max()) else { return unavailable() };
    let changed = || Finding::failed("face_changed", "The pictures do not show one and the same face.");
    if furthest > OTHER {
        return changed();
    }
    let faces = selfie.and_then(|selfie| selfie.reading.faces.as_ref());
    let Some(selfie) = faces.filter(|faces| faces.count == 1).and_then(|faces| faces.main.as_ref()) else {
        return Finding::passed();
    };
    match distance(selfie) {
        None => unavailable(),
        Some(apart) if apart < SAME => Finding::passed(),
        Some(apart) if apart <= OTHER => {
            Finding::needs_review("face_similar", "The face is like the one on the selfie, but not enough.")
        }
        Some(_) => changed(),
    }
}

fn is_late(before: &Media, after: &Media) -> bool {
    after.at < before.at || after.at > before.at.after(CHALLENGE_TIME)
}

fn unavailable() -> Finding {
    Finding::needs_review("liveness_unavailable", "The pictures could not be judged on this server.")
}

#[cfg(test)]
mod tests {
    use vetd_model::check::{CheckKind, CheckStatus};
    use vetd_model::face::{Bounds, Embedding, Faces, Pose};

    use super::*;
    use crate::tests::{check_challenges, reading_of};

    const ASKED: [Challenge; 4] =
        [Challenge::LookStraight, Challenge::TurnLeft, Challenge::LookUp, Challenge::ComeCloser];

    /// A face: yaw, pitch, width, and how far it is from the origin of faces, in thousandths.
    type Shown = (i16, i16, u32, f32);

    const DONE: [Shown; 4] = [(20, 550, 200, 0.0), (260, 540, 200, 300.0), (0, 440, 200, 300.0), (10, 550, 270, 100.0)];

    fn faces((yaw, pitch, width, apart): Shown) -> Faces {
        let bounds = Bounds { left: 0, top: 0, width, height: width };
        let pose = Pose { yaw, pitch, roll: 0 };
        let embedding = Embedding::of(&[apart / 1000.0, 0.0]);
        Faces { count: 1, main: Some(Face { bounds, confidence: 900, pose, embedding }) }
    }

    /// What is found if the pictures show this, each so many seconds after the one before.
    fn found(asked: &[Challenge], shown: &[Shown], seconds: u64, selfie: Option<f32>) -> Finding {
        let pictures = MediaKind::LIVENESS.iter().zip(shown);
        let mut pictures: Vec<_> = pictures.map(|(kind, shown)| (*kind, reading_of(Some(faces(*shown))))).collect();
        pictures.extend(selfie.map(|apart| (MediaKind::Selfie, reading_of(Some(faces((0, 550, 200, apart)))))));
        check_challenges(asked, &pictures, seconds)
    }

    fn code(finding: &Finding) -> (CheckStatus, &str) {
        (finding.status, finding.code.as_deref().unwrap_or(""))
    }

    #[test]
    fn who_does_what_is_asked_passes() {
        let finding = found(&ASKED, &DONE, 5, None);
        assert_eq!(code(&finding), (CheckStatus::Passed, ""));
        let names = ["look_straight", "turn_left", "look_up", "come_closer"];
        assert_eq!(finding.details["challenges"], serde_json::json!(names));
        let right = [Challenge::LookStraight, Challenge::TurnRight, Challenge::LookUp, Challenge::ComeCloser];
        let mut shown = DONE;
        shown[1].0 = -240;
        assert_eq!(found(&right, &shown, 5, Some(400.0)).status, CheckStatus::Passed);
    }

    #[test]
    fn each_move_counts() {
        for (place, shown) in [
            (0, (300, 550, 200, 0.0)),
            (1, (-260, 540, 200, 0.0)),
            (1, (90, 540, 200, 0.0)),
            (2, (0, 500, 200, 0.0)),
            (3, (0, 550, 240, 0.0)),
        ] {
            let mut all = DONE;
            all[place] = shown;
            let finding = found(&ASKED, &all, 5, None);
            assert_eq!(code(&finding), (CheckStatus::Failed, "challenge_failed"), "{shown:?}");
        }
    }

    #[test]
    fn another_order_than_the_one_asked_for_fails() {
        let asked = [ASKED[0], ASKED[2], ASKED[1], ASKED[3]];
        assert_eq!(code(&found(&asked, &DONE, 5, None)).1, "challenge_failed");
    }

    #[test]
    fn a_minute_for_each() {
        assert_eq!(found(&ASKED, &DONE, 60, None).status, CheckStatus::Passed);
        assert_eq!(code(&found(&ASKED, &DONE, 61, None)), (CheckStatus::Failed, "challenge_too_slow"));
    }

    #[test]
    fn one_face_in_all_pictures() {
        let mut shown = DONE;
        shown[2].3 = 700.0;
        assert_eq!(code(&found(&ASKED, &shown, 5, None)), (CheckStatus::Failed, "face_changed"));
        assert_eq!(code(&found(&ASKED, &DONE, 5, Some(700.0))), (CheckStatus::Failed, "face_changed"));
        assert_eq!(code(&found(&ASKED, &DONE, 5, Some(600.0))), (CheckStatus::NeedsReview, "face_similar"));
    }

    #[test]
    fn nobody_and_everybody_fail() {
        for (count, expected) in [(0, "no_face"), (2, "several_faces")] {
            let crowd = Faces { count, ..faces(DONE[1]) };
            let pictures = MediaKind::LIVENESS.iter().zip([faces(DONE[0]), crowd, faces(DONE[2]), faces(DONE[3])]);
            let pictures: Vec<_> = pictures.map(|(kind, faces)| (*kind, reading_of(Some(faces)))).collect();
            let finding = check_challenges(&ASKED, &pictures, 5);
            assert_eq!(code(&finding), (CheckStatus::Failed, expected));
            assert_eq!(finding.details["picture"], "liveness_2");
        }
    }

    #[test]
    fn without_nets_a_person_must_look_and_without_a_step_nobody() {
        let pictures: Vec<_> = MediaKind::LIVENESS.iter().map(|kind| (*kind, reading_of(None))).collect();
        assert_eq!(code(&check_challenges(&ASKED, &pictures, 5)).1, "liveness_unavailable");
        assert_eq!(code(&check_challenges(&[], &[], 5)), (CheckStatus::Skipped, "no_challenge"));
        assert_eq!(CheckKind::Liveness.default_on_fail(), vetd_model::verdict::OnFail::Retry);
    }
}
