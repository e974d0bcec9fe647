//! One document, several sessions at once: at most one of them is told that nobody has used it before.

#![expect(clippy::unwrap_used, reason = "a test fails where it unwraps")]

mod common;
mod receiver;
mod scrape;

use std::time::Duration;

use axum::http::StatusCode;
use common::{TestApp, text};
use receiver::Receiver;
use scrape::Scrape;
use serde_json::{Value, json};

/// A flow whose session fails if its document was used before.
fn flow(further: &[Value]) -> Value {
    let mut checks = vec![json!({ "type": "document_mrz" }), json!({ "type": "duplicate_document" })];
    checks.extend_from_slice(further);
    json!({ "steps": [{ "type": "document_upload", "documents": ["passport"] }], "checks": checks, "max_attempts": 2 })
}

async fn world(further: &[Value]) -> TestApp {
    let app = TestApp::start().await;
    app.published("kyc", flow(further)).await;
    app
}

async fn session(app: &TestApp) -> Value {
    app.create(json!({ "template_slug": "kyc" })).await
}

/// A session whose person has sent the passport, and has only to say that this is it.
async fn almost_submitted(app: &TestApp) -> Value {
    let session = session(app).await;
    app.load(&session).await;
    app.send_picture(&session, "document_front").await;
    session
}

async fn submit(app: &TestApp, session: &Value) {
    app.submit(session, "document_upload", json!({ "document": "passport", "country": "DE" })).await;
}

/// What `duplicate_document` found.
async fn found(app: &TestApp, session: &Value) -> (String, Value) {
    let verification = app.verification(session).await;
    let checks = verification["checks"].as_array().unwrap();
    let check = checks.iter().find(|check| check["type"] == "duplicate_document").unwrap();
    (text(&check["status"]).to_owned(), check["code"].clone())
}

/// Waits until a metric has come to a value.
async fn until_metric(app: &TestApp, series: &str, value: f64) {
    let patient = async {
        loop {
            let answer = app.get("/metrics").await;
            let scrape = Scrape::read(&String::from_utf8(answer.body).unwrap());
            if scrape.samples.get(series) == Some(&value) {
                return;
            }
            tokio::task::yield_now().await;
        }
    };
    let reached = tokio::time::timeout(Duration::from_secs(30), patient).await;
    assert!(reached.is_ok(), "{series} never came to {value}");
}

/// That one of the sessions was the first, and every other was told so.
async fn one_was_first(app: &TestApp, sessions: &[Value]) {
    let mut told = Vec::new();
    for session in sessions {
        let (status, code) = found(app, session).await;
        let ended = app.session(session).await;
        assert_eq!(ended["status"] == "completed", status == "passed", "{ended}");
        told.push((status, code));
    }
    told.sort_by_key(|(status, _)| status == "passed");
    let (first, others) = told.split_last().unwrap();
    assert_eq!(first, &("passed".to_owned(), Value::Null), "{told:?}");
    assert!(others.iter().all(|other| *other == ("failed".to_owned(), json!("document_used_before"))), "{told:?}");
}

#[tokio::test]
async fn sessions_that_are_checked_at_the_same_moment() {
    let app = world(&[]).await;
    let sessions = [almost_submitted(&app).await, almost_submitted(&app).await];
    // Both are accepted in one group of writes; no result is written before both have looked.
    let mut first = app.hold_writes();
    let submits = async {
        first.arrived().await;
        let together = async {
            until_metric(&app, "vetd_commits_waiting", 2.0).await;
            let results = app.hold_writes_after(1);
            first.let_go();
            results
        };
        tokio::join!(submit(&app, &sessions[0]), submit(&app, &sessions[1]), together).2
    };
    let (_, results) = tokio::join!(session(&app), submits);
    until_metric(&app, "vetd_checks_total{type=\"duplicate_document\",status=\"passed\"}", 2.0).await;
    results.let_go();
    for session in &sessions {
        app.await_ended(session).await;
    }
    one_was_first(&app, &sessions).await;
    app.finish().await;
}

#[tokio::test]
async fn sessions_that_are_simulated_at_the_same_moment() {
    let app = world(&[]).await;
    let sessions = [session(&app).await, session(&app).await, session(&app).await];
    let mut hold = app.hold_writes();
    let walk = |index: usize| {
        let (app, session) = (&app, &sessions[index]);
        async move { app.simulate(session, &["load", "submit"]).await.expect(StatusCode::OK) }
    };
    let walks = async {
        hold.arrived().await;
        let together = async {
            until_metric(&app, "vetd_commits_waiting", 3.0).await;
            hold.let_go();
        };
        tokio::join!(walk(0), walk(1), walk(2), together);
    };
    tokio::join!(session(&app), walks);
    one_was_first(&app, &sessions).await;
    app.finish().await;
}

#[tokio::test]
async fn a_session_that_waits_for_a_provider_keeps_its_document() {
    let (app, mut desk) = (
        world(&[json!({ "type": "provider", "provider": "acme", "on_fail": "retry" })]).await,
        Receiver::start().await,
    );
    let provider = json!({ "name": "acme", "url": desk.url });
    app.post("/v1/providers", provider).await.expect(StatusCode::CREATED);
    desk.say(202, "");
    let first = almost_submitted(&app).await;
    submit(&app, &first).await;
    let asked = desk.next().await;

    // After a restart, too.
    let app = app.restart_after(Duration::ZERO).await;
    let second = almost_submitted(&app).await;
    submit(&app, &second).await;
    assert_eq!(app.await_ended(&second).await["last_error"]["code"], "document_used_before");

    let link = text(&asked.event()["callback_url"]).strip_prefix(common::PUBLIC_URL).unwrap().to_owned();
    let answer = axum::http::Request::post(link).header("content-type", "application/json");
    let answer = answer.body(json!({ "status": "passed" }).to_string().into()).unwrap();
    app.send(answer).await.expect(StatusCode::OK);
    app.await_status(&first, "completed").await;
    one_was_first(&app, &[first, second]).await;
    app.finish().await;
}
