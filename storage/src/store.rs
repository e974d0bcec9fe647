//! [`SledStore`]: the Store trait on an embedded sled tree.

use std::io;
use std::sync::Arc;
use std::sync::mpsc::Sender;
use std::thread::JoinHandle;
use std::time::Duration;

use futures::future::{BoxFuture, ready};
use parking_lot::Mutex;
use prometheus_client::registry::Registry;
use sled::IVec;
use tokio::sync::{oneshot, watch};
use tracing::Instrument;
use vetd_model::audit_log::AuditEntry;
use vetd_model::delivery::{Attempt, Delivery};
use vetd_model::provider::Provider;
use vetd_model::template::{Template, TemplateVersion};
use vetd_model::webhook::Endpoint;
use vetd_model::workspace::{ApiKey, Workspace};
use vetd_model::workspace::{KeyHash, RealmSettings};
use vetd_model::{AuditEntryId, EndpointId, EventId, Realm, Session, SessionId, TemplateId, Timestamp};
use zeroize::Zeroizing;

use crate::api::{
    Commit, CommitReceipt, DeliveryPage, EventPage, IdempotencySlot, LiveSession, Mark, OnRecord, PositionedEvent,
    Store, StoreError, Stored, StoredAnswer, StoredSession,
};
use crate::backup::BackupError;
use crate::keys;
use crate::meters::DiskUse;
use crate::open::{OpenError, StoreOptions, open};
use crate::prepare::{Prepared, prepare};
use crate::query::{AuditQuery, DeliveryQuery, Page, SessionQuery};
use crate::shared::Shared;
use crate::shelf::Shelf;
use crate::sweep::{Age, Sweep};
use crate::writer::Request;

/// The store in a data folder. One process owns the folder while this lives.
pub struct SledStore {
    pub(crate) shared: Arc<Shared>,
    requests: Sender<Request>,
    writer: Mutex<Option<JoinHandle<()>>>,
}

impl std::fmt::Debug for SledStore {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("SledStore").field("folder", &self.shared.folder).finish_non_exhaustive()
    }
}

impl SledStore {
    /// Opens the store of a data folder, or makes one.
    ///
    /// # Errors
    /// What is in the way, with advice for the operator.
    pub fn open(options: StoreOptions) -> Result<Arc<Self>, OpenError> {
        open(options)
    }

    pub(crate) fn new(shared: Arc<Shared>, requests: Sender<Request>, writer: JoinHandle<()>) -> Self {
        Self { shared, requests, writer: Mutex::new(Some(writer)) }
    }

    /// How many times a damaged record has been met since the store was opened.
    #[must_use]
    pub fn damaged(&self) -> u64 {
        self.shared.meters.damaged.get()
    }

    fn submit(&self, mut commit: Prepared) -> BoxFuture<'static, Result<CommitReceipt, StoreError>> {
        let (reply, outcome) = oneshot::channel();
        let span = commit.trail.begin();
        self.shared.meters.waiting.inc();
        if self.requests.send(Request::Commit(commit, reply)).is_err() {
            self.shared.meters.waiting.dec();
            return Box::pin(ready(Err(gone())));
        }
        Box::pin(async move { outcome.await.unwrap_or_else(|_| Err(gone())) }.instrument(span))
    }
}

/// Makes a page where nobody else is served meanwhile: it may take thousands of look-ups.
fn aside<T: Send + 'static>(
    make: impl FnOnce() -> Result<T, StoreError> + Send + 'static,
) -> BoxFuture<'static, Result<T, StoreError>> {
    Box::pin(async move {
        let made = tokio::task::spawn_blocking(make).await;
        made.unwrap_or_else(|error| Err(StoreError::Unavailable(format!("the list fell: {error}"))))
    })
}

fn gone() -> StoreError {
    StoreError::Unavailable("it is closed".to_owned())
}

impl Drop for SledStore {
    /// Waits for the writer to end, so that the folder is free afterwards.
    fn drop(&mut self) {
        let (reply, _) = oneshot::channel();
        let _ = self.requests.send(Request::Close(reply));
        if let Some(writer) = self.writer.lock().take() {
            let _ = writer.join();
        }
    }
}

impl Store for SledStore {
    fn commit(&self, commit: Commit<'_>) -> BoxFuture<'static, Result<CommitReceipt, StoreError>> {
        match prepare(&commit, &self.shared) {
            Ok(prepared) => self.submit(prepared),
            Err(error) => Box::pin(ready(Err(error))),
        }
    }

    fn session(&self, realm: Realm, id: SessionId) -> BoxFuture<'_, Result<Option<StoredSession>, StoreError>> {
        Box::pin(async move { self.shared.recent.get_or_read((realm, id), || self.shared.session(realm, id)) })
    }

    fn sessions(&self, realm: Realm, query: SessionQuery) -> BoxFuture<'_, Result<Page<Session>, StoreError>> {
        let shared = Arc::clone(&self.shared);
        aside(move || shared.sessions(realm, &query))
    }

    fn sessions_of_document(
        &self,
        realm: Realm,
        issuer: &str,
        number: &str,
        limit: usize,
    ) -> Result<Vec<SessionId>, StoreError> {
        self.shared.sessions_of_document(realm, issuer, number, limit)
    }

    fn live_sessions(&self, each: &mut dyn FnMut(LiveSession)) -> Result<(), StoreError> {
        self.shared.live_sessions(each)
    }

    fn answer(&self, slot: IdempotencySlot, now: Timestamp) -> BoxFuture<'_, Result<Option<StoredAnswer>, StoreError>> {
        Box::pin(async move { self.shared.answer(slot, now) })
    }

    fn events(&self, realm: Realm, after: u64, limit: usize) -> Result<EventPage, StoreError> {
        self.shared.events(realm, after, limit)
    }

    fn event(&self, realm: Realm, id: EventId) -> Result<Option<PositionedEvent>, StoreError> {
        self.shared.event(realm, id)
    }

    fn durable_position(&self) -> watch::Receiver<u64> {
        self.shared.durable.subscribe()
    }

    fn template(&self, realm: Realm, id: TemplateId) -> BoxFuture<'_, Result<Option<Stored<Template>>, StoreError>> {
        Box::pin(async move { self.shared.template(realm, id) })
    }

    fn template_by_slug(&self, realm: Realm, slug: &str) -> Result<Option<TemplateId>, StoreError> {
        self.shared.template_by_slug(realm, slug)
    }

    fn template_ids(&self, realm: Realm) -> Result<Vec<TemplateId>, StoreError> {
        self.shared.template_ids(realm)
    }

    fn template_version(
        &self,
        realm: Realm,
        id: TemplateId,
        number: u32,
    ) -> Result<Option<TemplateVersion>, StoreError> {
        self.shared.template_version(realm, id, number)
    }

    fn settings(&self, realm: Realm) -> BoxFuture<'_, Result<Stored<RealmSettings>, StoreError>> {
        Box::pin(async move { self.shared.settings(realm) })
    }

    fn workspaces(&self) -> Result<Vec<Stored<Workspace>>, StoreError> {
        self.shared.workspaces()
    }

    fn api_keys(&self) -> Result<Vec<Stored<ApiKey>>, StoreError> {
        self.shared.api_keys()
    }

    fn key_uses(&self) -> Result<Vec<(KeyHash, Timestamp)>, StoreError> {
        self.shared.key_uses()
    }

    fn endpoints(&self, realm: Option<Realm>) -> Result<Vec<Stored<Endpoint>>, StoreError> {
        self.shared.endpoints(realm)
    }

    fn endpoint(&self, realm: Realm, id: EndpointId) -> Result<Option<Stored<Endpoint>>, StoreError> {
        self.shared.endpoint(realm, id)
    }

    fn providers(&self, realm: Realm) -> Result<Vec<Stored<Provider>>, StoreError> {
        self.shared.providers(realm)
    }

    fn mark(&self, endpoint: EndpointId) -> Result<Mark, StoreError> {
        self.shared.mark(endpoint)
    }

    fn deliveries(
        &self,
        endpoint: EndpointId,
        recorded: OnRecord,
        after: u64,
        limit: usize,
    ) -> Result<DeliveryPage, StoreError> {
        self.shared.deliveries(endpoint, recorded, after, limit)
    }

    fn delivery(&self, endpoint: EndpointId, position: u64) -> Result<Option<Delivery>, StoreError> {
        self.shared.delivery(endpoint, position)
    }

    fn attempts(&self, endpoint: EndpointId, position: u64, limit: usize) -> Result<Vec<(u32, Attempt)>, StoreError> {
        self.shared.attempts(endpoint, position, limit)
    }

    fn delivery_list(&self, query: DeliveryQuery) -> BoxFuture<'_, Result<Page<Delivery>, StoreError>> {
        let shared = Arc::clone(&self.shared);
        aside(move || shared.delivery_list(&query))
    }

    fn audit_log(&self, realm: Realm, query: AuditQuery) -> BoxFuture<'_, Result<Page<AuditEntry>, StoreError>> {
        let shared = Arc::clone(&self.shared);
        aside(move || shared.audit_log(realm, &query))
    }

    fn audit_entry(&self, realm: Realm, id: AuditEntryId) -> Result<Option<AuditEntry>, StoreError> {
        self.shared.audit_entry(realm, id)
    }

    fn sweep(&self, now: Timestamp, keep_events: Duration) -> BoxFuture<'_, Result<usize, StoreError>> {
        let age = Age { now, events_before: now.before(keep_events) };
        Box::pin(async move {
            let mut swept = 0;
            let mut sweep = Sweep::Answers;
            while !matches!(sweep, Sweep::Done) {
                let finished = self.shared.sweep_on(&mut sweep, age)?;
                swept += finished.records;
                if finished.ops.is_empty() {
                    tokio::task::yield_now().await;
                } else {
                    self.submit(Prepared::removal(finished.ops)).await?;
                }
            }
            Ok(swept)
        })
    }

    fn sweep_audit_log(&self, before: Timestamp) -> BoxFuture<'_, Result<usize, StoreError>> {
        Box::pin(async move {
            let mut swept = 0;
            let mut from = Some(IVec::from(&[keys::AUDIT_LOG]));
            while let Some(place) = from {
                let (finished, next) = self.shared.old_audit_entries(&place, before)?;
                swept += finished.records;
                from = next;
                if finished.ops.is_empty() {
                    tokio::task::yield_now().await;
                } else {
                    self.submit(Prepared::removal(finished.ops)).await?;
                }
            }
            Ok(swept)
        })
    }

    fn backup(&self, at: Timestamp, to: &mut dyn FnMut(&[u8]) -> io::Result<()>) -> Result<(), BackupError> {
        self.shared.backup(at, to)
    }

    fn shelf(&self) -> &Shelf {
        &self.shared.shelf
    }

    fn health(&self) -> Result<(), StoreError> {
        drop(self.shared.table.view()?);
        if self.shared.is_full() { Err(StoreError::Full) } else { Ok(()) }
    }

    fn register_meters(&self, registry: &mut Registry) {
        let shared = &self.shared;
        let (folder, space) = (shared.folder.clone(), Arc::clone(&shared.space));
        shared.meters.register(registry, DiskUse { folder, space, reserve_bytes: shared.reserve_bytes });
    }

    fn derived_key(&self, label: &str) -> Zeroizing<[u8; 32]> {
        self.shared.keyring.derived(label)
    }

    fn close(&self) -> BoxFuture<'_, Result<(), StoreError>> {
        let (reply, closed) = oneshot::channel();
        // A writer that has ended already has closed the store.
        let sent = self.requests.send(Request::Close(reply));
        Box::pin(async move {
            if sent.is_ok() {
                let _ = closed.await;
            }
            Ok(())
        })
    }
}
