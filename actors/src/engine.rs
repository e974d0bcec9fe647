//! The engine's handle: the only thing the front door holds.

use std::sync::{Arc, Weak};
use std::time::Duration;

use bytes::Bytes;
use parking_lot::Mutex;
use prometheus_client::registry::Registry as MeterRegistry;
use tokio::sync::oneshot;
use tracing::{Instrument, debug_span};
use vetd_checks::FaceReader;
use vetd_model::address::WebhookTargets;
use vetd_model::link::Links;
use vetd_model::new_session::{Birth, NewSession};
use vetd_model::{Realm, Session, SessionId, Timestamp};
use vetd_storage::media::MediaStore;
use vetd_storage::{Answer, Commit, FatalHook, Page, SessionQuery, SessionWrite, Store, StoreError, Write};
use zeroize::Zeroizing;

use crate::access::Access;
use crate::api_keys::keep_last_uses;
use crate::catalog::Catalog;
use crate::check_pool::{CheckPool, Tools};
use crate::chips::ChipTrust;
use crate::clock::Clock;
use crate::entropy::Entropy;
use crate::error::EngineError;
use crate::idempotency::{Claim, InFlight};
use crate::meters::Meters;
use crate::pages::PageDrawer;
use crate::pictures::{Pictures, Readers};
use crate::providers::Providers;
use crate::readiness::Probed;
use crate::receiving::expire_uploads;
use crate::registry::{Registry, SessionKey};
use crate::reply::{Ask, Render, Reply};
use crate::retention::Progress;
use crate::root::{self, Root};
use crate::session_actor::{Context, SessionMsg};
use crate::shard::RING_AGAIN;
use crate::watching::Watchers;
use crate::watchlists::Lists;
use crate::webhooks::Webhooks;

/// How the engine runs.
#[derive(Clone)]
pub struct EngineConfig {
    /// Registry shards; a few for each core.
    pub shards: usize,
    /// The most idle session actors kept in memory.
    pub resident_limit: usize,
    /// Threads that run checks at the same time.
    pub check_threads: usize,
    /// Reads the faces on pictures; without it nobody looks for any.
    pub faces: Option<Arc<FaceReader>>,
    /// Draws the pages of PDF files; without it none are taken in.
    pub pages: Option<Arc<dyn PageDrawer>>,
    /// The beginning of every link, without a slash at its end.
    pub public_url: String,
    /// Where webhooks may go.
    pub webhook_targets: WebhookTargets,
    /// How long events stay readable, and with them their deliveries.
    pub keep_events: Duration,
    /// How long the entries of audit logs stay readable.
    pub keep_audit_log: Duration,
    /// The certificates that the chips of documents are trusted by.
    pub chip_trust: Arc<ChipTrust>,
    /// How old a list that people are looked for on may be before results say that it is.
    pub watchlist_max_age: Duration,
    /// Called with the reason if a part of the engine fails that nothing can revive: the
    /// process should end, since its next start recovers everything.
    pub on_fatal: Option<FatalHook>,
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
    pub(crate) webhooks: Webhooks,
    webhook_targets: WebhookTargets,
    links: Links,
    pub(crate) readers: Readers,
    pub(crate) probed: Probed,
    pub(crate) retention: Progress,
    pub(crate) pictures_swept: Mutex<Option<Timestamp>>,
    pub(crate) lists: Arc<Lists>,
    pub(crate) chip_trust: Arc<ChipTrust>,
    pub(crate) context: Arc<Context>,
    registry: Registry,
    root: Root,
}

impl Engine {
    /// Starts the engine over a store and the place of its pictures: recovers every live session, arms its deadline, expires
    /// what is overdue, runs interrupted checks again and resumes deliveries.
    ///
    /// # Errors
    /// The store's.
    pub async fn start(
        store: Arc<dyn Store>,
        pictures: MediaStore,
        clock: Arc<dyn Clock>,
        config: EngineConfig,
    ) -> Result<Self, EngineError> {
        let access = Access::load(store.as_ref())?;
        let root = root::start(config.on_fatal.clone()).await?;
        let meters = Arc::new(Meters::new());
        let (faces, pages) = (config.faces.clone(), config.pages.clone());
        let (of_readers, of_pictures) = (Arc::clone(&clock), Arc::clone(&meters));
        let readers = Readers::new(config.check_threads, faces, pages, of_readers, of_pictures)?;
        let lists = Arc::new(Lists::load(store.shelf(), config.watchlist_max_age)?);
        let watchers = Arc::<Watchers>::default();
        let tools = Tools {
            store: Arc::clone(&store),
            clock: Arc::clone(&clock),
            meters: Arc::clone(&meters),
            watchers: Arc::clone(&watchers),
            lists: Arc::clone(&lists),
        };
        let checks = CheckPool::start(&root, tools, config.check_threads).await?;
        let links = Links::new(&*store.derived_key("media links"), config.public_url.clone());
        let (of_store, of_clock, of_providers) = (Arc::clone(&store), Arc::clone(&clock), Arc::clone(&meters));
        let targets = config.webhook_targets.clone();
        let providers = Providers::new(of_store, of_clock, of_providers, links.clone(), targets)?;
        let (of_sessions, of_webhooks) = (Arc::clone(&meters), meters);
        let context = Arc::new(Context {
            store: Arc::clone(&store),
            pictures: Pictures { store: pictures },
            receiving: Arc::default(),
            clock: Arc::clone(&clock),
            checks,
            providers,
            lists: Arc::clone(&lists),
            meters: of_sessions,
            watchers,
        });
        let registry = Registry::start(&root, &context, &config).await?;
        let webhooks = Webhooks::start(&root, Arc::clone(&store), Arc::clone(&clock), of_webhooks, &config).await?;
        let engine = Self {
            inner: Arc::new(Inner {
                store,
                clock,
                entropy: Entropy,
                access,
                catalog: Catalog::default(),
                in_flight: InFlight::default(),
                endpoint_change: tokio::sync::Mutex::default(),
                webhooks,
                webhook_targets: config.webhook_targets,
                links,
                readers,
                probed: Probed::default(),
                retention: Progress::default(),
                pictures_swept: Mutex::default(),
                lists,
                chip_trust: config.chip_trust,
                context,
                registry,
                root,
            }),
        };
        tokio::spawn(sweep_hourly(Arc::downgrade(&engine.inner), config.keep_events, config.keep_audit_log));
        tokio::spawn(keep_last_uses(Arc::downgrade(&engine.inner)));
        tokio::spawn(expire_uploads(Arc::downgrade(&engine.inner)));
        Ok(engine)
    }

    /// Stops in two steps: no new commands, then what is under way to its end, at most for `grace`.
    pub async fn shutdown(&self, grace: Duration) {
        let inner = &self.inner;
        inner.context.checks.stop();
        inner.context.providers.stop();
        inner.registry.drain(inner.clock.as_ref(), grace).await;
        inner.webhooks.stop().await;
        inner.root.stop(None);
        if let Err(error) = inner.keep_last_uses().await {
            tracing::warn!(%error, "could not write down when API keys were last used");
        }
        if let Err(error) = inner.store.close().await {
            tracing::error!(%error, "the store did not close cleanly; nothing acknowledged is lost");
        }
    }

    /// Hands over what the engine and its store count of themselves, under names without a
    /// prefix.
    pub fn register_meters(&self, registry: &mut MeterRegistry) {
        let (clock, lists) = (Arc::clone(&self.inner.clock), Arc::clone(&self.inner.lists));
        self.inner.context.meters.register(registry, clock, lists);
        self.inner.store.register_meters(registry);
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

    /// Where webhooks may go.
    #[must_use]
    pub fn webhook_targets(&self) -> &WebhookTargets {
        &self.inner.webhook_targets
    }

    /// Makes and reads signed links.
    #[must_use]
    pub fn links(&self) -> &Links {
        &self.inner.links
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

    /// Makes a session. Nobody else can know of it yet, so it needs no actor to guard it: it is
    /// written down, its deadline is armed, and its first command wakes an actor for it. Its
    /// answer is not filed as bytes: a replay makes it again from the session and from
    /// `public_url`, the base of its links, so `render` must depend on nothing else that changes.
    ///
    /// # Errors
    /// The rules' refusal, the store's.
    pub async fn create_session(
        &self,
        realm: Realm,
        new: NewSession,
        public_url: String,
        claim: Option<Claim>,
        render: Render<Session>,
    ) -> Result<Reply, EngineError> {
        let (template, flow) = self.resolve(realm, new.template.clone()).await?;
        let (at, entropy) = (self.now(), self.inner.entropy);
        let birth = Birth { id: entropy.id(at), realm, secret: entropy.session_secret(), at };
        let key = SessionKey { realm, id: birth.id };
        let span = debug_span!("session.create").or_current();
        let birth = new.build(birth, template, flow)?;
        let reply = render(&birth.next);
        let (session, events) = (Arc::new(birth.next), birth.events);
        let expires_at = session.expires_at;
        let answer = Answer::SessionCreated { session: key.id, expires_at, public_url };
        let record = claim.as_ref().map(|claim| claim.record(answer, None));
        let write =
            SessionWrite { before: None, next: &session, events: &events, erased: None, claims_document: false };
        let commit = Commit { writes: vec![Write::Session(write)], idempotency: record };
        let committed = span.in_scope(|| self.inner.store.commit(commit)).instrument(span).await;
        match committed {
            Ok(_) => self.inner.registry.arm(key, session.deadline()),
            Err(error @ (StoreError::Conflict | StoreError::Full | StoreError::TooLarge)) => return Err(error.into()),
            Err(error) => {
                // It may stand on the disk all the same: its actor will look.
                self.inner.registry.arm(key, Some(at.after(RING_AGAIN)));
                return Err(error.into());
            }
        }
        Ok(reply)
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
        let (reply, answer) = oneshot::channel();
        let key = SessionKey { realm, id };
        let span = debug_span!("session.command", command = ask.name()).or_current();
        self.inner.registry.deliver(key, SessionMsg::Ask { ask, claim, render, reply, span })?;
        await_answer(answer).await
    }

    /// One session, from the store.
    ///
    /// # Errors
    /// The store's.
    pub async fn session(&self, realm: Realm, id: SessionId) -> Result<Option<Arc<Session>>, EngineError> {
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

/// An actor that fails drops its answer: whether its last commit won is read again from the
/// store by its successor.
async fn await_answer(answer: oneshot::Receiver<Result<Reply, EngineError>>) -> Result<Reply, EngineError> {
    answer.await.unwrap_or_else(|_| Err(EngineError::unavailable("the session's actor failed under way")))
}

/// Deletes what has had its time, as long as the engine lives.
async fn sweep_hourly(engine: Weak<Inner>, keep_events: Duration, keep_audit_log: Duration) {
    const PAUSE: Duration = Duration::from_secs(3600);
    loop {
        let Some(inner) = engine.upgrade() else { return };
        let now = inner.clock.now();
        let swept = async {
            let records = inner.store.sweep(now, keep_events).await?;
            Ok::<_, StoreError>(records + inner.store.sweep_audit_log(now.before(keep_audit_log)).await?)
        };
        match swept.await {
            Ok(0) => {}
            Ok(removed) => tracing::info!(removed, "removed records that have had their time"),
            Err(error) => tracing::warn!(%error, "could not remove records that have had their time"),
        }
        match inner.sweep_pictures(now).await {
            Ok(0) => {}
            Ok(deleted) => tracing::info!(deleted, "deleted pictures that no session names"),
            Err(error) => tracing::warn!(%error, "could not look for pictures that no session names"),
        }
        match (Engine { inner: Arc::clone(&inner) }).apply_retention(now).await {
            Ok(0) => {}
            Ok(erased) => tracing::info!(erased, "erased what workspaces no longer want to keep"),
            Err(error) => tracing::warn!(%error, "could not erase what workspaces no longer want to keep"),
        }
        let pause = inner.clock.sleep_until(now.after(PAUSE));
        drop(inner);
        pause.await;
    }
}

impl Reply {
    /// A reply of JSON.
    #[must_use]
    pub fn json(status: u16, body: &impl serde::Serialize) -> Self {
        Self { status, body: Bytes::from(serde_json::to_vec(body).unwrap_or_default()) }
    }
}
