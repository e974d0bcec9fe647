//! A collector of traces on a real socket: OTLP over HTTP, as protobuf.

#![allow(dead_code, reason = "each test binary uses its own part of this")]
#![expect(clippy::unwrap_used, clippy::panic, reason = "a test fails where it unwraps")]

use axum::Router;
use axum::body::Bytes;
use axum::extract::State;
use axum::routing::post;
use opentelemetry_proto::tonic::collector::trace::v1::ExportTraceServiceRequest;
use opentelemetry_proto::tonic::common::v1::any_value::Value;
use opentelemetry_proto::tonic::trace::v1::Span;
use prost::Message;
use tokio::net::TcpListener;
use tokio::sync::mpsc;

pub struct Collector {
    /// What the server is given as its endpoint.
    pub url: String,
    batches: mpsc::UnboundedReceiver<Bytes>,
}

impl Collector {
    pub async fn start() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("http://{}", listener.local_addr().unwrap());
        let (arrived, batches) = mpsc::unbounded_channel();
        let router = Router::new().route("/v1/traces", post(take)).with_state(arrived);
        tokio::spawn(async move { axum::serve(listener, router).await });
        Self { url, batches }
    }

    /// The bodies that have come so far, as they came.
    pub fn bodies(&mut self) -> Vec<Bytes> {
        std::iter::from_fn(|| self.batches.try_recv().ok()).collect()
    }

    /// The spans that have come so far.
    pub fn spans(&mut self) -> Vec<Span> {
        let read = |body: Bytes| ExportTraceServiceRequest::decode(body).unwrap();
        let resources = self.bodies().into_iter().flat_map(|body| read(body).resource_spans);
        resources.flat_map(|of| of.scope_spans).flat_map(|of| of.spans).collect()
    }
}

async fn take(State(arrived): State<mpsc::UnboundedSender<Bytes>>, body: Bytes) {
    // The test may have ended.
    let _ = arrived.send(body);
}

/// The value of a span's attribute, as text.
pub fn attribute(span: &Span, name: &str) -> String {
    let found = span.attributes.iter().find(|attribute| attribute.key == name);
    let value = found.and_then(|attribute| attribute.value.clone()?.value);
    match value.unwrap_or_else(|| panic!("{} has no {name}", span.name)) {
        Value::StringValue(text) => text,
        Value::IntValue(number) => number.to_string(),
        other => panic!("{name} is {other:?}"),
    }
}

/// The one span with this name.
pub fn one<'a>(spans: &'a [Span], name: &str) -> &'a Span {
    let found: Vec<&Span> = spans.iter().filter(|span| span.name == name).collect();
    let [span] = found[..] else { panic!("{} spans are called {name}", found.len()) };
    span
}
