//! Who may pass: keys, scopes, modes, tokens; what is foreign is absent.

#![expect(clippy::unwrap_used, reason = "a test fails where it unwraps")]

mod common;

use axum::http::StatusCode;
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use common::steps::flow;
use common::world::{TEST, World, all_refused, body, first_event, iframe_routes, refused};
use common::{TestApp, request, text};
use serde_json::{Value, json};
use std::time::Duration;
use vetd_actors::{NewKey, Reply};
use vetd_model::workspace::Scopes;
use vetd_model::{Mode, Realm, WorkspaceId};

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
    app.engine.revoke_key(TEST, filed.id, None, Box::new(|_| Reply::json(200, &()))).await.unwrap();
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
    let key = json!({ "name": "CI", "scopes": ["read"] });
    let key = app.call_as(&live, "POST", "/v1/api_keys", key).await.expect(StatusCode::CREATED);
    let session = made.expect(StatusCode::CREATED);
    let event = first_event(&app, Realm { mode: Mode::Live, ..TEST });
    let world = World { session, template, endpoint, event, key };
    let before = app.position();
    for (method, path, value) in world.object_routes() {
        let code = if path.contains("/ver_") { "verification_not_found" } else { "not_found" };
        let answer = app.send(request(&app.key, method, &path, body(&value))).await;
        refused(&answer, &format!("{method} {path}"), 404, code);
    }
    for list in ["sessions", "verifications", "templates", "webhook_endpoints", "events"] {
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
