//! The sweep: what has had its time is found here, a bounded batch at a time.

use vetd_model::{EndpointId, Timestamp};

use crate::api::StoreError;
use crate::keys::{self, Key};
use crate::shared::Shared;
use crate::table::Direction;
use crate::time_limits::answer_days;

/// The most records deleted in one commit.
const BATCH: usize = 1_000;

/// Records whose time is over.
#[derive(Default)]
pub(crate) struct Finished {
    /// Every key of theirs, continuations too.
    pub keys: Vec<Key>,
    /// How many records they are.
    pub records: usize,
}

impl Finished {
    pub(crate) const fn is_empty(&self) -> bool {
        self.records == 0
    }
}

impl Shared {
    /// The next records to delete: answers of finished days, then deliveries whose endpoint is
    /// gone.
    pub(crate) fn finished(&self, now: Timestamp) -> Result<Finished, StoreError> {
        let answers = self.finished_answers(now)?;
        if answers.is_empty() { self.orphaned_deliveries() } else { Ok(answers) }
    }

    fn finished_answers(&self, now: Timestamp) -> Result<Finished, StoreError> {
        let mut finished = Finished::default();
        let Some(last_day) = answer_days(now).first_kept().checked_sub(1) else { return Ok(finished) };
        let last = keys::last_under(&keys::answers(last_day));
        let view = self.table.view()?;
        for (key, head) in view.range(&[keys::ANSWER], &last, Direction::Ascending, BATCH)? {
            let more = head.last().copied().unwrap_or(0);
            finished.keys.extend((1..=more).map(|number| keys::continuation(&key, number)));
            finished.keys.push(key.to_vec());
            finished.records += 1;
        }
        Ok(finished)
    }

    fn orphaned_deliveries(&self) -> Result<Finished, StoreError> {
        let mut finished = Finished::default();
        let mut from = vec![keys::DELIVERY];
        let last = keys::last_under(&from);
        while finished.is_empty() {
            let view = self.table.view()?;
            let next = view.range(&from, &last, Direction::Ascending, 1)?;
            let Some(id) = next.first().and_then(|(key, _)| key.get(1..17)?.try_into().ok()) else { break };
            let prefix = keys::deliveries(EndpointId::from_bytes(id));
            from = keys::last_under(&prefix);
            if view.get(&keys::cursor(EndpointId::from_bytes(id)))?.is_none() {
                let orphans = view.range(&prefix, &from, Direction::Ascending, BATCH)?;
                finished.keys = orphans.into_iter().map(|(key, _)| key.to_vec()).collect();
                finished.records = finished.keys.len();
            }
        }
        Ok(finished)
    }
}
