//! What an operator sees of the real program: logs that name the request, traces from the door
//! to the disk, and a collector that is away harming nobody.
#![expect(clippy::unwrap_used, clippy::panic, reason = "a test fails where it unwraps")]

mod collector;
mod program;

use std::path::Path;

use collector::{Collector, attribute, one};
use program::{BOOTSTRAP_KEY, Program, serve_with_key, vetd};
use reqwest::StatusCode;
use serde_json::{Value, json};

/// A caller's own trace and span (W3C Trace Context).
const TRACE: &str = "4bf92f3577b34da6a3ce929d0e0e4736";
const PARENT: &str = "00f067aa0ba902b7";

fn bytes(hex: &str) -> Vec<u8> {
    (0..hex.len()).step_by(2).map(|at| u8::from_str_radix(&hex[at..at + 2], 16).unwrap()).collect()
}

/// Makes a session.
async fn create(address: &str, headers: &[(&str, &str)]) -> (StatusCode, String, Value) {
    post(address, "/v1/sessions", headers).await
}

/// Returns the status, the request's identifier and the answer.
async fn post(address: &str, path: &str, headers: &[(&str, &str)]) -> (StatusCode, String, Value) {
    let mut request = reqwest::Client::new().post(format!("{address}{path}")).bearer_auth(BOOTSTRAP_KEY);
    for (name, value) in headers {
        request = request.header(*name, *value);
    }
    let answer = request.json(&json!({})).send().await.unwrap();
    let id = answer.headers()["kyc-request-id"].to_str().unwrap().to_owned();
    (answer.status(), id, answer.json().await.unwrap())
}

fn lines(path: &Path) -> Vec<Value> {
    let text = std::fs::read_to_string(path).unwrap();
    text.lines().map(|line| serde_json::from_str(line).unwrap_or_else(|_| panic!("not JSON: {line}"))).collect()
}

/// The server's end is waited for on one thread while the collector answers on another.
#[tokio::test(flavor = "multi_thread")]
async fn one_tree_of_spans_leads_from_the_caller_to_the_disk() {
    let dir = tempfile::tempdir().unwrap();
    let mut collector = Collector::start().await;
    let mut command = serve_with_key(dir.path());
    command.env("VETD_OTLP_ENDPOINT", &collector.url).env("VETD_SERVICE_NAME", "vetd-here");
    let mut server = Program::start(command);
    let address = server.address();
    let traceparent = format!("00-{TRACE}-{PARENT}-01");
    let (status, id, _) = create(&address, &[("idempotency-key", "once"), ("traceparent", &traceparent)]).await;
    assert_eq!(status, 201);
    assert_eq!(server.end("TERM").1.code(), Some(0));

    let mut spans = collector.spans();
    spans.retain(|span| span.trace_id == bytes(TRACE));
    let request = one(&spans, "POST /v1/sessions");
    assert_eq!((request.kind, &request.parent_span_id), (2, &bytes(PARENT)), "a server's span, under the caller's");
    assert_eq!(attribute(request, "request_id"), id);
    assert_eq!(attribute(request, "http.response.status_code"), "201");
    let mut parent = request;
    for name in ["idempotency", "session.create", "commit"] {
        let span = one(&spans, name);
        assert_eq!(span.parent_span_id, parent.span_id, "{name} is not under {}", parent.name);
        parent = span;
    }
    for name in ["commit.wait", "commit.write"] {
        let span = one(&spans, name);
        assert_eq!(span.parent_span_id, parent.span_id, "{name}");
        assert!(span.end_time_unix_nano <= request.end_time_unix_nano, "{name} outlives the request");
    }
    assert_eq!(spans.len(), 6, "{spans:#?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn only_the_share_that_is_asked_for_is_traced_and_what_a_caller_traces() {
    let dir = tempfile::tempdir().unwrap();
    let mut collector = Collector::start().await;
    let mut command = serve_with_key(dir.path());
    command.env("VETD_OTLP_ENDPOINT", &collector.url).env("VETD_TRACE_SAMPLE", "0");
    let mut server = Program::start(command);
    let address = server.address();
    create(&address, &[]).await;
    create(&address, &[("traceparent", &format!("00-{TRACE}-{PARENT}-00"))]).await;
    create(&address, &[("traceparent", "a broken one")]).await;
    let (_, id, _) = create(&address, &[("traceparent", &format!("00-{TRACE}-{PARENT}-01"))]).await;
    assert_eq!(server.end("TERM").1.code(), Some(0));
    let spans = collector.spans();
    assert_eq!(attribute(one(&spans, "POST /v1/sessions"), "request_id"), id);
    assert!(spans.iter().all(|span| span.trace_id == bytes(TRACE)));
}

#[tokio::test]
async fn a_collector_that_is_away_harms_nobody() {
    let dir = tempfile::tempdir().unwrap();
    // A port that nobody listens on: it was free a moment ago.
    let away = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap().local_addr().unwrap();
    let mut command = serve_with_key(dir.path());
    command.env("VETD_OTLP_ENDPOINT", format!("http://{away}"));
    let mut server = Program::start(command);
    let address = server.address();
    for _ in 0..20 {
        assert_eq!(create(&address, &[]).await.0, 201);
    }
    assert_eq!(server.end("TERM").1.code(), Some(0));
}

#[tokio::test]
async fn every_log_line_is_json_and_names_the_request_that_it_was_written_for() {
    let dir = tempfile::tempdir().unwrap();
    let data = dir.path().join("data");
    let mut server = Program::start(serve_with_key(&data));
    let session = create(&server.address(), &[]).await.2;
    assert_eq!(server.end("TERM").1.code(), Some(0));

    // A disk without space: the session's actor says so, in a task that is not the request's.
    let log = dir.path().join("log");
    let mut command = vetd(&["serve", "--listen", "127.0.0.1:0", "--log-format", "json", "--data"]);
    command.arg(&data).env("VETD_DISK_RESERVE", (1 << 30).to_string());
    let mut server = Program::start_logged(command, &log);
    let address = server.address();
    let cancel = format!("/v1/sessions/{}/cancel", session["id"].as_str().unwrap());
    let (status, with_key, _) = post(&address, &cancel, &[("idempotency-key", "once")]).await;
    assert_eq!(status, 503);
    let (status, without, _) = post(&address, &cancel, &[]).await;
    assert_eq!(status, 503);
    assert_eq!(server.end("TERM").1.code(), Some(0));

    let lines = lines(&log);
    let of = |target: &str| -> Vec<&Value> { lines.iter().filter(|line| line["target"] == target).collect() };
    let actors: Vec<&Value> =
        of("vetd_actors::session_actor").iter().map(|line| &line["spans"][0]["request_id"]).collect();
    assert_eq!(actors, [&json!(with_key), &json!(without)], "{lines:#?}");
    for id in [&with_key, &without] {
        let said = of("vetd::http::frame").into_iter().find(|line| line["request_id"] == **id);
        assert_eq!(said.unwrap()["status"], 503);
        assert!(of("vetd::http::error").iter().any(|line| line["request_id"] == **id));
    }
}
