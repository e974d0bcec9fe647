//! Web origins (RFC 6454) that may embed the iframe, normalised as browsers do.

use serde::Serialize;
use url::{Host, Url};

use crate::address::is_loopback;
use crate::error::Refusal;
use crate::realm::Mode;
use crate::validate::{Issues, Object};

/// The most origins of one realm.
pub const ORIGIN_LIMIT: usize = 20;
/// The longest origin, in bytes: a host name has at most 253.
const LENGTH_LIMIT: usize = 300;

/// A scheme, a host and a port, as `location.origin` shows them: `https://shop.example.com`.
/// Made of characters that mean nothing to a `Content-Security-Policy`.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize)]
#[serde(transparent)]
pub struct Origin(String);

impl Origin {
    /// Reads an origin that pages of this mode may have: https, and in test mode also http on
    /// loopback hosts. A slash behind it is let pass.
    ///
    /// # Errors
    /// What it must be, as a sentence for the caller.
    pub fn parse(text: &str, mode: Mode) -> Result<Self, String> {
        if text.len() > LENGTH_LIMIT || text.chars().any(|letter| letter.is_control() || letter.is_whitespace()) {
            return Err("must have at most 300 characters and no spaces".to_owned());
        }
        let url = Url::parse(text).map_err(|_| "must be an origin such as https://shop.example.com")?;
        let has_more = url.path() != "/" || url.query().is_some() || url.fragment().is_some();
        if has_more || !url.username().is_empty() || url.password().is_some() {
            return Err("must be an origin alone: scheme, host and port, such as https://shop.example.com".to_owned());
        }
        let plain_http =
            url.scheme() == "http" && mode == Mode::Test && url.host().is_some_and(|host| is_loopback(&host));
        if url.scheme() != "https" && !plain_http {
            return Err("must begin with https://; http:// is for loopback hosts in test mode".to_owned());
        }
        if matches!(url.host(), Some(Host::Domain(name)) if !is_plain(name)) {
            return Err("must name one host, without wildcards or special characters".to_owned());
        }
        Ok(Self(url.origin().ascii_serialization()))
    }

    /// The origin that storage has kept.
    #[must_use]
    pub const fn stored(text: String) -> Self {
        Self(text)
    }

    /// The origin as browsers write it.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

/// True for a host of letters, digits, dots, hyphens and underscores. URLs may hold more, such
/// as `*` and `;`, which mean something in a policy.
fn is_plain(host: &str) -> bool {
    host.bytes().all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'.' | b'-' | b'_'))
}

/// Reads a list of origins; one that comes twice is kept once.
///
/// # Errors
/// `validation_error` with the path of every wrong one.
pub fn parse_list<'a>(origins: impl IntoIterator<Item = &'a str>, mode: Mode) -> Result<Vec<Origin>, Refusal> {
    let mut issues = Issues::default();
    let mut list: Vec<Origin> = Vec::new();
    for (place, text) in origins.into_iter().enumerate() {
        match Origin::parse(text, mode) {
            Ok(origin) if list.contains(&origin) => {}
            Ok(origin) => list.push(origin),
            Err(message) => issues.add(format!("allowed_origins.{place}"), message),
        }
    }
    if list.len() > ORIGIN_LIMIT {
        issues.add("allowed_origins", format!("must be a list of at most {ORIGIN_LIMIT} values"));
    }
    issues.done().map(|()| list)
}

/// Takes `allowed_origins` from a body. `None` if it is not there, or if something is wrong with
/// it, which is noted.
pub(crate) fn take_list(object: &mut Object<'_>, mode: Mode, issues: &mut Issues) -> Option<Vec<Origin>> {
    let values = object.list("allowed_origins", ORIGIN_LIMIT, issues)?;
    let mut texts = Vec::with_capacity(values.len());
    for (place, value) in values.iter().enumerate() {
        match value.as_str() {
            Some(text) => texts.push(text),
            None => issues.add(format!("allowed_origins.{place}"), "must be a string"),
        }
    }
    if texts.len() < values.len() {
        return None;
    }
    issues.absorb(parse_list(texts, mode))
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::workspace::SettingsPatch;

    #[test]
    fn origins_are_written_as_browsers_do() {
        let read = |text| Origin::parse(text, Mode::Live).unwrap().0;
        assert_eq!(read("https://Shop.Example.com:443/"), "https://shop.example.com");
        assert_eq!(read("https://shop.example.com:8443"), "https://shop.example.com:8443");
        assert_eq!(read("https://bücher.example"), "https://xn--bcher-kva.example");
        assert_eq!(read("https://[::1]:8443"), "https://[::1]:8443");
    }

    #[test]
    fn http_is_for_loopback_in_test_mode() {
        for loopback in ["http://localhost:3000", "http://127.0.0.1", "http://[::1]:5173", "http://shop.localhost"] {
            assert!(Origin::parse(loopback, Mode::Test).is_ok(), "{loopback}");
            assert!(Origin::parse(loopback, Mode::Live).is_err(), "{loopback}");
        }
        assert!(Origin::parse("http://shop.example.com", Mode::Test).is_err());
    }

    #[test]
    fn what_is_more_or_less_than_an_origin_is_refused() {
        let wrong = [
            "",
            "*",
            "null",
            "shop.example.com",
            "https://",
            "https://*.example.com",
            "https://shop.example.com/path",
            "https://shop.example.com/?q",
            "https://shop.example.com/#f",
            "https://user@shop.example.com",
            "https://shop.example.com;script-src",
            "https://a,b",
            "https://shop.example.com 'self'",
            " https://shop.example.com",
            "ftp://shop.example.com",
            "javascript:alert(1)",
        ];
        for text in wrong {
            assert!(Origin::parse(text, Mode::Test).is_err(), "{text}");
        }
    }

    #[test]
    fn lists_name_every_wrong_origin() {
        let read =
            |body| SettingsPatch::parse(&body, Mode::Live).map(|SettingsPatch { allowed_origins, .. }| allowed_origins);
        assert_eq!(read(json!({})), Ok(None));
        assert_eq!(read(json!({ "allowed_origins": [] })), Ok(Some(Vec::new())));
        let twice = read(json!({ "allowed_origins": ["https://a.example", "https://A.example/"] }));
        assert_eq!(twice.unwrap().unwrap().len(), 1);
        let refusal = read(json!({ "allowed_origins": ["https://a.example", "*", "x"] })).unwrap_err();
        let paths: Vec<&str> = refusal.fields.iter().map(|field| field.path.as_str()).collect();
        assert_eq!(paths, ["allowed_origins.1", "allowed_origins.2"]);
        for wrong in [json!([1]), json!("https://a.example"), json!(vec!["https://a.example"; 21])] {
            assert!(read(json!({ "allowed_origins": wrong })).is_err(), "{wrong}");
        }
        assert_eq!(read(json!({ "name": "x" })).unwrap_err().fields[0].path, "name");
    }
}
