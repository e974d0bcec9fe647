//! Webhook signatures, as senders make them and receivers check them.
//!
//! Two schemes go out side by side: `KYC-Signature`, keyed with the secret as it is shown, and
//! the headers of the Standard Webhooks specification, keyed with the bytes behind the prefix.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use hmac::Mac;
use zeroize::{Zeroize, ZeroizeOnDrop};

use crate::secret::keyed;

/// How secrets begin.
pub const PREFIX: &str = "whsec_";
/// The bytes of a new secret; Standard Webhooks allows 24 to 64.
pub const SECRET_BYTES: usize = 32;

/// A signing secret, `whsec_` and base64. Never shown by `Debug`.
#[derive(Clone, PartialEq, Eq, Zeroize, ZeroizeOnDrop)]
pub struct WebhookSecret(String);

impl WebhookSecret {
    /// A secret of these random bytes.
    #[must_use]
    pub fn new(bytes: [u8; SECRET_BYTES]) -> Self {
        Self(format!("{PREFIX}{}", STANDARD.encode(bytes)))
    }

    /// Reads a secret as it is shown: the prefix, then base64 of 24 to 64 bytes.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        let bytes = STANDARD.decode(text.strip_prefix(PREFIX)?).ok()?;
        (24..=64).contains(&bytes.len()).then(|| Self(text.to_owned()))
    }

    /// The secret as it is shown once to its owner.
    #[must_use]
    pub fn expose(&self) -> &str {
        &self.0
    }

    fn key_bytes(&self) -> Vec<u8> {
        STANDARD.decode(self.0.trim_start_matches(PREFIX)).unwrap_or_default()
    }
}

impl std::fmt::Debug for WebhookSecret {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("WebhookSecret(..)")
    }
}

/// The value of `KYC-Signature`: `t=<unix seconds>` and one `v1=<hex>` for each secret still
/// valid, each HMAC-SHA-256 of `<t>.<body>` under the secret as it is shown.
#[must_use]
pub fn kyc_signature<'a>(secrets: impl IntoIterator<Item = &'a WebhookSecret>, timestamp: u64, body: &[u8]) -> String {
    let mut header = format!("t={timestamp}");
    for secret in secrets {
        let mut mac = keyed(secret.expose().as_bytes());
        mac.update(timestamp.to_string().as_bytes());
        mac.update(b".");
        mac.update(body);
        header.push_str(",v1=");
        mac.finalize().into_bytes().iter().for_each(|byte| header.push_str(&format!("{byte:02x}")));
    }
    header
}

/// The value of `webhook-signature` (Standard Webhooks 1.0): for each secret still valid `v1,`
/// and base64 of the HMAC-SHA-256 of `<id>.<timestamp>.<body>` under the decoded secret, joined
/// by spaces.
#[must_use]
pub fn standard_signature<'a>(
    secrets: impl IntoIterator<Item = &'a WebhookSecret>,
    id: &str,
    timestamp: u64,
    body: &[u8],
) -> String {
    let signatures: Vec<String> = secrets
        .into_iter()
        .map(|secret| {
            let mut mac = keyed(&secret.key_bytes());
            mac.update(format!("{id}.{timestamp}.").as_bytes());
            mac.update(body);
            format!("v1,{}", STANDARD.encode(mac.finalize().into_bytes()))
        })
        .collect();
    signatures.join(" ")
}

/// Why a receiver must not trust a delivery.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum SignatureError {
    /// The header is not `t=<seconds>,v1=<hex>`.
    #[error("the KYC-Signature header has not the form t=<seconds>,v1=<hex>")]
    Malformed,
    /// The time in the header is further from now than the tolerance.
    #[error("the signature is older or newer than the tolerance allows")]
    Stale,
    /// No signature in the header is this secret's.
    #[error("no v1 signature matches this secret and body")]
    Mismatch,
}

/// Checks a `KYC-Signature` as a receiver does. `now` and `tolerance` are in seconds. The
/// comparison takes the same time wherever the first difference is.
///
/// # Errors
/// See [`SignatureError`].
pub fn verify_kyc_signature(
    secret: &WebhookSecret,
    header: &str,
    body: &[u8],
    now: u64,
    tolerance: u64,
) -> Result<(), SignatureError> {
    let mut parts = header.split(',');
    let timestamp = parts.next().and_then(|part| part.strip_prefix("t=")).and_then(|t| t.parse::<u64>().ok());
    let timestamp = timestamp.ok_or(SignatureError::Malformed)?;
    if now.abs_diff(timestamp) > tolerance {
        return Err(SignatureError::Stale);
    }
    let mut mac = keyed(secret.expose().as_bytes());
    mac.update(format!("{timestamp}.").as_bytes());
    mac.update(body);
    for part in parts {
        let bytes = part.strip_prefix("v1=").and_then(unhex).ok_or(SignatureError::Malformed)?;
        if mac.clone().verify_slice(&bytes).is_ok() {
            return Ok(());
        }
    }
    Err(SignatureError::Mismatch)
}

fn unhex(text: &str) -> Option<Vec<u8>> {
    let nibble = |byte: u8| char::from(byte).to_digit(16).and_then(|digit| u8::try_from(digit).ok());
    let even = text.len().is_multiple_of(2);
    even.then(|| text.as_bytes().chunks(2).map(|pair| Some(nibble(pair[0])? << 4 | nibble(pair[1])?)).collect())?
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_standard_webhooks_example_comes_out_as_published() {
        // The worked example of the Standard Webhooks specification.
        let secret = WebhookSecret::parse("whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw").unwrap();
        let body = br#"{"test": 2432232314}"#;
        let signature = standard_signature([&secret], "msg_p5jXN8AQM9LWM0D4loKWxJek", 1_614_265_330, body);
        assert_eq!(signature, "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE=");
    }

    #[test]
    fn a_receiver_accepts_the_right_secret_time_and_body_only() {
        let [ours, old, foreign] = [1, 2, 3].map(|byte| WebhookSecret::new([byte; 32]));
        let header = kyc_signature([&ours, &old], 1000, b"{}");
        let verify = |secret, body: &[u8], now| verify_kyc_signature(secret, &header, body, now, 300);
        assert_eq!(verify(&ours, b"{}", 1300), Ok(()));
        assert_eq!(verify(&old, b"{}", 700), Ok(()));
        assert_eq!(verify(&ours, b"{ }", 1000), Err(SignatureError::Mismatch));
        assert_eq!(verify(&foreign, b"{}", 1000), Err(SignatureError::Mismatch));
        assert_eq!(verify(&ours, b"{}", 1301), Err(SignatureError::Stale));
        assert_eq!(verify_kyc_signature(&ours, "v1=00", b"{}", 0, 1), Err(SignatureError::Malformed));
        assert_eq!(verify_kyc_signature(&ours, "t=0,v1=é", b"{}", 0, 1), Err(SignatureError::Malformed));
    }
}
