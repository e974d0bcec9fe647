//! The text of a licence's barcode.
#![no_main]

use libfuzzer_sys::fuzz_target;

fuzz_target!(|text: &str| {
    let _ = vetd_checks::barcode::aamva::parse(text);
});
