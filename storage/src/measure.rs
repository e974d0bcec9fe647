//! For benches/micro alone: records as they are encoded and read, without a store around them.

use vetd_model::event::Event;
use vetd_model::notice::Logged;
use vetd_model::{Realm, Session};

use crate::api::StoreError;
use crate::codec::Damaged;
use crate::disk::session::SessionRecord;
use crate::disk::{event, personal, session};

/// A session's record, its personal part sealed.
///
/// # Errors
/// [`StoreError::TooLarge`].
pub fn encode_session(session: &Session) -> Result<Vec<u8>, StoreError> {
    session::encode(session, 1, Some(1))
}

/// Reads what [`encode_session`] made. `original` lends what stands elsewhere in a store:
/// identifier, flow and secret.
///
/// # Errors
/// [`StoreError::Inconsistent`].
pub fn decode_session(bytes: &[u8], original: &Session) -> Result<Session, StoreError> {
    let (realm, id) = (original.realm, original.id);
    let record = SessionRecord::decode(bytes).map_err(damaged)?;
    let personal = match (record.sealed(), original.personal.as_ref()) {
        (Some(sealed), Some(known)) => Some(personal::open(realm, id, known.secret.clone(), sealed).map_err(damaged)?),
        _ => None,
    };
    record.into_session(realm, id, original.flow.clone(), personal).map_err(damaged)
}

/// An event's record.
///
/// # Errors
/// [`StoreError::TooLarge`].
pub fn encode_event(event: &Event) -> Result<Vec<u8>, StoreError> {
    event::encode(event)
}

/// Reads what [`encode_event`] made.
///
/// # Errors
/// [`StoreError::Inconsistent`].
pub fn decode_event(realm: Realm, bytes: &[u8]) -> Result<Logged, StoreError> {
    event::decode(realm, bytes).map_err(damaged)
}

fn damaged(_: Damaged) -> StoreError {
    StoreError::Inconsistent { key: "in memory".to_owned() }
}
