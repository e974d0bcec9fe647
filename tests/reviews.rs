//! Doubtful cases decided by a person of the tenant, and people's data erased.

#![expect(clippy::unwrap_used, reason = "a test fails where it unwraps")]

mod common;

use std::time::Duration;

use axum::http::StatusCode;
use common::{TestApp, request, text};
use serde_json::{Value, json};
use vetd_actors::Clock;
use vetd_model::workspace::Scopes;
use vetd_model::{Mode, Realm, WorkspaceId};

const NAME: &str = "ERIKSSON";
const LABEL: &str = "cus_of_anna";

/// A session of a person that has ended with this outcome.
async fn ended(app: &TestApp, outcome: &str) -> Value {
    let body = json!({
        "test_outcome": outcome, "metadata": { "customer": LABEL }, "redirect_url": "https://example.com/done?anna",
    });
    let session = app.create(body).await;
    app.simulate(&session, &["load", "submit"]).await.expect(StatusCode::OK);
    session
}

fn verification(session: &Value) -> String {
    format!("/v1/verifications/{}", text(&session["verification_id"]))
}

async fn review(app: &TestApp, session: &Value, decision: &str) -> common::Answer {
    let path = format!("{}/review", verification(session));
    app.post(&path, json!({ "decision": decision, "reason": "ANNA is who she says" })).await
}

async fn redact(app: &TestApp, session: &Value) -> common::Answer {
    app.post(&format!("{}/redact", verification(session)), json!({})).await
}

async fn count(app: &TestApp, path: &str) -> usize {
    app.get(path).await.expect(StatusCode::OK)["data"].as_array().unwrap().len()
}

#[tokio::test]
async fn a_review_decides_the_verification_and_not_the_session() {
    let app = TestApp::start().await;
    for (decision, status) in [("approved", "completed"), ("declined", "failed")] {
        let session = ended(&app, "requires_review").await;
        app.clock.advance(Duration::from_secs(7_200));
        let decided = review(&app, &session, decision).await.expect(StatusCode::OK);
        assert_eq!((&decided["status"], &decided["decided_at"]), (&json!(status), &json!(app.clock.now().seconds())));
        assert_eq!(decided["review"]["decision"], decision);
        assert_eq!(decided["review"]["reason"], "ANNA is who she says");
        assert!(text(&decided["review"]["reviewer"]).starts_with("key_"));
        assert_eq!(app.session(&session).await["status"], "requires_review");
        let told = app.event_types(&session);
        assert_eq!(told[3..], ["verification.review_required", "verification.reviewed"]);

        review(&app, &session, "approved").await.refused(409, "invalid_state");
        assert_eq!(app.get(&verification(&session)).await.expect(StatusCode::OK)["status"], status);
        assert_eq!(app.event_types(&session).len(), 5);
    }
    assert_eq!(count(&app, "/v1/sessions?status=requires_review").await, 2);
    assert_eq!(count(&app, "/v1/verifications?status=requires_review").await, 0);
    assert_eq!(count(&app, "/v1/verifications?status=completed").await, 1);
    app.finish().await;
}

#[tokio::test]
async fn only_a_doubtful_case_of_one_s_own_is_reviewed_and_only_with_the_scope() {
    let app = TestApp::start().await;
    let realm = Realm { workspace: WorkspaceId(1), mode: Mode::Test };
    let session = ended(&app, "requires_review").await;
    let path = format!("{}/review", verification(&session));
    let body = json!({ "decision": "approved" });
    let before = app.position();

    let writer = app.key_for(realm, Scopes::from_bits(Scopes::READ.bits() | Scopes::WRITE.bits())).await;
    app.call_as(&writer, "POST", &path, body.clone()).await.refused(403, "permission_denied");
    let foreign = app.foreign_key().await;
    app.call_as(&foreign, "POST", &path, body.clone()).await.refused(404, "verification_not_found");
    let live = app.live_key().await;
    app.call_as(&live, "POST", &path, body).await.refused(404, "verification_not_found");
    for (wrong, field) in [
        (json!({}), "decision"),
        (json!({ "decision": "maybe" }), "decision"),
        (json!({ "decision": "approved", "reason": "" }), "reason"),
        (json!({ "decision": "approved", "reason": "x".repeat(1_001) }), "reason"),
        (json!({ "decision": "approved", "status": "completed" }), "status"),
    ] {
        assert_eq!(app.post(&path, wrong).await.refused(422, "validation_error"), [field]);
    }
    let live_session = app.create(json!({})).await;
    review(&app, &live_session, "approved").await.refused(409, "invalid_state");
    let completed = ended(&app, "completed").await;
    review(&app, &completed, "declined").await.refused(409, "invalid_state");
    assert_eq!(app.event_types(&session).len(), 4);
    assert!(app.position() > before);

    let reviewer = app.key_for(realm, Scopes::REVIEW).await;
    app.call_as(&reviewer, "POST", &path, json!({ "decision": "approved" })).await.expect(StatusCode::OK);
    app.call_as(&reviewer, "GET", &verification(&session), Value::Null).await.refused(403, "permission_denied");
    app.finish().await;
}

#[tokio::test]
async fn what_is_redacted_is_gone_from_every_answer() {
    let app = TestApp::start().await;
    let session = ended(&app, "requires_review").await;
    let path = format!("{}/review", verification(&session));
    let decide = json!({ "decision": "approved", "reason": "ANNA is who she says" });
    app.post_once("review-1", &path, decide.clone()).await.expect(StatusCode::OK);
    let before = app.get(&verification(&session)).await.expect(StatusCode::OK);
    assert_eq!(before["fields"]["last_name"]["value"], NAME);

    let redacted = redact(&app, &session).await.expect(StatusCode::OK);
    let gone = json!({
        "metadata": null, "fields": {}, "media": [], "redacted_at": app.clock.now().seconds(), "updated": app.clock.now().seconds(),
    });
    let mut expected = before.clone();
    for (name, value) in gone.as_object().unwrap() {
        expected[name] = value.clone();
    }
    expected["review"]["reason"] = Value::Null;
    assert_eq!(redacted, expected, "the object, its status and the checks' outcomes stay");
    assert_eq!(app.event_types(&session)[5..], ["verification.redacted"]);

    // A second time answers the same and writes nothing.
    let position = app.position();
    assert_eq!(redact(&app, &session).await.expect(StatusCode::OK), redacted);
    assert_eq!(app.position(), position);

    // What was filed with the person's data answers without it.
    let replayed = app.post_once("review-1", &path, decide).await;
    assert_eq!(replayed.header("idempotent-replayed"), "true");
    assert_eq!(replayed.expect(StatusCode::OK), redacted);
    review(&app, &session, "declined").await.refused(409, "invalid_state");

    let app = app.restart_after(Duration::from_secs(60)).await;
    let shown = app.session(&session).await;
    assert_eq!((&shown["metadata"], &shown["redirect_url"]), (&Value::Null, &Value::Null));
    assert_eq!(count(&app, &format!("/v1/verifications?metadata[customer]={LABEL}")).await, 0);
    let id = text(&session["verification_id"]);
    let events = app.get(&format!("/v1/events?verification_id={id}")).await.expect(StatusCode::OK);
    let events = events["data"].as_array().unwrap();
    assert_eq!(events.len(), 6);
    let mut previous = "0".repeat(64);
    for (place, event) in events.iter().enumerate() {
        assert_eq!((&event["sequence"], &event["prev_hash"]), (&json!(place + 1), &json!(previous)));
        assert_eq!((&event["data_salt"], &event["data"]["object"]["metadata"]), (&Value::Null, &Value::Null));
        previous = text(&event["hash"]).to_owned();
    }
    for trace in [NAME, LABEL, "ANNA", "done?anna"] {
        assert!(!json!([shown, events, redacted]).to_string().contains(trace), "{trace}");
    }
    app.finish().await;
}

#[tokio::test]
async fn after_a_redaction_every_filed_answer_keeps_its_own_shape() {
    let app = TestApp::start().await;
    let steps = json!([{ "type": "document_upload", "documents": ["passport"] }]);
    app.published("passports", json!({ "steps": steps })).await;
    let session = app.create(json!({ "template_slug": "passports" })).await;
    app.load(&session).await;
    let (person, own) = (text(&session["sdk_token"]), format!("/v1/sessions/{}/token", text(&session["id"])));
    let tokens = [(person, "/iframe/api/token"), (person, "/iframe/api/handoff"), (&app.key, own.as_str())];
    let mut first = Vec::new();
    for (bearer, path) in tokens {
        let answer = app.call_once(bearer, "k", "POST", path, json!({})).await;
        answer.expect(StatusCode::OK);
        first.push(answer);
    }
    let picture = async || {
        let file = concat!(env!("CARGO_MANIFEST_DIR"), "/checks/specimen-pictures/passport.jpg");
        let mut request = request(person, "PUT", "/iframe/api/media/document_front", std::fs::read(file).unwrap());
        request.headers_mut().insert("idempotency-key", "k".parse().unwrap());
        app.send(request).await
    };
    picture().await.expect(StatusCode::OK);
    app.call_once(person, "k", "POST", "/iframe/api/cancel", json!({})).await.expect(StatusCode::OK);
    redact(&app, &session).await.expect(StatusCode::OK);

    // Nothing in a token is the person's: byte for byte.
    for ((bearer, path), first) in tokens.into_iter().zip(first) {
        let again = app.call_once(bearer, "k", "POST", path, json!({})).await;
        assert_eq!((again.status, again.header("idempotent-replayed")), (StatusCode::OK, "true"), "{path}");
        assert_eq!(again.body, first.body, "{path}");
    }
    let canceled = app.call_once(person, "k", "POST", "/iframe/api/cancel", json!({})).await.expect(StatusCode::OK);
    assert_eq!((&canceled["session_id"], &canceled["status"]), (&session["id"], &json!("canceled")));
    // Nothing is left of a picture.
    picture().await.refused(401, "session_expired");
    app.finish().await;
}

#[tokio::test]
async fn only_what_has_ended_is_redacted_and_a_review_can_still_be_missing() {
    let app = TestApp::start().await;
    let live = app.create(json!({ "metadata": { "customer": LABEL } })).await;
    redact(&app, &live).await.refused(409, "invalid_state");
    app.cancel(&live).await.expect(StatusCode::OK);
    assert_eq!(redact(&app, &live).await.expect(StatusCode::OK)["status"], "canceled");
    let foreign = app.foreign_key().await;
    let path = format!("{}/redact", verification(&live));
    app.call_as(&foreign, "POST", &path, json!({})).await.refused(404, "verification_not_found");

    let doubtful = ended(&app, "requires_review").await;
    assert_eq!(redact(&app, &doubtful).await.expect(StatusCode::OK)["status"], "requires_review");
    review(&app, &doubtful, "approved").await.refused(409, "invalid_state");
    app.finish().await;
}

#[tokio::test]
async fn twins_of_a_redaction_erase_once() {
    let app = TestApp::start().await;
    let session = ended(&app, "completed").await;
    let twins = futures::future::join_all((0..8).map(|_| redact(&app, &session))).await;
    let first = twins[0].expect(StatusCode::OK);
    assert!(twins.iter().all(|twin| twin.expect(StatusCode::OK) == first));
    let told = app.event_types(&session);
    assert_eq!(told.iter().filter(|kind| **kind == "verification.redacted").count(), 1);
    app.finish().await;
}
