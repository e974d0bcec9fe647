//! The loop that takes connections and serves them, and ends in an orderly way.

use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use axum::Router;
use axum::extract::ConnectInfo;
use axum::http::{HeaderName, HeaderValue, StatusCode, Version};
use axum::response::{IntoResponse, Response};
use hyper::Request;
use hyper::body::Incoming;
use hyper::service::service_fn;
use hyper_util::rt::{TokioExecutor, TokioIo, TokioTimer};
use hyper_util::server::conn::auto::Builder;
use hyper_util::server::graceful::{GracefulShutdown, Watcher};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::Semaphore;
use tokio::task::JoinSet;
use tower::ServiceExt;
use vetd_actors::{Clock, Entropy};
use vetd_model::RequestId;

use super::wire::{Wire, envelope_body};

/// The bytes of a request's line and headers.
const HEAD_BYTES: usize = 32 * 1024;
/// Over HTTP/2 the library would refuse larger heads without our envelope, so it lets more pass
/// than [`Door`] does.
const HEAD_BYTES_H2: u32 = 256 * 1024;
/// What HTTP/2 adds to the size of each header (RFC 9113, 6.5.2).
const HEADER_OVERHEAD: usize = 32;
/// How often a silent HTTP/2 client is asked whether it is still there.
const PING_EVERY: Duration = Duration::from_secs(30);
/// How long to wait after the system had no connection to give.
const BREATHER: Duration = Duration::from_millis(200);

/// How connections are served.
#[derive(Clone)]
pub struct Door {
    /// The time.
    pub clock: Arc<dyn Clock>,
    /// The most connections at a time; more wait in the system's queue.
    pub connections: usize,
    /// How long a client may take to send a request's head.
    pub head_time: Duration,
    /// How long open connections may take to finish once the door closes.
    pub drain: Duration,
}

impl Door {
    /// Serves until `stop` resolves, then takes no more connections and lets open requests
    /// finish. Whatever is not finished in time is cut off.
    pub async fn serve(self, listener: TcpListener, router: Router, stop: impl Future<Output = ()>) {
        let permits = Arc::new(Semaphore::new(self.connections));
        let graceful = GracefulShutdown::new();
        let mut open = JoinSet::new();
        tokio::pin!(stop);
        loop {
            let next = async {
                let permit = Arc::clone(&permits).acquire_owned().await;
                (permit, listener.accept().await)
            };
            let (permit, accepted) = tokio::select! {
                () = &mut stop => break,
                next = next => next,
            };
            while let Some(ended) = open.try_join_next() {
                report(ended);
            }
            match accepted {
                Ok((stream, peer)) => {
                    let served = self.clone().connection(stream, peer, router.clone(), graceful.watcher());
                    open.spawn(async move {
                        served.await;
                        drop(permit);
                    });
                }
                Err(error) if is_the_clients_fault(&error) => {}
                Err(error) => {
                    tracing::warn!(%error, "no connection could be taken; trying again");
                    self.clock.sleep_until(self.clock.now().after(BREATHER)).await;
                }
            }
        }
        drop(listener);
        tokio::select! {
            () = graceful.shutdown() => {}
            () = self.clock.sleep_until(self.clock.now().after(self.drain)) => {
                tracing::warn!(connections = open.len(), "requests did not finish in time and are cut off");
            }
        }
        open.shutdown().await;
    }

    async fn connection(self, stream: TcpStream, peer: SocketAddr, router: Router, watcher: Watcher) {
        if let Err(error) = stream.set_nodelay(true) {
            tracing::debug!(%error, "TCP_NODELAY was not set");
        }
        let spoken = Arc::new(AtomicBool::new(false));
        let service = {
            let (spoken, clock) = (Arc::clone(&spoken), Arc::clone(&self.clock));
            service_fn(move |mut request: Request<Incoming>| {
                spoken.store(true, Ordering::Relaxed);
                request.extensions_mut().insert(ConnectInfo(peer));
                let fits = head_bytes(&request) <= HEAD_BYTES;
                let (router, clock) = (router.clone(), Arc::clone(&clock));
                async move { if fits { router.oneshot(request).await } else { Ok(head_too_large(&*clock)) } }
            })
        };
        let io = TokioIo::new(Wire::new(stream, Arc::clone(&self.clock)));
        let builder = self.builder();
        let served = watcher.watch(builder.serve_connection(io, service).into_owned());
        tokio::pin!(served);
        // hyper's own time limit begins after the first bytes; a client that says nothing at all,
        // or only the beginning of an HTTP/2 greeting, is sent away here.
        let outcome = tokio::select! {
            outcome = &mut served => outcome,
            () = self.clock.sleep_until(self.clock.now().after(self.head_time)) => {
                if !spoken.load(Ordering::Relaxed) {
                    return;
                }
                served.await
            }
        };
        if let Err(error) = outcome {
            tracing::debug!(%error, "a connection ended early");
        }
    }

    fn builder(&self) -> Builder<TokioExecutor> {
        let mut builder = Builder::new(TokioExecutor::new());
        builder.http1().timer(TokioTimer::new()).header_read_timeout(self.head_time).max_buf_size(HEAD_BYTES);
        builder
            .http2()
            .timer(TokioTimer::new())
            .max_header_list_size(HEAD_BYTES_H2)
            .keep_alive_interval(PING_EVERY)
            .keep_alive_timeout(self.head_time);
        builder
    }
}

/// The size of an HTTP/2 request's head. Over HTTP/1 the read buffer is the limit, and what has
/// passed it fits.
fn head_bytes(request: &Request<Incoming>) -> usize {
    if request.version() != Version::HTTP_2 {
        return 0;
    }
    let path = request.uri().path_and_query().map_or(0, |path| path.as_str().len());
    let header = |(name, value): (&HeaderName, &HeaderValue)| name.as_str().len() + value.len() + HEADER_OVERHEAD;
    path + request.headers().iter().map(header).sum::<usize>()
}

fn head_too_large(clock: &dyn Clock) -> Response {
    let id: RequestId = Entropy.id(clock.now());
    let id = id.to_string();
    let body = envelope_body(StatusCode::REQUEST_HEADER_FIELDS_TOO_LARGE.as_u16(), &id);
    let headers = [
        ("content-type", "application/json"),
        ("kyc-request-id", id.as_str()),
        ("cache-control", "no-store"),
        ("x-content-type-options", "nosniff"),
    ];
    (StatusCode::UNPROCESSABLE_ENTITY, headers, body).into_response()
}

fn report(ended: Result<(), tokio::task::JoinError>) {
    if let Err(error) = ended {
        tracing::error!(%error, "serving a connection panicked");
    }
}

fn is_the_clients_fault(error: &std::io::Error) -> bool {
    use std::io::ErrorKind::{ConnectionAborted, ConnectionRefused, ConnectionReset, Interrupted};
    matches!(error.kind(), ConnectionAborted | ConnectionRefused | ConnectionReset | Interrupted)
}
