//! The lines of a machine-readable zone, as a reader may have misread them.
#![no_main]

use libfuzzer_sys::fuzz_target;
use vetd_checks::mrz::document::Document;
use vetd_model::date::Date;

fuzz_target!(|text: &str| {
    let lines: Vec<String> = text.lines().map(str::to_owned).collect();
    let Some(today) = Date::new(2025, 11, 22) else { return };
    if let Ok(document) = Document::parse(&lines, today) {
        let _ = document.has_expired(today);
    }
});
