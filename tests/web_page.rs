//! What browsers get: the page under its policy, its files, and the script of the embedder.

#![expect(clippy::unwrap_used, clippy::panic, reason = "a test fails where it unwraps")]

mod common;

use std::io::Read;

use axum::body::Body;
use axum::http::{Request, StatusCode};
use common::steps::flow;
use common::{Answer, PUBLIC_URL, TestApp, text};
use serde_json::{Value, json};
use vetd_model::WorkspaceId;

const LOOPBACK: &str = "http://localhost:* https://localhost:* http://*.localhost:* https://*.localhost:* \
                        http://127.0.0.1:* https://127.0.0.1:*";

/// As a browser asks that goes to an address.
fn visit(path: &str) -> Request<Body> {
    let accept = "text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8";
    Request::builder().uri(path).header("accept", accept).body(Body::empty()).unwrap()
}

fn asking(path: &str, header: &str, value: &str) -> Request<Body> {
    Request::builder().uri(path).header(header, value).body(Body::empty()).unwrap()
}

async fn get(app: &TestApp, path: &str) -> Answer {
    app.send(Request::builder().uri(path).body(Body::empty()).unwrap()).await
}

fn address(session: &Value) -> String {
    text(&session["iframe_url"]).strip_prefix(PUBLIC_URL).unwrap().to_owned()
}

fn html(answer: &Answer) -> String {
    assert_eq!(answer.header("content-type"), "text/html; charset=utf-8");
    String::from_utf8(answer.body.clone()).unwrap()
}

/// What stands between two texts.
fn between<'a>(text: &'a str, before: &str, after: &str) -> &'a str {
    let rest = text.split_once(before).unwrap_or_else(|| panic!("no {before} in {text}")).1;
    rest.split_once(after).unwrap().0
}

fn frame_ancestors(answer: &Answer) -> &str {
    answer.header("content-security-policy").split_once("frame-ancestors ").unwrap().1
}

#[tokio::test]
async fn the_page_lets_nothing_in_but_its_own_files() {
    let app = TestApp::start().await;
    let session = app.create(json!({})).await;
    let (first, second) = (app.send(visit(&address(&session))).await, app.send(visit(&address(&session))).await);
    let page = html(&first);
    let policy = first.header("content-security-policy");
    let nonce = between(policy, "script-src 'nonce-", "'");
    assert!(nonce.len() >= 22 && !second.header("content-security-policy").contains(nonce), "a nonce is used once");
    assert!(page.contains(&format!("nonce=\"{nonce}\"")) && !page.contains("{{"), "{page}");
    assert!(policy.starts_with("default-src 'none'; "));
    for part in
        ["connect-src 'self';", "base-uri 'none';", "form-action 'none';", "require-trusted-types-for 'script';"]
    {
        assert!(policy.contains(part), "{part} in {policy}");
    }
    assert!(!policy.contains("unsafe") && !policy.contains("http:;") && !policy.contains(" *;"));
    assert!(first.header("permissions-policy").starts_with("camera=(self), microphone=(self), "));
    assert_eq!(first.header("referrer-policy"), "no-referrer");
    assert_eq!((first.header("cache-control"), first.header("x-content-type-options")), ("no-store", "nosniff"));
    assert!(!first.headers.contains_key("set-cookie"));
    assert!(!page.contains(text(&session["sdk_token"])), "the token is not in the page");
    app.finish().await;
}

#[tokio::test]
async fn a_page_without_its_token_is_refused_to_people_and_programs_alike() {
    let app = TestApp::start().await;
    let (session, other) = (app.create(json!({})).await, app.create(json!({})).await);
    let (id, token) = (text(&session["id"]), text(&session["sdk_token"]));
    let forged = format!("{}AAAA", &token[..token.len() - 4]);
    let cases = [
        ("/iframe".to_owned(), 422, "validation_error", "This link is not complete"),
        (format!("/iframe?session_id={id}"), 422, "validation_error", "This link is not complete"),
        (format!("/iframe?session_id={id}&token="), 422, "validation_error", "This link is not complete"),
        (format!("/iframe?token={token}"), 422, "validation_error", "This link is not complete"),
        (format!("/iframe?session_id=ses_1&token={token}"), 422, "validation_error", "This link is not complete"),
        (format!("/iframe?session_id={id}&resume=AAAA"), 422, "validation_error", "This link is not complete"),
        (format!("/iframe?session_id={id}&token={forged}"), 401, "invalid_signature", "This link does not work"),
        (
            format!("/iframe?session_id={}&token={token}", text(&other["id"])),
            403,
            "permission_denied",
            "This link does not work",
        ),
    ];
    for (path, status, code, title) in cases {
        get(&app, &path).await.refused(status, code);
        let shown = app.send(visit(&path)).await;
        assert_eq!(shown.status.as_u16(), status, "{path}");
        let page = html(&shown);
        assert!(page.contains(&format!("<h1>{title}</h1>")) && page.contains(shown.header("kyc-request-id")), "{page}");
        assert!(!page.contains("{{") && !page.contains("<script"), "{page}");
        assert!(shown.header("content-security-policy").starts_with("default-src 'none'; style-src 'self';"));
    }
    for method in ["POST", "PUT", "DELETE"] {
        let request = Request::builder().method(method).uri("/iframe").header("accept", "text/html");
        let answer = app.send(request.body(Body::empty()).unwrap()).await;
        answer.refused(405, "method_not_allowed");
    }
    app.finish().await;
}

#[tokio::test]
async fn a_page_that_is_loaded_again_needs_no_token() {
    let app = TestApp::start().await;
    let (session, other) = (app.create(json!({})).await, app.create(json!({})).await);
    let page = html(&app.send(visit(&address(&session))).await);
    let resume = between(&page, "data-resume=\"", "\"");
    let path = format!("/iframe?session_id={}&resume={resume}", text(&session["id"]));
    let again = app.send(visit(&path)).await;
    assert_eq!((again.status, frame_ancestors(&again)), (StatusCode::OK, &*format!("{PUBLIC_URL} {LOOPBACK}")));
    let elsewhere = format!("/iframe?session_id={}&resume={resume}", text(&other["id"]));
    get(&app, &elsewhere).await.refused(422, "validation_error");
    // It opens nothing but the page.
    app.get_as(resume, "/iframe/api/session").await.refused(401, "authentication_required");
    app.finish().await;
}

#[tokio::test]
async fn allowed_origins_and_in_test_mode_loopback_may_have_the_page_in_them() {
    let app = TestApp::start().await;
    let live = app.live_key().await;
    let mut sessions = Vec::new();
    for key in [&app.key, &live] {
        app.published_as(key, "kyc", flow("One.")).await;
        let made = app.call_as(key, "POST", "/v1/sessions", json!({ "template_slug": "kyc" })).await;
        sessions.push(made.expect(StatusCode::CREATED));
    }
    let [test, real] = &sessions[..] else { unreachable!() };
    assert_eq!(frame_ancestors(&app.send(visit(&address(real))).await), "'none'");
    let origins = json!({ "allowed_origins": ["https://shop.example.com", "https://b.example:8443"] });
    for key in [&app.key, &live] {
        app.call_as(key, "PATCH", "/v1/workspace", origins.clone()).await.expect(StatusCode::OK);
    }
    let listed = "https://shop.example.com https://b.example:8443";
    assert_eq!(frame_ancestors(&app.send(visit(&address(real))).await), listed);
    let expected = format!("{listed} {PUBLIC_URL} {LOOPBACK}");
    assert_eq!(frame_ancestors(&app.send(visit(&address(test))).await), expected);
    app.engine.change_workspace(WorkspaceId(1), |workspace| workspace.suspended = true).await.unwrap();
    get(&app, &address(test)).await.refused(403, "tenant_suspended");
    app.finish().await;
}

#[tokio::test]
async fn files_are_packed_and_kept_for_good_under_the_address_of_their_version() {
    let app = TestApp::start().await;
    let session = app.create(json!({})).await;
    let page = html(&app.send(visit(&address(&session))).await);
    let files: Vec<&str> = page.split('"').filter(|part| part.starts_with("iframe/assets/")).collect();
    assert!(files.len() >= 3, "{page}");
    for file in files {
        let plain = get(&app, &format!("/{file}")).await;
        assert_eq!(plain.status, StatusCode::OK, "{file}");
        assert_eq!(plain.header("cache-control"), "public, max-age=31536000, immutable");
        assert_eq!(plain.header("x-content-type-options"), "nosniff");
        let kind = if file.ends_with(".css") { "text/css; charset=utf-8" } else { "text/javascript; charset=utf-8" };
        assert_eq!(plain.header("content-type"), kind);
        let packed = app.send(asking(&format!("/{file}"), "accept-encoding", "gzip, deflate, br")).await;
        if packed.headers.contains_key("content-encoding") {
            assert!(packed.body.len() < plain.body.len());
            let mut unpacked = Vec::new();
            flate2::read::GzDecoder::new(packed.body.as_slice()).read_to_end(&mut unpacked).unwrap();
            assert!(unpacked == plain.body, "{file}");
        }
    }
    let version = between(&page, "iframe/assets/", "/");
    for absent in [
        format!("/iframe/assets/{version}/index.html"),
        format!("/iframe/assets/{version}/../app.js"),
        format!("/iframe/assets/{version}/%2e%2e/embed.js"),
        "/iframe/assets/0000000000000000/app.js".to_owned(),
        format!("/iframe/assets/{version}/"),
    ] {
        get(&app, &absent).await.refused(404, "not_found");
    }
    app.finish().await;
}

#[tokio::test]
async fn the_embedder_s_script_is_for_every_origin_and_asked_for_again() {
    let app = TestApp::start().await;
    for (path, kind) in
        [("/embed.js", "text/javascript; charset=utf-8"), ("/embed.d.ts", "application/typescript; charset=utf-8")]
    {
        let answer = get(&app, path).await;
        assert_eq!((answer.status, answer.header("content-type")), (StatusCode::OK, kind));
        assert_eq!(answer.header("access-control-allow-origin"), "*");
        assert_eq!(answer.header("cross-origin-resource-policy"), "cross-origin");
        assert_eq!(answer.header("cache-control"), "no-cache");
        let again = app.send(asking(path, "if-none-match", answer.header("etag"))).await;
        assert_eq!((again.status, again.body.len()), (StatusCode::NOT_MODIFIED, 0));
        assert_eq!(again.header("access-control-allow-origin"), "*");
    }
    app.finish().await;
}
