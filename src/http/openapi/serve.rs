//! `/openapi.json`, and `/docs` to browse it: nothing is fetched from anywhere else, and the page
//! runs under a policy that allows no inline script.

use std::borrow::Cow;
use std::sync::{Arc, OnceLock};

use axum::body::{Body, Bytes};
use axum::extract::{Path, State};
use axum::http::header::{
    CACHE_CONTROL, CONTENT_ENCODING, CONTENT_SECURITY_POLICY, CONTENT_TYPE, ETAG, IF_NONE_MATCH, REFERRER_POLICY,
};
use axum::http::{HeaderMap, HeaderValue, StatusCode};
use axum::response::Response;
use sha2::{Digest, Sha256};
use utoipa_swagger_ui::Config;
use vetd_model::ErrorCode;

use super::super::Shared;
use super::super::error::{Answer, Problem};
use super::super::query::NoParams;
use super::super::reply::JSON;

/// vetd's own files, and nothing inline.
const POLICY: HeaderValue = HeaderValue::from_static(
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; connect-src 'self'; \
     base-uri 'none'; form-action 'none'; frame-ancestors 'none'",
);
/// Kept, and asked for again each time: a new release shows at once.
const REVALIDATE: HeaderValue = HeaderValue::from_static("no-cache");

const PAGE: &str = include_str!("docs.html");
const START: &str = include_str!("docs.js");

/// The document as it is sent, made at the first request for it.
#[derive(Default)]
pub(in crate::http) struct Document(OnceLock<File>);

/// Something that changes with a release only.
#[derive(Clone)]
struct File {
    bytes: Bytes,
    content_type: HeaderValue,
    gzipped: bool,
}

/// `GET /openapi.json`.
pub(in crate::http) async fn document(State(front): State<Shared>, headers: HeaderMap, _: NoParams) -> Answer {
    let make = || {
        let document = super::openapi(&front.settings.public_url);
        let bytes = serde_json::to_vec(&document).unwrap_or_default().into();
        File { bytes, content_type: JSON, gzipped: false }
    };
    Ok(front.document.0.get_or_init(make).clone().send(&headers))
}

/// `GET /docs`.
pub(in crate::http) async fn page(headers: HeaderMap) -> Answer {
    let mut response = File::text(PAGE, "text/html; charset=utf-8").send(&headers);
    response.headers_mut().insert(CONTENT_SECURITY_POLICY, POLICY);
    response.headers_mut().insert(REFERRER_POLICY, HeaderValue::from_static("no-referrer"));
    Ok(response)
}

/// `GET /docs/{file}`: what the page needs.
pub(in crate::http) async fn file(Path(name): Path<String>, headers: HeaderMap) -> Answer {
    let file = match name.as_str() {
        "start.js" => Some(File::text(START, "text/javascript; charset=utf-8")),
        "swagger-ui.css" => File::vendored(&name, "text/css; charset=utf-8"),
        "swagger-ui-bundle.js" => File::vendored(&name, "text/javascript; charset=utf-8"),
        _ => None,
    };
    let file = file.ok_or_else(|| Problem::new(ErrorCode::NotFound, "There is nothing at this path."))?;
    Ok(file.send(&headers))
}

impl File {
    const fn text(text: &'static str, content_type: &'static str) -> Self {
        let bytes = Bytes::from_static(text.as_bytes());
        Self { bytes, content_type: HeaderValue::from_static(content_type), gzipped: false }
    }

    fn vendored(name: &str, content_type: &'static str) -> Option<Self> {
        let found = utoipa_swagger_ui::serve(name, Arc::new(Config::from("openapi.json"))).ok()??;
        let bytes = match found.bytes {
            Cow::Borrowed(bytes) => Bytes::from_static(bytes),
            Cow::Owned(bytes) => bytes.into(),
        };
        Some(Self { bytes, content_type: HeaderValue::from_static(content_type), gzipped: found.gzpipped })
    }

    /// The file, or that the caller has it already.
    fn send(self, asked: &HeaderMap) -> Response {
        let [a, b, c, d, e, f, g, h, ..] = <[u8; 32]>::from(Sha256::digest(&self.bytes));
        let tag = format!("\"{:016x}\"", u64::from_be_bytes([a, b, c, d, e, f, g, h]));
        let known = asked.get_all(IF_NONE_MATCH).iter().filter_map(|value| value.to_str().ok());
        let is_known = known.flat_map(|value| value.split(',')).any(|one| one.trim().trim_start_matches("W/") == tag);
        let mut response = Response::new(if is_known { Body::empty() } else { Body::from(self.bytes) });
        let headers = response.headers_mut();
        headers.insert(CACHE_CONTROL, REVALIDATE);
        if let Ok(tag) = HeaderValue::from_str(&tag) {
            headers.insert(ETAG, tag);
        }
        headers.insert(CONTENT_TYPE, self.content_type);
        if self.gzipped {
            headers.insert(CONTENT_ENCODING, HeaderValue::from_static("gzip"));
        }
        if is_known {
            *response.status_mut() = StatusCode::NOT_MODIFIED;
        }
        response
    }
}
