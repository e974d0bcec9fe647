//! Measures lists: import, loading and look-ups over a list of invented people.
//!
//! ```text
//! cargo run --release -p vetd-checks --example watchlist -- [PEOPLE] [LOOK-UPS]
//! ```
//!
//! The list is UN XML, drawn from syllables with a few very common names among them, one alias each.
//! Half of those who are looked for are on the list with a letter changed and the words turned, half are
//! not. Import and loading are processor time. Look-ups are too short for its meter: they are by the clock,
//! all done several times over, and the best time of each counts, so that other programs weigh less.

#![expect(clippy::print_stdout, reason = "a measurement prints what it measured")]
#![expect(clippy::disallowed_methods, reason = "and needs a stopwatch")]

mod meters;

use std::env;
use std::error::Error;
use std::time::{Duration, Instant};

use meters::{processor_time, status};
use vetd_checks::watchlist::import::import;
use vetd_checks::watchlist::{Birth, Hit, Person, Watchlist};
use vetd_model::Timestamp;
use vetd_specimens::Seeded;

const SYLLABLES: [&str; 32] = [
    "AL", "BA", "CHE", "DI", "EM", "FAR", "GO", "HA", "IB", "JA", "KA", "LE", "MO", "NA", "OL", "PE", "QA", "RI", "SA",
    "TO", "UL", "VA", "WE", "XI", "YU", "ZA", "SH", "NO", "MAR", "VIT", "SOV", "DIN",
];
const COMMON: [&str; 8] = ["MOHAMMED", "AHMED", "ALI", "HASSAN", "MARIA", "IVAN", "JOSE", "KIM"];

/// How many times each look-up is done.
const ROUNDS: usize = 5;

fn word(random: &mut Seeded) -> String {
    if random.chance(0.15) {
        return (*random.pick(&COMMON)).to_owned();
    }
    (0..random.whole(2, 4)).map(|_| *random.pick(&SYLLABLES)).collect()
}

fn name(random: &mut Seeded) -> Vec<String> {
    (0..random.whole(2, 4)).map(|_| word(random)).collect()
}

/// One letter changed, the last word first.
fn misspelt(name: &[String], random: &mut Seeded) -> String {
    let mut words = name.to_vec();
    words.rotate_right(1);
    let at = random.whole(0, words.len() as u32 - 1) as usize;
    if words[at].len() > 4 {
        let place = random.whole(1, words[at].len() as u32 - 1) as usize;
        words[at].replace_range(place..=place, "E");
    }
    words.join(" ")
}

/// What the process holds in memory, in kB.
fn resident() -> Option<u64> {
    status("VmRSS:")?.split_whitespace().next()?.parse().ok()
}

fn main() -> Result<(), Box<dyn Error>> {
    let mut arguments = env::args().skip(1).map(|text| text.parse::<usize>());
    let people = arguments.next().transpose()?.unwrap_or(50_000);
    let look_ups = arguments.next().transpose()?.unwrap_or(1_000);
    let mut random = Seeded::new(1, "watchlist");
    let names: Vec<Vec<String>> = (0..people).map(|_| name(&mut random)).collect();
    let mut xml = "<CONSOLIDATED_LIST dateGenerated=\"2025-11-01\"><INDIVIDUALS>".to_owned();
    for (number, words) in names.iter().enumerate() {
        let (whole, alias) = (words.join(" "), name(&mut random).join(" "));
        let year = random.whole(1930, 2005);
        xml.push_str(&format!(
            "<INDIVIDUAL><DATAID>{number}</DATAID><FIRST_NAME>{whole}</FIRST_NAME><INDIVIDUAL_ALIAS><ALIAS_NAME>{alias}\
             </ALIAS_NAME></INDIVIDUAL_ALIAS><INDIVIDUAL_DATE_OF_BIRTH><YEAR>{year}</YEAR></INDIVIDUAL_DATE_OF_BIRTH>\
             <NATIONALITY><VALUE>Iraq</VALUE></NATIONALITY></INDIVIDUAL>"
        ));
    }
    xml.push_str("</INDIVIDUALS></CONSOLIDATED_LIST>");

    let begun = processor_time();
    let imported = import(vec![xml.as_bytes()], None, None, Timestamp::from_seconds(1_763_800_000))?;
    let importing = processor_time().saturating_sub(begun);
    println!(
        "{people} people, {} names, {} MB of XML: imported in {importing:.0?}",
        imported.facts.names,
        xml.len() / 1_000_000
    );
    drop(xml);
    let before = resident();
    let begun = processor_time();
    let list = Watchlist::load(&imported.bytes)?;
    let loading = processor_time().saturating_sub(begun);
    println!("{} kB kept on the disk; loaded in {loading:.0?}", imported.bytes.len() / 1000);
    if let (Some(before), Some(after)) = (before, resident()) {
        println!("{} MB of memory", after.saturating_sub(before) / 1000);
    }

    let sought: Vec<(Option<usize>, Person)> = (0..look_ups)
        .map(|number| {
            let which = random.whole(0, people as u32 - 1) as usize;
            let listed = (number % 2 == 0).then_some(which);
            let name = match listed {
                Some(which) => misspelt(&names[which], &mut random),
                None => name(&mut random).join(" "),
            };
            (listed, Person { names: vec![name], birth: Birth::between(1970, 1970), countries: vec![*b"SE"] })
        })
        .collect();
    let (mut times, mut found, mut strangers) = (vec![Duration::MAX; look_ups], 0, 0);
    for round in 0..ROUNDS {
        for ((listed, person), time) in sought.iter().zip(&mut times) {
            let begun = Instant::now();
            let hits = list.search(person, if listed.is_some() { 0.70 } else { 0.85 });
            *time = begun.elapsed().min(*time);
            if round == 0 {
                let is_found = |hit: &Hit<'_>| Some(hit.entry) == listed.map(|which| which.to_string()).as_deref();
                found += usize::from(hits.iter().any(|hit| is_found(hit) && hit.name_score >= 0.85));
                strangers += usize::from(listed.is_none() && !hits.is_empty());
            }
        }
    }
    times.sort();
    let at = |share: usize| times.get(times.len() * share / 100).or(times.last()).copied().unwrap_or(Duration::ZERO);
    println!("look-ups: median {:.2?}, 19 of 20 {:.2?}, worst {:.2?}", at(50), at(95), at(100));
    println!(
        "listed and found: {found} of {}; strangers with a hit: {strangers} of {}",
        look_ups.div_ceil(2),
        look_ups / 2
    );
    Ok(())
}
