//! stub of names
/// How two names stand to each other.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Match {
    /// Same.
    Same,
    /// Similar.
    Similar(u16),
    /// Different.
    Different,
    /// Unsure.
    Unsure,
}
/// Compares.
#[must_use]
pub fn compare(a: &str, b: &str) -> Match {
    let plain = |text: &str| text.to_uppercase();
    if plain(a) == plain(b) { Match::Same } else { Match::Different }
}
