//! Backups of a store that is being written: what is restored is the store at one moment.

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};

use parking_lot::Mutex;
use vetd_model::session::{State, StepSet};
use vetd_model::{Session, SessionId};
use vetd_storage::{
    BackupError, BackupFolder, Manifest, OpenError, RestoreOptions, Restored, ShelfKind, SledStore, Store, audit,
    restore,
};
use zeroize::Zeroizing;

use crate::support::{NOW, REALM, make, moved, open, session, write};

/// A slot of the key file, in bytes.
const SLOT: usize = 80;

fn take(store: &dyn Store, to: &Path) -> Result<Manifest, BackupError> {
    let mut folder = BackupFolder::create(to)?;
    store.backup(NOW, &mut |piece| {
        folder.write(piece).unwrap();
        Ok(())
    })?;
    folder.finish()
}

fn options(from: &Path, to: &Path, key_of: &Path) -> RestoreOptions {
    let master_key = Zeroizing::new(fs::read_to_string(key_of.join("master.key")).unwrap());
    let (from, to) = (from.to_owned(), to.to_owned());
    RestoreOptions { from, to, master_key, new_master_key: None, cache_bytes: 8 << 20, allow_damage: false }
}

/// Restores with the master key of `key_of`, which is put into the new folder as well.
fn put_back(from: &Path, to: &Path, key_of: &Path) -> Result<Restored, BackupError> {
    let restored = restore(&options(from, to, key_of), &mut |_| ())?;
    fs::copy(key_of.join("master.key"), to.join("master.key")).unwrap();
    Ok(restored)
}

fn names(dir: &Path) -> Vec<String> {
    let mut names: Vec<_> =
        fs::read_dir(dir).unwrap().map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect();
    names.sort_unstable();
    names
}

struct Three {
    dir: tempfile::TempDir,
    data: PathBuf,
    backup: PathBuf,
    restored: PathBuf,
}

fn three() -> Three {
    let dir = tempfile::tempdir().unwrap();
    let [data, backup, restored] = ["data", "backup", "restored"].map(|name| dir.path().join(name));
    Three { dir, data, backup, restored }
}

/// What is in a folder with a store, event for event.
fn events(store: &SledStore) -> Vec<(u64, String)> {
    let page = store.events(REALM, 0, 1_000_000).unwrap();
    page.events.iter().map(|found| (found.position, found.event.id().to_string())).collect()
}

/// Makes sessions and moves each on; files what is acknowledged, with the last position then.
async fn busy(store: Arc<SledStore>, worker: u64, stop: Arc<AtomicBool>, made: Arc<Mutex<Vec<Session>>>) {
    for number in 0.. {
        if stop.load(Ordering::SeqCst) {
            return;
        }
        let (new, event) = session(REALM, worker * 1_000_000 + number, &[("order", "A-1")]);
        let handle = write(&store, None, &new, &[event]).await.unwrap();
        let state = State::RequiresInput { accepted: StepSet::default() };
        let (next, event) = moved(&new, state);
        write(&store, Some(&handle), &next, &[event]).await.unwrap();
        made.lock().push(next);
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn a_backup_under_load_is_a_prefix_of_the_commit_order() {
    let Three { data, dir, .. } = &three();
    let store = open(data);
    let (stop, made) = (Arc::new(AtomicBool::new(false)), Arc::new(Mutex::new(Vec::new())));
    let workers: Vec<_> = (0..8)
        .map(|worker| tokio::spawn(busy(Arc::clone(&store), worker, Arc::clone(&stop), Arc::clone(&made))))
        .collect();
    let mut taken = Vec::new();
    for round in 0..2 {
        // Enough for many look-ups, and for groups to become durable between them.
        let mut durable = store.durable_position();
        durable.wait_for(|position| *position > 600 * (round + 1)).await.unwrap();
        let acknowledged: Vec<Session> = made.lock().clone();
        let before = *durable.borrow();
        let to = dir.path().join(format!("backup-{round}"));
        let (from, target) = (Arc::clone(&store), to.clone());
        let manifest = tokio::task::spawn_blocking(move || take(from.as_ref(), &target)).await.unwrap().unwrap();
        assert!(manifest.origin.position >= before, "{manifest:?}");
        taken.push((to, manifest, acknowledged));
    }
    stop.store(true, Ordering::SeqCst);
    for worker in workers {
        worker.await.unwrap();
    }
    let all = events(&store);
    assert!(taken[0].1.origin.position < all.len() as u64, "nothing was written meanwhile");

    for (round, (backup, manifest, acknowledged)) in taken.into_iter().enumerate() {
        let to = dir.path().join(format!("restored-{round}"));
        let restored = put_back(&backup, &to, data).unwrap();
        assert_eq!((&restored.manifest, restored.audit.violations), (&manifest, Vec::new()));
        let copy = open(&to);
        let position = usize::try_from(manifest.origin.position).unwrap();
        assert_eq!(events(&copy), all[..position], "every event up to its position, and none after");
        for session in acknowledged {
            assert_eq!(*copy.session(REALM, session.id).await.unwrap().unwrap().0, session);
        }
        // It goes on where it ended.
        let (next, _) = make(&copy, REALM, 999_000_000).await;
        assert_eq!(*copy.session(REALM, next.id).await.unwrap().unwrap().0, next);
        assert_eq!(events(&copy).len(), position + 1);
        assert!(audit(&copy).is_sound());
    }
}

#[tokio::test]
async fn a_backup_holds_what_the_store_holds_and_no_master_key() {
    let Three { data, backup, restored, .. } = &three();
    let store = open(data);
    let mut sessions = Vec::new();
    for number in 0..5 {
        sessions.push(make(&store, REALM, number).await.0);
    }
    let manifest = take(store.as_ref(), backup).unwrap();
    assert_eq!(names(backup), ["keys", "manifest.json", "tree"]);
    assert_eq!(fs::metadata(backup).unwrap().permissions().mode() & 0o777, 0o700);
    assert_eq!((manifest.origin.position, manifest.origin.created), (5, NOW.seconds()));
    let master = fs::read_to_string(data.join("master.key")).unwrap();
    for name in names(backup) {
        let file = backup.join(name);
        assert_eq!(fs::metadata(&file).unwrap().permissions().mode() & 0o777, 0o600);
        let bytes = fs::read(&file).unwrap();
        assert!(!bytes.windows(20).any(|window| window == &master.as_bytes()[..20]));
        assert!(!bytes.windows(3).any(|window| window == b"A-1"), "metadata is sealed");
    }

    let audit = put_back(backup, restored, data).unwrap().audit;
    assert_eq!((audit.sessions, audit.events), (5, 5));
    assert_eq!(names(restored), ["keys", "lock", "master.key", "sled"]);
    assert_eq!(fs::metadata(restored).unwrap().permissions().mode() & 0o777, 0o700);
    let copy = open(restored);
    for session in sessions {
        assert_eq!(*copy.session(REALM, session.id).await.unwrap().unwrap().0, session);
    }
    assert_eq!(copy.derived_key("tokens"), store.derived_key("tokens"));
}

#[tokio::test]
async fn an_empty_store_is_backed_up_too() {
    let Three { data, backup, restored, .. } = &three();
    let store = open(data);
    take(store.as_ref(), backup).unwrap();
    fs::create_dir(restored).unwrap();
    put_back(backup, restored, data).unwrap();
    make(&open(restored), REALM, 1).await;
}

#[tokio::test]
async fn nothing_is_restored_with_a_wrong_key_or_over_something_else() {
    let Three { dir, data, backup, restored } = &three();
    let store = open(data);
    make(&store, REALM, 1).await;
    take(store.as_ref(), backup).unwrap();
    assert!(matches!(take(store.as_ref(), backup), Err(BackupError::Exists(_))));

    let wrong = |key: &str| {
        let options = RestoreOptions { master_key: Zeroizing::new(key.to_owned()), ..options(backup, restored, data) };
        restore(&options, &mut |_| ()).unwrap_err()
    };
    assert!(matches!(wrong(&"ab".repeat(32)), BackupError::Open(OpenError::WrongMasterKey)));
    assert!(matches!(wrong("short"), BackupError::Open(OpenError::InvalidMasterKey { .. })));
    assert!(!restored.exists());

    fs::create_dir(restored).unwrap();
    fs::write(restored.join("notes"), b"mine").unwrap();
    assert!(matches!(put_back(backup, restored, data), Err(BackupError::NotEmpty(_))));
    assert_eq!(names(restored), ["notes"]);
    assert!(matches!(put_back(backup, data, data), Err(BackupError::NotEmpty(_))));
    assert!(matches!(put_back(dir.path(), &dir.path().join("new"), data), Err(BackupError::Absent(_))));
    assert!(!dir.path().join("new").exists());
}

#[tokio::test]
async fn a_damaged_backup_is_refused_and_leaves_nothing() {
    let Three { data, backup, restored, .. } = &three();
    let store = open(data);
    for number in 0..20 {
        make(&store, REALM, number).await;
    }
    store.shelf().put(ShelfKind::Watchlist, "un", &[7; 600_000]).unwrap();
    take(store.as_ref(), backup).unwrap();
    let list = "imported/watchlists/un";
    let refused = |name: &str, change: &dyn Fn(&mut Vec<u8>)| {
        let file = backup.join(name);
        let whole = fs::read(&file).unwrap();
        let mut bytes = whole.clone();
        change(&mut bytes);
        fs::write(&file, bytes).unwrap();
        let error = put_back(backup, restored, data).unwrap_err();
        assert!(!restored.exists(), "{error}");
        fs::write(&file, whole).unwrap();
        error
    };
    let flip = |bytes: &mut Vec<u8>| {
        let middle = bytes.len() / 2;
        bytes[middle] ^= 1;
    };
    let cut = |bytes: &mut Vec<u8>| bytes.truncate(bytes.len() - 1);
    let half = |bytes: &mut Vec<u8>| bytes.truncate(bytes.len() / 2);
    let elsewhere = |bytes: &mut Vec<u8>| {
        *bytes = String::from_utf8(bytes.clone()).unwrap().replace("watchlists/un", "../../keys").into_bytes();
    };
    for error in [
        refused("tree", &flip),
        refused("tree", &cut),
        refused("keys", &cut),
        refused("manifest.json", &half),
        refused("manifest.json", &elsewhere),
        refused(list, &flip),
        refused(list, &cut),
    ] {
        assert!(matches!(error, BackupError::Damaged { .. }), "{error}");
    }
    // The secret of the first session: the audit finds it.
    let error = refused("keys", &|bytes| bytes[SLOT + SLOT - 1] ^= 1);
    assert!(matches!(&error, BackupError::Unsound(found) if !found.is_empty()), "{error}");
    let newer = |bytes: &mut Vec<u8>| {
        *bytes = String::from_utf8(bytes.clone()).unwrap().replace("\"format\": 1", "\"format\": 2").into_bytes();
    };
    assert!(matches!(refused("manifest.json", &newer), BackupError::Newer { .. }));
    put_back(backup, restored, data).unwrap();
    assert_eq!(fs::read(restored.join(list)).unwrap(), [7; 600_000]);
}

#[tokio::test]
async fn a_slot_that_was_erased_is_erased_in_the_backup() {
    let Three { data, backup, restored, .. } = &three();
    let store = open(data);
    let (gone, _) = make(&store, REALM, 1).await;
    let (kept, _) = make(&store, REALM, 2).await;
    let (erased_later, _) = make(&store, REALM, 3).await;
    let secret = erase(&data.join("keys"), 1);
    take(store.as_ref(), backup).unwrap();
    let later = erase(&backup.join("keys"), 3);
    for file in ["keys", "tree"] {
        let bytes = fs::read(backup.join(file)).unwrap();
        assert!(!bytes.windows(72).any(|window| window == secret || window == later), "{file}");
    }

    let error = put_back(backup, restored, data).unwrap_err();
    assert!(matches!(error, BackupError::Unsound(_)), "{error}");
    let allowing = RestoreOptions { allow_damage: true, ..options(backup, restored, data) };
    restore(&allowing, &mut |_| ()).unwrap();
    fs::copy(data.join("master.key"), restored.join("master.key")).unwrap();
    let copy = open(restored);
    for (session, is_there) in [(gone.id, false), (kept.id, true), (erased_later.id, false)] {
        assert_eq!(copy.session(REALM, session).await.is_ok(), is_there);
    }
}

/// Zeroes a slot behind the store's back, as an erasure does; returns what it held.
fn erase(keys: &Path, slot: usize) -> Vec<u8> {
    let mut bytes = fs::read(keys).unwrap();
    let held = bytes[SLOT * slot + 8..SLOT * (slot + 1)].to_vec();
    bytes[SLOT * slot..SLOT * (slot + 1)].fill(0);
    bytes[SLOT * slot] = 2;
    fs::write(keys, bytes).unwrap();
    held
}

#[tokio::test]
async fn a_backup_that_is_cut_short_leaves_nothing() {
    let Three { dir, data, backup, .. } = &three();
    let store = open(data);
    for number in 0..50 {
        make(&store, REALM, number).await;
    }
    let mut pieces = Vec::new();
    store
        .backup(NOW, &mut |piece| {
            pieces.extend_from_slice(piece);
            Ok(())
        })
        .unwrap();
    for length in (0..pieces.len()).step_by(1_000) {
        let mut folder = BackupFolder::create(backup).unwrap();
        folder.write(&pieces[..length]).unwrap();
        assert!(matches!(folder.finish(), Err(BackupError::Cut)), "{length}");
        assert_eq!(names(dir.path()), ["data"]);
    }
    let mut folder = BackupFolder::create(backup).unwrap();
    pieces[100] ^= 1;
    assert!(matches!(folder.write(&pieces), Err(BackupError::Garbled)));
    assert!(matches!(BackupFolder::create(backup), Err(BackupError::InUse(_))), "one writes there already");
    drop(folder);

    // What a process that was killed leaves is taken over.
    fs::create_dir(dir.path().join("backup.partial")).unwrap();
    fs::write(dir.path().join("backup.partial/tree"), vec![1; 9_999_999]).unwrap();
    take(store.as_ref(), backup).unwrap();
    assert_eq!(names(dir.path()), ["backup", "data"]);
}

#[tokio::test]
async fn a_restoration_that_was_cut_short_is_not_taken_for_a_store() {
    let Three { data, backup, restored, .. } = &three();
    let store = open(data);
    make(&store, REALM, 1).await;
    take(store.as_ref(), backup).unwrap();
    let steps = AtomicUsize::new(0);
    let killed = std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| {
        restore(&options(backup, restored, data), &mut |_| {
            if steps.fetch_add(1, Ordering::SeqCst) == 3 {
                panic!("on purpose");
            }
        })
    }));
    assert!(killed.is_err() && !restored.exists(), "{steps:?}");

    // As a kill leaves it: in the middle of loading, and between the two moves.
    fs::create_dir_all(restored.join("restore.partial/sled")).unwrap();
    fs::write(restored.join("lock"), b"").unwrap();
    assert!(matches!(SledStore::open(crate::support::options(restored)), Err(OpenError::Restoring { .. })));
    fs::copy(backup.join("keys"), restored.join("keys")).unwrap();
    assert!(matches!(SledStore::open(crate::support::options(restored)), Err(OpenError::Restoring { .. })));
    assert!(!restored.join("sled").exists());
    put_back(backup, restored, data).unwrap();
    assert_eq!(names(restored), ["keys", "lock", "master.key", "sled"]);
}

#[tokio::test]
async fn a_key_file_older_than_its_store_is_refused() {
    let Three { data, .. } = &three();
    let store = open(data);
    make(&store, REALM, 1).await;
    let old = fs::read(data.join("keys")).unwrap();
    let (last, _) = make(&store, REALM, 2).await;
    drop(store);
    let new = fs::read(data.join("keys")).unwrap();
    fs::write(data.join("keys"), old).unwrap();
    let refused = SledStore::open(crate::support::options(data)).unwrap_err();
    assert!(matches!(refused, OpenError::OldKeyFile { .. }), "{refused}");
    fs::write(data.join("keys"), new).unwrap();
    let found: SessionId = open(data).session(REALM, last.id).await.unwrap().unwrap().0.id;
    assert_eq!(found, last.id);
}
