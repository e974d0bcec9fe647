//! Signed links to pictures. A link opens one picture until its end to whoever holds it; nothing is
//! stored for it.

use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use hmac::{Hmac, KeyInit, Mac};
use sha2::Sha256;
use vetd_model::media::Media;
use vetd_model::verification::MediaLink;
use vetd_model::{ErrorCode, MediaId, Realm, Refusal, Session, SessionId, Timestamp};

/// How long a link works.
const LIFE: Duration = Duration::from_secs(15 * 60);
/// The realm and the session that a signature names, in bytes.
const NAMED: usize = 5 + 16;
/// HMAC-SHA-256, in bytes.
const MAC: usize = 32;

/// Makes and reads links.
pub(super) struct Links(Hmac<Sha256>);

/// What a genuine link opens.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Opened {
    /// Whose.
    pub(super) realm: Realm,
    /// Of which session.
    pub(super) session: SessionId,
}

impl Links {
    /// With this secret.
    pub(super) fn new(secret: &[u8]) -> Self {
        #[expect(clippy::expect_used, reason = "HMAC takes a key of any length")]
        Self(Hmac::new_from_slice(secret).expect("HMAC takes a key of any length"))
    }

    /// A link to a picture of a session, made at `at`.
    pub(super) fn link(&self, public_url: &str, session: &Session, media: &Media, at: Timestamp) -> MediaLink {
        let expires_at = at.floor_second().after(LIFE);
        let mut named = [0; NAMED];
        named[..5].copy_from_slice(&session.realm.bytes());
        named[5..].copy_from_slice(session.id.bytes());
        let mac = self.mac(&named, media.id, expires_at.seconds()).finalize().into_bytes();
        let signature = URL_SAFE_NO_PAD.encode([named.as_slice(), mac.as_slice()].concat());
        let url = format!("{public_url}/media/{}?exp={}&sig={signature}", media.id, expires_at.seconds());
        MediaLink { url, expires_at }
    }

    /// What a link opens, if it is genuine and its end has not come.
    ///
    /// # Errors
    /// `invalid_signature`.
    pub(super) fn open(
        &self,
        media: MediaId,
        expires: u64,
        signature: &str,
        now: Timestamp,
    ) -> Result<Opened, Refusal> {
        let bytes = URL_SAFE_NO_PAD.decode(signature).map_err(|_| ended())?;
        let (named, mac) = bytes.split_first_chunk::<NAMED>().filter(|(_, mac)| mac.len() == MAC).ok_or_else(ended)?;
        // Compares in constant time.
        self.mac(named, media, expires).verify_slice(mac).map_err(|_| ended())?;
        if now.seconds() >= expires {
            return Err(ended());
        }
        let (realm, session) = named.split_first_chunk::<5>().ok_or_else(ended)?;
        let session = session.try_into().map_err(|_| ended())?;
        Ok(Opened { realm: Realm::from_bytes(*realm).ok_or_else(ended)?, session: SessionId::from_bytes(session) })
    }

    fn mac(&self, named: &[u8; NAMED], media: MediaId, expires: u64) -> Hmac<Sha256> {
        let parts: [&[u8]; 4] = [b"vetd:media\0", named, media.bytes(), &expires.to_be_bytes()];
        parts.iter().fold(self.0.clone(), |mac, part| mac.chain_update(part))
    }
}

fn ended() -> Refusal {
    let message = "The link has ended or was changed; read the verification again for a fresh one.";
    Refusal::new(ErrorCode::InvalidSignature, message)
}

#[cfg(test)]
mod tests {
    use vetd_model::{Mode, WorkspaceId};

    use super::*;

    const AT: Timestamp = Timestamp::from_seconds(1_763_800_000);

    fn signed(links: &Links, media: MediaId, expires: u64) -> String {
        let realm = Realm { workspace: WorkspaceId(7), mode: Mode::Live };
        let mut named = [3; NAMED];
        named[..5].copy_from_slice(&realm.bytes());
        let mac = links.mac(&named, media, expires).finalize().into_bytes();
        URL_SAFE_NO_PAD.encode([named.as_slice(), mac.as_slice()].concat())
    }

    #[test]
    fn a_link_opens_its_one_picture_until_its_end() {
        let links = Links::new(b"secret");
        let (media, end) = (MediaId::from_bytes([1; 16]), AT.seconds() + 900);
        let signature = signed(&links, media, end);
        let opened = links.open(media, end, &signature, AT).unwrap();
        assert_eq!((opened.realm.workspace, opened.session), (WorkspaceId(7), SessionId::from_bytes([3; 16])));
        assert!(links.open(media, end, &signature, Timestamp::from_seconds(end)).is_err());
        assert!(links.open(MediaId::from_bytes([2; 16]), end, &signature, AT).is_err());
        assert!(links.open(media, end + 1, &signature, AT).is_err());
        assert!(Links::new(b"another").open(media, end, &signature, AT).is_err());
        let mut other = URL_SAFE_NO_PAD.decode(&signature).unwrap();
        other[20] ^= 1;
        assert!(links.open(media, end, &URL_SAFE_NO_PAD.encode(&other), AT).is_err());
        for wrong in ["", "a", "!!", &signature[1..]] {
            assert!(links.open(media, end, wrong, AT).is_err(), "{wrong}");
        }
    }
}
