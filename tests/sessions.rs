//! Sessions from birth to end, through the router, on the test clock.

mod common;

use std::time::Duration;

use axum::http::StatusCode;
use common::{PUBLIC_URL, TestApp, text};
use serde_json::json;
use vetd_storage::Store;

#[tokio::test]
async fn a_whole_life_from_create_to_completed() {
    let app = TestApp::start().await;
    let session = app.create(json!({ "metadata": { "customer_id": "cus_123" } })).await;
    assert_eq!(session["status"], "created");
    let done = app.walk(&session).await.expect(StatusCode::OK);
    assert_eq!(done["status"], "in_progress");
    app.await_status(&session, "completed").await;
    assert_eq!(
        app.event_types(&session),
        ["verification.created", "verification.updated", "verification.updated", "verification.completed"]
    );
    let path = format!("/v1/verifications/{}", text(&session["verification_id"]));
    let verification = app.get(&path).await.expect(StatusCode::OK);
    assert_eq!(verification["status"], "completed");
    assert_eq!(verification["fields"]["last_name"]["value"], "ERIKSSON");
    assert_eq!(verification["checks"][0]["type"], "data_completeness");
    assert_eq!(verification["checks"][1]["status"], "passed");
    assert_eq!(verification["metadata"]["customer_id"], "cus_123");
    app.finish().await;
}

#[tokio::test]
async fn the_created_answer_has_the_shape_of_the_contract() {
    let app = TestApp::start().await;
    let answer = app.post("/v1/sessions", json!({})).await;
    let body = answer.expect(StatusCode::CREATED);
    let names: Vec<&str> = body.as_object().unwrap().keys().map(String::as_str).collect();
    let mut expected = [
        "id",
        "object",
        "status",
        "livemode",
        "verification_id",
        "template_id",
        "template_slug",
        "template_version",
        "metadata",
        "redirect_url",
        "last_error",
        "sdk_token",
        "iframe_url",
        "created",
        "expires_at",
    ];
    expected.sort_unstable();
    assert_eq!(names, expected);
    let (id, token) = (text(&body["id"]), text(&body["sdk_token"]));
    assert_eq!(body["iframe_url"], format!("{PUBLIC_URL}/iframe?session_id={id}&token={token}"));
    assert_eq!(text(&body["verification_id"])[4..], id[4..], "session and verification share their UUID");
    assert_eq!(body["expires_at"].as_u64().unwrap() - body["created"].as_u64().unwrap(), 1_800);
    let read = app.get(&format!("/v1/sessions/{id}")).await.expect(StatusCode::OK);
    assert!(read.get("sdk_token").is_none() && read.get("iframe_url").is_none());
    app.finish().await;
}

#[tokio::test]
async fn a_session_expires_at_its_deadline_and_not_when_somebody_looks() {
    let app = TestApp::start().await;
    let session = app.create(json!({ "expires_in": 60 })).await;
    app.clock.advance(Duration::from_secs(59));
    assert_eq!(app.event_types(&session), ["verification.created"]);
    app.clock.advance(Duration::from_secs(1));
    app.await_status(&session, "expired").await;
    assert_eq!(app.event_types(&session), ["verification.created", "verification.expired"]);
    app.finish().await;
}

#[tokio::test]
async fn a_deadline_that_passed_during_a_stop_expires_at_the_start() {
    let app = TestApp::start().await;
    let session = app.create(json!({ "expires_in": 60 })).await;
    let app = app.restart_after(Duration::from_secs(3_600)).await;
    app.await_status(&session, "expired").await;
    let path = format!("/v1/verifications/{}", text(&session["verification_id"]));
    let verification = app.get(&path).await.expect(StatusCode::OK);
    assert_eq!(verification["decided_at"], session["expires_at"], "the decision is dated at the deadline");
    let events = app.store.events(realm(), 0, 10).unwrap().events;
    assert_eq!(
        events[1].event.created().seconds(),
        session["expires_at"].as_u64().unwrap() + 3_540,
        "the event when it was written"
    );
    app.finish().await;
}

fn realm() -> vetd_model::Realm {
    vetd_model::Realm { workspace: vetd_model::WorkspaceId(1), mode: vetd_model::Mode::Test }
}

#[tokio::test]
async fn a_session_survives_a_restart_in_the_middle() {
    let app = TestApp::start().await;
    let session = app.create(json!({})).await;
    let token = text(&session["sdk_token"]).to_owned();
    app.call_as(&token, "POST", "/iframe/api/load", json!({})).await.expect(StatusCode::OK);
    app.call_as(&token, "POST", "/iframe/api/steps/consent", json!({ "accepted": true })).await.expect(StatusCode::OK);
    let app = app.restart_after(Duration::from_secs(60)).await;
    let state = app.get_as(&token, "/iframe/api/session").await.expect(StatusCode::OK);
    assert_eq!((&state["status"], &state["next_step"]), (&json!("in_progress"), &json!("data_entry")));
    let body = json!({ "fields": common::person() });
    app.call_as(&token, "POST", "/iframe/api/steps/data_entry", body).await.expect(StatusCode::OK);
    app.await_status(&session, "completed").await;
    app.finish().await;
}

#[tokio::test]
async fn sessions_beyond_the_resident_limit_are_passivated_and_still_answer() {
    let app = TestApp::start_with(vetd_actors::EngineConfig { resident_limit: 4, ..common::config() }).await;
    let mut sessions = Vec::new();
    for _ in 0..40 {
        sessions.push(app.create(json!({})).await);
    }
    for session in &sessions {
        app.walk(session).await.expect(StatusCode::OK);
    }
    for session in &sessions {
        app.await_status(session, "completed").await;
    }
    app.finish().await;
}

#[tokio::test]
async fn a_hundred_commands_at_once_are_one_history() {
    let app = TestApp::start().await;
    let session = app.create(json!({})).await;
    let token = text(&session["sdk_token"]);
    let loads = (0..50).map(|_| app.call_as(token, "POST", "/iframe/api/load", json!({})));
    let path = format!("/v1/sessions/{}/cancel", text(&session["id"]));
    let cancels = (0..50).map(|_| app.post(&path, json!({})));
    let (_, cancels) = tokio::join!(futures::future::join_all(loads), futures::future::join_all(cancels));
    let done = cancels.iter().filter(|answer| answer.status == StatusCode::OK).count();
    assert_eq!(done, 1, "a session is canceled once");
    app.finish().await;
}
