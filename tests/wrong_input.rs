//! Wrong input: each gets its code from section 9, names the field, and changes nothing.

#![expect(clippy::unwrap_used, reason = "a test fails where it unwraps")]

mod common;

use axum::body::Body;
use axum::http::{HeaderValue, Request, StatusCode};
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use common::steps::{consent, flow};
use common::{Answer, TestApp, person, request, text};
use serde_json::{Value, json};
use std::time::Duration;
use vetd_actors::NewKey;
use vetd_model::workspace::Scopes;
use vetd_model::{Mode, Realm, WorkspaceId};

const TEST: Realm = Realm { workspace: WorkspaceId(1), mode: Mode::Test };

/// The refusal with this status and code, where the message of a failure names the case.
#[track_caller]
fn refused(answer: &Answer, case: &str, status: u16, code: &str) -> Vec<String> {
    let json = answer.json();
    assert_eq!((answer.status.as_u16(), &json["error"]["code"]), (status, &json!(code)), "{case}: {json}");
    answer.refused(status, code)
}

/// Some of everything, in test mode, and what all of it looks like.
struct World {
    session: Value,
    template: Value,
    endpoint: Value,
}

impl World {
    async fn make(app: &TestApp) -> Self {
        let template = app.published("kyc", flow("One.")).await;
        let hook = json!({ "url": "https://hooks.example.com/" });
        let endpoint = app.post("/v1/webhook_endpoints", hook).await.expect(StatusCode::CREATED);
        let session = app.create(json!({ "template_slug": "kyc", "metadata": { "a": "b" } })).await;
        Self { session, template, endpoint }
    }

    /// Everything that can be read of it.
    async fn look(&self, app: &TestApp) -> Vec<Value> {
        let mut seen = vec![json!(app.position()), app.session(&self.session).await];
        seen.push(app.verification(&self.session).await);
        seen.push(app.iframe_state(&self.session).await.json());
        for path in ["/v1/sessions", "/v1/verifications", "/v1/templates", "/v1/webhook_endpoints"] {
            seen.push(app.get(&format!("{path}?limit=100")).await.expect(StatusCode::OK));
        }
        let versions = format!("/v1/templates/{}/versions", text(&self.template["id"]));
        seen.push(app.get(&versions).await.expect(StatusCode::OK));
        seen
    }

    fn session_path(&self) -> String {
        format!("/v1/sessions/{}", text(&self.session["id"]))
    }

    fn token(&self) -> &str {
        text(&self.session["sdk_token"])
    }

    /// Every route that an API key opens, with a body that it takes.
    fn tenant_routes(&self) -> Vec<(&'static str, String, Value)> {
        let ver = format!("/v1/verifications/{}", text(&self.session["verification_id"]));
        let tpl = format!("/v1/templates/{}", text(&self.template["id"]));
        let hook = format!("/v1/webhook_endpoints/{}", text(&self.endpoint["id"]));
        let ses = self.session_path();
        let simulate = format!("/v1/test/sessions/{}/simulate", text(&self.session["id"]));
        let draft = json!({ "name": "n", "slug": "new", "flow_config": flow("N.") });
        vec![
            ("POST", "/v1/sessions".to_owned(), json!({})),
            ("GET", "/v1/sessions".to_owned(), Value::Null),
            ("GET", ses.clone(), Value::Null),
            ("POST", format!("{ses}/cancel"), json!({})),
            ("POST", format!("{ses}/token"), json!({})),
            ("GET", "/v1/verifications".to_owned(), Value::Null),
            ("GET", ver.clone(), Value::Null),
            ("POST", format!("{ver}/cancel"), json!({})),
            ("POST", "/v1/templates".to_owned(), draft),
            ("GET", "/v1/templates".to_owned(), Value::Null),
            ("GET", tpl.clone(), Value::Null),
            ("PATCH", tpl.clone(), json!({ "name": "x" })),
            ("GET", format!("{tpl}/versions"), Value::Null),
            ("GET", format!("{tpl}/versions/1"), Value::Null),
            ("POST", format!("{tpl}/publish"), json!({})),
            ("POST", format!("{tpl}/rollback"), json!({ "version": 1 })),
            ("POST", format!("{tpl}/default"), json!({})),
            ("POST", format!("{tpl}/archive"), json!({})),
            ("POST", "/v1/webhook_endpoints".to_owned(), json!({ "url": "https://other.example.com/" })),
            ("GET", "/v1/webhook_endpoints".to_owned(), Value::Null),
            ("GET", hook.clone(), Value::Null),
            ("PATCH", hook.clone(), json!({ "description": "x" })),
            ("DELETE", hook, json!({})),
            ("POST", simulate, json!({ "actions": ["load"] })),
        ]
    }

    /// Those that name one object.
    fn object_routes(&self) -> Vec<(&'static str, String, Value)> {
        let mut routes = self.tenant_routes();
        routes.retain(|(_, path, _)| path.matches('/').count() > 2);
        routes
    }
}

/// Every route that an sdk_token opens.
fn iframe_routes() -> Vec<(&'static str, String, Value)> {
    vec![
        ("GET", "/iframe/api/session".to_owned(), Value::Null),
        ("POST", "/iframe/api/load".to_owned(), json!({})),
        ("POST", "/iframe/api/steps/consent".to_owned(), consent()),
        ("POST", "/iframe/api/cancel".to_owned(), json!({})),
        ("POST", "/iframe/api/token".to_owned(), json!({})),
    ]
}

fn body(value: &Value) -> String {
    if value.is_null() { String::new() } else { value.to_string() }
}

/// Sends every route with this credential (none, if empty); all must be refused alike.
async fn all_refused(
    app: &TestApp,
    routes: &[(&str, String, Value)],
    bearer: &str,
    case: &str,
    status: u16,
    code: &str,
) {
    for (method, path, value) in routes {
        let mut request = request(bearer, method, path, body(value));
        if bearer.is_empty() {
            request.headers_mut().remove("authorization");
        }
        refused(&app.send(request).await, &format!("{case}: {method} {path}"), status, code);
    }
}

// Bodies

#[tokio::test]
async fn bodies_that_are_not_json() {
    let app = TestApp::start().await;
    let world = World::make(&app).await;
    let before = world.look(&app).await;
    let deep = "[".repeat(10_000);
    let cases: [(&str, &[u8]); 9] = [
        ("half an object", b"{\"metadata\": {"),
        ("no JSON", b"hello"),
        ("a trailing comma", b"{\"metadata\": {},}"),
        ("something after it", b"{} {}"),
        ("not UTF-8", b"{\"metadata\": {\"a\": \"\xff\"}}"),
        ("a field twice", b"{\"expires_in\": 60, \"expires_in\": 70}"),
        ("a single quote", b"{'a': 1}"),
        ("NaN", b"{\"expires_in\": NaN}"),
        ("deep nesting", deep.as_bytes()),
    ];
    for (method, path, _) in world.tenant_routes().iter().filter(|(method, ..)| *method != "GET") {
        for (case, bytes) in cases {
            let answer = app.send(request(&app.key, method, path, bytes.to_vec())).await;
            assert_eq!(refused(&answer, &format!("{case} to {method} {path}"), 422, "validation_error"), ["body"]);
        }
        for (case, bytes) in [("a list", "[]"), ("a string", "\"a\""), ("null", "null"), ("a number", "1")] {
            let answer = app.send(request(&app.key, method, path, bytes)).await;
            refused(&answer, &format!("{case} to {method} {path}"), 422, "validation_error");
        }
    }
    for (method, path, _) in iframe_routes().iter().filter(|(method, ..)| *method != "GET") {
        for (case, bytes) in cases {
            let answer = app.send(request(world.token(), method, path, bytes.to_vec())).await;
            assert_eq!(refused(&answer, &format!("{case} to {method} {path}"), 422, "validation_error"), ["body"]);
        }
    }
    assert_eq!(world.look(&app).await, before);
    app.finish().await;
}

#[tokio::test]
async fn unknown_fields_on_every_change() {
    let app = TestApp::start().await;
    let world = World::make(&app).await;
    app.load(&world.session).await;
    let before = world.look(&app).await;
    for (method, path, value) in world.tenant_routes() {
        if let Value::Object(mut fields) = value {
            fields.insert("surprise".to_owned(), json!(1));
            let answer = app.call(method, &path, Value::Object(fields)).await;
            assert_eq!(refused(&answer, &format!("{method} {path}"), 422, "validation_error"), ["surprise"]);
        }
    }
    for (method, path, value) in iframe_routes() {
        if let Value::Object(mut fields) = value {
            fields.insert("surprise".to_owned(), json!(1));
            let answer = app.call_as(world.token(), method, &path, Value::Object(fields)).await;
            assert_eq!(refused(&answer, &format!("{method} {path}"), 422, "validation_error"), ["surprise"]);
        }
    }
    assert_eq!(world.look(&app).await, before);
    app.finish().await;
}

#[tokio::test]
async fn wrong_values_of_a_new_session() {
    let app = TestApp::start().await;
    let world = World::make(&app).await;
    let before = world.look(&app).await;
    let many: serde_json::Map<String, Value> = (0..51).map(|n| (format!("k{n}"), json!("v"))).collect();
    let unknown = "tpl_01jdf2myt0fzzvzzzzzzzzzzzz";
    let absent_slug = json!({ "template_slug": "absent" });
    let cases = [
        (json!({ "template_id": 1 }), "template_id"),
        (json!({ "template_id": "tpl_1" }), "template_id"),
        (json!({ "template_id": world.session["id"] }), "template_id"),
        (json!({ "template_id": unknown }), "template_id"),
        (absent_slug, "template_slug"),
        (json!({ "template_slug": ["kyc"] }), "template_slug"),
        (json!({ "template_id": world.template["id"], "template_slug": "kyc" }), "template_slug"),
        (json!({ "metadata": "a" }), "metadata"),
        (json!({ "metadata": [] }), "metadata"),
        (json!({ "metadata": many }), "metadata"),
        (json!({ "metadata": { "a": 1 } }), "metadata.a"),
        (json!({ "metadata": { "a": null } }), "metadata.a"),
        (json!({ "metadata": { "a": { "b": "c" } } }), "metadata.a"),
        (json!({ "metadata": { "a": "v".repeat(501) } }), "metadata.a"),
        (json!({ "metadata": { "": "v" } }), "metadata."),
        (json!({ "redirect_url": "javascript:alert(1)" }), "redirect_url"),
        (json!({ "redirect_url": "data:text/html,x" }), "redirect_url"),
        (json!({ "redirect_url": "ftp://example.com/" }), "redirect_url"),
        (json!({ "redirect_url": "/relative" }), "redirect_url"),
        (json!({ "redirect_url": "" }), "redirect_url"),
        (json!({ "redirect_url": "https://" }), "redirect_url"),
        (json!({ "redirect_url": "java\tscript:alert(1)" }), "redirect_url"),
        (json!({ "redirect_url": "https://example.com/\n" }), "redirect_url"),
        (json!({ "redirect_url": 1 }), "redirect_url"),
        (json!({ "expires_in": 59 }), "expires_in"),
        (json!({ "expires_in": 86_401 }), "expires_in"),
        (json!({ "expires_in": -60 }), "expires_in"),
        (json!({ "expires_in": "60" }), "expires_in"),
        (json!({ "expires_in": 60.5 }), "expires_in"),
        (json!({ "expires_in": true }), "expires_in"),
        (json!({ "test_outcome": "passed" }), "test_outcome"),
        (json!({ "test_outcome": "failed:" }), "test_outcome"),
        (json!({ "test_outcome": "failed:age" }), "test_outcome"),
        (json!({ "test_outcome": "failed:face_match:x" }), "test_outcome"),
        (json!({ "test_outcome": "failed:age:Has Space" }), "test_outcome"),
        (json!({ "test_outcome": 1 }), "test_outcome"),
    ];
    for (value, field) in cases {
        let answer = app.post("/v1/sessions", value.clone()).await;
        assert_eq!(refused(&answer, &value.to_string(), 422, "validation_error"), [field], "{value}");
    }
    let long = "k".repeat(41);
    let answer = app.post("/v1/sessions", json!({ "metadata": { long: "v" } })).await;
    assert!(refused(&answer, "a long key", 422, "validation_error")[0].starts_with("metadata.kkk"));
    // Everything that is wrong at once.
    let value = json!({ "expires_in": 1, "metadata": { "a": 1 }, "redirect_url": "x", "test_outcome": "x", "z": 1 });
    let mut named = refused(&app.post("/v1/sessions", value).await, "all", 422, "validation_error");
    named.sort();
    assert_eq!(named, ["expires_in", "metadata.a", "redirect_url", "test_outcome", "z"]);
    assert_eq!(world.look(&app).await, before);
    app.finish().await;
}

#[tokio::test]
async fn the_largest_values_of_a_new_session_pass() {
    let app = TestApp::start().await;
    let most: serde_json::Map<String, Value> = (0..50).map(|n| (format!("{n:ü>40}"), json!("é".repeat(500)))).collect();
    for value in [
        json!({ "metadata": most }),
        json!({ "expires_in": 60 }),
        json!({ "expires_in": 86_400 }),
        json!({ "redirect_url": "http://localhost:3000/done" }),
        json!({ "redirect_url": "http://example.com/in-test-mode" }),
        json!({ "metadata": null, "template_id": null, "redirect_url": null }),
    ] {
        let session = app.create(value.clone()).await;
        if let Some(metadata) = value.get("metadata").filter(|value| !value.is_null()) {
            assert_eq!(app.session(&session).await["metadata"], *metadata);
        }
    }
    app.finish().await;
}

#[tokio::test]
async fn what_live_mode_refuses() {
    let app = TestApp::start().await;
    let live = app.live_key().await;
    app.published_as(&live, "kyc", flow("Live.")).await;
    let position = app.position();
    for (value, field) in [
        (json!({ "template_slug": "kyc", "redirect_url": "http://example.com/" }), "redirect_url"),
        (json!({ "template_slug": "kyc", "redirect_url": "javascript:alert(1)" }), "redirect_url"),
        (json!({ "template_slug": "kyc", "test_outcome": "completed" }), "test_outcome"),
        (json!({}), "template_id"),
        (json!({ "template_slug": "scaffold" }), "template_slug"),
    ] {
        let answer = app.call_as(&live, "POST", "/v1/sessions", value.clone()).await;
        assert_eq!(refused(&answer, &value.to_string(), 422, "validation_error"), [field], "{value}");
    }
    assert_eq!(app.position(), position);
    for address in ["http://localhost:3000/", "http://127.0.0.1/", "http://[::1]:8/", "https://example.com/"] {
        let value = json!({ "template_slug": "kyc", "redirect_url": address });
        app.call_as(&live, "POST", "/v1/sessions", value).await.expect(StatusCode::CREATED);
    }
    app.finish().await;
}

#[tokio::test]
async fn ten_megabytes_of_metadata_are_too_large() {
    let app = TestApp::start().await;
    let world = World::make(&app).await;
    let before = world.look(&app).await;
    let large = json!({ "metadata": { "a": "x".repeat(10 * 1024 * 1024) } });
    refused(&app.post("/v1/sessions", large.clone()).await, "a session", 413, "payload_too_large");
    refused(&app.post_once("k", "/v1/sessions", large.clone()).await, "with a key", 413, "payload_too_large");
    refused(&app.iframe(&world.session, "load", large).await, "the iframe", 413, "payload_too_large");
    assert_eq!(world.look(&app).await, before);
    app.post_once("k", "/v1/sessions", json!({})).await.expect(StatusCode::CREATED);
    app.finish().await;
}

#[tokio::test]
async fn other_content_types() {
    let app = TestApp::start().await;
    let position = app.position();
    let types = ["text/plain", "application/x-www-form-urlencoded", "application/jsonp", "multipart/form-data", ""];
    for content_type in types {
        let mut request = request(&app.key, "POST", "/v1/sessions", "{}");
        request.headers_mut().insert("content-type", content_type.parse().unwrap());
        refused(&app.send(request).await, content_type, 415, "unsupported_media_type");
    }
    let mut none = request(&app.key, "POST", "/v1/sessions", "{}");
    none.headers_mut().remove("content-type");
    refused(&app.send(none).await, "none", 415, "unsupported_media_type");
    assert_eq!(app.position(), position);
    let mut charset = request(&app.key, "POST", "/v1/sessions", "{}");
    charset.headers_mut().insert("content-type", "Application/JSON; charset=utf-8".parse().unwrap());
    app.send(charset).await.expect(StatusCode::CREATED);
    app.finish().await;
}

#[tokio::test]
async fn control_characters_in_headers() {
    let app = TestApp::start().await;
    let position = app.position();
    // Others than the tab, no HTTP library lets into a header: on the wire they end in the
    // parser, which the tests of the socket cover.
    let with = |name: &'static str, value: &[u8]| {
        let mut request = request(&app.key, "POST", "/v1/sessions", "{}");
        request.headers_mut().insert(name, HeaderValue::from_bytes(value).unwrap());
        request
    };
    let key = format!("Bearer {}", app.key);
    for (case, value) in [
        ("a tab in the key", format!("{}\t{}", &key[..20], &key[20..])),
        ("a tab for the space", key.replace(' ', "\t")),
        ("not ASCII", format!("{key}é")),
    ] {
        let answer = app.send(with("authorization", value.as_bytes())).await;
        assert_eq!(answer.status, StatusCode::UNAUTHORIZED, "{case}");
    }
    let answer = app.send(with("idempotency-key", b"a\tb")).await;
    assert_eq!(refused(&answer, "a tab in the Idempotency-Key", 422, "validation_error"), ["Idempotency-Key"]);
    let answer = app.send(with("content-type", b"application/json\t\xff")).await;
    refused(&answer, "a tab in the Content-Type", 415, "unsupported_media_type");
    assert_eq!(app.position(), position);
    app.finish().await;
}

// Who may pass

#[tokio::test]
async fn every_route_refuses_a_missing_or_strange_credential() {
    let app = TestApp::start().await;
    let world = World::make(&app).await;
    let before = world.look(&app).await;
    let (tenant, iframe) = (world.tenant_routes(), iframe_routes());
    all_refused(&app, &tenant, "", "no credential", 401, "authentication_required").await;
    all_refused(&app, &iframe, "", "no credential", 401, "authentication_required").await;
    all_refused(&app, &tenant, world.token(), "an sdk_token", 401, "authentication_required").await;
    all_refused(&app, &iframe, &app.key, "an API key", 401, "authentication_required").await;
    let unknown = "ak_test_aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa";
    all_refused(&app, &tenant, unknown, "an unknown key", 401, "invalid_api_key").await;
    all_refused(&app, &tenant, "hello", "no key at all", 401, "invalid_api_key").await;
    for header in ["Basic YTpi", "Bearer", "Bearer ", "Token x", ""] {
        let mut request = request("", "GET", "/v1/sessions", "");
        request.headers_mut().insert("authorization", header.parse().unwrap());
        let answer = app.send(request).await;
        refused(&answer, header, 401, "authentication_required");
        assert_eq!(answer.header("www-authenticate"), "Bearer");
    }
    assert_eq!(world.look(&app).await, before);
    app.finish().await;
}

#[tokio::test]
async fn keys_that_were_revoked_or_have_ended() {
    let app = TestApp::start().await;
    let world = World::make(&app).await;
    let ends = app.engine.now().after(Duration::from_secs(60));
    let new = |expires_at| NewKey { realm: TEST, name: "k".to_owned(), scopes: Scopes::ALL, expires_at };
    let (revoked, filed) = app.engine.create_key(new(None)).await.unwrap();
    let (ending, _) = app.engine.create_key(new(Some(ends))).await.unwrap();
    app.get_as(&revoked, "/v1/sessions").await.expect(StatusCode::OK);
    app.get_as(&ending, "/v1/sessions").await.expect(StatusCode::OK);
    app.engine.revoke_key(TEST, filed.id).await.unwrap();
    app.clock.advance(Duration::from_secs(60));
    let before = world.look(&app).await;
    all_refused(&app, &world.tenant_routes(), &revoked, "revoked", 401, "invalid_api_key").await;
    all_refused(&app, &world.tenant_routes(), &ending, "ended", 401, "invalid_api_key").await;
    assert_eq!(world.look(&app).await, before);
    let app = app.restart_after(Duration::from_secs(1)).await;
    refused(&app.get_as(&revoked, "/v1/sessions").await, "after a restart", 401, "invalid_api_key");
    app.finish().await;
}

#[tokio::test]
async fn scopes() {
    let app = TestApp::start().await;
    let world = World::make(&app).await;
    let before = world.look(&app).await;
    let reader = app.key_for(TEST, Scopes::READ).await;
    let writer = app.key_for(TEST, Scopes::WRITE).await;
    let reviewer = app.key_for(TEST, Scopes::REVIEW).await;
    let (reads, writes): (Vec<_>, Vec<_>) =
        world.tenant_routes().into_iter().partition(|(method, ..)| *method == "GET");
    all_refused(&app, &writes, &reader, "a key that only reads", 403, "permission_denied").await;
    all_refused(&app, &reads, &writer, "a key that only writes", 403, "permission_denied").await;
    all_refused(&app, &world.tenant_routes(), &reviewer, "a key that only reviews", 403, "permission_denied").await;
    assert_eq!(world.look(&app).await, before);
    for (method, path, _) in reads {
        assert_eq!(app.get_as(&reader, &path).await.status, StatusCode::OK, "{method} {path}");
    }
    app.call_as(&writer, "POST", "/v1/sessions", json!({})).await.expect(StatusCode::CREATED);
    app.finish().await;
}

#[tokio::test]
async fn a_suspended_workspace_and_one_that_is_not_live() {
    let app = TestApp::start().await;
    let world = World::make(&app).await;
    let live = app.live_key().await;
    let template = app.published_as(&live, "kyc", flow("Live.")).await;
    let live_session = app.call_as(&live, "POST", "/v1/sessions", json!({ "template_slug": "kyc" })).await;
    let live_token = text(&live_session.expect(StatusCode::CREATED)["sdk_token"]).to_owned();
    let before = world.look(&app).await;
    app.engine.change_workspace(WorkspaceId(1), |workspace| workspace.live_activated = false).await.unwrap();
    all_refused(&app, &world.tenant_routes(), &live, "not activated", 403, "live_mode_not_activated").await;
    all_refused(&app, &iframe_routes(), &live_token, "not activated", 403, "live_mode_not_activated").await;
    assert_eq!(world.look(&app).await, before, "test mode goes on");

    app.engine.change_workspace(WorkspaceId(1), |workspace| workspace.suspended = true).await.unwrap();
    all_refused(&app, &world.tenant_routes(), &app.key, "suspended", 403, "tenant_suspended").await;
    all_refused(&app, &iframe_routes(), world.token(), "suspended", 403, "tenant_suspended").await;
    all_refused(&app, &world.tenant_routes(), &live, "suspended", 403, "tenant_suspended").await;
    app.engine
        .change_workspace(WorkspaceId(1), |workspace| {
            workspace.suspended = false;
            workspace.live_activated = true;
        })
        .await
        .unwrap();
    assert_eq!(world.look(&app).await, before, "as it was");
    let path = format!("/v1/templates/{}", text(&template["id"]));
    app.get_as(&live, &path).await.expect(StatusCode::OK);
    app.finish().await;
}

/// Sends every route that names an object with a key that must not see it.
async fn sees_nothing(app: &TestApp, world: &World, bearer: &str, case: &str) {
    let before = world.look(app).await;
    for (method, path, value) in world.object_routes() {
        if path.starts_with("/v1/test") && case.contains("live") {
            continue;
        }
        let code = if path.contains("/ver_") { "verification_not_found" } else { "not_found" };
        let answer = app.send(request(bearer, method, &path, body(&value))).await;
        refused(&answer, &format!("{case}: {method} {path}"), 404, code);
    }
    let session = text(&world.session["id"]);
    let verification = text(&world.session["verification_id"]);
    let template = text(&world.template["id"]);
    let endpoint = text(&world.endpoint["id"]);
    for (list, id) in [
        ("sessions", session),
        ("verifications", verification),
        ("templates", template),
        ("webhook_endpoints", endpoint),
    ] {
        let empty = app.get_as(bearer, &format!("/v1/{list}")).await.expect(StatusCode::OK);
        assert_eq!(empty["data"], json!([]), "{case}: {list}");
        for cursor in ["starting_after", "ending_before"] {
            let answer = app.get_as(bearer, &format!("/v1/{list}?{cursor}={id}")).await;
            let named = refused(&answer, &format!("{case}: {list} {cursor}"), 422, "validation_error");
            assert_eq!(named, [cursor], "{case}: {list}");
        }
    }
    let filtered = app.get_as(bearer, &format!("/v1/sessions?template_id={template}")).await;
    assert_eq!(filtered.expect(StatusCode::OK)["data"], json!([]), "{case}");
    for (field, value) in [("template_id", template), ("template_slug", "kyc")] {
        let answer = app.call_as(bearer, "POST", "/v1/sessions", json!({ field: value })).await;
        assert_eq!(refused(&answer, case, 422, "validation_error"), [field], "{case}");
    }
    assert_eq!(world.look(app).await, before);
}

#[tokio::test]
async fn a_foreign_workspaces_ids_are_absent_on_every_route() {
    let app = TestApp::start().await;
    let world = World::make(&app).await;
    let foreign = app.foreign_key().await;
    sees_nothing(&app, &world, &foreign, "a foreign workspace").await;
    app.finish().await;
}

#[tokio::test]
async fn a_live_key_on_test_objects() {
    let app = TestApp::start().await;
    let world = World::make(&app).await;
    let live = app.live_key().await;
    sees_nothing(&app, &world, &live, "a live key").await;
    app.finish().await;
}

#[tokio::test]
async fn a_test_key_on_live_objects() {
    let app = TestApp::start().await;
    let live = app.live_key().await;
    let template = app.published_as(&live, "kyc", flow("Live.")).await;
    let hook = json!({ "url": "https://hooks.example.com/" });
    let endpoint = app.call_as(&live, "POST", "/v1/webhook_endpoints", hook).await.expect(StatusCode::CREATED);
    let made = app.call_as(&live, "POST", "/v1/sessions", json!({ "template_slug": "kyc" })).await;
    let world = World { session: made.expect(StatusCode::CREATED), template, endpoint };
    let before = app.position();
    for (method, path, value) in world.object_routes() {
        let code = if path.contains("/ver_") { "verification_not_found" } else { "not_found" };
        let answer = app.send(request(&app.key, method, &path, body(&value))).await;
        refused(&answer, &format!("{method} {path}"), 404, code);
    }
    for list in ["sessions", "verifications", "templates", "webhook_endpoints"] {
        let empty = app.get(&format!("/v1/{list}")).await.expect(StatusCode::OK);
        assert_eq!(empty["data"], json!([]), "{list}");
    }
    assert_eq!(app.position(), before);
    let read = app.get_as(&live, &world.session_path()).await.expect(StatusCode::OK);
    assert_eq!((&read["status"], &read["livemode"]), (&json!("created"), &json!(true)));
    app.finish().await;
}

#[tokio::test]
async fn ids_that_are_not_ids() {
    let app = TestApp::start().await;
    let world = World::make(&app).await;
    let bare = text(&world.session["id"])[4..].to_owned();
    let upper = bare.to_uppercase();
    for id in ["ses_", "x", "ses_1", "..", "%00", "ses_%00", &bare, &format!("ver_{bare}"), &format!("ses_{upper}")] {
        refused(&app.get(&format!("/v1/sessions/{id}")).await, id, 404, "not_found");
    }
    for id in ["ver_", "x", &format!("ses_{bare}")] {
        refused(&app.get(&format!("/v1/verifications/{id}")).await, id, 404, "verification_not_found");
    }
    let versions = format!("/v1/templates/{}/versions", text(&world.template["id"]));
    for number in ["0", "2", "-1", "+1", "x", "1.0", "99999999999999999999"] {
        refused(&app.get(&format!("{versions}/{number}")).await, number, 404, "not_found");
    }
    app.finish().await;
}

// sdk_tokens

fn forge(header: &Value, claims: &Value, signature: &str) -> String {
    let part = |value: &Value| URL_SAFE_NO_PAD.encode(value.to_string());
    format!("{}.{}.{signature}", part(header), part(claims))
}

fn claims_of(token: &str) -> Value {
    let part = token.split('.').nth(1).unwrap();
    serde_json::from_slice(&URL_SAFE_NO_PAD.decode(part).unwrap()).unwrap()
}

#[tokio::test]
async fn forged_sdk_tokens() {
    let app = TestApp::start().await;
    let world = World::make(&app).await;
    let other = app.create(json!({})).await;
    let before = world.look(&app).await;
    let genuine = world.token();
    let (head, signature) = (genuine.split('.').next().unwrap(), genuine.rsplit('.').next().unwrap());
    let claims = claims_of(genuine);
    let hs256 = json!({ "alg": "HS256", "typ": "JWT" });
    let mut of_other = claims.clone();
    of_other["sub"] = other["id"].clone();
    let mut longer = claims.clone();
    longer["exp"] = json!(9_999_999_999_u64);
    let mut tampered = signature.to_owned();
    tampered.replace_range(0..1, if signature.starts_with('A') { "B" } else { "A" });
    let cases = [
        ("alg none, no signature", forge(&json!({ "alg": "none", "typ": "JWT" }), &claims, "")),
        ("alg none, the old signature", forge(&json!({ "alg": "none" }), &claims, signature)),
        ("alg None", forge(&json!({ "alg": "None" }), &claims, "")),
        ("alg HS512", forge(&json!({ "alg": "HS512" }), &claims, signature)),
        ("another session's claims", forge(&hs256, &of_other, signature)),
        ("a longer life", forge(&hs256, &longer, signature)),
        ("no signature", format!("{head}.{}.", genuine.split('.').nth(1).unwrap())),
        ("a tampered signature", format!("{}.{tampered}", &genuine[..genuine.rfind('.').unwrap()])),
        ("rubbish", "a.b.c".to_owned()),
        ("nothing but dots", "..".to_owned()),
    ];
    for (case, token) in cases {
        all_refused(&app, &iframe_routes(), &token, case, 401, "invalid_signature").await;
    }
    assert_eq!(world.look(&app).await, before);
    app.finish().await;
}

#[tokio::test]
async fn an_sdk_token_of_another_session() {
    let app = TestApp::start().await;
    let world = World::make(&app).await;
    let other = app.create(json!({})).await;
    let before = world.look(&app).await;
    let id = text(&world.session["id"]);
    for (method, path, value) in iframe_routes() {
        let path = format!("{path}?session_id={id}");
        let answer = app.send(request(text(&other["sdk_token"]), method, &path, body(&value))).await;
        refused(&answer, &format!("{method} {path}"), 403, "permission_denied");
    }
    assert_eq!(world.look(&app).await, before);
    assert_eq!(app.session(&other).await["status"], "created");
    let own = app.get_as(world.token(), &format!("/iframe/api/session?session_id={id}")).await;
    assert_eq!(own.expect(StatusCode::OK)["session_id"], id);
    app.finish().await;
}

#[tokio::test]
async fn an_sdk_token_that_has_ended() {
    let app = TestApp::start().await;
    let session = app.create(json!({ "expires_in": 86_400 })).await;
    app.clock.advance(Duration::from_secs(1_799));
    app.iframe_state(&session).await.expect(StatusCode::OK);
    app.clock.advance(Duration::from_secs(1));
    let position = app.position();
    let token = text(&session["sdk_token"]);
    all_refused(&app, &iframe_routes(), token, "half an hour old", 401, "session_expired").await;
    assert_eq!(app.position(), position);
    assert_eq!(app.session(&session).await["status"], "created", "the session itself goes on");
    app.finish().await;
}

// Moves that are not allowed

#[tokio::test]
async fn steps_out_of_order_and_steps_that_the_flow_has_not() {
    let app = TestApp::start().await;
    let world = World::make(&app).await;
    let step = async |step: &str, value: Value| app.iframe(&world.session, &format!("steps/{step}"), value).await;
    let typed = || json!({ "fields": { "last_name": "ERIKSSON" } });

    let before = world.look(&app).await;
    refused(&step("consent", consent()).await, "before it is loaded", 409, "invalid_state");
    assert_eq!(world.look(&app).await, before);

    app.load(&world.session).await;
    let before = world.look(&app).await;
    refused(&step("data_entry", typed()).await, "the second step first", 409, "invalid_state");
    for absent in ["selfie", "liveness", "document_upload"] {
        refused(&step(absent, json!({})).await, absent, 422, "check_not_required");
    }
    for unknown in ["selfies", "Consent", "consent%20", "%00"] {
        refused(&step(unknown, json!({})).await, unknown, 404, "not_found");
    }
    assert_eq!(world.look(&app).await, before);

    app.submit(&world.session, "consent", consent()).await;
    app.submit(&world.session, "data_entry", typed()).await;
    app.await_status(&world.session, "requires_review").await;
    let before = world.look(&app).await;
    refused(&step("data_entry", typed()).await, "after the end", 401, "session_expired");
    refused(&step("selfie", json!({})).await, "an absent one after the end", 401, "session_expired");
    refused(&step("data_entry", json!({ "a": 1 })).await, "a wrong one after the end", 401, "session_expired");
    refused(&app.iframe(&world.session, "load", json!({})).await, "a load after the end", 401, "session_expired");
    refused(&app.iframe(&world.session, "token", json!({})).await, "a token after the end", 401, "session_expired");
    assert_eq!(world.look(&app).await, before);
    app.finish().await;
}

#[tokio::test]
async fn wrong_values_of_a_step() {
    let app = TestApp::start().await;
    let session = app.create(json!({})).await;
    app.load(&session).await;
    let position = app.position();
    for (value, field) in [
        (json!({}), "accepted"),
        (json!({ "accepted": false }), "accepted"),
        (json!({ "accepted": "true" }), "accepted"),
        (json!({ "accepted": 1 }), "accepted"),
    ] {
        let answer = app.iframe(&session, "steps/consent", value.clone()).await;
        assert_eq!(refused(&answer, &value.to_string(), 422, "validation_error"), [field], "{value}");
    }
    assert_eq!(app.position(), position);
    app.submit(&session, "consent", consent()).await;
    let position = app.position();
    let with = |name: &str, value: Value| {
        let mut fields = person();
        fields[name] = value;
        json!({ "fields": fields })
    };
    let without = |name: &str| {
        let mut fields = person();
        fields.as_object_mut().unwrap().remove(name);
        json!({ "fields": fields })
    };
    for (value, field) in [
        (json!({}), "fields"),
        (json!({ "fields": [] }), "fields"),
        (json!({ "fields": "x" }), "fields"),
        (without("last_name"), "fields.last_name"),
        (with("last_name", json!(null)), "fields.last_name"),
        (with("last_name", json!(7)), "fields.last_name"),
        (with("last_name", json!({ "a": 1 })), "fields.last_name"),
        (with("last_name", json!("x".repeat(201))), "fields.last_name"),
        (with("last_name", json!("a\u{0}b")), "fields.last_name"),
        (with("date_of_birth", json!("1974-02-30")), "fields.date_of_birth"),
        (with("date_of_birth", json!("12.08.1974")), "fields.date_of_birth"),
        (with("date_of_birth", json!("")), "fields.date_of_birth"),
        (with("country", json!("Sweden")), "fields.country"),
        (with("country", json!("se")), "fields.country"),
        (with("country", json!("ZZ")), "fields.country"),
        (with("nickname", json!("x")), "fields.nickname"),
    ] {
        let answer = app.iframe(&session, "steps/data_entry", value.clone()).await;
        assert_eq!(refused(&answer, &value.to_string(), 422, "validation_error"), [field], "{value}");
    }
    assert_eq!(app.position(), position);
    assert_eq!(app.verification(&session).await["fields"], json!({}), "nothing of it was kept");
    app.finish().await;
}

#[tokio::test]
async fn a_cancel_twice_by_either_path() {
    let app = TestApp::start().await;
    for (first, second) in [("sessions", "sessions"), ("sessions", "verifications"), ("verifications", "sessions")] {
        let session = app.create(json!({})).await;
        let path = |kind: &str| {
            let id = if kind == "sessions" { &session["id"] } else { &session["verification_id"] };
            format!("/v1/{kind}/{}/cancel", text(id))
        };
        let done = app.post(&path(first), json!({})).await.expect(StatusCode::OK);
        assert_eq!(done["status"], "canceled");
        let before = (app.position(), app.session(&session).await, app.verification(&session).await);
        for again in [second, "verifications", "sessions"] {
            let answer = app.post(&path(again), json!({})).await;
            refused(&answer, &format!("{first}, then {again}"), 409, "verification_not_cancelable");
        }
        let after = (app.position(), app.session(&session).await, app.verification(&session).await);
        assert_eq!(after, before);
    }
    app.finish().await;
}

#[tokio::test]
async fn no_ended_session_can_be_canceled_or_gets_a_token() {
    let app = TestApp::start().await;
    for outcome in ["completed", "failed", "requires_review", "expired"] {
        let session = app.create(json!({ "test_outcome": outcome })).await;
        app.simulate(&session, &["load", "submit"]).await.expect(StatusCode::OK);
        let before = (app.position(), app.verification(&session).await);
        refused(&app.cancel(&session).await, outcome, 409, "verification_not_cancelable");
        let path = format!("/v1/sessions/{}/token", text(&session["id"]));
        refused(&app.post(&path, json!({})).await, outcome, 409, "invalid_state");
        assert_eq!((app.position(), app.verification(&session).await), before);
    }
    app.finish().await;
}

#[tokio::test]
async fn a_cancel_at_the_deadline_finds_the_session_expired() {
    let app = TestApp::start().await;
    let session = app.create(json!({ "expires_in": 60 })).await;
    app.clock.advance(Duration::from_secs(60));
    refused(&app.cancel(&session).await, "at the deadline", 409, "verification_not_cancelable");
    app.await_status(&session, "expired").await;
    assert_eq!(app.event_types(&session), ["verification.created", "verification.expired"]);
    app.finish().await;
}

// Paths, methods, parameters

#[tokio::test]
async fn wrong_methods_name_the_right_ones() {
    let app = TestApp::start().await;
    let world = World::make(&app).await;
    let before = world.look(&app).await;
    let mut paths: Vec<(String, Vec<&str>)> = Vec::new();
    for (method, path, _) in world.tenant_routes().into_iter().chain(iframe_routes()) {
        match paths.iter_mut().find(|(known, _)| *known == path) {
            Some((_, methods)) => methods.push(method),
            None => paths.push((path, vec![method])),
        }
    }
    paths.push(("/healthz".to_owned(), vec!["GET"]));
    paths.push(("/readyz".to_owned(), vec!["GET"]));
    for (path, methods) in paths {
        for method in ["GET", "POST", "PUT", "PATCH", "DELETE"].into_iter().filter(|method| !methods.contains(method)) {
            let case = format!("{method} {path}");
            let answer = app.send(request(&app.key, method, &path, "")).await;
            refused(&answer, &case, 405, "method_not_allowed");
            let mut allowed: Vec<&str> =
                answer.header("allow").split(',').map(str::trim).filter(|method| *method != "HEAD").collect();
            allowed.sort_unstable();
            let mut expected = methods.clone();
            expected.sort_unstable();
            assert_eq!(allowed, expected, "{case}");
        }
    }
    assert_eq!(world.look(&app).await, before);
    app.finish().await;
}

#[tokio::test]
async fn wrong_paths() {
    let app = TestApp::start().await;
    for path in [
        "/",
        "/v1",
        "/v1/",
        "/v1/session",
        "/v1/sessions/",
        "/v2/sessions",
        "/iframe/api",
        "/v1/sessions/a/b",
        "/V1/sessions",
        "//v1/sessions",
        "/v1/test",
        "/favicon.ico",
        "/.env",
        "/v1/sessions/%2e%2e",
    ] {
        for bearer in ["", app.key.as_str()] {
            let answer = app.send(request(bearer, "GET", path, "")).await;
            if path == "/v1/sessions/%2e%2e" && bearer.is_empty() {
                refused(&answer, path, 401, "authentication_required");
            } else {
                refused(&answer, path, 404, "not_found");
            }
        }
    }
    app.finish().await;
}

#[tokio::test]
async fn wrong_parameters() {
    let app = TestApp::start().await;
    let world = World::make(&app).await;
    let before = world.look(&app).await;
    let lists = [
        ("/v1/sessions", text(&world.session["id"])),
        ("/v1/verifications", text(&world.session["verification_id"])),
        ("/v1/templates", text(&world.template["id"])),
        ("/v1/webhook_endpoints", text(&world.endpoint["id"])),
    ];
    for (list, id) in lists {
        for (query, field) in [
            ("limit=0".to_owned(), "limit"),
            ("limit=101".to_owned(), "limit"),
            ("limit=x".to_owned(), "limit"),
            ("limit=-1".to_owned(), "limit"),
            ("limit=5&limit=6".to_owned(), "limit"),
            ("limits=5".to_owned(), "limits"),
            ("page=2".to_owned(), "page"),
            (format!("starting_after={id}&ending_before={id}"), "ending_before"),
            ("starting_after=x".to_owned(), "starting_after"),
            ("ending_before=x".to_owned(), "ending_before"),
            ("limit=%zz".to_owned(), "limit"),
        ] {
            let answer = app.get(&format!("{list}?{query}")).await;
            let case = format!("{list}?{query}");
            assert_eq!(refused(&answer, &case, 422, "validation_error"), [field], "{case}");
        }
    }
    for list in ["/v1/sessions", "/v1/verifications"] {
        for (query, field) in [
            ("status=done", "status"),
            ("status=Created", "status"),
            ("template_id=kyc", "template_id"),
            ("created[gte]=yesterday", "created[gte]"),
            ("created[lt]=-1", "created[lt]"),
            ("created[gt]=1", "created[gt]"),
            ("created=1", "created"),
        ] {
            let case = format!("{list}?{query}");
            assert_eq!(refused(&app.get(&case).await, &case, 422, "validation_error"), [field], "{case}");
        }
    }
    let labels = app.get("/v1/sessions?metadata[a]=b").await;
    assert_eq!(refused(&labels, "labels", 422, "validation_error"), ["metadata[a]"], "for verifications only");
    // No route takes a parameter that it does not know, and no change takes any.
    for (method, path, value) in world.tenant_routes() {
        let case = format!("{method} {path}?verbose=1");
        let answer = app.send(request(&app.key, method, &format!("{path}?verbose=1"), body(&value))).await;
        assert_eq!(refused(&answer, &case, 422, "validation_error"), ["verbose"], "{case}");
    }
    for (method, path, value) in iframe_routes() {
        let case = format!("{method} {path}?verbose=1");
        let answer = app.send(request(world.token(), method, &format!("{path}?verbose=1"), body(&value))).await;
        assert_eq!(refused(&answer, &case, 422, "validation_error"), ["verbose"], "{case}");
    }
    assert_eq!(world.look(&app).await, before);
    app.finish().await;
}

#[tokio::test]
async fn wrong_values_of_a_webhook_endpoint() {
    let app = TestApp::start().await;
    let world = World::make(&app).await;
    let before = world.look(&app).await;
    for (value, field) in [
        (json!({}), "url"),
        (json!({ "url": "hooks" }), "url"),
        (json!({ "url": "http://hooks.example.com/" }), "url"),
        (json!({ "url": "javascript:alert(1)" }), "url"),
        (json!({ "url": "https://u:p@hooks.example.com/" }), "url"),
        (json!({ "url": "https://hooks.example.com/#f" }), "url"),
        (json!({ "url": 1 }), "url"),
        (json!({ "url": "https://a.example", "events": [] }), "events"),
        (json!({ "url": "https://a.example", "events": ["verification.done"] }), "events.0"),
        (json!({ "url": "https://a.example", "events": ["*", "verification.created"] }), "events.0"),
        (json!({ "url": "https://a.example", "events": "*" }), "events"),
        (json!({ "url": "https://a.example", "ordering": "strict" }), "ordering"),
        (json!({ "url": "https://a.example", "description": 1 }), "description"),
        (json!({ "url": "https://a.example", "secret": "whsec_mine" }), "secret"),
    ] {
        let answer = app.post("/v1/webhook_endpoints", value.clone()).await;
        assert_eq!(refused(&answer, &value.to_string(), 422, "validation_error"), [field], "{value}");
    }
    assert_eq!(world.look(&app).await, before);
    app.finish().await;
}

#[tokio::test]
async fn refusals_show_nothing_of_the_inside() {
    let app = TestApp::start().await;
    let mut not_utf8 = Request::builder().uri("/v1/sessions?limit=%ff").body(Body::empty()).unwrap();
    not_utf8.headers_mut().insert("authorization", format!("Bearer {}", app.key).parse().unwrap());
    let answers = [
        app.send(not_utf8).await,
        app.post("/v1/sessions", json!({ "expires_in": 1e300 })).await,
        app.get("/v1/sessions/ses_x").await,
        app.get("/nowhere").await,
    ];
    for answer in answers {
        let body = String::from_utf8(answer.body.clone()).unwrap();
        assert!(answer.status.is_client_error(), "{body}");
        for inside in ["/work", ".rs", "panicked", "sled", "src/", "ractor", app.folder().to_str().unwrap()] {
            assert!(!body.contains(inside), "{inside} in {body}");
        }
        assert_eq!(answer.header("content-type"), "application/json");
        assert_eq!(answer.header("cache-control"), "no-store");
    }
    app.finish().await;
}
