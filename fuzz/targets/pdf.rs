//! A PDF that a person sends as a document: refused with a code, or one page of it drawn within the limits.
#![no_main]

use libfuzzer_sys::fuzz_target;
use vetd_checks::picture::{MAX_SIDE, MIN_SIDE};
use vetd_model::media::MediaKind;

// vetd draws in a process that the system ends when it takes too much, so neither time nor memory is a
// finding here, and panics are caught there. What is left to find is a page beyond the limits.
fuzz_target!(init: drop(std::panic::take_hook()), |file: &[u8]| {
    for kind in [MediaKind::DocumentFront, MediaKind::DocumentBack] {
        let Ok(picture) = vetd_checks::pdf::draw(file.to_vec(), kind) else { continue };
        let (width, height) = (picture.width(), picture.height());
        assert!(width >= MIN_SIDE && height >= MIN_SIDE && width <= MAX_SIDE && height <= MAX_SIDE);
    }
});
