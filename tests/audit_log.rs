//! `/v1/audit_log`: who sees what of it, filters, pages both ways, and how long it is kept.

#![expect(clippy::unwrap_used, reason = "a test fails where it unwraps")]

mod common;

use std::time::Duration;

use axum::http::StatusCode;
use common::world::TEST;
use common::{KEEP_AUDIT_LOG, NOON, TestApp, text, until};
use serde_json::{Value, json};
use vetd_model::audit_log::{Actor, AuditAction, AuditEntry};
use vetd_model::workspace::Scopes;
use vetd_model::{ApiKeyId, MediaId, Mode, Realm, VerificationId, WorkspaceId};
use vetd_storage::Store;

const LIVE: Realm = Realm { workspace: WorkspaceId(1), mode: Mode::Live };

/// Writes an entry down, a second after the one before.
async fn note(app: &TestApp, realm: Realm, entry: impl FnOnce(AuditEntry) -> AuditEntry, action: AuditAction) -> Value {
    app.clock.advance(Duration::from_secs(1));
    let entry = entry(app.engine.audit_entry(Actor::System, action));
    app.engine.note(realm, &entry).await.unwrap();
    json!(entry.id)
}

async fn ids(app: &TestApp, query: &str) -> (Vec<Value>, bool) {
    let page = app.get(&format!("/v1/audit_log{query}")).await.expect(StatusCode::OK);
    let ids = page["data"].as_array().unwrap().iter().map(|entry| entry["id"].clone()).collect();
    (ids, page["has_more"].as_bool().unwrap())
}

fn verification(number: u8) -> VerificationId {
    VerificationId::new(NOON, [number; 10])
}

#[tokio::test]
async fn an_entry_says_who_did_what_when_and_to_what() {
    let app = TestApp::start().await;
    let (key, media) = (ApiKeyId::new(NOON, [1; 10]), MediaId::new(NOON, [2; 10]));
    let entry = app.engine.audit_entry(Actor::ApiKey(key), AuditAction::MediaViewed);
    let entry = entry.about(verification(3)).about_media(media).with("kind", "document_front").with("bytes", 12_345);
    app.engine.note(TEST, &entry).await.unwrap();
    let expected = json!({ "object": "list", "has_more": false, "data": [{
        "id": entry.id, "object": "audit_log_entry", "livemode": false, "created": NOON.seconds(),
        "actor": { "type": "api_key", "id": key }, "action": "media.viewed", "verification_id": verification(3),
        "media_id": media, "details": { "kind": "document_front", "bytes": 12_345 },
    }] });
    assert_eq!(app.get("/v1/audit_log").await.expect(StatusCode::OK), expected);
    for actor in [Actor::Person, Actor::Operator] {
        app.clock.advance(Duration::from_secs(1));
        let entry = app.engine.audit_entry(actor, AuditAction::VerificationRedacted);
        app.engine.note(TEST, &entry).await.unwrap();
    }
    let app = app.restart_after(Duration::from_secs(60)).await;
    let listed = app.get("/v1/audit_log").await.expect(StatusCode::OK);
    assert_eq!((listed["data"].as_array().unwrap().len(), &listed["data"][2]), (3, &expected["data"][0]));
    app.finish().await;
}

#[tokio::test]
async fn it_is_read_in_pages_both_ways() {
    let app = TestApp::start().await;
    let mut filed = Vec::new();
    for _ in 0..5 {
        filed.insert(0, note(&app, TEST, |entry| entry, AuditAction::MediaDeleted).await);
    }
    assert_eq!(ids(&app, "?limit=2").await, (filed[..2].to_vec(), true));
    assert_eq!(ids(&app, &format!("?limit=2&starting_after={}", text(&filed[1]))).await, (filed[2..4].to_vec(), true));
    assert_eq!(ids(&app, &format!("?starting_after={}", text(&filed[3]))).await, (filed[4..].to_vec(), false));
    assert_eq!(ids(&app, &format!("?starting_after={}", text(&filed[4]))).await, (vec![], false));
    assert_eq!(ids(&app, &format!("?limit=2&ending_before={}", text(&filed[4]))).await, (filed[2..4].to_vec(), true));
    assert_eq!(ids(&app, &format!("?limit=2&ending_before={}", text(&filed[2]))).await, (filed[..2].to_vec(), false));
    assert_eq!(ids(&app, &format!("?ending_before={}", text(&filed[0]))).await, (vec![], false));
    app.finish().await;
}

#[tokio::test]
async fn it_is_filtered_by_verification_action_and_time() {
    let app = TestApp::start().await;
    let mut filed = Vec::new();
    for (about, action) in [
        (1, AuditAction::VerificationReviewed),
        (2, AuditAction::MediaViewed),
        (1, AuditAction::MediaViewed),
        (2, AuditAction::MediaViewed),
    ] {
        filed.insert(0, note(&app, TEST, |entry| entry.about(verification(about)), action).await);
    }
    let some = |places: &[usize]| (places.iter().map(|place| filed[*place].clone()).collect::<Vec<_>>(), false);
    let of = |number| format!("?verification_id={}", verification(number));
    assert_eq!(ids(&app, &of(1)).await, some(&[1, 3]));
    assert_eq!(ids(&app, &of(3)).await, some(&[]));
    assert_eq!(ids(&app, "?action=media.viewed").await, some(&[0, 1, 2]));
    assert_eq!(ids(&app, &format!("{}&action=media.viewed", of(1))).await, some(&[1]));
    let after = |seconds| NOON.seconds() + seconds;
    assert_eq!(ids(&app, &format!("?created[gte]={}", after(2))).await, some(&[0, 1, 2]));
    assert_eq!(ids(&app, &format!("?created[gte]={}&created[lt]={}", after(2), after(4))).await, some(&[1, 2]));
    assert_eq!(ids(&app, &format!("?created[lt]={}", after(1))).await, some(&[]));
    // A cursor need not match the filters.
    let behind = format!("?action=verification.reviewed&starting_after={}", text(&filed[1]));
    assert_eq!(ids(&app, &behind).await, some(&[3]));
    app.finish().await;
}

#[tokio::test]
async fn another_workspace_or_mode_sees_nothing_of_it() {
    let app = TestApp::start().await;
    let (live, foreign) = (app.live_key().await, app.foreign_key().await);
    let ours = note(&app, TEST, |entry| entry.about(verification(1)), AuditAction::MediaViewed).await;
    let of_live = note(&app, LIVE, |entry| entry, AuditAction::RetentionApplied).await;
    for (bearer, seen) in [(&live, vec![of_live]), (&foreign, vec![])] {
        for path in ["/v1/audit_log".to_owned(), format!("/v1/audit_log?verification_id={}", verification(1))] {
            let page = app.get_as(bearer, &path).await.expect(StatusCode::OK);
            let found: Vec<Value> = page["data"].as_array().unwrap().iter().map(|entry| entry["id"].clone()).collect();
            let seen = if path.contains('?') { vec![] } else { seen.clone() };
            assert_eq!((found, &page["has_more"]), (seen, &json!(false)), "{path}");
        }
        for cursor in ["starting_after", "ending_before"] {
            let answer = app.get_as(bearer, &format!("/v1/audit_log?{cursor}={}", text(&ours))).await;
            assert_eq!(answer.refused(422, "validation_error"), [cursor]);
        }
    }
    app.finish().await;
}

#[tokio::test]
async fn wrong_parameters_are_named_and_the_scope_is_read() {
    let app = TestApp::start().await;
    let wrong = [
        ("verification_id=ses_01jdf2myt0fzzvzzzzzzzzzzzz", "verification_id"),
        ("action=media.seen", "action"),
        ("created[gte]=yesterday", "created[gte]"),
        ("created[lt]=-1", "created[lt]"),
        ("limit=101", "limit"),
        ("starting_after=evt_01jdf2myt0fzzvzzzzzzzzzzzz", "starting_after"),
        ("starting_after=aud_01jdf2myt0fzzvzzzzzzzzzzzz", "starting_after"),
        ("status=open", "status"),
        ("created[gt]=1", "created[gt]"),
    ];
    for (query, field) in wrong {
        let answer = app.get(&format!("/v1/audit_log?{query}")).await;
        assert_eq!(answer.refused(422, "validation_error"), [field], "{query}");
    }
    let reader = app.key_for(TEST, Scopes::READ).await;
    app.get_as(&reader, "/v1/audit_log").await.expect(StatusCode::OK);
    let writer = app.key_for(TEST, Scopes::WRITE.union(Scopes::REVIEW)).await;
    app.get_as(&writer, "/v1/audit_log").await.refused(403, "permission_denied");
    app.call("POST", "/v1/audit_log", json!({})).await.refused(405, "method_not_allowed");
    app.finish().await;
}

#[tokio::test]
async fn nobody_is_told_of_an_entry_that_was_not_written() {
    let app = TestApp::start().await;
    app.free_space.store(0, std::sync::atomic::Ordering::SeqCst);
    let entry = app.engine.audit_entry(Actor::Operator, AuditAction::MediaViewed);
    assert!(app.engine.note(TEST, &entry).await.is_err());
    assert_eq!(ids(&app, "").await, (vec![], false));
    app.finish().await;
}

#[tokio::test]
async fn entries_go_once_their_time_is_over() {
    let app = TestApp::start().await;
    let old = note(&app, TEST, |entry| entry, AuditAction::VerificationReviewed).await;
    app.clock.advance(Duration::from_secs(3_600));
    let kept = note(&app, TEST, |entry| entry, AuditAction::MediaViewed).await;
    // The sweep at the start takes what is older than is kept by a minute, and no more.
    let app = app.restart_after(KEEP_AUDIT_LOG - Duration::from_secs(3_540)).await;
    let id = text(&old).parse().unwrap();
    until("the old entry is gone", || app.store.audit_entry(TEST, id).unwrap().is_none()).await;
    assert_eq!(ids(&app, "").await, (vec![kept], false));
    app.finish().await;
}
