//! The sweep: what has had its time is found here, a bounded batch at a time.

use std::time::Duration;

use sled::IVec;
use vetd_model::delivery::Delivery;
use vetd_model::{EndpointId, Timestamp};

use crate::api::StoreError;
use crate::disk::{delivery, event, webhook};
use crate::keys::{self, Key};
use crate::prepare::Op;
use crate::shared::Shared;
use crate::table::Direction;
use crate::time_limits::answer_days;

/// The most records looked at, and deleted, in one step.
pub(crate) const BATCH: usize = 1_000;

/// The most notes of erasures that are looked at; what is left waits for the next sweep.
const ERASURES: usize = 100_000;
/// How long they are kept.
const KEEP_ERASURES: Duration = Duration::from_secs(7 * 86_400);

/// Where a sweep stands.
pub(crate) enum Sweep {
    /// Among the answers of finished days, which are the first under their letter.
    Answers,
    /// Among the deliveries, from this key on.
    Deliveries(Key),
    /// Among the events, from this key on.
    Events(Key),
    /// Among the notes of erasures that were carried out.
    Erasures,
    /// At its end.
    Done,
}

/// What counts as old.
#[derive(Clone, Copy)]
pub(crate) struct Age {
    /// The time of the sweep.
    pub now: Timestamp,
    /// Events that were written before this go, and their deliveries.
    pub events_before: Timestamp,
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
    /// finished days, deliveries whose endpoint is gone, deliveries settled long ago, old events.
    pub(crate) fn sweep_on(&self, sweep: &mut Sweep, age: Age) -> Result<Finished, StoreError> {
        match sweep {
            Sweep::Answers => {
                let finished = self.finished_answers(age.now)?;
                if finished.records < BATCH {
                    *sweep = Sweep::Deliveries(IVec::from(&[keys::DELIVERY]));
                }
                Ok(finished)
            }
            Sweep::Deliveries(from) => {
                let (finished, next) = self.finished_deliveries(from, age.events_before)?;
                *sweep = next.map_or_else(|| Sweep::Events(IVec::from(&[keys::EVENT])), Sweep::Deliveries);
                Ok(finished)
            }
            Sweep::Events(from) => {
                let (finished, next) = self.old_events(from, age.events_before)?;
                *sweep = next.map_or(Sweep::Erasures, Sweep::Events);
                Ok(finished)
            }
            Sweep::Erasures => {
                let finished = self.old_erasures(age.now)?;
                if finished.records < BATCH {
                    *sweep = Sweep::Done;
                }
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
    fn finished_deliveries(&self, from: &[u8], before: Timestamp) -> Result<(Finished, Option<Key>), StoreError> {
        let mut finished = Finished::default();
        let letter = from.first().copied().unwrap_or(keys::DELIVERY);
        let last = keys::last_under(&[letter]);
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
            match of {
                Owner::Gone => finished.ops.push(Op::Remove { key: key.clone() }),
                Owner::ReadTo(mark) if letter == keys::SETTLED => {
                    let Some(old) = if_old(id, mark, key, value, before) else { continue };
                    // Not if somebody has it sent again meanwhile.
                    finished.ops.push(Op::RemoveUnchanged { key: key.clone(), value: value.clone() });
                    let failed = 1..=old.attempts;
                    let attempts = failed.map(|number| Op::Remove { key: keys::attempt(id, old.position, number) });
                    finished.ops.extend(attempts);
                }
                Owner::ReadTo(_) | Owner::Unknown => continue,
            }
            finished.records += 1;
        }
        let full = entries.last().filter(|_| entries.len() == BATCH);
        let next = full.map(|(key, _)| IVec::from([key.as_ref(), &[0]].concat()));
        Ok((finished, next.or_else(|| letter_after(letter))))
    }

    /// Each realm's oldest events, up to its first one that is not old: what is left of a realm is
    /// what came last, without a gap. One that does not decode stays; it is reported where it is
    /// read. Also returns where to go on, if there are more.
    fn old_events(&self, from: &[u8], before: Timestamp) -> Result<(Finished, Option<Key>), StoreError> {
        let mut finished = Finished::default();
        let last = keys::last_under(&[keys::EVENT]);
        let entries = self.table.view()?.range(from, &last, Direction::Ascending, BATCH)?;
        let mut done = None;
        for (key, value) in &entries {
            let Some(realm) = keys::realm_of(key).filter(|realm| done != Some(*realm)) else { continue };
            match event::decode(realm, value) {
                Ok(event) if event.created() < before => {
                    finished.ops.push(Op::Remove { key: key.clone() });
                    finished.ops.push(Op::Remove { key: keys::event_id(realm, event.id()) });
                    finished.records += 1;
                }
                Ok(_) => done = Some(realm),
                Err(_) => {}
            }
        }
        if finished.records > 0 {
            // In the same commit, so that an audit can tell what was swept from what is missing.
            let value = IVec::from(&before.millis().to_be_bytes());
            finished.ops.push(Op::Put { key: IVec::from(keys::META_SWEPT), value });
        }
        let full = entries.last().filter(|_| entries.len() == BATCH);
        let next = full.map(|(key, _)| match done.filter(|realm| keys::realm_of(key) == Some(*realm)) {
            Some(realm) => keys::last_under(&keys::event(realm, u64::MAX)),
            None => IVec::from([key.as_ref(), &[0]].concat()),
        });
        Ok((finished, next))
    }

    /// Kept for some days, so that a backup that was taken meanwhile, and has the secret still, is
    /// told of its erasure when it is restored.
    fn old_erasures(&self, now: Timestamp) -> Result<Finished, StoreError> {
        let mut finished = Finished::default();
        let last = keys::last_under(&[keys::ERASURE]);
        let entries = self.table.view()?.range(&[keys::ERASURE], &last, Direction::Ascending, ERASURES)?;
        for (key, value) in entries {
            let ordered = keys::last_number(&value).map(Timestamp::from_millis);
            if finished.records < BATCH && ordered.is_none_or(|at| at.after(KEEP_ERASURES) <= now) {
                finished.ops.push(Op::Remove { key });
                finished.records += 1;
            }
        }
        Ok(finished)
    }

    fn owner(&self, id: EndpointId) -> Result<Owner, StoreError> {
        let cursor = self.table.view()?.get(&keys::cursor(id))?;
        Ok(match cursor.map(|cursor| webhook::decode_mark(&cursor)) {
            None => Owner::Gone,
            Some(Ok(mark)) => Owner::ReadTo(mark.position),
            Some(Err(_)) => Owner::Unknown,
        })
    }
}

/// The letters of what belongs to an endpoint, in the order in which they are swept.
fn letter_after(letter: u8) -> Option<Key> {
    let letters = [keys::DELIVERY, keys::SETTLED, keys::ATTEMPT];
    let place = letters.iter().position(|known| *known == letter)?;
    letters.get(place + 1).map(|next| IVec::from(&[*next]))
}

/// The delivery, if it is settled and its event is old. Beyond the endpoint's mark it is kept, or its event
/// would be delivered anew. One that does not decode stays; it is reported where it is read.
fn if_old(id: EndpointId, mark: u64, key: &IVec, value: &IVec, before: Timestamp) -> Option<Delivery> {
    let position = keys::last_number(key).filter(|position| *position <= mark)?;
    let delivery = delivery::decode(id, position, value).ok()?;
    (delivery.event.born() < before).then_some(delivery)
}
