//! `age`: whether the person has reached an age on the day the checks run, in UTC.

use vetd_model::check::Finding;
use vetd_model::date::Date;

use crate::Evidence;
use crate::document::Document;

/// The field that holds the date of birth.
const FIELD: &str = "date_of_birth";
/// The age that is asked for where the template names none.
pub(crate) const DEFAULT_YEARS: u8 = 18;
/// Nobody on record has lived longer than 122 years.
const OLDEST: u16 = 130;

/// Codes: `under_age`, `date_of_birth_in_future`, `date_of_birth_implausible` (failed);
/// `date_of_birth_missing` (needs review).
pub(crate) fn run(evidence: &Evidence<'_>, document: Option<&Document>, min_age: u8) -> Finding {
    // What the document says counts more than what was typed.
    let of_chip = evidence.authentic_zone().and_then(|zone| zone.birth_date);
    let read = of_chip.or_else(|| document.and_then(Document::birth));
    let born = read.or_else(|| evidence.typed(FIELD).and_then(Date::parse));
    let (Some(born), Some(today)) = (born, evidence.today()) else {
        return Finding::needs_review("date_of_birth_missing", "There is no date of birth to tell the age from.");
    };
    if born > today {
        return Finding::failed("date_of_birth_in_future", "The date of birth lies in the future.");
    }
    let age = born.whole_years_until(today);
    if age > OLDEST {
        return Finding::failed("date_of_birth_implausible", "The date of birth is too long ago.");
    }
    if age < u16::from(min_age) {
        return Finding::failed("under_age", "The person has not reached the required age.");
    }
    Finding::passed()
}

#[cfg(test)]
mod tests {
    use vetd_model::check::{CheckKind, CheckStatus};

    use crate::tests::check_typed;

    fn code(born: &str) -> Option<String> {
        check_typed(CheckKind::Age, &[("date_of_birth", born)]).code.map(Into::into)
    }

    #[test]
    fn eighteen_is_reached_on_the_birthday() {
        assert_eq!(code("2007-11-22"), None);
        assert_eq!(code("2007-11-23").as_deref(), Some("under_age"));
    }

    #[test]
    fn impossible_births_fail() {
        assert_eq!(code("2025-11-23").as_deref(), Some("date_of_birth_in_future"));
        assert_eq!(code("1894-11-21").as_deref(), Some("date_of_birth_implausible"));
    }

    #[test]
    fn without_a_date_a_person_must_look() {
        let finding = check_typed(CheckKind::Age, &[("first_name", "ANNA")]);
        assert_eq!(finding.status, CheckStatus::NeedsReview);
        assert_eq!(finding.code.as_deref(), Some("date_of_birth_missing"));
    }
}
