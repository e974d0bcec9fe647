//! The real program's configuration: where values come from, and what it says to wrong ones.
#![expect(clippy::unwrap_used, reason = "a test fails where it unwraps")]

mod program;

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::process::Command;

use program::{BOOTSTRAP_KEY, Program, ended, serve, serve_with_key, vetd};
use serde_json::{Value, json};

/// `vetd config` in a folder of its own.
fn config(folder: &Path, arguments: &[&str]) -> Command {
    let mut command = vetd(&["config"]);
    command.args(arguments).current_dir(folder);
    command
}

/// What `vetd config --json` says of one setting, without its name.
fn shown(command: &mut Command, name: &str) -> Value {
    let output = command.output().unwrap();
    assert_eq!(output.status.code(), Some(0), "{}", String::from_utf8_lossy(&output.stderr));
    let mut shown: Value = serde_json::from_slice(&output.stdout).unwrap();
    let settings = shown["settings"].as_array_mut().unwrap();
    let mut setting = settings.iter_mut().find(|setting| setting["name"] == name).unwrap().take();
    setting.as_object_mut().unwrap().remove("name");
    setting
}

/// Asserts that the program ends with exit code 3 and says all of this.
fn assert_refused(command: Command, parts: &[&str]) {
    let (code, said) = ended(command);
    assert_eq!(code, Some(3), "{said}");
    for part in parts {
        assert!(said.contains(part), "{said:?} lacks {part:?}");
    }
}

#[test]
fn a_flag_wins_over_a_variable_over_the_file_over_the_default() {
    let dir = tempfile::tempdir().unwrap();
    let named = dir.path().join("named.toml");
    fs::write(&named, "data = \"store\"\ncache = 100\n").unwrap();
    fs::write(dir.path().join("vetd.toml"), "cache = 99\n").unwrap();

    let cache = |command: &mut Command| shown(command, "cache");
    let file = json!({ "value": 99, "origin": "file", "file": "vetd.toml", "line": 1 });
    assert_eq!(cache(&mut config(dir.path(), &["--json"])), file);
    let mut command = config(dir.path(), &["--json"]);
    command.env("VETD_CONFIG", &named);
    let file = json!({ "value": 100, "origin": "file", "file": named.to_str().unwrap(), "line": 2 });
    assert_eq!(cache(&mut command), file);
    let store = dir.path().join("store");
    assert_eq!(shown(&mut command, "data")["value"], store.to_str().unwrap());
    command.env("VETD_CACHE", "200");
    assert_eq!(cache(&mut command), json!({ "value": 200, "origin": "variable", "variable": "VETD_CACHE" }));
    command.args(["--cache", "300"]);
    assert_eq!(cache(&mut command), json!({ "value": 300, "origin": "flag", "flag": "--cache" }));
    command.args(["--webhook-allow", "10.0.0.0/8,10.9.9.9"]);
    assert_eq!(shown(&mut command, "webhook_allow")["value"], json!(["10.0.0.0/8", "10.9.9.9"]));
    let default = json!({ "value": 10_000, "origin": "default" });
    assert_eq!(shown(&mut command, "resident"), default);
}

#[test]
fn the_table_for_people_shows_values_and_origins_but_no_secret() {
    let dir = tempfile::tempdir().unwrap();
    let secret = "5a".repeat(32);
    for arguments in [&["--cache", "128"][..], &["--cache", "128", "--long"], &["--cache", "128", "--json"]] {
        let mut command = config(dir.path(), arguments);
        let output = command.env("VETD_MASTER_KEY", &secret).output().unwrap();
        let said = String::from_utf8(output.stdout).unwrap();
        assert!(!said.contains(&secret), "{said}");
        if arguments.contains(&"--json") {
            continue;
        }
        let line = |name: &str| {
            let line = said.lines().find(|line| line.split_whitespace().next() == Some(name)).unwrap();
            line.split_whitespace().collect::<Vec<_>>().join(" ")
        };
        assert_eq!(line("cache"), "cache 128 MiB --cache");
        assert_eq!(line("master_key"), "master_key set VETD_MASTER_KEY");
        assert_eq!(line("bootstrap_test_key"), "bootstrap_test_key not set default");
        assert_eq!(line("public_url"), "public_url (http:// and the listen address) default");
        assert_eq!(said.contains("The store's page cache."), arguments.contains(&"--long"));
    }
}

#[test]
fn a_wrong_value_is_named_with_its_origin_wherever_it_stands() {
    let dir = tempfile::tempdir().unwrap();
    let range = "from 8 to 1048576 (MiB)";
    assert_refused(config(dir.path(), &["--cache", "4"]), &["cache (--cache)", range]);
    let mut command = config(dir.path(), &[]);
    command.env("VETD_CACHE", "4");
    assert_refused(command, &["cache (VETD_CACHE)", range]);
    fs::write(dir.path().join("vetd.toml"), "\ncache = 4\n").unwrap();
    assert_refused(config(dir.path(), &[]), &["cache (vetd.toml, line 2)", range]);
}

#[test]
fn every_command_that_reads_the_configuration_refuses_a_wrong_one_and_makes_nothing() {
    let dir = tempfile::tempdir().unwrap();
    fs::write(dir.path().join("vetd.toml"), "cach = 64\n").unwrap();
    for name in ["serve", "audit", "config"] {
        let mut command = vetd(&[name]);
        command.current_dir(dir.path());
        assert_refused(command, &["vetd.toml, line 1", "cach", "did you mean cache?"]);
    }
    let mut command = vetd(&[]);
    command.current_dir(dir.path()).env("VETD_LISTN", "127.0.0.1:0");
    assert_refused(command, &["VETD_LISTN", "did you mean VETD_LISTEN?", "cach"]);
    assert_eq!(fs::read_dir(dir.path()).unwrap().count(), 1);
}

#[test]
fn a_named_file_must_be_there_and_readable() {
    let dir = tempfile::tempdir().unwrap();
    assert_refused(config(dir.path(), &["--config", "absent.toml"]), &["absent.toml", "--config", "cannot be read"]);
    let mut command = config(dir.path(), &[]);
    command.env("VETD_CONFIG", "absent.toml");
    assert_refused(command, &["absent.toml", "VETD_CONFIG", "cannot be read"]);
    // A folder cannot be read by anyone; a file without rights cannot, but by root.
    assert_refused(config(dir.path(), &["--config", "."]), &["cannot be read"]);
    let file = dir.path().join("vetd.toml");
    fs::write(&file, "").unwrap();
    fs::set_permissions(&file, fs::Permissions::from_mode(0o000)).unwrap();
    if fs::read(&file).is_err() {
        assert_refused(config(dir.path(), &[]), &["vetd.toml", "cannot be read"]);
    }
}

#[test]
fn a_server_and_an_audit_find_the_same_folder_and_key_by_the_same_file() {
    let dir = tempfile::tempdir().unwrap();
    let file = dir.path().join("vetd.toml");
    fs::write(dir.path().join("key"), "5a".repeat(32)).unwrap();
    fs::write(&file, "data = \"store\"\nlisten = \"127.0.0.1:0\"\nmaster_key_file = \"key\"\nlog = \"warn\"\n")
        .unwrap();
    let with_file = |name: &str| {
        let mut command = vetd(&[name]);
        command.env("VETD_CONFIG", &file);
        command
    };
    let mut server = Program::start(with_file("serve"));
    server.address();
    assert_eq!(server.end("TERM").1.code(), Some(0));
    let store = dir.path().join("store");
    assert!(store.join("sled").exists() && !store.join("master.key").exists());
    let output = with_file("audit").output().unwrap();
    assert_eq!(output.status.code(), Some(0), "{}", String::from_utf8_lossy(&output.stderr));
}

#[tokio::test]
async fn a_limit_from_the_file_is_the_server_s_limit() {
    let dir = tempfile::tempdir().unwrap();
    fs::write(dir.path().join("vetd.toml"), "v1_body_limit = 64\n").unwrap();
    let mut command = serve_with_key(&dir.path().join("data"));
    command.args(["--config"]).arg(dir.path().join("vetd.toml"));
    let mut server = Program::start(command);
    let address = server.address();
    let status = async |bytes: usize| {
        let request = reqwest::Client::new().post(format!("{address}/v1/sessions")).bearer_auth(BOOTSTRAP_KEY);
        let request = request.header("Content-Type", "application/json").body(" ".repeat(bytes - 2) + "{}");
        request.send().await.unwrap().status().as_u16()
    };
    assert_eq!((status(64 * 1024).await, status(64 * 1024 + 1).await), (201, 413));
    assert_eq!(server.end("TERM").1.code(), Some(0));
}

#[test]
fn a_wrong_bootstrap_key_stops_the_start_before_anything_is_made() {
    let dir = tempfile::tempdir().unwrap();
    let data = dir.path().join("data");
    let mut command = serve(&data);
    command.env("VETD_BOOTSTRAP_TEST_KEY", "ak_live_0123456789abcdefghijklmn");
    assert_refused(command, &["VETD_BOOTSTRAP_TEST_KEY", "ak_test_"]);
    assert!(!data.exists());
}

#[test]
fn the_reference_page_is_what_the_code_makes() {
    let page = fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join("docs/configuration.md")).unwrap();
    let output = vetd(&["config", "--reference"]).output().unwrap();
    let made = String::from_utf8(output.stdout).unwrap();
    assert!(made == page, "docs/configuration.md is old: cargo run -- config --reference > docs/configuration.md");
}
