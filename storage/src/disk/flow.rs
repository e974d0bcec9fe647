//! A flow's record: its canonical JSON, filed under the SHA-256 of these very bytes once for all
//! who use it.
//!
//! The bytes alone say what the digest is. They are not made again when they are read: a later
//! release may know another default or write the same flow otherwise.

use sha2::{Digest, Sha256};
use vetd_model::flow::{Flow, FlowDigest};

use crate::api::StoreError;
use crate::codec::{Damaged, take};

const VERSION: u8 = 1;

/// Encodes a flow that is not on the disk yet.
pub(crate) fn encode(flow: &Flow) -> Result<Vec<u8>, StoreError> {
    let canonical = flow.canonical().ok_or(StoreError::TooLarge)?;
    Ok([&[VERSION], canonical.as_slice()].concat())
}

/// Reads a flow and makes sure that its bytes are those with this digest.
pub(crate) fn decode(digest: FlowDigest, bytes: &[u8]) -> Result<Flow, Damaged> {
    let ([VERSION], canonical) = take::<1>(bytes)? else { return Err(Damaged) };
    if <[u8; 32]>::from(Sha256::digest(canonical)) != digest.0 {
        return Err(Damaged);
    }
    let value: serde_json::Value = serde_json::from_slice(canonical).map_err(|_| Damaged)?;
    Flow::from_stored(&value, digest).map_err(|_| Damaged)
}
