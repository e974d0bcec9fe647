//! Days of the Gregorian calendar, without a clock.

use std::fmt;

use crate::time::Timestamp;

/// A day of the proleptic Gregorian calendar, ordered by time.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Date {
    year: u16,
    month: u8,
    day: u8,
}

impl Date {
    /// The day with this number in this month of this year (1 to 9999), if there is one.
    #[must_use]
    pub fn new(year: u16, month: u8, day: u8) -> Option<Self> {
        let leap = year.is_multiple_of(4) && (!year.is_multiple_of(100) || year.is_multiple_of(400));
        let days = match month {
            2 => 28 + u8::from(leap),
            4 | 6 | 9 | 11 => 30,
            1..=12 => 31,
            _ => return None,
        };
        (1..=9999).contains(&year).then_some(())?;
        (1..=days).contains(&day).then_some(Self { year, month, day })
    }

    /// Reads `YYYY-MM-DD` (ISO 8601), nothing else.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        let bytes = text.as_bytes();
        let shaped = bytes.len() == 10 && bytes[4] == b'-' && bytes[7] == b'-';
        let digits = |range: std::ops::Range<usize>| {
            let part = text.get(range)?;
            part.bytes().all(|byte| byte.is_ascii_digit()).then(|| part.parse::<u16>().ok())?
        };
        shaped.then_some(())?;
        Self::new(digits(0..4)?, u8::try_from(digits(5..7)?).ok()?, u8::try_from(digits(8..10)?).ok()?)
    }

    /// The day it is at `at` in UTC.
    ///
    /// Counts civil days from 1 March of year 0, where leap days are last in their year.
    #[must_use]
    pub fn of(at: Timestamp) -> Option<Self> {
        let days = at.day() + 719_468;
        let (era, day_of_era) = (days / 146_097, days % 146_097);
        let year_of_era = (day_of_era - day_of_era / 1460 + day_of_era / 36_524 - day_of_era / 146_096) / 365;
        let day_of_year = day_of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
        let march_month = (5 * day_of_year + 2) / 153;
        let day = day_of_year - (153 * march_month + 2) / 5 + 1;
        let month = if march_month < 10 { march_month + 3 } else { march_month - 9 };
        let year = year_of_era + era * 400 + u64::from(month <= 2);
        Self::new(u16::try_from(year).ok()?, u8::try_from(month).ok()?, u8::try_from(day).ok()?)
    }

    /// The year, 1 to 9999.
    #[must_use]
    pub const fn year(self) -> u16 {
        self.year
    }

    /// The month, 1 to 12.
    #[must_use]
    pub const fn month(self) -> u8 {
        self.month
    }

    /// The day of the month, 1 to 31.
    #[must_use]
    pub const fn day(self) -> u8 {
        self.day
    }

    /// Days from this day to `later`; none if it comes before.
    #[must_use]
    pub fn days_until(self, later: Self) -> u32 {
        later.number().saturating_sub(self.number())
    }

    /// How many days lie between 1 March of year 0 and this day: the reverse of [`Self::of`].
    fn number(self) -> u32 {
        let month = u32::from(self.month);
        let year = u32::from(self.year) - u32::from(month <= 2);
        let march_month = (month + 9) % 12;
        365 * year + year / 4 - year / 100 + year / 400 + (153 * march_month + 2) / 5 + u32::from(self.day) - 1
    }

    /// Whole years from this day to `today`; negative days count as none. Who was born on
    /// 29 February has a birthday on 1 March of other years.
    #[must_use]
    pub fn whole_years_until(self, today: Self) -> u16 {
        let had_birthday = (today.month, today.day) >= (self.month, self.day);
        today.year.saturating_sub(self.year).saturating_sub(u16::from(!had_birthday))
    }
}

/// `YYYY-MM-DD` (ISO 8601).
impl fmt::Display for Date {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:04}-{:02}-{:02}", self.year, self.month, self.day)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_calendar_has_no_day_it_does_not_have() {
        assert!(Date::parse("2024-02-29").is_some());
        for wrong in [
            "2023-02-29",
            "2024-13-01",
            "2024-00-10",
            "2024-04-31",
            "24-04-01",
            "2024-4-01",
            "2024-04-0é",
            "+024-04-01",
        ] {
            assert_eq!(Date::parse(wrong), None, "{wrong}");
        }
    }

    #[test]
    fn seconds_become_days() {
        assert_eq!(Date::of(Timestamp::from_seconds(0)), Date::new(1970, 1, 1));
        assert_eq!(Date::of(Timestamp::from_seconds(951_782_400)), Date::new(2000, 2, 29));
        assert_eq!(Date::of(Timestamp::from_seconds(951_868_799)), Date::new(2000, 2, 29));
        assert_eq!(Date::of(Timestamp::from_seconds(1_763_800_000)), Date::new(2025, 11, 22));
    }

    #[test]
    fn days_are_counted_over_months_and_leap_years() {
        let day = |text| Date::parse(text).unwrap();
        for (from, to, days) in [
            ("2024-02-28", "2024-03-01", 2),
            ("2023-02-28", "2023-03-01", 1),
            ("1900-01-01", "2000-01-01", 36_524),
            ("2025-11-22", "2025-11-22", 0),
            ("2025-11-22", "2025-11-21", 0),
        ] {
            assert_eq!(day(from).days_until(day(to)), days, "{from} {to}");
        }
    }

    #[test]
    fn a_birthday_counts_from_its_day() {
        let born = Date::new(2007, 11, 22).unwrap();
        assert_eq!(born.whole_years_until(Date::new(2025, 11, 21).unwrap()), 17);
        assert_eq!(born.whole_years_until(Date::new(2025, 11, 22).unwrap()), 18);
        let leap = Date::new(2008, 2, 29).unwrap();
        assert_eq!(leap.whole_years_until(Date::new(2026, 2, 28).unwrap()), 17);
        assert_eq!(leap.whole_years_until(Date::new(2026, 3, 1).unwrap()), 18);
    }
}
