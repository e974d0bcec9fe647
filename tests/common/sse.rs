//! A reader of streams, through the router.

use std::time::Duration;

use axum::body::{Body, BodyDataStream};
use axum::http::{HeaderMap, Request, StatusCode};
use futures::{FutureExt, StreamExt};
use tower::ServiceExt;

use super::TestApp;
use super::contract::DOCUMENT;

const PATIENCE: Duration = Duration::from_secs(30);

/// A stream of server-sent events, read as WHATWG HTML says.
pub struct Stream {
    pub body: BodyDataStream,
    pub text: String,
    pub last_id: Option<String>,
}

#[derive(Debug, PartialEq, Eq)]
pub struct Message {
    /// Empty if it has none.
    pub id: String,
    pub kind: String,
    pub data: String,
}

impl Stream {
    /// Opens a stream behind `last_id`.
    pub async fn open(app: &TestApp, bearer: &str, path: &str, last_id: Option<&str>) -> Self {
        let response = app.router.clone().oneshot(Self::request(bearer, path, last_id)).await.unwrap();
        assert_eq!(response.status(), StatusCode::OK);
        Self::check_head(path.split('?').next().unwrap(), response.headers());
        Self { body: response.into_body().into_data_stream(), text: String::new(), last_id: None }
    }

    pub fn request(bearer: &str, path: &str, last_id: Option<&str>) -> Request<Body> {
        let mut request = Request::builder().uri(path).header("authorization", format!("Bearer {bearer}"));
        if let Some(id) = last_id {
            request = request.header("last-event-id", id);
        }
        request.body(Body::empty()).unwrap()
    }

    pub fn check_head(path: &str, headers: &HeaderMap) {
        let documented = &DOCUMENT["paths"][path]["get"]["responses"]["200"]["content"];
        assert!(documented[headers["content-type"].to_str().unwrap()].is_object());
        assert_eq!(headers["cache-control"], "no-store");
    }

    /// The lines up to the next empty one; `None` at the end.
    pub async fn block(&mut self) -> Option<String> {
        loop {
            if let Some((block, rest)) = self.text.split_once("\n\n") {
                let (block, rest) = (block.to_owned(), rest.to_owned());
                self.text = rest;
                return Some(block);
            }
            let more = tokio::time::timeout(PATIENCE, self.body.next()).await.expect("what has to come did not");
            self.text.push_str(std::str::from_utf8(&more?.unwrap()).unwrap());
        }
    }

    /// The next event; `None` at the end.
    pub async fn next(&mut self) -> Option<Message> {
        loop {
            let block = self.block().await?;
            let field = |name: &str| block.lines().find_map(|line| line.strip_prefix(name)).map(str::to_owned);
            self.last_id = field("id: ").or(self.last_id.take());
            if let Some(data) = field("data: ") {
                let id = field("id: ").unwrap_or_default();
                assert_eq!(block.lines().count(), if id.is_empty() { 2 } else { 3 }, "{block}");
                return Some(Message { id, kind: field("event: ")?, data });
            }
        }
    }

    /// The next events, so many.
    pub async fn take(&mut self, count: usize) -> Vec<Message> {
        let mut taken = Vec::new();
        while taken.len() < count {
            taken.push(self.next().await.expect("the stream ended"));
        }
        taken
    }

    /// True if nothing is there to be read.
    pub fn is_silent(&mut self) -> bool {
        self.text.is_empty() && self.body.next().now_or_never().is_none()
    }
}
