//! The data in the barcode of a North American driving licence or identification card.
//!
//! Follows the *AAMVA DL/ID Card Design Standard* (2020), Annex D "Mandatory PDF417 Bar Code", and
//! its predecessors back to version 1 of 2000: D.12.3 the header, D.12.4 the subfile designators,
//! D.12.5 the data elements. Real cards stray from it, so the parser is lenient about all that does
//! not change what a value means: separators, offsets, empty elements, letters in front of the
//! header. It never guesses a value: what cannot be read is `None`.
//!
//! Nothing in this data is signed and there is no check digit: anybody can print it. It is a source
//! to compare with, never a proof.

use std::collections::BTreeMap;
use std::ops::Range;

use vetd_model::date::Date;

use super::issuers::{self, Issuer};

/// The most bytes that are looked at. The largest PDF417 holds 1,850 letters (ISO/IEC 15438).
pub const LONGEST: usize = 3_000;

/// "The file type that identifies the file as an AAMVA compliant format" (D.12.3), and the one of
/// version 1.
const FILE_TYPES: [&str; 2] = ["ANSI", "AAMVA"];

/// What issuers write where they have nothing to write (D.12.5).
const EMPTY: [&str; 4] = ["NONE", "UNAVL", "UNAV", "N/A"];

/// Why no licence could be read from a barcode's text.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum NotRead {
    /// The barcode is intact, but something else: a boarding pass, a parcel label.
    #[error("The barcode is not that of a North American driving licence or identification card.")]
    NotALicence,
    /// It begins as a licence does, and what makes it one is missing or contradicts itself.
    #[error("The barcode is that of a driving licence, but its data is damaged.")]
    Damaged,
}

impl NotRead {
    /// The stable code: `barcode_not_a_licence` or `barcode_damaged`.
    #[must_use]
    pub fn code(self) -> &'static str {
        match self {
            Self::NotALicence => "barcode_not_a_licence",
            Self::Damaged => "barcode_damaged",
        }
    }
}

/// Sex as the card states it, element `DBC` (D.12.5.1; the codes are those of ANSI D-20).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Sex {
    /// `1` or `M`.
    Male,
    /// `2` or `F`.
    Female,
    /// `9` or `X`: not specified.
    NotSpecified,
}

/// Whether the issuer cut a name to fit its field, elements `DDE`, `DDF` and `DDG`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Truncation {
    /// `T`.
    Truncated,
    /// `N`.
    Whole,
    /// `U`: the issuer does not know.
    Unknown,
}

/// Which of the two kinds of card, by its subfile designator (D.12.4).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum CardKind {
    /// `DL`.
    DriverLicence,
    /// `ID`.
    IdentificationCard,
}

/// What a licence's barcode says. An element that is absent, empty, or not in the form that the
/// standard asks for, is `None`.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Licence {
    /// Licence or identification card; `None` where no subfile of either is declared.
    pub kind: Option<CardKind>,
    /// Issuer identification number, six digits (D.12.3).
    pub issuer_number: Option<String>,
    /// Who has this number.
    pub issuer: Option<Issuer>,
    /// Version of the standard, 1 to 63 (D.12.3).
    pub version: Option<u8>,
    /// `DCS`, in version 1 `DAB` or the first part of `DAA`: the family name.
    pub last_name: Option<String>,
    /// `DAC` or, in versions 2 and 3, the first part of `DCT`: the first name.
    pub first_name: Option<String>,
    /// `DAD`, or what follows in `DCT`: middle names, parted by one space.
    pub middle_names: Option<String>,
    /// `DDE`: whether the family name was cut.
    pub last_name_truncated: Option<Truncation>,
    /// `DDF`: whether the first name was cut.
    pub first_name_truncated: Option<Truncation>,
    /// `DDG`: whether the middle names were cut.
    pub middle_names_truncated: Option<Truncation>,
    /// `DBB`: date of birth.
    pub date_of_birth: Option<Date>,
    /// `DBA`: the day on which the card expires.
    pub expires: Option<Date>,
    /// `DBD`: the day on which the card was issued.
    pub issued: Option<Date>,
    /// `DAQ`: the customer's number, which is the number of the licence.
    pub number: Option<String>,
    /// `DCF`: document discriminator, unique to this card among all of the person's cards.
    pub discriminator: Option<String>,
    /// `DCG`: the country that issued it, `USA` or `CAN`.
    pub country: Option<String>,
    /// `DBC`: sex.
    pub sex: Option<Sex>,
    /// `DAG`: street.
    pub street: Option<String>,
    /// `DAI`: city.
    pub city: Option<String>,
    /// `DAJ`: state or province of the address, two letters.
    pub state: Option<String>,
    /// `DAK`: postal code, without the zeros and blanks that fill it to its length.
    pub postal_code: Option<String>,
}

/// Reads a licence from the text of a barcode.
///
/// # Errors
///
/// [`NotRead::NotALicence`] where the text has no AAMVA header; [`NotRead::Damaged`] where it has one
/// and number, family name or date of birth, which every version demands, cannot be read behind it.
pub fn parse(text: &str) -> Result<Licence, NotRead> {
    let header = header(within(text, LONGEST)).ok_or(NotRead::NotALicence)?;
    let elements = elements(header.body);
    let get = |name: &str| elements.get(name).copied();
    let own = |name: &str| get(name).map(tidy).filter(|value| !value.is_empty());
    let day = |name: &str| date(get(name)?);
    let names = Names::of(&own);
    let licence = Licence {
        kind: kind(header.body),
        issuer_number: header.issuer_number.map(str::to_owned),
        issuer: header.issuer_number.and_then(issuers::of),
        version: header.version,
        last_name: names.last,
        first_name: names.first,
        middle_names: names.middle,
        last_name_truncated: get("DDE").and_then(truncation),
        first_name_truncated: get("DDF").and_then(truncation),
        middle_names_truncated: get("DDG").and_then(truncation),
        date_of_birth: day("DBB"),
        expires: day("DBA"),
        issued: day("DBD"),
        number: own("DAQ"),
        discriminator: own("DCF"),
        country: own("DCG").filter(|country| country == "USA" || country == "CAN"),
        sex: get("DBC").and_then(sex),
        street: own("DAG"),
        city: own("DAI"),
        state: own("DAJ").filter(|state| state.len() == 2),
        postal_code: own("DAK").map(|code| postal_code(&code)),
    };
    let whole = licence.number.is_some() && licence.last_name.is_some() && licence.date_of_birth.is_some();
    if whole { Ok(licence) } else { Err(NotRead::Damaged) }
}

/// The head of the text, and what is behind it.
struct Header<'a> {
    issuer_number: Option<&'a str>,
    version: Option<u8>,
    /// From the issuer's number on.
    body: &'a str,
}

/// Finds the header: compliance indicator `@`, three separators, file type, issuer, version and the
/// number of subfiles (D.12.3). Scanners swallow the indicator and the separators; then the issuer's
/// number must stand behind the file type, because a passenger may be called ANSINK.
fn header(text: &str) -> Option<Header<'_>> {
    // The file type stands within the first letters; further back it is somebody's street.
    let opening = within(text, 24);
    let (at, file_type) = FILE_TYPES.iter().find_map(|kind| opening.find(kind).map(|at| (at, kind)))?;
    let body = text.get(at + file_type.len()..)?.trim_start();
    let digits = |range: Range<usize>| body.get(range).filter(|part| part.bytes().all(|byte| byte.is_ascii_digit()));
    let issuer_number = digits(0..6);
    let version = issuer_number.and_then(|_| digits(6..8)).and_then(|part| part.parse().ok());
    let compliant = opening.get(..at).is_some_and(|before| before.contains('@'));
    (compliant || issuer_number.is_some()).then_some(Header { issuer_number, version, body })
}

/// The kind of card: the designator that comes first in the header, with its offset and length
/// behind it, or that opens a subfile (D.12.4).
fn kind(body: &str) -> Option<CardKind> {
    let head = within(body, 60);
    let place = |designator: &str| {
        head.match_indices(designator).map(|(at, _)| at).find(|at| {
            let behind = head.get(at + 2..).unwrap_or_default();
            behind.len() > 3 && behind.bytes().take(4).all(|byte| byte.is_ascii_digit()) || is_element(behind)
        })
    };
    match (place("DL"), place("ID")) {
        (Some(licence), Some(card)) if card < licence => Some(CardKind::IdentificationCard),
        (Some(_), _) => Some(CardKind::DriverLicence),
        (None, Some(_)) => Some(CardKind::IdentificationCard),
        (None, None) => None,
    }
}

/// The data elements by their identifiers of three letters, one element a line (D.12.5).
///
/// Offsets in subfile designators are wrong on many cards, so lines are what counts. Where an
/// identifier comes twice, the first one that holds something counts.
fn elements(body: &str) -> BTreeMap<&str, &str> {
    let mut found = BTreeMap::new();
    for (at, line) in body.split(['\n', '\r', '\u{1c}', '\u{1d}', '\u{1e}']).enumerate() {
        let Some(line) = element(line.trim(), at == 0) else { continue };
        if let (Some(name), Some(value)) = (line.get(..3), line.get(3..))
            && !value.is_empty()
        {
            found.entry(name).or_insert(value.trim());
        }
    }
    found
}

/// The data element in a line: all of it, or what stands behind a subfile's designator, which opens
/// the line or, in the first one, stands at the end of the header.
fn element(line: &str, first: bool) -> Option<&str> {
    if is_element(line) {
        return Some(line);
    }
    let behind = |at: usize| line.get(at + 2..).filter(|rest| is_element(rest));
    let designators = line.match_indices("DL").chain(line.match_indices("ID"));
    let places = designators.map(|(at, _)| at).filter(|at| first || *at == 0);
    places.filter(|at| behind(*at).is_some()).min().and_then(behind)
}

/// Whether the text begins with an identifier between `DAA` and `DDZ`: D, one of A to D, a letter.
fn is_element(text: &str) -> bool {
    matches!(text.as_bytes(), [b'D', b'A'..=b'D', b'A'..=b'Z', ..])
}

/// A value without what fills it up, and without the words that stand for nothing.
fn tidy(value: &str) -> String {
    let value = value.split_whitespace().collect::<Vec<_>>().join(" ");
    if EMPTY.contains(&value.to_ascii_uppercase().as_str()) { String::new() } else { value }
}

/// The names, from whichever of the elements of all versions are there.
struct Names {
    last: Option<String>,
    first: Option<String>,
    middle: Option<String>,
}

impl Names {
    /// `DAA` of version 1 holds `LAST,FIRST,MIDDLE`; `DCT` of versions 2 and 3 `FIRST,MIDDLE` or,
    /// on some cards, parted by blanks.
    fn of(own: &dyn Fn(&str) -> Option<String>) -> Self {
        let parts = |name: &str, parted_by: &[char]| -> Vec<String> {
            let value = own(name).unwrap_or_default();
            value.split(parted_by).map(tidy).filter(|part| !part.is_empty()).collect()
        };
        let full = parts("DAA", &[',', '$', '@']);
        let given = parts("DCT", &[',', ' ']);
        let rest = |parts: &[String], from: usize| {
            parts.get(from..).map(|parts| parts.join(" ")).filter(|joined| !joined.is_empty())
        };
        Self {
            last: own("DCS").or_else(|| own("DAB")).or_else(|| full.first().cloned()),
            first: own("DAC").or_else(|| given.first().cloned()).or_else(|| full.get(1).cloned()),
            middle: own("DAD")
                .map(|names| tidy(&names.replace(',', " ")))
                .or_else(|| rest(&given, 1))
                .or_else(|| rest(&full, 2)),
        }
    }
}

/// A date of eight digits: `MMDDCCYY` in the United States, `CCYYMMDD` in Canada (D.12.5.1) and, in
/// version 1, everywhere. The digits tell which, whatever the card says of its country: no month is
/// 18 to 21, and no century is 01 to 12.
fn date(value: &str) -> Option<Date> {
    let digits: String = value.chars().filter(|letter| !matches!(letter, '-' | '/' | ' ')).collect();
    if digits.len() != 8 || !digits.bytes().all(|byte| byte.is_ascii_digit()) {
        return None;
    }
    let number = |range: Range<usize>| digits.get(range)?.parse::<u16>().ok();
    let day = |year: Range<usize>, month: Range<usize>, day: Range<usize>| {
        let year = number(year).filter(|year| (1800..=2199).contains(year))?;
        Date::new(year, u8::try_from(number(month)?).ok()?, u8::try_from(number(day)?).ok()?)
    };
    day(4..8, 0..2, 2..4).or_else(|| day(0..4, 4..6, 6..8))
}

fn sex(value: &str) -> Option<Sex> {
    match value {
        "1" | "M" => Some(Sex::Male),
        "2" | "F" => Some(Sex::Female),
        "9" | "X" => Some(Sex::NotSpecified),
        _ => None,
    }
}

fn truncation(value: &str) -> Option<Truncation> {
    match value {
        "T" => Some(Truncation::Truncated),
        "N" => Some(Truncation::Whole),
        "U" => Some(Truncation::Unknown),
        _ => None,
    }
}

/// `DAK` has eleven letters; a ZIP code without its second part is filled up with zeros (D.12.5.1).
fn postal_code(code: &str) -> String {
    let nine_digits = code.len() == 9 && code.bytes().all(|byte| byte.is_ascii_digit());
    match code.get(..5) {
        Some(short) if nine_digits && code.ends_with("0000") => short.to_owned(),
        _ => code.to_owned(),
    }
}

/// At most the first `bytes` bytes of the text, cut between letters.
fn within(text: &str, bytes: usize) -> &str {
    let end = (0..=bytes.min(text.len())).rev().find(|end| text.is_char_boundary(*end)).unwrap_or(0);
    text.get(..end).unwrap_or_default()
}

#[cfg(test)]
mod tests;
