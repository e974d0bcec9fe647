//! The audit log.

use utoipa::{IntoParams, ToSchema};

use super::values::{
    ActorType, ApiKeyId, AuditActionName, AuditDetails, AuditEntryId, MediaId, Timestamp, VerificationId,
};

/// Something that was done with a person's data.
#[derive(ToSchema)]
pub(in crate::http) struct AuditLogEntry {
    id: AuditEntryId,
    #[schema(pattern = "^audit_log_entry$", example = "audit_log_entry")]
    object: String,
    /// False for what was done in test mode.
    livemode: bool,
    /// When it was done.
    created: Timestamp,
    actor: AuditActor,
    action: AuditActionName,
    /// To which verification; null if to none in particular.
    verification_id: Option<VerificationId>,
    /// To which picture or recording; null if to none in particular.
    media_id: Option<MediaId>,
    details: AuditDetails,
}

/// Who did it.
#[derive(ToSchema)]
pub(in crate::http) struct AuditActor {
    r#type: ActorType,
    /// The API key; null if it was none.
    id: Option<ApiKeyId>,
}

/// A page of the audit log, newest first.
#[derive(ToSchema)]
pub(in crate::http) struct AuditLog {
    #[schema(pattern = "^list$", example = "list")]
    object: String,
    data: Vec<AuditLogEntry>,
    /// Whether there are more in the direction of the page, or may be.
    has_more: bool,
}

/// Which entries, and where the page begins.
#[derive(IntoParams)]
#[into_params(parameter_in = Query)]
pub(in crate::http) struct AuditLogFilter {
    /// Only those about this verification.
    #[param(required = false)]
    verification_id: VerificationId,
    /// Only those of this action.
    #[param(required = false)]
    action: AuditActionName,
    /// Only those of this time or later.
    #[param(required = false, rename = "created[gte]")]
    created_gte: Timestamp,
    /// Only those from before this time.
    #[param(required = false, rename = "created[lt]")]
    created_lt: Timestamp,
    /// The page begins after (older than) this entry.
    #[param(required = false)]
    starting_after: AuditEntryId,
    /// The page ends before (newer than) this entry. Not together with `starting_after`.
    #[param(required = false)]
    ending_before: AuditEntryId,
}
