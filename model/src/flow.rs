//! A flow: what a session asks of the person, which checks follow, and how they decide.

use serde::{Serialize, Serializer};
use serde_json::{Map, Value, json};
use sha2::{Digest, Sha256};

use crate::check::CheckKind;
use crate::error::Refusal;
use crate::flow_parse;
use crate::session::StepSet;
use crate::verdict::{OnFail, OnReview};

/// SHA-256 of a flow's canonical JSON: what a session keeps of its flow on disk.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct FlowDigest(pub [u8; 32]);

/// The kinds of steps. A flow asks for each at most once, in the order it likes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum StepKind {
    /// The person agrees to a text.
    Consent,
    /// The person types data.
    DataEntry,
    /// The person shows a document.
    DocumentUpload,
    /// The person takes a picture of their face.
    Selfie,
    /// The person proves to be there.
    Liveness,
}

impl StepKind {
    /// All of them.
    pub const ALL: [Self; 5] = [Self::Consent, Self::DataEntry, Self::DocumentUpload, Self::Selfie, Self::Liveness];

    /// The name in templates and paths.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Consent => "consent",
            Self::DataEntry => "data_entry",
            Self::DocumentUpload => "document_upload",
            Self::Selfie => "selfie",
            Self::Liveness => "liveness",
        }
    }

    /// The kind with this name.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|kind| kind.as_str() == text)
    }

    pub(crate) const fn bit(self) -> u8 {
        1 << self as u8
    }
}

impl Serialize for StepKind {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(self.as_str())
    }
}

/// What a typed field holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum FieldKind {
    /// Text of at most 200 characters.
    String,
    /// A day of the Gregorian calendar, `YYYY-MM-DD`.
    Date,
    /// An assigned ISO 3166-1 alpha-2 code.
    Country,
}

impl FieldKind {
    /// The name in templates.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::String => "string",
            Self::Date => "date",
            Self::Country => "country",
        }
    }

    /// The kind with this name.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        [Self::String, Self::Date, Self::Country].into_iter().find(|kind| kind.as_str() == text)
    }
}

/// One field of a data entry step.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FieldSpec {
    /// A name of lower-case letters, digits and underscores.
    pub name: String,
    /// What it holds.
    pub kind: FieldKind,
    /// True if the step is not accepted without it.
    pub required: bool,
}

/// A kind of document that a step takes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum DocumentKind {
    /// A passport.
    Passport,
    /// A national identity card.
    IdCard,
    /// A driving licence.
    DrivingLicense,
}

impl DocumentKind {
    /// All of them.
    pub const ALL: [Self; 3] = [Self::Passport, Self::IdCard, Self::DrivingLicense];

    /// The name in templates and submissions.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Passport => "passport",
            Self::IdCard => "id_card",
            Self::DrivingLicense => "driving_license",
        }
    }

    /// The kind with this name.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|kind| kind.as_str() == text)
    }
}

/// Which issuing countries a step takes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Countries {
    /// Any, written `["*"]`.
    Any,
    /// These ISO 3166-1 alpha-2 codes.
    Only(Vec<String>),
}

impl Countries {
    /// True if a document of this country is taken.
    #[must_use]
    pub fn admit(&self, code: &str) -> bool {
        match self {
            Self::Any => true,
            Self::Only(codes) => codes.iter().any(|one| one == code),
        }
    }
}

/// One step of a flow.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Step {
    /// Agree to a text.
    Consent {
        /// What the person agrees to.
        text: String,
    },
    /// Type data.
    DataEntry {
        /// The fields, in the order they are shown.
        fields: Vec<FieldSpec>,
    },
    /// Show a document.
    DocumentUpload {
        /// The kinds that are taken.
        documents: Vec<DocumentKind>,
        /// The issuing countries that are taken.
        countries: Countries,
    },
    /// Take a picture of one's face.
    Selfie,
    /// Prove to be there.
    Liveness,
}

impl Step {
    /// Which kind of step.
    #[must_use]
    pub const fn kind(&self) -> StepKind {
        match self {
            Self::Consent { .. } => StepKind::Consent,
            Self::DataEntry { .. } => StepKind::DataEntry,
            Self::DocumentUpload { .. } => StepKind::DocumentUpload,
            Self::Selfie => StepKind::Selfie,
            Self::Liveness => StepKind::Liveness,
        }
    }

    /// The step as templates write it.
    #[must_use]
    pub fn to_json(&self) -> Value {
        match self {
            Self::Consent { text } => json!({ "type": "consent", "text": text }),
            Self::DataEntry { fields } => {
                let fields: Vec<Value> = fields
                    .iter()
                    .map(|field| json!({ "name": field.name, "type": field.kind.as_str(), "required": field.required }))
                    .collect();
                json!({ "type": "data_entry", "fields": fields })
            }
            Self::DocumentUpload { documents, countries } => {
                let documents: Vec<&str> = documents.iter().map(|kind| kind.as_str()).collect();
                let countries = match countries {
                    Countries::Any => vec!["*".to_owned()],
                    Countries::Only(codes) => codes.clone(),
                };
                json!({ "type": "document_upload", "documents": documents, "countries": countries })
            }
            Self::Selfie | Self::Liveness => json!({ "type": self.kind().as_str() }),
        }
    }
}

/// One check of a flow, and what its findings mean.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CheckSpec {
    /// Which check.
    pub kind: CheckKind,
    /// What a failure means.
    pub on_fail: OnFail,
    /// What doubt means.
    pub on_review: OnReview,
    /// For [`CheckKind::Age`]: the age in whole years that the person must have reached.
    pub min_age: Option<u8>,
    /// For [`CheckKind::Watchlist`]: from how alike on somebody on a list may be the person, in percent.
    pub min_match: Option<u8>,
    /// The name of the provider that carries it out, where it is not a check of our own.
    pub provider: Option<String>,
}

/// A validated flow. Equal flows have equal digests, however their JSON was spaced or ordered.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Flow {
    pub(crate) steps: Vec<Step>,
    pub(crate) checks: Vec<CheckSpec>,
    pub(crate) max_attempts: u32,
    pub(crate) ttl_seconds: u32,
    pub(crate) theme: Map<String, Value>,
    pub(crate) locales: Vec<String>,
    pub(crate) strings: Map<String, Value>,
    pub(crate) digest: FlowDigest,
}

impl Flow {
    /// Validates a `flow_config`. `path` is where it stands in the body, for the errors.
    ///
    /// # Errors
    /// `validation_error` with the path of every wrong field.
    pub fn parse(value: &Value, path: &str) -> Result<Self, Refusal> {
        let mut flow = flow_parse::parse(value, path)?;
        let canonical =
            flow.canonical().ok_or_else(|| Refusal::field(path, "must be JSON that RFC 8785 can express"))?;
        flow.digest = FlowDigest(Sha256::digest(&canonical).into());
        Ok(flow)
    }

    /// A flow as it was filed under this digest, by this release or an earlier one. Whatever was
    /// valid when it was filed is read: a release that tightens a rule keeps the old one here.
    ///
    /// # Errors
    /// The value is not a flow.
    pub fn from_stored(value: &Value, digest: FlowDigest) -> Result<Self, Refusal> {
        Ok(Self { digest, ..flow_parse::parse(value, "flow_config")? })
    }

    /// The canonical JSON (RFC 8785) of the flow; a new flow's digest is its SHA-256. `None` if
    /// there is no such form, which no validated flow is without.
    #[must_use]
    pub fn canonical(&self) -> Option<Vec<u8>> {
        serde_json_canonicalizer::to_vec(&self.to_json()).ok()
    }

    /// The flow as templates write it, defaults filled in.
    #[must_use]
    pub fn to_json(&self) -> Value {
        let checks: Vec<Value> = self.checks.iter().map(CheckSpec::to_json).collect();
        let steps: Vec<Value> = self.steps.iter().map(Step::to_json).collect();
        json!({
            "steps": steps, "checks": checks, "max_attempts": self.max_attempts, "ttl_seconds": self.ttl_seconds,
            "theme": self.theme, "locales": self.locales, "strings": self.strings,
        })
    }

    /// The steps in their order; never empty.
    #[must_use]
    pub fn steps(&self) -> &[Step] {
        &self.steps
    }

    /// The checks in their order.
    #[must_use]
    pub fn checks(&self) -> &[CheckSpec] {
        &self.checks
    }

    /// How many runs of checks a person has, 1 to 10.
    #[must_use]
    pub const fn max_attempts(&self) -> u32 {
        self.max_attempts
    }

    /// The time to live of sessions that do not name their own, in seconds, 60 to 86,400.
    #[must_use]
    pub const fn ttl_seconds(&self) -> u32 {
        self.ttl_seconds
    }

    /// How the page looks; free JSON for the page.
    #[must_use]
    pub const fn theme(&self) -> &Map<String, Value> {
        &self.theme
    }

    /// The languages the page offers, the first by default (BCP 47).
    #[must_use]
    pub fn locales(&self) -> &[String] {
        &self.locales
    }

    /// Texts that replace the page's own.
    #[must_use]
    pub const fn strings(&self) -> &Map<String, Value> {
        &self.strings
    }

    /// What storage files the flow under.
    #[must_use]
    pub const fn digest(&self) -> FlowDigest {
        self.digest
    }

    /// The step of this kind, if the flow asks for it.
    #[must_use]
    pub fn step(&self, kind: StepKind) -> Option<&Step> {
        self.steps.iter().find(|step| step.kind() == kind)
    }

    /// Every kind of step that the flow asks for.
    #[must_use]
    pub fn step_set(&self) -> StepSet {
        self.steps.iter().fold(StepSet::default(), |set, step| set.with(step.kind()))
    }

    /// The first step that is not in `accepted`.
    #[must_use]
    pub fn next_after(&self, accepted: StepSet) -> Option<StepKind> {
        self.steps.iter().map(Step::kind).find(|kind| !accepted.contains(*kind))
    }

    /// True if the flow collects pictures of a kind that none of these checks, which have looked,
    /// compares with anything. Such a session never completes by itself: somebody has to look.
    #[must_use]
    pub fn has_unread_evidence(&self, looked: impl Fn(CheckKind) -> bool) -> bool {
        use CheckKind as Kind;
        let any = |kinds: &[Kind]| kinds.iter().copied().any(&looked);
        self.steps.iter().any(|step| match step.kind() {
            StepKind::Consent | StepKind::DataEntry => false,
            StepKind::DocumentUpload => !any(&[Kind::DocumentMrz, Kind::DocumentBarcode, Kind::Provider]),
            StepKind::Selfie => !any(&[Kind::FaceMatch, Kind::Liveness, Kind::Provider]),
            StepKind::Liveness => !any(&[Kind::Liveness, Kind::Provider]),
        })
    }
}

impl CheckSpec {
    fn to_json(&self) -> Value {
        let mut json = json!({
            "type": self.kind.as_str(), "on_fail": self.on_fail.as_str(), "on_review": self.on_review.as_str(),
        });
        let of_one_kind = [("min_age", self.min_age), ("min_match", self.min_match)];
        if let Some(map) = json.as_object_mut() {
            map.extend(of_one_kind.into_iter().filter_map(|(name, value)| Some((name.to_owned(), value?.into()))));
            map.extend(self.provider.as_deref().map(|name| ("provider".to_owned(), name.into())));
        }
        json
    }
}
