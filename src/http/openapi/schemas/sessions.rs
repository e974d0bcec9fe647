//! Sessions.

use utoipa::{IntoParams, ToSchema};

use super::shared::LastError;
use super::values::{
    CheckStatusName, Link, Metadata, RedirectUrl, SessionId, SessionStatus, Slug, TemplateId, TestOutcome, Timestamp,
    VerificationId,
};

/// What a new session is made of. Every field may be left out.
#[derive(ToSchema)]
#[serde(deny_unknown_fields)]
pub(in crate::http) struct SessionCreate {
    /// The template, in its published version. Without it and `template_slug`: the workspace's
    /// default; else, with a test key, the built-in `scaffold`. `scaffold-document` asks for a document.
    template_id: Option<TemplateId>,
    /// The template by its slug. Not together with `template_id`.
    #[schema(example = "kyc-basic")]
    template_slug: Option<String>,
    metadata: Option<Metadata>,
    redirect_url: Option<RedirectUrl>,
    /// The time to live in seconds; the flow's `ttl_seconds` if absent.
    #[schema(minimum = 60, maximum = 86_400, example = 1800)]
    expires_in: Option<u32>,
    test_outcome: Option<TestOutcome>,
}

/// One attempt of one person.
#[derive(ToSchema)]
pub(in crate::http) struct Session {
    id: SessionId,
    #[schema(pattern = "^session$", example = "session")]
    object: String,
    status: SessionStatus,
    /// False for what was made with a test key.
    livemode: bool,
    /// The lasting record of this session.
    verification_id: VerificationId,
    template_id: TemplateId,
    template_slug: Slug,
    /// The version whose flow the session follows; later edits do not reach it.
    #[schema(minimum = 1)]
    template_version: u32,
    /// Null once the person's data has been erased.
    metadata: Option<Metadata>,
    redirect_url: Option<Link>,
    /// Why the last attempt did not complete.
    last_error: Option<LastError>,
    created: Timestamp,
    /// The deadline.
    expires_at: Timestamp,
}

/// A new session, with what the person's page needs. This is the only answer that shows both.
#[derive(ToSchema)]
pub(in crate::http) struct SessionCreated {
    #[serde(flatten)]
    session: Session,
    /// Opens this one session to the person's page, for 30 minutes at most. A secret.
    sdk_token: String,
    /// The address of the iframe, token included. A secret.
    iframe_url: Link,
}

/// A fresh token.
#[derive(ToSchema)]
pub(in crate::http) struct SessionToken {
    /// Opens this one session to the person's page. A secret.
    sdk_token: String,
    /// The address of the iframe, token included. A secret.
    iframe_url: Link,
    /// When the token ends.
    expires_at: Timestamp,
}

/// The files of a chip as they were read, each in base64 with padding.
#[derive(ToSchema)]
#[serde(deny_unknown_fields)]
pub(in crate::http) struct ChipUpload {
    /// EF.SOD, the document security object: at most 64 KiB.
    #[schema(min_length = 4, max_length = 87_384, format = "byte")]
    sod: String,
    /// EF.DG1, the machine-readable zone.
    #[schema(min_length = 4, max_length = 349_528, format = "byte")]
    dg1: String,
    /// EF.DG2, the portrait: at most 256 KiB, as all that follow. They are verified and not kept.
    #[schema(min_length = 4, max_length = 349_528, format = "byte")]
    dg2: Option<String>,
    #[schema(min_length = 4, max_length = 349_528, format = "byte")]
    dg3: Option<String>,
    #[schema(min_length = 4, max_length = 349_528, format = "byte")]
    dg4: Option<String>,
    #[schema(min_length = 4, max_length = 349_528, format = "byte")]
    dg5: Option<String>,
    #[schema(min_length = 4, max_length = 349_528, format = "byte")]
    dg6: Option<String>,
    #[schema(min_length = 4, max_length = 349_528, format = "byte")]
    dg7: Option<String>,
    #[schema(min_length = 4, max_length = 349_528, format = "byte")]
    dg8: Option<String>,
    #[schema(min_length = 4, max_length = 349_528, format = "byte")]
    dg9: Option<String>,
    #[schema(min_length = 4, max_length = 349_528, format = "byte")]
    dg10: Option<String>,
    #[schema(min_length = 4, max_length = 349_528, format = "byte")]
    dg11: Option<String>,
    #[schema(min_length = 4, max_length = 349_528, format = "byte")]
    dg12: Option<String>,
    #[schema(min_length = 4, max_length = 349_528, format = "byte")]
    dg13: Option<String>,
    #[schema(min_length = 4, max_length = 349_528, format = "byte")]
    dg14: Option<String>,
    #[schema(min_length = 4, max_length = 349_528, format = "byte")]
    dg15: Option<String>,
    #[schema(min_length = 4, max_length = 349_528, format = "byte")]
    dg16: Option<String>,
}

/// What is on record of a chip.
#[derive(ToSchema)]
pub(in crate::http) struct ChipTaken {
    #[schema(pattern = "^chip$", example = "chip")]
    object: String,
    session_id: SessionId,
    /// The data groups that were sent; none once the person's data were erased.
    data_groups: Vec<u8>,
    /// What `document_chip` would say of it now; null once the person's data were erased.
    status: Option<CheckStatusName>,
    /// The check's code; null if the chip is authentic.
    code: Option<String>,
}

/// A page of sessions, newest first.
#[derive(ToSchema)]
pub(in crate::http) struct SessionList {
    #[schema(pattern = "^list$", example = "list")]
    object: String,
    data: Vec<Session>,
    /// Whether there are more in the direction of the page.
    has_more: bool,
}

/// Which sessions.
#[derive(IntoParams)]
#[into_params(parameter_in = Query)]
pub(in crate::http) struct SessionFilter {
    /// Only those with this status.
    #[param(required = false)]
    status: SessionStatus,
    /// Only those of this template.
    #[param(required = false)]
    template_id: TemplateId,
    /// Only those made at this time or later.
    #[param(required = false, rename = "created[gte]")]
    created_from: Timestamp,
    /// Only those made before this time.
    #[param(required = false, rename = "created[lt]")]
    created_before: Timestamp,
    /// The page begins after (older than) this session.
    #[param(required = false)]
    starting_after: SessionId,
    /// The page ends before (newer than) this session. Not together with `starting_after`.
    #[param(required = false)]
    ending_before: SessionId,
}

/// What is done to a session, in this order; all of it or nothing.
#[derive(ToSchema)]
#[serde(deny_unknown_fields)]
pub(in crate::http) struct Simulation {
    #[schema(min_items = 1, max_items = 20)]
    actions: Vec<SimulatedAction>,
}

/// `load`: the iframe loads. `submit`: the person gives every missing step with specimen data,
/// and the checks run. `cancel`: the person cancels. `expire`: the deadline comes.
#[derive(ToSchema)]
#[serde(rename_all = "snake_case")]
pub(in crate::http) enum SimulatedAction {
    Load,
    Submit,
    Cancel,
    Expire,
}
