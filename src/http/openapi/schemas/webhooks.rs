//! Webhook endpoints.

use utoipa::{IntoParams, ToSchema};

use super::values::{
    DisabledReason, EndpointId, EndpointStatus, EventFilter, Link, Ordering, RateLimit, Timestamp, WebhookUrl,
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
