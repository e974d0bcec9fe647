//! All routes on one screen.

use std::sync::Arc;

use axum::Router;
use axum::middleware::from_fn_with_state;
use axum::routing::{get, post, put};
use tokio::sync::Semaphore;
use vetd_actors::Engine;
use vetd_model::ErrorCode;

use super::error::Problem;
use super::limits::Limits;
use super::streams::Streams;
use super::token::Tokens;
use super::web::{Resumes, Site};
use super::{Demo, Facts, Front, HttpSettings, Shared};
use super::{
    api_keys, audit_log, auth, chips, event_stream, events, frame, handoff, health, iframe, media, metrics, openapi,
    operator, providers, session_stream, sessions, specimens, templates, test_mode, verifications, web,
    webhook_deliveries, webhook_endpoints, workspace,
};

/// The most pictures that are taken in at a time; the next one waits. One is at most 16 MiB, so they
/// hold half a gibibyte at most.
const FILES_AT_ONCE: usize = 32;

/// Everything that vetd answers to over HTTP.
pub fn router(engine: Engine, settings: HttpSettings) -> Router {
    public(front(engine, settings))
}

/// What is answered where. All share one front door.
pub struct Routers {
    /// Everything that vetd answers to over HTTP.
    pub public: Router,
    /// What it answers to its operator over the local socket.
    pub operator: Router,
    /// `/metrics` alone, for an address of its own.
    pub metrics: Router,
}

/// All routers of one server.
pub fn routers(engine: Engine, settings: HttpSettings, facts: Facts) -> Routers {
    let front = front(engine, settings);
    let metrics = framed(front.clone(), measured());
    Routers { public: public(front.clone()), operator: operator::router(front, facts), metrics }
}

fn front(engine: Engine, settings: HttpSettings) -> Shared {
    let tokens = Tokens::new(&*engine.derived_key("sdk token"));
    let resumes = Resumes::new(&*engine.derived_key("page addresses"));
    let permits = Arc::new(Semaphore::new(settings.max_in_flight));
    let files = Arc::new(Semaphore::new(FILES_AT_ONCE));
    let limits = Limits::new(settings.rate_limits);
    let registry = Arc::new(settings.meters.registry(&engine));
    let (event_streams, session_streams) = (Streams::new(event_stream::CAPS), Streams::new(session_stream::CAPS));
    let (document, site) = (openapi::Document::default(), Site::default());
    Arc::new(Front {
        engine,
        settings,
        tokens,
        resumes,
        permits,
        files,
        limits,
        event_streams,
        session_streams,
        registry,
        document,
        site,
    })
}

fn public(front: Shared) -> Router {
    // A layer is around everything above it. The gates stand around known paths and methods
    // only, so that anything else is answered without a credential.
    let routes = tenants()
        .route_layer(from_fn_with_state(Arc::clone(&front), auth::tenants))
        .merge(people().route_layer(from_fn_with_state(Arc::clone(&front), auth::people)))
        .merge(linked())
        .route_layer(from_fn_with_state(Arc::clone(&front), frame::admit))
        .merge(if front.settings.shows_metrics { measured() } else { Router::new() })
        .route("/healthz", get(health::alive))
        .route("/readyz", get(health::ready))
        .route("/openapi.json", get(openapi::document))
        .route("/docs", get(openapi::page))
        .route("/docs/{file}", get(openapi::file))
        .merge(files())
        .merge(if front.settings.demo == Demo::Off { Router::new() } else { demo() });
    framed(front, routes)
}

/// Puts around the routes what every answer has.
fn framed(front: Shared, routes: Router<Shared>) -> Router {
    routes
        .fallback(unknown_path)
        .method_not_allowed_fallback(unknown_method)
        .layer(from_fn_with_state(Arc::clone(&front), frame::around))
        .with_state(front)
}

/// For Prometheus.
fn measured() -> Router<Shared> {
    Router::new().route("/metrics", get(metrics::show))
}

/// For a tenant's backend, with an API key.
fn tenants() -> Router<Shared> {
    Router::new()
        .route("/v1/sessions", post(sessions::create).get(sessions::list))
        .route("/v1/sessions/{id}", get(sessions::get))
        .route("/v1/sessions/{id}/cancel", post(sessions::cancel))
        .route("/v1/sessions/{id}/token", post(sessions::token))
        .route("/v1/sessions/{id}/chip", post(chips::take_in))
        .route("/v1/verifications", get(verifications::list))
        .route("/v1/verifications/{id}", get(verifications::get))
        .route("/v1/verifications/{id}/cancel", post(verifications::cancel))
        .route("/v1/verifications/{id}/review", post(verifications::review))
        .route("/v1/verifications/{id}/redact", post(verifications::redact))
        .route("/v1/templates", post(templates::create).get(templates::list))
        .route("/v1/templates/{id}", get(templates::get).patch(templates::patch))
        .route("/v1/templates/{id}/versions", get(templates::versions))
        .route("/v1/templates/{id}/versions/{n}", get(templates::version))
        .route("/v1/templates/{id}/publish", post(templates::publish))
        .route("/v1/templates/{id}/rollback", post(templates::rollback))
        .route("/v1/templates/{id}/default", post(templates::make_default))
        .route("/v1/templates/{id}/archive", post(templates::archive))
        .route("/v1/events", get(events::list))
        .route("/v1/events/stream", get(event_stream::open))
        .route("/v1/events/{id}", get(events::get))
        .route("/v1/webhook_endpoints", post(webhook_endpoints::create).get(webhook_endpoints::list))
        .route(
            "/v1/webhook_endpoints/{id}",
            get(webhook_endpoints::get).patch(webhook_endpoints::patch).delete(webhook_endpoints::delete),
        )
        .route("/v1/webhook_endpoints/{id}/rotate_secret", post(webhook_endpoints::rotate_secret))
        .route("/v1/webhook_endpoints/{id}/enable", post(webhook_endpoints::enable))
        .route("/v1/webhook_endpoints/{id}/test", post(webhook_endpoints::test))
        .route("/v1/webhook_endpoints/{id}/recover", post(webhook_endpoints::recover))
        .route("/v1/webhook_deliveries", get(webhook_deliveries::list))
        .route("/v1/webhook_deliveries/{id}", get(webhook_deliveries::get))
        .route("/v1/webhook_deliveries/{id}/redeliver", post(webhook_deliveries::redeliver))
        .route("/v1/providers", post(providers::create).get(providers::list))
        .route("/v1/providers/{id}", get(providers::get).patch(providers::patch).delete(providers::delete))
        .route("/v1/providers/{id}/rotate_secret", post(providers::rotate_secret))
        .route("/v1/api_keys", post(api_keys::create).get(api_keys::list))
        .route("/v1/api_keys/{id}", get(api_keys::get))
        .route("/v1/api_keys/{id}/revoke", post(api_keys::revoke))
        .route("/v1/audit_log", get(audit_log::list))
        .route("/v1/workspace", get(workspace::get).patch(workspace::patch))
        .route("/v1/test/sessions/{id}/simulate", post(test_mode::simulate))
}

/// For the person being verified, with an `sdk_token`.
fn people() -> Router<Shared> {
    Router::new()
        .route("/iframe/api/session", get(iframe::session))
        .route("/iframe/api/session/stream", get(session_stream::open))
        .route("/iframe/api/load", post(iframe::load))
        .route("/iframe/api/media/{kind}", put(media::put).head(media::arrived))
        .route("/iframe/api/steps/{type}", post(iframe::submit))
        .route("/iframe/api/cancel", post(iframe::cancel))
        .route("/iframe/api/token", post(iframe::token))
        .route("/iframe/api/handoff", post(handoff::offer))
        .route("/iframe/api/specimens", get(specimens::list))
        .route("/iframe/api/specimens/{name}", get(specimens::show))
        .route("/iframe/api/test/outcome", post(specimens::outcome))
}

/// For whoever holds a signed link.
fn linked() -> Router<Shared> {
    Router::new()
        .route("/media/{id}", get(media::show))
        .route("/callbacks/{id}", post(providers::answer))
        .route("/iframe", get(web::open))
}

/// For every browser.
fn files() -> Router<Shared> {
    Router::new()
        .route("/iframe/assets/{version}/{*path}", get(web::asset))
        .route("/embed.js", get(web::embed))
        .route("/embed.d.ts", get(web::embed_types))
}

/// For a first look.
fn demo() -> Router<Shared> {
    Router::new()
        .route("/demo", get(web::demo::page))
        .route("/demo/{file}", get(web::demo::asset))
        .route("/demo/sessions", post(web::demo::create))
}

pub(super) async fn unknown_path() -> Problem {
    Problem::new(ErrorCode::NotFound, "There is nothing at this path.")
}

pub(super) async fn unknown_method() -> Problem {
    Problem::new(ErrorCode::MethodNotAllowed, "This path does not take this method; see the Allow header.")
}
