//! Tenants and their keys.

use std::fmt;

use serde_json::Value;

use crate::error::Refusal;
use crate::id::{ApiKeyId, TemplateId};
use crate::origin::{self, Origin};
use crate::realm::{Mode, Realm, WorkspaceId};
use crate::retention::RetentionPolicy;
use crate::time::Timestamp;
use crate::validate::{Issues, Object};

/// A tenant.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Workspace {
    /// Its number.
    pub id: WorkspaceId,
    /// Its name, for the operator.
    pub name: String,
    /// When it was made.
    pub created: Timestamp,
    /// True once the operator has activated it for live mode.
    pub live_activated: bool,
    /// True while the operator has suspended it.
    pub suspended: bool,
}

/// What a workspace has chosen for one mode. Each mode has its own: whoever holds a test key
/// must not decide who may embed live verifications.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct RealmSettings {
    /// The template of sessions that name none.
    pub default_template: Option<TemplateId>,
    /// Which pages may embed the iframe and hear from it.
    pub allowed_origins: Vec<Origin>,
    /// How long a person's data is kept.
    pub retention: RetentionPolicy,
}

/// A validated `PATCH /v1/workspace`; what is `None` stays as it is.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct SettingsPatch {
    /// The origins from here on.
    pub allowed_origins: Option<Vec<Origin>>,
    /// The rules from here on, all of them.
    pub retention: Option<RetentionPolicy>,
}

impl SettingsPatch {
    /// Validates the body.
    ///
    /// # Errors
    /// `validation_error` with the path of every wrong field.
    pub fn parse(body: &Value, mode: Mode) -> Result<Self, Refusal> {
        let mut issues = Issues::default();
        let mut object = Object::root(body, &mut issues);
        let allowed_origins = origin::take_list(&mut object, mode, &mut issues);
        let retention = object.take("retention");
        let retention = retention.and_then(|value| issues.absorb(RetentionPolicy::parse(value)));
        object.finish(&mut issues);
        issues.done().map(|()| Self { allowed_origins, retention })
    }

    /// The settings afterwards.
    #[must_use]
    pub fn apply(self, before: RealmSettings) -> RealmSettings {
        RealmSettings {
            default_template: before.default_template,
            allowed_origins: self.allowed_origins.unwrap_or(before.allowed_origins),
            retention: self.retention.unwrap_or(before.retention),
        }
    }
}

/// What a key may do; a set of bits.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Scopes(u8);

impl Scopes {
    /// Look at objects.
    pub const READ: Self = Self(1);
    /// Make and change objects.
    pub const WRITE: Self = Self(2);
    /// Decide reviews.
    pub const REVIEW: Self = Self(4);
    /// All of them.
    pub const ALL: Self = Self(7);

    /// The set with this bit pattern; what storage keeps.
    #[must_use]
    pub const fn from_bits(bits: u8) -> Self {
        Self(bits & Self::ALL.0)
    }

    /// The bit pattern; what storage keeps.
    #[must_use]
    pub const fn bits(self) -> u8 {
        self.0
    }

    /// True if every scope of `asked` is in this set.
    #[must_use]
    pub const fn include(self, asked: Self) -> bool {
        self.0 & asked.0 == asked.0
    }

    /// The names of the scopes in this set, in their order.
    #[must_use]
    pub fn names(self) -> Vec<&'static str> {
        SCOPE_NAMES.iter().filter(|(scope, _)| self.include(*scope)).map(|(_, name)| *name).collect()
    }

    /// The scope with this name.
    #[must_use]
    pub fn named(name: &str) -> Option<Self> {
        SCOPE_NAMES.iter().find(|(_, each)| *each == name).map(|(scope, _)| *scope)
    }

    /// What both sets hold, and more.
    #[must_use]
    pub const fn union(self, other: Self) -> Self {
        Self(self.0 | other.0)
    }
}

const SCOPE_NAMES: [(Scopes, &str); 3] = [(Scopes::READ, "read"), (Scopes::WRITE, "write"), (Scopes::REVIEW, "review")];

impl fmt::Display for Scopes {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.names().join(", "))
    }
}

/// SHA-256 of an API key: all that is kept of it. The key has at least 140 bits of entropy, so
/// that its plain hash cannot be searched.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct KeyHash(pub [u8; 32]);

/// What is known of an API key.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ApiKey {
    /// Names it in lists.
    pub id: ApiKeyId,
    /// Finds it.
    pub hash: KeyHash,
    /// Its first characters, to recognise it by.
    pub prefix: String,
    /// What its owner calls it.
    pub name: String,
    /// The workspace and the mode that it opens.
    pub realm: Realm,
    /// What it may do.
    pub scopes: Scopes,
    /// When it was made.
    pub created: Timestamp,
    /// When it ends by itself.
    pub expires_at: Option<Timestamp>,
    /// When it was revoked.
    pub revoked_at: Option<Timestamp>,
}

impl ApiKey {
    /// True if the key opens anything at `now`.
    #[must_use]
    pub fn is_valid(&self, now: Timestamp) -> bool {
        self.revoked_at.is_none() && self.expires_at.is_none_or(|end| now < end)
    }
}
