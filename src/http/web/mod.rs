//! What browsers get: the page in the iframe, `/embed.js` and the demo, from files in the binary.

pub(super) mod demo;
mod files;
mod page;
pub(super) mod parents;
mod resume;

use std::sync::Arc;

use axum::extract::{Path, State};
use axum::http::header::{ACCESS_CONTROL_ALLOW_ORIGIN, HeaderName};
use axum::http::{HeaderMap, HeaderValue};
use vetd_model::ErrorCode;

use super::Shared;
use super::error::{Answer, Problem};
pub(super) use files::Site;
pub(super) use page::open;
pub(super) use resume::Resumes;

/// Who may load an answer into a page of its own.
const RESOURCE_POLICY: HeaderName = HeaderName::from_static("cross-origin-resource-policy");

/// `GET /iframe/assets/{version}/{*path}`: what the page loads. The version is that of the page's
/// files, so that each answer can be kept for good.
pub(super) async fn asset(
    State(front): State<Shared>,
    Path((version, path)): Path<(String, String)>,
    headers: HeaderMap,
) -> Answer {
    let files = front.site.files();
    let file = (version == files.version).then(|| files.asset(&path)).flatten().ok_or_else(absent)?;
    Ok(file.send_for_good(&headers))
}

/// `GET /embed.js`: for pages of any origin, as a module or as a plain script.
pub(super) async fn embed(State(front): State<Shared>, headers: HeaderMap) -> Answer {
    for_every_origin(&front, "embed.js", &headers)
}

/// `GET /embed.d.ts`: what `/embed.js` takes and gives, for TypeScript.
pub(super) async fn embed_types(State(front): State<Shared>, headers: HeaderMap) -> Answer {
    for_every_origin(&front, "embed.d.ts", &headers)
}

fn for_every_origin(front: &Shared, name: &str, asked: &HeaderMap) -> Answer {
    let files = front.site.files();
    let mut response = files.embed(name).ok_or_else(absent)?.send(asked);
    response.headers_mut().insert(ACCESS_CONTROL_ALLOW_ORIGIN, HeaderValue::from_static("*"));
    response.headers_mut().insert(RESOURCE_POLICY, HeaderValue::from_static("cross-origin"));
    Ok(response)
}

fn absent() -> Problem {
    Problem::new(ErrorCode::NotFound, "There is nothing at this path.")
}

/// What a handler holds on to while the files may change.
type Files = Arc<files::Files>;
