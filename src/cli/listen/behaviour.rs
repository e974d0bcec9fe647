//! What the receiver does wrong on purpose, so that a sender's retries can be watched.

use std::time::Duration;

use axum::http::StatusCode;
use parking_lot::Mutex;

/// The longest that an answer can be held back.
const LONGEST: Duration = Duration::from_secs(3600);

/// What is done to a delivery instead of taking it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Mishap {
    /// It is answered with this status.
    Status(StatusCode),
    /// The connection is closed without an answer.
    HangUp,
}

/// A mishap, and how many of the first deliveries meet it; `None` is all.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Plan {
    /// What happens.
    pub mishap: Mishap,
    /// How often.
    pub times: Option<u64>,
}

/// How deliveries are treated.
#[derive(Debug, Default)]
pub struct Behaviour {
    /// How long each answer is held back.
    pub delay: Duration,
    plan: Mutex<Option<Plan>>,
}

impl Behaviour {
    /// Answers are held back for `delay`, and the first deliveries meet what is planned.
    pub fn new(delay: Option<Duration>, plan: Option<Plan>) -> Self {
        Self { delay: delay.unwrap_or_default(), plan: Mutex::new(plan) }
    }

    /// What the next delivery meets, if anything; counts it.
    pub fn next(&self) -> Option<Mishap> {
        let mut plan = self.plan.lock();
        let Plan { mishap, times } = plan.as_mut()?;
        let Some(left) = times else { return Some(*mishap) };
        *left = left.checked_sub(1)?;
        Some(*mishap)
    }
}

/// Reads `STATUS` or `STATUS:COUNT`.
pub fn parse_failing(text: &str) -> Result<Plan, String> {
    let (status, times) = match text.split_once(':') {
        Some((status, times)) => (status, Some(times)),
        None => (text, None),
    };
    let status = status.parse::<u16>().ok().filter(|status| (300..=599).contains(status));
    let status = status.and_then(|status| StatusCode::from_u16(status).ok());
    let times = times
        .map(|times| times.parse().ok().filter(|times| *times > 0))
        .map_or(Ok(None), |times| times.map(Some).ok_or_else(|| "COUNT is a number from 1".to_owned()))?;
    let status = status.ok_or("give a status from 300 to 599, such as 503 or 503:2")?;
    Ok(Plan { mishap: Mishap::Status(status), times })
}

/// Reads a number and `ms`, `s` or `m`.
pub fn parse_duration(text: &str) -> Result<Duration, String> {
    let (number, unit) = text.split_at(text.find(|letter: char| !letter.is_ascii_digit()).unwrap_or(text.len()));
    let milliseconds = match unit {
        "ms" => Some(1),
        "s" => Some(1000),
        "m" => Some(60_000),
        _ => None,
    };
    let total = number.parse().ok().zip(milliseconds).and_then(|(number, unit): (u64, u64)| number.checked_mul(unit));
    let duration = total.map(Duration::from_millis).filter(|duration| *duration <= LONGEST);
    duration.ok_or_else(|| "give a time of up to an hour, such as 500ms, 12s or 2m".to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn failures_are_a_status_and_how_often() {
        let failing = |status, times| Plan { mishap: Mishap::Status(StatusCode::from_u16(status).unwrap()), times };
        assert_eq!(parse_failing("503"), Ok(failing(503, None)));
        assert_eq!(parse_failing("410:1"), Ok(failing(410, Some(1))));
        assert_eq!(parse_failing("300:18446744073709551615"), Ok(failing(300, Some(u64::MAX))));
        for wrong in ["", "200", "299", "600", "503:", "503:0", "503:-1", "503:1:1", ":1", "x", "65536", " 503"] {
            assert!(parse_failing(wrong).is_err(), "{wrong}");
        }
    }

    #[test]
    fn times_have_a_unit_and_end_after_an_hour() {
        for (text, milliseconds) in [("500ms", 500), ("12s", 12_000), ("2m", 120_000), ("0s", 0), ("60m", 3_600_000)] {
            assert_eq!(parse_duration(text), Ok(Duration::from_millis(milliseconds)), "{text}");
        }
        for wrong in
            ["", "12", "s", "1.5s", "-1s", "61m", "12 s", "12h", "99999999999999999999s", "307445734561825861m"]
        {
            assert!(parse_duration(wrong).is_err(), "{wrong}");
        }
    }

    #[test]
    fn the_first_deliveries_fail_or_all_of_them() {
        let hang_up = |times| Behaviour::new(None, Some(Plan { mishap: Mishap::HangUp, times }));
        let twice = hang_up(Some(2));
        assert_eq!([(); 4].map(|()| twice.next()), [Some(Mishap::HangUp), Some(Mishap::HangUp), None, None]);
        let always = hang_up(None);
        assert_eq!([(); 3].map(|()| always.next()), [Some(Mishap::HangUp); 3]);
        assert_eq!(Behaviour::default().next(), None);
    }
}
