//! Bytes of records. The only place that names bincode, so that it can be replaced here.
//!
//! Every record begins with its version byte; what follows is read by that version's rules for
//! as long as stores with such records may exist.

use std::fmt;

use bincode::config::{Configuration, Limit};
use serde::de::{DeserializeOwned, Visitor};
use serde::{Deserialize, Deserializer, Serialize, Serializer};

use crate::api::StoreError;

/// The largest record, in bytes.
pub(crate) const RECORD_LIMIT: usize = 256 * 1024;

/// Variable-length integers, little-endian; nothing allocates more than a record can hold.
const CONFIG: Configuration<bincode::config::LittleEndian, bincode::config::Varint, Limit<RECORD_LIMIT>> =
    bincode::config::standard().with_limit::<RECORD_LIMIT>();

/// The bytes are not what a record of their kind can be.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Damaged;

/// Appends `body` to `head`.
///
/// # Errors
/// [`StoreError::TooLarge`].
pub(crate) fn encode<T: Serialize>(head: &[u8], body: &T) -> Result<Vec<u8>, StoreError> {
    let mut bytes = head.to_vec();
    bincode::serde::encode_into_std_write(body, &mut bytes, CONFIG).map_err(|_| StoreError::TooLarge)?;
    if bytes.len() > RECORD_LIMIT { Err(StoreError::TooLarge) } else { Ok(bytes) }
}

/// Reads a body that takes up all of `bytes`.
pub(crate) fn decode<T: DeserializeOwned>(bytes: &[u8]) -> Result<T, Damaged> {
    let (body, length) = bincode::serde::decode_from_slice(bytes, CONFIG).map_err(|_| Damaged)?;
    if length == bytes.len() { Ok(body) } else { Err(Damaged) }
}

/// Reads a body from the beginning of `bytes`; whatever follows it is not looked at.
pub(crate) fn decode_first<T: DeserializeOwned>(bytes: &[u8]) -> Result<T, Damaged> {
    bincode::serde::decode_from_slice(bytes, CONFIG).map(|(body, _)| body).map_err(|_| Damaged)
}

/// Splits a fixed-size piece off the front.
pub(crate) fn take<const N: usize>(bytes: &[u8]) -> Result<([u8; N], &[u8]), Damaged> {
    let (piece, rest) = bytes.split_first_chunk::<N>().ok_or(Damaged)?;
    Ok((*piece, rest))
}

/// The head of a record that counts its writes: version, then revision (big-endian).
pub(crate) const REVISIONED_HEAD: usize = 9;

/// Makes the head of a record that counts its writes.
pub(crate) fn revisioned_head(version: u8, revision: u64) -> [u8; REVISIONED_HEAD] {
    let mut head = [version; REVISIONED_HEAD];
    head[1..].copy_from_slice(&revision.to_be_bytes());
    head
}

/// Splits the head off a record that counts its writes: version, revision, body.
pub(crate) fn split_revisioned(bytes: &[u8]) -> Result<(u8, u64, &[u8]), Damaged> {
    let ([version], rest) = take::<1>(bytes)?;
    let (revision, rest) = take::<8>(rest)?;
    Ok((version, u64::from_be_bytes(revision), rest))
}

/// Opaque bytes inside a record.
#[derive(Clone, PartialEq, Eq)]
pub(crate) struct Blob(pub Vec<u8>);

impl fmt::Debug for Blob {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Blob({} bytes)", self.0.len())
    }
}

impl Serialize for Blob {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_bytes(&self.0)
    }
}

impl<'de> Deserialize<'de> for Blob {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Bytes;
        impl Visitor<'_> for Bytes {
            type Value = Blob;
            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("bytes")
            }
            fn visit_bytes<E>(self, bytes: &[u8]) -> Result<Blob, E> {
                Ok(Blob(bytes.to_vec()))
            }
            fn visit_byte_buf<E>(self, bytes: Vec<u8>) -> Result<Blob, E> {
                Ok(Blob(bytes))
            }
        }
        deserializer.deserialize_byte_buf(Bytes)
    }
}
