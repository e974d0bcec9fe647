//! How long idempotency records count.

use std::time::Duration;

use parking_lot::RwLock;
use vetd_model::Timestamp;

/// An answer is given for this long after its request was accepted.
const ANSWER_AGE: Duration = Duration::from_secs(24 * 3600);

/// True if an answer of then no longer counts now.
pub(crate) fn answer_is_old(accepted: Timestamp, now: Timestamp) -> bool {
    now.since(accepted) >= ANSWER_AGE
}

/// The days under which an answer that counts can be filed: today's, yesterday's, and
/// tomorrow's, in case the clock was set back over midnight.
#[derive(Debug, Clone, Copy)]
pub(crate) struct AnswerDays {
    /// Today, in days since the epoch: where a new answer is filed.
    pub today: u16,
}

pub(crate) fn answer_days(now: Timestamp) -> AnswerDays {
    AnswerDays { today: u16::try_from(now.day()).unwrap_or(u16::MAX) }
}

impl AnswerDays {
    pub(crate) fn days(self) -> impl Iterator<Item = u16> {
        let around = [Some(self.today), self.today.checked_sub(1), self.today.checked_add(1)];
        around.into_iter().flatten()
    }

    /// The first day whose answers may still count; all before it are finished.
    pub(crate) const fn first_kept(self) -> u16 {
        self.today.saturating_sub(1)
    }
}

/// The days under which any answer may be filed, so that a look-up asks no other: most requests
/// come for the first time, and each day asked costs them a look-up.
#[derive(Debug, Default)]
pub(crate) struct FiledDays(RwLock<Vec<u16>>);

impl FiledDays {
    /// These days have answers.
    pub(crate) fn new(days: Vec<u16>) -> Self {
        Self(RwLock::new(days))
    }

    /// An answer is about to be filed under this day.
    pub(crate) fn note(&self, day: u16) {
        if !self.has(day) {
            self.0.write().push(day);
        }
    }

    /// False if no answer is filed under this day.
    pub(crate) fn has(&self, day: u16) -> bool {
        self.0.read().contains(&day)
    }
}
