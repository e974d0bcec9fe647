//! Files that are no pictures, or more than what is taken: each is refused with its code, quickly.

use vetd_checks::picture::{MAX_BYTES, Picture};
use vetd_specimens::{Person, Seeded, Setting, Specimen};

fn code(bytes: &[u8]) -> &'static str {
    Picture::decode(bytes).expect_err("no picture").code()
}

fn photo() -> Vec<u8> {
    Specimen::passport(&Person::invented(3)).photo(3, Setting::Normal).jpeg
}

/// A PNG chunk with its length and checksum.
fn chunk(kind: &[u8; 4], data: &[u8]) -> Vec<u8> {
    let body = [kind.as_slice(), data].concat();
    let checksum = body.iter().fold(u32::MAX, |sum, byte| {
        (0..8).fold(sum ^ u32::from(*byte), |sum, _| if sum & 1 == 1 { (sum >> 1) ^ 0xedb8_8320 } else { sum >> 1 })
    });
    let length = u32::try_from(data.len()).unwrap_or(u32::MAX);
    [&length.to_be_bytes()[..], &body, &(!checksum).to_be_bytes()].concat()
}

/// A PNG header that claims this size, eight bits of red, green and blue a pixel, and some data.
fn png(width: u32, height: u32, data: &[u8]) -> Vec<u8> {
    let header = [&width.to_be_bytes()[..], &height.to_be_bytes(), &[8, 2, 0, 0, 0]].concat();
    [&b"\x89PNG\r\n\x1a\n"[..], &chunk(b"IHDR", &header), &chunk(b"IDAT", data), &chunk(b"IEND", &[])].concat()
}

#[test]
fn two_hundred_megapixels_in_twenty_kilobytes_are_not_decoded() {
    let file = png(20_000, 10_000, &vec![0x55; 20_000]);
    assert_eq!(code(&file), "picture_too_large");
    // Within the limit of each side, but not of all pixels.
    assert_eq!(code(&png(11_000, 11_000, &[0x55; 100])), "picture_too_large");
    assert_eq!(code(&png(12_001, 300, &[0x55; 100])), "picture_too_large");
    assert_eq!(code(&png(u32::MAX >> 1, u32::MAX >> 1, &[0x55; 100])), "picture_too_large");
}

#[test]
fn large_files_are_not_looked_at() {
    let mut file = photo();
    file.resize(MAX_BYTES + 1, 0);
    assert_eq!(code(&file), "picture_too_large");
}

#[test]
fn a_png_without_its_pixels_is_damaged() {
    assert_eq!(code(&png(800, 600, &[0x55; 100])), "picture_damaged");
    assert_eq!(code(b"\x89PNG\r\n\x1a\n"), "picture_damaged");
}

#[test]
fn truncated_pictures_are_damaged() {
    let whole = photo();
    assert!(Picture::decode(&whole).is_ok());
    for share in [0.01, 0.3, 0.7, 0.99] {
        let part = (whole.len() as f64 * share) as usize;
        assert_eq!(code(&whole[..part]), "picture_damaged", "{share}");
    }
    assert_eq!(code(&whole[..whole.len() - 2]), "picture_damaged");
}

#[test]
fn other_kinds_of_file_are_told_by_their_content() {
    for bytes in [
        &b""[..],
        b"\xff",
        b"PK\x03\x04\x14\x00\x00\x00photo.jpg",
        b"%PDF-1.7\n%\xe2\xe3\xcf\xd3\n",
        b"GIF89a\x01\x00\x01\x00",
        b"<svg xmlns='http://www.w3.org/2000/svg'/>",
        b"II*\x00\x08\x00\x00\x00",
        b"\x00\x00\x00\x18ftypheic",
        b"RIFF\x00\x00\x00\x00WAVE",
    ] {
        assert_eq!(code(bytes), "unsupported_media", "{bytes:?}");
    }
}

#[test]
fn what_a_picture_carries_along_is_left_behind() {
    let mut file = photo();
    file.extend(b"PK\x03\x04 and a whole archive <script>");
    let picture = Picture::decode(&file).unwrap();
    let written = picture.to_jpeg();
    assert!(!written.windows(8).any(|part| part == b"<script>"));
    assert_eq!(Picture::decode(&written).unwrap().width(), picture.width());
}

#[test]
fn damage_anywhere_is_an_error_or_a_picture_but_no_panic() {
    let random = &mut Seeded::new(1, "damage");
    let files = [photo()[..60_000.min(photo().len())].to_vec(), png(300, 300, &[0x78; 2_000])];
    for file in files {
        for _ in 0..25 {
            let mut broken = file.clone();
            for _ in 0..20 {
                let at = (random.bits() % (broken.len() as u64).min(2_000)) as usize;
                broken[at] = (random.bits() & 0xff) as u8;
            }
            drop(Picture::decode(&broken));
        }
    }
    for kind in [&b"\xff\xd8\xff"[..], b"\x89PNG\r\n\x1a\n", b"RIFF\x10\x00\x00\x00WEBPVP8 "] {
        for _ in 0..40 {
            let noise: Vec<u8> = (0..random.whole(0, 400)).map(|_| (random.bits() & 0xff) as u8).collect();
            assert!(Picture::decode(&[kind, &noise].concat()).is_err());
        }
    }
}
