//! What stands in the page's address in place of the token once the page has taken that out: it says
//! whose session this is, so that the server knows which pages may show it, and opens nothing.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use hmac::{Hmac, KeyInit, Mac};
use sha2::Sha256;
use vetd_model::{Realm, SessionId};

/// A realm, in bytes.
const REALM: usize = 5;
/// Of HMAC-SHA-256, so many bytes: enough for what opens nothing.
const MAC: usize = 16;

/// Makes and reads such values. They are signed, because a workspace's allowed origins are nobody
/// else's business.
pub(in crate::http) struct Resumes(Hmac<Sha256>);

impl Resumes {
    /// With this secret.
    pub(in crate::http) fn new(secret: &[u8]) -> Self {
        #[expect(clippy::expect_used, reason = "HMAC takes a key of any length")]
        Self(Hmac::new_from_slice(secret).expect("HMAC takes a key of any length"))
    }

    /// For this session of this realm.
    pub(super) fn make(&self, realm: Realm, session: SessionId) -> String {
        let mac = self.mac(&realm.bytes(), session).finalize().into_bytes();
        URL_SAFE_NO_PAD.encode([&realm.bytes(), &mac[..MAC]].concat())
    }

    /// The realm that this one names for the session, if it is genuine.
    pub(super) fn read(&self, text: &str, session: SessionId) -> Option<Realm> {
        let bytes = URL_SAFE_NO_PAD.decode(text).ok()?;
        let (realm, mac) = bytes.split_first_chunk::<REALM>().filter(|(_, mac)| mac.len() == MAC)?;
        // Compares in constant time.
        self.mac(realm, session).verify_truncated_left(mac).ok()?;
        Realm::from_bytes(*realm)
    }

    fn mac(&self, realm: &[u8; REALM], session: SessionId) -> Hmac<Sha256> {
        self.0.clone().chain_update(b"vetd:resume\0").chain_update(realm).chain_update(session.bytes())
    }
}

#[cfg(test)]
mod tests {
    use vetd_model::{Mode, WorkspaceId};

    use super::*;

    #[test]
    fn it_names_one_session_s_realm_and_cannot_be_made_up() {
        let resumes = Resumes::new(b"secret");
        let realm = Realm { workspace: WorkspaceId(7), mode: Mode::Live };
        let (session, other) = (SessionId::from_bytes([3; 16]), SessionId::from_bytes([4; 16]));
        let text = resumes.make(realm, session);
        assert_eq!(resumes.read(&text, session), Some(realm));
        assert_eq!(resumes.read(&text, other), None);
        assert_eq!(Resumes::new(b"another").read(&text, session), None);
        let mut bytes = URL_SAFE_NO_PAD.decode(&text).unwrap();
        bytes[4] ^= 1;
        for wrong in ["", "!", &text[1..], &URL_SAFE_NO_PAD.encode(&bytes), &URL_SAFE_NO_PAD.encode(&bytes[..5])] {
            assert_eq!(resumes.read(wrong, session), None, "{wrong}");
        }
    }
}
