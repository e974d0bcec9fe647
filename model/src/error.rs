//! Refusals: the stable codes that callers may rely on, and what they are told.

use std::borrow::Cow;
use std::fmt;

use serde::Serialize;

macro_rules! codes {
    ($($(#[$doc:meta])* $variant:ident = $text:literal;)*) => {
        /// Every error code that an answer can carry. Stable: a code never changes its meaning.
        #[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
        pub enum ErrorCode { $($(#[$doc])* $variant,)* }

        impl ErrorCode {
            /// All of them, in the order of the documentation.
            pub const ALL: &'static [Self] = &[$(Self::$variant),*];

            /// The code as it stands in an answer.
            #[must_use]
            pub const fn as_str(self) -> &'static str {
                match self { $(Self::$variant => $text,)* }
            }
        }
    };
}

codes! {
    /// No credential, or one of another kind than the route takes.
    AuthenticationRequired = "authentication_required";
    /// An API key that is unknown, revoked or past its expiry.
    InvalidApiKey = "invalid_api_key";
    /// An `sdk_token` or dashboard session that has ended, or whose session has.
    SessionExpired = "session_expired";
    /// A token whose signature does not verify.
    InvalidSignature = "invalid_signature";
    /// The credential lacks the scope that the route asks for.
    PermissionDenied = "permission_denied";
    /// The operator has suspended the workspace.
    TenantSuspended = "tenant_suspended";
    /// The workspace has not been activated for live mode.
    LiveModeNotActivated = "live_mode_not_activated";
    /// A verification that is absent or another tenant's.
    VerificationNotFound = "verification_not_found";
    /// Any other object or path that is absent or another tenant's.
    NotFound = "not_found";
    /// The path exists, the method does not.
    MethodNotAllowed = "method_not_allowed";
    /// The idempotency key was used with another body.
    IdempotencyConflict = "idempotency_conflict";
    /// The first request with this idempotency key has not ended.
    IdempotencyInProgress = "idempotency_in_progress";
    /// Cancelling what has already ended.
    VerificationNotCancelable = "verification_not_cancelable";
    /// Any other move that the object's state does not allow.
    InvalidState = "invalid_state";
    /// The body is larger than the route takes.
    PayloadTooLarge = "payload_too_large";
    /// The body is not JSON by its `Content-Type`.
    UnsupportedMediaType = "unsupported_media_type";
    /// The request is understood but not valid; `fields` says where.
    ValidationError = "validation_error";
    /// A step that the session's flow does not ask for.
    CheckNotRequired = "check_not_required";
    /// Too many requests.
    RateLimited = "rate_limited";
    /// A fault of the server.
    InternalError = "internal_error";
    /// Something that the server needs is away for the moment.
    DependencyUnavailable = "dependency_unavailable";
}

impl fmt::Display for ErrorCode {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// One wrong field: where it is, and what it must be.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct FieldError {
    /// Dotted path from the root of the body or the name of the query parameter, with list
    /// positions as numbers: `flow_config.steps.2.type`.
    pub path: String,
    /// What the value must be, as a sentence for the caller.
    pub message: String,
}

/// A command that is not allowed: nothing has changed.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{code}: {message}")]
pub struct Refusal {
    /// The stable code.
    pub code: ErrorCode,
    /// Tells the caller what to do. Holds nothing personal and nothing internal.
    pub message: Cow<'static, str>,
    /// The wrong fields; only with [`ErrorCode::ValidationError`].
    pub fields: Vec<FieldError>,
}

impl Refusal {
    /// A refusal without fields.
    #[must_use]
    pub fn new(code: ErrorCode, message: impl Into<Cow<'static, str>>) -> Self {
        Self { code, message: message.into(), fields: Vec::new() }
    }

    /// A `validation_error` for these fields.
    #[must_use]
    pub fn fields(fields: Vec<FieldError>) -> Self {
        let message = match fields.as_slice() {
            [one] => format!("{} {}.", one.path, one.message.trim_end_matches('.')),
            many => format!("{} fields are not valid; see fields.", many.len()),
        };
        Self { code: ErrorCode::ValidationError, message: message.into(), fields }
    }

    /// A `validation_error` for one field.
    #[must_use]
    pub fn field(path: impl Into<String>, message: impl Into<String>) -> Self {
        Self::fields(vec![FieldError { path: path.into(), message: message.into() }])
    }
}
