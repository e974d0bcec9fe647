//! Barcodes in photos: read where they are, refused where they are something else, and nothing found
//! where nothing is. `cargo run --release -p vetd-checks --example barcodes` measures more of them.

use vetd_checks::barcode::aamva::{self, NotRead};
use vetd_checks::barcode::pdf417::{self, LONGEST_TEXT, Symbol, Unread};
use vetd_checks::gray::Gray;
use vetd_specimens::{Blank, BoardingPass, Camera, LicenceBack, Page, Seeded, Setting, Turn};

fn gray(jpeg: &[u8]) -> Gray {
    let picture = image::load_from_memory(jpeg).expect("a JPEG").to_luma8();
    Gray::new(picture.width() as usize, picture.height() as usize, picture.into_raw()).expect("a size that fits")
}

fn near(turn: Turn) -> Camera {
    Camera::new(Setting::Normal).turned(turn).with_unit_pixels(2.5..=6.0)
}

/// A page as a scanner sees it: no perspective, no light, no noise.
fn scanned(page: &Page) -> Gray {
    let (width, height) = (page.canvas.width(), page.canvas.height());
    let places = (0..height as i64).flat_map(|y| (0..width as i64).map(move |x| (x, y)));
    Gray::new(width, height, places.map(|(x, y)| page.canvas.at(x, y)[1]).collect()).expect("a size that fits")
}

#[test]
fn photos_of_licences_are_read_in_every_turn() {
    let mut read = 0;
    for seed in 0..8 {
        let back = LicenceBack::invented(seed);
        let photo = near(Turn::ALL[seed as usize % 4]).photograph(&back.page, seed);
        let Ok(symbol) = pdf417::read(&gray(&photo.jpeg)) else { continue };
        assert_eq!(symbol.text, back.text, "error correction leaves no wrong letter; seed {seed}");
        let measured = symbol.pixels_per_module.unwrap_or(photo.unit_pixels);
        assert!((measured / photo.unit_pixels - 1.0).abs() < 0.25, "{measured} for {}", photo.unit_pixels);
        read += 1;
    }
    assert!(read >= 7, "{read} of 8");
}

#[test]
fn every_field_of_a_scan_is_right() {
    for seed in 100..108 {
        let back = LicenceBack::invented(seed);
        let symbol = pdf417::read(&scanned(&back.page)).unwrap();
        let licence = aamva::parse(&symbol.text).unwrap();
        assert_eq!(licence.last_name.as_deref(), Some(back.person.surname.as_str()));
        assert_eq!(licence.first_name.as_deref(), Some(back.first_name.as_str()));
        assert_eq!(licence.middle_names, back.middle_names);
        assert_eq!(licence.number.as_deref(), Some(back.person.number.as_str()));
        assert_eq!(licence.date_of_birth, Some(back.person.born));
        assert_eq!((licence.issued, licence.expires), (Some(back.person.issued), Some(back.person.expires)));
        assert_eq!(licence.postal_code.as_deref(), Some(back.postal_code.as_str()));
        assert_eq!(licence.issuer.map(|issuer| issuer.jurisdiction), Some(back.jurisdiction.name));
    }
}

#[test]
fn a_boarding_pass_is_read_and_is_no_licence() {
    let pass = BoardingPass::invented(5);
    let symbol = pdf417::read(&scanned(&pass.page)).unwrap();
    assert_eq!(symbol.text, pass.text);
    assert_eq!(aamva::parse(&symbol.text), Err(NotRead::NotALicence));
}

#[test]
fn nothing_is_read_where_nothing_is() {
    for blank in Blank::ALL {
        let picture = gray(&blank.photo(&Camera::new(Setting::Normal), 11).jpeg);
        assert!(pdf417::read(&picture).is_err(), "{blank:?}");
    }
    let plain = Gray::new(900, 700, vec![128; 900 * 700]).unwrap();
    assert_eq!(pdf417::read(&plain), Err(Unread::NotFound));
}

#[test]
fn noise_and_bars_of_all_kinds_do_no_harm() {
    let random = &mut Seeded::new(1, "noise");
    for (width, height) in [(40, 40), (41, 400), (400, 43), (333, 257)] {
        let pixels = (0..width * height).map(|_| random.bits() as u8).collect();
        assert!(pdf417::read(&Gray::new(width, height, pixels).unwrap()).is_err());
        // Start patterns (81111113) at widths that are no whole number, torn off at random.
        let (module, phase) = (random.between(0.9, 3.0), random.whole(0, 30) as f32);
        let bars = |x: usize| matches!(((x as f32 + phase) / module) as usize % 40, 0..=7 | 9 | 11 | 13 | 20 | 24 | 31);
        let tear = random.whole(1, 9) as usize;
        let pixels = (0..width * height).map(|at| if bars(at % width) && at / width % 11 > tear { 20 } else { 230 });
        let picture = Gray::new(width, height, pixels.collect()).unwrap();
        assert!(pdf417::read(&picture).is_err());
    }
}

#[test]
fn a_symbol_torn_anywhere_is_never_misread() {
    let back = LicenceBack::invented(8);
    let whole = scanned(&back.page);
    let random = &mut Seeded::new(2, "tears");
    let (width, height) = (whole.width(), whole.height());
    for _ in 0..4 {
        let (left, top) = (random.whole(0, width as u32) as usize, random.whole(0, height as u32) as usize);
        let (reach, shade) = (random.whole(20, 400) as usize, random.bits() as u8);
        let mut pixels = whole.pixels().to_vec();
        for y in top..(top + reach).min(height) {
            pixels[y * width + left.min(width)..y * width + (left + reach).min(width)].fill(shade);
        }
        let torn = Gray::new(width, height, pixels).unwrap();
        if let Ok(Symbol { text, .. }) = pdf417::read(&torn) {
            assert_eq!(text, back.text);
        }
    }
}

#[test]
fn a_picture_of_any_size_is_searched_or_refused() {
    let back = LicenceBack::invented(9);
    let page = scanned(&back.page);
    // Forty million pixels, as the largest phones make them, the card in a corner.
    let (width, height) = (7_300, 5_500);
    let mut pixels = vec![200; width * height];
    for (row, line) in page.rows().enumerate() {
        // Each pixel three wide and three high.
        let wide: Vec<u8> = line.iter().flat_map(|value| [*value; 3]).collect();
        for copy in 0..3 {
            let start = (row * 3 + copy + 100) * width + 300;
            pixels[start..start + wide.len()].copy_from_slice(&wide);
        }
    }
    let symbol = pdf417::read(&Gray::new(width, height, pixels).unwrap()).unwrap();
    assert_eq!(symbol.text, back.text);
    assert!(symbol.text.len() <= LONGEST_TEXT);
    let module = symbol.pixels_per_module.unwrap();
    assert!((11.0..13.0).contains(&module), "{module}");
    for (width, height) in [(1, 1), (39, 500), (500, 39), (30_000, 40)] {
        let picture = Gray::new(width, height, vec![0; width * height]).unwrap();
        assert_eq!(pdf417::read(&picture), Err(Unread::UnfitPicture), "{width} x {height}");
    }
}
