//! The files of a document's chip, and the certificates and revocation lists that an operator trusts.
#![no_main]

use std::collections::BTreeMap;

use libfuzzer_sys::fuzz_target;
use vetd_checks::chip::{Trust, read};
use vetd_model::Timestamp;
use vetd_model::chip::ChipFiles;

fuzz_target!(|input: (&[u8], &[u8], &[u8])| {
    let (sod, group, trusted) = input;
    let mut trust = Trust::default();
    let _ = trust.add(trusted);
    let files = ChipFiles { sod: sod.to_vec(), groups: BTreeMap::from([(1, group.to_vec())]) };
    let _ = read(&files, &trust, Timestamp::from_seconds(1_763_800_000));
});
