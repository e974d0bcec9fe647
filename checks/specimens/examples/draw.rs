//! Writes specimen photos to a folder, to look at: `cargo run -p vetd-specimens --example draw -- FOLDER [COUNT]`.

use std::path::PathBuf;
use std::{env, fs, io};

use vetd_specimens::{Blank, Camera, Format, Person, Setting, Specimen};

fn main() -> io::Result<()> {
    let mut arguments = env::args().skip(1);
    let folder = PathBuf::from(arguments.next().unwrap_or_else(|| "specimens".to_owned()));
    let count: u64 = arguments.next().and_then(|count| count.parse().ok()).unwrap_or(6);
    fs::create_dir_all(&folder)?;
    for seed in 0..count {
        let person = Person::invented(seed);
        let front = Specimen::card_front(&person).photo(seed, Setting::Normal);
        fs::write(folder.join(format!("front-{seed}.jpg")), front.jpeg)?;
        for format in Format::ALL {
            for setting in [Setting::Normal, Setting::Hard] {
                let photo = Specimen::of(format, &person).photo(seed, setting);
                fs::write(folder.join(format!("{format:?}-{setting:?}-{seed}.jpg")), photo.jpeg)?;
            }
        }
        for blank in Blank::ALL {
            let photo = blank.photo(&Camera::new(Setting::Normal), seed);
            fs::write(folder.join(format!("blank-{blank:?}-{seed}.jpg")), photo.jpeg)?;
        }
    }
    Ok(())
}
