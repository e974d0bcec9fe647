//! Pictures: sent, read, shown by signed links, and gone when they must be. Documents are drawn by
//! vetd-specimens; everything that reads them is the real thing.

#![expect(clippy::unwrap_used, reason = "a test fails where it unwraps")]

mod common;

use std::fs;
use std::path::{Path, PathBuf};
use std::time::{Duration, UNIX_EPOCH};

use axum::body::Body;
use axum::http::{Request, StatusCode};
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use common::{Answer, TestApp, text};
use serde_json::{Value, json};
use vetd_actors::Clock;
use vetd_model::date::Date;
use vetd_model::{Mode, Realm, WorkspaceId};
use vetd_specimens::chip::{CertificatePlan, group_1};
use vetd_specimens::{Blank, Camera, Format, Person, Setting, Specimen, WrongDigit, lines};
use vetd_storage::Store;

/// A person with a Swedish passport that is valid on the day of the tests.
fn astrid() -> Person {
    Person {
        surname: "LINDQVIST".to_owned(),
        given_names: "ASTRID".to_owned(),
        issuer: "SWE".to_owned(),
        nationality: "SWE".to_owned(),
        number: "AB1234567".to_owned(),
        born: Date::new(1990, 4, 28).unwrap(),
        sex: 'F',
        issued: Date::new(2022, 5, 1).unwrap(),
        expires: Date::new(2032, 4, 30).unwrap(),
        optional: String::new(),
    }
}

fn passport(person: &Person) -> Vec<u8> {
    Specimen::passport(person).photo(11, Setting::Normal).jpeg
}

fn no_document() -> Vec<u8> {
    Blank::Texture.photo(&Camera::new(Setting::Normal), 3).jpeg
}

/// A flow that asks for a passport, with every check that looks at it.
fn flow(on_fail: &str) -> Value {
    let checks = [
        "image_quality",
        "document_mrz",
        "document_type",
        "issuing_country",
        "document_expiry",
        "document_consistency",
        "data_match",
        "age",
    ];
    let checks: Vec<_> = checks.iter().map(|kind| json!({ "type": kind, "on_fail": on_fail })).collect();
    json!({
        "steps": [
            { "type": "data_entry", "fields": [
                { "name": "first_name", "type": "string", "required": true },
                { "name": "last_name", "type": "string", "required": true },
                { "name": "date_of_birth", "type": "date", "required": true },
            ] },
            { "type": "document_upload", "documents": ["passport", "id_card"], "countries": ["*"] },
        ],
        "checks": checks, "max_attempts": 2,
    })
}

fn typed(last_name: &str) -> Value {
    json!({ "first_name": "Astrid", "last_name": last_name, "date_of_birth": "1990-04-28" })
}

async fn put(app: &TestApp, session: &Value, kind: &str, file: Vec<u8>) -> Answer {
    let request = Request::builder()
        .method("PUT")
        .uri(format!("/iframe/api/media/{kind}"))
        .header("authorization", format!("Bearer {}", text(&session["sdk_token"])))
        .header("content-type", "image/jpeg")
        .body(Body::from(file))
        .unwrap();
    app.send(request).await
}

/// A session of the flow whose person has typed and sent this passport.
async fn submitted(app: &TestApp, last_name: &str, file: Vec<u8>) -> Value {
    let session = app.create(json!({ "template_slug": "passports" })).await;
    app.load(&session).await;
    app.enter(&session, typed(last_name)).await;
    put(app, &session, "document_front", file).await.expect(StatusCode::OK);
    app.submit(&session, "document_upload", json!({ "document": "passport", "country": "SE" })).await;
    session
}

async fn detail(app: &TestApp, session: &Value) -> Value {
    app.get(&format!("/v1/verifications/{}", text(&session["verification_id"]))).await.expect(StatusCode::OK)
}

fn check<'a>(detail: &'a Value, kind: &str) -> &'a Value {
    detail["checks"].as_array().unwrap().iter().find(|check| check["type"] == kind).unwrap()
}

/// Every object in the folder of the pictures.
fn objects(folder: &Path) -> Vec<PathBuf> {
    let mut found = Vec::new();
    for entry in fs::read_dir(folder).into_iter().flatten() {
        let path = entry.unwrap().path();
        if path.is_dir() { found.extend(objects(&path)) } else { found.push(path) }
    }
    found
}

/// Follows a link: the path and the query of it.
async fn follow(app: &TestApp, url: &Value) -> Answer {
    let path = text(url).strip_prefix(common::PUBLIC_URL).unwrap();
    app.send(Request::builder().uri(path).body(Body::empty()).unwrap()).await
}

#[tokio::test]
async fn a_passport_is_read_and_completes_the_session() {
    let app = TestApp::start().await;
    app.published("passports", flow("fail")).await;
    let session = submitted(&app, "Lindqvist", passport(&astrid())).await;
    app.await_status(&session, "completed").await;

    let detail = detail(&app, &session).await;
    for kind in ["image_quality", "document_mrz", "document_type", "issuing_country", "document_expiry", "data_match"] {
        assert_eq!(check(&detail, kind)["status"], "passed", "{kind}: {detail}");
    }
    let mrz = check(&detail, "document_mrz");
    assert_eq!((&mrz["details"]["format"], &mrz["details"]["names_proven"]), (&json!("TD3"), &json!(false)));
    let fields = &detail["fields"];
    for (name, value) in [
        ("document_number", "AB1234567"),
        ("date_of_birth", "1990-04-28"),
        ("date_of_expiry", "2032-04-30"),
        ("issuing_country", "SE"),
        ("nationality", "SE"),
        ("last_name", "LINDQVIST"),
        ("first_name", "ASTRID"),
        ("sex", "F"),
    ] {
        assert_eq!(
            (&fields[name]["value"], &fields[name]["source"]),
            (&json!(value), &json!("document_mrz")),
            "{name}"
        );
    }
    assert_eq!(fields["document_number"]["confidence"], 1.0);
    assert!(fields["last_name"]["confidence"].as_f64().unwrap() < 1.0, "no check digit protects a name");

    // The events tell of none of it.
    let told = app.get("/v1/events?limit=100").await.expect(StatusCode::OK).to_string();
    for personal in ["AB1234567", "LINDQVIST", "Lindqvist", "/media/", "TD3"] {
        assert!(!told.contains(personal), "{personal}");
    }
    app.finish().await;
}

#[tokio::test]
async fn each_wrong_document_has_its_code() {
    let app = TestApp::start().await;
    app.published("passports", flow("fail")).await;
    let expired = Person { expires: Date::new(2021, 3, 6).unwrap(), ..astrid() };
    let norwegian = Person { issuer: "NOR".to_owned(), nationality: "NOR".to_owned(), ..astrid() };
    let child = Person { born: Date::new(2012, 4, 28).unwrap(), ..astrid() };
    let specimen = Person { issuer: "UTO".to_owned(), nationality: "UTO".to_owned(), ..astrid() };
    let card = Specimen::card_back(&astrid()).photo(11, Setting::Normal).jpeg;
    for (file, kind, code) in [
        (passport(&expired), "document_expiry", "document_expired"),
        (passport(&norwegian), "issuing_country", "issuing_country_mismatch"),
        (passport(&child), "data_match", "data_mismatch"),
        (passport(&specimen), "document_mrz", "document_specimen"),
        (card, "document_type", "document_type_mismatch"),
        (no_document(), "document_mrz", "mrz_not_found"),
    ] {
        let session = submitted(&app, "Lindqvist", file).await;
        app.await_status(&session, "failed").await;
        let detail = detail(&app, &session).await;
        let found = check(&detail, kind);
        assert_eq!((&found["status"], &found["code"]), (&json!("failed"), &json!(code)), "{detail}");
    }
    let wrong = Specimen::with_wrong_digit(Format::Td3, &astrid(), WrongDigit::Number).photo(11, Setting::Normal);
    let session = submitted(&app, "Lindqvist", wrong.jpeg).await;
    let ended = app.await_ended(&session).await;
    assert_ne!(ended["status"], "completed", "a wrong check digit never passes");
    app.finish().await;
}

#[tokio::test]
async fn what_cannot_be_read_is_asked_for_again_and_the_next_picture_completes() {
    let app = TestApp::start().await;
    app.published("passports", flow("retry")).await;
    let session = submitted(&app, "Lindqvist", no_document()).await;
    let asked = app.await_status(&session, "requires_input").await;
    assert_eq!(asked["last_error"]["code"], "mrz_not_found");

    app.enter(&session, typed("Lindqvist")).await;
    let document = json!({ "document": "passport", "country": "SE" });
    let early = app.iframe(&session, "steps/document_upload", document.clone()).await;
    assert_eq!(early.refused(422, "validation_error"), ["media.document_front"]);
    put(&app, &session, "document_front", passport(&astrid())).await.expect(StatusCode::OK);
    app.submit(&session, "document_upload", document).await;
    assert_eq!(app.await_status(&session, "completed").await["last_error"], Value::Null);
    app.finish().await;
}

#[tokio::test]
async fn a_link_opens_its_picture_for_fifteen_minutes_and_until_it_is_erased() {
    let app = TestApp::start().await;
    app.published("passports", flow("fail")).await;
    let session = submitted(&app, "Lindqvist", passport(&astrid())).await;
    app.await_status(&session, "completed").await;
    let shown = detail(&app, &session).await;
    let media = &shown["media"][0];
    assert_eq!(media["url_expires_at"], app.clock.now().seconds() + 900);
    let answer = follow(&app, &media["url"]).await;
    assert_eq!((answer.status, answer.header("content-type")), (StatusCode::OK, "image/jpeg"));
    assert_eq!(
        (answer.header("cache-control"), answer.body.len() as u64),
        ("no-store", media["size"].as_u64().unwrap())
    );
    assert!(answer.body.starts_with(&[0xff, 0xd8]) && !answer.body.windows(4).any(|part| part == b"Exif"));

    // Sealed where it is kept: no JPEG, and nothing of the one that was sent.
    let [object] = objects(&app.folder().join("media")).try_into().unwrap();
    let kept = fs::read(&object).unwrap();
    assert!(!kept.windows(16).any(|part| part == &answer.body[100..116]) && !kept.starts_with(&[0xff, 0xd8]));

    let other = text(&media["url"]).replace("exp=1", "exp=2");
    follow(&app, &json!(other)).await.refused(401, "invalid_signature");
    app.clock.advance(Duration::from_secs(900));
    follow(&app, &media["url"]).await.refused(401, "invalid_signature");

    let fresh = detail(&app, &session).await["media"][0]["url"].clone();
    assert_eq!(follow(&app, &fresh).await.status, StatusCode::OK);
    let path = format!("/v1/verifications/{}/redact", text(&session["verification_id"]));
    app.post(&path, json!({})).await.expect(StatusCode::OK);
    follow(&app, &fresh).await.refused(404, "not_found");
    common::until("the object is deleted", || objects(&app.folder().join("media")).is_empty()).await;
    app.finish().await;
}

#[tokio::test]
async fn what_is_no_picture_is_refused_and_changes_nothing() {
    let app = TestApp::start().await;
    app.published("passports", flow("fail")).await;
    let session = app.create(json!({ "template_slug": "passports" })).await;
    let good = passport(&astrid());
    put(&app, &session, "document_front", good.clone()).await.refused(409, "invalid_state");
    app.load(&session).await;
    let before = app.position();

    let mut truncated = good.clone();
    truncated.truncate(good.len() / 3);
    for (file, status, code) in [
        (Vec::new(), 415, "unsupported_media_type"),
        (b"PK\x03\x04 a zip named .jpg".to_vec(), 415, "unsupported_media_type"),
        (b"%PDF-1.7 with /JS inside".to_vec(), 415, "unsupported_media_type"),
        (b"{\"accepted\": true}".to_vec(), 415, "unsupported_media_type"),
        (truncated, 422, "validation_error"),
        (vec![0xff; 17 * 1024 * 1024], 413, "payload_too_large"),
    ] {
        put(&app, &session, "document_front", file).await.refused(status, code);
    }
    put(&app, &session, "selfie", good.clone()).await.refused(422, "check_not_required");
    put(&app, &session, "passport", good.clone()).await.refused(404, "not_found");
    assert_eq!(app.position(), before);
    assert_eq!(objects(&app.folder().join("media")), Vec::<PathBuf>::new());
    let state = app.iframe_state(&session).await.expect(StatusCode::OK);
    assert_eq!(state["media"], json!([]));

    let sent = put(&app, &session, "document_front", good.clone()).await.expect(StatusCode::OK);
    assert_eq!((&sent["mrz_found"], &sent["advice"]), (&json!(true), &Value::Null));
    assert!(!sent.to_string().contains("LINDQVIST"), "what was read is not told to the page");
    assert_eq!(app.iframe_state(&session).await.expect(StatusCode::OK)["media"], json!([sent]));
    app.cancel(&session).await.expect(StatusCode::OK);
    put(&app, &session, "document_front", good).await.refused(401, "session_expired");
    app.finish().await;
}

#[tokio::test]
async fn a_picture_sent_twice_with_one_key_is_kept_once_and_one_taken_again_replaces_it() {
    let app = TestApp::start().await;
    app.published("passports", flow("fail")).await;
    let session = app.create(json!({ "template_slug": "passports" })).await;
    app.load(&session).await;
    let send = |file: Vec<u8>| {
        let request = Request::builder()
            .method("PUT")
            .uri("/iframe/api/media/document_front")
            .header("authorization", format!("Bearer {}", text(&session["sdk_token"])))
            .header("idempotency-key", "picture-1")
            .body(Body::from(file))
            .unwrap();
        app.send(request)
    };
    let first = send(passport(&astrid())).await.expect(StatusCode::OK);
    let again = send(passport(&astrid())).await;
    assert_eq!((again.header("idempotent-replayed"), &again.json()), ("true", &first));
    send(no_document()).await.refused(409, "idempotency_conflict");
    assert_eq!(objects(&app.folder().join("media")).len(), 1);

    let second = put(&app, &session, "document_front", no_document()).await.expect(StatusCode::OK);
    assert_ne!(second["id"], first["id"]);
    common::until("the first is deleted", || objects(&app.folder().join("media")).len() == 1).await;
    app.finish().await;
}

#[tokio::test]
async fn a_picture_that_no_session_names_is_deleted_after_a_day() {
    let app = TestApp::start().await;
    app.published("passports", flow("fail")).await;
    let session = app.create(json!({ "template_slug": "passports" })).await;
    app.load(&session).await;
    put(&app, &session, "document_front", passport(&astrid())).await.expect(StatusCode::OK);
    let [named] = objects(&app.folder().join("media")).try_into().unwrap();
    // As a crash between the object and its commit leaves it.
    let orphan = named.with_file_name(format!("{}00", &named.file_name().unwrap().to_str().unwrap()[..30]));
    fs::copy(&named, &orphan).unwrap();
    let long_ago = UNIX_EPOCH + Duration::from_secs(app.clock.now().seconds() - 60);
    for written in [&named, &orphan] {
        fs::File::options().write(true).open(written).unwrap().set_modified(long_ago).unwrap();
    }
    app.clock.advance(Duration::from_secs(2 * 86_400));
    common::until("the orphan is deleted", || !orphan.exists()).await;
    assert!(named.exists());
    app.finish().await;
}

#[tokio::test]
async fn a_simulated_person_shows_specimens_that_pass() {
    let app = TestApp::start().await;
    app.published("passports", flow("fail")).await;
    let session = app.create(json!({ "template_slug": "passports" })).await;
    let done = app.simulate(&session, &["load", "submit"]).await.expect(StatusCode::OK);
    let detail = detail(&app, &session).await;
    assert_eq!(done["status"], "completed", "{detail}");
    assert_eq!(detail["fields"]["last_name"]["source"], "document_mrz");
    assert_eq!(follow(&app, &detail["media"][0]["url"]).await.status, StatusCode::OK);
    app.finish().await;
}

#[tokio::test]
async fn every_kind_of_document_has_a_specimen_that_passes() {
    let app = TestApp::start().await;
    for document in ["passport", "id_card", "driving_license"] {
        let steps = json!([
            flow("fail")["steps"][0],
            { "type": "document_upload", "documents": [document], "countries": ["*"] },
        ]);
        app.published(&document.replace('_', "-"), json!({ "steps": steps })).await;
        let session = app.create(json!({ "template_slug": document.replace('_', "-") })).await;
        let done = app.simulate(&session, &["load", "submit"]).await.expect(StatusCode::OK);
        assert_eq!(done["status"], "completed", "{document}: {}", detail(&app, &session).await);
    }
    app.finish().await;
}

#[tokio::test]
async fn what_a_workspace_no_longer_wants_to_keep_is_erased_in_its_time() {
    let app = TestApp::start().await;
    app.published("passports", flow("fail")).await;
    let rules = json!({ "retention": { "media": { "completed": 1 }, "personal": { "completed": 7, "canceled": 1 } } });
    app.call("PATCH", "/v1/workspace", rules).await.expect(StatusCode::OK);
    let session = app.create(json!({ "template_slug": "passports", "metadata": { "customer": "anna" } })).await;
    app.simulate(&session, &["load", "submit"]).await.expect(StatusCode::OK);
    let kept = app.create(json!({ "template_slug": "passports", "test_outcome": "failed" })).await;
    app.simulate(&kept, &["load", "submit"]).await.expect(StatusCode::OK);
    let canceled = app.create(json!({ "metadata": { "customer": "anna" } })).await;
    app.cancel(&canceled).await.expect(StatusCode::OK);

    let log = async |action: &str| {
        let path = format!("/v1/audit_log?action={action}");
        app.get(&path).await.expect(StatusCode::OK)["data"].as_array().unwrap().len()
    };
    app.clock.advance(Duration::from_secs(25 * 3_600));
    until_async(&app, async || log("media.deleted").await == 1 && log("retention.applied").await == 1).await;
    let after_a_day = detail(&app, &session).await;
    assert_eq!((&after_a_day["media"], &after_a_day["redacted_at"]), (&json!([]), &Value::Null));
    assert_eq!(after_a_day["fields"]["last_name"]["value"], "ERIKSSON");
    assert_eq!(app.session(&canceled).await["metadata"], Value::Null);

    app.clock.advance(Duration::from_secs(7 * 86_400));
    until_async(&app, async || log("retention.applied").await == 2).await;
    assert_eq!(detail(&app, &session).await["fields"], json!({}));
    assert_eq!(detail(&app, &kept).await["fields"]["last_name"]["value"], "ERIKSSON", "no rule, no erasure");
    let entries = app.get("/v1/audit_log?action=media.deleted").await.expect(StatusCode::OK);
    assert_eq!(
        (&entries["data"][0]["actor"]["type"], &entries["data"][0]["details"]["pictures"]),
        (&json!("system"), &json!(1))
    );
    assert_eq!(entries["data"][0]["verification_id"], session["verification_id"]);
    app.finish().await;
}

/// Waits for something that a request tells. Each change on the way is a commit.
async fn until_async(app: &TestApp, holds: impl AsyncFn() -> bool) {
    let mut position = app.store.durable_position();
    let patient = async {
        while !holds().await {
            tokio::select! {
                _ = position.changed() => {}
                () = tokio::task::yield_now() => {}
            }
        }
    };
    assert!(tokio::time::timeout(Duration::from_secs(20), patient).await.is_ok(), "it never came to this");
}

#[tokio::test]
async fn what_a_chip_said_goes_with_the_pictures() {
    let app = TestApp::start().await;
    let rules = json!({ "retention": { "media": { "canceled": 1 } } });
    app.call("PATCH", "/v1/workspace", rules).await.expect(StatusCode::OK);
    let mut with_chip = flow("fail");
    with_chip["checks"] = json!([{ "type": "document_chip" }]);
    app.published("chips", with_chip).await;
    let session = app.create(json!({ "template_slug": "chips" })).await;
    let dg1 = group_1(&lines(Format::Td3, "P<", &astrid(), None));
    let sod = CertificatePlan::signer("SE").issue(None).sign_groups(&[(1, &dg1)]);
    let files = json!({ "sod": STANDARD.encode(sod), "dg1": STANDARD.encode(dg1) });
    app.post(&format!("/v1/sessions/{}/chip", text(&session["id"])), files).await.expect(StatusCode::OK);
    app.cancel(&session).await.expect(StatusCode::OK);
    let has_chip = async || {
        let realm = Realm { workspace: WorkspaceId(1), mode: Mode::Test };
        let stored = app.store.session(realm, text(&session["id"]).parse().unwrap()).await.unwrap().unwrap().0;
        stored.personal.as_ref().unwrap().chip.is_some()
    };
    assert!(has_chip().await);
    app.clock.advance(Duration::from_secs(25 * 3_600));
    until_async(&app, async || !has_chip().await).await;
    let log = app.get("/v1/audit_log?action=media.deleted").await.expect(StatusCode::OK);
    assert_eq!((&log["data"][0]["details"], log["data"].as_array().unwrap().len()), (&json!({ "chips": 1 }), 1));
    app.finish().await;
}

#[tokio::test]
async fn what_an_earlier_attempt_left_behind_is_no_evidence() {
    let app = TestApp::start().await;
    app.published("passports", flow("retry")).await;
    let session = app.create(json!({ "template_slug": "passports" })).await;
    app.load(&session).await;
    app.enter(&session, typed("Lindqvist")).await;
    put(&app, &session, "document_front", no_document()).await.expect(StatusCode::OK);
    let back = Specimen::card_back(&astrid()).photo(11, Setting::Normal).jpeg;
    put(&app, &session, "document_back", back).await.expect(StatusCode::OK);
    app.submit(&session, "document_upload", json!({ "document": "id_card", "country": "NO" })).await;
    let asked = app.await_status(&session, "requires_input").await;
    assert_eq!(asked["last_error"]["code"], "issuing_country_mismatch", "the back was read");

    app.enter(&session, typed("Lindqvist")).await;
    put(&app, &session, "document_front", no_document()).await.expect(StatusCode::OK);
    app.submit(&session, "document_upload", json!({ "document": "passport", "country": "SE" })).await;
    app.await_status(&session, "failed").await;
    let detail = detail(&app, &session).await;
    assert_eq!(check(&detail, "document_mrz")["code"], "mrz_not_found", "the card's back is none of the passport's");
    assert!(detail["fields"].get("document_number").is_none(), "{detail}");
    app.finish().await;
}

#[tokio::test]
async fn a_review_that_comes_late_is_no_way_around_retention() {
    let app = TestApp::start().await;
    let rules = json!({ "retention": { "personal": { "completed": 1 } } });
    app.call("PATCH", "/v1/workspace", rules).await.expect(StatusCode::OK);
    let walk = async |outcome: &str| {
        let session = app.create(json!({ "test_outcome": outcome, "metadata": { "customer": "anna" } })).await;
        app.simulate(&session, &["load", "submit"]).await.expect(StatusCode::OK);
        app.clock.advance(Duration::from_secs(60));
        session
    };
    let (doubtful, plain) = (walk("requires_review").await, walk("completed").await);
    let is_erased = async |session: &Value| detail(&app, session).await["redacted_at"] != Value::Null;
    app.clock.advance(Duration::from_secs(30 * 3_600));
    until_async(&app, async || is_erased(&plain).await).await;
    assert!(!is_erased(&doubtful).await, "a doubtful case has no rule");

    let path = format!("/v1/verifications/{}/review", text(&doubtful["verification_id"]));
    app.post(&path, json!({ "decision": "approved" })).await.expect(StatusCode::OK);
    app.clock.advance(Duration::from_secs(2 * 86_400));
    until_async(&app, async || is_erased(&doubtful).await).await;
    app.finish().await;
}
