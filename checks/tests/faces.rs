//! Faces, read from drawn heads: found, counted, compared, and turned. Nobody's picture is needed for that;
//! how well the nets do on people is another question (see benches/README.md).

#![cfg(feature = "faces")]
#![expect(clippy::unwrap_used, reason = "a test fails where it unwraps")]

use std::sync::Arc;

use vetd_checks::{FaceReader, Reader};
use vetd_model::face::{Face, Faces, Pose};
use vetd_model::media::{MediaKind, Reading};
use vetd_specimens::{Blank, Camera, Head, Held, Setting};

const PASSPORT: &[u8] = include_bytes!("../specimen-pictures/passport.jpg");
const SELFIE: &[u8] = include_bytes!("../specimen-pictures/selfie.jpg");

fn read(kind: MediaKind, file: &[u8], compares_faces: bool) -> Reading {
    let reader = Reader::new(FaceReader::built_in().map(Arc::new)).unwrap();
    reader.take_in(kind, file, compares_faces).unwrap().reading
}

fn faces(kind: MediaKind, file: &[u8]) -> Faces {
    read(kind, file, true).faces.unwrap()
}

fn face(kind: MediaKind, file: &[u8]) -> Face {
    faces(kind, file).main.unwrap()
}

fn held(turn: f32, lift: f32) -> Pose {
    let faces = faces(MediaKind::Selfie, &Head::picture(&[(Head::PALE, Held { turn, lift, ..Held::default() })], 200));
    assert_eq!(faces.count, 1, "{turn} {lift}");
    faces.main.unwrap().pose
}

fn distance(one: &Face, other: &Face) -> u16 {
    one.embedding.as_ref().unwrap().distance(other.embedding.as_ref().unwrap()).unwrap()
}

#[test]
fn one_face_is_near_itself_and_far_from_another() {
    let straight = Held::default();
    let (passport, selfie) = (face(MediaKind::DocumentFront, PASSPORT), face(MediaKind::Selfie, SELFIE));
    let other = face(MediaKind::Selfie, &Head::picture(&[(Head::BEARDED, straight)], 360));
    let other_again = face(MediaKind::Selfie, &Head::picture(&[(Head::BEARDED, straight)], 240));
    assert!(distance(&passport, &selfie) < 400, "{}", distance(&passport, &selfie));
    assert!(distance(&other, &other_again) < 300, "{}", distance(&other, &other_again));
    assert!(distance(&passport, &other) > 660, "{}", distance(&passport, &other));
}

#[test]
fn faces_are_counted() {
    let pair = [(Head::PALE, Held::default()), (Head::BEARDED, Held::default())];
    assert_eq!(faces(MediaKind::Selfie, &Head::picture(&pair, 300)).count, 2);
    assert_eq!(faces(MediaKind::Selfie, &Head::picture(&pair[..1], 300)).count, 1);
    let letter = Blank::Letter.photo(&Camera::new(Setting::Normal), 3).jpeg;
    assert_eq!(faces(MediaKind::Selfie, &letter), Faces::default());
}

#[test]
fn a_face_is_where_it_was_drawn() {
    // In the middle of 720 x 900 pixels, 360 wide.
    let face = face(MediaKind::Selfie, &Head::picture(&[(Head::PALE, Held::default())], 360));
    let middle = face.bounds.left + face.bounds.width as i32 / 2;
    assert!((middle - 360).abs() < 40 && (200..460).contains(&face.bounds.width), "{:?}", face.bounds);
}

#[test]
fn a_turned_head_has_another_pose() {
    let straight = held(0.0, 0.0);
    assert!(straight.yaw.abs() < 120, "{straight:?}");
    let (left, right, up) = (held(0.5, 0.0), held(-0.5, 0.0), held(0.0, 0.7));
    assert!(left.yaw > 150 && right.yaw < -150, "{left:?} {right:?}");
    assert!(up.pitch + 100 < straight.pitch, "{up:?} {straight:?}");
}

#[test]
fn a_head_that_comes_closer_is_larger() {
    let width = |near| {
        let held = Held { near, ..Held::default() };
        face(MediaKind::Selfie, &Head::picture(&[(Head::PALE, held)], 200)).bounds.width
    };
    assert!(width(0.5) * 100 > width(0.0) * 130, "{} {}", width(0.5), width(0.0));
}

#[test]
fn nothing_that_tells_a_face_from_another_is_read_unasked() {
    let selfie = read(MediaKind::Selfie, SELFIE, false).faces.unwrap();
    assert_eq!((selfie.count, selfie.main.unwrap().embedding), (1, None));
    assert_eq!(read(MediaKind::DocumentFront, PASSPORT, false).faces, None);
}

#[test]
fn without_a_reader_nobody_looks() {
    let reader = Reader::new(None).unwrap();
    assert_eq!(reader.take_in(MediaKind::Selfie, SELFIE, true).unwrap().reading.faces, None);
}
