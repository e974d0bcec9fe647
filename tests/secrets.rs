//! Nothing personal or secret in what an operator sees: a whole life with planted values, and
//! every kind of error, at the most talkative settings; then logs, metrics and traces are
//! searched for what was planted.
#![expect(clippy::unwrap_used, reason = "a test fails where it unwraps")]

mod collector;
mod program;
mod receiver;

use base64::Engine as _;
use base64::engine::general_purpose::{STANDARD, URL_SAFE};
use collector::Collector;
use program::{Program, vetd};
use receiver::Receiver;
use reqwest::{Client, Method, Response};
use serde_json::{Value, json};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

const API_KEY: &str = "ak_test_qvaxbootstrapkey0123456789";
const WRONG_KEY: &str = "ak_test_qvaxwrongkey01234567890123";
const MASTER_KEY: &str = "71766178206d6173746572206b65792074686174206e6f626f64792073656573";
const FIRST_NAME: &str = "QVAXFIRST";
const LAST_NAME: &str = "QVAXLASTNAME";
const BIRTH: &str = "1931-03-07";
const NO_DATE: &str = "1931-33-77";
const META_KEY: &str = "qvaxmetakey";
const META_VALUE: &str = "qvaxmetavalue";
const REDIRECT: &str = "qvaxredirect";
const IDEMPOTENCY: &str = "qvaxidempotency";
const QUERY: &str = "qvaxquery";
const HOOK: &str = "qvaxhookpath";
const BODY: &str = "qvaxbody";
const FIELD: &str = "qvaxfield";
const PATH: &str = "qvaxpath";
const TEMPLATE: &str = "qvaxtemplate";
const HEADER: &str = "qvaxheader";
const KEY_NAME: &str = "qvaxkeyname";
const ORIGIN: &str = "qvaxorigin";
const METHOD: &str = "QVAXMETHOD";

const PLANTED: [&str; 21] = [
    API_KEY,
    WRONG_KEY,
    MASTER_KEY,
    FIRST_NAME,
    LAST_NAME,
    BIRTH,
    NO_DATE,
    META_KEY,
    META_VALUE,
    REDIRECT,
    IDEMPOTENCY,
    QUERY,
    HOOK,
    BODY,
    FIELD,
    PATH,
    TEMPLATE,
    HEADER,
    METHOD,
    KEY_NAME,
    ORIGIN,
];

/// How a value might be written: as it is, in base64 at any place of a longer text, in hexadecimal.
fn forms(planted: &str) -> Vec<String> {
    let mut forms = vec![planted.to_lowercase()];
    forms.push(planted.bytes().map(|byte| format!("{byte:02x}")).collect());
    for before in 0..3 {
        let bytes = [&vec![0; before], planted.as_bytes()].concat();
        for engine in [STANDARD, URL_SAFE] {
            // The first letters hold bits of what is before, the last ones of what follows.
            let text = engine.encode(&bytes).trim_end_matches('=').to_owned();
            forms.push(text[(before * 8).div_ceil(6)..text.len() - 1].to_lowercase());
        }
    }
    forms
}

/// Which of the planted values these bytes hold, whatever the case.
fn found(planted: &[String], bytes: &[u8]) -> Vec<String> {
    let text = String::from_utf8_lossy(bytes).to_lowercase();
    let holds = |value: &&String| forms(value).iter().any(|form| text.contains(form.as_str()));
    planted.iter().filter(holds).cloned().collect()
}

/// A server, and a client that plants values wherever a request has room for them.
struct Planter {
    address: String,
    client: Client,
}

impl Planter {
    /// `note` makes the idempotency key another one.
    async fn send(
        &self,
        bearer: &str,
        (method, path, note): (&str, &str, &str),
        body: impl Into<reqwest::Body>,
    ) -> Response {
        let request = self.client.request(Method::from_bytes(method.as_bytes()).unwrap(), self.address.clone() + path);
        let request = request.bearer_auth(bearer).header("content-type", "application/json");
        let request =
            request.header("x-note", HEADER).header("user-agent", HEADER).header("tracestate", "v=qvaxheader");
        request.header("idempotency-key", format!("{IDEMPOTENCY}{path}{note}")).body(body).send().await.unwrap()
    }

    /// A request that succeeds.
    async fn done(&self, bearer: &str, method: &str, path: &str, body: Value) -> (Value, String) {
        let answer = self.send(bearer, (method, path, ""), body.to_string()).await;
        let id = answer.headers()["kyc-request-id"].to_str().unwrap().to_owned();
        let (status, body) = (answer.status(), answer.text().await.unwrap());
        assert!(status.is_success(), "{method} {path}: {status} {body}");
        (serde_json::from_str(&body).unwrap_or_default(), id)
    }

    /// A request that is refused.
    async fn refused(&self, status: u16, bearer: &str, method: &str, path: &str, body: impl Into<reqwest::Body>) {
        // Only a conflict is with an earlier use of its key.
        let note = if status == 409 { "" } else { "refused" };
        let answer = self.send(bearer, (method, path, note), body).await;
        assert_eq!(answer.status().as_u16(), status, "{method} {path}: {}", answer.text().await.unwrap());
    }

    /// Bytes that are not HTTP.
    async fn noise(&self) {
        let mut client = TcpStream::connect(self.address.trim_start_matches("http://")).await.unwrap();
        let noise = format!("GET /{PATH}?{QUERY} HTTP/1.1\r\nHost: x\r\n{HEADER}: \x01{HEADER}\r\n\r\n");
        client.write_all(noise.as_bytes()).await.unwrap();
        let mut answer = String::new();
        client.read_to_string(&mut answer).await.unwrap();
        assert!(answer.starts_with("HTTP/1.1 422"), "{answer}");
    }
}

/// A session's whole life. Returns what the server made that is secret, and a request's identifier.
async fn life(planter: &Planter, receiver: &mut Receiver) -> (Vec<String>, String) {
    let hook = json!({ "url": format!("{}/{HOOK}?{QUERY}", receiver.url), "description": BODY });
    let (endpoint, _) = planter.done(API_KEY, "POST", "/v1/webhook_endpoints", hook).await;
    let nobody = json!({ "url": format!("http://127.0.0.1:1/{HOOK}?{QUERY}") });
    planter
        .client
        .post(format!("{}/v1/webhook_endpoints", planter.address))
        .bearer_auth(API_KEY)
        .json(&nobody)
        .send()
        .await
        .unwrap();
    let field = json!({ "name": "nickname", "type": "string", "required": true });
    let steps = json!([{ "type": "consent", "text": TEMPLATE }, { "type": "data_entry", "fields": [field] }]);
    let template = json!({ "name": TEMPLATE, "slug": "t", "flow_config": { "steps": steps } });
    planter.done(API_KEY, "POST", "/v1/templates", template).await;

    let new = json!({ "metadata": { META_KEY: META_VALUE }, "redirect_url": format!("https://{REDIRECT}.example.com/{REDIRECT}?{QUERY}") });
    let (session, id) = planter.done(API_KEY, "POST", "/v1/sessions", new.clone()).await;
    let (replayed, _) = planter.done(API_KEY, "POST", "/v1/sessions", new).await;
    assert_eq!(session, replayed);
    planter.refused(409, API_KEY, "POST", "/v1/sessions", format!("{{\"metadata\":\"{BODY}\"}}")).await;

    let (session_id, token) = (session["id"].as_str().unwrap(), session["sdk_token"].as_str().unwrap());
    let person = |first: &str, birth: &str| {
        json!({ "fields": { "first_name": first, "last_name": LAST_NAME, "date_of_birth": birth, "country": "SE" } })
            .to_string()
    };
    planter.done(token, "POST", &format!("/iframe/api/load?session_id={session_id}"), json!({})).await;
    planter.done(token, "POST", "/iframe/api/steps/consent", json!({ "accepted": true })).await;
    planter.refused(422, token, "POST", "/iframe/api/steps/data_entry", person(FIRST_NAME, NO_DATE)).await;
    planter
        .refused(
            422,
            token,
            "POST",
            "/iframe/api/steps/data_entry",
            format!("{{\"fields\":{{\"{FIELD}\":\"{BODY}\"}}}}"),
        )
        .await;
    planter.refused(422, token, "POST", "/iframe/api/steps/selfie", format!("{{\"{FIELD}\":\"{BODY}\"}}")).await;
    let fields = serde_json::from_str(&person(FIRST_NAME, BIRTH)).unwrap();
    planter.done(token, "POST", "/iframe/api/steps/data_entry", fields).await;
    receiver.next_of_type("verification.completed").await;

    let verification = session["verification_id"].as_str().unwrap();
    planter.done(API_KEY, "GET", &format!("/v1/verifications/{verification}"), Value::Null).await;
    planter.done(API_KEY, "GET", &format!("/v1/verifications?metadata[{META_KEY}]={META_VALUE}"), Value::Null).await;
    planter.done(token, "GET", &format!("/iframe/api/session?session_id={session_id}"), Value::Null).await;
    let parts = token.split('.').skip(1).chain([token]).map(str::to_owned);
    let new = json!({ "name": KEY_NAME, "scopes": ["read"] });
    let (key, _) = planter.done(API_KEY, "POST", "/v1/api_keys", new).await;
    let origins = json!({ "allowed_origins": [format!("https://{ORIGIN}.example.com")] });
    planter.done(API_KEY, "PATCH", "/v1/workspace", origins).await;
    let key = key["key"].as_str().unwrap().to_owned();
    planter.done(&key, "GET", "/v1/sessions", Value::Null).await;
    let whsec = endpoint["secret"].as_str().unwrap().trim_start_matches("whsec_").to_owned();
    (parts.chain([whsec, key]).collect(), id)
}

/// Everything that a caller can do wrong.
async fn errors(planter: &Planter) {
    let wrong_token = "eyJhbGciOiJIUzI1NiJ9.cXZheGJvZHk.qvaxheader";
    planter.refused(401, WRONG_KEY, "POST", "/v1/sessions", "{}").await;
    planter.refused(401, wrong_token, "POST", "/iframe/api/load", "{}").await;
    planter.refused(401, API_KEY, "POST", "/iframe/api/load", "{}").await;
    planter.refused(422, API_KEY, "POST", "/v1/sessions", format!("{{\"{BODY}")).await;
    planter.refused(422, API_KEY, "POST", "/v1/sessions", format!("{{\"{FIELD}\":\"{BODY}\"}}")).await;
    planter.refused(422, API_KEY, "POST", "/v1/sessions", format!("{{\"metadata\":{{\"{META_KEY}\":7}}}}")).await;
    planter.refused(422, API_KEY, "POST", "/v1/sessions", format!("{{\"redirect_url\":\"{REDIRECT}\"}}")).await;
    planter.refused(422, API_KEY, "POST", "/v1/sessions", format!("{{\"template_slug\":\"{TEMPLATE}\"}}")).await;
    planter.refused(422, API_KEY, "POST", &format!("/v1/sessions?{QUERY}={QUERY}"), "{}").await;
    planter.refused(422, API_KEY, "GET", &format!("/v1/sessions?{QUERY}={QUERY}"), "").await;
    planter.refused(422, API_KEY, "POST", "/v1/webhook_endpoints", format!("{{\"url\":\"gopher://{HOOK}\"}}")).await;
    planter.refused(404, API_KEY, "GET", &format!("/v1/sessions/{PATH}"), "").await;
    planter.refused(404, API_KEY, "GET", &format!("/{PATH}?{QUERY}"), "").await;
    planter.refused(405, API_KEY, METHOD, &format!("/v1/sessions?{QUERY}"), "").await;
    planter.refused(413, API_KEY, "POST", "/v1/sessions", BODY.repeat(100_000)).await;
    planter.noise().await;
}

/// The server's end is waited for on one thread while the collector answers on another.
#[tokio::test(flavor = "multi_thread")]
async fn what_an_operator_sees_holds_nothing_that_was_planted() {
    let dir = tempfile::tempdir().unwrap();
    let (data, log) = (dir.path().join("data"), dir.path().join("log"));
    let (mut collector, mut receiver) = (Collector::start().await, Receiver::start().await);
    let mut command = vetd(&["serve", "--listen", "127.0.0.1:0", "--log", "debug", "--data"]);
    command.arg(&data).env("VETD_BOOTSTRAP_TEST_KEY", API_KEY).env("VETD_MASTER_KEY", MASTER_KEY);
    command.env("VETD_OTLP_ENDPOINT", &collector.url);
    let mut server = Program::start_logged(command, &log);
    let planter = Planter { address: server.address(), client: Client::new() };

    let (made, id) = life(&planter, &mut receiver).await;
    errors(&planter).await;
    let metrics = reqwest::get(format!("{}/metrics", planter.address)).await.unwrap().text().await.unwrap();
    let (printed, status) = server.end("TERM");
    assert_eq!(status.code(), Some(0));
    let (logs, traces) = (std::fs::read(&log).unwrap(), collector.bodies().concat());

    // All three have seen the requests, so that they could tell.
    assert!(String::from_utf8_lossy(&logs).contains(&id) && String::from_utf8_lossy(&traces).contains(&id));
    assert!(metrics.contains("route=\"/iframe/api/steps/{type}\",status=\"422\""), "{metrics}");

    let planted: Vec<String> = PLANTED.into_iter().map(str::to_owned).chain(made).collect();
    for (place, bytes) in
        [("logs", &logs[..]), ("metrics", metrics.as_bytes()), ("traces", &traces), ("output", printed.as_bytes())]
    {
        let found = found(&planted, bytes);
        assert!(found.is_empty(), "the {place} hold {found:?}");
    }
}

#[test]
fn a_planted_value_is_found_however_it_is_written() {
    let planted = vec![LAST_NAME.to_owned()];
    for before in ["", "x", "xy", "xyz"] {
        let text = format!("{before}{LAST_NAME}z");
        for written in [text.clone(), STANDARD.encode(&text), URL_SAFE.encode(&text), text.to_lowercase()] {
            assert_eq!(found(&planted, written.as_bytes()), planted, "{written}");
        }
    }
    assert!(found(&planted, b"QVAXLAST").is_empty());
}
