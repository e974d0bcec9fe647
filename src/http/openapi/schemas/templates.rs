//! Templates and the flows in them.

use utoipa::{IntoParams, ToSchema};

use super::values::{
    CheckKindName, CountryFilter, DocumentKindName, FieldKindName, FreeObject, OnFail, OnReview, ProviderName, Slug,
    TemplateId, TemplateName, TemplateStatus, Timestamp,
};

/// A new template. It is a draft until it is published.
#[derive(ToSchema)]
#[serde(deny_unknown_fields)]
pub(in crate::http) struct TemplateCreate {
    name: TemplateName,
    slug: Slug,
    flow_config: FlowConfig,
}

/// What changes on a template; what is left out stays as it is.
#[derive(ToSchema)]
#[serde(deny_unknown_fields)]
pub(in crate::http) struct TemplateUpdate {
    name: Option<TemplateName>,
    slug: Option<Slug>,
    /// Replaces the draft. Sessions see it once it is published.
    flow_config: Option<FlowConfig>,
}

/// The version to go back to.
#[derive(ToSchema)]
#[serde(deny_unknown_fields)]
pub(in crate::http) struct TemplateRollback {
    /// A version that was published once.
    #[schema(minimum = 1, maximum = 10_000)]
    version: u32,
}

/// What a session asks of the person, which checks follow, and what they mean. At most 64 kB.
#[derive(ToSchema)]
#[serde(deny_unknown_fields)]
pub(in crate::http) struct FlowConfig {
    /// In this order, each kind once at most, and more than consent alone.
    #[schema(min_items = 1, max_items = 5)]
    steps: Vec<Step>,
    /// Each kind once at most. Absent: typed data is checked for completeness, and a
    /// document by every check that reads one.
    #[schema(max_items = 16)]
    checks: Option<Vec<CheckSpec>>,
    /// How many runs of checks a person has.
    #[schema(minimum = 1, maximum = 10, default = 3)]
    max_attempts: Option<u32>,
    /// The time to live of sessions that do not name their own, in seconds.
    #[schema(minimum = 60, maximum = 86_400, default = 1800)]
    ttl_seconds: Option<u32>,
    /// How the page looks.
    theme: Option<FreeObject>,
    /// The languages of the page (BCP 47), the first by default.
    #[schema(min_items = 1, max_items = 50, value_type = Option<Vec<Locale>>, example = json!(["en"]))]
    locales: Option<Vec<String>>,
    /// Texts that replace the page's own.
    strings: Option<FreeObject>,
}

/// A language tag (BCP 47).
#[derive(ToSchema)]
#[schema(min_length = 2, max_length = 35, pattern = "^[A-Za-z0-9-]+$", example = "en")]
pub(in crate::http) struct Locale(String);

/// One step of a flow.
#[derive(ToSchema)]
#[serde(untagged)]
pub(in crate::http) enum Step {
    Consent(ConsentStep),
    DataEntry(DataEntryStep),
    DocumentUpload(DocumentUploadStep),
    Selfie(SelfieStep),
    Liveness(LivenessStep),
}

/// The person agrees to a text.
#[derive(ToSchema)]
#[serde(deny_unknown_fields)]
pub(in crate::http) struct ConsentStep {
    #[schema(pattern = "^consent$")]
    r#type: String,
    /// What the person agrees to.
    #[schema(
        min_length = 1,
        max_length = 5000,
        pattern = "\\S",
        example = "I agree that my data is used to verify my identity."
    )]
    text: String,
}

/// The person types data.
#[derive(ToSchema)]
#[serde(deny_unknown_fields)]
pub(in crate::http) struct DataEntryStep {
    #[schema(pattern = "^data_entry$")]
    r#type: String,
    /// In the order in which they are shown. No name twice.
    #[schema(min_items = 1, max_items = 40)]
    fields: Vec<FieldSpec>,
}

/// One typed field.
#[derive(ToSchema)]
#[serde(deny_unknown_fields)]
pub(in crate::http) struct FieldSpec {
    #[schema(min_length = 1, max_length = 40, pattern = "^[a-z0-9_]+$", example = "date_of_birth")]
    name: String,
    r#type: FieldKindName,
    /// Whether the step is refused without it.
    #[schema(default = false)]
    required: Option<bool>,
}

/// The person shows a document.
#[derive(ToSchema)]
#[serde(deny_unknown_fields)]
pub(in crate::http) struct DocumentUploadStep {
    #[schema(pattern = "^document_upload$")]
    r#type: String,
    /// The kinds that are taken; all by default. None twice.
    #[schema(min_items = 1, max_items = 3, value_type = Option<std::collections::HashSet<DocumentKindName>>)]
    documents: Option<Vec<DocumentKindName>>,
    /// The issuing countries that are taken; all by default.
    countries: Option<CountryFilter>,
}

/// The person takes a picture of their face.
#[derive(ToSchema)]
#[serde(deny_unknown_fields)]
pub(in crate::http) struct SelfieStep {
    #[schema(pattern = "^selfie$")]
    r#type: String,
}

/// The person proves to be there.
#[derive(ToSchema)]
#[serde(deny_unknown_fields)]
pub(in crate::http) struct LivenessStep {
    #[schema(pattern = "^liveness$")]
    r#type: String,
}

/// One check, and what its findings mean.
#[derive(ToSchema)]
#[serde(deny_unknown_fields)]
pub(in crate::http) struct CheckSpec {
    r#type: CheckKindName,
    #[schema(default = "fail")]
    on_fail: Option<OnFail>,
    #[schema(default = "review")]
    on_review: Option<OnReview>,
    /// For `age` only: the age in whole years that the person must have reached.
    #[schema(minimum = 1, maximum = 120, default = 18)]
    min_age: Option<u8>,
    /// For `watchlist` only: from how alike on somebody on a list may be the person, in percent.
    #[schema(minimum = 70, maximum = 100, default = 85)]
    min_match: Option<u8>,
    /// The provider that is asked, by its name; vetd then does not run the check itself. Required for
    /// `provider`, `face_match` and `liveness`, which only a provider can carry out.
    provider: Option<ProviderName>,
}

/// A draft that is edited, and the version that new sessions take.
#[derive(ToSchema)]
pub(in crate::http) struct Template {
    id: TemplateId,
    #[schema(pattern = "^template$", example = "template")]
    object: String,
    name: TemplateName,
    slug: Slug,
    status: TemplateStatus,
    /// False for what was made with a test key.
    livemode: bool,
    /// Whether sessions that name no template take this one.
    is_default: bool,
    /// The version that new sessions take.
    #[schema(minimum = 1)]
    published_version: Option<u32>,
    /// The highest version so far; 0 before the first publish.
    latest_version: u32,
    /// The draft, with its defaults filled in.
    flow_config: FlowConfig,
    created: Timestamp,
    updated: Timestamp,
    archived_at: Option<Timestamp>,
}

/// A flow as it was published; it never changes.
#[derive(ToSchema)]
pub(in crate::http) struct TemplateVersion {
    #[schema(pattern = "^template_version$", example = "template_version")]
    object: String,
    template_id: TemplateId,
    #[schema(minimum = 1)]
    version: u32,
    /// Whether new sessions take this version.
    is_published: bool,
    flow_config: FlowConfig,
    created: Timestamp,
}

/// A page of templates, newest first.
#[derive(ToSchema)]
pub(in crate::http) struct TemplateList {
    #[schema(pattern = "^list$", example = "list")]
    object: String,
    data: Vec<Template>,
    /// Whether there are more in the direction of the page.
    has_more: bool,
}

/// A page of a template's versions, newest first.
#[derive(ToSchema)]
pub(in crate::http) struct TemplateVersionList {
    #[schema(pattern = "^list$", example = "list")]
    object: String,
    data: Vec<TemplateVersion>,
    /// Whether there are more in the direction of the page.
    has_more: bool,
}

/// Which templates.
#[derive(IntoParams)]
#[into_params(parameter_in = Query)]
pub(in crate::http) struct TemplateFilter {
    /// Only those with this status.
    #[param(required = false)]
    status: TemplateStatus,
    /// The page begins after (older than) this template.
    #[param(required = false)]
    starting_after: TemplateId,
    /// The page ends before (newer than) this template. Not together with `starting_after`.
    #[param(required = false)]
    ending_before: TemplateId,
}

/// Where the page of versions begins.
#[derive(IntoParams)]
#[into_params(parameter_in = Query)]
pub(in crate::http) struct VersionPlace {
    /// The page begins after (lower than) this version.
    #[param(required = false, minimum = 1, maximum = 10_000)]
    starting_after: u32,
    /// The page ends before (higher than) this version. Not together with `starting_after`.
    #[param(required = false, minimum = 1, maximum = 10_000)]
    ending_before: u32,
}
