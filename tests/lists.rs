//! Filters and pages of sessions and verifications.

#![expect(clippy::unwrap_used, reason = "a test fails where it unwraps")]

mod common;

use std::time::Duration;

use axum::http::StatusCode;
use common::steps::flow;
use common::{TestApp, text};
use serde_json::{Value, json};

/// The latest time that a filter takes: the end of the year 9999.
const LAST_SECOND: u64 = 253_402_300_799;

/// The rest of the identifier that a session and its verification share.
fn shared(id: &Value) -> String {
    text(id)[4..].to_owned()
}

/// A page: the shared identifiers on it, and whether there are more.
async fn page(app: &TestApp, path: &str) -> (Vec<String>, bool) {
    let page = app.get(path).await.expect(StatusCode::OK);
    assert_eq!(page["object"], "list");
    let ids = page["data"].as_array().unwrap().iter().map(|each| shared(&each["id"])).collect();
    (ids, page["has_more"].as_bool().unwrap())
}

/// All of a list from the newest on, page by page.
async fn walk_down(app: &TestApp, list: &str, prefix: &str, filter: &str, limit: usize) -> Vec<String> {
    let mut all: Vec<String> = Vec::new();
    loop {
        let after = all.last().map_or(String::new(), |last| format!("&starting_after={prefix}_{last}"));
        let (ids, has_more) = page(app, &format!("{list}?limit={limit}{after}{filter}")).await;
        assert!(ids.len() == limit || !has_more, "a page with more beyond it is full");
        all.extend(ids);
        if !has_more {
            return all;
        }
    }
}

/// All that is newer than `from`, page by page towards the newest; newest first.
async fn walk_up(app: &TestApp, list: &str, prefix: &str, filter: &str, limit: usize, from: &str) -> Vec<String> {
    let mut all: Vec<String> = Vec::new();
    loop {
        let before = all.first().map_or(from, String::as_str);
        let (ids, has_more) = page(app, &format!("{list}?limit={limit}&ending_before={prefix}_{before}{filter}")).await;
        assert!(ids.len() == limit || !has_more, "a page with more beyond it is full");
        all.splice(0..0, ids);
        if !has_more {
            return all;
        }
    }
}

/// Sessions of every kind, some in one second, newest first.
struct Field {
    sessions: Vec<Value>,
    template: Value,
}

impl Field {
    async fn make(app: &TestApp) -> Self {
        let template = app.published("kyc", flow("One.")).await;
        let mut sessions = Vec::new();
        for number in 0..24 {
            if number % 3 == 0 {
                app.clock.advance(Duration::from_secs(1));
            }
            let outcomes = ["completed", "failed", "requires_review", "expired"];
            let mut body = json!({
                "test_outcome": outcomes[number % 4],
                "metadata": { "parity": (number % 2).to_string(), "a b[c]&": format!("ü {}", number % 5) },
            });
            if number % 3 == 1 {
                body["template_slug"] = json!("kyc");
            }
            let session = app.create(body).await;
            match number % 6 {
                0 | 1 => app.simulate(&session, &["load", "submit"]).await.expect(StatusCode::OK),
                2 => app.cancel(&session).await.expect(StatusCode::OK),
                3 => app.load(&session).await,
                4 => app.simulate(&session, &["load", "submit"]).await.expect(StatusCode::OK),
                _ => session.clone(),
            };
            sessions.push(session);
        }
        let mut read = Vec::new();
        for session in sessions {
            read.push(app.session(&session).await);
        }
        // Those of one millisecond, and on the test clock that is one second, are in no order but
        // that of their identifiers.
        read.sort_by_key(|session| {
            std::cmp::Reverse((session["created"].as_u64().unwrap(), text(&session["id"]).to_owned()))
        });
        Self { sessions: read, template }
    }

    fn ids(&self, keep: impl Fn(&Value) -> bool) -> Vec<String> {
        self.sessions.iter().filter(|session| keep(session)).map(|session| shared(&session["id"])).collect()
    }
}

#[tokio::test]
async fn newest_first_and_every_page_both_ways() {
    let app = TestApp::start().await;
    let field = Field::make(&app).await;
    let all = field.ids(|_| true);
    for (list, prefix) in [("/v1/sessions", "ses"), ("/v1/verifications", "ver")] {
        for limit in [1, 2, 5, 8, 23, 24, 25, 100] {
            assert_eq!(walk_down(&app, list, prefix, "", limit).await, all, "{list} by {limit}");
            let up = walk_up(&app, list, prefix, "", limit, all.last().unwrap()).await;
            assert_eq!(up, all[..all.len() - 1], "{list} upwards by {limit}");
        }
        let (ten, has_more) = page(&app, list).await;
        assert_eq!((ten.as_slice(), has_more), (&all[..10], true), "{list}: ten by default");
        let (none, has_more) = page(&app, &format!("{list}?starting_after={prefix}_{}", all[23])).await;
        assert_eq!((none.len(), has_more), (0, false), "{list}: nothing is older than the oldest");
        let (none, has_more) = page(&app, &format!("{list}?ending_before={prefix}_{}", all[0])).await;
        assert_eq!((none.len(), has_more), (0, false), "{list}: nothing is newer than the newest");
        let (newer, has_more) = page(&app, &format!("{list}?ending_before={prefix}_{}&limit=3", all[10])).await;
        assert_eq!((newer.as_slice(), has_more), (&all[7..10], true), "{list}: those next to the cursor");
    }
    app.finish().await;
}

#[tokio::test]
async fn by_status() {
    let app = TestApp::start().await;
    let field = Field::make(&app).await;
    let mut found = 0;
    for status in
        ["created", "requires_input", "in_progress", "completed", "failed", "requires_review", "canceled", "expired"]
    {
        let expected = field.ids(|session| session["status"] == status);
        found += expected.len();
        for (list, prefix) in [("/v1/sessions", "ses"), ("/v1/verifications", "ver")] {
            let filter = format!("&status={status}");
            assert_eq!(walk_down(&app, list, prefix, &filter, 2).await, expected, "{list} {status}");
        }
    }
    assert_eq!(found, 24);
    app.finish().await;
}

#[tokio::test]
async fn a_status_filter_follows_a_session_on_its_way() {
    let app = TestApp::start().await;
    let session = app.create(json!({})).await;
    let id = shared(&session["id"]);
    let mut before: Option<&str> = None;
    for status in ["created", "requires_input", "in_progress", "completed"] {
        match status {
            "requires_input" => drop(app.load(&session).await),
            "in_progress" => drop(app.submit(&session, "consent", common::steps::consent()).await),
            "completed" => {
                app.enter(&session, common::person()).await;
                app.await_status(&session, "completed").await;
            }
            _ => {}
        }
        for list in ["/v1/sessions", "/v1/verifications"] {
            let (now, _) = page(&app, &format!("{list}?status={status}")).await;
            assert_eq!(now, [id.as_str()], "{list} {status}");
            if let Some(before) = before {
                let (then, _) = page(&app, &format!("{list}?status={before}")).await;
                assert_eq!(then, Vec::<String>::new(), "{list} no longer {before}");
            }
        }
        before = Some(status);
    }
    app.finish().await;
}

#[tokio::test]
async fn by_template() {
    let app = TestApp::start().await;
    let field = Field::make(&app).await;
    for (list, prefix) in [("/v1/sessions", "ses"), ("/v1/verifications", "ver")] {
        for template in [&field.template["id"], &field.sessions[0]["template_id"]] {
            let expected = field.ids(|session| session["template_id"] == *template);
            assert!(!expected.is_empty());
            let filter = format!("&template_id={}", text(template));
            assert_eq!(walk_down(&app, list, prefix, &filter, 3).await, expected, "{list}");
        }
        let (none, has_more) = page(&app, &format!("{list}?template_id=tpl_01jdf2myt0fzzvzzzzzzzzzzzz")).await;
        assert_eq!((none.len(), has_more), (0, false), "an unknown template has none");
    }
    app.finish().await;
}

#[tokio::test]
async fn by_metadata() {
    let app = TestApp::start().await;
    let field = Field::make(&app).await;
    let odd = field.ids(|session| session["metadata"]["parity"] == "1");
    assert_eq!(walk_down(&app, "/v1/verifications", "ver", "&metadata[parity]=1", 5).await, odd);
    assert_eq!(walk_up(&app, "/v1/verifications", "ver", "&metadata[parity]=1", 5, &odd[11]).await, odd[..11]);
    let both = field.ids(|session| session["metadata"]["parity"] == "1" && session["metadata"]["a b[c]&"] == "ü 3");
    assert!(!both.is_empty() && both.len() < odd.len());
    let filter = "&metadata[parity]=1&metadata%5Ba%20b%5Bc%5D%26%5D=%C3%BC+3";
    assert_eq!(walk_down(&app, "/v1/verifications", "ver", filter, 2).await, both);
    for none in ["metadata[parity]=2", "metadata[parity]=", "metadata[absent]=1", "metadata[Parity]=1"] {
        assert_eq!(page(&app, &format!("/v1/verifications?{none}")).await, (Vec::new(), false), "{none}");
    }
    app.finish().await;
}

#[tokio::test]
async fn by_time_of_creation() {
    let app = TestApp::start().await;
    let field = Field::make(&app).await;
    let second = |index: usize| field.sessions[index]["created"].as_u64().unwrap();
    let made = |session: &Value| session["created"].as_u64().unwrap();
    let (from, to) = (second(17), second(6));
    assert!(from < to);
    for (list, prefix) in [("/v1/sessions", "ses"), ("/v1/verifications", "ver")] {
        for (filter, expected) in [
            (format!("&created[gte]={from}"), field.ids(|session| made(session) >= from)),
            (format!("&created[lt]={to}"), field.ids(|session| made(session) < to)),
            (
                format!("&created%5Bgte%5D={from}&created%5Blt%5D={to}"),
                field.ids(|session| made(session) >= from && made(session) < to),
            ),
            (format!("&created[gte]={to}&created[lt]={from}"), Vec::new()),
            (format!("&created[gte]={from}&created[lt]={from}"), Vec::new()),
            ("&created[gte]=0".to_owned(), field.ids(|_| true)),
            ("&created[lt]=0".to_owned(), Vec::new()),
            (format!("&created[gte]={LAST_SECOND}"), Vec::new()),
            (format!("&created[lt]={LAST_SECOND}"), field.ids(|_| true)),
        ] {
            assert_eq!(walk_down(&app, list, prefix, &filter, 4).await, expected, "{list} {filter}");
        }
    }
    app.finish().await;
}

#[tokio::test]
async fn every_filter_that_is_given_holds() {
    let app = TestApp::start().await;
    let field = Field::make(&app).await;
    let template = text(&field.template["id"]);
    let from = field.sessions[20]["created"].as_u64().unwrap();
    let expected = field.ids(|session| {
        session["template_id"] == template
            && session["created"].as_u64().unwrap() >= from
            && session["status"] == "failed"
            && session["metadata"]["parity"] == "1"
    });
    assert!(!expected.is_empty());
    let filter = format!("&status=failed&template_id={template}&metadata[parity]=1&created[gte]={from}");
    assert_eq!(walk_down(&app, "/v1/verifications", "ver", &filter, 1).await, expected);
    app.finish().await;
}

#[tokio::test]
async fn a_cursor_may_stand_outside_the_filter() {
    let app = TestApp::start().await;
    let field = Field::make(&app).await;
    let completed = field.ids(|session| session["status"] == "completed");
    let all = field.ids(|_| true);
    let outside = all.iter().position(|id| !completed.contains(id)).unwrap();
    for place in outside..all.len() {
        let older: Vec<String> = all[place + 1..].iter().filter(|id| completed.contains(id)).cloned().collect();
        let cursor = format!("/v1/verifications?status=completed&limit=100&starting_after=ver_{}", all[place]);
        assert_eq!(page(&app, &cursor).await, (older, false), "place {place}");
        let newer: Vec<String> = all[..place].iter().filter(|id| completed.contains(id)).cloned().collect();
        let cursor = format!("/v1/verifications?status=completed&limit=100&ending_before=ver_{}", all[place]);
        assert_eq!(page(&app, &cursor).await, (newer, false), "place {place}");
    }
    app.finish().await;
}

#[tokio::test]
async fn what_is_made_meanwhile_does_not_disturb_a_walk() {
    let app = TestApp::start().await;
    let field = Field::make(&app).await;
    let all = field.ids(|_| true);
    let (first, _) = page(&app, "/v1/sessions?limit=10").await;
    app.clock.advance(Duration::from_millis(1));
    app.create(json!({})).await;
    let (second, _) = page(&app, &format!("/v1/sessions?limit=100&starting_after=ses_{}", first[9])).await;
    assert_eq!([first, second].concat(), all);
    app.finish().await;
}

#[tokio::test]
async fn the_list_shape_of_a_verification() {
    let app = TestApp::start().await;
    let session = app.create(json!({ "metadata": { "a": "b" } })).await;
    app.walk(&session).await.expect(StatusCode::OK);
    app.await_status(&session, "completed").await;
    let list = app.get("/v1/verifications").await.expect(StatusCode::OK);
    let item = &list["data"][0];
    let mut names: Vec<&str> = item.as_object().unwrap().keys().map(String::as_str).collect();
    names.sort_unstable();
    let mut expected = "id object session_id status livemode template_id template_slug template_version metadata \
                        last_error attempts created updated decided_at expires_at redacted_at review"
        .split_whitespace()
        .collect::<Vec<_>>();
    expected.sort_unstable();
    assert_eq!(names, expected);
    assert_eq!((&item["object"], &item["attempts"]), (&json!("verification"), &json!(1)));
    assert_eq!((&item["id"], &item["session_id"]), (&session["verification_id"], &session["id"]));
    assert_eq!(item["decided_at"], app.engine.now().seconds());
    // The detail says the same, and more.
    let detail = app.verification(&session).await;
    for name in expected {
        assert_eq!(detail[name], item[name], "{name}");
    }
    assert!(detail["checks"].is_array() && detail["fields"].is_object() && detail["media"].is_array());
    let sessions = app.get("/v1/sessions").await.expect(StatusCode::OK);
    assert_eq!(sessions["data"][0], app.session(&session).await, "a list shows what the object's own path shows");
    app.finish().await;
}

#[tokio::test]
async fn lists_are_the_same_after_a_restart() {
    let app = TestApp::start().await;
    Field::make(&app).await;
    let paths = ["/v1/sessions?limit=100", "/v1/verifications?limit=100&status=failed", "/v1/templates"];
    let mut before = Vec::new();
    for path in paths {
        before.push(app.get(path).await.expect(StatusCode::OK));
    }
    let app = app.restart_after(Duration::from_secs(1)).await;
    for (path, before) in paths.into_iter().zip(before) {
        assert_eq!(app.get(path).await.expect(StatusCode::OK), before, "{path}");
    }
    app.finish().await;
}
