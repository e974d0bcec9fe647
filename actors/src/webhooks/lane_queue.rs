//! What one endpoint has before it: a value, without I/O, so that order and retry can be tested
//! over generated faults.
//!
//! A delivery without a record is derived from its event and the endpoint's cursor. It gets a
//! record when it fails, or when it waits behind one that has failed. The cursor stands before
//! the first delivery that is neither done nor recorded: after a crash whatever lies behind it
//! is derived again, and sent again under the same event identifier.

use std::collections::{BTreeMap, BTreeSet, HashMap};

use vetd_model::webhook::{Delivery, Ordering, Setback, next_attempt};
use vetd_model::{EndpointId, EventId, SessionId, Timestamp};

/// What has to be written about a delivery.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Change {
    Put(Delivery),
    Remove,
}

/// How a delivery stands when it is recorded.
#[derive(Debug, Clone, Copy)]
enum Standing {
    /// Behind another of its session.
    Waits,
    /// To be tried at this time.
    Due(Timestamp),
    /// Not tried any more.
    Exhausted,
}

#[derive(Debug, Clone)]
struct Item {
    event: EventId,
    session: Option<SessionId>,
    failures: u32,
    head_since: Option<Timestamp>,
    recorded: bool,
    in_flight: bool,
}

/// The deliveries of one endpoint that are neither done nor exhausted.
#[derive(Debug)]
pub(crate) struct LaneQueue {
    endpoint: EndpointId,
    ordering: Ordering,
    items: BTreeMap<u64, Item>,
    /// With ordering, the positions of each session that has any, the first of them its head.
    sessions: HashMap<SessionId, BTreeSet<u64>>,
    /// Heads that may be tried, by when.
    due: BTreeSet<(Timestamp, u64)>,
    /// Positions without a record.
    unrecorded: BTreeSet<u64>,
    /// Exhausted deliveries ahead of the cursor, which are not to be derived again.
    exhausted: BTreeSet<u64>,
    /// The last position that was read from the events.
    read_to: u64,
    in_flight: usize,
    /// What has changed since the last time it was written down.
    changes: BTreeMap<u64, Change>,
}

impl LaneQueue {
    /// An empty lane that has read up to `cursor`.
    pub(crate) fn new(endpoint: EndpointId, ordering: Ordering, cursor: u64) -> Self {
        Self {
            endpoint,
            ordering,
            items: BTreeMap::new(),
            sessions: HashMap::new(),
            due: BTreeSet::new(),
            unrecorded: BTreeSet::new(),
            exhausted: BTreeSet::new(),
            read_to: cursor,
            in_flight: 0,
            changes: BTreeMap::new(),
        }
    }

    /// Takes up a recorded delivery after a start. To be called in the order of positions.
    pub(crate) fn restore(&mut self, delivery: &Delivery, now: Timestamp) {
        let exhausted = delivery.head_since.is_some() && delivery.due.is_none();
        if exhausted {
            if delivery.position > self.read_to {
                self.exhausted.insert(delivery.position);
            }
            return;
        }
        let item = Item {
            event: delivery.event,
            session: delivery.session,
            failures: delivery.failures,
            head_since: delivery.head_since,
            recorded: true,
            in_flight: false,
        };
        self.enter(delivery.position, item, delivery.due.unwrap_or(now));
    }

    /// Takes up a fresh event that the endpoint gets.
    pub(crate) fn push(&mut self, position: u64, event: EventId, session: Option<SessionId>, now: Timestamp) {
        self.read_to = position;
        if self.items.contains_key(&position) || self.exhausted.remove(&position) {
            // It was on record ahead of the cursor.
            return;
        }
        let item = Item { event, session, failures: 0, head_since: None, recorded: false, in_flight: false };
        self.unrecorded.insert(position);
        self.enter(position, item, now);
        let head = session.and_then(|session| self.head(session)).filter(|head| *head != position);
        let waits = head.and_then(|head| self.items.get(&head)).is_some_and(|head| head.recorded);
        if waits {
            self.record(position, Standing::Waits);
        }
    }

    /// Notes that events up to `position` have been read; those not pushed are not the endpoint's.
    pub(crate) fn read_to(&mut self, position: u64) {
        self.read_to = self.read_to.max(position);
    }

    fn enter(&mut self, position: u64, item: Item, due: Timestamp) {
        let session = item.session.filter(|_| self.ordering == Ordering::Session);
        self.items.insert(position, item);
        if let Some(session) = session {
            let positions = self.sessions.entry(session).or_default();
            positions.insert(position);
            if positions.first() != Some(&position) {
                return;
            }
            if let Some(behind) = positions.iter().nth(1) {
                // On record ahead of the cursor since a time without ordering: now it waits.
                self.due.retain(|(_, due)| due != behind);
            }
        }
        self.due.insert((due, position));
    }

    fn head(&self, session: SessionId) -> Option<u64> {
        self.sessions.get(&session)?.first().copied()
    }

    /// Takes the delivery that has been due longest, to be attempted at `now`.
    pub(crate) fn take_due(&mut self, now: Timestamp) -> Option<(u64, EventId)> {
        let (due, position) = *self.due.first()?;
        if due > now {
            return None;
        }
        self.due.pop_first();
        let item = self.items.get_mut(&position)?;
        debug_assert!(!item.in_flight, "a delivery under way is never due");
        item.in_flight = true;
        item.head_since.get_or_insert(now);
        self.in_flight += 1;
        Some((position, item.event))
    }

    /// The attempt was answered in time with 2xx.
    pub(crate) fn delivered(&mut self, position: u64, now: Timestamp) {
        if let Some(item) = self.leave(position, now)
            && item.recorded
        {
            self.changes.insert(position, Change::Remove);
        }
    }

    /// The attempt failed. Returns false if that was the last one: the delivery is exhausted
    /// and lets the next of its session go.
    pub(crate) fn failed(&mut self, position: u64, setback: Setback, now: Timestamp, jitter: u16) -> bool {
        let Some(item) = self.items.get_mut(&position) else { return true };
        if !std::mem::take(&mut item.in_flight) {
            return true;
        }
        self.in_flight -= 1;
        item.failures += 1;
        let since = item.head_since.unwrap_or(now);
        let next = next_attempt(item.failures, setback, since, now, jitter);
        self.record(position, next.map_or(Standing::Exhausted, Standing::Due));
        match next {
            Some(at) => {
                // Behind another since the ordering was changed: it waits for its turn.
                if self.is_free(position) {
                    self.due.insert((at, position));
                }
                self.record_followers(position);
                true
            }
            None => {
                self.leave(position, now);
                false
            }
        }
    }

    /// Those behind a failed head get records too, so that the cursor can move on.
    fn record_followers(&mut self, position: u64) {
        let Some(item) = self.items.get(&position) else { return };
        let followers: Vec<u64> = item
            .session
            .and_then(|session| self.sessions.get(&session))
            .into_iter()
            .flatten()
            .skip(1)
            .copied()
            .collect();
        for follower in followers {
            if self.unrecorded.contains(&follower) {
                self.record(follower, Standing::Waits);
            }
        }
    }

    fn record(&mut self, position: u64, standing: Standing) {
        let Some(item) = self.items.get_mut(&position) else { return };
        item.recorded = true;
        self.unrecorded.remove(&position);
        let (head_since, due) = match standing {
            Standing::Waits => (None, None),
            Standing::Due(at) => (item.head_since, Some(at)),
            Standing::Exhausted => (item.head_since, None),
        };
        let delivery = Delivery {
            endpoint: self.endpoint,
            position,
            event: item.event,
            session: item.session,
            failures: item.failures,
            head_since,
            due,
        };
        self.changes.insert(position, Change::Put(delivery));
    }

    /// Takes a delivery out; the next of its session may go.
    fn leave(&mut self, position: u64, now: Timestamp) -> Option<Item> {
        let item = self.items.remove(&position)?;
        if item.in_flight {
            self.in_flight -= 1;
        }
        self.unrecorded.remove(&position);
        if let Some(session) = item.session
            && let Some(positions) = self.sessions.get_mut(&session)
        {
            let was_head = positions.first() == Some(&position);
            positions.remove(&position);
            match positions.first() {
                None => drop(self.sessions.remove(&session)),
                Some(next) if was_head && self.items.get(next).is_some_and(|next| !next.in_flight) => {
                    self.due.insert((now, *next));
                }
                Some(_) => {}
            }
        }
        Some(item)
    }

    /// True if nothing of its session must go before this delivery.
    fn is_free(&self, position: u64) -> bool {
        let session = self.items.get(&position).and_then(|item| item.session);
        session.and_then(|session| self.head(session)).is_none_or(|head| head == position)
    }

    /// From here on deliveries wait for those before them in their session, or no longer do.
    pub(crate) fn set_ordering(&mut self, ordering: Ordering, now: Timestamp) {
        if self.ordering == ordering {
            return;
        }
        self.ordering = ordering;
        self.sessions.clear();
        if ordering == Ordering::Session {
            for (position, item) in &self.items {
                if let Some(session) = item.session {
                    self.sessions.entry(session).or_default().insert(*position);
                }
            }
        }
        let due: HashMap<u64, Timestamp> = self.due.iter().map(|(at, position)| (*position, *at)).collect();
        let waiting = self.items.iter().filter(|(_, item)| !item.in_flight).map(|(position, _)| *position);
        let free = waiting.filter(|position| self.is_free(*position));
        self.due = free.map(|position| (due.get(&position).copied().unwrap_or(now), position)).collect();
    }

    /// How many deliveries are neither done nor exhausted.
    pub(crate) fn len(&self) -> usize {
        self.items.len()
    }

    /// Every event up to here is delivered or has a record, once [`Self::take_changes`] is written.
    pub(crate) fn cursor(&self) -> u64 {
        self.unrecorded.first().map_or(self.read_to, |first| first - 1)
    }

    /// The last position that was read.
    pub(crate) const fn position(&self) -> u64 {
        self.read_to
    }

    /// When a delivery is due next; those in flight do not count.
    pub(crate) fn next_due(&self) -> Option<Timestamp> {
        self.due.first().map(|(at, _)| *at)
    }

    pub(crate) const fn in_flight(&self) -> usize {
        self.in_flight
    }

    /// How many deliveries are without a record: what a crash would derive again.
    pub(crate) fn unrecorded(&self) -> usize {
        self.unrecorded.len()
    }

    /// What has to be written down now.
    pub(crate) fn take_changes(&mut self) -> BTreeMap<u64, Change> {
        std::mem::take(&mut self.changes)
    }

    /// Gives back what could not be written; later changes win.
    pub(crate) fn give_back(&mut self, changes: BTreeMap<u64, Change>) {
        for (position, change) in changes {
            self.changes.entry(position).or_insert(change);
        }
    }
}
