//! Entries of the audit log. The identifier, which begins with the time, stands in the key.

use std::borrow::Cow;

use serde::{Deserialize, Serialize};
use vetd_model::audit_log::{Actor, AuditEntry, Detail};
use vetd_model::{ApiKeyId, AuditEntryId, MediaId, VerificationId};

use crate::api::StoreError;
use crate::codec::{self, Damaged, take};
use crate::disk::parts::{action_from, action_tag};

const V1: u8 = 1;

#[derive(Serialize, Deserialize)]
struct EntryV1<'a> {
    actor: ActorV1,
    action: u8,
    verification: Option<[u8; 16]>,
    media: Option<[u8; 16]>,
    details: Vec<(Cow<'a, str>, DetailV1<'a>)>,
}

#[derive(Serialize, Deserialize)]
enum ActorV1 {
    ApiKey([u8; 16]),
    Person,
    Operator,
    System,
    Link,
}

#[derive(Serialize, Deserialize)]
enum DetailV1<'a> {
    Number(u64),
    Text(Cow<'a, str>),
}

pub(crate) fn encode(entry: &AuditEntry) -> Result<Vec<u8>, StoreError> {
    let detail = |detail| match detail {
        &Detail::Number(number) => DetailV1::Number(number),
        Detail::Text(text) => DetailV1::Text(Cow::Borrowed(text)),
    };
    let disk = EntryV1 {
        actor: match entry.actor {
            Actor::ApiKey(id) => ActorV1::ApiKey(*id.bytes()),
            Actor::Person => ActorV1::Person,
            Actor::Operator => ActorV1::Operator,
            Actor::System => ActorV1::System,
            Actor::Link => ActorV1::Link,
        },
        action: action_tag(entry.action),
        verification: entry.verification.map(|id| *id.bytes()),
        media: entry.media.map(|id| *id.bytes()),
        details: entry.details.iter().map(|(name, value)| (Cow::Borrowed(name.as_ref()), detail(value))).collect(),
    };
    codec::encode(&[V1], &disk)
}

pub(crate) fn decode(id: AuditEntryId, bytes: &[u8]) -> Result<AuditEntry, Damaged> {
    let ([V1], body) = take::<1>(bytes)? else { return Err(Damaged) };
    let disk: EntryV1<'static> = codec::decode(body)?;
    let actor = match disk.actor {
        ActorV1::ApiKey(id) => Actor::ApiKey(ApiKeyId::from_bytes(id)),
        ActorV1::Person => Actor::Person,
        ActorV1::Operator => Actor::Operator,
        ActorV1::System => Actor::System,
        ActorV1::Link => Actor::Link,
    };
    let detail = |(name, value)| match value {
        DetailV1::Number(number) => (name, Detail::Number(number)),
        DetailV1::Text(text) => (name, Detail::Text(text.into_owned())),
    };
    Ok(AuditEntry {
        verification: disk.verification.map(VerificationId::from_bytes),
        media: disk.media.map(MediaId::from_bytes),
        details: disk.details.into_iter().map(detail).collect(),
        ..AuditEntry::new(id, actor, action_from(disk.action)?)
    })
}
