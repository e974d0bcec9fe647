//! Sealing: XChaCha20-Poly1305 (draft-irtf-cfrg-xchacha) with a random nonce in front.

use chacha20poly1305::aead::{Aead, KeyInit, Payload};
use chacha20poly1305::{Key, XChaCha20Poly1305, XNonce};
use rand::Rng;
use zeroize::Zeroizing;

use crate::api::StoreError;
use crate::codec::Damaged;

/// The length of a nonce, in bytes.
pub(crate) const NONCE: usize = 24;
/// What sealing adds: the nonce and the tag.
pub(crate) const OVERHEAD: usize = NONCE + 16;

/// Seals and opens under one key.
pub(crate) struct Seal(XChaCha20Poly1305);

impl Seal {
    /// A seal under this key.
    pub(crate) fn new(key: &[u8; 32]) -> Self {
        Self(XChaCha20Poly1305::new(&Key::from(*key)))
    }

    /// Nonce, ciphertext and tag; opens only together with the same `bound`.
    pub(crate) fn close(&self, plain: &[u8], bound: &[u8]) -> Result<Vec<u8>, StoreError> {
        self.close_after(&[], plain, bound)
    }

    /// The same behind a head that is not sealed.
    pub(crate) fn close_after(&self, head: &[u8], plain: &[u8], bound: &[u8]) -> Result<Vec<u8>, StoreError> {
        let mut nonce = [0; NONCE];
        rand::rng().fill_bytes(&mut nonce);
        let sealed = self
            .0
            .encrypt(&XNonce::from(nonce), Payload { msg: plain, aad: bound })
            .map_err(|_| StoreError::TooLarge)?;
        let mut bytes = Vec::with_capacity(head.len() + NONCE + sealed.len());
        bytes.extend_from_slice(head);
        bytes.extend_from_slice(&nonce);
        bytes.extend_from_slice(&sealed);
        Ok(bytes)
    }

    /// What was sealed, if nothing of it was changed and `bound` is the same.
    pub(crate) fn open(&self, sealed: &[u8], bound: &[u8]) -> Result<Zeroizing<Vec<u8>>, Damaged> {
        let (nonce, sealed) = sealed.split_first_chunk::<NONCE>().ok_or(Damaged)?;
        let plain = self.0.decrypt(&XNonce::from(*nonce), Payload { msg: sealed, aad: bound }).map_err(|_| Damaged)?;
        Ok(Zeroizing::new(plain))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_the_same_key_and_the_same_place_open() {
        let seal = Seal::new(&[7; 32]);
        let sealed = seal.close(b"Anna", b"here").unwrap();
        assert_eq!(sealed.len(), 4 + OVERHEAD);
        assert_eq!(seal.open(&sealed, b"here").unwrap().as_slice(), b"Anna");
        assert_eq!(seal.open(&sealed, b"there").unwrap_err(), Damaged);
        assert_eq!(Seal::new(&[8; 32]).open(&sealed, b"here").unwrap_err(), Damaged);
        let mut changed = sealed.clone();
        changed[NONCE] ^= 1;
        assert_eq!(seal.open(&changed, b"here").unwrap_err(), Damaged);
        assert_eq!(seal.open(&sealed[..10], b"here").unwrap_err(), Damaged);
        assert_ne!(seal.close(b"Anna", b"here").unwrap(), sealed);
    }
}
