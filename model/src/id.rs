//! Identifiers: a prefix that names the kind, and a UUIDv7 (RFC 9562) in lower-case Crockford
//! base32. They sort by their time of birth, as text and as bytes.

use std::fmt;
use std::hash::{Hash, Hasher};
use std::marker::PhantomData;
use std::str::FromStr;

use serde::{Serialize, Serializer};
use uuid::{Builder, Uuid};

use crate::time::Timestamp;

/// Crockford's alphabet: digits and letters without i, l, o and u.
const ALPHABET: &[u8; 32] = b"0123456789abcdefghjkmnpqrstvwxyz";
/// The digit that each byte stands for, or [`NONE`].
const DIGITS: [u8; 256] = {
    let mut digits = [NONE; 256];
    let mut digit = 0;
    while digit < ALPHABET.len() {
        digits[ALPHABET[digit] as usize] = digit as u8;
        digit += 1;
    }
    digits
};
const NONE: u8 = u8::MAX;
/// 128 bits in groups of five: 26 characters, the first of which is at most `7`.
const TEXT_LENGTH: usize = 26;

/// What an identifier identifies; the type parameter of [`Id`].
pub trait Kind: 'static {
    /// The letters in front of the underscore.
    const PREFIX: &'static str;
}

/// An identifier of one [`Kind`]: 16 bytes, shown as `prefix_` and 26 characters.
pub struct Id<K> {
    uuid: Uuid,
    kind: PhantomData<fn() -> K>,
}

macro_rules! kinds {
    ($($(#[$doc:meta])* $alias:ident, $kind:ident, $prefix:literal;)*) => {
        /// The kinds of identifiers.
        pub mod kind {
            $($(#[$doc])* pub enum $kind {}
            impl super::Kind for $kind { const PREFIX: &'static str = $prefix; })*
        }
        $($(#[$doc])* pub type $alias = Id<kind::$kind>;)*
    };
}

kinds! {
    /// A session; shares its UUID with its verification.
    SessionId, Session, "ses";
    /// The lasting record of a session.
    VerificationId, Verification, "ver";
    /// A template.
    TemplateId, Template, "tpl";
    /// One result of one check in one run.
    CheckId, Check, "chk";
    /// A picture that a person has sent.
    MediaId, Media, "med";
    /// An event.
    EventId, Event, "evt";
    /// A webhook endpoint.
    EndpointId, Endpoint, "we";
    /// A provider of checks.
    ProviderId, Provider, "prv";
    /// One request to the front door.
    RequestId, Request, "req";
    /// A webhook delivery: one event to one endpoint.
    DeliveryId, Delivery, "whd";
    /// An API key (never the key itself).
    ApiKeyId, ApiKey, "key";
    /// An entry of the audit log.
    AuditEntryId, AuditEntry, "aud";
}

impl<K> Id<K> {
    /// A UUIDv7 from its time of birth and ten bytes of entropy (74 bits of them are used).
    #[must_use]
    pub fn new(at: Timestamp, entropy: [u8; 10]) -> Self {
        Self::from_uuid(Builder::from_unix_timestamp_millis(at.millis(), &entropy).into_uuid())
    }

    /// The identifier with these 128 bits; what storage keeps.
    #[must_use]
    pub const fn from_uuid(uuid: Uuid) -> Self {
        Self { uuid, kind: PhantomData }
    }

    /// The identifier with these 16 bytes; what storage keeps.
    #[must_use]
    pub const fn from_bytes(bytes: [u8; 16]) -> Self {
        Self::from_uuid(Uuid::from_bytes(bytes))
    }

    /// When it was made.
    #[must_use]
    pub fn born(&self) -> Timestamp {
        Timestamp::from_millis((self.uuid.as_u128() >> 80) as u64)
    }

    /// The 16 bytes, in the order that sorts by time of birth.
    #[must_use]
    pub const fn bytes(&self) -> &[u8; 16] {
        self.uuid.as_bytes()
    }
}

impl SessionId {
    /// The verification of this session.
    #[must_use]
    pub const fn verification(self) -> VerificationId {
        Id::from_uuid(self.uuid)
    }
}

impl VerificationId {
    /// The session of this verification.
    #[must_use]
    pub const fn session(self) -> SessionId {
        Id::from_uuid(self.uuid)
    }
}

/// The text is not an identifier of the expected kind.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("must be an identifier like {prefix}_01jd7w0c8ze5tb9n3m6qk4v2ah")]
pub struct IdError {
    /// The prefix that was expected.
    pub prefix: &'static str,
}

impl<K: Kind> FromStr for Id<K> {
    type Err = IdError;

    fn from_str(text: &str) -> Result<Self, IdError> {
        let error = IdError { prefix: K::PREFIX };
        let digits = text.strip_prefix(K::PREFIX).and_then(|rest| rest.strip_prefix('_')).ok_or(error)?;
        if digits.len() != TEXT_LENGTH || digits.as_bytes()[0] > b'7' {
            return Err(error);
        }
        let mut bits: u128 = 0;
        for byte in digits.bytes() {
            let digit = DIGITS[usize::from(byte)];
            if digit == NONE {
                return Err(error);
            }
            bits = bits << 5 | u128::from(digit);
        }
        Ok(Self::from_uuid(Uuid::from_u128(bits)))
    }
}

impl<K: Kind> fmt::Display for Id<K> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let bits = self.uuid.as_u128();
        let mut text = [0u8; TEXT_LENGTH];
        for (place, letter) in text.iter_mut().rev().enumerate() {
            *letter = ALPHABET[(bits >> (5 * place)) as usize & 31];
        }
        let text = std::str::from_utf8(&text).map_err(|_| fmt::Error)?;
        write!(f, "{}_{text}", K::PREFIX)
    }
}

impl<K: Kind> fmt::Debug for Id<K> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

impl<K: Kind> Serialize for Id<K> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<K> Clone for Id<K> {
    fn clone(&self) -> Self {
        *self
    }
}

impl<K> Copy for Id<K> {}

impl<K> PartialEq for Id<K> {
    fn eq(&self, other: &Self) -> bool {
        self.uuid == other.uuid
    }
}

impl<K> Eq for Id<K> {}

impl<K> PartialOrd for Id<K> {
    fn partial_cmp(&self, other: &Self) -> Option<std::cmp::Ordering> {
        Some(self.cmp(other))
    }
}

impl<K> Ord for Id<K> {
    fn cmp(&self, other: &Self) -> std::cmp::Ordering {
        self.uuid.cmp(&other.uuid)
    }
}

impl<K> Hash for Id<K> {
    fn hash<H: Hasher>(&self, state: &mut H) {
        self.uuid.hash(state);
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn the_first_letters_are_the_time_of_birth() {
        let id = SessionId::new(Timestamp::from_millis(0x0193_5e2a_7b40), [0xff; 10]);
        assert_eq!(id.to_string(), "ses_01jdf2myt0fzzvzzzzzzzzzzzz");
    }

    proptest! {
        #[test]
        fn text_and_bytes_come_back_and_sort_alike(a: [u8; 16], b: [u8; 16]) {
            let (a, b) = (EventId::from_bytes(a), EventId::from_bytes(b));
            prop_assert_eq!(a.to_string().parse::<EventId>(), Ok(a));
            prop_assert_eq!(a.cmp(&b), a.to_string().cmp(&b.to_string()));
        }

        #[test]
        fn whatever_parses_prints_the_same(text in "(ses|ver)_[0-9a-z]{25,27}") {
            if let Ok(id) = text.parse::<SessionId>() {
                prop_assert_eq!(id.to_string(), text);
            }
        }
    }

    #[test]
    fn another_kind_or_a_129th_bit_is_refused() {
        assert!("ver_01jdf2myt0fzzvzzzzzzzzzzzz".parse::<SessionId>().is_err());
        assert!("ses_81jdf2myt0fzzvzzzzzzzzzzzz".parse::<SessionId>().is_err());
        assert!("ses_01JDF2MYT0FZZVZZZZZZZZZZZZ".parse::<SessionId>().is_err());
    }
}
