//! Holds what passes through the router against the OpenAPI document: every answer has a status
//! and a body that its operation documents and no field that it does not, and what a request was
//! accepted with, the document allows.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, LazyLock};

use axum::body::Bytes;
use axum::http::Method;
use jsonschema::{Draft, Validator};
use parking_lot::Mutex;
use serde_json::{Value, json};

use super::{Answer, PUBLIC_URL};

/// The document of the servers under test.
pub static DOCUMENT: LazyLock<Value> = LazyLock::new(|| vetd::http::openapi(PUBLIC_URL));

/// Its schemas, closed: an answer may have no field that is not documented. (The document itself
/// leaves answers open, so that later releases may add fields.)
static CLOSED: LazyLock<Value> = LazyLock::new(|| close(&DOCUMENT["components"]["schemas"]));

/// Checks are made once for each schema and kept.
static CHECKS: LazyLock<Mutex<BTreeMap<String, Arc<Validator>>>> = LazyLock::new(Mutex::default);

/// Paths that are no part of the API of JSON: the document and the page that shows it, pictures, and
/// what browsers load.
pub fn is_beside(path: &str) -> bool {
    path == "/metrics"
        || path.starts_with("/media/")
        || path == "/openapi.json"
        || path == "/docs"
        || path.starts_with("/docs/")
        || path == "/iframe"
        || path.starts_with("/iframe/assets/")
        || path.starts_with("/embed.")
        || path.starts_with("/demo")
}

/// Holds one exchange against the document.
pub fn check(method: &Method, path: &str, request: Option<&Bytes>, answer: &Answer) {
    if is_beside(path) {
        return;
    }
    let case = format!("{method} {path}: {} {}", answer.status, String::from_utf8_lossy(&answer.body));
    let Some(item) = item(path) else {
        return assert_eq!(answer.status, 404, "not documented: {case}");
    };
    // Where nothing else is documented, HEAD is answered like GET, without the body.
    let is_like_get = method == Method::HEAD && item.get("head").is_none();
    let name = if is_like_get { "get".to_owned() } else { method.as_str().to_lowercase() };
    let Some(operation) = item.get(&name) else {
        return assert_eq!(answer.status, 405, "not documented: {case}");
    };
    let documented = &operation["responses"][answer.status.as_str()];
    assert!(documented.is_object(), "an undocumented status: {case}");
    let documented = resolve(documented);
    for (header, _) in documented["headers"]
        .as_object()
        .into_iter()
        .flatten()
        .filter(|(_, header)| resolve(header)["required"] == true)
    {
        assert!(answer.headers.contains_key(header.as_str()), "no {header}: {case}");
    }
    if !answer.body.is_empty() {
        let content = &documented["content"][answer.header("content-type")];
        assert!(content.is_object(), "an undocumented type of content: {case}");
        if answer.header("content-type") == "application/json" {
            assert_valid(&content["schema"], &answer.json(), &case);
        }
    }
    if let Some(body) = request.filter(|body| answer.status.is_success() && !body.is_empty()) {
        let schema = &operation["requestBody"]["content"]["application/json"]["schema"];
        // DELETE documents no body, and takes an empty object.
        if !schema.is_null() {
            let body: Value = serde_json::from_slice(body).expect("an accepted body is JSON");
            assert_valid(schema, &body, &format!("accepted {body} at {case}"));
        }
    }
}

/// Asserts that `value` is what the schema says, and holds nothing that it does not name.
pub fn assert_valid(schema: &Value, value: &Value, case: &str) {
    let check = Arc::clone(CHECKS.lock().entry(schema.to_string()).or_insert_with(|| Arc::new(validator(schema))));
    let errors: Vec<String> =
        check.iter_errors(value).map(|error| format!("{}: {error}", error.instance_path())).collect();
    assert!(errors.is_empty(), "not as documented: {errors:#?}\n{case}");
}

fn validator(schema: &Value) -> Validator {
    let closed = json!({ "allOf": [schema], "components": { "schemas": &*CLOSED } });
    let made = jsonschema::options().with_draft(Draft::Draft202012).build(&closed);
    made.unwrap_or_else(|error| panic!("not a schema: {error}: {schema}"))
}

/// What a reference refers to.
pub fn resolve(value: &'static Value) -> &'static Value {
    let reference = value["$ref"].as_str().and_then(|reference| reference.strip_prefix('#'));
    reference.map_or(value, |pointer| DOCUMENT.pointer(pointer).expect("a reference that leads somewhere"))
}

/// The document's path that this one is an instance of; one without braces first.
fn item(path: &str) -> Option<&'static Value> {
    let paths = DOCUMENT["paths"].as_object().expect("paths");
    let fits = |template: &str| {
        let (mut ours, mut theirs) = (path.split('/'), template.split('/'));
        let mut pairs = ours.by_ref().zip(theirs.by_ref());
        let alike = pairs.all(|(segment, name)| segment == name || name.starts_with('{') && !segment.is_empty());
        alike && path.split('/').count() == template.split('/').count()
    };
    paths.get(path).or_else(|| paths.iter().find(|(template, _)| fits(template)).map(|(_, item)| item))
}

/// Every object closed to fields that its schema does not name. What others extend (`allOf`) is
/// closed where it is extended.
fn close(schemas: &Value) -> Value {
    let mut extended = BTreeSet::new();
    for schema in schemas.as_object().expect("schemas").values() {
        let parts = schema["allOf"].as_array().into_iter().flatten();
        extended.extend(parts.filter_map(|part| part["$ref"].as_str()?.rsplit('/').next()));
    }
    let mut closed = schemas.clone();
    for (name, schema) in closed.as_object_mut().expect("schemas") {
        let is_object = schema["properties"].is_object() && schema["additionalProperties"].is_null();
        if (is_object || schema["allOf"].is_array()) && !extended.contains(name.as_str()) {
            schema["unevaluatedProperties"] = json!(false);
        }
    }
    closed
}
