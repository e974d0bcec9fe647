//! Two names of any letters at all: comparing them is symmetric in whether they are the same.
#![no_main]

use libfuzzer_sys::fuzz_target;
use vetd_checks::names::{Names, compare};

fuzz_target!(|names: (&str, &str, &str, &str)| {
    let (last, given, other_last, other_given) = names;
    let _ = compare(Names::whole(last, given), Names::of_zone(other_last, other_given, 39));
    let _ = compare(Names::whole(other_last, other_given), Names::whole(last, given));
});
