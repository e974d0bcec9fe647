//! Deliveries over real sockets, on the test clock.
#![expect(clippy::unwrap_used, reason = "a test fails where it unwraps")]

mod common;
mod receiver;

use std::collections::BTreeMap;
use std::time::Duration;

use axum::http::StatusCode;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use common::{NOON, TestApp, config, text, until};
use futures::FutureExt;
use hmac::{Hmac, KeyInit, Mac};
use receiver::{Delivery as Arrival, Receiver};
use serde_json::{Value, json};
use sha2::{Digest, Sha256};
use tokio::net::TcpListener;
use vetd_actors::EngineConfig;
use vetd_model::address::WebhookTargets;
use vetd_model::delivery::{Delivery, Standing};
use vetd_model::signature::{WebhookSecret, verify_kyc_signature};
use vetd_model::{EndpointId, Timestamp};
use vetd_storage::{OnRecord, Store};

const PATIENCE: Duration = Duration::from_secs(20);

async fn endpoint(app: &TestApp, body: Value) -> Value {
    app.post("/v1/webhook_endpoints", body).await.expect(StatusCode::CREATED)
}

/// The pending deliveries on record: those that have failed, and those that wait behind them.
fn records(app: &TestApp, endpoint: &Value) -> Vec<Delivery> {
    let id: EndpointId = text(&endpoint["id"]).parse().unwrap();
    app.store.deliveries(id, OnRecord::Pending, 0, 1_000).unwrap().deliveries
}

/// When the first of them is tried next.
fn due(app: &TestApp, endpoint: &Value) -> Option<Timestamp> {
    match records(app, endpoint)[0].standing {
        Standing::Due(at) => Some(at),
        _ => None,
    }
}

async fn failures(app: &TestApp, endpoint: &Value, count: u32) {
    let failed = || records(app, endpoint).first().is_some_and(|delivery| delivery.failures == count);
    until("the failure is on record", failed).await;
}

fn hmac(key: &[u8], parts: &[&[u8]]) -> Vec<u8> {
    let mut mac = Hmac::<Sha256>::new_from_slice(key).unwrap();
    parts.iter().for_each(|part| mac.update(part));
    mac.finalize().into_bytes().to_vec()
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

fn unhex(text: &str) -> Vec<u8> {
    (0..text.len()).step_by(2).map(|place| u8::from_str_radix(&text[place..place + 2], 16).unwrap()).collect()
}

/// What section 7 of the contract says of each attempt.
fn check_attempt(delivery: &Arrival, secret: &str, now: u64) {
    assert_eq!(delivery.method, "POST");
    assert_eq!(delivery.path, "/hook");
    assert_eq!(delivery.header("content-type"), "application/json");
    assert_eq!(delivery.header("user-agent"), "KYC-Webhooks/1.0");
    let event = delivery.event();
    let id = text(&event["id"]);
    assert!(id.starts_with("evt_"));
    assert_eq!(delivery.header("kyc-event-id"), id);
    assert_eq!(delivery.header("webhook-id"), id);
    assert_eq!(delivery.header("webhook-timestamp"), now.to_string());
    let parsed = WebhookSecret::parse(secret).unwrap();
    verify_kyc_signature(&parsed, delivery.header("kyc-signature"), &delivery.body, now, 0).unwrap();

    // The same again, by hand.
    let time = now.to_string();
    let kyc = hmac(secret.as_bytes(), &[time.as_bytes(), b".", &delivery.body]);
    assert_eq!(delivery.header("kyc-signature"), format!("t={now},v1={}", hex(&kyc)));
    let key = STANDARD.decode(secret.strip_prefix("whsec_").unwrap()).unwrap();
    let standard = hmac(&key, &[id.as_bytes(), b".", time.as_bytes(), b".", &delivery.body]);
    assert_eq!(delivery.header("webhook-signature"), format!("v1,{}", STANDARD.encode(standard)));
}

/// The chain as a receiver checks it: nothing is missing and nothing was changed.
fn check_chain(events: &[Value]) {
    let mut prev_hash = "0".repeat(64);
    for (place, event) in events.iter().enumerate() {
        assert_eq!(event["sequence"], place + 1);
        assert_eq!(event["prev_hash"], prev_hash);
        // serde_json sorts the keys; with strings and integers alone that is RFC 8785.
        let data = serde_json::to_vec(&event["data"]).unwrap();
        let mut digest = Sha256::new();
        digest.update(unhex(text(&event["data_salt"])));
        digest.update(&data);
        assert_eq!(event["data_hash"], hex(&digest.finalize()));
        let parts = [
            text(&event["id"]).to_owned(),
            text(&event["type"]).to_owned(),
            text(&event["api_version"]).to_owned(),
            event["created"].to_string(),
            event["livemode"].to_string(),
            text(&event["session_id"]).to_owned(),
            event["sequence"].to_string(),
            prev_hash,
            text(&event["data_hash"]).to_owned(),
        ];
        prev_hash = hex(&Sha256::digest(parts.join("\n").as_bytes()));
        assert_eq!(event["hash"], prev_hash);
    }
}

#[tokio::test]
async fn every_event_arrives_in_order_signed_and_chained() {
    let app = TestApp::start().await;
    let mut receiver = Receiver::start().await;
    let hook = endpoint(&app, json!({ "url": receiver.url })).await;
    let mut sessions = Vec::new();
    for _ in 0..5 {
        sessions.push(app.create(json!({ "metadata": { "customer": "Zoë" } })).await);
    }
    for session in &sessions {
        app.walk(session).await.expect(StatusCode::OK);
    }
    let mut events: BTreeMap<String, Vec<Value>> = BTreeMap::new();
    for _ in 0..20 {
        let delivery = receiver.next().await;
        check_attempt(&delivery, text(&hook["secret"]), NOON.seconds());
        events.entry(delivery.session()).or_default().push(delivery.event());
    }
    for session in &sessions {
        let ours = &events[text(&session["id"])];
        check_chain(ours);
        let kinds: Vec<&str> = ours.iter().map(|event| text(&event["type"])).collect();
        let expected =
            ["verification.created", "verification.updated", "verification.updated", "verification.completed"];
        assert_eq!(kinds, expected);
        let object = &ours[3]["data"]["object"];
        assert_eq!((&object["session_id"], &object["status"]), (&session["id"], &json!("completed")));
        assert_eq!((&ours[0]["api_version"], &ours[0]["livemode"]), (&json!("2025-01"), &json!(false)));
        let told = serde_json::to_string(ours).unwrap();
        assert!(!told.contains("ERIKSSON") && !told.contains("sdk_token"), "nothing that was typed: {told}");
    }
    assert!(receiver.already().is_none(), "nothing arrives twice while all is well");
    app.finish().await;
}

#[tokio::test]
async fn a_failed_delivery_is_tried_again_on_the_documented_schedule_and_then_exhausted() {
    let app = TestApp::start().await;
    let mut receiver = Receiver::start().await;
    // Expiries are left out: they would come in between.
    let events = json!(["verification.created", "verification.updated"]);
    let hook = endpoint(&app, json!({ "url": receiver.url, "events": events })).await;
    receiver.answer(|_| (500, None));
    let session = app.create(json!({ "expires_in": 86_400 })).await;
    let failing = text(&session["id"]).to_owned();
    receiver.answer(move |event| (if event["session_id"] == failing { 500 } else { 200 }, None));
    let first = receiver.next().await;
    app.load(&session).await;
    for (count, step) in (1..).zip([5, 30, 300, 1_800, 7_200, 18_000, 36_000]) {
        failures(&app, &hook, count).await;
        let due = due(&app, &hook).unwrap();
        let wait = due.since(app.engine.now()).as_millis();
        assert!((step * 800..=step * 1_200).contains(&wait), "after failure {count}: {wait} ms");

        // A moment before it is due, another session's event passes, and this one does not.
        app.clock.advance(Duration::from_millis(u64::try_from(wait).unwrap() - 1));
        let other = app.create(json!({})).await;
        assert_eq!(receiver.next().await.session(), text(&other["id"]));
        assert!(receiver.already().is_none());
        app.clock.advance(Duration::from_millis(1));
        let again = receiver.next_of(&first.session()).await;
        assert_eq!((again.event(), again.sequence()), (first.event(), 1), "the same event, unchanged");
        check_attempt(&again, text(&hook["secret"]), app.engine.now().seconds());
    }
    // Once more 24 hours after the first attempt.
    failures(&app, &hook, 8).await;
    assert_eq!(due(&app, &hook), Some(NOON.after(Duration::from_secs(86_400))));
    app.clock.set(NOON.after(Duration::from_secs(86_400)));
    assert_eq!(receiver.next_of(&first.session()).await.sequence(), 1);
    let exhausted = || {
        let found = app.store.deliveries(text(&hook["id"]).parse().unwrap(), OnRecord::Settled, 0, 10).unwrap();
        found
            .deliveries
            .iter()
            .any(|delivery| delivery.failures == 9 && matches!(delivery.standing, Standing::Exhausted(_)))
    };
    until("it is exhausted", exhausted).await;
    // It lets the next of its session go; the gap shows.
    assert_eq!(receiver.next_of(&first.session()).await.sequence(), 2);
    app.finish().await;
}

#[tokio::test]
async fn a_receiver_that_asks_for_time_gets_it() {
    let app = TestApp::start().await;
    let mut receiver = Receiver::start().await;
    let hook = endpoint(&app, json!({ "url": receiver.url })).await;
    receiver.answer(|_| (503, Some(("retry-after", "9".to_owned()))));
    app.create(json!({})).await;
    receiver.next().await;
    failures(&app, &hook, 1).await;
    let wait = |app: &TestApp| due(app, &hook).unwrap().since(app.engine.now()).as_millis();
    assert!((7_200..=10_800).contains(&wait(&app)), "nine seconds, spread: {}", wait(&app));
    receiver.answer(|_| (429, None));
    app.clock.advance(Duration::from_secs(11));
    receiver.next().await;
    failures(&app, &hook, 2).await;
    assert!(wait(&app) >= 60_000, "{}", wait(&app));
    app.finish().await;
}

#[tokio::test]
async fn the_next_event_of_a_failing_session_waits_and_other_sessions_go_on() {
    let app = TestApp::start().await;
    let mut receiver = Receiver::start().await;
    let hook = endpoint(&app, json!({ "url": receiver.url })).await;
    receiver.answer(|_| (500, None));
    let failing = app.create(json!({})).await;
    let id = text(&failing["id"]).to_owned();
    assert_eq!(receiver.next().await.place(), (id.clone(), 1));
    failures(&app, &hook, 1).await;

    let broken = id.clone();
    receiver.answer(move |event| (if event["session_id"] == broken { 500 } else { 200 }, None));
    app.load(&failing).await;
    let other = app.create(json!({})).await;
    app.walk(&other).await.expect(StatusCode::OK);
    for sequence in 1..=4 {
        assert_eq!(receiver.next().await.place(), (text(&other["id"]).to_owned(), sequence));
    }
    until("what waits has a record", || records(&app, &hook).len() == 2).await;
    assert_eq!(records(&app, &hook)[1].head_since, None);

    receiver.answer(|_| (204, None));
    app.clock.advance(Duration::from_secs(6));
    assert_eq!(receiver.next().await.place(), (id.clone(), 1));
    assert_eq!(receiver.next().await.place(), (id, 2));
    until("nothing is left on record", || records(&app, &hook).is_empty()).await;
    app.finish().await;
}

#[tokio::test]
async fn without_ordering_the_next_event_does_not_wait() {
    let app = TestApp::start().await;
    let mut receiver = Receiver::start().await;
    let hook = endpoint(&app, json!({ "url": receiver.url, "ordering": "none" })).await;
    receiver.answer(|event| (if event["sequence"] == 1 { 500 } else { 200 }, None));
    let session = app.create(json!({})).await;
    assert_eq!(receiver.next().await.sequence(), 1);
    failures(&app, &hook, 1).await;
    app.load(&session).await;
    assert_eq!(receiver.next().await.sequence(), 2);
    app.finish().await;
}

#[tokio::test]
async fn a_dead_endpoint_costs_the_others_nothing() {
    let app = TestApp::start().await;
    // A port that nobody listens on.
    let dead = TcpListener::bind("127.0.0.1:0").await.unwrap().local_addr().unwrap();
    endpoint(&app, json!({ "url": format!("http://{dead}/") })).await;
    let mut receiver = Receiver::start().await;
    endpoint(&app, json!({ "url": receiver.url })).await;
    for _ in 0..50 {
        let session = app.create(json!({})).await;
        assert_eq!(receiver.next().await.session(), text(&session["id"]));
    }
    app.finish().await;
}

#[tokio::test]
async fn an_endpoint_gets_what_it_asked_for_from_its_making_to_its_removal() {
    let app = TestApp::start().await;
    let early = app.create(json!({})).await;
    let (mut all, mut some) = (Receiver::start().await, Receiver::start().await);
    let events = json!(["verification.completed", "verification.canceled"]);
    let hook = endpoint(&app, json!({ "url": all.url })).await;
    endpoint(&app, json!({ "url": some.url, "events": events })).await;

    // Of a session that is older than the endpoint only what comes after it.
    app.load(&early).await;
    assert_eq!(all.next().await.place(), (text(&early["id"]).to_owned(), 2));
    app.cancel(&early).await.expect(StatusCode::OK);
    assert_eq!(all.next().await.sequence(), 3);
    let late = app.create(json!({})).await;
    app.walk(&late).await.expect(StatusCode::OK);
    for sequence in 1..=4 {
        assert_eq!(all.next().await.place(), (text(&late["id"]).to_owned(), sequence));
    }
    assert_eq!(some.next().await.event()["type"], "verification.canceled");
    assert_eq!(some.next().await.event()["type"], "verification.completed");

    let path = format!("/v1/webhook_endpoints/{}", text(&hook["id"]));
    app.call("DELETE", &path, json!({})).await.expect(StatusCode::OK);
    let last = app.create(json!({})).await;
    app.cancel(&last).await.expect(StatusCode::OK);
    assert_eq!(some.next().await.session(), text(&last["id"]));
    assert!(all.already().is_none() && some.already().is_none());
    app.finish().await;
}

#[tokio::test]
async fn a_removed_endpoint_s_retries_end_with_it() {
    let app = TestApp::start().await;
    let mut receiver = Receiver::start().await;
    let hook = endpoint(&app, json!({ "url": receiver.url })).await;
    receiver.answer(|_| (500, None));
    app.create(json!({})).await;
    receiver.next().await;
    failures(&app, &hook, 1).await;
    let path = format!("/v1/webhook_endpoints/{}", text(&hook["id"]));
    app.call("DELETE", &path, json!({})).await.expect(StatusCode::OK);
    assert_eq!(records(&app, &hook), []);
    let mut witness = Receiver::start().await;
    endpoint(&app, json!({ "url": witness.url })).await;
    app.clock.advance(Duration::from_secs(3_600));
    app.create(json!({})).await;
    witness.next_of_type("verification.created").await;
    assert!(receiver.already().is_none());
    app.finish().await;
}

#[tokio::test]
async fn another_mode_s_events_do_not_arrive() {
    let app = TestApp::start().await;
    let mut receiver = Receiver::start().await;
    endpoint(&app, json!({ "url": receiver.url })).await;
    let foreign = app.foreign_key().await;
    app.call_as(&foreign, "POST", "/v1/sessions", json!({})).await.expect(StatusCode::CREATED);
    let ours = app.create(json!({})).await;
    assert_eq!(receiver.next().await.session(), text(&ours["id"]));
    app.finish().await;
}

#[tokio::test]
async fn a_restart_resumes_pending_deliveries_at_their_time_under_the_same_id() {
    let app = TestApp::start().await;
    let mut receiver = Receiver::start().await;
    let hook = endpoint(&app, json!({ "url": receiver.url })).await;
    receiver.answer(|_| (500, None));
    let session = app.create(json!({})).await;
    let first = receiver.next().await;
    failures(&app, &hook, 1).await;
    app.load(&session).await;
    until("what waits has a record", || records(&app, &hook).len() == 2).await;
    let due = due(&app, &hook).unwrap();

    let app = app.restart_after(Duration::ZERO).await;
    receiver.answer(|_| (200, None));
    let other = app.create(json!({})).await;
    assert_eq!(receiver.next().await.session(), text(&other["id"]));
    assert!(receiver.already().is_none(), "not before its time");
    app.clock.set(due);
    let again = receiver.next().await;
    assert_eq!(again.event(), first.event());
    check_attempt(&again, text(&hook["secret"]), due.seconds());
    assert_eq!(receiver.next().await.place(), (first.session(), 2));

    // What was delivered is not delivered again by a further start.
    until("nothing is left on record", || records(&app, &hook).is_empty()).await;
    let id: EndpointId = text(&hook["id"]).parse().unwrap();
    until("the cursor is written", || app.store.mark(id).unwrap().position == app.position()).await;
    let app = app.restart_after(Duration::ZERO).await;
    let last = app.create(json!({})).await;
    assert_eq!(receiver.next().await.session(), text(&last["id"]));
    app.finish().await;
}

#[tokio::test]
async fn events_of_a_time_without_receiver_arrive_after_the_restart() {
    let app = TestApp::start().await;
    let mut receiver = Receiver::start().await;
    endpoint(&app, json!({ "url": receiver.url })).await;
    receiver.answer(|_| (500, None));
    let mut ids = Vec::new();
    for _ in 0..40 {
        ids.push(text(&app.create(json!({})).await["id"]).to_owned());
    }
    let app = app.restart_after(Duration::from_secs(10)).await;
    receiver.answer(|_| (200, None));
    let mut arrived = Vec::new();
    while arrived.len() < ids.len() {
        let delivery = receiver.next_or_advance(&app.clock).await;
        if delivery.answered == 200 {
            arrived.push(delivery.session());
        }
    }
    arrived.sort();
    ids.sort();
    assert_eq!(arrived, ids);
    app.finish().await;
}

#[tokio::test]
async fn a_redirect_is_a_failure_and_is_not_followed() {
    let app = TestApp::start().await;
    let (mut receiver, mut elsewhere) = (Receiver::start().await, Receiver::start().await);
    let hook = endpoint(&app, json!({ "url": receiver.url })).await;
    for (count, status) in (1..).zip([301, 302, 303, 307, 308]) {
        let location = elsewhere.url.clone();
        receiver.answer(move |_| (status, Some(("location", location.clone()))));
        if count == 1 {
            app.create(json!({ "expires_in": 86_400 })).await;
        }
        receiver.next().await;
        failures(&app, &hook, count).await;
        app.clock.set(due(&app, &hook).unwrap());
    }
    assert!(elsewhere.already().is_none(), "a redirect was followed");
    app.finish().await;
}

/// With these ranges open, and test mode to loopback if the server listens there.
fn reaching(allowed: &str, test_loopback: bool) -> EngineConfig {
    EngineConfig { webhook_targets: WebhookTargets::new(allowed.parse().unwrap(), test_loopback), ..config() }
}

#[tokio::test]
async fn an_address_that_is_not_public_is_refused_when_it_is_entered() {
    let app = TestApp::start_with(reaching("10.0.0.0/8", false)).await;
    let live = app.live_key().await;
    let hook = endpoint(&app, json!({ "url": "https://10.1.2.3:8443/" })).await;
    let hook = format!("/v1/webhook_endpoints/{}", text(&hook["id"]));
    let before = app.get("/v1/webhook_endpoints").await.expect(StatusCode::OK);
    for host in [
        "127.0.0.1",
        "localhost",
        "[::1]",
        "[::ffff:10.0.0.1]",
        "0x7f.1",
        "192.168.0.1",
        "169.254.169.254",
        "[fe80::1]",
        "224.0.0.1",
    ] {
        let body = json!({ "url": format!("https://{host}/") });
        for (key, method, path) in [
            (&app.key, "POST", "/v1/webhook_endpoints"),
            (&live, "POST", "/v1/webhook_endpoints"),
            (&app.key, "PATCH", &hook),
        ] {
            let answer = app.call_as(key, method, path, body.clone()).await;
            assert_eq!(answer.refused(422, "validation_error"), ["url"], "{host}");
            assert!(text(&answer.json()["error"]["fields"][0]["message"]).contains("webhook_allow"), "{host}");
        }
    }
    assert_eq!(app.get("/v1/webhook_endpoints").await.expect(StatusCode::OK), before);
    app.finish().await;
}

#[tokio::test]
async fn an_address_that_is_closed_by_now_is_never_connected_to() {
    let app = TestApp::start_with(reaching("0.0.0.0/0,::/0", true)).await;
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let port = listener.local_addr().unwrap().port();
    let mut hooks = Vec::new();
    for host in ["127.0.0.1", "localhost", "[::ffff:127.0.0.1]", "0x7f.1", "10.0.0.1", "169.254.169.254"] {
        hooks.push(endpoint(&app, json!({ "url": format!("https://{host}:{port}/") })).await);
    }
    hooks.push(endpoint(&app, json!({ "url": format!("http://localhost:{port}/") })).await);
    let app = app.restart_with(reaching("", false)).await;
    app.create(json!({})).await;
    for hook in &hooks {
        failures(&app, hook, 1).await;
        let wait = due(&app, hook).unwrap().since(NOON);
        assert!(wait <= Duration::from_secs(6), "a time-out: it was connected to, {}", hook["url"]);
    }
    assert!(listener.accept().now_or_never().is_none(), "somebody has connected");
    app.finish().await;
}

#[tokio::test]
async fn a_live_endpoint_reaches_loopback_only_if_the_operator_allows_it() {
    let app = TestApp::start_with(reaching("127.0.0.0/8", true)).await;
    let live = app.live_key().await;
    let template = app.published_as(&live, "live", common::steps::flow("live")).await;
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let port = listener.local_addr().unwrap().port();
    let path = "/v1/webhook_endpoints";
    let plain = json!({ "url": format!("http://127.0.0.1:{port}/") });
    app.call_as(&live, "POST", path, plain).await.refused(422, "validation_error");
    let body = json!({ "url": format!("https://127.0.0.1:{port}/") });
    let hook = app.call_as(&live, "POST", path, body.clone()).await.expect(StatusCode::CREATED);
    let session = json!({ "template_id": template["id"] });
    app.call_as(&live, "POST", "/v1/sessions", session.clone()).await.expect(StatusCode::CREATED);
    let (connection, _) = tokio::time::timeout(PATIENCE, listener.accept()).await.expect("a connection").unwrap();
    drop(connection);
    failures(&app, &hook, 1).await;

    // What test mode may do is no licence for live mode.
    let app = app.restart_with(reaching("", true)).await;
    app.call_as(&live, "POST", path, body).await.refused(422, "validation_error");
    app.clock.advance(Duration::from_secs(6));
    failures(&app, &hook, 2).await;
    assert!(listener.accept().now_or_never().is_none(), "somebody has connected");
    app.finish().await;
}

#[tokio::test]
async fn a_secret_is_shown_once() {
    let app = TestApp::start().await;
    let made = app.post_once("key-1", "/v1/webhook_endpoints", json!({ "url": "https://example.com/" })).await;
    let hook = made.expect(StatusCode::CREATED);
    let secret = text(&hook["secret"]);
    assert!(WebhookSecret::parse(secret).is_some());
    let path = format!("/v1/webhook_endpoints/{}", text(&hook["id"]));
    let answers = [
        app.get("/v1/webhook_endpoints").await,
        app.get(&path).await,
        app.call("PATCH", &path, json!({ "description": "changed" })).await,
        app.call("DELETE", &path, json!({})).await,
    ];
    for answer in answers {
        let body = answer.expect(StatusCode::OK).to_string();
        assert!(!body.contains("whsec_") && !body.contains("secret"), "{body}");
    }
    app.finish().await;
}

#[tokio::test]
async fn a_changed_endpoint_is_used_as_it_is_now() {
    let app = TestApp::start().await;
    let (mut old, mut new) = (Receiver::start().await, Receiver::start().await);
    let hook = endpoint(&app, json!({ "url": old.url })).await;
    let session = app.create(json!({})).await;
    old.next().await;
    let path = format!("/v1/webhook_endpoints/{}", text(&hook["id"]));
    let change = json!({ "url": new.url, "events": ["verification.completed"] });
    app.call("PATCH", &path, change).await.expect(StatusCode::OK);
    app.walk(&session).await.expect(StatusCode::OK);
    let delivery = new.next().await;
    assert_eq!(delivery.event()["type"], "verification.completed");
    check_attempt(&delivery, text(&hook["secret"]), NOON.seconds());
    assert!(old.already().is_none());
    app.finish().await;
}
