//! Reads: from records back to the model's values.

use std::sync::Arc;

use bytes::Bytes;
use sled::IVec;
use vetd_model::flow::{Flow, FlowDigest};
use vetd_model::provider::Provider;
use vetd_model::secret::SessionSecret;
use vetd_model::template::{Template, TemplateVersion};
use vetd_model::webhook::Endpoint;
use vetd_model::workspace::{ApiKey, KeyHash, RealmSettings, Workspace};
use vetd_model::{EndpointId, EventId, ProviderId, Realm, Session, SessionId, TemplateId, Timestamp, WorkspaceId};

use crate::api::{
    Answer, EventPage, Handle, IdempotencySlot, LiveSession, PositionedEvent, StoreError, Stored, StoredAnswer,
};
use crate::codec::Damaged;
use crate::disk::answer::{AnswerV1, owner_seal, place};
use crate::disk::session::SessionRecord;
use crate::disk::status::{LIVE, StatusEntry};
use crate::disk::{answer, event, flow, personal, provider, template, tenant, webhook};
use crate::keys;
use crate::shared::Shared;
use crate::slots::{Slot, WRAPPED};
use crate::table::{Direction, scan};
use crate::time_limits::{answer_days, answer_is_old};

/// Why a record could not be read: it is damaged itself, or something else is wrong.
pub(crate) enum Fault {
    Damaged,
    Store(StoreError),
}

impl From<Damaged> for Fault {
    fn from(_: Damaged) -> Self {
        Self::Damaged
    }
}

impl From<StoreError> for Fault {
    fn from(error: StoreError) -> Self {
        Self::Store(error)
    }
}

impl Shared {
    /// One session.
    pub(crate) fn session(&self, realm: Realm, id: SessionId) -> Result<Option<(Session, Handle)>, StoreError> {
        self.one(&keys::session(realm, id), |bytes| self.put_together(realm, id, bytes))
    }

    fn put_together(&self, realm: Realm, id: SessionId, bytes: &[u8]) -> Result<(Session, Handle), Fault> {
        let record = SessionRecord::decode(bytes)?;
        let (revision, slot) = (record.revision, record.slot);
        let flow = self.flow(record.flow())?;
        let personal = match (record.sealed(), slot) {
            (Some(sealed), Some(slot)) => Some(personal::open(realm, id, self.secret(realm, id, slot)?, sealed)?),
            (None, _) => None,
            (Some(_), None) => return Err(Fault::Damaged),
        };
        let session = record.into_session(realm, id, flow, personal)?;
        let entry = StatusEntry::of(&session);
        let by_document = session.indexed_document().is_some();
        Ok((session, Handle { revision, slot, entry, by_document }))
    }

    pub(crate) fn secret(&self, realm: Realm, id: SessionId, slot: u32) -> Result<SessionSecret, Fault> {
        let wrapped =
            self.slots.read(slot).map_err(|error| StoreError::Unavailable(format!("the key file: {error}")))?;
        match wrapped {
            Slot::Secret(wrapped) => {
                let wrapped: &[u8; WRAPPED] = &wrapped;
                Ok(self.keyring.unwrap(realm, id, wrapped)?)
            }
            Slot::Empty | Slot::Erased => Err(Fault::Damaged),
        }
    }

    fn flow(&self, digest: FlowDigest) -> Result<Arc<Flow>, Fault> {
        if let Some(flow) = self.flows.get(digest) {
            return Ok(flow);
        }
        let bytes = self.table.view()?.record(&keys::flow(digest))?.ok_or(Fault::Damaged)?;
        Ok(self.flows.keep(Arc::new(flow::decode(digest, &bytes)?)))
    }

    /// Sessions whose document was of this issuer and number, newest first.
    pub(crate) fn sessions_of_document(
        &self,
        realm: Realm,
        issuer: &str,
        number: &str,
        limit: usize,
    ) -> Result<Vec<SessionId>, StoreError> {
        let prefix = keys::by_documents(realm, self.keyring.document_hash(realm, issuer, number));
        let last = keys::last_under(&prefix);
        let found = self.table.view()?.range(&prefix, &last, Direction::Descending, limit)?;
        Ok(found.iter().filter_map(|(key, _)| keys::last_id(key)).map(SessionId::from_bytes).collect())
    }

    /// Names the record that a fault belongs to, and reports damage.
    pub(crate) fn blame(&self, key: &[u8], fault: Fault) -> StoreError {
        let error = match fault {
            Fault::Damaged => StoreError::Inconsistent { key: keys::in_words(key) },
            Fault::Store(error) => error,
        };
        if let StoreError::Inconsistent { key } = &error {
            self.report_damage(key);
        }
        error
    }

    /// The value, or nothing where its record is damaged, which is reported.
    pub(crate) fn or_left_out<T>(&self, read: Result<T, StoreError>) -> Result<Option<T>, StoreError> {
        match read {
            Ok(value) => Ok(Some(value)),
            Err(StoreError::Inconsistent { .. }) => Ok(None),
            Err(error) => Err(error),
        }
    }

    /// Reads every record under `prefix`; damaged ones are reported and left out.
    fn all<T>(&self, prefix: &[u8], read: impl Fn(&[u8], &[u8]) -> Result<T, Fault>) -> Result<Vec<T>, StoreError> {
        let mut keys = Vec::new();
        scan(&self.table, prefix, |key, _| keys.push(key.clone()))?;
        let mut values = Vec::with_capacity(keys.len());
        for key in keys {
            let value = self.one(&key, |bytes| read(&key, bytes));
            values.extend(self.or_left_out(value)?.flatten());
        }
        Ok(values)
    }

    /// Reads one record.
    fn one<T>(&self, key: &[u8], read: impl Fn(&[u8]) -> Result<T, Fault>) -> Result<Option<T>, StoreError> {
        let record = self.table.view()?.record(key).map_err(|error| self.blame(key, Fault::Store(error)))?;
        record.map(|record| read(&record)).transpose().map_err(|fault| self.blame(key, fault))
    }

    /// Every session that has not ended. The realms are those that the index names.
    pub(crate) fn live_sessions(&self, each: &mut dyn FnMut(LiveSession)) -> Result<(), StoreError> {
        self.count_live_sessions(each).map(|found| self.meters.count_live(found, false))
    }

    /// Returns how many there are of each of the codes [`LIVE`].
    pub(crate) fn count_live_sessions(
        &self,
        each: &mut dyn FnMut(LiveSession),
    ) -> Result<[i64; LIVE.len()], StoreError> {
        let mut found = [0; LIVE.len()];
        let mut from = IVec::from(&[keys::STATUS]);
        let last = keys::last_under(&from);
        loop {
            let next = self.table.view()?.range(&from, &last, Direction::Ascending, 1)?;
            let Some(realm) = next.first().and_then(|(key, _)| keys::realm_of(key)) else { return Ok(found) };
            for (code, found) in LIVE.into_iter().zip(&mut found) {
                scan(&self.table, &keys::statuses(realm, code), |key, value| {
                    match (keys::last_id(key), StatusEntry::live(value)) {
                        (Some(id), Ok((deadline, checking))) => {
                            *found += 1;
                            each(LiveSession { realm, id: SessionId::from_bytes(id), deadline, checking });
                        }
                        _ => self.report_damage(&keys::in_words(key)),
                    }
                })?;
            }
            from = keys::last_under(&[[keys::STATUS].as_slice(), &realm.bytes()].concat());
        }
    }

    /// The filed answer for a slot.
    pub(crate) fn answer(&self, slot: IdempotencySlot, now: Timestamp) -> Result<Option<StoredAnswer>, StoreError> {
        for day in answer_days(now).days().filter(|day| self.filed_days.has(*day)) {
            let key = keys::answer(day, slot);
            let Some(record) = self.table.view()?.record(&key)? else { continue };
            let accepted = answer::accepted_at(&record).map_err(|_| self.blame(&key, Fault::Damaged))?;
            if !answer_is_old(accepted, now) {
                return self.open_answer(slot, &record).map(Some).map_err(|fault| self.blame(&key, fault));
            }
        }
        Ok(None)
    }

    fn open_answer(&self, slot: IdempotencySlot, record: &[u8]) -> Result<StoredAnswer, Fault> {
        let record = answer::decode(record)?;
        let answer = match record.answer {
            AnswerV1::SessionCreated { session, expires_at, public_url } => Answer::SessionCreated {
                session: SessionId::from_bytes(session),
                expires_at: Timestamp::from_millis(expires_at),
                public_url,
            },
            AnswerV1::Body { status, owner: None, sealed } => {
                let body = self.keyring.answer_seal().open(&sealed.0, &place(slot, None))?;
                Answer::Body { status, body: Bytes::copy_from_slice(&body) }
            }
            AnswerV1::Body { status, owner: Some((realm, id)), sealed } => {
                let (realm, id) = (Realm::from_bytes(realm).ok_or(Damaged)?, SessionId::from_bytes(id));
                let owner = self.table.view()?.record(&keys::session(realm, id))?.ok_or(Damaged)?;
                let owner = SessionRecord::decode(&owner)?;
                let slot_of_secret = owner.slot.ok_or(Damaged)?;
                if owner.sealed().is_none() {
                    let answer = Answer::Redacted { status, session: id };
                    return Ok(StoredAnswer { fingerprint: record.fingerprint, answer });
                }
                let seal = owner_seal(&self.secret(realm, id, slot_of_secret)?);
                let body = seal.open(&sealed.0, &place(slot, Some((realm, id))))?;
                Answer::Body { status, body: Bytes::copy_from_slice(&body) }
            }
        };
        Ok(StoredAnswer { fingerprint: record.fingerprint, answer })
    }

    /// Events of a realm in commit order.
    pub(crate) fn events(&self, realm: Realm, after: u64, limit: usize) -> Result<EventPage, StoreError> {
        // Asked before the entries are: what becomes durable meanwhile is for the next page.
        let durable = *self.durable.borrow();
        let Some(first) = after.checked_add(1) else { return Ok(EventPage { events: Vec::new(), read_to: after }) };
        let (first, last) = (keys::event(realm, first), keys::event(realm, durable));
        let entries = self.table.view()?.range(&first, &last, Direction::Ascending, limit)?;
        let is_full = entries.len() == limit;
        let last_entry = entries.last().and_then(|(key, _)| keys::last_number(key)).unwrap_or(after);
        let read_to = if is_full { last_entry } else { durable.max(after) };
        let mut events = Vec::with_capacity(entries.len());
        for (key, value) in entries {
            let event = event::decode(realm, &value).map_err(|damaged| self.blame(&key, damaged.into()));
            if let (Some(event), Some(position)) = (self.or_left_out(event)?, keys::last_number(&key)) {
                events.push(PositionedEvent { position, event });
            }
        }
        Ok(EventPage { events, read_to })
    }

    /// One event.
    pub(crate) fn event(&self, realm: Realm, id: EventId) -> Result<Option<PositionedEvent>, StoreError> {
        let index = keys::event_id(realm, id);
        let Some(position) = self.table.view()?.get(&index)? else { return Ok(None) };
        let position = keys::last_number(&position).ok_or_else(|| self.blame(&index, Fault::Damaged))?;
        let key = keys::event(realm, position);
        let Some(value) = self.table.view()?.get(&key)? else { return Ok(None) };
        let event = event::decode(realm, &value).map_err(|damaged| self.blame(&key, damaged.into()))?;
        Ok(Some(PositionedEvent { position, event }))
    }

    /// A template.
    pub(crate) fn template(&self, realm: Realm, id: TemplateId) -> Result<Option<Stored<Template>>, StoreError> {
        self.one(&keys::template(realm, id), |bytes| {
            let (value, revision) = template::decode(realm, id, bytes, |digest| self.flow(digest))?;
            Ok(Stored { value, revision })
        })
    }

    /// The template that has a slug.
    pub(crate) fn template_by_slug(&self, realm: Realm, slug: &str) -> Result<Option<TemplateId>, StoreError> {
        let value = self.table.view()?.get(&keys::slug(realm, slug))?;
        Ok(value.and_then(|value| keys::last_id(&value)).map(TemplateId::from_bytes))
    }

    /// The identifiers of all templates, newest first; no record is read.
    pub(crate) fn template_ids(&self, realm: Realm) -> Result<Vec<TemplateId>, StoreError> {
        let mut ids = Vec::new();
        scan(&self.table, &keys::templates(realm), |key, _| {
            ids.extend(keys::last_id(key).map(TemplateId::from_bytes));
        })?;
        ids.reverse();
        Ok(ids)
    }

    /// A frozen version.
    pub(crate) fn template_version(
        &self,
        realm: Realm,
        id: TemplateId,
        number: u32,
    ) -> Result<Option<TemplateVersion>, StoreError> {
        let key = keys::version(realm, id, number);
        let Some(bytes) = self.table.view()?.get(&key)? else { return Ok(None) };
        let version = template::decode_version(id, number, &bytes, |digest| self.flow(digest));
        version.map(Some).map_err(|fault| self.blame(&key, fault))
    }

    /// The settings of a realm.
    pub(crate) fn settings(&self, realm: Realm) -> Result<Stored<RealmSettings>, StoreError> {
        let read = self.one(&keys::settings(realm), |bytes| Ok(tenant::decode_settings(bytes)?))?;
        Ok(read.unwrap_or_else(|| Stored { value: RealmSettings::default(), revision: 0 }))
    }

    /// All workspaces.
    pub(crate) fn workspaces(&self) -> Result<Vec<Stored<Workspace>>, StoreError> {
        self.all(&[keys::WORKSPACE], |key, bytes| {
            let number = key.last_chunk::<4>().ok_or(Damaged)?;
            Ok(tenant::decode_workspace(WorkspaceId(u32::from_be_bytes(*number)), bytes)?)
        })
    }

    /// All API keys.
    pub(crate) fn api_keys(&self) -> Result<Vec<Stored<ApiKey>>, StoreError> {
        self.all(&[keys::API_KEY], |key, bytes| {
            let hash = key.last_chunk::<32>().ok_or(Damaged)?;
            Ok(tenant::decode_api_key(KeyHash(*hash), bytes)?)
        })
    }

    /// When API keys were last used.
    pub(crate) fn key_uses(&self) -> Result<Vec<(KeyHash, Timestamp)>, StoreError> {
        let mut entries = Vec::new();
        scan(&self.table, &[keys::KEY_USE], |key, value| entries.push((key.clone(), value.to_vec())))?;
        let mut uses = Vec::with_capacity(entries.len());
        for (key, value) in entries {
            let hash = key.last_chunk::<32>().copied().map(KeyHash).ok_or(Damaged);
            let read = hash.and_then(|hash| Ok((hash, tenant::decode_key_use(&value)?)));
            uses.extend(self.or_left_out(read.map_err(|damaged| self.blame(&key, damaged.into())))?);
        }
        Ok(uses)
    }

    /// The endpoints of a realm, or of all, newest first within a realm.
    pub(crate) fn endpoints(&self, realm: Option<Realm>) -> Result<Vec<Stored<Endpoint>>, StoreError> {
        let prefix = realm.map_or_else(|| IVec::from(&[keys::ENDPOINT]), keys::endpoints);
        let mut endpoints = self.all(&prefix, |key, bytes| {
            let realm = keys::realm_of(key).ok_or(Damaged)?;
            let id = EndpointId::from_bytes(keys::last_id(key).ok_or(Damaged)?);
            Ok(webhook::decode_endpoint(realm, id, bytes, self.keyring.endpoint_seal())?)
        })?;
        endpoints.reverse();
        Ok(endpoints)
    }

    /// One endpoint.
    pub(crate) fn endpoint(&self, realm: Realm, id: EndpointId) -> Result<Option<Stored<Endpoint>>, StoreError> {
        self.one(&keys::endpoint(realm, id), |bytes| {
            Ok(webhook::decode_endpoint(realm, id, bytes, self.keyring.endpoint_seal())?)
        })
    }

    /// The providers of a realm, newest first.
    pub(crate) fn providers(&self, realm: Realm) -> Result<Vec<Stored<Provider>>, StoreError> {
        let mut providers = self.all(&keys::providers(realm), |key, bytes| {
            let id = ProviderId::from_bytes(keys::last_id(key).ok_or(Damaged)?);
            Ok(provider::decode(realm, id, bytes, self.keyring.endpoint_seal())?)
        })?;
        providers.reverse();
        Ok(providers)
    }
}
