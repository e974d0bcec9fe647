//! What the engine counts of itself. The handles are made once and shared by its actors.

use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::family::Family;
use prometheus_client::metrics::gauge::Gauge;
use prometheus_client::metrics::histogram::{Histogram, exponential_buckets};
use prometheus_client::registry::{Registry, Unit};
use vetd_model::decide::CheckFinding;

/// One label with its value.
type Label = [(&'static str, &'static str); 1];

/// The engine's meters.
pub(crate) struct Meters {
    pub(crate) resident: Gauge,
    pub(crate) revivals: Counter,
    pub(crate) failures: Counter,
    /// How long after its deadline a session is rung.
    pub(crate) lateness: Histogram,
    pub(crate) webhooks_delivered: Counter,
    pub(crate) webhooks_failed: Counter,
    pub(crate) webhooks_exhausted: Counter,
    mailboxes: Family<[(&'static str, String); 1], Gauge>,
    checks: Family<[(&'static str, &'static str); 2], Counter>,
    check_seconds: Family<Label, Histogram, fn() -> Histogram>,
    attempts: Family<Label, Counter>,
}

impl Meters {
    pub(crate) fn new() -> Self {
        let attempts = Family::<Label, Counter>::default();
        let attempt = |outcome| attempts.get_or_create(&[("outcome", outcome)]).clone();
        let (webhooks_delivered, webhooks_failed) = (attempt("delivered"), attempt("failed"));
        Self {
            resident: Gauge::default(),
            revivals: Counter::default(),
            failures: Counter::default(),
            lateness: Histogram::new(exponential_buckets(0.002, 4.0, 12)),
            webhooks_delivered,
            webhooks_failed,
            webhooks_exhausted: Counter::default(),
            mailboxes: Family::default(),
            checks: Family::default(),
            check_seconds: Family::new_with_constructor(|| Histogram::new(exponential_buckets(0.001, 4.0, 10))),
            attempts,
        }
    }

    /// Hands the meters to whoever renders them.
    pub(crate) fn register(&self, registry: &mut Registry) {
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
        registry.register("webhook_attempts", "Attempts to deliver a webhook", self.attempts.clone());
        registry.register(
            "webhook_deliveries_exhausted",
            "Webhook deliveries given up after the last attempt",
            self.webhooks_exhausted.clone(),
        );
    }

    /// The depth of one shard's mailbox.
    pub(crate) fn mailbox(&self, shard: usize) -> Gauge {
        self.mailboxes.get_or_create(&[("shard", shard.to_string())]).clone()
    }

    /// A check has run.
    pub(crate) fn checked(&self, check: &CheckFinding) {
        let kind = ("type", check.kind.as_str());
        self.checks.get_or_create(&[kind, ("status", check.finding.status.as_str())]).inc();
        self.check_seconds.get_or_create(&[kind]).observe(check.finished.since(check.started).as_secs_f64());
    }
}
