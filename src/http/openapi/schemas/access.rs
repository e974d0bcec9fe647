//! API keys, and the workspace that they open.

use utoipa::{IntoParams, ToSchema};

use super::values::{ApiKeyId, Timestamp};

/// A new API key. It opens the same workspace and mode as the key that makes it.
#[derive(ToSchema)]
#[serde(deny_unknown_fields)]
pub(in crate::http) struct ApiKeyCreate {
    /// For people.
    #[schema(min_length = 1, max_length = 100, pattern = "^[^\\x00-\\x1f\\x7f-\\x9f]*$", example = "CI")]
    name: String,
    /// What it may do, each once: no more than the key that makes it.
    #[schema(min_items = 1, max_items = 3, example = json!(["read", "write"]))]
    scopes: Vec<String>,
    /// When it ends by itself, at most ten years ahead.
    expires_at: Option<Timestamp>,
    /// After how many seconds it ends by itself. Not together with `expires_at`.
    #[schema(minimum = 60, maximum = 315_360_000, example = 7_776_000)]
    expires_in: Option<u64>,
}

/// An API key, without the key itself.
#[derive(ToSchema)]
pub(in crate::http) struct ApiKey {
    id: ApiKeyId,
    #[schema(pattern = "^api_key$", example = "api_key")]
    object: String,
    /// False for a key of test mode.
    livemode: bool,
    name: String,
    /// Its first characters, to recognise it by.
    #[schema(pattern = "^ak_(test|live)_[A-Za-z0-9]*$", example = "ak_test_Ab3dEf")]
    prefix: String,
    #[schema(example = json!(["read", "write"]))]
    scopes: Vec<String>,
    created: Timestamp,
    /// When it ends by itself.
    expires_at: Option<Timestamp>,
    /// When it last opened something, to the minute.
    last_used_at: Option<Timestamp>,
    /// When it was revoked.
    revoked_at: Option<Timestamp>,
}

/// A new API key, with the key itself. No other answer shows it.
#[derive(ToSchema)]
pub(in crate::http) struct ApiKeyCreated {
    #[serde(flatten)]
    about: ApiKey,
    /// Keep it.
    #[schema(pattern = "^ak_(test|live)_[A-Za-z0-9]{24,64}$")]
    key: String,
}

/// A page of API keys, newest first.
#[derive(ToSchema)]
pub(in crate::http) struct ApiKeyList {
    #[schema(pattern = "^list$", example = "list")]
    object: String,
    data: Vec<ApiKey>,
    /// Whether there are more in the direction of the page.
    has_more: bool,
}

/// Where the page of API keys begins.
#[derive(IntoParams)]
#[into_params(parameter_in = Query)]
pub(in crate::http) struct ApiKeyPlace {
    /// The page begins after (older than) this key.
    #[param(required = false)]
    starting_after: ApiKeyId,
    /// The page ends before (newer than) this key. Not together with `starting_after`.
    #[param(required = false)]
    ending_before: ApiKeyId,
}

/// What changes on the workspace; what is left out stays as it is.
#[derive(ToSchema)]
#[serde(deny_unknown_fields)]
pub(in crate::http) struct WorkspaceUpdate {
    /// The origins whose pages may embed the iframe in this mode: https, and in test mode http on
    /// loopback hosts.
    #[schema(max_items = 20, example = json!(["https://shop.example.com"]))]
    allowed_origins: Option<Vec<String>>,
    /// The rules of retention from here on, all of them.
    retention: Option<RetentionUpdate>,
}

/// How long a person's data is kept in this mode; what is left out is kept.
#[derive(ToSchema)]
#[serde(deny_unknown_fields)]
pub(in crate::http) struct RetentionUpdate {
    /// Pictures and recordings, and what was read of them and of the document's chip; the fields and the
    /// checks' results stay. Not longer than personal data, whatever stands here.
    media: Option<RetentionPeriodsUpdate>,
    /// Everything of the person, the media included.
    personal: Option<RetentionPeriodsUpdate>,
}

/// After how many days data goes, by how the verification ended.
#[derive(ToSchema)]
#[serde(deny_unknown_fields)]
pub(in crate::http) struct RetentionPeriodsUpdate {
    #[schema(minimum = 1, maximum = 3_650, example = 365)]
    completed: Option<u16>,
    #[schema(minimum = 1, maximum = 3_650)]
    failed: Option<u16>,
    #[schema(minimum = 1, maximum = 3_650)]
    requires_review: Option<u16>,
    #[schema(minimum = 1, maximum = 3_650)]
    canceled: Option<u16>,
    #[schema(minimum = 1, maximum = 3_650)]
    expired: Option<u16>,
}

/// How long a person's data is kept in this mode.
#[derive(ToSchema)]
pub(in crate::http) struct Retention {
    /// Pictures and recordings, and what was read of them and of the document's chip. They go with the
    /// personal data at the latest.
    media: RetentionPeriods,
    /// Everything of the person, the media included.
    personal: RetentionPeriods,
}

/// After how many days data goes, by how the verification ended; null if it is kept.
#[derive(ToSchema)]
pub(in crate::http) struct RetentionPeriods {
    #[schema(minimum = 1, maximum = 3_650, example = 365)]
    completed: Option<u16>,
    #[schema(minimum = 1, maximum = 3_650)]
    failed: Option<u16>,
    /// As long as nobody has reviewed it; then the review's decision counts.
    #[schema(minimum = 1, maximum = 3_650)]
    requires_review: Option<u16>,
    #[schema(minimum = 1, maximum = 3_650)]
    canceled: Option<u16>,
    #[schema(minimum = 1, maximum = 3_650)]
    expired: Option<u16>,
}

/// The workspace that the key opens.
#[derive(ToSchema)]
pub(in crate::http) struct Workspace {
    #[schema(pattern = "^ws_[0-9]+$", example = "ws_1")]
    id: String,
    #[schema(pattern = "^workspace$", example = "workspace")]
    object: String,
    /// False for a key of test mode.
    livemode: bool,
    name: String,
    /// The origins whose pages may embed the iframe in this mode.
    #[schema(example = json!(["https://shop.example.com"]))]
    allowed_origins: Vec<String>,
    retention: Retention,
    /// Whether the operator has opened live mode.
    live_activated: bool,
    created: Timestamp,
}
