//! Two names of any letters at all, in lines of family and given names: however they are compared, no panic.
#![no_main]

use libfuzzer_sys::fuzz_target;
use vetd_checks::names::{Names, compare};

fuzz_target!(|text: &str| {
    let mut lines = text.split('\n');
    let mut line = || lines.next().unwrap_or_default();
    let (last, given, other_last, other_given) = (line(), line(), line(), line());
    let _ = compare(Names::whole(last, given), Names::of_zone(other_last, other_given, 39));
    let _ = compare(Names::whole(other_last, other_given), Names::whole(last, given));
});
