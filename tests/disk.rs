//! Bad days of the disk, as callers see them: full, and damaged.
#![expect(clippy::unwrap_used, clippy::panic, reason = "a test fails where it unwraps")]

mod common;

use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use axum::body::Body;
use axum::http::{Request, StatusCode};
use common::faulty_disk::FULL;
use common::{Answer, TestApp, person, text};
use serde_json::{Value, json};
use tower::ServiceExt;
use vetd_model::SessionId;
use vetd_storage::{Store, WriteStage};

#[track_caller]
fn refused_for_space(answer: &Answer) {
    answer.refused(503, "dependency_unavailable");
    let seconds: u64 = answer.header("retry-after").parse().unwrap();
    assert!((1..=60).contains(&seconds), "Retry-After: {seconds}");
}

#[tokio::test]
async fn a_full_disk_refuses_every_write_and_changes_nothing() {
    let app = TestApp::start().await;
    let session = app.create(json!({ "metadata": { "order": "A-1" } })).await;
    let token = text(&session["sdk_token"]);
    app.call_as(token, "POST", "/iframe/api/load", json!({})).await.expect(StatusCode::OK);
    let hook = app.post("/v1/webhook_endpoints", json!({ "url": "https://example.com/" })).await;
    let hook = format!("/v1/webhook_endpoints/{}", text(&hook.expect(StatusCode::CREATED)["id"]));
    app.get("/readyz").await.expect(StatusCode::OK);
    let position = app.position();

    app.fill_disk();
    let id = text(&session["id"]);
    for (bearer, method, path, body) in [
        (app.key.as_str(), "POST", "/v1/sessions".to_owned(), json!({})),
        (&app.key, "POST", format!("/v1/sessions/{id}/cancel"), json!({})),
        (&app.key, "POST", format!("/v1/test/sessions/{id}/simulate"), json!({ "actions": ["submit"] })),
        (&app.key, "POST", format!("/v1/verifications/{}/cancel", text(&session["verification_id"])), json!({})),
        (&app.key, "POST", "/v1/webhook_endpoints".to_owned(), json!({ "url": "https://example.com/" })),
        (&app.key, "PATCH", hook.clone(), json!({ "description": "x" })),
        (token, "POST", "/iframe/api/steps/consent".to_owned(), json!({ "accepted": true })),
        (token, "POST", "/iframe/api/cancel".to_owned(), json!({})),
    ] {
        refused_for_space(&app.call_as(bearer, method, &path, body).await);
    }
    refused_for_space(&app.get("/readyz").await);
    app.get("/healthz").await.expect(StatusCode::OK);
    assert_eq!(app.position(), position);

    // What needs no space goes on: wrong input is still wrong, and reads are served.
    app.post("/v1/sessions", json!({ "expires_in": 1 })).await.refused(422, "validation_error");
    let read = app.get(&format!("/v1/sessions/{id}")).await.expect(StatusCode::OK);
    assert_eq!(read["status"], "requires_input");
    let list = app.get("/v1/verifications?metadata[order]=A-1").await.expect(StatusCode::OK);
    assert_eq!(list["data"][0]["session_id"], session["id"]);
    let state = app.get_as(token, "/iframe/api/session").await.expect(StatusCode::OK);
    assert_eq!(state["next_step"], "consent");

    app.heal_disk();
    app.get("/readyz").await.expect(StatusCode::OK);
    let body = json!({ "accepted": true });
    app.call_as(token, "POST", "/iframe/api/steps/consent", body).await.expect(StatusCode::OK);
    let body = json!({ "fields": person() });
    app.call_as(token, "POST", "/iframe/api/steps/data_entry", body).await.expect(StatusCode::OK);
    app.await_status(&session, "completed").await;
    app.finish().await;
}

#[tokio::test]
async fn an_endpoint_can_be_removed_from_a_full_disk() {
    let app = TestApp::start().await;
    let hook = app.post("/v1/webhook_endpoints", json!({ "url": "https://example.com/" })).await;
    let hook = format!("/v1/webhook_endpoints/{}", text(&hook.expect(StatusCode::CREATED)["id"]));
    app.fill_disk();
    app.call("DELETE", &hook, json!({})).await.expect(StatusCode::OK);
    app.get(&hook).await.refused(404, "not_found");
    app.finish().await;
}

#[tokio::test]
async fn a_refusal_for_space_leaves_the_idempotency_key_free() {
    let app = TestApp::start().await;
    app.fill_disk();
    let body = json!({ "metadata": { "order": "A-1" } });
    refused_for_space(&app.post_once("key-1", "/v1/sessions", body.clone()).await);
    app.heal_disk();
    let other = json!({ "metadata": { "order": "A-2" } });
    let made = app.post_once("key-1", "/v1/sessions", other.clone()).await;
    made.expect(StatusCode::CREATED);
    assert_eq!(made.header("idempotent-replayed"), "");
    // From here on the key is used, and a full disk does not stand in the way of its answer.
    app.fill_disk();
    let again = app.post_once("key-1", "/v1/sessions", other).await;
    assert_eq!((again.status, &again.body), (made.status, &made.body));
    assert_eq!(again.header("idempotent-replayed"), "true");
    app.post_once("key-1", "/v1/sessions", body).await.refused(409, "idempotency_conflict");
    app.finish().await;
}

#[tokio::test]
async fn deadlines_that_pass_while_the_disk_is_full_are_written_once_there_is_space() {
    let app = TestApp::start().await;
    let mut sessions = Vec::new();
    for seconds in [60, 61, 90] {
        sessions.push(app.create(json!({ "expires_in": seconds })).await);
    }
    let idle = app.create(json!({})).await;
    let position = app.position();
    app.fill_disk();
    for _ in 0..10 {
        // A person who comes too late hears of the disk or of the deadline, but moves nothing.
        app.clock.advance(Duration::from_secs(12));
        let late = app.call_as(text(&sessions[0]["sdk_token"]), "POST", "/iframe/api/load", json!({})).await;
        assert!([401, 503].contains(&late.status.as_u16()), "{late:?}");
    }
    assert_eq!(app.position(), position, "nothing is written to a full disk");
    app.heal_disk();
    app.clock.advance(Duration::from_secs(5));
    for session in &sessions {
        app.await_status(session, "expired").await;
        let expired: Vec<_> = app.event_types(session).into_iter().skip(2).collect();
        assert!(expired.is_empty(), "once: {:?}", app.event_types(session));
        let path = format!("/v1/verifications/{}", text(&session["verification_id"]));
        let read = app.get(&path).await.expect(StatusCode::OK);
        assert_eq!(read["decided_at"], session["expires_at"], "dated at the deadline, however late it was written");
    }
    let read = app.get(&format!("/v1/sessions/{}", text(&idle["id"]))).await.expect(StatusCode::OK);
    assert_eq!(read["status"], "created");
    app.finish().await;
}

#[tokio::test]
async fn checks_whose_result_found_the_disk_full_still_decide() {
    let app = TestApp::start().await;
    let session = app.create(json!({})).await;
    let token = text(&session["sdk_token"]);
    app.call_as(token, "POST", "/iframe/api/load", json!({})).await.expect(StatusCode::OK);
    app.call_as(token, "POST", "/iframe/api/steps/consent", json!({ "accepted": true })).await.expect(StatusCode::OK);
    // The last step is still written; whatever comes after it finds the disk full.
    let free_space = Arc::clone(&app.free_space);
    app.fault_writes(move |stage| {
        if stage == WriteStage::Sync {
            free_space.store(FULL, Ordering::SeqCst);
        }
        Ok(())
    });
    let body = json!({ "fields": person() });
    app.call_as(token, "POST", "/iframe/api/steps/data_entry", body).await.expect(StatusCode::OK);
    // Commands stand behind the checks' result in the actor's mailbox: once the last of them is
    // refused, so is that.
    let path = format!("/v1/sessions/{}/cancel", text(&session["id"]));
    for _ in 0..50 {
        refused_for_space(&app.post(&path, json!({})).await);
    }
    app.heal_disk();
    for _ in 0..3 {
        app.clock.advance(Duration::from_secs(5));
    }
    app.await_status(&session, "completed").await;
    app.finish().await;
}

/// Changes the stored record of a session, as a failing disk would. Returns what it was.
fn change_record(folder: &Path, session: &Value, change: impl FnOnce(&mut Vec<u8>)) -> Vec<u8> {
    let id: SessionId = text(&session["id"]).parse().unwrap();
    let found = (0..1_000).find_map(|_| {
        // sled lets its lock go a moment after it was closed.
        std::thread::yield_now();
        sled::open(folder.join("sled")).ok()
    });
    let tree = found.expect("sled keeps its lock");
    let mut records = tree.iter().map(Result::unwrap).filter(|(key, _)| key[0] == b's' && key.ends_with(id.bytes()));
    let (key, before) = records.next().unwrap_or_else(|| panic!("no record of {id}"));
    assert!(records.next().is_none(), "one record a session");
    let mut after = before.to_vec();
    change(&mut after);
    tree.insert(key, after).unwrap();
    tree.flush().unwrap();
    before.to_vec()
}

async fn raw(app: &TestApp, method: &str, path: &str) -> (StatusCode, Value) {
    let request = Request::builder().method(method).uri(path).header("authorization", format!("Bearer {}", app.key));
    let body = if method == "GET" { Body::empty() } else { Body::from("{}") };
    let request = request.header("content-type", "application/json").body(body).unwrap();
    let response = app.router.clone().oneshot(request).await.unwrap();
    let status = response.status();
    let body = axum::body::to_bytes(response.into_body(), usize::MAX).await.unwrap();
    (status, serde_json::from_slice(&body).unwrap())
}

#[tokio::test]
async fn a_damaged_record_is_reported_and_set_aside_and_the_rest_is_served() {
    let app = TestApp::start().await;
    let mut sessions = Vec::new();
    for _ in 0..5 {
        sessions.push(app.create(json!({ "expires_in": 600 })).await);
    }
    let damaged = sessions.remove(2);
    let mut before = Vec::new();
    let app = app
        .restart_around(Duration::ZERO, |folder| {
            before = change_record(folder, &damaged, |record| {
                let middle = record.len() / 2;
                record[middle..].iter_mut().for_each(|byte| *byte ^= 0x5a);
            });
        })
        .await;

    let (id, verification) = (text(&damaged["id"]), text(&damaged["verification_id"]));
    for (method, path) in [
        ("GET", format!("/v1/sessions/{id}")),
        ("GET", format!("/v1/verifications/{verification}")),
        ("POST", format!("/v1/sessions/{id}/cancel")),
        ("POST", format!("/v1/sessions/{id}/token")),
    ] {
        let (status, body) = raw(&app, method, &path).await;
        assert_eq!((status.as_u16(), &body["error"]["code"]), (500, &json!("internal_error")), "{path}: {body}");
        assert!(!body.to_string().contains(id), "nothing of the inside shows: {body}");
    }
    assert!(app.store.damaged() > 0, "it is reported");
    for path in ["/v1/sessions", "/v1/verifications", "/v1/sessions?status=created"] {
        let list = app.get(path).await.expect(StatusCode::OK);
        let listed: Vec<&Value> = list["data"].as_array().unwrap().iter().collect();
        assert_eq!(listed.len(), 4, "{path} leaves it out");
        assert!(listed.iter().all(|one| one["id"] != id && one["session_id"] != id));
    }
    // Its deadline comes like the others', and cannot be carried out; theirs can.
    app.walk(&sessions[0]).await.expect(StatusCode::OK);
    app.await_status(&sessions[0], "completed").await;
    app.clock.advance(Duration::from_secs(600));
    for session in &sessions[1..] {
        app.await_status(session, "expired").await;
    }
    app.create(json!({})).await;
    app.get("/readyz").await.expect(StatusCode::OK);

    // The record is brought back, as from a backup: the session is whole again.
    let app = app
        .restart_around(Duration::ZERO, |folder| {
            change_record(folder, &damaged, |record| record.clone_from(&before));
        })
        .await;
    app.await_status(&damaged, "expired").await;
    assert_eq!(app.event_types(&damaged), ["verification.created", "verification.expired"]);
    assert_eq!(app.store.damaged(), 0);
    assert_eq!(app.store.health(), Ok(()));
    app.finish().await;
}

#[tokio::test]
async fn the_place_of_the_pictures_is_asked_every_fifteen_seconds() {
    let app = TestApp::start().await;
    let media = app.folder().join("media");
    app.get("/readyz").await.expect(StatusCode::OK);
    let away = app.folder().join("away");
    std::fs::rename(&media, &away).unwrap();
    std::fs::write(&media, "in the way").unwrap();
    app.clock.advance(Duration::from_secs(14));
    app.get("/readyz").await.expect(StatusCode::OK);
    app.clock.advance(Duration::from_secs(1));
    app.get("/readyz").await.refused(503, "dependency_unavailable");

    std::fs::remove_file(&media).unwrap();
    std::fs::rename(&away, &media).unwrap();
    app.clock.advance(Duration::from_secs(14));
    app.get("/readyz").await.refused(503, "dependency_unavailable");
    app.clock.advance(Duration::from_secs(1));
    app.get("/readyz").await.expect(StatusCode::OK);
    app.finish().await;
}
