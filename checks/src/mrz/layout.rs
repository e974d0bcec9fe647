//! Where the fields of a zone are: ICAO Doc 9303 parts 4 (TD3), 5 (TD1), 6 (TD2) and 7 (visas).

use std::ops::Range;

/// The formats of machine-readable zones.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Format {
    /// Card: three lines of 30 characters (part 5).
    Td1,
    /// Larger card: two lines of 36 (part 6).
    Td2,
    /// Passport: two lines of 44 (part 4).
    Td3,
    /// Visa that fills a page: two lines of 44 (part 7).
    MrvA,
    /// Smaller visa: two lines of 36 (part 7).
    MrvB,
}

/// A place in the zone: line and column, from 0.
pub(super) type Place = (usize, usize);

/// What a place may hold.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Class {
    /// A letter or a filler.
    Letter,
    /// A digit or a filler.
    Digit,
    /// Anything of the alphabet.
    Any,
    /// `M`, `F`, a filler, or the `X` that some issuers print.
    Sex,
    /// The first letter of the document code: these alone.
    Code(&'static [u8]),
}

impl Class {
    pub(super) fn allows(self, letter: u8) -> bool {
        match self {
            Self::Letter => letter == b'<' || letter.is_ascii_uppercase(),
            Self::Digit => letter == b'<' || letter.is_ascii_digit(),
            Self::Any => true,
            Self::Sex => b"MF<X".contains(&letter),
            Self::Code(letters) => letters.contains(&letter),
        }
    }
}

/// A field with a check digit of its own.
#[derive(Debug, Clone)]
pub(super) struct Checked {
    pub(super) line: usize,
    pub(super) columns: Range<usize>,
    pub(super) digit: usize,
    /// Dates must be days of a calendar.
    pub(super) is_date: bool,
    /// A filler may stand for the digit: optional data that are empty (part 4), and document
    /// numbers that go on elsewhere (part 5).
    pub(super) may_lack_digit: bool,
}

impl Checked {
    /// All its places, the digit's among them.
    pub(super) fn places(&self) -> Vec<Place> {
        self.columns.clone().chain([self.digit]).map(|column| (self.line, column)).collect()
    }

    /// Whether the digit is right, and a date can be one.
    pub(super) fn holds(&self, lines: &[Vec<u8>]) -> bool {
        let Some(line) = lines.get(self.line) else { return false };
        let (Some(text), Some(digit)) = (line.get(self.columns.clone()), line.get(self.digit)) else { return false };
        if self.is_date && !may_be_date(text) {
            return false;
        }
        let empty = text.iter().all(|letter| *letter == b'<');
        check_digit(text.iter().copied()) == *digit
            || (*digit == b'<' && self.may_lack_digit && (empty || self.line == 0))
    }
}

/// Six digits with a month and a day that exist, or fillers where the issuer does not know.
fn may_be_date(text: &[u8]) -> bool {
    let part = |range: Range<usize>, highest: u8| match text.get(range) {
        Some([b'<', b'<']) => true,
        Some([tens, ones]) if tens.is_ascii_digit() && ones.is_ascii_digit() => {
            (1..=highest).contains(&((tens - b'0') * 10 + (ones - b'0')))
        }
        _ => false,
    };
    let year = text.get(0..2).is_some_and(|year| year == b"<<" || year.iter().all(u8::is_ascii_digit));
    year && part(2..4, 12) && part(4..6, 31)
}

/// The digit over a text: weights 7, 3, 1; letters count from 10, fillers 0 (part 3, section 4.9).
pub(super) fn check_digit(text: impl Iterator<Item = u8>) -> u8 {
    let value = |letter: u8| match letter {
        b'0'..=b'9' => u32::from(letter - b'0'),
        b'A'..=b'Z' => u32::from(letter - b'A') + 10,
        _ => 0,
    };
    let sum: u32 = text.zip([7, 3, 1].into_iter().cycle()).map(|(letter, weight)| value(letter) * weight).sum();
    b'0' + u8::try_from(sum % 10).unwrap_or(0)
}

impl Format {
    /// How many lines there are.
    #[must_use]
    pub fn lines(self) -> usize {
        if self == Self::Td1 { 3 } else { 2 }
    }

    /// How many characters a line has.
    #[must_use]
    pub fn columns(self) -> usize {
        match self {
            Self::Td1 => 30,
            Self::Td2 | Self::MrvB => 36,
            Self::Td3 | Self::MrvA => 44,
        }
    }

    /// The name that ICAO gives it: `TD1`, `TD2`, `TD3`, `MRV-A` or `MRV-B`.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Td1 => "TD1",
            Self::Td2 => "TD2",
            Self::Td3 => "TD3",
            Self::MrvA => "MRV-A",
            Self::MrvB => "MRV-B",
        }
    }

    /// The formats with lines of this length.
    pub(super) fn with_columns(columns: usize) -> &'static [Self] {
        match columns {
            30 => &[Self::Td1],
            36 => &[Self::Td2, Self::MrvB],
            44 => &[Self::Td3, Self::MrvA],
            _ => &[],
        }
    }

    pub(super) fn class(self, (line, column): Place) -> Class {
        let code: &'static [u8] = match self {
            Self::Td3 => b"P",
            Self::MrvA | Self::MrvB => b"V",
            Self::Td1 | Self::Td2 => b"IAC",
        };
        match (self, line, column) {
            (_, 0, 0) => Class::Code(code),
            (Self::Td1, 0, 1..5) | (Self::Td1, 2, _) | (Self::Td1, 1, 15..18) => Class::Letter,
            (Self::Td1, 0, 14) | (Self::Td1, 1, 0..7 | 8..15 | 29) => Class::Digit,
            (Self::Td1, 1, 7) => Class::Sex,
            (Self::Td1, _, _) => Class::Any,
            (_, 0, _) | (_, _, 10..13) => Class::Letter,
            (_, _, 20) => Class::Sex,
            (_, _, 9 | 13..=27) => Class::Digit,
            (Self::Td3, _, 42 | 43) | (Self::Td2, _, 35) => Class::Digit,
            _ => Class::Any,
        }
    }

    /// The fields with a digit of their own.
    pub(super) fn checked(self) -> Vec<Checked> {
        let field = |line, columns: Range<usize>| Checked {
            line,
            digit: columns.end,
            columns,
            is_date: false,
            may_lack_digit: false,
        };
        let date = |line, columns| Checked { is_date: true, ..field(line, columns) };
        if self == Self::Td1 {
            let number = Checked { may_lack_digit: true, ..field(0, 5..14) };
            return vec![number, date(1, 0..6), date(1, 8..14)];
        }
        let mut fields = vec![field(1, 0..9), date(1, 13..19), date(1, 21..27)];
        if self == Self::Td3 {
            fields.push(Checked { may_lack_digit: true, ..field(1, 28..42) });
        }
        fields
    }

    /// The digit over several fields, and what only this digit protects; none in visas.
    pub(super) fn composite(self) -> Option<(Place, Vec<Place>)> {
        let places = |line: usize, columns: Range<usize>| columns.map(move |column| (line, column));
        match self {
            Self::Td1 => Some(((1, 29), places(0, 15..30).chain(places(1, 18..30)).collect())),
            Self::Td2 => Some(((1, 35), places(1, 28..36).collect())),
            Self::Td3 => Some(((1, 43), vec![(1, 43)])),
            Self::MrvA | Self::MrvB => None,
        }
    }

    /// Whether the digit over several fields is right; visas have none to be wrong.
    pub(super) fn composite_holds(self, lines: &[Vec<u8>]) -> bool {
        let Some((digit, _)) = self.composite() else { return true };
        let part = |line: usize, columns: Range<usize>| {
            lines.get(line).and_then(|line| line.get(columns)).unwrap_or_default().iter().copied()
        };
        let expected = if self == Self::Td1 {
            check_digit(part(0, 5..30).chain(part(1, 0..7)).chain(part(1, 8..15)).chain(part(1, 18..29)))
        } else {
            check_digit(part(1, 0..10).chain(part(1, 13..20)).chain(part(1, 21..digit.1)))
        };
        lines.get(digit.0).and_then(|line| line.get(digit.1)) == Some(&expected)
    }

    /// Where the issuing state's and the nationality's codes begin.
    pub(super) fn states(self) -> [Place; 2] {
        if self == Self::Td1 { [(0, 2), (1, 15)] } else { [(0, 2), (1, 10)] }
    }

    /// Where the names are.
    pub(super) fn names(self) -> (usize, Range<usize>) {
        if self == Self::Td1 { (2, 0..30) } else { (0, 5..self.columns()) }
    }

    /// What no digit protects besides names and states, but must be right: document code and sex.
    pub(super) fn bare(self) -> [Place; 3] {
        if self == Self::Td1 { [(0, 0), (0, 1), (1, 7)] } else { [(0, 0), (0, 1), (1, 20)] }
    }

    /// A visa's optional data, which no digit protects.
    pub(super) fn unprotected(self) -> Vec<Place> {
        match self {
            Self::MrvA | Self::MrvB => (28..self.columns()).map(|column| (1, column)).collect(),
            _ => Vec::new(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn bytes(lines: &[&str]) -> Vec<Vec<u8>> {
        lines.iter().map(|line| line.as_bytes().to_vec()).collect()
    }

    /// The examples of parts 4, 5 and 6, and of part 7 for both visas.
    const EXAMPLES: [(Format, &[&str]); 5] = [
        (
            Format::Td3,
            &["P<UTOERIKSSON<<ANNA<MARIA<<<<<<<<<<<<<<<<<<<", "L898902C36UTO7408122F1204159ZE184226B<<<<<10"],
        ),
        (
            Format::Td1,
            &["I<UTOD231458907<<<<<<<<<<<<<<<", "7408122F1204159UTO<<<<<<<<<<<6", "ERIKSSON<<ANNA<MARIA<<<<<<<<<<"],
        ),
        (Format::Td2, &["I<UTOERIKSSON<<ANNA<MARIA<<<<<<<<<<<", "D231458907UTO7408122F1204159<<<<<<<6"]),
        (
            Format::MrvA,
            &["V<UTOERIKSSON<<ANNA<MARIA<<<<<<<<<<<<<<<<<<<", "L8988901C4XXX4009078F96121096ZE184226B<<<<<<"],
        ),
        (Format::MrvB, &["V<UTOERIKSSON<<ANNA<MARIA<<<<<<<<<<<", "L8988901C4XXX4009078F9612109<<<<<<<<"]),
    ];

    #[test]
    fn the_standards_examples_hold() {
        for (format, lines) in EXAMPLES {
            let lines = bytes(lines);
            assert_eq!(lines.len(), format.lines());
            assert!(lines.iter().all(|line| line.len() == format.columns()));
            assert!(format.checked().iter().all(|field| field.holds(&lines)), "{format:?}");
            assert!(format.composite_holds(&lines), "{format:?}");
            for (row, line) in lines.iter().enumerate() {
                for (column, letter) in line.iter().enumerate() {
                    assert!(format.class((row, column)).allows(*letter), "{format:?} {row} {column}");
                }
            }
        }
    }

    #[test]
    fn a_date_is_a_day() {
        for (text, right) in [
            ("740812", true),
            ("7408<<", true),
            ("<<<<<<", true),
            ("741312", false),
            ("740800", false),
            ("7A0812", false),
        ] {
            assert_eq!(may_be_date(text.as_bytes()), right, "{text}");
        }
    }

    #[test]
    fn lines_that_are_missing_do_not_hold() {
        for (format, _) in EXAMPLES {
            assert!(!format.checked().iter().any(|field| field.holds(&[])));
        }
    }
}
