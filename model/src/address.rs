//! Where webhooks may go: public addresses, those that the operator allows, and in test mode
//! loopback, if the server itself listens there.
//!
//! One rule, asked twice: when an address is entered, and when it is connected to. A name says
//! nothing by itself; it is judged by what it resolves to at the moment of the connection.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use std::str::FromStr;
use std::sync::{Arc, LazyLock};

use ipnet::{IpNet, Ipv4Net, Ipv6Net};
use url::{Host, Url};

use crate::realm::Mode;

/// The longest address, in bytes.
const URL_LIMIT: usize = 2_000;

/// IPv4 ranges that are not public (IANA special-purpose address registry, RFC 6890).
static CLOSED_V4: LazyLock<Vec<Ipv4Net>> = LazyLock::new(|| {
    // The last one is public by its number alone: it leads to the host under an Azure machine.
    let ranges = "0.0.0.0/8 10.0.0.0/8 100.64.0.0/10 127.0.0.0/8 169.254.0.0/16 172.16.0.0/12 192.0.0.0/24 \
                  192.0.2.0/24 192.88.99.0/24 192.168.0.0/16 198.18.0.0/15 198.51.100.0/24 203.0.113.0/24 \
                  224.0.0.0/4 240.0.0.0/4 168.63.129.16/32";
    ranges.split_whitespace().filter_map(|range| range.parse().ok()).collect()
});

/// IPv6 ranges that are not public; everything outside 2000::/3 is closed anyway. 2001::/23 holds
/// Teredo and 2002::/16 is 6to4, both of them IPv4 addresses in other clothes.
static CLOSED_V6: LazyLock<Vec<Ipv6Net>> = LazyLock::new(|| {
    let ranges = "2001::/23 2001:db8::/32 2002::/16 3fff::/20";
    ranges.split_whitespace().filter_map(|range| range.parse().ok()).collect()
});

/// Address ranges as an operator lists them: `10.0.0.0/8,192.168.1.20`. Cheap to clone.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Ranges(Arc<[IpNet]>);

impl Ranges {
    fn contains(&self, address: IpAddr) -> bool {
        self.0.iter().any(|range| range.contains(&address))
    }
}

impl FromStr for Ranges {
    type Err = String;

    /// Reads ranges (CIDR, RFC 4632) and single addresses between commas; an empty text is none.
    fn from_str(text: &str) -> Result<Self, String> {
        let parts = text.split(',').map(str::trim).filter(|part| !part.is_empty());
        parts.map(range).collect::<Result<Vec<_>, _>>().map(|ranges| Self(ranges.into()))
    }
}

fn range(text: &str) -> Result<IpNet, String> {
    if let Ok(address) = text.parse::<IpAddr>() {
        return Ok(address.into());
    }
    let range: IpNet = text.parse().map_err(|_| {
        format!("\"{text}\" is no range of addresses such as 10.0.0.0/8 or fd00::/8, and no address such as 10.1.2.3")
    })?;
    let whole = range.trunc();
    if range == whole { Ok(range) } else { Err(format!("{range} is an address within {whole}; give one of the two")) }
}

/// Where webhooks may go. Cheap to clone; the default is public addresses alone.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct WebhookTargets {
    allowed: Ranges,
    test_loopback: bool,
}

impl WebhookTargets {
    /// Public addresses and those in `allowed`; with `test_loopback`, in test mode, loopback too,
    /// over http as well: for a server that itself listens on loopback.
    #[must_use]
    pub const fn new(allowed: Ranges, test_loopback: bool) -> Self {
        Self { allowed, test_loopback }
    }

    /// Whether an endpoint of this mode may be connected to at this address.
    #[must_use]
    pub fn admits(&self, address: IpAddr, mode: Mode) -> bool {
        let public = match address {
            IpAddr::V4(address) => is_public_v4(address),
            IpAddr::V6(address) => is_public_v6(address),
        };
        public || self.allowed.contains(address) || self.loopback_in(mode) && address.is_loopback()
    }

    /// Reads the address of an endpoint of this mode.
    ///
    /// # Errors
    /// What it must be, as a sentence for the caller.
    pub fn url(&self, text: &str, mode: Mode) -> Result<Url, String> {
        let url = Url::parse(text).map_err(|_| "must be an absolute https URL")?;
        let host = url.host().ok_or("must name a host")?;
        let plain_http = url.scheme() == "http" && self.loopback_in(mode) && is_loopback(&host);
        if url.scheme() != "https" && !plain_http {
            let rule = "must be https; http is for loopback in test mode on a server that listens on loopback";
            return Err(rule.to_owned());
        }
        if !url.username().is_empty() || url.password().is_some() {
            return Err("must not hold credentials".to_owned());
        }
        if url.fragment().is_some() {
            return Err("must not have a fragment".to_owned());
        }
        // As it will be kept and sent: percent-encoded.
        if url.as_str().len() > URL_LIMIT {
            return Err("must have at most 2,000 characters once percent-encoded".to_owned());
        }
        if !self.admits_host(&host, mode) {
            let rule = "must lead to a public address, and this one is private, loopback or reserved; the operator \
                        of the server can allow it with the setting webhook_allow";
            return Err(rule.to_owned());
        }
        Ok(url)
    }

    /// A name may lead anywhere until it is resolved; but that of this machine is known.
    fn admits_host(&self, host: &Host<&str>, mode: Mode) -> bool {
        match *host {
            Host::Ipv4(address) => self.admits(address.into(), mode),
            Host::Ipv6(address) => self.admits(address.into(), mode),
            Host::Domain(name) if is_localhost(name) => {
                self.admits(Ipv4Addr::LOCALHOST.into(), mode) || self.admits(Ipv6Addr::LOCALHOST.into(), mode)
            }
            Host::Domain(_) => true,
        }
    }

    fn loopback_in(&self, mode: Mode) -> bool {
        self.test_loopback && mode == Mode::Test
    }
}

/// True for an address of the web that leads nowhere but to the machine it is opened on.
#[must_use]
pub fn leads_to_loopback(address: &str) -> bool {
    Url::parse(address).is_ok_and(|url| url.host().is_some_and(|host| is_loopback(&host)))
}

/// True for loopback addresses and the names of this machine.
pub(crate) fn is_loopback(host: &Host<&str>) -> bool {
    match *host {
        Host::Ipv4(address) => address.is_loopback(),
        Host::Ipv6(address) => address.is_loopback(),
        Host::Domain(name) => is_localhost(name),
    }
}

/// `localhost` and every name under it (RFC 6761, section 6.3), with or without the root's dot.
fn is_localhost(name: &str) -> bool {
    let name = name.strip_suffix('.').unwrap_or(name);
    name == "localhost" || name.ends_with(".localhost")
}

fn is_public_v4(address: Ipv4Addr) -> bool {
    !CLOSED_V4.iter().any(|range| range.contains(&address))
}

/// Mapped and compatible IPv4 addresses are outside 2000::/3, like all that is link-local,
/// unique-local or multicast.
fn is_public_v6(address: Ipv6Addr) -> bool {
    if address.octets().starts_with(&[0, 0x64, 0xff, 0x9b, 0, 0, 0, 0, 0, 0, 0, 0]) {
        // NAT64 (RFC 6052): how a network without IPv4 reaches one of its addresses, which is at
        // the end and judged as what it is.
        let [.., w, x, y, z] = address.octets();
        return is_public_v4(Ipv4Addr::new(w, x, y, z));
    }
    address.segments()[0] & 0xe000 == 0x2000 && !CLOSED_V6.iter().any(|range| range.contains(&address))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn targets(allowed: &str, test_loopback: bool) -> WebhookTargets {
        WebhookTargets::new(allowed.parse().unwrap(), test_loopback)
    }

    fn admits(targets: &WebhookTargets, address: &str, mode: Mode) -> bool {
        targets.admits(address.parse().unwrap(), mode)
    }

    #[test]
    fn closed_addresses_stay_closed_in_any_clothes() {
        for closed in [
            "127.0.0.1",
            "10.1.2.3",
            "172.16.0.1",
            "172.31.255.255",
            "192.168.1.1",
            "169.254.169.254",
            "168.63.129.16",
            "100.100.100.200",
            "0.0.0.0",
            "224.0.0.1",
            "255.255.255.255",
            "::",
            "::1",
            "::ffff:127.0.0.1",
            "::ffff:8.8.8.8",
            "::127.0.0.1",
            "fe80::1",
            "fd00:ec2::254",
            "ff02::1",
            "2002:7f00:1::",
            "2002:808:808::",
            "64:ff9b::a00:1",
            "64:ff9b::a9fe:a9fe",
            "64:ff9b:1:a00:0:100:808:808",
            "2001:0:1::",
            "2001:db8::1",
            "fec0::1",
        ] {
            for mode in [Mode::Test, Mode::Live] {
                assert!(!admits(&WebhookTargets::default(), closed, mode), "{closed}");
            }
        }
        for open in ["1.1.1.1", "8.8.8.8", "172.32.0.1", "168.63.129.17", "2606:4700::1111", "64:ff9b::101:101"] {
            assert!(admits(&WebhookTargets::default(), open, Mode::Live), "{open}");
        }
    }

    #[test]
    fn every_closed_range_is_read() {
        assert_eq!((CLOSED_V4.len(), CLOSED_V6.len()), (16, 4));
    }

    #[test]
    fn loopback_is_for_test_mode_on_a_server_that_listens_there() {
        let targets = targets("", true);
        assert!(admits(&targets, "127.0.0.9", Mode::Test) && admits(&targets, "::1", Mode::Test));
        assert!(!admits(&targets, "127.0.0.9", Mode::Live) && !admits(&targets, "::1", Mode::Live));
        assert!(!admits(&targets, "10.0.0.1", Mode::Test));
    }

    #[test]
    fn what_the_operator_lists_is_open_in_both_modes_and_no_more_than_that() {
        let targets = targets("10.1.0.0/16, 192.168.1.20,fd12::/16", false);
        for mode in [Mode::Test, Mode::Live] {
            for open in ["10.1.255.255", "192.168.1.20", "fd12::1", "1.1.1.1"] {
                assert!(admits(&targets, open, mode), "{open}");
            }
            for closed in ["10.2.0.0", "192.168.1.21", "fd13::1", "::ffff:10.1.0.1", "127.0.0.1"] {
                assert!(!admits(&targets, closed, mode), "{closed}");
            }
        }
    }

    #[test]
    fn a_list_says_what_is_wrong_with_it() {
        let said = |text: &str| text.parse::<Ranges>().unwrap_err();
        assert!(said("10.0.0.0/8,internal").contains("\"internal\" is no range"));
        assert!(said("10.0.0.0/33").contains("10.0.0.0/33"));
        assert!(said("10.1.2.3/8").contains("within 10.0.0.0/8"));
        assert_eq!("".parse::<Ranges>(), Ok(Ranges::default()));
    }

    #[test]
    fn an_address_is_judged_when_it_is_entered_however_it_is_written() {
        let (closed, open) = (WebhookTargets::default(), targets("10.0.0.0/8,127.0.0.0/8", false));
        for url in [
            "https://127.1/",
            "https://127.0.0.1./",
            "https://0x7f000001/",
            "https://2130706433/",
            "https://017700000001/",
            "https://%31%32%37.0.0.1/",
            "https://[::ffff:a00:1]/",
            "https://10.0.0.1:8443/hook",
            "https://169.254.169.254/latest/meta-data",
            "https://[fe80::1]/",
            "https://localhost/",
            "https://LOCALHOST./",
            "https://hooks.localhost/",
        ] {
            let refused = closed.url(url, Mode::Live).expect_err(url);
            assert!(refused.contains("webhook_allow"), "{url}: {refused}");
        }
        for url in ["https://10.0.0.1:8443/hook", "https://127.1/", "https://localhost/", "https://example.com/"] {
            assert!(open.url(url, Mode::Live).is_ok(), "{url}");
        }
        // A name that only looks like this machine's.
        assert!(closed.url("https://localhost.example.com/", Mode::Live).is_ok());
    }

    #[test]
    fn what_could_leak_is_refused() {
        let (closed, developing) = (WebhookTargets::default(), targets("10.0.0.0/8", true));
        for url in ["http://127.0.0.1:4242/", "http://localhost/", "http://[::1]/", "https://127.0.0.1/"] {
            assert!(developing.url(url, Mode::Test).is_ok(), "{url}");
            assert!(developing.url(url, Mode::Live).is_err(), "{url}");
            assert!(closed.url(url, Mode::Test).is_err(), "{url}");
        }
        for url in [
            "http://example.com/",
            "http://10.0.0.1/",
            "https://user:word@example.com/",
            "https://user@example.com/",
            "https://example.com/#here",
            "javascript:alert(1)",
            "nonsense",
            "https://",
        ] {
            assert!(developing.url(url, Mode::Test).is_err(), "{url}");
        }
    }
}
