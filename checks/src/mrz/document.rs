//! What the lines of a zone say: parsed values, by the `mrz` crate's rules and ICAO Doc 9303.

use ::mrz::{Checks, MrzData, Sex as ZoneSex};
use vetd_model::date::Date;

use super::Format;

/// A document is valid for ten years; nothing that expires so many years from today is a date of
/// this century.
const LONGEST_VALIDITY: u16 = 50;

/// What a zone says about a document and its holder.
///
/// Check digits protect the document number and both dates. Nothing protects issuer, nationality,
/// sex and names: they are read, not proven.
#[derive(Clone, PartialEq, Eq)]
pub struct Document {
    /// The zone's format.
    pub format: Format,
    /// The document code as printed, without filler: `P`, `PD`, `ID`, `V` …
    pub code: String,
    /// The issuing state or organisation: three letters (ISO 3166-1 alpha-3 or ICAO's own; `DEU`
    /// where the zone says `D`).
    pub issuer: String,
    /// The holder's nationality, likewise.
    pub nationality: String,
    /// The document number, in full where it goes on in the optional data.
    pub number: String,
    /// The primary identifier: family names in the letters `A` to `Z` and spaces. Cut where the
    /// zone has no more room.
    pub surname: String,
    /// The secondary identifier: given names, likewise; may be empty.
    pub given_names: String,
    /// The date of birth, unless the zone leaves parts of it open.
    pub birth_date: Option<Date>,
    /// The last day on which the document is valid, unless the zone leaves it open.
    pub expiry_date: Option<Date>,
    /// The holder's sex.
    pub sex: Sex,
    /// The first field of optional data, without filler at its end; may be empty. Always empty for
    /// visas: no check digit tells whether theirs were read right.
    pub optional_data: String,
    /// Which check digits are right.
    pub digits: CheckDigits,
}

/// Shows no value: zones are people's data.
impl std::fmt::Debug for Document {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Document").field("format", &self.format).field("digits", &self.digits).finish_non_exhaustive()
    }
}

/// What a zone says of the holder's sex.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Sex {
    /// `F`.
    Female,
    /// `M`.
    Male,
    /// A filler, or the `X` that some issuers print.
    Unspecified,
}

impl Sex {
    /// `F`, `M` or `X`.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Female => "F",
            Self::Male => "M",
            Self::Unspecified => "X",
        }
    }
}

/// Check digits that are right; none where the format has none.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct CheckDigits {
    /// Of the document number.
    pub number: Option<bool>,
    /// Of the date of birth.
    pub birth_date: Option<bool>,
    /// Of the date of expiry.
    pub expiry_date: Option<bool>,
    /// Of a passport's optional data.
    pub optional_data: Option<bool>,
    /// Over several fields together.
    pub composite: Option<bool>,
}

impl CheckDigits {
    fn of(checks: &Checks) -> Self {
        Self {
            number: checks.document_number,
            birth_date: checks.date_of_birth,
            expiry_date: checks.date_of_expiry,
            optional_data: checks.personal_number,
            composite: checks.composite,
        }
    }

    /// Whether every digit that the format has is right.
    #[must_use]
    pub fn all_hold(self) -> bool {
        let all = [self.number, self.birth_date, self.expiry_date, self.optional_data, self.composite];
        all.into_iter().all(|digit| digit != Some(false))
    }
}

/// Lines that are no zone.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("these lines are no machine-readable zone of ICAO Doc 9303")]
pub struct NotAZone;

impl Document {
    /// Parses the lines of a zone as they stand, without repairing anything. `today` decides
    /// between centuries.
    ///
    /// # Errors
    ///
    /// If number and length of lines, their letters or the document code are those of no format. A
    /// wrong check digit is no error: see [`CheckDigits`].
    pub fn parse(lines: &[String], today: Date) -> Result<Self, NotAZone> {
        let lines: Vec<&str> = lines.iter().map(String::as_str).collect();
        if lines.iter().any(|line| !line.is_ascii()) {
            return Err(NotAZone);
        }
        let is_visa = lines.first().is_some_and(|line| line.starts_with('V'));
        let length = lines.first().map_or(0, |line| line.len());
        let (format, data) = match (lines.as_slice(), length, is_visa) {
            ([one, two, three], 30, _) => (Format::Td1, ::mrz::parse_td1(one, two, three)),
            ([one, two], 36, false) => (Format::Td2, ::mrz::parse_td2(one, two)),
            ([one, two], 36, true) => (Format::MrvB, ::mrz::parse_mrv_b(one, two)),
            ([one, two], 44, false) => (Format::Td3, ::mrz::parse_td3(one, two)),
            ([one, two], 44, true) => (Format::MrvA, ::mrz::parse_mrv_a(one, two)),
            _ => return Err(NotAZone),
        };
        let data = data.map_err(|_| NotAZone)?;
        Ok(Self::of(format, &lines, &data, today))
    }

    fn of(format: Format, lines: &[&str], data: &MrzData, today: Date) -> Self {
        let (birth, expiry) = if format == Format::Td1 { (0..6, 8..14) } else { (13..19, 21..27) };
        let six = |columns: std::ops::Range<usize>| lines.get(1).and_then(|line| line.get(columns)).unwrap_or_default();
        Self {
            format,
            code: data.document_type.clone(),
            issuer: state(&data.issuing_country),
            nationality: state(&data.nationality),
            number: data.full_document_number().to_owned(),
            surname: data.surname.clone(),
            given_names: data.given_names.clone(),
            birth_date: birth_date(six(birth), today),
            expiry_date: expiry_date(six(expiry), today),
            sex: match data.sex {
                ZoneSex::Female => Sex::Female,
                ZoneSex::Male => Sex::Male,
                _ => Sex::Unspecified,
            },
            optional_data: match format {
                Format::MrvA | Format::MrvB => String::new(),
                _ => data.optional_data_1.clone().unwrap_or_default(),
            },
            digits: CheckDigits::of(&data.checks),
        }
    }

    /// Whether the document has expired on `today`; not if the zone does not say when it does.
    #[must_use]
    pub fn has_expired(&self, today: Date) -> bool {
        self.expiry_date.is_some_and(|expiry| expiry < today)
    }
}

/// Three letters; Germany's zones say `D`.
fn state(code: &str) -> String {
    if code == "D" { "DEU".to_owned() } else { code.to_owned() }
}

/// Two digits of a year, month and day, in the centuries given, the first that makes a date and
/// passes.
fn date(six: &str, centuries: [u16; 2], passes: impl Fn(Date) -> bool) -> Option<Date> {
    let part = |columns: std::ops::Range<usize>| {
        let digits = six.get(columns)?;
        digits.bytes().all(|digit| digit.is_ascii_digit()).then(|| digits.parse::<u8>().ok())?
    };
    let (year, month, day) = (part(0..2)?, part(2..4)?, part(4..6)?);
    let dates = centuries.into_iter().filter_map(|century| Date::new(century + u16::from(year), month, day));
    dates.into_iter().find(|date| passes(*date))
}

/// Nobody is born in the future: the latest century that is not. Of somebody older than a hundred
/// years the zone cannot tell.
fn birth_date(six: &str, today: Date) -> Option<Date> {
    date(six, [2000, 1900], |date| date <= today)
}

/// The date within fifty years of today, before or after; this century's if there is none.
fn expiry_date(six: &str, today: Date) -> Option<Date> {
    let near = |date: Date| {
        date.whole_years_until(today) < LONGEST_VALIDITY && today.whole_years_until(date) < LONGEST_VALIDITY
    };
    date(six, [2000, 1900], near).or_else(|| date(six, [2000, 1900], |_| true))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn day(text: &str) -> Date {
        Date::parse(text).unwrap()
    }

    fn parse(lines: &[&str]) -> Result<Document, NotAZone> {
        let lines: Vec<String> = lines.iter().map(|line| (*line).to_owned()).collect();
        Document::parse(&lines, day("2025-11-22"))
    }

    #[test]
    fn the_standards_passport_is_understood() {
        let lines = ["P<UTOERIKSSON<<ANNA<MARIA<<<<<<<<<<<<<<<<<<<", "L898902C36UTO7408122F1204159ZE184226B<<<<<10"];
        let document = parse(&lines).unwrap();
        assert_eq!((document.code.as_str(), document.format), ("P", Format::Td3));
        assert_eq!((document.issuer.as_str(), document.nationality.as_str()), ("UTO", "UTO"));
        assert_eq!((document.surname.as_str(), document.given_names.as_str()), ("ERIKSSON", "ANNA MARIA"));
        assert_eq!((document.number.as_str(), document.optional_data.as_str()), ("L898902C3", "ZE184226B"));
        assert_eq!(document.birth_date, Some(day("1974-08-12")));
        assert_eq!(document.expiry_date, Some(day("2012-04-15")));
        assert!(document.sex == Sex::Female && document.digits.all_hold());
        assert!(document.has_expired(day("2012-04-16")) && !document.has_expired(day("2012-04-15")));
    }

    #[test]
    fn cards_and_visas_are_understood() {
        let card =
            ["I<UTOD231458907<<<<<<<<<<<<<<<", "7408122F1204159UTO<<<<<<<<<<<6", "ERIKSSON<<ANNA<MARIA<<<<<<<<<<"];
        assert_eq!(parse(&card).unwrap().format, Format::Td1);
        let card = ["I<UTOERIKSSON<<ANNA<MARIA<<<<<<<<<<<", "D231458907UTO7408122F1204159<<<<<<<6"];
        assert_eq!(parse(&card).unwrap().format, Format::Td2);
        let visa = ["V<UTOERIKSSON<<ANNA<MARIA<<<<<<<<<<<", "L8988901C4XXX4009078F9612109<<<<<<<<"];
        let document = parse(&visa).unwrap();
        assert_eq!((document.format, document.digits.composite), (Format::MrvB, None));
        assert_eq!(document.nationality, "XXX");
        let visa = ["VCD<<ERIKSSON<<ANNA<MARIA<<<<<<<<<<<<<<<<<<<", "L8988901C4XXX4009078F96121096ZE184226B<<<<<<"];
        assert_eq!(parse(&visa).unwrap().issuer, "DEU");
    }

    #[test]
    fn a_wrong_digit_is_told() {
        let lines = ["P<UTOERIKSSON<<ANNA<MARIA<<<<<<<<<<<<<<<<<<<", "L898902C36UTO7408132F1204159ZE184226B<<<<<10"];
        let digits = parse(&lines).unwrap().digits;
        assert_eq!((digits.number, digits.birth_date, digits.composite), (Some(true), Some(false), Some(false)));
        assert!(!digits.all_hold());
    }

    #[test]
    fn centuries_follow_from_today() {
        let today = day("2025-11-22");
        assert_eq!(birth_date("251122", today), Some(today));
        assert_eq!(birth_date("251123", today), Some(day("1925-11-23")));
        assert_eq!(birth_date("000229", today), Some(day("2000-02-29")));
        assert_eq!(birth_date("74<<<<", today), None);
        assert_eq!(expiry_date("350101", today), Some(day("2035-01-01")));
        assert_eq!(expiry_date("981231", today), Some(day("1998-12-31")));
        assert_eq!(expiry_date("740101", today), Some(day("2074-01-01")));
        assert_eq!(expiry_date("991332", today), None);
    }

    #[test]
    fn what_is_no_zone_is_refused() {
        for lines in [&[][..], &["P<UTO"], &["É<UTOERIKSSON<<ANNA<MARIA<<<<<<<<<<<<<<<<<<", "x"], &["<", "<", "<"]] {
            assert_eq!(parse(lines), Err(NotAZone));
        }
    }
}
