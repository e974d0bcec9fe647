//! HEIC pictures, made by the encoder of the crate that decodes them.

#![cfg(feature = "heic")]
#![expect(clippy::unwrap_used, reason = "a test fails where it unwraps")]

use heifer::EncodeOptions;
use vetd_checks::Reader;
use vetd_checks::picture::Picture;
use vetd_model::media::MediaKind;
use vetd_specimens::{Person, Setting, Specimen};

/// A passport as an iPhone would keep it.
fn passport() -> Vec<u8> {
    let jpeg = Specimen::passport(&Person::invented(3)).photo(3, Setting::Normal).jpeg;
    let pixels = image::load_from_memory(&jpeg).unwrap().into_rgb8();
    heifer::encode_rgb8(pixels.width(), pixels.height(), pixels.as_raw(), &EncodeOptions::default()).unwrap()
}

#[test]
fn a_passport_as_heic_is_read_like_any_other() {
    let taken = Reader::new(None).unwrap().take_in(MediaKind::DocumentFront, &passport(), false).unwrap();
    assert!(taken.reading.mrz.is_some_and(|mrz| mrz.proven));
    assert!(taken.jpeg.starts_with(&[0xff, 0xd8]), "what is kept is a JPEG");
}

#[test]
fn damaged_and_oversized_ones_are_refused() {
    let whole = passport();
    let code = |bytes: &[u8]| Picture::decode(bytes).unwrap_err().code();
    for share in [0.01, 0.1, 0.5, 0.99] {
        let part = (whole.len() as f64 * share) as usize;
        assert_eq!(code(&whole[..part]), "picture_damaged", "{share}");
    }
    assert_eq!(code(b"\0\0\0\x18ftypheic\0\0\0\0mif1heic"), "picture_damaged");
    // Another size in the properties that claim one: 20,000 by 20,000, then 100 by 100.
    let claims: Vec<usize> = (0..whole.len() - 16).filter(|place| &whole[*place..place + 4] == b"ispe").collect();
    for (side, expected) in [(20_000_u32, "picture_too_large"), (100, "picture_too_small")] {
        let mut file = whole.clone();
        for place in &claims {
            file[place + 8..place + 12].copy_from_slice(&side.to_be_bytes());
            file[place + 12..place + 16].copy_from_slice(&side.to_be_bytes());
        }
        assert_eq!(code(&file), expected);
    }
}

#[test]
fn whatever_is_changed_in_one_it_is_decoded_or_refused() {
    let whole = passport();
    let mut state = 7_u64;
    for _ in 0..40 {
        let mut file = whole.clone();
        for _ in 0..20 {
            state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
            let place = (state >> 33) as usize % file.len();
            file[place] = (state >> 24) as u8;
        }
        if let Ok(picture) = Picture::decode(&file) {
            assert!(picture.width() >= 200 && picture.height() >= 200);
        }
    }
}
