//! The audit log as it is listed, and its oldest entries once their time is over. Keys end in the
//! entry's identifier, which begins with its time, so the order of keys is that of time.

use sled::IVec;
use vetd_model::audit_log::AuditEntry;
use vetd_model::{AuditEntryId, Realm, Timestamp};

use crate::api::StoreError;
use crate::codec::Damaged;
use crate::disk::audit_log;
use crate::keys::{self, Key};
use crate::prepare::Op;
use crate::query::{AuditQuery, Cursor, Page};
use crate::read::Fault;
use crate::shared::Shared;
use crate::sweep::{BATCH, Finished};
use crate::table::Direction;

/// How many entries are read at a time.
const CHUNK: usize = 128;

impl Shared {
    /// One entry.
    pub(crate) fn audit_entry(&self, realm: Realm, id: AuditEntryId) -> Result<Option<AuditEntry>, StoreError> {
        let key = keys::audit_entry(realm, id);
        let value = self.table.view()?.get(&key)?;
        value.map(|value| audit_log::decode(id, &value)).transpose().map_err(|damaged| self.blame(&key, damaged.into()))
    }

    /// A page of entries, newest first. Each entry looked at is a step; a page that runs out of
    /// them ends early and says that there are more, and is too broad only if it would be empty.
    pub(crate) fn audit_log(&self, realm: Realm, query: &AuditQuery) -> Result<Page<AuditEntry>, StoreError> {
        let (mut low, mut high, direction) = bounds(query);
        let key = |id: u128| keys::audit_entry(realm, AuditEntryId::from_bytes(id.to_be_bytes()));
        let (mut items, mut steps, mut has_more) = (Vec::new(), self.list_steps, false);
        'pages: while low <= high {
            let entries = self.table.view()?.range(&key(low), &key(high), direction, CHUNK)?;
            for (key, value) in &entries {
                let found = self.or_left_out(self.decoded(key, value))?;
                let fits = found.filter(|entry| matches(entry, query));
                if items.len() == query.limit && fits.is_some() {
                    has_more = true;
                    break 'pages;
                }
                items.extend(fits);
                let Some(left) = steps.checked_sub(1) else {
                    has_more = true;
                    break 'pages;
                };
                steps = left;
            }
            let last = entries.last().filter(|_| entries.len() == CHUNK).and_then(|(key, _)| keys::last_id(key));
            let Some(last) = last.map(u128::from_be_bytes) else { break };
            let next = match direction {
                Direction::Ascending => last.checked_add(1).map(|next| low = next),
                Direction::Descending => last.checked_sub(1).map(|next| high = next),
            };
            if next.is_none() {
                break;
            }
        }
        if has_more && items.is_empty() {
            return Err(StoreError::TooBroad);
        }
        if direction == Direction::Ascending {
            items.reverse();
        }
        Ok(Page { items, has_more })
    }

    fn decoded(&self, key: &[u8], value: &[u8]) -> Result<AuditEntry, StoreError> {
        decode(key, value).map_err(|damaged| self.blame(key, Fault::from(damaged)))
    }

    /// One step of the sweep: the oldest entries of a realm that were written before this time,
    /// whether they decode or not. Also returns where to go on, if there may be more.
    pub(crate) fn old_audit_entries(
        &self,
        from: &[u8],
        before: Timestamp,
    ) -> Result<(Finished, Option<Key>), StoreError> {
        let mut finished = Finished::default();
        let entries =
            self.table.view()?.range(from, &keys::last_under(&[keys::AUDIT_LOG]), Direction::Ascending, BATCH)?;
        let mut done = None;
        for (key, _) in &entries {
            let (Some(realm), Some(id)) = (keys::realm_of(key), keys::last_id(key)) else { continue };
            if done == Some(realm) {
                continue;
            }
            if AuditEntryId::from_bytes(id).born() < before {
                finished.ops.push(Op::Remove { key: key.clone() });
                finished.records += 1;
            } else {
                done = Some(realm);
            }
        }
        let full = entries.last().filter(|_| entries.len() == BATCH);
        let next = full.map(|(key, _)| match done.filter(|realm| keys::realm_of(key) == Some(*realm)) {
            // The rest of this realm is younger.
            Some(realm) => keys::last_under(&keys::audit_log(realm)),
            None => IVec::from([key.as_ref(), &[0]].concat()),
        });
        Ok((finished, next))
    }
}

/// The entry under a key of the log.
pub(crate) fn decode(key: &[u8], value: &[u8]) -> Result<AuditEntry, Damaged> {
    audit_log::decode(AuditEntryId::from_bytes(keys::last_id(key).ok_or(Damaged)?), value)
}

fn matches(entry: &AuditEntry, query: &AuditQuery) -> bool {
    query.verification.is_none_or(|verification| entry.verification == Some(verification))
        && query.action.is_none_or(|action| entry.action == action)
}

/// The identifiers that a query can match, both included, and which way they are walked.
fn bounds(query: &AuditQuery) -> (u128, u128, Direction) {
    const NONE: (u128, u128, Direction) = (1, 0, Direction::Descending);
    let first_of = |at: Timestamp| u128::from(at.millis().min((1 << 48) - 1)) << 80;
    let number = |id: AuditEntryId| u128::from_be_bytes(*id.bytes());
    let low = query.created_from.map_or(0, first_of);
    let high = query.created_before.map_or(Some(u128::MAX), |before| first_of(before).checked_sub(1));
    let Some(high) = high else { return NONE };
    match query.cursor {
        Cursor::Start => (low, high, Direction::Descending),
        Cursor::After(id) => {
            number(id).checked_sub(1).map_or(NONE, |older| (low, high.min(older), Direction::Descending))
        }
        Cursor::Before(id) => {
            number(id).checked_add(1).map_or(NONE, |newer| (low.max(newer), high, Direction::Ascending))
        }
    }
}
