//! Test mode on the person's page: specimens in place of real documents, and an outcome to end with.

mod common;

use axum::http::StatusCode;
use common::steps::flow;
use common::{TestApp, request, text};
use serde_json::{Value, json};

fn document_flow() -> Value {
    json!({
        "steps": [
            { "type": "consent", "text": "I agree." },
            { "type": "data_entry", "fields": [{ "name": "last_name", "type": "string", "required": true }] },
            { "type": "document_upload", "documents": ["driving_license", "passport"] },
        ],
        "max_attempts": 2,
    })
}

#[tokio::test]
async fn what_the_specimens_are_given_for_passes_every_check() {
    let app = TestApp::start().await;
    app.published("kyc", document_flow()).await;
    let session = app.create(json!({ "template_slug": "kyc" })).await;
    let token = text(&session["sdk_token"]);
    let specimens = app.get_as(token, "/iframe/api/specimens").await.expect(StatusCode::OK);
    app.load(&session).await;
    let step = &specimens["steps"]["document_upload"];
    assert_eq!(step, &json!({ "document": "driving_license", "country": "US" }));
    for picture in specimens["pictures"].as_array().unwrap() {
        let path = format!("/iframe/api/specimens/{}", text(&picture["name"]));
        let file = app.get_as(token, &path).await;
        assert_eq!((file.status, file.header("content-type")), (StatusCode::OK, "image/jpeg"));
        assert_eq!(file.body.len() as u64, picture["size"].as_u64().unwrap());
        if picture["document"] == step["document"] {
            let path = format!("/iframe/api/media/{}", text(&picture["kind"]));
            app.send(request(token, "PUT", &path, file.body)).await.expect(StatusCode::OK);
        }
    }
    for kind in ["consent", "data_entry", "document_upload"] {
        app.submit(&session, kind, specimens["steps"][kind].clone()).await;
    }
    app.await_status(&session, "completed").await;
    app.get_as(token, "/iframe/api/specimens/nobody").await.refused(404, "not_found");
    app.finish().await;
}

#[tokio::test]
async fn an_outcome_ends_the_session_as_it_says() {
    let app = TestApp::start().await;
    app.published("kyc", document_flow()).await;
    let outcomes = [
        ("completed", "completed"),
        ("failed", "failed"),
        ("failed:document_mrz:mrz_not_found", "failed"),
        ("requires_review", "requires_review"),
        ("expired", "expired"),
        ("retry_then_completed", "requires_input"),
    ];
    for (outcome, status) in outcomes {
        let session = app.create(json!({ "template_slug": "kyc", "test_outcome": "failed" })).await;
        let answer = app.iframe(&session, "test/outcome", json!({ "outcome": outcome })).await.expect(StatusCode::OK);
        assert_eq!(answer["status"], status, "{outcome}");
        assert_eq!(app.session(&session).await["status"], status, "{outcome}");
        if status == "requires_input" {
            let again = app.iframe(&session, "test/outcome", json!({ "outcome": outcome })).await;
            assert_eq!(again.expect(StatusCode::OK)["status"], "completed");
        } else {
            app.iframe(&session, "test/outcome", json!({ "outcome": outcome })).await.refused(401, "session_expired");
        }
    }
    app.finish().await;
}

#[tokio::test]
async fn a_wrong_outcome_changes_nothing() {
    let app = TestApp::start().await;
    app.published("kyc", flow("One.")).await;
    let session = app.create(json!({ "template_slug": "kyc" })).await;
    let before = app.position();
    for wrong in [
        json!({}),
        json!({ "outcome": 1 }),
        json!({ "outcome": "passed" }),
        json!({ "outcome": "failed:document_mrz:x" }),
        json!({ "outcome": "completed", "a": 1 }),
    ] {
        let fields = app.iframe(&session, "test/outcome", wrong.clone()).await.refused(422, "validation_error");
        assert!(fields.iter().all(|path| path == "outcome" || path == "a"), "{wrong}: {fields:?}");
    }
    assert_eq!((app.position(), &app.session(&session).await["status"]), (before, &json!("created")));
    app.finish().await;
}

#[tokio::test]
async fn live_sessions_know_nothing_of_it() {
    let app = TestApp::start().await;
    let live = app.live_key().await;
    app.published_as(&live, "kyc", flow("One.")).await;
    let made = app.call_as(&live, "POST", "/v1/sessions", json!({ "template_slug": "kyc" })).await;
    let session = made.expect(StatusCode::CREATED);
    let token = text(&session["sdk_token"]);
    for path in ["/iframe/api/specimens", "/iframe/api/specimens/passport"] {
        app.get_as(token, path).await.refused(403, "permission_denied");
    }
    app.iframe(&session, "test/outcome", json!({ "outcome": "completed" })).await.refused(403, "permission_denied");
    assert_eq!(app.iframe_page(&session).await.expect(StatusCode::OK)["status"], "created");
    app.finish().await;
}
