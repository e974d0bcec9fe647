//! The loop that takes connections and serves them over HTTP/1.1, and ends in an orderly way. A
//! proxy in front speaks whatever else there is to speak.

use std::fmt;
use std::io;
use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use hyper::Request;
use hyper::body::Incoming;
use hyper::server::conn::http1::Builder;
use hyper::service::service_fn;
use hyper_util::rt::TokioIo;
use hyper_util::server::graceful::{GracefulShutdown, Watcher};
use prometheus_client::metrics::gauge::Gauge;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::Semaphore;
use tokio::task::JoinSet;
use tower::ServiceExt;
use vetd_actors::Clock;

use super::patience::{Held, Limits, Patience, Turns};
use super::wire::Wire;
use crate::telemetry::Guard;

/// The bytes of a request's line and headers.
const HEAD_BYTES: usize = 32 * 1024;
/// How long to wait after the system had no connection to give.
const BREATHER: Duration = Duration::from_millis(200);

/// Where connections come from.
pub trait Listener: Send {
    /// A connection.
    type Stream: AsyncRead + AsyncWrite + Unpin + Send + 'static;

    /// The next connection. Can be dropped and asked again without losing any.
    ///
    /// # Errors
    /// Why the system has none to give.
    fn accept(&mut self) -> impl Future<Output = io::Result<Self::Stream>> + Send;
}

impl Listener for TcpListener {
    type Stream = TcpStream;

    async fn accept(&mut self) -> io::Result<TcpStream> {
        let (stream, _) = Self::accept(self).await?;
        if let Err(error) = stream.set_nodelay(true) {
            tracing::debug!(%error, "TCP_NODELAY was not set");
        }
        Ok(stream)
    }
}

/// An extension of a response that is not to be sent: the connection is closed instead.
#[derive(Debug, Clone, Copy)]
pub struct HangUp;

impl fmt::Display for HangUp {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("the connection was closed instead of an answer")
    }
}

impl std::error::Error for HangUp {}

/// How connections are served.
#[derive(Clone)]
pub struct Door {
    /// The time.
    pub clock: Arc<dyn Clock>,
    /// The most connections at a time; more wait in the system's queue.
    pub connections: usize,
    /// How long a connection may go without getting anywhere.
    pub limits: Limits,
    /// How long open connections may take to finish once the door closes.
    pub drain: Duration,
    /// Counts the open connections.
    pub open: Gauge,
}

impl Door {
    /// Serves until `stop` resolves, then takes no more connections and lets open requests
    /// finish. Whatever is not finished in time is cut off.
    pub async fn serve(self, mut listener: impl Listener, router: Router, stop: impl Future<Output = ()>) {
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
                Ok(stream) => {
                    let served = self.clone().connection(stream, router.clone(), graceful.watcher());
                    open.spawn(async move {
                        served.await;
                        drop(permit);
                    });
                }
                Err(error) if is_the_clients_fault(&error) => {}
                Err(error) => {
                    tracing::warn!(%error, "no connection could be taken; trying again");
                    self.clock.sleep(BREATHER).await;
                }
            }
        }
        drop(listener);
        tokio::select! {
            () = graceful.shutdown() => {}
            () = self.clock.sleep(self.drain) => {
                tracing::warn!(connections = open.len(), "requests did not finish in time and are cut off");
            }
        }
        open.shutdown().await;
    }

    async fn connection<S>(self, stream: S, router: Router, watcher: Watcher)
    where
        S: AsyncRead + AsyncWrite + Unpin + Send + 'static,
    {
        let _open = Guard::of(&self.open);
        let turns = Turns::default();
        let stream = Patience::new(stream, Arc::clone(&self.clock), self.limits, turns.clone());
        let service = service_fn(move |request: Request<Incoming>| {
            let (turn, answer) = (turns.begin(), router.clone().oneshot(request));
            async move {
                let response = answer.await.unwrap_or_else(|never| match never {});
                let hang_up = response.extensions().get::<HangUp>().copied();
                hang_up.map_or_else(|| Ok(response.map(|body| Held::new(body, turn))), Err)
            }
        });
        let io = TokioIo::new(Wire::new(stream, Arc::clone(&self.clock)));
        let mut builder = Builder::new();
        builder.max_buf_size(HEAD_BYTES);
        if let Err(error) = watcher.watch(builder.serve_connection(io, service)).await {
            tracing::debug!(%error, "a connection ended early");
        }
    }
}

fn report(ended: Result<(), tokio::task::JoinError>) {
    if let Err(error) = ended {
        tracing::error!(%error, "serving a connection panicked");
    }
}

fn is_the_clients_fault(error: &io::Error) -> bool {
    use io::ErrorKind::{ConnectionAborted, ConnectionRefused, ConnectionReset, Interrupted};
    matches!(error.kind(), ConnectionAborted | ConnectionRefused | ConnectionReset | Interrupted)
}
