//! The sweep: what has had its time is found here, a bounded batch at a time.

use sled::IVec;
use vetd_model::{EndpointId, Timestamp};

use crate::api::StoreError;
use crate::disk::webhook;
use crate::keys::{self, Key};
use crate::prepare::Op;
use crate::shared::Shared;
use crate::table::Direction;
use crate::time_limits::{answer_days, exhausted_is_old};

/// The most records looked at, and deleted, in one step.
const BATCH: usize = 1_000;

/// Where a sweep stands.
pub(crate) enum Sweep {
    /// Among the answers of finished days, which are the first under their letter.
    Answers,
    /// Among the deliveries, from this key on.
    Deliveries(Key),
    /// At its end.
    Done,
}

/// What a step has found.
#[derive(Default)]
pub(crate) struct Finished {
    /// Their removals, continuations too.
    pub ops: Vec<Op>,
    /// How many records they are.
    pub records: usize,
}

/// What a delivery's endpoint says of it.
#[derive(Clone, Copy)]
enum Owner {
    Gone,
    /// Everything up to this position is settled or on record.
    ReadTo(u64),
    /// Its cursor does not decode.
    Unknown,
}

impl Shared {
    /// One step of a sweep. What it finds must be removed before the next step: answers of
    /// finished days, deliveries whose endpoint is gone, deliveries exhausted long ago.
    pub(crate) fn sweep_on(&self, sweep: &mut Sweep, now: Timestamp) -> Result<Finished, StoreError> {
        match sweep {
            Sweep::Answers => {
                let finished = self.finished_answers(now)?;
                if finished.records < BATCH {
                    *sweep = Sweep::Deliveries(IVec::from(&[keys::DELIVERY]));
                }
                Ok(finished)
            }
            Sweep::Deliveries(from) => {
                let (finished, next) = self.finished_deliveries(from, now)?;
                *sweep = next.map_or(Sweep::Done, Sweep::Deliveries);
                Ok(finished)
            }
            Sweep::Done => Ok(Finished::default()),
        }
    }

    fn finished_answers(&self, now: Timestamp) -> Result<Finished, StoreError> {
        let mut finished = Finished::default();
        let Some(last_day) = answer_days(now).first_kept().checked_sub(1) else { return Ok(finished) };
        let last = keys::last_under(&keys::answers(last_day));
        let view = self.table.view()?;
        for (key, _) in view.range(&[keys::ANSWER], &last, Direction::Ascending, BATCH)? {
            finished.ops.push(Op::RemoveRecord { key: key.clone() });
            finished.records += 1;
        }
        Ok(finished)
    }

    /// Also returns where to go on, if there are more.
    fn finished_deliveries(&self, from: &[u8], now: Timestamp) -> Result<(Finished, Option<Key>), StoreError> {
        let mut finished = Finished::default();
        let last = keys::last_under(&[keys::DELIVERY]);
        let entries = self.table.view()?.range(from, &last, Direction::Ascending, BATCH)?;
        let mut owner = None;
        for (key, value) in &entries {
            let Some(id) = key.get(1..17).and_then(|id| id.try_into().ok()).map(EndpointId::from_bytes) else {
                continue;
            };
            let of = match owner {
                Some((known, of)) if known == id => of,
                _ => self.owner(id)?,
            };
            owner = Some((id, of));
            let op = match of {
                Owner::Gone => Op::Remove { key: key.clone() },
                Owner::ReadTo(cursor) if is_old(id, cursor, key, value, now) => {
                    // Not if somebody has it tried again meanwhile.
                    Op::RemoveUnchanged { key: key.clone(), value: value.clone() }
                }
                Owner::ReadTo(_) | Owner::Unknown => continue,
            };
            finished.ops.push(op);
            finished.records += 1;
        }
        let full = entries.last().filter(|_| entries.len() == BATCH);
        let next = full.map(|(key, _)| IVec::from([key.as_ref(), &[0]].concat()));
        Ok((finished, next))
    }

    fn owner(&self, id: EndpointId) -> Result<Owner, StoreError> {
        let cursor = self.table.view()?.get(&keys::cursor(id))?;
        Ok(match cursor.map(|cursor| webhook::decode_cursor(&cursor)) {
            None => Owner::Gone,
            Some(Ok(cursor)) => Owner::ReadTo(cursor),
            Some(Err(_)) => Owner::Unknown,
        })
    }
}

/// True if this delivery was exhausted long ago. Beyond the endpoint's cursor it is kept, or its
/// event would be delivered anew. One that does not decode stays; it is reported where it is read.
fn is_old(id: EndpointId, cursor: u64, key: &IVec, value: &IVec, now: Timestamp) -> bool {
    let position = keys::last_number(key).filter(|position| *position <= cursor);
    let delivery = position.and_then(|position| webhook::decode_delivery(id, position, value).ok());
    let exhausted = delivery.filter(|delivery| delivery.due.is_none()).and_then(|delivery| delivery.head_since);
    exhausted.is_some_and(|since| exhausted_is_old(since, now))
}
