//! Pictures that arrive in parts: over connections that break, out of place, several at a time, and
//! the same ones again.

#![expect(clippy::unwrap_used, reason = "a test fails where it unwraps")]

mod common;

use std::io;
use std::sync::LazyLock;
use std::time::Duration;

use axum::body::{Body, Bytes};
use axum::http::{Request, StatusCode};
use common::{Answer, TestApp, text};
use futures::{StreamExt, stream};
use serde_json::{Value, json};
use vetd_actors::{UPLOAD_BYTES, UPLOAD_LIFE};
use vetd_model::date::Date;
use vetd_specimens::{Person, Setting, Specimen};

const FRONT: &str = "document_front";
const BACK: &str = "document_back";

static PASSPORT: LazyLock<Vec<u8>> = LazyLock::new(|| {
    let person = Person {
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
    };
    Specimen::passport(&person).photo(11, Setting::Normal).jpeg
});

/// A server with a session that waits for pictures of a document.
async fn waiting() -> (TestApp, Value) {
    let app = TestApp::start().await;
    let steps = json!([{ "type": "document_upload", "documents": ["passport", "id_card"], "countries": ["*"] }]);
    app.published("passports", json!({ "steps": steps, "checks": [{ "type": "document_mrz" }] })).await;
    let session = opened(&app).await;
    (app, session)
}

async fn opened(app: &TestApp) -> Value {
    let session = app.create(json!({ "template_slug": "passports" })).await;
    app.load(&session).await;
    session
}

fn request(session: &Value, method: &str, kind: &str) -> axum::http::request::Builder {
    let token = text(&session["sdk_token"]);
    let request = Request::builder().method(method).uri(format!("/iframe/api/media/{kind}"));
    request.header("authorization", format!("Bearer {token}"))
}

fn part(session: &Value, kind: &str, offset: usize, length: usize) -> axum::http::request::Builder {
    request(session, "PUT", kind).header("upload-offset", offset).header("upload-length", length)
}

async fn send(app: &TestApp, session: &Value, kind: &str, offset: usize, length: usize, bytes: &[u8]) -> Answer {
    app.send(part(session, kind, offset, length).body(Body::from(bytes.to_vec())).unwrap()).await
}

/// Where the server says to go on.
async fn arrived(app: &TestApp, session: &Value, kind: &str) -> usize {
    let answer = app.send(request(session, "HEAD", kind).body(Body::empty()).unwrap()).await;
    assert_eq!((answer.status, answer.body.len()), (StatusCode::NO_CONTENT, 0));
    answer.header("upload-offset").parse().unwrap()
}

/// The refusal of a part that does not begin where it must; returns where that is.
#[track_caller]
fn elsewhere(answer: &Answer) -> usize {
    answer.refused(409, "invalid_state");
    answer.header("upload-offset").parse().unwrap()
}

/// A body whose connection breaks behind these bytes.
fn broken(bytes: &[u8]) -> Body {
    let pieces: Vec<io::Result<Bytes>> = bytes.chunks(1000).map(|piece| Ok(Bytes::copy_from_slice(piece))).collect();
    Body::from_stream(stream::iter(pieces.into_iter().chain([Err(io::ErrorKind::ConnectionReset.into())])))
}

#[tokio::test]
async fn parts_make_the_picture_that_one_piece_would() {
    let (app, session) = waiting().await;
    let (file, before) = (&*PASSPORT, app.position());
    let (third, length) = (file.len() / 3, file.len());
    assert_eq!(arrived(&app, &session, FRONT).await, 0);
    for (from, to) in [(0, third), (third, 2 * third)] {
        let answer = send(&app, &session, FRONT, from, length, &file[from..to]).await;
        let progress = json!({ "object": "upload", "kind": FRONT, "offset": to, "length": length });
        assert_eq!((answer.expect(StatusCode::ACCEPTED), answer.header("upload-offset")), (progress, &*to.to_string()));
        assert_eq!(arrived(&app, &session, FRONT).await, to);
    }
    assert_eq!(app.position(), before);
    assert_eq!(app.iframe_state(&session).await.expect(StatusCode::OK)["media"], json!([]));

    let in_parts = send(&app, &session, FRONT, 2 * third, length, &file[2 * third..]).await.expect(StatusCode::OK);
    assert_eq!((&in_parts["object"], &in_parts["mrz_found"]), (&json!("media"), &json!(true)));
    assert_eq!(arrived(&app, &session, FRONT).await, 0, "nothing is left of it");

    let other = opened(&app).await;
    let one_piece = app.send(request(&other, "PUT", FRONT).body(Body::from(file.clone())).unwrap()).await;
    assert_eq!(one_piece.expect(StatusCode::OK)["sha256"], in_parts["sha256"]);
    let at_once = send(&app, &other, FRONT, 0, length, file).await.expect(StatusCode::OK);
    assert_eq!(at_once["sha256"], in_parts["sha256"]);
    app.finish().await;
}

#[tokio::test]
async fn a_part_elsewhere_is_told_where_to_go_on_and_one_at_0_begins_anew() {
    let (app, session) = waiting().await;
    assert_eq!(elsewhere(&send(&app, &session, FRONT, 7, 100, b"xyz").await), 0);
    send(&app, &session, FRONT, 0, 100, &[1; 40]).await.expect(StatusCode::ACCEPTED);
    for wrong in [1, 39, 41, 100] {
        assert_eq!(elsewhere(&send(&app, &session, FRONT, wrong, 100, b"").await), 40, "{wrong}");
    }
    // A sign of life.
    send(&app, &session, FRONT, 40, 100, b"").await.expect(StatusCode::ACCEPTED);

    // Another picture: nothing of the first is in it.
    let file = &*PASSPORT;
    send(&app, &session, FRONT, 0, file.len(), &file[..500]).await.expect(StatusCode::ACCEPTED);
    let sent = send(&app, &session, FRONT, 500, file.len(), &file[500..]).await.expect(StatusCode::OK);
    assert_eq!(sent["mrz_found"], true);

    // One in one piece is another, too.
    send(&app, &session, FRONT, 0, 100, &[1; 40]).await.expect(StatusCode::ACCEPTED);
    app.send(request(&session, "PUT", FRONT).body(Body::from(file.clone())).unwrap()).await.expect(StatusCode::OK);
    assert_eq!(arrived(&app, &session, FRONT).await, 0);
    app.finish().await;
}

#[tokio::test]
async fn a_part_stays_within_the_length_that_it_names() {
    let (app, session) = waiting().await;
    let too_long = send(&app, &session, FRONT, 0, 100, &[1; 101]).await;
    assert_eq!(too_long.refused(422, "validation_error"), ["body"]);
    send(&app, &session, FRONT, 0, 100, &[1; 40]).await.expect(StatusCode::ACCEPTED);
    assert_eq!(send(&app, &session, FRONT, 40, 100, &[1; 61]).await.refused(422, "validation_error"), ["body"]);
    assert_eq!(arrived(&app, &session, FRONT).await, 40, "nothing of it was taken");

    send(&app, &session, FRONT, 0, UPLOAD_BYTES + 1, b"x").await.refused(413, "payload_too_large");
    for (headers, field) in [
        (&[("upload-offset", "0")][..], "Upload-Length"),
        (&[("upload-length", "9")], "Upload-Offset"),
        (&[("upload-offset", "10"), ("upload-length", "9")], "Upload-Offset"),
        (&[("upload-offset", "0"), ("upload-length", "0")], "Upload-Length"),
        (&[("upload-offset", "-1"), ("upload-length", "9")], "Upload-Offset"),
    ] {
        let with = |request: axum::http::request::Builder, (name, value): &(&str, &str)| request.header(*name, *value);
        let request = headers.iter().fold(request(&session, "PUT", FRONT), with);
        let answer = app.send(request.body(Body::from("x")).unwrap()).await;
        assert_eq!(answer.refused(422, "validation_error"), [field], "{headers:?}");
    }
    app.finish().await;
}

#[tokio::test]
async fn what_came_before_a_connection_broke_is_kept() {
    let (app, session) = waiting().await;
    let file = &*PASSPORT;
    let (half, length) = (file.len() / 2, file.len());
    let lost = app.send(part(&session, FRONT, 0, length).body(broken(&file[..half])).unwrap()).await;
    assert_eq!(lost.refused(422, "validation_error"), ["body"]);
    assert_eq!(arrived(&app, &session, FRONT).await, half);

    // Broken after the last byte: an empty part completes it.
    let lost = app.send(part(&session, FRONT, half, length).body(broken(&file[half..])).unwrap()).await;
    assert_eq!(lost.refused(422, "validation_error"), ["body"]);
    assert_eq!(arrived(&app, &session, FRONT).await, length);
    let sent = send(&app, &session, FRONT, length, length, b"").await.expect(StatusCode::OK);
    assert_eq!(sent["mrz_found"], true);
    app.finish().await;
}

#[tokio::test]
async fn a_part_that_comes_too_slowly_is_cut_off_and_what_came_is_kept() {
    let (app, session) = waiting().await;
    let begun = stream::iter([Ok::<_, io::Error>(Bytes::from_static(b"begun"))]).chain(stream::pending());
    let slow = app.send(part(&session, FRONT, 0, 100).body(Body::from_stream(begun)).unwrap());
    let mut slow = Box::pin(slow);
    assert!(futures::poll!(slow.as_mut()).is_pending());
    app.clock.advance(Duration::from_secs(30));
    assert_eq!(slow.await.refused(422, "validation_error"), ["body"]);
    assert_eq!(arrived(&app, &session, FRONT).await, 5);
    app.finish().await;
}

#[tokio::test]
async fn a_connection_that_hangs_adds_nothing_once_its_client_has_gone_on() {
    let (app, session) = waiting().await;
    let file = &*PASSPORT;
    let (late, later) = tokio::sync::oneshot::channel::<Bytes>();
    let first = Bytes::copy_from_slice(&file[..500]);
    let rest = stream::once(async { Ok::<_, io::Error>(later.await.unwrap()) });
    let body = Body::from_stream(stream::iter([Ok(first)]).chain(rest));
    let mut hanging = Box::pin(app.send(part(&session, FRONT, 0, file.len()).body(body).unwrap()));
    assert!(futures::poll!(hanging.as_mut()).is_pending());

    assert_eq!(arrived(&app, &session, FRONT).await, 500);
    late.send(Bytes::from_static(b"what the network had held back")).unwrap();
    assert_eq!(elsewhere(&hanging.await), 500);
    let sent = send(&app, &session, FRONT, 500, file.len(), &file[500..]).await.expect(StatusCode::OK);
    assert_eq!(sent["mrz_found"], true);
    app.finish().await;
}

#[tokio::test]
async fn kinds_and_sessions_are_apart() {
    let (app, session) = waiting().await;
    let other = opened(&app).await;
    let file = &*PASSPORT;
    for (session, kind, length) in [(&session, FRONT, 300), (&session, BACK, 200), (&other, FRONT, 100)] {
        send(&app, session, kind, 0, file.len(), &file[..length]).await.expect(StatusCode::ACCEPTED);
    }
    for (session, kind, length) in [(&session, BACK, 200), (&other, FRONT, 100), (&session, FRONT, 300)] {
        assert_eq!(arrived(&app, session, kind).await, length);
        let sent = send(&app, session, kind, length, file.len(), &file[length..]).await.expect(StatusCode::OK);
        assert_eq!((&sent["kind"], &sent["mrz_found"]), (&json!(kind), &json!(true)));
    }
    app.finish().await;
}

#[tokio::test]
async fn parts_are_lost_after_ten_minutes_at_a_restart_and_with_their_session() {
    let (app, session) = waiting().await;
    send(&app, &session, FRONT, 0, 100, &[1; 40]).await.expect(StatusCode::ACCEPTED);
    app.clock.advance(UPLOAD_LIFE);
    assert_eq!(arrived(&app, &session, FRONT).await, 0);

    send(&app, &session, FRONT, 0, 100, &[1; 40]).await.expect(StatusCode::ACCEPTED);
    let app = app.restart_after(Duration::ZERO).await;
    assert_eq!(elsewhere(&send(&app, &session, FRONT, 40, 100, &[1; 60]).await), 0);
    assert_eq!(arrived(&app, &session, FRONT).await, 0);

    send(&app, &session, FRONT, 0, 100, &[1; 40]).await.expect(StatusCode::ACCEPTED);
    app.cancel(&session).await.expect(StatusCode::OK);
    assert_eq!(arrived(&app, &session, FRONT).await, 0);
    send(&app, &session, FRONT, 0, 100, &[1; 40]).await.refused(401, "session_expired");
    app.finish().await;
}

#[tokio::test]
async fn parts_are_refused_where_the_picture_would_be() {
    let (app, _) = waiting().await;
    let session = app.create(json!({ "template_slug": "passports" })).await;
    send(&app, &session, FRONT, 0, 100, &[1; 40]).await.refused(409, "invalid_state");
    app.load(&session).await;
    send(&app, &session, "selfie", 0, 100, &[1; 40]).await.refused(422, "check_not_required");
    send(&app, &session, "passport", 0, 100, &[1; 40]).await.refused(404, "not_found");
    let stray = Request::builder().method("PUT").uri("/iframe/api/media/document_front?a=1");
    let stray = stray.header("authorization", format!("Bearer {}", text(&session["sdk_token"])));
    let stray = stray.header("upload-offset", 0).header("upload-length", 9).body(Body::from("x")).unwrap();
    assert_eq!(app.send(stray).await.refused(422, "validation_error"), ["a"]);
    assert_eq!(arrived(&app, &session, FRONT).await, 0);

    // What is no picture is refused once it is whole, and gone.
    send(&app, &session, FRONT, 0, 8, b"%PDF").await.expect(StatusCode::ACCEPTED);
    send(&app, &session, FRONT, 4, 8, b"-1.7").await.refused(415, "unsupported_media_type");
    assert_eq!(arrived(&app, &session, FRONT).await, 0);
    app.finish().await;
}

#[tokio::test]
async fn what_is_no_picture_counts_towards_what_a_session_may_send() {
    let (app, session) = waiting().await;
    let whole = async |session: &Value, file: &[u8]| {
        app.send(request(session, "PUT", FRONT).body(Body::from(file.to_vec())).unwrap()).await
    };
    let unreadable: [(u16, &str, &[u8]); 3] = [
        (415, "unsupported_media_type", b"%PDF-1.7"),
        (413, "payload_too_large", &oversized()),
        (422, "validation_error", &PASSPORT[..2_000]),
    ];
    whole(&session, &PASSPORT).await.expect(StatusCode::OK);
    for count in 1..60 {
        let (status, code, file) = unreadable[count % 3];
        whole(&session, file).await.refused(status, code);
    }
    let before = app.position();
    for file in [&PASSPORT[..], b"%PDF-1.7"] {
        let refused = whole(&session, file).await;
        refused.refused(409, "invalid_state");
        assert!(text(&refused.json()["error"]["message"]).contains("60"), "{}", refused.json());
    }
    send(&app, &session, FRONT, 0, 8, b"%PDF").await.refused(409, "invalid_state");
    assert_eq!(app.position(), before);
    // It goes on with the picture that it has, and no other session is touched.
    let other = opened(&app).await;
    whole(&other, &PASSPORT).await.expect(StatusCode::OK);
    app.submit(&session, "document_upload", json!({ "document": "passport", "country": "SE" })).await;
    app.await_status(&session, "completed").await;
    app.finish().await;
}

/// The passport, whose head says that it has 900 megapixels.
fn oversized() -> Vec<u8> {
    let mut file = PASSPORT.clone();
    let frame = file.windows(2).position(|marker| marker[0] == 0xff && (0xc0..=0xc2).contains(&marker[1])).unwrap();
    for side in [frame + 5, frame + 7] {
        file[side..side + 2].copy_from_slice(&30_000_u16.to_be_bytes());
    }
    file
}

#[tokio::test]
async fn uploads_that_nobody_goes_on_with_make_room_for_others() {
    let (app, first) = waiting().await;
    let nearly = vec![0; UPLOAD_BYTES - 1];
    send(&app, &first, FRONT, 0, UPLOAD_BYTES, &nearly).await.expect(StatusCode::ACCEPTED);
    let mut last = first.clone();
    for _ in 0..4 {
        last = opened(&app).await;
        send(&app, &last, FRONT, 0, UPLOAD_BYTES, &nearly).await.expect(StatusCode::ACCEPTED);
    }
    assert_eq!(elsewhere(&send(&app, &first, FRONT, UPLOAD_BYTES - 1, UPLOAD_BYTES, b"x").await), 0);
    assert_eq!(arrived(&app, &last, FRONT).await, UPLOAD_BYTES - 1);
    app.finish().await;
}

#[tokio::test]
async fn a_key_counts_for_the_whole_picture_however_it_is_parted() {
    let (app, session) = waiting().await;
    let file = &*PASSPORT;
    let keyed = |offset: usize, bytes: &[u8]| {
        let request = part(&session, FRONT, offset, file.len()).header("idempotency-key", "front-1");
        app.send(request.body(Body::from(bytes.to_vec())).unwrap())
    };
    keyed(0, &file[..900]).await.expect(StatusCode::ACCEPTED);
    keyed(0, &file[..700]).await.expect(StatusCode::ACCEPTED);
    let first = keyed(700, &file[700..]).await;
    assert_eq!(first.header("idempotent-replayed"), "");
    let first = first.expect(StatusCode::OK);

    // The answer was lost, and the person has gone on meanwhile.
    app.submit(&session, "document_upload", json!({ "document": "passport", "country": "SE" })).await;
    app.await_ended(&session).await;
    send(&app, &session, FRONT, 0, file.len(), &file[..900]).await.refused(401, "session_expired");
    keyed(0, &file[..123]).await.expect(StatusCode::ACCEPTED);
    let again = keyed(123, &file[123..]).await;
    assert_eq!((again.header("idempotent-replayed"), again.expect(StatusCode::OK)), ("true", first.clone()));
    let whole = request(&session, "PUT", FRONT).header("idempotency-key", "front-1");
    let again = app.send(whole.body(Body::from(file.clone())).unwrap()).await;
    assert_eq!((again.header("idempotent-replayed"), again.expect(StatusCode::OK)), ("true", first));

    // The same key for another picture.
    let mut other = file.clone();
    other[20_000] ^= 1;
    keyed(0, &other[..900]).await.expect(StatusCode::ACCEPTED);
    keyed(900, &other[900..]).await.refused(409, "idempotency_conflict");
    app.finish().await;
}

#[tokio::test]
async fn pictures_are_counted_by_what_became_of_them() {
    let (app, session) = waiting().await;
    let file = &*PASSPORT;
    send(&app, &session, FRONT, 0, file.len(), &file[..500]).await.expect(StatusCode::ACCEPTED);
    let sent = send(&app, &session, FRONT, 500, file.len(), &file[500..]).await.expect(StatusCode::OK);
    send(&app, &session, BACK, 0, 4, b"%PDF").await.refused(415, "unsupported_media_type");
    let metrics = String::from_utf8(app.get("/metrics").await.body).unwrap();
    for line in [
        r#"vetd_pictures_total{kind="document_front",outcome="kept"} 1"#,
        r#"vetd_pictures_total{kind="document_back",outcome="refused"} 1"#,
        r#"vetd_pictures_total{kind="selfie",outcome="kept"} 0"#,
        "vetd_picture_reading_seconds_count 2",
        &format!("vetd_pictures_kept_bytes_total {}", sent["size"]),
    ] {
        assert!(metrics.lines().any(|found| found == line), "{line} is missing");
    }
    app.finish().await;
}
