//! A KYC-Signature header, and a signed link's two parameters.
#![no_main]

use libfuzzer_sys::fuzz_target;
use vetd_model::link::{Links, Target};
use vetd_model::signature::{WebhookSecret, verify_kyc_signature};
use vetd_model::{MediaId, Timestamp};

fuzz_target!(|input: (&str, &[u8], u64)| {
    let (text, body, number) = input;
    let secret = WebhookSecret::new([7; 32]);
    assert!(verify_kyc_signature(&secret, text, body, 1_763_800_000, 300).is_err());
    let links = Links::new(b"secret", "https://vetd.example.com".to_owned());
    let target = Target::Picture(MediaId::from_bytes([1; 16]));
    assert!(links.open(target, number, text, Timestamp::from_seconds(1_763_800_000)).is_err());
});
