//! Who owns an object: one workspace in one mode. Every look-up is bound to a realm, so that a
//! foreign object cannot be told from an absent one.

use std::fmt;
use std::str::FromStr;

use serde::{Serialize, Serializer};

/// A workspace, which is a tenant. Numbered from 1 in the order of creation, written `ws_1`;
/// never shown to another tenant.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct WorkspaceId(pub u32);

impl fmt::Display for WorkspaceId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "ws_{}", self.0)
    }
}

impl Serialize for WorkspaceId {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

/// The text names no workspace.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("must be the number of a workspace, like ws_1 or 1")]
pub struct WorkspaceIdError;

impl FromStr for WorkspaceId {
    type Err = WorkspaceIdError;

    fn from_str(text: &str) -> Result<Self, WorkspaceIdError> {
        let digits = text.strip_prefix("ws_").unwrap_or(text);
        let number = digits.parse().ok().filter(|_| digits.bytes().all(|byte| byte.is_ascii_digit()));
        number.map(Self).ok_or(WorkspaceIdError)
    }
}

/// The two separate worlds inside a workspace.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Mode {
    /// Free of outside calls, deterministic, for developers and their CI.
    Test,
    /// Real people.
    Live,
}

impl Mode {
    /// What JSON calls `livemode`.
    #[must_use]
    pub const fn is_live(self) -> bool {
        matches!(self, Self::Live)
    }

    /// The mode of an object whose JSON says `livemode`.
    #[must_use]
    pub const fn from_livemode(live: bool) -> Self {
        if live { Self::Live } else { Self::Test }
    }
}

/// One workspace in one mode.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Realm {
    /// The tenant.
    pub workspace: WorkspaceId,
    /// Test or live.
    pub mode: Mode,
}

impl Realm {
    /// The workspace's number (big-endian) and a byte for the mode: sorts realms together in
    /// keys, and separates them in hashes.
    #[must_use]
    pub fn bytes(self) -> [u8; 5] {
        let [a, b, c, d] = self.workspace.0.to_be_bytes();
        [a, b, c, d, u8::from(self.mode.is_live())]
    }

    /// The realm with these bytes, if they are one's.
    #[must_use]
    pub fn from_bytes(bytes: [u8; 5]) -> Option<Self> {
        let [a, b, c, d, live] = bytes;
        let mode = match live {
            0 => Mode::Test,
            1 => Mode::Live,
            _ => return None,
        };
        Some(Self { workspace: WorkspaceId(u32::from_be_bytes([a, b, c, d])), mode })
    }
}
