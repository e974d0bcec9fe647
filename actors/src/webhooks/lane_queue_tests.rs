//! A lane over generated faults: crashes, failures and writes that are lost.

use std::collections::{BTreeMap, HashMap, HashSet};
use std::time::Duration;

use proptest::prelude::*;
use vetd_model::webhook::{Delivery, Ordering, Setback};
use vetd_model::{EndpointId, EventId, SessionId, Timestamp};

use super::lane_queue::{Change, LaneQueue};

/// One thing that happens to a lane.
#[derive(Debug, Clone)]
enum Act {
    /// A new event of this session is committed.
    Commit { session: u8 },
    /// The lane reads, and attempts one delivery.
    Attempt,
    /// The attempt that began first ends.
    End { delivered: bool },
    /// What has changed is written down; or is not, and is given back.
    Write { succeeds: bool },
    /// Time passes.
    Pass { seconds: u64 },
    /// The tenant changes the ordering.
    Reorder { ordered: bool },
    /// The process dies and starts again.
    Crash,
}

fn acts() -> impl Strategy<Value = Vec<Act>> {
    let act = prop_oneof![
        3 => (0u8..4).prop_map(|session| Act::Commit { session }),
        4 => Just(Act::Attempt),
        4 => prop::bool::weighted(0.6).prop_map(|delivered| Act::End { delivered }),
        3 => prop::bool::weighted(0.8).prop_map(|succeeds| Act::Write { succeeds }),
        2 => (0u64..400).prop_map(|seconds| Act::Pass { seconds }),
        1 => any::<bool>().prop_map(|ordered| Act::Reorder { ordered }),
        1 => Just(Act::Crash),
    ];
    prop::collection::vec(act, 1..120)
}

/// The lane, the disk under it, and what the receiver has seen.
struct World {
    ordering: Ordering,
    now: Timestamp,
    /// Session and event by position, from 1.
    events: Vec<(u8, EventId)>,
    lane: LaneQueue,
    flying: Vec<u64>,
    /// Those that were begun without ordering.
    loose: HashSet<u64>,
    disk: BTreeMap<u64, Delivery>,
    disk_cursor: u64,
    /// How often each position reached the receiver, in the order of first arrival.
    received: Vec<u64>,
    counts: HashMap<u64, u32>,
}

fn endpoint() -> EndpointId {
    EndpointId::from_bytes([1; 16])
}

fn session(number: u8) -> SessionId {
    SessionId::from_bytes([number; 16])
}

impl World {
    fn new(ordering: Ordering) -> Self {
        Self {
            ordering,
            now: Timestamp::from_seconds(1_000_000),
            events: Vec::new(),
            lane: LaneQueue::new(endpoint(), ordering, 0),
            flying: Vec::new(),
            loose: HashSet::new(),
            disk: BTreeMap::new(),
            disk_cursor: 0,
            received: Vec::new(),
            counts: HashMap::new(),
        }
    }

    fn read(&mut self) {
        for position in self.lane.position() + 1..=self.events.len() as u64 {
            let (number, event) = self.events[position as usize - 1];
            self.lane.push(position, event, Some(session(number)), self.now);
        }
    }

    fn act(&mut self, act: &Act) {
        match act {
            Act::Commit { session } => {
                let number = self.events.len() as u8;
                self.events.push((*session, EventId::from_bytes([number; 16])));
            }
            Act::Attempt => {
                self.read();
                if let Some((position, event)) = self.lane.take_due(self.now) {
                    assert_eq!(self.events[position as usize - 1].1, event, "each try carries the event's own id");
                    self.check_order(position);
                    if self.ordering == Ordering::None {
                        self.loose.insert(position);
                    } else {
                        self.loose.remove(&position);
                    }
                    self.flying.push(position);
                }
            }
            Act::End { .. } if self.flying.is_empty() => {}
            Act::End { delivered } => {
                let position = self.flying.remove(0);
                if *delivered {
                    self.receive(position);
                    self.lane.delivered(position, self.now);
                } else {
                    self.lane.failed(position, Setback::default(), self.now, 500);
                }
            }
            Act::Write { succeeds } => self.write(*succeeds),
            Act::Pass { seconds } => self.now = self.now.after(Duration::from_secs(*seconds)),
            Act::Reorder { ordered } => {
                self.ordering = if *ordered { Ordering::Session } else { Ordering::None };
                self.lane.set_ordering(self.ordering, self.now);
            }
            Act::Crash => self.crash(),
        }
        assert_eq!(self.lane.in_flight(), self.flying.len());
    }

    fn receive(&mut self, position: u64) {
        self.received.push(position);
        *self.counts.entry(position).or_default() += 1;
    }

    /// With ordering, nothing is tried while an earlier event of its session has not arrived:
    /// within the test's time no delivery is exhausted. What was under way without ordering may
    /// still arrive.
    fn check_order(&self, position: u64) {
        if self.ordering == Ordering::Session {
            let session = self.events[position as usize - 1].0;
            let earlier = (1..position).filter(|before| self.events[*before as usize - 1].0 == session);
            for before in earlier.filter(|before| !(self.flying.contains(before) && self.loose.contains(before))) {
                assert!(self.counts.contains_key(&before), "{position} was tried before {before} arrived");
            }
        }
    }

    fn write(&mut self, succeeds: bool) {
        let (changes, cursor) = (self.lane.take_changes(), self.lane.cursor());
        if !succeeds {
            return self.lane.give_back(changes);
        }
        assert!(cursor >= self.disk_cursor, "a cursor never goes back");
        for (position, change) in changes {
            match change {
                Change::Put(delivery) => drop(self.disk.insert(position, delivery)),
                Change::Remove => drop(self.disk.remove(&position)),
            }
        }
        self.disk_cursor = cursor;
    }

    fn crash(&mut self) {
        self.flying.clear();
        self.lane = LaneQueue::new(endpoint(), self.ordering, self.disk_cursor);
        for delivery in self.disk.values() {
            self.lane.restore(delivery, self.now);
        }
    }

    /// The receiver gets well; everything pending is delivered and written down.
    fn settle(&mut self) {
        for _ in 0..self.events.len() * 4 + 8 {
            self.read();
            self.act(&Act::Attempt);
            while !self.flying.is_empty() {
                self.act(&Act::End { delivered: true });
            }
            if let Some(due) = self.lane.next_due() {
                self.now = self.now.max(due);
            }
        }
        self.write(true);
    }
}

fn play(acts: &[Act], ordering: Ordering) -> World {
    let mut world = World::new(ordering);
    acts.iter().for_each(|act| world.act(act));
    world.settle();
    world
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 1_000, ..ProptestConfig::default() })]

    #[test]
    fn every_event_arrives_in_order_and_nothing_stays_behind(acts in acts(), ordered: bool) {
        let ordering = if ordered { Ordering::Session } else { Ordering::None };
        let world = play(&acts, ordering);
        for position in 1..=world.events.len() as u64 {
            prop_assert!(world.counts.contains_key(&position), "{} never arrived", position);
        }
        prop_assert!(world.disk.is_empty(), "records remain: {:?}", world.disk);
        prop_assert_eq!(world.disk_cursor, world.events.len() as u64);
        prop_assert_eq!(world.lane.next_due(), None);
    }

    #[test]
    fn without_a_crash_each_event_arrives_once(acts in acts(), ordered: bool) {
        let ordering = if ordered { Ordering::Session } else { Ordering::None };
        let calm: Vec<Act> = acts.into_iter().filter(|act| !matches!(act, Act::Crash)).collect();
        let world = play(&calm, ordering);
        prop_assert!(world.counts.values().all(|count| *count == 1));
    }
}

#[test]
fn an_exhausted_delivery_lets_the_next_go() {
    let mut world = World::new(Ordering::Session);
    world.act(&Act::Commit { session: 0 });
    world.act(&Act::Commit { session: 0 });
    for _ in 0..20 {
        world.read();
        if let Some((position, _)) = world.lane.take_due(world.now) {
            if position == 2 {
                world.lane.delivered(2, world.now);
                world.write(true);
                assert_eq!(world.disk.keys().copied().collect::<Vec<_>>(), [1], "the exhausted one stays on record");
                assert_eq!(world.disk[&1].due, None);
                assert_eq!(world.disk_cursor, 2);
                return;
            }
            world.lane.failed(position, Setback::default(), world.now, 500);
        }
        world.now = world.lane.next_due().unwrap();
    }
    panic!("the second delivery never went out");
}
