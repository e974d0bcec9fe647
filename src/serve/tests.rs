//! The door over real sockets.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use axum::http::StatusCode;
use axum::routing::{get, post};
use serde_json::Value;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{Notify, oneshot};
use tokio::task::JoinHandle;
use vetd_actors::TestClock;
use vetd_model::Timestamp;

use super::Door;

/// Longer than any of these tests takes.
const HEAD_TIME: Duration = Duration::from_secs(10);

struct Running {
    address: SocketAddr,
    clock: TestClock,
    stop: Option<oneshot::Sender<()>>,
    ended: JoinHandle<()>,
    /// `/slow` has begun, and may end.
    begun: Arc<Notify>,
    may_end: Arc<Notify>,
}

async fn running(connections: usize) -> Running {
    running_with(connections, HEAD_TIME).await
}

async fn running_with(connections: usize, head_time: Duration) -> Running {
    let clock = TestClock::new(Timestamp::from_seconds(1_763_800_000));
    let door = Door { clock: Arc::new(clock.clone()), connections, head_time, drain: Duration::from_secs(5) };
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let (begun, may_end) = (Arc::new(Notify::new()), Arc::new(Notify::new()));
    let (tell, wait) = (Arc::clone(&begun), Arc::clone(&may_end));
    let slow = || async move {
        tell.notify_one();
        wait.notified().await;
        "done"
    };
    let router = Router::new()
        .route("/fine", get(|| async { "fine" }))
        .route("/too-large", post(|| async { (StatusCode::PAYLOAD_TOO_LARGE, "too large") }))
        .route("/slow", get(slow));
    let (stop, stopped) = oneshot::channel::<()>();
    let ended = tokio::spawn(async move { door.serve(listener, router, async { drop(stopped.await) }).await });
    Running { address, clock, stop: Some(stop), ended, begun, may_end }
}

impl Running {
    async fn connect(&self) -> TcpStream {
        TcpStream::connect(self.address).await.unwrap()
    }

    /// Everything that comes back for these bytes, until the server closes.
    async fn exchange(&self, request: &[u8]) -> String {
        let mut client = self.connect().await;
        client.write_all(request).await.unwrap();
        rest(&mut client).await
    }

    fn stop(&mut self) {
        drop(self.stop.take());
    }
}

async fn rest(client: &mut TcpStream) -> String {
    let mut answer = String::new();
    client.read_to_string(&mut answer).await.unwrap();
    answer
}

/// Asserts that this is the error envelope for this path, with one request id in head and body.
fn assert_envelope(answer: &str, path: &str) {
    let (head, body) = answer.split_once("\r\n\r\n").unwrap();
    assert!(head.starts_with("HTTP/1.1 422 "), "{answer}");
    assert!(head.contains("connection: close"), "{answer}");
    assert!(head.contains(&format!("content-length: {}", body.len())), "{answer}");
    let body: Value = serde_json::from_str(body).unwrap();
    let error = &body["error"];
    assert_eq!(error["code"], "validation_error");
    assert_eq!(error["fields"][0]["path"], path);
    let id = error["request_id"].as_str().unwrap();
    assert!(id.starts_with("req_") && head.contains(&format!("kyc-request-id: {id}")), "{answer}");
}

#[tokio::test]
async fn a_request_that_is_not_http_gets_the_error_envelope() {
    let server = running(8).await;
    let malformed: [&[u8]; 5] = [
        b"GET /fine HTTP/1.1\r\nHost: x\r\nX-Bad: a\x01b\r\n\r\n",
        b"GET /fine HTTP/1.1\r\nHost: x\r\nBad Name: a\r\n\r\n",
        b"GET /fi ne HTTP/1.1\r\nHost: x\r\n\r\n",
        b"G\x02T /fine HTTP/1.1\r\nHost: x\r\n\r\n",
        b"POST /fine HTTP/1.1\r\nHost: x\r\nContent-Length: many\r\n\r\n",
    ];
    for request in malformed {
        assert_envelope(&server.exchange(request).await, "headers");
    }
}

#[tokio::test]
async fn too_many_headers_get_the_error_envelope() {
    let server = running(8).await;
    let large = format!("GET /fine HTTP/1.1\r\nHost: x\r\nX-Large: {}\r\n\r\n", "a".repeat(1 << 20));
    assert_envelope(&server.exchange(large.as_bytes()).await, "headers");
    let many = format!("GET /fine HTTP/1.1\r\nHost: x\r\n{}\r\n", "X-Many: a\r\n".repeat(200));
    assert_envelope(&server.exchange(many.as_bytes()).await, "headers");
    let address = format!("GET /{} HTTP/1.1\r\nHost: x\r\n\r\n", "a".repeat(70_000));
    assert_envelope(&server.exchange(address.as_bytes()).await, "headers");
}

#[tokio::test]
async fn a_good_request_before_a_malformed_one_is_answered() {
    let server = running(8).await;
    let both = b"GET /fine HTTP/1.1\r\nHost: x\r\n\r\nGET /fine HTTP/1.1\r\nX-Bad: \x01\r\n\r\n";
    let answers = server.exchange(both).await;
    let (good, bad) = answers.split_once("\r\n\r\nfine").unwrap();
    assert!(good.starts_with("HTTP/1.1 200 OK"));
    assert_envelope(bad, "headers");
}

#[tokio::test]
async fn who_sends_too_much_still_reads_why() {
    let server = running(8).await;
    let mut request = b"POST /too-large HTTP/1.1\r\nHost: x\r\nContent-Length: 8388608\r\n\r\n".to_vec();
    request.resize(request.len() + 8_388_608, b'x');
    let answer = server.exchange(&request).await;
    assert!(answer.starts_with("HTTP/1.1 413 ") && answer.ends_with("too large"), "{answer}");
}

#[tokio::test]
async fn a_client_that_says_nothing_is_sent_away() {
    // hyper's time limit runs on the machine's clock.
    let server = running_with(2, Duration::from_millis(50)).await;
    let mut silent = server.connect().await;
    let mut greeting = server.connect().await;
    greeting.write_all(b"GET /fi").await.unwrap();
    for client in [&mut silent, &mut greeting] {
        let mut rest = Vec::new();
        client.read_to_end(&mut rest).await.unwrap();
        assert!(!String::from_utf8_lossy(&rest).contains("200 OK"));
    }
}

#[tokio::test]
async fn connections_beyond_the_limit_wait_their_turn() {
    let server = running(1).await;
    let mut first = server.connect().await;
    first.write_all(b"GET /slow HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n").await.unwrap();
    server.begun.notified().await;
    let mut second = server.connect().await;
    second.write_all(b"GET /fine HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n").await.unwrap();
    let mut one = [0];
    assert!(tokio::time::timeout(Duration::from_millis(100), second.read(&mut one)).await.is_err());
    server.may_end.notify_one();
    assert!(rest(&mut first).await.ends_with("done"));
    drop(first);
    assert!(rest(&mut second).await.ends_with("fine"));
}

#[tokio::test]
async fn the_end_lets_open_requests_finish_and_takes_no_new_ones() {
    let mut server = running(8).await;
    let mut idle = server.connect().await;
    idle.write_all(b"GET /fine HTTP/1.1\r\nHost: x\r\n\r\n").await.unwrap();
    let mut answer = [0; 4096];
    assert!(idle.read(&mut answer).await.unwrap() > 0);
    let mut open = server.connect().await;
    open.write_all(b"GET /slow HTTP/1.1\r\nHost: x\r\n\r\n").await.unwrap();
    server.begun.notified().await;

    server.stop();
    assert_eq!(idle.read(&mut answer).await.unwrap(), 0);
    drop(idle);
    assert!(TcpStream::connect(server.address).await.is_err());
    server.may_end.notify_one();
    assert!(rest(&mut open).await.ends_with("done"));
    drop(open);
    server.ended.await.unwrap();
}

#[tokio::test]
async fn the_end_does_not_wait_longer_than_the_grace() {
    let mut server = running(8).await;
    let mut open = server.connect().await;
    open.write_all(b"GET /slow HTTP/1.1\r\nHost: x\r\n\r\n").await.unwrap();
    server.begun.notified().await;
    server.stop();
    // The listener is gone before the grace begins.
    while TcpStream::connect(server.address).await.is_ok() {}
    while !server.ended.is_finished() {
        server.clock.advance(Duration::from_secs(5));
        tokio::task::yield_now().await;
    }
    assert_eq!(rest(&mut open).await, "");
}
