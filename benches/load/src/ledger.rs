//! Which endpoint got which event of which session, and how often: what is missing, what came
//! twice, what came out of order. No sockets and no clocks.

use std::collections::HashMap;
use std::time::Duration;

use hdrhistogram::Histogram;
use tokio::sync::oneshot;
use vetd_model::{EventId, SessionId};

use crate::load::histogram;

/// One delivery, as it says of itself.
#[derive(Debug, Clone, Copy)]
pub struct Arrival {
    /// At which endpoint, counted from 0.
    pub endpoint: usize,
    /// Whose event it is.
    pub session: SessionId,
    /// The event.
    pub event: EventId,
    /// Its place among the events of the session, from 1.
    pub sequence: u32,
    /// When it came, since the Unix epoch.
    pub at: Duration,
}

/// What came to each endpoint.
#[derive(Debug)]
pub struct Ledger {
    endpoints: usize,
    /// How many events each session has.
    events: u32,
    sessions: HashMap<SessionId, Row>,
    /// Sessions that the driver knows to be made and of which deliveries are still to come.
    unfinished: u64,
    /// Ages count for events that were made since, so that the warm-up's do not.
    from: Duration,
    counts: Counts,
    ages: Histogram<u64>,
}

/// What went wrong, by kind.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Counts {
    /// Deliveries of an event to an endpoint that had it already.
    pub duplicates: u64,
    /// Events that came to an endpoint after a later one of the same session.
    pub out_of_order: u64,
    /// Deliveries that say nothing of their event, or nothing true.
    pub refused: u64,
}

/// The deliveries of one session's events.
#[derive(Debug)]
struct Row {
    /// By endpoint, a bit for each event, the first the lowest.
    came: Box<[u32]>,
    /// Deliveries to come.
    missing: u64,
    /// False until the driver has the answer to the creation; webhooks may be faster than it.
    is_made: bool,
    /// Told when nothing is missing any more.
    waiting: Option<oneshot::Sender<()>>,
}

impl Ledger {
    /// For so many endpoints and so many events of each session; ages count for events made since
    /// `from`.
    #[must_use]
    pub fn new(endpoints: usize, events: u32, from: Duration) -> Self {
        Self {
            endpoints,
            events,
            sessions: HashMap::new(),
            unfinished: 0,
            from,
            counts: Counts::default(),
            ages: histogram(),
        }
    }

    /// Notes a delivery; false if it cannot be true.
    pub fn arrived(&mut self, arrival: Arrival) -> bool {
        let bit = arrival.sequence.checked_sub(1).and_then(|place| 1_u32.checked_shl(place));
        let Some(bit) = bit.filter(|_| arrival.endpoint < self.endpoints) else {
            self.refused();
            return false;
        };
        let row = row(&mut self.sessions, arrival.session, self.endpoints, self.events);
        let Some(came) = row.came.get_mut(arrival.endpoint) else { return false };
        if *came & bit != 0 {
            self.counts.duplicates += 1;
            return true;
        }
        if *came > bit {
            self.counts.out_of_order += 1;
        }
        *came |= bit;
        if arrival.sequence > self.events {
            return true;
        }
        if made_at(arrival.event) >= self.from {
            self.ages.saturating_record(age(arrival.event, arrival.at));
        }
        row.missing -= 1;
        if row.missing == 0 {
            self.unfinished -= u64::from(row.is_made);
            // Nobody waits in an open loop.
            row.waiting.take().map(|waiting| waiting.send(()));
        }
        true
    }

    /// Notes a delivery that says nothing of its event, or nothing true.
    pub fn refused(&mut self) {
        self.counts.refused += 1;
    }

    /// Notes that all events of a session were made; what is returned ends when they have come to
    /// every endpoint.
    pub fn made(&mut self, session: SessionId) -> oneshot::Receiver<()> {
        let row = row(&mut self.sessions, session, self.endpoints, self.events);
        let (waiting, whole) = oneshot::channel();
        if row.missing > 0 {
            self.unfinished += u64::from(!row.is_made);
            row.waiting = Some(waiting);
        }
        row.is_made = true;
        whole
    }

    /// True if every event of every session that was made has come to every endpoint.
    #[must_use]
    pub const fn is_whole(&self) -> bool {
        self.unfinished == 0
    }

    /// How many deliveries there must be, and how many of them have not come.
    #[must_use]
    pub fn expected_and_missing(&self) -> (u64, u64) {
        let made = self.sessions.values().filter(|row| row.is_made);
        made.fold((0, 0), |(expected, missing), row| {
            (expected + self.endpoints as u64 * u64::from(self.events), missing + row.missing)
        })
    }

    /// What went wrong.
    #[must_use]
    pub const fn counts(&self) -> Counts {
        self.counts
    }

    /// How old events were when they first came to an endpoint, in microseconds.
    #[must_use]
    pub const fn ages(&self) -> &Histogram<u64> {
        &self.ages
    }
}

fn row(sessions: &mut HashMap<SessionId, Row>, session: SessionId, endpoints: usize, events: u32) -> &mut Row {
    sessions.entry(session).or_insert_with(|| Row {
        came: vec![0; endpoints].into_boxed_slice(),
        missing: endpoints as u64 * u64::from(events),
        is_made: false,
        waiting: None,
    })
}

/// How old an event is at `now` (since the Unix epoch), in microseconds: its identifier begins with
/// the time at which it was made, in milliseconds (UUIDv7, RFC 9562).
#[must_use]
pub fn age(event: EventId, now: Duration) -> u64 {
    u64::try_from(now.saturating_sub(made_at(event)).as_micros()).unwrap_or(u64::MAX)
}

fn made_at(event: EventId) -> Duration {
    Duration::from_millis(event.born().millis())
}

#[cfg(test)]
mod tests {
    use vetd_model::Timestamp;

    use super::*;

    const NOON: u64 = 1_763_800_000_000;

    fn session(number: u8) -> SessionId {
        SessionId::new(Timestamp::from_millis(NOON), [number; 10])
    }

    /// An event of the session, half a second old when it arrives.
    fn arrival(endpoint: usize, number: u8, sequence: u32) -> Arrival {
        let event = EventId::new(Timestamp::from_millis(NOON), [sequence as u8; 10]);
        Arrival { endpoint, session: session(number), event, sequence, at: Duration::from_millis(NOON + 500) }
    }

    #[test]
    fn what_has_not_come_is_missing() {
        let mut ledger = Ledger::new(2, 1, Duration::ZERO);
        ledger.made(session(1));
        ledger.made(session(2));
        assert_eq!(ledger.expected_and_missing(), (4, 4));
        for (endpoint, number) in [(0, 1), (1, 1), (0, 2)] {
            assert!(ledger.arrived(arrival(endpoint, number, 1)));
            assert!(!ledger.is_whole());
        }
        // The same again is none of what is missing, nor is another's.
        ledger.arrived(arrival(0, 2, 1));
        ledger.arrived(arrival(1, 3, 1));
        assert_eq!(ledger.expected_and_missing(), (4, 1));
        assert!(!ledger.is_whole());
        ledger.arrived(arrival(1, 2, 1));
        assert_eq!(ledger.expected_and_missing(), (4, 0));
        assert!(ledger.is_whole());
    }

    #[test]
    fn a_webhook_may_be_faster_than_the_answer_to_the_creation() {
        let mut ledger = Ledger::new(1, 1, Duration::ZERO);
        let mut late = ledger.made(session(1));
        assert!(late.try_recv().is_err() && !ledger.is_whole());
        ledger.arrived(arrival(0, 1, 1));
        assert!(late.try_recv().is_ok() && ledger.is_whole());

        ledger.arrived(arrival(0, 2, 1));
        assert_eq!(ledger.expected_and_missing(), (1, 0), "nobody knows of it yet");
        ledger.made(session(2));
        assert!(ledger.is_whole());
        assert_eq!(ledger.expected_and_missing(), (2, 0));
    }

    #[test]
    fn duplicates_count_by_endpoint_and_event() {
        let mut ledger = Ledger::new(2, 2, Duration::ZERO);
        for (endpoint, number, sequence) in [(0, 1, 1), (1, 1, 1), (0, 2, 1), (0, 1, 2)] {
            ledger.arrived(arrival(endpoint, number, sequence));
        }
        assert_eq!(ledger.counts(), Counts::default());
        ledger.arrived(arrival(0, 1, 2));
        ledger.arrived(arrival(0, 1, 1));
        ledger.arrived(arrival(1, 1, 1));
        assert_eq!(ledger.counts(), Counts { duplicates: 3, ..Counts::default() }, "and a repeat breaks no order");
    }

    #[test]
    fn order_counts_by_session_and_endpoint() {
        let mut ledger = Ledger::new(2, 3, Duration::ZERO);
        ledger.arrived(arrival(0, 1, 2));
        ledger.arrived(arrival(1, 1, 1));
        ledger.arrived(arrival(0, 2, 1));
        assert_eq!(ledger.counts().out_of_order, 0);
        ledger.arrived(arrival(0, 1, 1));
        assert_eq!(ledger.counts().out_of_order, 1);
        ledger.arrived(arrival(0, 1, 3));
        assert_eq!(ledger.counts(), Counts { out_of_order: 1, ..Counts::default() });
    }

    #[test]
    fn what_cannot_be_true_is_refused() {
        let mut ledger = Ledger::new(1, 1, Duration::ZERO);
        for wrong in [arrival(1, 1, 1), arrival(0, 1, 0), arrival(0, 1, 33)] {
            assert!(!ledger.arrived(wrong), "{wrong:?}");
        }
        assert_eq!(ledger.counts(), Counts { refused: 3, ..Counts::default() });
        // An event beyond those expected, as of a session that expires meanwhile, is none of it.
        assert!(ledger.arrived(arrival(0, 1, 2)));
        assert_eq!(ledger.ages().len(), 0);
    }

    #[test]
    fn an_event_made_by_a_clock_that_is_ahead_is_new() {
        let event = EventId::new(Timestamp::from_millis(NOON + 123), [9; 10]);
        assert_eq!(age(event, Duration::from_millis(NOON + 125)), 2_000);
        assert_eq!(age(event, Duration::from_millis(NOON)), 0);
    }

    #[test]
    fn ages_count_from_the_time_in_the_identifier_after_the_warm_up() {
        let mut ledger = Ledger::new(1, 1, Duration::from_millis(NOON + 1));
        ledger.arrived(arrival(0, 1, 1));
        assert_eq!(ledger.ages().len(), 0);
        let mut ledger = Ledger::new(1, 1, Duration::from_millis(NOON));
        ledger.arrived(arrival(0, 1, 1));
        assert!(ledger.ages().max().abs_diff(500_000) < 500, "{}", ledger.ages().max());
    }
}
