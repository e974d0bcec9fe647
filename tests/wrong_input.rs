//! Wrong input: each gets its code from section 9, names the field, and changes nothing.

mod common;

use axum::body::Body;
use axum::http::{HeaderValue, Request, StatusCode};
use common::steps::{consent, flow};
use common::world::{World, body, iframe_routes, refused};
use common::{TestApp, person, request, text};
use serde_json::{Value, json};
use std::time::Duration;

// Bodies

#[tokio::test]
async fn bodies_that_are_not_json() {
    let app = TestApp::start().await;
    let world = World::make(&app).await;
    let before = world.look(&app).await;
    let deep = "[".repeat(10_000);
    let cases: [(&str, &[u8]); 9] = [
        ("half an object", b"{\"metadata\": {"),
        ("no JSON", b"hello"),
        ("a trailing comma", b"{\"metadata\": {},}"),
        ("something after it", b"{} {}"),
        ("not UTF-8", b"{\"metadata\": {\"a\": \"\xff\"}}"),
        ("a field twice", b"{\"expires_in\": 60, \"expires_in\": 70}"),
        ("a single quote", b"{'a': 1}"),
        ("NaN", b"{\"expires_in\": NaN}"),
        ("deep nesting", deep.as_bytes()),
    ];
    for (method, path, _) in world.tenant_routes().iter().filter(|(method, ..)| *method != "GET") {
        for (case, bytes) in cases {
            let answer = app.send(request(&app.key, method, path, bytes.to_vec())).await;
            assert_eq!(refused(&answer, &format!("{case} to {method} {path}"), 422, "validation_error"), ["body"]);
        }
        for (case, bytes) in [("a list", "[]"), ("a string", "\"a\""), ("null", "null"), ("a number", "1")] {
            let answer = app.send(request(&app.key, method, path, bytes)).await;
            refused(&answer, &format!("{case} to {method} {path}"), 422, "validation_error");
        }
    }
    for (method, path, _) in iframe_routes().iter().filter(|(method, ..)| *method != "GET") {
        for (case, bytes) in cases {
            let answer = app.send(request(world.token(), method, path, bytes.to_vec())).await;
            assert_eq!(refused(&answer, &format!("{case} to {method} {path}"), 422, "validation_error"), ["body"]);
        }
    }
    assert_eq!(world.look(&app).await, before);
    app.finish().await;
}

#[tokio::test]
async fn unknown_fields_on_every_change() {
    let app = TestApp::start().await;
    let world = World::make(&app).await;
    app.load(&world.session).await;
    let before = world.look(&app).await;
    for (method, path, value) in world.tenant_routes() {
        if let Value::Object(mut fields) = value {
            fields.insert("surprise".to_owned(), json!(1));
            let answer = app.call(method, &path, Value::Object(fields)).await;
            assert_eq!(refused(&answer, &format!("{method} {path}"), 422, "validation_error"), ["surprise"]);
        }
    }
    for (method, path, value) in iframe_routes() {
        if let Value::Object(mut fields) = value {
            fields.insert("surprise".to_owned(), json!(1));
            let answer = app.call_as(world.token(), method, &path, Value::Object(fields)).await;
            assert_eq!(refused(&answer, &format!("{method} {path}"), 422, "validation_error"), ["surprise"]);
        }
    }
    assert_eq!(world.look(&app).await, before);
    app.finish().await;
}

#[tokio::test]
async fn wrong_values_of_a_new_session() {
    let app = TestApp::start().await;
    let world = World::make(&app).await;
    let before = world.look(&app).await;
    let many: serde_json::Map<String, Value> = (0..51).map(|n| (format!("k{n}"), json!("v"))).collect();
    let unknown = "tpl_01jdf2myt0fzzvzzzzzzzzzzzz";
    let absent_slug = json!({ "template_slug": "absent" });
    let cases = [
        (json!({ "template_id": 1 }), "template_id"),
        (json!({ "template_id": "tpl_1" }), "template_id"),
        (json!({ "template_id": world.session["id"] }), "template_id"),
        (json!({ "template_id": unknown }), "template_id"),
        (absent_slug, "template_slug"),
        (json!({ "template_slug": ["kyc"] }), "template_slug"),
        (json!({ "template_id": world.template["id"], "template_slug": "kyc" }), "template_slug"),
        (json!({ "metadata": "a" }), "metadata"),
        (json!({ "metadata": [] }), "metadata"),
        (json!({ "metadata": many }), "metadata"),
        (json!({ "metadata": { "a": 1 } }), "metadata.a"),
        (json!({ "metadata": { "a": null } }), "metadata.a"),
        (json!({ "metadata": { "a": { "b": "c" } } }), "metadata.a"),
        (json!({ "metadata": { "a": "v".repeat(501) } }), "metadata.a"),
        (json!({ "metadata": { "": "v" } }), "metadata."),
        (json!({ "redirect_url": "javascript:alert(1)" }), "redirect_url"),
        (json!({ "redirect_url": "data:text/html,x" }), "redirect_url"),
        (json!({ "redirect_url": "ftp://example.com/" }), "redirect_url"),
        (json!({ "redirect_url": "/relative" }), "redirect_url"),
        (json!({ "redirect_url": "" }), "redirect_url"),
        (json!({ "redirect_url": "https://" }), "redirect_url"),
        (json!({ "redirect_url": "java\tscript:alert(1)" }), "redirect_url"),
        (json!({ "redirect_url": "https://example.com/\n" }), "redirect_url"),
        (json!({ "redirect_url": 1 }), "redirect_url"),
        (json!({ "expires_in": 59 }), "expires_in"),
        (json!({ "expires_in": 86_401 }), "expires_in"),
        (json!({ "expires_in": -60 }), "expires_in"),
        (json!({ "expires_in": "60" }), "expires_in"),
        (json!({ "expires_in": 60.5 }), "expires_in"),
        (json!({ "expires_in": true }), "expires_in"),
        (json!({ "test_outcome": "passed" }), "test_outcome"),
        (json!({ "test_outcome": "failed:" }), "test_outcome"),
        (json!({ "test_outcome": "failed:age" }), "test_outcome"),
        (json!({ "test_outcome": "failed:iris_scan:x" }), "test_outcome"),
        (json!({ "test_outcome": "failed:age:Has Space" }), "test_outcome"),
        (json!({ "test_outcome": 1 }), "test_outcome"),
    ];
    for (value, field) in cases {
        let answer = app.post("/v1/sessions", value.clone()).await;
        assert_eq!(refused(&answer, &value.to_string(), 422, "validation_error"), [field], "{value}");
    }
    let long = "k".repeat(41);
    let answer = app.post("/v1/sessions", json!({ "metadata": { long: "v" } })).await;
    assert!(refused(&answer, "a long key", 422, "validation_error")[0].starts_with("metadata.kkk"));
    // Everything that is wrong at once.
    let value = json!({ "expires_in": 1, "metadata": { "a": 1 }, "redirect_url": "x", "test_outcome": "x", "z": 1 });
    let mut named = refused(&app.post("/v1/sessions", value).await, "all", 422, "validation_error");
    named.sort();
    assert_eq!(named, ["expires_in", "metadata.a", "redirect_url", "test_outcome", "z"]);
    assert_eq!(world.look(&app).await, before);
    app.finish().await;
}

#[tokio::test]
async fn the_largest_values_of_a_new_session_pass() {
    let app = TestApp::start().await;
    let most: serde_json::Map<String, Value> = (0..50).map(|n| (format!("{n:ü>40}"), json!("é".repeat(500)))).collect();
    for value in [
        json!({ "metadata": most }),
        json!({ "expires_in": 60 }),
        json!({ "expires_in": 86_400 }),
        json!({ "redirect_url": "http://localhost:3000/done" }),
        json!({ "redirect_url": "http://example.com/in-test-mode" }),
        json!({ "metadata": null, "template_id": null, "redirect_url": null }),
    ] {
        let session = app.create(value.clone()).await;
        if let Some(metadata) = value.get("metadata").filter(|value| !value.is_null()) {
            assert_eq!(app.session(&session).await["metadata"], *metadata);
        }
    }
    app.finish().await;
}

#[tokio::test]
async fn what_live_mode_refuses() {
    let app = TestApp::start().await;
    let live = app.live_key().await;
    app.published_as(&live, "kyc", flow("Live.")).await;
    let position = app.position();
    for (value, field) in [
        (json!({ "template_slug": "kyc", "redirect_url": "http://example.com/" }), "redirect_url"),
        (json!({ "template_slug": "kyc", "redirect_url": "javascript:alert(1)" }), "redirect_url"),
        (json!({ "template_slug": "kyc", "test_outcome": "completed" }), "test_outcome"),
        (json!({}), "template_id"),
        (json!({ "template_slug": "scaffold" }), "template_slug"),
    ] {
        let answer = app.call_as(&live, "POST", "/v1/sessions", value.clone()).await;
        assert_eq!(refused(&answer, &value.to_string(), 422, "validation_error"), [field], "{value}");
    }
    assert_eq!(app.position(), position);
    for address in ["http://localhost:3000/", "http://127.0.0.1/", "http://[::1]:8/", "https://example.com/"] {
        let value = json!({ "template_slug": "kyc", "redirect_url": address });
        app.call_as(&live, "POST", "/v1/sessions", value).await.expect(StatusCode::CREATED);
    }
    app.finish().await;
}

#[tokio::test]
async fn ten_megabytes_of_metadata_are_too_large() {
    let app = TestApp::start().await;
    let world = World::make(&app).await;
    let before = world.look(&app).await;
    let large = json!({ "metadata": { "a": "x".repeat(10 * 1024 * 1024) } });
    refused(&app.post("/v1/sessions", large.clone()).await, "a session", 413, "payload_too_large");
    refused(&app.post_once("k", "/v1/sessions", large.clone()).await, "with a key", 413, "payload_too_large");
    refused(&app.iframe(&world.session, "load", large).await, "the iframe", 413, "payload_too_large");
    assert_eq!(world.look(&app).await, before);
    app.post_once("k", "/v1/sessions", json!({})).await.expect(StatusCode::CREATED);
    app.finish().await;
}

#[tokio::test]
async fn other_content_types() {
    let app = TestApp::start().await;
    let position = app.position();
    let types = ["text/plain", "application/x-www-form-urlencoded", "application/jsonp", "multipart/form-data", ""];
    for content_type in types {
        let mut request = request(&app.key, "POST", "/v1/sessions", "{}");
        request.headers_mut().insert("content-type", content_type.parse().unwrap());
        refused(&app.send(request).await, content_type, 415, "unsupported_media_type");
    }
    let mut none = request(&app.key, "POST", "/v1/sessions", "{}");
    none.headers_mut().remove("content-type");
    refused(&app.send(none).await, "none", 415, "unsupported_media_type");
    assert_eq!(app.position(), position);
    let mut charset = request(&app.key, "POST", "/v1/sessions", "{}");
    charset.headers_mut().insert("content-type", "Application/JSON; charset=utf-8".parse().unwrap());
    app.send(charset).await.expect(StatusCode::CREATED);
    app.finish().await;
}

#[tokio::test]
async fn control_characters_in_headers() {
    let app = TestApp::start().await;
    let position = app.position();
    // Others than the tab, no HTTP library lets into a header: on the wire they end in the
    // parser, which the tests of the socket cover.
    let with = |name: &'static str, value: &[u8]| {
        let mut request = request(&app.key, "POST", "/v1/sessions", "{}");
        request.headers_mut().insert(name, HeaderValue::from_bytes(value).unwrap());
        request
    };
    let key = format!("Bearer {}", app.key);
    for (case, value) in [
        ("a tab in the key", format!("{}\t{}", &key[..20], &key[20..])),
        ("a tab for the space", key.replace(' ', "\t")),
        ("not ASCII", format!("{key}é")),
    ] {
        let answer = app.send(with("authorization", value.as_bytes())).await;
        assert_eq!(answer.status, StatusCode::UNAUTHORIZED, "{case}");
    }
    let answer = app.send(with("idempotency-key", b"a\tb")).await;
    assert_eq!(refused(&answer, "a tab in the Idempotency-Key", 422, "validation_error"), ["Idempotency-Key"]);
    let answer = app.send(with("content-type", b"application/json\t\xff")).await;
    refused(&answer, "a tab in the Content-Type", 415, "unsupported_media_type");
    assert_eq!(app.position(), position);
    app.finish().await;
}

// Moves that are not allowed

#[tokio::test]
async fn steps_out_of_order_and_steps_that_the_flow_has_not() {
    let app = TestApp::start().await;
    let world = World::make(&app).await;
    let step = async |step: &str, value: Value| app.iframe(&world.session, &format!("steps/{step}"), value).await;
    let typed = || json!({ "fields": { "last_name": "ERIKSSON" } });

    let before = world.look(&app).await;
    refused(&step("consent", consent()).await, "before it is loaded", 409, "invalid_state");
    assert_eq!(world.look(&app).await, before);

    app.load(&world.session).await;
    let before = world.look(&app).await;
    refused(&step("data_entry", typed()).await, "the second step first", 409, "invalid_state");
    for absent in ["selfie", "liveness", "document_upload"] {
        refused(&step(absent, json!({})).await, absent, 422, "check_not_required");
    }
    for unknown in ["selfies", "Consent", "consent%20", "%00"] {
        refused(&step(unknown, json!({})).await, unknown, 404, "not_found");
    }
    assert_eq!(world.look(&app).await, before);

    app.submit(&world.session, "consent", consent()).await;
    app.submit(&world.session, "data_entry", typed()).await;
    app.await_status(&world.session, "requires_review").await;
    let before = world.look(&app).await;
    refused(&step("data_entry", typed()).await, "after the end", 401, "session_expired");
    refused(&step("selfie", json!({})).await, "an absent one after the end", 401, "session_expired");
    refused(&step("data_entry", json!({ "a": 1 })).await, "a wrong one after the end", 401, "session_expired");
    refused(&app.iframe(&world.session, "load", json!({})).await, "a load after the end", 401, "session_expired");
    refused(&app.iframe(&world.session, "token", json!({})).await, "a token after the end", 401, "session_expired");
    assert_eq!(world.look(&app).await, before);
    app.finish().await;
}

#[tokio::test]
async fn wrong_values_of_a_step() {
    let app = TestApp::start().await;
    let session = app.create(json!({})).await;
    app.load(&session).await;
    let position = app.position();
    for (value, field) in [
        (json!({}), "accepted"),
        (json!({ "accepted": false }), "accepted"),
        (json!({ "accepted": "true" }), "accepted"),
        (json!({ "accepted": 1 }), "accepted"),
    ] {
        let answer = app.iframe(&session, "steps/consent", value.clone()).await;
        assert_eq!(refused(&answer, &value.to_string(), 422, "validation_error"), [field], "{value}");
    }
    assert_eq!(app.position(), position);
    app.submit(&session, "consent", consent()).await;
    let position = app.position();
    let with = |name: &str, value: Value| {
        let mut fields = person();
        fields[name] = value;
        json!({ "fields": fields })
    };
    let without = |name: &str| {
        let mut fields = person();
        fields.as_object_mut().unwrap().remove(name);
        json!({ "fields": fields })
    };
    for (value, field) in [
        (json!({}), "fields"),
        (json!({ "fields": [] }), "fields"),
        (json!({ "fields": "x" }), "fields"),
        (without("last_name"), "fields.last_name"),
        (with("last_name", json!(null)), "fields.last_name"),
        (with("last_name", json!(7)), "fields.last_name"),
        (with("last_name", json!({ "a": 1 })), "fields.last_name"),
        (with("last_name", json!("x".repeat(201))), "fields.last_name"),
        (with("last_name", json!("a\u{0}b")), "fields.last_name"),
        (with("date_of_birth", json!("1974-02-30")), "fields.date_of_birth"),
        (with("date_of_birth", json!("12.08.1974")), "fields.date_of_birth"),
        (with("date_of_birth", json!("")), "fields.date_of_birth"),
        (with("country", json!("Sweden")), "fields.country"),
        (with("country", json!("se")), "fields.country"),
        (with("country", json!("ZZ")), "fields.country"),
        (with("nickname", json!("x")), "fields.nickname"),
    ] {
        let answer = app.iframe(&session, "steps/data_entry", value.clone()).await;
        assert_eq!(refused(&answer, &value.to_string(), 422, "validation_error"), [field], "{value}");
    }
    assert_eq!(app.position(), position);
    assert_eq!(app.verification(&session).await["fields"], json!({}), "nothing of it was kept");
    app.finish().await;
}

#[tokio::test]
async fn a_cancel_twice_by_either_path() {
    let app = TestApp::start().await;
    for (first, second) in [("sessions", "sessions"), ("sessions", "verifications"), ("verifications", "sessions")] {
        let session = app.create(json!({})).await;
        let path = |kind: &str| {
            let id = if kind == "sessions" { &session["id"] } else { &session["verification_id"] };
            format!("/v1/{kind}/{}/cancel", text(id))
        };
        let done = app.post(&path(first), json!({})).await.expect(StatusCode::OK);
        assert_eq!(done["status"], "canceled");
        let before = (app.position(), app.session(&session).await, app.verification(&session).await);
        for again in [second, "verifications", "sessions"] {
            let answer = app.post(&path(again), json!({})).await;
            refused(&answer, &format!("{first}, then {again}"), 409, "verification_not_cancelable");
        }
        let after = (app.position(), app.session(&session).await, app.verification(&session).await);
        assert_eq!(after, before);
    }
    app.finish().await;
}

#[tokio::test]
async fn no_ended_session_can_be_canceled_or_gets_a_token() {
    let app = TestApp::start().await;
    for outcome in ["completed", "failed", "requires_review", "expired"] {
        let session = app.create(json!({ "test_outcome": outcome })).await;
        app.simulate(&session, &["load", "submit"]).await.expect(StatusCode::OK);
        let before = (app.position(), app.verification(&session).await);
        refused(&app.cancel(&session).await, outcome, 409, "verification_not_cancelable");
        let path = format!("/v1/sessions/{}/token", text(&session["id"]));
        refused(&app.post(&path, json!({})).await, outcome, 409, "invalid_state");
        assert_eq!((app.position(), app.verification(&session).await), before);
    }
    app.finish().await;
}

#[tokio::test]
async fn a_cancel_at_the_deadline_finds_the_session_expired() {
    let app = TestApp::start().await;
    let session = app.create(json!({ "expires_in": 60 })).await;
    app.clock.advance(Duration::from_secs(60));
    refused(&app.cancel(&session).await, "at the deadline", 409, "verification_not_cancelable");
    app.await_status(&session, "expired").await;
    assert_eq!(app.event_types(&session), ["verification.created", "verification.expired"]);
    app.finish().await;
}

// Paths, methods, parameters

#[tokio::test]
async fn wrong_methods_name_the_right_ones() {
    let app = TestApp::start().await;
    let world = World::make(&app).await;
    let before = world.look(&app).await;
    let mut paths: Vec<(String, Vec<&str>)> = Vec::new();
    for (method, path, _) in world.tenant_routes().into_iter().chain(iframe_routes()) {
        match paths.iter_mut().find(|(known, _)| *known == path) {
            Some((_, methods)) => methods.push(method),
            None => paths.push((path, vec![method])),
        }
    }
    paths.push(("/healthz".to_owned(), vec!["GET"]));
    paths.push(("/readyz".to_owned(), vec!["GET"]));
    for (path, methods) in paths {
        for method in ["GET", "POST", "PUT", "PATCH", "DELETE"].into_iter().filter(|method| !methods.contains(method)) {
            let case = format!("{method} {path}");
            let answer = app.send(request(&app.key, method, &path, "")).await;
            refused(&answer, &case, 405, "method_not_allowed");
            let mut allowed: Vec<&str> =
                answer.header("allow").split(',').map(str::trim).filter(|method| *method != "HEAD").collect();
            allowed.sort_unstable();
            let mut expected = methods.clone();
            expected.sort_unstable();
            assert_eq!(allowed, expected, "{case}");
        }
    }
    assert_eq!(world.look(&app).await, before);
    app.finish().await;
}

#[tokio::test]
async fn wrong_paths() {
    let app = TestApp::start().await;
    for path in [
        "/",
        "/v1",
        "/v1/",
        "/v1/session",
        "/v1/sessions/",
        "/v2/sessions",
        "/iframe/api",
        "/v1/sessions/a/b",
        "/V1/sessions",
        "//v1/sessions",
        "/v1/test",
        "/favicon.ico",
        "/.env",
        "/v1/sessions/%2e%2e",
    ] {
        for bearer in ["", app.key.as_str()] {
            let answer = app.send(request(bearer, "GET", path, "")).await;
            if path == "/v1/sessions/%2e%2e" && bearer.is_empty() {
                refused(&answer, path, 401, "authentication_required");
            } else {
                refused(&answer, path, 404, "not_found");
            }
        }
    }
    app.finish().await;
}

#[tokio::test]
async fn wrong_parameters() {
    let app = TestApp::start().await;
    let world = World::make(&app).await;
    let before = world.look(&app).await;
    let lists = [
        ("/v1/sessions", text(&world.session["id"])),
        ("/v1/verifications", text(&world.session["verification_id"])),
        ("/v1/templates", text(&world.template["id"])),
        ("/v1/webhook_endpoints", text(&world.endpoint["id"])),
    ];
    for (list, id) in lists {
        for (query, field) in [
            ("limit=0".to_owned(), "limit"),
            ("limit=101".to_owned(), "limit"),
            ("limit=x".to_owned(), "limit"),
            ("limit=-1".to_owned(), "limit"),
            ("limit=5&limit=6".to_owned(), "limit"),
            ("limits=5".to_owned(), "limits"),
            ("page=2".to_owned(), "page"),
            (format!("starting_after={id}&ending_before={id}"), "ending_before"),
            ("starting_after=x".to_owned(), "starting_after"),
            ("ending_before=x".to_owned(), "ending_before"),
            ("limit=%zz".to_owned(), "limit"),
        ] {
            let answer = app.get(&format!("{list}?{query}")).await;
            let case = format!("{list}?{query}");
            assert_eq!(refused(&answer, &case, 422, "validation_error"), [field], "{case}");
        }
    }
    for list in ["/v1/sessions", "/v1/verifications"] {
        for (query, field) in [
            ("status=done", "status"),
            ("status=Created", "status"),
            ("template_id=kyc", "template_id"),
            ("created[gte]=yesterday", "created[gte]"),
            ("created[lt]=-1", "created[lt]"),
            ("created[gt]=1", "created[gt]"),
            ("created=1", "created"),
        ] {
            let case = format!("{list}?{query}");
            assert_eq!(refused(&app.get(&case).await, &case, 422, "validation_error"), [field], "{case}");
        }
    }
    let labels = app.get("/v1/sessions?metadata[a]=b").await;
    assert_eq!(refused(&labels, "labels", 422, "validation_error"), ["metadata[a]"], "for verifications only");
    // No route takes a parameter that it does not know, and no change takes any.
    for (method, path, value) in world.tenant_routes() {
        let case = format!("{method} {path}?verbose=1");
        let answer = app.send(request(&app.key, method, &format!("{path}?verbose=1"), body(&value))).await;
        assert_eq!(refused(&answer, &case, 422, "validation_error"), ["verbose"], "{case}");
    }
    for (method, path, value) in iframe_routes() {
        let case = format!("{method} {path}?verbose=1");
        let answer = app.send(request(world.token(), method, &format!("{path}?verbose=1"), body(&value))).await;
        assert_eq!(refused(&answer, &case, 422, "validation_error"), ["verbose"], "{case}");
    }
    assert_eq!(world.look(&app).await, before);
    app.finish().await;
}

#[tokio::test]
async fn wrong_values_of_a_webhook_endpoint() {
    let app = TestApp::start().await;
    let world = World::make(&app).await;
    let before = world.look(&app).await;
    for (value, field) in [
        (json!({}), "url"),
        (json!({ "url": "hooks" }), "url"),
        (json!({ "url": "http://hooks.example.com/" }), "url"),
        (json!({ "url": "javascript:alert(1)" }), "url"),
        (json!({ "url": "https://u:p@hooks.example.com/" }), "url"),
        (json!({ "url": "https://hooks.example.com/#f" }), "url"),
        (json!({ "url": "https://10.0.0.1/" }), "url"),
        (json!({ "url": "https://[::ffff:127.0.0.1]/" }), "url"),
        (json!({ "url": 1 }), "url"),
        (json!({ "url": "https://a.example", "events": [] }), "events"),
        (json!({ "url": "https://a.example", "events": ["verification.done"] }), "events.0"),
        (json!({ "url": "https://a.example", "events": ["*", "verification.created"] }), "events.0"),
        (json!({ "url": "https://a.example", "events": "*" }), "events"),
        (json!({ "url": "https://a.example", "ordering": "strict" }), "ordering"),
        (json!({ "url": "https://a.example", "description": 1 }), "description"),
        (json!({ "url": "https://a.example", "secret": "whsec_mine" }), "secret"),
    ] {
        let answer = app.post("/v1/webhook_endpoints", value.clone()).await;
        assert_eq!(refused(&answer, &value.to_string(), 422, "validation_error"), [field], "{value}");
    }
    assert_eq!(world.look(&app).await, before);
    app.finish().await;
}

#[tokio::test]
async fn refusals_show_nothing_of_the_inside() {
    let app = TestApp::start().await;
    let mut not_utf8 = Request::builder().uri("/v1/sessions?limit=%ff").body(Body::empty()).unwrap();
    not_utf8.headers_mut().insert("authorization", format!("Bearer {}", app.key).parse().unwrap());
    let answers = [
        app.send(not_utf8).await,
        app.post("/v1/sessions", json!({ "expires_in": 1e300 })).await,
        app.get("/v1/sessions/ses_x").await,
        app.get("/nowhere").await,
    ];
    for answer in answers {
        let body = String::from_utf8(answer.body.clone()).unwrap();
        assert!(answer.status.is_client_error(), "{body}");
        for inside in ["/work", ".rs", "panicked", "sled", "src/", "ractor", app.folder().to_str().unwrap()] {
            assert!(!body.contains(inside), "{inside} in {body}");
        }
        assert_eq!(answer.header("content-type"), "application/json");
        assert_eq!(answer.header("cache-control"), "no-store");
    }
    app.finish().await;
}
