//! Chips over REST, against the real program and an authority of our own.
#![expect(clippy::unwrap_used, reason = "a test fails where it unwraps")]

mod operator;
mod program;

use std::fs;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use operator::Server;
use program::{BOOTSTRAP_KEY, Program, ended, serve_with_key};
use serde_json::{Value, json};
use tempfile::TempDir;
use vetd_specimens::chip::{CertificatePlan, group_1};
use vetd_specimens::{Format, Person, lines};

/// A chip's files as a body.
struct Chip {
    sod: Vec<u8>,
    dg1: Vec<u8>,
}

impl Chip {
    /// Signed by the document signer of a country of its specimens' own.
    fn of(issuer: &str, country: &'static str) -> Self {
        let mut zone = lines(Format::Td3, "P<", &Person::invented(7), None);
        zone[0].replace_range(2..5, issuer);
        let dg1 = group_1(&zone);
        let authority = CertificatePlan::authority(country).issue(None);
        let sod = CertificatePlan::signer(country).issue(Some(&authority)).sign_groups(&[(1, &dg1), (2, b"portrait")]);
        Self { sod, dg1 }
    }

    fn body(&self) -> Value {
        json!({ "sod": STANDARD.encode(&self.sod), "dg1": STANDARD.encode(&self.dg1), "dg2": STANDARD.encode("portrait") })
    }
}

/// A server that trusts Sweden's authority, with a flow that wants a chip.
async fn start() -> Server {
    let dir = TempDir::new().unwrap();
    let trust = dir.path().join("trust");
    fs::create_dir(&trust).unwrap();
    fs::write(trust.join("se.cer"), CertificatePlan::authority("SE").issue(None).der).unwrap();
    let data = dir.path().join("data");
    let mut command = serve_with_key(&data);
    command.env("VETD_CHIP_TRUST", &trust);
    let mut program = Program::start(command);
    let server = Server { address: program.address(), dir, program };
    let field = |name: &str, kind: &str| json!({ "name": name, "type": kind, "required": true });
    let flow = json!({
        "steps": [{ "type": "data_entry", "fields": [field("last_name", "string"), field("date_of_birth", "date")] }],
        "checks": [{ "type": "document_chip" }, { "type": "data_completeness" }],
    });
    let template = json!({ "name": "Chip", "slug": "chip", "flow_config": flow });
    let (status, made) = server.call("POST", "/v1/templates", BOOTSTRAP_KEY, template).await;
    assert_eq!(status, 201, "{made}");
    let path = format!("/v1/templates/{}/publish", made["id"].as_str().unwrap());
    assert_eq!(server.call("POST", &path, BOOTSTRAP_KEY, json!({})).await.0, 200);
    server
}

async fn send(server: &Server, session: &Value, body: Value) -> (u16, Value) {
    let path = format!("/v1/sessions/{}/chip", session["id"].as_str().unwrap());
    server.call("POST", &path, BOOTSTRAP_KEY, body).await
}

async fn session(server: &Server) -> Value {
    server.session(json!({ "template_slug": "chip" })).await
}

/// The person's part; the verification at its end.
async fn finish(server: &Server, session: &Value) -> Value {
    let token = session["sdk_token"].as_str().unwrap();
    server.call("POST", "/iframe/api/load", token, json!({})).await;
    let fields = json!({ "fields": { "last_name": "Somebody Else", "date_of_birth": "1990-01-01" } });
    let (status, answer) = server.call("POST", "/iframe/api/steps/data_entry", token, fields).await;
    assert_eq!(status, 200, "{answer}");
    let path = format!("/v1/verifications/{}", session["verification_id"].as_str().unwrap());
    loop {
        let (_, found) = server.call("GET", &path, BOOTSTRAP_KEY, json!({})).await;
        if found["status"] != "in_progress" {
            return found;
        }
        tokio::task::yield_now().await;
    }
}

#[tokio::test]
async fn an_authentic_chip_is_the_most_trusted_source() {
    let server = start().await;
    let made = session(&server).await;
    // Before the person has begun, and again: the last reading counts.
    let unknown = send(&server, &made, Chip::of("NOR", "NO").body()).await;
    assert_eq!(
        (unknown.0, &unknown.1["status"], &unknown.1["code"]),
        (200, &json!("needs_review"), &json!("chip_anchor_unknown"))
    );
    let (status, taken) = send(&server, &made, Chip::of("SWE", "SE").body()).await;
    let expected = json!({
        "object": "chip", "session_id": made["id"], "data_groups": [1, 2], "status": "passed", "code": null,
    });
    assert_eq!((status, taken), (200, expected));
    let found = finish(&server, &made).await;
    assert_eq!((&found["status"], &found["checks"][0]["status"]), (&json!("completed"), &json!("passed")), "{found}");
    let name = &found["fields"]["last_name"];
    assert_eq!((&name["source"], &name["disagreeing"][0]["source"]), (&json!("document_chip"), &json!("typed")));
    assert_eq!(found["fields"]["issuing_country"]["value"], "SE");
    let late = send(&server, &made, Chip::of("SWE", "SE").body()).await;
    assert_eq!((late.0, &late.1["error"]["code"]), (409, &json!("invalid_state")));
    server.end();
}

#[tokio::test]
async fn chips_that_prove_nothing_do_not_pass() {
    let server = start().await;
    let missing = finish(&server, &session(&server).await).await;
    assert_eq!((&missing["status"], &missing["last_error"]["code"]), (&json!("failed"), &json!("chip_missing")));

    let unknown = session(&server).await;
    send(&server, &unknown, Chip::of("NOR", "NO").body()).await;
    let unknown = finish(&server, &unknown).await;
    assert_eq!(
        (&unknown["status"], &unknown["last_error"]["code"]),
        (&json!("requires_review"), &json!("chip_anchor_unknown"))
    );
    assert_eq!(unknown["fields"]["last_name"]["source"], "typed");

    let altered = session(&server).await;
    let chip = Chip { dg1: Chip::of("NOR", "SE").dg1, ..Chip::of("SWE", "SE") };
    assert_eq!(send(&server, &altered, chip.body()).await.1["code"], "chip_data_altered");
    let altered = finish(&server, &altered).await;
    assert_eq!((&altered["status"], &altered["last_error"]["code"]), (&json!("failed"), &json!("chip_data_altered")));
    server.end();
}

#[tokio::test]
async fn what_is_no_chip_is_refused_and_changes_nothing() {
    let server = start().await;
    let made = session(&server).await;
    let good = Chip::of("SWE", "SE");
    send(&server, &made, good.body()).await;
    let with = |name: &str, value: Value| {
        let mut body = good.body();
        body[name] = value;
        body
    };
    for (body, path) in [
        (with("sod", json!("not base64")), "sod"),
        (with("sod", json!(STANDARD.encode("no CMS"))), "sod"),
        (with("sod", json!(STANDARD.encode(&good.dg1))), "sod"),
        (with("sod", json!("A".repeat(100_000))), "sod"),
        (with("dg1", json!(STANDARD.encode("no zone"))), "dg1"),
        (with("dg1", Value::Null), "dg1"),
        (with("dg17", json!("YQ==")), "dg17"),
    ] {
        let (status, answer) = send(&server, &made, body).await;
        assert_eq!((status, &answer["error"]["fields"][0]["path"]), (422, &json!(path)), "{answer}");
    }
    assert_eq!(finish(&server, &made).await["status"], "completed");

    let other = server.session(json!({})).await;
    let (status, answer) = send(&server, &other, good.body()).await;
    assert_eq!((status, &answer["error"]["code"]), (422, &json!("check_not_required")));
    let absent = json!({ "id": "ses_01m82gge0wfpnrq0y26svfhg6c" });
    assert_eq!(send(&server, &absent, good.body()).await.0, 404);
    server.end();
}

#[tokio::test]
async fn an_answer_is_replayed_and_says_nothing_once_the_person_is_erased() {
    let server = start().await;
    let made = session(&server).await;
    let path = format!("{}/v1/sessions/{}/chip", server.address, made["id"].as_str().unwrap());
    let call = || async {
        let request = reqwest::Client::new().post(&path).bearer_auth(BOOTSTRAP_KEY).header("Idempotency-Key", "chip-1");
        let answer = request.json(&Chip::of("SWE", "SE").body()).send().await.unwrap();
        let replayed = answer.headers().contains_key("idempotent-replayed");
        (replayed, answer.json::<Value>().await.unwrap())
    };
    let first = call().await;
    assert_eq!((first.0, &first.1["status"]), (false, &json!("passed")));
    assert_eq!(call().await, (true, first.1));
    let id = finish(&server, &made).await["id"].clone();
    let redact = format!("/v1/verifications/{}/redact", id.as_str().unwrap());
    assert_eq!(server.call("POST", &redact, BOOTSTRAP_KEY, json!({})).await.0, 200);
    let (replayed, erased) = call().await;
    assert_eq!((replayed, &erased["data_groups"], &erased["status"]), (true, &json!([]), &Value::Null));
    server.end();
}

#[test]
fn certificates_that_cannot_be_read_stop_the_start() {
    let dir = TempDir::new().unwrap();
    let file = dir.path().join("trust.pem");
    for (content, why) in [(Some("garbage"), "neither a certificate"), (None, "No such file")] {
        if let Some(content) = content {
            fs::write(&file, content).unwrap();
        } else {
            fs::remove_file(&file).unwrap();
        }
        let mut command = serve_with_key(&dir.path().join("data"));
        command.env("VETD_CHIP_TRUST", &file);
        let (code, said) = ended(command);
        assert!(code == Some(3) && said.contains("trust.pem") && said.contains(why), "{said}");
    }
}
