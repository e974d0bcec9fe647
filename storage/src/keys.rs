//! The key layout: one tree, a letter in front for the kind of record. In every key of a tenant
//! the realm comes next, so that no look-up of one can meet another's.
//!
//! | letter | rest of the key | value |
//! | --- | --- | --- |
//! | `s` | realm, session | the session |
//! | `x` | realm, status code, session | deadline and whether checks run, while live |
//! | `t` | realm, template, session | nothing |
//! | `m` | realm, keyed hash of a metadata entry, session | nothing |
//! | `b` | realm, keyed hash of a document's issuer and number, session | nothing |
//! | `e` | realm, position | an event |
//! | `i` | realm, event | its position |
//! | `f` | digest | a flow |
//! | `p` | realm, template | a template |
//! | `g` | realm, slug | the template's identifier |
//! | `v` | realm, template, number | a frozen version |
//! | `o` | realm | settings |
//! | `n` | workspace number | a workspace |
//! | `a` | hash of an API key | the API key |
//! | `u` | hash of an API key | when the API key was last used |
//! | `w` | realm, endpoint | an endpoint |
//! | `j` | realm, provider | a provider of checks |
//! | `c` | endpoint | its cursor |
//! | `d` | endpoint, position | a delivery that is pending, once it is on record |
//! | `y` | endpoint, position | a delivery that is settled |
//! | `h` | endpoint, position, number | a failed attempt |
//! | `k` | day, slot | an idempotency record |
//! | `z` | slot | when the secret in the slot of the key file was ordered to be erased |
//! | `l` | realm, entry | an entry of the audit log |
//! | `!` | a name | what the store knows of itself |
//! | `+` | another key, number | the continuation of a long record |
//!
//! Identifiers are UUIDv7 and numbers are big-endian, so keys sort by time of birth.

use sled::IVec;
use vetd_model::flow::FlowDigest;
use vetd_model::workspace::KeyHash;
use vetd_model::{AuditEntryId, EndpointId, EventId, ProviderId, Realm, SessionId, TemplateId, WorkspaceId};

use crate::api::IdempotencySlot;

/// A key's bytes. Most keys are short enough for sled to hold without an allocation.
pub(crate) type Key = IVec;

pub(crate) const SESSION: u8 = b's';
pub(crate) const STATUS: u8 = b'x';
pub(crate) const BY_TEMPLATE: u8 = b't';
pub(crate) const BY_METADATA: u8 = b'm';
pub(crate) const BY_DOCUMENT: u8 = b'b';
pub(crate) const EVENT: u8 = b'e';
pub(crate) const EVENT_ID: u8 = b'i';
pub(crate) const FLOW: u8 = b'f';
pub(crate) const TEMPLATE: u8 = b'p';
pub(crate) const SLUG: u8 = b'g';
pub(crate) const VERSION: u8 = b'v';
pub(crate) const SETTINGS: u8 = b'o';
pub(crate) const WORKSPACE: u8 = b'n';
pub(crate) const API_KEY: u8 = b'a';
pub(crate) const KEY_USE: u8 = b'u';
pub(crate) const ENDPOINT: u8 = b'w';
pub(crate) const PROVIDER: u8 = b'j';
pub(crate) const CURSOR: u8 = b'c';
pub(crate) const DELIVERY: u8 = b'd';
pub(crate) const SETTLED: u8 = b'y';
pub(crate) const ATTEMPT: u8 = b'h';
pub(crate) const ANSWER: u8 = b'k';
pub(crate) const ERASURE: u8 = b'z';
pub(crate) const AUDIT_LOG: u8 = b'l';
pub(crate) const CONTINUATION: u8 = b'+';

/// The store's schema version, a `u32`.
pub(crate) const META_SCHEMA: &[u8] = b"!schema";
/// The last position given to an event, a `u64`.
pub(crate) const META_POSITION: &[u8] = b"!position";
/// The first slot of the key file that the last commit of a secret left unused, a `u32`. A key
/// file that ends before it is older than the store.
pub(crate) const META_SLOTS: &[u8] = b"!slots";
/// Events that were written before this time, in milliseconds as a `u64`, may have been swept; any
/// other gap in a session's events is damage.
pub(crate) const META_SWEPT: &[u8] = b"!swept";
/// Proves that the master key is the store's.
pub(crate) const META_KEY_CHECK: &[u8] = b"!key check";

fn key(letter: u8, parts: &[&[u8]]) -> Key {
    let mut key = Vec::with_capacity(1 + parts.iter().map(|part| part.len()).sum::<usize>());
    key.push(letter);
    parts.iter().for_each(|part| key.extend_from_slice(part));
    IVec::from(key)
}

pub(crate) fn session(realm: Realm, id: SessionId) -> Key {
    key(SESSION, &[&realm.bytes(), id.bytes()])
}

pub(crate) fn sessions(realm: Realm) -> Key {
    key(SESSION, &[&realm.bytes()])
}

pub(crate) fn status(realm: Realm, code: u8, id: SessionId) -> Key {
    key(STATUS, &[&realm.bytes(), &[code], id.bytes()])
}

pub(crate) fn statuses(realm: Realm, code: u8) -> Key {
    key(STATUS, &[&realm.bytes(), &[code]])
}

pub(crate) fn by_template(realm: Realm, template: TemplateId, id: SessionId) -> Key {
    key(BY_TEMPLATE, &[&realm.bytes(), template.bytes(), id.bytes()])
}

pub(crate) fn by_templates(realm: Realm, template: TemplateId) -> Key {
    key(BY_TEMPLATE, &[&realm.bytes(), template.bytes()])
}

pub(crate) fn by_metadata(realm: Realm, hash: [u8; 8], id: SessionId) -> Key {
    key(BY_METADATA, &[&realm.bytes(), &hash, id.bytes()])
}

pub(crate) fn by_metadatas(realm: Realm, hash: [u8; 8]) -> Key {
    key(BY_METADATA, &[&realm.bytes(), &hash])
}

pub(crate) fn by_document(realm: Realm, hash: [u8; 16], id: SessionId) -> Key {
    key(BY_DOCUMENT, &[&realm.bytes(), &hash, id.bytes()])
}

pub(crate) fn by_documents(realm: Realm, hash: [u8; 16]) -> Key {
    key(BY_DOCUMENT, &[&realm.bytes(), &hash])
}

pub(crate) fn erasure(slot: u32) -> Key {
    key(ERASURE, &[&slot.to_be_bytes()])
}

/// The slot that an erasure names.
pub(crate) fn erased_slot(key: &[u8]) -> Option<u32> {
    let [ERASURE, a, b, c, d] = *key else { return None };
    Some(u32::from_be_bytes([a, b, c, d]))
}

pub(crate) fn event(realm: Realm, position: u64) -> Key {
    key(EVENT, &[&realm.bytes(), &position.to_be_bytes()])
}

pub(crate) fn event_id(realm: Realm, id: EventId) -> Key {
    key(EVENT_ID, &[&realm.bytes(), id.bytes()])
}

pub(crate) fn flow(digest: FlowDigest) -> Key {
    key(FLOW, &[&digest.0])
}

pub(crate) fn template(realm: Realm, id: TemplateId) -> Key {
    key(TEMPLATE, &[&realm.bytes(), id.bytes()])
}

pub(crate) fn templates(realm: Realm) -> Key {
    key(TEMPLATE, &[&realm.bytes()])
}

pub(crate) fn slug(realm: Realm, slug: &str) -> Key {
    key(SLUG, &[&realm.bytes(), slug.as_bytes()])
}

pub(crate) fn version(realm: Realm, id: TemplateId, number: u32) -> Key {
    key(VERSION, &[&realm.bytes(), id.bytes(), &number.to_be_bytes()])
}

pub(crate) fn settings(realm: Realm) -> Key {
    key(SETTINGS, &[&realm.bytes()])
}

pub(crate) fn workspace(id: WorkspaceId) -> Key {
    key(WORKSPACE, &[&id.0.to_be_bytes()])
}

pub(crate) fn api_key(hash: KeyHash) -> Key {
    key(API_KEY, &[&hash.0])
}

pub(crate) fn key_use(hash: KeyHash) -> Key {
    key(KEY_USE, &[&hash.0])
}

pub(crate) fn endpoint(realm: Realm, id: EndpointId) -> Key {
    key(ENDPOINT, &[&realm.bytes(), id.bytes()])
}

pub(crate) fn endpoints(realm: Realm) -> Key {
    key(ENDPOINT, &[&realm.bytes()])
}

pub(crate) fn provider(realm: Realm, id: ProviderId) -> Key {
    key(PROVIDER, &[&realm.bytes(), id.bytes()])
}

pub(crate) fn providers(realm: Realm) -> Key {
    key(PROVIDER, &[&realm.bytes()])
}

pub(crate) fn cursor(id: EndpointId) -> Key {
    key(CURSOR, &[id.bytes()])
}

/// Where a delivery is on record: `letter` is [`DELIVERY`] or [`SETTLED`].
pub(crate) fn delivery(letter: u8, id: EndpointId, position: u64) -> Key {
    key(letter, &[id.bytes(), &position.to_be_bytes()])
}

/// What stands under one of the letters of deliveries and attempts for an endpoint.
pub(crate) fn of_endpoint(letter: u8, id: EndpointId) -> Key {
    key(letter, &[id.bytes()])
}

pub(crate) fn attempt(id: EndpointId, position: u64, number: u32) -> Key {
    key(ATTEMPT, &[id.bytes(), &position.to_be_bytes(), &number.to_be_bytes()])
}

pub(crate) fn answer(day: u16, slot: IdempotencySlot) -> Key {
    key(ANSWER, &[&day.to_be_bytes(), &slot.0])
}

/// The day in the key of an answer.
pub(crate) fn answer_day(key: &[u8]) -> Option<u16> {
    let [ANSWER, a, b, ..] = *key else { return None };
    Some(u16::from_be_bytes([a, b]))
}

pub(crate) fn answers(day: u16) -> Key {
    key(ANSWER, &[&day.to_be_bytes()])
}

pub(crate) fn audit_entry(realm: Realm, id: AuditEntryId) -> Key {
    key(AUDIT_LOG, &[&realm.bytes(), id.bytes()])
}

pub(crate) fn audit_log(realm: Realm) -> Key {
    key(AUDIT_LOG, &[&realm.bytes()])
}

/// Where the `number`th continuation (from 1) of a long record stands.
pub(crate) fn continuation(of: &[u8], number: u8) -> Key {
    key(CONTINUATION, &[of, &[number]])
}

/// The last key that can follow `prefix`: no key is longer than its prefix and 80 bytes.
pub(crate) fn last_under(prefix: &[u8]) -> Key {
    key(prefix[0], &[&prefix[1..], &[0xff; 80]])
}

/// The realm behind the letter.
pub(crate) fn realm_of(key: &[u8]) -> Option<Realm> {
    Realm::from_bytes(key.get(1..6)?.try_into().ok()?)
}

/// The last 16 bytes: in session keys and their indexes the session's identifier.
pub(crate) fn last_id(key: &[u8]) -> Option<[u8; 16]> {
    key.last_chunk::<16>().copied()
}

/// The last 8 bytes as a number: in event and delivery keys the position.
pub(crate) fn last_number(key: &[u8]) -> Option<u64> {
    key.last_chunk::<8>().map(|bytes| u64::from_be_bytes(*bytes))
}

/// A key in words for an operator: the letter's kind, then hexadecimal. Holds nothing personal:
/// keys are made of numbers, identifiers and hashes (and slugs).
pub(crate) fn in_words(key: &[u8]) -> String {
    let kind = match key.first() {
        Some(&SESSION) => "session",
        Some(&STATUS) => "status index",
        Some(&BY_TEMPLATE) => "template index",
        Some(&BY_METADATA) => "metadata index",
        Some(&BY_DOCUMENT) => "document index",
        Some(&ERASURE) => "erasure",
        Some(&EVENT) => "event",
        Some(&EVENT_ID) => "event index",
        Some(&FLOW) => "flow",
        Some(&TEMPLATE) => "template",
        Some(&SLUG) => "slug",
        Some(&VERSION) => "template version",
        Some(&SETTINGS) => "settings",
        Some(&WORKSPACE) => "workspace",
        Some(&API_KEY) => "api key",
        Some(&KEY_USE) => "last use of an api key",
        Some(&ENDPOINT) => "webhook endpoint",
        Some(&PROVIDER) => "provider",
        Some(&CURSOR) => "webhook cursor",
        Some(&DELIVERY | &SETTLED) => "delivery",
        Some(&ATTEMPT) => "attempt of a delivery",
        Some(&ANSWER) => "idempotency record",
        Some(&AUDIT_LOG) => "audit log entry",
        _ => "record",
    };
    let rest: String = key.iter().skip(1).map(|byte| format!("{byte:02x}")).collect();
    if let (Some(&SESSION), Some(id)) = (key.first(), last_id(key)) {
        return format!("{kind} {}", SessionId::from_bytes(id));
    }
    format!("{kind} {rest}")
}
