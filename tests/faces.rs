//! Faces in a session: advice at once, comparison at the end, and nothing of them anywhere else. The faces
//! are drawn; everything that reads them is the real thing.

#![cfg(feature = "faces")]

mod common;

use axum::http::StatusCode;
use common::{TestApp, request, text};
use serde_json::{Value, json};
use vetd_model::face::Faces;
use vetd_model::media::MediaKind;
use vetd_model::{Mode, Realm, WorkspaceId};
use vetd_specimens::{Blank, Camera, Head, Held, Setting};
use vetd_storage::Store;

const SELFIE: &[u8] = include_bytes!("../checks/specimen-pictures/selfie.jpg");

fn flow(checks: &Value) -> Value {
    json!({
        "steps": [{ "type": "document_upload", "documents": ["passport"] }, { "type": "selfie" }],
        "checks": checks, "max_attempts": 2,
    })
}

fn other_person() -> Vec<u8> {
    Head::picture(&[(Head::BEARDED, Held::default())], 360)
}

async fn send(app: &TestApp, session: &Value, kind: &str, file: Vec<u8>) -> Value {
    let request = request(text(&session["sdk_token"]), "PUT", &format!("/iframe/api/media/{kind}"), file);
    app.send(request).await.expect(StatusCode::OK)
}

/// Walks a session with the specimen passport and this selfie until its checks have ended.
async fn walk(app: &TestApp, checks: &Value, selfie: Vec<u8>, status: &str) -> Value {
    app.published("faces", flow(checks)).await;
    let session = app.create(json!({ "template_slug": "faces" })).await;
    app.load(&session).await;
    app.send_picture(&session, "document_front").await;
    app.submit(&session, "document_upload", json!({ "document": "passport", "country": "DE" })).await;
    send(app, &session, "selfie", selfie).await;
    app.submit(&session, "selfie", json!({})).await;
    app.await_status(&session, status).await;
    app.verification(&session).await
}

fn checks(face_match: &Value) -> Value {
    json!([{ "type": "document_mrz" }, face_match])
}

#[tokio::test]
async fn the_face_of_the_document_completes() {
    let app = TestApp::start().await;
    let ended = walk(&app, &checks(&json!({ "type": "face_match" })), SELFIE.to_vec(), "completed").await;
    let found = &ended["checks"][1];
    assert_eq!((&found["type"], &found["status"]), (&json!("face_match"), &json!("passed")));
    assert!(found["score"].as_f64().unwrap() > 0.6, "{found}");
    assert_eq!(found["details"], json!({ "faces": { "document_front": 1, "selfie": 1 } }));
    app.finish().await;
}

#[tokio::test]
async fn another_face_is_for_a_person_to_judge_unless_the_template_says_otherwise() {
    for (spec, status) in [
        (json!({ "type": "face_match" }), "requires_review"),
        (json!({ "type": "face_match", "on_fail": "fail" }), "failed"),
        (json!({ "type": "face_match", "on_fail": "retry" }), "requires_input"),
    ] {
        let app = TestApp::start().await;
        let ended = walk(&app, &checks(&spec), other_person(), status).await;
        assert_eq!(ended["checks"][1]["status"], "failed");
        let error = &ended["last_error"];
        assert_eq!((&error["code"], &error["check"]), (&json!("face_mismatch"), &json!("face_match")));
        app.finish().await;
    }
}

#[tokio::test]
async fn a_selfie_without_a_face_or_with_two_is_asked_for_again_at_once() {
    let app = TestApp::start().await;
    app.published("faces", flow(&json!([{ "type": "document_mrz" }]))).await;
    let session = app.create(json!({ "template_slug": "faces" })).await;
    app.load(&session).await;
    let pair = [(Head::PALE, Held::default()), (Head::BEARDED, Held::default())];
    for (file, code) in [
        (Blank::Letter.photo(&Camera::new(Setting::Normal), 3).jpeg, "no_face"),
        (Head::picture(&pair, 300), "several_faces"),
    ] {
        assert_eq!(send(&app, &session, "selfie", file).await["advice"]["code"], code);
    }
    assert_eq!(send(&app, &session, "selfie", SELFIE.to_vec()).await["advice"], Value::Null);
    app.finish().await;
}

#[tokio::test]
async fn what_tells_a_face_from_others_is_kept_only_where_faces_are_compared_and_shown_nowhere() {
    let plain = json!([{ "type": "document_mrz" }]);
    for (spec, is_kept, status) in
        [(plain, false, "requires_review"), (checks(&json!({ "type": "face_match" })), true, "completed")]
    {
        let app = TestApp::start().await;
        let ended = walk(&app, &spec, SELFIE.to_vec(), status).await;
        let realm = Realm { workspace: WorkspaceId(1), mode: Mode::Test };
        let id = text(&ended["session_id"]).parse().unwrap();
        let (session, _) = app.store.session(realm, id).await.unwrap().unwrap();
        let personal = session.personal.as_ref().unwrap();
        let faces = |kind| personal.medium(kind).unwrap().reading.faces.as_ref();
        let embedding = |faces: &Faces| faces.main.as_ref().unwrap().embedding.clone();
        assert_eq!(faces(MediaKind::Selfie).and_then(embedding).is_some(), is_kept);
        assert_eq!(faces(MediaKind::DocumentFront).is_some(), is_kept);
        let shown = app.verification(&json!({ "verification_id": ended["id"] })).await.to_string();
        for word in ["embedding", "pose", "yaw", "bounds"] {
            assert!(!shown.contains(word), "{word}");
        }
        app.finish().await;
    }
}
