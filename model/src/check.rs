//! What checks say.

use std::borrow::Cow;
use std::collections::BTreeMap;

use serde::{Serialize, Serializer};
use serde_json::Value;

use crate::id::CheckId;
use crate::time::Timestamp;

/// The checks that this release can run.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum CheckKind {
    /// Every required field holds something that can be true.
    DataCompleteness,
    /// The person is old enough.
    Age,
    /// The pictures can be read: sharp, lit, large enough.
    ImageQuality,
    /// The machine-readable zone is there and consistent (ICAO Doc 9303).
    DocumentMrz,
    /// The barcode on the back of a licence is there and can be read (AAMVA).
    DocumentBarcode,
    /// What the document, its parts and the person say agree.
    DocumentConsistency,
    /// The document is valid on the day.
    DocumentExpiry,
    /// The document is of the kind that the person chose.
    DocumentType,
    /// The document comes from the country that the person chose, and the step takes it.
    IssuingCountry,
    /// What was typed is what the document says.
    DataMatch,
    /// No other verification of the workspace and mode has used the document.
    DuplicateDocument,
    /// Nobody on the operator's lists may be the person.
    Watchlist,
    /// The chip of the document holds what its issuer has signed.
    DocumentChip,
    /// Whatever a provider is asked to look at.
    Provider,
    /// The selfie shows the face on the document.
    FaceMatch,
    /// The person is there, and not a picture of them.
    Liveness,
}

impl CheckKind {
    /// All of them.
    pub const ALL: [Self; 16] = [
        Self::DataCompleteness,
        Self::Age,
        Self::ImageQuality,
        Self::DocumentMrz,
        Self::DocumentBarcode,
        Self::DocumentConsistency,
        Self::DocumentExpiry,
        Self::DocumentType,
        Self::IssuingCountry,
        Self::DataMatch,
        Self::DuplicateDocument,
        Self::Watchlist,
        Self::DocumentChip,
        Self::Provider,
        Self::FaceMatch,
        Self::Liveness,
    ];

    /// The name in templates and results.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::DataCompleteness => "data_completeness",
            Self::Age => "age",
            Self::ImageQuality => "image_quality",
            Self::DocumentMrz => "document_mrz",
            Self::DocumentBarcode => "document_barcode",
            Self::DocumentConsistency => "document_consistency",
            Self::DocumentExpiry => "document_expiry",
            Self::DocumentType => "document_type",
            Self::IssuingCountry => "issuing_country",
            Self::DataMatch => "data_match",
            Self::DuplicateDocument => "duplicate_document",
            Self::Watchlist => "watchlist",
            Self::DocumentChip => "document_chip",
            Self::Provider => "provider",
            Self::FaceMatch => "face_match",
            Self::Liveness => "liveness",
        }
    }

    /// True for checks that only a provider can carry out.
    #[must_use]
    pub const fn needs_provider(self) -> bool {
        matches!(self, Self::Provider | Self::FaceMatch | Self::Liveness)
    }

    /// The check with this name.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|kind| kind.as_str() == text)
    }
}

impl Serialize for CheckKind {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(self.as_str())
    }
}

/// What one check found.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum CheckStatus {
    /// The evidence holds.
    Passed,
    /// It does not.
    Failed,
    /// The check cannot say; a person must.
    NeedsReview,
    /// It has not ended.
    Pending,
    /// It had nothing to look at, or its answer was no longer needed.
    Skipped,
}

impl CheckStatus {
    /// The status as it stands in JSON.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Passed => "passed",
            Self::Failed => "failed",
            Self::NeedsReview => "needs_review",
            Self::Pending => "pending",
            Self::Skipped => "skipped",
        }
    }
}

impl Serialize for CheckStatus {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(self.as_str())
    }
}

/// What a check says before it is filed: pure output of a check function.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Finding {
    /// What was found.
    pub status: CheckStatus,
    /// A stable code for anything but a pass.
    pub code: Option<Cow<'static, str>>,
    /// The finding for people; nothing personal in it.
    pub message: Option<Cow<'static, str>>,
    /// How sure, in thousandths from 0 to 1000, where the check can tell.
    pub score: Option<u16>,
    /// What the finding rests on, for whoever must look. May tell of the person: it is sealed with
    /// their data and goes with it, and no event shows it.
    pub details: Details,
}

/// What a finding rests on, by name.
pub type Details = BTreeMap<Cow<'static, str>, Value>;

impl Finding {
    /// The evidence holds.
    #[must_use]
    pub const fn passed() -> Self {
        Self { status: CheckStatus::Passed, code: None, message: None, score: Some(1000), details: Details::new() }
    }

    /// There was nothing to look at.
    #[must_use]
    pub const fn skipped(code: &'static str, message: &'static str) -> Self {
        Self::because(CheckStatus::Skipped, code, message)
    }

    /// It has not ended.
    #[must_use]
    pub const fn pending() -> Self {
        Self { status: CheckStatus::Pending, code: None, message: None, score: None, details: Details::new() }
    }

    /// With how sure it is, in thousandths.
    #[must_use]
    pub fn with_score(self, score: u16) -> Self {
        Self { score: Some(score), ..self }
    }

    /// With one more detail.
    #[must_use]
    pub fn with(mut self, name: &'static str, value: impl Into<Value>) -> Self {
        self.details.insert(Cow::Borrowed(name), value.into());
        self
    }

    /// The evidence does not hold.
    #[must_use]
    pub const fn failed(code: &'static str, message: &'static str) -> Self {
        Self::because(CheckStatus::Failed, code, message)
    }

    /// A person must look.
    #[must_use]
    pub const fn needs_review(code: &'static str, message: &'static str) -> Self {
        Self::because(CheckStatus::NeedsReview, code, message)
    }

    const fn because(status: CheckStatus, code: &'static str, message: &'static str) -> Self {
        Self {
            status,
            code: Some(Cow::Borrowed(code)),
            message: Some(Cow::Borrowed(message)),
            score: None,
            details: Details::new(),
        }
    }
}

/// One result of one check in one run.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CheckResult {
    /// Names this result.
    pub id: CheckId,
    /// Which check.
    pub kind: CheckKind,
    /// What it found.
    pub finding: Finding,
    /// When it began.
    pub started: Timestamp,
    /// When it ended.
    pub finished: Timestamp,
}

/// Why an attempt did not complete: shown on the session and in events, so nothing personal. Its
/// fields stand in the order of RFC 8785.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct LastError {
    /// The check that said so, where one did.
    pub check: Option<CheckKind>,
    /// The check's code, or one of the engine's own.
    pub code: Cow<'static, str>,
    /// For people.
    pub message: Cow<'static, str>,
}
