//! What the system says of this machine and this process.

use std::path::Path;

use rustix::process::{Resource, geteuid, getrlimit};

/// What the folder's file system has left for this user, in bytes; `None` if it does not say.
#[must_use]
pub fn free_bytes(folder: &Path) -> Option<u64> {
    let stat = rustix::fs::statvfs(folder).ok()?;
    Some(stat.f_bavail.saturating_mul(stat.f_frsize))
}

/// The most files and sockets that this process may have open; `None` for no limit.
#[must_use]
pub fn open_files() -> Option<u64> {
    getrlimit(Resource::Nofile).current
}

/// The user that this process acts as.
#[must_use]
pub fn user() -> u32 {
    geteuid().as_raw()
}
