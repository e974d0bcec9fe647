//! The session's record: version, revision, slot number, then the body.

use std::borrow::Cow;
use std::sync::Arc;

use serde::{Deserialize, Serialize};
use vetd_model::check::{CheckResult, Details, Finding};
use vetd_model::event::{Chain, Hash};
use vetd_model::flow::{Flow, FlowDigest};
use vetd_model::review::{Redaction, Review};
use vetd_model::session::{ProviderCall, State, StepSet, TemplateRef};
use vetd_model::test_outcome::TestOutcome;
use vetd_model::{CheckId, EventId, Realm, Session, SessionId, TemplateId, Timestamp};

use crate::api::StoreError;
use crate::codec::{self, Blob, Damaged, REVISIONED_HEAD, revisioned_head, split_revisioned, take};
use crate::disk::parts::{
    LastErrorV1, canceled_from, canceled_tag, check_from, check_tag, decision_from, decision_tag, finding_from,
    finding_tag,
};
use crate::disk::personal::{self, Opened};

/// Nothing was ever reviewed or redacted, and the personal part holds the first things only.
const VERSION_1: u8 = 1;
/// As version 1, then a [`DecisionV2`].
const VERSION_2: u8 = 2;

#[derive(Serialize, Deserialize)]
struct SessionV1<'a> {
    template: [u8; 16],
    slug: Cow<'a, str>,
    template_version: u32,
    flow: [u8; 32],
    created: u64,
    updated: u64,
    expires_at: u64,
    attempts: u32,
    last_error: Option<LastErrorV1<'a>>,
    test_outcome: Option<TestOutcomeV1<'a>>,
    sequence: u32,
    hash: [u8; 32],
    checks: Vec<CheckV1<'a>>,
    state: StateV1,
    personal: Option<Blob>,
}

/// What was decided of a session that has ended.
#[derive(Default, Serialize, Deserialize)]
struct DecisionV2<'a> {
    review: Option<ReviewV2<'a>>,
    redaction: Option<RedactionV2>,
}

#[derive(Serialize, Deserialize)]
struct ReviewV2<'a> {
    decision: u8,
    reviewer: Cow<'a, str>,
    at: u64,
    sequence: u32,
}

#[derive(Serialize, Deserialize)]
struct RedactionV2 {
    at: u64,
    sequence: u32,
    first_event: [u8; 16],
    last_event: [u8; 16],
}

#[derive(Serialize, Deserialize)]
enum TestOutcomeV1<'a> {
    Completed,
    Failed,
    FailedCheck { check: u8, code: Cow<'a, str> },
    RequiresReview,
    Expired,
    RetryThenCompleted,
}

#[derive(Serialize, Deserialize)]
struct CheckV1<'a> {
    id: [u8; 16],
    kind: u8,
    status: u8,
    code: Option<Cow<'a, str>>,
    message: Option<Cow<'a, str>>,
    score: Option<u16>,
    started: u64,
    finished: u64,
}

#[derive(Serialize, Deserialize)]
enum StateV1 {
    Created,
    RequiresInput {
        accepted: u8,
    },
    Collecting {
        accepted: u8,
    },
    Checking {
        started: u64,
    },
    Completed {
        at: u64,
    },
    Failed {
        at: u64,
    },
    RequiresReview {
        at: u64,
    },
    Canceled {
        at: u64,
        by: u8,
    },
    Expired {
        at: u64,
    },
    /// Each call: the result that it fills, and whether the provider has accepted it.
    Awaiting {
        started: u64,
        calls: Vec<([u8; 16], bool)>,
    },
}

/// Encodes and seals a session's record. The slot's number is set by [`set_slot`] where it is
/// not known yet.
pub(crate) fn encode(session: &Session, revision: u64, slot: Option<u32>) -> Result<Vec<u8>, StoreError> {
    let personal = session.personal.as_deref();
    let disk = SessionV1 {
        template: *session.template.id.bytes(),
        slug: Cow::Borrowed(&session.template.slug),
        template_version: session.template.version,
        flow: session.flow.digest().0,
        created: session.created.millis(),
        updated: session.updated.millis(),
        expires_at: session.expires_at.millis(),
        attempts: session.attempts,
        last_error: session.last_error.as_ref().map(LastErrorV1::from),
        test_outcome: session.test_outcome.as_ref().map(outcome_to_disk),
        sequence: session.chain.sequence,
        hash: session.chain.hash.0,
        checks: session.checks.iter().map(check_to_disk).collect(),
        state: state_to_disk(&session.state),
        personal: personal.map(|personal| personal::seal(session, personal)).transpose()?,
    };
    let decision = DecisionV2 {
        review: session.review.as_ref().map(review_to_disk),
        redaction: session.redaction.as_ref().map(redaction_to_disk),
    };
    let mut head = revisioned_head(VERSION_2, revision).to_vec();
    head.extend_from_slice(&slot.unwrap_or(0).to_be_bytes());
    codec::encode(&head, &(disk, decision))
}

/// Sets the number of the slot that holds the session's secret.
pub(crate) fn set_slot(record: &mut [u8], slot: u32) {
    if let Some(place) = record.get_mut(REVISIONED_HEAD..REVISIONED_HEAD + 4) {
        place.copy_from_slice(&slot.to_be_bytes());
    }
}

/// A record that was read but not yet put together with its flow and its secret.
pub(crate) struct SessionRecord {
    pub revision: u64,
    /// The slot of the secret, if the session has one.
    pub slot: Option<u32>,
    body: SessionV1<'static>,
    decision: DecisionV2<'static>,
}

impl SessionRecord {
    pub(crate) fn decode(bytes: &[u8]) -> Result<Self, Damaged> {
        Self::read(bytes, true)
    }

    /// Of bytes that go on behind the record.
    pub(crate) fn decode_first(bytes: &[u8]) -> Result<Self, Damaged> {
        Self::read(bytes, false)
    }

    fn read(bytes: &[u8], ends_here: bool) -> Result<Self, Damaged> {
        let (version, revision, rest) = split_revisioned(bytes)?;
        let (slot, body) = take::<4>(rest)?;
        let slot = u32::from_be_bytes(slot);
        let (body, decision) = match version {
            VERSION_1 if ends_here => (codec::decode(body)?, DecisionV2::default()),
            VERSION_1 => (codec::decode_first(body)?, DecisionV2::default()),
            VERSION_2 if ends_here => codec::decode(body)?,
            VERSION_2 => codec::decode_first(body)?,
            _ => return Err(Damaged),
        };
        Ok(Self { revision, slot: (slot != 0).then_some(slot), body, decision })
    }

    /// When the person's data were erased.
    pub(crate) fn redacted_at(&self) -> Option<Timestamp> {
        self.decision.redaction.as_ref().map(|redaction| Timestamp::from_millis(redaction.at))
    }

    pub(crate) const fn flow(&self) -> FlowDigest {
        FlowDigest(self.body.flow)
    }

    /// The sealed part, if the session has one.
    pub(crate) const fn sealed(&self) -> Option<&Blob> {
        self.body.personal.as_ref()
    }

    pub(crate) fn into_session(
        self,
        realm: Realm,
        id: SessionId,
        flow: Arc<Flow>,
        personal: Option<Opened>,
    ) -> Result<Session, Damaged> {
        let (disk, decision) = (self.body, self.decision);
        let (personal, details) = match personal {
            Some(opened) => (Some(Box::new(opened.personal)), opened.details),
            None => (None, Vec::new()),
        };
        let mut checks = disk.checks.into_iter().map(check_from_disk).collect::<Result<Vec<_>, _>>()?;
        checks.iter_mut().zip(details).for_each(|(check, details)| check.finding.details = details);
        Ok(Session {
            id,
            realm,
            template: TemplateRef {
                id: TemplateId::from_bytes(disk.template),
                slug: disk.slug.into_owned(),
                version: disk.template_version,
            },
            flow,
            created: Timestamp::from_millis(disk.created),
            updated: Timestamp::from_millis(disk.updated),
            expires_at: Timestamp::from_millis(disk.expires_at),
            attempts: disk.attempts,
            last_error: disk.last_error.map(TryInto::try_into).transpose()?,
            test_outcome: disk.test_outcome.map(outcome_from_disk).transpose()?,
            chain: Chain { sequence: disk.sequence, hash: Hash(disk.hash) },
            checks,
            personal,
            review: decision.review.map(review_from_disk).transpose()?,
            redaction: decision.redaction.as_ref().map(redaction_from_disk),
            state: state_from_disk(&disk.state)?,
        })
    }
}

fn outcome_to_disk(outcome: &TestOutcome) -> TestOutcomeV1<'_> {
    match outcome {
        TestOutcome::Completed => TestOutcomeV1::Completed,
        TestOutcome::Failed => TestOutcomeV1::Failed,
        TestOutcome::FailedCheck { check, code } => {
            TestOutcomeV1::FailedCheck { check: check_tag(*check), code: Cow::Borrowed(code) }
        }
        TestOutcome::RequiresReview => TestOutcomeV1::RequiresReview,
        TestOutcome::Expired => TestOutcomeV1::Expired,
        TestOutcome::RetryThenCompleted => TestOutcomeV1::RetryThenCompleted,
    }
}

fn outcome_from_disk(disk: TestOutcomeV1<'_>) -> Result<TestOutcome, Damaged> {
    Ok(match disk {
        TestOutcomeV1::Completed => TestOutcome::Completed,
        TestOutcomeV1::Failed => TestOutcome::Failed,
        TestOutcomeV1::FailedCheck { check, code } => {
            TestOutcome::FailedCheck { check: check_from(check)?, code: code.into_owned() }
        }
        TestOutcomeV1::RequiresReview => TestOutcome::RequiresReview,
        TestOutcomeV1::Expired => TestOutcome::Expired,
        TestOutcomeV1::RetryThenCompleted => TestOutcome::RetryThenCompleted,
    })
}

fn check_to_disk(result: &CheckResult) -> CheckV1<'_> {
    CheckV1 {
        id: *result.id.bytes(),
        kind: check_tag(result.kind),
        status: finding_tag(result.finding.status),
        code: result.finding.code.as_deref().map(Cow::Borrowed),
        message: result.finding.message.as_deref().map(Cow::Borrowed),
        score: result.finding.score,
        started: result.started.millis(),
        finished: result.finished.millis(),
    }
}

fn check_from_disk(disk: CheckV1<'static>) -> Result<CheckResult, Damaged> {
    Ok(CheckResult {
        id: CheckId::from_bytes(disk.id),
        kind: check_from(disk.kind)?,
        finding: Finding {
            status: finding_from(disk.status)?,
            code: disk.code,
            message: disk.message,
            score: disk.score,
            // Sealed with the person's data.
            details: Details::new(),
        },
        started: Timestamp::from_millis(disk.started),
        finished: Timestamp::from_millis(disk.finished),
    })
}

fn review_to_disk(review: &Review) -> ReviewV2<'_> {
    ReviewV2 {
        decision: decision_tag(review.decision),
        reviewer: Cow::Borrowed(&review.reviewer),
        at: review.at.millis(),
        sequence: review.sequence,
    }
}

fn review_from_disk(disk: ReviewV2<'_>) -> Result<Review, Damaged> {
    Ok(Review {
        decision: decision_from(disk.decision)?,
        reviewer: disk.reviewer.into_owned(),
        at: Timestamp::from_millis(disk.at),
        sequence: disk.sequence,
    })
}

const fn redaction_to_disk(redaction: &Redaction) -> RedactionV2 {
    RedactionV2 {
        at: redaction.at.millis(),
        sequence: redaction.sequence,
        first_event: *redaction.first_event.bytes(),
        last_event: *redaction.last_event.bytes(),
    }
}

const fn redaction_from_disk(disk: &RedactionV2) -> Redaction {
    Redaction {
        at: Timestamp::from_millis(disk.at),
        sequence: disk.sequence,
        first_event: EventId::from_bytes(disk.first_event),
        last_event: EventId::from_bytes(disk.last_event),
    }
}

fn state_to_disk(state: &State) -> StateV1 {
    match state {
        State::Created => StateV1::Created,
        State::RequiresInput { accepted } => StateV1::RequiresInput { accepted: accepted.bits() },
        State::Collecting { accepted } => StateV1::Collecting { accepted: accepted.bits() },
        State::Checking { started } => StateV1::Checking { started: started.millis() },
        State::Awaiting { started, calls } => {
            let calls = calls.iter().map(|call| (*call.check.bytes(), call.accepted)).collect();
            StateV1::Awaiting { started: started.millis(), calls }
        }
        State::Completed { at } => StateV1::Completed { at: at.millis() },
        State::Failed { at } => StateV1::Failed { at: at.millis() },
        State::RequiresReview { at } => StateV1::RequiresReview { at: at.millis() },
        State::Canceled { at, by } => StateV1::Canceled { at: at.millis(), by: canceled_tag(*by) },
        State::Expired { at } => StateV1::Expired { at: at.millis() },
    }
}

fn state_from_disk(disk: &StateV1) -> Result<State, Damaged> {
    let time = |millis: &u64| Timestamp::from_millis(*millis);
    Ok(match disk {
        StateV1::Created => State::Created,
        StateV1::RequiresInput { accepted } => State::RequiresInput { accepted: StepSet::from_bits(*accepted) },
        StateV1::Collecting { accepted } => State::Collecting { accepted: StepSet::from_bits(*accepted) },
        StateV1::Checking { started } => State::Checking { started: time(started) },
        StateV1::Awaiting { started, calls } => {
            let call = |(check, accepted): &([u8; 16], bool)| ProviderCall {
                check: CheckId::from_bytes(*check),
                accepted: *accepted,
            };
            State::Awaiting { started: time(started), calls: calls.iter().map(call).collect() }
        }
        StateV1::Completed { at } => State::Completed { at: time(at) },
        StateV1::Failed { at } => State::Failed { at: time(at) },
        StateV1::RequiresReview { at } => State::RequiresReview { at: time(at) },
        StateV1::Canceled { at, by } => State::Canceled { at: time(at), by: canceled_from(*by)? },
        StateV1::Expired { at } => State::Expired { at: time(at) },
    })
}
