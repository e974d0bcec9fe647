//! Passes deliveries on to the program that they are meant for.

use std::time::Duration;

use axum::body::Bytes;
use axum::http::{HeaderMap, HeaderName, StatusCode, header};
use reqwest::Client;
use reqwest::redirect::Policy;
use url::{Host, Url};

use crate::cli::registration::causes;
use crate::failure::Failure;

/// How long that program may take to answer; the sender waits no longer.
const PATIENCE: Duration = Duration::from_secs(10);

/// Where deliveries go on to.
pub struct Forward {
    client: Client,
    target: Url,
}

impl Forward {
    /// Deliveries go on to this address.
    ///
    /// # Errors
    /// If it is not an http or https URL, or leads back here, to `own_port` of this machine.
    pub fn to(target: &str, own_port: u16) -> Result<Self, Failure> {
        let target = Url::parse(target).ok().filter(|url| matches!(url.scheme(), "http" | "https"));
        let wrong = "--forward must be an http or https address, such as http://127.0.0.1:3000/webhooks";
        let target = target.ok_or_else(|| Failure::configuration(wrong))?;
        let is_here = match target.host() {
            Some(Host::Ipv4(address)) => address.is_loopback(),
            Some(Host::Ipv6(address)) => address.is_loopback(),
            Some(Host::Domain(name)) => name == "localhost",
            None => false,
        };
        if is_here && target.port_or_known_default() == Some(own_port) {
            return Err(Failure::configuration("--forward leads back to vetd listen itself; give another port"));
        }
        // A proxy of the environment cannot reach this machine. A redirect is an answer like any
        // other: the sender does not follow it either.
        let client = Client::builder().timeout(PATIENCE).no_proxy().redirect(Policy::none()).build();
        let client = client.map_err(|error| Failure::other(format!("cannot make requests: {error}")))?;
        Ok(Self { client, target })
    }

    /// Passes a delivery on: its body, and the headers that belong to it. The status of the
    /// answer, or why there is none.
    pub async fn pass(&self, headers: &HeaderMap, body: Bytes) -> Result<StatusCode, String> {
        let headers = headers.iter().filter(|(name, _)| belongs(name));
        let headers: HeaderMap = headers.map(|(name, value)| (name.clone(), value.clone())).collect();
        let request = self.client.post(self.target.clone()).headers(headers).body(body);
        match request.send().await {
            Ok(answer) if answer.status().is_informational() => Err(format!("it answered {}", answer.status())),
            Ok(answer) => Ok(answer.status()),
            Err(error) => Err(causes(&error.without_url())),
        }
    }
}

/// Whether a header is the delivery's own and not the connection's.
fn belongs(name: &HeaderName) -> bool {
    name == header::CONTENT_TYPE || name.as_str().starts_with("kyc-") || name.as_str().starts_with("webhook-")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::failure::Kind;

    #[test]
    fn only_http_and_https_addresses_elsewhere_are_forwarded_to() {
        for right in ["http://127.0.0.1:3000/webhooks", "https://localhost/", "http://example.com:4242/"] {
            assert!(Forward::to(right, 4242).is_ok(), "{right}");
        }
        for wrong in [
            "",
            "127.0.0.1:3000",
            "localhost:3000",
            "/webhooks",
            "ftp://127.0.0.1/",
            "unix:/tmp/x",
            "http://",
            "http://localhost:4242/",
            "http://127.1:4242/",
            "http://[::1]:4242/x",
        ] {
            assert_eq!(
                Forward::to(wrong, 4242).err().map(|failure| failure.kind),
                Some(Kind::Configuration),
                "{wrong}"
            );
        }
    }
}
