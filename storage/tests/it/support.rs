//! Sessions and stores to test with.

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use vetd_model::event::{Chain, Event, EventKind};
use vetd_model::scaffold;
use vetd_model::secret::SessionSecret;
use vetd_model::session::{Personal, State};
use vetd_model::{Mode, Realm, Session, SessionId, Timestamp, WorkspaceId};
use vetd_storage::{Commit, Handle, SessionWrite, SledStore, Store, StoreError, StoreOptions, Write};

pub const NOW: Timestamp = Timestamp::from_seconds(1_763_800_000);
pub const REALM: Realm = Realm { workspace: WorkspaceId(1), mode: Mode::Test };
/// How long events are kept where a test sweeps something else.
pub const KEEP: Duration = Duration::from_secs(365 * 24 * 3600);
pub const OTHER: Realm = Realm { workspace: WorkspaceId(2), mode: Mode::Test };

pub fn options(dir: &Path) -> StoreOptions {
    // What is read is read from the disk.
    StoreOptions { cache_bytes: 8 << 20, reserve_bytes: 0, recent_sessions: 0, ..StoreOptions::new(dir) }
}

pub fn open(dir: &Path) -> Arc<SledStore> {
    SledStore::open(options(dir)).unwrap()
}

pub fn minutes(count: u64) -> Duration {
    Duration::from_secs(60 * count)
}

/// A session that has just been made, and its first event. `number` tells it from others.
pub fn session(realm: Realm, number: u64, metadata: &[(&str, &str)]) -> (Session, Event) {
    let at = Timestamp::from_millis(NOW.millis() + number);
    let mut entropy = [7; 10];
    entropy[2..].copy_from_slice(&number.to_be_bytes());
    let mut secret = [5; 32];
    secret[..8].copy_from_slice(&number.to_be_bytes());
    let metadata: BTreeMap<_, _> =
        metadata.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect();
    let personal = Personal::new(SessionSecret::new(secret), metadata, None);
    let mut session = Session {
        id: SessionId::new(at, entropy),
        realm,
        template: scaffold::reference(),
        flow: scaffold::flow(),
        created: at,
        updated: at,
        expires_at: at.floor_second().after(minutes(30)),
        attempts: 0,
        last_error: None,
        test_outcome: None,
        chain: Chain::default(),
        checks: Vec::new(),
        personal: Some(Box::new(personal)),
        review: None,
        redaction: None,
        state: State::Created,
    };
    let event = Event::append(&mut session, EventKind::Created, at);
    (session, event)
}

/// Moves a session on, as far as storage cares.
pub fn moved(session: &Session, state: State) -> (Session, Event) {
    let mut next = session.clone();
    next.updated = session.updated.after(Duration::from_secs(1));
    next.state = state;
    let (kind, at) = (EventKind::of_move_to(next.status()), next.updated);
    let event = Event::append(&mut next, kind, at);
    (next, event)
}

pub async fn write(
    store: &SledStore,
    before: Option<&Handle>,
    next: &Session,
    events: &[Event],
) -> Result<Handle, StoreError> {
    let next = &Arc::new(next.clone());
    let writes = vec![Write::Session(SessionWrite { before, next, events, erased: None, claims_document: false })];
    let receipt = store.commit(Commit { writes, idempotency: None }).await?;
    Ok(receipt.session.unwrap())
}

/// Makes and commits a session.
pub async fn make(store: &SledStore, realm: Realm, number: u64) -> (Session, Handle) {
    let (session, event) = session(realm, number, &[("order", "A-1")]);
    let handle = write(store, None, &session, &[event]).await.unwrap();
    (session, handle)
}

pub async fn commit(store: &SledStore, writes: Vec<Write<'_>>) -> Result<(), StoreError> {
    store.commit(Commit { writes, idempotency: None }).await.map(|_| ())
}
