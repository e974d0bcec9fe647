//! What checks say.

use std::borrow::Cow;

use serde::{Serialize, Serializer};

use crate::id::CheckId;
use crate::time::Timestamp;

/// The checks that this release can run.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum CheckKind {
    /// Every required field holds something that can be true.
    DataCompleteness,
    /// The person is old enough.
    Age,
}

impl CheckKind {
    /// All of them.
    pub const ALL: [Self; 2] = [Self::DataCompleteness, Self::Age];

    /// The name in templates and results.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::DataCompleteness => "data_completeness",
            Self::Age => "age",
        }
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
}

impl Finding {
    /// The evidence holds.
    #[must_use]
    pub const fn passed() -> Self {
        Self { status: CheckStatus::Passed, code: None, message: None, score: Some(1000) }
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
        Self { status, code: Some(Cow::Borrowed(code)), message: Some(Cow::Borrowed(message)), score: None }
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
