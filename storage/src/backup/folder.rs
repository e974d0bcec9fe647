//! The folder of a backup: it appears whole, or not at all.

use std::collections::BTreeMap;
use std::fs::{self, DirBuilder, File, OpenOptions, TryLockError};
use std::io::{BufWriter, ErrorKind, Write as _};
use std::os::unix::fs::{DirBuilderExt, OpenOptionsExt};
use std::path::{Path, PathBuf};

use sha2::{Digest, Sha256};

use super::frame::{FrameReader, Kind, MAGIC, changes, imported};
use super::manifest::{FORMAT, FileFacts, Files, Manifest, Origin, hex};
use super::{BackupError, MANIFEST_FILE, TREE_FILE};
use crate::shelf;
use crate::slots::KEY_FILE;

/// Receives a backup's stream and writes its folder: under a name of its own until everything is
/// there and synced. What is dropped before that is removed.
pub struct BackupFolder {
    target: PathBuf,
    partial: PathBuf,
    tree: Output,
    keys: Output,
    imported: Imported,
    frames: FrameReader,
    origin: Option<Origin>,
    changes: u64,
    finished: bool,
}

/// A file that is being written.
struct Output {
    path: PathBuf,
    file: BufWriter<File>,
    hash: Sha256,
    bytes: u64,
}

impl BackupFolder {
    /// Begins a backup that will stand at `target`, which must not exist.
    ///
    /// # Errors
    /// [`BackupError::Exists`], [`BackupError::InUse`], and those of the disk.
    pub fn create(target: &Path) -> Result<Self, BackupError> {
        if target.symlink_metadata().is_ok() {
            return Err(BackupError::Exists(target.to_owned()));
        }
        let name = target.file_name().ok_or_else(|| BackupError::Exists(target.to_owned()))?;
        let mut partial = name.to_owned();
        partial.push(".partial");
        let partial = target.with_file_name(partial);
        // What an earlier try has left is taken over, unless it still runs.
        DirBuilder::new().mode(0o700).create(&partial).or_else(|error| match error.kind() {
            ErrorKind::AlreadyExists => Ok(()),
            _ => Err(BackupError::io("making", &partial)(error)),
        })?;
        let mut tree = Output::create(partial.join(TREE_FILE))?;
        let keys = Output::create(partial.join(KEY_FILE))?;
        tree.write(&MAGIC)?;
        let (frames, target) = (FrameReader::default(), target.to_owned());
        let imported = Imported::begin(&partial)?;
        Ok(Self { target, partial, tree, keys, imported, frames, origin: None, changes: 0, finished: false })
    }

    /// Takes the next piece of the stream, of any length.
    ///
    /// # Errors
    /// [`BackupError::Garbled`], and those of the disk.
    pub fn write(&mut self, piece: &[u8]) -> Result<(), BackupError> {
        self.frames.push(piece);
        while let Some(frame) = self.frames.next().map_err(|_| BackupError::Garbled)? {
            match frame.kind {
                _ if self.origin.is_some() => return Err(BackupError::Garbled),
                Kind::Changes => {
                    self.changes += changes(frame.content, |_, _| ()).map_err(|_| BackupError::Garbled)?;
                    self.tree.write(frame.raw)?;
                }
                Kind::Failed => {
                    return Err(BackupError::Failed(String::from_utf8_lossy(frame.content).into_owned()));
                }
                Kind::Keys => self.keys.write(frame.content)?,
                Kind::Imported => {
                    let (name, piece) = imported(frame.content).ok_or(BackupError::Garbled)?;
                    self.imported.write(&self.partial, name, piece)?;
                }
                Kind::End => {
                    let origin = serde_json::from_slice(frame.content);
                    self.origin = Some(origin.map_err(|_| BackupError::Garbled)?);
                }
            }
        }
        Ok(())
    }

    /// How many changes have been written.
    #[must_use]
    pub const fn changes(&self) -> u64 {
        self.changes
    }

    /// How many bytes have been written.
    #[must_use]
    pub const fn bytes(&self) -> u64 {
        self.tree.bytes + self.keys.bytes + self.imported.bytes
    }

    /// Syncs everything and gives the folder its name.
    ///
    /// # Errors
    /// [`BackupError::Cut`] if the stream has not come to its end, and those of the disk.
    pub fn finish(mut self) -> Result<Manifest, BackupError> {
        let origin = self.origin.take().filter(|_| self.frames.is_between_frames()).ok_or(BackupError::Cut)?;
        if origin.changes != self.changes {
            return Err(BackupError::Garbled);
        }
        let tree = self.tree.finish()?;
        // A slot that is zeroed later must not make the backup look damaged.
        let keys = FileFacts { sha256: None, ..self.keys.finish()? };
        let imported = self.imported.finish(&self.partial)?;
        let manifest = Manifest { format: FORMAT, origin, files: Files { tree, keys, imported } };
        let text = serde_json::to_string_pretty(&manifest).map_err(|error| BackupError::Refused(error.into()))? + "\n";
        let mut file = Output::create(self.partial.join(MANIFEST_FILE))?;
        file.write(text.as_bytes())?;
        file.finish()?;
        sync(&self.partial)?;
        fs::rename(&self.partial, &self.target).map_err(BackupError::io("naming", &self.target))?;
        self.finished = true;
        sync(parent(&self.target))?;
        Ok(manifest)
    }
}

impl Drop for BackupFolder {
    fn drop(&mut self) {
        if !self.finished
            && let Err(error) = fs::remove_dir_all(&self.partial)
        {
            tracing::warn!(%error, path = %self.partial.display(), "an unfinished backup could not be removed");
        }
    }
}

/// The imported files, which come one after the other.
struct Imported {
    current: Option<(String, Output)>,
    facts: BTreeMap<String, FileFacts>,
    bytes: u64,
}

impl Imported {
    /// What an earlier try has left is no part of this one.
    fn begin(partial: &Path) -> Result<Self, BackupError> {
        let folder = partial.join(shelf::FOLDER);
        match fs::remove_dir_all(&folder) {
            Err(error) if error.kind() != ErrorKind::NotFound => Err(BackupError::io("removing", &folder)(error)),
            _ => Ok(Self { current: None, facts: BTreeMap::new(), bytes: 0 }),
        }
    }

    fn write(&mut self, partial: &Path, name: &str, piece: &[u8]) -> Result<(), BackupError> {
        if self.current.as_ref().is_none_or(|(known, _)| known != name) {
            self.end_file()?;
            if !shelf::is_file(name) || self.facts.contains_key(name) {
                return Err(BackupError::Garbled);
            }
            let path = partial.join(shelf::FOLDER).join(name);
            make_folders(parent(&path))?;
            self.current = Some((name.to_owned(), Output::create(path)?));
        }
        self.bytes += piece.len() as u64;
        self.current.as_mut().map_or(Ok(()), |(_, output)| output.write(piece))
    }

    fn end_file(&mut self) -> Result<(), BackupError> {
        let Some((name, mut output)) = self.current.take() else { return Ok(()) };
        self.facts.insert(name, output.finish()?);
        sync(parent(&output.path))
    }

    fn finish(&mut self, partial: &Path) -> Result<BTreeMap<String, FileFacts>, BackupError> {
        self.end_file()?;
        if !self.facts.is_empty() {
            sync(&partial.join(shelf::FOLDER))?;
        }
        Ok(std::mem::take(&mut self.facts))
    }
}

/// Makes folders for their owner alone.
pub(super) fn make_folders(path: &Path) -> Result<(), BackupError> {
    DirBuilder::new().recursive(true).mode(0o700).create(path).map_err(BackupError::io("making", path))
}

impl Output {
    fn create(path: PathBuf) -> Result<Self, BackupError> {
        let failed = |error| BackupError::io("writing", &path)(error);
        // Not truncated before it is known that nobody else writes it.
        let options = OpenOptions::new().write(true).create(true).truncate(false).mode(0o600).to_owned();
        let file = options.open(&path).map_err(failed)?;
        match file.try_lock() {
            Ok(()) => file.set_len(0).map_err(failed)?,
            Err(TryLockError::WouldBlock) => return Err(BackupError::InUse(path)),
            Err(TryLockError::Error(error)) => return Err(failed(error)),
        }
        Ok(Self { file: BufWriter::with_capacity(256 * 1024, file), path, hash: Sha256::new(), bytes: 0 })
    }

    fn write(&mut self, bytes: &[u8]) -> Result<(), BackupError> {
        self.hash.update(bytes);
        self.bytes += bytes.len() as u64;
        self.file.write_all(bytes).map_err(BackupError::io("writing", &self.path))
    }

    /// Makes it durable.
    fn finish(&mut self) -> Result<FileFacts, BackupError> {
        let synced = self.file.flush().and_then(|()| self.file.get_ref().sync_all());
        synced.map_err(BackupError::io("syncing", &self.path))?;
        let hash = std::mem::take(&mut self.hash).finalize();
        Ok(FileFacts { bytes: self.bytes, sha256: Some(hex(&hash)) })
    }
}

/// The folder that a path stands in.
pub(super) fn parent(path: &Path) -> &Path {
    path.parent().filter(|parent| !parent.as_os_str().is_empty()).unwrap_or_else(|| Path::new("."))
}

/// Syncs a folder.
pub(super) fn sync(folder: &Path) -> Result<(), BackupError> {
    File::open(folder).and_then(|folder| folder.sync_all()).map_err(BackupError::io("syncing", folder))
}
