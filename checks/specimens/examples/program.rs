//! Makes the pictures that the program itself contains, for test mode: `cargo run --release
//! -p vetd-specimens --example program -- checks/specimen-pictures`.

use std::path::PathBuf;
use std::{env, fs, io};

use vetd_model::date::Date;
use vetd_specimens::{Blank, Camera, LicenceBack, Person, Setting, Specimen};

/// The person of `vetd_model::specimen`.
fn anna(number: &str) -> Person {
    let day = |year, month, day| Date::new(year, month, day).unwrap_or_else(|| unreachable!());
    Person {
        surname: "ERIKSSON".to_owned(),
        given_names: "ANNA MARIA".to_owned(),
        issuer: "D".to_owned(),
        nationality: "D".to_owned(),
        number: number.to_owned(),
        born: day(1974, 8, 12),
        sex: 'F',
        issued: day(2024, 4, 16),
        expires: day(2049, 12, 31),
        optional: String::new(),
    }
}

fn main() -> io::Result<()> {
    let folder = PathBuf::from(env::args().nth(1).unwrap_or_else(|| "checks/specimen-pictures".to_owned()));
    fs::create_dir_all(&folder)?;
    let write = |name: &str, jpeg: &[u8]| fs::write(folder.join(name), jpeg);
    let card = anna("L01X00T47");
    write("passport.jpg", &Specimen::passport(&anna("C01X00T47")).photo(2, Setting::Normal).jpeg)?;
    write("id_card_front.jpg", &Specimen::card_front(&card).photo(2, Setting::Normal).jpeg)?;
    write("id_card_back.jpg", &Specimen::card_back(&card).photo(3, Setting::Normal).jpeg)?;
    write("driving_license_front.jpg", &Specimen::card_front(&anna("D01X00T47")).photo(4, Setting::Normal).jpeg)?;
    let camera = Camera::new(Setting::Normal).with_unit_pixels(3.0..=4.0);
    let backs = (0..).map(|seed| LicenceBack::of(anna("D01X00T47"), seed));
    let back = backs.into_iter().find(|back| back.jurisdiction.country == "USA").unwrap_or_else(|| unreachable!());
    write("driving_license_back.jpg", &camera.photograph(&back.page, 6).jpeg)?;
    write("selfie.jpg", &Blank::Face.photo(&Camera::new(Setting::Normal), 5).jpeg)
}
