//! Signatures, held against code that is not ours: the published vectors and real deliveries.
#![expect(clippy::unwrap_used, reason = "a test fails where it unwraps")]

mod common;
mod receiver;

use std::fs;
use std::path::Path;

use axum::http::{HeaderMap, HeaderName, StatusCode};
use common::{TestApp, text};
use receiver::Receiver;
use serde_json::{Value, json};
use vetd_actors::{Clock, SystemClock};
use vetd_model::signature::{WebhookSecret, kyc_signature, standard_signature, verify_kyc_signature};

fn vectors() -> Value {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/vectors/signatures.json");
    serde_json::from_slice(&fs::read(path).unwrap()).unwrap()
}

/// One of the published cases.
struct Case<'a> {
    name: &'a str,
    accepted: bool,
    secrets: Vec<&'a str>,
    now: u64,
    id: &'a str,
    timestamp: u64,
    body: &'a [u8],
    headers: HeaderMap,
}

impl<'a> Case<'a> {
    fn of(case: &'a Value) -> Self {
        let headers = case["headers"].as_object().unwrap().iter();
        Self {
            name: text(&case["name"]),
            accepted: case["accepted"].as_bool().unwrap(),
            secrets: case["secrets"].as_array().unwrap().iter().map(text).collect(),
            now: case["now"].as_u64().unwrap(),
            id: text(&case["id"]),
            timestamp: case["timestamp"].as_u64().unwrap(),
            body: text(&case["body"]).as_bytes(),
            headers: headers.map(|(name, value)| (name.parse().unwrap(), text(value).parse().unwrap())).collect(),
        }
    }

    fn header(&self, name: &'static str) -> &str {
        self.headers[HeaderName::from_static(name)].to_str().unwrap()
    }
}

/// Hands each published case to `check`, with the tolerance.
fn each_case(check: impl Fn(&Case, u64)) {
    let vectors = vectors();
    let tolerance = vectors["tolerance"].as_u64().unwrap();
    let cases: Vec<Case> = vectors["cases"].as_array().unwrap().iter().map(Case::of).collect();
    assert!(cases.iter().filter(|case| case.accepted).count() >= 8);
    assert!(cases.iter().filter(|case| !case.accepted).count() >= 8);
    cases.iter().for_each(|case| check(case, tolerance));
}

#[test]
fn we_sign_as_published_and_refuse_what_is_to_be_refused() {
    each_case(|case, tolerance| {
        let secrets: Vec<WebhookSecret> =
            case.secrets.iter().map(|secret| WebhookSecret::parse(secret).unwrap()).collect();
        let kyc = kyc_signature(&secrets, case.timestamp, case.body);
        let standard = standard_signature(&secrets, case.id, case.timestamp, case.body);
        assert_eq!(case.header("webhook-id"), case.id);
        assert_eq!(case.header("webhook-timestamp"), case.timestamp.to_string());
        let stale = case.now - case.timestamp > tolerance;
        assert_eq!(case.header("kyc-signature") == kyc, case.accepted || stale, "{}", case.name);
        assert_eq!(case.header("webhook-signature") == standard, case.accepted || stale, "{}", case.name);
        for secret in &secrets {
            let verified = verify_kyc_signature(secret, case.header("kyc-signature"), case.body, case.now, tolerance);
            assert_eq!(verified.is_ok(), case.accepted, "{}: {verified:?}", case.name);
        }
    });
}

#[test]
fn the_library_agrees_with_what_is_published() {
    each_case(|case, tolerance| {
        let stale = case.now - case.timestamp > tolerance;
        for secret in &case.secrets {
            let standard = standardwebhooks::Webhook::new(secret).unwrap();
            let signature = standard.sign(case.id, case.timestamp.try_into().unwrap(), case.body).unwrap();
            let is_there = case.header("webhook-signature").split(' ').any(|part| part == signature);
            assert_eq!(is_there, case.accepted || stale, "{}", case.name);
            // By today's clock all of them are old.
            let old = standard.verify(case.body, &case.headers);
            assert!(matches!(old, Err(standardwebhooks::WebhookError::TimestampTooOldError)), "{}", case.name);
        }
    });
}

#[tokio::test]
async fn the_library_verifies_what_is_delivered() {
    let app = TestApp::start().await;
    // The library looks at the real time.
    app.clock.set(SystemClock::shifted(0).now());
    let mut receiver = Receiver::start().await;
    let hook = app.post("/v1/webhook_endpoints", json!({ "url": receiver.url })).await.expect(StatusCode::CREATED);
    let secret = text(&hook["secret"]);
    let standard = standardwebhooks::Webhook::new(secret).unwrap();
    let foreign = standardwebhooks::Webhook::new(WebhookSecret::new([1; 32]).expose()).unwrap();
    let session = app.create(json!({ "metadata": { "customer": "Zoë 🪪" } })).await;
    app.walk(&session).await.expect(StatusCode::OK);
    for sequence in 1..=4 {
        let delivery = receiver.next().await;
        assert_eq!(delivery.sequence(), sequence);
        standard.verify(&delivery.body, &delivery.headers).unwrap();

        let changed = String::from_utf8(delivery.body.to_vec()).unwrap().replace("Zoë", "Zoe");
        assert!(standard.verify(changed.as_bytes(), &delivery.headers).is_err());
        assert!(foreign.verify(&delivery.body, &delivery.headers).is_err());
    }
    app.finish().await;
}
