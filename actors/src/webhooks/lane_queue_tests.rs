//! A lane over generated faults: crashes, failures and writes that are lost.

use std::collections::{BTreeMap, HashMap, HashSet};
use std::sync::Arc;
use std::time::Duration;

use proptest::prelude::*;
use vetd_model::delivery::{Attempt, Delivery, Fault, Outcome, Standing};
use vetd_model::event::{Event, EventKind, Hash};
use vetd_model::notice::Logged;
use vetd_model::verification::Moment;
use vetd_model::webhook::Ordering;
use vetd_model::{EndpointId, EventId, Mode, Realm, SessionId, Status, Timestamp, WorkspaceId};

use super::lane_queue::LaneQueue;
use vetd_storage::OnRecord;

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
    /// A delivery is asked for by hand, whether it is pending or settled.
    Again { position: u8 },
    /// The endpoint was disabled, and is enabled.
    Enable,
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
        1 => any::<u8>().prop_map(|position| Act::Again { position }),
        1 => Just(Act::Enable),
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
    disk_mark: u64,
    /// When the endpoint was last enabled.
    enabled: Option<Timestamp>,
    /// Those that were asked for by hand.
    asked: HashSet<u64>,
    /// How many failed attempts are on record, by position.
    attempts: HashMap<u64, u32>,
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

/// An event of this session. What it tells does not matter to a lane.
fn event(number: u8, id: EventId) -> Arc<Logged> {
    let realm = Realm { workspace: WorkspaceId(1), mode: Mode::Test };
    Arc::new(Logged::Session(Event {
        id,
        realm,
        session: session(number),
        kind: EventKind::Updated,
        created: Timestamp::from_seconds(1_000_000),
        sequence: 1,
        prev_hash: Hash::default(),
        data_hash: Hash::default(),
        moment: Moment {
            sequence: 1,
            status: Status::InProgress,
            last_error: None,
            attempts: 0,
            updated: Timestamp::from_seconds(1_000_000),
            decided_at: None,
            expires_at: Timestamp::from_seconds(1_000_000),
        },
    }))
}

fn attempt(status: u16, at: Timestamp) -> Attempt {
    let outcome = match status {
        0 => Outcome::Failed(Fault::Broken),
        _ => Outcome::Answered { status, body: String::new() },
    };
    Attempt { at, latency_ms: 1, outcome }
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
            disk_mark: 0,
            enabled: None,
            asked: HashSet::new(),
            attempts: HashMap::new(),
            received: Vec::new(),
            counts: HashMap::new(),
        }
    }

    fn read(&mut self) {
        for position in self.lane.position() + 1..=self.events.len() as u64 {
            self.lane.push(position, self.event(position), self.now);
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
                if let Some(taken) = self.lane.take_due(self.now) {
                    let position = taken.position;
                    let id = self.events[position as usize - 1].1;
                    assert_eq!(taken.event, id, "each try carries the event's own id");
                    assert!(taken.logged.is_none_or(|logged| logged.id() == id));
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
                    self.lane.delivered(position, attempt(200, self.now), self.now);
                } else {
                    self.lane.failed(position, attempt(500, self.now), None, self.now, 500);
                }
            }
            Act::Write { succeeds } => self.write(*succeeds),
            Act::Pass { seconds } => self.now = self.now.after(Duration::from_secs(*seconds)),
            Act::Reorder { ordered } => {
                self.ordering = if *ordered { Ordering::Session } else { Ordering::None };
                self.lane.set_ordering(self.ordering, self.now);
            }
            Act::Again { .. } if self.events.is_empty() => {}
            Act::Again { position } => self.ask_again(u64::from(*position) % self.events.len() as u64 + 1),
            Act::Enable => {
                self.enabled = Some(self.now);
                self.lane.begin_anew(self.now);
            }
            Act::Crash => self.crash(),
        }
        assert_eq!(self.lane.in_flight(), self.flying.len());
    }

    fn event(&self, position: u64) -> Arc<Logged> {
        let (number, id) = self.events[position as usize - 1];
        event(number, id)
    }

    /// As the lane does it: what is pending is hurried, what is settled on record is taken up.
    fn ask_again(&mut self, position: u64) {
        self.write(true);
        self.asked.insert(position);
        if !self.lane.hurry(position, self.now)
            && let Some(delivery) = self.disk.get(&position).filter(|delivery| delivery.is_settled())
        {
            self.counts.remove(&position);
            self.lane.take_up_again(delivery.clone(), false, self.now);
        }
        // Whoever asks is answered once it is written down.
        self.write(true);
    }

    fn receive(&mut self, position: u64) {
        self.received.push(position);
        *self.counts.entry(position).or_default() += 1;
    }

    /// With ordering, nothing is tried while an earlier event of its session has not arrived:
    /// within the test's time no delivery is exhausted. What was under way without ordering may
    /// still arrive.
    fn check_order(&self, position: u64) {
        if self.ordering == Ordering::Session && !self.asked.contains(&position) {
            let session = self.events[position as usize - 1].0;
            let earlier = (1..position).filter(|before| self.events[*before as usize - 1].0 == session);
            let ordered = earlier.filter(|before| !self.asked.contains(before));
            for before in ordered.filter(|before| !(self.flying.contains(before) && self.loose.contains(before))) {
                assert!(self.counts.contains_key(&before), "{position} was tried before {before} arrived");
            }
        }
    }

    fn write(&mut self, succeeds: bool) {
        let (changes, cursor) = (self.lane.take_changes(), self.lane.mark());
        if !succeeds {
            return self.lane.give_back(changes);
        }
        assert!(cursor >= self.disk_mark, "a mark never goes back");
        for (position, change) in changes {
            let stands = match self.disk.get(&position) {
                None => OnRecord::Absent,
                Some(delivery) if delivery.is_settled() => OnRecord::Settled,
                Some(_) => OnRecord::Pending,
            };
            let knows = change.was == stands || change.was == OnRecord::Unknown;
            assert!(knows, "a write knows what it replaces: {:?}, {stands:?}", change.was);
            for (number, _) in change.attempts {
                let last = self.attempts.insert(position, number);
                assert!(number > last.unwrap_or(0), "attempts are numbered in their order");
            }
            self.disk.insert(position, change.delivery.unwrap());
        }
        self.disk_mark = cursor;
    }

    fn crash(&mut self) {
        self.flying.clear();
        self.lane = LaneQueue::new(endpoint(), self.ordering, self.disk_mark);
        for delivery in self.disk.values() {
            if delivery.is_settled() {
                self.lane.note_settled(delivery.position);
            } else {
                self.lane.restore(delivery.clone(), self.now, self.enabled);
            }
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
        let unsettled = world.disk.values().find(|delivery| !matches!(delivery.standing, Standing::Succeeded(_)));
        prop_assert_eq!(unsettled, None);
        prop_assert_eq!(world.disk.len(), world.events.len());
        prop_assert_eq!(world.disk_mark, world.events.len() as u64);
        prop_assert_eq!(world.lane.next_due(), None);
    }

    #[test]
    fn without_a_crash_each_event_arrives_once(acts in acts(), ordered: bool) {
        let ordering = if ordered { Ordering::Session } else { Ordering::None };
        let calm: Vec<Act> = acts.into_iter().filter(|act| !matches!(act, Act::Crash | Act::Again { .. })).collect();
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
        if let Some(taken) = world.lane.take_due(world.now) {
            let position = taken.position;
            if position == 2 {
                world.lane.delivered(2, attempt(204, world.now), world.now);
                world.write(true);
                assert!(matches!(world.disk[&1].standing, Standing::Exhausted(_)));
                assert!(matches!(world.disk[&2].standing, Standing::Succeeded(_)));
                assert_eq!((world.disk[&1].attempts, world.attempts[&1]), (9, 9));
                assert_eq!(world.disk_mark, 2);
                return;
            }
            world.lane.failed(position, attempt(500, world.now), None, world.now, 500);
        }
        world.now = world.lane.next_due().unwrap();
    }
    panic!("the second delivery never went out");
}
