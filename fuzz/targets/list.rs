//! The file of a sanctions list, in whatever format it says it is: refused with a reason, or taken over
//! as a list that can be loaded, in which its people are found.
#![no_main]

use libfuzzer_sys::fuzz_target;
use vetd_checks::watchlist::import::{Format, import};
use vetd_checks::watchlist::{Person, Watchlist};
use vetd_model::Timestamp;

fuzz_target!(|input: &[u8]| {
    // The first byte chooses the format: '0' to '6' one of them, '7' none, so that the file says what it is.
    let Some((choice, file)) = input.split_first() else { return };
    let format = Format::ALL.get(usize::from(*choice) % (Format::ALL.len() + 1)).copied();
    let Ok(imported) = import(vec![file], format, None, Timestamp::from_seconds(1_763_800_000)) else { return };
    assert!(imported.facts.entries > 0);
    let list = Watchlist::load(&imported.bytes).expect("what was imported can be loaded");
    for name in ["Ivan Testov", "Al X"] {
        let person = Person { names: vec![name.to_owned()], ..Person::default() };
        assert!(list.search(&person, 0.85).iter().all(|hit| hit.score >= 0.85));
    }
});
