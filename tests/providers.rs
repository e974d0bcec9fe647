//! Checks that a provider carries out: asked over a real socket, answered at once, later, wrongly or
//! never.

#![expect(clippy::unwrap_used, reason = "a test fails where it unwraps")]

mod common;
mod receiver;

use std::time::Duration;

use axum::http::StatusCode;
use common::steps::consent;
use common::{Answer, TestApp, text, until};
use receiver::{Delivery, Receiver};
use serde_json::{Value, json};
use vetd_actors::Clock;
use vetd_model::signature::{WebhookSecret, standard_signature, verify_kyc_signature};
use vetd_model::{Mode, Realm, WorkspaceId};
use vetd_storage::Store;

const TEN_MINUTES: Duration = Duration::from_secs(600);

/// A check of our own, and one that the provider "acme" carries out.
fn flow(on_fail: &str) -> Value {
    json!({
        "steps": [
            { "type": "data_entry", "fields": [
                { "name": "last_name", "type": "string", "required": true },
                { "name": "date_of_birth", "type": "date", "required": true },
            ] },
        ],
        "checks": [
            { "type": "age", "on_fail": "fail" },
            { "type": "provider", "provider": "acme", "on_fail": on_fail },
        ],
        "max_attempts": 2,
    })
}

async fn provider(app: &TestApp, desk: &Receiver) -> Value {
    let body = json!({ "name": "acme", "url": desk.url });
    app.post("/v1/providers", body).await.expect(StatusCode::CREATED)
}

/// An app, a provider, and a template "kyc" that hands a check to it.
async fn world() -> (TestApp, Receiver, Value) {
    let (app, desk) = (TestApp::start().await, Receiver::start().await);
    let provider = provider(&app, &desk).await;
    app.published("kyc", flow("fail")).await;
    (app, desk, provider)
}

async fn enter(app: &TestApp, session: &Value, born: &str) {
    app.enter(session, json!({ "last_name": "ERIKSSON", "date_of_birth": born })).await;
}

/// A session whose person has submitted everything.
async fn submitted(app: &TestApp) -> Value {
    let session = app.create(json!({ "template_slug": "kyc" })).await;
    app.load(&session).await;
    enter(app, &session, "1974-08-12").await;
    session
}

/// The path of a link of ours.
fn local(link: &Value) -> String {
    text(link).strip_prefix(common::PUBLIC_URL).unwrap().to_owned()
}

async fn call_back(app: &TestApp, asked: &Delivery, answer: Value) -> Answer {
    let request = axum::http::Request::post(local(&asked.event()["callback_url"]))
        .header("content-type", "application/json")
        .body(answer.to_string().into());
    app.send(request.unwrap()).await
}

/// Whether the question carries a signature of this secret.
fn is_signed(app: &TestApp, asked: &Delivery, secret: &str) -> bool {
    let (secret, now) = (WebhookSecret::parse(secret).unwrap(), app.clock.now().seconds());
    verify_kyc_signature(&secret, asked.header("kyc-signature"), &asked.body, now, 300).is_ok()
}

/// The result of the provider's check, in the verification.
async fn result(app: &TestApp, session: &Value) -> Value {
    let verification = app.verification(session).await;
    let checks = verification["checks"].as_array().unwrap();
    checks.iter().find(|check| check["type"] == "provider").unwrap().clone()
}

/// Waits until the provider's promise to answer later is on record.
async fn accepted(app: &TestApp, session: &Value) {
    let (realm, id) = (Realm { workspace: WorkspaceId(1), mode: Mode::Test }, text(&session["id"]).parse().unwrap());
    let is_accepted = || {
        let (session, _) = futures::executor::block_on(app.store.session(realm, id)).unwrap().unwrap();
        matches!(&session.state, vetd_model::State::Awaiting { calls, .. } if calls.iter().all(|call| call.accepted))
    };
    until("the provider's promise is on record", is_accepted).await;
}

#[tokio::test]
async fn a_provider_is_asked_and_its_answer_decides() {
    let (app, mut desk, provider) = world().await;
    desk.say(200, json!({ "status": "passed", "score": 0.975, "details": { "source": "register" } }).to_string());
    let session = submitted(&app).await;
    let asked = desk.next().await;
    app.await_status(&session, "completed").await;

    let (check, body) = (result(&app, &session).await, asked.event());
    assert_eq!((&check["status"], &check["score"], &check["code"]), (&json!("passed"), &json!(0.975), &Value::Null));
    assert_eq!(check["details"], json!({ "provider": "acme", "answer": { "source": "register" } }));
    assert_eq!((&body["id"], &body["type"], &body["attempt"]), (&check["id"], &json!("provider"), &json!(1)));
    assert_eq!((&body["session_id"], &body["verification_id"]), (&session["id"], &session["verification_id"]));
    assert_eq!(body["fields"]["last_name"]["value"], "ERIKSSON");
    assert_eq!((&body["livemode"], &body["media"], &body["document"]), (&json!(false), &json!([]), &Value::Null));

    assert_eq!(asked.header("idempotency-key"), text(&check["id"]));
    assert_eq!(asked.header("content-type"), "application/json");
    assert!(is_signed(&app, &asked, text(&provider["secret"])));
    let secret = WebhookSecret::parse(text(&provider["secret"])).unwrap();
    let standard = standard_signature([&secret], text(&check["id"]), app.clock.now().seconds(), &asked.body);
    assert_eq!((asked.header("webhook-id"), asked.header("webhook-signature")), (text(&check["id"]), &*standard));
    app.finish().await;
}

#[tokio::test]
async fn what_a_provider_says_of_a_person_is_not_told_beyond_the_verification() {
    let (app, desk, _) = world().await;
    let said = json!({
        "status": "failed", "code": "face_mismatch", "message": "ERIKSSON looks like somebody else",
        "details": { "seen_as": "LINDQVIST" },
    });
    desk.say(200, said.to_string());
    let session = submitted(&app).await;
    let ended = app.await_status(&session, "failed").await;
    assert_eq!(
        (&ended["last_error"]["code"], &ended["last_error"]["check"]),
        (&json!("face_mismatch"), &json!("provider"))
    );
    let check = result(&app, &session).await;
    assert_eq!(check["details"]["message"], "ERIKSSON looks like somebody else");
    assert_eq!(check["details"]["answer"]["seen_as"], "LINDQVIST");
    let told = app.get("/v1/events?limit=100").await.expect(StatusCode::OK).to_string() + &ended.to_string();
    for personal in ["ERIKSSON", "LINDQVIST", "somebody else"] {
        assert!(!told.contains(personal), "{personal}");
    }
    let path = format!("/v1/verifications/{}/redact", text(&session["verification_id"]));
    app.post(&path, json!({})).await.expect(StatusCode::OK);
    let redacted = result(&app, &session).await;
    assert_eq!((&redacted["code"], &redacted["details"]), (&json!("face_mismatch"), &json!({})));
    app.finish().await;
}

#[tokio::test]
async fn an_answer_that_comes_later_is_taken_once() {
    let (app, mut desk, _) = world().await;
    desk.say(202, "");
    let session = submitted(&app).await;
    let asked = desk.next().await;
    accepted(&app, &session).await;
    assert_eq!(app.session(&session).await["status"], "in_progress");
    assert_eq!(result(&app, &session).await["status"], "pending");

    let position = app.position();
    assert_eq!(
        call_back(&app, &asked, json!({ "status": "great" })).await.refused(422, "validation_error"),
        ["status"]
    );
    assert_eq!(call_back(&app, &asked, json!({ "status": "failed" })).await.refused(422, "validation_error"), ["code"]);
    let unsigned = local(&asked.event()["callback_url"]).replace("sig=", "sig=A");
    app.post(&unsigned, json!({ "status": "passed" })).await.refused(401, "invalid_signature");
    let elsewhere = local(&asked.event()["callback_url"]).replace("/callbacks/chk_0", "/callbacks/chk_1");
    app.post(&elsewhere, json!({ "status": "passed" })).await.refused(401, "invalid_signature");
    assert_eq!(app.position(), position);

    let kept = call_back(&app, &asked, json!({ "status": "passed" })).await.expect(StatusCode::OK);
    assert_eq!(kept, json!({ "object": "provider_answer", "id": asked.event()["id"], "status": "passed" }));
    app.await_status(&session, "completed").await;
    call_back(&app, &asked, json!({ "status": "failed", "code": "changed_my_mind" }))
        .await
        .refused(409, "invalid_state");
    assert_eq!(app.session(&session).await["status"], "completed");
    let types = app.event_types(&session);
    assert_eq!(types.last(), Some(&"verification.completed"));
    assert_eq!(types.len(), 4, "waiting tells nobody anything");
    app.finish().await;
}

#[tokio::test]
async fn after_a_restart_a_promised_answer_is_awaited_and_not_asked_for_again() {
    let (app, mut desk, _) = world().await;
    desk.say(202, "");
    let session = submitted(&app).await;
    let asked = desk.next().await;
    accepted(&app, &session).await;
    let app = app.restart_after(Duration::from_secs(120)).await;
    // The interrupted run goes on, and its time limit begins anew.
    app.clock.advance(TEN_MINUTES - Duration::from_secs(1));
    assert_eq!(app.session(&session).await["status"], "in_progress");
    call_back(&app, &asked, json!({ "status": "passed" })).await.expect(StatusCode::OK);
    app.await_status(&session, "completed").await;
    assert!(desk.already().is_none(), "asked twice");
    app.finish().await;
}

#[tokio::test]
async fn after_a_restart_what_had_no_answer_is_asked_under_the_same_key() {
    let (app, mut desk, _) = world().await;
    desk.answer(|_| (503, None));
    let session = submitted(&app).await;
    let first = desk.next().await;
    let app = app.restart_after(Duration::from_secs(1)).await;
    desk.say(200, json!({ "status": "passed" }).to_string());
    let again = desk.next_or_advance(&app.clock).await;
    assert_eq!(first.header("idempotency-key"), again.header("idempotency-key"));
    app.await_status(&session, "completed").await;
    app.finish().await;
}

#[tokio::test]
async fn a_provider_that_is_away_is_asked_again_and_then_given_up() {
    let (app, mut desk, _) = world().await;
    desk.answer(|_| (503, None));
    let session = submitted(&app).await;
    let first = desk.next().await;
    for _ in 0..7 {
        let again = desk.next_or_advance(&app.clock).await;
        assert_eq!(again.header("idempotency-key"), first.header("idempotency-key"));
        assert_eq!(again.body, first.body, "the same question has the same bytes");
    }
    let ended = app.await_status(&session, "requires_review").await;
    assert_eq!(ended["last_error"]["code"], "provider_unavailable");
    app.finish().await;
}

#[tokio::test]
async fn a_provider_that_hangs_is_cut_off_and_asked_again() {
    let (app, mut desk, provider) = world().await;
    let path = format!("/v1/providers/{}", text(&provider["id"]));
    // Nobody takes what comes to this address.
    let deaf = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}/", deaf.local_addr().unwrap());
    app.call("PATCH", &path, json!({ "url": url, "timeout_seconds": 5 })).await.expect(StatusCode::OK);
    let session = submitted(&app).await;
    drop(deaf.accept().await.unwrap());
    app.call("PATCH", &path, json!({ "url": desk.url })).await.expect(StatusCode::OK);
    desk.say(200, json!({ "status": "passed" }).to_string());
    desk.next_or_advance(&app.clock).await;
    app.await_status(&session, "completed").await;
    app.finish().await;
}

#[tokio::test]
async fn a_promise_that_is_not_kept_ends_with_the_run() {
    let (app, mut desk, _) = world().await;
    desk.say(202, "");
    let session = submitted(&app).await;
    let asked = desk.next().await;
    accepted(&app, &session).await;
    app.clock.advance(TEN_MINUTES);
    let ended = app.await_status(&session, "requires_review").await;
    assert_eq!(ended["last_error"]["code"], "provider_timeout");
    call_back(&app, &asked, json!({ "status": "passed" })).await.refused(409, "invalid_state");
    app.finish().await;
}

#[tokio::test]
async fn what_makes_no_sense_needs_a_review_at_once() {
    let (app, mut desk, _) = world().await;
    let long = format!(r#"{{"status":"passed","message":"{}"}}"#, "x".repeat(70_000));
    for (status, body, code) in [
        (200, "<html>", "provider_unreadable"),
        (200, "", "provider_unreadable"),
        (200, r#"{"status":"passed","extra":1}"#, "provider_unreadable"),
        (200, &long, "provider_unreadable"),
        (400, "{}", "provider_refused"),
        (302, "", "provider_refused"),
    ] {
        desk.say(status, body);
        let session = submitted(&app).await;
        let ended = app.await_status(&session, "requires_review").await;
        assert_eq!(ended["last_error"]["code"], code, "{status}");
        desk.next().await;
        assert!(desk.already().is_none(), "asked again after {status}");
    }
    app.finish().await;
}

#[tokio::test]
async fn nobody_is_asked_for_what_is_decided_already() {
    let (app, mut desk, _) = world().await;
    let session = app.create(json!({ "template_slug": "kyc" })).await;
    app.load(&session).await;
    enter(&app, &session, "2020-01-01").await;
    let ended = app.await_status(&session, "failed").await;
    assert_eq!(ended["last_error"]["check"], "age");
    let check = result(&app, &session).await;
    assert_eq!((&check["status"], &check["code"]), (&json!("skipped"), &json!("not_needed")));

    // In test mode an outcome that was asked for, and a simulation, ask nobody either.
    let session = app.create(json!({ "template_slug": "kyc", "test_outcome": "completed" })).await;
    app.load(&session).await;
    enter(&app, &session, "1974-08-12").await;
    app.await_status(&session, "completed").await;
    let session = app.create(json!({ "template_slug": "kyc" })).await;
    let simulated = app.simulate(&session, &["load", "submit"]).await.expect(StatusCode::OK);
    assert_eq!(simulated["last_error"]["code"], "provider_not_asked");
    assert!(desk.already().is_none());
    app.finish().await;
}

#[tokio::test]
async fn a_provider_may_ask_for_another_attempt_and_is_asked_anew_for_it() {
    let (app, desk) = (TestApp::start().await, Receiver::start().await);
    let mut desk = desk;
    provider(&app, &desk).await;
    app.published("kyc", flow("retry")).await;
    desk.say(200, json!({ "status": "failed", "code": "blurred" }).to_string());
    let session = submitted(&app).await;
    let first = desk.next().await;
    app.await_status(&session, "requires_input").await;
    desk.say(200, json!({ "status": "passed" }).to_string());
    enter(&app, &session, "1974-08-12").await;
    let second = desk.next().await;
    app.await_status(&session, "completed").await;
    assert_ne!(first.header("idempotency-key"), second.header("idempotency-key"));
    assert_eq!((&first.event()["attempt"], &second.event()["attempt"]), (&json!(1), &json!(2)));
    app.finish().await;
}

#[tokio::test]
async fn a_canceled_session_waits_for_nobody() {
    let (app, mut desk, _) = world().await;
    desk.say(202, "");
    let session = submitted(&app).await;
    let asked = desk.next().await;
    accepted(&app, &session).await;
    app.cancel(&session).await.expect(StatusCode::OK);
    call_back(&app, &asked, json!({ "status": "passed" })).await.refused(409, "invalid_state");
    assert_eq!(app.session(&session).await["status"], "canceled");
    app.finish().await;
}

#[tokio::test]
async fn a_check_of_faces_gets_the_pictures_and_nothing_that_it_need_not_know() {
    let (app, mut desk) = (TestApp::start().await, Receiver::start().await);
    let body = json!({ "name": "faces", "url": desk.url, "receives": ["media"] });
    app.post("/v1/providers", body).await.expect(StatusCode::CREATED);
    let steps = json!([
        { "type": "consent", "text": "I agree." }, { "type": "selfie" },
        { "type": "data_entry", "fields": [{ "name": "last_name", "type": "string", "required": true }] },
    ]);
    let checks = json!([{ "type": "face_match", "provider": "faces" }]);
    app.published("kyc", json!({ "steps": steps, "checks": checks })).await;
    desk.say(200, json!({ "status": "passed" }).to_string());
    let session = app.create(json!({ "template_slug": "kyc" })).await;
    app.load(&session).await;
    app.submit(&session, "consent", consent()).await;
    let sent = app.send_picture(&session, "selfie").await;
    app.submit(&session, "selfie", json!({})).await;
    app.enter(&session, json!({ "last_name": "ERIKSSON" })).await;
    let asked = desk.next().await.event();
    assert_eq!((&asked["type"], &asked["fields"]), (&json!("face_match"), &json!({})));
    assert_eq!((&asked["media"][0]["kind"], &asked["media"][0]["sha256"]), (&json!("selfie"), &sent["sha256"]));
    assert!(!asked.to_string().contains("ERIKSSON"));
    let request = axum::http::Request::get(local(&asked["media"][0]["url"])).body(axum::body::Body::empty());
    let picture = app.send(request.unwrap()).await;
    assert_eq!(
        (picture.status, picture.body.len()),
        (StatusCode::OK, asked["media"][0]["size"].as_u64().unwrap() as usize)
    );
    // Somebody compared the selfie, so nobody of the tenant must.
    app.await_status(&session, "completed").await;
    app.finish().await;
}

#[tokio::test]
async fn a_provider_that_is_not_there_needs_a_review() {
    let (app, _, provider) = world().await;
    let path = format!("/v1/providers/{}", text(&provider["id"]));
    let gone = app.call("DELETE", &path, json!({})).await.expect(StatusCode::OK);
    assert_eq!(gone, json!({ "id": provider["id"], "object": "provider", "deleted": true }));
    app.get(&path).await.refused(404, "not_found");
    let session = submitted(&app).await;
    let ended = app.await_status(&session, "requires_review").await;
    assert_eq!(ended["last_error"]["code"], "provider_unknown");
    app.finish().await;
}

#[tokio::test]
async fn many_failures_in_a_row_let_a_provider_rest() {
    let (app, mut desk, _) = world().await;
    desk.answer(|_| (500, None));
    for _ in 0..10 {
        submitted(&app).await;
        desk.next().await;
    }
    // The eleventh, and the second attempts of the others, wait until it may have recovered.
    desk.say(200, json!({ "status": "passed" }).to_string());
    let last = submitted(&app).await;
    let before = app.clock.now();
    let probe = desk.next_or_advance(&app.clock).await;
    assert!(app.clock.now().since(before) >= Duration::from_secs(29), "it was asked while it rested");
    assert_eq!(probe.answered, 200);
    for _ in 0..10 {
        desk.next_or_advance(&app.clock).await;
    }
    app.await_status(&last, "completed").await;
    app.finish().await;
}

#[tokio::test]
async fn providers_are_kept_like_everything_else_of_a_tenant() {
    let (app, mut desk, provider) = world().await;
    let path = format!("/v1/providers/{}", text(&provider["id"]));
    let mut shown = provider.clone();
    shown.as_object_mut().unwrap().remove("secret");
    assert_eq!(app.get(&path).await.expect(StatusCode::OK), shown);
    assert_eq!(app.get("/v1/providers").await.expect(StatusCode::OK)["data"], json!([shown]));
    let defaults = (json!(10), json!(["media", "fields"]));
    assert_eq!((&shown["timeout_seconds"], &shown["receives"]), (&defaults.0, &defaults.1));
    for foreign in [app.foreign_key().await, app.live_key().await] {
        app.get_as(&foreign, &path).await.refused(404, "not_found");
        app.call_as(&foreign, "PATCH", &path, json!({})).await.refused(404, "not_found");
        app.call_as(&foreign, "DELETE", &path, json!({})).await.refused(404, "not_found");
        assert_eq!(app.get_as(&foreign, "/v1/providers").await.expect(StatusCode::OK)["data"], json!([]));
    }
    let other = json!({ "name": "acme", "url": desk.url });
    assert_eq!(app.post("/v1/providers", other).await.refused(422, "validation_error"), ["name"]);
    let wrong = json!({
        "name": "Acme!", "url": "ftp://x", "timeout_seconds": 31, "receives": ["media", "secrets"], "extra": 1,
    });
    let paths = app.post("/v1/providers", wrong).await.refused(422, "validation_error");
    assert_eq!(paths, ["name", "url", "timeout_seconds", "receives.1", "extra"]);
    assert_eq!(app.post("/v1/providers", json!({})).await.refused(422, "validation_error"), ["name"]);

    let rotated = app.post(&format!("{path}/rotate_secret"), json!({ "overlap_seconds": 60 })).await;
    let (old, new) = (text(&provider["secret"]), rotated.expect(StatusCode::OK));
    desk.say(200, json!({ "status": "passed" }).to_string());
    let session = submitted(&app).await;
    let asked = desk.next().await;
    app.await_status(&session, "completed").await;
    for secret in [old, text(&new["secret"])] {
        assert!(is_signed(&app, &asked, secret));
    }
    app.clock.advance(Duration::from_secs(61));
    let session = submitted(&app).await;
    let asked = desk.next().await;
    app.await_status(&session, "completed").await;
    assert!(!is_signed(&app, &asked, old));
    app.finish().await;
}

#[tokio::test]
async fn a_flow_says_which_provider_and_must_where_vetd_has_no_check() {
    let app = TestApp::start().await;
    let save = async |check: Value| {
        let steps = json!([{ "type": "data_entry", "fields": [{ "name": "last_name", "type": "string" }] }]);
        let flow = json!({ "steps": steps, "checks": [check] });
        app.post("/v1/templates", json!({ "name": "n", "slug": "s", "flow_config": flow })).await
    };
    for kind in ["provider", "face_match", "liveness"] {
        let paths = save(json!({ "type": kind })).await.refused(422, "validation_error");
        assert_eq!(paths, ["flow_config.checks.0.provider"], "{kind}");
    }
    let paths = save(json!({ "type": "age", "provider": "No Such" })).await.refused(422, "validation_error");
    assert_eq!(paths, ["flow_config.checks.0.provider"]);
    let made = save(json!({ "type": "age", "provider": "acme" })).await.expect(StatusCode::CREATED);
    assert_eq!(made["flow_config"]["checks"][0]["provider"], "acme");
    app.finish().await;
}
