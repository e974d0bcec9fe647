//! `vetd serve`: from settings to a running server, and to an orderly end.

mod chip_trust;
mod door;
mod faces;
pub mod first_start;
pub mod pages;
mod patience;
mod signals;
pub mod store;
#[cfg(test)]
mod tests;
mod wire;

use std::io::ErrorKind;
use std::net::SocketAddr;
use std::num::NonZero;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use futures::FutureExt;
use futures::future::join3;
use prometheus_client::metrics::gauge::Gauge;
use tokio::net::TcpListener;
use tokio::sync::oneshot;
use vetd_actors::{Clock, Engine, EngineConfig, SystemClock};
use vetd_storage::Store;

pub use door::{Door, HangUp, Listener};
pub use patience::Limits;
pub use signals::Signals;

use self::first_start::Key;
use crate::admin::{self, AdminSocket};
use crate::config::{self, Flags, Settings};
use crate::failure::Failure;
use crate::http::{Facts, HttpSettings, RateLimits, routers};
use crate::{out, telemetry};

/// The most commands of the operator at a time.
const OPERATORS: usize = 256;
/// The most connections at a time where only `/metrics` is served.
const WATCHERS: usize = 32;
/// How long the last traces may take if nothing is left of the grace.
const LAST_TRACES: Duration = Duration::from_secs(1);

/// Runs the server until a signal ends it.
///
/// # Errors
/// Why it cannot start, or did not end well.
pub async fn run(flags: &Flags) -> Result<(), Failure> {
    let settings = config::load(flags)?;
    let traces = settings.traces();
    let telemetry = telemetry::start(&settings.log, settings.log_format, traces.as_ref())?;
    admin::check_path(&settings.admin_socket_path())?;
    let bootstrap_key = settings.bootstrap_test_key()?;
    let bootstrap_key = bootstrap_key.as_ref().map(|key| key.as_str());
    let mut signals = Signals::listen()?;
    let clock: Arc<dyn Clock> = Arc::new(SystemClock::shifted(settings.clock_offset));

    // The port comes first: a start that fails for it has made nothing in the data folder.
    let listener = bind(settings.listen).await?;
    let listening = listener.local_addr().map_err(|error| Failure::listen(error.to_string()))?;
    let metrics_listener = match settings.metrics_listen {
        Some(address) => Some(bind(address).await?),
        None => None,
    };
    let metrics_at = metrics_listener.as_ref().and_then(|listener| listener.local_addr().ok());
    let (engine, admin) = tokio::select! {
        started = start(&settings, bootstrap_key, Arc::clone(&clock), listening, metrics_at) => started?,
        signal = signals.next() => return Err(Failure::other(format!("ended by {signal} during the start"))),
    };

    let http = HttpSettings {
        v1_body_limit: settings.v1_body_limit.in_memory(),
        iframe_body_limit: settings.iframe_body_limit.in_memory(),
        body_time: settings.body_timeout,
        max_in_flight: settings.requests,
        request_time: settings.request_timeout,
        rate_limits: RateLimits {
            read: settings.rate_limit_read,
            write: settings.rate_limit_write,
            create: settings.rate_limit_create,
            iframe: settings.rate_limit_iframe,
        },
        shows_metrics: metrics_listener.is_none(),
        traced: traces.is_some(),
        demo: settings.demo(listening),
        ..HttpSettings::new(settings.public_url(listening))
    };
    let open = Arc::clone(&http.open);
    let facts = Facts {
        started: clock.now(),
        listening,
        data: settings.data.clone(),
        connections: settings.connections,
        reserve_bytes: settings.disk_reserve.bytes(),
    };
    let open_connections = http.meters.connections.clone();
    let routers = routers(engine.clone(), http, facts);
    // Connections get most of the grace; the engine always has some of it left.
    let drain = settings.shutdown_grace * 3 / 4;
    let limits = Limits { head: settings.head_timeout, idle: settings.idle_timeout, ..Limits::USUAL };
    let connections = settings.connections;
    let door = Door { clock: Arc::clone(&clock), connections, limits, drain, open: open_connections };
    let (told, stop) = oneshot::channel::<()>();
    let stop = stop.map(drop).shared();
    let side_door = |connections| Door { connections, open: Gauge::default(), ..door.clone() };
    let (operators, watchers) = (side_door(OPERATORS), side_door(WATCHERS));
    let watched = async {
        match metrics_listener {
            Some(listener) => watchers.serve(listener, routers.metrics, stop.clone()).await,
            None => stop.clone().await,
        }
    };
    let operated = operators.serve(admin, routers.operator, stop.clone());
    let served = join3(door.serve(listener, routers.public, stop.clone()), operated, watched);
    let mut served = Box::pin(served.map(drop));

    let signal = tokio::select! {
        () = &mut served => return Err(Failure::other("the server stopped by itself")),
        signal = signals.next() => signal,
    };
    tracing::info!(signal, "ending: no new connections, open requests may finish");
    open.store(false, Ordering::Relaxed);
    let told_at = clock.now();
    let _ = told.send(());
    let orderly = async {
        served.await;
        let left = settings.shutdown_grace.saturating_sub(clock.now().since(told_at));
        engine.shutdown(left).await;
        let left = settings.shutdown_grace.saturating_sub(clock.now().since(told_at));
        telemetry.end(left.max(LAST_TRACES)).await;
    };
    tokio::select! {
        () = orderly => {
            tracing::info!("ended");
            Ok(())
        }
        signal = signals.next() => Err(Failure::other(format!("ended at once by a second signal ({signal})"))),
    }
}

/// Opens the store, starts the engine over it, makes what a first start makes, and says so.
async fn start(
    settings: &Settings,
    bootstrap_key: Option<&str>,
    clock: Arc<dyn Clock>,
    listening: SocketAddr,
    metrics_at: Option<SocketAddr>,
) -> Result<(Engine, AdminSocket), Failure> {
    let store = store::open(settings).await?;
    let keys = store.api_keys().map_err(|error| Failure::store(format!("the API keys cannot be read: {error}")))?;
    let cores = std::thread::available_parallelism().map_or(1, NonZero::get);
    let config = EngineConfig {
        shards: cores * 4,
        resident_limit: settings.resident,
        check_threads: settings.check_threads.unwrap_or(cores),
        faces: faces::reader(settings.face_models.as_deref())?,
        pages: pages::drawer(&clock),
        public_url: settings.public_url(listening),
        webhook_targets: settings.webhook_targets(listening),
        keep_events: settings.event_retention.duration(),
        keep_audit_log: settings.audit_retention.duration(),
        chip_trust: Arc::new(chip_trust::read(settings)?),
        watchlist_max_age: settings.watchlist_max_age.duration(),
        on_fatal: Some(Arc::new(store::end_the_process)),
    };
    let engine = Engine::start(store, store::pictures(settings)?, clock, config).await;
    let engine = engine.map_err(|error| Failure::store(format!("the sessions cannot be recovered: {error}")))?;
    let key = first_start::prepare(&engine, !keys.is_empty(), bootstrap_key).await?;
    // Who reads that the server listens can also speak to it as its operator.
    let admin = AdminSocket::bind(&settings.admin_socket_path()).await?;
    out::say(&first_start::banner(listening, metrics_at, settings.demo(listening), &settings.data, &key)).map_err(|failure| match key {
        Key::Made(_) => Failure::other(format!(
            "{failure}. The first API key was made but could not be shown; start once with VETD_BOOTSTRAP_TEST_KEY set \
             to a key of your own"
        )),
        Key::Adopted | Key::Known => failure,
    })?;
    Ok((engine, admin))
}

/// Takes the address.
///
/// # Errors
/// Why it cannot be listened on, and what to do about it.
pub async fn bind(address: SocketAddr) -> Result<TcpListener, Failure> {
    TcpListener::bind(address).await.map_err(|error| {
        let advice = match error.kind() {
            ErrorKind::AddrInUse => "another program uses this port; end it or choose another port".to_owned(),
            ErrorKind::PermissionDenied => {
                "ports below 1024 need special rights; choose a higher one and put a proxy before it".to_owned()
            }
            ErrorKind::AddrNotAvailable => "this machine has no such address".to_owned(),
            _ => error.to_string(),
        };
        Failure::listen(format!("cannot listen on {address}: {advice}"))
    })
}
