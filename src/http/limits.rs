//! Rate limits: by API key and kind of call, and by session for the people being verified. Off
//! unless the operator sets them. What was used is kept in memory alone.

use std::collections::HashMap;
use std::time::Duration;

use axum::http::{HeaderMap, HeaderName, HeaderValue, Method};
use parking_lot::Mutex;
use vetd_model::Timestamp;
use vetd_model::rate::{Allowance, Rate, Taken};

use super::error::Problem;

const LIMIT: HeaderName = HeaderName::from_static("ratelimit-limit");
const REMAINING: HeaderName = HeaderName::from_static("ratelimit-remaining");
const RESET: HeaderName = HeaderName::from_static("ratelimit-reset");

/// How many callers are remembered before those with a full allowance are looked for.
const FIRST_SWEEP: usize = 1024;

/// How often each kind of call may come; `None` is as often as it likes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct RateLimits {
    /// Reading calls of one API key.
    pub read: Option<Rate>,
    /// Changing calls of one API key.
    pub write: Option<Rate>,
    /// Creations of sessions by one API key. Without a limit of their own they count as changes.
    pub create: Option<Rate>,
    /// Calls of one person's page: those with the tokens of one session.
    pub iframe: Option<Rate>,
}

/// The kind of a call.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Call {
    Read,
    Write,
    CreateSession,
    Iframe,
}

impl Call {
    /// The kind of a tenant's call.
    pub(super) fn of_tenant(method: &Method, path: &str) -> Self {
        match *method {
            Method::GET | Method::HEAD => Self::Read,
            Method::POST if path == "/v1/sessions" => Self::CreateSession,
            _ => Self::Write,
        }
    }
}

/// All limits that are set, and who has used how much.
pub(super) struct Limits {
    read: Option<Limiter>,
    write: Option<Limiter>,
    create: Option<Limiter>,
    iframe: Option<Limiter>,
}

impl Limits {
    pub(super) fn new(rates: RateLimits) -> Self {
        Self {
            read: rates.read.map(Limiter::new),
            write: rates.write.map(Limiter::new),
            create: rates.create.map(Limiter::new),
            iframe: rates.iframe.map(Limiter::new),
        }
    }

    /// Counts one call of this caller: an API key or a session, by its identifier.
    pub(super) fn count(&self, call: Call, caller: [u8; 16], now: Timestamp) -> Counted {
        let limiter = match call {
            Call::Read => &self.read,
            Call::Write => &self.write,
            Call::CreateSession if self.create.is_some() => &self.create,
            Call::CreateSession => &self.write,
            Call::Iframe => &self.iframe,
        };
        Counted(limiter.as_ref().map(|limiter| limiter.take(caller, now)))
    }
}

/// A call that was counted, if its kind has a limit.
pub(super) struct Counted(Option<Taken>);

impl Counted {
    /// Whether it may pass.
    ///
    /// # Errors
    /// `rate_limited`, with the time after which the next one will.
    pub(super) fn pass(&self) -> Result<(), Problem> {
        match self.0.and_then(|taken| taken.wait) {
            None => Ok(()),
            Some(wait) => Err(Problem::rate_limited(u32::try_from(whole_seconds(wait)).unwrap_or(u32::MAX))),
        }
    }

    /// Tells the caller where it stands.
    pub(super) fn write(&self, headers: &mut HeaderMap) {
        let Some(taken) = self.0 else { return };
        headers.insert(LIMIT, HeaderValue::from(taken.limit));
        headers.insert(REMAINING, HeaderValue::from(taken.remaining));
        headers.insert(RESET, HeaderValue::from(whole_seconds(taken.reset)));
    }
}

/// Rounded up: whoever waits so long does not come too early.
const fn whole_seconds(time: Duration) -> u64 {
    time.as_secs() + (time.subsec_nanos() > 0) as u64
}

struct Limiter {
    rate: Rate,
    used: Mutex<Used>,
}

/// Who has less than a full allowance.
struct Used {
    callers: HashMap<[u8; 16], Allowance>,
    /// The size at which callers with a full allowance are forgotten: so there are never more
    /// than twice as many as have called within the rate's span.
    sweep_at: usize,
}

impl Limiter {
    fn new(rate: Rate) -> Self {
        Self { rate, used: Mutex::new(Used { callers: HashMap::new(), sweep_at: FIRST_SWEEP }) }
    }

    fn take(&self, caller: [u8; 16], now: Timestamp) -> Taken {
        let mut used = self.used.lock();
        if used.callers.len() >= used.sweep_at {
            used.callers.retain(|_, allowance| !allowance.is_full(now));
            used.sweep_at = FIRST_SWEEP.max(used.callers.len() * 2);
        }
        let allowance = used.callers.entry(caller).or_default();
        let taken = self.rate.take(*allowance, now);
        *allowance = taken.allowance;
        taken
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn callers_with_a_full_allowance_are_forgotten() {
        let limiter = Limiter::new("1/s".parse().unwrap());
        let caller = |number: u128| number.to_be_bytes();
        let at = |second: u64| Timestamp::from_seconds(1_763_800_000 + second);
        for number in 0..2000 {
            assert_eq!(limiter.take(caller(number), at(0)).wait, None);
        }
        assert_eq!(limiter.used.lock().callers.len(), 2000, "all of them have called just now");
        for number in 2000..2100 {
            limiter.take(caller(number), at(1));
        }
        assert!(limiter.used.lock().callers.len() <= 100);
    }

    #[test]
    fn a_creation_is_a_change_unless_it_has_a_limit_of_its_own() {
        let rate = |text: &str| Some(text.parse::<Rate>().unwrap());
        let limit = |rates| Limits::new(rates).count(Call::CreateSession, [0; 16], Timestamp::default()).0;
        let write = RateLimits { write: rate("5/s"), ..RateLimits::default() };
        assert_eq!(limit(write).unwrap().limit, 5);
        assert_eq!(limit(RateLimits { create: rate("2/s"), ..write }).unwrap().limit, 2);
        assert_eq!(limit(RateLimits::default()), None);
    }
}
