//! Receivers that fail in every way there is, a disk that fails while attempts are recorded, a
//! clock that is set back: no event is lost, none comes out of order, none changes.
#![expect(clippy::unwrap_used, clippy::panic, reason = "a test fails where it unwraps")]

mod common;
mod faulty_receiver;
mod receiver;

use std::hash::{BuildHasher, Hasher, RandomState};
use std::io;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use axum::http::StatusCode;
use common::faulty_disk::FULL;
use common::steps::{HOUR, consent};
use common::{NOON, TestApp, person, text, until};
use faulty_receiver::promise::{Expected, expected};
use faulty_receiver::{Answer, FaultyReceiver};
use futures::future::{join_all, select_all};
use rand::rngs::StdRng;
use rand::seq::IndexedRandom;
use rand::{RngExt, SeedableRng};
use receiver::Receiver;
use serde_json::{Value, json};
use vetd_model::delivery::{Delivery, Fault, Outcome, Standing};
use vetd_model::{EndpointId, Mode, Realm, Timestamp, WorkspaceId};
use vetd_storage::{OnRecord, Store, WriteStage};

const REALM: Realm = Realm { workspace: WorkspaceId(1), mode: Mode::Test };
/// How long a sender waits for a whole answer.
const TIME_LIMIT: Duration = Duration::from_secs(10);

/// An endpoint, and what stands behind it.
struct Hook {
    id: EndpointId,
    receiver: FaultyReceiver,
    /// All, if there is none.
    types: &'static [&'static str],
    ordered: bool,
}

impl Hook {
    async fn make(app: &TestApp, receiver: FaultyReceiver, types: &'static [&'static str], ordered: bool) -> Self {
        let events = if types.is_empty() { json!(["*"]) } else { json!(types) };
        let ordering = if ordered { "session" } else { "none" };
        let body = json!({ "url": receiver.url, "events": events, "ordering": ordering });
        Self { id: endpoint(app, body).await, receiver, types, ordered }
    }

    /// One that behaves well from the start, or after this one answer to everything.
    async fn always(app: &TestApp, answer: Answer) -> Self {
        Self::make(app, FaultyReceiver::start(std::iter::repeat(answer)).await, &[], true).await
    }

    fn expected(&self, app: &TestApp) -> Vec<Expected> {
        expected(&app.store.events(REALM, 0, 100_000).unwrap().events, self.types)
    }

    fn is_done(&self, app: &TestApp) -> bool {
        self.receiver.has_taken(&self.expected(app)) && records(app, self.id, OnRecord::Pending).is_empty()
    }
}

async fn endpoint(app: &TestApp, body: Value) -> EndpointId {
    let made = app.post("/v1/webhook_endpoints", body).await.expect(StatusCode::CREATED);
    text(&made["id"]).parse().unwrap()
}

fn records(app: &TestApp, endpoint: EndpointId, standing: OnRecord) -> Vec<Delivery> {
    app.store.deliveries(endpoint, standing, 0, 100_000).unwrap().deliveries
}

/// The time of the next attempt, once this first one is on record as failed.
async fn due(app: &TestApp, endpoint: EndpointId) -> Timestamp {
    let first = || records(app, endpoint, OnRecord::Pending).into_iter().next();
    until("the failure is on record", || first().is_some_and(|delivery| delivery.failures > 0)).await;
    match first().unwrap().standing {
        Standing::Due(at) => at,
        standing => panic!("it is not due: {standing:?}"),
    }
}

fn seeded() -> StdRng {
    let seed = RandomState::new().build_hasher().finish();
    let seed = std::env::var("VETD_TEST_SEED").map_or(seed, |text| text.parse().unwrap());
    eprintln!("VETD_TEST_SEED={seed}");
    StdRng::seed_from_u64(seed)
}

/// As many answers, half of them good ones.
fn script(rng: &mut StdRng, count: usize) -> Vec<Answer> {
    let mut one = || if rng.random_bool(0.3) { Answer::Taken } else { *Answer::SWIFT.choose(rng).unwrap() };
    (0..count).map(|_| one()).collect()
}

/// A session's next steps, last one first.
type Plan = Vec<&'static str>;

/// Walks sessions through different lives, all at once, while time passes in between.
async fn live(app: &TestApp, rng: &mut StdRng, count: usize) {
    let mut lives: Vec<(Value, Plan)> = Vec::new();
    let mut decided: Vec<(Value, &str)> = Vec::new();
    while lives.len() < count || lives.iter().any(|(_, plan)| !plan.is_empty()) {
        if lives.len() < count && rng.random_bool(0.3) {
            let outcome = *["completed", "failed", "requires_review"].choose(rng).unwrap();
            let session = app.create(json!({ "expires_in": 86_400, "test_outcome": outcome })).await;
            let mut plan: Plan = vec!["load", "consent", "data_entry", "cancel"];
            plan.truncate(rng.random_range(1..=4));
            plan.reverse();
            if plan.first() == Some(&"cancel") {
                plan.remove(1);
            } else if plan.first() == Some(&"data_entry") {
                decided.push((session.clone(), outcome));
            }
            lives.push((session, plan));
        } else if !lives.is_empty() {
            let one = rng.random_range(0..lives.len());
            let (session, plan) = &mut lives[one];
            match plan.pop() {
                Some("load") => drop(app.load(session).await),
                Some("consent") => drop(app.submit(session, "consent", consent()).await),
                Some("data_entry") => drop(app.enter(session, person()).await),
                Some(_) => drop(app.cancel(session).await.expect(StatusCode::OK)),
                None => app.clock.advance(Duration::from_secs(rng.random_range(1..4))),
            }
        }
    }
    for (session, outcome) in &decided {
        app.await_status(session, outcome).await;
    }
}

/// Lets time pass, more and more of it while nothing is attempted, until every delivery is made.
async fn deliver_all(app: &TestApp, hooks: &[Hook]) {
    let mut pause = Duration::from_secs(1);
    let mut news: Vec<_> = hooks.iter().map(|hook| hook.receiver.attempts()).collect();
    for _ in 0..10_000 {
        if hooks.iter().all(|hook| hook.is_done(app)) {
            return;
        }
        let any = select_all(news.iter_mut().map(|news| Box::pin(news.changed())));
        if tokio::time::timeout(Duration::from_millis(20), any).await.is_ok() {
            pause = Duration::from_secs(1);
        } else {
            app.clock.advance(pause);
            // An attempt that is under way meanwhile must not lose its 24 hours.
            pause = (2 * pause).min(Duration::from_secs(60));
        }
    }
    panic!("deliveries that have to be made are not");
}

#[tokio::test]
async fn whatever_receivers_do_each_event_arrives_in_order_and_unchanged() {
    let mut rng = seeded();
    let app = TestApp::start().await;
    let ends = &["verification.completed", "verification.failed", "verification.canceled"];
    let mut hooks = Vec::new();
    for (types, ordered) in [(&[][..], true), (&[], false), (ends, true), (&["verification.updated"], true)] {
        let receiver = FaultyReceiver::start(script(&mut rng, 120)).await;
        hooks.push(Hook::make(&app, receiver, types, ordered).await);
    }
    hooks.push(Hook::always(&app, Answer::Taken).await);
    live(&app, &mut rng, 25).await;
    deliver_all(&app, &hooks).await;

    let mut repeated = 0;
    for hook in &hooks {
        let expected = hook.expected(&app);
        assert!(!expected.is_empty());
        repeated += hook.receiver.check(&expected, hook.ordered);
        let settled = records(&app, hook.id, OnRecord::Settled);
        let exhausted = settled.iter().filter(|delivery| matches!(delivery.standing, Standing::Exhausted(_)));
        assert_eq!(exhausted.count(), 0);
        assert_eq!(app.store.endpoint(REALM, hook.id).unwrap().unwrap().value.disabled, None);
    }
    assert!(repeated > 20, "the run met hardly any fault: {repeated}");
    app.finish().await;
}

#[tokio::test]
async fn each_fault_by_itself_is_got_over() {
    for answer in Answer::SWIFT {
        eprintln!("{answer:?}");
        let app = TestApp::start().await;
        let receiver = FaultyReceiver::start([answer, Answer::Taken, answer, answer]).await;
        let hooks = [Hook::make(&app, receiver, &[], true).await];
        let session = app.create(json!({ "expires_in": 86_400 })).await;
        app.load(&session).await;
        app.cancel(&session).await.expect(StatusCode::OK);
        deliver_all(&app, &hooks).await;
        hooks[0].receiver.check(&hooks[0].expected(&app), true);
        app.finish().await;
    }
}

#[tokio::test]
async fn a_receiver_that_hangs_delays_no_other() {
    let app = TestApp::start().await;
    let mut hanging = Vec::new();
    for answer in [Answer::Silence, Answer::EndlessHead] {
        hanging.push(Hook::always(&app, answer).await);
    }
    let endless = Hook::always(&app, Answer::TakenEndlessly).await;
    let refusing = Hook::always(&app, Answer::ErrorEndlessly).await;
    let healthy = Hook::always(&app, Answer::Taken).await;
    // More than a lane attempts at once, so that those that hang are full.
    join_all((0..40).map(|_| app.create(json!({ "expires_in": 86_400 })))).await;
    // An endless answer holds nobody up either: its beginning is enough. Time stands still.
    let swift = async {
        until("the healthy one has everything", || healthy.is_done(&app)).await;
        until("so has the one with endless answers", || endless.is_done(&app)).await;
        until("the refusals are on record", || !records(&app, refusing.id, OnRecord::Pending).is_empty()).await;
    };
    tokio::time::timeout(TIME_LIMIT, swift).await.expect("somebody's time limit was waited for");
    for hook in &hanging {
        assert!(!hook.receiver.arrivals().is_empty(), "it was tried");
        assert_eq!(records(&app, hook.id, OnRecord::Pending), [], "and hangs still");
    }
    for hook in &hanging {
        let wait = due(&app, hook.id).await.since(NOON);
        assert!(wait >= Duration::from_secs(60), "after a time-out, {wait:?}");
        let failed = &records(&app, hook.id, OnRecord::Pending)[0];
        let attempts = app.store.attempts(hook.id, failed.position, 10).unwrap();
        assert_eq!(attempts[0].1.outcome, Outcome::Failed(Fault::TimedOut));
    }
    healthy.receiver.check(&healthy.expected(&app), true);
    endless.receiver.check(&endless.expected(&app), true);
    app.finish().await;
}

#[tokio::test]
async fn endless_answers_hold_no_place_in_their_lane() {
    let app = TestApp::start().await;
    let hook = Hook::always(&app, Answer::TakenEndlessly).await;
    // Several times what a lane attempts at once.
    join_all((0..200).map(|_| app.create(json!({ "expires_in": 86_400 })))).await;
    let all = until("all are taken", || hook.is_done(&app));
    tokio::time::timeout(TIME_LIMIT, all).await.expect("their ends were waited for");
    assert_eq!(hook.receiver.check(&hook.expected(&app), true), 0);
    app.finish().await;
}

#[tokio::test]
async fn attempts_go_on_while_the_disk_is_full_and_are_recorded_later() {
    let app = TestApp::start().await;
    let mut receiver = Receiver::start().await;
    let body = json!({ "url": receiver.url, "events": ["verification.created"] });
    let hook = endpoint(&app, body).await;
    let disk = Arc::clone(&app.free_space);
    receiver.answer(move |_| {
        disk.store(FULL, Ordering::SeqCst);
        (500, None)
    });
    app.create(json!({ "expires_in": 86_400 })).await;
    let position = app.position();
    let first = receiver.next().await;
    receiver.answer(|_| (200, None));
    let again = receiver.next_or_advance(&app.clock).await;
    assert_eq!((again.event(), &again.body), (first.event(), &first.body));
    app.clock.advance(HOUR);
    assert_eq!(app.store.delivery(hook, position).unwrap(), None, "nothing can have been written");
    assert!(app.store.mark(hook).unwrap().position < position);

    app.heal_disk();
    let mut passed = 0;
    // The first attempt may be written down before the end of the second is heard of.
    while !app.store.delivery(hook, position).unwrap().is_some_and(|delivery| delivery.is_settled()) {
        passed += 1;
        assert!(passed < 1_000, "the attempts are never recorded");
        app.clock.advance(Duration::from_secs(1));
        // Room for what comes without the clock's help.
        tokio::time::timeout(Duration::from_millis(20), std::future::pending::<()>()).await.ok();
    }
    let delivery = app.store.delivery(hook, position).unwrap().unwrap();
    assert!(matches!(delivery.standing, Standing::Succeeded(_)), "{delivery:?}");
    assert_eq!((delivery.attempts, delivery.failures), (2, 1));
    let failed = app.store.attempts(hook, position, 10).unwrap();
    assert_eq!(failed.len(), 1);
    assert!(matches!(failed[0].1.outcome, Outcome::Answered { status: 500, .. }));

    let other = app.create(json!({})).await;
    assert_eq!(receiver.next().await.session(), text(&other["id"]));
    app.finish().await;
}

#[tokio::test]
async fn what_was_sent_and_not_recorded_is_sent_again_unchanged() {
    let app = TestApp::start().await;
    let mut receiver = Receiver::start().await;
    let hook = endpoint(&app, json!({ "url": receiver.url })).await;
    // From the moment that an event arrives nothing reaches the disk.
    let fault = Arc::clone(&app.write_fault);
    receiver.answer(move |_| {
        *fault.lock() = Some(Arc::new(|stage| match stage {
            WriteStage::Apply => Err(io::Error::other("killed")),
            _ => Ok(()),
        }));
        (200, None)
    });
    app.create(json!({})).await;
    let first = receiver.next().await;
    receiver.answer(|_| (200, None));
    let app = app.restart_around(Duration::ZERO, |_| {}).await;
    let again = receiver.next().await;
    assert_eq!((again.header("kyc-event-id"), &again.body), (first.header("kyc-event-id"), &first.body));
    until("it is on record", || !records(&app, hook, OnRecord::Settled).is_empty()).await;
    let app = app.restart_after(Duration::ZERO).await;
    let last = app.create(json!({})).await;
    assert_eq!(receiver.next().await.session(), text(&last["id"]), "once is enough");
    app.finish().await;
}

#[tokio::test]
async fn a_clock_set_back_an_hour_delays_no_retry() {
    let app = TestApp::start().await;
    let mut receiver = Receiver::start().await;
    receiver.answer(|_| (500, None));
    let hook = endpoint(&app, json!({ "url": receiver.url })).await;
    app.create(json!({ "expires_in": 86_400 })).await;
    let first = receiver.next().await;
    let wait = due(&app, hook).await.since(NOON);
    receiver.answer(|_| (200, None));
    app.clock.set(NOON.before(HOUR));
    assert!(receiver.already().is_none());
    // Nothing else happens that could wake it.
    app.clock.advance(wait);
    assert_eq!(receiver.next().await.body, first.body);
    app.finish().await;
}

#[tokio::test]
async fn a_clock_set_back_an_hour_while_the_server_is_down_delays_no_retry_by_that_much() {
    let app = TestApp::start().await;
    let mut receiver = Receiver::start().await;
    receiver.answer(|_| (500, None));
    let hook = endpoint(&app, json!({ "url": receiver.url })).await;
    app.create(json!({ "expires_in": 86_400 })).await;
    let first = receiver.next().await;
    due(&app, hook).await;
    receiver.answer(|_| (200, None));
    let clock = app.clock.clone();
    let app = app.restart_around(Duration::ZERO, |_| clock.set(NOON.before(HOUR))).await;
    let restarted = app.engine.now();
    assert_eq!(receiver.next_or_advance(&app.clock).await.body, first.body);
    assert!(app.engine.now().since(restarted) < HOUR / 2);
    app.finish().await;
}
