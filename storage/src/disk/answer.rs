//! Idempotency records: version, time of the request, then fingerprint and answer.

use serde::{Deserialize, Serialize};
use vetd_model::secret::SessionSecret;
use vetd_model::{Realm, SessionId, Timestamp};

use crate::api::{Answer, IdempotencyRecord, IdempotencySlot, StoreError};
use crate::codec::{self, Blob, Damaged, split_revisioned};
use crate::keyring::{Keyring, bound};
use crate::seal::Seal;

const VERSION: u8 = 1;
/// The label of the key that seals a session's stored answers.
const LABEL: &str = "answer seal";

/// An idempotency record as it stands on the disk.
#[derive(Serialize, Deserialize)]
pub(crate) struct AnswerRecord {
    pub fingerprint: [u8; 32],
    pub answer: AnswerV1,
}

#[derive(Serialize, Deserialize)]
pub(crate) enum AnswerV1 {
    SessionCreated {
        session: [u8; 16],
        expires_at: u64,
        public_url: String,
    },
    /// With an owner (realm and session) sealed under the owner's secret.
    Body {
        status: u16,
        owner: Option<([u8; 5], [u8; 16])>,
        sealed: Blob,
    },
}

pub(crate) fn encode(record: &IdempotencyRecord<'_>, keyring: &Keyring) -> Result<Vec<u8>, StoreError> {
    let answer = match &record.answer {
        Answer::SessionCreated { session, expires_at, public_url } => AnswerV1::SessionCreated {
            session: *session.bytes(),
            expires_at: expires_at.millis(),
            public_url: public_url.clone(),
        },
        Answer::Body { status, body } => {
            let owner = record.owner.map(|(realm, id, _)| (realm.bytes(), *id.bytes()));
            let sealed = match record.owner {
                Some((realm, id, secret)) => owner_seal(secret).close(body, &place(record.slot, Some((realm, id))))?,
                None => keyring.answer_seal().close(body, &place(record.slot, None))?,
            };
            AnswerV1::Body { status: *status, owner, sealed: Blob(sealed) }
        }
        Answer::Redacted { .. } => return Err(StoreError::Unavailable("a redacted answer is never filed".to_owned())),
    };
    let head = codec::revisioned_head(VERSION, record.at.millis());
    codec::encode(&head, &AnswerRecord { fingerprint: record.fingerprint, answer })
}

/// When the request of this record was accepted; read without the rest.
pub(crate) fn accepted_at(bytes: &[u8]) -> Result<Timestamp, Damaged> {
    split_revisioned(bytes).map(|(_, millis, _)| Timestamp::from_millis(millis))
}

pub(crate) fn decode(bytes: &[u8]) -> Result<AnswerRecord, Damaged> {
    match split_revisioned(bytes)? {
        (VERSION, _, body) => codec::decode(body),
        _ => Err(Damaged),
    }
}

/// The record of an answer that belongs to no session, sealed by `new` instead of `old`; `None` if
/// neither seals it.
pub(crate) fn resealed(
    bytes: &[u8],
    slot: IdempotencySlot,
    old: &Seal,
    new: &Seal,
) -> Result<Option<Vec<u8>>, StoreError> {
    let damaged = |_| StoreError::Inconsistent { key: "an answer".to_owned() };
    let (_, millis, _) = split_revisioned(bytes).map_err(damaged)?;
    let record = decode(bytes).map_err(damaged)?;
    let AnswerV1::Body { status, owner: None, sealed } = record.answer else { return Ok(None) };
    let place = place(slot, None);
    let body = old.open(&sealed.0, &place).map_err(damaged)?;
    let answer = AnswerV1::Body { status, owner: None, sealed: Blob(new.close(&body, &place)?) };
    let head = codec::revisioned_head(VERSION, millis);
    codec::encode(&head, &AnswerRecord { fingerprint: record.fingerprint, answer }).map(Some)
}

/// The seal of answers that die with a session's secret.
pub(crate) fn owner_seal(secret: &SessionSecret) -> Seal {
    Seal::new(&secret.derive(LABEL, 0))
}

/// What binds a sealed answer to its place.
pub(crate) fn place(slot: IdempotencySlot, owner: Option<(Realm, SessionId)>) -> Vec<u8> {
    let owner = owner.map(|(realm, id)| bound(realm, id));
    [slot.0.as_slice(), owner.as_ref().map_or(&[], |bytes| bytes.as_slice())].concat()
}
