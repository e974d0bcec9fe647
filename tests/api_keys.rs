//! `/v1/api_keys` and `/v1/workspace`: made, listed, revoked, last used; who may do what.

mod common;

use std::collections::BTreeSet;
use std::time::Duration;

use axum::http::StatusCode;
use common::world::TEST;
use common::{NOON, TestApp, request, text};
use serde_json::{Value, json};
use vetd_actors::{NewKey, Reply};
use vetd_model::workspace::Scopes;
use vetd_model::{Mode, Realm, WorkspaceId};

async fn make(app: &TestApp, bearer: &str, body: Value) -> Value {
    app.call_as(bearer, "POST", "/v1/api_keys", body).await.expect(StatusCode::CREATED)
}

fn path_of(key: &Value) -> String {
    format!("/v1/api_keys/{}", text(&key["id"]))
}

async fn last_used(app: &TestApp, key: &Value) -> Value {
    app.get(&path_of(key)).await.expect(StatusCode::OK)["last_used_at"].clone()
}

#[tokio::test]
async fn a_key_is_shown_once_and_then_by_its_prefix() {
    let app = TestApp::start().await;
    let made = make(&app, &app.key, json!({ "name": "Nightly CI", "scopes": ["write", "read"] })).await;
    let key = text(&made["key"]).to_owned();
    assert!(key.starts_with("ak_test_") && key.len() == "ak_test_".len() + 32, "{key}");
    let mut shown = made.clone();
    shown.as_object_mut().unwrap().remove("key");
    let expected = json!({
        "id": made["id"], "object": "api_key", "livemode": false, "name": "Nightly CI", "prefix": key[..14],
        "scopes": ["read", "write"], "created": NOON.seconds(), "expires_at": null, "last_used_at": null,
        "revoked_at": null,
    });
    assert_eq!(shown, expected);
    assert!(text(&made["id"]).starts_with("key_"));
    assert_eq!(app.get(&path_of(&made)).await.expect(StatusCode::OK), expected);
    let listed = app.get("/v1/api_keys").await;
    assert!(!String::from_utf8_lossy(&listed.body).contains(&key), "a list never shows a key");
    app.get_as(&key, "/v1/sessions").await.expect(StatusCode::OK);
    app.finish().await;
}

#[tokio::test]
async fn the_same_request_gets_the_same_key() {
    let app = TestApp::start().await;
    let body = json!({ "name": "CI", "scopes": ["read"] });
    let first = app.post_once("once", "/v1/api_keys", body.clone()).await;
    first.expect(StatusCode::CREATED);
    let app = app.restart_after(Duration::from_secs(60)).await;
    let again = app.post_once("once", "/v1/api_keys", body).await;
    assert_eq!((&again.body, again.header("idempotent-replayed")), (&first.body, "true"));
    assert_eq!(app.engine.api_keys(TEST).len(), 2, "the app's own and this one");
    app.finish().await;
}

#[tokio::test]
async fn keys_are_listed_newest_first_in_pages() {
    let app = TestApp::start().await;
    let mut made = Vec::new();
    for number in 0..5 {
        app.clock.advance(Duration::from_secs(1));
        let key = make(&app, &app.key, json!({ "name": format!("key {number}"), "scopes": ["read"] })).await;
        made.insert(0, key["id"].clone());
    }
    let ids = |page: &Value| page["data"].as_array().unwrap().iter().map(|key| key["id"].clone()).collect::<Vec<_>>();
    let first = app.get("/v1/api_keys?limit=2").await.expect(StatusCode::OK);
    assert_eq!((ids(&first), &first["has_more"]), (made[..2].to_vec(), &json!(true)));
    let second = app.get(&format!("/v1/api_keys?limit=9&starting_after={}", text(&made[1]))).await;
    let second = second.expect(StatusCode::OK);
    assert_eq!((&ids(&second)[..3], ids(&second).len(), &second["has_more"]), (&made[2..5], 4, &json!(false)));
    let back = app.get(&format!("/v1/api_keys?ending_before={}", text(&made[2]))).await.expect(StatusCode::OK);
    assert_eq!(ids(&back), made[..2]);
    assert_eq!(app.get("/v1/api_keys?status=live").await.refused(422, "validation_error"), ["status"]);
    app.finish().await;
}

#[tokio::test]
async fn a_key_can_give_only_what_it_has() {
    let app = TestApp::start().await;
    let writer = app.key_for(TEST, Scopes::WRITE).await;
    for scopes in [json!(["read"]), json!(["write", "review"]), json!(["review"])] {
        let answer = app.call_as(&writer, "POST", "/v1/api_keys", json!({ "name": "n", "scopes": scopes })).await;
        answer.refused(403, "permission_denied");
    }
    make(&app, &writer, json!({ "name": "n", "scopes": ["write"] })).await;

    let ends = NOON.after(Duration::from_secs(600));
    let new = NewKey { realm: TEST, name: "ends".to_owned(), scopes: Scopes::ALL, expires_at: Some(ends) };
    let (ending, _) = app.engine.create_key(new).await.unwrap();
    let asked = |end: Value| json!({ "name": "n", "scopes": ["read"], "expires_at": end });
    for end in [Value::Null, json!(ends.seconds() + 1)] {
        app.call_as(&ending, "POST", "/v1/api_keys", asked(end)).await.refused(403, "permission_denied");
    }
    let made = make(&app, &ending, asked(json!(ends.seconds()))).await;
    assert_eq!(made["expires_at"], ends.seconds());
    let all = app.engine.api_keys(TEST);
    assert_eq!(all.len(), 5, "what was refused made nothing");
    app.finish().await;
}

#[tokio::test]
async fn a_key_stays_in_its_workspace_and_mode() {
    let app = TestApp::start().await;
    let live = app.live_key().await;
    let made = make(&app, &live, json!({ "name": "n", "scopes": ["read"] })).await;
    assert!(text(&made["key"]).starts_with("ak_live_") && made["livemode"] == true);
    let revoke = format!("{}/revoke", path_of(&made));
    let foreign = app.foreign_key().await;
    for bearer in [&app.key, &foreign] {
        app.get_as(bearer, &path_of(&made)).await.refused(404, "not_found");
        app.call_as(bearer, "POST", &revoke, json!({})).await.refused(404, "not_found");
    }
    app.get_as(text(&made["key"]), "/v1/sessions").await.expect(StatusCode::OK);
    for id in ["key_1", "x", text(&json!("ses_01jdf2myt0fzzvzzzzzzzzzzzz"))] {
        app.get(&format!("/v1/api_keys/{id}")).await.refused(404, "not_found");
    }
    app.finish().await;
}

#[tokio::test]
async fn a_revoked_key_opens_nothing_and_stays_listed() {
    let app = TestApp::start().await;
    let made = make(&app, &app.key, json!({ "name": "n", "scopes": ["read"] })).await;
    let key = text(&made["key"]);
    app.clock.advance(Duration::from_secs(5));
    let revoke = format!("{}/revoke", path_of(&made));
    let revoked = app.post(&revoke, json!({})).await.expect(StatusCode::OK);
    assert_eq!(revoked["revoked_at"], NOON.seconds() + 5);
    app.get_as(key, "/v1/sessions").await.refused(401, "invalid_api_key");
    app.clock.advance(Duration::from_secs(5));
    assert_eq!(app.post(&revoke, json!({})).await.expect(StatusCode::OK), revoked, "a second time changes nothing");
    assert_eq!(app.get(&path_of(&made)).await.expect(StatusCode::OK), revoked);
    let app = app.restart_after(Duration::from_secs(1)).await;
    app.get_as(key, "/v1/sessions").await.refused(401, "invalid_api_key");
    app.finish().await;
}

#[tokio::test]
async fn a_key_may_revoke_itself() {
    let app = TestApp::start().await;
    let made = make(&app, &app.key, json!({ "name": "n", "scopes": ["read", "write"] })).await;
    let (key, revoke) = (text(&made["key"]), format!("{}/revoke", path_of(&made)));
    app.call_as(key, "POST", &revoke, json!({})).await.expect(StatusCode::OK);
    app.call_as(key, "POST", &revoke, json!({})).await.refused(401, "invalid_api_key");
    app.finish().await;
}

#[tokio::test]
async fn a_key_ends_when_its_time_comes() {
    let app = TestApp::start().await;
    let made = make(&app, &app.key, json!({ "name": "n", "scopes": ["read"], "expires_in": 60 })).await;
    assert_eq!(made["expires_at"], NOON.seconds() + 60);
    app.clock.advance(Duration::from_millis(59_999));
    app.get_as(text(&made["key"]), "/v1/sessions").await.expect(StatusCode::OK);
    app.clock.advance(Duration::from_millis(1));
    app.get_as(text(&made["key"]), "/v1/sessions").await.refused(401, "invalid_api_key");
    app.finish().await;
}

#[tokio::test]
async fn wrong_input_names_the_field_and_makes_nothing() {
    let app = TestApp::start().await;
    let cases = [
        (json!({ "scopes": ["read"] }), vec!["name"]),
        (json!({ "name": " ", "scopes": ["read"] }), vec!["name"]),
        (json!({ "name": "n".repeat(101), "scopes": ["read"] }), vec!["name"]),
        (json!({ "name": "a\nb", "scopes": ["read"] }), vec!["name"]),
        (json!({ "name": "n" }), vec!["scopes"]),
        (json!({ "name": "n", "scopes": [] }), vec!["scopes"]),
        (json!({ "name": "n", "scopes": ["admin"] }), vec!["scopes"]),
        (
            json!({ "name": 1, "scopes": ["read"], "expires_in": 1, "livemode": true }),
            vec!["name", "expires_in", "livemode"],
        ),
        (json!({ "name": "n", "scopes": ["read"], "expires_at": NOON.seconds() }), vec!["expires_at"]),
    ];
    for (body, fields) in cases {
        assert_eq!(app.post("/v1/api_keys", body.clone()).await.refused(422, "validation_error"), fields, "{body}");
    }
    assert_eq!(app.engine.api_keys(TEST).len(), 1);
    app.finish().await;
}

#[tokio::test]
async fn a_hundred_keys_open_something_and_those_that_do_not_are_forgotten_in_the_end() {
    let app = TestApp::start().await;
    let body = json!({ "name": "n", "scopes": ["read"] });
    let mut last = Value::Null;
    for _ in 1..100 {
        app.clock.advance(Duration::from_millis(1));
        last = make(&app, &app.key, body.clone()).await;
    }
    app.post("/v1/api_keys", body.clone()).await.refused(409, "invalid_state");
    app.post(&format!("{}/revoke", path_of(&last)), json!({})).await.expect(StatusCode::OK);
    app.clock.advance(Duration::from_millis(1));
    make(&app, &app.key, body.clone()).await;

    let ours = || app.engine.api_keys(TEST);
    while ours().len() < 300 {
        app.clock.advance(Duration::from_millis(1));
        let id = ours()[0].key.id;
        app.engine.revoke_key(TEST, id, None, Box::new(|_| Reply::json(200, &()))).await.unwrap();
        let new = NewKey { realm: TEST, name: "n".to_owned(), scopes: Scopes::READ, expires_at: None };
        app.engine.create_key(new).await.unwrap();
    }
    let before: BTreeSet<_> = ours().into_iter().map(|view| view.key.id).collect();
    let newest = ours()[0].key.id;
    app.engine.revoke_key(TEST, newest, None, Box::new(|_| Reply::json(200, &()))).await.unwrap();
    let made = make(&app, &app.key, body).await;
    let after: BTreeSet<_> = ours().into_iter().map(|view| view.key.id).collect();
    assert_eq!(after.len(), 300);
    let gone: Vec<_> = before.difference(&after).map(ToString::to_string).collect();
    assert_eq!(gone, [text(&last["id"])], "the oldest of those that open nothing");
    app.get_as(text(&made["key"]), "/v1/sessions").await.expect(StatusCode::OK);
    app.finish().await;
}

// Last use

#[tokio::test]
async fn the_last_use_is_known_at_once_and_after_a_restart() {
    let app = TestApp::start().await;
    let made = make(&app, &app.key, json!({ "name": "n", "scopes": ["read"] })).await;
    let key = text(&made["key"]);
    assert_eq!(last_used(&app, &made).await, Value::Null);
    app.clock.advance(Duration::from_secs(10));
    app.get_as(key, "/v1/sessions").await.expect(StatusCode::OK);
    assert_eq!(last_used(&app, &made).await, NOON.seconds() + 10);
    // What is refused for its scope or its input has proved the key all the same.
    app.clock.advance(Duration::from_secs(10));
    app.call_as(key, "POST", "/v1/sessions", json!({})).await.refused(403, "permission_denied");
    assert_eq!(last_used(&app, &made).await, NOON.seconds() + 20);
    let app = app.restart_after(Duration::from_secs(5)).await;
    assert_eq!(last_used(&app, &made).await, NOON.seconds() + 20);
    app.post(&format!("{}/revoke", path_of(&made)), json!({})).await.expect(StatusCode::OK);
    assert_eq!(last_used(&app, &made).await, NOON.seconds() + 20, "a change of the key keeps it");
    app.get_as(key, "/v1/sessions").await.refused(401, "invalid_api_key");
    assert_eq!(last_used(&app, &made).await, NOON.seconds() + 20, "a refused key is not used");
    app.finish().await;
}

#[tokio::test]
async fn the_last_use_is_written_once_a_minute_and_never_by_a_request() {
    use vetd_storage::Store;
    let app = TestApp::start().await;
    app.get("/v1/sessions").await.expect(StatusCode::OK);
    assert_eq!(app.store.key_uses().unwrap(), []);
    while app.store.key_uses().unwrap().is_empty() {
        app.clock.advance(Duration::from_secs(60));
        tokio::task::yield_now().await;
    }
    let written = app.store.key_uses().unwrap();
    assert_eq!((written.len(), written[0].1), (1, NOON));
    app.finish().await;
}

// The workspace

#[tokio::test]
async fn a_workspace_says_who_it_is_and_which_pages_may_embed_it() {
    let app = TestApp::start().await;
    let kept = json!({
        "completed": null, "failed": null, "requires_review": null, "canceled": null, "expired": null,
    });
    let fresh = json!({
        "id": "ws_1", "object": "workspace", "livemode": false, "name": "default", "allowed_origins": [],
        "retention": { "media": kept, "personal": kept }, "live_activated": false, "created": NOON.seconds(),
    });
    assert_eq!(app.get("/v1/workspace").await.expect(StatusCode::OK), fresh);
    let origins = json!(["https://Shop.example.com/", "http://localhost:3000", "https://shop.example.com"]);
    let patched = app.call("PATCH", "/v1/workspace", json!({ "allowed_origins": origins })).await;
    let patched = patched.expect(StatusCode::OK);
    assert_eq!(patched["allowed_origins"], json!(["https://shop.example.com", "http://localhost:3000"]));
    assert_eq!(app.call("PATCH", "/v1/workspace", json!({})).await.expect(StatusCode::OK), patched);

    let live = app.live_key().await;
    let seen = app.get_as(&live, "/v1/workspace").await.expect(StatusCode::OK);
    let (none, yes) = (json!([]), json!(true));
    assert_eq!((&seen["allowed_origins"], &seen["livemode"], &seen["live_activated"]), (&none, &yes, &yes));
    let app = app.restart_after(Duration::from_secs(1)).await;
    let kept = app.get("/v1/workspace").await.expect(StatusCode::OK);
    assert_eq!(kept["allowed_origins"], patched["allowed_origins"]);
    app.finish().await;
}

#[tokio::test]
async fn origins_and_the_default_template_do_not_forget_each_other() {
    let app = TestApp::start().await;
    let template = app.published("kyc", common::steps::flow("One.")).await;
    let origins = json!({ "allowed_origins": ["https://shop.example.com"] });
    app.call("PATCH", "/v1/workspace", origins.clone()).await.expect(StatusCode::OK);
    app.post(&format!("/v1/templates/{}/default", text(&template["id"])), json!({})).await.expect(StatusCode::OK);
    let seen = app.get("/v1/workspace").await.expect(StatusCode::OK);
    assert_eq!(seen["allowed_origins"], origins["allowed_origins"]);
    app.call("PATCH", "/v1/workspace", json!({ "allowed_origins": [] })).await.expect(StatusCode::OK);
    assert_eq!(app.create(json!({})).await["template_slug"], "kyc");
    app.finish().await;
}

#[tokio::test]
async fn rules_of_retention_are_set_as_a_whole_for_each_mode() {
    let app = TestApp::start().await;
    let patch = async |body: Value| app.call("PATCH", "/v1/workspace", body).await.expect(StatusCode::OK);
    let days = |completed: Value, failed: Value| {
        json!({
            "completed": completed, "failed": failed, "requires_review": null, "canceled": null, "expired": null,
        })
    };
    let none = days(Value::Null, Value::Null);
    patch(json!({ "allowed_origins": ["https://shop.example.com"] })).await;
    let rules =
        json!({ "media": { "completed": 7, "failed": 3_650 }, "personal": { "completed": 1, "expired": null } });
    let set = patch(json!({ "retention": rules })).await;
    let expected = json!({ "media": days(json!(7), json!(3_650)), "personal": days(json!(1), Value::Null) });
    assert_eq!((&set["retention"], &set["allowed_origins"][0]), (&expected, &json!("https://shop.example.com")));
    // What says nothing of them leaves them alone, and so does the other mode.
    assert_eq!(patch(json!({ "retention": null })).await, set);
    assert_eq!(patch(json!({ "allowed_origins": [] })).await["retention"], expected);
    let live = app.live_key().await;
    let seen = app.get_as(&live, "/v1/workspace").await.expect(StatusCode::OK);
    assert_eq!(seen["retention"], json!({ "media": none, "personal": none }));
    let app = app.restart_after(Duration::from_secs(1)).await;
    assert_eq!(app.get("/v1/workspace").await.expect(StatusCode::OK)["retention"], expected);
    // What is left out of the rules is kept from here on.
    let rules = json!({ "retention": { "personal": { "completed": 30 } } });
    let set = app.call("PATCH", "/v1/workspace", rules).await.expect(StatusCode::OK);
    assert_eq!(set["retention"], json!({ "media": none, "personal": days(json!(30), Value::Null) }));
    app.finish().await;
}

#[tokio::test]
async fn wrong_rules_of_retention_are_named_and_change_nothing() {
    let app = TestApp::start().await;
    let before = app.get("/v1/workspace").await.body;
    let cases = [
        (json!({ "retention": 30 }), vec!["retention"]),
        (json!({ "retention": { "media": { "completed": 0 } } }), vec!["retention.media.completed"]),
        (json!({ "retention": { "personal": { "failed": 3_651 } } }), vec!["retention.personal.failed"]),
        (
            json!({ "retention": { "personal": { "created": 1 }, "events": {} } }),
            vec!["retention.personal.created", "retention.events"],
        ),
        (
            json!({ "allowed_origins": ["*"], "retention": { "media": [] }, "name": "x" }),
            vec!["allowed_origins.0", "retention.media", "name"],
        ),
    ];
    for (body, fields) in cases {
        let answer = app.call("PATCH", "/v1/workspace", body.clone()).await;
        assert_eq!(answer.refused(422, "validation_error"), fields, "{body}");
    }
    assert_eq!(app.get("/v1/workspace").await.body, before);
    let reader = app.key_for(TEST, Scopes::READ).await;
    let rules = json!({ "retention": { "media": { "completed": 1 } } });
    app.call_as(&reader, "PATCH", "/v1/workspace", rules).await.refused(403, "permission_denied");
    app.finish().await;
}

#[tokio::test]
async fn wrong_origins_are_named_and_change_nothing() {
    let app = TestApp::start().await;
    let live = app.live_key().await;
    let before = app.get("/v1/workspace").await.body;
    let wrong = json!({ "allowed_origins": ["https://ok.example.com", "*", "https://a.example/x", 1] });
    let answer = app.call("PATCH", "/v1/workspace", wrong).await;
    assert_eq!(answer.refused(422, "validation_error"), ["allowed_origins.3"]);
    let wrong = json!({ "allowed_origins": ["https://ok.example.com", "*", "https://a.example/x"] });
    let answer = app.call("PATCH", "/v1/workspace", wrong).await;
    assert_eq!(answer.refused(422, "validation_error"), ["allowed_origins.1", "allowed_origins.2"]);
    let loopback = json!({ "allowed_origins": ["http://localhost:3000"] });
    let answer = app.call_as(&live, "PATCH", "/v1/workspace", loopback).await;
    assert_eq!(answer.refused(422, "validation_error"), ["allowed_origins.0"]);
    let many: Vec<String> = (0..21).map(|number| format!("https://s{number}.example.com")).collect();
    let answer = app.call("PATCH", "/v1/workspace", json!({ "allowed_origins": many })).await;
    assert_eq!(answer.refused(422, "validation_error"), ["allowed_origins"]);
    assert_eq!(app.get("/v1/workspace").await.body, before);
    let reader = app.key_for(TEST, Scopes::READ).await;
    let request = request(&reader, "PATCH", "/v1/workspace", "{}");
    app.send(request).await.refused(403, "permission_denied");
    app.finish().await;
}

#[tokio::test]
async fn a_live_key_needs_a_workspace_that_is_active_in_live_mode() {
    let app = TestApp::start().await;
    let realm = Realm { workspace: WorkspaceId(1), mode: Mode::Live };
    let new = NewKey { realm, name: "n".to_owned(), scopes: Scopes::ALL, expires_at: None };
    let error = app.engine.create_key(new).await.unwrap_err();
    assert!(error.to_string().contains("live_mode_not_activated"), "{error}");
    app.finish().await;
}
