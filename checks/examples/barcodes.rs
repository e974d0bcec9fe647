//! Measures the reading of barcodes over photos of specimens:
//!
//! ```text
//! cargo run --release -p vetd-checks --example barcodes [licences] [first seed]
//! ```
//!
//! Prints how many backs of driving licences were read, how many of their fields are right and how
//! long it took, by the width of a module; then what is found where there is nothing to find.

#![expect(clippy::print_stdout, clippy::disallowed_methods, reason = "a measurement prints what it measured")]

use std::time::{Duration, Instant};

use vetd_checks::barcode::aamva::{self, Licence, Sex};
use vetd_checks::barcode::pdf417::{self, Symbol, Unread};
use vetd_checks::gray::Gray;
use vetd_specimens::{Blank, BoardingPass, Camera, LicenceBack, Setting, Turn};

/// What came of one picture.
struct Case {
    module: f32,
    measured: Option<f32>,
    outcome: Outcome,
    took: Duration,
}

#[derive(PartialEq)]
enum Outcome {
    Right,
    Wrong,
    Unread,
}

fn main() {
    let mut arguments = std::env::args().skip(1).filter_map(|argument| argument.parse().ok());
    let count = arguments.next().unwrap_or(100);
    let first: u64 = arguments.next().unwrap_or(1);
    let verbose = std::env::var_os("VERBOSE").is_some();
    for (name, setting, pixels, turns) in [
        ("2.5 pixels a module or more", Setting::Normal, 2.5..=6.0, &[Turn::Upright][..]),
        ("the same in every quarter turn", Setting::Normal, 2.5..=6.0, &Turn::ALL[1..]),
        ("the same under hard conditions", Setting::Hard, 2.5..=6.0, &[Turn::Upright]),
        ("1.6 to 2.5 pixels a module", Setting::Normal, 1.6..=2.5, &[Turn::Upright]),
    ] {
        let camera = Camera::new(setting).with_unit_pixels(pixels.clone());
        let mut cases = Vec::new();
        for seed in first.. {
            if cases.len() as u64 == count {
                break;
            }
            let camera = camera.clone().turned(turns[seed as usize % turns.len()]);
            let back = LicenceBack::invented(seed);
            let photo = camera.photograph(&back.page, seed);
            if pixels.contains(&(photo.unit_pixels * 1.0001)) {
                let case = measure(&back, &gray(&photo.jpeg), photo.unit_pixels);
                if verbose && case.outcome != Outcome::Right {
                    println!("  seed {seed}: module {:.2}, {:?}", case.module, case.took);
                }
                cases.push(case);
            }
        }
        report(name, &mut cases);
    }
    nothing_there(count);
}

fn measure(back: &LicenceBack, picture: &Gray, module: f32) -> Case {
    let (symbol, took) = timed(picture);
    let outcome = match symbol.as_ref().map(|symbol| aamva::parse(&symbol.text)) {
        Ok(Ok(licence)) if right(&licence, back) => Outcome::Right,
        Err(_) => Outcome::Unread,
        _ => Outcome::Wrong,
    };
    Case { module, measured: symbol.ok().and_then(|symbol| symbol.pixels_per_module), outcome, took }
}

/// Reads a picture and says for how long the processor was at it; for how long it took, where the
/// system does not tell.
fn timed(picture: &Gray) -> (Result<Symbol, Unread>, Duration) {
    let on_processor = || {
        let line = std::fs::read_to_string("/proc/thread-self/schedstat").ok()?;
        line.split(' ').next()?.parse().ok().map(Duration::from_nanos)
    };
    let (start, before) = (Instant::now(), on_processor());
    let symbol = pdf417::read(picture);
    let elapsed = start.elapsed();
    (symbol, on_processor().zip(before).map_or(elapsed, |(after, before)| after - before))
}

fn right(read: &Licence, back: &LicenceBack) -> bool {
    let sex = match back.person.sex {
        'M' => Sex::Male,
        'F' => Sex::Female,
        _ => Sex::NotSpecified,
    };
    let same = |read: &Option<String>, printed: &str| read.as_deref() == Some(printed);
    same(&read.last_name, &back.person.surname)
        && same(&read.first_name, &back.first_name)
        && read.middle_names == back.middle_names
        && same(&read.number, &back.person.number)
        && same(&read.discriminator, &back.discriminator)
        && same(&read.street, &back.street)
        && same(&read.postal_code, &back.postal_code)
        && same(&read.country, back.jurisdiction.country)
        && same(&read.state, back.jurisdiction.name)
        && read.issuer.map(|issuer| issuer.jurisdiction) == Some(back.jurisdiction.name)
        && (read.date_of_birth, read.issued, read.expires)
            == (Some(back.person.born), Some(back.person.issued), Some(back.person.expires))
        && read.sex == Some(sex)
}

fn report(name: &str, cases: &mut [Case]) {
    cases.sort_by_key(|case| case.took);
    let count = |outcome: Outcome| cases.iter().filter(|case| case.outcome == outcome).count();
    let (right, wrong) = (count(Outcome::Right), count(Outcome::Wrong));
    let took = |share: usize| cases.get((cases.len() - 1) * share / 100).map_or(0, |case| case.took.as_millis());
    println!("{name}: {right} of {} right, {wrong} wrong", cases.len());
    println!("  processor time: median {} ms, 9 of 10 {} ms, worst {} ms", took(50), took(90), took(100));
    let errors: Vec<f32> = cases.iter().filter_map(|case| Some((case.measured? / case.module - 1.0).abs())).collect();
    let mean = errors.iter().sum::<f32>() / errors.len().max(1) as f32;
    println!(
        "  width of a module: off by {:.0} % on average, {:.0} % at worst",
        mean * 100.0,
        errors.iter().fold(0.0_f32, |a, b| a.max(*b)) * 100.0
    );
}

/// Pictures without a licence: everything that is read in one is a mistake, or a boarding pass.
fn nothing_there(count: u64) {
    let camera = Camera::new(Setting::Normal);
    let (mut read, mut seen, mut took) = (0, 0, Vec::new());
    for seed in 0..count {
        for blank in Blank::ALL.into_iter().skip((seed % 2) as usize).step_by(2) {
            let picture = gray(&blank.photo(&camera, seed).jpeg);
            let (result, time) = timed(&picture);
            took.push(time);
            read += usize::from(result.is_ok());
            seen += usize::from(result == Err(Unread::Illegible));
        }
    }
    took.sort();
    let (median, worst) = (took[took.len() / 2].as_millis(), took[took.len() - 1].as_millis());
    println!("{} pictures without a barcode: {read} read, {seen} taken for an illegible one", took.len());
    println!("  processor time: median {median} ms, worst {worst} ms");
    let camera = camera.with_unit_pixels(3.0..=6.0);
    let passes = (0..count / 5).map(BoardingPass::invented);
    let (mut read, mut refused, mut all) = (0, 0, 0);
    for (seed, pass) in passes.enumerate() {
        let symbol = pdf417::read(&gray(&camera.photograph(&pass.page, seed as u64).jpeg));
        all += 1;
        read += usize::from(symbol.as_ref().is_ok_and(|symbol| symbol.text == pass.text));
        refused +=
            usize::from(symbol.is_ok_and(|symbol| aamva::parse(&symbol.text) == Err(aamva::NotRead::NotALicence)));
    }
    println!("{all} boarding passes: {read} read, {refused} of them refused as no licence");
}

fn gray(jpeg: &[u8]) -> Gray {
    let picture = image::load_from_memory(jpeg).expect("a JPEG").to_luma8();
    Gray::new(picture.width() as usize, picture.height() as usize, picture.into_raw()).expect("a size that fits")
}
