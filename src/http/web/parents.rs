//! Which pages may have the iframe in them and hear from it: the workspace's allowed origins, and in
//! test mode loopback and vetd itself.

use serde::Serialize;
use url::Url;
use vetd_actors::EngineError;
use vetd_model::Realm;

use super::super::Front;

/// Loopback, as far as a policy can name it: addresses of IPv6 have no place in one.
const LOOPBACK: &str = "http://localhost:* https://localhost:* http://*.localhost:* https://*.localhost:* \
                        http://127.0.0.1:* https://127.0.0.1:*";

/// The parents of one realm's iframes.
#[derive(Debug, Serialize)]
pub(in crate::http) struct Parents {
    /// Their origins.
    parent_origins: Vec<String>,
    /// True if every origin on a loopback host is one of them, too.
    loopback_allowed: bool,
}

impl Parents {
    /// Those of a realm.
    pub(in crate::http) async fn of(front: &Front, realm: Realm) -> Result<Self, EngineError> {
        let allowed = front.engine.allowed_origins(realm).await?;
        let own = (!realm.mode.is_live()).then(|| own_origin(&front.settings.public_url)).flatten();
        let origins = allowed.iter().map(|origin| origin.as_str().to_owned()).chain(own);
        Ok(Self { parent_origins: origins.collect(), loopback_allowed: !realm.mode.is_live() })
    }

    /// As the value of `frame-ancestors` in a policy.
    pub(super) fn frame_ancestors(&self) -> String {
        let named = self.parent_origins.iter().map(String::as_str).filter(|origin| !origin.contains('['));
        let sources: Vec<&str> = named.chain(self.loopback_allowed.then_some(LOOPBACK)).collect();
        if sources.is_empty() { "'none'".to_owned() } else { sources.join(" ") }
    }
}

/// The origin of an address.
fn own_origin(public_url: &str) -> Option<String> {
    Url::parse(public_url).ok().map(|url| url.origin().ascii_serialization())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_policy_names_who_can_be_named() {
        let parents = |origins: &[&str], loopback_allowed| {
            let parent_origins = origins.iter().map(|&origin| origin.to_owned()).collect();
            Parents { parent_origins, loopback_allowed }.frame_ancestors()
        };
        assert_eq!(parents(&[], false), "'none'");
        assert_eq!(parents(&["https://[2001:db8::1]"], false), "'none'");
        assert_eq!(
            parents(&["https://a.example", "https://b.example:8443"], false),
            "https://a.example https://b.example:8443"
        );
        assert!(parents(&[], true).starts_with("http://localhost:* "));
    }

    #[test]
    fn an_address_has_an_origin_whatever_its_path() {
        assert_eq!(own_origin("https://id.example.com/kyc").as_deref(), Some("https://id.example.com"));
        assert_eq!(own_origin("http://127.0.0.1:8080").as_deref(), Some("http://127.0.0.1:8080"));
    }
}
