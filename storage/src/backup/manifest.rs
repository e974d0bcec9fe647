//! What a backup says of itself.

use std::collections::BTreeMap;
use std::fmt::Write;

use serde::{Deserialize, Serialize};

/// The format of backups that this release writes. A higher one is refused.
pub(super) const FORMAT: u32 = 1;

/// Where and when a backup was taken.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Origin {
    /// The release that took it.
    pub vetd: String,
    /// The store's schema.
    pub schema: u32,
    /// When it was begun, in unix seconds.
    pub created: u64,
    /// The last position in the commit order: it holds every event up to this one and no other.
    pub position: u64,
    /// How many changes make the store; a key that was written meanwhile counts again.
    pub changes: u64,
    /// Recognises the master key, without telling anything of it.
    pub key_check: String,
}

/// `manifest.json` in the folder of a backup.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Manifest {
    /// The format of the files beside it.
    pub format: u32,
    /// Where and when it was taken.
    #[serde(flatten)]
    pub origin: Origin,
    /// Its files.
    pub files: Files,
}

/// The files of a backup.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Files {
    /// The changes that make the store.
    pub tree: FileFacts,
    /// The key file. It has no hash: a slot that is zeroed in it erases a person from the backup,
    /// and each secret in it is sealed by itself.
    pub keys: FileFacts,
    /// What the operator has imported, by its name under that folder.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub imported: BTreeMap<String, FileFacts>,
}

/// What must be true of a file.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct FileFacts {
    /// Its length.
    pub bytes: u64,
    /// The SHA-256 of its content, in hexadecimal.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub sha256: Option<String>,
}

pub(super) fn hex(bytes: &[u8]) -> String {
    let mut text = String::with_capacity(bytes.len() * 2);
    for byte in bytes {
        // Writing to a string does not fail.
        let _ = write!(text, "{byte:02x}");
    }
    text
}
