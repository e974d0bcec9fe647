//! Deliveries: one event to one endpoint. When a failed one is tried again, and what is known of
//! each attempt.

use std::time::Duration;

use serde_json::{Value, json};

use crate::id::{DeliveryId, EndpointId, EventId, SessionId};
use crate::time::Timestamp;

/// The most bytes that are kept of a receiver's answer.
pub const ANSWER_KEPT: usize = 1_024;

/// Where in an identifier the endpoint is folded in: the last seven bytes, all of them random.
const FOLDED: std::ops::Range<usize> = 9..16;

impl DeliveryId {
    /// The delivery of this event to this endpoint: the event's identifier with the endpoint's
    /// random bytes folded in, so that no index is needed and it sorts by the event's time.
    #[must_use]
    pub fn of(endpoint: EndpointId, event: EventId) -> Self {
        Self::from_bytes(fold(endpoint, *event.bytes()))
    }

    /// The event, if the delivery is to this endpoint.
    #[must_use]
    pub fn event_at(self, endpoint: EndpointId) -> EventId {
        EventId::from_bytes(fold(endpoint, *self.bytes()))
    }
}

fn fold(endpoint: EndpointId, mut bytes: [u8; 16]) -> [u8; 16] {
    for (byte, other) in bytes[FOLDED].iter_mut().zip(&endpoint.bytes()[FOLDED]) {
        *byte ^= other;
    }
    bytes
}

/// Why there was no answer.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Fault {
    /// No whole answer within the time limit.
    TimedOut,
    /// The name leads to addresses that a webhook may not go to.
    AddressRefused,
    /// No connection: the name is unknown, nobody listens, or the TLS handshake failed.
    NotConnected,
    /// The connection broke, or what came was no HTTP answer.
    Broken,
}

impl Fault {
    /// The name in JSON.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::TimedOut => "timeout",
            Self::AddressRefused => "address_refused",
            Self::NotConnected => "connection_failed",
            Self::Broken => "connection_lost",
        }
    }
}

/// How an attempt ended.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Outcome {
    /// The receiver answered in time.
    Answered {
        /// The HTTP status.
        status: u16,
        /// How its body begins; at most [`ANSWER_KEPT`] bytes.
        body: String,
    },
    /// It did not.
    Failed(Fault),
}

/// One attempt, once it has ended.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Attempt {
    /// When it began.
    pub at: Timestamp,
    /// How long it took, in milliseconds.
    pub latency_ms: u32,
    /// How it ended.
    pub outcome: Outcome,
}

impl Attempt {
    /// True if the receiver has taken the event: any 2xx.
    #[must_use]
    pub const fn succeeded(&self) -> bool {
        matches!(self.outcome, Outcome::Answered { status: 200..=299, .. })
    }

    /// True if the endpoint says that it is gone for good: 410.
    #[must_use]
    pub const fn says_gone(&self) -> bool {
        matches!(self.outcome, Outcome::Answered { status: 410, .. })
    }

    /// True after 429 or a time-out.
    #[must_use]
    pub const fn says_overloaded(&self) -> bool {
        matches!(self.outcome, Outcome::Answered { status: 429, .. } | Outcome::Failed(Fault::TimedOut))
    }

    /// The attempt as the tenant reads it.
    #[must_use]
    pub fn to_json(&self) -> Value {
        let (status, body, error) = match &self.outcome {
            Outcome::Answered { status, body } => (Some(status), Some(body), None),
            Outcome::Failed(fault) => (None, None, Some(fault.as_str())),
        };
        json!({ "at": self.at, "latency_ms": self.latency_ms, "status": status, "body": body, "error": error })
    }
}

/// How a delivery stands.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Standing {
    /// Behind another of its session, or for its first attempt.
    Waits,
    /// To be tried at this time.
    Due(Timestamp),
    /// The receiver has taken it, in this attempt. Failed attempts are kept apart.
    Succeeded(Attempt),
    /// Not tried any more, since then.
    Exhausted(Timestamp),
}

/// A delivery on record. One that was not yet attempted, and waits behind none that has failed,
/// is derived from its event and the endpoint's cursor and has no record.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Delivery {
    /// To which endpoint.
    pub endpoint: EndpointId,
    /// The store-wide position of its event.
    pub position: u64,
    /// Its event.
    pub event: EventId,
    /// The session that its event tells of, if it tells of one.
    pub session: Option<SessionId>,
    /// How it stands.
    pub standing: Standing,
    /// How many attempts have been made.
    pub attempts: u32,
    /// How many of them have failed since its schedule began.
    pub failures: u32,
    /// When it became the first of its session at its endpoint: its 24 hours begin here. `None`
    /// while it waits, and before its first attempt.
    pub head_since: Option<Timestamp>,
    /// False once somebody has asked for it by hand: then it waits for no other.
    pub ordered: bool,
}

impl Delivery {
    /// One of which nothing is known yet but its event.
    #[must_use]
    pub const fn derived(endpoint: EndpointId, position: u64, event: EventId, session: Option<SessionId>) -> Self {
        let standing = Standing::Waits;
        Self { endpoint, position, event, session, standing, attempts: 0, failures: 0, head_since: None, ordered: true }
    }

    /// Names it.
    #[must_use]
    pub fn id(&self) -> DeliveryId {
        DeliveryId::of(self.endpoint, self.event)
    }

    /// True if nothing more will be done for it unless somebody asks.
    #[must_use]
    pub const fn is_settled(&self) -> bool {
        matches!(self.standing, Standing::Succeeded(_) | Standing::Exhausted(_))
    }

    /// Its status; what is pending at a disabled endpoint is held.
    #[must_use]
    pub const fn status(&self, endpoint_disabled: bool) -> DeliveryStatus {
        match self.standing {
            Standing::Succeeded(_) => DeliveryStatus::Succeeded,
            Standing::Exhausted(_) => DeliveryStatus::Exhausted,
            Standing::Waits | Standing::Due(_) if endpoint_disabled => DeliveryStatus::Held,
            Standing::Waits | Standing::Due(_) => DeliveryStatus::Pending,
        }
    }
}

/// The status of a delivery.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum DeliveryStatus {
    /// Not yet taken by the receiver; it is tried, or tried again.
    Pending,
    /// Its endpoint is disabled.
    Held,
    /// The receiver has taken it.
    Succeeded,
    /// Given up after 24 hours.
    Exhausted,
}

impl DeliveryStatus {
    /// All of them.
    pub const ALL: [Self; 4] = [Self::Pending, Self::Held, Self::Succeeded, Self::Exhausted];

    /// The name in JSON.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Pending => "pending",
            Self::Held => "held",
            Self::Succeeded => "succeeded",
            Self::Exhausted => "exhausted",
        }
    }

    /// The status with this name.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|status| status.as_str() == text)
    }
}

/// How an attempt failed, as far as the next one depends on it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Setback {
    /// True after 429 or a time-out: the receiver is overloaded.
    pub overloaded: bool,
    /// The receiver's `Retry-After`, in seconds.
    pub retry_after: Option<u64>,
}

/// The waits after the first seven failures, in seconds: 5 s, 30 s, 5 min, 30 min, 2 h, 5 h, 10 h.
const STEPS: [u64; 7] = [5, 30, 300, 1_800, 7_200, 18_000, 36_000];
/// How long a delivery is tried.
const WINDOW: Duration = Duration::from_secs(24 * 3600);
/// The least wait after 429 or a time-out.
const OVERLOAD_WAIT: Duration = Duration::from_secs(60);
/// The jitter's width to either side, in thousandths.
const JITTER: u64 = 200;

/// When a delivery is tried again after its `failures`th failure, or `None` if that was the last.
///
/// The waits are 5 s, 30 s, 5 min, 30 min, 2 h, 5 h and 10 h, each spread by ±20 % (`jitter`
/// counts from 0, the shortest, to 1000, the longest); then once more 24 hours after `first`,
/// when the delivery became the first of its session. `Retry-After` is honoured between one and
/// two times the step; after 429 or a time-out the wait is at least 60 s. Nothing is tried
/// after the 24 hours.
#[must_use]
pub fn next_attempt(
    failures: u32,
    setback: Setback,
    first: Timestamp,
    now: Timestamp,
    jitter: u16,
) -> Option<Timestamp> {
    // After the clock was set back the 24 hours begin at the latest now.
    let last = first.min(now).after(WINDOW);
    if now >= last {
        return None;
    }
    let Some(&step) = STEPS.get(failures.saturating_sub(1) as usize) else {
        return Some(last);
    };
    let spread = 1000 - JITTER + 2 * JITTER * u64::from(jitter.min(1000)) / 1000;
    let mut wait = Duration::from_millis(step * spread);
    if let Some(asked) = setback.retry_after {
        // The jitter never goes below what the receiver asked for.
        wait = wait.max(Duration::from_secs(asked.clamp(step, 2 * step)));
    }
    if setback.overloaded {
        wait = wait.max(OVERLOAD_WAIT);
    }
    Some(now.after(wait).min(last))
}

/// The longest that a delivery can have to wait after its `failures`th failure: a time further
/// away was written before the clock was set back.
#[must_use]
pub fn longest_wait(failures: u32) -> Duration {
    match STEPS.get(failures.saturating_sub(1) as usize) {
        Some(step) => Duration::from_secs(2 * step).max(OVERLOAD_WAIT),
        None => WINDOW,
    }
}

/// How long nothing but failures disables an endpoint.
const FAILING_LIMIT: Duration = Duration::from_secs(5 * 24 * 3600);
/// Failures further apart than this do not belong together.
const FAILING_GAP: Duration = WINDOW;

/// A time of nothing but failures at one endpoint.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Failing {
    /// Its first failure.
    pub since: Timestamp,
    /// Its last one.
    pub last: Timestamp,
}

impl Failing {
    /// The time of failures after one more at `now`. More than a day without an attempt ends the
    /// time before: an endpoint that gets little is not disabled for two failures a week apart.
    #[must_use]
    pub fn one_more(before: Option<Self>, now: Timestamp) -> Self {
        match before {
            Some(before) if now <= before.last.after(FAILING_GAP) => {
                Self { since: before.since.min(now), last: now.max(before.last) }
            }
            _ => Self { since: now, last: now },
        }
    }

    /// True if it has lasted five days.
    #[must_use]
    pub fn is_hopeless(self) -> bool {
        self.last >= self.since.after(FAILING_LIMIT)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const NOW: Timestamp = Timestamp::from_seconds(1_000_000);

    fn wait(failures: u32, setback: Setback, jitter: u16) -> u64 {
        next_attempt(failures, setback, NOW, NOW, jitter).unwrap().since(NOW).as_millis() as u64
    }

    #[test]
    fn the_series_is_the_documented_one() {
        let plain = Setback::default();
        let waits: Vec<u64> = (1..=9).map(|failures| wait(failures, plain, 500) / 1000).collect();
        assert_eq!(waits, [5, 30, 300, 1800, 7200, 18000, 36000, 86400, 86400]);
        assert_eq!((wait(1, plain, 0), wait(1, plain, 1000)), (4000, 6000));
        assert_eq!(next_attempt(9, plain, NOW, NOW.after(WINDOW), 500), None);
    }

    #[test]
    fn retry_after_counts_between_one_and_two_steps() {
        let asked = |seconds| Setback { overloaded: false, retry_after: Some(seconds) };
        assert_eq!(wait(2, asked(1), 0), 30_000);
        assert_eq!(wait(2, asked(45), 0), 45_000);
        assert_eq!(wait(2, asked(45), 500), 45_000);
        assert_eq!(wait(2, asked(100_000), 500), 60_000);
        assert_eq!(wait(1, Setback { overloaded: true, retry_after: None }, 500), 60_000);
    }

    #[test]
    fn a_delivery_s_identifier_leads_back_to_its_event() {
        let endpoint = |byte| EndpointId::new(NOW, [byte; 10]);
        let event = EventId::new(NOW, [7; 10]);
        let delivery = DeliveryId::of(endpoint(1), event);
        assert_eq!(delivery.event_at(endpoint(1)), event);
        assert_ne!(delivery.event_at(endpoint(2)), event);
        assert_ne!(delivery, DeliveryId::of(endpoint(2), event));
        assert_eq!(delivery.born(), NOW);
        assert!(delivery.to_string().starts_with("whd_"));
    }

    #[test]
    fn only_days_of_failures_without_a_pause_are_hopeless() {
        let hours = |count: u64| NOW.after(Duration::from_secs(3600 * count));
        let through = |times: &[u64]| {
            times.iter().fold(None, |failing, at| Some(Failing::one_more(failing, hours(*at)))).unwrap()
        };
        assert!(!through(&[0, 20, 40, 60, 80, 100, 119]).is_hopeless());
        assert!(through(&[0, 20, 40, 60, 80, 100, 120]).is_hopeless());
        assert!(!through(&[0, 20, 40, 60, 85, 105, 125]).is_hopeless(), "a pause of a day begins anew");
    }

    #[test]
    fn a_clock_set_back_does_not_stretch_the_day() {
        let next = next_attempt(8, Setback::default(), NOW.after(Duration::from_secs(3600)), NOW, 500);
        assert_eq!(next, Some(NOW.after(WINDOW)));
    }
}
