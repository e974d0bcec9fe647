//! A circuit breaker: after many failures in a row an endpoint is only probed, so that a dead
//! receiver costs little and hears of its recovery from one attempt instead of thousands.

use std::time::Duration;

use crate::time::Timestamp;

/// Failures in a row that open it.
const THRESHOLD: u32 = 10;
/// Failures further apart than this do not count together: what comes so rarely need not be held
/// back, and keeps its own schedule.
const TOGETHER: Duration = Duration::from_secs(60);
/// How long it is open at first, and then twice as long after each probe that fails.
const FIRST_PAUSE: Duration = Duration::from_secs(30);
/// At most this long.
const LONGEST_PAUSE: Duration = Duration::from_secs(300);

/// How a breaker stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum BreakerState {
    /// Attempts are made.
    Closed,
    /// None are.
    Open {
        /// When the next probe may be made.
        until: Timestamp,
    },
    /// One at a time is: a probe.
    HalfOpen,
}

/// Counts an endpoint's failures in a row. It never fails a delivery: what is due waits.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Breaker {
    failures: u32,
    last: Option<Timestamp>,
    /// Once open: until when, and for how long that was.
    open: Option<(Timestamp, Duration)>,
}

impl Breaker {
    /// How it stands at `now`.
    #[must_use]
    pub fn state(&self, now: Timestamp) -> BreakerState {
        match self.open {
            None => BreakerState::Closed,
            Some((until, pause)) if now < until && until <= now.after(pause) => BreakerState::Open { until },
            // Its time is over, or the clock was set back.
            Some(_) => BreakerState::HalfOpen,
        }
    }

    /// An attempt has succeeded.
    pub fn succeeded(&mut self) {
        *self = Self::default();
    }

    /// An attempt has failed. One that was under way when the breaker opened does not count.
    pub fn failed(&mut self, now: Timestamp) {
        let together = self.last.is_some_and(|last| now.since(last) <= TOGETHER);
        self.failures = if together { self.failures.saturating_add(1) } else { 1 };
        self.last = Some(now);
        let pause = match self.open {
            None if self.failures < THRESHOLD => return,
            None => FIRST_PAUSE,
            Some(_) if matches!(self.state(now), BreakerState::Open { .. }) => return,
            Some((_, pause)) => (2 * pause).min(LONGEST_PAUSE),
        };
        self.open = Some((now.after(pause), pause));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_opens_after_ten_failures_probes_more_and_more_rarely_and_closes_with_a_success() {
        let mut now = Timestamp::from_seconds(1_000_000);
        let mut breaker = Breaker::default();
        (0..9).for_each(|_| breaker.failed(now));
        assert_eq!(breaker.state(now), BreakerState::Closed);
        for pause in [30, 60, 120, 240, 300, 300] {
            breaker.failed(now);
            breaker.failed(now);
            let until = now.after(Duration::from_secs(pause));
            now = now.after(Duration::from_secs(pause - 1));
            assert_eq!(breaker.state(now), BreakerState::Open { until });
            now = now.after(Duration::from_secs(1));
            assert_eq!(breaker.state(now), BreakerState::HalfOpen);
        }
        breaker.succeeded();
        assert_eq!(breaker, Breaker::default());
    }

    #[test]
    fn failures_far_apart_do_not_open_it() {
        let mut now = Timestamp::from_seconds(1_000_000);
        let mut breaker = Breaker::default();
        for _ in 0..50 {
            breaker.failed(now);
            now = now.after(Duration::from_secs(61));
        }
        assert_eq!(breaker.state(now), BreakerState::Closed);
    }

    #[test]
    fn a_success_between_failures_keeps_it_closed_and_a_clock_set_back_does_not_keep_it_open() {
        let now = Timestamp::from_seconds(1_000_000);
        let mut breaker = Breaker::default();
        (0..9).for_each(|_| breaker.failed(now));
        breaker.succeeded();
        (0..9).for_each(|_| breaker.failed(now));
        assert_eq!(breaker.state(now), BreakerState::Closed);
        breaker.failed(now);
        assert_eq!(breaker.state(now), BreakerState::Open { until: now.after(FIRST_PAUSE) });
        assert_eq!(breaker.state(Timestamp::from_seconds(1_000_000 - 3_600)), BreakerState::HalfOpen);
    }
}
