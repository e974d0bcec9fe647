//! Section 4 of the contract: one key, one effect, one answer.

#![expect(clippy::unwrap_used, reason = "a test fails where it unwraps")]

mod common;

use std::path::Path;
use std::time::Duration;

use axum::http::StatusCode;
use common::steps::{HOUR, consent, flow};
use common::{Answer, TestApp, text};
use futures::future::join_all;
use futures::poll;
use serde_json::{Value, json};
use vetd::http::{HttpSettings, router};
use vetd_model::{Mode, Realm, WorkspaceId};

const DAY: Duration = Duration::from_secs(24 * 3_600);

#[track_caller]
fn same(first: &Answer, replay: &Answer, case: &str) {
    assert!(first.status.is_success(), "{case}: {:?}", first.json());
    assert_eq!(first.header("idempotent-replayed"), "", "{case}: the first is not a replay");
    assert_eq!(replay.header("idempotent-replayed"), "true", "{case}: says that it is a replay");
    assert_eq!((replay.status, &replay.body), (first.status, &first.body), "{case}: byte for byte");
    assert_eq!(first.header("content-type"), replay.header("content-type"), "{case}");
}

async fn count(app: &TestApp) -> usize {
    let mut total = 0;
    let mut after = String::new();
    loop {
        let page = app.get(&format!("/v1/sessions?limit=100{after}")).await.expect(StatusCode::OK);
        let data = page["data"].as_array().unwrap();
        total += data.len();
        if page["has_more"] == false {
            return total;
        }
        after = format!("&starting_after={}", text(&data.last().unwrap()["id"]));
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn two_hundred_concurrent_requests_for_each_of_ten_keys_make_ten_sessions() {
    let app = std::sync::Arc::new(TestApp::start().await);
    let tasks = (0..2_000).map(|number| {
        let app = std::sync::Arc::clone(&app);
        tokio::spawn(async move {
            let key = number % 10;
            let body = json!({ "metadata": { "key": key.to_string() } });
            (key, app.post_once(&format!("twin-{key}"), "/v1/sessions", body).await)
        })
    });
    let answers: Vec<(usize, Answer)> = join_all(tasks).await.into_iter().map(Result::unwrap).collect();
    for key in 0..10 {
        let twins: Vec<&Answer> = answers.iter().filter(|(of, _)| *of == key).map(|(_, answer)| answer).collect();
        assert_eq!(twins.len(), 200);
        assert_eq!(twins[0].expect(StatusCode::CREATED)["metadata"]["key"], key.to_string());
        for twin in &twins {
            assert_eq!((twin.status, &twin.body), (twins[0].status, &twins[0].body), "key {key}");
        }
        let originals = twins.iter().filter(|twin| twin.header("idempotent-replayed").is_empty()).count();
        assert_eq!(originals, 1, "key {key}: one did the work, the others say that they are replays");
    }
    assert_eq!(count(&app).await, 10);
    assert_eq!(app.position(), 10, "one event for each session");
    std::sync::Arc::into_inner(app).unwrap().finish().await;
}

#[tokio::test]
async fn a_replay_equals_the_first_answer_whatever_has_happened_meanwhile() {
    let app = TestApp::start().await;
    let body =
        json!({ "metadata": { "b": "2", "a": "1" }, "redirect_url": "https://example.com/é", "expires_in": 7200 });
    let first = app.post_once("k", "/v1/sessions", body.clone()).await;
    let session = first.expect(StatusCode::CREATED);
    same(&first, &app.post_once("k", "/v1/sessions", body.clone()).await, "at once");
    app.walk(&session).await.expect(StatusCode::OK);
    app.await_status(&session, "completed").await;
    same(&first, &app.post_once("k", "/v1/sessions", body.clone()).await, "after the session has moved on");
    app.clock.advance(3 * HOUR);
    app.iframe_state(&session).await.refused(401, "session_expired");
    same(&first, &app.post_once("k", "/v1/sessions", body.clone()).await, "after the token has ended");
    let mut app = app.restart_after(HOUR).await;
    same(&first, &app.post_once("k", "/v1/sessions", body.clone()).await, "after a restart");
    app.router = router(app.engine.clone(), HttpSettings::new("https://moved.example.com"));
    same(&first, &app.post_once("k", "/v1/sessions", body.clone()).await, "under another public URL");
    assert!(text(&app.create(json!({})).await["iframe_url"]).starts_with("https://moved.example.com/"));
    assert_eq!(count(&app).await, 2);
    app.finish().await;
}

#[tokio::test]
async fn a_replay_shows_the_first_deadline_even_if_a_simulated_expiry_has_moved_it() {
    let app = TestApp::start().await;
    let first = app.post_once("k", "/v1/sessions", json!({})).await;
    app.clock.advance(Duration::from_secs(100));
    let session = first.expect(StatusCode::CREATED);
    app.simulate(&session, &["expire"]).await.expect(StatusCode::OK);
    assert_ne!(app.session(&session).await["expires_at"], session["expires_at"]);
    same(&first, &app.post_once("k", "/v1/sessions", json!({})).await, "after a simulated expiry");
    app.finish().await;
}

#[tokio::test]
async fn another_body_is_a_conflict_to_the_last_byte() {
    let app = TestApp::start().await;
    let send = async |body: &'static str| {
        let mut request = common::request(&app.key, "POST", "/v1/sessions", body);
        request.headers_mut().insert("idempotency-key", "k".parse().unwrap());
        app.send(request).await
    };
    send("{}").await.expect(StatusCode::CREATED);
    let position = app.position();
    for other in ["{ }", "", "{\"metadata\":{}}", "not JSON", "{\"unknown\":1}"] {
        // Also what is not valid: the gate of idempotency stands before validation.
        send(other).await.refused(409, "idempotency_conflict");
    }
    assert_eq!(app.position(), position);
    assert_eq!(count(&app).await, 1);
    app.finish().await;
}

#[tokio::test]
async fn a_bad_api_key_comes_before_idempotency() {
    let app = TestApp::start().await;
    app.post_once("k", "/v1/sessions", json!({})).await.expect(StatusCode::CREATED);
    let stranger = "ak_test_000000000000000000000000";
    let other = app.call_once(stranger, "k", "POST", "/v1/sessions", json!({ "a": 1 })).await;
    other.refused(401, "invalid_api_key");
    let replay = app.call_once(stranger, "k", "POST", "/v1/sessions", json!({})).await;
    replay.refused(401, "invalid_api_key");
    let reader = Realm { workspace: WorkspaceId(1), mode: Mode::Test };
    let reader = app.key_for(reader, vetd_model::workspace::Scopes::READ).await;
    app.call_once(&reader, "k", "POST", "/v1/sessions", json!({})).await.refused(403, "permission_denied");
    app.finish().await;
}

#[tokio::test]
async fn a_refused_first_leaves_the_key_free() {
    let app = TestApp::start().await;
    let refused = app.post_once("k", "/v1/sessions", json!({ "expires_in": 1 })).await;
    assert_eq!(refused.refused(422, "validation_error"), ["expires_in"]);
    let again = app.post_once("k", "/v1/sessions", json!({ "expires_in": 1 })).await;
    again.refused(422, "validation_error");
    assert_eq!(again.header("idempotent-replayed"), "", "a refusal is not replayed");
    let good = app.post_once("k", "/v1/sessions", json!({ "expires_in": 60 })).await;
    let session = good.expect(StatusCode::CREATED);
    assert_eq!(good.header("idempotent-replayed"), "");

    // A refusal of the rules, too.
    let path = format!("/v1/test/sessions/{}/simulate", text(&session["id"]));
    let submit = json!({ "actions": ["submit"] });
    app.post_once("s", &path, submit.clone()).await.refused(409, "invalid_state");
    app.load(&session).await;
    let done = app.post_once("s", &path, submit).await;
    assert_eq!(done.expect(StatusCode::OK)["status"], "completed");
    assert_eq!(done.header("idempotent-replayed"), "");
    app.finish().await;
}

#[tokio::test]
async fn twins_share_a_refusal_and_leave_the_key_free() {
    let app = TestApp::start().await;
    let body = json!({ "template_slug": "later" });
    let twins = (0..20).map(|_| app.post_once("k", "/v1/sessions", body.clone()));
    for answer in join_all(twins).await {
        assert_eq!(answer.refused(422, "validation_error"), ["template_slug"]);
    }
    app.published("later", flow("Now.")).await;
    app.post_once("k", "/v1/sessions", body).await.expect(StatusCode::CREATED);
    app.finish().await;
}

#[tokio::test]
async fn after_24_hours_the_key_is_free() {
    let app = TestApp::start().await;
    // On the boundary of a day as on any other.
    for offset in [0, 1, 54_400] {
        let key = format!("k-{offset}");
        app.clock.advance(Duration::from_secs(offset));
        let first = app.post_once(&key, "/v1/sessions", json!({})).await;
        app.clock.advance(DAY - Duration::from_secs(1));
        same(&first, &app.post_once(&key, "/v1/sessions", json!({})).await, "after 23:59:59");
        app.clock.advance(Duration::from_secs(1));
        let second = app.post_once(&key, "/v1/sessions", json!({})).await;
        assert_eq!(second.header("idempotent-replayed"), "");
        let second_id = second.expect(StatusCode::CREATED)["id"].clone();
        assert_ne!(second_id, first.json()["id"], "offset {offset}");
        same(&second, &app.post_once(&key, "/v1/sessions", json!({})).await, "the key's second use");
    }
    app.finish().await;
}

#[tokio::test]
async fn the_24_hours_run_on_through_a_restart() {
    let app = TestApp::start().await;
    let first = app.post_once("k", "/v1/sessions", json!({})).await;
    let app = app.restart_after(DAY - Duration::from_secs(1)).await;
    same(&first, &app.post_once("k", "/v1/sessions", json!({})).await, "after 23:59:59");
    let app = app.restart_after(Duration::from_secs(1)).await;
    let second = app.post_once("k", "/v1/sessions", json!({})).await.expect(StatusCode::CREATED);
    assert_ne!(second["id"], first.json()["id"]);
    app.finish().await;
}

#[tokio::test]
async fn the_same_key_elsewhere_is_another_use() {
    let app = TestApp::start().await;
    let live = app.live_key().await;
    app.call_as(&live, "POST", "/v1/templates", json!({ "name": "l", "slug": "l", "flow_config": flow("L.") })).await;
    let template = app.published_as(&live, "kyc", flow("Live.")).await;
    let path = format!("/v1/templates/{}/default", text(&template["id"]));
    app.call_as(&live, "POST", &path, json!({})).await.expect(StatusCode::OK);
    let foreign = app.foreign_key().await;
    let mut ids = Vec::new();
    for bearer in [&app.key, &foreign, &live] {
        let made = app.call_once(bearer, "k", "POST", "/v1/sessions", json!({})).await;
        assert_eq!(made.header("idempotent-replayed"), "", "another workspace or mode");
        ids.push(text(&made.expect(StatusCode::CREATED)["id"]).to_owned());
    }
    ids.dedup();
    assert_eq!(ids.len(), 3);

    let other = app.create(json!({})).await;
    for path in [format!("/v1/sessions/{}/token", ids[0]), format!("/v1/sessions/{}/token", text(&other["id"]))] {
        let token = app.post_once("k", &path, json!({})).await;
        assert_eq!((token.status, token.header("idempotent-replayed")), (StatusCode::OK, ""), "another path");
    }
    let hook = app.post("/v1/webhook_endpoints", json!({ "url": "https://hooks.example.com/" })).await;
    let path = format!("/v1/webhook_endpoints/{}", text(&hook.expect(StatusCode::CREATED)["id"]));
    for method in ["PATCH", "DELETE"] {
        let done = app.call_once(&app.key, "k", method, &path, json!({})).await;
        assert_eq!((done.status, done.header("idempotent-replayed")), (StatusCode::OK, ""), "another method");
    }
    // Another key of the same workspace and mode is the same use.
    let second = app.key_for(Realm { workspace: WorkspaceId(1), mode: Mode::Test }, vetd_model::workspace::Scopes::ALL);
    let replay = app.call_once(&second.await, "k", "POST", "/v1/sessions", json!({})).await;
    assert_eq!((replay.header("idempotent-replayed"), text(&replay.json()["id"])), ("true", ids[0].as_str()));
    app.finish().await;
}

#[tokio::test]
async fn a_client_that_hangs_up_does_not_stop_the_work() {
    let app = TestApp::start().await;
    let mut disk = app.hold_writes();
    {
        let mut gone = Box::pin(app.post_once("k", "/v1/sessions", json!({})));
        assert!(poll!(&mut gone).is_pending());
        disk.arrived().await;
        assert!(poll!(&mut gone).is_pending(), "not answered before it is durable");
    }
    assert_eq!(app.position(), 0);
    disk.let_go();
    let retry = app.post_once("k", "/v1/sessions", json!({})).await;
    retry.expect(StatusCode::CREATED);
    assert_eq!(retry.header("idempotent-replayed"), "true", "the first did the work");
    assert_eq!(count(&app).await, 1);
    app.finish().await;
}

#[tokio::test]
async fn a_client_that_hangs_up_before_the_work_has_begun_does_not_stop_it() {
    let app = TestApp::start().await;
    {
        let mut gone = Box::pin(app.post_once("k", "/v1/sessions", json!({})));
        assert!(poll!(&mut gone).is_pending());
    }
    let retry = app.post_once("k", "/v1/sessions", json!({})).await;
    retry.expect(StatusCode::CREATED);
    assert_eq!(retry.header("idempotent-replayed"), "true");
    assert_eq!(count(&app).await, 1);
    app.finish().await;
}

#[tokio::test]
async fn a_twin_waits_ten_seconds_and_is_then_told_to_come_back() {
    let app = TestApp::start().await;
    let mut disk = app.hold_writes();
    let mut first = Box::pin(app.post_once("k", "/v1/sessions", json!({})));
    assert!(poll!(&mut first).is_pending());
    disk.arrived().await;
    let mut twin = Box::pin(app.post_once("k", "/v1/sessions", json!({})));
    assert!(poll!(&mut twin).is_pending());
    let conflict = app.post_once("k", "/v1/sessions", json!({ "expires_in": 60 })).await;
    conflict.refused(409, "idempotency_conflict");

    app.clock.advance(Duration::from_millis(9_999));
    assert!(poll!(&mut twin).is_pending(), "still waiting");
    app.clock.advance(Duration::from_millis(1));
    let late = twin.await;
    late.refused(409, "idempotency_in_progress");
    assert!(late.header("retry-after").parse::<u32>().unwrap() >= 1);

    disk.let_go();
    let first = first.await;
    same(&first, &app.post_once("k", "/v1/sessions", json!({})).await, "the one who comes back");
    assert_eq!(count(&app).await, 1);
    app.finish().await;
}

#[tokio::test]
async fn a_twin_that_waits_gets_the_first_answer() {
    let app = TestApp::start().await;
    let session = app.create(json!({})).await;
    let path = format!("/v1/sessions/{}/cancel", text(&session["id"]));
    let mut disk = app.hold_writes();
    let mut first = Box::pin(app.post_once("k", &path, json!({})));
    assert!(poll!(&mut first).is_pending());
    disk.arrived().await;
    let mut twin = Box::pin(app.post_once("k", &path, json!({})));
    assert!(poll!(&mut twin).is_pending());
    app.clock.advance(Duration::from_secs(9));
    disk.let_go();
    let (first, twin) = tokio::join!(first, twin);
    same(&first, &twin, "a cancel");
    assert_eq!(first.json()["status"], "canceled");
    app.finish().await;
}

/// Every change of `/v1`, in an order in which each is allowed. Each is sent twice, and once
/// more after a restart.
#[tokio::test]
async fn every_change_is_replayed_byte_for_byte() {
    let app = TestApp::start().await;
    let template = app.published("kyc", flow("One.")).await;
    let template = format!("/v1/templates/{}", text(&template["id"]));
    let default = app.published("default", flow("Default.")).await;
    let default = format!("/v1/templates/{}/default", text(&default["id"]));
    let url = json!({ "url": "https://hooks.example.com/" });
    let endpoint = app.post("/v1/webhook_endpoints", url.clone()).await.expect(StatusCode::CREATED);
    let endpoint = format!("/v1/webhook_endpoints/{}", text(&endpoint["id"]));
    let one = app.create(json!({ "metadata": { "a": "b" } })).await;
    let two = app.create(json!({})).await;
    let (ses, ver) = (text(&one["id"]), text(&two["verification_id"]));
    let draft = json!({ "name": "n", "slug": "n", "flow_config": flow("N.") });
    let cases = [
        ("POST", "/v1/sessions".to_owned(), json!({ "template_slug": "kyc", "metadata": { "x": "y" } })),
        ("POST", format!("/v1/sessions/{ses}/token"), json!({})),
        ("POST", format!("/v1/test/sessions/{ses}/simulate"), json!({ "actions": ["load"] })),
        ("POST", format!("/v1/sessions/{ses}/cancel"), json!({})),
        ("POST", format!("/v1/verifications/{ver}/cancel"), json!({})),
        ("POST", "/v1/templates".to_owned(), draft),
        ("PATCH", template.clone(), json!({ "name": "Other", "slug": "other", "flow_config": flow("Two.") })),
        ("POST", format!("{template}/publish"), json!({})),
        ("POST", format!("{template}/rollback"), json!({ "version": 1 })),
        ("POST", default, json!({})),
        ("POST", format!("{template}/archive"), json!({})),
        ("POST", "/v1/webhook_endpoints".to_owned(), url),
        ("PATCH", endpoint.clone(), json!({ "description": "d", "ordering": "none" })),
        ("DELETE", endpoint, json!({})),
    ];
    let mut done: Vec<(String, Value, Answer)> = Vec::new();
    for (method, path, body) in cases {
        let case = format!("{method} {path}");
        let first = app.call_once(&app.key, "k", method, &path, body.clone()).await;
        let position = app.position();
        app.clock.advance(Duration::from_secs(1));
        same(&first, &app.call_once(&app.key, "k", method, &path, body.clone()).await, &case);
        assert_eq!(app.position(), position, "{case}: a replay changes nothing");
        app.call_once(&app.key, "k", method, &path, json!({ "other": 1 })).await.refused(409, "idempotency_conflict");
        done.push((case, body, first));
    }
    let app = app.restart_after(Duration::from_secs(60)).await;
    let position = app.position();
    for (case, body, first) in done {
        let (method, path) = case.split_once(' ').unwrap();
        let replay = app.call_once(&app.key, "k", method, path, body).await;
        same(&first, &replay, &format!("{case} after a restart"));
    }
    assert_eq!(app.position(), position);
    app.finish().await;
}

#[tokio::test]
async fn every_change_of_the_iframe_is_replayed_byte_for_byte() {
    let app = TestApp::start().await;
    let session = app.create(json!({})).await;
    let other = app.create(json!({})).await;
    let token = text(&session["sdk_token"]).to_owned();
    let once = async |app: &TestApp, action: &str, body: Value| {
        app.call_once(&token, "k", "POST", &format!("/iframe/api/{action}"), body).await
    };
    let cases = [
        ("load", json!({})),
        ("token", json!({})),
        ("steps/consent", consent()),
        // A blank asks for another attempt: the state has moved on by the time of the replay.
        ("steps/data_entry", json!({ "fields": blank() })),
        ("cancel", json!({})),
    ];
    let mut done = Vec::new();
    for (action, body) in cases {
        let first = once(&app, action, body.clone()).await;
        if action == "steps/data_entry" {
            app.await_status(&session, "requires_input").await;
        }
        app.clock.advance(Duration::from_secs(1));
        same(&first, &once(&app, action, body.clone()).await, action);
        once(&app, action, json!({ "other": 1 })).await.refused(409, "idempotency_conflict");
        done.push((action, body, first));
    }
    let events = app.event_types(&session).len();
    let foreign = app.call_once(text(&other["sdk_token"]), "k", "POST", "/iframe/api/load", json!({})).await;
    assert_eq!((foreign.status, foreign.header("idempotent-replayed")), (StatusCode::OK, ""), "scoped to its session");
    let app = app.restart_after(Duration::from_secs(60)).await;
    for (action, body, first) in done {
        same(&first, &once(&app, action, body).await, &format!("{action} after a restart"));
    }
    assert_eq!(app.event_types(&session).len(), events);
    app.finish().await;
}

fn blank() -> Value {
    let mut fields = common::person();
    fields["last_name"] = json!(" - ");
    fields
}

/// All bytes of all files under a folder.
fn bytes_under(folder: &Path) -> Vec<u8> {
    let mut bytes = Vec::new();
    for entry in std::fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        bytes.extend(if path.is_dir() { bytes_under(&path) } else { std::fs::read(&path).unwrap() });
    }
    bytes
}

fn holds(bytes: &[u8], text: &str) -> bool {
    bytes.windows(text.len()).any(|window| window == text.as_bytes())
}

#[tokio::test]
async fn the_secret_of_an_endpoint_is_in_the_replay_but_not_on_the_disk_in_clear() {
    let app = TestApp::start().await;
    let body = json!({ "url": "https://hooks.example.com/in-clear" });
    let first = app.post_once("k", "/v1/webhook_endpoints", body.clone()).await;
    let secret = text(&first.expect(StatusCode::CREATED)["secret"]).to_owned();
    assert!(secret.starts_with("whsec_"));
    same(&first, &app.post_once("k", "/v1/webhook_endpoints", body).await, "with its secret");
    let session = app.post_once("k", "/v1/sessions", json!({ "metadata": { "m": "labels-of-the-tenant" } })).await;
    let session = session.expect(StatusCode::CREATED);
    app.walk(&session).await.expect(StatusCode::OK);
    app.await_status(&session, "completed").await;
    let bytes = bytes_under(app.folder());
    for hidden in [&secret, &secret[6..], &app.key, text(&session["sdk_token"]), "ERIKSSON", "labels-of-the-tenant"] {
        assert!(!holds(&bytes, hidden), "{hidden} is on the disk in clear");
    }
    // What need not be hidden is: the search does find what is there.
    assert!(holds(&bytes, "default"), "the workspace's name");
    app.finish().await;
}

#[tokio::test]
async fn keys_that_are_not_keys_are_refused() {
    let app = TestApp::start().await;
    let position = app.position();
    for (case, value) in [
        ("empty", Vec::new()),
        ("a space", b"a b".to_vec()),
        ("a tab", b"a\tb".to_vec()),
        ("not ASCII", "schlüssel".as_bytes().to_vec()),
        ("256 characters", vec![b'k'; 256]),
    ] {
        let mut request = common::request(&app.key, "POST", "/v1/sessions", "{}");
        request.headers_mut().insert("idempotency-key", axum::http::HeaderValue::from_bytes(&value).unwrap());
        let fields = app.send(request).await.refused(422, "validation_error");
        assert_eq!(fields, ["Idempotency-Key"], "{case}");
    }
    let mut twice = common::request(&app.key, "POST", "/v1/sessions", "{}");
    for _ in 0..2 {
        twice.headers_mut().append("idempotency-key", "k".parse().unwrap());
    }
    assert_eq!(app.send(twice).await.refused(422, "validation_error"), ["Idempotency-Key"]);
    assert_eq!(app.position(), position);
    app.post_once(&"k".repeat(255), "/v1/sessions", json!({})).await.expect(StatusCode::CREATED);
    app.finish().await;
}
