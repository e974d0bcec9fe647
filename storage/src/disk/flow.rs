//! A flow's record: its JSON, filed under its digest once for all who use it.

use vetd_model::flow::{Flow, FlowDigest};

use crate::api::StoreError;
use crate::codec::{Damaged, take};

const VERSION: u8 = 1;

pub(crate) fn encode(flow: &Flow) -> Result<Vec<u8>, StoreError> {
    let mut bytes = vec![VERSION];
    serde_json::to_writer(&mut bytes, &flow.to_json()).map_err(|_| StoreError::TooLarge)?;
    Ok(bytes)
}

/// Reads a flow and makes sure that it is the one with this digest.
pub(crate) fn decode(digest: FlowDigest, bytes: &[u8]) -> Result<Flow, Damaged> {
    let ([VERSION], json) = take::<1>(bytes)? else { return Err(Damaged) };
    let value: serde_json::Value = serde_json::from_slice(json).map_err(|_| Damaged)?;
    let flow = Flow::parse(&value, "flow").map_err(|_| Damaged)?;
    if flow.digest() == digest { Ok(flow) } else { Err(Damaged) }
}
