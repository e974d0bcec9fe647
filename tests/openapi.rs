//! The OpenAPI document is the API: no route more, none less, and its examples are what it says.
//! That answers are as documented is checked with every answer of every test (tests/common).

#![expect(clippy::unwrap_used, clippy::panic, reason = "a test fails where it unwraps")]

mod common;

use std::collections::BTreeSet;

use axum::body::Body;
use axum::http::{Request, StatusCode};
use common::contract::{DOCUMENT, assert_valid, is_beside, resolve};
use common::{Answer, PUBLIC_URL, TestApp, text};
use serde_json::Value;
use vetd_model::ErrorCode;

const METHODS: [&str; 8] = ["get", "post", "put", "patch", "delete", "options", "trace", "head"];

/// Method, path and operation.
fn operations() -> Vec<(&'static str, &'static str, &'static Value)> {
    let paths = DOCUMENT["paths"].as_object().unwrap().iter();
    let all = paths.flat_map(|(path, item)| {
        item.as_object().unwrap().iter().map(move |(method, operation)| (method.as_str(), path.as_str(), operation))
    });
    all.collect()
}

/// What `routes.rs` says: the path in quotes, then a call for each method.
fn routes() -> BTreeSet<(String, String)> {
    let source = include_str!("../src/http/routes.rs").split("#[cfg(test)]").next().unwrap();
    let mut found = BTreeSet::new();
    for route in source.split(".route(").skip(1) {
        let path = route.split('"').nth(1).unwrap();
        let handlers = route.split('"').nth(2).unwrap();
        for method in METHODS {
            let calls = handlers.split(|letter: char| !letter.is_alphanumeric() && letter != '(');
            if calls.into_iter().any(|call| call.starts_with(&format!("{method}("))) {
                found.insert((method.to_owned(), path.to_owned()));
            }
        }
    }
    found.retain(|(_, path)| !is_beside(path));
    found
}

async fn plain(app: &TestApp, method: &str, path: &str) -> Answer {
    app.send(Request::builder().method(method).uri(path).body(Body::empty()).unwrap()).await
}

#[test]
fn every_route_is_documented_and_no_other() {
    let documented = operations().into_iter().map(|(method, path, _)| (method.to_owned(), path.to_owned()));
    assert_eq!(documented.collect::<BTreeSet<_>>(), routes());
}

#[tokio::test]
async fn methods_that_are_not_documented_are_not_allowed() {
    let app = TestApp::start().await;
    for (path, item) in DOCUMENT["paths"].as_object().unwrap() {
        for method in METHODS.iter().filter(|method| item.get(method).is_none() && **method != "head") {
            let answer = plain(&app, &method.to_uppercase(), &path.replace(['{', '}'], "")).await;
            answer.refused(405, "method_not_allowed");
            for known in item.as_object().unwrap().keys() {
                assert!(answer.header("allow").contains(&known.to_uppercase()), "{path}: {}", answer.header("allow"));
            }
        }
    }
    app.finish().await;
}

#[test]
fn every_operation_says_what_it_is_and_shows_examples_that_are_valid() {
    let mut names = BTreeSet::new();
    for (method, path, operation) in operations() {
        let case = format!("{method} {path}");
        assert!(names.insert(text(&operation["operationId"])), "{case}: its name is taken");
        assert!(!text(&operation["summary"]).is_empty() && operation["tags"].is_array(), "{case}");
        if operation["requestBody"].is_object() {
            assert_example(&operation["requestBody"], &case);
        }
        for (status, answer) in operation["responses"].as_object().unwrap() {
            let answer = resolve(answer);
            assert!(!text(&answer["description"]).is_empty(), "{case}: {status}");
            if status == "204" {
                assert!(answer["content"].is_null(), "{case}: {status} has no body");
            } else {
                assert_example(answer, &format!("{case}: {status}"));
            }
        }
    }
}

/// Asserts that there is an example, and that each is valid.
fn assert_example(holder: &'static Value, case: &str) {
    // One type of content each.
    let content = holder["content"].as_object().and_then(|types| types.values().next());
    let content = content.unwrap_or_else(|| panic!("{case} has no content"));
    let examples = content["examples"].as_object().into_iter().flat_map(|all| all.values().map(|one| &one["value"]));
    let examples: Vec<&Value> = examples.chain(content.get("example")).collect();
    assert!(!examples.is_empty(), "{case} has no example");
    for example in examples {
        assert_valid(&content["schema"], example, case);
    }
}

#[test]
fn every_error_code_is_shown() {
    let shown = DOCUMENT["components"]["responses"].as_object().unwrap().values();
    let shown: BTreeSet<&str> = shown
        .flat_map(|answer| answer["content"]["application/json"]["examples"].as_object().unwrap().keys())
        .map(String::as_str)
        .collect();
    for code in ErrorCode::ALL.iter().filter(|code| **code != ErrorCode::MethodNotAllowed) {
        assert!(shown.contains(code.as_str()), "{code}");
    }
    // No operation answers it: it is what a method gets that is no operation.
    assert!(text(&DOCUMENT["info"]["description"]).contains("`method_not_allowed`"));
}

#[tokio::test]
async fn the_document_is_open_to_all_and_sent_once() {
    let app = TestApp::start().await;
    let answer = plain(&app, "GET", "/openapi.json").await;
    let sent = answer.expect(StatusCode::OK);
    assert_eq!(sent, *DOCUMENT);
    assert_eq!((&sent["openapi"], &sent["servers"][0]["url"]), (&"3.1.0".into(), &PUBLIC_URL.into()));
    assert_eq!(sent["info"]["version"], env!("CARGO_PKG_VERSION"));
    let again =
        |tag: String| Request::builder().uri("/openapi.json").header("if-none-match", tag).body(Body::empty()).unwrap();
    let answer_again = app.send(again(format!("\"other\", {}", answer.header("etag")))).await;
    assert_eq!((answer_again.status, answer_again.body.len()), (StatusCode::NOT_MODIFIED, 0));
    assert_eq!(app.send(again("\"other\"".to_owned())).await.status, StatusCode::OK);
    app.finish().await;
}

#[tokio::test]
async fn the_page_is_whole_without_any_network() {
    let app = TestApp::start().await;
    let page = plain(&app, "GET", "/docs").await;
    assert_eq!(page.status, StatusCode::OK);
    assert!(
        page.header("content-security-policy").starts_with("default-src 'none'; script-src 'self'; style-src 'self';")
    );
    assert!(!page.header("content-security-policy").contains("unsafe"));
    let html = String::from_utf8(page.body).unwrap();
    assert!(!html.contains("//"), "the page refers to another server");
    let files = html.split(['"']).filter(|part| part.starts_with("docs/"));
    let mut types = Vec::new();
    for file in files {
        let answer = plain(&app, "GET", &format!("/{file}")).await;
        assert_eq!(answer.status, StatusCode::OK, "{file}");
        assert!(!answer.body.is_empty() && !answer.header("etag").is_empty());
        types.push(answer.header("content-type").to_owned());
    }
    let script = "text/javascript; charset=utf-8";
    assert_eq!(types, ["text/css; charset=utf-8", script, script]);
    plain(&app, "GET", "/docs/index.html").await.refused(404, "not_found");
    app.finish().await;
}
