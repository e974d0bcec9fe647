//! What a tenant sees of its deliveries, and how it mends them.
#![expect(clippy::unwrap_used, clippy::panic, reason = "a test fails where it unwraps")]

mod common;
mod receiver;

use std::time::Duration;

use axum::http::StatusCode;
use common::{NOON, TestApp, text};
use receiver::Receiver;
use serde_json::{Value, json};
use vetd_model::signature::{WebhookSecret, verify_kyc_signature};

const PATIENCE: Duration = Duration::from_secs(20);
const DAY: Duration = Duration::from_secs(86_400);

async fn endpoint(app: &TestApp, body: Value) -> Value {
    app.post("/v1/webhook_endpoints", body).await.expect(StatusCode::CREATED)
}

fn path(hook: &Value, action: &str) -> String {
    format!("/v1/webhook_endpoints/{}{action}", text(&hook["id"]))
}

/// Asks for `path` until the answer is as it has to become.
async fn becomes(app: &TestApp, path: &str, what: &str, holds: impl Fn(&Value) -> bool) -> Value {
    let patient = async {
        loop {
            let answer = app.get(path).await.expect(StatusCode::OK);
            if holds(&answer) {
                return answer;
            }
            tokio::task::yield_now().await;
        }
    };
    tokio::time::timeout(PATIENCE, patient).await.unwrap_or_else(|_| panic!("it never came to this: {what}"))
}

/// The page of an endpoint's deliveries with this status, once it has so many of them.
async fn listed(app: &TestApp, hook: &Value, status: &str, count: usize) -> Vec<Value> {
    let path = format!("/v1/webhook_deliveries?endpoint={}&status={status}&limit=100", text(&hook["id"]));
    let what = format!("{count} {status}");
    let page = becomes(app, &path, &what, |page| page["data"].as_array().unwrap().len() == count).await;
    page["data"].as_array().unwrap().clone()
}

async fn detail(app: &TestApp, delivery: &Value, attempts: usize) -> Value {
    let path = format!("/v1/webhook_deliveries/{}", text(&delivery["id"]));
    becomes(app, &path, "attempts", |detail| detail["attempts"].as_array().unwrap().len() == attempts).await
}

async fn act(app: &TestApp, path: &str, body: Value) -> Value {
    app.post(path, body).await.expect(StatusCode::OK)
}

/// An endpoint that hears of new sessions alone.
async fn of_births(app: &TestApp, receiver: &Receiver) -> Value {
    endpoint(app, json!({ "url": receiver.url, "events": ["verification.created"] })).await
}

/// Lets the delivery of a new session's first event fail until it is given up.
async fn exhaust(app: &TestApp, receiver: &mut Receiver, hook: &Value) -> Value {
    receiver.answer(|_| (500, None));
    app.create(json!({})).await;
    receiver.next().await;
    loop {
        let path = format!("/v1/webhook_deliveries?endpoint={}&limit=1", text(&hook["id"]));
        let known = |page: &Value| {
            let delivery = &page["data"][0];
            delivery["next_attempt_at"].as_u64().is_some_and(|at| at > app.engine.now().seconds())
                || delivery["status"] == "exhausted"
        };
        let page = becomes(app, &path, "the next attempt is known", known).await;
        let delivery = page["data"][0].clone();
        if delivery["status"] == "exhausted" {
            return delivery;
        }
        let due = delivery["next_attempt_at"].as_u64().unwrap() + 1;
        app.clock.set(vetd_model::Timestamp::from_seconds(due));
        receiver.next().await;
    }
}

#[tokio::test]
async fn every_delivery_and_every_attempt_can_be_seen() {
    let app = TestApp::start().await;
    let mut receiver = Receiver::start().await;
    let hook = endpoint(&app, json!({ "url": receiver.url })).await;
    receiver.answer(|_| (503, Some(("retry-after", "7".to_owned()))));
    let session = app.create(json!({})).await;
    receiver.next().await;
    app.load(&session).await;
    let pending = listed(&app, &hook, "pending", 2).await;
    let (behind, first) = (&pending[0], &pending[1]);
    let seen = detail(&app, first, 1).await;
    assert_eq!(seen["status"], "pending");
    assert_eq!(seen["event_type"], "verification.created");
    assert_eq!((&seen["session_id"], &seen["endpoint"]), (&session["id"], &hook["id"]));
    assert_eq!((&seen["attempt_count"], &seen["created"]), (&json!(1), &json!(NOON.seconds())));
    let next = seen["next_attempt_at"].as_u64().unwrap() - NOON.seconds();
    assert!((5..=10).contains(&next), "as the receiver asked: {next}");
    let attempt = &seen["attempts"][0];
    assert_eq!((&attempt["number"], &attempt["status"], &attempt["error"]), (&json!(1), &json!(503), &json!(null)));
    assert_eq!((&behind["attempt_count"], &behind["next_attempt_at"]), (&json!(0), &json!(null)), "it waits");

    receiver.answer(|_| (200, None));
    app.clock.advance(Duration::from_secs(11));
    let succeeded = listed(&app, &hook, "succeeded", 2).await;
    let seen = detail(&app, &succeeded[1], 2).await;
    let statuses: Vec<&Value> = seen["attempts"].as_array().unwrap().iter().map(|attempt| &attempt["status"]).collect();
    assert_eq!(statuses, [503, 200]);
    assert_eq!((&seen["status"], &seen["next_attempt_at"]), (&json!("succeeded"), &json!(null)));

    // By event, and page by page.
    let of_event = format!("/v1/webhook_deliveries?event={}", text(&seen["event"]));
    assert_eq!(app.get(&of_event).await.expect(StatusCode::OK)["data"], json!([succeeded[1]]));
    let page = app.get("/v1/webhook_deliveries?limit=1").await.expect(StatusCode::OK);
    assert_eq!((&page["data"], &page["has_more"]), (&json!([succeeded[0]]), &json!(true)));
    let older = format!("/v1/webhook_deliveries?starting_after={}", text(&succeeded[0]["id"]));
    let page = app.get(&older).await.expect(StatusCode::OK);
    assert_eq!((&page["data"], &page["has_more"]), (&json!([succeeded[1]]), &json!(false)));
    let newer = format!("/v1/webhook_deliveries?ending_before={}", text(&succeeded[1]["id"]));
    assert_eq!(app.get(&newer).await.expect(StatusCode::OK)["data"], json!([succeeded[0]]));

    // They are still there after a restart.
    let app = app.restart_after(Duration::from_secs(1)).await;
    assert_eq!(detail(&app, &succeeded[1], 2).await["attempts"], seen["attempts"]);
    app.finish().await;
}

#[tokio::test]
async fn a_delivery_can_be_sent_again_whatever_has_become_of_it() {
    let app = TestApp::start().await;
    let mut receiver = Receiver::start().await;
    let hook = endpoint(&app, json!({ "url": receiver.url })).await;
    let session = app.create(json!({})).await;
    let first = receiver.next().await;
    let succeeded = &listed(&app, &hook, "succeeded", 1).await[0];
    let again = format!("/v1/webhook_deliveries/{}/redeliver", text(&succeeded["id"]));
    app.clock.advance(Duration::from_secs(60));
    let answer = app.post_once("once", &again, json!({})).await;
    assert_eq!(answer.expect(StatusCode::OK)["status"], "pending");
    let second = receiver.next().await;
    assert_eq!((second.event(), second.header("kyc-event-id")), (first.event(), first.header("kyc-event-id")));
    let secret = WebhookSecret::parse(text(&hook["secret"])).unwrap();
    let now = app.engine.now().seconds();
    verify_kyc_signature(&secret, second.header("kyc-signature"), &second.body, now, 0).unwrap();
    detail(&app, succeeded, 2).await;
    // A repeat of the request is one request.
    let replay = app.post_once("once", &again, json!({})).await;
    assert_eq!(replay.expect(StatusCode::OK)["status"], "pending");

    // One that waits behind a failing one goes at once; the other keeps its schedule.
    receiver.answer(|event| (if event["sequence"] == 2 { 500 } else { 200 }, None));
    app.load(&session).await;
    assert_eq!(receiver.next().await.sequence(), 2);
    app.cancel(&session).await.expect(StatusCode::OK);
    let pending = listed(&app, &hook, "pending", 2).await;
    detail(&app, &pending[1], 1).await;
    act(&app, &format!("/v1/webhook_deliveries/{}/redeliver", text(&pending[0]["id"])), json!({})).await;
    assert_eq!(receiver.next().await.sequence(), 3);
    assert_eq!(listed(&app, &hook, "pending", 1).await[0]["id"], pending[1]["id"]);
    assert!(receiver.already().is_none());
    app.finish().await;
}

#[tokio::test]
async fn what_was_given_up_is_recovered_by_its_time() {
    let app = TestApp::start().await;
    let mut receiver = Receiver::start().await;
    let hook = of_births(&app, &receiver).await;
    let given_up = exhaust(&app, &mut receiver, &hook).await;
    let seen = detail(&app, &given_up, 9).await;
    assert_eq!((&seen["attempt_count"], &seen["status"]), (&json!(9), &json!("exhausted")));
    receiver.answer(|_| (200, None));

    let recover = path(&hook, "/recover");
    let none = act(&app, &recover, json!({ "since": 0, "until": NOON.seconds() })).await;
    assert_eq!((&none["deliveries"], &none["has_more"]), (&json!(0), &json!(false)));
    let some = act(&app, &recover, json!({ "since": NOON.seconds() })).await;
    assert_eq!(some["deliveries"], 1);
    assert_eq!(receiver.next().await.event()["id"], given_up["event"]);
    let seen = detail(&app, &given_up, 10).await;
    assert_eq!(seen["status"], "succeeded");
    assert_eq!(act(&app, &recover, json!({ "since": NOON.seconds() })).await["deliveries"], 0);

    let later = app.engine.now().seconds() + 60;
    for (body, field) in [
        (json!({}), "since"),
        (json!({ "since": later }), "since"),
        (json!({ "since": 5, "until": later }), "until"),
        (json!({ "since": 5, "until": 5 }), "until"),
        (json!({ "since": "yesterday" }), "since"),
        (json!({ "since": 5, "until": 9, "only": true }), "only"),
    ] {
        let wrong = app.post(&recover, body).await.refused(422, "validation_error");
        assert_eq!(wrong, [field]);
    }
    app.finish().await;
}

#[tokio::test]
async fn an_endpoint_that_says_it_is_gone_is_disabled_and_holds_what_comes_until_it_is_enabled() {
    let app = TestApp::start().await;
    let (mut receiver, mut witness) = (Receiver::start().await, Receiver::start().await);
    let hook = endpoint(&app, json!({ "url": receiver.url })).await;
    let told = json!({ "url": witness.url, "events": ["webhook_endpoint.disabled"] });
    endpoint(&app, told).await;
    receiver.answer(|_| (410, None));
    let session = app.create(json!({})).await;
    receiver.next().await;
    let notice = witness.next().await.event();
    assert_eq!(notice["type"], "webhook_endpoint.disabled");
    let object = &notice["data"]["object"];
    assert_eq!((&object["id"], &object["disabled_reason"]), (&hook["id"], &json!("gone")));
    assert!(notice.get("session_id").is_none() && notice.get("sequence").is_none() && notice.get("hash").is_none());
    let shown = app.get(&path(&hook, "")).await.expect(StatusCode::OK);
    assert_eq!((&shown["status"], &shown["disabled_reason"]), (&json!("disabled"), &json!("gone")));
    assert_eq!(shown["disabled_at"], NOON.seconds());

    app.load(&session).await;
    let held = listed(&app, &hook, "held", 3).await;
    assert_eq!(held.iter().filter(|delivery| delivery["session_id"] == session["id"]).count(), 2);
    app.post(&path(&hook, "/test"), json!({})).await.refused(409, "invalid_state");
    app.post(&format!("/v1/webhook_deliveries/{}/redeliver", text(&held[0]["id"])), json!({}))
        .await
        .refused(409, "invalid_state");
    app.post(&path(&hook, "/recover"), json!({ "since": 0 })).await.refused(409, "invalid_state");

    // Days later, and over a restart.
    let app = app.restart_after(3 * DAY).await;
    app.clock.advance(DAY);
    assert!(receiver.already().is_none(), "nothing is sent to a disabled endpoint");
    receiver.answer(|_| (200, None));
    assert_eq!(act(&app, &path(&hook, "/enable"), json!({})).await["status"], "enabled");
    let mut arrived = Vec::new();
    while arrived.len() < 3 {
        let event = receiver.next().await.event();
        arrived.push((text(&event["type"]).to_owned(), event["sequence"].as_u64()));
    }
    arrived.retain(|(_, sequence)| sequence.is_some());
    assert_eq!(arrived.iter().map(|(_, sequence)| sequence.unwrap()).collect::<Vec<_>>()[..2], [1, 2], "oldest first");
    assert_eq!(
        act(&app, &path(&hook, "/enable"), json!({})).await["status"],
        "enabled",
        "a second time changes nothing"
    );
    app.finish().await;
}

#[tokio::test]
async fn five_days_of_nothing_but_failures_disable_an_endpoint() {
    let app = TestApp::start().await;
    let mut receiver = Receiver::start().await;
    let hook = of_births(&app, &receiver).await;
    for day in 0..5 {
        let shown = app.get(&path(&hook, "")).await.expect(StatusCode::OK);
        assert_eq!(shown["status"], "enabled", "after {day} days");
        exhaust(&app, &mut receiver, &hook).await;
    }
    let disabled = |shown: &Value| shown["status"] == "disabled";
    let shown = becomes(&app, &path(&hook, ""), "it is disabled", disabled).await;
    assert_eq!(shown["disabled_reason"], "failing");
    app.finish().await;
}

#[tokio::test]
async fn a_success_begins_the_days_of_failures_anew() {
    let app = TestApp::start().await;
    let mut receiver = Receiver::start().await;
    let hook = of_births(&app, &receiver).await;
    for day in 0..8 {
        exhaust(&app, &mut receiver, &hook).await;
        if day == 3 {
            receiver.answer(|_| (200, None));
            act(&app, &path(&hook, "/test"), json!({})).await;
            assert_eq!(receiver.next().await.event()["type"], "webhook_endpoint.test");
            listed(&app, &hook, "succeeded", 1).await;
        }
    }
    assert_eq!(app.get(&path(&hook, "")).await.expect(StatusCode::OK)["status"], "enabled");
    app.finish().await;
}

#[tokio::test]
async fn a_test_goes_to_its_endpoint_alone_whatever_the_filter() {
    let app = TestApp::start().await;
    let (mut tested, mut other) = (Receiver::start().await, Receiver::start().await);
    let hook = endpoint(&app, json!({ "url": tested.url, "events": ["verification.failed"] })).await;
    endpoint(&app, json!({ "url": other.url })).await;
    let delivery = act(&app, &path(&hook, "/test"), json!({})).await;
    assert_eq!((&delivery["event_type"], &delivery["status"]), (&json!("webhook_endpoint.test"), &json!("pending")));
    let event = tested.next().await.event();
    assert_eq!((&event["id"], &event["data"]["object"]["id"]), (&delivery["event"], &hook["id"]));
    assert_eq!(detail(&app, &delivery, 1).await["status"], "succeeded");
    let session = app.create(json!({})).await;
    assert_eq!(other.next().await.session(), text(&session["id"]), "the first it hears of");
    app.finish().await;
}

#[tokio::test]
async fn a_rotated_secret_overlaps_with_the_one_before_for_as_long_as_was_asked() {
    let app = TestApp::start().await;
    let mut receiver = Receiver::start().await;
    let hook = endpoint(&app, json!({ "url": receiver.url })).await;
    let rotate = path(&hook, "/rotate_secret");
    let rotated = act(&app, &rotate, json!({ "overlap_seconds": 3_600 })).await;
    let [old, new] = [&hook, &rotated].map(|made| WebhookSecret::parse(text(&made["secret"])).unwrap());
    assert_ne!(old, new);
    let accepted = async |receiver: &mut Receiver, app: &TestApp| {
        let session = app.create(json!({ "expires_in": 86_400 })).await;
        let delivery = receiver.next_of(text(&session["id"])).await;
        let now = app.engine.now().seconds();
        let standard = delivery.header("webhook-signature").split(' ').count();
        let header = delivery.header("kyc-signature");
        let by = [&new, &old].map(|secret| verify_kyc_signature(secret, header, &delivery.body, now, 0).is_ok());
        (by, standard)
    };
    assert_eq!(accepted(&mut receiver, &app).await, ([true, true], 2));
    app.clock.advance(Duration::from_secs(3_599));
    assert_eq!(accepted(&mut receiver, &app).await, ([true, true], 2));
    app.clock.advance(Duration::from_secs(1));
    assert_eq!(accepted(&mut receiver, &app).await, ([true, false], 1));

    for body in [json!({ "overlap_seconds": 604_801 }), json!({ "overlap_seconds": -1 }), json!({ "overlap": 5 })] {
        app.post(&rotate, body).await.refused(422, "validation_error");
    }
    for _ in 0..5 {
        act(&app, &rotate, json!({ "overlap_seconds": 604_800 })).await;
    }
    app.post(&rotate, json!({})).await.refused(409, "invalid_state");
    let last = act(&app, &rotate, json!({ "overlap_seconds": 0 })).await;
    app.create(json!({})).await;
    let delivery = receiver.next().await;
    let last = WebhookSecret::parse(text(&last["secret"])).unwrap();
    let now = app.engine.now().seconds();
    verify_kyc_signature(&last, delivery.header("kyc-signature"), &delivery.body, now, 0).unwrap();
    app.finish().await;
}

#[tokio::test]
async fn a_rate_spreads_the_attempts_of_one_endpoint() {
    let app = TestApp::start().await;
    let (mut slow, mut fast) = (Receiver::start().await, Receiver::start().await);
    let hook = endpoint(&app, json!({ "url": slow.url, "rate_limit": "2/m" })).await;
    endpoint(&app, json!({ "url": fast.url })).await;
    for _ in 0..4 {
        app.create(json!({})).await;
        fast.next().await;
    }
    slow.next().await;
    slow.next().await;
    listed(&app, &hook, "succeeded", 2).await;
    app.clock.advance(Duration::from_secs(29));
    listed(&app, &hook, "pending", 2).await;
    assert!(slow.already().is_none(), "two at once, then one each half minute");
    app.clock.advance(Duration::from_secs(1));
    slow.next().await;
    listed(&app, &hook, "succeeded", 3).await;
    let change = json!({ "rate_limit": null });
    assert_eq!(app.call("PATCH", &path(&hook, ""), change).await.expect(StatusCode::OK)["rate_limit"], json!(null));
    slow.next().await;
    for wrong in [json!("fast"), json!("0/s"), json!(5)] {
        app.call("PATCH", &path(&hook, ""), json!({ "rate_limit": wrong })).await.refused(422, "validation_error");
    }
    app.finish().await;
}

#[tokio::test]
async fn a_dead_endpoint_is_probed_and_gets_everything_once_it_is_back() {
    let app = TestApp::start().await;
    let mut receiver = Receiver::start().await;
    let hook = endpoint(&app, json!({ "url": receiver.url })).await;
    receiver.answer(|_| (500, None));
    for _ in 0..40 {
        app.create(json!({})).await;
    }
    let mut attempts = 0;
    let metric = format!("vetd_webhook_breaker{{endpoint=\"{}\"}}", text(&hook["id"]));
    while reading(&app, &metric).await < 2.0 {
        attempts += usize::from(receiver.already().is_some());
        tokio::task::yield_now().await;
    }
    while receiver.already().is_some() {
        attempts += 1;
    }
    assert!((10..=40).contains(&attempts), "{attempts}");
    // The first attempts under way when it opened may still have ended; then one probe at a time.
    app.clock.advance(Duration::from_secs(31));
    receiver.answer(|_| (200, None));
    listed(&app, &hook, "succeeded", 40).await;
    assert!(reading(&app, &metric).await < 1.0);
    app.finish().await;
}

async fn reading(app: &TestApp, metric: &str) -> f64 {
    let mut registry = prometheus_client::registry::Registry::with_prefix("vetd");
    app.engine.register_meters(&mut registry);
    let mut text = String::new();
    prometheus_client::encoding::text::encode(&mut text, &registry).unwrap();
    let line = text.lines().find_map(|line| line.strip_prefix(metric));
    line.map_or(0.0, |value| value.trim().parse().unwrap())
}

#[tokio::test]
async fn nothing_of_another_workspace_is_found() {
    let app = TestApp::start().await;
    let mut receiver = Receiver::start().await;
    let hook = endpoint(&app, json!({ "url": receiver.url })).await;
    app.create(json!({})).await;
    receiver.next().await;
    let delivery = &listed(&app, &hook, "succeeded", 1).await[0];
    let foreign = app.foreign_key().await;
    let (endpoint, event) = (text(&hook["id"]), text(&delivery["event"]));
    for query in ["".to_owned(), format!("?endpoint={endpoint}"), format!("?event={event}")] {
        let page = app.get_as(&foreign, &format!("/v1/webhook_deliveries{query}")).await;
        assert_eq!(page.expect(StatusCode::OK)["data"], json!([]), "{query}");
    }
    let one = format!("/v1/webhook_deliveries/{}", text(&delivery["id"]));
    app.get_as(&foreign, &one).await.refused(404, "not_found");
    app.call_as(&foreign, "POST", &format!("{one}/redeliver"), json!({})).await.refused(404, "not_found");
    for action in ["/test", "/enable", "/rotate_secret"] {
        app.call_as(&foreign, "POST", &path(&hook, action), json!({})).await.refused(404, "not_found");
    }
    let body = json!({ "since": 0 });
    app.call_as(&foreign, "POST", &path(&hook, "/recover"), body).await.refused(404, "not_found");
    let after = format!("/v1/webhook_deliveries?starting_after={}", text(&delivery["id"]));
    app.get_as(&foreign, &after).await.refused(422, "validation_error");
    app.get("/v1/webhook_deliveries?status=lost").await.refused(422, "validation_error");
    app.get("/v1/webhook_deliveries?endpoint=we_1").await.refused(422, "validation_error");
    let unknown = "whd_01jd7w0c8ze5tb9n3m6qk4v2ah";
    app.get(&format!("/v1/webhook_deliveries/{unknown}")).await.refused(404, "not_found");
    app.post(&format!("/v1/webhook_deliveries/{unknown}/redeliver"), json!({})).await.refused(404, "not_found");
    assert!(receiver.already().is_none(), "nothing was sent");
    app.finish().await;
}
