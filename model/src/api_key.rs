//! What a tenant may ask of API keys: making one, and how one looks.

use std::time::Duration;

use serde_json::{Value, json};

use crate::error::{ErrorCode, Refusal};
use crate::template;
use crate::time::Timestamp;
use crate::validate::{Issues, Object};
use crate::workspace::{ApiKey, Scopes};

/// The most keys of one realm that open something.
pub const LIVE_KEY_LIMIT: usize = 100;
/// The most keys of one realm that are remembered; beyond it the one made longest ago among
/// those that open nothing any more is forgotten.
pub const KEY_LIMIT: usize = 300;
/// The shortest and the longest life of a key that ends by itself: a minute and ten years.
const LIFE_SECONDS: (u64, u64) = (60, 315_360_000);

/// A validated `POST /v1/api_keys`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct KeyRequest {
    /// What its owner calls it.
    pub name: String,
    /// What it may do.
    pub scopes: Scopes,
    /// When it ends by itself.
    pub expires_at: Option<Timestamp>,
}

impl KeyRequest {
    /// Validates the body of a request made `now`.
    ///
    /// # Errors
    /// `validation_error` with the path of every wrong field.
    pub fn parse(body: &Value, now: Timestamp) -> Result<Self, Refusal> {
        let (shortest, longest) = LIFE_SECONDS;
        let mut issues = Issues::default();
        let mut object = Object::root(body, &mut issues);
        let name = object.required_with("name", &mut issues, template::name);
        let scopes = scopes(&mut object, &mut issues);
        let span = object.integer("expires_in", shortest..=longest, &mut issues);
        let end = object.take("expires_at");
        let end = end.and_then(|value| moment(value, now).map_err(|text| issues.add("expires_at", text)).ok());
        if end.is_some() && span.is_some() {
            issues.add("expires_in", "must be absent when expires_at is given");
        }
        object.finish(&mut issues);
        issues.done()?;
        let expires_at = end.or_else(|| span.map(|span| now.floor_second().after(Duration::from_secs(span))));
        match (name, scopes) {
            (Some(name), Some(scopes)) => Ok(Self { name, scopes, expires_at }),
            _ => Err(Refusal::field("", "must hold name and scopes")),
        }
    }

    /// Refuses a key that could do more, or for longer, than the key that asks for it.
    ///
    /// # Errors
    /// `permission_denied`.
    pub fn within(&self, maker: &ApiKey) -> Result<(), Refusal> {
        let denied = |message| Err(Refusal::new(ErrorCode::PermissionDenied, message));
        if !maker.scopes.include(self.scopes) {
            return denied("An API key can give only the scopes it has itself.");
        }
        match (maker.expires_at, self.expires_at) {
            (Some(_), None) => denied("An API key that ends can make only keys that end no later: give expires_at."),
            (Some(ours), Some(theirs)) if theirs > ours => {
                denied("An API key that ends can make only keys that end no later.")
            }
            _ => Ok(()),
        }
    }
}

fn scopes(object: &mut Object<'_>, issues: &mut Issues) -> Option<Scopes> {
    const WRONG: &str = "must be a list of read, write and review, at least one of them";
    let listed = object.take("scopes").map(|value| {
        let names = value.as_array().filter(|names| (1..=3).contains(&names.len()))?;
        names.iter().try_fold(Scopes::from_bits(0), |held, name| {
            let scope = Scopes::named(name.as_str()?)?;
            (!held.include(scope)).then(|| held.union(scope))
        })
    });
    match listed {
        Some(Some(scopes)) => return Some(scopes),
        Some(None) => issues.add("scopes", WRONG),
        None => issues.add("scopes", format!("is required; {WRONG}")),
    }
    None
}

fn moment(value: &Value, now: Timestamp) -> Result<Timestamp, &'static str> {
    let at = value.as_u64().map(Timestamp::from_seconds).ok_or("must be a time in unix seconds")?;
    if at <= now || at.since(now) > Duration::from_secs(LIFE_SECONDS.1) {
        return Err("must lie in the future, at most ten years ahead");
    }
    Ok(at)
}

/// A key as its owner reads it. Never the key itself.
#[must_use]
pub fn to_json(key: &ApiKey, last_used_at: Option<Timestamp>) -> Value {
    json!({
        "id": key.id, "object": "api_key", "livemode": key.realm.mode.is_live(), "name": key.name,
        "prefix": key.prefix, "scopes": key.scopes.names(), "created": key.created, "expires_at": key.expires_at,
        "last_used_at": last_used_at, "revoked_at": key.revoked_at,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    const NOW: Timestamp = Timestamp::from_millis(1_763_800_000_500);

    fn paths(body: &Value) -> Vec<String> {
        let refusal = KeyRequest::parse(body, NOW).unwrap_err();
        refusal.fields.into_iter().map(|field| field.path).collect()
    }

    #[test]
    fn a_key_is_asked_for_by_name_scopes_and_end() {
        let asked = |body: Value| KeyRequest::parse(&body, NOW).unwrap();
        let plain = asked(json!({ "name": "CI", "scopes": ["write", "read"] }));
        assert_eq!((plain.scopes.names(), plain.expires_at), (vec!["read", "write"], None));
        let spanned = asked(json!({ "name": "CI", "scopes": ["read"], "expires_in": 60 }));
        assert_eq!(spanned.expires_at, Some(Timestamp::from_seconds(1_763_800_060)));
        let dated = asked(json!({ "name": "CI", "scopes": ["review"], "expires_at": 1_763_800_001 }));
        assert_eq!(dated.expires_at, Some(Timestamp::from_seconds(1_763_800_001)));
    }

    #[test]
    fn every_wrong_field_is_named() {
        assert_eq!(paths(&json!({})), ["name", "scopes"]);
        assert_eq!(paths(&json!({ "name": "", "scopes": ["read"] })), ["name"]);
        assert_eq!(paths(&json!({ "name": "n", "scopes": ["read"], "key": "ak_test_" })), ["key"]);
        for wrong in [json!([]), json!(["admin"]), json!(["read", "read"]), json!("read"), json!([1])] {
            assert_eq!(paths(&json!({ "name": "n", "scopes": wrong })), ["scopes"], "{wrong}");
        }
        for wrong in [json!(59), json!(315_360_001), json!("60"), json!(-1), json!(60.5)] {
            let body = json!({ "name": "n", "scopes": ["read"], "expires_in": wrong });
            assert_eq!(paths(&body), ["expires_in"], "{wrong}");
        }
        for wrong in [json!(1_763_800_000), json!(2_100_000_000), json!("tomorrow"), json!(1.5)] {
            let body = json!({ "name": "n", "scopes": ["read"], "expires_at": wrong });
            assert_eq!(paths(&body), ["expires_at"], "{wrong}");
        }
        let both = json!({ "name": "n", "scopes": ["read"], "expires_at": 1_763_800_099, "expires_in": 99 });
        assert_eq!(paths(&both), ["expires_in"]);
    }
}
