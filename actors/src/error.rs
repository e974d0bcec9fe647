//! What the engine tells the front door when it did not do what it was asked.

use vetd_model::{ErrorCode, Refusal};
use vetd_storage::StoreError;

/// Why the engine did not do what it was asked. Clonable, since twins share one outcome.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum EngineError {
    /// The rules do not allow it; nothing has changed.
    #[error(transparent)]
    Refused(#[from] Refusal),
    /// Something that the engine needs is away for the moment; `for_the_log` says what.
    #[error("not available: {for_the_log}")]
    Unavailable {
        /// For the operator, never for the caller.
        for_the_log: String,
        /// When to try again, in seconds.
        retry_after: u32,
    },
    /// A fault of the server; `for_the_log` says which.
    #[error("internal: {for_the_log}")]
    Internal {
        /// For the operator, never for the caller.
        for_the_log: String,
    },
}

impl EngineError {
    /// Something is away; to be tried again in a second.
    pub(crate) fn unavailable(for_the_log: impl Into<String>) -> Self {
        Self::Unavailable { for_the_log: for_the_log.into(), retry_after: 1 }
    }

    /// A fault of the server.
    pub(crate) fn internal(for_the_log: impl Into<String>) -> Self {
        Self::Internal { for_the_log: for_the_log.into() }
    }

    /// A refusal without fields.
    pub(crate) fn refused(code: ErrorCode, message: impl Into<std::borrow::Cow<'static, str>>) -> Self {
        Self::Refused(Refusal::new(code, message))
    }
}

impl From<StoreError> for EngineError {
    fn from(error: StoreError) -> Self {
        match error {
            StoreError::Full => Self::Unavailable { for_the_log: error.to_string(), retry_after: 30 },
            StoreError::Unavailable(_) => Self::unavailable(error.to_string()),
            StoreError::Conflict | StoreError::DocumentTaken => {
                Self::unavailable("two writers met; the caller may try again")
            }
            StoreError::Inconsistent { .. } => Self::internal(error.to_string()),
            StoreError::TooBroad => {
                let message = "must be narrowed: these filters match too little among too many; give a range of time";
                Self::Refused(Refusal::field("created[gte]", message))
            }
            StoreError::TooLarge => Self::refused(
                ErrorCode::PayloadTooLarge,
                "The object would be larger than vetd keeps; make it smaller.",
            ),
        }
    }
}
