//! Events: one for each move of a session, chained so that whoever receives all of them can
//! prove that nothing is missing and nothing was changed.

use serde::{Serialize, Serializer};
use sha2::{Digest, Sha256};

use crate::id::{EventId, SessionId};
use crate::realm::Realm;
use crate::session::{Session, Status};
use crate::time::Timestamp;
use crate::verification::{ListShape, Moment};

/// The version of the envelope and of the shape of `data`. The bytes under an event's
/// `data_hash` are made from the record each time they are read, so what this version shows is
/// fixed: a change of shape is another version.
pub const API_VERSION: &str = "2025-01";

/// What an event tells.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum EventKind {
    /// The session and its verification were made.
    Created,
    /// A move without a type of its own.
    Updated,
    /// All checks passed.
    Completed,
    /// A check failed decisively, or the attempts are used up.
    Failed,
    /// A person of the tenant must decide.
    ReviewRequired,
    /// The person or the tenant ended it.
    Canceled,
    /// The time ran out.
    Expired,
    /// A reviewer has decided.
    Reviewed,
    /// The person's data was erased.
    Redacted,
}

impl EventKind {
    /// All of them.
    pub const ALL: [Self; 9] = [
        Self::Created,
        Self::Updated,
        Self::Completed,
        Self::Failed,
        Self::ReviewRequired,
        Self::Canceled,
        Self::Expired,
        Self::Reviewed,
        Self::Redacted,
    ];

    /// The type as it stands in the envelope.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Created => "verification.created",
            Self::Updated => "verification.updated",
            Self::Completed => "verification.completed",
            Self::Failed => "verification.failed",
            Self::ReviewRequired => "verification.review_required",
            Self::Canceled => "verification.canceled",
            Self::Expired => "verification.expired",
            Self::Reviewed => "verification.reviewed",
            Self::Redacted => "verification.redacted",
        }
    }

    /// The kind with this type.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|kind| kind.as_str() == text)
    }

    /// The kind of event that tells of a move into this status.
    #[must_use]
    pub const fn of_move_to(status: Status) -> Self {
        match status {
            Status::Created => Self::Created,
            Status::RequiresInput | Status::InProgress => Self::Updated,
            Status::Completed => Self::Completed,
            Status::Failed => Self::Failed,
            Status::RequiresReview => Self::ReviewRequired,
            Status::Canceled => Self::Canceled,
            Status::Expired => Self::Expired,
        }
    }
}

impl Serialize for EventKind {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(self.as_str())
    }
}

/// A SHA-256 digest, shown in lower-case hexadecimal.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
pub struct Hash(pub [u8; 32]);

impl std::fmt::Display for Hash {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(hex(&self.0, &mut [0; 64]))
    }
}

impl Serialize for Hash {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

/// Lower-case hexadecimal, written into `text`, which has room for two digits a byte.
fn hex<'a>(bytes: &[u8], text: &'a mut [u8]) -> &'a str {
    const DIGITS: &[u8; 16] = b"0123456789abcdef";
    for (byte, pair) in bytes.iter().zip(text.chunks_exact_mut(2)) {
        pair.copy_from_slice(&[DIGITS[usize::from(byte >> 4)], DIGITS[usize::from(byte & 15)]]);
    }
    std::str::from_utf8(text).unwrap_or_default()
}

/// The head of a session's chain of events.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Chain {
    /// The sequence of the last event; 0 before the first.
    pub sequence: u32,
    /// The hash of the last event; zeros before the first.
    pub hash: Hash,
}

/// One event. Its `data` is not in it: that is made from the session's constant part and this
/// event's [`Moment`], so that the person's data stands in one place only.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Event {
    /// Time-ordered and unguessable; the same in every delivery.
    pub id: EventId,
    /// Whose it is.
    pub realm: Realm,
    /// The session that moved.
    pub session: SessionId,
    /// What it tells.
    pub kind: EventKind,
    /// When it was written.
    pub created: Timestamp,
    /// 1, 2, 3 … within the session.
    pub sequence: u32,
    /// The hash of the event before it.
    pub prev_hash: Hash,
    /// SHA-256 of the salt and the canonical JSON of `data`.
    pub data_hash: Hash,
    /// What of the verification changes with time, as it was at that moment.
    pub moment: Moment,
}

/// The envelope, as it is delivered, listed and streamed.
#[derive(Debug, Serialize)]
pub struct Envelope<'a> {
    id: EventId,
    #[serde(rename = "type")]
    kind: EventKind,
    api_version: &'static str,
    created: Timestamp,
    livemode: bool,
    session_id: SessionId,
    sequence: u32,
    prev_hash: Hash,
    data_salt: Option<String>,
    data_hash: Hash,
    hash: Hash,
    data: Data<'a>,
}

/// The `data` of an event: the verification's list shape as it was at that moment, less what
/// has been redacted since.
#[derive(Debug, Serialize)]
pub struct Data<'a> {
    object: ListShape<'a>,
}

impl Event {
    /// The next event of `session`, which has just moved; advances the session's chain.
    ///
    /// `at` is the time of writing.
    pub fn append(session: &mut Session, kind: EventKind, at: Timestamp) -> Self {
        let id = next_id(session, at);
        Self::append_as(session, id, kind, at)
    }

    /// As [`Self::append`], with an identifier from [`next_id`]: the event that tells of an erasure
    /// is named with the session's secret and written without it. It has no salt; what it shows is
    /// redacted already.
    pub fn append_as(session: &mut Session, id: EventId, kind: EventKind, at: Timestamp) -> Self {
        let sequence = session.chain.sequence + 1;
        let moment = Moment { sequence, ..Moment::of(session) };
        let mut event = Self {
            id,
            realm: session.realm,
            session: session.id,
            kind,
            created: at,
            sequence,
            prev_hash: session.chain.hash,
            data_hash: Hash::default(),
            moment,
        };
        event.data_hash = data_hash(salt(session, sequence).as_ref(), &event.data(session));
        session.chain = Chain { sequence, hash: event.hash() };
        event
    }

    /// SHA-256 of id, type, api_version, created, livemode, session_id, sequence, prev_hash and
    /// data_hash as UTF-8, joined by line feeds.
    #[must_use]
    pub fn hash(&self) -> Hash {
        let text = format!(
            "{}\n{}\n{}\n{}\n{}\n{}\n{}\n{}\n{}",
            self.id,
            self.kind.as_str(),
            API_VERSION,
            self.created.seconds(),
            self.realm.mode.is_live(),
            self.session,
            self.sequence,
            self.prev_hash,
            self.data_hash,
        );
        Hash(Sha256::digest(text.as_bytes()).into())
    }

    /// The event's `data`. Of `session` only the constant and the personal part are read.
    #[must_use]
    pub fn data<'a>(&'a self, session: &'a Session) -> Data<'a> {
        Data { object: ListShape::new(session, &self.moment) }
    }

    /// The envelope. `session` is the session as it is stored now: only its constant part and
    /// its personal part are read.
    #[must_use]
    pub fn envelope<'a>(&'a self, session: &'a Session) -> Envelope<'a> {
        let salt = salt(session, self.sequence);
        Envelope {
            id: self.id,
            kind: self.kind,
            api_version: API_VERSION,
            created: self.created,
            livemode: self.realm.mode.is_live(),
            session_id: self.session,
            sequence: self.sequence,
            prev_hash: self.prev_hash,
            data_salt: salt.map(|bytes| hex(&bytes, &mut [0; 32]).to_owned()),
            data_hash: self.data_hash,
            hash: self.hash(),
            data: self.data(session),
        }
    }
}

/// The identifier of a session's first event, which is as old as the session. `None` if the session
/// has lost its secret and nobody has noted it.
#[must_use]
pub fn first_id(session: &Session) -> Option<EventId> {
    let noted = session.redaction.map(|redaction| redaction.first_event);
    noted.or_else(|| session.personal.as_ref().map(|_| id_of(session, 1, session.created)))
}

/// The identifier of the last event of a session that has ended, which is as old as the session's
/// last change. `None` while the session lives, and as for [`first_id`].
#[must_use]
pub fn last_id(session: &Session) -> Option<EventId> {
    let noted = session.redaction.map(|redaction| redaction.last_event);
    let ended = session.personal.is_some() && session.status().is_terminal();
    noted.or_else(|| ended.then(|| id_of(session, u64::from(session.chain.sequence), session.updated)))
}

/// The identifier of the session's next event, if it is written at this time.
#[must_use]
pub fn next_id(session: &Session, at: Timestamp) -> EventId {
    id_of(session, u64::from(session.chain.sequence) + 1, at)
}

fn id_of(session: &Session, sequence: u64, at: Timestamp) -> EventId {
    let personal = session.personal.as_ref();
    EventId::new(at, personal.map_or([0; 10], |personal| personal.secret.derive_short("event id", sequence)))
}

/// The salt of the event with this sequence; gone with the session's secret.
#[must_use]
pub fn salt(session: &Session, sequence: u32) -> Option<[u8; 16]> {
    let personal = session.personal.as_ref()?;
    Some(personal.secret.derive_short("event salt", u64::from(sequence)))
}

/// SHA-256 of the 16 salt bytes followed by the RFC 8785 canonical JSON of `data`, which is what
/// serde_json writes of a [`ListShape`].
#[must_use]
pub fn data_hash(salt: Option<&[u8; 16]>, data: &Data<'_>) -> Hash {
    #[expect(clippy::expect_used, reason = "data holds strings, integers, booleans and nulls only")]
    let canonical = serde_json::to_vec(data).expect("plain values have a JSON form");
    let mut digest = Sha256::new();
    if let Some(salt) = salt {
        digest.update(salt);
    }
    digest.update(&canonical);
    Hash(digest.finalize().into())
}
