//! `vetd listen` as a tenant's developer uses it: the real program, given events of a real server
//! in bytes of its own.
#![expect(clippy::unwrap_used, reason = "a test fails where it unwraps")]

mod program;
mod receiver;

use program::{BOOTSTRAP_KEY, Program, ended, serve_with_key, vetd};
use receiver::Receiver;
use serde_json::{Value, json};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use vetd_actors::{Clock, SystemClock};
use vetd_model::signature::{WebhookSecret, kyc_signature};

const SECRET: &str = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw";

/// The four events of a plain success.
async fn events() -> Vec<Value> {
    let dir = tempfile::tempdir().unwrap();
    let mut server = Program::start(serve_with_key(dir.path()));
    let address = server.address();
    let client = reqwest::Client::new();
    let post = async |path: String, body: Value| -> Value {
        let request = client.post(format!("{address}{path}")).bearer_auth(BOOTSTRAP_KEY).json(&body);
        request.send().await.unwrap().json().await.unwrap()
    };
    let session = post("/v1/sessions".to_owned(), json!({})).await;
    let simulate = format!("/v1/test/sessions/{}/simulate", session["id"].as_str().unwrap());
    post(simulate, json!({ "actions": ["load", "submit"] })).await;
    let list = client.get(format!("{address}/v1/events")).bearer_auth(BOOTSTRAP_KEY).send().await.unwrap();
    let mut events: Vec<Value> = list.json::<Value>().await.unwrap()["data"].as_array().unwrap().clone();
    events.sort_by_key(|event| event["sequence"].as_u64());
    assert_eq!(events.len(), 4);
    events
}

/// A listener that knows [`SECRET`], and the sender that delivers to it.
struct Listening {
    program: Program,
    address: String,
    client: reqwest::Client,
}

impl Listening {
    fn start(flags: &[&str]) -> Self {
        let mut program = Program::start(vetd(&[&["listen", "--port", "0", "--secret", SECRET], flags].concat()));
        let address = program.address();
        Self { program, address, client: reqwest::Client::new() }
    }

    /// Delivers an event; the status of the answer.
    async fn deliver(&self, event: &Value) -> u16 {
        let (signature, body) = signed(event);
        let request = self.client.post(&self.address).header("KYC-Signature", signature).body(body);
        let request = request.header("Content-Type", "application/json").header("webhook-id", "evt_1");
        request.header("X-Other", "other").send().await.unwrap().status().as_u16()
    }

    /// Sends a delivery on a connection of its own and leaves the answer to come.
    async fn send(&self, event: &Value) -> TcpStream {
        let (signature, body) = signed(event);
        let mut stream = TcpStream::connect(self.address.trim_start_matches("http://")).await.unwrap();
        let head = format!(
            "POST / HTTP/1.1\r\nHost: x\r\nKYC-Signature: {signature}\r\nContent-Length: {}\r\n\r\n",
            body.len()
        );
        stream.write_all(&[head.as_bytes(), &body].concat()).await.unwrap();
        stream
    }

    /// What became of the next delivery that was printed.
    fn next(&mut self) -> String {
        let line = self.program.read_to("\n");
        line.split("  ")
            .filter(|column| !column.trim().is_empty())
            .skip(4)
            .collect::<Vec<_>>()
            .concat()
            .trim()
            .to_owned()
    }
}

/// The signature now, and the body: not the bytes that the server would send, but the same JSON.
fn signed(event: &Value) -> (String, Vec<u8>) {
    let body = serde_json::to_vec_pretty(event).unwrap();
    let secret = WebhookSecret::parse(SECRET).unwrap();
    (kyc_signature([&secret], SystemClock::default().now().seconds(), &body), body)
}

#[tokio::test]
async fn the_chain_is_checked_and_what_comes_again_is_not_counted() {
    let events = events().await;
    let mut listening = Listening::start(&["--count", "4"]);
    let mut changed = events[2].clone();
    changed["data"]["object"]["status"] = "completed".into();
    let mut rehashed = events[0].clone();
    rehashed["hash"] = "0".repeat(64).into();
    for (event, status, printed) in [
        (&events[1], 200, "signature ok, chain followed from here"),
        (&events[1], 200, "signature ok, again"),
        (&changed, 400, "REFUSED: data_hash is not the hash of data: it was changed"),
        (&rehashed, 400, "REFUSED: hash is not the hash of this event: it was changed"),
        (&events[3], 200, "signature ok, WARNING: #3 did not come"),
        (&events[2], 200, "signature ok, WARNING: came after #4"),
        (&events[3], 200, "signature ok, again"),
        (&json!({ "id": "evt_t", "type": "webhook_endpoint.test", "session_id": null }), 200, "signature ok"),
    ] {
        assert_eq!(listening.deliver(event).await, status, "{printed}");
        assert_eq!(listening.next(), printed);
    }
    assert_eq!(listening.program.wait().1.code(), Some(0), "four were taken");
}

#[tokio::test]
async fn deliveries_go_on_to_another_program_which_has_the_last_word() {
    let events = events().await;
    let mut behind = Receiver::start().await;
    let mut listening = Listening::start(&["--count", "1", "--forward", &behind.url]);
    for (answer, printed) in [
        (503, "NOT TAKEN: forwarded, and answered 503"),
        (307, "NOT TAKEN: forwarded, and answered 307"),
        (202, "signature ok, forwarded: 202, chain ok"),
    ] {
        let location = behind.url.clone();
        behind.answer(move |_| (answer, Some(("location", location.clone()))));
        assert_eq!(listening.deliver(&events[0]).await, answer);
        let arrived = behind.next().await;
        assert_eq!((arrived.path.as_str(), arrived.event()), ("/hook", events[0].clone()));
        assert_eq!(arrived.body, serde_json::to_vec_pretty(&events[0]).unwrap());
        assert_eq!(arrived.header("content-type"), "application/json");
        assert_eq!(arrived.header("webhook-id"), "evt_1");
        assert!(arrived.header("kyc-signature").starts_with("t="));
        assert!(!arrived.headers.contains_key("x-other"));
        assert_eq!(listening.next(), printed);
    }
    assert!(behind.already().is_none(), "a redirect is not followed");
    assert_eq!(listening.program.wait().1.code(), Some(0));
}

#[tokio::test]
async fn where_nobody_answers_a_delivery_is_answered_502_and_refused_ones_do_not_go_there() {
    let events = events().await;
    let behind = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}/", behind.local_addr().unwrap());
    let mut listening = Listening::start(&["--forward", &url]);

    // The sender goes away while the program behind still thinks.
    let sender = listening.send(&events[0]).await;
    let (thinking, _) = behind.accept().await.unwrap();
    drop(sender);
    assert_eq!(listening.next(), "NOT TAKEN: the connection ended before the answer");

    drop((thinking, behind));
    assert_eq!(listening.deliver(&events[0]).await, 502);
    assert!(listening.next().starts_with("NOT TAKEN: could not be forwarded: "));
    let mut changed = events[0].clone();
    changed["livemode"] = true.into();
    assert_eq!(listening.deliver(&changed).await, 400);
    assert_eq!(listening.program.end("INT").1.code(), Some(0));
}

#[tokio::test]
async fn chosen_failures_meet_the_first_deliveries_and_take_nothing() {
    let events = events().await;
    let mut failing = Listening::start(&["--count", "2", "--fail", "503:2", "--delay", "20ms"]);
    for (event, status, printed) in [
        (&events[0], 503, "NOT TAKEN: answered 503 after 20ms, as told"),
        (&events[0], 503, "NOT TAKEN: answered 503 after 20ms, as told"),
        (&events[0], 200, "signature ok after 20ms, chain ok"),
        (&events[1], 200, "signature ok after 20ms, chain ok"),
    ] {
        assert_eq!(failing.deliver(event).await, status);
        assert_eq!(failing.next(), printed);
    }
    assert_eq!(failing.program.wait().1.code(), Some(0));

    let mut dropping = Listening::start(&["--drop", "1", "--count", "1"]);
    let mut stream = dropping.send(&events[0]).await;
    let mut answer = Vec::new();
    stream.read_to_end(&mut answer).await.unwrap();
    assert!(answer.is_empty(), "{answer:?}");
    assert_eq!(dropping.next(), "NOT TAKEN: hung up, as told");
    assert_eq!(dropping.deliver(&events[0]).await, 200);
    assert_eq!(dropping.next(), "signature ok, chain ok");
    assert_eq!(dropping.program.wait().1.code(), Some(0));
}

#[test]
fn what_cannot_be_done_is_said_before_anything_is() {
    for (flags, expected, named) in [
        (&["--forward", "ftp://127.0.0.1/"][..], 3, "--forward"),
        (&["--forward", "127.0.0.1:3000"], 3, "--forward"),
        (&["--fail", "200"], 2, "300 to 599"),
        (&["--fail", "503:0"], 2, "COUNT"),
        (&["--fail", "503", "--drop"], 2, "--drop"),
        (&["--delay", "12"], 2, "500ms"),
        (&["--drop", "0"], 2, "--drop"),
    ] {
        let (code, said) = ended(vetd(&[&["listen", "--port", "0"], flags].concat()));
        assert!(code == Some(expected) && said.contains(named), "{flags:?}: {code:?} {said}");
    }
}
