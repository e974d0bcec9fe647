//! What the person's page reads and sends.

use std::collections::HashMap;

use utoipa::ToSchema;

use super::shared::{LastError, NoFields};
use super::templates::{FieldSpec, Locale};
use super::values::{
    ChallengeName, Country, CountryFilter, Digest, DocumentKindName, FreeObject, Link, MediaId, MediaKindName,
    SessionId, SessionStatus, StepKindName, TestOutcome, Timestamp, UploadBytes,
};

/// The session as the page needs it: nothing of the tenant's, nothing that was typed.
#[derive(ToSchema)]
pub(in crate::http) struct IframeSession {
    #[schema(pattern = "^iframe_session$", example = "iframe_session")]
    object: String,
    session_id: SessionId,
    status: SessionStatus,
    /// False for what was made with a test key.
    livemode: bool,
    /// The steps in their order, each as the template writes it, with its `state`.
    steps: Vec<IframeStep>,
    /// The step to give next, while it is the person's turn.
    next_step: Option<StepKindName>,
    /// How many runs of checks have begun.
    attempts: u32,
    #[schema(minimum = 1, maximum = 10)]
    max_attempts: u32,
    last_error: Option<LastError>,
    expires_at: Timestamp,
    theme: FreeObject,
    locales: Vec<Locale>,
    strings: FreeObject,
    /// Where the person goes now; only once the session has ended.
    redirect_url: Option<Link>,
    /// The pictures of this attempt.
    media: Vec<SentPicture>,
}

/// The session as the page needs it, and what only the reader of this moment can be told.
#[derive(ToSchema)]
pub(in crate::http) struct IframePage {
    #[serde(flatten)]
    session: IframeSession,
    /// While checks run: how far they are. Who does not follow the stream reads 0 `done`.
    progress: Option<ChecksProgress>,
    /// The origins of the pages that may have this one in a frame and hear from it.
    parent_origins: Vec<String>,
    /// True in test mode: every origin on a loopback host may, too.
    loopback_allowed: bool,
    /// Now, by the server's clock: for a countdown to `expires_at`.
    server_time: Timestamp,
    /// What pictures of documents may be; those of the person are never PDF.
    #[schema(example = json!(["image/jpeg", "image/png", "image/webp", "application/pdf"]))]
    media_types: Vec<String>,
}

/// How many checks of this run have ended, of how many.
#[derive(ToSchema)]
pub(in crate::http) struct ChecksProgress {
    done: u32,
    total: u32,
}

/// Where a session goes on, on another device.
#[derive(ToSchema)]
pub(in crate::http) struct Handoff {
    #[schema(pattern = "^handoff$", example = "handoff")]
    object: String,
    /// The page's address, with a token. A secret.
    url: Link,
    /// The same address as a QR code: an SVG document, black on white, with room around it.
    qr_svg: Option<String>,
    /// False if the address leads to this machine alone: then no phone gets there.
    reachable: bool,
    /// When the address ends.
    expires_at: Timestamp,
}

/// What a test session can be given.
#[derive(ToSchema)]
pub(in crate::http) struct Specimens {
    #[schema(pattern = "^specimens$", example = "specimens")]
    object: String,
    pictures: Vec<SpecimenPicture>,
    /// What the invented person gives in each step of this session's flow, by the kind of step: a body
    /// for `POST /iframe/api/steps/{type}`.
    steps: HashMap<String, StepSubmission>,
}

/// A picture of an invented person's document, or of their face.
#[derive(ToSchema)]
pub(in crate::http) struct SpecimenPicture {
    #[schema(pattern = "^specimen$", example = "specimen")]
    object: String,
    #[schema(example = "passport")]
    name: String,
    /// What it shows.
    kind: MediaKindName,
    /// Of which document; null for a face.
    document: Option<DocumentKindName>,
    /// Which country the document is of.
    country: Option<Country>,
    #[schema(pattern = "^image/jpeg$", example = "image/jpeg")]
    content_type: String,
    /// In bytes.
    size: u32,
}

/// How a test session is to end.
#[derive(ToSchema)]
#[serde(deny_unknown_fields)]
pub(in crate::http) struct OutcomeChoice {
    outcome: TestOutcome,
}

/// A picture that is kept.
#[derive(ToSchema)]
pub(in crate::http) struct SentPicture {
    #[schema(pattern = "^media$", example = "media")]
    object: String,
    id: MediaId,
    kind: MediaKindName,
    #[schema(pattern = "^image/jpeg$", example = "image/jpeg")]
    content_type: String,
    /// In bytes.
    size: u32,
    sha256: Digest,
    /// In pixels, upright.
    width: u32,
    height: u32,
    /// Whether a machine-readable zone was found; what it says is not told here.
    mrz_found: bool,
    /// Whether a barcode was found.
    barcode_found: bool,
    /// What the person should mend by taking it again.
    advice: Option<PictureAdvice>,
    created: Timestamp,
}

/// A picture of which a part has arrived.
#[derive(ToSchema)]
pub(in crate::http) struct UploadProgress {
    #[schema(pattern = "^upload$", example = "upload")]
    object: String,
    kind: MediaKindName,
    /// How many bytes have arrived: where the next part begins.
    offset: UploadBytes,
    /// How many it has in all.
    length: UploadBytes,
}

/// Why a picture should be taken again.
#[derive(ToSchema)]
pub(in crate::http) struct PictureAdvice {
    /// `picture_blurred`, `picture_glare`, `picture_dark`, `picture_overexposed`, `picture_too_small`, and for a
    /// picture of the person `no_face` or `several_faces`.
    code: String,
    /// For the person.
    message: String,
}

/// What a step of the flow asks for, and where it stands.
#[derive(ToSchema)]
pub(in crate::http) struct IframeStep {
    r#type: StepKindName,
    state: IframeStepState,
    /// `consent`: what the person agrees to.
    #[schema(nullable = false)]
    text: Option<String>,
    /// `data_entry`: the fields to type.
    #[schema(nullable = false)]
    fields: Option<Vec<FieldSpec>>,
    /// `document_upload`: the kinds that are taken.
    #[schema(nullable = false)]
    documents: Option<Vec<DocumentKindName>>,
    /// `document_upload`: the issuing countries that are taken.
    #[schema(nullable = false)]
    countries: Option<CountryFilter>,
    /// `liveness`, if vetd judges it itself: the moves that are known so far, those that have their picture and the
    /// next one. The first is answered with `liveness_1`, the second with `liveness_2`, each within a
    /// minute; one taken anew takes those behind it away.
    #[schema(nullable = false)]
    challenges: Option<Vec<ChallengeName>>,
    /// `liveness`, if vetd judges it itself: how many moves there are in all.
    #[schema(nullable = false)]
    challenge_count: Option<u32>,
}

#[derive(ToSchema)]
#[serde(rename_all = "snake_case")]
pub(in crate::http) enum IframeStepState {
    /// It has been given.
    Accepted,
    /// It is the next to give.
    Current,
    /// It comes later.
    Pending,
}

/// What the person gives; which of these, the step's kind says.
#[derive(ToSchema)]
#[serde(untagged)]
pub(in crate::http) enum StepSubmission {
    Consent(ConsentSubmission),
    DataEntry(DataEntrySubmission),
    DocumentUpload(DocumentSubmission),
    Picture(NoFields),
}

/// For `consent`.
#[derive(ToSchema)]
#[serde(deny_unknown_fields)]
pub(in crate::http) struct ConsentSubmission {
    /// True; to decline, cancel the session.
    accepted: bool,
}

/// For `data_entry`.
#[derive(ToSchema)]
#[serde(deny_unknown_fields)]
pub(in crate::http) struct DataEntrySubmission {
    /// The step's fields by their names.
    fields: HashMap<String, Option<String>>,
}

/// For `document_upload`.
#[derive(ToSchema)]
#[serde(deny_unknown_fields)]
pub(in crate::http) struct DocumentSubmission {
    document: DocumentKindName,
    /// The issuing country.
    country: Country,
}

/// A fresh token of the same session.
#[derive(ToSchema)]
pub(in crate::http) struct IframeToken {
    /// Replaces the one in use. A secret.
    sdk_token: String,
    /// When it ends.
    expires_at: Timestamp,
}
