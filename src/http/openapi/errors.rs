//! Refusals in the document: one reusable answer for each set of codes of one status, with an
//! example for each code.

use std::collections::BTreeMap;

use serde_json::{Map, Value, json};
use vetd_model::ErrorCode;

use super::super::error::status_of;
use super::example;

/// The reusable answers, by their names.
#[derive(Default)]
pub(super) struct Answers(Map<String, Value>);

impl Answers {
    /// The answers of an operation that refuses with these codes, by status.
    pub(super) fn of(&mut self, codes: &[ErrorCode]) -> BTreeMap<String, Value> {
        let mut by_status: BTreeMap<String, Vec<ErrorCode>> = BTreeMap::new();
        for code in ErrorCode::ALL.iter().filter(|code| codes.contains(code)) {
            by_status.entry(status_of(*code).as_u16().to_string()).or_default().push(*code);
        }
        by_status.into_iter().map(|(status, codes)| (status, self.reference(&codes))).collect()
    }

    /// An operation's answer with a place of its own, for what other operations do not share.
    pub(super) fn inline<'a>(&self, answer: &'a mut Value) -> &'a mut Value {
        let name = answer["$ref"].as_str().and_then(|reference| reference.rsplit('/').next());
        if let Some(shared) = name.and_then(|name| self.0.get(name)) {
            *answer = shared.clone();
        }
        answer
    }

    /// All that were referred to.
    pub(super) fn into_components(self) -> Value {
        Value::Object(self.0)
    }

    fn reference(&mut self, codes: &[ErrorCode]) -> Value {
        let name = codes.iter().map(|code| code.as_str()).collect::<Vec<_>>().join(".");
        let reference = json!({ "$ref": format!("#/components/responses/{name}") });
        self.0.entry(name).or_insert_with(|| answer(codes));
        reference
    }
}

fn answer(codes: &[ErrorCode]) -> Value {
    let names: Vec<&str> = codes.iter().map(|code| code.as_str()).collect();
    let lines: Vec<String> = codes.iter().map(|code| format!("- `{code}`: {}", text(*code).advice)).collect();
    let shown = |code: &ErrorCode| {
        (code.as_str().to_owned(), json!({ "summary": text(*code).advice, "value": envelope(*code) }))
    };
    let mut headers = json!({ "KYC-Request-Id": { "$ref": "#/components/headers/KYC-Request-Id" } });
    if codes.iter().any(|code| waits(*code)) {
        headers["Retry-After"] = json!({ "$ref": "#/components/headers/Retry-After" });
    }
    if codes.iter().any(|code| status_of(*code).as_u16() == 401) {
        headers["WWW-Authenticate"] = json!({ "$ref": "#/components/headers/WWW-Authenticate" });
    }
    json!({
        "description": lines.join("\n"),
        "headers": headers,
        "content": { "application/json": {
            "schema": { "allOf": [
                { "$ref": "#/components/schemas/Error" },
                { "properties": { "error": { "properties": { "code": { "enum": names } } } } },
            ] },
            "examples": codes.iter().map(shown).collect::<Map<_, _>>(),
        } },
    })
}

const fn waits(code: ErrorCode) -> bool {
    matches!(code, ErrorCode::IdempotencyInProgress | ErrorCode::RateLimited | ErrorCode::DependencyUnavailable)
}

fn envelope(code: ErrorCode) -> Value {
    let mut error = json!({ "code": code.as_str(), "message": text(code).message, "request_id": example::id("req") });
    if code == ErrorCode::ValidationError {
        error["fields"] = json!([{ "path": "metadata.a", "message": "must be a string" }]);
    }
    json!({ "error": error })
}

/// What a code means to the caller.
struct Text {
    /// When it comes and what to do.
    advice: &'static str,
    /// What the server says then, for example.
    message: &'static str,
}

fn text(code: ErrorCode) -> Text {
    let (advice, message) = match code {
        ErrorCode::AuthenticationRequired => (
            "No credential, or one of another kind than the route takes. Send the right one as `Authorization: Bearer`.",
            "Send an API key: Authorization: Bearer ak_test_… or ak_live_….",
        ),
        ErrorCode::InvalidApiKey => (
            "The key is unknown, revoked or past its expiry. Use another.",
            "The API key is not known, was revoked or has ended.",
        ),
        ErrorCode::SessionExpired => (
            "The token, or its session, has ended. Within a live session ask for a fresh token; else make a new session.",
            "The session or its token has ended.",
        ),
        ErrorCode::InvalidSignature => (
            "This server did not issue the token for this purpose. Use it as it was given.",
            "The token was not issued by this server for this purpose.",
        ),
        ErrorCode::PermissionDenied => (
            "The key lacks the scope; or a live key or session is on a test path; or the token belongs to another session.",
            "The API key lacks the scope write.",
        ),
        ErrorCode::TenantSuspended => (
            "The operator has suspended the workspace. Ask the operator.",
            "The workspace is suspended; ask the operator of this server.",
        ),
        ErrorCode::LiveModeNotActivated => (
            "The workspace is not active in live mode. Ask the operator.",
            "The workspace is not active in live mode; the operator of this server activates it.",
        ),
        ErrorCode::VerificationNotFound => (
            "No such verification in this workspace and mode. Check the identifier and the mode of the key.",
            "There is no such verification in this mode.",
        ),
        ErrorCode::NotFound => (
            "No such object in this workspace and mode. Check the identifier and the mode of the key.",
            "There is no such object in this mode.",
        ),
        ErrorCode::MethodNotAllowed => (
            "The path exists, the method does not. See the `Allow` header.",
            "This path does not take this method; see the Allow header.",
        ),
        ErrorCode::IdempotencyConflict => (
            "The `Idempotency-Key` was used with another body. Use a new key for a new request.",
            "This Idempotency-Key was used with another body; use a new key for a new request.",
        ),
        ErrorCode::IdempotencyInProgress => (
            "The first request with this key still runs after ten seconds. Try again after `Retry-After`.",
            "The first request with this Idempotency-Key is still running; try again.",
        ),
        ErrorCode::VerificationNotCancelable => (
            "The verification has ended. It keeps its outcome.",
            "The verification is completed; only one that has not ended can be canceled.",
        ),
        ErrorCode::InvalidState => (
            "The object's state does not allow this. The message says what comes first.",
            "The template is archived; make a new one.",
        ),
        ErrorCode::PayloadTooLarge => {
            ("The body is larger than the route takes. Send less.", "The body is larger than this route takes.")
        }
        ErrorCode::UnsupportedMediaType => (
            "The body is not announced as JSON: send `Content-Type: application/json`. Or it is a file of no type \
             that pictures are taken in as; the message names them.",
            "Send the body as JSON, with Content-Type: application/json.",
        ),
        ErrorCode::ValidationError => (
            "The request is understood but not valid. Mend what `fields` names; then the same `Idempotency-Key` is fine.",
            "metadata.a must be a string.",
        ),
        ErrorCode::CheckNotRequired => (
            "The session's flow has no such step. Follow `next_step` of the session's state.",
            "This session's flow has no selfie step.",
        ),
        ErrorCode::RateLimited => {
            ("Too many requests. Try again after `Retry-After`.", "Too many requests; try again later.")
        }
        ErrorCode::InternalError => (
            "A fault of the server. Tell its operator the `request_id`.",
            "The server failed; the request_id helps its operator to find out why.",
        ),
        ErrorCode::DependencyUnavailable => (
            "The disk is full, the store is reopening, or the server is at its limit. Try again after `Retry-After`, with \
             the same `Idempotency-Key`.",
            "The server cannot serve this for the moment; try again.",
        ),
    };
    Text { advice, message }
}
