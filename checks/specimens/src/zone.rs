//! The machine-readable zone as ICAO Doc 9303 parts 3 to 7 lay it out.
//!
//! Written independently of the reader's own rules, so that one can be held against the other.

use vetd_model::date::Date;

use crate::people::Person;

/// The formats of zones.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Format {
    /// Passport booklet: two lines of 44 (part 4).
    Td3,
    /// Card: three lines of 30 (part 5).
    Td1,
    /// Larger card or page: two lines of 36 (part 6).
    Td2,
    /// Visa that fills a page: two lines of 44 (part 7).
    MrvA,
    /// Smaller visa: two lines of 36 (part 7).
    MrvB,
}

impl Format {
    /// All of them.
    pub const ALL: [Self; 5] = [Self::Td3, Self::Td1, Self::Td2, Self::MrvA, Self::MrvB];

    /// Characters in a line.
    #[must_use]
    pub fn columns(self) -> usize {
        match self {
            Self::Td3 | Self::MrvA => 44,
            Self::Td1 => 30,
            Self::Td2 | Self::MrvB => 36,
        }
    }

    /// The usual document code in the first two places.
    #[must_use]
    pub fn code(self) -> &'static str {
        match self {
            Self::Td3 => "P",
            Self::Td1 => "ID",
            Self::Td2 => "I",
            Self::MrvA | Self::MrvB => "V",
        }
    }
}

/// A check digit that is printed wrong.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum WrongDigit {
    /// The one after the document number.
    Number,
    /// The one after the date of birth.
    Birth,
    /// The one after the date of expiry.
    Expiry,
    /// The last one over several fields; visas have none.
    Composite,
}

/// The digit of part 3, section 4.9: weights 7, 3, 1; letters count from 10, fillers 0.
#[must_use]
pub fn check_digit(text: &str) -> char {
    let sum: u32 = text
        .chars()
        .zip([7, 3, 1].into_iter().cycle())
        .map(|(letter, weight)| letter.to_digit(36).unwrap_or(0) * weight)
        .sum();
    char::from_digit(sum % 10, 10).unwrap_or('0')
}

/// The lines for this person's document. `code` takes the first one or two places.
#[must_use]
pub fn lines(format: Format, code: &str, person: &Person, wrong: Option<WrongDigit>) -> Vec<String> {
    let digit = |field: WrongDigit, text: &str| {
        let right = check_digit(text);
        if wrong == Some(field) { check_digit(&format!("1{right}")) } else { right }
    };
    let digit = |field, text: &str| {
        let printed = digit(field, text);
        let right = check_digit(text);
        // A rule that happened to give the right digit would be no fault.
        if wrong == Some(field) && printed == right { if right == '9' { '0' } else { '9' } } else { printed }
    };
    let (code, issuer) = (fill(code, 2), fill(&person.issuer, 3));
    let (number, nationality) = (fill(&person.number, 9), fill(&person.nationality, 3));
    let number = format!("{number}{}", digit(WrongDigit::Number, &number));
    let (birth, expiry) = (six(person.born), six(person.expires));
    let birth = format!("{birth}{}", digit(WrongDigit::Birth, &birth));
    let expiry = format!("{expiry}{}", digit(WrongDigit::Expiry, &expiry));
    let sex = person.sex;
    let columns = format.columns();
    let name = |room: usize| {
        let text = format!("{}<<{}", person.surname.replace(' ', "<"), person.given_names.replace(' ', "<"));
        fill(&text, room)
    };
    let first = format!("{code}{issuer}{}", name(columns - 5));
    let head = format!("{number}{nationality}{birth}{sex}{expiry}");
    match format {
        Format::Td1 => {
            let first = format!("{code}{issuer}{number}{}", fill(&person.optional, 15));
            let second = format!("{birth}{sex}{expiry}{nationality}{}", fill("", 11));
            let all = format!("{}{birth}{expiry}{}", &first[5..30], &second[18..29]);
            vec![first, format!("{second}{}", digit(WrongDigit::Composite, &all)), name(30)]
        }
        Format::Td3 => {
            let optional = fill(&person.optional, 14);
            let optional_digit = if person.optional.is_empty() { '<' } else { check_digit(&optional) };
            let all = format!("{number}{birth}{expiry}{optional}{optional_digit}");
            vec![first, format!("{head}{optional}{optional_digit}{}", digit(WrongDigit::Composite, &all))]
        }
        Format::Td2 => {
            let optional = fill(&person.optional, 7);
            let all = format!("{number}{birth}{expiry}{optional}");
            vec![first, format!("{head}{optional}{}", digit(WrongDigit::Composite, &all))]
        }
        Format::MrvA | Format::MrvB => vec![first, format!("{head}{}", fill(&person.optional, columns - 28))],
    }
}

/// `text` in so many places, filled up or cut.
fn fill(text: &str, room: usize) -> String {
    text.chars().chain(std::iter::repeat('<')).take(room).collect()
}

/// A day as `YYMMDD`.
fn six(day: Date) -> String {
    day.to_string().replace('-', "").split_off(2)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The example of ICAO Doc 9303 part 4, appendix A.
    #[test]
    fn the_standards_own_passport_comes_out() {
        let person = Person {
            surname: "ERIKSSON".into(),
            given_names: "ANNA MARIA".into(),
            issuer: "UTO".into(),
            nationality: "UTO".into(),
            number: "L898902C3".into(),
            born: Date::new(1974, 8, 12).unwrap(),
            sex: 'F',
            issued: Date::new(2007, 4, 16).unwrap(),
            expires: Date::new(2012, 4, 15).unwrap(),
            optional: "ZE184226B".into(),
        };
        assert_eq!(
            lines(Format::Td3, "P", &person, None),
            ["P<UTOERIKSSON<<ANNA<MARIA<<<<<<<<<<<<<<<<<<<", "L898902C36UTO7408122F1204159ZE184226B<<<<<10"]
        );
        let card = Person { number: "D23145890".into(), optional: String::new(), ..person };
        assert_eq!(
            lines(Format::Td1, "I", &card, None),
            ["I<UTOD231458907<<<<<<<<<<<<<<<", "7408122F1204159UTO<<<<<<<<<<<6", "ERIKSSON<<ANNA<MARIA<<<<<<<<<<"]
        );
        let lines = lines(Format::Td3, "P", &card, Some(WrongDigit::Birth));
        assert_ne!(lines[1].as_bytes()[19], b'2');
    }
}
