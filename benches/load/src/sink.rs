//! Where the webhooks of the lifecycle scenario go: counts them, answers 200.

use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use axum::Router;
use axum::routing::post;
use tokio::net::TcpListener;

/// A running receiver.
#[derive(Debug, Clone)]
pub struct Sink {
    /// Where it listens.
    pub address: SocketAddr,
    received: Arc<AtomicU64>,
}

impl Sink {
    /// Starts a receiver on a free port of this machine.
    pub async fn start() -> std::io::Result<Self> {
        let listener = TcpListener::bind(("127.0.0.1", 0)).await?;
        let sink = Self { address: listener.local_addr()?, received: Arc::default() };
        let count = Arc::clone(&sink.received);
        let routes = Router::new().route(
            "/",
            post(move || async move {
                count.fetch_add(1, Ordering::Relaxed);
            }),
        );
        tokio::spawn(async move { drop(axum::serve(listener, routes).await) });
        Ok(sink)
    }

    /// How many deliveries have arrived.
    #[must_use]
    pub fn received(&self) -> u64 {
        self.received.load(Ordering::Relaxed)
    }
}
