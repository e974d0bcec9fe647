//! Deliveries and their attempts. Endpoint and position stand in their keys.

use std::borrow::Cow;

use serde::{Deserialize, Serialize};
use vetd_model::delivery::{Attempt, Delivery, Outcome, Standing};
use vetd_model::{EndpointId, EventId, SessionId, Timestamp};

use crate::api::StoreError;
use crate::codec::{self, Damaged, take};
use crate::disk::parts::{fault_from, fault_tag};

const V1: u8 = 1;
const V2: u8 = 2;

/// Deliveries as they were before successes were kept.
#[derive(Serialize, Deserialize)]
struct DeliveryV1 {
    event: [u8; 16],
    session: [u8; 16],
    failures: u32,
    head_since: Option<u64>,
    due: Option<u64>,
}

#[derive(Serialize, Deserialize)]
struct DeliveryV2<'a> {
    event: [u8; 16],
    session: Option<[u8; 16]>,
    standing: StandingV2<'a>,
    attempts: u32,
    failures: u32,
    head_since: Option<u64>,
    ordered: bool,
}

#[derive(Serialize, Deserialize)]
enum StandingV2<'a> {
    Waits,
    Due(u64),
    Succeeded(AttemptV1<'a>),
    Exhausted(u64),
}

#[derive(Serialize, Deserialize)]
struct AttemptV1<'a> {
    at: u64,
    latency_ms: u32,
    outcome: OutcomeV1<'a>,
}

#[derive(Serialize, Deserialize)]
enum OutcomeV1<'a> {
    Answered { status: u16, body: Cow<'a, str> },
    Failed(u8),
}

pub(crate) fn encode(delivery: &Delivery) -> Result<Vec<u8>, StoreError> {
    let standing = match &delivery.standing {
        Standing::Waits => StandingV2::Waits,
        Standing::Due(at) => StandingV2::Due(at.millis()),
        Standing::Succeeded(attempt) => StandingV2::Succeeded(attempt.into()),
        Standing::Exhausted(at) => StandingV2::Exhausted(at.millis()),
    };
    let disk = DeliveryV2 {
        event: *delivery.event.bytes(),
        session: delivery.session.map(|session| *session.bytes()),
        standing,
        attempts: delivery.attempts,
        failures: delivery.failures,
        head_since: delivery.head_since.map(Timestamp::millis),
        ordered: delivery.ordered,
    };
    codec::encode(&[V2], &disk)
}

pub(crate) fn decode(endpoint: EndpointId, position: u64, bytes: &[u8]) -> Result<Delivery, Damaged> {
    let disk: DeliveryV2<'static> = match take::<1>(bytes)? {
        ([V1], body) => codec::decode::<DeliveryV1>(body)?.into(),
        ([V2], body) => codec::decode(body)?,
        _ => return Err(Damaged),
    };
    let time = Timestamp::from_millis;
    Ok(Delivery {
        endpoint,
        position,
        event: EventId::from_bytes(disk.event),
        session: disk.session.map(SessionId::from_bytes),
        standing: match disk.standing {
            StandingV2::Waits => Standing::Waits,
            StandingV2::Due(at) => Standing::Due(time(at)),
            StandingV2::Succeeded(attempt) => Standing::Succeeded(attempt.try_into()?),
            StandingV2::Exhausted(at) => Standing::Exhausted(time(at)),
        },
        attempts: disk.attempts,
        failures: disk.failures,
        head_since: disk.head_since.map(time),
        ordered: disk.ordered,
    })
}

pub(crate) fn encode_attempt(attempt: &Attempt) -> Result<Vec<u8>, StoreError> {
    codec::encode(&[V1], &AttemptV1::from(attempt))
}

pub(crate) fn decode_attempt(bytes: &[u8]) -> Result<Attempt, Damaged> {
    let ([V1], body) = take::<1>(bytes)? else { return Err(Damaged) };
    codec::decode::<AttemptV1<'static>>(body)?.try_into()
}

impl From<DeliveryV1> for DeliveryV2<'_> {
    fn from(old: DeliveryV1) -> Self {
        let standing = match (old.head_since, old.due) {
            (_, Some(due)) => StandingV2::Due(due),
            (Some(since), None) => StandingV2::Exhausted(since),
            (None, None) => StandingV2::Waits,
        };
        Self {
            event: old.event,
            session: Some(old.session),
            standing,
            attempts: old.failures,
            failures: old.failures,
            head_since: old.head_since,
            ordered: true,
        }
    }
}

impl<'a> From<&'a Attempt> for AttemptV1<'a> {
    fn from(attempt: &'a Attempt) -> Self {
        let outcome = match &attempt.outcome {
            Outcome::Answered { status, body } => OutcomeV1::Answered { status: *status, body: Cow::Borrowed(body) },
            Outcome::Failed(fault) => OutcomeV1::Failed(fault_tag(*fault)),
        };
        Self { at: attempt.at.millis(), latency_ms: attempt.latency_ms, outcome }
    }
}

impl TryFrom<AttemptV1<'static>> for Attempt {
    type Error = Damaged;

    fn try_from(disk: AttemptV1<'static>) -> Result<Self, Damaged> {
        let outcome = match disk.outcome {
            OutcomeV1::Answered { status, body } => Outcome::Answered { status, body: body.into_owned() },
            OutcomeV1::Failed(fault) => Outcome::Failed(fault_from(fault)?),
        };
        Ok(Self { at: Timestamp::from_millis(disk.at), latency_ms: disk.latency_ms, outcome })
    }
}
