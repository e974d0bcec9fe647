//! Documents that come as PDF: drawn by the real program in a process of its own, within limits.

#![cfg(feature = "pdf")]
#![expect(clippy::unwrap_used, reason = "a test fails where it unwraps")]

mod common;
#[path = "program/mod.rs"]
mod program;

use std::ffi::OsString;
use std::fs::{self, Permissions};
use std::io::Write;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::process::Stdio;
use std::sync::Arc;
use std::time::Duration;

use axum::body::{Body, Bytes};
use axum::http::{Request, StatusCode};
use common::{Answer, TestApp, text};
use program::{BOOTSTRAP_KEY, Program, serve_with_key, vetd};
use serde_json::{Value, json};
use vetd::serve::pages::Pages;
use vetd_actors::{EngineConfig, PageDrawer, PageError, PictureError, SPECIMENS, SystemClock, TestClock};
use vetd_model::Timestamp;
use vetd_model::media::MediaKind;
use vetd_specimens::pdf;

async fn app() -> TestApp {
    let pages = Pages::of(env!("CARGO_BIN_EXE_vetd").into(), Arc::new(SystemClock::default()));
    let app = TestApp::start_with(EngineConfig { pages: Some(Arc::new(pages)), ..common::config() }).await;
    let documents = json!({ "type": "document_upload", "documents": ["passport", "id_card"], "countries": ["*"] });
    app.published("documents", json!({ "steps": [documents, { "type": "selfie" }] })).await;
    app
}

/// A session whose page has loaded.
async fn opened(app: &TestApp) -> Value {
    let session = app.create(json!({ "template_slug": "documents" })).await;
    app.load(&session).await;
    session
}

async fn put(app: &TestApp, session: &Value, kind: &str, file: Vec<u8>) -> Answer {
    let request = Request::builder()
        .method("PUT")
        .uri(format!("/iframe/api/media/{kind}"))
        .header("authorization", format!("Bearer {}", text(&session["sdk_token"])))
        .header("content-type", "application/pdf")
        .body(Body::from(file))
        .unwrap();
    app.send(request).await
}

/// The picture of a specimen.
fn specimen(name: &str) -> &'static [u8] {
    SPECIMENS.iter().find(|picture| picture.name == name).unwrap().jpeg
}

/// What is said of a file that is sent as a document's front.
async fn refusal(app: &TestApp, session: &Value, file: Vec<u8>) -> String {
    let answer = put(app, session, "document_front", file).await;
    assert_eq!(answer.refused(422, "validation_error"), ["body"]);
    let problem = answer.json()["error"]["fields"][0]["message"].clone();
    let code = text(&problem).rsplit_once('(').unwrap().1;
    code.trim_end_matches(')').to_owned()
}

#[tokio::test]
async fn a_scan_is_read_as_a_photo_is() {
    let app = app().await;
    let session = opened(&app).await;
    let page = app.iframe_page(&session).await.expect(StatusCode::OK);
    assert!(page["media_types"].as_array().unwrap().contains(&json!("application/pdf")));
    // A script in it runs nowhere, and is not kept.
    let script = "/OpenAction << /S /JavaScript /JS (app.alert\\(1\\);) >>";
    let file = pdf::scan_with(&[specimen("passport")], script, "");
    let sent = put(&app, &session, "document_front", file).await.expect(StatusCode::OK);
    assert_eq!((&sent["content_type"], &sent["mrz_found"]), (&json!("image/jpeg"), &json!(true)));
    // The page without its white margins, which are no glare.
    assert_eq!(sent["advice"], Value::Null);
    let (width, height) = (sent["width"].as_u64().unwrap(), sent["height"].as_u64().unwrap());
    assert!(width < 2_100 && height < 2_900, "{width} x {height}");
    put(&app, &session, "selfie", specimen("selfie").to_vec()).await.expect(StatusCode::OK);
    app.submit(&session, "document_upload", json!({ "document": "passport", "country": "SE" })).await;
    app.submit(&session, "selfie", json!({})).await;
    app.await_ended(&session).await;
    let path = format!("/v1/verifications/{}", text(&session["verification_id"]));
    let detail = app.get(&path).await.expect(StatusCode::OK);
    let mrz = detail["checks"].as_array().unwrap().iter().find(|check| check["type"] == "document_mrz").unwrap();
    assert_eq!(mrz["status"], "passed", "{mrz}");
    app.finish().await;
}

#[tokio::test]
async fn of_two_pages_the_second_is_the_back() {
    let app = app().await;
    let session = opened(&app).await;
    // The zone of a card is on its back.
    let both = pdf::scan(&[specimen("id_card_front"), specimen("id_card_back")]);
    for (kind, has_zone) in [("document_front", false), ("document_back", true)] {
        let sent = put(&app, &session, kind, both.clone()).await.expect(StatusCode::OK);
        assert_eq!(sent["mrz_found"], has_zone, "{kind}");
    }
    let alone = pdf::scan(&[specimen("id_card_back")]);
    let sent = put(&app, &session, "document_back", alone).await.expect(StatusCode::OK);
    assert_eq!(sent["mrz_found"], true);
    app.finish().await;
}

#[tokio::test]
async fn what_is_no_page_of_a_document_is_refused_by_name() {
    let app = app().await;
    let session = opened(&app).await;
    let passport = pdf::scan(&[specimen("passport")]);
    let locked = format!(
        "/Encrypt << /Filter /Standard /V 2 /R 3 /Length 128 /P -4 /O <{o}> /U <{u}> >> /ID [<00> <00>]",
        o = "a5".repeat(32),
        u = "3c".repeat(32),
    );
    let pages = |count: usize| {
        let kids: String = (0..count).map(|place| format!("{} 0 R ", 3 + place)).collect();
        let objects = [
            b"<< /Type /Catalog /Pages 2 0 R >>".to_vec(),
            format!("<< /Type /Pages /Kids [{kids}] /Count {count} >>").into_bytes(),
        ];
        let page = b"<< /Type /Page /Parent 2 0 R /MediaBox [0 0 595 842] >>".to_vec();
        pdf::file(&[&objects[..], &vec![page; count]].concat(), "")
    };
    for (file, code) in [
        (pdf::scan_with(&[specimen("passport")], "", &locked), "pdf_encrypted"),
        (pages(3), "pdf_too_many_pages"),
        (pages(10_000), "pdf_too_many_pages"),
        (pages(0), "picture_damaged"),
        (b"%PDF-1.7\nPK\x03\x04 and nothing that is a page".to_vec(), "picture_damaged"),
        (passport[..60].to_vec(), "picture_damaged"),
    ] {
        assert_eq!(refusal(&app, &session, file).await, code);
    }
    let answer = put(&app, &session, "selfie", passport).await;
    answer.refused(415, "unsupported_media_type");
    let said = answer.json()["error"]["message"].clone();
    assert!(text(&said).contains("image/jpeg") && !text(&said).contains("pdf"), "{said}");
    let page = app.iframe_page(&session).await.expect(StatusCode::OK);
    assert_eq!(page["media"], json!([]), "nothing of it was kept");
    app.finish().await;
}

/// A page with these contents and these entries as its resources, and then more objects from number 5 on.
fn page_of(contents: &[u8], resources: &str, more: Vec<Vec<u8>>) -> Vec<u8> {
    let page =
        format!("<< /Type /Page /Parent 2 0 R /MediaBox [0 0 595 842] /Contents 4 0 R /Resources << {resources} >> >>");
    let objects = vec![
        b"<< /Type /Catalog /Pages 2 0 R >>".to_vec(),
        b"<< /Type /Pages /Kids [3 0 R] /Count 1 >>".to_vec(),
        page.into_bytes(),
        pdf::stream("", contents),
    ];
    pdf::file(&[objects, more].concat(), "")
}

/// A page whose one form calls another ten times, which calls another, and so on: ten to the tenth times
/// the same square.
fn endless() -> Vec<u8> {
    let form = |next: usize| {
        let head = format!(
            "/Type /XObject /Subtype /Form /BBox [0 0 600 900] /Resources << /XObject << /Next {next} 0 R >> >>"
        );
        pdf::stream(&head, "/Next Do ".repeat(10).as_bytes())
    };
    let square = pdf::stream("/Type /XObject /Subtype /Form /BBox [0 0 600 900]", b"0 0 300 300 re f");
    page_of(b"/Next Do", "/XObject << /Next 5 0 R >>", (6..16).map(form).chain([square]).collect())
}

/// A page with a picture that claims four gigapixels.
fn huge() -> Vec<u8> {
    let head = "/Type /XObject /Subtype /Image /Width 60000 /Height 60000 /ColorSpace /DeviceRGB /BitsPerComponent 8";
    let picture = pdf::stream(head, &[0x55; 1000]);
    page_of(b"q 500 0 0 500 0 0 cm /Im Do Q", "/XObject << /Im 5 0 R >>", vec![picture])
}

#[tokio::test]
async fn a_page_that_takes_too_much_is_given_up_and_the_session_goes_on() {
    let app = app().await;
    let session = opened(&app).await;
    assert_eq!(refusal(&app, &session, endless()).await, "pdf_too_complex");
    // What cannot be there is left out, as viewers do.
    let sent = put(&app, &session, "document_front", huge()).await.expect(StatusCode::OK);
    assert_eq!(sent["mrz_found"], false);
    let sent = put(&app, &session, "document_front", specimen("passport").to_vec()).await.expect(StatusCode::OK);
    assert_eq!(sent["mrz_found"], true);
    app.finish().await;
}

/// A program that is one line of shell.
fn line(folder: &Path, line: &str) -> OsString {
    let program = folder.join("program");
    fs::write(&program, format!("#!/bin/sh\n{line}\n")).unwrap();
    fs::set_permissions(&program, Permissions::from_mode(0o700)).unwrap();
    program.into()
}

/// What comes of a page that such a program is to draw.
async fn drawn_by(program: &str) -> Result<Vec<u8>, PageError> {
    let folder = tempfile::tempdir().unwrap();
    let pages = Pages::of(line(folder.path(), program), Arc::new(SystemClock::default()));
    pages.draw(Bytes::from_static(b"%PDF-"), MediaKind::DocumentFront).await
}

#[tokio::test]
async fn the_process_that_draws_is_told_nothing_of_the_server() {
    let told = String::from_utf8(drawn_by("env").await.unwrap()).unwrap();
    assert!(std::env::var_os("CARGO_MANIFEST_DIR").is_some() && !told.contains("CARGO"), "{told}");
    assert!(told.contains("PWD=/\n"), "{told}");
}

#[tokio::test]
async fn how_the_process_ends_tells_whose_fault_it_is() {
    for signal in ["XCPU", "KILL", "ABRT", "SEGV"] {
        let ended = drawn_by(&format!("kill -s {signal} $$")).await;
        assert!(matches!(ended, Err(PageError::Refused(PictureError::PdfTooComplex))), "{signal}: {ended:?}");
    }
    for fault in ["kill -s TERM $$", "kill -s INT $$", "exit 3"] {
        let ended = drawn_by(fault).await;
        assert!(matches!(ended, Err(PageError::Unavailable(_))), "{fault}: {ended:?}");
    }
    let endless = drawn_by("exec yes").await;
    assert!(matches!(endless, Err(PageError::Refused(PictureError::PdfTooComplex))));
}

#[tokio::test]
async fn a_process_that_never_ends_is_given_up() {
    let folder = tempfile::tempdir().unwrap();
    let clock = TestClock::new(Timestamp::from_seconds(1_763_800_000));
    // Reads what it is sent for as long as somebody sends, and then waits for a pipe that nobody writes to.
    let never = "mkfifo pipe; exec cat pipe";
    let program = line(folder.path(), &format!("cd {}; {never}", folder.path().display()));
    let pages = Pages::of(program, Arc::new(clock.clone()));
    let mut drawing = pages.draw(Bytes::from_static(b"%PDF-"), MediaKind::DocumentFront);
    assert!(futures::poll!(&mut drawing).is_pending());
    clock.advance(Duration::from_secs(30));
    assert!(matches!(drawing.await, Err(PageError::Unavailable(_))));
}

#[test]
fn the_process_that_draws_can_do_nothing_else() {
    let mut child = vetd(&["draw-page", "document_front"]);
    let mut child = child.stdin(Stdio::piped()).stdout(Stdio::piped()).spawn().unwrap();
    let mut stdin = child.stdin.take().unwrap();
    // More than a pipe holds: once it is taken, the process reads, and it confines itself before that.
    stdin.write_all(&vec![b' '; 1 << 20]).unwrap();
    let limits = fs::read_to_string(format!("/proc/{}/limits", child.id())).unwrap();
    for (name, most) in [
        ("Max cpu time", "5"),
        ("Max address space", "536870912"),
        ("Max open files", "0"),
        ("Max file size", "0"),
        ("Max core file size", "0"),
    ] {
        let limit = limits.lines().find_map(|line| line.strip_prefix(name)).unwrap();
        assert_eq!(limit.split_whitespace().take(2).collect::<Vec<_>>(), [most, most], "{name}");
    }
    drop(stdin);
    let output = child.wait_with_output().unwrap();
    assert_eq!((output.status.code(), output.stdout.as_slice()), (Some(1), &b"picture_damaged"[..]));
}

#[tokio::test]
async fn without_who_draws_them_pages_are_not_taken() {
    let app = TestApp::start().await;
    let session = app.create(json!({})).await;
    let page = app.iframe_page(&session).await.expect(StatusCode::OK);
    assert!(!page["media_types"].as_array().unwrap().contains(&json!("application/pdf")));
    app.finish().await;
}

#[tokio::test]
async fn the_server_draws_pages_by_itself() {
    let folder = tempfile::tempdir().unwrap();
    let mut server = Program::start(serve_with_key(folder.path()));
    let address = server.address();
    let client = reqwest::Client::new();
    let created = client.post(format!("{address}/v1/sessions")).bearer_auth(BOOTSTRAP_KEY);
    let created = created.header("idempotency-key", "one").json(&json!({ "template_slug": "scaffold-document" }));
    let session: Value = created.send().await.unwrap().json().await.unwrap();
    let load = client.post(format!("{address}/iframe/api/load")).bearer_auth(text(&session["sdk_token"]));
    assert!(load.json(&json!({})).send().await.unwrap().status().is_success());
    let put = client.put(format!("{address}/iframe/api/media/document_front"));
    let sent = put.bearer_auth(text(&session["sdk_token"])).body(pdf::scan(&[specimen("passport")]));
    let sent: Value = sent.send().await.unwrap().json().await.unwrap();
    assert_eq!(sent["mrz_found"], true, "{sent}");
    assert!(server.end("TERM").1.success());
}
