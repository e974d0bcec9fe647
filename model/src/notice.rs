//! Notices: events that tell of a webhook endpoint rather than of a session. They stand in the
//! same log, and have no sequence and no chain.

use serde_json::{Value, json};

use crate::event::{API_VERSION, Event};
use crate::id::{EndpointId, EventId, SessionId};
use crate::realm::Realm;
use crate::time::Timestamp;
use crate::webhook::Disabled;

/// What a notice tells.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum NoticeKind {
    /// The endpoint was disabled: nothing is sent there until somebody enables it.
    Disabled(Disabled),
    /// Somebody asked for a test: the endpoint it names gets it, whatever its filter, and no other.
    Test,
}

/// An event about a webhook endpoint.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Notice {
    /// Time-ordered and unguessable; the same in every delivery.
    pub id: EventId,
    /// Whose it is.
    pub realm: Realm,
    /// The endpoint it tells of.
    pub endpoint: EndpointId,
    /// What it tells.
    pub kind: NoticeKind,
    /// When it was written.
    pub created: Timestamp,
}

impl Notice {
    /// The type as it stands in the envelope.
    #[must_use]
    pub const fn type_name(&self) -> &'static str {
        match self.kind {
            NoticeKind::Disabled(_) => "webhook_endpoint.disabled",
            NoticeKind::Test => "webhook_endpoint.test",
        }
    }

    /// The envelope. Like every event it holds no address.
    #[must_use]
    pub fn envelope(&self) -> Value {
        let disabled = match self.kind {
            NoticeKind::Disabled(disabled) => Some(disabled),
            NoticeKind::Test => None,
        };
        json!({
            "id": self.id, "type": self.type_name(), "api_version": API_VERSION, "created": self.created,
            "livemode": self.realm.mode.is_live(),
            "data": { "object": {
                "id": self.endpoint, "object": "webhook_endpoint",
                "status": if disabled.is_some() { "disabled" } else { "enabled" },
                "disabled_at": disabled.map(|disabled| disabled.at),
                "disabled_reason": disabled.map(|disabled| disabled.reason.as_str()),
            } },
        })
    }
}

/// An entry of the log of events.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Logged {
    /// A session has moved.
    Session(Event),
    /// Something about a webhook endpoint.
    Endpoint(Notice),
}

impl Logged {
    /// Names it.
    #[must_use]
    pub const fn id(&self) -> EventId {
        match self {
            Self::Session(event) => event.id,
            Self::Endpoint(notice) => notice.id,
        }
    }

    /// The type as it stands in the envelope.
    #[must_use]
    pub const fn type_name(&self) -> &'static str {
        match self {
            Self::Session(event) => event.kind.as_str(),
            Self::Endpoint(notice) => notice.type_name(),
        }
    }

    /// When it was written.
    #[must_use]
    pub const fn created(&self) -> Timestamp {
        match self {
            Self::Session(event) => event.created,
            Self::Endpoint(notice) => notice.created,
        }
    }

    /// The session that it tells of, if it tells of one.
    #[must_use]
    pub const fn session(&self) -> Option<SessionId> {
        match self {
            Self::Session(event) => Some(event.session),
            Self::Endpoint(_) => None,
        }
    }

    /// The event of a session, if it is one.
    #[must_use]
    pub const fn as_session(&self) -> Option<&Event> {
        match self {
            Self::Session(event) => Some(event),
            Self::Endpoint(_) => None,
        }
    }

    /// The event of a session, if it is one.
    #[must_use]
    pub fn into_session(self) -> Option<Event> {
        match self {
            Self::Session(event) => Some(event),
            Self::Endpoint(_) => None,
        }
    }
}
