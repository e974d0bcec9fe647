//! The decision of a person of the tenant over a doubtful case, and the erasure of a person's data.

use serde::{Serialize, Serializer};
use serde_json::Value;

use crate::error::Refusal;
use crate::id::EventId;
use crate::session::Status;
use crate::time::Timestamp;
use crate::validate::{Issues, Object};

/// The longest reason, in characters.
pub const REASON_LIMIT: usize = 1_000;

/// How a review ends.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Decision {
    /// The verification is completed.
    Approved,
    /// The verification has failed.
    Declined,
}

impl Decision {
    /// The name in JSON.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Approved => "approved",
            Self::Declined => "declined",
        }
    }

    /// What it makes of the verification.
    #[must_use]
    pub const fn status(self) -> Status {
        match self {
            Self::Approved => Status::Completed,
            Self::Declined => Status::Failed,
        }
    }
}

impl Serialize for Decision {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(self.as_str())
    }
}

/// A review that has been given. Its reason may tell of the person, so it stands with their data.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Review {
    /// How it ended.
    pub decision: Decision,
    /// Who decided: the identifier of an API key, or a member of the tenant's team.
    pub reviewer: String,
    /// When.
    pub at: Timestamp,
    /// The sequence of the event that tells of it; events before it do not show it.
    pub sequence: u32,
}

/// A request to decide.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NewReview {
    /// How it ends.
    pub decision: Decision,
    /// Why, in the reviewer's words.
    pub reason: Option<String>,
}

impl NewReview {
    /// Validates the body of `…/review`.
    ///
    /// # Errors
    /// `validation_error` with the path of every wrong field.
    pub fn parse(body: &Value) -> Result<Self, Refusal> {
        let mut issues = Issues::default();
        let mut object = Object::root(body, &mut issues);
        let decision = object.required_with("decision", &mut issues, |text| match text {
            "approved" => Ok(Decision::Approved),
            "declined" => Ok(Decision::Declined),
            _ => Err("must be approved or declined".to_owned()),
        });
        let reason = object.optional_with("reason", &mut issues, |text| {
            let fits = !text.trim().is_empty() && text.chars().count() <= REASON_LIMIT;
            let plain = text.chars().all(|letter| !letter.is_control() || letter == '\n');
            (fits && plain)
                .then(|| text.to_owned())
                .ok_or_else(|| "must have 1 to 1,000 characters, none of them a control character".to_owned())
        });
        object.finish(&mut issues);
        issues.done()?;
        Ok(Self { decision: decision.unwrap_or(Decision::Declined), reason })
    }
}

/// What is left of a person's data: when it was erased, and which events told of them.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Redaction {
    /// When.
    pub at: Timestamp,
    /// The sequence of the event that tells of it, the last one.
    pub sequence: u32,
    /// The session's first event; it could no longer be told without the session's secret.
    pub first_event: EventId,
    /// Its last event, which tells of the erasure.
    pub last_event: EventId,
}
