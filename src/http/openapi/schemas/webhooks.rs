//! Webhook endpoints.

use utoipa::{IntoParams, ToSchema};

use super::values::{
    AttemptFault, DeliveryId, DeliveryStatusName, DisabledReason, EndpointId, EndpointStatus, EventFilter, EventId,
    EventType, Link, Ordering, RateLimit, SessionId, Timestamp, WebhookUrl,
};

/// A new endpoint.
#[derive(ToSchema)]
#[serde(deny_unknown_fields)]
pub(in crate::http) struct WebhookEndpointCreate {
    url: WebhookUrl,
    events: Option<EventFilter>,
    /// For people.
    #[schema(max_length = 500, pattern = "^[^\\x00-\\x1f\\x7f-\\x9f]*$", example = "Production")]
    description: Option<String>,
    ordering: Option<Ordering>,
    rate_limit: Option<RateLimit>,
}

/// What changes on an endpoint; what is left out stays as it is.
#[derive(ToSchema)]
#[serde(deny_unknown_fields)]
pub(in crate::http) struct WebhookEndpointUpdate {
    url: Option<WebhookUrl>,
    events: Option<EventFilter>,
    /// For people.
    #[schema(max_length = 500, pattern = "^[^\\x00-\\x1f\\x7f-\\x9f]*$", example = "Production")]
    description: Option<String>,
    ordering: Option<Ordering>,
    rate_limit: Option<RateLimit>,
}

/// Where events are sent.
#[derive(ToSchema)]
pub(in crate::http) struct WebhookEndpoint {
    id: EndpointId,
    #[schema(pattern = "^webhook_endpoint$", example = "webhook_endpoint")]
    object: String,
    url: Link,
    events: EventFilter,
    description: Option<String>,
    ordering: Ordering,
    rate_limit: Option<RateLimit>,
    /// False for what was made with a test key.
    livemode: bool,
    status: EndpointStatus,
    disabled_at: Option<Timestamp>,
    disabled_reason: Option<DisabledReason>,
    created: Timestamp,
    updated: Timestamp,
}

/// A new endpoint, with its secret. No other answer shows it.
#[derive(ToSchema)]
pub(in crate::http) struct WebhookEndpointCreated {
    #[serde(flatten)]
    endpoint: WebhookEndpoint,
    /// Signs every delivery to this endpoint. Keep it.
    #[schema(pattern = "^whsec_[A-Za-z0-9+/=]+$")]
    secret: String,
}

/// The endpoint is gone, and what was still to be sent there is canceled.
#[derive(ToSchema)]
pub(in crate::http) struct WebhookEndpointDeleted {
    id: EndpointId,
    #[schema(pattern = "^webhook_endpoint$", example = "webhook_endpoint")]
    object: String,
    /// Always true.
    deleted: bool,
}

/// A page of endpoints, newest first.
#[derive(ToSchema)]
pub(in crate::http) struct WebhookEndpointList {
    #[schema(pattern = "^list$", example = "list")]
    object: String,
    data: Vec<WebhookEndpoint>,
    /// Whether there are more in the direction of the page.
    has_more: bool,
}

/// Where the page of endpoints begins.
#[derive(IntoParams)]
#[into_params(parameter_in = Query)]
pub(in crate::http) struct WebhookEndpointPlace {
    /// The page begins after (older than) this endpoint.
    #[param(required = false)]
    starting_after: EndpointId,
    /// The page ends before (newer than) this endpoint. Not together with `starting_after`.
    #[param(required = false)]
    ending_before: EndpointId,
}

/// How long the secret before stays valid.
#[derive(ToSchema)]
#[serde(deny_unknown_fields)]
pub(in crate::http) struct WebhookSecretRotation {
    /// In seconds; a day if absent. With 0 the secret before ends at once.
    #[schema(minimum = 0, maximum = 604_800, example = 3600)]
    overlap_seconds: Option<u32>,
}

/// Which deliveries to send again: those whose event was written from `since` on and before
/// `until`.
#[derive(ToSchema)]
#[serde(deny_unknown_fields)]
pub(in crate::http) struct WebhookRecovery {
    since: Timestamp,
    /// Now if absent. Not in the future, and after `since`.
    until: Option<Timestamp>,
}

/// How many deliveries are sent again.
#[derive(ToSchema)]
pub(in crate::http) struct WebhookRecovered {
    #[schema(pattern = "^webhook_recovery$", example = "webhook_recovery")]
    object: String,
    endpoint: EndpointId,
    since: Timestamp,
    until: Timestamp,
    #[schema(minimum = 0, maximum = 10_000)]
    deliveries: u32,
    /// Whether there are more than are taken up at once: ask again later.
    has_more: bool,
}

/// One event on its way to one endpoint.
#[derive(ToSchema)]
pub(in crate::http) struct WebhookDelivery {
    id: DeliveryId,
    #[schema(pattern = "^webhook_delivery$", example = "webhook_delivery")]
    object: String,
    endpoint: EndpointId,
    event: EventId,
    event_type: EventType,
    /// The session that the event tells of; null for events about endpoints.
    session_id: Option<SessionId>,
    /// False for what was made with a test key.
    livemode: bool,
    status: DeliveryStatusName,
    /// How many attempts have been made.
    attempt_count: u32,
    /// When it is tried next; null before its first attempt, once it is settled, while it waits
    /// behind another of its session, and while its endpoint is disabled.
    next_attempt_at: Option<Timestamp>,
    /// When the event was written.
    created: Timestamp,
}

/// A delivery with its attempts.
#[derive(ToSchema)]
pub(in crate::http) struct WebhookDeliveryDetail {
    #[serde(flatten)]
    delivery: WebhookDelivery,
    /// Oldest first; the latest hundred.
    attempts: Vec<WebhookAttempt>,
}

/// One attempt.
#[derive(ToSchema)]
pub(in crate::http) struct WebhookAttempt {
    /// Counts from 1.
    #[schema(minimum = 1)]
    number: u32,
    at: Timestamp,
    /// How long it took, in milliseconds.
    latency_ms: u32,
    /// The HTTP status of the answer; null if there was none.
    #[schema(minimum = 100, maximum = 999)]
    status: Option<u16>,
    /// How the answer's body begins.
    #[schema(max_length = 1_024)]
    body: Option<String>,
    error: Option<AttemptFault>,
}

/// A page of deliveries, newest event first.
#[derive(ToSchema)]
pub(in crate::http) struct WebhookDeliveryList {
    #[schema(pattern = "^list$", example = "list")]
    object: String,
    data: Vec<WebhookDelivery>,
    /// Whether there are more in the direction of the page.
    has_more: bool,
}

/// Which deliveries.
#[derive(IntoParams)]
#[into_params(parameter_in = Query)]
pub(in crate::http) struct WebhookDeliveryFilter {
    /// Only those to this endpoint.
    #[param(required = false)]
    endpoint: EndpointId,
    /// Only those with this status.
    #[param(required = false)]
    status: DeliveryStatusName,
    /// Only those of this event.
    #[param(required = false)]
    event: EventId,
    /// The page begins after (older than) this delivery.
    #[param(required = false)]
    starting_after: DeliveryId,
    /// The page ends before (newer than) this delivery. Not together with `starting_after`.
    #[param(required = false)]
    ending_before: DeliveryId,
}
