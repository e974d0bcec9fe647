//! The audit log: what people and the system did with a person's data. An entry says who, what,
//! when and to which verification, and never anything of the person.

use std::borrow::Cow;
use std::collections::BTreeMap;

use serde::Serialize;
use serde_json::{Value, json};

use crate::id::{ApiKeyId, AuditEntryId, MediaId, VerificationId};
use crate::realm::Realm;
use crate::time::Timestamp;

/// The longest text in an entry's details, in characters.
pub const DETAIL_LIMIT: usize = 64;

/// Who did it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Actor {
    /// A program or a person of the tenant, by this API key.
    ApiKey(ApiKeyId),
    /// The person whose data it is.
    Person,
    /// Whoever held a signed link that the tenant was given.
    Link,
    /// Whoever runs the server, over its local socket.
    Operator,
    /// vetd by itself, as a rule has told it to.
    System,
}

impl Actor {
    /// The names of all kinds.
    pub const TYPES: [&'static str; 5] = ["api_key", "person", "link", "operator", "system"];

    /// The name of the kind, as it stands in JSON.
    #[must_use]
    pub const fn type_name(self) -> &'static str {
        match self {
            Self::ApiKey(_) => "api_key",
            Self::Person => "person",
            Self::Link => "link",
            Self::Operator => "operator",
            Self::System => "system",
        }
    }

    /// The API key, if it was one.
    #[must_use]
    pub const fn api_key(self) -> Option<ApiKeyId> {
        match self {
            Self::ApiKey(id) => Some(id),
            Self::Person | Self::Link | Self::Operator | Self::System => None,
        }
    }
}

/// What was done. A name never changes its meaning.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum AuditAction {
    /// Somebody decided a review.
    VerificationReviewed,
    /// A person's data was erased.
    VerificationRedacted,
    /// Somebody looked at a picture or a recording.
    MediaViewed,
    /// A picture or a recording was deleted.
    MediaDeleted,
    /// A rule of retention deleted data whose time had come.
    RetentionApplied,
    /// A list that people are screened against was read in.
    WatchlistImported,
    /// Such a list was removed.
    WatchlistRemoved,
    /// The root of all keys was replaced.
    MasterKeyRotated,
}

impl AuditAction {
    /// All of them.
    pub const ALL: [Self; 8] = [
        Self::VerificationReviewed,
        Self::VerificationRedacted,
        Self::MediaViewed,
        Self::MediaDeleted,
        Self::RetentionApplied,
        Self::WatchlistImported,
        Self::WatchlistRemoved,
        Self::MasterKeyRotated,
    ];

    /// The name as it stands in JSON.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::VerificationReviewed => "verification.reviewed",
            Self::VerificationRedacted => "verification.redacted",
            Self::MediaViewed => "media.viewed",
            Self::MediaDeleted => "media.deleted",
            Self::RetentionApplied => "retention.applied",
            Self::WatchlistImported => "watchlist.imported",
            Self::WatchlistRemoved => "watchlist.removed",
            Self::MasterKeyRotated => "master_key.rotated",
        }
    }

    /// The action with this name.
    #[must_use]
    pub fn parse(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|action| action.as_str() == name)
    }
}

/// One fact about what was done.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(untagged)]
pub enum Detail {
    /// How many, how much, or which number.
    Number(u64),
    /// A name or a version, at most [`DETAIL_LIMIT`] characters; never of or about a person.
    Text(String),
}

impl From<u64> for Detail {
    fn from(number: u64) -> Self {
        Self::Number(number)
    }
}

impl From<&str> for Detail {
    /// Cut off behind [`DETAIL_LIMIT`] characters, without control characters.
    fn from(text: &str) -> Self {
        Self::Text(text.chars().filter(|letter| !letter.is_control()).take(DETAIL_LIMIT).collect())
    }
}

/// The facts about what was done, by name. Names are the program's own: they are fixed in writing
/// and only read back from a store.
pub type Details = BTreeMap<Cow<'static, str>, Detail>;

/// One entry of the audit log of a realm. It is never changed, and deleted only once the log's own
/// time is over.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AuditEntry {
    /// Names it. It begins with the time, so that identifiers sort as entries came.
    pub id: AuditEntryId,
    /// When it was done: the time in `id`, which is all that storage keeps of it.
    pub at: Timestamp,
    /// Who did it.
    pub actor: Actor,
    /// What was done.
    pub action: AuditAction,
    /// To which verification, if to one.
    pub verification: Option<VerificationId>,
    /// To which picture or recording, if to one.
    pub media: Option<MediaId>,
    /// What else is worth knowing. Never personal: the log outlives the person's data.
    pub details: Details,
}

impl AuditEntry {
    /// An entry about nothing in particular, of the time at which `id` was made.
    #[must_use]
    pub fn new(id: AuditEntryId, actor: Actor, action: AuditAction) -> Self {
        Self { id, at: id.born(), actor, action, verification: None, media: None, details: Details::new() }
    }

    /// The same about a verification.
    #[must_use]
    pub fn about(self, verification: VerificationId) -> Self {
        Self { verification: Some(verification), ..self }
    }

    /// The same about a picture or a recording.
    #[must_use]
    pub fn about_media(self, media: MediaId) -> Self {
        Self { media: Some(media), ..self }
    }

    /// The same with one more fact, in place of an earlier one of this name. Nothing personal.
    #[must_use]
    pub fn with(mut self, name: &'static str, detail: impl Into<Detail>) -> Self {
        self.details.insert(Cow::Borrowed(name), detail.into());
        self
    }
}

/// An entry as the tenant reads it.
#[must_use]
pub fn to_json(entry: &AuditEntry, realm: Realm) -> Value {
    json!({
        "id": entry.id, "object": "audit_log_entry", "livemode": realm.mode.is_live(), "created": entry.at,
        "actor": { "type": entry.actor.type_name(), "id": entry.actor.api_key() }, "action": entry.action.as_str(),
        "verification_id": entry.verification, "media_id": entry.media, "details": entry.details,
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::realm::{Mode, WorkspaceId};

    const NOW: Timestamp = Timestamp::from_millis(1_763_800_000_500);

    fn id(last: u8) -> AuditEntryId {
        AuditEntryId::new(NOW, [last; 10])
    }

    #[test]
    fn an_entry_says_who_did_what_to_what() {
        let key = ApiKeyId::new(NOW, [1; 10]);
        let (verification, media) = (VerificationId::new(NOW, [2; 10]), MediaId::new(NOW, [3; 10]));
        let entry = AuditEntry::new(id(4), Actor::ApiKey(key), AuditAction::MediaViewed)
            .about(verification)
            .about_media(media)
            .with("kind", "document_front")
            .with("bytes", 12_345);
        let realm = Realm { workspace: WorkspaceId(1), mode: Mode::Live };
        let expected = json!({
            "id": id(4), "object": "audit_log_entry", "livemode": true, "created": 1_763_800_000,
            "actor": { "type": "api_key", "id": key }, "action": "media.viewed", "verification_id": verification,
            "media_id": media, "details": { "kind": "document_front", "bytes": 12_345 },
        });
        assert_eq!((entry.at, to_json(&entry, realm)), (NOW, expected));
    }

    #[test]
    fn who_is_no_api_key_has_no_identifier() {
        let realm = Realm { workspace: WorkspaceId(1), mode: Mode::Test };
        for (actor, name) in [(Actor::Person, "person"), (Actor::Operator, "operator"), (Actor::System, "system")] {
            let shown = to_json(&AuditEntry::new(id(1), actor, AuditAction::RetentionApplied), realm);
            assert_eq!(shown["actor"], json!({ "type": name, "id": null }));
            assert!(Actor::TYPES.contains(&name));
            assert_eq!((&shown["verification_id"], &shown["details"]), (&Value::Null, &json!({})));
        }
    }

    #[test]
    fn actions_are_found_by_their_names() {
        for action in AuditAction::ALL {
            assert_eq!(AuditAction::parse(action.as_str()), Some(action));
        }
        assert_eq!(AuditAction::parse("media"), None);
    }

    #[test]
    fn texts_are_short_and_names_come_once() {
        let long = format!("a\n{}", "é".repeat(100));
        let entry = AuditEntry::new(id(1), Actor::System, AuditAction::WatchlistImported);
        let entry = entry.with("source", "first").with("source", long.as_str());
        let Some(Detail::Text(text)) = entry.details.get("source") else { panic!("{entry:?}") };
        assert_eq!((text.chars().count(), text.starts_with("aé")), (DETAIL_LIMIT, true));
    }
}
