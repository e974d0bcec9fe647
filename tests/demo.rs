//! The demo: there where nobody else reaches the server, or where the operator wants it.

#![expect(clippy::unwrap_used, reason = "a test fails where it unwraps")]

mod common;

use axum::body::Body;
use axum::http::{Request, StatusCode};
use common::{Answer, TestApp, config, text};
use serde_json::{Value, json};
use vetd::http::Demo;
use vetd_model::WorkspaceId;

async fn start(demo: Demo) -> TestApp {
    TestApp::start_behind(config(), |http| http.demo = demo).await
}

async fn get(app: &TestApp, path: &str) -> Answer {
    app.send(Request::builder().uri(path).body(Body::empty()).unwrap()).await
}

async fn create(app: &TestApp, headers: &[(&str, &str)], body: &Value) -> Answer {
    let mut request =
        Request::builder().method("POST").uri("/demo/sessions").header("content-type", "application/json");
    for (name, value) in headers {
        request = request.header(*name, *value);
    }
    app.send(request.body(Body::from(body.to_string())).unwrap()).await
}

const HERE: [(&str, &str); 2] = [("host", "127.0.0.1:8080"), ("sec-fetch-site", "same-origin")];

#[tokio::test]
async fn without_the_operator_s_wish_there_is_none() {
    let app = TestApp::start().await;
    for path in ["/demo", "/demo/demo.js", "/demo/sessions"] {
        get(&app, path).await.refused(404, "not_found");
    }
    create(&app, &HERE, &json!({ "flow": "data" })).await.refused(404, "not_found");
    app.finish().await;
}

#[tokio::test]
async fn the_page_has_its_files_and_nothing_else() {
    let app = start(Demo::Loopback).await;
    let page = get(&app, "/demo").await;
    assert_eq!((page.status, page.header("content-type")), (StatusCode::OK, "text/html; charset=utf-8"));
    let policy = page.header("content-security-policy");
    assert!(policy.starts_with("default-src 'none'; script-src 'self';") && !policy.contains("unsafe"), "{policy}");
    let html = String::from_utf8(page.body).unwrap();
    let files: Vec<&str> = html.split('"').filter(|part| part.starts_with("demo/")).collect();
    assert_eq!(files, ["demo/demo.css", "demo/demo.js"]);
    for file in files {
        assert_eq!(get(&app, &format!("/{file}")).await.status, StatusCode::OK, "{file}");
    }
    get(&app, "/demo/index.html").await.refused(404, "not_found");
    get(&app, "/demo/other.js").await.refused(404, "not_found");
    app.finish().await;
}

#[tokio::test]
async fn its_page_makes_test_sessions_that_can_be_walked() {
    let app = start(Demo::Loopback).await;
    for (flow, slug, steps) in [
        ("data", "scaffold", ["consent", "data_entry"]),
        ("document", "scaffold-document", ["consent", "document_upload"]),
    ] {
        let session = create(&app, &HERE, &json!({ "flow": flow, "outcome": null })).await.expect(StatusCode::CREATED);
        assert_eq!((&session["template_slug"], &session["livemode"]), (&json!(slug), &json!(false)));
        let state = app.iframe_state(&session).await.expect(StatusCode::OK);
        let kinds: Vec<&str> = state["steps"].as_array().unwrap().iter().map(|step| text(&step["type"])).collect();
        assert_eq!(kinds, steps);
        assert_eq!(app.simulate(&session, &["load", "submit"]).await.expect(StatusCode::OK)["status"], "completed");
    }
    let asked = json!({ "flow": "data", "outcome": "requires_review" });
    let session = create(&app, &HERE, &asked).await.expect(StatusCode::CREATED);
    let ended = app.simulate(&session, &["load", "submit"]).await.expect(StatusCode::OK);
    assert_eq!(ended["status"], "requires_review");
    app.finish().await;
}

#[tokio::test]
async fn strangers_and_wrong_wishes_make_none() {
    let app = start(Demo::Loopback).await;
    let before = app.position();
    let (body, rebound) = (json!({ "flow": "data" }), [("host", "evil.example"), ("sec-fetch-site", "same-origin")]);
    let cross = [("host", "127.0.0.1:8080"), ("origin", "https://evil.example"), ("sec-fetch-site", "cross-site")];
    for headers in [&rebound[..], &cross, &[]] {
        create(&app, headers, &body).await.refused(403, "permission_denied");
    }
    for wrong in [json!({}), json!({ "flow": "x" }), json!({ "flow": "data", "outcome": "x" }), json!({ "a": 1 })] {
        create(&app, &HERE, &wrong).await.refused(422, "validation_error");
    }
    create(&app, &HERE, &json!({ "flow": "x".repeat(5_000) })).await.refused(413, "payload_too_large");
    app.engine.change_workspace(WorkspaceId(1), |workspace| workspace.suspended = true).await.unwrap();
    create(&app, &HERE, &body).await.refused(403, "tenant_suspended");
    assert_eq!(app.position(), before);
    app.finish().await;
}

#[tokio::test]
async fn for_everyone_it_has_any_name() {
    let app = start(Demo::Everyone).await;
    let named = [("host", "verify.example.com"), ("sec-fetch-site", "same-origin")];
    create(&app, &named, &json!({ "flow": "data" })).await.expect(StatusCode::CREATED);
    app.finish().await;
}
