//! What the front door asks of a session, and the answer that is filed with the effect.

use bytes::Bytes;
use serde_json::Value;
use vetd_model::audit_log::{Actor, AuditAction};
use vetd_model::chip::Chip;
use vetd_model::decide::CanceledBy;
use vetd_model::flow::StepKind;
use vetd_model::media::Media;
use vetd_model::review::NewReview;
use vetd_model::simulate::Action;
use vetd_model::{ApiKeyId, CheckId};

/// What can be asked of a session from outside.
#[derive(Debug)]
pub enum Ask {
    /// The iframe has loaded.
    Load,
    /// A fresh token is wanted, and nothing else is answered: changes nothing, but needs a session that has not ended.
    Renew,
    /// A picture was taken in and is kept.
    Attach(Box<Media>),
    /// The document's chip was read.
    AttachChip(Box<Chip>),
    /// The person submits a step; the body is validated against the session's own flow.
    Submit {
        /// Which step.
        step: StepKind,
        /// The body, as it came.
        body: Value,
    },
    /// The person or the tenant ends it.
    Cancel(CanceledBy),
    /// Test mode: walk through these actions in one step, with these pictures.
    Simulate(Vec<Action>, Vec<Media>),
    /// A provider answers for a check, in its own words.
    Answer {
        /// Which check.
        check: CheckId,
        /// The body, as it came.
        answer: Value,
    },
    /// A person of the tenant decides a doubtful case.
    Review {
        /// How, and why.
        review: NewReview,
        /// By which key.
        by: ApiKeyId,
    },
    /// The person's data is to be erased.
    Redact {
        /// By whom.
        by: Actor,
        /// If a rule of retention says so: the sequence of the last event by which it was judged.
        by_rule: Option<u32>,
    },
    /// A rule of retention says that the pictures are to be deleted, and what a chip said.
    ForgetMedia {
        /// The sequence of the last event by which it was judged.
        seen: u32,
    },
}

impl Ask {
    /// Who does what, if the audit log tells of it.
    pub(crate) const fn audited(&self) -> Option<(Actor, AuditAction)> {
        match self {
            Self::Review { by, .. } => Some((Actor::ApiKey(*by), AuditAction::VerificationReviewed)),
            Self::Redact { by, by_rule: None } => Some((*by, AuditAction::VerificationRedacted)),
            Self::Redact { by, by_rule: Some(_) } => Some((*by, AuditAction::RetentionApplied)),
            Self::ForgetMedia { .. } => Some((Actor::System, AuditAction::MediaDeleted)),
            _ => None,
        }
    }

    /// Whether the answer holds what is the person's: then it is filed under the session's own secret, and
    /// goes with it. A token is not; it opens nothing that is gone.
    pub(crate) const fn tells_of_person(&self) -> bool {
        !matches!(self, Self::Renew)
    }

    /// Its name in traces.
    pub(crate) const fn name(&self) -> &'static str {
        match self {
            Self::Load => "load",
            Self::Renew => "renew",
            Self::Submit { .. } => "submit",
            Self::Cancel(_) => "cancel",
            Self::Simulate(..) => "simulate",
            Self::Attach(_) => "attach",
            Self::AttachChip(_) => "attach_chip",
            Self::Answer { .. } => "answer",
            Self::Review { .. } => "review",
            Self::Redact { .. } => "redact",
            Self::ForgetMedia { .. } => "forget_media",
        }
    }
}

/// An answer as bytes: what a first caller, its twins and a later replay all get.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Reply {
    /// The HTTP status, 2xx.
    pub status: u16,
    /// JSON.
    pub body: Bytes,
}

/// Makes the answer from the value as it will be once committed, so that answer and effect can
/// be committed as one. Called again where the command is decided again.
pub type Render<T> = Box<dyn Fn(&T) -> Reply + Send>;
