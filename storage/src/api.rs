//! The Store trait: what the engine may ask of a disk, in the model's words.

use std::io;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use futures::future::BoxFuture;
use prometheus_client::registry::Registry;
use tokio::sync::watch;
use vetd_model::audit_log::AuditEntry;
use vetd_model::delivery::{Attempt, Delivery, Failing};
use vetd_model::event::Event;
use vetd_model::notice::{Logged, Notice};
use vetd_model::provider::Provider;
use vetd_model::secret::SessionSecret;
use vetd_model::session::Personal;
use vetd_model::template::{Template, TemplateVersion};
use vetd_model::webhook::Endpoint;
use vetd_model::workspace::{ApiKey, KeyHash, RealmSettings, Workspace};
use vetd_model::{AuditEntryId, EndpointId, EventId, ProviderId, Realm, Session, SessionId, TemplateId, Timestamp};
use zeroize::Zeroizing;

use crate::backup::BackupError;
use crate::disk::status::StatusEntry;
use crate::query::{AuditQuery, DeliveryQuery, Page, SessionQuery};
use crate::shelf::Shelf;

/// Why the store did not do what it was asked.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum StoreError {
    /// The record has moved on since it was read: another incarnation won. Nothing was written.
    #[error("the record has changed since it was read")]
    Conflict,
    /// The session was the first with its document when its checks looked, and is no longer. Nothing was
    /// written; who looks again finds the other one.
    #[error("another session has used the document meanwhile")]
    DocumentTaken,
    /// The disk is full up to its reserve. Nothing was written.
    #[error("the data folder's disk is full up to its reserve")]
    Full,
    /// The disk failed, or the store is being reopened or is closed. What happened to a commit
    /// under way is unknown until it is read again.
    #[error("the store is not available: {0}")]
    Unavailable(String),
    /// A record that does not decode. It stays where it is, reported.
    #[error("the record {key} is damaged")]
    Inconsistent {
        /// The record's key, in words that an operator can use.
        key: String,
    },
    /// A list whose filters match so little that finding a page would take too many steps.
    #[error("the filters need too many steps")]
    TooBroad,
    /// A record larger than the store takes.
    #[error("the record is too large")]
    TooLarge,
}

/// What the store must know of the session record that a write replaces. Comes from reading it
/// or from the commit that wrote it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Handle {
    pub(crate) revision: u64,
    pub(crate) slot: Option<u32>,
    pub(crate) entry: StatusEntry,
    /// Whether the session is found by its document.
    pub(crate) by_document: bool,
}

impl Handle {
    /// How often the record has been written.
    #[must_use]
    pub const fn revision(&self) -> u64 {
        self.revision
    }
}

/// A value as it was read, with the revision that a write must name.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Stored<T> {
    /// The value.
    pub value: T,
    /// How often its record has been written; 0 for one that does not exist yet.
    pub revision: u64,
}

/// A session as it stands, and what a write that replaces it must name.
pub type StoredSession = (Arc<Session>, Handle);

/// A session's move: its record, its events and its index entries.
#[derive(Debug)]
pub struct SessionWrite<'a> {
    /// The record it replaces; `None` makes a new one.
    pub before: Option<&'a Handle>,
    /// The session afterwards; once durable, readers are handed it as it is.
    pub next: &'a Arc<Session>,
    /// The events of the move, in order.
    pub events: &'a [Event],
    /// The person's data that the move erases, if it does: its index entries go in the same commit,
    /// and its secret before the commit is acknowledged.
    pub erased: Option<&'a Personal>,
    /// True if the move is to be refused where another session is found by the same document.
    pub claims_document: bool,
}

/// One record to write. `revision` is the one that was read (0 for a new record); a mismatch
/// refuses the whole commit.
#[derive(Debug)]
pub enum Write<'a> {
    /// A session's move.
    Session(SessionWrite<'a>),
    /// An event that tells of a webhook endpoint.
    Notice(&'a Notice),
    /// A template; its slug is indexed, `frozen` is filed as a version of its own.
    Template {
        /// The revision that was read.
        revision: u64,
        /// The template afterwards.
        template: &'a Template,
        /// The slug to give up, if it changes.
        previous_slug: Option<&'a str>,
        /// A version to file.
        frozen: Option<&'a TemplateVersion>,
    },
    /// The settings of a realm.
    Settings {
        /// The revision that was read.
        revision: u64,
        /// Whose.
        realm: Realm,
        /// The settings afterwards.
        settings: &'a RealmSettings,
    },
    /// A workspace.
    Workspace {
        /// The revision that was read.
        revision: u64,
        /// The workspace afterwards.
        workspace: &'a Workspace,
    },
    /// An API key.
    ApiKey {
        /// The revision that was read.
        revision: u64,
        /// The key afterwards.
        key: &'a ApiKey,
    },
    /// When an API key was last used. Apart from the key's own record: it changes often and its
    /// revision concerns nobody.
    KeyUse {
        /// Which key.
        key: KeyHash,
        /// When.
        at: Timestamp,
    },
    /// Removes an API key and its last use.
    RemoveApiKey(KeyHash),
    /// A webhook endpoint. A new one gets the events that follow in commit order: its cursor is
    /// set by the writer.
    Endpoint {
        /// The revision that was read.
        revision: u64,
        /// The endpoint afterwards.
        endpoint: &'a Endpoint,
    },
    /// Removes an endpoint, its cursor and its deliveries.
    RemoveEndpoint {
        /// Whose.
        realm: Realm,
        /// Which.
        id: EndpointId,
    },
    /// A provider of checks.
    Provider {
        /// The revision that was read.
        revision: u64,
        /// The provider afterwards.
        provider: &'a Provider,
    },
    /// Removes a provider.
    RemoveProvider {
        /// Whose.
        realm: Realm,
        /// Which.
        id: ProviderId,
    },
    /// A delivery, put or replaced.
    Delivery {
        /// How it stood on record before.
        was: OnRecord,
        /// How it stands.
        delivery: &'a Delivery,
    },
    /// A failed attempt.
    Attempt {
        /// To which endpoint.
        endpoint: EndpointId,
        /// The position of its event.
        position: u64,
        /// Counts from 1 within its delivery.
        number: u32,
        /// The attempt.
        attempt: &'a Attempt,
    },
    /// Forgets a pending delivery whose event is gone.
    RemoveDelivery {
        /// To which endpoint.
        endpoint: EndpointId,
        /// The position of its event.
        position: u64,
    },
    /// How far an endpoint's events are taken care of.
    Mark {
        /// Of which endpoint.
        endpoint: EndpointId,
        /// The mark.
        mark: Mark,
    },
    /// An entry of the audit log: in the commit of what it tells of, so that neither is without
    /// the other.
    Audit {
        /// In whose log.
        realm: Realm,
        /// The entry. Its identifier must be fresh.
        entry: &'a AuditEntry,
    },
}

/// How a delivery stands on record.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum OnRecord {
    /// It has no record.
    Absent,
    /// As one that is pending.
    Pending,
    /// As one that is settled.
    Settled,
    /// Nobody knows: a write of it failed, and may have reached the disk all the same.
    Unknown,
}

/// How far an endpoint's events are taken care of.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Mark {
    /// Every event up to this position that the endpoint gets has a [`Delivery`] on record.
    pub position: u64,
    /// Its time of nothing but failures, if it is in one.
    pub failing: Option<Failing>,
}

/// Names one use of one idempotency key: a hash of workspace, mode, method, path and key.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct IdempotencySlot(pub [u8; 16]);

/// What a replay answers.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Answer {
    /// The answer to the creation of a session. Not stored: its constant part is the session's
    /// own, so it is made again from it, byte for byte.
    SessionCreated {
        /// The session.
        session: SessionId,
        /// Its deadline at birth, which a test may change later.
        expires_at: Timestamp,
        /// The base of its links then, which the operator may change later.
        public_url: String,
    },
    /// The answer itself, sealed at rest.
    Body {
        /// The HTTP status.
        status: u16,
        /// The bytes.
        body: Bytes,
    },
    /// The answer held a person's data, which was erased since. Read only, never filed.
    Redacted {
        /// The HTTP status.
        status: u16,
        /// Whose data it was.
        session: SessionId,
    },
}

/// An idempotency record, committed with the effect that it answers for.
#[derive(Debug)]
pub struct IdempotencyRecord<'a> {
    /// Where it is filed.
    pub slot: IdempotencySlot,
    /// When the request was accepted; kept for 24 hours from here.
    pub at: Timestamp,
    /// SHA-256 of the raw request body.
    pub fingerprint: [u8; 32],
    /// What a replay answers.
    pub answer: Answer,
    /// The session whose secret seals a [`Answer::Body`], so that it dies with the person's
    /// data; without one it is sealed under the store's own key.
    pub owner: Option<(Realm, SessionId, &'a SessionSecret)>,
}

/// An idempotency record as it was read.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StoredAnswer {
    /// SHA-256 of the raw body of the first request.
    pub fingerprint: [u8; 32],
    /// What a replay answers.
    pub answer: Answer,
}

/// One atomic, durable change: all of it or none.
#[derive(Debug, Default)]
pub struct Commit<'a> {
    /// The records to write.
    pub writes: Vec<Write<'a>>,
    /// The answer to file with them.
    pub idempotency: Option<IdempotencyRecord<'a>>,
}

/// What a durable commit left behind.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CommitReceipt {
    /// The handle of the session that was written, if one was.
    pub session: Option<Handle>,
}

/// An event and its place in the store-wide commit order.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PositionedEvent {
    /// Counts from 1; later commits have higher positions.
    pub position: u64,
    /// The event.
    pub event: Logged,
}

/// Some events of a realm, in commit order.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct EventPage {
    /// The events.
    pub events: Vec<PositionedEvent>,
    /// Everything up to here has been read: the position of the last entry of a full page, else
    /// the last durable position.
    pub read_to: u64,
}

/// Some filed deliveries of an endpoint, by position.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DeliveryPage {
    /// The deliveries.
    pub deliveries: Vec<Delivery>,
    /// Where to go on reading; `None` if there are no more.
    pub next: Option<u64>,
}

/// What recovery must know of a session that has not ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct LiveSession {
    /// Whose it is.
    pub realm: Realm,
    /// Which.
    pub id: SessionId,
    /// When it must be rung.
    pub deadline: Timestamp,
    /// True if checks were running.
    pub checking: bool,
}

/// What is kept, and how it is changed. Reads never show what is not yet durable.
///
/// Every look-up of a tenant's object names its realm; another realm's object is absent.
/// Futures may be dropped at any time: a commit that was begun goes on.
pub trait Store: Send + Sync + 'static {
    /// Commits, and resolves once the commit is durable. What it holds is encoded before the
    /// call returns.
    ///
    /// # Errors
    /// After [`StoreError::Conflict`], [`StoreError::DocumentTaken`], [`StoreError::Full`] and
    /// [`StoreError::TooLarge`] nothing was written; after any other error the outcome is unknown until it is read again.
    fn commit(&self, commit: Commit<'_>) -> BoxFuture<'static, Result<CommitReceipt, StoreError>>;

    /// One session.
    fn session(&self, realm: Realm, id: SessionId) -> BoxFuture<'_, Result<Option<StoredSession>, StoreError>>;

    /// A page of sessions; damaged records are reported and left out.
    fn sessions(&self, realm: Realm, query: SessionQuery) -> BoxFuture<'_, Result<Page<Session>, StoreError>>;

    /// The sessions whose document was of this issuer and number, newest first, at most `limit`.
    ///
    /// # Errors
    /// The disk's.
    fn sessions_of_document(
        &self,
        realm: Realm,
        issuer: &str,
        number: &str,
        limit: usize,
    ) -> Result<Vec<SessionId>, StoreError>;

    /// Every session that has not ended, of all realms, each handed to `each`. Called once, before
    /// the first commit: the number of live sessions is counted from here on.
    fn live_sessions(&self, each: &mut dyn FnMut(LiveSession)) -> Result<(), StoreError>;

    /// The filed answer for this slot, if it is younger than 24 hours at `now`.
    fn answer(&self, slot: IdempotencySlot, now: Timestamp) -> BoxFuture<'_, Result<Option<StoredAnswer>, StoreError>>;

    /// The events of a realm after a position, at most `limit`, in commit order, none of them
    /// beyond the last durable position. Damaged ones are reported and left out.
    fn events(&self, realm: Realm, after: u64, limit: usize) -> Result<EventPage, StoreError>;

    /// One event by its identifier.
    fn event(&self, realm: Realm, id: EventId) -> Result<Option<PositionedEvent>, StoreError>;

    /// The last durable position, as it advances.
    fn durable_position(&self) -> watch::Receiver<u64>;

    /// A template by its identifier.
    fn template(&self, realm: Realm, id: TemplateId) -> BoxFuture<'_, Result<Option<Stored<Template>>, StoreError>>;

    /// The template that has this slug.
    fn template_by_slug(&self, realm: Realm, slug: &str) -> Result<Option<TemplateId>, StoreError>;

    /// The identifiers of all templates of a realm, newest first.
    fn template_ids(&self, realm: Realm) -> Result<Vec<TemplateId>, StoreError>;

    /// One frozen version.
    fn template_version(
        &self,
        realm: Realm,
        id: TemplateId,
        number: u32,
    ) -> Result<Option<TemplateVersion>, StoreError>;

    /// The settings of a realm; defaults at revision 0 if none were made.
    fn settings(&self, realm: Realm) -> BoxFuture<'_, Result<Stored<RealmSettings>, StoreError>>;

    /// All workspaces.
    fn workspaces(&self) -> Result<Vec<Stored<Workspace>>, StoreError>;

    /// All API keys, revoked ones included.
    fn api_keys(&self) -> Result<Vec<Stored<ApiKey>>, StoreError>;

    /// When API keys were last used, as far as that was written.
    fn key_uses(&self) -> Result<Vec<(KeyHash, Timestamp)>, StoreError>;

    /// All endpoints of one realm, or of all, newest first within a realm.
    fn endpoints(&self, realm: Option<Realm>) -> Result<Vec<Stored<Endpoint>>, StoreError>;

    /// One endpoint.
    fn endpoint(&self, realm: Realm, id: EndpointId) -> Result<Option<Stored<Endpoint>>, StoreError>;

    /// The providers of a realm, newest first.
    fn providers(&self, realm: Realm) -> Result<Vec<Stored<Provider>>, StoreError>;

    /// How far an endpoint's events are taken care of.
    fn mark(&self, endpoint: EndpointId) -> Result<Mark, StoreError>;

    /// The deliveries of an endpoint on record after a position, at most `limit`, by position:
    /// the pending ones or the settled ones. Damaged ones are reported and left out.
    fn deliveries(
        &self,
        endpoint: EndpointId,
        recorded: OnRecord,
        after: u64,
        limit: usize,
    ) -> Result<DeliveryPage, StoreError>;

    /// One delivery, if it is on record.
    fn delivery(&self, endpoint: EndpointId, position: u64) -> Result<Option<Delivery>, StoreError>;

    /// The failed attempts of a delivery, the latest `limit` of them, in their order.
    fn attempts(&self, endpoint: EndpointId, position: u64, limit: usize) -> Result<Vec<(u32, Attempt)>, StoreError>;

    /// A page of the deliveries to these endpoints, which are all of one realm, newest event
    /// first. Damaged ones are reported and left out.
    fn delivery_list(&self, query: DeliveryQuery) -> BoxFuture<'_, Result<Page<Delivery>, StoreError>>;

    /// A page of a realm's audit log, newest first. Damaged entries are reported and left out. A
    /// page on which fewer entries stand than were asked for may have more behind it all the same,
    /// where the filters match little.
    ///
    /// # Errors
    /// [`StoreError::TooBroad`] if none was found among all that were looked at; the disk's.
    fn audit_log(&self, realm: Realm, query: AuditQuery) -> BoxFuture<'_, Result<Page<AuditEntry>, StoreError>>;

    /// One entry of a realm's audit log.
    fn audit_entry(&self, realm: Realm, id: AuditEntryId) -> Result<Option<AuditEntry>, StoreError>;

    /// Deletes what has had its time, a bounded batch in a commit: idempotency records of days
    /// gone by, deliveries whose endpoint is gone, and events that were written more than
    /// `keep_events` ago with their settled deliveries and attempts. Returns how many records went.
    fn sweep(&self, now: Timestamp, keep_events: Duration) -> BoxFuture<'_, Result<usize, StoreError>>;

    /// Deletes the entries of all audit logs that were written before this time, a bounded batch in
    /// a commit. Returns how many went.
    fn sweep_audit_log(&self, before: Timestamp) -> BoxFuture<'_, Result<usize, StoreError>>;

    /// Takes a backup of the store as it goes on being written, begun at `at`: hands a stream of
    /// bytes to `to`, for a [`BackupFolder`](crate::BackupFolder). Blocks for as long as that
    /// takes. An error of `to` ends it.
    ///
    /// # Errors
    /// Why it could not be taken to its end; what was handed over until then is worth nothing,
    /// and says so at its end if somebody still takes it.
    fn backup(&self, at: Timestamp, to: &mut dyn FnMut(&[u8]) -> io::Result<()>) -> Result<(), BackupError>;

    /// Where files stand that the operator has imported.
    fn shelf(&self) -> &Shelf;

    /// Whether a write would be accepted now.
    fn health(&self) -> Result<(), StoreError>;

    /// Hands over what the store counts of itself, under names without a prefix.
    fn register_meters(&self, registry: &mut Registry);

    /// A key for one purpose, derived from the master key (HKDF-SHA-256, RFC 5869).
    fn derived_key(&self, label: &str) -> Zeroizing<[u8; 32]>;

    /// Ends the writer after everything it has accepted, and gives the folder free.
    fn close(&self) -> BoxFuture<'_, Result<(), StoreError>>;
}
