//! The real program: started, used, ended, started again.
#![expect(clippy::unwrap_used, reason = "a test fails where it unwraps")]

use std::io::{BufRead, BufReader, Read};
use std::path::Path;
use std::process::{Child, ChildStdout, Command, ExitStatus, Stdio};

use serde_json::Value;

/// A key for tests that bring their own.
const BOOTSTRAP_KEY: &str = "ak_test_0123456789abcdefghijklmn";

/// A running program; killed if a test ends early.
struct Program {
    child: Child,
    out: BufReader<ChildStdout>,
}

impl Program {
    fn start(mut command: Command) -> Self {
        let mut child = command.stdout(Stdio::piped()).stderr(Stdio::inherit()).spawn().unwrap();
        let out = BufReader::new(child.stdout.take().unwrap());
        Self { child, out }
    }

    /// Reads lines up to and including the first one that holds `text`.
    fn read_to(&mut self, text: &str) -> String {
        let mut line = String::new();
        while !line.contains(text) {
            line.clear();
            assert!(self.out.read_line(&mut line).unwrap() > 0, "the program ended before it printed {text:?}");
        }
        line
    }

    /// The address that it says it listens on.
    fn address(&mut self) -> String {
        let line = self.read_to("listening on");
        line.split_whitespace().find(|word| word.starts_with("http://")).unwrap().trim_end_matches('/').to_owned()
    }

    fn signal(&self, name: &str) {
        let pid = self.child.id().to_string();
        assert!(Command::new("kill").args(["-s", name, &pid]).status().unwrap().success());
    }

    /// Asks it to end; what it still printed, and how it ended.
    fn end(mut self, signal: &str) -> (String, ExitStatus) {
        self.signal(signal);
        self.wait()
    }

    fn wait(&mut self) -> (String, ExitStatus) {
        let mut rest = String::new();
        self.out.read_to_string(&mut rest).unwrap();
        (rest, self.child.wait().unwrap())
    }
}

impl Drop for Program {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

fn vetd(arguments: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_vetd"));
    // What the developer's shell sets must not reach a test.
    for (name, _) in std::env::vars().filter(|(name, _)| name.starts_with("VETD_")) {
        command.env_remove(name);
    }
    command.args(arguments);
    command
}

fn serve(data: &Path) -> Command {
    let mut command = vetd(&["serve", "--listen", "127.0.0.1:0", "--log", "warn", "--data"]);
    command.arg(data);
    command
}

/// How a command ends that does not run on, and what it says about it.
fn ended(mut command: Command) -> (Option<i32>, String) {
    let output = command.output().unwrap();
    (output.status.code(), String::from_utf8(output.stderr).unwrap())
}

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
        let mut command = serve(dir.path());
        command.env("VETD_BOOTSTRAP_TEST_KEY", BOOTSTRAP_KEY);
        let mut program = Program::start(command);
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
    let mut command = serve(dir.path());
    command.env("VETD_BOOTSTRAP_TEST_KEY", BOOTSTRAP_KEY);
    let mut server = Program::start(command);
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
