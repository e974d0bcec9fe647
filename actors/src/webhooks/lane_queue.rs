//! What one endpoint has before it: a value, without I/O, so that order and retry can be tested
//! over generated faults.
//!
//! A delivery without a record is derived from its event and the endpoint's mark. It gets a
//! record when an attempt has ended, or when it waits behind one that has failed. The mark stands
//! before the first delivery that has none: after a crash whatever lies behind it is derived
//! again, and sent again under the same event identifier.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::sync::Arc;
use std::time::Duration;

use vetd_model::delivery::{Attempt, Delivery, Setback, Standing, longest_wait, next_attempt};
use vetd_model::notice::Logged;
use vetd_model::webhook::Ordering;
use vetd_model::{EndpointId, EventId, SessionId, Timestamp};
use vetd_storage::OnRecord;

/// What has to be written about a delivery.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Change {
    /// How it stands on record.
    pub(crate) was: OnRecord,
    /// How it stands; `None` takes it off the record.
    pub(crate) delivery: Option<Delivery>,
    /// Failed attempts, each with its number.
    pub(crate) attempts: Vec<(u32, Attempt)>,
}

/// A delivery that is due.
#[derive(Debug)]
pub(crate) struct Taken {
    pub(crate) position: u64,
    pub(crate) event: EventId,
    /// The event itself, if it was read a moment ago.
    pub(crate) logged: Option<Arc<Logged>>,
}

#[derive(Debug, Clone)]
struct Item {
    event: EventId,
    session: Option<SessionId>,
    logged: Option<Arc<Logged>>,
    attempts: u32,
    failures: u32,
    head_since: Option<Timestamp>,
    on_record: OnRecord,
    ordered: bool,
    in_flight: bool,
}

impl Item {
    fn is_recorded(&self) -> bool {
        self.on_record != OnRecord::Absent
    }
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
    /// Settled deliveries ahead of the mark, which are not to be derived again.
    settled: BTreeSet<u64>,
    /// The last position that was read from the events.
    read_to: u64,
    in_flight: usize,
    /// What has changed since the last time it was written down.
    changes: BTreeMap<u64, Change>,
}

impl LaneQueue {
    /// An empty lane that has read up to `mark`.
    pub(crate) fn new(endpoint: EndpointId, ordering: Ordering, mark: u64) -> Self {
        Self {
            endpoint,
            ordering,
            items: BTreeMap::new(),
            sessions: HashMap::new(),
            due: BTreeSet::new(),
            unrecorded: BTreeSet::new(),
            settled: BTreeSet::new(),
            read_to: mark,
            in_flight: 0,
            changes: BTreeMap::new(),
        }
    }

    /// Takes up a delivery on record after a start. To be called in the order of positions. What
    /// failed before the endpoint was `enabled` begins anew.
    pub(crate) fn restore(&mut self, delivery: Delivery, now: Timestamp, enabled: Option<Timestamp>) {
        let position = delivery.position;
        if delivery.is_settled() {
            // An earlier release kept exhausted ones with those that are pending.
            self.note_settled(position);
            return self.change(position, OnRecord::Pending, Some(delivery));
        }
        let mut item = Item::of(&delivery, OnRecord::Pending);
        let mut due = match delivery.standing {
            // Further away only if the clock was set back since.
            Standing::Due(at) => at.min(now.after(longest_wait(delivery.failures))),
            _ => now,
        };
        if enabled.is_some_and(|enabled| delivery.head_since.is_some_and(|since| since < enabled)) {
            (item.failures, item.head_since, due) = (0, None, now);
        }
        self.enter(position, item, due);
    }

    /// Notes, after a start, a settled delivery on record.
    pub(crate) fn note_settled(&mut self, position: u64) {
        if position > self.read_to {
            self.settled.insert(position);
        }
    }

    /// Takes up a fresh event that the endpoint gets.
    pub(crate) fn push(&mut self, position: u64, event: Arc<Logged>, now: Timestamp) {
        self.read_to = position;
        if self.items.contains_key(&position) || self.settled.remove(&position) {
            // It was on record ahead of the mark.
            return;
        }
        let delivery = Delivery::derived(self.endpoint, position, event.id(), event.session());
        let mut item = Item::of(&delivery, OnRecord::Absent);
        item.logged = Some(event);
        self.unrecorded.insert(position);
        self.enter(position, item, now);
        let head = delivery.session.and_then(|session| self.head(session)).filter(|head| *head != position);
        if head.and_then(|head| self.items.get(&head)).is_some_and(Item::is_recorded) {
            self.record(position, Standing::Waits);
        }
    }

    /// Notes that events up to `position` have been read; those not pushed are not the endpoint's.
    pub(crate) fn read_to(&mut self, position: u64) {
        self.read_to = self.read_to.max(position);
    }

    /// Takes up a delivery that is settled, or was never made, with a fresh schedule; `ordered` if it waits for
    /// those before it in its session.
    pub(crate) fn take_up_again(&mut self, delivery: Delivery, ordered: bool, now: Timestamp) {
        let position = delivery.position;
        if self.items.contains_key(&position) {
            return;
        }
        self.settled.remove(&position);
        let on_record = if delivery.is_settled() { OnRecord::Settled } else { OnRecord::Absent };
        let mut item = Item::of(&delivery, on_record);
        (item.failures, item.head_since, item.ordered) = (0, None, ordered);
        self.enter(position, item, now);
        self.record_as_it_is(position, now);
        if let Standing::Succeeded(attempt) = delivery.standing
            && let Some(change) = self.changes.get_mut(&position)
        {
            // Its place in the record is for the success to come.
            change.attempts.push((delivery.attempts, attempt));
        }
    }

    /// Makes a pending delivery due now, whatever waits before it. False if it is not here.
    pub(crate) fn hurry(&mut self, position: u64, now: Timestamp) -> bool {
        let free = self.is_free(position);
        let Some(item) = self.items.get_mut(&position) else { return false };
        if item.in_flight {
            return true;
        }
        if !free {
            item.ordered = false;
            if let Some(positions) = item.session.and_then(|session| self.sessions.get_mut(&session)) {
                positions.remove(&position);
            }
        }
        self.due.retain(|(_, due)| *due != position);
        self.due.insert((now, position));
        self.record(position, Standing::Due(now));
        true
    }

    fn enter(&mut self, position: u64, item: Item, due: Timestamp) {
        let session = item.session.filter(|_| self.ordering == Ordering::Session && item.ordered);
        self.items.insert(position, item);
        if let Some(session) = session {
            let positions = self.sessions.entry(session).or_default();
            positions.insert(position);
            if positions.first() != Some(&position) {
                return;
            }
            if let Some(behind) = positions.iter().nth(1) {
                // It was the head until now: now it waits.
                self.due.retain(|(_, due)| due != behind);
            }
        }
        self.due.insert((due, position));
    }

    fn head(&self, session: SessionId) -> Option<u64> {
        self.sessions.get(&session)?.first().copied()
    }

    /// Takes the delivery that has been due longest, to be attempted at `now`.
    pub(crate) fn take_due(&mut self, now: Timestamp) -> Option<Taken> {
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
        Some(Taken { position, event: item.event, logged: item.logged.take() })
    }

    /// The receiver has taken it.
    pub(crate) fn delivered(&mut self, position: u64, attempt: Attempt, now: Timestamp) {
        let Some(item) = self.items.get_mut(&position) else { return };
        item.attempts += 1;
        self.record(position, Standing::Succeeded(attempt));
        self.leave(position, now);
    }

    /// The attempt failed. Returns false if that was the last one: the delivery is exhausted
    /// and lets the next of its session go.
    pub(crate) fn failed(
        &mut self,
        position: u64,
        attempt: Attempt,
        retry_after: Option<u64>,
        now: Timestamp,
        jitter: u16,
    ) -> bool {
        let Some(item) = self.items.get_mut(&position) else { return true };
        if !std::mem::take(&mut item.in_flight) {
            return true;
        }
        self.in_flight -= 1;
        item.attempts += 1;
        item.failures += 1;
        let (number, since) = (item.attempts, item.head_since.unwrap_or(now));
        let setback = Setback { overloaded: attempt.says_overloaded(), retry_after };
        let next = next_attempt(item.failures, setback, since, now, jitter);
        self.record(position, next.map_or(Standing::Exhausted(now), Standing::Due));
        if let Some(change) = self.changes.get_mut(&position) {
            change.attempts.push((number, attempt));
        }
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

    /// There was nothing to send: the event is no longer kept.
    pub(crate) fn vanished(&mut self, position: u64, now: Timestamp) {
        let Some(item) = self.leave(position, now) else { return };
        if item.is_recorded() {
            self.change(position, item.on_record, None);
        }
    }

    /// The attempt could not be made, through no fault of the receiver's: it is due again then.
    pub(crate) fn put_off(&mut self, position: u64, until: Timestamp) {
        let Some(item) = self.items.get_mut(&position) else { return };
        if std::mem::take(&mut item.in_flight) {
            self.in_flight -= 1;
            if self.is_free(position) {
                self.due.insert((until, position));
            }
        }
    }

    /// Everything begins anew, with a fresh schedule: the endpoint was enabled.
    pub(crate) fn begin_anew(&mut self, now: Timestamp) {
        let positions: Vec<u64> = self.items.keys().copied().collect();
        self.due.clear();
        for position in positions {
            let Some(item) = self.items.get_mut(&position) else { continue };
            item.failures = 0;
            item.head_since = item.in_flight.then_some(now);
            let (waits, is_recorded) = (!item.in_flight, item.is_recorded());
            if waits && self.is_free(position) {
                self.due.insert((now, position));
            }
            if is_recorded {
                self.record_as_it_is(position, now);
            }
        }
    }

    /// The clock was set back: what was due keeps its distance from now.
    pub(crate) fn clock_set_back(&mut self, by: Duration) {
        let due = std::mem::take(&mut self.due);
        self.due = due.into_iter().map(|(at, position)| (at.before(by), position)).collect();
    }

    /// Those behind a failed head get records too, so that the mark can move on.
    fn record_followers(&mut self, position: u64) {
        let Some(item) = self.items.get(&position) else { return };
        let session = item.session.filter(|_| item.ordered);
        let positions = session.and_then(|session| self.sessions.get(&session));
        let followers: Vec<u64> = positions.into_iter().flatten().skip(1).copied().collect();
        for follower in followers {
            if self.unrecorded.contains(&follower) {
                self.record(follower, Standing::Waits);
            }
        }
    }

    fn record_as_it_is(&mut self, position: u64, now: Timestamp) {
        let standing = if self.is_free(position) { Standing::Due(now) } else { Standing::Waits };
        self.record(position, standing);
    }

    fn record(&mut self, position: u64, standing: Standing) {
        let Some(item) = self.items.get_mut(&position) else { return };
        let was = std::mem::replace(&mut item.on_record, OnRecord::Pending);
        item.logged = None;
        self.unrecorded.remove(&position);
        let delivery = Delivery {
            endpoint: self.endpoint,
            position,
            event: item.event,
            session: item.session,
            head_since: item.head_since.filter(|_| standing != Standing::Waits),
            standing,
            attempts: item.attempts,
            failures: item.failures,
            ordered: item.ordered,
        };
        self.change(position, was, Some(delivery));
    }

    /// Notes a change. What is not yet written of an earlier one goes on with it.
    fn change(&mut self, position: u64, was: OnRecord, delivery: Option<Delivery>) {
        let change = self.changes.entry(position).or_insert(Change { was, delivery: None, attempts: Vec::new() });
        change.delivery = delivery;
    }

    /// Takes a delivery out; the next of its session may go.
    fn leave(&mut self, position: u64, now: Timestamp) -> Option<Item> {
        let item = self.items.remove(&position)?;
        if item.in_flight {
            self.in_flight -= 1;
        }
        self.unrecorded.remove(&position);
        // It was taken up from its record: its event is still to be read.
        self.note_settled(position);
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
        let item = self.items.get(&position).filter(|item| item.ordered);
        let session = item.and_then(|item| item.session);
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
            for (position, item) in self.items.iter().filter(|(_, item)| item.ordered) {
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

    /// The event that has waited longest.
    pub(crate) fn oldest(&self) -> Option<EventId> {
        self.items.first_key_value().map(|(_, item)| item.event)
    }

    /// A delivery that has changed since the last write, as it stands.
    pub(crate) fn unwritten(&self, position: u64) -> Option<&Delivery> {
        self.changes.get(&position)?.delivery.as_ref()
    }

    /// Every event up to here has a record, once [`Self::take_changes`] is written.
    pub(crate) fn mark(&self) -> u64 {
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

    /// How many deliveries have changed since the last write.
    pub(crate) fn changed(&self) -> usize {
        self.changes.len()
    }

    /// What has to be written down now.
    pub(crate) fn take_changes(&mut self) -> BTreeMap<u64, Change> {
        std::mem::take(&mut self.changes)
    }

    /// Gives back what could not be written, or was and nobody knows; later changes win, and keep
    /// what it had not written.
    pub(crate) fn give_back(&mut self, changes: BTreeMap<u64, Change>) {
        for (position, mut earlier) in changes {
            earlier.was = OnRecord::Unknown;
            if let Some(later) = self.changes.remove(&position) {
                earlier.delivery = later.delivery;
                earlier.attempts.extend(later.attempts);
            }
            self.changes.insert(position, earlier);
        }
    }
}

impl Item {
    fn of(delivery: &Delivery, on_record: OnRecord) -> Self {
        Self {
            event: delivery.event,
            session: delivery.session,
            logged: None,
            attempts: delivery.attempts,
            failures: delivery.failures,
            head_since: delivery.head_since,
            on_record,
            ordered: delivery.ordered,
            in_flight: false,
        }
    }
}
