//! The types that settings have, and how each is read from text.

use std::fmt;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::time::Duration;

use tracing_subscriber::EnvFilter;
use url::Url;
use vetd_model::address::{self, Ranges};
use vetd_model::rate::Rate;
use zeroize::Zeroizing;

use super::setting::Shape;

/// The type of a setting. Ranges of numbers are checked before, by the table's entry.
pub trait Value: Sized {
    /// How it is written down.
    const SHAPE: Shape;
    /// All that it can be, if that is few.
    const CHOICES: &'static [&'static str] = &[];

    /// Reads it.
    ///
    /// # Errors
    /// What to give instead, as the rest of a sentence.
    fn parse(text: &str) -> Result<Self, String>;

    /// What it is without a value, if it can be without.
    fn absent() -> Option<Self> {
        None
    }
}

impl<V: Value> Value for Option<V> {
    const SHAPE: Shape = V::SHAPE;
    const CHOICES: &'static [&'static str] = V::CHOICES;

    fn parse(text: &str) -> Result<Self, String> {
        V::parse(text).map(Some)
    }

    fn absent() -> Option<Self> {
        Some(None)
    }
}

/// Whole numbers of several sizes.
macro_rules! numbers {
    ($($number:ty),*) => { $(
        impl Value for $number {
            const SHAPE: Shape = Shape::Number;

            fn parse(text: &str) -> Result<Self, String> {
                text.parse().map_err(|_| "give a whole number".to_owned())
            }
        }
    )* };
}
numbers!(u32, u64, usize, i64);

impl Value for bool {
    const SHAPE: Shape = Shape::Switch;
    const CHOICES: &'static [&'static str] = &["true", "false"];

    fn parse(text: &str) -> Result<Self, String> {
        text.parse().map_err(|_| "give true or false".to_owned())
    }
}

/// A number of seconds.
impl Value for Duration {
    const SHAPE: Shape = Shape::Number;

    fn parse(text: &str) -> Result<Self, String> {
        u64::parse(text).map(Self::from_secs)
    }
}

/// A number of days.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Days(u32);

impl Days {
    /// The time that they take.
    #[must_use]
    pub const fn duration(self) -> Duration {
        Duration::from_secs(self.0 as u64 * 24 * 3600)
    }
}

impl Value for Days {
    const SHAPE: Shape = Shape::Number;

    fn parse(text: &str) -> Result<Self, String> {
        u32::parse(text).map(Self)
    }
}

impl Value for Rate {
    const SHAPE: Shape = Shape::Text;

    fn parse(text: &str) -> Result<Self, String> {
        text.parse().map_err(|_| "give a number and a second, a minute or an hour: 50/s, 600/m or 1000/h".to_owned())
    }
}

impl Value for Ranges {
    const SHAPE: Shape = Shape::List;

    fn parse(text: &str) -> Result<Self, String> {
        text.parse()
    }

    fn absent() -> Option<Self> {
        Some(Self::default())
    }
}

/// A size in so many bytes each.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Size<const UNIT: u64>(u64);

/// A size in KiB.
pub type Kibibytes = Size<1024>;
/// A size in MiB.
pub type Mebibytes = Size<{ 1024 * 1024 }>;

impl<const UNIT: u64> Size<UNIT> {
    /// The size in bytes.
    #[must_use]
    pub const fn bytes(self) -> u64 {
        self.0.saturating_mul(UNIT)
    }

    /// The size in bytes, as far as this machine can count them.
    #[must_use]
    pub fn in_memory(self) -> usize {
        usize::try_from(self.bytes()).unwrap_or(usize::MAX)
    }
}

impl<const UNIT: u64> Value for Size<UNIT> {
    const SHAPE: Shape = Shape::Number;

    fn parse(text: &str) -> Result<Self, String> {
        u64::parse(text).map(Self)
    }
}

impl Value for String {
    const SHAPE: Shape = Shape::Text;

    fn parse(text: &str) -> Result<Self, String> {
        Ok(text.to_owned())
    }
}

impl Value for PathBuf {
    const SHAPE: Shape = Shape::Path;

    fn parse(text: &str) -> Result<Self, String> {
        if text.is_empty() { Err("give the name of a file or folder".to_owned()) } else { Ok(Self::from(text)) }
    }
}

/// An IP address and a port; `localhost` is 127.0.0.1.
impl Value for SocketAddr {
    const SHAPE: Shape = Shape::Text;

    fn parse(text: &str) -> Result<Self, String> {
        let text = text.strip_prefix("localhost:").map_or_else(|| text.to_owned(), |port| format!("127.0.0.1:{port}"));
        text.parse().map_err(|_| "give an IP address and a port, such as 127.0.0.1:8080".to_owned())
    }
}

/// The base of links: an address without query and fragment, and without a slash at its end.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PublicUrl(String);

impl PublicUrl {
    /// The address.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// True if it leads nowhere but to the machine it is opened on.
    #[must_use]
    pub fn is_loopback(&self) -> bool {
        address::leads_to_loopback(&self.0)
    }
}

impl Value for PublicUrl {
    const SHAPE: Shape = Shape::Text;

    fn parse(text: &str) -> Result<Self, String> {
        let advice = "give the address that browsers use, such as https://verify.example.com";
        base_url(text).map(Self).map_err(|why| format!("{why}; {advice}"))
    }
}

/// The base address of an OpenTelemetry collector, without a slash at its end.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CollectorUrl(String);

impl CollectorUrl {
    /// The address.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl Value for CollectorUrl {
    const SHAPE: Shape = Shape::Text;

    fn parse(text: &str) -> Result<Self, String> {
        let advice = "give the collector's address for OTLP over HTTP, such as http://127.0.0.1:4318";
        base_url(text).map(Self).map_err(|why| format!("{why}; {advice}"))
    }
}

/// An address that others are made from by adding to it.
fn base_url(text: &str) -> Result<String, String> {
    let url = Url::parse(text).map_err(|error| format!("that is not an address ({error})"))?;
    if !matches!(url.scheme(), "http" | "https") || url.host_str().is_none() {
        return Err("it must begin with http:// or https://".to_owned());
    }
    if url.query().is_some() || url.fragment().is_some() || !url.username().is_empty() || url.password().is_some() {
        return Err("it must not have a query, a fragment, a user name or a password".to_owned());
    }
    Ok(url.as_str().trim_end_matches('/').to_owned())
}

/// A share of something, 0 to 1.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Share(f64);

impl Share {
    /// The share.
    #[must_use]
    pub const fn get(self) -> f64 {
        self.0
    }
}

impl Value for Share {
    const SHAPE: Shape = Shape::Text;

    fn parse(text: &str) -> Result<Self, String> {
        let share = text.parse().ok().filter(|share| (0.0..=1.0).contains(share));
        share.map(Self).ok_or_else(|| "give a number from 0 to 1, such as 0.1".to_owned())
    }
}

/// What is logged: a level, or levels by module.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LogFilter(String);

impl LogFilter {
    /// As the subscriber takes it.
    #[must_use]
    pub fn filter(&self) -> EnvFilter {
        EnvFilter::new(&self.0)
    }
}

impl Value for LogFilter {
    const SHAPE: Shape = Shape::Text;

    fn parse(text: &str) -> Result<Self, String> {
        match EnvFilter::try_new(text) {
            Ok(_) => Ok(Self(text.to_owned())),
            Err(error) => Err(format!("it cannot be read ({error}); examples: info, debug, info,vetd=debug")),
        }
    }
}

/// How log lines look.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum LogFormat {
    /// For people.
    Text,
    /// One JSON object a line.
    Json,
}

impl Value for LogFormat {
    const SHAPE: Shape = Shape::Text;
    const CHOICES: &'static [&'static str] = &["text", "json"];

    fn parse(text: &str) -> Result<Self, String> {
        Ok(if text == "json" { Self::Json } else { Self::Text })
    }
}

/// Who can try the demo.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum DemoChoice {
    /// Who is on this machine, where nobody else reaches the server.
    Auto,
    /// Everyone.
    On,
    /// Nobody.
    Off,
}

impl Value for DemoChoice {
    const SHAPE: Shape = Shape::Text;
    const CHOICES: &'static [&'static str] = &["auto", "on", "off"];

    fn parse(text: &str) -> Result<Self, String> {
        Ok(match text {
            "on" => Self::On,
            "off" => Self::Off,
            _ => Self::Auto,
        })
    }
}

/// A text that is never shown and leaves no copy behind.
#[derive(Clone)]
pub struct Secret(Zeroizing<String>);

impl Secret {
    /// Its text.
    #[must_use]
    pub fn reveal(&self) -> &Zeroizing<String> {
        &self.0
    }
}

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Secret")
    }
}

impl Value for Secret {
    const SHAPE: Shape = Shape::Secret;

    fn parse(text: &str) -> Result<Self, String> {
        Ok(Self(Zeroizing::new(text.trim().to_owned())))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn localhost_is_an_address() {
        assert_eq!(SocketAddr::parse("localhost:8080").unwrap(), "127.0.0.1:8080".parse().unwrap());
        assert!(SocketAddr::parse("8080").is_err());
    }

    #[test]
    fn links_begin_with_an_address_that_browsers_use() {
        assert_eq!(PublicUrl::parse("https://id.example.com/kyc/").unwrap().as_str(), "https://id.example.com/kyc");
        for wrong in ["ftp://x", "id.example.com", "https://u:p@x", "https://x/?a=b", "https://x/#a"] {
            assert!(PublicUrl::parse(wrong).is_err(), "{wrong}");
        }
    }

    #[test]
    fn a_filter_is_read_before_it_is_used() {
        assert!(LogFilter::parse("info,vetd=debug").is_ok());
        assert!(LogFilter::parse("vetd=loud").unwrap_err().contains("examples"));
    }

    #[test]
    fn sizes_count_in_their_unit() {
        assert_eq!(Kibibytes::parse("512").unwrap().bytes(), 512 * 1024);
        assert_eq!(Mebibytes::parse("64").unwrap().bytes(), 64 << 20);
    }

    #[test]
    fn a_secret_does_not_show_itself() {
        assert_eq!(format!("{:?}", Secret::parse("hidden").unwrap()), "Secret");
    }
}
