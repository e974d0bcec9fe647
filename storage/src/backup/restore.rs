//! Restoring a backup: checked before anything is made, loaded aside, audited, moved into place.

use std::fs::{self, File, OpenOptions};
use std::io::{self, BufReader, ErrorKind, Read as _};
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use sha2::{Digest, Sha256};
use sled::{Batch, Db};
use vetd_model::Timestamp;
use zeroize::Zeroizing;

use super::folder::{make_folders, parent, sync};
use super::frame::{FrameReader, Kind, changes};
use super::manifest::{FORMAT, FileFacts, Files, Manifest, hex};
use super::rekey::rekey;
use super::{BackupError, MANIFEST_FILE, TREE_FILE};
use crate::api::StoreError;
use crate::audit::{AuditReport, audit};
use crate::keyring::{Keyring, given_key};
use crate::open::{OpenError, SCHEMA, StoreOptions, lock, make_private, open, open_tree};
use crate::shelf;
use crate::slots::KEY_FILE;
use crate::store::SledStore;
use crate::table::unavailable;
use crate::writer::{open_data_file, sled_folder};

/// Where a store is loaded, inside its folder, until it is known to be sound. A folder that holds
/// this and no store is not opened.
pub(crate) const PARTIAL: &str = "restore.partial";
/// The longest manifest, in bytes.
const LONGEST_MANIFEST: u64 = 64 * 1024;
/// How much of a file is read at a time.
const PIECE: usize = 256 * 1024;

/// What is to be restored, and where.
pub struct RestoreOptions {
    /// The folder of the backup.
    pub from: PathBuf,
    /// The data folder that is made: absent or empty.
    pub to: PathBuf,
    /// The master key of the store that the backup was taken of, as text.
    pub master_key: Zeroizing<String>,
    /// How much memory sled may use to cache its pages, in bytes.
    pub cache_bytes: u64,
    /// The master key that the restored store is to have instead, as text, and the time to note in its
    /// audit logs.
    pub new_master_key: Option<(Zeroizing<String>, Timestamp)>,
    /// True if the store is to be had even if its audit finds something.
    pub allow_damage: bool,
}

/// How far a restoration is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum RestoreStep {
    /// So many bytes of the backup have been checked.
    Checked {
        /// Until now.
        bytes: u64,
        /// In all.
        of: u64,
    },
    /// So many bytes of the backup have been loaded.
    Loaded {
        /// Until now.
        bytes: u64,
        /// In all.
        of: u64,
    },
    /// The restored store is given its new master key.
    Rekeying,
    /// The restored store is being audited.
    Auditing,
}

/// A store that was restored.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Restored {
    /// What the backup says of itself.
    pub manifest: Manifest,
    /// What the audit found.
    pub audit: AuditReport,
}

/// Restores a backup into a folder; after an error the folder is as it was.
///
/// # Errors
/// What is wrong with the backup, the master key, the folder or the disk.
pub fn restore(options: &RestoreOptions, each: &mut dyn FnMut(RestoreStep)) -> Result<Restored, BackupError> {
    let backup = Backup::open(&options.from)?;
    backup.check_key(&options.master_key)?;
    check_free(&options.to)?;
    backup.check_files(each)?;

    let place = Place::prepare(&options.to)?;
    let partial = place.partial();
    make_private(&partial)?;
    backup.load(&partial, options.cache_bytes, each)?;
    backup.copy_files(&partial)?;
    let mut master_key = &options.master_key;
    if let Some((new, at)) = &options.new_master_key {
        each(RestoreStep::Rekeying);
        let keyring = Keyring::new(&*given_key(new, "the new master key")?);
        rekey(&*open_aside(&partial, options, master_key)?, &keyring, *at)?;
        make_durable(&open_tree(&partial, options.cache_bytes)?, &partial)?;
        master_key = new;
    }
    each(RestoreStep::Auditing);
    // Dropping the store waits for its writer, so that its files may be moved.
    let audit = audit(&*open_aside(&partial, options, master_key)?);
    if !audit.is_sound() && !options.allow_damage {
        return Err(BackupError::Unsound(audit.violations));
    }
    place.move_in()?;
    Ok(Restored { manifest: backup.manifest, audit })
}

fn open_aside(
    dir: &Path,
    options: &RestoreOptions,
    master_key: &Zeroizing<String>,
) -> Result<Arc<SledStore>, OpenError> {
    open(StoreOptions {
        create: false,
        master_key: Some(master_key.clone()),
        cache_bytes: options.cache_bytes,
        ..StoreOptions::new(dir)
    })
}

/// A backup that is read.
pub(super) struct Backup {
    folder: PathBuf,
    manifest: Manifest,
}

impl Backup {
    pub(super) fn open(folder: &Path) -> Result<Self, BackupError> {
        let path = folder.join(MANIFEST_FILE);
        let file = File::open(&path).map_err(|error| match error.kind() {
            ErrorKind::NotFound => BackupError::Absent(folder.to_owned()),
            _ => BackupError::io("reading", &path)(error),
        })?;
        let mut text = String::new();
        file.take(LONGEST_MANIFEST).read_to_string(&mut text).map_err(BackupError::io("reading", &path))?;
        let damaged = |error: serde_json::Error| BackupError::damaged(&path, error.to_string());
        // A later format may say other things, but it says which one it is, and who made it.
        let said: serde_json::Value = serde_json::from_str(&text).map_err(damaged)?;
        let number = |name: &str| said.get(name).and_then(serde_json::Value::as_u64).unwrap_or(0);
        if number("format") > u64::from(FORMAT) || number("schema") > u64::from(SCHEMA) {
            let vetd = said.get("vetd").and_then(serde_json::Value::as_str).unwrap_or("of an unknown release");
            return Err(BackupError::Newer { path: folder.to_owned(), vetd: vetd.escape_default().to_string() });
        }
        let manifest = serde_json::from_value(said).map_err(damaged)?;
        Ok(Self { folder: folder.to_owned(), manifest })
    }

    pub(super) fn check_key(&self, text: &str) -> Result<(), BackupError> {
        let keyring = Keyring::new(&*given_key(text, "the master key that was given")?);
        let is_right = hex(&keyring.check()) == self.manifest.origin.key_check;
        if is_right { Ok(()) } else { Err(OpenError::WrongMasterKey.into()) }
    }

    /// Reads every file once, before anything is made of it.
    pub(super) fn check_files(&self, each: &mut dyn FnMut(RestoreStep)) -> Result<(), BackupError> {
        let Files { tree, keys, imported } = &self.manifest.files;
        let of_imported = imported.iter().map(|(name, facts)| (Path::new(shelf::FOLDER).join(name), facts));
        let files: Vec<(PathBuf, &FileFacts)> =
            [(TREE_FILE.into(), tree), (KEY_FILE.into(), keys)].into_iter().chain(of_imported).collect();
        if let Some(name) = imported.keys().find(|name| !shelf::is_file(name)) {
            let detail = format!("it names {}, which is no file of a backup", name.escape_default());
            return Err(BackupError::damaged(&self.folder.join(MANIFEST_FILE), detail));
        }
        let (mut bytes, of) = (0, files.iter().map(|(_, facts)| facts.bytes).sum());
        for (name, facts) in files {
            let path = self.folder.join(name);
            let (mut hash, mut length) = (Sha256::new(), 0);
            in_pieces(&path, |piece| {
                hash.update(piece);
                length += piece.len() as u64;
                bytes += piece.len() as u64;
                each(RestoreStep::Checked { bytes, of });
                Ok(())
            })?;
            if length != facts.bytes {
                let detail = format!("it has {length} bytes where the manifest says {}", facts.bytes);
                return Err(BackupError::damaged(&path, detail));
            }
            if facts.sha256.as_ref().is_some_and(|said| *said != hex(&hash.finalize())) {
                return Err(BackupError::damaged(&path, "its content is not what the manifest says"));
            }
        }
        Ok(())
    }

    /// Applies the changes, in order, to an empty tree.
    fn load(&self, dir: &Path, cache_bytes: u64, each: &mut dyn FnMut(RestoreStep)) -> Result<(), BackupError> {
        let path = self.folder.join(TREE_FILE);
        let not_a_frame = |_| BackupError::damaged(&path, "it does not decode");
        let tree = open_tree(dir, cache_bytes)?;
        let (mut frames, mut count, mut bytes) = (FrameReader::default(), 0, 0);
        let of = self.manifest.files.tree.bytes;
        in_pieces(&path, |piece| {
            frames.push(piece);
            while let Some(frame) = frames.next().map_err(not_a_frame)? {
                if frame.kind != Kind::Changes {
                    return Err(BackupError::damaged(&path, "it holds something else than changes"));
                }
                let mut batch = Batch::default();
                count += changes(frame.content, |key, value| match value {
                    Some(value) => batch.insert(key, value),
                    None => batch.remove(key),
                })
                .map_err(not_a_frame)?;
                tree.apply_batch(batch).map_err(unavailable)?;
            }
            bytes += piece.len() as u64;
            each(RestoreStep::Loaded { bytes, of });
            Ok(())
        })?;
        if count != self.manifest.origin.changes || !frames.is_between_frames() {
            return Err(BackupError::damaged(&path, "it ends too early"));
        }
        make_durable(&tree, dir)
    }

    /// The key file, and what the operator has imported.
    fn copy_files(&self, dir: &Path) -> Result<(), BackupError> {
        self.copy(dir, Path::new(KEY_FILE))?;
        for name in self.manifest.files.imported.keys() {
            let name = Path::new(shelf::FOLDER).join(name);
            make_folders(parent(&dir.join(&name)))?;
            self.copy(dir, &name)?;
            sync(&dir.join(shelf::FOLDER))?;
        }
        sync(dir)
    }

    fn copy(&self, dir: &Path, name: &Path) -> Result<(), BackupError> {
        let path = dir.join(name);
        let file = OpenOptions::new().write(true).create_new(true).mode(0o600).open(&path);
        let mut file = file.map_err(BackupError::io("making", &path))?;
        in_pieces(&self.folder.join(name), |piece| {
            io::Write::write_all(&mut file, piece).map_err(BackupError::io("writing", &path))
        })?;
        file.sync_all().map_err(BackupError::io("syncing", &path))?;
        sync(parent(&path))
    }
}

fn make_durable(tree: &Db, dir: &Path) -> Result<(), BackupError> {
    tree.flush().map_err(unavailable)?;
    let synced = open_data_file(dir).and_then(|data| data.sync_all());
    synced.map_err(|error| StoreError::Unavailable(format!("sync: {error}")))?;
    sync(&sled_folder(dir))
}

/// Reads a file from its beginning to its end.
pub(super) fn in_pieces(
    path: &Path,
    mut each: impl FnMut(&[u8]) -> Result<(), BackupError>,
) -> Result<(), BackupError> {
    let mut file = BufReader::new(File::open(path).map_err(BackupError::io("reading", path))?);
    let mut piece = vec![0; PIECE];
    loop {
        match file.read(&mut piece) {
            Ok(0) => return Ok(()),
            Ok(length) => each(&piece[..length])?,
            Err(error) if error.kind() == ErrorKind::Interrupted => {}
            Err(error) => return Err(BackupError::io("reading", path)(error)),
        }
    }
}

/// The folder that a store is restored into. Dropped before the end it becomes what it was.
struct Place {
    dir: PathBuf,
    made: bool,
    lock: Option<File>,
    finished: bool,
}

impl Place {
    fn prepare(dir: &Path) -> Result<Self, BackupError> {
        check_free(dir)?;
        let made = !dir.exists();
        make_private(dir)?;
        // Whoever else holds it owns what is in the folder.
        let lock = Some(lock(dir)?);
        let place = Self { dir: dir.to_owned(), made, lock, finished: false };
        place.clear()?;
        Ok(place)
    }

    fn partial(&self) -> PathBuf {
        self.dir.join(PARTIAL)
    }

    /// Removes what a restoration makes before its end.
    fn clear(&self) -> Result<(), BackupError> {
        let absent_or = |result: io::Result<()>, path: &Path| match result {
            Err(error) if error.kind() != ErrorKind::NotFound => Err(BackupError::io("removing", path)(error)),
            _ => Ok(()),
        };
        let (partial, keys, imported) = (self.partial(), self.dir.join(KEY_FILE), self.dir.join(shelf::FOLDER));
        absent_or(fs::remove_dir_all(&imported), &imported)?;
        absent_or(fs::remove_file(&keys), &keys)?;
        absent_or(fs::remove_dir_all(&partial), &partial)
    }

    /// The tree last: beside the other files alone no store is opened or made.
    fn move_in(mut self) -> Result<(), BackupError> {
        let partial = self.partial();
        let imported = partial.join(shelf::FOLDER).exists().then(|| shelf::FOLDER.into());
        for path in imported.into_iter().chain([KEY_FILE.into(), sled_folder(Path::new(""))]) {
            fs::rename(partial.join(&path), self.dir.join(&path)).map_err(BackupError::io("moving", &path))?;
        }
        self.finished = true;
        sync(&self.dir)?;
        fs::remove_dir_all(&partial).map_err(BackupError::io("removing", &partial))?;
        sync(&self.dir)?;
        sync(parent(&self.dir))
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        if self.finished {
            return;
        }
        let mut undone = self.clear();
        if self.lock.take().is_some() {
            let path = self.dir.join("lock");
            undone = undone.and(fs::remove_file(&path).map_err(BackupError::io("removing", &path)));
        }
        if self.made && self.dir.exists() {
            undone = undone.and(fs::remove_dir(&self.dir).map_err(BackupError::io("removing", &self.dir)));
        }
        if let Err(error) = undone {
            tracing::warn!(%error, "what a restoration had made could not all be removed");
        }
    }
}

/// A folder may be absent, empty, or what a restoration cut short has left.
fn check_free(dir: &Path) -> Result<(), BackupError> {
    if !dir.exists() {
        return Ok(());
    }
    let entries = fs::read_dir(dir).map_err(BackupError::io("reading", dir))?;
    let names = entries.map(|entry| entry.map(|entry| entry.file_name())).collect::<Result<Vec<_>, _>>();
    let names = names.map_err(BackupError::io("reading", dir))?;
    let was_begun = names.iter().any(|name| name == PARTIAL);
    let is_free = names
        .iter()
        .all(|name| name == "lock" || (was_begun && (name == PARTIAL || name == KEY_FILE || name == shelf::FOLDER)));
    if is_free { Ok(()) } else { Err(BackupError::NotEmpty(dir.to_owned())) }
}
