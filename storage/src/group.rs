//! A group of commits on its way to the disk: revisions checked, positions and slots given,
//! everything put together into one batch.

use std::collections::btree_map::Entry;

use sled::{Batch, Db, IVec};
use vetd_model::{EndpointId, Timestamp};

use crate::api::{CommitReceipt, Mark, StoreError};
use crate::codec::split_revisioned;
use crate::disk::{answer, session, webhook};
use crate::keys::{self, Key};
use crate::prepare::{Op, Prepared};
use crate::table::{Change, Changes, cut, unavailable};
use crate::time_limits::{answer_days, answer_is_old};

/// The most deliveries that one commit removes with their endpoint; the sweep finds the rest.
const DELIVERIES_AT_ONCE: usize = 10_000;

/// A group being put together.
pub(crate) struct Group {
    tree: Db,
    changes: Changes,
    /// The last position given.
    pub position: u64,
    /// The slot of the first secret.
    pub first_slot: u32,
    /// Wrapped secrets, for the slots from `first_slot` on.
    pub secrets: Vec<Vec<u8>>,
    /// Slots whose secrets go once the batch is durable.
    pub erased: Vec<u32>,
    events: bool,
}

impl Group {
    pub(crate) const fn new(tree: Db, position: u64, first_slot: u32) -> Self {
        Self {
            tree,
            changes: Changes::new(),
            position,
            first_slot,
            secrets: Vec::new(),
            erased: Vec::new(),
            events: false,
        }
    }

    /// Takes a commit in, whole or not at all.
    ///
    /// # Errors
    /// [`StoreError::Conflict`] and [`StoreError::DocumentTaken`] refuse this commit;
    /// [`StoreError::Unavailable`] ends the group.
    pub(crate) fn admit(&mut self, commit: Prepared) -> Result<CommitReceipt, StoreError> {
        let before = commit.ops.iter().map(|op| self.check(op)).collect::<Result<Vec<_>, _>>()?;
        let mut handle = commit.handle;
        for (op, before) in commit.ops.into_iter().zip(before) {
            if let Some(slot) = self.apply(op, before)?
                && let Some(handle) = &mut handle
            {
                handle.slot = Some(slot);
            }
        }
        Ok(CommitReceipt { session: handle })
    }

    /// True if nothing is to be written.
    pub(crate) fn is_empty(&self) -> bool {
        self.changes.is_empty()
    }

    /// The first slot behind those of the secrets.
    pub(crate) fn next_slot(&self) -> u32 {
        let count = u32::try_from(self.secrets.len()).unwrap_or(u32::MAX);
        self.first_slot.saturating_add(count)
    }

    /// The batch, and the mask for readers.
    pub(crate) fn finish(mut self) -> Result<(Batch, Changes), StoreError> {
        if self.events {
            self.put(IVec::from(keys::META_POSITION), number(self.position))?;
        }
        if !self.secrets.is_empty() {
            self.put(IVec::from(keys::META_SLOTS), IVec::from(&self.next_slot().to_be_bytes()))?;
        }
        let mut batch = Batch::default();
        for (key, change) in &self.changes {
            match &change.after {
                Some(value) => batch.insert(key.clone(), value.clone()),
                None => batch.remove(key.clone()),
            }
        }
        Ok((batch, self.changes))
    }

    /// Refuses an operation whose condition does not hold. Returns the value that it replaces,
    /// if the condition had to look at it.
    fn check(&self, op: &Op) -> Result<Option<IVec>, StoreError> {
        let (holds, before) = match op {
            Op::Record { key, expected, .. } => {
                let before = self.get(key)?;
                (revision(key, before.as_ref())? == *expected, before)
            }
            Op::Slug { key, template } => (self.get(key)?.is_none_or(|holder| holder == template), None),
            Op::Answer { slot, at, other_days, .. } => {
                let before = self.get(&keys::answer(answer_days(*at).today, *slot))?;
                let mut answered = counts(before.as_ref(), *at);
                for day in other_days {
                    answered |= counts(self.get(&keys::answer(*day, *slot))?.as_ref(), *at);
                }
                (!answered, before)
            }
            Op::PutAlone { prefix, .. } if self.holds_any(prefix)? => return Err(StoreError::DocumentTaken),
            _ => (true, None),
        };
        if holds { Ok(before) } else { Err(StoreError::Conflict) }
    }

    /// Returns the slot, if the operation was given one.
    fn apply(&mut self, op: Op, before: Option<IVec>) -> Result<Option<u32>, StoreError> {
        match op {
            Op::Record { key, mut value, secret, .. } => {
                let slot = secret.map(|secret| self.give_slot(secret)).transpose()?;
                if let Some(slot) = slot {
                    session::set_slot(&mut value, slot);
                }
                self.put_record(key, &value, before)?;
                return Ok(slot);
            }
            Op::Constant { key, value } if self.get(&key)?.is_none() => self.put_record(key, &value, None)?,
            Op::Constant { .. } => {}
            Op::Put { key, value } => self.put(key, value)?,
            Op::PutNew { key, value } => self.put_new(key, value),
            Op::PutAlone { key, .. } => self.put_new(key, IVec::default()),
            Op::Remove { key } => self.remove(key)?,
            Op::RemoveUnchanged { key, value } if self.get(&key)?.is_some_and(|now| now == value) => {
                self.remove(key)?;
            }
            Op::RemoveUnchanged { .. } => {}
            Op::RemoveRecord { key } => self.remove_record(key)?,
            Op::Slug { key, template } => self.put(key, IVec::from(&template))?,
            Op::Event { key_of, index, value } => {
                self.position += 1;
                self.events = true;
                self.put_new(keys::event(key_of, self.position), value);
                self.put_new(index, number(self.position));
            }
            Op::NewCursor { endpoint } => {
                let mark = Mark { position: self.position, failing: None };
                self.put(keys::cursor(endpoint), IVec::from(webhook::encode_mark(mark)?))?;
            }
            Op::OfEndpoint { endpoint, key, value, new } if self.get(&keys::cursor(endpoint))?.is_some() => {
                if new {
                    self.put_new(key, value);
                } else {
                    self.put(key, value)?;
                }
            }
            Op::OfEndpoint { .. } => {}
            Op::RemoveDeliveries { endpoint } => self.remove_deliveries(endpoint)?,
            Op::Erase { slot, at } => {
                // Noted in the batch: if the server dies before the slot is erased, the next start does it.
                self.put_new(keys::erasure(slot), number(at.millis()));
                self.erased.push(slot);
            }
            Op::Answer { slot, at, value, .. } => {
                self.put_record(keys::answer(answer_days(at).today, slot), &value, before)?;
            }
        }
        Ok(None)
    }

    /// The value as the group leaves it so far.
    fn get(&self, key: &[u8]) -> Result<Option<IVec>, StoreError> {
        match self.changes.get(key) {
            Some(change) => Ok(change.after.clone()),
            None => self.tree.get(key).map_err(unavailable),
        }
    }

    /// Whether anything stands under a prefix as the group leaves it so far.
    fn holds_any(&self, prefix: &[u8]) -> Result<bool, StoreError> {
        let changed = self.changes.range(IVec::from(prefix)..=keys::last_under(prefix));
        if changed.into_iter().any(|(_, change)| change.after.is_some()) {
            return Ok(true);
        }
        let mut stored = self.tree.scan_prefix(prefix).keys().map(|key| key.map_err(unavailable));
        let stands = |key: &Result<IVec, StoreError>| key.as_ref().map_or(true, |key| !self.changes.contains_key(key));
        stored.find(stands).transpose().map(|found| found.is_some())
    }

    fn give_slot(&mut self, secret: Vec<u8>) -> Result<u32, StoreError> {
        let given = u32::try_from(self.secrets.len()).ok().and_then(|count| self.first_slot.checked_add(count));
        let slot = given.ok_or_else(|| StoreError::Unavailable("the key file has no slot left".to_owned()))?;
        self.secrets.push(secret);
        Ok(slot)
    }

    /// Writes a record in pieces; the last byte of the first says how many follow. `before` is
    /// the first piece as the group leaves it so far.
    fn put_record(&mut self, key: Key, value: &[u8], before: Option<IVec>) -> Result<(), StoreError> {
        let pieces_before = pieces(before.as_ref());
        let (head, rest) = cut(value);
        let mut pieces = 0;
        for (number, piece) in rest {
            self.put(keys::continuation(&key, number), IVec::from(piece))?;
            pieces = number;
        }
        for number in pieces.saturating_add(1)..=pieces_before {
            self.remove(keys::continuation(&key, number))?;
        }
        self.replace(key, before, IVec::from(head));
        Ok(())
    }

    fn remove_record(&mut self, key: Key) -> Result<(), StoreError> {
        for number in 1..=pieces(self.get(&key)?.as_ref()) {
            self.remove(keys::continuation(&key, number))?;
        }
        self.remove(key)
    }

    fn put(&mut self, key: Key, value: IVec) -> Result<(), StoreError> {
        self.set(key, Some(value))
    }

    /// Writes under a key that was never used before.
    fn put_new(&mut self, key: Key, value: IVec) {
        self.replace(key, None, value);
    }

    /// Writes under a key whose value, as the group leaves it so far, is known.
    fn replace(&mut self, key: Key, before: Option<IVec>, after: IVec) {
        match self.changes.entry(key) {
            Entry::Occupied(mut entry) => entry.get_mut().after = Some(after),
            Entry::Vacant(entry) => drop(entry.insert(Change { before, after: Some(after) })),
        }
    }

    fn remove(&mut self, key: Key) -> Result<(), StoreError> {
        self.set(key, None)
    }

    fn set(&mut self, key: Key, after: Option<IVec>) -> Result<(), StoreError> {
        match self.changes.entry(key) {
            Entry::Occupied(mut entry) => entry.get_mut().after = after,
            Entry::Vacant(entry) => {
                let before = self.tree.get(entry.key()).map_err(unavailable)?;
                entry.insert(Change { before, after });
            }
        }
        Ok(())
    }

    fn remove_deliveries(&mut self, endpoint: EndpointId) -> Result<(), StoreError> {
        for letter in [keys::DELIVERY, keys::SETTLED, keys::ATTEMPT] {
            let prefix = keys::of_endpoint(letter, endpoint);
            let stored = self.tree.scan_prefix(&prefix).keys().take(DELIVERIES_AT_ONCE);
            let mut found = stored.collect::<Result<Vec<_>, _>>().map_err(unavailable)?;
            found.extend(self.changes.range(prefix.clone()..=keys::last_under(&prefix)).map(|(key, _)| key.clone()));
            found.into_iter().try_for_each(|key| self.remove(key))?;
        }
        Ok(())
    }
}

/// How often a record has been written; 0 for one that is not there.
fn revision(key: &[u8], record: Option<&IVec>) -> Result<u64, StoreError> {
    let Some(record) = record else { return Ok(0) };
    let damaged = |_| StoreError::Inconsistent { key: keys::in_words(key) };
    split_revisioned(record).map(|(_, revision, _)| revision).map_err(damaged)
}

/// How many continuations a record has, given its first piece.
fn pieces(head: Option<&IVec>) -> u8 {
    head.and_then(|head| head.last().copied()).unwrap_or(0)
}

/// True if this is an answer that still counts: the caller's twin was faster.
fn counts(answer: Option<&IVec>, at: Timestamp) -> bool {
    answer.is_some_and(|answer| answer::accepted_at(answer).is_ok_and(|accepted| !answer_is_old(accepted, at)))
}

fn number(number: u64) -> IVec {
    IVec::from(&number.to_be_bytes())
}
