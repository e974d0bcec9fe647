//! What the engine counts of itself. The handles are made once and shared by its actors.

use std::collections::BTreeMap;
use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use parking_lot::Mutex;
use prometheus_client::collector::Collector;
use prometheus_client::encoding::{DescriptorEncoder, EncodeMetric};
use prometheus_client::metrics::MetricType;
use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::family::Family;
use prometheus_client::metrics::gauge::{ConstGauge, Gauge};
use prometheus_client::metrics::histogram::{Histogram, exponential_buckets};
use prometheus_client::registry::{Registry, Unit};
use vetd_model::breaker::BreakerState;
use vetd_model::decide::CheckFinding;
use vetd_model::delivery::{Attempt, Fault, Outcome};
use vetd_model::media::MediaKind;
use vetd_model::{EndpointId, EventId, Timestamp};

use crate::clock::Clock;
use crate::error::EngineError;
use crate::watchlists::Lists;

/// One label with its value.
type Label = [(&'static str, &'static str); 1];

/// How attempts to deliver a webhook come out, as a label.
const OUTCOMES: [&str; 4] = ["delivered", "rejected", "timeout", "unreachable"];

/// What became of a picture that was sent, as a label.
const TAKEN_IN: [&str; 3] = ["kept", "refused", "failed"];

/// How questions to providers come out, as a label.
const ASKED: [&str; 7] = ["answered", "accepted", "refused", "unreadable", "rejected", "timeout", "unreachable"];

/// How each endpoint's lane stands.
type Lanes = Arc<Mutex<BTreeMap<EndpointId, LaneReading>>>;

#[derive(Debug, Clone, Copy)]
struct LaneReading {
    depth: usize,
    /// When the event was written that has waited longest.
    oldest: Option<Timestamp>,
    breaker: BreakerState,
}

/// One lane's gauge.
#[derive(Debug)]
pub(crate) struct LaneGauge {
    endpoint: EndpointId,
    lanes: Lanes,
}

impl LaneGauge {
    /// How many deliveries the lane holds, the oldest of their events, and its breaker.
    pub(crate) fn set(&self, depth: usize, oldest: Option<EventId>, breaker: BreakerState) {
        let reading = LaneReading { depth, oldest: oldest.map(|event| event.born()), breaker };
        self.lanes.lock().insert(self.endpoint, reading);
    }
}

impl Drop for LaneGauge {
    fn drop(&mut self) {
        self.lanes.lock().remove(&self.endpoint);
    }
}

/// Reads the lanes when metrics are asked for.
struct LaneCollector {
    lanes: Lanes,
    clock: Arc<dyn Clock>,
}

impl fmt::Debug for LaneCollector {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("LaneCollector").finish_non_exhaustive()
    }
}

impl LaneCollector {
    fn family(
        &self,
        encoder: &mut DescriptorEncoder<'_>,
        (name, help, unit): (&str, &str, Option<&Unit>),
        value: impl Fn(&LaneReading) -> f64,
    ) -> fmt::Result {
        let lanes = self.lanes.lock();
        if lanes.is_empty() {
            return Ok(());
        }
        let mut family = encoder.encode_descriptor(name, help, unit, MetricType::Gauge)?;
        for (endpoint, reading) in lanes.iter() {
            let label = [("endpoint", endpoint.to_string())];
            ConstGauge::new(value(reading)).encode(family.encode_family(&label)?)?;
        }
        Ok(())
    }
}

impl Collector for LaneCollector {
    fn encode(&self, mut encoder: DescriptorEncoder<'_>) -> fmt::Result {
        let now = self.clock.now();
        let depth = (
            "webhook_lane_deliveries",
            "Deliveries that an endpoint's lane has taken up; further events may wait in the store",
            None,
        );
        self.family(&mut encoder, depth, |reading| reading.depth as f64)?;
        let age = "How long ago the event was written that waits longest for an endpoint; 0 if none does";
        self.family(&mut encoder, ("webhook_oldest_pending", age, Some(&Unit::Seconds)), |reading| {
            reading.oldest.map_or(0.0, |oldest| now.since(oldest).as_secs_f64())
        })?;
        let breaker = "An endpoint's circuit breaker: 0 closed, 1 half open (one attempt at a time), 2 open";
        self.family(&mut encoder, ("webhook_breaker", breaker, None), |reading| match reading.breaker {
            BreakerState::Closed => 0.0,
            BreakerState::HalfOpen => 1.0,
            BreakerState::Open { .. } => 2.0,
        })
    }
}

/// Reads how old the lists are when metrics are asked for.
struct ListCollector {
    lists: Arc<Lists>,
    clock: Arc<dyn Clock>,
}

impl fmt::Debug for ListCollector {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ListCollector").finish_non_exhaustive()
    }
}

impl Collector for ListCollector {
    fn encode(&self, mut encoder: DescriptorEncoder<'_>) -> fmt::Result {
        let ages = self.lists.ages(self.clock.now());
        if ages.is_empty() {
            return Ok(());
        }
        let help = "How long ago a list that people are looked for on was made, in whole days";
        let mut family = encoder.encode_descriptor("watchlist_age", help, Some(&Unit::Seconds), MetricType::Gauge)?;
        for (name, age) in ages {
            ConstGauge::new(age.as_secs_f64()).encode(family.encode_family(&[("list", name)])?)?;
        }
        Ok(())
    }
}

/// The engine's meters.
pub(crate) struct Meters {
    pub(crate) resident: Gauge,
    pub(crate) revivals: Counter,
    pub(crate) failures: Counter,
    /// How long after its deadline a session is rung.
    pub(crate) lateness: Histogram,
    pub(crate) webhooks_exhausted: Counter,
    mailboxes: Family<[(&'static str, String); 1], Gauge>,
    checks: Family<[(&'static str, &'static str); 2], Counter>,
    check_seconds: Family<Label, Histogram, fn() -> Histogram>,
    attempts: Family<Label, Counter>,
    questions: Family<Label, Counter>,
    question_seconds: Histogram,
    pictures: Family<[(&'static str, &'static str); 2], Counter>,
    picture_seconds: Histogram,
    picture_bytes: Counter,
    lanes: Lanes,
}

impl Meters {
    pub(crate) fn new() -> Self {
        let attempts = Family::<Label, Counter>::default();
        for outcome in OUTCOMES {
            drop(attempts.get_or_create(&[("outcome", outcome)]));
        }
        let pictures = Family::<[(&'static str, &'static str); 2], Counter>::default();
        for (kind, outcome) in MediaKind::ALL.iter().flat_map(|kind| TAKEN_IN.map(|outcome| (kind, outcome))) {
            drop(pictures.get_or_create(&[("kind", kind.as_str()), ("outcome", outcome)]));
        }
        let questions = Family::<Label, Counter>::default();
        for outcome in ASKED {
            drop(questions.get_or_create(&[("outcome", outcome)]));
        }
        Self {
            resident: Gauge::default(),
            revivals: Counter::default(),
            failures: Counter::default(),
            lateness: Histogram::new(exponential_buckets(0.002, 4.0, 12)),
            webhooks_exhausted: Counter::default(),
            mailboxes: Family::default(),
            checks: Family::default(),
            check_seconds: Family::new_with_constructor(|| Histogram::new(exponential_buckets(0.001, 4.0, 10))),
            attempts,
            questions,
            question_seconds: Histogram::new(exponential_buckets(0.016, 2.0, 12)),
            pictures,
            picture_seconds: Histogram::new(exponential_buckets(0.016, 2.0, 10)),
            picture_bytes: Counter::default(),
            lanes: Lanes::default(),
        }
    }

    /// Hands the meters to whoever renders them.
    pub(crate) fn register(&self, registry: &mut Registry, clock: Arc<dyn Clock>, lists: Arc<Lists>) {
        registry.register_collector(Box::new(ListCollector { lists, clock: Arc::clone(&clock) }));
        registry.register_collector(Box::new(LaneCollector { lanes: self.lanes.clone(), clock }));
        registry.register("sessions_resident", "Sessions in memory as actors", self.resident.clone());
        registry.register(
            "session_revivals",
            "Sessions for which an actor was started, which reads them from the store",
            self.revivals.clone(),
        );
        registry.register("session_failures", "Actors of sessions that failed", self.failures.clone());
        registry.register("mailbox_messages", "Messages that wait for a registry shard", self.mailboxes.clone());
        registry.register_with_unit(
            "deadline_lateness",
            "How long after its deadline a session was rung; after a stop of the server this includes the stop",
            Unit::Seconds,
            self.lateness.clone(),
        );
        registry.register("checks", "Checks run, by type and by what they found", self.checks.clone());
        registry.register_with_unit("check", "How long a check runs", Unit::Seconds, self.check_seconds.clone());
        registry.register(
            "pictures",
            "Pictures that were sent, by kind and by what became of them",
            self.pictures.clone(),
        );
        registry.register_with_unit(
            "picture_reading",
            "How long a picture is decoded and read",
            Unit::Seconds,
            self.picture_seconds.clone(),
        );
        registry.register_with_unit(
            "pictures_kept",
            "What was kept of pictures, before it was sealed",
            Unit::Bytes,
            self.picture_bytes.clone(),
        );
        registry.register("webhook_attempts", "Attempts to deliver a webhook", self.attempts.clone());
        registry.register(
            "webhook_deliveries_exhausted",
            "Webhook deliveries given up after the last attempt",
            self.webhooks_exhausted.clone(),
        );
        registry.register("provider_calls", "Attempts to ask a provider for a check", self.questions.clone());
        registry.register_with_unit(
            "provider_call",
            "How long a provider takes for its answer, up to the time-out",
            Unit::Seconds,
            self.question_seconds.clone(),
        );
    }

    /// The depth of one shard's mailbox.
    pub(crate) fn mailbox(&self, shard: usize) -> Gauge {
        self.mailboxes.get_or_create(&[("shard", shard.to_string())]).clone()
    }

    /// The gauge of one endpoint's lane.
    pub(crate) fn lane(&self, endpoint: EndpointId) -> LaneGauge {
        LaneGauge { endpoint, lanes: self.lanes.clone() }
    }

    /// An attempt to deliver a webhook has ended.
    pub(crate) fn attempted(&self, attempt: &Attempt) {
        let [delivered, rejected, timeout, unreachable] = OUTCOMES;
        let outcome = match attempt.outcome {
            Outcome::Answered { .. } if attempt.succeeded() => delivered,
            Outcome::Answered { .. } => rejected,
            Outcome::Failed(Fault::TimedOut) => timeout,
            Outcome::Failed(_) => unreachable,
        };
        self.attempts.get_or_create(&[("outcome", outcome)]).inc();
    }

    /// A provider was asked; `outcome` is one of [`ASKED`].
    pub(crate) fn asked(&self, outcome: &'static str, took: Duration) {
        self.questions.get_or_create(&[("outcome", outcome)]).inc();
        self.question_seconds.observe(took.as_secs_f64());
    }

    /// A picture was sent: it is kept, or refused as what the sender must mend, or lost to a fault.
    pub(crate) fn took_in(&self, kind: MediaKind, error: Option<&EngineError>) {
        let [kept, refused, failed] = TAKEN_IN;
        let outcome = match error {
            None => kept,
            Some(EngineError::Refused(_)) => refused,
            Some(_) => failed,
        };
        self.pictures.get_or_create(&[("kind", kind.as_str()), ("outcome", outcome)]).inc();
    }

    /// A picture was decoded and read, whatever came of it.
    pub(crate) fn read_picture(&self, took: Duration) {
        self.picture_seconds.observe(took.as_secs_f64());
    }

    /// So many bytes of a picture are kept.
    pub(crate) fn kept_picture(&self, bytes: u32) {
        self.picture_bytes.inc_by(u64::from(bytes));
    }

    /// A check has run.
    pub(crate) fn checked(&self, check: &CheckFinding) {
        let kind = ("type", check.kind.as_str());
        self.checks.get_or_create(&[kind, ("status", check.finding.status.as_str())]).inc();
        self.check_seconds.get_or_create(&[kind]).observe(check.finished.since(check.started).as_secs_f64());
    }
}
