//! `/openapi.json`, and `/docs` to browse it: nothing is fetched from anywhere else, and the page
//! runs under a policy that allows no inline script.

use std::borrow::Cow;
use std::sync::{Arc, OnceLock};

use axum::body::Bytes;
use axum::extract::{Path, State};
use axum::http::header::{CONTENT_SECURITY_POLICY, REFERRER_POLICY};
use axum::http::{HeaderMap, HeaderValue};
use utoipa_swagger_ui::Config;
use vetd_model::ErrorCode;

use super::super::Shared;
use super::super::error::{Answer, Problem};
use super::super::file::{File, content_type};
use super::super::query::NoParams;
use super::super::reply::JSON;

/// vetd's own files, and nothing inline.
const POLICY: HeaderValue = HeaderValue::from_static(
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; connect-src 'self'; \
     base-uri 'none'; form-action 'none'; frame-ancestors 'none'",
);
const PAGE: &str = include_str!("docs.html");
const START: &str = include_str!("docs.js");

/// The document as it is sent, made at the first request for it.
#[derive(Default)]
pub(in crate::http) struct Document(OnceLock<File>);

/// `GET /openapi.json`.
pub(in crate::http) async fn document(State(front): State<Shared>, headers: HeaderMap, _: NoParams) -> Answer {
    let make = || {
        let document = super::openapi(&front.settings.public_url);
        File::plain(serde_json::to_vec(&document).unwrap_or_default().into(), JSON)
    };
    Ok(front.document.0.get_or_init(make).send(&headers))
}

/// `GET /docs`.
pub(in crate::http) async fn page(headers: HeaderMap) -> Answer {
    let mut response = text(PAGE, "docs.html").send(&headers);
    response.headers_mut().insert(CONTENT_SECURITY_POLICY, POLICY);
    response.headers_mut().insert(REFERRER_POLICY, HeaderValue::from_static("no-referrer"));
    Ok(response)
}

/// `GET /docs/{file}`: what the page needs.
pub(in crate::http) async fn file(Path(name): Path<String>, headers: HeaderMap) -> Answer {
    let file = match name.as_str() {
        "start.js" => Some(text(START, &name)),
        "swagger-ui.css" | "swagger-ui-bundle.js" => vendored(&name),
        _ => None,
    };
    let file = file.ok_or_else(|| Problem::new(ErrorCode::NotFound, "There is nothing at this path."))?;
    Ok(file.send(&headers))
}

fn text(text: &'static str, name: &str) -> File {
    File::plain(Bytes::from_static(text.as_bytes()), content_type(name))
}

fn vendored(name: &str) -> Option<File> {
    let found = utoipa_swagger_ui::serve(name, Arc::new(Config::from("openapi.json"))).ok()??;
    let bytes = match found.bytes {
        Cow::Borrowed(bytes) => Bytes::from_static(bytes),
        Cow::Owned(bytes) => bytes.into(),
    };
    let file = if found.gzpipped { File::gzipped } else { File::plain };
    Some(file(bytes, content_type(name)))
}
