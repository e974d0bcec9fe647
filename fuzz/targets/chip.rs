//! The files of a document's chip, and the certificates and revocation lists that an operator trusts: in
//! that order behind the lengths of the first two.
#![no_main]

use std::collections::BTreeMap;

use libfuzzer_sys::fuzz_target;
use vetd_checks::chip::{Trust, read};
use vetd_model::Timestamp;
use vetd_model::chip::ChipFiles;

fn part<'a>(input: &mut &'a [u8]) -> &'a [u8] {
    let Some((length, rest)) = input.split_first_chunk::<2>() else { return &[] };
    let length = usize::from(u16::from_be_bytes(*length)).min(rest.len());
    let (part, rest) = rest.split_at(length);
    *input = rest;
    part
}

fuzz_target!(|input: &[u8]| {
    let mut trusted = input;
    let (sod, group) = (part(&mut trusted), part(&mut trusted));
    let mut trust = Trust::default();
    let _ = trust.add(trusted);
    let files = ChipFiles { sod: sod.to_vec(), groups: BTreeMap::from([(1, group.to_vec())]) };
    let _ = read(&files, &trust, Timestamp::from_seconds(1_763_800_000));
});
