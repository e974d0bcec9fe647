//! Every byte of every file of a folder: what stands there of a session, whether sled refers to it or
//! not.

use std::collections::HashSet;
use std::fs::{self, File};
use std::io::{self, Read as _};
use std::path::{Path, PathBuf};

use super::Search;
use crate::api::StoreError;
use crate::codec::RECORD_LIMIT;
use crate::disk::session::SessionRecord;
use crate::slots::{KEY_FILE, SLOT, begins_slot, secret_in};

/// How much is read at a time.
const CHUNK: usize = 4 * 1024 * 1024;
/// Version, revision and the number of the slot: how a session's record begins.
const HEAD: usize = 13;

/// What was found.
#[derive(Default)]
pub(super) struct Traces {
    pub(super) files: usize,
    pub(super) bytes: u64,
    /// Copies of the session's wrapped secret outside of the key file.
    pub(super) secrets: usize,
    /// What was sealed, as old records hold it.
    pub(super) sealed: HashSet<Vec<u8>>,
    /// Beginnings of old records whose other pieces stand elsewhere.
    pub(super) cut: usize,
}

/// Looks through the folder. The key file itself is looked at slot by slot elsewhere.
pub(super) fn scan(folder: &Path, search: &Search<'_>) -> Result<Traces, StoreError> {
    let mut traces = Traces::default();
    let (mut folders, key_file) = (vec![folder.to_owned()], folder.join(KEY_FILE));
    while let Some(next) = folders.pop() {
        for entry in fs::read_dir(&next).map_err(failed(&next))? {
            let entry = entry.map_err(failed(&next))?;
            let (path, kind) = (entry.path(), entry.file_type().map_err(failed(&next))?);
            if kind.is_dir() {
                folders.push(path);
            } else if kind.is_file() && path != key_file {
                traces.files += 1;
                traces.bytes += in_windows(&path, |window, starts| look(window, starts, search, &mut traces))?;
            }
        }
    }
    Ok(traces)
}

/// Hands over a file in windows: each begins where the starts of the one before it end, and reaches
/// far enough behind its own for the longest record.
fn in_windows(path: &PathBuf, mut each: impl FnMut(&[u8], usize)) -> Result<u64, StoreError> {
    let mut file = File::open(path).map_err(failed(path))?;
    let (mut window, mut bytes) = (Vec::new(), 0);
    loop {
        let read = file.by_ref().take(CHUNK as u64).read_to_end(&mut window).map_err(failed(path))?;
        bytes += read as u64;
        let is_last = read < CHUNK;
        let starts = if is_last { window.len() } else { window.len().saturating_sub(RECORD_LIMIT) };
        each(&window, starts);
        if is_last {
            return Ok(bytes);
        }
        window.drain(..starts);
    }
}

fn look(window: &[u8], starts: usize, search: &Search<'_>, traces: &mut Traces) {
    let head = search.slot.map(u32::to_be_bytes);
    for (start, byte) in window[..starts].iter().enumerate() {
        // Most bytes are none of these.
        if !matches!(byte, 1 | 2) {
            continue;
        }
        let rest = &window[start..];
        if begins_slot(rest) {
            let secret = rest.get(..SLOT).and_then(secret_in);
            traces.secrets += usize::from(secret.is_some_and(|secret| search.unwraps(secret)));
        }
        if rest.get(1..5) == Some(&[0; 4])
            && head.is_some()
            && rest.get(HEAD - 4..HEAD) == head.as_ref().map(|head| &head[..])
        {
            match SessionRecord::decode_first(rest) {
                Ok(record) => traces.sealed.extend(record.sealed().map(|sealed| sealed.0.clone())),
                Err(_) => traces.cut += 1,
            }
        }
    }
}

fn failed(path: &Path) -> impl Fn(io::Error) -> StoreError {
    move |error| StoreError::Unavailable(format!("{}: {error}", path.display()))
}
