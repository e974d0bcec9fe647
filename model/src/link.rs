//! Signed links: to a picture, for whoever looks at a verification, and to the place where a provider
//! leaves its answer. A link opens one thing until its end to whoever holds it; nothing is stored for
//! it.

use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use hmac::{Hmac, Mac};
use sha2::Sha256;

use crate::error::{ErrorCode, Refusal};
use crate::id::{CheckId, MediaId, SessionId};
use crate::realm::Realm;
use crate::secret::keyed;
use crate::session::Session;
use crate::time::Timestamp;

/// The realm and the session that a signature names, in bytes.
const NAMED: usize = 5 + 16;
/// HMAC-SHA-256, in bytes.
const MAC: usize = 32;

/// A link and its end.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Link {
    /// The address.
    pub url: String,
    /// When it stops working.
    pub expires_at: Timestamp,
}

/// What a genuine link opens.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Opened {
    /// Whose.
    pub realm: Realm,
    /// Of which session.
    pub session: SessionId,
}

/// One thing that a link can open.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Target {
    /// A picture, for 15 minutes.
    Picture(MediaId),
    /// The place for the answer to a check, for an hour: longer than any run of checks.
    Callback(CheckId),
}

impl Target {
    fn bytes(&self) -> &[u8; 16] {
        match self {
            Self::Picture(id) => id.bytes(),
            Self::Callback(id) => id.bytes(),
        }
    }

    /// What its signatures begin with, so that no link opens a thing of another kind.
    const fn label(self) -> &'static [u8] {
        match self {
            Self::Picture(_) => b"vetd:media\0",
            Self::Callback(_) => b"vetd:callback\0",
        }
    }

    const fn life(self) -> Duration {
        match self {
            Self::Picture(_) => Duration::from_secs(15 * 60),
            Self::Callback(_) => Duration::from_secs(60 * 60),
        }
    }

    fn path(self) -> String {
        match self {
            Self::Picture(id) => format!("/media/{id}"),
            Self::Callback(id) => format!("/callbacks/{id}"),
        }
    }
}

/// Makes and reads links.
#[derive(Clone)]
pub struct Links {
    mac: Hmac<Sha256>,
    public_url: String,
}

impl Links {
    /// With this secret; `public_url` begins every link and has no slash at its end.
    #[must_use]
    pub fn new(secret: &[u8], public_url: String) -> Self {
        Self { mac: keyed(secret), public_url }
    }

    /// A link to something of a session, made at `at`.
    #[must_use]
    pub fn link(&self, session: &Session, target: Target, at: Timestamp) -> Link {
        let expires_at = at.floor_second().after(target.life());
        let signature = self.sign(session.realm, session.id, target, expires_at.seconds());
        let url = format!("{}{}?exp={}&sig={signature}", self.public_url, target.path(), expires_at.seconds());
        Link { url, expires_at }
    }

    fn sign(&self, realm: Realm, session: SessionId, target: Target, expires: u64) -> String {
        let mut named = [0; NAMED];
        named[..5].copy_from_slice(&realm.bytes());
        named[5..].copy_from_slice(session.bytes());
        let mac = self.over(&named, target, expires).finalize().into_bytes();
        URL_SAFE_NO_PAD.encode([named.as_slice(), mac.as_slice()].concat())
    }

    /// What a link opens, if it is genuine and its end has not come.
    ///
    /// # Errors
    /// `invalid_signature`.
    pub fn open(&self, target: Target, expires: u64, signature: &str, now: Timestamp) -> Result<Opened, Refusal> {
        let ended = || {
            let message = match target {
                Target::Picture(_) => "The link has ended or was changed; read the verification again for a fresh one.",
                Target::Callback(_) => "The link has ended or was changed; use callback_url as the request held it.",
            };
            Refusal::new(ErrorCode::InvalidSignature, message)
        };
        let bytes = URL_SAFE_NO_PAD.decode(signature).map_err(|_| ended())?;
        let (named, mac) = bytes.split_first_chunk::<NAMED>().filter(|(_, mac)| mac.len() == MAC).ok_or_else(ended)?;
        // Compares in constant time.
        self.over(named, target, expires).verify_slice(mac).map_err(|_| ended())?;
        if now.seconds() >= expires {
            return Err(ended());
        }
        let (realm, session) = named.split_first_chunk::<5>().ok_or_else(ended)?;
        let session = session.try_into().map_err(|_| ended())?;
        Ok(Opened { realm: Realm::from_bytes(*realm).ok_or_else(ended)?, session: SessionId::from_bytes(session) })
    }

    fn over(&self, named: &[u8; NAMED], target: Target, expires: u64) -> Hmac<Sha256> {
        let parts: [&[u8]; 4] = [target.label(), named, target.bytes(), &expires.to_be_bytes()];
        parts.iter().fold(self.mac.clone(), |mac, part| mac.chain_update(part))
    }
}

impl std::fmt::Debug for Links {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Links(..)")
    }
}

#[cfg(test)]
mod tests {
    use crate::{Mode, WorkspaceId};

    use super::*;

    const AT: Timestamp = Timestamp::from_seconds(1_763_800_000);

    fn links(secret: &str) -> Links {
        Links::new(secret.as_bytes(), "https://vetd.example.com".to_owned())
    }

    fn signed(links: &Links, target: Target, expires: u64) -> String {
        let realm = Realm { workspace: WorkspaceId(7), mode: Mode::Live };
        links.sign(realm, SessionId::from_bytes([3; 16]), target, expires)
    }

    #[test]
    fn a_link_opens_its_one_thing_until_its_end() {
        let links_of = links;
        let links = links("secret");
        let (target, end) = (Target::Picture(MediaId::from_bytes([1; 16])), AT.seconds() + 900);
        let signature = signed(&links, target, end);
        let opened = links.open(target, end, &signature, AT).unwrap();
        assert_eq!((opened.realm.workspace, opened.session), (WorkspaceId(7), SessionId::from_bytes([3; 16])));
        assert!(links.open(target, end, &signature, Timestamp::from_seconds(end)).is_err());
        assert!(links.open(Target::Picture(MediaId::from_bytes([2; 16])), end, &signature, AT).is_err());
        assert!(links.open(Target::Callback(CheckId::from_bytes([1; 16])), end, &signature, AT).is_err());
        assert!(links.open(target, end + 1, &signature, AT).is_err());
        assert!(links_of("another").open(target, end, &signature, AT).is_err());
        let mut other = URL_SAFE_NO_PAD.decode(&signature).unwrap();
        other[20] ^= 1;
        assert!(links.open(target, end, &URL_SAFE_NO_PAD.encode(&other), AT).is_err());
        for wrong in ["", "a", "!!", &signature[1..]] {
            assert!(links.open(target, end, wrong, AT).is_err(), "{wrong}");
        }
    }
}
