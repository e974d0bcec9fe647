//! When somebody on a list was born: a day, a year, or some years. Lists write it in many ways.

use vetd_model::date::Date;

/// The years that can be meant.
const YEARS: std::ops::RangeInclusive<u16> = 1850..=2100;
const MONTHS: [&str; 12] = ["jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec"];

/// When somebody may have been born.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Birth {
    /// The earliest year.
    pub from: u16,
    /// The latest year.
    pub to: u16,
    /// The day, if it is known.
    pub day: Option<Date>,
}

impl Birth {
    /// On this day.
    #[must_use]
    pub fn on(day: Date) -> Option<Self> {
        Self::between(day.year(), day.year()).map(|years| Self { day: Some(day), ..years })
    }

    /// In these years, both included; `None` if they are no years.
    #[must_use]
    pub fn between(from: u16, to: u16) -> Option<Self> {
        (YEARS.contains(&from) && YEARS.contains(&to) && from <= to).then_some(Self { from, to, day: None })
    }

    /// Reads what a list says: `1968-01-31`, `31/01/1968`, `31 Jan 1968`, `Jan 1968`, `circa 1968`,
    /// `1968 to 1970`. Parts that are not known may be zeros. A year that is not sure counts with
    /// those beside it.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        let text = text.trim();
        if let Some(day) = text.get(..10).and_then(Date::parse) {
            return Self::on(day);
        }
        let words: Vec<&str> =
            text.split(|letter: char| !letter.is_alphanumeric()).filter(|word| !word.is_empty()).collect();
        let years: Vec<u16> = words.iter().filter_map(|word| year(word)).collect();
        let (first, last) = (*years.iter().min()?, *years.iter().max()?);
        if let ([_], Some(day)) = (years.as_slice(), day(&words, first)) {
            return Self::on(day);
        }
        let circa = words
            .iter()
            .any(|word| ["circa", "approximately", "approx", "ca", "c"].contains(&word.to_ascii_lowercase().as_str()));
        let slack = u16::from(circa);
        Self::between(first.saturating_sub(slack), last + slack)
    }
}

fn year(word: &str) -> Option<u16> {
    (word.len() == 4).then(|| word.parse().ok()).flatten().filter(|year| YEARS.contains(year))
}

/// Day and month beside a year: `31 01`, `31 Jan` or `01 31` where only that can be.
fn day(words: &[&str], year: u16) -> Option<Date> {
    let number = |word: &&str| (word.len() <= 2).then(|| word.parse::<u8>().ok()).flatten();
    let numbers: Vec<u8> = words.iter().filter_map(number).collect();
    let named = words.iter().find_map(|word| {
        let short = word.get(..3)?.to_ascii_lowercase();
        MONTHS.iter().position(|month| *month == short)
    });
    match (named, numbers.as_slice()) {
        (Some(month), [day]) => Date::new(year, u8::try_from(month + 1).ok()?, *day),
        // A year that comes first is followed by the month.
        (None, [month, day]) if words.first().is_some_and(|word| word.len() == 4) => Date::new(year, *month, *day),
        (None, [day, month]) => Date::new(year, *month, *day),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn days_and_years_are_read_as_lists_write_them() {
        let day = |year, month, day| Birth::on(Date::new(year, month, day).unwrap());
        for (text, expected) in [
            ("1968-01-31", day(1968, 1, 31)),
            ("1968-01-31T00:00:00", day(1968, 1, 31)),
            ("31/01/1968", day(1968, 1, 31)),
            ("31 Jan 1968", day(1968, 1, 31)),
            ("Jan 1968", Birth::between(1968, 1968)),
            ("00/00/1968", Birth::between(1968, 1968)),
            ("1968-00-00", Birth::between(1968, 1968)),
            ("1968", Birth::between(1968, 1968)),
            ("circa 1968", Birth::between(1967, 1969)),
            ("1968 to 1970", Birth::between(1968, 1970)),
            ("Between 1968 and 1970", Birth::between(1968, 1970)),
            ("", None),
            ("unknown", None),
            ("31/02", None),
            ("0000-00-00", None),
        ] {
            assert_eq!(Birth::parse(text), expected, "{text}");
        }
    }
}
