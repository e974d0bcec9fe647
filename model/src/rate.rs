//! Rate limits: so many calls in a span of time, refilled evenly (the generic cell rate
//! algorithm). All that is kept of a caller is the time at which its allowance is full again.

use std::fmt;
use std::str::FromStr;
use std::time::Duration;

use crate::time::Timestamp;

/// The most calls that a rate may allow in its span.
const COUNT_LIMIT: u32 = 1_000_000;

/// The spans a rate may have: their letter, and their length in seconds.
const SPANS: [(&str, u64); 3] = [("s", 1), ("m", 60), ("h", 3600)];

/// How often something may be done, written `50/s`, `600/m` or `1000/h`: so many times at once,
/// and then as often as the span gives it back, evenly. `600/m` and `10/s` last equally long,
/// but the one lets 600 come at once and the other 10.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Rate {
    count: u32,
    span: (&'static str, u64),
}

/// The text is not a rate.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("must be a number from 1 to 1000000 and a second, a minute or an hour: 50/s, 600/m or 1000/h")]
pub struct RateError;

impl FromStr for Rate {
    type Err = RateError;

    fn from_str(text: &str) -> Result<Self, RateError> {
        let (count, letter) = text.split_once('/').ok_or(RateError)?;
        let digits = !count.is_empty() && count.bytes().all(|byte| byte.is_ascii_digit());
        let count = count.parse().ok().filter(|count| digits && (1..=COUNT_LIMIT).contains(count));
        let span = SPANS.into_iter().find(|(each, _)| *each == letter);
        Ok(Self { count: count.ok_or(RateError)?, span: span.ok_or(RateError)? })
    }
}

impl fmt::Display for Rate {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}", self.count, self.span.0)
    }
}

/// The time at which a caller's allowance is full again, in nanoseconds since the Unix epoch.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Allowance(u64);

/// What one more call comes to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Taken {
    /// The caller's allowance afterwards.
    pub allowance: Allowance,
    /// How long to wait before the next call is let pass; `None` if this one is.
    pub wait: Option<Duration>,
    /// How many calls may come at once.
    pub limit: u32,
    /// How many of them are left.
    pub remaining: u32,
    /// When all of them are there again.
    pub reset: Duration,
}

impl Rate {
    /// One more call at `now`. A refused one costs nothing.
    #[must_use]
    pub fn take(self, allowance: Allowance, now: Timestamp) -> Taken {
        let interval = self.span.1 * 1_000_000_000 / u64::from(self.count);
        let capacity = interval * u64::from(self.count);
        let now = now.millis().saturating_mul(1_000_000);
        // If the clock was set back, nobody waits for longer than a full allowance takes.
        let full_at = allowance.0.clamp(now, now.saturating_add(capacity));
        let next = full_at.saturating_add(interval);
        let used = next - now;
        let (full_at, wait) = match used.checked_sub(capacity) {
            Some(excess @ 1..) => (full_at, Some(Duration::from_nanos(excess))),
            _ => (next, None),
        };
        let remaining = capacity.saturating_sub(full_at - now) / interval;
        Taken {
            allowance: Allowance(full_at),
            wait,
            limit: self.count,
            remaining: u32::try_from(remaining).unwrap_or(self.count),
            reset: Duration::from_nanos(full_at - now),
        }
    }
}

impl Allowance {
    /// True if it is full at `now`: then there is nothing to remember.
    #[must_use]
    pub const fn is_full(self, now: Timestamp) -> bool {
        self.0 <= now.millis().saturating_mul(1_000_000)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn rate(text: &str) -> Rate {
        text.parse().unwrap()
    }

    fn at(millis: u64) -> Timestamp {
        Timestamp::from_millis(1_763_800_000_000 + millis)
    }

    #[test]
    fn rates_are_a_number_and_a_span() {
        for text in ["1/s", "600/m", "1000000/h"] {
            assert_eq!(rate(text).to_string(), text);
        }
        for text in ["", "50", "/s", "0/s", "1000001/s", "-1/s", "+1/s", "1.5/s", "50/d", "50 / s", "50/S", "5/s/m"] {
            assert!(text.parse::<Rate>().is_err(), "{text}");
        }
    }

    #[test]
    fn a_full_allowance_is_used_up_and_comes_back_evenly() {
        let rate = rate("4/s");
        let mut allowance = Allowance::default();
        for (remaining, reset) in [(3, 250), (2, 500), (1, 750), (0, 1000)] {
            let taken = rate.take(allowance, at(0));
            assert_eq!((taken.wait, taken.limit, taken.remaining), (None, 4, remaining));
            assert_eq!(taken.reset, Duration::from_millis(reset));
            allowance = taken.allowance;
        }
        let refused = rate.take(allowance, at(0));
        assert_eq!((refused.wait, refused.remaining), (Some(Duration::from_millis(250)), 0));
        assert_eq!(refused.allowance, allowance, "a refused call costs nothing");
        assert_eq!(rate.take(allowance, at(249)).wait, Some(Duration::from_millis(1)));
        assert_eq!(rate.take(allowance, at(250)).wait, None);
        assert!(!allowance.is_full(at(999)) && allowance.is_full(at(1000)));
        assert_eq!(rate.take(allowance, at(10_000)).remaining, 3);
    }

    #[test]
    fn a_clock_set_back_costs_at_most_one_full_span() {
        let rate = rate("60/m");
        let used = rate.take(Allowance::default(), at(7_200_000)).allowance;
        let taken = rate.take(used, at(0));
        assert_eq!(taken.wait, Some(Duration::from_secs(1)));
        assert_eq!(rate.take(taken.allowance, at(1000)).wait, None);
    }

    proptest! {
        #[test]
        fn no_window_lets_more_pass_than_twice_the_count(
            count in 1..50u32,
            steps in prop::collection::vec(0..400u64, 1..300),
        ) {
            let rate = Rate { count, span: SPANS[0] };
            let (mut allowance, mut now, mut passed) = (Allowance::default(), 0, Vec::new());
            for step in steps {
                now += step;
                let taken = rate.take(allowance, at(now));
                allowance = taken.allowance;
                if taken.wait.is_none() {
                    passed.push(now);
                }
                prop_assert!(taken.remaining < count && taken.reset <= Duration::from_secs(1));
                let waited = at(now).after(taken.wait.unwrap_or_default() + Duration::from_millis(1));
                prop_assert!(taken.wait.is_none() || rate.take(allowance, waited).wait.is_none());
            }
            for (place, start) in passed.iter().enumerate() {
                let within = passed[place..].iter().filter(|each| **each < start + 1000).count();
                prop_assert!(within <= 2 * count as usize);
            }
        }
    }
}
