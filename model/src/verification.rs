//! The lasting record of a session, as the tenant reads it.

use std::collections::BTreeMap;

use serde::{Serialize, Serializer};
use serde_json::{Value, json};

use crate::check::{CheckResult, LastError};
use crate::flow::StepKind;
use crate::id::{SessionId, TemplateId, VerificationId};
use crate::link::Link;
use crate::media::Media;
use crate::review::Decision;
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
    /// The sequence of the last event by then: what a later one tells was not known.
    pub sequence: u32,
}

impl Moment {
    /// When the verification came to the status that it has, if that is an end.
    #[must_use]
    pub fn ended_at(&self, session: &Session) -> Option<Timestamp> {
        self.decided_at.or_else(|| session.state.ended_at())
    }

    /// The session as it stands.
    #[must_use]
    pub fn of(session: &Session) -> Self {
        let status = session.verification_status();
        let reviewed = session.review.as_ref().map(|review| review.at);
        let decided = session.state.ended_at().filter(|_| status != Status::RequiresReview);
        Self {
            status,
            last_error: session.last_error.clone(),
            attempts: session.attempts,
            updated: session.updated,
            decided_at: reviewed.or(decided),
            expires_at: session.expires_at,
            sequence: session.chain.sequence,
        }
    }
}

/// The shape of a verification in lists and in events. Holds no check details and no URL.
///
/// Its fields, those of [`LastError`] and of the review, stand in the order of RFC 8785, and everything in it is
/// a string, a whole number, a boolean or null: so what serde_json writes of it is its canonical
/// form, and hashing an event needs no canonicalizer. A test holds it against one.
#[derive(Debug, Serialize)]
pub struct ListShape<'a> {
    attempts: u32,
    created: Timestamp,
    decided_at: Option<Timestamp>,
    expires_at: Timestamp,
    id: VerificationId,
    last_error: Option<&'a LastError>,
    livemode: bool,
    metadata: Option<Metadata<'a>>,
    object: &'static str,
    redacted_at: Option<Timestamp>,
    review: Option<ReviewShape<'a>>,
    session_id: SessionId,
    status: Status,
    template_id: TemplateId,
    template_slug: &'a str,
    template_version: u32,
    updated: Timestamp,
}

impl<'a> ListShape<'a> {
    /// The verification of `session` as it was at `moment`.
    #[must_use]
    pub fn new(session: &'a Session, moment: &'a Moment) -> Self {
        let review = session.review.as_ref().filter(|review| review.sequence <= moment.sequence);
        let redaction = session.redaction.filter(|redaction| redaction.sequence <= moment.sequence);
        Self {
            attempts: moment.attempts,
            created: session.created,
            decided_at: moment.decided_at,
            expires_at: moment.expires_at,
            id: session.id.verification(),
            last_error: moment.last_error.as_ref(),
            livemode: session.realm.mode.is_live(),
            metadata: session.personal.as_ref().map(|personal| Metadata(&personal.metadata)),
            object: "verification",
            redacted_at: redaction.map(|redaction| redaction.at),
            review: review.map(|review| ReviewShape {
                at: review.at,
                decision: review.decision,
                reason: session.personal.as_ref().and_then(|personal| personal.review_reason.as_deref()),
                reviewer: &review.reviewer,
            }),
            session_id: session.id,
            status: moment.status,
            template_id: session.template.id,
            template_slug: &session.template.slug,
            template_version: session.template.version,
            updated: moment.updated,
        }
    }
}

/// A review as the tenant reads it.
#[derive(Debug, Serialize)]
struct ReviewShape<'a> {
    at: Timestamp,
    decision: Decision,
    reason: Option<&'a str>,
    reviewer: &'a str,
}

/// Metadata with its keys in the order of RFC 8785: by UTF-16 code units.
#[derive(Debug)]
struct Metadata<'a>(&'a BTreeMap<String, String>);

impl Serialize for Metadata<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        // The map is sorted by UTF-8, which differs only where a key leaves the basic plane.
        if self.0.keys().all(|key| key.chars().all(|letter| letter <= '\u{ffff}')) {
            return serializer.collect_map(self.0);
        }
        let mut entries: Vec<_> = self.0.iter().collect();
        entries.sort_by(|(a, _), (b, _)| a.encode_utf16().cmp(b.encode_utf16()));
        serializer.collect_map(entries)
    }
}

/// The verification with every check, the resolved fields and the media.
#[derive(Debug, Serialize)]
pub struct DetailShape<'a> {
    #[serde(flatten)]
    list: ListShape<'a>,
    checks: Vec<Value>,
    fields: Value,
    media: Vec<Value>,
}

impl<'a> DetailShape<'a> {
    /// The verification of `session` as it was at `moment`; `link` makes the links of its pictures.
    #[must_use]
    pub fn new(session: &'a Session, moment: &'a Moment, link: impl Fn(&Media) -> Link) -> Self {
        let media = session.personal.iter().flat_map(|personal| &personal.media);
        Self {
            list: ListShape::new(session, moment),
            checks: session.checks.iter().map(check_json).collect(),
            fields: fields_json(session),
            media: media.map(|media| media_json(media, &link(media))).collect(),
        }
    }
}

pub(crate) fn media_json(media: &Media, link: &Link) -> Value {
    json!({
        "id": media.id, "kind": media.kind, "content_type": Media::CONTENT_TYPE, "size": media.size,
        "sha256": media.sha256, "url": link.url, "url_expires_at": link.expires_at,
    })
}

fn check_json(result: &CheckResult) -> Value {
    json!({
        "id": result.id, "type": result.kind, "status": result.finding.status, "code": result.finding.code,
        "message": result.finding.message, "score": result.finding.score.map(|score| f64::from(score) / 1000.0),
        "details": result.finding.details, "started": result.started, "finished": result.finished,
    })
}

/// The resolved fields; before a run of checks has resolved any, what the person typed.
pub(crate) fn fields_json(session: &Session) -> Value {
    let Some(personal) = &session.personal else { return json!({}) };
    if !personal.fields.is_empty() {
        return personal.fields.iter().map(|(name, field)| (name.clone(), field.to_json())).collect();
    }
    let Some(Submission::DataEntry { fields }) = personal.submissions.get(&StepKind::DataEntry) else {
        return json!({});
    };
    fields
        .iter()
        .map(|(name, value)| (name.clone(), json!({ "value": value, "source": "typed", "confidence": 1.0 })))
        .collect()
}
