//! The one port through which randomness comes in.

use rand::Rng;
use vetd_model::Timestamp;
use vetd_model::id::{Id, Kind};
use vetd_model::secret::SessionSecret;
use vetd_model::signature::{SECRET_BYTES, WebhookSecret};

/// Randomness from the operating system's generator, by way of the thread's own.
#[derive(Debug, Clone, Copy, Default)]
pub struct Entropy;

/// What API keys are written in.
const KEY_LETTERS: &[u8; 62] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789";
/// The letters of an API key: 32 of 62 are 190 bits.
const KEY_LENGTH: usize = 32;

impl Entropy {
    /// An array of random bytes.
    #[must_use]
    pub fn bytes<const N: usize>(self) -> [u8; N] {
        let mut bytes = [0; N];
        rand::rng().fill_bytes(&mut bytes);
        bytes
    }

    /// A fresh identifier.
    #[must_use]
    pub fn id<K: Kind>(self, at: Timestamp) -> Id<K> {
        Id::new(at, self.bytes())
    }

    /// A fresh session secret.
    #[must_use]
    pub fn session_secret(self) -> SessionSecret {
        SessionSecret::new(self.bytes())
    }

    /// A fresh webhook secret.
    #[must_use]
    pub fn webhook_secret(self) -> WebhookSecret {
        WebhookSecret::new(self.bytes::<SECRET_BYTES>())
    }

    /// The random part of a fresh API key.
    #[must_use]
    pub fn key_letters(self) -> String {
        let mut letters = String::with_capacity(KEY_LENGTH);
        while letters.len() < KEY_LENGTH {
            // Bytes beyond the last whole multiple of 62 would favour the first letters.
            let fair = self.bytes::<KEY_LENGTH>().into_iter().filter(|byte| *byte < 248);
            letters.extend(fair.map(|byte| char::from(KEY_LETTERS[usize::from(byte) % 62])));
        }
        letters.truncate(KEY_LENGTH);
        letters
    }

    /// A number from 0 to 1000, for jitter.
    #[must_use]
    pub fn thousandth(self) -> u16 {
        u16::from_be_bytes(self.bytes()) % 1001
    }
}
