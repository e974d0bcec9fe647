//! Pictures in a folder of this machine.
//!
//! Written with the file system's own calls rather than through `object_store`, whose local store
//! makes files and folders that others may read, and syncs a new folder's entry only where it made
//! the folder itself: of two pictures of one session that come at once, the second could be
//! acknowledged while the folder that both stand in is not durable yet.

use std::collections::HashSet;
use std::fs::{self, DirBuilder, File, OpenOptions, Permissions};
use std::io::{self, ErrorKind, Read as _, Write as _};
use std::ops::ControlFlow;
use std::os::unix::fs::{DirBuilderExt, OpenOptionsExt, PermissionsExt};
use std::path::{Path, PathBuf};
use std::time::{SystemTime, UNIX_EPOCH};

use parking_lot::Mutex;
use rand::Rng;
use vetd_model::{Realm, Timestamp};

use super::name::is_segment;
use super::sealing::SEALED_LIMIT;
use super::{Found, MediaOpenError, ObjectName};
use crate::open::free_space;

/// Where files are written before they are whole.
pub(super) const DRAFTS: &str = "drafts";
/// A session's folder goes with its last object; how often a new object makes it again under one
/// that is being deleted.
const TRIES: usize = 8;
/// The files of nobody but us.
const FILE_MODE: u32 = 0o600;
const FOLDER_MODE: u32 = 0o700;

/// An open folder of objects. Every call blocks.
pub(super) struct Folder {
    root: PathBuf,
    reserve_bytes: u64,
    /// The realms whose folders are known to be durable: with them, an object costs two syncs
    /// rather than five.
    durable: Mutex<HashSet<Realm>>,
}

impl Folder {
    /// Opens the folder, and makes it if it is absent.
    pub(super) fn open(path: PathBuf, reserve_bytes: u64) -> Result<Self, MediaOpenError> {
        let absent: Vec<&Path> = path.ancestors().take_while(|folder| !folder.exists()).collect();
        let make = || {
            make_folder(&path)?;
            fs::set_permissions(&path, Permissions::from_mode(FOLDER_MODE))?;
            make_folder(&path.join(DRAFTS))?;
            sync(&path)?;
            // What was made here stands in a folder that has to know it.
            absent
                .iter()
                .filter_map(|folder| folder.parent())
                .try_for_each(|parent| sync(if parent.as_os_str().is_empty() { Path::new(".") } else { parent }))
        };
        match make() {
            Ok(()) => Ok(Self { root: path, reserve_bytes, durable: Mutex::default() }),
            Err(source) => Err(MediaOpenError::Folder { path, source }),
        }
    }

    /// Writes an object; returns once file, folders and their entries are synced.
    pub(super) fn put(&self, name: &ObjectName, bytes: &[u8]) -> io::Result<()> {
        let draft = self.write_draft(bytes)?;
        let published = self.publish(&draft, name);
        if published.is_err() {
            // Of a rename that went through and a sync that failed, nothing is left to remove.
            let _ = fs::remove_file(&draft);
        }
        published
    }

    fn write_draft(&self, bytes: &[u8]) -> io::Result<PathBuf> {
        if free_space(&self.root)? < self.reserve_bytes {
            return Err(io::Error::new(ErrorKind::StorageFull, "the disk is full up to its reserve"));
        }
        let path = self.root.join(DRAFTS).join(draft_name());
        let mut file = OpenOptions::new().write(true).create_new(true).mode(FILE_MODE).open(&path)?;
        let written = file.write_all(bytes).and_then(|()| file.sync_all());
        if written.is_err() {
            let _ = fs::remove_file(&path);
        }
        written.map(|()| path)
    }

    fn publish(&self, draft: &Path, name: &ObjectName) -> io::Result<()> {
        let path = self.path_of(name);
        let Some(session) = path.parent() else { return Err(ErrorKind::InvalidInput.into()) };
        for _ in 0..TRIES {
            self.make_session(session, name.realm)?;
            match fs::rename(draft, &path) {
                Ok(()) => return self.sync_above(session, name.realm),
                // The folder went with the last object in it, after it was made here.
                Err(error) if error.kind() == ErrorKind::NotFound && draft.exists() => {}
                Err(error) => return Err(error),
            }
        }
        Err(io::Error::other("the session's folder is deleted again and again"))
    }

    fn make_session(&self, session: &Path, realm: Realm) -> io::Result<()> {
        match DirBuilder::new().mode(FOLDER_MODE).create(session) {
            Err(error) if error.kind() == ErrorKind::AlreadyExists => Ok(()),
            Err(error) if error.kind() == ErrorKind::NotFound => {
                // The realm's folder is not there yet, or somebody has deleted it.
                self.durable.lock().remove(&realm);
                make_folder(session)
            }
            other => other,
        }
    }

    /// Syncs the entry of an object, and those of all folders that it stands in, whoever made them.
    fn sync_above(&self, session: &Path, realm: Realm) -> io::Result<()> {
        sync(session)?;
        let mut above = session.ancestors().skip(1);
        let workspace = above.next().unwrap_or(&self.root);
        sync(workspace)?;
        if self.durable.lock().contains(&realm) {
            return Ok(());
        }
        for folder in above.take_while(|folder| folder.starts_with(&self.root)) {
            sync(folder)?;
        }
        self.durable.lock().insert(realm);
        Ok(())
    }

    /// Reads an object, if it is there.
    pub(super) fn get(&self, name: &ObjectName) -> io::Result<Option<Vec<u8>>> {
        let file = match File::open(self.path_of(name)) {
            Err(error) if error.kind() == ErrorKind::NotFound => return Ok(None),
            other => other?,
        };
        let mut bytes = Vec::with_capacity(usize::try_from(file.metadata()?.len()).unwrap_or(0).min(SEALED_LIMIT));
        file.take(SEALED_LIMIT as u64 + 1).read_to_end(&mut bytes)?;
        Ok(Some(bytes))
    }

    /// Deletes an object, and its session's folder with the last one; returns once that is synced.
    pub(super) fn delete(&self, name: &ObjectName) -> io::Result<()> {
        let path = self.path_of(name);
        let Some(session) = path.parent() else { return Ok(()) };
        unless_absent(fs::remove_file(&path))?;
        // The removal is durable when the folder's entry is gone durably, or the file's.
        let changed = if fs::remove_dir(session).is_ok() { session.parent().unwrap_or(session) } else { session };
        unless_absent(sync(changed))
    }

    /// Hands every object that was written before `older_than` to `each`, and the name of what is
    /// none to `foreign`. What is deleted meanwhile may be there or not.
    pub(super) fn walk(
        &self,
        older_than: Timestamp,
        each: &mut dyn FnMut(Found) -> ControlFlow<()>,
        foreign: &dyn Fn(&str),
    ) -> io::Result<()> {
        let mut walk = Walk { older_than, each, foreign };
        walk.folder(&self.root, 0, "").map(drop)
    }

    /// Deletes what a killed process has left half written before this time.
    pub(super) fn clear_drafts(&self, older_than: Timestamp) -> io::Result<()> {
        for entry in fs::read_dir(self.root.join(DRAFTS))? {
            let entry = entry?;
            let modified = unless_absent(entry.metadata().and_then(|meta| meta.modified()).map(Some))?;
            if modified.is_some_and(|modified| timestamp(modified) < older_than) {
                unless_absent(fs::remove_file(entry.path()))?;
            }
        }
        Ok(())
    }

    /// Writes, reads and deletes a file.
    pub(super) fn probe(&self) -> io::Result<()> {
        let draft = self.write_draft(super::PROBE)?;
        let read = fs::read(&draft);
        fs::remove_file(&draft)?;
        if read? == super::PROBE {
            Ok(())
        } else {
            Err(io::Error::other("it gives back other bytes than it was given"))
        }
    }

    fn path_of(&self, name: &ObjectName) -> PathBuf {
        name.segments().iter().fold(self.root.clone(), |path, segment| path.join(segment))
    }
}

/// One going through the folder. It knows how names look at each depth and never leaves them:
/// neither through a link nor into what somebody else keeps here (`lost+found` of a disk).
struct Walk<'a> {
    older_than: Timestamp,
    each: &'a mut dyn FnMut(Found) -> ControlFlow<()>,
    foreign: &'a dyn Fn(&str),
}

impl Walk<'_> {
    fn folder(&mut self, folder: &Path, depth: usize, above: &str) -> io::Result<ControlFlow<()>> {
        let entries = match fs::read_dir(folder) {
            Err(error) if error.kind() == ErrorKind::NotFound => return Ok(ControlFlow::Continue(())),
            other => other?,
        };
        for entry in entries {
            let entry = entry?;
            let name = entry.file_name().to_string_lossy().into_owned();
            let path = if above.is_empty() { name.clone() } else { format!("{above}/{name}") };
            if depth == 0 && name == DRAFTS {
                continue;
            }
            let kind = entry.file_type()?;
            let next = match ObjectName::parse(&path) {
                Some(name) if kind.is_file() => self.file(&entry, name)?,
                None if kind.is_dir() && is_segment(depth, &name) => self.folder(&entry.path(), depth + 1, &path)?,
                _ => {
                    (self.foreign)(&path);
                    ControlFlow::Continue(())
                }
            };
            if next.is_break() {
                return Ok(next);
            }
        }
        Ok(ControlFlow::Continue(()))
    }

    fn file(&mut self, entry: &fs::DirEntry, name: ObjectName) -> io::Result<ControlFlow<()>> {
        let Some(meta) = unless_absent(entry.metadata().map(Some))? else { return Ok(ControlFlow::Continue(())) };
        let found = Found { name, modified: timestamp(meta.modified()?), bytes: meta.len() };
        if found.is_older_than(self.older_than) { Ok((self.each)(found)) } else { Ok(ControlFlow::Continue(())) }
    }
}

/// A name that no other draft has, also of another process.
pub(super) fn draft_name() -> String {
    format!("{:016x}", rand::rng().next_u64())
}

fn make_folder(path: &Path) -> io::Result<()> {
    DirBuilder::new().recursive(true).mode(FOLDER_MODE).create(path)
}

fn sync(folder: &Path) -> io::Result<()> {
    File::open(folder)?.sync_all()
}

/// What is absent already was wanted absent.
fn unless_absent<T: Default>(result: io::Result<T>) -> io::Result<T> {
    match result {
        Err(error) if error.kind() == ErrorKind::NotFound => Ok(T::default()),
        other => other,
    }
}

fn timestamp(time: SystemTime) -> Timestamp {
    Timestamp::default().after(time.duration_since(UNIX_EPOCH).unwrap_or_default())
}
