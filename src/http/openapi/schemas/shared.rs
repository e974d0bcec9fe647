//! What many operations share: errors, lists, the places in them.

use utoipa::{IntoParams, ToSchema};

use super::values::{CheckKindName, Code, RequestId};

/// What every failure on every route answers.
#[derive(ToSchema)]
pub(in crate::http) struct Error {
    error: ErrorBody,
}

/// Why the request was refused.
#[derive(ToSchema)]
pub(in crate::http) struct ErrorBody {
    /// Program against this and the status.
    code: Code,
    /// For people; may be reworded.
    message: String,
    /// The same as in the header `KYC-Request-Id`.
    request_id: RequestId,
    /// Every wrong field; with `validation_error` only.
    #[schema(nullable = false)]
    fields: Option<Vec<FieldError>>,
}

/// One wrong field of the request.
#[derive(ToSchema)]
pub(in crate::http) struct FieldError {
    /// Where it is: dotted from the body's root, with list positions as numbers, or the name of a
    /// parameter or header.
    #[schema(example = "flow_config.steps.2.type")]
    path: String,
    /// What the value must be.
    #[schema(example = "must be consent, data_entry, document_upload, selfie or liveness")]
    message: String,
}

/// Why an attempt did not complete. Nothing personal is in it.
#[derive(ToSchema)]
pub(in crate::http) struct LastError {
    /// The check that said so, if one did.
    check: Option<CheckKindName>,
    /// Stable, to program against.
    #[schema(example = "under_age")]
    code: String,
    /// For people.
    #[schema(example = "The person is younger than the template asks for.")]
    message: String,
}

/// A body without fields. It may also be left out.
#[derive(ToSchema)]
#[serde(deny_unknown_fields)]
pub(in crate::http) struct NoFields {}

/// The size of a page.
#[derive(IntoParams)]
#[into_params(parameter_in = Query)]
pub(in crate::http) struct PageSize {
    /// The most items on the page.
    #[param(required = false, minimum = 1, maximum = 100, default = 10)]
    limit: u8,
}

/// The process answers.
#[derive(ToSchema)]
pub(in crate::http) struct Alive {
    #[schema(pattern = "^alive$", example = "alive")]
    status: String,
}

/// The server takes requests.
#[derive(ToSchema)]
pub(in crate::http) struct Ready {
    #[schema(pattern = "^ready$", example = "ready")]
    status: String,
}
