//! Rate limits and the other bounds at the door: what is counted, what the headers say as time
//! passes, and that nobody pays for another.

#![expect(clippy::unwrap_used, reason = "a test fails where it unwraps")]

mod common;

use std::time::Duration;

use axum::body::Body;
use axum::http::{Request, StatusCode};
use common::world::TEST;
use common::{Answer, TestApp, config, text};
use futures::FutureExt;
use serde_json::json;
use tower::ServiceExt;
use vetd::http::RateLimits;
use vetd_model::WorkspaceId;
use vetd_model::workspace::Scopes;

async fn limited(change: impl FnOnce(&mut RateLimits)) -> TestApp {
    TestApp::start_behind(config(), |http| change(&mut http.rate_limits)).await
}

fn headers(answer: &Answer) -> [&str; 3] {
    ["ratelimit-limit", "ratelimit-remaining", "ratelimit-reset"].map(|name| answer.header(name))
}

#[tokio::test]
async fn without_a_limit_no_header_speaks_of_one() {
    let app = limited(|limits| limits.write = Some("1/h".parse().unwrap())).await;
    for _ in 0..20 {
        let answer = app.get("/v1/sessions").await;
        assert_eq!((answer.status, headers(&answer)), (StatusCode::OK, ["", "", ""]));
    }
    app.finish().await;
}

#[tokio::test]
async fn the_headers_follow_the_clock() {
    let app = limited(|limits| limits.read = Some("4/m".parse().unwrap())).await;
    for expected in [["4", "3", "15"], ["4", "2", "30"], ["4", "1", "45"], ["4", "0", "60"]] {
        let answer = app.get("/v1/sessions").await;
        assert_eq!((answer.status, headers(&answer)), (StatusCode::OK, expected));
    }
    app.clock.advance(Duration::from_millis(4_500));
    let answer = app.get("/v1/sessions").await;
    answer.refused(429, "rate_limited");
    assert_eq!((headers(&answer), answer.header("retry-after")), (["4", "0", "56"], "11"), "rounded up");
    app.clock.advance(Duration::from_millis(10_499));
    assert_eq!(app.get("/v1/sessions").await.header("retry-after"), "1");
    app.clock.advance(Duration::from_millis(1));
    let answer = app.get("/v1/sessions").await;
    assert_eq!((answer.status, headers(&answer)), (StatusCode::OK, ["4", "0", "60"]));
    app.clock.advance(Duration::from_secs(60));
    assert_eq!(headers(&app.get("/v1/sessions").await), ["4", "3", "15"]);
    app.finish().await;
}

#[tokio::test]
async fn whoever_waits_as_told_is_served() {
    let app = limited(|limits| limits.write = Some("7/m".parse().unwrap())).await;
    for _ in 0..30 {
        let mut answer = app.post("/v1/sessions", json!({})).await;
        if answer.status == StatusCode::TOO_MANY_REQUESTS {
            app.clock.advance(Duration::from_secs(answer.header("retry-after").parse().unwrap()));
            answer = app.post("/v1/sessions", json!({})).await;
        }
        answer.expect(StatusCode::CREATED);
    }
    app.finish().await;
}

#[tokio::test]
async fn each_key_and_each_kind_of_call_has_its_own() {
    let app = limited(|limits| {
        limits.read = Some("1/h".parse().unwrap());
        limits.write = Some("2/h".parse().unwrap());
        limits.create = Some("3/h".parse().unwrap());
        limits.iframe = Some("4/h".parse().unwrap());
    })
    .await;
    let session = app.create(json!({})).await;
    let other = app.create(json!({})).await;
    assert_eq!(headers(&app.post("/v1/sessions", json!({})).await)[..2], ["3", "0"]);
    app.post("/v1/sessions", json!({})).await.refused(429, "rate_limited");
    app.get("/v1/sessions").await.expect(StatusCode::OK);
    app.get("/v1/verifications").await.refused(429, "rate_limited");
    let cancel = format!("/v1/sessions/{}/cancel", text(&other["id"]));
    app.post(&cancel, json!({})).await.expect(StatusCode::OK);
    assert_eq!(headers(&app.post(&cancel, json!({})).await)[..2], ["2", "0"], "a refusal counts too");
    app.post(&cancel, json!({})).await.refused(429, "rate_limited");
    let token = text(&session["sdk_token"]);
    for _ in 0..4 {
        app.get_as(token, "/iframe/api/session").await.expect(StatusCode::OK);
    }
    app.call_as(token, "POST", "/iframe/api/load", json!({})).await.refused(429, "rate_limited");
    app.get_as(text(&other["sdk_token"]), "/iframe/api/session").await.expect(StatusCode::OK);

    let neighbour = app.key_for(TEST, Scopes::ALL).await;
    app.get_as(&neighbour, "/v1/sessions").await.expect(StatusCode::OK);
    app.call_as(&neighbour, "POST", "/v1/sessions", json!({})).await.expect(StatusCode::CREATED);
    app.finish().await;
}

#[tokio::test]
async fn the_limit_comes_after_the_credential_and_before_everything_else() {
    let app = limited(|limits| limits.write = Some("2/h".parse().unwrap())).await;
    let unknown = "ak_test_aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa";
    for _ in 0..5 {
        let answer = app.call_as(unknown, "POST", "/v1/sessions", json!({})).await;
        answer.refused(401, "invalid_api_key");
        assert_eq!(headers(&answer), ["", "", ""]);
    }
    let first = app.post_once("k", "/v1/sessions", json!({})).await;
    first.expect(StatusCode::CREATED);
    let replay = app.post_once("k", "/v1/sessions", json!({})).await;
    assert_eq!((&replay.body, headers(&replay)[1]), (&first.body, "0"), "a replay counts");
    let refused = app.post_once("k", "/v1/sessions", json!({ "surprise": 1 })).await;
    assert_eq!(refused.refused(429, "rate_limited"), Vec::<String>::new(), "neither conflict nor validation");
    let reviewer = app.key_for(TEST, Scopes::REVIEW).await;
    let denied = app.call_as(&reviewer, "POST", "/v1/sessions", json!({})).await;
    denied.refused(403, "permission_denied");
    assert_eq!(headers(&denied)[..2], ["2", "1"]);
    app.finish().await;
}

#[tokio::test]
async fn a_refused_change_has_changed_nothing_and_its_key_is_free() {
    let app = limited(|limits| limits.create = Some("1/m".parse().unwrap())).await;
    app.create(json!({})).await;
    let before = app.position();
    app.post_once("k", "/v1/sessions", json!({})).await.refused(429, "rate_limited");
    assert_eq!(app.position(), before);
    app.clock.advance(Duration::from_secs(60));
    let served = app.post_once("k", "/v1/sessions", json!({})).await;
    served.expect(StatusCode::CREATED);
    assert_eq!(served.header("idempotent-replayed"), "");
    app.finish().await;
}

// The other bounds

/// A request whose body never comes.
fn hanging(app: &TestApp) -> Request<Body> {
    let body = Body::from_stream(futures::stream::pending::<Result<Vec<u8>, std::io::Error>>());
    Request::post("/v1/sessions").header("authorization", format!("Bearer {}", app.key)).body(body).unwrap()
}

#[tokio::test]
async fn beyond_the_cap_the_next_request_is_told_to_come_back_and_probes_are_answered() {
    let app = TestApp::start_behind(config(), |http| http.max_in_flight = 1).await;
    let mut first = Box::pin(app.router.clone().oneshot(hanging(&app)));
    assert!((&mut first).now_or_never().is_none());
    for path in ["/v1/sessions", "/iframe/api/session"] {
        let answer = app.get(path).await;
        answer.refused(503, "dependency_unavailable");
        assert_eq!(answer.header("retry-after"), "1");
    }
    for path in ["/healthz", "/readyz"] {
        app.get(path).await.expect(StatusCode::OK);
    }
    drop(first);
    app.get("/v1/sessions").await.expect(StatusCode::OK);
    app.finish().await;
}

#[tokio::test]
async fn a_body_that_does_not_come_ends_after_half_a_minute() {
    let app = TestApp::start().await;
    let mut request = Box::pin(app.router.clone().oneshot(hanging(&app)));
    assert!((&mut request).now_or_never().is_none());
    app.clock.advance(Duration::from_millis(29_999));
    assert!((&mut request).now_or_never().is_none());
    app.clock.advance(Duration::from_millis(1));
    let response = (&mut request).now_or_never().unwrap().unwrap();
    assert_eq!(response.status(), StatusCode::UNPROCESSABLE_ENTITY);
    assert_eq!(response.headers()["connection"], "close");
    app.finish().await;
}

#[tokio::test]
async fn a_request_that_takes_too_long_is_answered_503_and_its_work_goes_on() {
    let app = TestApp::start_behind(config(), |http| http.max_in_flight = 1).await;
    let (may_go_on, wait) = std::sync::mpsc::channel::<()>();
    let (wait, tell) = (parking_lot::Mutex::new(Some(wait)), parking_lot::Mutex::new(Some(())));
    let (writing, mut has_begun) = tokio::sync::mpsc::unbounded_channel();
    app.fault_writes(move |_| {
        if tell.lock().take().is_some() {
            writing.send(()).unwrap();
            let wait = wait.lock().take().unwrap();
            let _ = wait.recv();
        }
        Ok(())
    });
    let mut create = common::request(&app.key, "POST", "/v1/sessions", "{}");
    create.headers_mut().insert("idempotency-key", "k".parse().unwrap());
    let answer = tokio::spawn(app.router.clone().oneshot(create));
    has_begun.recv().await.unwrap();
    app.clock.advance(Duration::from_secs(60));
    let answer = answer.await.unwrap().unwrap();
    assert_eq!(
        (answer.status(), &answer.headers()["retry-after"]),
        (StatusCode::SERVICE_UNAVAILABLE, &"1".parse().unwrap())
    );
    // Its place is taken until the work is done, not until the answer has left.
    app.get("/v1/sessions").await.refused(503, "dependency_unavailable");
    drop(may_go_on);
    let again = loop {
        let again = app.post_once("k", "/v1/sessions", json!({})).await;
        if again.status != StatusCode::SERVICE_UNAVAILABLE {
            break again;
        }
        tokio::task::yield_now().await;
    };
    again.expect(StatusCode::CREATED);
    assert_eq!(again.header("idempotent-replayed"), "true", "the work went on");
    app.finish().await;
}

#[tokio::test]
async fn a_suspended_workspace_is_refused_at_once_and_served_again_when_resumed() {
    let app = TestApp::start().await;
    let session = app.create(json!({})).await;
    let token = text(&session["sdk_token"]);
    for suspended in [true, false, true, false] {
        app.engine.change_workspace(WorkspaceId(1), |workspace| workspace.suspended = suspended).await.unwrap();
        for (bearer, path) in [(app.key.as_str(), "/v1/sessions"), (token, "/iframe/api/session")] {
            let answer = app.get_as(bearer, path).await;
            if suspended {
                answer.refused(403, "tenant_suspended");
            } else {
                answer.expect(StatusCode::OK);
            }
        }
    }
    app.finish().await;
}
