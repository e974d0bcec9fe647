//! What a server on this machine takes: memory of its process, blocks of its data folder.

use std::fs;
use std::io;
use std::os::unix::fs::MetadataExt;
use std::path::Path;

use serde::Serialize;

use crate::failure::Failure;

/// A process's memory, in KiB.
#[derive(Debug, Clone, Copy, Serialize)]
pub struct Memory {
    /// Resident: what it has in memory, pages that it shares included.
    pub rss_kib: u64,
    /// Proportional: the same, with shared pages divided among those who share them.
    pub pss_kib: u64,
}

/// The memory of a process, as Linux tells it.
pub fn memory(pid: u32) -> Result<Memory, Failure> {
    let path = format!("/proc/{pid}/smaps_rollup");
    let text = fs::read_to_string(&path).map_err(|error| Failure::other(format!("{path}: {error}")))?;
    let field = |name: &str| {
        let line = text.lines().find_map(|line| line.strip_prefix(name));
        let value = line.and_then(|rest| rest.split_whitespace().next()?.parse().ok());
        value.ok_or_else(|| Failure::other(format!("{path} does not tell {name}")))
    };
    Ok(Memory { rss_kib: field("Rss:")?, pss_kib: field("Pss:")? })
}

/// True as long as the process has not ended; one that nobody has waited for has.
#[must_use]
pub fn is_alive(pid: u32) -> bool {
    let state = fs::read_to_string(format!("/proc/{pid}/stat")).ok();
    // The state stands behind the name, which may hold anything but ends with the last bracket.
    state.is_some_and(|text| !text.rsplit(')').next().unwrap_or_default().trim_start().starts_with(['Z', 'X']))
}

/// The space that a folder takes on its disk, in bytes.
///
/// # Errors
/// If it cannot be read. A file that goes away meanwhile counts nothing.
pub fn folder_bytes(folder: &Path) -> io::Result<u64> {
    let mut bytes = 0;
    for entry in fs::read_dir(folder)? {
        let path = entry?.path();
        match fs::symlink_metadata(&path) {
            Ok(found) if found.is_dir() => bytes += folder_bytes(&path)?,
            Ok(found) => bytes += found.blocks() * 512,
            Err(error) if error.kind() == io::ErrorKind::NotFound => {}
            Err(error) => return Err(error),
        }
    }
    Ok(bytes)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn this_process_lives_and_takes_memory() {
        let memory = memory(std::process::id()).unwrap();
        assert!(memory.rss_kib >= memory.pss_kib && memory.pss_kib > 0, "{memory:?}");
        assert!(is_alive(std::process::id()));
        assert!(!is_alive(u32::MAX));
    }

    #[test]
    fn a_folder_takes_what_its_files_take() {
        let folder = tempfile::tempdir().unwrap();
        fs::create_dir(folder.path().join("inner")).unwrap();
        fs::write(folder.path().join("inner/file"), vec![1; 100_000]).unwrap();
        assert!((100_000..200_000).contains(&folder_bytes(folder.path()).unwrap()));
    }
}
