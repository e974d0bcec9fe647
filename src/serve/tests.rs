//! The door over real sockets.

use std::convert::Infallible;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use axum::body::Body;
use axum::http::StatusCode;
use axum::routing::{get, post};
use futures::{StreamExt, stream};
use prometheus_client::metrics::gauge::Gauge;
use serde_json::Value;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{Notify, oneshot};
use tokio::task::JoinHandle;
use vetd_actors::TestClock;
use vetd_model::Timestamp;

use super::{Door, Limits};

const LIMITS: Limits = Limits::USUAL;

struct Running {
    address: SocketAddr,
    clock: TestClock,
    stop: Option<oneshot::Sender<()>>,
    ended: JoinHandle<()>,
    /// `/slow`, `/stream` or `/endless` has begun, and may end.
    begun: Arc<Notify>,
    may_end: Arc<Notify>,
    /// The answer of `/endless` was given up.
    given_up: Arc<Notify>,
}

/// Tells when it is dropped.
struct Tells(Arc<Notify>);

impl Drop for Tells {
    fn drop(&mut self) {
        self.0.notify_one();
    }
}

async fn running(connections: usize) -> Running {
    let clock = TestClock::new(Timestamp::from_seconds(1_763_800_000));
    let door = Door {
        clock: Arc::new(clock.clone()),
        connections,
        limits: LIMITS,
        drain: Duration::from_secs(5),
        open: Gauge::default(),
    };
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let (begun, may_end) = (Arc::new(Notify::new()), Arc::new(Notify::new()));
    let (tell, wait) = (Arc::clone(&begun), Arc::clone(&may_end));
    let begin_and_wait = move || {
        let (tell, wait) = (Arc::clone(&tell), Arc::clone(&wait));
        async move {
            tell.notify_one();
            wait.notified().await;
            "done"
        }
    };
    let (slow, later) = (begin_and_wait.clone(), begin_and_wait);
    let stream = || async move { Body::from_stream(stream::once(later()).map(Ok::<_, Infallible>)) };
    let given_up = Arc::new(Notify::new());
    let (tells, tell) = (Arc::clone(&given_up), Arc::clone(&begun));
    let endless = || async move {
        tell.notify_one();
        let tells = Tells(tells);
        Body::from_stream(stream::repeat_with(move || {
            let _ = &tells;
            Ok::<_, Infallible>(vec![b'x'; 1 << 16])
        }))
    };
    let router = Router::new()
        .route("/fine", get(|| async { "fine" }))
        .route("/too-large", post(|| async { (StatusCode::PAYLOAD_TOO_LARGE, "too large") }))
        .route("/slow", get(slow))
        .route("/stream", get(stream))
        .route("/endless", get(endless));
    let (stop, stopped) = oneshot::channel::<()>();
    let ended = tokio::spawn(async move { door.serve(listener, router, async { drop(stopped.await) }).await });
    Running { address, clock, stop: Some(stop), ended, begun, may_end, given_up }
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

/// What the client still reads while time passes in steps, until the server closes.
async fn rest_in_time(server: &Running, mut client: TcpStream, step: Duration) -> String {
    let reading = tokio::spawn(async move {
        let mut answer = Vec::new();
        // Unread bytes of ours make it a reset.
        let _ = client.read_to_end(&mut answer).await;
        String::from_utf8(answer).unwrap()
    });
    while !reading.is_finished() {
        server.clock.advance(step);
        tokio::task::yield_now().await;
    }
    reading.await.unwrap()
}

async fn answered(client: &mut TcpStream, ending: &str) {
    let mut answer = String::new();
    let mut piece = [0; 4096];
    while !answer.ends_with(ending) {
        let length = client.read(&mut piece).await.unwrap();
        assert!(length > 0, "the server closed after {answer:?}");
        answer.push_str(std::str::from_utf8(&piece[..length]).unwrap());
    }
}

const FINE: &[u8] = b"GET /fine HTTP/1.1\r\nHost: x\r\n\r\n";

#[tokio::test]
async fn a_client_that_says_nothing_is_sent_away() {
    let server = running(2).await;
    let silent = server.connect().await;
    assert_eq!(rest_in_time(&server, silent, LIMITS.head).await, "");
    let mut greeting = server.connect().await;
    greeting.write_all(b"GET /fi").await.unwrap();
    assert_eq!(rest_in_time(&server, greeting, LIMITS.head).await, "");
}

#[tokio::test]
async fn a_head_that_drips_is_cut_off_however_long_the_connection_has_lived() {
    let server = running(1).await;
    let mut client = server.connect().await;
    client.write_all(FINE).await.unwrap();
    answered(&mut client, "fine").await;
    for (second, byte) in FINE.iter().enumerate() {
        if client.write_all(&[*byte]).await.is_err() {
            break;
        }
        client.flush().await.unwrap();
        // The server gets to see the byte before the second is over.
        for _ in 0..100 {
            tokio::task::yield_now().await;
        }
        assert!(second <= 15, "the head has taken {second} s");
        server.clock.advance(Duration::from_secs(1));
        tokio::task::yield_now().await;
    }
    assert_eq!(rest_in_time(&server, client, Duration::ZERO).await, "");
}

#[tokio::test]
async fn an_idle_connection_is_kept_for_longer_than_a_head_may_take() {
    let server = running(1).await;
    let mut client = server.connect().await;
    for _ in 0..3 {
        client.write_all(FINE).await.unwrap();
        answered(&mut client, "fine").await;
        server.clock.advance(LIMITS.idle - Duration::from_millis(1));
        tokio::task::yield_now().await;
    }
    assert_eq!(rest_in_time(&server, client, Duration::from_millis(1)).await, "");
}

#[tokio::test]
async fn a_request_under_way_and_an_answer_that_goes_on_are_not_idle() {
    let server = running(1).await;
    let mut client = server.connect().await;
    for path in ["/slow", "/stream"] {
        let request = format!("GET {path} HTTP/1.1\r\nHost: x\r\n\r\n");
        client.write_all(request.as_bytes()).await.unwrap();
        server.begun.notified().await;
        for _ in 0..10 {
            server.clock.advance(LIMITS.idle);
            tokio::task::yield_now().await;
        }
        server.may_end.notify_one();
        answered(&mut client, if path == "/slow" { "done" } else { "4\r\ndone\r\n0\r\n\r\n" }).await;
    }
}

#[tokio::test]
async fn a_client_that_takes_nothing_of_its_answer_is_cut_off() {
    let server = running(1).await;
    let mut client = server.connect().await;
    client.write_all(b"GET /endless HTTP/1.1\r\nHost: x\r\n\r\n").await.unwrap();
    server.begun.notified().await;
    let mut given_up = Box::pin(server.given_up.notified());
    while futures::poll!(&mut given_up).is_pending() {
        server.clock.advance(LIMITS.stalled);
        tokio::task::yield_now().await;
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
