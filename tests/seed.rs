//! One test for each sentence of the seed that states a behaviour, in the seed's order.

#![expect(clippy::unwrap_used, reason = "a test fails where it unwraps")]

mod common;

use axum::Router;
use axum::body::{Body, Bytes};
use axum::extract::State;
use axum::http::{HeaderMap, Request, StatusCode};
use axum::routing::post;
use common::steps::{HOUR, consent, flow};
use common::{TestApp, person, text};
use serde_json::{Value, json};
use std::time::Duration;
use tokio::sync::mpsc;
use vetd_model::signature::{WebhookSecret, verify_kyc_signature};

const SEED_KEY: &str = "5b41362b-4f7e-4c6c-9a2e-0d1f5b8f7a11";

type Hit = (HeaderMap, Bytes);

/// A tenant's backend that takes webhooks: its address, and what arrives.
async fn backend() -> (String, mpsc::UnboundedReceiver<Hit>) {
    async fn take(State(hits): State<mpsc::UnboundedSender<Hit>>, headers: HeaderMap, body: Bytes) {
        hits.send((headers, body)).unwrap();
    }
    let (sender, hits) = mpsc::unbounded_channel();
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = format!("http://{}/hooks", listener.local_addr().unwrap());
    let service = Router::new().route("/hooks", post(take)).with_state(sender);
    tokio::spawn(async move { axum::serve(listener, service).await.unwrap() });
    (address, hits)
}

async fn next_hit(hits: &mut mpsc::UnboundedReceiver<Hit>) -> Hit {
    tokio::time::timeout(Duration::from_secs(30), hits.recv()).await.expect("a webhook").unwrap()
}

// Sessions

#[tokio::test]
async fn a_session_is_a_short_lived_verification_attempt() {
    let app = TestApp::start().await;
    let session = app.create(json!({})).await;
    assert_eq!(session["object"], "session");
    app.clock.advance(Duration::from_secs(1_800));
    let ended = app.await_status(&session, "expired").await;
    assert_eq!(ended["expires_at"], session["expires_at"]);
    assert_eq!(app.verification(&session).await["status"], "expired", "the record outlives the attempt");
    app.finish().await;
}

#[tokio::test]
async fn your_server_creates_it_the_user_completes_it_inside_the_iframe_the_platform_writes_the_result_to_a_verification_record_and_fires_a_webhook()
 {
    let app = TestApp::start().await;
    let (url, mut hits) = backend().await;
    let endpoint = app.post("/v1/webhook_endpoints", json!({ "url": url })).await.expect(StatusCode::CREATED);
    let secret = WebhookSecret::parse(text(&endpoint["secret"])).unwrap();

    let session = app.create(json!({})).await;
    app.walk(&session).await.expect(StatusCode::OK);
    app.await_status(&session, "completed").await;
    let record = app.verification(&session).await;
    assert_eq!((&record["status"], &record["session_id"]), (&json!("completed"), &session["id"]));

    let expected = ["verification.created", "verification.updated", "verification.updated", "verification.completed"];
    for (sequence, kind) in (1..).zip(expected) {
        let (headers, body) = next_hit(&mut hits).await;
        let event: Value = serde_json::from_slice(&body).unwrap();
        assert_eq!((&event["type"], &event["sequence"]), (&json!(kind), &json!(sequence)));
        assert_eq!(event["session_id"], session["id"]);
        assert_eq!(event["data"]["object"]["id"], session["verification_id"]);
        assert_eq!(headers["kyc-event-id"], text(&event["id"]));
        let signature = headers["kyc-signature"].to_str().unwrap();
        let now = app.engine.now().seconds();
        assert!(verify_kyc_signature(&secret, signature, &body, now, 300).is_ok(), "{signature}");
    }
    app.finish().await;
}

// Creating a session

#[tokio::test]
async fn the_example_request_header_for_header() {
    let app = TestApp::start().await;
    let template = app.published("kyc", flow("I agree.")).await;
    let id = text(&template["id"]);
    let body = format!(
        "{{\n  \"template_id\": \"{id}\",\n  \"metadata\": {{ \"customer_id\": \"cus_123\" }},\n  \"redirect_url\": \
         \"https://yourapp.example.com/kyc/complete\"\n}}"
    );
    let example = || {
        Request::builder()
            .method("POST")
            .uri("/v1/sessions")
            .header("Authorization", format!("Bearer {}", app.key))
            .header("Idempotency-Key", SEED_KEY)
            .header("Content-Type", "application/json")
            .body(Body::from(body.clone()))
            .unwrap()
    };
    assert!(app.key.starts_with("ak_test_"));
    let session = app.send(example()).await.expect(StatusCode::CREATED);
    assert_eq!(session["template_id"], id);
    assert_eq!(session["metadata"], json!({ "customer_id": "cus_123" }));
    assert_eq!(session["redirect_url"], "https://yourapp.example.com/kyc/complete");
    assert_eq!(session["status"], "created");
    let again = app.send(example()).await;
    assert_eq!(again.expect(StatusCode::CREATED)["id"], session["id"]);
    app.finish().await;
}

// Template-driven sessions

#[tokio::test]
async fn session_shape_is_controlled_by_a_verification_template_that_your_workspace_owns_and_versions() {
    let app = TestApp::start().await;
    let template = app.published("kyc", flow("First words.")).await;
    let first = app.create(json!({ "template_slug": "kyc" })).await;
    app.republish(&template, json!({ "steps": [{ "type": "selfie" }] })).await;
    let second = app.create(json!({ "template_slug": "kyc" })).await;
    let steps = |state: &Value| -> Vec<String> {
        state["steps"].as_array().unwrap().iter().map(|step| text(&step["type"]).to_owned()).collect()
    };
    assert_eq!(steps(&app.load(&first).await), ["consent", "data_entry"]);
    assert_eq!(steps(&app.load(&second).await), ["selfie"]);
    assert_eq!((&first["template_version"], &second["template_version"]), (&json!(1), &json!(2)));
    let foreign = app.foreign_key().await;
    let refused = app.call_as(&foreign, "POST", "/v1/sessions", json!({ "template_slug": "kyc" })).await;
    assert_eq!(refused.refused(422, "validation_error"), ["template_slug"], "another workspace's template");
    app.finish().await;
}

#[tokio::test]
async fn at_session_create_time_we_snapshot_the_templates_flow_config_onto_the_session_so_edits_never_change_an_in_flight_session()
 {
    let app = TestApp::start().await;
    let template = app.published("kyc", flow("First words.")).await;
    let path = format!("/v1/templates/{}", text(&template["id"]));
    let session = app.create(json!({ "template_slug": "kyc" })).await;
    let before = app.load(&session).await;
    // Everything that can be done to a template.
    let strict = json!({ "steps": [{ "type": "data_entry", "fields": [
        { "name": "iban", "type": "string", "required": true }] }], "max_attempts": 1, "ttl_seconds": 60 });
    app.republish(&template, strict).await;
    app.call("PATCH", &path, json!({ "slug": "other", "name": "Other" })).await.expect(StatusCode::OK);
    app.post(&format!("{path}/archive"), json!({})).await.expect(StatusCode::OK);
    assert_eq!(app.iframe_state(&session).await.expect(StatusCode::OK), before);
    let app = app.restart_after(Duration::from_secs(120)).await;
    assert_eq!(app.iframe_state(&session).await.expect(StatusCode::OK), before, "also after a restart");
    let read = app.session(&session).await;
    for name in ["template_id", "template_slug", "template_version", "expires_at"] {
        assert_eq!(read[name], session[name], "{name}");
    }
    app.submit(&session, "consent", consent()).await;
    app.enter(&session, json!({ "last_name": "ERIKSSON", "date_of_birth": "1974-08-12" })).await;
    app.await_status(&session, "completed").await;
    app.finish().await;
}

#[tokio::test]
async fn the_iframe_renders_from_that_immutable_snapshot() {
    let app = TestApp::start().await;
    let template = app.published("kyc", flow("First words.")).await;
    let session = app.create(json!({ "template_slug": "kyc" })).await;
    app.republish(&template, flow("Second words.")).await;
    let state = app.load(&session).await;
    assert_eq!(state["steps"][0]["text"], "First words.");
    assert_eq!(state["strings"], json!({ "title": "First words." }));
    assert_eq!(state["theme"], json!({ "accent": "#123456" }));
    assert_eq!(state["locales"], json!(["de", "en"]));
    let fields: Vec<&str> =
        state["steps"][1]["fields"].as_array().unwrap().iter().map(|field| text(&field["name"])).collect();
    assert_eq!(fields, ["last_name", "date_of_birth", "nickname"]);
    app.finish().await;
}

#[tokio::test]
async fn pass_template_id_or_template_slug_to_pin_a_specific_template() {
    let app = TestApp::start().await;
    let one = app.published("one", flow("One.")).await;
    let two = app.published("two", flow("Two.")).await;
    app.post(&format!("/v1/templates/{}/default", text(&two["id"])), json!({})).await.expect(StatusCode::OK);
    let by_id = app.create(json!({ "template_id": one["id"] })).await;
    let by_slug = app.create(json!({ "template_slug": "one" })).await;
    assert_eq!((&by_id["template_id"], &by_slug["template_id"]), (&one["id"], &one["id"]));
    let other = app.create(json!({ "template_slug": "two" })).await;
    assert_eq!(other["template_id"], two["id"]);
    app.finish().await;
}

#[tokio::test]
async fn omit_both_to_use_your_workspaces_default_template() {
    let app = TestApp::start().await;
    let template = app.published("kyc", flow("Mine.")).await;
    let path = format!("/v1/templates/{}/default", text(&template["id"]));
    app.post(&path, json!({})).await.expect(StatusCode::OK);
    let session = app.create(json!({})).await;
    assert_eq!((&session["template_id"], &session["template_slug"]), (&template["id"], &json!("kyc")));
    assert_eq!(app.load(&session).await["steps"][0]["text"], "Mine.");
    app.finish().await;
}

#[tokio::test]
async fn in_test_mode_if_no_default_is_set_the_platform_scaffold_is_used() {
    let app = TestApp::start().await;
    let session = app.create(json!({})).await;
    assert_eq!(session["template_slug"], "scaffold");
    app.walk(&session).await.expect(StatusCode::OK);
    app.await_status(&session, "completed").await;
    let live = app.live_key().await;
    let refused = app.call_as(&live, "POST", "/v1/sessions", json!({})).await;
    assert_eq!(refused.refused(422, "validation_error"), ["template_id"], "in test mode only");
    app.finish().await;
}

#[tokio::test]
async fn the_response_returns_the_resolved_template_id_and_template_version() {
    let app = TestApp::start().await;
    let template = app.published("kyc", flow("One.")).await;
    app.republish(&template, flow("Two.")).await;
    app.post(&format!("/v1/templates/{}/default", text(&template["id"])), json!({})).await.expect(StatusCode::OK);
    for body in [json!({}), json!({ "template_slug": "kyc" }), json!({ "template_id": template["id"] })] {
        let session = app.create(body.clone()).await;
        assert_eq!((&session["template_id"], &session["template_version"]), (&template["id"], &json!(2)), "{body}");
    }
    app.finish().await;
}

// Idempotency

#[tokio::test]
async fn every_mutating_v1_request_supports_an_idempotency_key_header() {
    let app = TestApp::start().await;
    let template = app.published("kyc", flow("One.")).await;
    let template = format!("/v1/templates/{}", text(&template["id"]));
    let url = json!({ "url": "https://hooks.example.com/" });
    let endpoint = app.post("/v1/webhook_endpoints", url.clone()).await.expect(StatusCode::CREATED);
    let endpoint = format!("/v1/webhook_endpoints/{}", text(&endpoint["id"]));
    let one = app.create(json!({})).await;
    let two = app.create(json!({})).await;
    let (ses, ver) = (text(&one["id"]), text(&two["verification_id"]));
    let draft = json!({ "name": "n", "slug": "n", "flow_config": flow("N.") });
    let changes = [
        ("POST", "/v1/sessions".to_owned(), json!({})),
        ("POST", format!("/v1/sessions/{ses}/token"), json!({})),
        ("POST", format!("/v1/test/sessions/{ses}/simulate"), json!({ "actions": ["load"] })),
        ("POST", format!("/v1/sessions/{ses}/cancel"), json!({})),
        ("POST", format!("/v1/verifications/{ver}/cancel"), json!({})),
        ("POST", "/v1/templates".to_owned(), draft),
        ("PATCH", template.clone(), json!({ "name": "Other" })),
        ("POST", format!("{template}/publish"), json!({})),
        ("POST", format!("{template}/rollback"), json!({ "version": 1 })),
        ("POST", format!("{template}/archive"), json!({})),
        ("POST", "/v1/webhook_endpoints".to_owned(), url),
        ("PATCH", endpoint.clone(), json!({ "description": "d" })),
        ("DELETE", endpoint, json!({})),
    ];
    for (method, path, body) in changes {
        let first = app.call_once(&app.key, SEED_KEY, method, &path, body.clone()).await;
        assert!(first.status.is_success(), "{method} {path}: {:?}", first.json());
        assert_eq!(first.header("idempotent-replayed"), "", "{method} {path}");
        let second = app.call_once(&app.key, SEED_KEY, method, &path, body).await;
        assert_eq!(second.header("idempotent-replayed"), "true", "{method} {path}");
        assert_eq!((second.status, second.body), (first.status, first.body), "{method} {path}");
    }
    app.finish().await;
}

#[tokio::test]
async fn the_platform_stores_the_request_body_hash_for_24_hours() {
    let app = TestApp::start().await;
    let first = app.post_once("k", "/v1/sessions", json!({})).await.expect(StatusCode::CREATED);
    app.clock.advance(24 * HOUR - Duration::from_secs(1));
    let other = json!({ "metadata": { "a": "b" } });
    app.post_once("k", "/v1/sessions", other.clone()).await.refused(409, "idempotency_conflict");
    app.clock.advance(Duration::from_secs(1));
    let second = app.post_once("k", "/v1/sessions", other).await.expect(StatusCode::CREATED);
    assert_ne!(second["id"], first["id"]);
    app.finish().await;
}

#[tokio::test]
async fn replaying_the_same_key_with_the_same_body_returns_the_original_response() {
    let app = TestApp::start().await;
    let first = app.post_once("k", "/v1/sessions", json!({})).await;
    let position = app.position();
    let second = app.post_once("k", "/v1/sessions", json!({})).await;
    assert_eq!((first.status, first.body), (second.status, second.body));
    assert_eq!(app.position(), position);
    app.finish().await;
}

#[tokio::test]
async fn replaying_with_a_different_body_returns_idempotency_conflict() {
    let app = TestApp::start().await;
    app.post_once("k", "/v1/sessions", json!({})).await.expect(StatusCode::CREATED);
    let position = app.position();
    let other = app.post_once("k", "/v1/sessions", json!({ "metadata": { "a": "b" } })).await;
    other.refused(409, "idempotency_conflict");
    assert_eq!(app.position(), position);
    app.finish().await;
}

// Session lifecycle

#[tokio::test]
async fn created_session_exists_but_iframe_has_not_loaded() {
    let app = TestApp::start().await;
    let session = app.create(json!({})).await;
    assert_eq!(session["status"], "created");
    app.iframe_state(&session).await.expect(StatusCode::OK);
    assert_eq!(app.session(&session).await["status"], "created", "looking at it does not load it");
    app.finish().await;
}

#[tokio::test]
async fn requires_input_iframe_loaded_waiting_on_user_input() {
    let app = TestApp::start().await;
    let session = app.create(json!({})).await;
    let state = app.load(&session).await;
    assert_eq!((&state["status"], &state["next_step"]), (&json!("requires_input"), &json!("consent")));
    assert_eq!(app.session(&session).await["status"], "requires_input");
    app.finish().await;
}

#[tokio::test]
async fn in_progress_user_is_actively_submitting() {
    let app = TestApp::start().await;
    let session = app.consented(json!({})).await;
    assert_eq!(app.session(&session).await["status"], "in_progress");
    app.finish().await;
}

#[tokio::test]
async fn completed_all_checks_passed_verification_approved() {
    let app = TestApp::start().await;
    let session = app.consented(json!({})).await;
    app.enter(&session, person()).await;
    app.await_status(&session, "completed").await;
    let verification = app.verification(&session).await;
    assert_eq!(verification["status"], "completed");
    let checks = verification["checks"].as_array().unwrap();
    assert!(checks.len() == 2 && checks.iter().all(|check| check["status"] == "passed"), "{checks:?}");
    app.finish().await;
}

#[tokio::test]
async fn failed_at_least_one_check_failed_decisively() {
    let app = TestApp::start().await;
    let session = app.consented(json!({})).await;
    let mut child = person();
    child["date_of_birth"] = json!("2015-01-01");
    app.enter(&session, child).await;
    let failed = app.await_status(&session, "failed").await;
    assert_eq!(failed["last_error"]["check"], "age");
    let verification = app.verification(&session).await;
    assert_eq!(verification["status"], "failed");
    let outcomes: Vec<&str> =
        verification["checks"].as_array().unwrap().iter().map(|check| text(&check["status"])).collect();
    assert_eq!(outcomes, ["passed", "failed"]);
    app.finish().await;
}

#[tokio::test]
async fn requires_review_manual_review_by_your_internal_team() {
    let app = TestApp::start().await;
    app.published("kyc", flow("One.")).await;
    let session = app.consented(json!({ "template_slug": "kyc" })).await;
    // Without a date of birth nobody can tell the age.
    app.enter(&session, json!({ "last_name": "ERIKSSON" })).await;
    app.await_status(&session, "requires_review").await;
    let verification = app.verification(&session).await;
    assert_eq!(verification["status"], "requires_review");
    assert_eq!(verification["decided_at"], Value::Null, "nobody has decided yet");
    app.finish().await;
}

#[tokio::test]
async fn canceled_user_or_tenant_aborted() {
    let app = TestApp::start().await;
    let by_user = app.create(json!({})).await;
    app.load(&by_user).await;
    app.iframe(&by_user, "cancel", json!({})).await.expect(StatusCode::OK);
    let by_tenant = app.create(json!({})).await;
    app.cancel(&by_tenant).await.expect(StatusCode::OK);
    for session in [by_user, by_tenant] {
        assert_eq!(app.session(&session).await["status"], "canceled");
        assert_eq!(app.event_types(&session).last(), Some(&"verification.canceled"));
    }
    app.finish().await;
}

#[tokio::test]
async fn expired_session_ttl_exceeded_default_30_minutes() {
    let app = TestApp::start().await;
    let session = app.create(json!({})).await;
    let reloaded = app.consented(json!({})).await;
    app.clock.advance(Duration::from_secs(30 * 60 - 1));
    app.iframe_state(&session).await.expect(StatusCode::OK);
    assert_eq!(app.session(&session).await["status"], "created");
    app.clock.advance(Duration::from_secs(1));
    app.await_status(&session, "expired").await;
    app.await_status(&reloaded, "expired").await;
    app.finish().await;
}

// Fetching verifications

#[tokio::test]
async fn list_get_v1_verifications_status_requires_review_limit_50() {
    let app = TestApp::start().await;
    let mut waiting = Vec::new();
    for outcome in ["requires_review", "completed", "requires_review", "failed"] {
        app.clock.advance(Duration::from_secs(1));
        let session = app.create(json!({ "test_outcome": outcome })).await;
        app.simulate(&session, &["load", "submit"]).await.expect(StatusCode::OK);
        if outcome == "requires_review" {
            waiting.insert(0, session["verification_id"].clone());
        }
    }
    let list = app.get("/v1/verifications?status=requires_review&limit=50").await.expect(StatusCode::OK);
    assert_eq!((&list["object"], &list["has_more"]), (&json!("list"), &json!(false)));
    let ids: Vec<Value> = list["data"].as_array().unwrap().iter().map(|each| each["id"].clone()).collect();
    assert_eq!(ids, waiting);
    app.finish().await;
}

#[tokio::test]
async fn detail_get_v1_verifications_ver_returns_every_check_and_the_resolved_fields() {
    let app = TestApp::start().await;
    let session = app.consented(json!({})).await;
    app.enter(&session, person()).await;
    app.await_status(&session, "completed").await;
    let detail = app.verification(&session).await;
    assert!(text(&detail["id"]).starts_with("ver_"));
    let kinds: Vec<&str> = detail["checks"].as_array().unwrap().iter().map(|check| text(&check["type"])).collect();
    assert_eq!(kinds, ["data_completeness", "age"]);
    for check in detail["checks"].as_array().unwrap() {
        assert!(text(&check["id"]).starts_with("chk_"));
        let mut names: Vec<&str> = check.as_object().unwrap().keys().map(String::as_str).collect();
        names.sort_unstable();
        let expected = ["code", "details", "finished", "id", "message", "score", "started", "status", "type"];
        assert_eq!(names, expected);
    }
    let fields = detail["fields"].as_object().unwrap();
    assert_eq!(fields.len(), 4);
    for (name, value) in person().as_object().unwrap() {
        assert_eq!(fields[name]["value"], *value, "{name}");
        assert_eq!((&fields[name]["source"], &fields[name]["confidence"]), (&json!("typed"), &json!(1.0)), "{name}");
    }
    app.finish().await;
}
