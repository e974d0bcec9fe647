//! Traces: the spans of a request, from the door to the disk, sent to a collector over OTLP.
//!
//! The span `request` is there without a collector too: it puts the request's identifier on every
//! log line that is written while the request is served. All others cost nothing then.

use std::time::Duration;

use axum::http::HeaderMap;
use opentelemetry::KeyValue;
use opentelemetry::global;
use opentelemetry::propagation::Extractor;
use opentelemetry::trace::{Status, TracerProvider};
use opentelemetry_otlp::{Protocol, SpanExporter, WithExportConfig};
use opentelemetry_sdk::Resource;
use opentelemetry_sdk::propagation::TraceContextPropagator;
use opentelemetry_sdk::runtime::Tokio;
use opentelemetry_sdk::trace::span_processor_with_async_runtime::BatchSpanProcessor;
use opentelemetry_sdk::trace::{Sampler, SdkTracerProvider};
use tracing::field::Empty;
use tracing::level_filters::LevelFilter;
use tracing::{Level, Span, Subscriber, info_span};
use tracing_opentelemetry::OpenTelemetrySpanExt;
use tracing_subscriber::Layer;
use tracing_subscriber::filter::filter_fn;
use tracing_subscriber::registry::LookupSpan;
use vetd_model::RequestId;

use crate::config::CollectorUrl;
use crate::failure::Failure;

/// How long the collector may take for one batch.
const PATIENCE: Duration = Duration::from_secs(10);
/// The header of a caller that traces (W3C Trace Context).
const TRACEPARENT: &str = "traceparent";

/// Where traces go.
#[derive(Debug, Clone, PartialEq)]
pub struct TraceSettings {
    /// The collector's base address; spans are posted to `/v1/traces` under it.
    pub endpoint: CollectorUrl,
    /// The share of requests that is traced, 0 to 1. A caller's own decision goes before it.
    pub sample: f64,
    /// What the server calls itself.
    pub service_name: String,
}

/// The way to the collector.
pub(super) struct Traces {
    provider: SdkTracerProvider,
}

impl Traces {
    /// Opens the way. Spans wait in a queue of bounded length; what does not fit is dropped, so a
    /// collector that is away costs the server nothing.
    pub(super) fn start(settings: &TraceSettings) -> Result<Self, Failure> {
        let endpoint = format!("{}/v1/traces", settings.endpoint.as_str());
        let exporter = SpanExporter::builder().with_http().with_protocol(Protocol::HttpBinary);
        let exporter = exporter
            .with_endpoint(endpoint)
            .with_timeout(PATIENCE)
            .build()
            .map_err(|error| Failure::configuration(format!("traces cannot be sent to otlp_endpoint: {error}")))?;
        let resource = Resource::builder()
            .with_service_name(settings.service_name.clone())
            .with_attribute(KeyValue::new("service.version", env!("CARGO_PKG_VERSION")))
            .build();
        let sampler = Sampler::ParentBased(Box::new(Sampler::TraceIdRatioBased(settings.sample)));
        let provider = SdkTracerProvider::builder()
            .with_span_processor(BatchSpanProcessor::builder(exporter, Tokio).build())
            .with_sampler(sampler)
            .with_resource(resource)
            .build();
        global::set_text_map_propagator(TraceContextPropagator::new());
        Ok(Self { provider })
    }

    /// Takes the server's own spans, without the log lines in them.
    pub(super) fn layer<S>(&self) -> impl Layer<S> + Send + Sync + use<S>
    where
        S: Subscriber + for<'a> LookupSpan<'a> + Send + Sync,
    {
        let ours =
            filter_fn(|about| about.is_span() && about.target().starts_with("vetd") && *about.level() <= Level::DEBUG);
        tracing_opentelemetry::layer()
            .with_tracer(self.provider.tracer("vetd"))
            .with_location(false)
            .with_threads(false)
            .with_tracked_inactivity(false)
            .with_filter(ours.with_max_level_hint(LevelFilter::DEBUG))
    }

    /// Sends what is left, at most for so long.
    pub(super) async fn end(self, limit: Duration) {
        let sent = tokio::task::spawn_blocking(move || self.provider.shutdown());
        match tokio::time::timeout(limit, sent).await {
            Ok(Ok(Ok(()))) => {}
            Ok(Ok(Err(error))) => tracing::warn!(%error, "the last traces were not sent"),
            Ok(Err(error)) => tracing::warn!(%error, "the last traces were not sent"),
            Err(_) => tracing::warn!("the last traces were not sent in time"),
        }
    }
}

/// The span of a request. `traced` says whether traces are on: then a caller that traces becomes
/// its parent.
pub(crate) fn request_span(id: RequestId, method: &str, route: &str, headers: &HeaderMap, traced: bool) -> Span {
    let span = info_span!("request", request_id = %id, method, route, otel.name = Empty, otel.kind = Empty);
    if traced && !span.is_disabled() {
        span.record("otel.name", format!("{method} {route}"));
        span.record("otel.kind", "server");
        if headers.contains_key(TRACEPARENT) {
            let parent = global::get_text_map_propagator(|reader| reader.extract(&Headers(headers)));
            // Without a way to a collector the span has no place for a parent.
            let _ = span.set_parent(parent);
        }
    }
    span
}

/// Notes how the request ended.
pub(crate) fn finish_span(span: &Span, status: u16, traced: bool) {
    if traced {
        span.set_attribute("http.response.status_code", i64::from(status));
        if status >= 500 {
            span.set_status(Status::error(""));
        }
    }
}

struct Headers<'a>(&'a HeaderMap);

impl Extractor for Headers<'_> {
    fn get(&self, key: &str) -> Option<&str> {
        self.0.get(key).and_then(|value| value.to_str().ok())
    }

    fn keys(&self) -> Vec<&str> {
        self.0.keys().map(|name| name.as_str()).collect()
    }
}
