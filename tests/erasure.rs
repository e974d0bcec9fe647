//! `vetd erasure verify`: before a redaction it finds what is there, afterwards it finds that nothing
//! can be read; and backups that were taken before are told from those that are clean.

#![expect(clippy::unwrap_used, reason = "a test fails where it unwraps")]

mod common;
mod program;

use std::fs;
use std::path::{Path, PathBuf};
use std::time::Duration;

use axum::body::Body;
use axum::http::{Request, StatusCode};
use common::{TestApp, text};
use program::vetd;
use serde_json::{Value, json};
use tempfile::TempDir;
use vetd_actors::Clock;
use vetd_storage::{BackupFolder, Store};

/// Stands in everything that is the person's, and nowhere else.
const PLANTED: &str = "Qvaxlindhwyst";

/// A reviewed verification full of what is the person's, and bytes of its picture.
async fn planted(app: &TestApp) -> (Value, Vec<u8>) {
    let steps = json!([
        { "type": "data_entry", "fields": [{ "name": "last_name", "type": "string", "required": true }] },
        { "type": "document_upload", "documents": ["passport"], "countries": ["*"] },
    ]);
    app.published("passports", json!({ "steps": steps, "checks": [{ "type": "document_mrz" }] })).await;
    let session = app
        .create(json!({
            "template_slug": "passports", "test_outcome": "requires_review", "metadata": { "note": PLANTED },
            "redirect_url": format!("https://example.com/{PLANTED}"),
        }))
        .await;
    app.load(&session).await;
    let token = text(&session["sdk_token"]);
    let typed = json!({ "fields": { "last_name": PLANTED } });
    app.call_once(token, "typed", "POST", "/iframe/api/steps/data_entry", typed).await.expect(StatusCode::OK);
    app.simulate(&session, &["submit"]).await.expect(StatusCode::OK);
    let path = verification(&session);
    let review = json!({ "decision": "approved", "reason": format!("{PLANTED} was called") });
    let review = app.post_once("review", &format!("{path}/review"), review).await.expect(StatusCode::OK);
    assert_eq!(review["metadata"]["note"], PLANTED);
    let url = text(&review["media"][0]["url"]).strip_prefix(common::PUBLIC_URL).unwrap().to_owned();
    let picture = app.send(Request::builder().uri(url).body(Body::empty()).unwrap()).await.body;
    assert!(picture.len() > 4_096);
    (session, picture[2_048..2_112].to_vec())
}

fn verification(session: &Value) -> String {
    format!("/v1/verifications/{}", text(&session["verification_id"]))
}

fn backup(app: &TestApp, to: &Path) {
    let mut folder = BackupFolder::create(to).unwrap();
    let mut write = |piece: &[u8]| folder.write(piece).map_err(std::io::Error::other);
    app.store.backup(app.clock.now(), &mut write).unwrap();
    folder.finish().unwrap();
}

/// `vetd erasure verify` with these arguments: how it ends, and its JSON.
fn verify(data: &Path, session: &Value, more: &[&str]) -> (i32, Value) {
    let mut command = vetd(&["erasure", "verify", text(&session["verification_id"]), "--json", "--data"]);
    let output = command.arg(data).args(more).output().unwrap();
    let said = if output.stdout.is_empty() { &output.stderr } else { &output.stdout };
    let said = serde_json::from_slice(said).unwrap_or_else(|_| Value::String(String::from_utf8_lossy(said).into()));
    (output.status.code().unwrap(), said)
}

fn finding<'a>(said: &'a Value, place: &str) -> (bool, &'a str) {
    let found = said["findings"].as_array().unwrap().iter().find(|finding| finding["place"] == place).unwrap();
    (found["erased"].as_bool().unwrap(), text(&found["message"]))
}

fn files(folder: &Path) -> Vec<PathBuf> {
    let mut found = Vec::new();
    // A folder of pictures goes with its last one.
    for entry in fs::read_dir(folder).into_iter().flatten() {
        let entry = entry.unwrap();
        let kind = entry.file_type().unwrap();
        if kind.is_dir() {
            found.extend(files(&entry.path()));
        } else if kind.is_file() {
            found.push(entry.path());
        }
    }
    found
}

/// The files of a folder that hold these bytes somewhere.
fn holding(folder: &Path, bytes: &[u8]) -> Vec<PathBuf> {
    let holds = |path: &PathBuf| fs::read(path).unwrap().windows(bytes.len()).any(|window| window == bytes);
    files(folder).into_iter().filter(holds).collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_redacted_can_be_read_nowhere_and_a_backup_from_before_is_reported() {
    let app = TestApp::start().await;
    let (session, picture) = planted(&app).await;
    let other = app.create(json!({ "metadata": { "note": "another" } })).await;
    let backups = TempDir::new().unwrap();
    let [before, after] = ["before", "after"].map(|name| backups.path().join(name));
    backup(&app, &before);

    // Everything is there, and everything says so.
    let app = app.restart_after(Duration::ZERO).await;
    app.engine.shutdown(Duration::from_secs(60)).await;
    let (code, said) = verify(app.folder(), &session, &[]);
    assert_eq!((code, &said["erased"], &said["redacted_at"]), (1, &json!(false), &Value::Null), "{said}");
    for place in ["record", "key file", "indexes", "stored answers", "files", "pictures"] {
        assert!(!finding(&said, place).0, "{place}: {said}");
    }
    let (_, found) = finding(&said, "files");
    assert!(!found.ends_with("open 0"), "old copies of the record do open: {found}");
    let held = verify(app.folder(), &session, &["--backup", before.to_str().unwrap(), "--apply"]);
    assert_eq!((held.0, &held.1["error"]["code"]), (8, &json!("invalid_state")), "not redacted: {held:?}");

    let app = app.restart_after(Duration::ZERO).await;
    let redacted = app.post(&format!("{}/redact", verification(&session)), json!({})).await.expect(StatusCode::OK);
    common::until("the picture is deleted", || files(&app.folder().join("media")).is_empty()).await;
    backup(&app, &after);
    app.engine.shutdown(Duration::from_secs(60)).await;

    let (code, said) = verify(app.folder(), &session, &[]);
    assert_eq!((code, &said["erased"], &said["redacted_at"]), (0, &json!(true), &redacted["redacted_at"]), "{said}");
    let (_, found) = finding(&said, "files");
    assert!(!found.contains(" 0 copies of what was sealed"), "sled still has old copies: {found}");
    assert!(finding(&said, "stored answers").1.starts_with("2 are filed"), "{said}");
    for planted in [PLANTED.as_bytes(), &picture] {
        for folder in [app.folder(), backups.path()] {
            assert_eq!(holding(folder, planted), Vec::<PathBuf>::new());
        }
    }
    let (code, said) = verify(app.folder(), &other, &[]);
    assert_eq!((code, said["redacted_at"].clone()), (1, Value::Null), "what is not redacted is there");
    let unknown = json!({ "verification_id": text(&session["verification_id"]).replace("ver_0", "ver_1") });
    assert_eq!(verify(app.folder(), &unknown, &[]).0, 8);

    // The backups: the one from before holds the key until it is zeroed there.
    let look = |backup: &Path, more: &[&str]| {
        let (code, said) = verify(app.folder(), &session, &[&["--backup", backup.to_str().unwrap()], more].concat());
        (code, said["key"].clone(), said["sealed"].clone(), said["applied"].clone())
    };
    let is = |code, key: &str, sealed: bool, applied: bool| (code, json!(key), json!(sealed), json!(applied));
    assert_eq!(look(&after, &[]), is(0, "erased", false, false));
    assert_eq!(look(&before, &[]), is(9, "held", true, false));
    assert_eq!(look(&before, &["--apply"]), is(0, "erased", true, true));
    assert_eq!(look(&before, &["--apply"]), is(0, "erased", true, false));
    let others = verify(app.folder(), &other, &["--backup", before.to_str().unwrap()]);
    assert_eq!((others.0, &others.1["key"]), (9, &json!("held")), "nobody else is erased");

    // What is left of that record is not a sound one: who restores the backup must say that it may be so.
    let restore = |to: &str, more: &[&str]| {
        let mut command = vetd(&["restore", "--from"]);
        command.arg(&before).arg("--to").arg(backups.path().join(to)).args(more);
        command.arg("--master-key-file").arg(app.folder().join("master.key")).output().unwrap()
    };
    let refused = restore("refused", &[]);
    let session_id = text(&session["id"]);
    assert_eq!(refused.status.code(), Some(4));
    assert!(String::from_utf8_lossy(&refused.stderr).contains(session_id), "{refused:?}");
    assert_eq!(restore("restored", &["--allow-damage"]).status.code(), Some(1));
    let restored = backups.path().join("restored");
    fs::copy(app.folder().join("master.key"), restored.join("master.key")).unwrap();
    let said = verify(&restored, &session, &[]).1;
    assert!(!finding(&said, "record").0 && finding(&said, "key file").0 && finding(&said, "files").0, "{said}");
    assert_eq!(holding(backups.path(), PLANTED.as_bytes()), Vec::<PathBuf>::new());
    app.finish().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_copy_of_the_key_file_in_the_folder_is_found() {
    let app = TestApp::start().await;
    let (session, _) = planted(&app).await;
    let copy = app.folder().join("keys.old");
    fs::copy(app.folder().join("keys"), &copy).unwrap();
    app.post(&format!("{}/redact", verification(&session)), json!({})).await.expect(StatusCode::OK);
    app.engine.shutdown(Duration::from_secs(60)).await;
    let (code, said) = verify(app.folder(), &session, &[]);
    assert_eq!((code, finding(&said, "key file").0, finding(&said, "files").0), (1, true, false), "{said}");
    fs::remove_file(copy).unwrap();
    assert!(finding(&verify(app.folder(), &session, &[]).1, "files").0);
    app.finish().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_folder_in_use_and_a_backup_that_is_none_are_refused() {
    let app = TestApp::start().await;
    let session = app.create(json!({})).await;
    let (code, said) = verify(app.folder(), &session, &[]);
    assert!(code == 4 && text(&said["message"]).contains("in use"), "{said}");
    assert_eq!(verify(app.folder(), &session, &["--backup", app.folder().to_str().unwrap()]).0, 4);
    assert_eq!(verify(app.folder(), &session, &["--apply"]).0, 2);
    app.finish().await;
}
