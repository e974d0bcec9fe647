//! Verifications.

use std::collections::HashMap;

use utoipa::{IntoParams, ToSchema};

use super::shared::LastError;
use super::values::{
    CheckId, CheckKindName, CheckStatusName, Digest, FreeObject, Link, MediaId, MediaKindName, Metadata, SessionId,
    SessionStatus, Slug, TemplateId, Timestamp, VerificationId,
};

/// The lasting record of a session, as lists and events show it.
#[derive(ToSchema)]
pub(in crate::http) struct Verification {
    id: VerificationId,
    #[schema(pattern = "^verification$", example = "verification")]
    object: String,
    session_id: SessionId,
    status: SessionStatus,
    /// False for what was made with a test key.
    livemode: bool,
    template_id: TemplateId,
    template_slug: Slug,
    #[schema(minimum = 1)]
    template_version: u32,
    /// Null once the person's data has been erased.
    metadata: Option<Metadata>,
    /// Why the last attempt did not complete.
    last_error: Option<LastError>,
    /// How many runs of checks have begun.
    attempts: u32,
    created: Timestamp,
    updated: Timestamp,
    /// When it was decided, canceled or expired.
    decided_at: Option<Timestamp>,
    /// The session's deadline.
    expires_at: Timestamp,
    /// When the person's data was erased.
    redacted_at: Option<Timestamp>,
    review: Option<Review>,
}

/// What somebody of the tenant decided.
#[derive(ToSchema)]
pub(in crate::http) struct Review {
    decision: ReviewDecision,
    reviewer: String,
    reason: Option<String>,
    at: Timestamp,
}

#[derive(ToSchema)]
#[serde(rename_all = "snake_case")]
pub(in crate::http) enum ReviewDecision {
    Approved,
    Declined,
}

/// A verification with every check, the resolved fields and the media.
#[derive(ToSchema)]
pub(in crate::http) struct VerificationDetail {
    #[serde(flatten)]
    verification: Verification,
    /// What the last ended run of checks found.
    checks: Vec<Check>,
    /// The person's data by its name; empty once erased.
    fields: HashMap<String, ResolvedField>,
    /// The pictures; none once erased.
    media: Vec<Picture>,
}

/// A picture, with a link that works for 15 minutes.
#[derive(ToSchema)]
pub(in crate::http) struct Picture {
    id: MediaId,
    kind: MediaKindName,
    /// Always `image/jpeg`: upright, without metadata.
    #[schema(pattern = "^image/jpeg$", example = "image/jpeg")]
    content_type: String,
    /// In bytes.
    size: u32,
    sha256: Digest,
    /// Opens the picture, without a credential, until `url_expires_at`; 404 once it is erased.
    url: Link,
    url_expires_at: Timestamp,
}

/// How a doubtful case is decided.
#[derive(ToSchema)]
#[serde(deny_unknown_fields)]
pub(in crate::http) struct NewReview {
    decision: ReviewDecision,
    /// Why, in the reviewer's words. Kept with the person's data.
    #[schema(min_length = 1, max_length = 1000)]
    reason: Option<String>,
}

/// What one check found.
#[derive(ToSchema)]
pub(in crate::http) struct Check {
    id: CheckId,
    #[schema(rename = "type")]
    r#type: CheckKindName,
    status: CheckStatusName,
    /// Stable, to program against; null for a pass.
    code: Option<String>,
    /// For people.
    message: Option<String>,
    /// How sure the check is, 0 to 1, where it can tell.
    #[schema(minimum = 0, maximum = 1)]
    score: Option<f64>,
    details: FreeObject,
    started: Timestamp,
    finished: Timestamp,
}

/// One value of the person, and where it comes from.
#[derive(ToSchema)]
pub(in crate::http) struct ResolvedField {
    #[schema(example = "ANNA MARIA")]
    value: String,
    /// `typed`, or the check that read it.
    #[schema(example = "typed")]
    source: String,
    /// 0 to 1.
    #[schema(minimum = 0, maximum = 1)]
    confidence: f64,
    /// What others say, where they say something else; absent where they agree.
    #[schema(nullable = false)]
    disagreeing: Option<Vec<OtherValue>>,
}

/// Another value of the same field.
#[derive(ToSchema)]
pub(in crate::http) struct OtherValue {
    value: String,
    /// `typed`, or the check that read it.
    source: String,
    /// 0 to 1.
    #[schema(minimum = 0, maximum = 1)]
    confidence: f64,
}

/// A page of verifications, newest first.
#[derive(ToSchema)]
pub(in crate::http) struct VerificationList {
    #[schema(pattern = "^list$", example = "list")]
    object: String,
    data: Vec<Verification>,
    /// Whether there are more in the direction of the page.
    has_more: bool,
}

/// Which verifications.
#[derive(IntoParams)]
#[into_params(parameter_in = Query)]
pub(in crate::http) struct VerificationFilter {
    /// Only those with this status.
    #[param(required = false)]
    status: SessionStatus,
    /// Only those of this template.
    #[param(required = false)]
    template_id: TemplateId,
    /// Only those whose metadata has all of these entries: `metadata[customer_id]=cus_123`.
    #[param(required = false, style = DeepObject, explode)]
    metadata: Metadata,
    /// Only those made at this time or later.
    #[param(required = false, rename = "created[gte]")]
    created_from: Timestamp,
    /// Only those made before this time.
    #[param(required = false, rename = "created[lt]")]
    created_before: Timestamp,
    /// The page begins after (older than) this verification.
    #[param(required = false)]
    starting_after: VerificationId,
    /// The page ends before (newer than) this verification. Not together with `starting_after`.
    #[param(required = false)]
    ending_before: VerificationId,
}
