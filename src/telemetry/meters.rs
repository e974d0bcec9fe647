//! What the front door counts of itself, and the text that shows it with the rest.

use std::time::Duration;

use axum::http::Method;
use prometheus_client::encoding::EncodeLabelSet;
use prometheus_client::encoding::prometheus_text::encode;
use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::family::Family;
use prometheus_client::metrics::gauge::Gauge;
use prometheus_client::metrics::histogram::{Histogram, exponential_buckets};
use prometheus_client::metrics::info::Info;
use prometheus_client::registry::{Registry, Unit};
use vetd_actors::Engine;

/// What every name begins with.
const PREFIX: &str = "vetd";

/// The route is a pattern, never a path: a path holds identifiers.
#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
struct Outcome {
    method: &'static str,
    route: String,
    status: u32,
}

type Route = [(&'static str, String); 1];

/// The front door's meters. Clones count into the same ones.
#[derive(Debug, Clone)]
pub struct HttpMeters {
    /// Requests that have not been answered.
    pub under_way: Gauge,
    /// Open connections.
    pub connections: Gauge,
    /// Requests refused because too many were under way.
    pub refused: Counter,
    /// Requests answered with what an earlier one got.
    pub replays: Counter,
    requests: Family<Outcome, Counter>,
    seconds: Family<Route, Histogram, fn() -> Histogram>,
}

impl Default for HttpMeters {
    fn default() -> Self {
        Self {
            under_way: Gauge::default(),
            connections: Gauge::default(),
            refused: Counter::default(),
            replays: Counter::default(),
            requests: Family::default(),
            seconds: Family::new_with_constructor(|| Histogram::new(exponential_buckets(0.000_25, 2.0, 16))),
        }
    }
}

impl HttpMeters {
    /// A request was answered.
    pub(crate) fn answered(&self, method: &'static str, route: &str, status: u16, took: Duration) {
        let outcome = Outcome { method, route: route.to_owned(), status: u32::from(status) };
        self.requests.get_or_create(&outcome).inc();
        self.seconds.get_or_create(&[("route", outcome.route)]).observe(took.as_secs_f64());
    }

    /// The registry of everything there is to see, which is rendered at `/metrics`.
    pub(crate) fn registry(&self, engine: &Engine) -> Registry {
        let mut registry = Registry::with_prefix(PREFIX);
        registry.register("build", "The release that runs", Info::new([("version", env!("CARGO_PKG_VERSION"))]));
        registry.register(
            "http_requests",
            "Requests answered, by method, by the route's pattern and by status",
            self.requests.clone(),
        );
        registry.register_with_unit(
            "http_request",
            "How long requests take until their answer begins, by the route's pattern",
            Unit::Seconds,
            self.seconds.clone(),
        );
        registry.register("http_requests_under_way", "Requests not answered yet", self.under_way.clone());
        registry.register("http_connections", "Open connections", self.connections.clone());
        registry.register(
            "http_requests_refused",
            "Requests refused with 503 because too many were under way",
            self.refused.clone(),
        );
        registry.register(
            "idempotent_replays",
            "Requests answered with what an earlier one with the same Idempotency-Key got",
            self.replays.clone(),
        );
        engine.register_meters(&mut registry);
        registry
    }
}

/// The text that Prometheus reads.
pub(crate) fn render(registry: &Registry) -> String {
    let mut text = String::with_capacity(32 * 1024);
    // Writing to a string does not fail.
    let _ = encode(&mut text, registry);
    text
}

/// A method as logs, metrics and traces show it. Callers may send any word.
pub(crate) fn known(method: &Method) -> &'static str {
    match *method {
        Method::GET => "GET",
        Method::HEAD => "HEAD",
        Method::POST => "POST",
        Method::PATCH => "PATCH",
        Method::PUT => "PUT",
        Method::DELETE => "DELETE",
        Method::OPTIONS => "OPTIONS",
        _ => "other",
    }
}

/// Counts something for as long as it lives, however it ends.
#[derive(Debug)]
pub(crate) struct Guard(Gauge);

impl Guard {
    pub(crate) fn of(gauge: &Gauge) -> Self {
        gauge.inc();
        Self(gauge.clone())
    }
}

impl Drop for Guard {
    fn drop(&mut self) {
        self.0.dec();
    }
}
