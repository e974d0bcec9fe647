//! Names are resolved once, by us, and only addresses that the rule admits are handed on: what was
//! judged is what is connected to, whatever the name says a moment later.

use std::net::{SocketAddr, ToSocketAddrs};
use std::sync::Arc;

use reqwest::dns::{Addrs, Name, Resolve, Resolving};
use tokio::sync::Semaphore;
use vetd_model::Mode;
use vetd_model::address::WebhookTargets;

/// Resolves the names of one mode's endpoints.
#[derive(Debug, Clone)]
pub(crate) struct GuardedResolver {
    pub(crate) targets: WebhookTargets,
    pub(crate) mode: Mode,
    /// Bounds the threads that wait for name servers: one that never answers holds its thread for
    /// longer than its attempt, and lists need threads of the same kind.
    pub(crate) lookups: Arc<Semaphore>,
}

/// Every address of a name is closed.
#[derive(Debug, thiserror::Error)]
#[error("the name resolves to no address that a webhook may go to")]
pub(crate) struct NoOpenAddress;

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
}
