//! Opening: one process for one folder, a schema that this program knows, the right master key.

use std::fs::{self, DirBuilder, File, Permissions, TryLockError};
use std::io;
use std::os::unix::fs::{DirBuilderExt, PermissionsExt};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::mpsc;
use std::thread;
use std::time::Duration;

use parking_lot::Mutex;
use sled::{Batch, Db};
use tokio::sync::watch;
use zeroize::Zeroizing;

use crate::backup::PARTIAL;
use crate::flows::Flows;
use crate::keyring::{self, Keyring};
use crate::keys;
use crate::meters::Meters;
use crate::recent::Recent;
use crate::shared::{FatalHook, Shared, SpaceProbe, WriteFault};
use crate::shelf::Shelf;
use crate::slots::{KEY_FILE, SlotFile, is_in_use};
use crate::store::SledStore;
use crate::table::Table;
use crate::time_limits::FiledDays;
use crate::writer::{Writer, open_data_file, sled_folder};

/// The schema that this release writes. A store with a higher one is refused.
pub(crate) const SCHEMA: u32 = 1;
/// The position before the first event.
pub(crate) const LAST_POSITION_ABSENT: u64 = 0;
/// sled's threads may hold its file for a moment after it was closed; how often to try again.
const LOCK_TRIES: u32 = 50;
const LOCK_WAIT: Duration = Duration::from_millis(20);

/// How a store is opened.
#[derive(Clone)]
pub struct StoreOptions {
    /// The data folder; made if it is absent.
    pub dir: PathBuf,
    /// True if a folder without a store gets one; otherwise it is refused and stays as it is.
    pub create: bool,
    /// The value of `VETD_MASTER_KEY`: 32 bytes as base64 or hexadecimal. Without it the file
    /// `master.key` in the data folder is used, and made at the first start.
    pub master_key: Option<Zeroizing<String>>,
    /// How much memory sled may use to cache its pages, in bytes.
    pub cache_bytes: u64,
    /// How much space must be left on the disk for a write to be accepted, in bytes.
    pub reserve_bytes: u64,
    /// How many sessions are kept in memory as they were last made durable; one takes one to
    /// three kB.
    pub recent_sessions: usize,
    /// The most look-ups for one page of a list; beyond them it is refused as too broad.
    pub list_steps: usize,
    /// Says how much space is left; by default the file system is asked.
    pub space_probe: Option<SpaceProbe>,
    /// Called when the store has failed for good: the process should end with the message.
    pub on_fatal: Option<FatalHook>,
    /// For tests: stands in for errors of the disk.
    pub write_fault: Option<WriteFault>,
}

impl StoreOptions {
    /// The defaults: a cache of 64 MiB, a reserve of 256 MiB, 50,000 look-ups for a page.
    #[must_use]
    pub fn new(dir: impl Into<PathBuf>) -> Self {
        Self {
            dir: dir.into(),
            create: true,
            master_key: None,
            cache_bytes: 64 * 1024 * 1024,
            reserve_bytes: 256 * 1024 * 1024,
            recent_sessions: 4_096,
            list_steps: 50_000,
            space_probe: None,
            on_fatal: None,
            write_fault: None,
        }
    }
}

/// Why a store was not opened, with advice for the operator.
#[derive(Debug, thiserror::Error)]
pub enum OpenError {
    /// There is no store, and none was to be made.
    #[error("there is no store in {}: it has no sled/db; name the folder of one", .0.display())]
    Absent(PathBuf),
    /// Another process has the folder.
    #[error("the data folder {} is in use by another process; stop it first, or name another folder", .0.display())]
    InUse(PathBuf),
    /// The store was written by a later release.
    #[error(
        "the store has schema {found}, this program knows schemas up to {known}; use the release that wrote it, or a later one"
    )]
    Newer {
        /// The store's schema.
        found: u32,
        /// The highest schema that this program knows.
        known: u32,
    },
    /// The store has a master key, and none was given or found.
    #[error("the store has a master key, but neither VETD_MASTER_KEY nor master_key_file is set and {} is absent; give the key that the store was made with", .path.display())]
    MissingMasterKey {
        /// Where the file was looked for.
        path: PathBuf,
    },
    /// The master key is not the store's.
    #[error("the master key is not the one that the store was made with; give that one")]
    WrongMasterKey,
    /// The text is not a master key.
    #[error("{place} does not hold a master key: 32 bytes as base64 or hexadecimal (openssl rand -base64 32)")]
    InvalidMasterKey {
        /// Where the text stands.
        place: String,
    },
    /// The key file is absent or not one.
    #[error("the key file {} is absent or damaged ({detail}); without it no person's data can be read: restore the data folder from a backup, with this file", .path.display())]
    KeyFile {
        /// Where it was looked for.
        path: PathBuf,
        /// What is wrong with it.
        detail: String,
    },
    /// The store is gone, but the secrets of its sessions are there.
    #[error("the store is missing or empty beside the key file {}, which is in use; restore sled/ from the backup that this key file belongs to, or name another folder", .path.display())]
    MissingTree {
        /// The key file.
        path: PathBuf,
    },
    /// The key file lacks slots that the store has given out.
    #[error("the key file {} is older than the store in sled/; restore both from the same backup", .path.display())]
    OldKeyFile {
        /// The key file.
        path: PathBuf,
    },
    /// A restoration was cut short.
    #[error("a restoration into {} was cut short; run vetd restore again, or remove {}", .dir.display(), .dir.join(PARTIAL).display())]
    Restoring {
        /// The data folder.
        dir: PathBuf,
    },
    /// The store's files are damaged.
    #[error("the store is damaged ({0}); keep a copy of the data folder and restore it from a backup")]
    Damaged(String),
    /// The disk failed.
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

impl OpenError {
    pub(crate) fn io(action: &'static str, path: &Path, source: io::Error) -> Self {
        Self::Io { action, path: path.to_owned(), source }
    }
}

/// Opens the store and starts its writer.
pub(crate) fn open(options: StoreOptions) -> Result<Arc<SledStore>, OpenError> {
    let dir = options.dir;
    if !options.create && !has_tree(&dir) {
        return Err(OpenError::Absent(dir));
    }
    make_private(&dir)?;
    let lock = lock(&dir)?;
    if !has_tree(&dir) {
        // Before a tree is made, which would hide that there was none.
        if dir.join(PARTIAL).exists() {
            return Err(OpenError::Restoring { dir });
        }
        refuse_used_keys(&dir)?;
    }
    let tree = open_tree(&dir, options.cache_bytes)?;
    let is_new = check_schema(&tree)?;
    if is_new {
        refuse_used_keys(&dir)?;
        if !options.create {
            return Err(OpenError::Absent(dir));
        }
    }
    let master = keyring::master_key(&dir, options.master_key.as_ref().map(|text| text.as_str()), is_new)?;
    let keyring = Keyring::new(&master);
    let (slots, next_slot) = open_slots(&dir, is_new)?;
    if meta_u32(&tree, keys::META_SLOTS)?.is_some_and(|given| next_slot < given) {
        return Err(OpenError::OldKeyFile { path: dir.join(KEY_FILE) });
    }
    let data = open_data_file(&dir).map_err(|error| OpenError::io("opening the data file in", &dir, error))?;
    if is_new {
        found(&dir, &tree, &keyring, &data)?;
    } else {
        check_key(&tree, &keyring)?;
    }
    finish_erasures(&tree, &slots)?;
    let position = read_position(&tree)?.unwrap_or(LAST_POSITION_ABSENT);

    let probed = dir.clone();
    let filed_days = FiledDays::new(filed_days(&tree)?);
    let shared = Arc::new(Shared {
        folder: dir.clone(),
        shelf: Shelf::new(dir.clone(), options.reserve_bytes),
        cache_bytes: options.cache_bytes,
        reserve_bytes: options.reserve_bytes,
        list_steps: options.list_steps,
        space: options.space_probe.unwrap_or_else(|| Arc::new(move || free_space(&probed))),
        on_fatal: options.on_fatal,
        write_fault: options.write_fault,
        keyring,
        slots,
        table: Table::new(tree),
        flows: Flows::default(),
        recent: Recent::new(options.recent_sessions),
        filed_days,
        durable: watch::Sender::new(position),
        meters: Meters::new(),
        lock: Mutex::new(Some(lock)),
    });
    let (requests, queue) = mpsc::channel();
    let writer = Writer::new(Arc::clone(&shared), data, position, next_slot);
    let thread = thread::Builder::new()
        .name("store writer".to_owned())
        .spawn(move || writer.run(&queue))
        .map_err(|error| OpenError::io("starting the writer for", &dir, error))?;
    Ok(Arc::new(SledStore::new(shared, requests, thread)))
}

/// Makes the folder, for its owner alone.
pub(crate) fn make_private(dir: &Path) -> Result<(), OpenError> {
    let made = DirBuilder::new().recursive(true).mode(0o700).create(dir);
    made.and_then(|()| fs::set_permissions(dir, Permissions::from_mode(0o700)))
        .map_err(|error| OpenError::io("making the data folder", dir, error))
}

/// True if the folder holds a tree of sled's.
fn has_tree(dir: &Path) -> bool {
    sled_folder(dir).join("db").exists()
}

/// A new store begins with a new key file: one that is in use belongs to a store that is missing.
fn refuse_used_keys(dir: &Path) -> Result<(), OpenError> {
    let path = dir.join(KEY_FILE);
    match is_in_use(&path) {
        Ok(false) => Ok(()),
        Ok(true) => Err(OpenError::MissingTree { path }),
        Err(error) => Err(OpenError::io("reading", &path, error)),
    }
}

pub(crate) fn lock(dir: &Path) -> Result<File, OpenError> {
    let path = dir.join("lock");
    let file = File::create(&path).map_err(|error| OpenError::io("making", &path, error))?;
    match file.try_lock() {
        Ok(()) => Ok(file),
        Err(TryLockError::WouldBlock) => Err(OpenError::InUse(dir.to_owned())),
        Err(TryLockError::Error(error)) => Err(OpenError::io("locking", &path, error)),
    }
}

/// Opens sled's tree. The caller holds the folder's lock, so that a lock on sled's own file can
/// only be this process's own, about to be let go.
pub(crate) fn open_tree(dir: &Path, cache_bytes: u64) -> Result<Db, OpenError> {
    let path = sled_folder(dir);
    let config = sled::Config::new().path(&path).cache_capacity(cache_bytes);
    let mut tries = LOCK_TRIES;
    loop {
        // Some damage makes sled panic where it should refuse.
        let opened = catch_unwind(AssertUnwindSafe(|| config.open()));
        return match opened {
            Ok(Ok(tree)) => Ok(tree),
            Ok(Err(sled::Error::Io(error))) if tries > 0 && error.to_string().contains("could not acquire lock") => {
                tries -= 1;
                thread::park_timeout(LOCK_WAIT);
                continue;
            }
            Ok(Err(sled::Error::Io(error))) => Err(OpenError::io("opening", &path, error)),
            Ok(Err(error)) => Err(OpenError::Damaged(error.to_string())),
            Err(_) => Err(OpenError::Damaged("sled cannot read its own files".to_owned())),
        };
    }
}

/// Returns true for a store that is new.
fn check_schema(tree: &Db) -> Result<bool, OpenError> {
    let Some(found) = meta_u32(tree, keys::META_SCHEMA)? else {
        let empty = tree.first().map_err(|error| OpenError::Damaged(error.to_string()))?.is_none();
        return if empty { Ok(true) } else { Err(OpenError::Damaged("it does not say its schema".to_owned())) };
    };
    if found <= SCHEMA { Ok(false) } else { Err(OpenError::Newer { found, known: SCHEMA }) }
}

fn check_key(tree: &Db, keyring: &Keyring) -> Result<(), OpenError> {
    match meta(tree, keys::META_KEY_CHECK)? {
        Some(check) if check == keyring.check() => Ok(()),
        Some(_) => Err(OpenError::WrongMasterKey),
        None => Err(OpenError::Damaged("it does not say which master key it has".to_owned())),
    }
}

fn open_slots(dir: &Path, is_new: bool) -> Result<(SlotFile, u32), OpenError> {
    let path = dir.join(KEY_FILE);
    if is_new {
        let slots = SlotFile::create(&path).map_err(|error| OpenError::io("making", &path, error))?;
        return Ok((slots, 1));
    }
    SlotFile::open(&path).map_err(|error| OpenError::KeyFile { path, detail: error.to_string() })
}

/// The first write of a new store: from here on it is one.
fn found(dir: &Path, tree: &Db, keyring: &Keyring, data: &File) -> Result<(), OpenError> {
    let mut batch = Batch::default();
    batch.insert(keys::META_SCHEMA, &SCHEMA.to_be_bytes());
    batch.insert(keys::META_KEY_CHECK, &keyring.check());
    batch.insert(keys::META_POSITION, &LAST_POSITION_ABSENT.to_be_bytes());
    let written = tree.apply_batch(batch).and_then(|()| tree.flush());
    written.map_err(|error| OpenError::Damaged(error.to_string()))?;
    let sync = || {
        data.sync_all()?;
        File::open(sled_folder(dir))?.sync_all()?;
        File::open(dir)?.sync_all()
    };
    sync().map_err(|error| OpenError::io("syncing", dir, error))
}

/// Erases every secret whose erasure is on record: a server that died, or a backup that was taken
/// meanwhile, may have it still.
pub(crate) fn finish_erasures(tree: &Db, slots: &SlotFile) -> Result<(), OpenError> {
    let ordered = tree.scan_prefix([keys::ERASURE]).keys();
    let ordered = ordered.map(|key| key.map(|key| keys::erased_slot(&key))).collect::<Result<Vec<_>, _>>();
    let ordered = ordered.map_err(|error| OpenError::Damaged(error.to_string()))?;
    let ordered: Vec<u32> = ordered.into_iter().flatten().collect();
    slots.erase(&ordered).map_err(|error| OpenError::Damaged(format!("its key file cannot be written: {error}")))
}

/// The last position ever given, whatever has been swept since.
pub(crate) fn read_position(tree: &Db) -> Result<Option<u64>, OpenError> {
    let Some(bytes) = meta(tree, keys::META_POSITION)? else { return Ok(None) };
    let bytes =
        bytes.as_ref().try_into().map_err(|_| OpenError::Damaged("its last position is not a number".to_owned()))?;
    Ok(Some(u64::from_be_bytes(bytes)))
}

/// The days under which answers are filed: one seek for each.
fn filed_days(tree: &Db) -> Result<Vec<u16>, OpenError> {
    let mut days = Vec::new();
    let mut next = Some(0);
    while let Some(from) = next {
        let found = tree.range(keys::answers(from)..=keys::last_under(&[keys::ANSWER])).next().transpose();
        let found = found.map_err(|error| OpenError::Damaged(error.to_string()))?;
        let day = found.and_then(|(key, _)| keys::answer_day(&key));
        days.extend(day);
        next = day.and_then(|day| day.checked_add(1));
    }
    Ok(days)
}

fn meta_u32(tree: &Db, key: &[u8]) -> Result<Option<u32>, OpenError> {
    let Some(bytes) = meta(tree, key)? else { return Ok(None) };
    let bytes = bytes.as_ref().try_into();
    let bytes = bytes.map_err(|_| OpenError::Damaged(format!("its {} is not a number", key.escape_ascii())))?;
    Ok(Some(u32::from_be_bytes(bytes)))
}

fn meta(tree: &Db, key: &[u8]) -> Result<Option<sled::IVec>, OpenError> {
    tree.get(key).map_err(|error| OpenError::Damaged(error.to_string()))
}

/// What the folder's file system has left for this user, in bytes.
pub(crate) fn free_space(dir: &Path) -> io::Result<u64> {
    let stat = rustix::fs::statvfs(dir)?;
    Ok(stat.f_bavail.saturating_mul(stat.f_frsize))
}
