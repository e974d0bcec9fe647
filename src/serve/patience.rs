//! How long a connection may go without getting anywhere: for the head of a request, between two
//! requests, and with an answer that its client does not take. While a request is being served,
//! its own limits count.

use std::io::{self, IoSlice};
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::task::{Context, Poll};
use std::time::Duration;

use axum::body::{Body, Bytes, HttpBody};
use hyper::body::{Frame, SizeHint};
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use vetd_actors::Clock;

type Sleep = Pin<Box<dyn Future<Output = ()> + Send>>;

/// The limits.
#[derive(Debug, Clone, Copy)]
pub struct Limits {
    /// From the first byte of a request to the end of its head; for the first request from the
    /// connection's beginning.
    pub head: Duration,
    /// From the end of an answer to the first byte of the next request. Longer than proxies
    /// keep idle connections, so that they do not send into one that is being closed.
    pub idle: Duration,
    /// How long an answer may wait for its client to take any more of it.
    pub stalled: Duration,
}

impl Limits {
    /// Those of a server that nobody told otherwise.
    pub const USUAL: Self =
        Self { head: Duration::from_secs(10), idle: Duration::from_secs(75), stalled: Duration::from_secs(30) };
}

/// Counts the beginnings and the ends of a connection's requests: odd while one is under way.
#[derive(Clone, Default)]
pub struct Turns(Arc<AtomicU64>);

/// A request under way, until its answer has been written or given up.
pub struct Turn(Turns);

impl Turns {
    /// A request begins.
    pub fn begin(&self) -> Turn {
        self.0.fetch_add(1, Ordering::Relaxed);
        Turn(self.clone())
    }

    fn now(&self) -> u64 {
        self.0.load(Ordering::Relaxed)
    }
}

impl Drop for Turn {
    fn drop(&mut self) {
        self.0.0.fetch_add(1, Ordering::Relaxed);
    }
}

/// An answer's body, which holds the turn until it is written.
pub struct Held {
    body: Body,
    _turn: Turn,
}

impl Held {
    /// Ends the turn with the body.
    pub const fn new(body: Body, turn: Turn) -> Self {
        Self { body, _turn: turn }
    }
}

impl HttpBody for Held {
    type Data = Bytes;
    type Error = axum::Error;

    fn poll_frame(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, axum::Error>>> {
        Pin::new(&mut self.body).poll_frame(cx)
    }

    fn is_end_stream(&self) -> bool {
        self.body.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.body.size_hint()
    }
}

/// A connection that ends if it gets nowhere.
pub struct Patience<S> {
    inner: S,
    clock: Arc<dyn Clock>,
    limits: Limits,
    turns: Turns,
    waiting: Option<Waiting>,
    stalled: Option<Sleep>,
}

/// What is waited for between two requests.
struct Waiting {
    /// Since which count of the turns.
    turn: u64,
    /// True once the head has begun.
    head: bool,
    limit: Sleep,
}

impl<S> Patience<S> {
    /// Wraps a fresh connection.
    pub fn new(inner: S, clock: Arc<dyn Clock>, limits: Limits, turns: Turns) -> Self {
        Self { inner, clock, limits, turns, waiting: None, stalled: None }
    }

    /// What is waited for now; `None` while a request is under way.
    fn waiting(&mut self) -> Option<&mut Waiting> {
        let turn = self.turns.now();
        if turn % 2 == 1 {
            self.waiting = None;
        } else if self.waiting.as_ref().is_none_or(|waiting| waiting.turn != turn) {
            let head = turn == 0;
            let limit = self.clock.sleep(if head { self.limits.head } else { self.limits.idle });
            self.waiting = Some(Waiting { turn, head, limit });
        }
        self.waiting.as_mut()
    }

    /// Ends a connection on which no request comes, or does not come to the end of its head.
    fn come(&mut self, cx: &mut Context<'_>) -> io::Result<()> {
        let is_over = self.waiting().is_some_and(|waiting| waiting.limit.as_mut().poll(cx).is_ready());
        if is_over { Err(too_slow()) } else { Ok(()) }
    }

    /// Ends a connection whose client takes nothing for too long.
    fn taken<T>(&mut self, written: Poll<io::Result<T>>, cx: &mut Context<'_>) -> Poll<io::Result<T>> {
        if written.is_ready() {
            // Idle begins with the last byte that was taken.
            (self.stalled, self.waiting) = (None, None);
            return written;
        }
        let limit = self.stalled.get_or_insert_with(|| self.clock.sleep(self.limits.stalled));
        limit.as_mut().poll(cx).map(|()| Err(too_slow()))
    }
}

fn too_slow() -> io::Error {
    io::Error::new(io::ErrorKind::TimedOut, "the client was too slow")
}

impl<S: AsyncRead + Unpin> AsyncRead for Patience<S> {
    fn poll_read(mut self: Pin<&mut Self>, cx: &mut Context<'_>, buffer: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        self.come(cx)?;
        let before = buffer.filled().len();
        let read = Pin::new(&mut self.inner).poll_read(cx, buffer);
        if buffer.filled().len() > before {
            let limit = self.limits.head;
            let Self { waiting, clock, .. } = &mut *self;
            if let Some(waiting) = waiting.as_mut().filter(|waiting| !waiting.head) {
                waiting.head = true;
                waiting.limit = clock.sleep(limit);
            }
        }
        read
    }
}

impl<S: AsyncWrite + Unpin> AsyncWrite for Patience<S> {
    fn poll_write(mut self: Pin<&mut Self>, cx: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        let written = Pin::new(&mut self.inner).poll_write(cx, bytes);
        self.taken(written, cx)
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        slices: &[IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        let written = Pin::new(&mut self.inner).poll_write_vectored(cx, slices);
        self.taken(written, cx)
    }

    fn is_write_vectored(&self) -> bool {
        self.inner.is_write_vectored()
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        // After its last byte of an answer hyper flushes, but reads again only when bytes come: so
        // the time until then begins here.
        self.come(cx)?;
        Pin::new(&mut self.inner).poll_flush(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.inner).poll_shutdown(cx)
    }
}
