//! The front door over HTTP: who may pass, what the request says, what is answered.
//!
//! Every handler reads as: extract, engine call, render. `frame` puts a request identifier, a
//! log line and the error envelope around all of them; `auth` decides who passes; `mutation`
//! does each change at most once for its `Idempotency-Key`.

mod api_keys;
mod audit_log;
mod auth;
mod body;
mod chips;
mod error;
mod event_stream;
mod events;
mod file;
mod follow;
mod frame;
mod handoff;
mod health;
mod iframe;
mod json;
mod limits;
mod listing;
mod media;
mod metrics;
mod mutation;
mod openapi;
mod operator;
mod page;
mod parts;
mod paths;
mod providers;
mod query;
mod reply;
mod routes;
mod session_stream;
mod sessions;
mod specimens;
mod streams;
mod templates;
mod test_mode;
mod token;
mod verifications;
mod web;
mod webhook_deliveries;
mod webhook_endpoints;
mod workspace;

use std::sync::Arc;
use std::sync::atomic::AtomicBool;
use std::time::Duration;

use prometheus_client::registry::Registry;
use tokio::sync::Semaphore;
use vetd_actors::Engine;
use vetd_model::{Realm, SessionId};

use limits::Limits;
use streams::Streams;
use token::Tokens;
use web::{Resumes, Site};

use crate::telemetry::HttpMeters;

pub use limits::RateLimits;
pub use openapi::openapi;
pub use operator::Facts;
pub(crate) use operator::watchlist_to_json;
pub use routes::{Routers, router, routers};

/// How the front door behaves.
#[derive(Debug, Clone)]
pub struct HttpSettings {
    /// Makes every link, without a slash at its end. The `Host` header never does.
    pub public_url: String,
    /// The largest body under `/v1`, in bytes.
    pub v1_body_limit: usize,
    /// The largest body under `/iframe/api` but for pictures, in bytes.
    pub iframe_body_limit: usize,
    /// How long a body may take to arrive.
    pub body_time: Duration,
    /// The most requests under way at once; the next one is told to come back.
    pub max_in_flight: usize,
    /// How often each kind of call may come.
    pub rate_limits: RateLimits,
    /// How long a request may take. Then it is answered 503; a change goes on to its end, and
    /// its `Idempotency-Key` gets the answer.
    pub request_time: Duration,
    /// False from the moment on that the server is about to end: `/readyz` says so.
    pub open: Arc<AtomicBool>,
    /// What the front door counts.
    pub meters: HttpMeters,
    /// True if `/metrics` is among the routes; otherwise it has an address of its own.
    pub shows_metrics: bool,
    /// True if traces are on.
    pub traced: bool,
    /// Who can try `/demo`.
    pub demo: Demo,
}

/// Who can try `/demo`, and with it make test sessions without a key.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Demo {
    /// Nobody: it is not there.
    Off,
    /// Who reaches the server under the name of its own machine.
    Loopback,
    /// Who reaches the server.
    Everyone,
}

impl HttpSettings {
    /// The usual limits.
    #[must_use]
    pub fn new(public_url: impl Into<String>) -> Self {
        Self {
            public_url: public_url.into(),
            v1_body_limit: 512 * 1024,
            iframe_body_limit: 128 * 1024,
            body_time: Duration::from_secs(30),
            max_in_flight: 4096,
            rate_limits: RateLimits::default(),
            request_time: Duration::from_secs(60),
            open: Arc::new(AtomicBool::new(true)),
            meters: HttpMeters::default(),
            shows_metrics: true,
            traced: false,
            demo: Demo::Off,
        }
    }
}

/// What every handler shares.
struct Front {
    engine: Engine,
    settings: HttpSettings,
    tokens: Tokens,
    resumes: Resumes,
    permits: Arc<Semaphore>,
    /// Caps how many pictures are in memory at once.
    files: Arc<Semaphore>,
    limits: Limits,
    event_streams: Streams<Realm>,
    session_streams: Streams<SessionId>,
    registry: Arc<Registry>,
    document: openapi::Document,
    site: Site,
}

/// How handlers are handed the [`Front`].
type Shared = Arc<Front>;
