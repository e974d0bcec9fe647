//! Measures the reading of faces: `cargo run --release -p vetd-checks --example faces -- [FILE …]`
//!
//! For each picture: how many faces, where the main one looks, how much time of the processor it took; then how
//! far apart the main faces of each two pictures are (below 0.55 is a match, above 0.66 is none). Files
//! whose name begins with `document` are looked at as documents. Without a file, the specimens of the
//! repository are read, and 400 drawn pictures of everything but faces.

#![expect(clippy::print_stdout, reason = "a measurement prints what it measured")]

mod meters;

use std::error::Error;
use std::path::Path;
use std::time::Duration;
use std::{env, fs};

use meters::{processor_time, status};
use vetd_checks::faces::Subject;
use vetd_checks::picture::Picture;
use vetd_checks::{FaceFiles, FaceReader};
use vetd_model::face::{Embedding, Faces};
use vetd_specimens::{Blank, Camera, Setting};

fn main() -> Result<(), Box<dyn Error>> {
    let reader = FaceReader::own(FaceFiles::default())?;
    println!("memory once the nets are loaded {}", status("VmRSS:").unwrap_or_default());
    let files: Vec<String> = env::args().skip(1).collect();
    if files.is_empty() {
        specimens(&reader)?;
    } else {
        compare(&reader, &files)?;
    }
    println!("peak memory {}", status("VmHWM:").unwrap_or_default());
    Ok(())
}

/// The faces on a picture, and the time of the processor that they took.
fn read(reader: &FaceReader, subject: Subject, file: &[u8]) -> Result<(Faces, Duration), Box<dyn Error>> {
    let picture = Picture::decode(file)?;
    let before = processor_time();
    let faces = reader.read(&picture, subject, true).ok_or("the nets failed")?;
    Ok((faces, processor_time().saturating_sub(before)))
}

fn compare(reader: &FaceReader, files: &[String]) -> Result<(), Box<dyn Error>> {
    let mut known: Vec<(&str, Embedding)> = Vec::new();
    let mut times = Vec::new();
    for file in files {
        let name = Path::new(file).file_name().and_then(|name| name.to_str()).unwrap_or(file);
        let subject = if name.starts_with("document") { Subject::Portrait } else { Subject::Person };
        let (faces, time) = read(reader, subject, &fs::read(file)?)?;
        times.push(time);
        print!("{name}\t{} faces\t{} ms", faces.count, time.as_millis());
        if let Some(face) = faces.main {
            let (bounds, pose) = (face.bounds, face.pose);
            print!("\tscore {}\t{} x {} px", face.confidence, bounds.width, bounds.height);
            print!("\tyaw {} pitch {} roll {}", pose.yaw, pose.pitch, pose.roll);
            known.extend(face.embedding.map(|embedding| (name, embedding)));
        }
        println!();
    }
    for (index, (name, embedding)) in known.iter().enumerate() {
        for (other, theirs) in &known[..index] {
            let distance = embedding.distance(theirs).unwrap_or_default();
            println!("{}.{:03}\t{other}\t{name}", distance / 1000, distance % 1000);
        }
    }
    print_times(times);
    Ok(())
}

fn specimens(reader: &FaceReader) -> Result<(), Box<dyn Error>> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("specimen-pictures");
    let mut known = Vec::new();
    for name in ["passport", "id_card_front", "driving_license_front", "selfie"] {
        let subject = if name == "selfie" { Subject::Person } else { Subject::Portrait };
        let (faces, time) = read(reader, subject, &fs::read(folder.join(format!("{name}.jpg")))?)?;
        println!("{name}\t{} faces\t{} ms", faces.count, time.as_millis());
        known.extend(faces.main.and_then(|face| face.embedding).map(|embedding| (name, embedding)));
    }
    if let Some((_, selfie)) = known.last() {
        for (name, embedding) in &known {
            println!("distance of the selfie and {name}: {:?} thousandths", embedding.distance(selfie));
        }
    }
    let blanks = [Blank::Letter, Blank::Listing, Blank::Slip, Blank::Barcode, Blank::Texture];
    for (subject, wanted) in [(Subject::Person, "person"), (Subject::Portrait, "portrait")] {
        let (mut seen, mut times) = (0, Vec::new());
        for seed in 0..200_u64 {
            let photo = blanks[(seed % 5) as usize].photo(&Camera::new(Setting::Normal), 10_000 + seed);
            let (faces, time) = read(reader, subject, &photo.jpeg)?;
            seen += usize::from(faces.count > 0);
            times.push(time);
        }
        println!("a {wanted} was seen in {seen} of 200 pictures without any");
        print_times(times);
    }
    Ok(())
}

fn print_times(mut times: Vec<Duration>) {
    times.sort();
    let (Some(median), Some(worst)) = (times.get(times.len() / 2), times.last()) else { return };
    println!("faces took {} ms (median), {} ms (worst) of the processor", median.as_millis(), worst.as_millis());
}
