//! Backups of a store that goes on being written, and their restoration.
//!
//! sled cannot be copied while it runs. A backup is therefore a list of changes that make the
//! store when they are applied in order to an empty one: from its first moment on, every group
//! that the writer has made durable is queued for the backup (`tap`), and the whole tree is read
//! in short look-ups (`take`). What is queued goes into the list between two look-ups. So
//! whatever a look-up has seen stands behind every change that was durable before it and in
//! front of every change that was not, and the last change of a key is its value at the end. The
//! end is a moment between two groups, so the backup is a prefix of the commit order. The key
//! file is copied after that: it holds the slots of all records by then, and what has been
//! erased meanwhile is erased in the copy as well.
//!
//! The list travels in frames (`frame`), is written into a folder that appears whole or not at
//! all (`folder`), and is loaded, audited and moved into place (`restore`). Values are those of
//! the tree, sealed as they are there; the master key is not among them. `docs/backup.md`
//! describes the format.

mod erase;
mod folder;
mod frame;
mod manifest;
mod rekey;
mod restore;
mod take;
mod tap;

use std::io;
use std::path::{Path, PathBuf};

use crate::api::StoreError;
use crate::open::OpenError;

pub use erase::{BackupTrace, erase_in_backup, trace_in_backup};
pub use folder::BackupFolder;
pub use manifest::{FileFacts, Files, Manifest, Origin};
pub(crate) use restore::PARTIAL;
pub use restore::{RestoreOptions, RestoreStep, Restored, restore};
pub(crate) use tap::Tap;

/// The changes of a backup.
pub(crate) const TREE_FILE: &str = "tree";
/// What the backup says of itself.
pub(crate) const MANIFEST_FILE: &str = "manifest.json";

/// Why a backup was not taken, or not restored. Nothing that looks complete is left behind.
#[derive(Debug, thiserror::Error)]
pub enum BackupError {
    /// One backup is taken at a time.
    #[error("another backup of this store is being taken; wait for it to end")]
    Busy,
    /// More changes waited for the backup than are kept for it in memory.
    #[error(
        "the backup could not keep up with the store's writes; write it to a faster disk, or when there is less to do"
    )]
    Behind,
    /// The store was closed or reopened meanwhile.
    #[error("the store was closed, or reopened after an error of its disk, while the backup was taken; take it again")]
    Interrupted,
    /// Whoever took the backup could not, and says why.
    #[error("{0}")]
    Failed(String),
    /// The stream ended before the backup did.
    #[error("the backup was cut short before its end; take it again")]
    Cut,
    /// What was received is not what was sent, or not of a release that this program knows.
    #[error("the backup did not arrive as it was sent; take it again, with the same release as the server")]
    Garbled,
    /// The store could not be read.
    #[error("the store could not be read: {0}")]
    Store(#[from] StoreError),
    /// The store could not be opened.
    #[error(transparent)]
    Open(#[from] OpenError),
    /// A folder is there already.
    #[error("{} exists; name a folder that does not", .0.display())]
    Exists(PathBuf),
    /// A folder for a restored store is not empty.
    #[error("{} is not empty; name a folder that does not exist, or an empty one", .0.display())]
    NotEmpty(PathBuf),
    /// Another process writes there.
    #[error("another process is writing to {}; wait for it to end", .0.display())]
    InUse(PathBuf),
    /// No backup stands there.
    #[error("there is no backup in {}: it has no manifest.json; name the folder that `vetd backup` made", .0.display())]
    Absent(PathBuf),
    /// A backup of a later release.
    #[error("the backup in {} was made by vetd {vetd}, a later release; restore it with that one", .path.display())]
    Newer {
        /// The backup.
        path: PathBuf,
        /// The release that made it.
        vetd: String,
    },
    /// A backup's file is not what was written.
    #[error("{} is damaged ({detail}); restore another backup", .path.display())]
    Damaged {
        /// The file.
        path: PathBuf,
        /// What is wrong with it.
        detail: String,
    },
    /// The audit of the restored store found something.
    #[error("the restored store is not sound:\n{}\nNothing was left behind. To have it all the same, allow damage.", .0.join("\n"))]
    Unsound(Vec<String>),
    /// Whoever takes the backup does not take it any more.
    #[error("the backup could not be handed over: {0}")]
    Refused(io::Error),
    /// A file could not be read or written.
    #[error("{action} {} failed: {source}", .path.display())]
    Io {
        /// What was tried.
        action: &'static str,
        /// With which file or folder.
        path: PathBuf,
        /// What the system says.
        source: io::Error,
    },
}

impl BackupError {
    fn io(action: &'static str, path: &Path) -> impl FnOnce(io::Error) -> Self {
        let path = path.to_owned();
        move |source| Self::Io { action, path, source }
    }

    fn damaged(path: &Path, detail: impl Into<String>) -> Self {
        Self::Damaged { path: path.to_owned(), detail: detail.into() }
    }
}
