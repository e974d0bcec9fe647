//! Webhook endpoints: what a tenant sets on them, and how they stand.

use std::time::Duration;

use serde_json::{Value, json};

use crate::address::WebhookTargets;
use crate::error::{ErrorCode, Refusal};
use crate::id::EndpointId;
use crate::notice::{Logged, NoticeKind};
use crate::rate::Rate;
use crate::realm::{Mode, Realm};
use crate::signature::WebhookSecret;
use crate::time::Timestamp;
use crate::validate::{Issues, Object};

/// The longest description, in characters.
const TEXT_LIMIT: usize = 500;
/// The most replaced secrets that are valid at the same time.
const PREVIOUS_SECRETS_LIMIT: usize = 5;
/// The longest that a replaced secret stays valid, in seconds: seven days.
const OVERLAP_LIMIT: u64 = 604_800;
/// How long it does if nobody says, in seconds: a day.
const OVERLAP_DEFAULT: u64 = 86_400;
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

    /// The endpoint with a new secret; the one before stays valid for `overlap`. Without an overlap
    /// every earlier one ends.
    ///
    /// # Errors
    /// `invalid_state` if five earlier secrets are still valid.
    pub fn rotated(&self, secret: WebhookSecret, overlap: Duration, at: Timestamp) -> Result<Self, Refusal> {
        let mut next = self.clone();
        next.previous_secrets.retain(|previous| at < previous.until);
        if overlap.is_zero() {
            next.previous_secrets.clear();
        } else {
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
    /// Validates a `POST` or `PATCH` body.
    ///
    /// # Errors
    /// `validation_error` with the path of every wrong field.
    pub fn parse(body: &Value, mode: Mode, targets: &WebhookTargets) -> Result<Self, Refusal> {
        let mut issues = Issues::default();
        let mut object = Object::root(body, &mut issues);
        let url = object.optional_with("url", &mut issues, |text| targets.url(text, mode).map(String::from));
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

/// How long the secret before stays valid: reads the body of a rotation.
///
/// # Errors
/// `validation_error`.
pub fn parse_rotation(body: &Value) -> Result<Duration, Refusal> {
    let mut issues = Issues::default();
    let mut object = Object::root(body, &mut issues);
    let seconds = object.integer("overlap_seconds", 0..=OVERLAP_LIMIT, &mut issues);
    object.finish(&mut issues);
    issues.done().map(|()| Duration::from_secs(seconds.unwrap_or(OVERLAP_DEFAULT)))
}

/// From when on and until when: reads the body of a recovery at `now`.
///
/// # Errors
/// `validation_error`, also for a range that is empty or reaches into the future.
pub fn parse_recovery(body: &Value, now: Timestamp) -> Result<(Timestamp, Timestamp), Refusal> {
    let mut issues = Issues::default();
    let mut object = Object::root(body, &mut issues);
    let past = 0..=now.seconds();
    let since = object.integer("since", past.clone(), &mut issues);
    let until = object.integer("until", past, &mut issues);
    if since.is_none() && issues.is_empty() {
        issues.add("since", "is required: a time in unix seconds");
    }
    if let (Some(since), Some(until)) = (since, until)
        && until <= since
    {
        issues.add("until", "must be after since");
    }
    object.finish(&mut issues);
    let since = Timestamp::from_seconds(since.unwrap_or_default());
    // Without an end: everything up to this very moment.
    let until = until.map_or_else(|| now.after(Duration::from_millis(1)), Timestamp::from_seconds);
    issues.done().map(|()| (since, until))
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_recovery_ends_now_at_the_latest_and_a_rotation_overlaps_a_week_at_most() {
        let now = Timestamp::from_millis(1_000_000_500);
        let read = |body: Value| parse_recovery(&body, now);
        assert_eq!(
            read(json!({ "since": 5 })),
            Ok((Timestamp::from_seconds(5), Timestamp::from_millis(1_000_000_501)))
        );
        assert!(read(json!({ "since": 5, "until": 1_000_000 })).is_ok());
        for wrong in [json!({}), json!({ "since": 1_000_001 }), json!({ "since": 5, "until": 1_000_001 })] {
            assert!(read(wrong.clone()).is_err(), "{wrong}");
        }
        assert_eq!(parse_rotation(&json!({})), Ok(Duration::from_secs(86_400)));
        assert_eq!(parse_rotation(&json!({ "overlap_seconds": 604_800 })), Ok(Duration::from_secs(604_800)));
        assert!(parse_rotation(&json!({ "overlap_seconds": 604_801 })).is_err());
    }
}
