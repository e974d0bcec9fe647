//! Photos of specimens, read: a few of what `examples/measure.rs` measures over hundreds.

use vetd_checks::mrz::document::{Document, Sex};
use vetd_checks::mrz::{MrzReader, MrzReading};
use vetd_checks::picture::Picture;
use vetd_checks::quality::Quality;
use vetd_model::date::Date;
use vetd_specimens::{Blank, Camera, Format, Person, Photo, Setting, Specimen, Turn, WrongDigit};

fn today() -> Date {
    Date::new(2025, 11, 22).expect("a day")
}

fn read(reader: &MrzReader, jpeg: &[u8]) -> Option<MrzReading> {
    reader.read(&Picture::decode(jpeg).expect("a picture").gray())
}

/// Whether a photo was read right; a wrong reading that is called proven fails the test.
fn is_right(reader: &MrzReader, photo: &Photo) -> bool {
    let Some(reading) = read(reader, &photo.jpeg).filter(|reading| reading.proven) else { return false };
    let parse = |lines: &[String]| Document::parse(lines, today()).expect("a zone");
    let document = parse(&reading.lines);
    assert_eq!(document, parse(&photo.truth.lines));
    assert!(document.digits.all_hold());
    true
}

#[test]
fn most_photos_are_read_and_none_wrongly() {
    let reader = MrzReader::new().unwrap();
    let right = (0..12_u64).filter(|seed| {
        let format = Format::ALL[(*seed % 5) as usize];
        let photo = Specimen::of(format, &Person::invented(*seed)).photo(*seed, Setting::Normal);
        let verdict = Quality::of(&Picture::decode(&photo.jpeg).unwrap().gray()).judge();
        assert_eq!(verdict, None, "{seed}");
        is_right(&reader, &photo)
    });
    assert!(right.count() >= 11);
}

#[test]
fn the_values_are_those_of_the_person() {
    let reader = MrzReader::new().unwrap();
    let person = Person { surname: "VAN DER BERG".into(), issuer: "D".into(), sex: 'F', ..Person::invented(1) };
    let photo = Specimen::passport(&person).photo(4, Setting::Normal);
    let document = Document::parse(&read(&reader, &photo.jpeg).unwrap().lines, today()).unwrap();
    assert_eq!((document.surname, document.given_names), (person.surname, person.given_names));
    assert_eq!((document.issuer.as_str(), document.number), ("DEU", person.number));
    assert_eq!((document.birth_date, document.expiry_date), (Some(person.born), Some(person.expires)));
    assert_eq!((document.sex, document.code.as_str()), (Sex::Female, "P"));
}

#[test]
fn a_turned_photo_is_read_and_says_how_it_was_turned() {
    let reader = MrzReader::new().unwrap();
    let specimen = Specimen::card_back(&Person::invented(2));
    for (turn, quarters) in Turn::ALL.into_iter().zip([0, 3, 2, 1]) {
        let photo = specimen.photo_with(&Camera::new(Setting::Normal).turned(turn), 2);
        let reading = read(&reader, &photo.jpeg).unwrap();
        assert_eq!((reading.lines, reading.quarter_turns), (photo.truth.lines, quarters));
        assert!((reading.pixels_per_character / photo.pixels_per_character - 1.0).abs() < 0.2);
    }
}

#[test]
fn pictures_without_a_document_prove_nothing() {
    let reader = MrzReader::new().unwrap();
    for (seed, blank) in (0..6).zip(Blank::ALL) {
        let photo = blank.photo(&Camera::new(Setting::Normal), seed);
        assert!(!read(&reader, &photo.jpeg).is_some_and(|reading| reading.proven), "{blank:?}");
    }
}

#[test]
fn a_digit_that_is_printed_wrong_is_read_as_printed() {
    let reader = MrzReader::new().unwrap();
    let specimen = Specimen::with_wrong_digit(Format::Td3, &Person::invented(5), WrongDigit::Birth);
    let photo = specimen.photo(5, Setting::Normal);
    let reading = read(&reader, &photo.jpeg).unwrap();
    assert!(!reading.proven);
    assert_eq!(reading.lines, photo.truth.lines);
    assert_eq!(Document::parse(&reading.lines, today()).unwrap().digits.birth_date, Some(false));
}

#[test]
fn documents_out_of_their_time_are_read_all_the_same() {
    let reader = MrzReader::new().unwrap();
    let expired = Specimen::passport(&Person::invented(6).expired()).photo(6, Setting::Normal);
    let document = Document::parse(&read(&reader, &expired.jpeg).unwrap().lines, today()).unwrap();
    assert!(document.has_expired(today()));
}
