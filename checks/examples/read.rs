//! Reads the machine-readable zones in files: `cargo run --release -p vetd-checks --example read -- FILE …`
//!
//! Prints for each file what was found, and the zone's lines: personal data, so mind where it goes.

#![expect(clippy::print_stdout, reason = "a program for the terminal")]

use std::error::Error;
use std::{env, fs};

use vetd_checks::mrz::MrzReader;
use vetd_checks::picture::Picture;
use vetd_checks::quality::Quality;

fn main() -> Result<(), Box<dyn Error>> {
    let reader = MrzReader::new()?;
    for file in env::args().skip(1) {
        let picture = match Picture::decode(&fs::read(&file)?) {
            Ok(picture) => picture,
            Err(error) => {
                println!("{file}\t{}", error.code());
                continue;
            }
        };
        let gray = picture.gray();
        let verdict = Quality::of(&gray).judge().map_or("good", |(code, _)| code);
        match reader.read(&gray) {
            None => println!("{file}\t{verdict}\tno zone"),
            Some(reading) => {
                let proven = if reading.proven { "proven" } else { "guessed" };
                println!("{file}\t{verdict}\t{proven}\t{:.3}\t{}", reading.confidence, reading.lines.join("|"));
            }
        }
    }
    Ok(())
}
