//! Measures the reader of machine-readable zones over specimen photos:
//!
//! ```text
//! cargo run --release -p vetd-checks --example measure -- [PICTURES A SET] [SET …]
//! ```
//!
//! Sets: `normal`, `hard`, `turned`, `faulty` (a wrong check digit each) and `none` (no zone at
//! all); without a name, all of them. "Right" means accepted with every letter of the zone right;
//! `fields` counts those accepted with every parsed value right. With `SHOW` in the environment,
//! what was not right is printed, with `SLOW` what took more than half a second. Times are of one core; the processor's time leaves out what
//! other programs took.

#![expect(clippy::print_stdout, reason = "a measurement prints what it measured")]
#![expect(clippy::disallowed_methods, reason = "and needs a stopwatch")]

mod meters;

use std::env;
use std::error::Error;
use std::time::{Duration, Instant};

use meters::{processor_time, status};
use vetd_checks::mrz::document::Document;
use vetd_checks::mrz::{MrzReader, MrzReading};
use vetd_checks::picture::Picture;
use vetd_checks::quality::Quality;
use vetd_model::date::Date;
use vetd_specimens::{Blank, Camera, Format, Person, Seeded, Setting, Specimen, Turn, WrongDigit};

/// What became of the pictures of a set.
#[derive(Default)]
struct Tally {
    pictures: usize,
    right: usize,
    fields: usize,
    wrong: usize,
    guessed: usize,
    nothing: usize,
    read_but_judged: usize,
    decoding: Vec<Duration>,
    reading: Vec<Duration>,
    processor: Vec<Duration>,
}

/// A picture and its zone's lines, if it has one.
struct Picked {
    name: String,
    jpeg: Vec<u8>,
    lines: Vec<String>,
}

fn main() -> Result<(), Box<dyn Error>> {
    let mut arguments: Vec<String> = env::args().skip(1).collect();
    let count = arguments.first().and_then(|count| count.parse().ok());
    if count.is_some() {
        arguments.remove(0);
    }
    let all = ["normal", "hard", "turned", "faulty", "none"];
    let reader = MrzReader::new()?;
    for set in all.into_iter().filter(|set| arguments.is_empty() || arguments.iter().any(|named| named == set)) {
        let mut tally = Tally::default();
        for seed in 0..count.unwrap_or(200) {
            let picked = pick(set, seed);
            tally.take(&reader, set, &picked)?;
        }
        tally.print(set);
    }
    println!("peak memory {} (specimens are drawn in this process, too)", status("VmHWM:").unwrap_or_default());
    Ok(())
}

/// The picture of a set with this number.
fn pick(set: &str, seed: u64) -> Picked {
    // Tuning looked at other seeds than these.
    let seed = seed + offset();
    let mut random = Seeded::new(seed, "measure");
    let person = Person::invented(seed);
    let mut camera = Camera::new(if set == "hard" { Setting::Hard } else { Setting::Normal });
    if set == "turned" {
        camera = camera.turned(Turn::ALL[1 + (seed % 3) as usize]);
    }
    if set == "none" {
        let name = format!("{set}-{seed}");
        if random.chance(0.15) {
            return Picked {
                name,
                jpeg: Specimen::card_front(&person).photo_with(&camera, seed).jpeg,
                lines: Vec::new(),
            };
        }
        let blank = Blank::ALL[(seed % 6) as usize];
        return Picked { name: format!("{name}-{blank:?}"), jpeg: blank.photo(&camera, seed).jpeg, lines: Vec::new() };
    }
    use Format::{MrvA, MrvB, Td1, Td2, Td3};
    let format = [Td3, Td1, Td2, MrvA, MrvB, Td3, Td1, Td3][(seed % 8) as usize];
    let code = match format {
        Td3 => *random.pick(&["P", "P", "P", "PD", "PS", "PO"]),
        Td1 | Td2 => *random.pick(&["I", "ID", "AC", "C", "IR"]),
        MrvA | MrvB => *random.pick(&["V", "VC", "VB"]),
    };
    let specimen = if set == "faulty" {
        Specimen::with_wrong_digit(
            format,
            &person,
            *random.pick(&[WrongDigit::Number, WrongDigit::Birth, WrongDigit::Expiry]),
        )
    } else {
        Specimen::with_code(format, code, &person)
    };
    let photo = specimen.photo_with(&camera, seed);
    let name = format!("{set}-{seed}-{format:?}-{:.0}px", photo.pixels_per_character);
    Picked { name, jpeg: photo.jpeg, lines: photo.truth.lines }
}

/// `SEED` in the environment moves all seeds.
fn offset() -> u64 {
    env::var("SEED").ok().and_then(|seed| seed.parse().ok()).unwrap_or(10_000)
}

impl Tally {
    fn take(&mut self, reader: &MrzReader, set: &str, picked: &Picked) -> Result<(), Box<dyn Error>> {
        let start = Instant::now();
        let picture = Picture::decode(&picked.jpeg)?;
        let gray = picture.gray();
        self.decoding.push(start.elapsed());
        let (start, processor) = (Instant::now(), processor_time());
        let reading = reader.read(&gray);
        self.reading.push(start.elapsed());
        self.processor.push(processor_time().saturating_sub(processor));
        self.pictures += 1;
        let today = Date::new(2025, 11, 22).ok_or("no such day")?;
        let parsed = |lines: &[String]| Document::parse(lines, today).ok();
        let accepted = |reading: &MrzReading| {
            reading.proven && parsed(&reading.lines).is_some_and(|document| document.digits.all_hold())
        };
        let note = match &reading {
            None => {
                self.nothing += 1;
                "nothing"
            }
            Some(reading) if !accepted(reading) => {
                self.guessed += 1;
                "guessed"
            }
            Some(reading)
                if set == "faulty" || picked.lines.is_empty() || parsed(&reading.lines) != parsed(&picked.lines) =>
            {
                self.wrong += 1;
                "WRONG"
            }
            Some(reading) => {
                self.fields += 1;
                self.right += usize::from(reading.lines == picked.lines);
                let verdict = Quality::of(&gray).judge();
                self.read_but_judged += usize::from(verdict.is_some());
                if verdict.is_some() { "judged" } else { "" }
            }
        };
        if env::var_os("SLOW").is_some() && self.processor.last().is_some_and(|time| time.as_millis() > 500) {
            println!("{:?} of the processor for {}", self.processor.last(), picked.name);
        }
        if env::var_os("SHOW").is_some()
            && !matches!((set, note), (_, "") | ("none", "nothing") | ("faulty", "guessed"))
        {
            let quality = Quality::of(&gray);
            let wall = self.reading.last().map_or(0, Duration::as_millis);
            println!(
                "{note} {} {wall} ms {:.0}/{:.2}/{:.0} {:?}",
                picked.name, quality.sharpness, quality.glare, quality.brightness, reading
            );
            let lines = reading.map(|reading| reading.lines).unwrap_or_default();
            for (index, line) in picked.lines.iter().enumerate() {
                println!("    {line}\n    {}", lines.get(index).map_or("", String::as_str));
            }
        }
        Ok(())
    }

    fn print(&mut self, set: &str) {
        println!(
            "{set}: {} pictures, {} accepted with every field right ({} with every letter), {} accepted WRONG, \
             {} guessed, {} nothing; {} accepted that the quality check refuses",
            self.pictures, self.fields, self.right, self.wrong, self.guessed, self.nothing, self.read_but_judged
        );
        for (what, times) in [
            ("decoding", &mut self.decoding),
            ("reading", &mut self.reading),
            ("reading, processor", &mut self.processor),
        ] {
            times.sort();
            let at = |share: usize| times.get((times.len() * share / 100).min(times.len().saturating_sub(1)));
            let milliseconds = |share| at(share).map_or(0, Duration::as_millis);
            println!(
                "    {what}: median {} ms, 95 % {} ms, worst {} ms",
                milliseconds(50),
                milliseconds(95),
                milliseconds(100)
            );
        }
    }
}
