//! What the page of the person being verified may do with its one session.

#![expect(clippy::unwrap_used, reason = "a test fails where it unwraps")]

mod common;

use std::time::Duration;

use axum::http::StatusCode;
use common::steps::{consent, flow};
use common::{TestApp, person, text};
use serde_json::{Value, json};

const HALF_AN_HOUR: Duration = Duration::from_secs(1_800);

/// Typed data with one value replaced.
fn person_with(name: &str, value: &str) -> Value {
    let mut fields = person();
    fields[name] = json!(value);
    fields
}

fn progress(state: &Value) -> Vec<(&str, &str)> {
    state["steps"].as_array().unwrap().iter().map(|step| (text(&step["type"]), text(&step["state"]))).collect()
}

#[tokio::test]
async fn the_state_has_what_the_page_needs_and_nothing_of_the_tenants() {
    let app = TestApp::start().await;
    app.published("kyc", flow("I agree.")).await;
    let session = app
        .create(json!({
            "template_slug": "kyc", "metadata": { "customer_id": "cus_secret" },
            "redirect_url": "https://example.com/done",
        }))
        .await;
    let state = app.iframe_state(&session).await.expect(StatusCode::OK);
    let mut names: Vec<&str> = state.as_object().unwrap().keys().map(String::as_str).collect();
    names.sort_unstable();
    let expected = [
        "attempts",
        "expires_at",
        "last_error",
        "livemode",
        "locales",
        "max_attempts",
        "media",
        "next_step",
        "object",
        "redirect_url",
        "session_id",
        "status",
        "steps",
        "strings",
        "theme",
    ];
    assert_eq!(names, expected);
    assert_eq!((&state["object"], &state["session_id"]), (&json!("iframe_session"), &session["id"]));
    assert_eq!((&state["status"], &state["next_step"]), (&json!("created"), &Value::Null));
    assert_eq!((&state["attempts"], &state["max_attempts"]), (&json!(0), &json!(2)));
    assert_eq!(state["expires_at"], session["expires_at"]);
    assert_eq!(state["redirect_url"], Value::Null, "not before the end");
    assert_eq!(state["steps"][0]["text"], "I agree.");
    app.load(&session).await;
    app.submit(&session, "consent", consent()).await;
    let answer = app
        .enter(&session, json!({ "last_name": "ERIKSSON", "nickname": "Nicky", "date_of_birth": "1974-08-12" }))
        .await;
    app.await_status(&session, "completed").await;
    let ended = app.iframe_state(&session).await.expect(StatusCode::OK);
    assert_eq!(ended["redirect_url"], "https://example.com/done");
    for seen in [answer.to_string(), ended.to_string(), state.to_string()] {
        for hidden in ["ERIKSSON", "Nicky", "1974-08-12", "cus_secret", "customer_id", "metadata", "tpl_", "ver_"] {
            assert!(!seen.contains(hidden), "{hidden} in {seen}");
        }
    }
    app.finish().await;
}

#[tokio::test]
async fn progress_from_step_to_step() {
    let app = TestApp::start().await;
    let session = app.create(json!({})).await;
    let created = app.iframe_state(&session).await.expect(StatusCode::OK);
    assert_eq!(progress(&created), [("consent", "pending"), ("data_entry", "pending")]);
    let loaded = app.load(&session).await;
    assert_eq!(progress(&loaded), [("consent", "current"), ("data_entry", "pending")]);
    assert_eq!((&loaded["status"], &loaded["next_step"]), (&json!("requires_input"), &json!("consent")));
    let agreed = app.submit(&session, "consent", consent()).await;
    assert_eq!(progress(&agreed), [("consent", "accepted"), ("data_entry", "current")]);
    assert_eq!((&agreed["status"], &agreed["next_step"]), (&json!("in_progress"), &json!("data_entry")));
    let entered = app.enter(&session, person()).await;
    assert_eq!(progress(&entered), [("consent", "accepted"), ("data_entry", "accepted")]);
    assert_eq!((&entered["status"], &entered["next_step"]), (&json!("in_progress"), &Value::Null));
    assert_eq!(entered["attempts"], 1);
    app.await_status(&session, "completed").await;
    let done = app.iframe_state(&session).await.expect(StatusCode::OK);
    assert_eq!((&done["status"], &done["next_step"]), (&json!("completed"), &Value::Null));
    assert_eq!(progress(&done), [("consent", "accepted"), ("data_entry", "accepted")]);
    app.finish().await;
}

#[tokio::test]
async fn a_reload_resumes_at_the_right_step_without_any_command() {
    let app = TestApp::start().await;
    let session = app.create(json!({})).await;
    let states = [app.load(&session).await, app.submit(&session, "consent", consent()).await];
    let position = app.position();
    for _ in 0..3 {
        assert_eq!(app.iframe_state(&session).await.expect(StatusCode::OK), states[1]);
    }
    assert_eq!(app.position(), position, "looking writes nothing");
    // A page that loads once more is told where it stands and changes nothing.
    assert_eq!(app.load(&session).await, states[1]);
    assert_eq!(app.position(), position);
    let app = app.restart_after(Duration::from_secs(1)).await;
    assert_eq!(app.iframe_state(&session).await.expect(StatusCode::OK), states[1]);
    app.finish().await;
}

#[tokio::test]
async fn an_accepted_step_can_be_amended_until_the_checks_start() {
    let app = TestApp::start().await;
    let config = json!({
        "steps": [
            { "type": "data_entry", "fields": [{ "name": "last_name", "type": "string", "required": true }] },
            { "type": "consent", "text": "I agree." },
        ],
    });
    app.published("typed-first", config).await;
    let session = app.create(json!({ "template_slug": "typed-first" })).await;
    app.load(&session).await;
    app.enter(&session, json!({ "last_name": "ERIKSON" })).await;
    let events = app.event_types(&session).len();
    let amended = app.enter(&session, json!({ "last_name": "ERIKSSON" })).await;
    assert_eq!((&amended["next_step"], &amended["attempts"]), (&json!("consent"), &json!(0)));
    assert_eq!(app.event_types(&session).len(), events, "the status has not moved");
    let refused = app.iframe(&session, "steps/data_entry", json!({ "fields": { "last_name": 7 } })).await;
    assert_eq!(refused.refused(422, "validation_error"), ["fields.last_name"]);
    app.submit(&session, "consent", consent()).await;
    app.await_status(&session, "completed").await;
    assert_eq!(app.verification(&session).await["fields"]["last_name"]["value"], "ERIKSSON");
    app.finish().await;
}

#[tokio::test]
async fn a_blank_asks_for_another_attempt_and_a_good_value_completes_it() {
    let app = TestApp::start().await;
    let session = app.consented(json!({})).await;
    app.enter(&session, person_with("last_name", " -- ")).await;
    let again = app.await_status(&session, "requires_input").await;
    assert_eq!(again["last_error"]["code"], "field_blank");
    assert_eq!(again["last_error"]["check"], "data_completeness");
    assert!(!text(&again["last_error"]["message"]).is_empty());
    let state = app.iframe_state(&session).await.expect(StatusCode::OK);
    assert_eq!(state["last_error"], again["last_error"], "the person is told why");
    assert_eq!(
        progress(&state),
        [("consent", "accepted"), ("data_entry", "current")],
        "consent is not asked for twice"
    );
    assert_eq!(state["attempts"], 1);
    app.enter(&session, person()).await;
    let done = app.await_status(&session, "completed").await;
    assert_eq!(done["last_error"], Value::Null);
    let verification = app.verification(&session).await;
    assert_eq!(verification["attempts"], 2);
    assert_eq!(verification["fields"]["last_name"]["value"], "ERIKSSON");
    let outcomes: Vec<&str> =
        verification["checks"].as_array().unwrap().iter().map(|check| text(&check["status"])).collect();
    assert_eq!(outcomes, ["passed", "passed"], "the checks of the last attempt");
    assert_eq!(
        app.event_types(&session),
        [
            "verification.created",
            "verification.updated",
            "verification.updated",
            "verification.updated",
            "verification.updated",
            "verification.completed"
        ]
    );
    app.finish().await;
}

#[tokio::test]
async fn attempts_are_used_up() {
    let app = TestApp::start().await;
    let session = app.consented(json!({})).await;
    for attempt in 1..=3 {
        app.enter(&session, person_with("first_name", "n/a")).await;
        let status = if attempt < 3 { "requires_input" } else { "failed" };
        let state = app.await_status(&session, status).await;
        assert_eq!(state["last_error"]["code"], "field_placeholder", "attempt {attempt}");
        assert_eq!(app.verification(&session).await["attempts"], attempt);
    }
    app.iframe(&session, "steps/data_entry", json!({ "fields": person() })).await.refused(401, "session_expired");
    app.finish().await;
}

#[tokio::test]
async fn age_fails_decisively_on_the_first_attempt() {
    let app = TestApp::start().await;
    // The test clock stands on 22 November 2025.
    for (born, code) in [
        ("2007-11-23", Some("under_age")),
        ("2007-11-22", None),
        ("2025-11-23", Some("date_of_birth_in_future")),
        ("1890-01-01", Some("date_of_birth_implausible")),
    ] {
        let session = app.consented(json!({})).await;
        app.enter(&session, person_with("date_of_birth", born)).await;
        let status = if code.is_some() { "failed" } else { "completed" };
        let ended = app.await_status(&session, status).await;
        assert_eq!(ended["last_error"]["code"], json!(code), "{born}");
        let verification = app.verification(&session).await;
        assert_eq!(
            (&verification["attempts"], &verification["checks"][1]["code"]),
            (&json!(1), &json!(code)),
            "{born}"
        );
        assert_eq!(verification["decided_at"], app.engine.now().seconds());
    }
    app.finish().await;
}

#[tokio::test]
async fn of_a_blank_and_a_child_the_child_decides() {
    let app = TestApp::start().await;
    let session = app.consented(json!({})).await;
    let mut fields = person_with("last_name", "--");
    fields["date_of_birth"] = json!("2015-01-01");
    app.enter(&session, fields).await;
    let failed = app.await_status(&session, "failed").await;
    assert_eq!(failed["last_error"]["code"], "under_age");
    app.finish().await;
}

#[tokio::test]
async fn pictures_that_no_check_reads_need_a_review() {
    let app = TestApp::start().await;
    let config = json!({ "steps": [
        { "type": "document_upload", "documents": ["passport"], "countries": ["SE"] }, { "type": "selfie" } ],
        "checks": [] });
    app.published("pictures", config).await;
    let session = app.create(json!({ "template_slug": "pictures" })).await;
    app.load(&session).await;
    for (wrong, field) in [
        (json!({ "document": "id_card", "country": "SE" }), "document"),
        (json!({ "document": "passport", "country": "DE" }), "country"),
    ] {
        let refused = app.iframe(&session, "steps/document_upload", wrong).await;
        assert_eq!(refused.refused(422, "validation_error"), [field]);
    }
    app.send_picture(&session, "document_front").await;
    app.submit(&session, "document_upload", json!({ "document": "passport", "country": "SE" })).await;
    app.send_picture(&session, "selfie").await;
    app.submit(&session, "selfie", json!({})).await;
    let waiting = app.await_status(&session, "requires_review").await;
    assert_eq!(waiting["last_error"]["code"], "evidence_unread");
    app.finish().await;
}

#[tokio::test]
async fn the_state_stays_readable_for_30_minutes_after_the_end_and_not_longer() {
    let app = TestApp::start().await;
    for status in ["completed", "canceled", "expired"] {
        let session = app.create(json!({})).await;
        app.load(&session).await;
        match status {
            "completed" => {
                app.submit(&session, "consent", consent()).await;
                app.enter(&session, person()).await;
            }
            "canceled" => drop(app.cancel(&session).await.expect(StatusCode::OK)),
            _ => app.clock.advance(HALF_AN_HOUR),
        }
        app.await_status(&session, status).await;
        // The token ends meanwhile; what it may still do is read.
        app.clock.advance(HALF_AN_HOUR - Duration::from_secs(1));
        let state = app.iframe_state(&session).await.expect(StatusCode::OK);
        assert_eq!(state["status"], status);
        for (action, body) in [("load", json!({})), ("token", json!({})), ("cancel", json!({}))] {
            app.iframe(&session, action, body).await.refused(401, "session_expired");
        }
        app.clock.advance(Duration::from_secs(1));
        app.iframe_state(&session).await.refused(401, "session_expired");
    }
    app.finish().await;
}

#[tokio::test]
async fn a_token_is_renewed_and_lasts_half_an_hour_but_no_longer_than_the_session() {
    let app = TestApp::start().await;
    let session = app.create(json!({ "expires_in": 4_000 })).await;
    let created = session["created"].as_u64().unwrap();
    app.clock.advance(Duration::from_secs(1_000));
    let first = app.iframe(&session, "token", json!({})).await.expect(StatusCode::OK);
    assert_eq!(first["expires_at"], created + 1_000 + 1_800);
    assert_ne!(first["sdk_token"], session["sdk_token"]);
    app.clock.advance(Duration::from_secs(1_500));
    app.iframe_state(&session).await.refused(401, "session_expired");
    app.iframe(&session, "token", json!({})).await.refused(401, "session_expired");
    let second = app.iframe(&first, "token", json!({})).await.expect(StatusCode::OK);
    assert_eq!(second["expires_at"], session["expires_at"], "never longer than the session");
    assert_eq!(app.load(&second).await["status"], "requires_input");

    // The person changed device: the tenant asks.
    app.clock.advance(Duration::from_secs(300));
    app.iframe_state(&first).await.refused(401, "session_expired");
    let path = format!("/v1/sessions/{}/token", text(&session["id"]));
    let third = app.post(&path, json!({})).await.expect(StatusCode::OK);
    assert_eq!(third["expires_at"], session["expires_at"]);
    let url = format!("/iframe?session_id={}&token={}", text(&session["id"]), text(&third["sdk_token"]));
    assert_eq!(third["iframe_url"], format!("{}{url}", common::PUBLIC_URL));
    assert_eq!(app.load(&third).await["status"], "requires_input");
    app.clock.advance(Duration::from_secs(1_200));
    app.await_status(&session, "expired").await;
    app.iframe(&third, "token", json!({})).await.refused(401, "session_expired");
    app.post(&path, json!({})).await.refused(409, "invalid_state");
    app.finish().await;
}

#[tokio::test]
async fn tokens_survive_a_restart() {
    let app = TestApp::start().await;
    let session = app.create(json!({})).await;
    let app = app.restart_after(Duration::from_secs(1)).await;
    assert_eq!(app.load(&session).await["status"], "requires_input");
    app.finish().await;
}

#[tokio::test]
async fn the_person_cancels_from_any_place() {
    let app = TestApp::start().await;
    for steps in 0..3 {
        let session = app.create(json!({ "redirect_url": "https://example.com/back" })).await;
        if steps > 0 {
            app.load(&session).await;
        }
        if steps > 1 {
            app.submit(&session, "consent", consent()).await;
        }
        let state = app.iframe(&session, "cancel", json!({})).await.expect(StatusCode::OK);
        assert_eq!((&state["status"], &state["next_step"]), (&json!("canceled"), &Value::Null), "after {steps}");
        assert_eq!(state["redirect_url"], "https://example.com/back");
        assert_eq!(app.verification(&session).await["status"], "canceled");
        let events = app.event_types(&session);
        assert_eq!((events.len(), events[steps + 1]), (steps + 2, "verification.canceled"));
        app.iframe(&session, "cancel", json!({})).await.refused(401, "session_expired");
        app.cancel(&session).await.refused(409, "verification_not_cancelable");
        assert_eq!(app.event_types(&session), events);
    }
    app.finish().await;
}

#[tokio::test]
async fn the_person_is_told_that_the_time_is_over() {
    let app = TestApp::start().await;
    let session = app.consented(json!({ "expires_in": 60 })).await;
    app.clock.advance(Duration::from_secs(60));
    // Whoever comes at the deadline finds it expired, whether the alarm was faster or not.
    let late = app.iframe(&session, "steps/data_entry", json!({ "fields": person() })).await;
    late.refused(401, "session_expired");
    app.await_status(&session, "expired").await;
    let state = app.iframe_state(&session).await.expect(StatusCode::OK);
    assert_eq!((&state["status"], &state["next_step"]), (&json!("expired"), &Value::Null));
    assert_eq!(app.verification(&session).await["fields"], json!({}), "what came too late was not kept");
    app.finish().await;
}

#[tokio::test]
async fn two_tabs_are_one_session() {
    let app = TestApp::start().await;
    let session = app.create(json!({})).await;
    app.load(&session).await;
    let submits = (0..20).map(|_| app.iframe(&session, "steps/consent", consent()));
    for answer in futures::future::join_all(submits).await {
        assert_eq!(answer.expect(StatusCode::OK)["next_step"], "data_entry");
    }
    assert_eq!(app.event_types(&session).len(), 3, "one move to in_progress");
    let body = json!({ "fields": person() });
    let submits = (0..20).map(|_| app.iframe(&session, "steps/data_entry", body.clone()));
    let answers = futures::future::join_all(submits).await;
    let done = answers.iter().filter(|answer| answer.status == StatusCode::OK).count();
    assert_eq!(done, 1, "one submit starts the checks");
    app.await_status(&session, "completed").await;
    assert_eq!(app.verification(&session).await["attempts"], 1);
    app.finish().await;
}
