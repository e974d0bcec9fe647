//! What the program says to the person or the script that started it. Logs go elsewhere.

use std::io::{self, Write};

use crate::failure::Failure;

/// Writes text and a line end to standard output, at once.
///
/// # Errors
/// If standard output is closed or full.
pub fn say(text: &str) -> Result<(), Failure> {
    let mut out = io::stdout().lock();
    let written = out.write_all(text.as_bytes()).and_then(|()| out.write_all(b"\n")).and_then(|()| out.flush());
    written.map_err(|error| Failure::other(format!("cannot write to standard output: {error}")))
}

/// Writes text and a line end to standard error. If that is closed, there is nobody to tell.
pub fn complain(text: &str) {
    let mut err = io::stderr().lock();
    let _ = err.write_all(format!("{text}\n").as_bytes()).and_then(|()| err.flush());
}

/// The text on one line and without characters that a terminal would act on.
#[must_use]
pub fn harmless(text: &str) -> String {
    text.chars().map(|letter| if letter.is_control() { '?' } else { letter }).collect()
}

#[cfg(test)]
mod tests {
    use super::harmless;

    #[test]
    fn nothing_reaches_the_terminal_that_it_would_act_on() {
        assert_eq!(harmless("a\u{1b}[2J\nb"), "a?[2J?b");
    }
}
