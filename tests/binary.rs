//! The real program: started, used, ended, started again.
#![expect(clippy::unwrap_used, reason = "a test fails where it unwraps")]

mod program;

use program::{BOOTSTRAP_KEY, Program, ended, serve, serve_with_key, vetd};
use serde_json::Value;

async fn healthz(address: &str) -> reqwest::StatusCode {
    reqwest::get(format!("{address}/healthz")).await.unwrap().status()
}

async fn create_session(address: &str, key: &str) -> Value {
    let request = reqwest::Client::new().post(format!("{address}/v1/sessions")).bearer_auth(key);
    let answer = request.json(&serde_json::json!({})).send().await.unwrap();
    assert_eq!(answer.status(), 201);
    answer.json().await.unwrap()
}

#[tokio::test]
async fn a_first_start_shows_a_key_once_and_a_second_start_finds_everything() {
    let dir = tempfile::tempdir().unwrap();
    let data = dir.path().join("data");
    let mut first = Program::start(serve(&data));
    let address = first.address();
    let key = first.read_to("ak_test_").trim().to_owned();
    assert!(first.read_to("curl").contains(&key));
    assert_eq!(healthz(&address).await, 200);
    let session = create_session(&address, &key).await;
    let (_, status) = first.end("TERM");
    assert_eq!(status.code(), Some(0));

    let mut second = Program::start(serve(&data));
    let address = second.address();
    let path = format!("{address}/v1/sessions/{}", session["id"].as_str().unwrap());
    let found = reqwest::Client::new().get(path).bearer_auth(&key).send().await.unwrap();
    assert_eq!(found.json::<Value>().await.unwrap()["id"], session["id"]);
    let (printed, status) = second.end("INT");
    assert!(!printed.contains("ak_test_"), "{printed}");
    assert_eq!(status.code(), Some(0));

    let mut audit = vetd(&["audit", "--json", "--data"]);
    audit.arg(&data);
    let report: Value = serde_json::from_slice(&audit.output().unwrap().stdout).unwrap();
    assert_eq!((&report["sound"], &report["sessions"]), (&true.into(), &1.into()), "{report}");
}

#[tokio::test]
async fn a_key_from_the_environment_is_adopted_and_not_shown() {
    let dir = tempfile::tempdir().unwrap();
    for _ in 0..2 {
        let mut program = Program::start(serve_with_key(dir.path()));
        let address = program.address();
        create_session(&address, BOOTSTRAP_KEY).await;
        let (printed, status) = program.end("TERM");
        assert!(!printed.contains(BOOTSTRAP_KEY), "{printed}");
        assert_eq!(status.code(), Some(0));
    }
}

#[tokio::test]
async fn listen_registers_itself_prints_what_arrives_and_leaves_nothing_behind() {
    let dir = tempfile::tempdir().unwrap();
    let mut server = Program::start(serve_with_key(dir.path()));
    let address = server.address();
    let listen = ["listen", "--port", "0", "--count", "1", "--url", &address, "--api-key", BOOTSTRAP_KEY];
    let mut listener = Program::start(vetd(&listen));
    listener.address();
    let session = create_session(&address, BOOTSTRAP_KEY).await;
    let (printed, status) = listener.wait();
    for part in ["verification.created", session["id"].as_str().unwrap(), "#1", "signature ok"] {
        assert!(printed.contains(part), "{printed}");
    }
    assert_eq!(status.code(), Some(0));

    let endpoints = reqwest::Client::new().get(format!("{address}/v1/webhook_endpoints")).bearer_auth(BOOTSTRAP_KEY);
    let endpoints: Value = endpoints.send().await.unwrap().json().await.unwrap();
    assert_eq!(endpoints["data"], Value::Array(Vec::new()));
}

#[tokio::test]
async fn each_kind_of_failure_has_its_exit_code_and_says_what_to_do() {
    let dir = tempfile::tempdir().unwrap();
    let mut running = Program::start(serve(dir.path()));
    let address = running.address();
    let address = address.trim_start_matches("http://");
    let elsewhere = dir.path().join("elsewhere");

    let (code, said) = ended(serve(dir.path()));
    assert!(code == Some(4) && said.contains("in use by another process"), "{code:?} {said}");

    let mut taken = vetd(&["serve", "--listen", address, "--data"]);
    taken.arg(&elsewhere);
    let (code, said) = ended(taken);
    assert!(code == Some(5) && said.contains("another program uses this port"), "{code:?} {said}");
    assert!(!elsewhere.exists(), "a start that fails for its port makes nothing");

    let mut shifted = vetd(&["serve", "--listen", "0.0.0.0:0", "--data"]);
    shifted.arg(&elsewhere).env("VETD_CLOCK_OFFSET", "3600");
    let (code, said) = ended(shifted);
    assert!(code == Some(3) && said.contains("loopback"), "{code:?} {said}");

    assert_eq!(running.end("TERM").1.code(), Some(0));
    let mut other_key = serve(dir.path());
    other_key.env("VETD_MASTER_KEY", "00".repeat(32));
    let (code, said) = ended(other_key);
    assert!(code == Some(4) && said.contains("master key"), "{code:?} {said}");

    assert_eq!(ended(vetd(&["serve", "--no-such-flag"])).0, Some(2));
}
