//! The whole server without its socket: real store, real actors, real router, a clock that the
//! test moves. At its end it is taken down and its store audited, whatever the test looked at.

#![allow(dead_code, reason = "each test binary uses its own part of this")]
#![expect(clippy::unwrap_used, clippy::panic, reason = "a test fails where it unwraps")]

pub mod contract;
pub mod faulty_disk;
pub mod sse;
pub mod steps;
pub mod world;

use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use axum::Router;
use axum::body::{Body, Bytes, HttpBody};
use axum::http::{HeaderMap, Request, StatusCode};
use parking_lot::Mutex;
use serde_json::{Value, json};
use tempfile::TempDir;
use tower::ServiceExt;
use vetd::http::{HttpSettings, router};
use vetd_actors::{Clock, Engine, EngineConfig, FaceReader, NewKey, TestClock};
use vetd_model::address::{Ranges, WebhookTargets};
use vetd_model::workspace::Scopes;
use vetd_model::{Mode, Realm, Timestamp, WorkspaceId};
use vetd_storage::media::{MediaLocation, MediaStore};
use vetd_storage::{SledStore, Store, StoreOptions, WriteFault, audit};

/// 22 November 2025, a little after half past eight in the morning, UTC.
pub const NOON: Timestamp = Timestamp::from_seconds(1_763_800_000);
/// Where links lead.
pub const PUBLIC_URL: &str = "https://verify.example.com";

/// How long events stay readable.
pub const KEEP_EVENTS: Duration = Duration::from_secs(30 * 24 * 3_600);
/// How long entries of the audit log do.
pub const KEEP_AUDIT_LOG: Duration = Duration::from_secs(730 * 24 * 3_600);
pub const WATCHLIST_MAX_AGE: Duration = Duration::from_secs(30 * 24 * 3_600);

/// A server under test.
pub struct TestApp {
    pub router: Router,
    pub engine: Engine,
    pub store: Arc<SledStore>,
    pub clock: TestClock,
    /// A test key of workspace 1 with every scope.
    pub key: String,
    /// How many bytes the disk has left, as the store is told.
    pub free_space: Arc<AtomicU64>,
    /// Asked at each stage of each group of writes, if there is one.
    pub write_fault: Arc<Mutex<Option<WriteFault>>>,
    dir: TempDir,
    config: EngineConfig,
    http: HttpSettings,
    finished: bool,
}

impl TestApp {
    pub async fn start() -> Self {
        Self::start_with(config()).await
    }

    pub async fn start_with(config: EngineConfig) -> Self {
        Self::start_behind(config, |_| {}).await
    }

    /// With another front door.
    pub async fn start_behind(config: EngineConfig, change: impl FnOnce(&mut HttpSettings)) -> Self {
        let mut http = HttpSettings::new(PUBLIC_URL);
        change(&mut http);
        let dir = TempDir::new().unwrap();
        let clock = TestClock::new(NOON);
        let free_space = Arc::new(AtomicU64::new(u64::MAX));
        let write_fault = Arc::default();
        let (engine, store) = open(dir.path(), &clock, &config, &free_space, &write_fault).await;
        let router = router(engine.clone(), http.clone());
        let workspace = engine.create_workspace("default").await.unwrap();
        let realm = Realm { workspace: workspace.id, mode: Mode::Test };
        let key = make_key(&engine, realm, Scopes::ALL).await;
        Self { router, engine, store, clock, key, free_space, write_fault, dir, config, http, finished: false }
    }

    /// Takes the server down in an orderly way and starts it again over the same folder, after
    /// this much time.
    pub async fn restart_after(mut self, pause: Duration) -> Self {
        self.stop().await;
        self.clock.advance(pause);
        (self.engine, self.store) =
            open(self.dir.path(), &self.clock, &self.config, &self.free_space, &self.write_fault).await;
        self.router = router(self.engine.clone(), self.http.clone());
        self
    }

    /// The same, as the operator has configured it by then.
    pub async fn restart_with(mut self, config: EngineConfig) -> Self {
        self.config = config;
        self.restart_after(Duration::ZERO).await
    }

    async fn stop(&mut self) {
        self.engine.shutdown(Duration::from_secs(60)).await;
        // The router and the engine hold the store open.
        self.router = Router::new();
    }

    /// Takes the server down and audits its store.
    pub async fn finish(mut self) {
        self.free_space.store(u64::MAX, Ordering::SeqCst);
        *self.write_fault.lock() = None;
        self.engine.shutdown(Duration::from_secs(60)).await;
        self.finished = true;
        let store = SledStore::open(StoreOptions::new(self.dir.path())).unwrap();
        let report = audit(&store);
        assert!(report.violations.is_empty(), "the store is not sound: {:#?}", report.violations);
    }

    /// The data folder.
    pub fn folder(&self) -> &Path {
        self.dir.path()
    }

    /// A further key.
    pub async fn key_for(&self, realm: Realm, scopes: Scopes) -> String {
        make_key(&self.engine, realm, scopes).await
    }

    /// A key of another workspace.
    pub async fn foreign_key(&self) -> String {
        let workspace = self.engine.create_workspace("another").await.unwrap();
        self.key_for(Realm { workspace: workspace.id, mode: Mode::Test }, Scopes::ALL).await
    }

    /// A live key of workspace 1, which is activated for it.
    pub async fn live_key(&self) -> String {
        self.engine.change_workspace(WorkspaceId(1), |workspace| workspace.live_activated = true).await.unwrap();
        self.key_for(Realm { workspace: WorkspaceId(1), mode: Mode::Live }, Scopes::ALL).await
    }

    /// Sends a request as it is.
    pub async fn send(&self, request: Request<Body>) -> Answer {
        let (request, sent) = copied(request).await;
        let (method, path) = (request.method().clone(), request.uri().path().to_owned());
        let response = self.router.clone().oneshot(request).await.unwrap();
        let (parts, body) = response.into_parts();
        let body = axum::body::to_bytes(body, usize::MAX).await.unwrap().to_vec();
        let answer = Answer { status: parts.status, headers: parts.headers, body };
        answer.check_envelope();
        contract::check(&method, &path, sent.as_ref(), &answer);
        answer
    }

    /// A request with the app's key and a JSON body.
    pub async fn call(&self, method: &str, path: &str, body: Value) -> Answer {
        self.call_as(&self.key, method, path, body).await
    }

    /// A request with another credential.
    pub async fn call_as(&self, bearer: &str, method: &str, path: &str, body: Value) -> Answer {
        self.send(request(bearer, method, path, body.to_string())).await
    }

    pub async fn get(&self, path: &str) -> Answer {
        self.send(bodyless(&self.key, path)).await
    }

    pub async fn get_as(&self, bearer: &str, path: &str) -> Answer {
        self.send(bodyless(bearer, path)).await
    }

    pub async fn post(&self, path: &str, body: Value) -> Answer {
        self.call("POST", path, body).await
    }

    /// With an `Idempotency-Key`.
    pub async fn post_once(&self, idempotency_key: &str, path: &str, body: Value) -> Answer {
        let mut request = request(&self.key, "POST", path, body.to_string());
        request.headers_mut().insert("idempotency-key", idempotency_key.parse().unwrap());
        self.send(request).await
    }

    /// Makes a session; returns its answer.
    pub async fn create(&self, body: Value) -> Value {
        let answer = self.post("/v1/sessions", body).await;
        answer.expect(StatusCode::CREATED)
    }

    /// Loads a session and submits every step with data that the checks pass.
    pub async fn walk(&self, session: &Value) -> Answer {
        let token = text(&session["sdk_token"]);
        let mut answer = self.call_as(token, "POST", "/iframe/api/load", json!({})).await;
        for (step, body) in [("consent", json!({ "accepted": true })), ("data_entry", json!({ "fields": person() }))] {
            answer.expect(StatusCode::OK);
            answer = self.call_as(token, "POST", &format!("/iframe/api/steps/{step}"), body).await;
        }
        answer
    }

    /// Waits until the session has this status. Time stands still meanwhile.
    pub async fn await_status(&self, session: &Value, status: &str) -> Value {
        let path = format!("/v1/sessions/{}", text(&session["id"]));
        let mut position = self.store.durable_position();
        loop {
            position.mark_unchanged();
            let found = self.get(&path).await.expect(StatusCode::OK);
            if found["status"] == status {
                return found;
            }
            let moved = tokio::time::timeout(Duration::from_secs(30), position.changed()).await;
            moved.unwrap_or_else(|_| panic!("{} never became {status}: {found}", session["id"])).unwrap();
        }
    }

    /// Waits until the session has ended, however.
    pub async fn await_ended(&self, session: &Value) -> Value {
        let mut position = self.store.durable_position();
        loop {
            position.mark_unchanged();
            let found = self.get(&format!("/v1/sessions/{}", text(&session["id"]))).await.expect(StatusCode::OK);
            if !["created", "requires_input", "in_progress"].contains(&text(&found["status"])) {
                return found;
            }
            let moved = tokio::time::timeout(Duration::from_secs(30), position.changed()).await;
            moved.unwrap_or_else(|_| panic!("{} never ended: {found}", session["id"])).unwrap();
        }
    }

    /// The types of a session's events, in their sequence.
    pub fn event_types(&self, session: &Value) -> Vec<&'static str> {
        let id = text(&session["id"]).parse().unwrap();
        let realm = Realm { workspace: WorkspaceId(1), mode: Mode::from_livemode(session["livemode"] == true) };
        let events = self.store.events(realm, 0, 100_000).unwrap().events;
        let ours = events.iter().filter(|found| found.event.session() == Some(id));
        ours.map(|found| found.event.type_name()).collect()
    }

    /// How many events there are in all, for tests that assert that nothing has changed.
    pub fn position(&self) -> u64 {
        *self.store.durable_position().borrow()
    }
}

impl Drop for TestApp {
    fn drop(&mut self) {
        assert!(self.finished || std::thread::panicking(), "a test must end its TestApp with finish()");
    }
}

pub fn config() -> EngineConfig {
    EngineConfig {
        shards: 2,
        resident_limit: 1_000,
        check_threads: 2,
        faces: FaceReader::built_in().map(Arc::new),
        pages: None,
        public_url: PUBLIC_URL.to_owned(),
        webhook_targets: WebhookTargets::new(Ranges::default(), true),
        keep_events: KEEP_EVENTS,
        keep_audit_log: KEEP_AUDIT_LOG,
        chip_trust: Arc::default(),
        watchlist_max_age: WATCHLIST_MAX_AGE,
        on_fatal: None,
    }
}

async fn open(
    dir: &Path,
    clock: &TestClock,
    config: &EngineConfig,
    free_space: &Arc<AtomicU64>,
    write_fault: &Arc<Mutex<Option<WriteFault>>>,
) -> (Engine, Arc<SledStore>) {
    let mut options = StoreOptions::new(dir);
    let free = Arc::clone(free_space);
    options.space_probe = Some(Arc::new(move || Ok(free.load(Ordering::SeqCst))));
    let fault = Arc::clone(write_fault);
    options.write_fault = Some(Arc::new(move |stage| {
        let fault = fault.lock().clone();
        fault.map_or(Ok(()), |fault| fault(stage))
    }));
    let store = SledStore::open(options).unwrap();
    let clock: Arc<dyn Clock> = Arc::new(clock.clone());
    let pictures = MediaStore::open(MediaLocation::Folder { path: dir.join("media"), reserve_bytes: 0 }).unwrap();
    let engine = Engine::start(Arc::clone(&store) as Arc<dyn Store>, pictures, clock, config.clone()).await.unwrap();
    (engine, store)
}

async fn make_key(engine: &Engine, realm: Realm, scopes: Scopes) -> String {
    engine.create_key(NewKey { realm, name: "test".to_owned(), scopes, expires_at: None }).await.unwrap().0
}

/// A request with a bearer credential and a JSON body.
pub fn request(bearer: &str, method: &str, path: &str, body: impl Into<Body>) -> Request<Body> {
    Request::builder()
        .method(method)
        .uri(path)
        .header("authorization", format!("Bearer {bearer}"))
        .header("content-type", "application/json")
        .body(body.into())
        .unwrap()
}

/// The request, and a copy of its body if that is there already.
async fn copied(request: Request<Body>) -> (Request<Body>, Option<Bytes>) {
    if request.body().size_hint().exact().is_none() {
        return (request, None);
    }
    let (parts, body) = request.into_parts();
    let bytes = axum::body::to_bytes(body, usize::MAX).await.unwrap();
    (Request::from_parts(parts, Body::from(bytes.clone())), Some(bytes))
}

fn bodyless(bearer: &str, path: &str) -> Request<Body> {
    let request = Request::builder().uri(path).header("authorization", format!("Bearer {bearer}"));
    request.body(Body::empty()).unwrap()
}

/// Typed data that the scaffold's checks pass.
pub fn person() -> Value {
    json!({ "first_name": "ANNA MARIA", "last_name": "ERIKSSON", "date_of_birth": "1974-08-12", "country": "SE" })
}

pub fn text(value: &Value) -> &str {
    value.as_str().unwrap_or_else(|| panic!("not a string: {value}"))
}

/// What came back.
#[derive(Debug, Clone)]
pub struct Answer {
    pub status: StatusCode,
    pub headers: HeaderMap,
    pub body: Vec<u8>,
}

impl Answer {
    pub fn json(&self) -> Value {
        serde_json::from_slice(&self.body)
            .unwrap_or_else(|_| panic!("not JSON: {:?}", String::from_utf8_lossy(&self.body)))
    }

    /// The JSON of an answer with this status.
    #[track_caller]
    pub fn expect(&self, status: StatusCode) -> Value {
        assert_eq!(self.status, status, "{}", String::from_utf8_lossy(&self.body));
        self.json()
    }

    /// The refusal with this status and code; returns the paths of its fields.
    #[track_caller]
    pub fn refused(&self, status: u16, code: &str) -> Vec<String> {
        let json = self.json();
        assert_eq!((self.status.as_u16(), &json["error"]["code"]), (status, &json!(code)), "{json}");
        let fields = json["error"]["fields"].as_array().cloned().unwrap_or_default();
        fields.iter().map(|field| text(&field["path"]).to_owned()).collect()
    }

    pub fn header(&self, name: &str) -> &str {
        self.headers.get(name).map_or("", |value| value.to_str().unwrap())
    }

    /// What holds for every answer of every route.
    fn check_envelope(&self) {
        let id = self.header("kyc-request-id");
        assert!(id.starts_with("req_"), "no KYC-Request-Id on {self:?}");
        let is_page = self.headers.get("content-type").is_some_and(|kind| kind == "text/html; charset=utf-8");
        if !self.status.is_success() && !self.body.is_empty() && !is_page {
            let error = &self.json()["error"];
            assert_eq!(error["request_id"], id);
            assert!(!text(&error["message"]).is_empty());
            assert_eq!(error["code"] == "validation_error", error["fields"].is_array(), "{error}");
            assert!(!self.status.is_server_error() || error["code"] != "internal_error", "{error}");
        }
    }
}

/// Waits for something that comes without the clock's help.
pub async fn until(what: &str, holds: impl Fn() -> bool) {
    let patient = async {
        while !holds() {
            tokio::task::yield_now().await;
        }
    };
    let patience = Duration::from_secs(20);
    assert!(tokio::time::timeout(patience, patient).await.is_ok(), "it never came to this: {what}");
}
