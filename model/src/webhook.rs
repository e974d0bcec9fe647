//! Webhook endpoints, and when a failed delivery is tried again.

use std::time::Duration;

use serde_json::{Value, json};
use url::{Host, Url};

use crate::error::{ErrorCode, Refusal};
use crate::id::{EndpointId, EventId, SessionId};
use crate::notice::{Logged, NoticeKind};
use crate::rate::Rate;
use crate::realm::{Mode, Realm};
use crate::signature::WebhookSecret;
use crate::time::Timestamp;
use crate::validate::{Issues, Object};

/// The longest description, in characters.
const TEXT_LIMIT: usize = 500;
/// The longest address, in bytes.
const URL_LIMIT: usize = 2_000;
/// The most replaced secrets that are valid at the same time.
const PREVIOUS_SECRETS_LIMIT: usize = 5;
/// The most endpoints of one realm.
pub const ENDPOINT_LIMIT: usize = 100;

/// Which events an endpoint gets.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum EventFilter {
    /// Every one, written `["*"]`.
    All,
    /// These types.
    Only(Vec<&'static str>),
}

/// Every event type of the contract. An endpoint may ask for types that this release does not
/// write yet.
pub const EVENT_TYPES: [&str; 11] = [
    "verification.created",
    "verification.updated",
    "verification.completed",
    "verification.failed",
    "verification.review_required",
    "verification.canceled",
    "verification.expired",
    "verification.reviewed",
    "verification.redacted",
    "webhook_endpoint.disabled",
    "webhook_endpoint.test",
];

impl EventFilter {
    /// True if events of this type are among them.
    #[must_use]
    pub fn admits(&self, type_name: &str) -> bool {
        match self {
            Self::All => true,
            Self::Only(types) => types.contains(&type_name),
        }
    }

    /// The filter for these types; those that are not of the contract are left out.
    #[must_use]
    pub fn of<'a>(names: impl IntoIterator<Item = &'a str>) -> Self {
        let known = |name| EVENT_TYPES.into_iter().find(|known| *known == name);
        Self::Only(names.into_iter().filter_map(known).collect())
    }

    /// The filter as it stands in JSON.
    #[must_use]
    pub fn names(&self) -> Vec<&'static str> {
        match self {
            Self::All => vec!["*"],
            Self::Only(types) => types.clone(),
        }
    }
}

/// Whether the next event of a session waits for the one before it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Ordering {
    /// It waits.
    #[default]
    Session,
    /// It does not.
    None,
}

impl Ordering {
    /// The name in JSON.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Session => "session",
            Self::None => "none",
        }
    }
}

/// A secret that was replaced, and still signs for a while, so that receivers can change over.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PreviousSecret {
    /// The secret.
    pub secret: WebhookSecret,
    /// When it ends.
    pub until: Timestamp,
}

/// Why an endpoint was disabled.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum DisabledReason {
    /// It answered 410 Gone.
    Gone,
    /// Five days of nothing but failures.
    Failing,
}

impl DisabledReason {
    /// The name in JSON.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Gone => "gone",
            Self::Failing => "failing",
        }
    }
}

/// That an endpoint is disabled: its deliveries are held until somebody enables it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Disabled {
    /// Since when.
    pub at: Timestamp,
    /// Why.
    pub reason: DisabledReason,
}

/// Where events go.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Endpoint {
    /// Names it.
    pub id: EndpointId,
    /// Whose events it gets.
    pub realm: Realm,
    /// The address.
    pub url: String,
    /// Which events.
    pub events: EventFilter,
    /// For people.
    pub description: Option<String>,
    /// In which order.
    pub ordering: Ordering,
    /// The most attempts in a span of time, if there is a limit.
    pub rate_limit: Option<Rate>,
    /// Signs its deliveries.
    pub secret: WebhookSecret,
    /// The secrets it had before, each until it ends; the latest first.
    pub previous_secrets: Vec<PreviousSecret>,
    /// Set while it is disabled.
    pub disabled: Option<Disabled>,
    /// When it was last enabled: what failed before begins anew.
    pub enabled_at: Option<Timestamp>,
    /// When it was made.
    pub created: Timestamp,
    /// When it last changed.
    pub updated: Timestamp,
}

impl Endpoint {
    /// The endpoint as the tenant reads it; the secret is not in it.
    #[must_use]
    pub fn to_json(&self) -> Value {
        json!({
            "id": self.id, "object": "webhook_endpoint", "url": self.url, "events": self.events.names(),
            "description": self.description, "ordering": self.ordering.as_str(),
            "rate_limit": self.rate_limit.map(|rate| rate.to_string()),
            "livemode": self.realm.mode.is_live(),
            "status": if self.disabled.is_some() { "disabled" } else { "enabled" },
            "disabled_at": self.disabled.map(|disabled| disabled.at),
            "disabled_reason": self.disabled.map(|disabled| disabled.reason.as_str()),
            "created": self.created, "updated": self.updated,
        })
    }

    /// True if this event is to be delivered to the endpoint.
    #[must_use]
    pub fn wants(&self, event: &Logged) -> bool {
        match event {
            Logged::Endpoint(notice) if notice.kind == NoticeKind::Test => notice.endpoint == self.id,
            _ => self.events.admits(event.type_name()),
        }
    }

    /// The secrets that sign a delivery at `now`, the newest first.
    pub fn secrets_at(&self, now: Timestamp) -> impl Iterator<Item = &WebhookSecret> {
        let previous = self.previous_secrets.iter().filter(move |previous| now < previous.until);
        std::iter::once(&self.secret).chain(previous.map(|previous| &previous.secret))
    }

    /// The endpoint with a new secret; the one before stays valid for `overlap`.
    ///
    /// # Errors
    /// `invalid_state` if five earlier secrets are still valid.
    pub fn rotated(&self, secret: WebhookSecret, overlap: Duration, at: Timestamp) -> Result<Self, Refusal> {
        let mut next = self.clone();
        next.previous_secrets.retain(|previous| at < previous.until);
        if !overlap.is_zero() {
            if next.previous_secrets.len() >= PREVIOUS_SECRETS_LIMIT {
                let message = "Five earlier secrets of this endpoint are still valid; wait until one has ended, \
                               or rotate with overlap_seconds 0.";
                return Err(Refusal::new(ErrorCode::InvalidState, message));
            }
            let before = PreviousSecret { secret: self.secret.clone(), until: at.after(overlap) };
            next.previous_secrets.insert(0, before);
        }
        next.secret = secret;
        next.updated = at.max(self.updated);
        Ok(next)
    }

    /// The endpoint, enabled at `at`. One that is enabled already stays as it is.
    #[must_use]
    pub fn enabled(&self, at: Timestamp) -> Self {
        if self.disabled.is_none() {
            return self.clone();
        }
        Self { disabled: None, enabled_at: Some(at), updated: at.max(self.updated), ..self.clone() }
    }
}

/// What a tenant sets on an endpoint; absent fields stay as they are.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct EndpointChange {
    /// The address.
    pub url: Option<String>,
    /// Which events.
    pub events: Option<EventFilter>,
    /// For people; `Some(None)` takes it away.
    pub description: Option<Option<String>>,
    /// In which order.
    pub ordering: Option<Ordering>,
    /// The most attempts in a span of time; `Some(None)` takes the limit away.
    pub rate_limit: Option<Option<Rate>>,
}

impl EndpointChange {
    /// Validates a `POST` or `PATCH` body. `loopback` says whether test-mode addresses may be
    /// http and on loopback, as on a server that itself listens there.
    ///
    /// # Errors
    /// `validation_error` with the path of every wrong field.
    pub fn parse(body: &Value, mode: Mode, loopback: bool) -> Result<Self, Refusal> {
        let mut issues = Issues::default();
        let mut object = Object::root(body, &mut issues);
        let url = object.optional_with("url", &mut issues, |text| target(text, mode, loopback));
        let events = object.list("events", EVENT_TYPES.len(), &mut issues);
        let events = events.and_then(|list| event_filter(list, &mut issues));
        let (no_description, no_limit) = (object.clears("description"), object.clears("rate_limit"));
        let description = object.optional_with("description", &mut issues, |text| {
            let fits = text.chars().count() <= TEXT_LIMIT && !text.chars().any(char::is_control);
            fits.then(|| text.to_owned()).ok_or_else(|| "must have at most 500 printable characters".to_owned())
        });
        let ordering = object.optional_with("ordering", &mut issues, |text| match text {
            "session" => Ok(Ordering::Session),
            "none" => Ok(Ordering::None),
            _ => Err("must be session or none".to_owned()),
        });
        let rate_limit = object
            .optional_with("rate_limit", &mut issues, |text| text.parse::<Rate>().map_err(|error| error.to_string()));
        object.finish(&mut issues);
        let description = description.map(Some).or(no_description.then_some(None));
        let rate_limit = rate_limit.map(Some).or(no_limit.then_some(None));
        issues.done().map(|()| Self { url, events, description, ordering, rate_limit })
    }

    /// The endpoint that a `POST` makes.
    ///
    /// # Errors
    /// `validation_error` if `url` is missing.
    pub fn build(
        self,
        id: EndpointId,
        realm: Realm,
        secret: WebhookSecret,
        at: Timestamp,
    ) -> Result<Endpoint, Refusal> {
        Ok(Endpoint {
            id,
            realm,
            url: self.url.ok_or_else(|| Refusal::field("url", "is required"))?,
            events: self.events.unwrap_or(EventFilter::All),
            description: self.description.flatten(),
            ordering: self.ordering.unwrap_or_default(),
            rate_limit: self.rate_limit.flatten(),
            secret,
            previous_secrets: Vec::new(),
            disabled: None,
            enabled_at: None,
            created: at,
            updated: at,
        })
    }

    /// The endpoint after a `PATCH`.
    #[must_use]
    pub fn apply(self, endpoint: &Endpoint, at: Timestamp) -> Endpoint {
        let before = endpoint.clone();
        Endpoint {
            url: self.url.unwrap_or(before.url),
            events: self.events.unwrap_or(before.events),
            description: self.description.unwrap_or(before.description),
            ordering: self.ordering.unwrap_or(before.ordering),
            rate_limit: self.rate_limit.unwrap_or(before.rate_limit),
            updated: at.max(before.updated),
            ..before
        }
    }
}

fn target(text: &str, mode: Mode, loopback: bool) -> Result<String, String> {
    let url = Url::parse(text).map_err(|_| "must be an absolute https URL")?;
    let on_loopback = match url.host() {
        Some(Host::Ipv4(address)) => address.is_loopback(),
        Some(Host::Ipv6(address)) => address.is_loopback(),
        Some(Host::Domain(name)) => name == "localhost",
        None => return Err("must name a host".to_owned()),
    };
    let relaxed = loopback && on_loopback && mode == Mode::Test;
    if url.scheme() != "https" && !(relaxed && url.scheme() == "http") {
        return Err("must be https; http is for loopback in test mode on a server that listens on loopback".to_owned());
    }
    if !url.username().is_empty() || url.password().is_some() {
        return Err("must not hold credentials".to_owned());
    }
    if url.fragment().is_some() {
        return Err("must not have a fragment".to_owned());
    }
    // As it will be kept and sent: percent-encoded.
    if url.as_str().len() > URL_LIMIT {
        return Err("must have at most 2,000 characters once percent-encoded".to_owned());
    }
    Ok(url.into())
}

fn event_filter(list: &[Value], issues: &mut Issues) -> Option<EventFilter> {
    if let [only] = list
        && only.as_str() == Some("*")
    {
        return Some(EventFilter::All);
    }
    let mut types = Vec::new();
    for (position, value) in list.iter().enumerate() {
        match value.as_str().and_then(|name| EVENT_TYPES.into_iter().find(|known| *known == name)) {
            Some(name) if !types.contains(&name) => types.push(name),
            Some(_) => issues.add(format!("events.{position}"), "appears twice"),
            None => issues.add(format!("events.{position}"), "must be an event type, or the list [\"*\"]"),
        }
    }
    if list.is_empty() {
        issues.add("events", "must list at least one event type, or [\"*\"]");
    }
    Some(EventFilter::Only(types))
}

/// A delivery that has failed at least once, or waits behind one that has. Others are derived
/// from their event and the endpoint's cursor and have no record.
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
    /// How many attempts have failed.
    pub failures: u32,
    /// When it became the first of its session at its endpoint: its 24 hours begin here. `None`
    /// while it waits behind another.
    pub head_since: Option<Timestamp>,
    /// When it is tried next. `None` while it waits, and once it is exhausted.
    pub due: Option<Timestamp>,
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
    let last = first.after(WINDOW);
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
    fn addresses_that_could_leak_are_refused() {
        let parse = |url: &str, mode, loopback| EndpointChange::parse(&json!({ "url": url }), mode, loopback);
        assert!(parse("https://example.com/hook", Mode::Live, false).is_ok());
        assert!(parse("http://127.0.0.1:4242/", Mode::Test, true).is_ok());
        for (url, mode, loopback) in [
            ("http://127.0.0.1/", Mode::Test, false),
            ("http://127.0.0.1/", Mode::Live, true),
            ("http://example.com/", Mode::Test, true),
            ("https://user:word@example.com/", Mode::Live, false),
            ("https://example.com/#here", Mode::Live, false),
            ("javascript:alert(1)", Mode::Test, true),
            ("nonsense", Mode::Test, true),
        ] {
            assert!(parse(url, mode, loopback).is_err(), "{url}");
        }
    }
}
