//! A KYC-Signature header, and a signed link's two parameters: a header, a number and a body, each behind
//! a line's end. None of them is signed, so none may be taken.
#![no_main]

use libfuzzer_sys::fuzz_target;
use vetd_model::link::{Links, Target};
use vetd_model::signature::{WebhookSecret, verify_kyc_signature};
use vetd_model::{MediaId, Timestamp};

fuzz_target!(|input: &str| {
    let mut lines = input.splitn(3, '\n');
    let mut line = || lines.next().unwrap_or_default();
    let (text, number, body) = (line(), line(), line());
    let secret = WebhookSecret::new([7; 32]);
    assert!(verify_kyc_signature(&secret, text, body.as_bytes(), 1_763_800_000, 300).is_err());
    let links = Links::new(b"secret", "https://vetd.example.com".to_owned());
    let target = Target::Picture(MediaId::from_bytes([1; 16]));
    let expires = number.parse().unwrap_or(u64::MAX);
    assert!(links.open(target, expires, text, Timestamp::from_seconds(1_763_800_000)).is_err());
});
