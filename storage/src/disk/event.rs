//! An event's record, of a session or of a webhook endpoint. Realm and position stand in its key; nothing personal stands in it.

use serde::{Deserialize, Serialize};
use vetd_model::event::{Event, Hash};
use vetd_model::notice::{Logged, Notice, NoticeKind};
use vetd_model::verification::Moment;
use vetd_model::webhook::Disabled;
use vetd_model::{EndpointId, EventId, Realm, SessionId, Timestamp};

use crate::api::StoreError;
use crate::codec::{self, Damaged, take};
use crate::disk::parts::{LastErrorV1, event_from, event_tag, reason_from, reason_tag, status_from, status_tag};

/// The event of a session.
const SESSION_V1: u8 = 1;
/// An event about a webhook endpoint.
const NOTICE_V1: u8 = 2;

#[derive(Serialize, Deserialize)]
struct EventV1<'a> {
    id: [u8; 16],
    session: [u8; 16],
    kind: u8,
    created: u64,
    sequence: u32,
    prev_hash: [u8; 32],
    data_hash: [u8; 32],
    status: u8,
    last_error: Option<LastErrorV1<'a>>,
    attempts: u32,
    updated: u64,
    decided_at: Option<u64>,
    expires_at: u64,
}

#[derive(Serialize, Deserialize)]
struct NoticeV1 {
    id: [u8; 16],
    endpoint: [u8; 16],
    kind: NoticeKindV1,
    created: u64,
}

#[derive(Serialize, Deserialize)]
enum NoticeKindV1 {
    Disabled { at: u64, reason: u8 },
    Test,
}

pub(crate) fn encode(event: &Event) -> Result<Vec<u8>, StoreError> {
    let moment = &event.moment;
    let disk = EventV1 {
        id: *event.id.bytes(),
        session: *event.session.bytes(),
        kind: event_tag(event.kind),
        created: event.created.millis(),
        sequence: event.sequence,
        prev_hash: event.prev_hash.0,
        data_hash: event.data_hash.0,
        status: status_tag(moment.status),
        last_error: moment.last_error.as_ref().map(LastErrorV1::from),
        attempts: moment.attempts,
        updated: moment.updated.millis(),
        decided_at: moment.decided_at.map(Timestamp::millis),
        expires_at: moment.expires_at.millis(),
    };
    codec::encode(&[SESSION_V1], &disk)
}

pub(crate) fn encode_notice(notice: &Notice) -> Result<Vec<u8>, StoreError> {
    let kind = match notice.kind {
        NoticeKind::Disabled(Disabled { at, reason }) => {
            NoticeKindV1::Disabled { at: at.millis(), reason: reason_tag(reason) }
        }
        NoticeKind::Test => NoticeKindV1::Test,
    };
    let created = notice.created.millis();
    let disk = NoticeV1 { id: *notice.id.bytes(), endpoint: *notice.endpoint.bytes(), kind, created };
    codec::encode(&[NOTICE_V1], &disk)
}

pub(crate) fn decode(realm: Realm, bytes: &[u8]) -> Result<Logged, Damaged> {
    match take::<1>(bytes)? {
        ([SESSION_V1], body) => decode_session(realm, body).map(Logged::Session),
        ([NOTICE_V1], body) => decode_notice(realm, body).map(Logged::Endpoint),
        _ => Err(Damaged),
    }
}

fn decode_notice(realm: Realm, body: &[u8]) -> Result<Notice, Damaged> {
    let disk: NoticeV1 = codec::decode(body)?;
    let kind = match disk.kind {
        NoticeKindV1::Disabled { at, reason } => {
            NoticeKind::Disabled(Disabled { at: Timestamp::from_millis(at), reason: reason_from(reason)? })
        }
        NoticeKindV1::Test => NoticeKind::Test,
    };
    Ok(Notice {
        id: EventId::from_bytes(disk.id),
        realm,
        endpoint: EndpointId::from_bytes(disk.endpoint),
        kind,
        created: Timestamp::from_millis(disk.created),
    })
}

fn decode_session(realm: Realm, body: &[u8]) -> Result<Event, Damaged> {
    let disk: EventV1<'static> = codec::decode(body)?;
    Ok(Event {
        id: EventId::from_bytes(disk.id),
        realm,
        session: SessionId::from_bytes(disk.session),
        kind: event_from(disk.kind)?,
        created: Timestamp::from_millis(disk.created),
        sequence: disk.sequence,
        prev_hash: Hash(disk.prev_hash),
        data_hash: Hash(disk.data_hash),
        moment: Moment {
            status: status_from(disk.status)?,
            last_error: disk.last_error.map(TryInto::try_into).transpose()?,
            attempts: disk.attempts,
            updated: Timestamp::from_millis(disk.updated),
            decided_at: disk.decided_at.map(Timestamp::from_millis),
            expires_at: Timestamp::from_millis(disk.expires_at),
            sequence: disk.sequence,
        },
    })
}
