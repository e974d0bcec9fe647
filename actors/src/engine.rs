//! The engine's handle: the only thing the front door holds.

use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use vetd_model::new_session::NewSession;
use vetd_model::{Realm, Session, SessionId, Timestamp};
use vetd_storage::{Page, SessionQuery, Store};
use zeroize::Zeroizing;

use crate::access::Access;
use crate::catalog::Catalog;
use crate::clock::Clock;
use crate::entropy::Entropy;
use crate::error::EngineError;
use crate::idempotency::{Claim, InFlight};
use crate::reply::{Ask, Render, Reply};

/// How the engine runs.
#[derive(Debug, Clone)]
pub struct EngineConfig {
    /// Registry shards; a few for each core.
    pub shards: usize,
    /// The most idle session actors kept in memory.
    pub resident_limit: usize,
    /// Threads that run checks at the same time.
    pub check_threads: usize,
    /// True if test-mode webhooks may go to loopback addresses: on a server that itself
    /// listens there.
    pub loopback_webhooks: bool,
}

/// The engine. Cheap to clone; every clone is the same engine.
#[derive(Clone)]
pub struct Engine {
    pub(crate) inner: Arc<Inner>,
}

pub(crate) struct Inner {
    pub(crate) store: Arc<dyn Store>,
    pub(crate) clock: Arc<dyn Clock>,
    pub(crate) entropy: Entropy,
    pub(crate) access: Access,
    pub(crate) catalog: Catalog,
    pub(crate) in_flight: InFlight,
    pub(crate) endpoint_change: tokio::sync::Mutex<()>,
    pub(crate) webhooks: crate::webhooks::Webhooks,
}

impl Engine {
    /// Starts the engine over a store: recovers every live session, arms its deadline, expires
    /// what is overdue, runs interrupted checks again and resumes deliveries.
    ///
    /// # Errors
    /// The store's.
    pub async fn start(store: Arc<dyn Store>, clock: Arc<dyn Clock>, config: EngineConfig) -> Result<Self, EngineError> {
        todo!()
    }

    /// Stops in two steps: no new commands, then what is under way to its end, at most for `grace`.
    pub async fn shutdown(&self, grace: Duration) {
        todo!()
    }

    /// The time now.
    #[must_use]
    pub fn now(&self) -> Timestamp {
        self.inner.clock.now()
    }

    /// The clock, for whoever has to wait.
    #[must_use]
    pub fn clock(&self) -> &Arc<dyn Clock> {
        &self.inner.clock
    }

    /// The source of randomness.
    #[must_use]
    pub fn entropy(&self) -> Entropy {
        self.inner.entropy
    }

    /// A key for one purpose, derived from the master key.
    #[must_use]
    pub fn derived_key(&self, label: &str) -> Zeroizing<[u8; 32]> {
        self.inner.store.derived_key(label)
    }

    /// Whether writes would be accepted now.
    ///
    /// # Errors
    /// What is in the way.
    pub fn health(&self) -> Result<(), EngineError> {
        Ok(self.inner.store.health()?)
    }

    /// Makes a session. Its answer is not filed as bytes: a replay makes it again from the
    /// session, so `render` must depend on nothing that changes.
    ///
    /// # Errors
    /// The rules' refusal, the store's.
    pub async fn create_session(
        &self,
        realm: Realm,
        new: NewSession,
        claim: Option<Claim>,
        render: Render<Session>,
    ) -> Result<Reply, EngineError> {
        todo!()
    }

    /// Hands a command to the session's actor; the answer comes once it is durable.
    ///
    /// # Errors
    /// `not_found`, the rules' refusal, the store's.
    pub async fn ask(
        &self,
        realm: Realm,
        id: SessionId,
        ask: Ask,
        claim: Option<Claim>,
        render: Render<Session>,
    ) -> Result<Reply, EngineError> {
        todo!()
    }

    /// One session, from the store.
    ///
    /// # Errors
    /// The store's.
    pub async fn session(&self, realm: Realm, id: SessionId) -> Result<Option<Session>, EngineError> {
        Ok(self.inner.store.session(realm, id).await?.map(|(session, _)| session))
    }

    /// A page of sessions, which are also verifications.
    ///
    /// # Errors
    /// `validation_error` if the filters are too broad; the store's.
    pub async fn sessions(&self, realm: Realm, query: SessionQuery) -> Result<Page<Session>, EngineError> {
        Ok(self.inner.store.sessions(realm, query).await?)
    }
}

impl Reply {
    /// A reply of JSON.
    #[must_use]
    pub fn json(status: u16, body: &impl serde::Serialize) -> Self {
        Self { status, body: Bytes::from(serde_json::to_vec(body).unwrap_or_default()) }
    }
}
