//! The file of a sanctions list, in whatever format it says it is: refused with a reason, or taken over
//! as a list that can be loaded.
#![no_main]

use libfuzzer_sys::fuzz_target;
use vetd_checks::watchlist::import::{Format, import};
use vetd_model::Timestamp;

fuzz_target!(|input: (u8, &[u8])| {
    let (choice, file) = input;
    // Without a format the file says what it is.
    let format = Format::ALL.get(usize::from(choice) % (Format::ALL.len() + 1)).copied();
    if let Ok(imported) = import(vec![file], format, None, Timestamp::from_seconds(1_763_800_000)) {
        assert!(imported.facts.entries > 0);
    }
});
