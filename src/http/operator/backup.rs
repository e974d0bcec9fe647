//! Hands a backup of the running store over, for as long as that takes.

use std::convert::Infallible;

use axum::body::Body;
use axum::extract::State;
use axum::http::HeaderValue;
use axum::http::header::CONTENT_TYPE;
use axum::response::Response;
use futures::{StreamExt, stream};

use super::super::Shared;
use super::super::error::{Answer, Problem};

const BYTES: HeaderValue = HeaderValue::from_static("application/octet-stream");

pub(super) async fn take(State(front): State<Shared>) -> Answer {
    let mut pieces = front.engine.backup();
    let ended = || Problem::internal("a backup ended before it began".to_owned());
    let first = pieces.recv().await.ok_or_else(ended)??;
    // The reason of an early end is in the stream itself.
    let rest = stream::unfold(pieces, |mut pieces| async move { Some((pieces.recv().await?.ok()?, pieces)) });
    let body = Body::from_stream(stream::iter([first]).chain(rest).map(Ok::<_, Infallible>));
    let mut response = Response::new(body);
    response.headers_mut().insert(CONTENT_TYPE, BYTES);
    Ok(response)
}
