//! What the system says of this machine and this process.

use std::fs;
use std::path::Path;

use rustix::io::Errno;
use rustix::process::{Resource, Rlimit, geteuid, getrlimit, setrlimit};

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

/// Gives up, for the rest of this process, what drawing a page of a stranger's file needs nothing of: more
/// than so many seconds of processor time, more than so many bytes of memory, files and sockets beyond
/// those that are open, files of any size on the disk, and a core dump, which would hold the document. Where
/// the machine's memory runs out, this process is the first to go.
///
/// # Errors
/// What the system does not allow.
pub fn confine(processor_seconds: u64, memory_bytes: u64) -> Result<(), Errno> {
    // Where the system knows of such a thing.
    let _ = fs::write("/proc/self/oom_score_adj", "1000");
    let limits = [
        (Resource::Cpu, processor_seconds),
        (Resource::As, memory_bytes),
        (Resource::Nofile, 0),
        (Resource::Fsize, 0),
        (Resource::Core, 0),
    ];
    limits.into_iter().try_for_each(|(resource, most)| {
        // Nobody may go above what they were given.
        let most = getrlimit(resource).maximum.map_or(most, |given| given.min(most));
        setrlimit(resource, Rlimit { current: Some(most), maximum: Some(most) })
    })
}
