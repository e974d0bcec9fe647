//! Server-sent events (WHATWG HTML): the answer that carries them, their sign of life, and how many
//! there may be. They are not among the requests under way, which end soon.

use std::collections::HashMap;
use std::convert::Infallible;
use std::hash::Hash;
use std::sync::Arc;
use std::time::Duration;

use axum::body::{Body, Bytes};
use axum::http::header::CONTENT_TYPE;
use axum::http::{HeaderName, HeaderValue};
use axum::response::Response;
use futures::Stream;
use parking_lot::Mutex;
use vetd_model::ErrorCode;

use super::error::Problem;

/// How often a stream gives a sign of life. Proxies close what is silent for a minute or so.
pub(super) const BEAT: Duration = Duration::from_secs(15);
const BEAT_SECONDS: u32 = 15;

const EVENT_STREAM: HeaderValue = HeaderValue::from_static("text/event-stream");
/// Asks nginx, and proxies that follow it, to pass on what comes as it comes.
const X_ACCEL_BUFFERING: HeaderName = HeaderName::from_static("x-accel-buffering");

/// The answer that carries these events as they come.
pub(super) fn answer(events: impl Stream<Item = Bytes> + Send + 'static) -> Response {
    let events = futures::StreamExt::map(events, Ok::<_, Infallible>);
    let mut response = Response::new(Body::from_stream(events));
    response.headers_mut().insert(CONTENT_TYPE, EVENT_STREAM);
    response.headers_mut().insert(X_ACCEL_BUFFERING, HeaderValue::from_static("no"));
    response
}

/// How many streams there may be, and what is said to the next one.
#[derive(Debug, Clone, Copy)]
pub(super) struct Caps {
    /// Of one holder.
    pub(super) of_one: usize,
    pub(super) one_is_full: &'static str,
    /// Of all together.
    pub(super) of_all: usize,
    pub(super) all_are_full: &'static str,
}

/// How many streams are open, by holder.
pub(super) struct Streams<K: Eq + Hash> {
    caps: Caps,
    open: Arc<Mutex<HashMap<K, usize>>>,
}

/// One stream's place among them.
pub(super) struct Place<K: Eq + Hash> {
    open: Arc<Mutex<HashMap<K, usize>>>,
    holder: K,
}

impl<K: Eq + Hash + Copy> Streams<K> {
    /// None yet.
    pub(super) fn new(caps: Caps) -> Self {
        Self { caps, open: Arc::default() }
    }

    /// Takes a place, for as long as what comes back lives.
    ///
    /// # Errors
    /// `rate_limited`.
    pub(super) fn take(&self, holder: K) -> Result<Place<K>, Problem> {
        let full = |message| Err(Problem::new(ErrorCode::RateLimited, message).after(BEAT_SECONDS));
        let mut open = self.open.lock();
        if open.get(&holder).is_some_and(|count| *count >= self.caps.of_one) {
            return full(self.caps.one_is_full);
        }
        if open.values().sum::<usize>() >= self.caps.of_all {
            return full(self.caps.all_are_full);
        }
        *open.entry(holder).or_default() += 1;
        Ok(Place { open: Arc::clone(&self.open), holder })
    }
}

impl<K: Eq + Hash> Drop for Place<K> {
    fn drop(&mut self) {
        let mut open = self.open.lock();
        if let Some(count) = open.get_mut(&self.holder) {
            *count -= 1;
        }
        open.retain(|_, count| *count > 0);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn places_are_few_and_come_back() {
        let caps = Caps { of_one: 10, one_is_full: "One.", of_all: 1_000, all_are_full: "All." };
        let streams = Streams::new(caps);
        let mut places: Vec<Place<u32>> = (0..1_000).map(|number| streams.take(number / 10).ok().unwrap()).collect();
        assert!(streams.take(3).is_err() && streams.take(200).is_err());
        places.remove(0);
        assert!(streams.take(3).is_err(), "another's place is no place of theirs");
        assert!(streams.take(200).is_ok() && streams.take(0).is_ok());
        places.clear();
        assert!(streams.open.lock().is_empty());
    }
}
