//! The person's stream of one session, and the way from the desk to the phone.

#![expect(clippy::unwrap_used, clippy::panic, reason = "a test fails where it unwraps")]

mod common;

use std::sync::atomic::Ordering;
use std::time::Duration;

use axum::http::StatusCode;
use common::sse::Stream;
use common::steps::{consent, flow};
use common::{PUBLIC_URL, TestApp, person, text};
use serde_json::{Value, json};
use vetd_model::WorkspaceId;

const STREAM: &str = "/iframe/api/session/stream";
const BEAT: Duration = Duration::from_secs(15);
const HALF_AN_HOUR: Duration = Duration::from_secs(1_800);

async fn follow(app: &TestApp, session: &Value) -> Stream {
    Stream::open(app, text(&session["sdk_token"]), STREAM, None).await
}

/// The next state that the stream tells; `None` at its end.
async fn told(stream: &mut Stream) -> Option<Value> {
    let message = stream.next().await?;
    assert_eq!((message.id.as_str(), message.kind.as_str()), ("", "session"));
    Some(serde_json::from_str(&message.data).unwrap())
}

/// Reads on until the state has this status.
async fn told_status(stream: &mut Stream, status: &str) -> Value {
    loop {
        let state = told(stream).await.unwrap_or_else(|| panic!("the stream ended before {status}"));
        if state["status"] == status {
            return state;
        }
    }
}

#[tokio::test]
async fn a_page_reads_at_once_and_then_at_each_change_what_the_session_is() {
    let app = TestApp::start().await;
    let session = app.create(json!({})).await;
    let (mut desk, mut phone) = (follow(&app, &session).await, follow(&app, &session).await);
    let first = told(&mut desk).await.unwrap();
    assert_eq!(first, app.iframe_page(&session).await.expect(StatusCode::OK));
    assert_eq!(first["status"], "created");
    assert_eq!(told(&mut phone).await.unwrap(), first);
    app.load(&session).await;
    assert_eq!(told_status(&mut desk, "requires_input").await["next_step"], "consent");
    app.submit(&session, "consent", consent()).await;
    assert_eq!(told_status(&mut desk, "in_progress").await["next_step"], "data_entry");
    // What changes nothing tells nothing.
    app.iframe(&session, "token", json!({})).await.expect(StatusCode::OK);
    assert!(desk.is_silent());
    app.enter(&session, person()).await;
    let last = told_status(&mut desk, "completed").await;
    assert_eq!(last, app.iframe_page(&session).await.expect(StatusCode::OK));
    assert!(told(&mut desk).await.is_none(), "a session that has ended has nothing more to tell");
    told_status(&mut phone, "completed").await;
    // Opened after the end, it tells the end.
    let mut late = follow(&app, &session).await;
    assert_eq!(told(&mut late).await.unwrap()["status"], "completed");
    assert!(told(&mut late).await.is_none());
    app.finish().await;
}

#[tokio::test]
async fn the_end_comes_by_the_clock_the_tenant_and_another_device_too() {
    let app = TestApp::start().await;
    let (expiring, canceled) = (app.create(json!({ "expires_in": 60 })).await, app.create(json!({})).await);
    let (mut one, mut two) = (follow(&app, &expiring).await, follow(&app, &canceled).await);
    app.cancel(&canceled).await.expect(StatusCode::OK);
    told_status(&mut two, "canceled").await;
    app.clock.advance(Duration::from_secs(60));
    told_status(&mut one, "expired").await;
    app.finish().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn progress_counts_the_checks_that_have_ended() {
    let app = TestApp::start().await;
    app.published("kyc", flow("One.")).await;
    let session = app.consented(json!({ "template_slug": "kyc" })).await;
    let mut stream = follow(&app, &session).await;
    assert_eq!(told(&mut stream).await.unwrap()["progress"], Value::Null);
    app.enter(&session, json!({ "last_name": "ERIKSSON" })).await;
    let mut done = Vec::new();
    while let Some(state) = told(&mut stream).await {
        let checks_run = state["status"] == "in_progress" && state["next_step"].is_null();
        assert_eq!(state["progress"].is_object(), checks_run, "{state}");
        if checks_run {
            assert_eq!(state["progress"]["total"], 2);
            done.push(state["progress"]["done"].as_u64().unwrap());
        }
    }
    assert!(done.is_sorted() && done.iter().all(|count| *count <= 2), "{done:?}");
    app.finish().await;
}

#[tokio::test]
async fn a_stream_gives_signs_of_life_and_ends_with_its_token_the_workspace_and_the_server() {
    let app = TestApp::start().await;
    let session = app.create(json!({ "expires_in": 7_200 })).await;
    let mut stream = follow(&app, &session).await;
    told(&mut stream).await.unwrap();
    assert!(stream.is_silent());
    app.clock.advance(BEAT);
    assert_eq!(stream.block().await.as_deref(), Some(":"));
    app.clock.advance(HALF_AN_HOUR);
    assert!(told(&mut stream).await.is_none(), "the token has ended");

    let session = app.create(json!({})).await;
    let mut stream = follow(&app, &session).await;
    told(&mut stream).await.unwrap();
    app.engine.change_workspace(WorkspaceId(1), |workspace| workspace.suspended = true).await.unwrap();
    app.clock.advance(BEAT);
    assert!(told(&mut stream).await.is_none(), "the workspace is suspended");
    app.engine.change_workspace(WorkspaceId(1), |workspace| workspace.suspended = false).await.unwrap();
    app.finish().await;
}

#[tokio::test]
async fn a_server_that_ends_ends_its_streams() {
    let mut open = None;
    let app = TestApp::start_behind(common::config(), |http| open = Some(http.open.clone())).await;
    let session = app.create(json!({})).await;
    let mut stream = follow(&app, &session).await;
    told(&mut stream).await.unwrap();
    open.unwrap().store(false, Ordering::SeqCst);
    app.clock.advance(Duration::from_secs(1));
    assert!(told(&mut stream).await.is_none());
    app.finish().await;
}

#[tokio::test]
async fn a_session_has_few_streams_and_another_s_are_its_own() {
    let app = TestApp::start().await;
    let hours = json!({ "expires_in": 7_200 });
    let (session, other) = (app.create(hours.clone()).await, app.create(hours).await);
    let mut streams = Vec::new();
    for _ in 0..5 {
        streams.push(follow(&app, &session).await);
    }
    let refused = app.get_as(text(&session["sdk_token"]), STREAM).await;
    refused.refused(429, "rate_limited");
    assert_eq!(refused.header("retry-after"), "15");
    drop(follow(&app, &other).await);
    streams.pop();
    drop(follow(&app, &session).await);
    for (bearer, status, code) in
        [(app.key.as_str(), 401, "authentication_required"), ("a.b.c", 401, "invalid_signature")]
    {
        app.get_as(bearer, STREAM).await.refused(status, code);
    }
    let foreign = format!("{STREAM}?session_id={}", text(&other["id"]));
    app.get_as(text(&session["sdk_token"]), &foreign).await.refused(403, "permission_denied");
    app.get_as(text(&session["sdk_token"]), &format!("{STREAM}?after=1")).await.refused(422, "validation_error");
    app.clock.advance(HALF_AN_HOUR);
    app.get_as(text(&other["sdk_token"]), STREAM).await.refused(401, "session_expired");
    app.finish().await;
}

#[tokio::test]
async fn a_page_knows_who_may_hear_it_and_what_time_it_is() {
    let app = TestApp::start().await;
    let live = app.live_key().await;
    let mut pages = Vec::new();
    for key in [&app.key, &live] {
        let origins = json!({ "allowed_origins": ["https://shop.example.com"] });
        app.call_as(key, "PATCH", "/v1/workspace", origins).await.expect(StatusCode::OK);
        app.published_as(key, "kyc", flow("One.")).await;
        let made = app.call_as(key, "POST", "/v1/sessions", json!({ "template_slug": "kyc" })).await;
        pages.push(app.iframe_page(&made.expect(StatusCode::CREATED)).await.expect(StatusCode::OK));
    }
    assert_eq!(pages[0]["parent_origins"], json!(["https://shop.example.com", PUBLIC_URL]));
    assert_eq!(pages[1]["parent_origins"], json!(["https://shop.example.com"]));
    assert_eq!((&pages[0]["loopback_allowed"], &pages[1]["loopback_allowed"]), (&json!(true), &json!(false)));
    assert_eq!(pages[0]["server_time"], app.engine.now().seconds());
    app.finish().await;
}

#[tokio::test]
async fn a_phone_goes_on_with_a_token_of_its_own() {
    let app = TestApp::start().await;
    let session = app.create(json!({ "expires_in": 7_200 })).await;
    app.load(&session).await;
    app.clock.advance(Duration::from_secs(600));
    let offer = app.iframe(&session, "handoff", json!({})).await.expect(StatusCode::OK);
    let start = format!("{PUBLIC_URL}/iframe?session_id={}&token=", text(&session["id"]));
    let token = text(&offer["url"]).strip_prefix(&start).unwrap();
    assert_ne!(token, text(&session["sdk_token"]));
    assert_eq!(offer["expires_at"], app.engine.now().seconds() + 1_800);
    assert_eq!(offer["reachable"], true);
    let svg = text(&offer["qr_svg"]);
    assert!(svg.contains("<svg ") && !svg.contains("<script"), "{svg}");
    let mut desk = follow(&app, &session).await;
    told(&mut desk).await.unwrap();
    app.call_as(token, "POST", "/iframe/api/steps/consent", consent()).await.expect(StatusCode::OK);
    assert_eq!(told_status(&mut desk, "in_progress").await["next_step"], "data_entry");
    app.iframe(&session, "handoff", json!({ "a": 1 })).await.refused(422, "validation_error");
    app.cancel(&session).await.expect(StatusCode::OK);
    app.iframe(&session, "handoff", json!({})).await.refused(401, "session_expired");
    app.finish().await;
}
