//! Events.

use utoipa::{IntoParams, ToSchema};

use super::values::{
    ApiVersion, Digest, DisabledReason, EndpointEventType, EndpointId, EndpointStatus, EventId, EventType as TypeName,
    Salt, SessionId, Timestamp, VerificationEventType, VerificationId,
};
use super::verifications::Verification;

/// What has happened, as webhooks, lists and the stream show it.
#[derive(ToSchema)]
#[serde(untagged)]
pub(in crate::http) enum Event {
    Verification(VerificationEvent),
    Endpoint(EndpointEvent),
}

/// A verification was made, or has moved. The events of a session are numbered, and each holds the
/// hash of the one before: whoever has all of them can prove that none is missing.
#[derive(ToSchema)]
pub(in crate::http) struct VerificationEvent {
    id: EventId,
    r#type: VerificationEventType,
    api_version: ApiVersion,
    created: Timestamp,
    /// False for what was made with a test key.
    livemode: bool,
    session_id: SessionId,
    /// 1, 2, 3 … within the session.
    #[schema(minimum = 1)]
    sequence: u32,
    /// The `hash` of the event before; 64 zeros in the first.
    prev_hash: Digest,
    /// Null once the person's data has been erased.
    data_salt: Option<Salt>,
    /// SHA-256 of the salt's bytes and the canonical JSON (RFC 8785) of `data`.
    data_hash: Digest,
    /// SHA-256 of id, type, api_version, created, livemode, session_id, sequence, prev_hash and
    /// data_hash, joined by line feeds.
    hash: Digest,
    data: VerificationEventData,
}

/// The verification as it was at that moment.
#[derive(ToSchema)]
pub(in crate::http) struct VerificationEventData {
    object: Verification,
}

/// Something about a webhook endpoint. It has no sequence and no chain.
#[derive(ToSchema)]
pub(in crate::http) struct EndpointEvent {
    id: EventId,
    r#type: EndpointEventType,
    api_version: ApiVersion,
    created: Timestamp,
    /// False for what was made with a test key.
    livemode: bool,
    data: EndpointEventData,
}

/// The endpoint as it was at that moment.
#[derive(ToSchema)]
pub(in crate::http) struct EndpointEventData {
    object: EndpointState,
}

/// How a webhook endpoint stood.
#[derive(ToSchema)]
pub(in crate::http) struct EndpointState {
    id: EndpointId,
    #[schema(pattern = "^webhook_endpoint$", example = "webhook_endpoint")]
    object: String,
    status: EndpointStatus,
    disabled_at: Option<Timestamp>,
    disabled_reason: Option<DisabledReason>,
}

/// A page of events, oldest first.
#[derive(ToSchema)]
pub(in crate::http) struct EventList {
    #[schema(pattern = "^list$", example = "list")]
    object: String,
    data: Vec<Event>,
    /// Whether there are more behind the page, or may be.
    has_more: bool,
}

/// Which type of events.
#[derive(IntoParams)]
#[into_params(parameter_in = Query)]
pub(in crate::http) struct EventType {
    /// Only those of this type.
    #[param(required = false)]
    r#type: TypeName,
}

/// Which events.
#[derive(IntoParams)]
#[into_params(parameter_in = Query)]
pub(in crate::http) struct EventChoice {
    /// Only those of this type.
    #[param(required = false)]
    r#type: TypeName,
    /// Only those of this verification.
    #[param(required = false)]
    verification_id: VerificationId,
}

/// Where events begin.
#[derive(IntoParams)]
#[into_params(parameter_in = Query)]
pub(in crate::http) struct EventPlace {
    /// Only those behind (committed later than) this event, which must still be kept.
    #[param(required = false)]
    after: EventId,
}
