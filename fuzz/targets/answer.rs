//! A provider's answer: what is accepted shows nothing but its code beyond the sealed details.
#![no_main]

use libfuzzer_sys::fuzz_target;
use vetd_model::provider::parse_answer;

fuzz_target!(|body: &[u8]| {
    let Ok(value) = serde_json::from_slice(body) else { return };
    if let Ok(finding) = parse_answer(&value, "acme") {
        let code = finding.code.unwrap_or_default();
        assert!(code.bytes().all(|byte| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'_'));
        assert!(finding.score.is_none_or(|score| score <= 1000));
    }
});
