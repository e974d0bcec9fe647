//! Requests to addresses that tenants have entered: to webhook endpoints and to providers.
//!
//! Names are resolved once, by us, and only addresses that the rule admits are handed on: what was
//! judged is what is connected to, whatever the name says a moment later.

use std::net::{SocketAddr, ToSocketAddrs};
use std::sync::Arc;
use std::time::{Duration, UNIX_EPOCH};

use reqwest::dns::{Addrs, Name, Resolve, Resolving};
use reqwest::header::RETRY_AFTER;
use reqwest::{Client, RequestBuilder, Response, redirect};
use tokio::sync::Semaphore;
use vetd_model::address::WebhookTargets;
use vetd_model::delivery::Fault;
use vetd_model::{Mode, Timestamp};

use crate::error::EngineError;

/// Names looked up at the same time.
const LOOKUPS: usize = 64;

/// Makes requests, for whoever shares a user agent and a time limit. Cheap to clone; connections are
/// shared.
#[derive(Debug, Clone)]
pub(crate) struct Outbound {
    targets: WebhookTargets,
    // A client each: the connections of test mode, which may be to loopback, are its own.
    test: Client,
    live: Client,
}

impl Outbound {
    /// `time_limit` is for a whole answer.
    pub(crate) fn new(
        targets: WebhookTargets,
        user_agent: &'static str,
        time_limit: Duration,
    ) -> Result<Self, EngineError> {
        let lookups = Arc::new(Semaphore::new(LOOKUPS));
        let of = |mode| {
            let client = Client::builder()
                .user_agent(user_agent)
                .timeout(time_limit)
                .redirect(redirect::Policy::none())
                .no_proxy()
                .dns_resolver(GuardedResolver { targets: targets.clone(), mode, lookups: Arc::clone(&lookups) })
                .build();
            client.map_err(|error| EngineError::internal(format!("no HTTP client: {error}")))
        };
        Ok(Self { test: of(Mode::Test)?, live: of(Mode::Live)?, targets })
    }

    /// A POST to an address of this mode. The operator may have changed the rule since the address was
    /// entered, and one that is written out never reaches the resolver.
    pub(crate) fn post(&self, url: &str, mode: Mode) -> Result<RequestBuilder, Fault> {
        let url = self.targets.url(url, mode).map_err(|_| Fault::AddressRefused)?;
        let client = match mode {
            Mode::Test => &self.test,
            Mode::Live => &self.live,
        };
        Ok(client.post(url))
    }
}

/// The beginning of an answer's body, at most `limit` bytes. A body that was read to its end leaves
/// the connection free for the next request; of a longer one nothing more is read.
pub(crate) async fn beginning(answer: &mut Response, limit: usize) -> Vec<u8> {
    let mut kept = Vec::new();
    while kept.len() < limit
        && let Ok(Some(chunk)) = answer.chunk().await
    {
        kept.extend_from_slice(&chunk[..chunk.len().min(limit - kept.len())]);
    }
    kept
}

/// Why there was no answer.
pub(crate) fn fault(error: &reqwest::Error) -> Fault {
    let mut cause = std::error::Error::source(error);
    while let Some(inner) = cause {
        if inner.is::<NoOpenAddress>() {
            return Fault::AddressRefused;
        }
        cause = inner.source();
    }
    match error {
        _ if error.is_timeout() => Fault::TimedOut,
        _ if error.is_connect() => Fault::NotConnected,
        _ => Fault::Broken,
    }
}

/// What the `Retry-After` of an answer asks for, in seconds.
pub(crate) fn retry_after(answer: &Response, now: Timestamp) -> Option<u64> {
    seconds_to_wait(answer.headers().get(RETRY_AFTER)?.to_str().ok()?, now)
}

/// What a `Retry-After` says (RFC 9110, 10.2.3): a number of seconds, or a date.
fn seconds_to_wait(asked: &str, now: Timestamp) -> Option<u64> {
    let until = || httpdate::parse_http_date(asked).ok()?.duration_since(UNIX_EPOCH).ok();
    asked.parse().ok().or_else(|| until().map(|until| until.as_secs().saturating_sub(now.seconds())))
}

/// Resolves the names of one mode.
#[derive(Debug, Clone)]
struct GuardedResolver {
    targets: WebhookTargets,
    mode: Mode,
    /// Bounds the threads that wait for name servers: one that never answers holds its thread for
    /// longer than its request, and lists need threads of the same kind.
    lookups: Arc<Semaphore>,
}

/// Every address of a name is closed.
#[derive(Debug, thiserror::Error)]
#[error("the name resolves to no address that a tenant's request may go to")]
struct NoOpenAddress;

impl GuardedResolver {
    fn open(&self, found: impl Iterator<Item = SocketAddr>) -> Result<Vec<SocketAddr>, NoOpenAddress> {
        let open: Vec<SocketAddr> = found.filter(|address| self.targets.admits(address.ip(), self.mode)).collect();
        if open.is_empty() { Err(NoOpenAddress) } else { Ok(open) }
    }
}

impl Resolve for GuardedResolver {
    fn resolve(&self, name: Name) -> Resolving {
        let guard = self.clone();
        Box::pin(async move {
            let permit = Arc::clone(&guard.lookups).acquire_owned().await?;
            let look_up = move || {
                let _until_it_ends = permit;
                (name.as_str(), 0).to_socket_addrs()
            };
            let found = tokio::task::spawn_blocking(look_up).await??;
            Ok(Box::new(guard.open(found)?.into_iter()) as Addrs)
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn guard(allowed: &str, test_loopback: bool, mode: Mode) -> GuardedResolver {
        let targets = WebhookTargets::new(allowed.parse().unwrap(), test_loopback);
        GuardedResolver { targets, mode, lookups: Arc::new(Semaphore::new(1)) }
    }

    #[tokio::test]
    async fn a_name_for_loopback_resolves_only_where_loopback_is_open() {
        for (allowed, test_loopback, mode, open) in [
            ("", false, Mode::Test, false),
            ("", true, Mode::Test, true),
            ("", true, Mode::Live, false),
            ("127.0.0.0/8,::1", false, Mode::Live, true),
        ] {
            let resolved = guard(allowed, test_loopback, mode).resolve("localhost".parse().unwrap()).await;
            assert_eq!(resolved.is_ok(), open, "{allowed} {test_loopback} {mode:?}");
        }
    }

    #[test]
    fn of_a_name_s_addresses_only_the_open_ones_are_handed_on() {
        let addresses = |all: &str| {
            let found: Vec<SocketAddr> = all.split(' ').map(|one| SocketAddr::new(one.parse().unwrap(), 0)).collect();
            let open = guard("10.1.0.0/16", false, Mode::Live).open(found.into_iter()).ok()?;
            Some(open.iter().map(|address| address.ip().to_string()).collect::<Vec<_>>().join(" "))
        };
        assert_eq!(addresses("127.0.0.1 1.1.1.1 10.1.0.5 10.2.0.5 ::1").as_deref(), Some("1.1.1.1 10.1.0.5"));
        // The same name a moment later.
        assert_eq!(addresses("169.254.169.254 fd00::1 ::ffff:1.1.1.1"), None);
    }

    #[test]
    fn retry_after_is_read_as_seconds_and_as_a_date() {
        // 1994-11-06 08:49:37, the example of RFC 9110, 5.6.7.
        let now = Timestamp::from_seconds(784_111_777 - 90);
        let cases = [
            ("120", Some(120)),
            ("Sun, 06 Nov 1994 08:49:37 GMT", Some(90)),
            ("Sunday, 06-Nov-94 08:49:37 GMT", Some(90)),
            ("Sun, 06 Nov 1994 08:40:00 GMT", Some(0)),
            ("soon", None),
            ("-5", None),
        ];
        for (asked, seconds) in cases {
            assert_eq!(seconds_to_wait(asked, now), seconds, "{asked}");
        }
    }
}
