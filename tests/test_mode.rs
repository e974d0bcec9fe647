//! Section 10: outcomes on demand, sessions walked without a browser, the same every time.

#![expect(clippy::unwrap_used, reason = "a test fails where it unwraps")]

mod common;

use std::time::Duration;

use axum::http::StatusCode;
use common::steps::{consent, flow};
use common::{TestApp, person, text};
use serde_json::{Value, json};
use vetd_storage::Store;

const CREATED: &str = "verification.created";
const UPDATED: &str = "verification.updated";

/// What a test outcome leads to: the status, the code, and the last event.
const OUTCOMES: [(&str, &str, Option<&str>, &str); 6] = [
    ("completed", "completed", None, "verification.completed"),
    ("failed", "failed", Some("test_failed"), "verification.failed"),
    ("failed:age:under_age", "failed", Some("under_age"), "verification.failed"),
    ("failed:data_completeness:no_such_code_1", "failed", Some("no_such_code_1"), "verification.failed"),
    ("requires_review", "requires_review", Some("test_review"), "verification.review_required"),
    ("expired", "expired", None, "verification.expired"),
];

fn outcomes(verification: &Value) -> Vec<(&str, Option<&str>)> {
    let checks = verification["checks"].as_array().unwrap();
    checks.iter().map(|check| (text(&check["status"]), check["code"].as_str())).collect()
}

async fn end_by_submit(app: &TestApp, body: Value, status: &str) -> Value {
    let session = app.consented(body).await;
    app.enter(&session, person()).await;
    app.await_status(&session, status).await;
    session
}

#[tokio::test]
async fn each_outcome_by_simulate() {
    let app = TestApp::start().await;
    for (outcome, status, code, event) in OUTCOMES {
        let session = app.create(json!({ "test_outcome": outcome })).await;
        let answer = app.simulate(&session, &["load", "submit"]).await.expect(StatusCode::OK);
        assert_eq!((&answer["status"], &answer["last_error"]["code"]), (&json!(status), &json!(code)), "{outcome}");
        assert_eq!(app.session(&session).await, answer, "{outcome}: it answers with the session");
        assert_eq!(app.event_types(&session), [CREATED, UPDATED, UPDATED, event], "{outcome}");
    }
    app.finish().await;
}

#[tokio::test]
async fn each_outcome_by_a_real_submit() {
    let app = TestApp::start().await;
    for (outcome, status, code, event) in OUTCOMES {
        let session = end_by_submit(&app, json!({ "test_outcome": outcome }), status).await;
        let verification = app.verification(&session).await;
        assert_eq!((&verification["status"], &verification["last_error"]["code"]), (&json!(status), &json!(code)));
        assert_eq!(app.event_types(&session), [CREATED, UPDATED, UPDATED, event], "{outcome}");
        assert_eq!(verification["fields"]["last_name"]["value"], "ERIKSSON", "{outcome}");
    }
    app.finish().await;
}

#[tokio::test]
async fn the_checks_say_what_the_outcome_asks_whatever_was_submitted() {
    let app = TestApp::start().await;
    for (outcome, status, expected) in [
        ("completed", "completed", [("passed", None), ("passed", None)]),
        ("failed", "failed", [("failed", Some("test_failed")), ("passed", None)]),
        ("failed:age:too_young", "failed", [("passed", None), ("failed", Some("too_young"))]),
        ("requires_review", "requires_review", [("needs_review", Some("test_review")), ("passed", None)]),
        ("expired", "expired", [("pending", None), ("pending", None)]),
    ] {
        let session = app.consented(json!({ "test_outcome": outcome })).await;
        let mut fields = person();
        fields["last_name"] = json!("--");
        fields["date_of_birth"] = json!("2020-01-01");
        app.enter(&session, fields).await;
        app.await_status(&session, status).await;
        assert_eq!(outcomes(&app.verification(&session).await), expected, "{outcome}");
    }
    app.finish().await;
}

#[tokio::test]
async fn without_an_outcome_the_checks_really_run() {
    let app = TestApp::start().await;
    let session = app.create(json!({})).await;
    let done = app.simulate(&session, &["load", "submit"]).await.expect(StatusCode::OK);
    assert_eq!(done["status"], "completed");
    let verification = app.verification(&session).await;
    assert_eq!(outcomes(&verification), [("passed", None), ("passed", None)]);
    assert_eq!(verification["fields"]["last_name"]["value"], "ERIKSSON", "specimen data");
    // A flow that the specimen cannot pass: it was born in 1974.
    let mut strict = flow("Strict.");
    strict["checks"][1]["min_age"] = json!(80);
    app.published("strict", strict).await;
    let session = app.create(json!({ "template_slug": "strict" })).await;
    let failed = app.simulate(&session, &["load", "submit"]).await.expect(StatusCode::OK);
    assert_eq!((&failed["status"], &failed["last_error"]["code"]), (&json!("failed"), &json!("under_age")));
    app.finish().await;
}

#[tokio::test]
async fn expired_is_as_if_the_deadline_had_come() {
    let app = TestApp::start().await;
    let session = app.create(json!({ "test_outcome": "expired" })).await;
    app.clock.advance(Duration::from_secs(100));
    let now = app.engine.now().seconds();
    app.simulate(&session, &["load", "submit"]).await.expect(StatusCode::OK);
    let verification = app.verification(&session).await;
    assert_eq!((&verification["expires_at"], &verification["decided_at"]), (&json!(now), &json!(now)));
    app.clock.advance(Duration::from_secs(3_600));
    assert_eq!(app.verification(&session).await, verification, "and it does not expire again");
    assert_eq!(app.event_types(&session).len(), 4);
    app.finish().await;
}

#[tokio::test]
async fn retry_then_completed_goes_back_once() {
    let app = TestApp::start().await;
    let simulated = app.create(json!({ "test_outcome": "retry_then_completed" })).await;
    let first = app.simulate(&simulated, &["load", "submit"]).await.expect(StatusCode::OK);
    assert_eq!((&first["status"], &first["last_error"]["code"]), (&json!("requires_input"), &json!("test_retry")));
    let second = app.simulate(&simulated, &["submit"]).await.expect(StatusCode::OK);
    assert_eq!((&second["status"], &second["last_error"]), (&json!("completed"), &Value::Null));

    let submitted = app.consented(json!({ "test_outcome": "retry_then_completed" })).await;
    app.enter(&submitted, person()).await;
    let first = app.await_status(&submitted, "requires_input").await;
    assert_eq!(first["last_error"]["code"], "test_retry");
    app.enter(&submitted, person()).await;
    app.await_status(&submitted, "completed").await;

    let at_once = app.create(json!({ "test_outcome": "retry_then_completed" })).await;
    app.simulate(&at_once, &["load", "submit", "submit"]).await.expect(StatusCode::OK);
    for session in [simulated, submitted, at_once] {
        let expected = [CREATED, UPDATED, UPDATED, UPDATED, UPDATED, "verification.completed"];
        assert_eq!(app.event_types(&session), expected);
        assert_eq!(app.verification(&session).await["attempts"], 2);
    }
    // A flow of one attempt has nothing to go back to.
    let mut once = flow("Once.");
    once["max_attempts"] = json!(1);
    app.published("once", once).await;
    let body = json!({ "template_slug": "once", "test_outcome": "retry_then_completed" });
    assert_eq!(app.post("/v1/sessions", body).await.refused(422, "validation_error"), ["test_outcome"]);
    app.finish().await;
}

#[tokio::test]
async fn every_walk_through_the_lifecycle() {
    let app = TestApp::start().await;
    let (canceled, expired) = ("verification.canceled", "verification.expired");
    let cases: [(&[&str], &str, &[&str]); 9] = [
        (&["load"], "requires_input", &[CREATED, UPDATED]),
        (&["load", "load", "load"], "requires_input", &[CREATED, UPDATED]),
        (&["cancel"], "canceled", &[CREATED, canceled]),
        (&["load", "cancel"], "canceled", &[CREATED, UPDATED, canceled]),
        (&["expire"], "expired", &[CREATED, expired]),
        (&["load", "expire"], "expired", &[CREATED, UPDATED, expired]),
        (&["load", "submit"], "completed", &[CREATED, UPDATED, UPDATED, "verification.completed"]),
        (&["load", "load", "submit"], "completed", &[CREATED, UPDATED, UPDATED, "verification.completed"]),
        (&["load", "submit", "submit"], "", &[CREATED]),
    ];
    for (actions, status, events) in cases {
        let session = app.create(json!({})).await;
        let answer = app.simulate(&session, actions).await;
        if status.is_empty() {
            answer.refused(409, "invalid_state");
        } else {
            assert_eq!(answer.expect(StatusCode::OK)["status"], status, "{actions:?}");
        }
        assert_eq!(app.event_types(&session), events, "{actions:?}");
        // Step by step it is the same walk.
        if !status.is_empty() {
            let session = app.create(json!({})).await;
            for action in actions {
                app.simulate(&session, &[action]).await.expect(StatusCode::OK);
            }
            assert_eq!(app.session(&session).await["status"], status, "{actions:?} one by one");
            assert_eq!(app.event_types(&session), events, "{actions:?} one by one");
        }
    }
    app.finish().await;
}

#[tokio::test]
async fn all_actions_or_none() {
    let app = TestApp::start().await;
    let cases: [(&[&str], &str); 9] = [
        (&["submit"], "invalid_state"),
        (&["submit", "load"], "invalid_state"),
        (&["load", "submit", "cancel"], "verification_not_cancelable"),
        (&["cancel", "cancel"], "verification_not_cancelable"),
        (&["load", "submit", "expire"], "invalid_state"),
        (&["cancel", "load"], "invalid_state"),
        (&["expire", "submit"], "invalid_state"),
        (&["expire", "expire"], "invalid_state"),
        (&["load", "cancel", "expire"], "invalid_state"),
    ];
    let session = app.create(json!({})).await;
    let before = (app.position(), app.session(&session).await, app.verification(&session).await);
    for (actions, code) in cases {
        let answer = app.simulate(&session, actions).await;
        assert_eq!((answer.status.as_u16(), &answer.json()["error"]["code"]), (409, &json!(code)), "{actions:?}");
    }
    let after = (app.position(), app.session(&session).await, app.verification(&session).await);
    assert_eq!(after, before, "the session has not moved");
    app.finish().await;
}

#[tokio::test]
async fn actions_that_are_none() {
    let app = TestApp::start().await;
    let session = app.create(json!({})).await;
    let position = app.position();
    let path = format!("/v1/test/sessions/{}/simulate", text(&session["id"]));
    for (body, fields) in [
        (json!({}), vec!["actions"]),
        (json!({ "actions": [] }), vec!["actions"]),
        (json!({ "actions": "load" }), vec!["actions"]),
        (json!({ "actions": vec!["load"; 21] }), vec!["actions"]),
        (json!({ "actions": ["load", "approve", 1] }), vec!["actions.1", "actions.2"]),
        (json!({ "actions": ["load"], "speed": 2 }), vec!["speed"]),
    ] {
        assert_eq!(app.post(&path, body.clone()).await.refused(422, "validation_error"), fields, "{body}");
    }
    assert_eq!(app.position(), position);
    app.finish().await;
}

#[tokio::test]
async fn a_script_takes_over_where_the_person_stopped() {
    let app = TestApp::start().await;
    let session = app.create(json!({})).await;
    app.load(&session).await;
    let done = app.simulate(&session, &["submit"]).await.expect(StatusCode::OK);
    assert_eq!(done["status"], "completed");

    let config = json!({ "steps": [
        { "type": "data_entry", "fields": [{ "name": "last_name", "type": "string", "required": true }] },
        { "type": "consent", "text": "I agree." } ] });
    app.published("typed-first", config).await;
    let session = app.create(json!({ "template_slug": "typed-first" })).await;
    app.load(&session).await;
    app.enter(&session, json!({ "last_name": "LINDQVIST" })).await;
    let done = app.simulate(&session, &["submit"]).await.expect(StatusCode::OK);
    assert_eq!(done["status"], "completed");
    let verification = app.verification(&session).await;
    assert_eq!(verification["fields"]["last_name"]["value"], "LINDQVIST", "what is there is not replaced");
    app.finish().await;
}

#[tokio::test]
async fn a_script_walks_through_every_kind_of_step() {
    let app = TestApp::start().await;
    let config = json!({
        "steps": [
            { "type": "consent", "text": "I agree." },
            { "type": "data_entry", "fields": [
                { "name": "born", "type": "date", "required": true },
                { "name": "country", "type": "country", "required": true },
                { "name": "iban", "type": "string", "required": true },
            ] },
            { "type": "document_upload", "documents": ["driving_license"], "countries": ["SE", "FI"] },
            { "type": "selfie" }, { "type": "liveness" },
        ],
        "checks": [],
    });
    app.published("all", config).await;
    let session = app.create(json!({ "template_slug": "all" })).await;
    let waiting = app.simulate(&session, &["load", "submit"]).await.expect(StatusCode::OK);
    assert_eq!(waiting["last_error"]["code"], "evidence_unread", "none of its checks reads pictures");
    let session = app.create(json!({ "template_slug": "all", "test_outcome": "completed" })).await;
    let done = app.simulate(&session, &["load", "submit"]).await.expect(StatusCode::OK);
    assert_eq!(done["status"], "completed");
    app.finish().await;
}

#[tokio::test]
async fn simulate_finds_an_overdue_session_expired() {
    let app = TestApp::start().await;
    let session = app.create(json!({ "expires_in": 60 })).await;
    app.clock.advance(Duration::from_secs(60));
    app.simulate(&session, &["load", "submit"]).await.refused(409, "invalid_state");
    app.await_status(&session, "expired").await;
    assert_eq!(app.event_types(&session), [CREATED, "verification.expired"]);
    app.finish().await;
}

#[tokio::test]
async fn live_keys_are_refused() {
    let app = TestApp::start().await;
    let live = app.live_key().await;
    app.published_as(&live, "kyc", flow("Live.")).await;
    let made = app.call_as(&live, "POST", "/v1/sessions", json!({ "template_slug": "kyc" })).await;
    let live_session = made.expect(StatusCode::CREATED);
    let test_session = app.create(json!({})).await;
    let position = app.position();
    let path = |session: &Value| format!("/v1/test/sessions/{}/simulate", text(&session["id"]));
    let body = || json!({ "actions": ["load"] });
    app.call_as(&live, "POST", &path(&live_session), body()).await.refused(403, "permission_denied");
    app.call_as(&live, "POST", &path(&test_session), body()).await.refused(403, "permission_denied");
    app.post(&path(&live_session), body()).await.refused(404, "not_found");
    let outcome = json!({ "template_slug": "kyc", "test_outcome": "completed" });
    let refused = app.call_as(&live, "POST", "/v1/sessions", outcome).await;
    assert_eq!(refused.refused(422, "validation_error"), ["test_outcome"]);
    assert_eq!(app.position(), position);
    app.finish().await;
}

/// What two runs of the same inputs have in common: everything but identifiers.
async fn run() -> Vec<Value> {
    let app = TestApp::start().await;
    let mut seen = Vec::new();
    for (outcome, status, ..) in OUTCOMES {
        let body = json!({ "test_outcome": outcome });
        let simulated = app.create(body.clone()).await;
        app.simulate(&simulated, &["load", "submit"]).await.expect(StatusCode::OK);
        let submitted = end_by_submit(&app, body, status).await;
        for session in [simulated, submitted] {
            let read = app.session(&session).await;
            let verification = app.verification(&session).await;
            let checks: Vec<Value> = verification["checks"]
                .as_array()
                .unwrap()
                .iter()
                .map(|check| {
                    json!([check["type"], check["status"], check["code"], check["message"], check["finished"]])
                })
                .collect();
            seen.push(json!({
                "status": read["status"], "last_error": read["last_error"], "expires_at": read["expires_at"],
                "decided_at": verification["decided_at"], "attempts": verification["attempts"],
                "fields": verification["fields"], "checks": checks, "events": app.event_types(&session),
            }));
        }
        app.clock.advance(Duration::from_secs(7));
    }
    let realm = vetd_model::Realm { workspace: vetd_model::WorkspaceId(1), mode: vetd_model::Mode::Test };
    let events = app.store.events(realm, 0, 1_000).unwrap().events;
    let order: Vec<Value> = events
        .iter()
        .filter_map(|found| found.event.as_session())
        .map(|event| json!([event.kind.as_str(), event.sequence, event.created.seconds()]))
        .collect();
    seen.push(json!(order));
    app.finish().await;
    seen
}

#[tokio::test]
async fn the_same_inputs_give_the_same_outcome_codes_and_order_of_events() {
    let (first, second) = (run().await, run().await);
    assert_eq!(first.len(), 13);
    assert_eq!(first, second);
}

#[tokio::test]
async fn an_outcome_must_fit_the_flow() {
    let app = TestApp::start().await;
    let mut plain = flow("Plain.");
    plain["checks"] = json!([{ "type": "data_completeness" }]);
    app.published("plain", plain).await;
    let body = json!({ "template_slug": "plain", "test_outcome": "failed:age:under_age" });
    assert_eq!(app.post("/v1/sessions", body).await.refused(422, "validation_error"), ["test_outcome"]);
    app.create(json!({ "test_outcome": "failed:age:under_age" })).await;
    app.finish().await;
}

#[tokio::test]
async fn consent_alone_does_not_start_the_checks_of_an_outcome() {
    let app = TestApp::start().await;
    let session = app.create(json!({ "test_outcome": "failed" })).await;
    app.load(&session).await;
    app.submit(&session, "consent", consent()).await;
    assert_eq!(app.session(&session).await["status"], "in_progress");
    assert_eq!(app.verification(&session).await["attempts"], 0);
    app.finish().await;
}
