//! The disk fails at each write of a session's life in turn, actors fall, checks are interrupted:
//! the outcome is always the same.
#![expect(clippy::unwrap_used, clippy::panic, reason = "a test fails where it unwraps")]

mod common;
mod receiver;

use std::collections::{BTreeMap, BTreeSet};
use std::io;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU32, Ordering};
use std::time::Duration;

use axum::http::StatusCode;
use common::{Answer, TestApp, config, person, text};
use receiver::{Delivery, Receiver};
use serde_json::{Value, json};
use vetd_actors::{Ask, EngineConfig, EngineError};
use vetd_model::event::EventKind;
use vetd_model::{Mode, Realm, SessionId, WorkspaceId};
use vetd_storage::{Store, WriteStage};

const REALM: Realm = Realm { workspace: WorkspaceId(1), mode: Mode::Test };
const PATIENCE: Duration = Duration::from_secs(30);

/// A server whose disk fails once, and a client that repeats until it is answered.
struct Run {
    app: Option<TestApp>,
    fired: Arc<AtomicBool>,
    moved_on: bool,
    /// A failed flush or sync ends the store for good; the operator starts the server again.
    fatal: bool,
    /// What was acknowledged, by key and path.
    answers: BTreeMap<(String, String), (Answer, String, Value)>,
}

impl Run {
    /// The disk fails at the `nth` time that a group reaches this stage.
    fn failing(app: TestApp, at: WriteStage, nth: u32) -> Self {
        let fired = Arc::new(AtomicBool::new(false));
        let (noted, reached) = (Arc::clone(&fired), AtomicU32::new(0));
        app.fault_writes(move |stage| {
            if stage == at && reached.fetch_add(1, Ordering::SeqCst) + 1 == nth {
                noted.store(true, Ordering::SeqCst);
                return Err(io::Error::other("planted"));
            }
            Ok(())
        });
        Self { app: Some(app), fired, moved_on: false, fatal: at != WriteStage::Apply, answers: BTreeMap::new() }
    }

    fn app(&self) -> &TestApp {
        self.app.as_ref().unwrap()
    }

    /// After the failure: what is to be tried again is due.
    async fn recover(&mut self) {
        if !self.fired.load(Ordering::SeqCst) || std::mem::replace(&mut self.moved_on, true) {
            return;
        }
        if self.fatal {
            self.app = Some(self.app.take().unwrap().restart_around(Duration::ZERO, |_| {}).await);
        }
        self.app().clock.advance(Duration::from_secs(6));
    }

    /// Posts until it is answered with anything but 503.
    async fn once(&mut self, bearer: &str, key: &str, path: &str, body: Value) -> Value {
        let patient = async {
            loop {
                let answer = self.app().call_once(bearer, key, "POST", path, body.clone()).await;
                if answer.status != StatusCode::SERVICE_UNAVAILABLE {
                    return answer;
                }
                assert!(self.fired.load(Ordering::SeqCst), "a disk that works: {answer:?}");
                self.recover().await;
                tokio::task::yield_now().await;
            }
        };
        let answer = tokio::time::timeout(PATIENCE, patient).await.expect("503 for ever");
        assert!(answer.status.is_success(), "{path}: {answer:?}");
        let json = answer.json();
        let first = (answer, bearer.to_owned(), body);
        self.answers.insert((key.to_owned(), path.to_owned()), first);
        json
    }

    /// The next delivery, which has to come. The write that fails may be a lane's own, and nobody
    /// else asks for anything.
    async fn arrival(&mut self, receiver: &mut Receiver) -> Delivery {
        let patient = async {
            loop {
                if let Ok(delivery) = tokio::time::timeout(Duration::from_millis(20), receiver.next()).await {
                    return delivery;
                }
                self.recover().await;
            }
        };
        tokio::time::timeout(PATIENCE, patient).await.expect("a delivery that has to come did not")
    }

    /// Waits until how the deliveries went is on record: from here on nothing more is written.
    async fn written_down(&mut self, hook: &Value) {
        let endpoint = text(&hook["id"]).parse().unwrap();
        let patient = async {
            while self.app().store.mark(endpoint).map(|mark| mark.position) != Ok(self.app().position()) {
                self.recover().await;
                let mut position = self.app().store.durable_position();
                let changed = tokio::time::timeout(Duration::from_millis(20), position.changed()).await;
                // A write that failed is tried again once its time has come.
                if changed.is_err() && self.fired.load(Ordering::SeqCst) {
                    self.app().clock.advance(Duration::from_secs(6));
                }
            }
        };
        tokio::time::timeout(PATIENCE, patient).await.expect("the deliveries are never on record");
    }

    /// Waits until the session is completed.
    async fn completed(&mut self, session: &Value) {
        let path = format!("/v1/sessions/{}", text(&session["id"]));
        let patient = async {
            loop {
                let mut position = self.app().store.durable_position();
                let found = self.app().get(&path).await;
                if found.status == StatusCode::OK && found.json()["status"] == "completed" {
                    return;
                }
                self.recover().await;
                let _changed_or_not = tokio::time::timeout(Duration::from_millis(5), position.changed()).await;
            }
        };
        tokio::time::timeout(PATIENCE, patient).await.expect("never completed");
    }
}

/// One session is walked to its end, another is canceled. Returns false if nothing failed.
async fn lives_on(at: WriteStage, nth: u32) -> bool {
    let app = TestApp::start().await;
    let mut receiver = Receiver::start().await;
    let hook = app.post("/v1/webhook_endpoints", json!({ "url": receiver.url })).await.expect(StatusCode::CREATED);
    let key = app.key.clone();
    let mut run = Run::failing(app, at, nth);

    let walked = run.once(&key, "a", "/v1/sessions", json!({ "metadata": { "who": "a" } })).await;
    let token = text(&walked["sdk_token"]).to_owned();
    run.once(&token, "load", "/iframe/api/load", json!({})).await;
    let canceled = run.once(&key, "b", "/v1/sessions", json!({ "metadata": { "who": "b" } })).await;
    run.once(&token, "consent", "/iframe/api/steps/consent", json!({ "accepted": true })).await;
    run.once(&token, "data", "/iframe/api/steps/data_entry", json!({ "fields": person() })).await;
    let cancel = format!("/v1/sessions/{}/cancel", text(&canceled["id"]));
    run.once(&key, "cancel", &cancel, json!({})).await;
    run.completed(&walked).await;

    // Every event arrives, and the first time that it does its predecessors have.
    let expected = BTreeMap::from([(text(&walked["id"]), 4), (text(&canceled["id"]), 2)]);
    let mut arrived: BTreeMap<String, BTreeSet<u64>> = BTreeMap::new();
    while !expected.iter().all(|(id, last)| arrived.get(*id).is_some_and(|seen| seen.len() == *last)) {
        let (id, sequence) = run.arrival(&mut receiver).await.place();
        let seen = arrived.entry(id).or_default();
        assert!(sequence == 1 || seen.contains(&(sequence - 1)), "{sequence} before its predecessor");
        seen.insert(sequence);
    }
    run.written_down(&hook).await;
    let Run { app, fired, answers, .. } = run;
    let app = app.unwrap();
    app.heal_disk();
    for ((once, path), (first, bearer, body)) in answers {
        let again = app.call_once(&bearer, &once, "POST", &path, body).await;
        assert_eq!((again.status, &again.body), (first.status, &first.body), "{once}: a replay is the first answer");
        assert_eq!(again.header("idempotent-replayed"), "true", "{once}");
    }
    assert_eq!(
        app.event_types(&walked),
        ["verification.created", "verification.updated", "verification.updated", "verification.completed"]
    );
    assert_eq!(app.event_types(&canceled), ["verification.created", "verification.canceled"]);
    let list = app.get("/v1/sessions").await.expect(StatusCode::OK);
    assert_eq!(list["data"].as_array().unwrap().len(), 2, "{at:?} {nth}: {list}");
    app.finish().await;
    fired.load(Ordering::SeqCst)
}

/// Lets write 1, 2, 3 … fail until there is none left to fail.
async fn sweep(at: WriteStage) {
    let mut nth = 1;
    while lives_on(at, nth).await {
        nth += 1;
    }
    assert!(nth > 7, "only {nth} groups were written");
}

#[tokio::test]
async fn whichever_write_fails_before_it_is_applied_the_outcome_is_the_same() {
    sweep(WriteStage::Apply).await;
}

#[tokio::test]
async fn whichever_flush_fails_the_outcome_after_a_restart_is_the_same() {
    sweep(WriteStage::Flush).await;
}

#[tokio::test]
async fn whichever_sync_fails_the_outcome_after_a_restart_is_the_same() {
    sweep(WriteStage::Sync).await;
}

#[tokio::test]
async fn checks_that_were_interrupted_run_again_after_a_restart() {
    let app = TestApp::start().await;
    let session = app.create(json!({})).await;
    app.load(&session).await;
    app.submit(&session, "consent", json!({ "accepted": true })).await;
    // The last step reaches the disk; nothing after it does.
    let written = Arc::new(AtomicBool::new(false));
    let last = Arc::clone(&written);
    app.fault_writes(move |stage| match stage {
        WriteStage::Apply if last.load(Ordering::SeqCst) => Err(io::Error::other("killed")),
        WriteStage::Sync => {
            last.store(true, Ordering::SeqCst);
            Ok(())
        }
        _ => Ok(()),
    });
    app.enter(&session, person()).await;
    let app = app.restart_around(Duration::from_secs(3_600), |_| {}).await;
    assert!(written.load(Ordering::SeqCst));
    // Nobody asks for it, and the deadline has passed: checks that were running still decide.
    app.await_status(&session, "completed").await;
    assert_eq!(app.event_types(&session).len(), 4);
    assert_eq!(app.verification(&session).await["attempts"], 1);
    app.finish().await;
}

fn crowded() -> EngineConfig {
    EngineConfig { resident_limit: 50, ..config() }
}

async fn crowd(app: &TestApp, count: usize) {
    for _ in 0..count / 100 {
        let created = (0..100).map(|_| app.create(json!({ "expires_in": 60 })));
        futures::future::join_all(created).await;
    }
}

/// Waits for as many events as there must be, and checks that each session expired once.
async fn all_expired_once(app: &TestApp, count: usize) {
    let mut position = app.store.durable_position();
    let all = position.wait_for(|position| *position >= 2 * count as u64);
    drop(tokio::time::timeout(PATIENCE, all).await.expect("not every deadline was kept").unwrap());
    let list = app.get("/v1/sessions?status=created").await.expect(StatusCode::OK);
    assert_eq!(list["data"], json!([]));
    let events = app.store.events(REALM, 0, 1_000_000).unwrap().events;
    let moves = events.iter().filter_map(|found| found.event.as_session());
    let expired: Vec<SessionId> =
        moves.filter(|event| event.kind == EventKind::Expired).map(|event| event.session).collect();
    let distinct: BTreeSet<_> = expired.iter().collect();
    assert_eq!((events.len(), expired.len(), distinct.len()), (2 * count, count, count));
}

#[tokio::test]
async fn three_thousand_sessions_due_at_one_moment_expire_once_each() {
    let app = TestApp::start_with(crowded()).await;
    crowd(&app, 3_000).await;
    app.clock.advance(Duration::from_secs(61));
    all_expired_once(&app, 3_000).await;
    app.finish().await;
}

#[tokio::test]
async fn three_thousand_overdue_sessions_expire_once_each_at_the_start() {
    let app = TestApp::start_with(crowded()).await;
    crowd(&app, 3_000).await;
    let app = app.restart_after(Duration::from_secs(3_600)).await;
    all_expired_once(&app, 3_000).await;
    // And not again at the next.
    let app = app.restart_after(Duration::from_secs(3_600)).await;
    all_expired_once(&app, 3_000).await;
    app.finish().await;
}

/// Makes the session's actor fall while it works on a command.
async fn fell(app: &TestApp, id: SessionId) {
    let outcome = app.engine.ask(REALM, id, Ask::Load, None, Box::new(|_| panic!("planted"))).await;
    assert!(matches!(outcome, Err(EngineError::Unavailable { .. })), "{outcome:?}");
}

#[tokio::test]
async fn an_actor_that_falls_is_revived_from_its_snapshot() {
    let app = TestApp::start().await;
    let session = app.create(json!({})).await;
    let id: SessionId = text(&session["id"]).parse().unwrap();
    fell(&app, id).await;
    assert_eq!(app.session(&session).await["status"], "created", "what fell left nothing behind");
    app.load(&session).await;
    fell(&app, id).await;
    app.submit(&session, "consent", json!({ "accepted": true })).await;
    fell(&app, id).await;
    app.enter(&session, person()).await;
    app.await_status(&session, "completed").await;
    assert_eq!(app.event_types(&session).len(), 4);
    app.finish().await;
}

#[tokio::test]
async fn an_actor_that_falls_too_often_rests_for_a_minute_and_hurts_nobody_else() {
    let app = TestApp::start().await;
    let (session, other) = (app.create(json!({})).await, app.create(json!({ "expires_in": 60 })).await);
    let id: SessionId = text(&session["id"]).parse().unwrap();
    for _ in 0..4 {
        fell(&app, id).await;
    }
    let refused = app.iframe(&session, "load", json!({})).await;
    refused.refused(503, "dependency_unavailable");
    assert_eq!(refused.header("retry-after"), "60");
    assert_eq!(app.session(&session).await["status"], "created", "reads need no actor");
    app.load(&other).await;
    app.clock.advance(Duration::from_secs(60));
    app.await_status(&other, "expired").await;
    app.load(&session).await;
    app.finish().await;
}

#[tokio::test]
async fn an_actor_that_falls_misses_no_deadline() {
    let app = TestApp::start().await;
    let session = app.create(json!({ "expires_in": 90 })).await;
    let id: SessionId = text(&session["id"]).parse().unwrap();
    for _ in 0..4 {
        fell(&app, id).await;
    }
    app.clock.advance(Duration::from_secs(90));
    app.await_status(&session, "expired").await;
    assert_eq!(app.event_types(&session), ["verification.created", "verification.expired"]);
    app.finish().await;
}
