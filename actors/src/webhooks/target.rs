//! Where a webhook may go. Names are resolved once, by us; an address that is not public is
//! never connected to, whatever the name said a moment earlier.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::sync::LazyLock;

use ipnet::{Ipv4Net, Ipv6Net};
use reqwest::dns::{Addrs, Name, Resolve, Resolving};
use url::{Host, Url};

/// Which addresses may be connected to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Reach {
    /// Public addresses.
    Public,
    /// Public ones and loopback: test mode on a server that itself listens on loopback.
    Loopback,
}

/// IPv4 ranges that are not public (IANA special-purpose address registry, RFC 6890).
static CLOSED_V4: LazyLock<Vec<Ipv4Net>> = LazyLock::new(|| {
    let ranges = "0.0.0.0/8 10.0.0.0/8 100.64.0.0/10 127.0.0.0/8 169.254.0.0/16 172.16.0.0/12 192.0.0.0/24 \
                  192.0.2.0/24 192.88.99.0/24 192.168.0.0/16 198.18.0.0/15 198.51.100.0/24 203.0.113.0/24 \
                  224.0.0.0/4 240.0.0.0/4";
    ranges.split_whitespace().filter_map(|range| range.parse().ok()).collect()
});

/// IPv6 ranges that are not public. All outside 2000::/3 is closed anyway.
static CLOSED_V6: LazyLock<Vec<Ipv6Net>> = LazyLock::new(|| {
    let ranges = "2001::/23 2001:db8::/32 3fff::/20";
    ranges.split_whitespace().filter_map(|range| range.parse().ok()).collect()
});

impl Reach {
    /// True if this address may be connected to.
    pub(crate) fn admits(self, address: IpAddr) -> bool {
        if self == Self::Loopback && address.is_loopback() {
            return true;
        }
        match address {
            IpAddr::V4(address) => is_public_v4(address),
            IpAddr::V6(address) => is_public_v6(address),
        }
    }

    /// Refuses an address that is written out in the URL and may not be connected to: such a
    /// one never reaches the resolver.
    pub(crate) fn admits_url(self, url: &Url) -> bool {
        match url.host() {
            Some(Host::Ipv4(address)) => self.admits(IpAddr::V4(address)),
            Some(Host::Ipv6(address)) => self.admits(IpAddr::V6(address)),
            Some(Host::Domain(_)) => true,
            None => false,
        }
    }
}

fn is_public_v4(address: Ipv4Addr) -> bool {
    !CLOSED_V4.iter().any(|range| range.contains(&address))
}

/// An IPv4 address in an IPv6 one's clothes is judged as what it is.
fn is_public_v6(address: Ipv6Addr) -> bool {
    let [a, b, c, ..] = address.segments();
    if a == 0x2002 {
        // 6to4 (RFC 3056): the IPv4 address follows the prefix.
        let [[w, x], [y, z]] = [b.to_be_bytes(), c.to_be_bytes()];
        return is_public_v4(Ipv4Addr::new(w, x, y, z));
    }
    if address.octets().starts_with(&[0, 0x64, 0xff, 0x9b, 0, 0, 0, 0, 0, 0, 0, 0]) {
        // NAT64 under its well-known prefix of 96 bits (RFC 6052): the IPv4 address is at the end.
        let [.., w, x, y, z] = address.octets();
        return is_public_v4(Ipv4Addr::new(w, x, y, z));
    }
    // Mapped and compatible IPv4 addresses are outside 2000::/3 like everything else closed.
    a & 0xe000 == 0x2000 && !CLOSED_V6.iter().any(|range| range.contains(&address))
}

/// Resolves names, and keeps only addresses that may be connected to.
#[derive(Debug, Clone, Copy)]
pub(crate) struct GuardedResolver(pub(crate) Reach);

/// Every address of a name is closed.
#[derive(Debug, thiserror::Error)]
#[error("the name resolves to no address that a webhook may go to")]
pub(crate) struct NoOpenAddress;

impl Resolve for GuardedResolver {
    fn resolve(&self, name: Name) -> Resolving {
        let reach = self.0;
        Box::pin(async move {
            let found = tokio::net::lookup_host((name.as_str(), 0)).await?;
            let open: Vec<SocketAddr> = found.filter(|address| reach.admits(address.ip())).collect();
            if open.is_empty() {
                return Err(Box::from(NoOpenAddress));
            }
            Ok(Box::new(open.into_iter()) as Addrs)
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn closed_addresses_stay_closed_in_any_clothes() {
        for closed in [
            "127.0.0.1",
            "10.1.2.3",
            "172.16.0.1",
            "192.168.1.1",
            "169.254.169.254",
            "100.64.0.1",
            "0.0.0.0",
            "224.0.0.1",
            "255.255.255.255",
            "::",
            "::1",
            "::ffff:127.0.0.1",
            "::127.0.0.1",
            "fe80::1",
            "fd00:ec2::254",
            "ff02::1",
            "2002:7f00:1::",
            "64:ff9b::a00:1",
            "2001:0:1::",
            "2001:db8::1",
            "fec0::1",
            "64:ff9b:1:a00:0:100:808:808",
        ] {
            assert!(!Reach::Public.admits(closed.parse().unwrap()), "{closed}");
        }
        for open in ["1.1.1.1", "8.8.8.8", "2606:4700::1111", "2002:101:101::", "64:ff9b::101:101"] {
            assert!(Reach::Public.admits(open.parse().unwrap()), "{open}");
        }
        assert!(Reach::Loopback.admits("127.0.0.9".parse().unwrap()));
        assert!(!Reach::Loopback.admits("10.0.0.1".parse().unwrap()));
    }

    #[test]
    fn an_address_in_the_url_is_judged_however_it_is_written() {
        for url in ["http://127.1/", "http://0x7f000001/", "http://2130706433/", "http://[::ffff:a00:1]/"] {
            assert!(!Reach::Public.admits_url(&Url::parse(url).unwrap()), "{url}");
        }
    }

    #[tokio::test]
    async fn a_name_for_loopback_does_not_resolve() {
        let name = || "localhost".parse::<Name>().unwrap();
        assert!(GuardedResolver(Reach::Public).resolve(name()).await.is_err());
        assert!(GuardedResolver(Reach::Loopback).resolve(name()).await.is_ok());
    }
}
