//! Liveness: challenges that the server chooses, shown one at a time, answered by pictures in their order, and
//! judged at the end. The heads are drawn; everything that reads them is the real thing.

#![cfg(feature = "faces")]
#![expect(clippy::unwrap_used, reason = "a test fails where it unwraps")]

mod common;

use std::time::Duration;

use axum::http::StatusCode;
use common::{Answer, TestApp, request, text};
use serde_json::{Value, json};
use vetd_specimens::{Head, Held};

fn flow() -> Value {
    json!({ "steps": [{ "type": "liveness" }], "checks": [{ "type": "liveness" }], "max_attempts": 2 })
}

async fn started(app: &TestApp) -> Value {
    let session = app.create(json!({ "template_slug": "live" })).await;
    app.load(&session).await;
    session
}

/// The picture of a head that does what is asked.
fn does(challenge: &Value) -> Vec<u8> {
    let held = match text(challenge) {
        "turn_left" => Held { turn: 0.5, ..Held::default() },
        "turn_right" => Held { turn: -0.5, ..Held::default() },
        "look_up" => Held { lift: 0.7, ..Held::default() },
        "come_closer" => Held { near: 0.5, ..Held::default() },
        _ => Held::default(),
    };
    Head::picture(&[(Head::PALE, held)], 200)
}

async fn put(app: &TestApp, session: &Value, kind: &str, file: Vec<u8>) -> Answer {
    app.send(request(text(&session["sdk_token"]), "PUT", &format!("/iframe/api/media/{kind}"), file)).await
}

/// The challenges that the page knows.
async fn shown(app: &TestApp, session: &Value) -> Vec<Value> {
    let state = app.iframe_state(session).await.expect(StatusCode::OK);
    assert_eq!(state["steps"][0]["challenge_count"], 4);
    state["steps"][0]["challenges"].as_array().unwrap().clone()
}

/// Answers every challenge, as `answer` says, so many seconds after each other.
async fn answer(app: &TestApp, session: &Value, seconds: u64, answer: impl Fn(usize, &Value) -> Vec<u8>) {
    for place in 0..4 {
        let challenges = shown(app, session).await;
        assert_eq!(challenges.len(), place + 1, "one is shown at a time");
        let file = answer(place, &challenges[place]);
        put(app, session, &format!("liveness_{}", place + 1), file).await.expect(StatusCode::OK);
        app.clock.advance(Duration::from_secs(seconds));
    }
    app.submit(session, "liveness", json!({})).await;
}

#[tokio::test]
async fn who_does_what_is_asked_completes() {
    let app = TestApp::start().await;
    app.published("live", flow()).await;
    let session = started(&app).await;
    answer(&app, &session, 5, |_, challenge| does(challenge)).await;
    let found = app.await_ended(&session).await;
    assert_eq!(found["status"], "completed", "{found}");
    let ended = app.verification(&session).await;
    assert_eq!(ended["checks"][0]["details"]["challenges"].as_array().unwrap().len(), 4);
    app.finish().await;
}

#[tokio::test]
async fn who_does_not_tries_again_and_is_asked_for_something_else() {
    let app = TestApp::start().await;
    app.published("live", flow()).await;
    let session = started(&app).await;
    // The same picture again and again, as who holds up a photograph has it.
    answer(&app, &session, 5, |_, _| does(&json!("look_straight"))).await;
    let again = app.await_status(&session, "requires_input").await;
    assert_eq!(
        (&again["last_error"]["code"], &again["last_error"]["check"]),
        (&json!("challenge_failed"), &json!("liveness"))
    );
    assert_eq!(shown(&app, &session).await, ["look_straight"]);
    answer(&app, &session, 5, |_, challenge| does(challenge)).await;
    app.await_status(&session, "completed").await;
    app.finish().await;
}

#[tokio::test]
async fn who_takes_longer_than_a_minute_for_a_move_tries_again() {
    let app = TestApp::start().await;
    app.published("live", flow()).await;
    let session = started(&app).await;
    answer(&app, &session, 61, |_, challenge| does(challenge)).await;
    let again = app.await_status(&session, "requires_input").await;
    assert_eq!(again["last_error"]["code"], "challenge_too_slow");
    app.finish().await;
}

#[tokio::test]
async fn pictures_come_in_order_and_one_taken_anew_takes_the_later_ones_away() {
    let app = TestApp::start().await;
    app.published("live", flow()).await;
    let session = started(&app).await;
    put(&app, &session, "liveness_2", does(&json!("look_straight"))).await.refused(409, "invalid_state");
    for kind in ["liveness_1", "liveness_2", "liveness_3"] {
        put(&app, &session, kind, does(&json!("look_straight"))).await.expect(StatusCode::OK);
    }
    let before = shown(&app, &session).await;
    put(&app, &session, "liveness_1", does(&json!("look_straight"))).await.expect(StatusCode::OK);
    assert_eq!(shown(&app, &session).await, before[..2]);
    let paths = app.iframe(&session, "steps/liveness", json!({})).await.refused(422, "validation_error");
    assert_eq!(paths, ["media.liveness_2", "media.liveness_3", "media.liveness_4"]);
    app.finish().await;
}

#[tokio::test]
async fn a_step_that_nobody_here_judges_asks_for_no_pictures() {
    let app = TestApp::start().await;
    app.published("live", json!({ "steps": [{ "type": "liveness" }], "checks": [] })).await;
    let session = started(&app).await;
    let state = app.iframe_state(&session).await.expect(StatusCode::OK);
    assert_eq!(state["steps"][0], json!({ "type": "liveness", "state": "current" }));
    put(&app, &session, "liveness_1", does(&json!("look_straight"))).await.refused(422, "check_not_required");
    app.submit(&session, "liveness", json!({})).await;
    let ended = app.await_status(&session, "requires_review").await;
    assert_eq!(ended["last_error"]["code"], "evidence_unread");
    app.finish().await;
}

#[tokio::test]
async fn a_script_ends_as_its_outcome_says() {
    let app = TestApp::start().await;
    app.published("live", flow()).await;
    for (outcome, status) in [("completed", "completed"), ("failed:liveness:challenge_failed", "failed")] {
        let session = app.create(json!({ "template_slug": "live", "test_outcome": outcome })).await;
        let done = app.simulate(&session, &["load", "submit"]).await.expect(StatusCode::OK);
        assert_eq!(done["status"], status);
    }
    app.finish().await;
}

#[tokio::test]
async fn a_simulated_person_neither_moves_nor_has_a_chip() {
    let app = TestApp::start().await;
    let checks = json!([{ "type": "liveness", "on_fail": "fail" }, { "type": "document_chip" }]);
    app.published("live", json!({ "steps": [{ "type": "liveness" }], "checks": checks })).await;
    let codes = async |outcome: Value| {
        let session = app.create(json!({ "template_slug": "live", "test_outcome": outcome })).await;
        let done = app.simulate(&session, &["load", "submit"]).await.expect(StatusCode::OK);
        let checks = app.verification(&session).await["checks"].clone();
        (done["status"].clone(), [checks[0]["code"].clone(), checks[1]["code"].clone()])
    };
    let (moved, chip) = (json!("challenge_failed"), json!("chip_missing"));
    assert_eq!(codes(Value::Null).await, (json!("failed"), [moved, chip]));
    assert_eq!(codes(json!("completed")).await, (json!("completed"), [Value::Null, Value::Null]));
    app.finish().await;
}
