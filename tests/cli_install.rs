//! `vetd init` and `vetd doctor` against the real program.
#![expect(clippy::unwrap_used, reason = "a test fails where it unwraps")]

mod operator;
mod program;

use std::fs::{self, Permissions};
use std::os::unix::fs::PermissionsExt;
use std::path::Path;

use operator::{Said, Server, run_on, said};
use program::{BOOTSTRAP_KEY, Program, serve, vetd};
use serde_json::{Value, json};

/// Runs a command in this folder.
fn run_in(folder: &Path, arguments: &[&str]) -> Said {
    said(&vetd(arguments).current_dir(folder).output().unwrap())
}

fn mode(path: &Path) -> u32 {
    fs::metadata(path).unwrap().permissions().mode() & 0o777
}

#[tokio::test]
async fn init_makes_what_a_server_needs_and_its_key_works() {
    let dir = tempfile::tempdir().unwrap();
    let made = run_in(dir.path(), &["init"]);
    let key = made.out.trim();
    assert!(made.code == 0 && key.starts_with("ak_test_") && made.out.lines().count() == 1, "{made:?}");
    assert!(made.err.contains("vetd.toml") && !made.err.contains(key), "{made:?}");
    let data = dir.path().join("vetd-data");
    assert_eq!((mode(&data), mode(&data.join("master.key"))), (0o700, 0o600));
    let shown = run_in(dir.path(), &["config"]);
    assert!(shown.code == 0 && shown.out.contains("vetd.toml, line"), "{shown:?}");

    // Found by the configuration file alone.
    let mut command = vetd(&["serve", "--listen", "127.0.0.1:0", "--log", "warn"]);
    command.current_dir(dir.path());
    let mut server = Program::start(command);
    let address = server.address();
    let answer = reqwest::Client::new().get(format!("{address}/v1/sessions")).bearer_auth(key).send().await.unwrap();
    assert_eq!(answer.status(), 200);
    let listed = run_in(dir.path(), &["workspace", "list", "--json"]);
    assert!(listed.code == 0 && listed.out.contains("\"default\""), "{listed:?}");
    let (printed, status) = server.end("TERM");
    assert!(status.code() == Some(0) && !printed.contains("ak_test_"), "{printed}");
}

#[test]
fn init_overwrites_nothing() {
    let dir = tempfile::tempdir().unwrap();
    let mut command = vetd(&["init"]);
    command.current_dir(dir.path()).env("VETD_MASTER_KEY", "nonsense");
    let failed = said(&command.output().unwrap());
    assert!(failed.code == 4 && failed.out.is_empty(), "{failed:?}");
    assert!(!dir.path().join("vetd.toml").exists(), "a try that failed leaves nothing in the way");

    let made: Value = serde_json::from_str(&run_in(dir.path(), &["init", "--json"]).out).unwrap();
    assert!(made["key"].as_str().unwrap().starts_with("ak_test_") && made["config_made"] == true, "{made}");
    let config = fs::read(dir.path().join("vetd.toml")).unwrap();
    let again = run_in(dir.path(), &["init", "--json"]);
    let failure: Value = serde_json::from_str(&again.err).unwrap();
    assert!(again.code == 4 && failure["message"].as_str().unwrap().contains("holds a store already"), "{again:?}");

    // A configuration file that is there is used and left alone.
    let other = run_in(dir.path(), &["init", "--json", "--data", "other"]);
    let other: Value = serde_json::from_str(&other.out).unwrap();
    assert_eq!((&other["data"], &other["config_made"]), (&json!("other"), &json!(false)));
    assert_eq!(fs::read(dir.path().join("vetd.toml")).unwrap(), config);
    assert!(dir.path().join("other/sled").is_dir());
}

fn diagnosis(said: &Said) -> Vec<(String, String)> {
    let report: Value = serde_json::from_str(&said.out).unwrap();
    let text = |finding: &Value, name: &str| finding[name].as_str().unwrap().to_owned();
    let findings = report["findings"].as_array().unwrap();
    let bad = findings.iter().filter(|finding| finding["level"] != "ok");
    bad.map(|finding| (text(finding, "check"), text(finding, "level"))).collect()
}

fn is_problem(said: &Said, check: &str) -> bool {
    diagnosis(said).contains(&(check.to_owned(), "problem".to_owned()))
}

#[tokio::test]
async fn the_doctor_looks_at_a_running_server() {
    let server = Server::start();
    let healthy = server.run(&["doctor"]);
    assert!(healthy.code == 0 && healthy.out.contains("listens on 127.0.0.1:"), "{healthy:?}");
    assert!(!healthy.out.contains("PROBLEM"), "{healthy:?}");
    server.json(&["doctor"]);

    // Open for live mode behind plain http.
    server.json(&["workspace", "activate-live", "default"]);
    let live = server.run(&["doctor", "--json"]);
    assert!(live.code == 1 && is_problem(&live, "public url"), "{live:?}");
    server.json(&["workspace", "suspend", "default"]);
    assert_eq!(server.run(&["doctor"]).code, 0);

    let key = server.data().join("master.key");
    fs::set_permissions(&key, Permissions::from_mode(0o644)).unwrap();
    let told = server.run(&["doctor"]);
    assert!(told.code == 1 && told.out.contains("chmod 600"), "{told:?}");
    server.end();
}

#[tokio::test]
async fn the_doctor_looks_at_a_folder_without_a_server() {
    let dir = tempfile::tempdir().unwrap();
    let absent = dir.path().join("absent");
    let told = run_on(&absent, &["doctor", "--json"]);
    assert!(told.code == 1 && is_problem(&told, "data folder") && !absent.exists(), "{told:?}");

    let server = Server::start();
    server.session(json!({})).await;
    let Server { dir, program, .. } = server;
    assert_eq!(program.end("TERM").1.code(), Some(0));
    let told = run_on(dir.path(), &["doctor"]);
    assert!(told.code == 0 && told.out.contains("none runs"), "{told:?}");

    let doctor = |variable: &str, value: &str| {
        let mut command = vetd(&["doctor", "--json", "--data"]);
        command.arg(dir.path()).env(variable, value);
        said(&command.output().unwrap())
    };
    let slow = doctor("VETD_CLOCK_OFFSET", "-3600");
    assert!(slow.code == 1 && is_problem(&slow, "clock"), "{slow:?}");
    let wrong = doctor("VETD_MASTER_KEY", &"00".repeat(32));
    assert!(wrong.code == 1 && is_problem(&wrong, "store"), "{wrong:?}");
    let unknown = doctor("VETD_CASH", "1");
    assert!(unknown.code == 1 && is_problem(&unknown, "configuration"), "{unknown:?}");
    let in_the_way = doctor("VETD_MEDIA", dir.path().join("keys").to_str().unwrap());
    assert!(in_the_way.code == 1 && is_problem(&in_the_way, "pictures"), "{in_the_way:?}");
    let full = doctor("VETD_DISK_RESERVE", "1073741824");
    assert!(full.code == 1 && is_problem(&full, "disk"), "{full:?}");

    // A server that cannot be reached over this socket holds the folder.
    let mut command = serve(dir.path());
    command.arg("--admin-socket").arg(dir.path().join("elsewhere.sock")).env("VETD_BOOTSTRAP_TEST_KEY", BOOTSTRAP_KEY);
    let mut server = Program::start(command);
    server.address();
    let told = run_on(dir.path(), &["doctor", "--json"]);
    assert!(told.code == 1 && is_problem(&told, "server"), "{told:?}");
    assert_eq!(server.end("TERM").1.code(), Some(0));
}
