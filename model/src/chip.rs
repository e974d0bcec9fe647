//! What the chip of a document said, and what was proven of it when it was sent in (ICAO Doc 9303,
//! parts 10 and 11). Whether that is enough is for the check to say, at the time of its run.

use std::collections::BTreeMap;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde_json::Value;

use crate::error::Refusal;
use crate::event::Hash;
use crate::time::Timestamp;
use crate::validate::{Issues, Object};

/// The largest document security object, in bytes; usual ones have 2 to 4 kB.
const LARGEST_SOD: usize = 64 * 1024;
/// The largest data group, in bytes: a portrait has 12 to 60 kB.
const LARGEST_GROUP: usize = 256 * 1024;
/// The data groups that a chip can have.
const GROUPS: std::ops::RangeInclusive<u8> = 1..=16;

/// The files of a chip, as they were read.
#[derive(Clone, PartialEq, Eq)]
pub struct ChipFiles {
    /// The document security object (EF.SOD).
    pub sod: Vec<u8>,
    /// The data groups by number; number 1 is among them.
    pub groups: BTreeMap<u8, Vec<u8>>,
}

/// Shows no content: it is a person's data.
impl std::fmt::Debug for ChipFiles {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("ChipFiles").field("groups", &self.groups.keys()).finish_non_exhaustive()
    }
}

impl ChipFiles {
    /// Reads a body: `sod`, `dg1` and any of `dg2` to `dg16` in base64.
    ///
    /// # Errors
    /// `validation_error` with the path of every wrong field.
    pub fn parse(body: &Value) -> Result<Self, Refusal> {
        let mut issues = Issues::default();
        let mut object = Object::root(body, &mut issues);
        let sod = object.required_with("sod", &mut issues, |text| decoded(text, LARGEST_SOD)).unwrap_or_default();
        let mut groups = BTreeMap::new();
        for number in GROUPS {
            let name = group_name(number);
            let file = if number == 1 {
                object.required_with(name, &mut issues, |text| decoded(text, LARGEST_GROUP))
            } else {
                object.optional_with(name, &mut issues, |text| decoded(text, LARGEST_GROUP))
            };
            groups.extend(file.map(|file| (number, file)));
        }
        object.finish(&mut issues);
        issues.done().map(|()| Self { sod, groups })
    }
}

const fn group_name(number: u8) -> &'static str {
    const NAMES: [&str; 16] = [
        "dg1", "dg2", "dg3", "dg4", "dg5", "dg6", "dg7", "dg8", "dg9", "dg10", "dg11", "dg12", "dg13", "dg14", "dg15",
        "dg16",
    ];
    NAMES[number as usize - 1]
}

fn decoded(text: &str, largest: usize) -> Result<Vec<u8>, String> {
    if text.len() > largest.div_ceil(3) * 4 {
        return Err(format!("must be at most {largest} bytes"));
    }
    match STANDARD.decode(text) {
        Ok(bytes) if bytes.is_empty() => Err("must not be empty".to_owned()),
        Ok(bytes) => Ok(bytes),
        Err(_) => Err("must be base64 with padding (RFC 4648, section 4)".to_owned()),
    }
}

/// A chip on record.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Chip {
    /// When it was sent in.
    pub at: Timestamp,
    /// The lines of the machine-readable zone in data group 1.
    pub lines: Vec<String>,
    /// The data groups that were sent.
    pub groups: Vec<u8>,
    /// Whether the data are those that the document signer has signed.
    pub integrity: Integrity,
    /// Who signed them.
    pub signer: Certified,
    /// The operator's certificate that the signer's was issued under, if there is one.
    pub anchor: Option<Certified>,
    /// What the operator's revocation lists say of both.
    pub revocation: Revocation,
}

/// Whether a chip's data are those that were signed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Integrity {
    /// Every hash and the signature hold.
    Intact,
    /// This data group is not the one that was signed.
    Altered(u8),
    /// The signature does not hold.
    SignatureInvalid,
    /// The signature is of a kind that this release cannot verify.
    Unsupported,
}

/// What is known of a certificate.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Certified {
    /// The country in its subject, two capitals; empty if there is none.
    pub country: String,
    /// SHA-256 of the certificate.
    pub sha256: Hash,
    /// The first second of its time.
    pub not_before: Timestamp,
    /// The last second of its time.
    pub not_after: Timestamp,
    /// Whether its key usage and constraints allow what it was used for.
    pub may_sign: bool,
}

/// What the operator's revocation lists say.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Revocation {
    /// There is no list of the issuer.
    NoList,
    /// Neither certificate is on it.
    NotListed {
        /// When the issuer meant to replace the list, if it says so.
        next_update: Option<Timestamp>,
    },
    /// One of them is on it.
    Listed,
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn paths(body: &Value) -> Vec<String> {
        ChipFiles::parse(body).unwrap_err().fields.into_iter().map(|field| field.path).collect()
    }

    #[test]
    fn a_body_becomes_files() {
        let files = ChipFiles::parse(&json!({ "sod": "dwA=", "dg1": "YQA=", "dg16": "cAA=" })).unwrap();
        assert_eq!((files.sod, files.groups.into_keys().collect::<Vec<_>>()), (vec![0x77, 0], vec![1, 16]));
    }

    #[test]
    fn every_wrong_field_is_named() {
        assert_eq!(paths(&json!({})), ["sod", "dg1"]);
        assert_eq!(
            paths(&json!({ "sod": "", "dg1": "YQ", "dg2": "%%", "dg17": "YQ==" })),
            ["sod", "dg1", "dg2", "dg17"]
        );
        let large = "A".repeat(LARGEST_SOD.div_ceil(3) * 4 + 4);
        assert_eq!(paths(&json!({ "sod": large, "dg1": "YQA=" })), ["sod"]);
    }
}
