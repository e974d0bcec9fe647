//! `/metrics`: what Prometheus reads, what the documentation and the dashboard say of it.
#![expect(clippy::unwrap_used, reason = "a test fails where it unwraps")]

mod common;
mod scrape;

use std::collections::BTreeSet;
use std::io;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use axum::http::StatusCode;
use common::{PUBLIC_URL, TestApp, text};
use scrape::Scrape;
use serde_json::{Value, json};
use tower::ServiceExt;
use vetd::http::{Facts, HttpSettings, routers};
use vetd_actors::Clock;
use vetd_actors::watchlist_import::{Format, import};
use vetd_storage::WriteStage;

async fn scrape(app: &TestApp) -> Scrape {
    let answer = app.get("/metrics").await;
    assert_eq!(
        (answer.status, answer.header("content-type")),
        (StatusCode::OK, "text/plain; version=0.0.4; charset=utf-8")
    );
    Scrape::read(&String::from_utf8(answer.body).unwrap())
}

fn document(path: &str) -> String {
    std::fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join(path)).unwrap()
}

/// A server that has done some of everything that is counted.
async fn busy() -> TestApp {
    let app = TestApp::start().await;
    let list =
        "id,schema,name,aliases,birth_date,countries,last_seen\nQ1,Person,Ivan Testov,,1960-02-01,ru,2025-11-20\n";
    let list = import(vec![list.as_bytes()], Some(Format::OpensanctionsCsv), None, app.clock.now()).unwrap();
    app.engine.import_watchlist(list.bytes.into()).await.unwrap();
    let session = app.create(json!({})).await;
    app.walk(&session).await;
    app.await_status(&session, "completed").await;
    app.post("/v1/webhook_endpoints", json!({ "url": "http://127.0.0.1:9/" })).await.expect(StatusCode::CREATED);
    while !scrape(&app).await.families.contains_key("vetd_webhook_breaker") {
        tokio::task::yield_now().await;
    }
    app
}

/// Sessions that have not ended: created, requires_input, in_progress.
fn live(scrape: &Scrape) -> [f64; 3] {
    ["created", "requires_input", "in_progress"]
        .map(|status| scrape.value(&format!("vetd_sessions_live{{status=\"{status}\"}}")))
}

#[tokio::test]
async fn every_metric_is_documented_and_every_documented_one_exists() {
    let app = busy().await;
    let scrape = scrape(&app).await;
    let mut rows = BTreeSet::new();
    for (name, family) in &scrape.families {
        let labels: Vec<String> = family.labels.iter().filter(|label| *label != "le").cloned().collect();
        let help = family.help.trim_end_matches('.');
        rows.insert(format!("| `{name}` | {} | {} | {help} |", family.kind, labels.join(", ")).replace("|  |", "| |"));
    }
    let page = document("docs/metrics.md");
    let documented: BTreeSet<String> =
        page.lines().filter(|line| line.starts_with("| `vetd_")).map(str::to_owned).collect();
    let table = rows.iter().cloned().collect::<Vec<_>>().join("\n");
    assert_eq!(rows, documented, "docs/metrics.md must hold these rows and no others:\n{table}\n");
    app.finish().await;
}

#[tokio::test]
async fn the_dashboard_shows_every_metric_and_none_that_does_not_exist() {
    let app = busy().await;
    let scrape = scrape(&app).await;
    let dashboard: Value = serde_json::from_str(&document("docs/grafana/vetd.json")).unwrap();
    let panels = dashboard["panels"].as_array().unwrap();
    let mut named = BTreeSet::new();
    for target in panels.iter().flat_map(|panel| panel["targets"].as_array().unwrap()) {
        let words = text(&target["expr"]).split(|letter: char| !letter.is_ascii_alphanumeric() && letter != '_');
        named.extend(words.filter(|word| word.starts_with("vetd_")).map(str::to_owned));
    }
    let shown = |name: &str| ["", "_bucket", "_sum"].iter().any(|part| named.contains(&format!("{name}{part}")));
    let missing: Vec<&String> = scrape.families.keys().filter(|name| !shown(name)).collect();
    assert!(missing.is_empty(), "the dashboard lacks {missing:?}");
    for name in &named {
        let parts = ["_bucket", "_sum", "_count"].into_iter().find_map(|part| name.strip_suffix(part));
        let known = |name: &str| scrape.families.contains_key(name);
        assert!(known(name) || parts.is_some_and(known), "the dashboard shows {name}");
    }
    app.finish().await;
}

#[tokio::test]
async fn requests_are_counted_by_route_and_never_by_what_a_caller_makes_up() {
    let app = TestApp::start().await;
    let session = app.create(json!({})).await;
    app.session(&session).await;
    app.post_once("one", "/v1/sessions", json!({})).await;
    app.post_once("one", "/v1/sessions", json!({})).await;
    app.get("/v1/no/such/path").await;
    app.call("BREW", "/v1/sessions", json!({})).await;
    app.get("/v1/sessions/ses_nothing").await;
    let found = scrape(&app).await;
    let requests = |method: &str, route: &str, status: u16| {
        let labels = format!("method=\"{method}\",route=\"{route}\",status=\"{status}\"");
        found.value(&format!("vetd_http_requests_total{{{labels}}}"))
    };
    assert_eq!(requests("POST", "/v1/sessions", 201), 3.0);
    assert_eq!(requests("GET", "/v1/sessions/{id}", 200), 1.0);
    assert_eq!(requests("GET", "/v1/sessions/{id}", 404), 1.0);
    assert_eq!(requests("GET", "(no route)", 404), 1.0);
    assert_eq!(requests("other", "/v1/sessions", 405), 1.0);
    assert_eq!(found.value("vetd_idempotent_replays_total"), 1.0);
    assert_eq!(found.value("vetd_http_requests_under_way"), 1.0, "the scrape itself");
    assert_eq!(found.value("vetd_http_request_seconds_count{route=\"/v1/sessions\"}"), 4.0);
    assert_eq!(found.value("vetd_commits_waiting"), 0.0);
    assert_eq!(found.value("vetd_sessions_resident"), 0.0, "nobody has asked anything of one");
    app.load(&session).await;
    let found = scrape(&app).await;
    assert_eq!((found.value("vetd_sessions_resident"), found.value("vetd_session_revivals_total")), (1.0, 1.0));
    app.finish().await;
}

#[tokio::test]
async fn live_sessions_are_counted_right_also_after_a_restart_and_an_error_of_the_disk() {
    let mut app = TestApp::start().await;
    let sessions = [(); 4].map(|()| app.create(json!({})));
    let sessions = futures::future::join_all(sessions).await;
    app.load(&sessions[1]).await;
    app.walk(&sessions[2]).await;
    app.await_status(&sessions[2], "completed").await;
    let found = scrape(&app).await;
    assert_eq!(live(&found), [2.0, 1.0, 0.0]);
    assert_eq!(found.value("vetd_sessions_created_total"), 4.0);
    assert_eq!(found.value("vetd_sessions_ended_total{status=\"completed\"}"), 1.0);
    assert_eq!(found.value("vetd_checks_total{type=\"data_completeness\",status=\"passed\"}"), 1.0);

    app = app.restart_after(Duration::from_secs(1)).await;
    assert_eq!(live(&scrape(&app).await), [2.0, 1.0, 0.0]);

    // The disk fails once while a group is flushed: whether it is there is known after reopening.
    let failed = Arc::new(std::sync::atomic::AtomicBool::new(false));
    *app.write_fault.lock() = Some(Arc::new(move |stage| {
        let first = stage == WriteStage::Flush && !failed.swap(true, std::sync::atomic::Ordering::SeqCst);
        if first { Err(io::ErrorKind::StorageFull.into()) } else { Ok(()) }
    }));
    app.post("/v1/sessions", json!({})).await.refused(503, "dependency_unavailable");
    let there = app.get("/v1/sessions?status=created").await.json()["data"].as_array().unwrap().len();
    let found = scrape(&app).await;
    assert_eq!(live(&found), [there as f64, 1.0, 0.0]);
    assert_eq!(found.value("vetd_store_reopenings_total"), 1.0);

    // Everything expires; how late that is seen is counted once for each.
    app.clock.advance(Duration::from_secs(2_000));
    app.await_status(&sessions[0], "expired").await;
    app.await_status(&sessions[1], "expired").await;
    app.await_status(&sessions[3], "expired").await;
    app.finish().await;
}

#[tokio::test]
async fn an_ended_session_leaves_memory_and_the_gauges() {
    let app = TestApp::start().await;
    let session = app.create(json!({ "expires_in": 60 })).await;
    app.clock.advance(Duration::from_secs(90));
    app.await_status(&session, "expired").await;
    let found = scrape(&app).await;
    assert_eq!(live(&found), [0.0; 3]);
    assert_eq!(found.value("vetd_sessions_ended_total{status=\"expired\"}"), 1.0);
    assert_eq!(found.value("vetd_deadline_lateness_seconds_count"), 1.0);
    assert_eq!(found.value("vetd_deadline_lateness_seconds_sum"), 30.0);
    app.finish().await;
}

#[tokio::test]
async fn metrics_on_an_address_of_their_own_are_served_there_alone() {
    let app = TestApp::start().await;
    let settings = HttpSettings { shows_metrics: false, ..HttpSettings::new(PUBLIC_URL) };
    let get = |path: &str| axum::http::Request::builder().uri(path).body(axum::body::Body::empty()).unwrap();
    let facts = Facts {
        started: app.engine.now(),
        listening: "127.0.0.1:8080".parse().unwrap(),
        data: app.folder().to_owned(),
        connections: 1,
        reserve_bytes: 0,
    };
    let routers = routers(app.engine.clone(), settings, facts);
    let (public, own) = (routers.public, routers.metrics);
    assert_eq!(public.clone().oneshot(get("/metrics")).await.unwrap().status(), 404);
    assert_eq!(public.oneshot(get("/healthz")).await.unwrap().status(), 200);
    assert_eq!(own.clone().oneshot(get("/healthz")).await.unwrap().status(), 404);
    let answer = own.oneshot(get("/metrics")).await.unwrap();
    assert!(answer.status() == 200 && answer.headers().contains_key("kyc-request-id"));
    let body = axum::body::to_bytes(answer.into_body(), 1 << 20).await.unwrap();
    let found = Scrape::read(std::str::from_utf8(&body).unwrap());
    // Both count into the same meters.
    assert_eq!(found.value("vetd_http_requests_total{method=\"GET\",route=\"/healthz\",status=\"200\"}"), 1.0);
    app.finish().await;
}
