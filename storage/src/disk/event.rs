//! An event's record. Realm and position stand in its key; nothing personal stands in it.

use serde::{Deserialize, Serialize};
use vetd_model::event::{Event, Hash};
use vetd_model::verification::Moment;
use vetd_model::{EventId, Realm, SessionId, Timestamp};

use crate::api::StoreError;
use crate::codec::{self, Damaged, take};
use crate::disk::parts::{LastErrorV1, event_from, event_tag, status_from, status_tag};

const VERSION: u8 = 1;

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
    codec::encode(&[VERSION], &disk)
}

pub(crate) fn decode(realm: Realm, bytes: &[u8]) -> Result<Event, Damaged> {
    let ([VERSION], body) = take::<1>(bytes)? else { return Err(Damaged) };
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
        },
    })
}
