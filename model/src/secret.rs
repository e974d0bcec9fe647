//! The secret each session is born with. Whatever has to die with the person's data is derived
//! from it: the key that seals the record, the salts of the event hashes, and the unguessable
//! part of identifiers.

use hmac::{Hmac, KeyInit, Mac};
use sha2::Sha256;
use zeroize::{Zeroize, ZeroizeOnDrop};

/// 32 random bytes that belong to one verification; erased from memory when dropped, never shown.
#[derive(Clone, PartialEq, Eq, Zeroize, ZeroizeOnDrop)]
pub struct SessionSecret([u8; 32]);

impl SessionSecret {
    /// Takes 32 bytes from a cryptographic source of randomness.
    #[must_use]
    pub const fn new(bytes: [u8; 32]) -> Self {
        Self(bytes)
    }

    /// The bytes, for the one place that wraps them under the master key.
    #[must_use]
    pub const fn expose(&self) -> &[u8; 32] {
        &self.0
    }

    /// 32 bytes that only a holder of the secret can name, for one purpose (`label`) and one
    /// number within it. HMAC-SHA-256 (RFC 2104) as a key derivation function.
    #[must_use]
    pub fn derive(&self, label: &str, number: u64) -> [u8; 32] {
        let mut mac = keyed(&self.0);
        mac.update(label.as_bytes());
        mac.update(&[0]);
        mac.update(&number.to_be_bytes());
        mac.finalize().into_bytes().into()
    }

    /// The first `N` bytes of [`Self::derive`].
    #[must_use]
    pub fn derive_short<const N: usize>(&self, label: &str, number: u64) -> [u8; N] {
        let full = self.derive(label, number);
        let mut short = [0; N];
        short.copy_from_slice(&full[..N]);
        short
    }
}

impl std::fmt::Debug for SessionSecret {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("SessionSecret(..)")
    }
}

/// HMAC-SHA-256 under a key of any length.
pub(crate) fn keyed(key: &[u8]) -> Hmac<Sha256> {
    #[expect(clippy::expect_used, reason = "HMAC takes a key of any length")]
    Hmac::new_from_slice(key).expect("HMAC takes a key of any length")
}
