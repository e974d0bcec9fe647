//! From a [`Commit`] to what the writer does: everything is encoded and sealed here, on the
//! caller's thread.

use std::sync::Arc;

use sled::IVec;
use vetd_model::delivery::Delivery;
use vetd_model::flow::Flow;
use vetd_model::session::Personal;
use vetd_model::template::{Template, TemplateVersion};
use vetd_model::{EndpointId, EventId, Realm, Session, Timestamp};

use crate::api::{Commit, Handle, IdempotencyRecord, IdempotencySlot, OnRecord, SessionWrite, StoreError, Write};
use crate::codec::RECORD_LIMIT;
use crate::disk::status::StatusEntry;
use crate::disk::{answer, audit_log, delivery, event, flow, provider, session, template, tenant, webhook};
use crate::keys::{self, Key};
use crate::shared::Shared;
use crate::table::PIECE;
use crate::time_limits::answer_days;
use crate::trail::Trail;

/// One thing that the writer does.
pub(crate) enum Op {
    /// Writes a record that counts its writes, if it stands at the expected count.
    Record {
        key: Key,
        expected: u64,
        value: Vec<u8>,
        /// A session's wrapped secret; its slot's number is set in the record.
        secret: Option<Vec<u8>>,
    },
    /// Writes a record that is the same whenever it is written, unless it is there.
    Constant { key: Key, value: Vec<u8> },
    /// Writes an entry.
    Put { key: Key, value: IVec },
    /// Writes an entry under a key that was never used before.
    PutNew { key: Key, value: IVec },
    /// Writes an entry under a key that was never used before, unless another stands under its prefix.
    PutAlone { key: Key, prefix: Key },
    /// Removes an entry, which is in one piece.
    Remove { key: Key },
    /// Removes an entry in one piece if it still has this value.
    RemoveUnchanged { key: Key, value: IVec },
    /// Removes a record with all its pieces.
    RemoveRecord { key: Key },
    /// Gives a slug to a template, if no other has it.
    Slug { key: Key, template: [u8; 16] },
    /// Files an event under the next position.
    Event { key_of: Realm, index: Key, value: IVec },
    /// Sets a new endpoint's cursor to the last position.
    NewCursor { endpoint: EndpointId },
    /// Writes an entry of an endpoint, unless the endpoint is gone; `new` if the key has no entry.
    OfEndpoint { endpoint: EndpointId, key: Key, value: IVec, new: bool },
    /// Removes an endpoint's deliveries.
    RemoveDeliveries { endpoint: EndpointId },
    /// Erases the secret in a slot of the key file, once the batch is durable.
    Erase { slot: u32, at: Timestamp },
    /// Files an answer, if there is none that still counts.
    Answer {
        slot: IdempotencySlot,
        at: Timestamp,
        value: Vec<u8>,
        /// Days other than today that may hold one.
        other_days: Vec<u16>,
    },
}

/// A commit, encoded.
pub(crate) struct Prepared {
    pub ops: Vec<Op>,
    /// About how much it writes, in bytes.
    pub bytes: usize,
    /// True if it only deletes, so that it may use the disk's reserve.
    pub only_deletes: bool,
    /// What the caller gets; the slot is filled in by the writer.
    pub handle: Option<Handle>,
    /// The session that is written, if one is: readers are handed it once it is durable.
    pub session: Option<Arc<Session>>,
    /// The flows that are on the disk afterwards.
    pub flows: Vec<Arc<Flow>>,
    /// The status code that a session leaves.
    pub leaves: Option<u8>,
    /// Follows the commit through the writer.
    pub trail: Trail,
}

/// Encodes a commit.
///
/// # Errors
/// [`StoreError::TooLarge`].
pub(crate) fn prepare(commit: &Commit<'_>, shared: &Shared) -> Result<Prepared, StoreError> {
    let mut builder =
        Builder { shared, ops: Vec::with_capacity(8), handle: None, session: None, flows: Vec::new(), leaves: None };
    for write in &commit.writes {
        builder.write(write)?;
    }
    if let Some(record) = &commit.idempotency {
        builder.answer(record)?;
    }
    let bytes = builder.ops.iter().map(Op::size).sum();
    let only_deletes = builder.ops.iter().all(Op::only_deletes);
    let Builder { ops, handle, session, flows, leaves, .. } = builder;
    if ops.iter().any(Op::is_too_large) {
        return Err(StoreError::TooLarge);
    }
    Ok(Prepared { ops, bytes, only_deletes, handle, session, flows, leaves, trail: Trail::default() })
}

impl Prepared {
    /// A commit of these removals.
    pub(crate) fn removal(ops: Vec<Op>) -> Self {
        let bytes = ops.iter().map(Op::size).sum();
        let trail = Trail::default();
        Self { ops, bytes, only_deletes: true, handle: None, session: None, flows: Vec::new(), leaves: None, trail }
    }
}

impl Op {
    fn value_len(&self) -> usize {
        match self {
            Self::Record { value, .. } | Self::Constant { value, .. } | Self::Answer { value, .. } => value.len(),
            Self::Put { value, .. }
            | Self::PutNew { value, .. }
            | Self::Event { value, .. }
            | Self::OfEndpoint { value, .. } => value.len(),
            Self::Slug { .. } | Self::NewCursor { .. } | Self::Erase { .. } | Self::PutAlone { .. } => 0,
            Self::Remove { .. }
            | Self::RemoveUnchanged { .. }
            | Self::RemoveRecord { .. }
            | Self::RemoveDeliveries { .. } => 0,
        }
    }

    const fn only_deletes(&self) -> bool {
        matches!(
            self,
            Self::Remove { .. }
                | Self::RemoveUnchanged { .. }
                | Self::RemoveRecord { .. }
                | Self::RemoveDeliveries { .. }
        )
    }

    fn size(&self) -> usize {
        self.value_len() + 64
    }

    fn is_too_large(&self) -> bool {
        match self {
            Self::Record { .. } | Self::Constant { .. } | Self::Answer { .. } => self.value_len() > RECORD_LIMIT,
            _ => self.value_len() > PIECE,
        }
    }
}

struct Builder<'a> {
    shared: &'a Shared,
    ops: Vec<Op>,
    handle: Option<Handle>,
    session: Option<Arc<Session>>,
    flows: Vec<Arc<Flow>>,
    leaves: Option<u8>,
}

impl Builder<'_> {
    fn write(&mut self, write: &Write<'_>) -> Result<(), StoreError> {
        match write {
            Write::Session(write) => self.session(write),
            Write::Notice(notice) => {
                let value = event::encode_notice(notice)?.into();
                self.event(notice.realm, notice.id, value);
                Ok(())
            }
            Write::Template { revision, template, previous_slug, frozen } => {
                self.template(*revision, template, *previous_slug, *frozen)
            }
            Write::Settings { revision, realm, settings } => {
                let value = tenant::encode_settings(settings, revision + 1)?;
                self.record(keys::settings(*realm), *revision, value);
                Ok(())
            }
            Write::Workspace { revision, workspace } => {
                let value = tenant::encode_workspace(workspace, revision + 1)?;
                self.record(keys::workspace(workspace.id), *revision, value);
                Ok(())
            }
            Write::ApiKey { revision, key } => {
                let value = tenant::encode_api_key(key, revision + 1)?;
                self.record(keys::api_key(key.hash), *revision, value);
                Ok(())
            }
            Write::KeyUse { key, at } => {
                self.put(keys::key_use(*key), tenant::encode_key_use(*at));
                Ok(())
            }
            Write::RemoveApiKey(key) => {
                self.ops.push(Op::RemoveRecord { key: keys::api_key(*key) });
                self.remove(keys::key_use(*key));
                Ok(())
            }
            Write::Endpoint { revision, endpoint } => {
                let value = webhook::encode_endpoint(endpoint, revision + 1, self.shared.keyring.endpoint_seal())?;
                self.record(keys::endpoint(endpoint.realm, endpoint.id), *revision, value);
                if *revision == 0 {
                    self.ops.push(Op::NewCursor { endpoint: endpoint.id });
                }
                Ok(())
            }
            Write::RemoveEndpoint { realm, id } => {
                self.ops.push(Op::RemoveRecord { key: keys::endpoint(*realm, *id) });
                self.remove(keys::cursor(*id));
                self.ops.push(Op::RemoveDeliveries { endpoint: *id });
                Ok(())
            }
            Write::Provider { revision, provider } => {
                let value = provider::encode(provider, revision + 1, self.shared.keyring.endpoint_seal())?;
                self.record(keys::provider(provider.realm, provider.id), *revision, value);
                Ok(())
            }
            Write::RemoveProvider { realm, id } => {
                self.ops.push(Op::RemoveRecord { key: keys::provider(*realm, *id) });
                Ok(())
            }
            Write::Delivery { was, delivery } => self.delivery(*was, delivery),
            Write::Attempt { endpoint, position, number, attempt } => {
                let (key, value) = (keys::attempt(*endpoint, *position, *number), delivery::encode_attempt(attempt)?);
                self.of_endpoint(*endpoint, key, value, true);
                Ok(())
            }
            Write::RemoveDelivery { endpoint, position } => {
                self.remove(keys::delivery(keys::DELIVERY, *endpoint, *position));
                Ok(())
            }
            Write::Mark { endpoint, mark } => {
                self.of_endpoint(*endpoint, keys::cursor(*endpoint), webhook::encode_mark(*mark)?, false);
                Ok(())
            }
            Write::Audit { realm, entry } => {
                self.put_new(keys::audit_entry(*realm, entry.id), audit_log::encode(entry)?);
                Ok(())
            }
        }
    }

    fn session(&mut self, write: &SessionWrite<'_>) -> Result<(), StoreError> {
        let (session, before) = (write.next, write.before);
        let expected = before.map_or(0, |handle| handle.revision);
        let slot = before.and_then(|handle| handle.slot);
        let entry = StatusEntry::of(session);
        let secret = match (slot, &session.personal) {
            (None, Some(personal)) => Some(self.shared.keyring.wrap(session.realm, session.id, &personal.secret)?),
            _ => None,
        };
        self.ops.push(Op::Record {
            key: keys::session(session.realm, session.id),
            expected,
            value: session::encode(session, expected + 1, slot)?,
            secret,
        });
        self.status(session.realm, session.id, before.map(|handle| handle.entry), entry);
        if before.is_none() {
            self.constant_indexes(session);
            self.flow(&session.flow)?;
        }
        let by_document = session.indexed_document().is_some();
        self.by_document(write, before.is_some_and(|handle| handle.by_document), by_document);
        if let Some(erased) = write.erased {
            self.erase(session, erased, slot);
        }
        for event in write.events {
            self.event(event.realm, event.id, event::encode(event)?.into());
        }
        self.leaves = before.map(|handle| handle.entry.code);
        self.handle = Some(Handle { revision: expected + 1, slot, entry, by_document });
        self.session = Some(Arc::clone(session));
        Ok(())
    }

    fn delivery(&mut self, was: OnRecord, delivery: &Delivery) -> Result<(), StoreError> {
        let (endpoint, position) = (delivery.endpoint, delivery.position);
        let (letter, other, stays) = match delivery.is_settled() {
            true => (keys::SETTLED, keys::DELIVERY, OnRecord::Settled),
            false => (keys::DELIVERY, keys::SETTLED, OnRecord::Pending),
        };
        if was != stays && was != OnRecord::Absent {
            self.remove(keys::delivery(other, endpoint, position));
        }
        let key = keys::delivery(letter, endpoint, position);
        let is_new = was != stays && was != OnRecord::Unknown;
        self.of_endpoint(endpoint, key, delivery::encode(delivery)?, is_new);
        Ok(())
    }

    fn of_endpoint(&mut self, endpoint: EndpointId, key: Key, value: Vec<u8>, new: bool) {
        self.ops.push(Op::OfEndpoint { endpoint, key, value: value.into(), new });
    }

    fn event(&mut self, realm: Realm, id: EventId, value: IVec) {
        self.ops.push(Op::Event { key_of: realm, index: keys::event_id(realm, id), value });
    }

    fn status(&mut self, realm: Realm, id: vetd_model::SessionId, before: Option<StatusEntry>, entry: StatusEntry) {
        if let Some(before) = before.filter(|before| before.code != entry.code) {
            self.remove(keys::status(realm, before.code, id));
        }
        let key = || keys::status(realm, entry.code, id);
        match before {
            None => self.put_new(key(), entry.value()),
            Some(before) if before != entry => self.put(key(), entry.value()),
            Some(_) => {}
        }
    }

    /// The index entries by what never changes in a session.
    fn constant_indexes(&mut self, session: &Session) {
        self.put_new(keys::by_template(session.realm, session.template.id, session.id), Vec::new());
        let metadata = session.personal.as_ref().map(|personal| &personal.metadata);
        for (name, value) in metadata.into_iter().flatten() {
            let hash = self.shared.keyring.metadata_hash(session.realm, name, value);
            self.put_new(keys::by_metadata(session.realm, hash, session.id), Vec::new());
        }
    }

    /// The index entry by the document. Where it stood and no longer does, the move is an erasure, which
    /// sees to it, or the person shall try again, and what was read of them is still there.
    fn by_document(&mut self, write: &SessionWrite<'_>, stood: bool, stands: bool) {
        let session = write.next;
        let document = session.personal.as_ref().and_then(|personal| personal.document());
        let Some((issuer, number)) = document.filter(|_| stood != stands) else { return };
        let hash = self.shared.keyring.document_hash(session.realm, issuer, number);
        let key = keys::by_document(session.realm, hash, session.id);
        match (stands, write.claims_document) {
            (false, _) => self.remove(key),
            (true, false) => self.put_new(key, Vec::new()),
            (true, true) => self.ops.push(Op::PutAlone { key, prefix: keys::by_documents(session.realm, hash) }),
        }
    }

    /// A person's index entries, and their secret.
    fn erase(&mut self, session: &Session, erased: &Personal, slot: Option<u32>) {
        for (name, value) in &erased.metadata {
            let hash = self.shared.keyring.metadata_hash(session.realm, name, value);
            self.remove(keys::by_metadata(session.realm, hash, session.id));
        }
        if let Some((issuer, number)) = erased.document() {
            let hash = self.shared.keyring.document_hash(session.realm, issuer, number);
            self.remove(keys::by_document(session.realm, hash, session.id));
        }
        if let Some(slot) = slot {
            self.ops.push(Op::Erase { slot, at: session.updated });
        }
    }

    fn template(
        &mut self,
        revision: u64,
        template: &Template,
        previous_slug: Option<&str>,
        frozen: Option<&TemplateVersion>,
    ) -> Result<(), StoreError> {
        let realm = template.realm;
        let value = template::encode(template, revision + 1)?;
        self.record(keys::template(realm, template.id), revision, value);
        if let Some(previous) = previous_slug.filter(|previous| *previous != template.slug) {
            self.remove(keys::slug(realm, previous));
        }
        self.ops.push(Op::Slug { key: keys::slug(realm, &template.slug), template: *template.id.bytes() });
        self.flow(&template.draft)?;
        if let Some(frozen) = frozen {
            self.flow(&frozen.flow)?;
            let key = keys::version(realm, frozen.template, frozen.number);
            self.put(key, template::encode_version(frozen)?);
        }
        Ok(())
    }

    fn flow(&mut self, flow: &Arc<Flow>) -> Result<(), StoreError> {
        if !self.shared.flows.has(flow.digest()) {
            self.ops.push(Op::Constant { key: keys::flow(flow.digest()), value: flow::encode(flow)? });
            self.flows.push(Arc::clone(flow));
        }
        Ok(())
    }

    fn answer(&mut self, record: &IdempotencyRecord<'_>) -> Result<(), StoreError> {
        let value = answer::encode(record, &self.shared.keyring)?;
        let (days, filed) = (answer_days(record.at), &self.shared.filed_days);
        filed.note(days.today);
        let other_days = days.days().filter(|day| *day != days.today && filed.has(*day)).collect();
        self.ops.push(Op::Answer { slot: record.slot, at: record.at, value, other_days });
        Ok(())
    }

    fn record(&mut self, key: Key, expected: u64, value: Vec<u8>) {
        self.ops.push(Op::Record { key, expected, value, secret: None });
    }

    fn put(&mut self, key: Key, value: impl Into<IVec>) {
        self.ops.push(Op::Put { key, value: value.into() });
    }

    fn put_new(&mut self, key: Key, value: impl Into<IVec>) {
        self.ops.push(Op::PutNew { key, value: value.into() });
    }

    fn remove(&mut self, key: Key) {
        self.ops.push(Op::Remove { key });
    }
}
