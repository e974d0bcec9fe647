//! Events read again: pages of them, single ones, and the stream, all in the order of the commits.

#![expect(clippy::unwrap_used, reason = "a test fails where it unwraps")]

mod common;
mod program;
mod receiver;

use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use axum::body::Body;
use axum::http::StatusCode;
use common::sse::{Message, Stream};
use common::world::TEST;
use common::{Answer, KEEP_EVENTS, TestApp, config, text};
use program::{BOOTSTRAP_KEY, Program, serve_with_key};
use receiver::Receiver;
use serde_json::{Value, json};
use vetd_actors::{NewKey, Reply};
use vetd_model::notice::{Notice, NoticeKind};
use vetd_model::webhook::{Disabled, DisabledReason};
use vetd_model::workspace::Scopes;
use vetd_model::{EndpointId, EventId, WorkspaceId};
use vetd_storage::{Commit, Store, Write, WriteStage};

const PATIENCE: Duration = Duration::from_secs(30);
const BEAT: Duration = Duration::from_secs(15);
const ABSENT: &str = "evt_01jdf2myt0fzzvzzzzzzzzzzzz";

/// The identifiers on a page, and whether there are more.
async fn page(app: &TestApp, query: &str) -> (Vec<String>, bool) {
    let page = app.get(&format!("/v1/events?{query}")).await.expect(StatusCode::OK);
    (page["data"].as_array().unwrap().iter().map(id).collect(), page["has_more"] == true)
}

fn id(event: &Value) -> String {
    text(&event["id"]).to_owned()
}

/// All events of test mode, as the store holds them.
fn stored(app: &TestApp) -> Vec<String> {
    let events = app.store.events(TEST, 0, 1_000_000).unwrap().events;
    events.iter().map(|found| found.event.id().to_string()).collect()
}

/// Commits so many events that need no session.
async fn notices(app: &TestApp, kind: NoticeKind, count: usize) {
    let at = app.engine.now();
    let notice = |_| Notice {
        id: app.engine.entropy().id(at),
        realm: TEST,
        endpoint: EndpointId::from_bytes([1; 16]),
        kind,
        created: at,
    };
    let all: Vec<Notice> = (0..count).map(notice).collect();
    for some in all.chunks(1_000) {
        let writes = some.iter().map(Write::Notice).collect();
        app.store.commit(Commit { writes, idempotency: None }).await.unwrap();
    }
}

/// Waits for something that comes without the clock's help.
async fn until(what: &str, holds: impl Fn() -> bool) {
    let patient = async {
        while !holds() {
            tokio::task::yield_now().await;
        }
    };
    assert!(tokio::time::timeout(PATIENCE, patient).await.is_ok(), "it never came to this: {what}");
}

/// What a refused stream is answered.
async fn refused_stream(app: &TestApp, bearer: &str, path: &str, last_id: Option<&str>) -> Answer {
    app.send(Stream::request(bearer, path, last_id)).await
}

#[tokio::test]
async fn lists_the_stream_and_webhooks_show_the_same_bytes_in_the_same_order() {
    let app = TestApp::start().await;
    let mut receiver = Receiver::start().await;
    app.post("/v1/webhook_endpoints", json!({ "url": receiver.url })).await.expect(StatusCode::CREATED);
    let mut stream = Stream::open(&app, &app.key, "/v1/events/stream", None).await;
    for outcome in ["completed", "failed", "retry_then_completed"] {
        let session = app.create(json!({ "test_outcome": outcome, "metadata": { "order": "A\n\"1\" ü" } })).await;
        app.simulate(&session, &["load", "submit"]).await.expect(StatusCode::OK);
    }
    let all = stored(&app);
    assert_eq!(page(&app, "limit=100").await, (all.clone(), false));

    let mut delivered: BTreeMap<String, Vec<u8>> = BTreeMap::new();
    let mut order: BTreeMap<String, Vec<String>> = BTreeMap::new();
    while delivered.len() < all.len() {
        let delivery = receiver.next().await;
        let event = delivery.event();
        order.entry(delivery.session()).or_default().push(id(&event));
        delivered.insert(id(&event), delivery.body.to_vec());
    }
    let streamed = stream.take(all.len()).await;
    let list = app.get("/v1/events?limit=100").await;
    let bodies: Vec<String> = all.iter().map(|id| String::from_utf8(delivered[id].clone()).unwrap()).collect();
    let expected = format!(r#"{{"object":"list","data":[{}],"has_more":false}}"#, bodies.join(","));
    assert_eq!(String::from_utf8(list.body).unwrap(), expected);
    for ((id, body), message) in all.iter().zip(&bodies).zip(&streamed) {
        assert_eq!(app.get(&format!("/v1/events/{id}")).await.body, body.as_bytes());
        let kind = text(&serde_json::from_str::<Value>(body).unwrap()["type"]).to_owned();
        assert_eq!(*message, Message { id: id.clone(), kind, data: body.clone() });
    }
    for (session, order) in order {
        let ours = |id: &&String| serde_json::from_slice::<Value>(&delivered[*id]).unwrap()["session_id"] == session;
        assert_eq!(order, all.iter().filter(ours).cloned().collect::<Vec<_>>());
    }
    app.finish().await;
}

#[tokio::test]
async fn pages_meet_and_filters_hold() {
    let app = TestApp::start().await;
    let mut sessions = Vec::new();
    for number in 0..6 {
        let session = app.create(json!({})).await;
        if number % 2 == 0 {
            app.simulate(&session, &["load", "submit"]).await.expect(StatusCode::OK);
        }
        sessions.push(session);
    }
    notices(&app, NoticeKind::Test, 1).await;
    let disabled = Disabled { at: app.engine.now(), reason: DisabledReason::Gone };
    notices(&app, NoticeKind::Disabled(disabled), 1).await;
    app.cancel(&sessions[1]).await.expect(StatusCode::OK);
    let all = stored(&app);
    assert_eq!(all.len(), 3 + 3 * 4 + 2 + 1);
    let whole = app.get("/v1/events?limit=100").await.expect(StatusCode::OK);
    let having = |field: &str, value: &Value| -> Vec<String> {
        whole["data"].as_array().unwrap().iter().filter(|event| event[field] == *value).map(id).collect()
    };

    let ver = |session: &Value| format!("&verification_id={}", text(&session["verification_id"]));
    let mut cases = vec![(String::new(), all.clone())];
    for kind in ["verification.created", "verification.updated", "verification.completed", "verification.redacted"] {
        cases.push((format!("&type={kind}"), having("type", &json!(kind))));
    }
    for kind in ["webhook_endpoint.test", "webhook_endpoint.disabled"] {
        cases.push((format!("&type={kind}"), having("type", &json!(kind))));
        assert_eq!(cases.last().unwrap().1.len(), 1);
    }
    for session in &sessions {
        cases.push((ver(session), having("session_id", &session["id"])));
    }
    let updates = having("session_id", &sessions[2]["id"])[1..3].to_vec();
    cases.push((format!("{}&type=verification.updated", ver(&sessions[2])), updates));
    cases.push(("&verification_id=ver_01jdf2myt0fzzvzzzzzzzzzzzz".to_owned(), Vec::new()));
    for (filter, expected) in cases {
        for limit in [1, 2, 3, 7, 100] {
            let (mut read, mut after) = (Vec::new(), String::new());
            loop {
                let (ids, has_more) = page(&app, &format!("limit={limit}{filter}{after}")).await;
                assert!(ids.len() == limit || !has_more, "a page with more behind it is full: {filter}");
                read.extend(ids);
                if !has_more {
                    break;
                }
                after = format!("&after={}", read.last().unwrap());
            }
            assert_eq!(read, expected, "{filter} by {limit}");
        }
    }
    let (ten, has_more) = page(&app, "").await;
    assert_eq!((ten.as_slice(), has_more), (&all[..10], true), "ten by default");
    assert_eq!(page(&app, &format!("after={}", all.last().unwrap())).await, (Vec::new(), false));
    // What is asked for behind another session's event is what stands there.
    let (behind, _) = page(&app, &format!("after={}{}", all.last().unwrap(), ver(&sessions[0]))).await;
    assert_eq!(behind, Vec::<String>::new());
    app.finish().await;
}

#[tokio::test]
async fn what_is_wrong_is_said_and_what_is_foreign_is_not_there() {
    let app = TestApp::start().await;
    let session = app.create(json!({})).await;
    let own = stored(&app)[0].clone();
    let foreign = app.foreign_key().await;
    let (live, writer) = (app.live_key().await, app.key_for(TEST, Scopes::WRITE).await);
    let created = app
        .call_as(
            &live,
            "POST",
            "/v1/templates",
            json!({ "name": "n", "slug": "s", "flow_config": common::steps::flow("x") }),
        )
        .await;
    created.expect(StatusCode::CREATED);
    for list in ["/v1/events", "/v1/events/stream"] {
        for (query, field) in [
            ("type=verification", "type"),
            ("type=*", "type"),
            ("type=verification.created&type=verification.failed", "type"),
            ("after=evt_1", "after"),
            ("after=ver_01jdf2myt0fzzvzzzzzzzzzzzz", "after"),
            (&format!("after={ABSENT}"), "after"),
            ("starting_after=evt_1", "starting_after"),
        ] {
            let answer = app.get(&format!("{list}?{query}")).await;
            assert_eq!(answer.refused(422, "validation_error"), [field], "{list}?{query}");
        }
        // A foreign event is as absent as any other.
        for bearer in [&foreign, &live] {
            let answer = app.get_as(bearer, &format!("{list}?after={own}")).await;
            assert_eq!(answer.refused(422, "validation_error"), ["after"], "{list}");
        }
        app.get_as(&writer, list).await.refused(403, "permission_denied");
        app.get_as(text(&session["sdk_token"]), list).await.refused(401, "authentication_required");
    }
    for (query, field) in [("verification_id=ses_1", "verification_id"), ("limit=0", "limit"), ("limit=101", "limit")] {
        assert_eq!(app.get(&format!("/v1/events?{query}")).await.refused(422, "validation_error"), [field]);
    }
    for (bearer, id) in [(&app.key, "evt_1"), (&app.key, ABSENT), (&foreign, &own), (&live, &own)] {
        app.get_as(bearer, &format!("/v1/events/{id}")).await.refused(404, "not_found");
    }
    let of_it = format!("/v1/events?verification_id={}", text(&session["verification_id"]));
    for bearer in [&foreign, &live] {
        for path in ["/v1/events", &of_it] {
            let empty = app.get_as(bearer, path).await.expect(StatusCode::OK);
            assert_eq!(empty, json!({ "object": "list", "data": [], "has_more": false }));
        }
    }
    for (bearer, last) in [(&app.key, "evt_1"), (&app.key, ABSENT), (&app.key, "ü"), (&foreign, &own), (&live, &own)] {
        let answer = refused_stream(&app, bearer, "/v1/events/stream", Some(last)).await;
        assert_eq!(answer.refused(422, "validation_error"), ["Last-Event-ID"], "{last}");
    }
    let mut twice = Stream::request(&app.key, "/v1/events/stream", Some(&own));
    twice.headers_mut().append("last-event-id", own.parse().unwrap());
    assert_eq!(app.send(twice).await.refused(422, "validation_error"), ["Last-Event-ID"]);
    app.finish().await;
}

#[tokio::test]
async fn a_search_among_very_many_ends() {
    let app = TestApp::start().await;
    let session = app.create(json!({})).await;
    let first = stored(&app)[0].clone();
    notices(&app, NoticeKind::Test, 21_000).await;
    app.load(&session).await;
    let all = stored(&app);
    let last = all.last().unwrap();
    // Found, but not all was looked at; nothing found, and not all was looked at.
    assert_eq!(page(&app, "type=verification.created").await, (vec![first], true));
    let answer = app.get("/v1/events?type=verification.updated").await;
    assert_eq!(answer.refused(422, "validation_error"), ["after"]);
    let near = format!("type=verification.updated&after={}", all[10_000]);
    assert_eq!(page(&app, &near).await, (vec![last.clone()], false));
    // A session's events are found across all that.
    let filter = format!("verification_id={}", text(&session["verification_id"]));
    assert_eq!(page(&app, &filter).await, (vec![all[0].clone(), last.clone()], false));
    assert_eq!(page(&app, &format!("{filter}&type=verification.updated")).await, (vec![last.clone()], false));
    app.finish().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_is_not_durable_is_not_shown() {
    let app = Arc::new(TestApp::start().await);
    let mut stream = Stream::open(&app, &app.key, "/v1/events/stream", None).await;
    // Applied, so that the store's own memory has it, and not flushed.
    let mut disk = app.hold_writes_at(WriteStage::Flush);
    let creating = tokio::spawn({
        let app = Arc::clone(&app);
        async move { app.create(json!({})).await }
    });
    disk.arrived().await;
    assert_eq!(page(&app, "").await, (Vec::new(), false));
    assert!(stream.is_silent());
    disk.let_go();
    let session = creating.await.unwrap();
    let message = stream.next().await.unwrap();
    assert_eq!(serde_json::from_str::<Value>(&message.data).unwrap()["session_id"], session["id"]);
    assert_eq!(page(&app, "").await, (vec![message.id], false));
    drop(stream);
    Arc::into_inner(app).unwrap().finish().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn a_stream_that_breaks_off_goes_on_without_a_gap_or_a_repeat() {
    const SESSIONS: usize = 40;
    let app = Arc::new(TestApp::start().await);
    app.create(json!({})).await;
    let begin = format!("/v1/events/stream?after={}", stored(&app)[0]);
    let writers: Vec<_> = (0..4)
        .map(|_| {
            let app = Arc::clone(&app);
            tokio::spawn(async move {
                for _ in 0..SESSIONS / 4 {
                    let session = app.create(json!({})).await;
                    app.simulate(&session, &["load", "submit"]).await.expect(StatusCode::OK);
                }
            })
        })
        .collect();
    let (mut read, mut last) = (Vec::new(), None);
    while read.len() < SESSIONS * 4 {
        // The address still says `after`, as an EventSource's does; the header counts.
        let mut stream = Stream::open(&app, &app.key, &begin, last.as_deref()).await;
        let some = stream.take((SESSIONS * 4 - read.len()).min(1 + read.len() % 13)).await;
        read.extend(some.into_iter().map(|message| message.id));
        last = stream.last_id.take();
        assert_eq!(last.as_deref(), read.last().map(String::as_str));
    }
    for writer in writers {
        writer.await.unwrap();
    }
    assert_eq!(read, stored(&app)[1..]);
    Arc::into_inner(app).unwrap().finish().await;
}

#[tokio::test]
async fn a_filtered_stream_says_how_far_it_has_read() {
    let app = TestApp::start().await;
    let mut stream = Stream::open(&app, &app.key, "/v1/events/stream?type=verification.canceled", None).await;
    let session = app.create(json!({})).await;
    assert!(stream.is_silent());
    app.clock.advance(BEAT);
    let created = stored(&app)[0].clone();
    assert_eq!(stream.block().await.unwrap(), format!(":\nid: {created}"));
    app.clock.advance(BEAT);
    assert_eq!(stream.block().await.unwrap(), ":", "said once");
    app.cancel(&session).await.expect(StatusCode::OK);
    let message = stream.next().await.unwrap();
    assert_eq!((message.kind.as_str(), &message.id), ("verification.canceled", &stored(&app)[1]));
    app.finish().await;
}

#[tokio::test]
async fn a_stream_ends_with_its_key_its_workspace_and_its_server() {
    let mut open = None;
    let app = TestApp::start_behind(config(), |http| open = Some(Arc::clone(&http.open))).await;
    let new = |expires_at| NewKey { realm: TEST, name: "k".to_owned(), scopes: Scopes::READ, expires_at };
    let (revoked, filed) = app.engine.create_key(new(None)).await.unwrap();
    let (ending, _) = app.engine.create_key(new(Some(app.engine.now().after(BEAT * 2)))).await.unwrap();
    let path = "/v1/events/stream";
    let mut of_revoked = Stream::open(&app, &revoked, path, None).await;
    let mut of_ending = Stream::open(&app, &ending, path, None).await;
    let mut of_app = Stream::open(&app, &app.key, path, None).await;
    let mut of_other = Stream::open(&app, &app.foreign_key().await, path, None).await;
    app.clock.advance(BEAT);
    for stream in [&mut of_revoked, &mut of_ending, &mut of_app, &mut of_other] {
        assert_eq!(stream.block().await.unwrap(), ":");
    }
    app.engine.revoke_key(TEST, filed.id, None, Box::new(|_| Reply::json(200, &()))).await.unwrap();
    app.clock.advance(BEAT);
    assert_eq!((of_revoked.block().await, of_ending.block().await), (None, None));
    assert_eq!((of_app.block().await.unwrap(), of_other.block().await.unwrap()), (":".to_owned(), ":".to_owned()));
    app.engine.change_workspace(WorkspaceId(1), |workspace| workspace.suspended = true).await.unwrap();
    app.clock.advance(BEAT);
    assert_eq!((of_app.block().await, of_other.block().await), (None, Some(":".to_owned())));

    assert!(of_other.is_silent());
    open.unwrap().store(false, Ordering::Relaxed);
    app.clock.advance(Duration::from_secs(1));
    assert_eq!(of_other.block().await, None, "within a second, so that the server can end");
    app.finish().await;
}

#[tokio::test]
async fn streams_have_a_limit_of_their_own_and_take_no_other_requests_place() {
    let app = TestApp::start_behind(config(), |http| http.max_in_flight = 1).await;
    let path = "/v1/events/stream";
    let mut streams = Vec::new();
    for _ in 0..10 {
        streams.push(Stream::open(&app, &app.key, path, None).await);
    }
    app.get("/v1/events").await.expect(StatusCode::OK);
    let answer = app.get(path).await;
    answer.refused(429, "rate_limited");
    assert_eq!(answer.header("retry-after"), "15");
    let foreign = app.foreign_key().await;
    streams.push(Stream::open(&app, &foreign, path, None).await);
    streams.remove(0);
    streams.push(Stream::open(&app, &app.key, path, None).await);
    app.get(path).await.refused(429, "rate_limited");
    app.finish().await;
}

#[tokio::test]
async fn events_go_when_their_time_has_come() {
    let app = TestApp::start().await;
    let old = app.create(json!({})).await;
    app.cancel(&old).await.expect(StatusCode::OK);
    let expiring = app.create(json!({})).await;
    let before = stored(&app);
    let app = app.restart_after(KEEP_EVENTS).await;
    app.await_status(&expiring, "expired").await;
    assert_eq!(stored(&app).len(), 4, "not before their time");
    app.clock.advance(Duration::from_secs(3_600));
    let gone: EventId = before[2].parse().unwrap();
    until("the last of the old events is gone", || app.store.event(TEST, gone).unwrap().is_none()).await;

    let left = stored(&app);
    assert_eq!((left.len(), page(&app, "").await), (1, (left.clone(), false)));
    let ver = |session: &Value| format!("verification_id={}", text(&session["verification_id"]));
    assert_eq!(page(&app, &ver(&old)).await, (Vec::new(), false));
    assert_eq!(page(&app, &ver(&expiring)).await, (left.clone(), false));
    let event = app.get(&format!("/v1/events/{}", left[0])).await.expect(StatusCode::OK);
    assert_eq!((&event["type"], &event["sequence"]), (&json!("verification.expired"), &json!(2)));
    app.get(&format!("/v1/events/{}", before[0])).await.refused(404, "not_found");
    let answer = app.get(&format!("/v1/events?after={}", before[0])).await;
    assert_eq!(answer.refused(422, "validation_error"), ["after"]);
    let answer = refused_stream(&app, &app.key, "/v1/events/stream", Some(&before[2])).await;
    assert_eq!(answer.refused(422, "validation_error"), ["Last-Event-ID"]);
    app.finish().await;
}

#[tokio::test]
async fn the_real_server_streams_and_ends_its_streams_when_it_ends() {
    let dir = tempfile::tempdir().unwrap();
    let mut server = Program::start(serve_with_key(dir.path()));
    let address = server.address();
    let client = reqwest::Client::new();
    let stream = client.get(format!("{address}/v1/events/stream")).bearer_auth(BOOTSTRAP_KEY).send().await.unwrap();
    assert_eq!(stream.status(), 200);
    Stream::check_head("/v1/events/stream", stream.headers());
    let body = Body::from_stream(stream.bytes_stream()).into_data_stream();
    let mut stream = Stream { body, text: String::new(), last_id: None };
    let create = client.post(format!("{address}/v1/sessions")).bearer_auth(BOOTSTRAP_KEY).json(&json!({}));
    let session: Value = create.send().await.unwrap().json().await.unwrap();
    let message = stream.next().await.unwrap();
    let event: Value = serde_json::from_str(&message.data).unwrap();
    assert_eq!((&event["session_id"], event["type"].as_str()), (&session["id"], Some("verification.created")));
    let listed = client.get(format!("{address}/v1/events/{}", message.id)).bearer_auth(BOOTSTRAP_KEY).send().await;
    assert_eq!(listed.unwrap().text().await.unwrap(), message.data);
    server.signal("TERM");
    assert_eq!(stream.next().await, None, "it ends in an orderly way");
    assert_eq!(server.wait().1.code(), Some(0));
}
