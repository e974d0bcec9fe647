//! Providers of checks.

use utoipa::{IntoParams, ToSchema};

use super::values::{CheckId, FreeObject, Link, ProviderId, ProviderName, ReceivedName, Timestamp, WebhookUrl};

/// A new provider.
#[derive(ToSchema)]
#[serde(deny_unknown_fields)]
pub(in crate::http) struct ProviderCreate {
    name: ProviderName,
    url: WebhookUrl,
    /// How long it has for its answer; 10 if absent.
    #[schema(minimum = 1, maximum = 30, example = 10)]
    timeout_seconds: Option<u8>,
    /// What it is told of the person; both if absent.
    #[schema(max_items = 2)]
    receives: Option<Vec<ReceivedName>>,
}

/// What changes on a provider; what is left out stays as it is.
#[derive(ToSchema)]
#[serde(deny_unknown_fields)]
pub(in crate::http) struct ProviderUpdate {
    name: Option<ProviderName>,
    url: Option<WebhookUrl>,
    /// How long it has for its answer.
    #[schema(minimum = 1, maximum = 30, example = 10)]
    timeout_seconds: Option<u8>,
    /// What it is told of the person.
    #[schema(max_items = 2)]
    receives: Option<Vec<ReceivedName>>,
}

/// A service that carries out checks.
#[derive(ToSchema)]
pub(in crate::http) struct Provider {
    id: ProviderId,
    #[schema(pattern = "^provider$", example = "provider")]
    object: String,
    /// False for what was made with a test key.
    livemode: bool,
    name: ProviderName,
    url: Link,
    #[schema(minimum = 1, maximum = 30, example = 10)]
    timeout_seconds: u8,
    receives: Vec<ReceivedName>,
    created: Timestamp,
    updated: Timestamp,
}

/// A new provider, with its secret. No other answer shows it.
#[derive(ToSchema)]
pub(in crate::http) struct ProviderCreated {
    #[serde(flatten)]
    provider: Provider,
    /// Signs every request to this provider. Keep it.
    #[schema(pattern = "^whsec_[A-Za-z0-9+/=]+$")]
    secret: String,
}

/// The provider is gone.
#[derive(ToSchema)]
pub(in crate::http) struct ProviderDeleted {
    id: ProviderId,
    #[schema(pattern = "^provider$", example = "provider")]
    object: String,
    /// Always true.
    deleted: bool,
}

/// A page of providers, newest first.
#[derive(ToSchema)]
pub(in crate::http) struct ProviderList {
    #[schema(pattern = "^list$", example = "list")]
    object: String,
    data: Vec<Provider>,
    /// Whether there are more in the direction of the page.
    has_more: bool,
}

/// Where the page of providers begins.
#[derive(IntoParams)]
#[into_params(parameter_in = Query)]
pub(in crate::http) struct ProviderPlace {
    /// The page begins after (older than) this provider.
    #[param(required = false)]
    starting_after: ProviderId,
    /// The page ends before (newer than) this provider. Not together with `starting_after`.
    #[param(required = false)]
    ending_before: ProviderId,
}

/// What a provider has found: the body of its answer, at once or later.
#[derive(ToSchema)]
#[serde(deny_unknown_fields)]
pub(in crate::http) struct ProviderAnswer {
    /// What it has found.
    #[schema(pattern = "^(passed|failed|needs_review)$", example = "failed")]
    status: String,
    /// Stable, for programs. Required unless the status is `passed`. Shown on the session and in its
    /// events, so nothing personal.
    #[schema(pattern = "^[a-z0-9_]{1,64}$", example = "face_mismatch")]
    code: Option<String>,
    /// For a reviewer. Kept with the person's data.
    #[schema(max_length = 500)]
    message: Option<String>,
    /// How sure it is.
    #[schema(minimum = 0, maximum = 1, example = 0.93)]
    score: Option<f64>,
    /// What it rests on: at most 4,096 bytes of JSON. Kept with the person's data.
    details: Option<FreeObject>,
}

/// The answer is kept.
#[derive(ToSchema)]
pub(in crate::http) struct ProviderAnswered {
    #[schema(pattern = "^provider_answer$", example = "provider_answer")]
    object: String,
    id: CheckId,
    #[schema(pattern = "^(passed|failed|needs_review)$", example = "passed")]
    status: String,
}
