//! The real program: a backup taken of a server under load, restored elsewhere and served from
//! there.
#![expect(clippy::unwrap_used, reason = "a test fails where it unwraps")]

mod crash_load;
mod program;

use std::collections::HashMap;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use crash_load::{Load, Up};
use program::{BOOTSTRAP_KEY, Program, ended, serve_with_key, vetd};
use reqwest::Client;
use serde_json::{Value, json};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{UnixListener, UnixStream};
use tokio::sync::watch;
use tokio::task::{JoinSet, block_in_place};

const WORKERS: u64 = 16;
/// Beyond every deadline that the load asks for.
const PAST_ALL_DEADLINES: u64 = 2 * 3_600;

struct Folders {
    _dir: tempfile::TempDir,
    root: PathBuf,
    data: PathBuf,
    backup: PathBuf,
    restored: PathBuf,
}

fn folders() -> Folders {
    let dir = tempfile::tempdir().unwrap();
    let root = dir.path().to_owned();
    let [data, backup, restored] = ["data", "backup", "restored"].map(|name| root.join(name));
    Folders { _dir: dir, root, data, backup, restored }
}

fn serve(data: &Path, offset: u64) -> Command {
    let mut command = serve_with_key(data);
    command.env("VETD_CLOCK_OFFSET", offset.to_string()).env("VETD_LOG", "error");
    command.env("VETD_PUBLIC_URL", "https://verify.example.com");
    command
}

fn run(arguments: &[&str], paths: &[(&str, &Path)]) -> Output {
    let mut command = vetd(arguments);
    for (flag, path) in paths {
        command.arg(flag).arg(path);
    }
    command.output().unwrap()
}

fn backup(data: &Path, to: &Path) -> Output {
    run(&["backup", "--json"], &[("--data", data), ("--to", to)])
}

fn restore(from: &Path, to: &Path, key: &Path) -> Output {
    run(&["restore", "--json"], &[("--from", from), ("--to", to), ("--master-key-file", key)])
}

/// What a command that succeeds prints as JSON.
fn said(output: &Output) -> Value {
    let (out, err) = (String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
    assert!(output.status.success(), "{}: {out}{err}", output.status);
    serde_json::from_slice(&output.stdout).unwrap()
}

/// How a command that fails ends, and why.
fn refused(output: &Output) -> (i32, String) {
    (output.status.code().unwrap(), String::from_utf8(output.stderr.clone()).unwrap())
}

fn names(dir: &Path) -> Vec<String> {
    let mut names: Vec<_> =
        fs::read_dir(dir).unwrap().map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect();
    names.sort_unstable();
    names
}

#[expect(clippy::disallowed_methods, reason = "another process's life")]
async fn a_while() {
    tokio::time::sleep(Duration::from_millis(5)).await;
}

/// Creates with an idempotency key; the whole answer.
async fn create(client: &Client, address: &str, key: &str) -> (u16, bool, String) {
    let body = json!({ "metadata": { "key": key }, "expires_in": 3_600 });
    let request = client.post(format!("{address}/v1/sessions")).bearer_auth(BOOTSTRAP_KEY);
    let answer = request.header("idempotency-key", key).json(&body).send().await.unwrap();
    let replayed = answer.headers().contains_key("idempotent-replayed");
    (answer.status().as_u16(), replayed, answer.text().await.unwrap())
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_backup_taken_under_load_is_a_server_elsewhere() {
    let Folders { data, backup: to, restored, .. } = folders();
    let mut server = block_in_place(|| Program::start(serve(&data, 0)));
    let address = server.address();
    let (up, watched) = watch::channel(Up::default());
    Up::now(&up, Some(address.clone()));
    let load = Arc::new(Load::new(watched));
    let mut answered = HashMap::new();
    for number in 0..20 {
        let key = format!("before-{number}");
        let (status, _, body) = create(&load.client, &address, &key).await;
        assert_eq!(status, 201, "{body}");
        answered.insert(key, body);
    }
    let mut workers = JoinSet::new();
    for worker in 0..WORKERS {
        workers.spawn(Arc::clone(&load).work(7, worker));
    }
    while load.ledger.snapshot().len() < 300 {
        a_while().await;
    }
    let acknowledged = load.ledger.snapshot();
    let taken = block_in_place(|| said(&backup(&data, &to)));
    let position = taken["manifest"]["position"].as_u64().unwrap();
    // The load went on meanwhile, and goes on.
    let after = load.ledger.snapshot().len();
    assert!(after > acknowledged.len(), "nothing was created while the backup was taken");
    while load.ledger.snapshot().len() < after + 100 {
        a_while().await;
    }
    load.stop.store(true, Ordering::SeqCst);
    while let Some(ended) = workers.join_next().await {
        ended.unwrap();
    }
    assert_eq!(block_in_place(|| server.end("TERM")).1.code(), Some(0));

    let restored_said = block_in_place(|| said(&restore(&to, &restored, &data.join("master.key"))));
    assert_eq!(restored_said["audit"]["events"], position, "every event up to its position, and none after");
    fs::copy(data.join("master.key"), restored.join("master.key")).unwrap();
    let audited = block_in_place(|| said(&run(&["audit", "--json"], &[("--data", &restored)])));
    assert_eq!((&audited["sound"], &audited["events"]), (&json!(true), &json!(position)));

    // It serves: what was acknowledged before the backup is there, replays are the first answers.
    let mut server = block_in_place(|| Program::start(serve(&restored, 60)));
    let address = server.address();
    Up::now(&up, Some(address.clone()));
    for (key, record) in &acknowledged {
        record.check(key, &load.read(&format!("/v1/sessions/{}", record.id)).await);
    }
    for (key, body) in &answered {
        assert_eq!(create(&load.client, &address, key).await, (201, true, body.clone()));
    }
    assert_eq!(create(&load.client, &address, "after").await.0, 201, "and it goes on");
    assert_eq!(block_in_place(|| server.end("TERM")).1.code(), Some(0));

    // Sessions that lived then expire at their deadline.
    let mut server = block_in_place(|| Program::start(serve(&restored, PAST_ALL_DEADLINES)));
    Up::now(&up, Some(server.address()));
    for status in ["created", "requires_input"] {
        while load.read(&format!("/v1/sessions?limit=1&status={status}")).await["data"] != json!([]) {
            a_while().await;
        }
    }
    let id = serde_json::from_str::<Value>(&answered["before-0"]).unwrap()["id"].as_str().unwrap().to_owned();
    assert_eq!(load.read(&format!("/v1/sessions/{id}")).await["status"], "expired");
    assert_eq!(block_in_place(|| server.end("TERM")).1.code(), Some(0));
    let audited = block_in_place(|| said(&run(&["audit", "--json"], &[("--data", &restored)])));
    assert_eq!(audited["sound"], true);
}

/// Stands between the program and the server, and kills the server after its first bytes of a
/// backup have passed.
async fn cut_off(listener: &UnixListener, server: &Path, program: Program) {
    loop {
        let (mut near, _) = listener.accept().await.unwrap();
        let mut far = UnixStream::connect(server).await.unwrap();
        let mut buffer = vec![0; 4096];
        let asked = near.read(&mut buffer).await.unwrap();
        if asked == 0 {
            // It has only looked whether somebody answers.
            continue;
        }
        far.write_all(&buffer[..asked]).await.unwrap();
        let (mut passed, magic) = (Vec::new(), b"vetd backup 001\n");
        while !passed.windows(magic.len()).any(|window| window == magic) {
            let length = far.read(&mut buffer).await.unwrap();
            assert!(length > 0, "{}", String::from_utf8_lossy(&passed));
            passed.extend_from_slice(&buffer[..length]);
            // Never to the end of it.
            near.write_all(&buffer[..length.min(1_000)]).await.unwrap();
        }
        block_in_place(|| program.kill());
        return;
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_server_that_is_killed_meanwhile_leaves_no_backup() {
    let Folders { root, data, backup: to, .. } = folders();
    let mut server = block_in_place(|| Program::start(serve(&data, 0)));
    let (address, client) = (server.address(), Client::new());
    for number in 0..50 {
        assert_eq!(create(&client, &address, &format!("{number}")).await.0, 201);
    }
    let listener = UnixListener::bind(root.join("between.sock")).unwrap();
    let mut command = vetd(&["backup"]);
    command.arg("--data").arg(&data).arg("--to").arg(&to).arg("--admin-socket").arg(root.join("between.sock"));
    let child = command.stderr(Stdio::piped()).stdout(Stdio::null()).spawn().unwrap();
    cut_off(&listener, &data.join("admin.sock"), server).await;
    let (code, why) = refused(&block_in_place(|| child.wait_with_output()).unwrap());
    assert!(code == 7 && why.contains("the server ended before the backup did"), "{code}: {why}");
    assert_eq!(names(&root), ["between.sock", "data"]);

    // Without a server the program opens the store itself.
    let taken = block_in_place(|| said(&backup(&data, &to)));
    assert_eq!(taken["manifest"]["position"], 50);
    let (code, why) = block_in_place(|| refused(&backup(&data, &to)));
    assert_eq!(code, 1, "{why}");
    assert!(why.contains("exists"), "{why}");
}

#[test]
fn what_cannot_be_restored_is_said_and_makes_nothing() {
    let Folders { root, data, backup: to, restored, .. } = folders();
    let mut server = Program::start(serve_with_key(&data));
    server.address();
    assert_eq!(server.end("TERM").1.code(), Some(0));
    said(&backup(&data, &to));
    let (key, wrong) = (data.join("master.key"), root.join("wrong.key"));
    fs::write(&wrong, "ab".repeat(32)).unwrap();
    let expect = |output: &Output, code: i32, words: &str| {
        let (found, why) = refused(output);
        assert!(found == code && why.contains(words), "{found}: {why}");
        assert!(!restored.exists(), "{why}");
    };
    expect(&restore(&to, &restored, &wrong), 4, "master key");
    expect(&restore(&to, &restored, &root.join("absent.key")), 3, "master_key_file");
    expect(&run(&["restore"], &[("--from", &to), ("--to", &restored)]), 3, "VETD_MASTER_KEY");
    expect(&restore(&data, &restored, &key), 4, "manifest.json");
    expect(&restore(&to, &data, &key), 4, "not empty");
    let tree = fs::read(to.join("tree")).unwrap();
    fs::write(to.join("tree"), &tree[..tree.len() - 1]).unwrap();
    expect(&restore(&to, &restored, &key), 4, "damaged");
    fs::write(to.join("tree"), tree).unwrap();

    let output = vetd(&["restore", "--from"])
        .arg(&to)
        .arg("--to")
        .arg(&restored)
        .env("VETD_MASTER_KEY", fs::read_to_string(&key).unwrap())
        .output()
        .unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let text = String::from_utf8(output.stdout).unwrap();
    assert!(text.contains("everything holds"), "{text}");
    assert!(!text.contains(fs::read_to_string(&key).unwrap().trim()));
    assert_eq!(names(&restored), ["keys", "lock", "sled"]);
}

#[test]
fn a_master_key_is_rotated_by_restoring_under_another_one() {
    let Folders { root, data, backup: to, restored, .. } = folders();
    let mut server = Program::start(serve_with_key(&data));
    server.address();
    assert_eq!(server.end("TERM").1.code(), Some(0));
    said(&backup(&data, &to));
    let (old, new) = (data.join("master.key"), root.join("new.key"));
    let rotate = || {
        let paths: [(&str, &Path); 4] =
            [("--from", &to), ("--to", &restored), ("--master-key-file", &old), ("--new-master-key-file", &new)];
        run(&["restore"], &paths)
    };
    let (code, why) = refused(&rotate());
    assert!(code == 3 && why.contains("new.key"), "{code}: {why}");
    assert!(!restored.exists());
    fs::write(&new, "ab".repeat(32)).unwrap();
    let output = rotate();
    let text = String::from_utf8(output.stdout).unwrap();
    assert!(output.status.success() && text.contains("the new master key"), "{text}");

    // The old key opens nothing, the new one everything: the API key made before still counts.
    fs::copy(&old, restored.join("master.key")).unwrap();
    assert_eq!(ended(serve_with_key(&restored)).0, Some(4));
    fs::copy(&new, restored.join("master.key")).unwrap();
    let mut server = Program::start(serve_with_key(&restored));
    server.address();
    assert_eq!(server.end("TERM").1.code(), Some(0));
}
