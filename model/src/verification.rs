//! The lasting record of a session, as the tenant reads it.

use std::collections::BTreeMap;

use serde::Serialize;
use serde_json::{Value, json};

use crate::check::{CheckResult, LastError};
use crate::flow::StepKind;
use crate::id::{SessionId, TemplateId, VerificationId};
use crate::session::{Session, Status};
use crate::submission::Submission;
use crate::time::Timestamp;

/// What of a verification changes with time; the rest is fixed at its birth.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Moment {
    /// The status.
    pub status: Status,
    /// Why the last attempt did not complete.
    pub last_error: Option<LastError>,
    /// How many runs of checks had begun.
    pub attempts: u32,
    /// When it had last changed.
    pub updated: Timestamp,
    /// When it was decided.
    pub decided_at: Option<Timestamp>,
    /// The deadline.
    pub expires_at: Timestamp,
}

impl Moment {
    /// The session as it stands.
    #[must_use]
    pub fn of(session: &Session) -> Self {
        Self {
            status: session.status(),
            last_error: session.last_error.clone(),
            attempts: session.attempts,
            updated: session.updated,
            decided_at: session.state.ended_at().filter(|_| session.status() != Status::RequiresReview),
            expires_at: session.expires_at,
        }
    }
}

/// The shape of a verification in lists and in events. Holds no check details and no URL.
#[derive(Debug, Serialize)]
pub struct ListShape<'a> {
    id: VerificationId,
    object: &'static str,
    session_id: SessionId,
    status: Status,
    livemode: bool,
    template_id: TemplateId,
    template_slug: &'a str,
    template_version: u32,
    metadata: Option<&'a BTreeMap<String, String>>,
    last_error: Option<&'a LastError>,
    attempts: u32,
    created: Timestamp,
    updated: Timestamp,
    decided_at: Option<Timestamp>,
    expires_at: Timestamp,
    redacted_at: Option<Timestamp>,
    review: Option<()>,
}

impl<'a> ListShape<'a> {
    /// The verification of `session` as it was at `moment`.
    #[must_use]
    pub fn new(session: &'a Session, moment: &'a Moment) -> Self {
        Self {
            id: session.id.verification(),
            object: "verification",
            session_id: session.id,
            status: moment.status,
            livemode: session.realm.mode.is_live(),
            template_id: session.template.id,
            template_slug: &session.template.slug,
            template_version: session.template.version,
            metadata: session.personal.as_ref().map(|personal| &personal.metadata),
            last_error: moment.last_error.as_ref(),
            attempts: moment.attempts,
            created: session.created,
            updated: moment.updated,
            decided_at: moment.decided_at,
            expires_at: moment.expires_at,
            redacted_at: None,
            review: None,
        }
    }
}

/// The verification with every check, the resolved fields and the media.
#[derive(Debug, Serialize)]
pub struct DetailShape<'a> {
    #[serde(flatten)]
    list: ListShape<'a>,
    checks: Vec<Value>,
    fields: Value,
    media: [(); 0],
}

impl<'a> DetailShape<'a> {
    /// The verification of `session` as it was at `moment`.
    #[must_use]
    pub fn new(session: &'a Session, moment: &'a Moment) -> Self {
        Self {
            list: ListShape::new(session, moment),
            checks: session.checks.iter().map(check_json).collect(),
            fields: fields_json(session),
            media: [],
        }
    }
}

fn check_json(result: &CheckResult) -> Value {
    json!({
        "id": result.id, "type": result.kind, "status": result.finding.status, "code": result.finding.code,
        "message": result.finding.message, "score": result.finding.score.map(|score| f64::from(score) / 1000.0),
        "details": {}, "started": result.started, "finished": result.finished,
    })
}

/// The resolved fields: in this release what the person typed.
fn fields_json(session: &Session) -> Value {
    let submissions = session.personal.as_ref().map(|personal| &personal.submissions);
    let Some(Submission::DataEntry { fields }) = submissions.and_then(|all| all.get(&StepKind::DataEntry)) else {
        return json!({});
    };
    fields
        .iter()
        .map(|(name, value)| (name.clone(), json!({ "value": value, "source": "typed", "confidence": 1.0 })))
        .collect()
}
