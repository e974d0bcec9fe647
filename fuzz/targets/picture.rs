//! A file that a person sends: refused with a code, or decoded within the limits, turned upright and
//! read to the end.
#![no_main]

use libfuzzer_sys::fuzz_target;
use vetd_checks::picture::{MAX_PIXELS, MAX_SIDE, MIN_SIDE, Picture};
use vetd_checks::quality::Quality;

// Panics of decoders are caught, and the file is refused. Only one that is not caught is a finding here, so
// the hook with which the fuzzer ends at any panic is taken away.
fuzz_target!(init: drop(std::panic::take_hook()), |file: &[u8]| {
    let Ok(picture) = Picture::decode(file) else { return };
    let (width, height) = (picture.width(), picture.height());
    assert!(width >= MIN_SIDE && height >= MIN_SIDE && width <= MAX_SIDE && height <= MAX_SIDE);
    assert!(u64::from(width) * u64::from(height) <= MAX_PIXELS);
    if width * height < 500_000 {
        let _ = Quality::of(&picture.gray());
        assert!(Picture::decode(&picture.to_jpeg()).is_ok(), "what is kept can be read");
    }
});
