//! Lists: sorted indexes merged newest first, in a bounded number of steps.
//!
//! Every index key ends in the session's identifier, so the identifiers that match all filters
//! are found by leapfrog: each index in turn is asked for its next identifier at or beyond the
//! candidate, until all name the same one. What is found is read and looked at again, because
//! an index is a hint and the record is the truth.

use vetd_model::{Realm, Session, SessionId, Timestamp};

use crate::api::StoreError;
use crate::disk::status::{StatusEntry, codes};
use crate::keys::{self, Key};
use crate::query::{Cursor, Page, SessionQuery};
use crate::shared::Shared;
use crate::table::Direction;

/// A sorted set of identifiers: the union of what stands under some prefixes.
struct Source {
    prefixes: Vec<Key>,
}

/// The identifiers from `low` to `high`, both included, walked in a direction.
struct Walk<'a> {
    shared: &'a Shared,
    sources: Vec<Source>,
    low: u128,
    high: u128,
    direction: Direction,
    /// How many steps are left: look-ups in an index, and records read.
    steps: usize,
}

impl Shared {
    /// A page of sessions.
    pub(crate) fn sessions(&self, realm: Realm, query: &SessionQuery) -> Result<Page<Session>, StoreError> {
        let mut walk = Walk::new(self, realm, query);
        let mut items = Vec::new();
        let mut has_more = false;
        while let Some(id) = walk.next()? {
            let session = self.or_left_out(self.session(realm, id))?.flatten();
            let Some((session, _)) = session.filter(|(session, _)| matches(session, query)) else { continue };
            if items.len() == query.limit {
                has_more = true;
                break;
            }
            items.push(session);
        }
        if walk.direction == Direction::Ascending {
            items.reverse();
        }
        Ok(Page { items, has_more })
    }
}

/// Whether the record itself is what the query asks for.
fn matches(session: &Session, query: &SessionQuery) -> bool {
    let metadata = session.personal.as_ref().map(|personal| &personal.metadata);
    let has = |(name, value): &(String, String)| metadata.is_some_and(|all| all.get(name) == Some(value));
    query.status.is_none_or(|filter| codes(filter).contains(&StatusEntry::of(session).code))
        && query.template.is_none_or(|template| session.template.id == template)
        && query.metadata.iter().all(has)
        && query.created_from.is_none_or(|from| session.created >= from)
        && query.created_before.is_none_or(|before| session.created < before)
}

impl<'a> Walk<'a> {
    fn new(shared: &'a Shared, realm: Realm, query: &SessionQuery) -> Self {
        let mut sources = Vec::new();
        if let Some(filter) = query.status {
            sources
                .push(Source { prefixes: codes(filter).into_iter().map(|code| keys::statuses(realm, code)).collect() });
        }
        if let Some(template) = query.template {
            sources.push(Source { prefixes: vec![keys::by_templates(realm, template)] });
        }
        for (name, value) in &query.metadata {
            let hash = shared.keyring.metadata_hash(realm, name, value);
            sources.push(Source { prefixes: vec![keys::by_metadatas(realm, hash)] });
        }
        if sources.is_empty() {
            sources.push(Source { prefixes: vec![keys::sessions(realm)] });
        }
        let (low, high, direction) = bounds(query);
        Self { shared, sources, low, high, direction, steps: shared.list_steps }
    }

    /// The next identifier that all sources hold.
    fn next(&mut self) -> Result<Option<SessionId>, StoreError> {
        self.take_steps(1)?;
        let mut agreed = 0;
        let mut turn = 0;
        let mut candidate = None;
        while agreed < self.sources.len() {
            let Some(found) = self.seek(turn % self.sources.len())? else { return Ok(None) };
            agreed = if candidate == Some(found) { agreed + 1 } else { 1 };
            candidate = Some(found);
            self.begin_at(found);
            turn += 1;
        }
        let Some(found) = candidate else { return Ok(None) };
        self.begin_beyond(found);
        Ok(Some(SessionId::from_bytes(found.to_be_bytes())))
    }

    /// The first identifier of a source within the bounds.
    fn seek(&mut self, source: usize) -> Result<Option<u128>, StoreError> {
        if self.low > self.high {
            return Ok(None);
        }
        let mut best = None;
        // One view for the whole union: a session that moves between two prefixes is in one.
        let view = self.shared.table.view()?;
        for prefix in &self.sources[source].prefixes {
            let first = [prefix.as_ref(), &self.low.to_be_bytes()].concat();
            let last = [prefix.as_ref(), &self.high.to_be_bytes()].concat();
            let found = view.range(&first, &last, self.direction, 1)?;
            let found = found.first().and_then(|(key, _)| keys::last_id(key)).map(u128::from_be_bytes);
            best = match self.direction {
                Direction::Ascending => best.into_iter().chain(found).min(),
                Direction::Descending => best.into_iter().chain(found).max(),
            };
        }
        drop(view);
        self.take_steps(self.sources[source].prefixes.len())?;
        Ok(best)
    }

    fn take_steps(&mut self, count: usize) -> Result<(), StoreError> {
        self.steps = self.steps.checked_sub(count).ok_or(StoreError::TooBroad)?;
        Ok(())
    }

    const fn begin_at(&mut self, id: u128) {
        match self.direction {
            Direction::Ascending => self.low = id,
            Direction::Descending => self.high = id,
        }
    }

    const fn begin_beyond(&mut self, id: u128) {
        let (next, is_last) = match self.direction {
            Direction::Ascending => id.overflowing_add(1),
            Direction::Descending => id.overflowing_sub(1),
        };
        if is_last {
            (self.low, self.high) = (1, 0);
        } else {
            self.begin_at(next);
        }
    }
}

/// The identifiers that a query can match: an identifier begins with its time of birth.
fn bounds(query: &SessionQuery) -> (u128, u128, Direction) {
    let born = |at: Timestamp| u128::from(at.millis().min((1 << 48) - 1)) << 80;
    let mut low = query.created_from.map_or(0, born);
    let mut high = match query.created_before {
        None => u128::MAX,
        Some(before) => match born(before).checked_sub(1) {
            Some(high) => high,
            None => return (1, 0, Direction::Descending),
        },
    };
    let number = |id: SessionId| u128::from_be_bytes(*id.bytes());
    match query.cursor {
        Cursor::Start => (low, high, Direction::Descending),
        Cursor::After(id) => match number(id).checked_sub(1) {
            Some(older) => {
                high = high.min(older);
                (low, high, Direction::Descending)
            }
            None => (1, 0, Direction::Descending),
        },
        Cursor::Before(id) => match number(id).checked_add(1) {
            Some(newer) => {
                low = low.max(newer);
                (low, high, Direction::Ascending)
            }
            None => (1, 0, Direction::Ascending),
        },
    }
}
