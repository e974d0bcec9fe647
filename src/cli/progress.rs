//! How far something is that takes long, on standard error, where a terminal reads it.

use indicatif::{HumanBytes, ProgressBar, ProgressDrawTarget, ProgressStyle};

/// How often it is drawn anew, in a second.
const RATE: u8 = 10;

/// A bar, or nothing where nobody would see one.
pub(super) struct Progress(ProgressBar);

impl Progress {
    /// Of so many bytes.
    pub(super) fn of(what: &'static str, bytes: u64, quiet: bool) -> Self {
        Self::new(Some(bytes), "{msg} [{bar:30}] {bytes} of {total_bytes}, {bytes_per_sec}", what, quiet)
    }

    /// Of nobody knows how many bytes.
    pub(super) fn open_ended(what: &'static str, quiet: bool) -> Self {
        Self::new(None, "{spinner} {msg} {bytes}, {bytes_per_sec}", what, quiet)
    }

    fn new(length: Option<u64>, template: &str, what: &'static str, quiet: bool) -> Self {
        // Without a terminal indicatif draws nothing by itself.
        let target = if quiet { ProgressDrawTarget::hidden() } else { ProgressDrawTarget::stderr_with_hz(RATE) };
        let style = ProgressStyle::with_template(template).unwrap_or_else(|_| ProgressStyle::default_bar());
        Self(ProgressBar::with_draw_target(length, target).with_style(style).with_message(what))
    }

    /// It has come to so many bytes.
    pub(super) fn is_at(&self, bytes: u64) {
        self.0.set_position(bytes);
    }

    /// It is done, and leaves no line.
    pub(super) fn end(self) {
        self.0.finish_and_clear();
    }
}

/// A number of bytes as people read it.
pub(super) fn size(bytes: u64) -> String {
    HumanBytes(bytes).to_string()
}
