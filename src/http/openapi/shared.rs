//! What operations have in common, written once: what the server is, who may pass, the headers,
//! the idempotency key, the refusals that the gates and the limits make.

use serde_json::{Map, Value, json};
use vetd_model::ErrorCode;

use super::errors::Answers;
use super::links;

const DESCRIPTION: &str = "\
Sessions in which people prove who they are, and the lasting record of what was found.

**Times** are integers in unix seconds, **absent values** are null. In a request null is the same as leaving the field \
out, and unknown fields and parameters are errors; answers may gain fields.

**Two worlds**: a key `ak_test_…` sees what was made in test mode, `ak_live_…` what was made in live mode. What belongs \
to another workspace or mode is answered like what does not exist.

**Do it once**: every change takes an `Idempotency-Key`. Repeat a request that got no answer with the same key and the \
same body; it has its effect once, and its answer is kept for 24 hours.

**Errors** have one shape on every route, wrong paths (404 `not_found`) and wrong methods (405 `method_not_allowed`, \
with `Allow`) included. Program against `code` and the status. Every answer carries `KYC-Request-Id`.

**Limits**: bodies of 512 kB under `/v1`, 128 kB under `/iframe/api` and 16 MiB for a picture, 32 kB of headers, 100 items on a page.";

/// Who an operation serves.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Gate {
    Tenant,
    Person,
    Open,
}

impl Gate {
    fn of(path: &str) -> Self {
        if path.starts_with("/v1/") {
            Self::Tenant
        } else if path.starts_with("/iframe/api/") {
            Self::Person
        } else {
            Self::Open
        }
    }

    fn security(self) -> Value {
        match self {
            Self::Tenant => json!([{ "api_key": [] }]),
            Self::Person => json!([{ "sdk_token": [] }]),
            Self::Open => json!([]),
        }
    }

    /// What the gate, and whatever stands before the handler, refuses with.
    const fn refusals(self) -> &'static [ErrorCode] {
        use ErrorCode::{
            AuthenticationRequired, DependencyUnavailable, InternalError, InvalidApiKey, InvalidSignature,
            LiveModeNotActivated, PermissionDenied, RateLimited, SessionExpired, TenantSuspended, ValidationError,
        };
        match self {
            Self::Tenant => &[
                AuthenticationRequired,
                InvalidApiKey,
                PermissionDenied,
                TenantSuspended,
                LiveModeNotActivated,
                ValidationError,
                RateLimited,
                InternalError,
                DependencyUnavailable,
            ],
            Self::Person => &[
                AuthenticationRequired,
                InvalidSignature,
                SessionExpired,
                PermissionDenied,
                TenantSuspended,
                LiveModeNotActivated,
                ValidationError,
                RateLimited,
                InternalError,
                DependencyUnavailable,
            ],
            Self::Open => &[InternalError],
        }
    }
}

/// What every change can be refused with.
const CHANGES_REFUSE: &[ErrorCode] = &[
    ErrorCode::IdempotencyConflict,
    ErrorCode::IdempotencyInProgress,
    ErrorCode::PayloadTooLarge,
    ErrorCode::UnsupportedMediaType,
];

/// Completes what the annotations left to be said here.
pub(super) fn complete(document: &mut Value, public_url: &str) {
    document["info"] = json!({
        "title": "vetd", "version": env!("CARGO_PKG_VERSION"), "description": DESCRIPTION,
        "license": { "name": env!("CARGO_PKG_LICENSE"), "identifier": env!("CARGO_PKG_LICENSE") },
    });
    document["servers"] = json!([{ "url": public_url, "description": "This server." }]);
    let mut answers = Answers::default();
    for (path, item) in entries(&mut document["paths"]) {
        let gate = Gate::of(path);
        for (method, operation) in entries(item) {
            let changes = gate != Gate::Open && !matches!(method.as_str(), "get" | "head");
            complete_operation(operation, gate, changes, &mut answers);
        }
    }
    links::add(&mut document["paths"]);
    let components = &mut document["components"];
    // What the types cannot say: a flow asks for more than consent.
    components["schemas"]["FlowConfig"]["properties"]["steps"]["contains"] =
        json!({ "not": { "$ref": "#/components/schemas/ConsentStep" } });
    components["responses"] = answers.into_components();
    components["securitySchemes"] = security_schemes();
    components["headers"] = headers();
    components["parameters"] = json!({ "Idempotency-Key": idempotency_key() });
}

fn complete_operation(operation: &mut Value, gate: Gate, changes: bool, answers: &mut Answers) {
    let Some(operation) = operation.as_object_mut() else { return };
    let own = operation.remove("x-error-codes").unwrap_or_default();
    // By status: whether the answer always has the header.
    let offsets = operation.remove("x-upload-offset").unwrap_or_default();
    let mut codes: Vec<ErrorCode> = gate.refusals().to_vec();
    let named = |code: &&ErrorCode| own.as_array().is_some_and(|own| own.iter().any(|name| *name == code.as_str()));
    codes.extend(ErrorCode::ALL.iter().filter(named));
    operation.insert("security".to_owned(), gate.security());
    for parameter in operation.get_mut("parameters").and_then(Value::as_array_mut).into_iter().flatten() {
        if parameter["in"] == "query" && parameter.get("style").is_none() {
            // An empty parameter is an absent one.
            parameter["allowEmptyValue"] = json!(true);
        }
    }
    if let Some(body) = operation.get_mut("requestBody") {
        for (_, content) in entries(&mut body["content"]) {
            forbid_null(&mut content["schema"]);
        }
    }
    let mut headers = Map::new();
    headers.insert("KYC-Request-Id".to_owned(), json!({ "$ref": "#/components/headers/KYC-Request-Id" }));
    if changes {
        codes.extend(CHANGES_REFUSE);
        headers.insert("Idempotent-Replayed".to_owned(), json!({ "$ref": "#/components/headers/Idempotent-Replayed" }));
        let parameters = operation.entry("parameters").or_insert_with(|| json!([]));
        if let Some(parameters) = parameters.as_array_mut() {
            parameters.push(json!({ "$ref": "#/components/parameters/Idempotency-Key" }));
        }
    }
    let Some(responses) = operation.get_mut("responses").and_then(Value::as_object_mut) else { return };
    for answer in responses.values_mut() {
        answer["headers"] = Value::Object(headers.clone());
    }
    responses.extend(answers.of(&codes));
    for (status, is_required) in offsets.as_object().into_iter().flatten() {
        if let Some(answer) = responses.get_mut(status) {
            let name = if *is_required == true { "Upload-Offset" } else { "Upload-Offset-Expected" };
            answers.inline(answer)["headers"]["Upload-Offset"] =
                json!({ "$ref": format!("#/components/headers/{name}") });
        }
    }
}

/// A body that may be left out is still no null.
fn forbid_null(schema: &mut Value) {
    let Some(either) = schema.get_mut("oneOf").and_then(Value::as_array_mut) else { return };
    either.retain(|one| one["type"] != "null");
    if let [only] = either.as_slice() {
        *schema = only.clone();
    }
}

fn security_schemes() -> Value {
    json!({
        "api_key": {
            "type": "http", "scheme": "bearer", "bearerFormat": "ak_test_… or ak_live_…",
            "description": "A tenant's API key. Reading needs the scope `read`, deciding a review \
                            `review`, everything else `write`. Keys belong on \
                            your server, never in a page.",
        },
        "sdk_token": {
            "type": "http", "scheme": "bearer", "bearerFormat": "JWT",
            "description": "Opens one session to the person being verified, for 30 minutes at most.",
        },
    })
}

fn headers() -> Value {
    json!({
        "KYC-Request-Id": {
            "description": "Names this request in the server's logs.", "required": true,
            "schema": { "$ref": "#/components/schemas/RequestId" },
        },
        "Idempotent-Replayed": {
            "description": "There if this answer was made for an earlier request with the same `Idempotency-Key`.",
            "schema": { "type": "string", "const": "true" },
        },
        "Upload-Offset": {
            "description": "How many bytes of the file have arrived: where the next part begins.", "required": true,
            "schema": { "$ref": "#/components/schemas/UploadBytes" },
        },
        "Upload-Offset-Expected": {
            "description": "There if a part began elsewhere: where it must.",
            "schema": { "$ref": "#/components/schemas/UploadBytes" },
        },
        "Retry-After": {
            "description": "How long to wait before trying again, in seconds.",
            "schema": { "type": "integer", "minimum": 1, "examples": [1] },
        },
        "WWW-Authenticate": {
            "description": "The kind of credential to send.", "required": true,
            "schema": { "type": "string", "const": "Bearer" },
        },
    })
}

fn idempotency_key() -> Value {
    json!({
        "name": "Idempotency-Key", "in": "header", "required": false,
        "description": "Makes the request safe to repeat: with the same key and the same body it has its effect once, and \
                        gets the same answer, for 24 hours; once a person's data is erased, without that data (of a \
                        picture nothing is left: `session_expired`). Visible ASCII characters, for example `order-4711`.",
        "schema": { "type": "string", "minLength": 1, "maxLength": 255, "pattern": "^[!-~]+$" },
    })
}

/// The entries of an object.
pub(super) fn entries(value: &mut Value) -> impl Iterator<Item = (&String, &mut Value)> {
    value.as_object_mut().into_iter().flatten()
}
