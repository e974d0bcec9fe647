//! The audit: walks a whole store and says, in sentences, what does not hold.

use std::collections::{HashMap, HashSet};

use vetd_model::event::{Chain, Event, EventKind, data_hash, salt};
use vetd_model::notice::Logged;
use vetd_model::{EndpointId, Realm, Session, SessionId, Status, TemplateId, Timestamp};

use crate::api::StoreError;
use crate::audit_log;
use crate::disk::answer::{self, AnswerV1};
use crate::disk::status::StatusEntry;
use crate::disk::{delivery, event};
use crate::keys::{self, Key};
use crate::shared::Shared;
use crate::slots::Slot;
use crate::store::SledStore;
use crate::table::scan;
use crate::writer::sled_folder;

/// What an audit found.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct AuditReport {
    /// How many sessions there are, damaged ones too.
    pub sessions: usize,
    /// How many events.
    pub events: usize,
    /// How many idempotency records.
    pub answers: usize,
    /// What does not hold, a sentence each; empty for a sound store.
    pub violations: Vec<String>,
}

impl AuditReport {
    /// True if everything holds.
    #[must_use]
    pub const fn is_sound(&self) -> bool {
        self.violations.is_empty()
    }
}

/// Checks that every record decodes, that each session's events are its whole chain, less what was
/// swept of its beginning, and that records and indexes agree both ways. Reads everything once or twice; the store should not be
/// written meanwhile, or moves under way are reported.
#[must_use]
pub fn audit(store: &SledStore) -> AuditReport {
    let (sessions, report) = (HashMap::new(), AuditReport::default());
    let mut audit = Audit { shared: &store.shared, sessions, swept: Timestamp::default(), report };
    if let Err(error) = audit.run() {
        audit.blame(format!("The store could not be read to its end: {error}."));
    }
    audit.report
}

/// What must be known of a session while its events and index entries are walked.
struct Facts {
    chain: Chain,
    entry: StatusEntry,
    template: TemplateId,
    /// The keys of the index entries that the person's data has.
    personal: Vec<Key>,
    /// When the first event was written.
    born: Timestamp,
    /// When the last event was written, if the session has ended.
    ended: Option<Timestamp>,
    /// The chain as its events tell it.
    told: Chain,
    /// How many of its events tell that it expired.
    expired: usize,
}

struct Audit<'a> {
    shared: &'a Shared,
    sessions: HashMap<(Realm, SessionId), Facts>,
    /// Events that were written before this may have been swept.
    swept: Timestamp,
    report: AuditReport,
}

impl Audit<'_> {
    fn run(&mut self) -> Result<(), StoreError> {
        let swept = self.shared.table.view()?.get(keys::META_SWEPT)?;
        self.swept = swept.and_then(|value| keys::last_number(&value)).map(Timestamp::from_millis).unwrap_or_default();
        self.sessions()?;
        self.events()?;
        self.chains();
        self.event_index()?;
        self.status_index()?;
        self.constant_indexes()?;
        self.answers()?;
        self.templates()?;
        self.endpoints()?;
        self.deliveries()?;
        self.audit_log()?;
        self.continuations()?;
        self.erasures()?;
        self.stray_files();
        Ok(())
    }

    fn blame(&mut self, sentence: String) {
        self.report.violations.push(sentence);
    }

    fn entries(&self, letter: u8) -> Result<Vec<(Key, Vec<u8>)>, StoreError> {
        let mut entries = Vec::new();
        scan(&self.shared.table, &[letter], |key, value| entries.push((key.clone(), value.to_vec())))?;
        Ok(entries)
    }

    fn holds(&self, key: &[u8]) -> Result<bool, StoreError> {
        Ok(self.shared.table.view()?.get(key)?.is_some())
    }

    fn sessions(&mut self) -> Result<(), StoreError> {
        let mut slots: HashMap<u32, SessionId> = HashMap::new();
        for (key, _) in self.entries(keys::SESSION)? {
            self.report.sessions += 1;
            let Some((realm, id)) = session_of(&key) else {
                self.blame(format!("The key of {} is not a session's.", keys::in_words(&key)));
                continue;
            };
            let (session, handle) = match self.shared.session(realm, id) {
                Ok(Some(found)) => found,
                Ok(None) => continue,
                Err(StoreError::Inconsistent { key }) => {
                    self.blame(format!("The record {key} does not decode."));
                    continue;
                }
                Err(error) => return Err(error),
            };
            if let Some(other) = handle.slot.and_then(|slot| slots.insert(slot, id)) {
                self.blame(format!("The sessions {other} and {id} share a slot of the key file."));
            }
            let facts = self.facts(&session);
            self.indexes_of(&session, &facts)?;
            self.sessions.insert((realm, id), facts);
        }
        Ok(())
    }

    fn facts(&self, session: &Session) -> Facts {
        let (realm, id) = (session.realm, session.id);
        let metadata = session.personal.as_ref().map(|personal| &personal.metadata);
        let keyring = &self.shared.keyring;
        let hashed =
            |(name, value): (&String, &String)| keys::by_metadata(realm, keyring.metadata_hash(realm, name, value), id);
        let document = session
            .indexed_document()
            .map(|(issuer, number)| keys::by_document(realm, keyring.document_hash(realm, issuer, number), id));
        Facts {
            chain: session.chain,
            entry: StatusEntry::of(session),
            template: session.template.id,
            personal: metadata.into_iter().flatten().map(hashed).chain(document).collect(),
            born: session.created,
            ended: session.status().is_terminal().then_some(session.updated),
            told: Chain::default(),
            expired: 0,
        }
    }

    /// Every index entry that the session must have.
    fn indexes_of(&mut self, session: &Session, facts: &Facts) -> Result<(), StoreError> {
        let (realm, id) = (session.realm, session.id);
        let status = self.shared.table.view()?.get(&keys::status(realm, facts.entry.code, id))?;
        if status.is_none_or(|value| value != facts.entry.value()) {
            self.blame(format!("The session {id} has no entry in the status index that says what its record says."));
        }
        if !self.holds(&keys::by_template(realm, facts.template, id))? {
            self.blame(format!("The session {id} has no entry in the template index."));
        }
        for key in &facts.personal {
            if !self.holds(key)? {
                self.blame(format!("The session {id} lacks an entry in the index of metadata or documents."));
            }
        }
        Ok(())
    }

    fn events(&mut self) -> Result<(), StoreError> {
        let durable = *self.shared.durable.borrow();
        for (key, value) in self.entries(keys::EVENT)? {
            self.report.events += 1;
            let place = keys::in_words(&key);
            let (Some(realm), Some(position)) = (keys::realm_of(&key), keys::last_number(&key)) else {
                self.blame(format!("The key of {place} is not an event's."));
                continue;
            };
            let Ok(event) = event::decode(realm, &value) else {
                self.blame(format!("The record {place} does not decode."));
                continue;
            };
            if position > durable {
                self.blame(format!("The event {} stands beyond the last position {durable}.", event.id()));
            }
            let index = self.shared.table.view()?.get(&keys::event_id(realm, event.id()))?;
            if index.and_then(|value| keys::last_number(&value)) != Some(position) {
                self.blame(format!("The event {} is not found by its identifier.", event.id()));
            }
            if let Logged::Session(event) = event {
                self.event(&event)?;
            }
        }
        Ok(())
    }

    /// An event as the next link of its session's chain.
    fn event(&mut self, event: &Event) -> Result<(), StoreError> {
        let Some(facts) = self.sessions.get_mut(&(event.realm, event.session)) else {
            self.blame(format!("The event {} tells of the session {}, which is not there.", event.id, event.session));
            return Ok(());
        };
        let begins_later = facts.told.sequence == 0 && event.sequence > 1 && facts.born < self.swept;
        let expected = match begins_later {
            true => Chain { sequence: event.sequence, hash: event.prev_hash },
            false => Chain { sequence: facts.told.sequence + 1, hash: facts.told.hash },
        };
        facts.told = Chain { sequence: event.sequence, hash: event.hash() };
        facts.expired += usize::from(event.kind == EventKind::Expired);
        let (id, session) = (event.id, event.session);
        if event.sequence != expected.sequence {
            let (is, should) = (event.sequence, expected.sequence);
            self.blame(format!("The event {id} of the session {session} has sequence {is}, where {should} follows."));
        }
        if event.prev_hash != expected.hash {
            self.blame(format!("The event {id} of the session {session} does not continue the chain of hashes."));
        }
        if (event.sequence == 1) != (event.kind == EventKind::Created) {
            self.blame(format!("The event {id} of the session {session} has a type that its sequence cannot have."));
        }
        if let Ok(Some((session, _))) = self.shared.session(event.realm, event.session)
            && session.personal.is_some()
            && event.data_hash != rehashed(event, &session)
        {
            self.blame(format!("The event {id} of the session {} has another data_hash than its data.", session.id));
        }
        Ok(())
    }

    /// What only the whole chain shows.
    fn chains(&mut self) {
        let mut sentences = Vec::new();
        for ((_, id), facts) in &self.sessions {
            if facts.told.sequence == 0 && facts.ended.unwrap_or(facts.born) < self.swept {
                continue;
            }
            if facts.told.sequence == 0 {
                sentences.push(format!("The session {id} has no verification.created event."));
            } else if facts.told != facts.chain {
                sentences.push(format!("The events of the session {id} do not end where its record says."));
            }
            let is_expired = StatusEntry::is(facts.entry.code, Status::Expired);
            if facts.expired != usize::from(is_expired) {
                let count = facts.expired;
                sentences
                    .push(format!("The session {id} has {count} verification.expired events, against its status."));
            }
        }
        sentences.sort_unstable();
        self.report.violations.extend(sentences);
    }

    fn event_index(&mut self) -> Result<(), StoreError> {
        for (key, value) in self.entries(keys::EVENT_ID)? {
            let place = keys::in_words(&key);
            let (Some(realm), Some(position)) = (keys::realm_of(&key), keys::last_number(&value)) else {
                self.blame(format!("The record {place} does not decode."));
                continue;
            };
            let event = self.shared.table.view()?.get(&keys::event(realm, position))?;
            let id = event.and_then(|value| event::decode(realm, &value).ok()).map(|event| *event.id().bytes());
            if id.is_none() || id != keys::last_id(&key) {
                self.blame(format!("The {place} leads to position {position}, where that event is not."));
            }
        }
        Ok(())
    }

    fn status_index(&mut self) -> Result<(), StoreError> {
        for (key, _) in self.entries(keys::STATUS)? {
            let facts = session_of(&key).and_then(|of| self.sessions.get(&of));
            if facts.map(|facts| facts.entry.code) != key.get(6).copied() {
                self.blame(format!("The {} has no session with that status.", keys::in_words(&key)));
            }
        }
        Ok(())
    }

    fn constant_indexes(&mut self) -> Result<(), StoreError> {
        for (key, _) in self.entries(keys::BY_TEMPLATE)? {
            let facts = session_of(&key).and_then(|of| self.sessions.get(&of));
            let template = facts.map(|facts| facts.template.bytes().as_slice());
            if template.is_none() || template != key.get(6..22) {
                self.blame(format!("The {} has no session of that template.", keys::in_words(&key)));
            }
        }
        let mut personal = self.entries(keys::BY_METADATA)?;
        personal.extend(self.entries(keys::BY_DOCUMENT)?);
        for (key, _) in personal {
            let facts = session_of(&key).and_then(|of| self.sessions.get(&of));
            if !facts.is_some_and(|facts| facts.personal.contains(&key)) {
                self.blame(format!("The {} has no session that holds what it stands for.", keys::in_words(&key)));
            }
        }
        Ok(())
    }

    fn answers(&mut self) -> Result<(), StoreError> {
        let sessions: HashSet<SessionId> = self.sessions.keys().map(|(_, id)| *id).collect();
        for (key, _) in self.entries(keys::ANSWER)? {
            self.report.answers += 1;
            let place = keys::in_words(&key);
            let record = match self.shared.table.view()?.record(&key) {
                Ok(record) => record.and_then(|bytes| answer::decode(&bytes).ok()),
                Err(StoreError::Inconsistent { .. }) => None,
                Err(error) => return Err(error),
            };
            let session = match record.map(|record| record.answer) {
                None => {
                    self.blame(format!("The record {place} does not decode."));
                    continue;
                }
                Some(AnswerV1::SessionCreated { session, .. } | AnswerV1::Body { owner: Some((_, session)), .. }) => {
                    SessionId::from_bytes(session)
                }
                Some(AnswerV1::Body { owner: None, .. }) => continue,
            };
            if !sessions.contains(&session) {
                self.blame(format!("The {place} answers for the session {session}, which is not there."));
            }
        }
        Ok(())
    }

    fn templates(&mut self) -> Result<(), StoreError> {
        for (key, _) in self.entries(keys::TEMPLATE)? {
            let (Some(realm), Some(id)) = (keys::realm_of(&key), keys::last_id(&key)) else { continue };
            let id = TemplateId::from_bytes(id);
            match self.shared.template(realm, id) {
                Ok(Some(template)) if self.shared.template_by_slug(realm, &template.value.slug)? == Some(id) => {}
                Ok(_) => self.blame(format!("The template {id} is not found by its slug.")),
                Err(StoreError::Inconsistent { key }) => self.blame(format!("The record {key} does not decode.")),
                Err(error) => return Err(error),
            }
        }
        for (key, value) in self.entries(keys::SLUG)? {
            let (Some(realm), Some(id)) = (keys::realm_of(&key), keys::last_id(&value)) else { continue };
            let template = self.shared.template(realm, TemplateId::from_bytes(id)).ok().flatten();
            if template.is_none_or(|template| Some(template.value.slug.as_bytes()) != key.get(6..)) {
                self.blame(format!("The {} has no template.", keys::in_words(&key)));
            }
        }
        Ok(())
    }

    fn endpoints(&mut self) -> Result<(), StoreError> {
        let mut known = Vec::new();
        for (key, _) in self.entries(keys::ENDPOINT)? {
            let Some(id) = keys::last_id(&key).map(EndpointId::from_bytes) else { continue };
            if !self.holds(&keys::cursor(id))? {
                self.blame(format!("The webhook endpoint {id} has no cursor."));
            }
            known.push(id);
        }
        for (key, _) in self.entries(keys::CURSOR)? {
            if keys::last_id(&key).is_none_or(|id| !known.contains(&EndpointId::from_bytes(id))) {
                self.blame(format!("The {} has no endpoint.", keys::in_words(&key)));
            }
        }
        Ok(())
    }

    /// Deliveries and attempts decode, and each delivery stands in one place.
    fn deliveries(&mut self) -> Result<(), StoreError> {
        let durable = *self.shared.durable.borrow();
        for letter in [keys::DELIVERY, keys::SETTLED, keys::ATTEMPT] {
            for (key, value) in self.entries(letter)? {
                let place = keys::in_words(&key);
                let endpoint = key.get(1..17).and_then(|id| id.try_into().ok()).map(EndpointId::from_bytes);
                let position = key.get(17..25).and_then(|bytes| bytes.try_into().ok()).map(u64::from_be_bytes);
                let (Some(endpoint), Some(position)) = (endpoint, position) else {
                    self.blame(format!("The key of {place} is not a delivery's."));
                    continue;
                };
                let is_right = match letter {
                    keys::ATTEMPT => delivery::decode_attempt(&value).is_ok(),
                    // An earlier release kept exhausted ones with those that are pending.
                    _ => delivery::decode(endpoint, position, &value)
                        .is_ok_and(|delivery| letter == keys::DELIVERY || delivery.is_settled()),
                };
                if !is_right {
                    self.blame(format!("The record {place} does not decode to what belongs there."));
                }
                if position > durable {
                    self.blame(format!("The {place} is of an event beyond the last position {durable}."));
                }
                if letter == keys::DELIVERY && self.holds(&keys::delivery(keys::SETTLED, endpoint, position))? {
                    self.blame(format!("The {place} is both pending and settled."));
                }
            }
        }
        Ok(())
    }

    /// What was ordered to be erased is gone from the key file.
    fn erasures(&mut self) -> Result<(), StoreError> {
        for (key, _) in self.entries(keys::ERASURE)? {
            let slot = keys::erased_slot(&key).map(|slot| self.shared.slots.read(slot));
            if !matches!(slot, Some(Ok(Slot::Erased))) {
                self.blame(format!("The {} was not carried out.", keys::in_words(&key)));
            }
        }
        Ok(())
    }

    /// What people did with a person's data is still told.
    fn audit_log(&mut self) -> Result<(), StoreError> {
        for (key, value) in self.entries(keys::AUDIT_LOG)? {
            if keys::realm_of(&key).is_none() || audit_log::decode(&key, &value).is_err() {
                self.blame(format!("The record {} does not decode.", keys::in_words(&key)));
            }
        }
        Ok(())
    }

    /// A continuation without its record, or beyond the record's end.
    fn continuations(&mut self) -> Result<(), StoreError> {
        for (key, _) in self.entries(keys::CONTINUATION)? {
            let Some((number, of)) = key.get(1..).and_then(<[u8]>::split_last) else { continue };
            let head = self.shared.table.view()?.get(of)?;
            if head.and_then(|head| head.last().copied()).is_none_or(|pieces| *number > pieces) {
                self.blame(format!("A continuation of the {} has no place in it.", keys::in_words(of)));
            }
        }
        Ok(())
    }

    /// sled puts records that are too long for its log into files that it does not sync; ours
    /// are cut so that it never has to.
    fn stray_files(&mut self) {
        let blobs = std::fs::read_dir(sled_folder(&self.shared.folder).join("blobs"));
        let count = blobs.map_or(0, Iterator::count);
        if count > 0 {
            self.blame(format!("sled has put {count} records into files of their own."));
        }
    }
}

fn session_of(key: &[u8]) -> Option<(Realm, SessionId)> {
    Some((keys::realm_of(key)?, SessionId::from_bytes(keys::last_id(key)?)))
}

/// The data_hash as the session's salt and the data make it now.
fn rehashed(event: &Event, session: &Session) -> vetd_model::event::Hash {
    data_hash(salt(session, event.sequence).as_ref(), &event.data(session))
}
