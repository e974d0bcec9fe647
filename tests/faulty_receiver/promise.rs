//! What is promised to a receiver, whatever happens: each event at least once, unchanged under one
//! identifier, and with ordering none before those that stand before it in its session.

#![expect(clippy::panic, reason = "a test fails where it panics")]

use std::collections::{HashMap, HashSet};

use vetd_model::event::Event;
use vetd_model::{EventId, SessionId};
use vetd_storage::PositionedEvent;

use super::{Arrival, FaultyReceiver};

/// An event that has to arrive.
#[derive(Debug, Clone)]
pub struct Expected {
    id: EventId,
    session: SessionId,
    sequence: u64,
}

/// Which of the events, in their order, go to an endpoint for these types; all, if there is none.
pub fn expected(events: &[PositionedEvent], types: &[&str]) -> Vec<Expected> {
    let moves = events.iter().filter_map(|found| found.event.as_session());
    let wanted = moves.filter(|event| types.is_empty() || types.contains(&event.kind.as_str()));
    let expect = |event: &Event| Expected { id: event.id, session: event.session, sequence: u64::from(event.sequence) };
    wanted.map(expect).collect()
}

impl FaultyReceiver {
    /// True once it has taken all of these.
    pub fn has_taken(&self, expected: &[Expected]) -> bool {
        let taken = taken(&self.arrivals());
        expected.iter().all(|event| taken.contains(&event.id.to_string()))
    }

    /// Asserts that the promise was kept. Returns how many arrivals were repeated.
    pub fn check(&self, expected: &[Expected], ordered: bool) -> usize {
        self.nobody_was_redirected();
        let arrivals = self.arrivals();
        let known: HashMap<String, &Expected> = expected.iter().map(|event| (event.id.to_string(), event)).collect();
        let mut bodies: HashMap<&str, &[u8]> = HashMap::new();
        for arrival in &arrivals {
            let event = known.get(&arrival.ids[0]);
            let event = event.unwrap_or_else(|| panic!("nobody asked for this: {}", arrival.event()));
            is_this(arrival, event);
            let first = bodies.entry(&arrival.ids[0]).or_insert(&arrival.body);
            assert_eq!(*first, arrival.body, "{} came with another body", event.id);
        }
        let taken = taken(&arrivals);
        for event in expected {
            assert!(taken.contains(&event.id.to_string()), "lost: {event:?}");
        }
        if ordered {
            in_order(&arrivals, expected);
        }
        arrivals.len() - bodies.len()
    }
}

fn taken(arrivals: &[Arrival]) -> HashSet<String> {
    arrivals.iter().filter(|arrival| arrival.taken).map(|arrival| arrival.ids[0].clone()).collect()
}

/// Headers and body tell of this event.
fn is_this(arrival: &Arrival, event: &Expected) {
    let id = event.id.to_string();
    assert_eq!(arrival.ids, [id.as_str(), id.as_str()]);
    let told = arrival.event();
    assert_eq!(told["id"], id);
    assert_eq!(told["session_id"], event.session.to_string());
    assert_eq!(told["sequence"], event.sequence);
}

/// Nothing is even tried before what stands before it in its session was taken.
fn in_order(arrivals: &[Arrival], expected: &[Expected]) {
    let mut places: HashMap<String, (SessionId, usize)> = HashMap::new();
    let mut counts: HashMap<SessionId, usize> = HashMap::new();
    let mut last: HashMap<SessionId, u64> = HashMap::new();
    for event in expected {
        assert!(last.insert(event.session, event.sequence).is_none_or(|before| before < event.sequence));
        let count = counts.entry(event.session).or_default();
        places.insert(event.id.to_string(), (event.session, *count));
        *count += 1;
    }
    let mut taken: HashMap<SessionId, usize> = HashMap::new();
    for arrival in arrivals {
        let (session, place) = places[&arrival.ids[0]];
        let taken = taken.entry(session).or_default();
        assert!(place <= *taken, "out of order, {taken} were taken before: {}", arrival.event());
        if arrival.taken && place == *taken {
            *taken += 1;
        }
    }
}
