//! Pictures in a folder: what is put is there whole, for its owner alone, and gone when deleted.

use std::collections::BTreeSet;
use std::fs::{self, File};
use std::os::unix::fs::{PermissionsExt as _, symlink};
use std::path::{Path, PathBuf};
use std::time::{Duration, SystemTime};

use bytes::Bytes;
use futures::TryStreamExt as _;
use futures::future::try_join_all;
use tempfile::TempDir;
use vetd_model::{MediaId, Realm, SessionId, Timestamp};
use vetd_storage::StoreError;
use vetd_storage::media::{MediaError, MediaLocation, MediaOpenError, MediaStore, OBJECT_LIMIT, ObjectName};

use crate::support::{NOW, OTHER, REALM};

/// Later than anything that these tests write.
const EVER: Timestamp = Timestamp::from_seconds(10_000_000_000);

pub fn name(realm: Realm, session: u8, media: u8) -> ObjectName {
    let id = |byte: u8| [byte; 10];
    ObjectName { realm, session: SessionId::new(NOW, id(session)), media: MediaId::new(NOW, id(media)) }
}

fn open(path: &Path) -> MediaStore {
    MediaStore::open(MediaLocation::Folder { path: path.to_owned(), reserve_bytes: 0 }).unwrap()
}

fn empty() -> (TempDir, PathBuf, MediaStore) {
    let dir = TempDir::new().unwrap();
    let path = dir.path().join("deep/media");
    let store = open(&path);
    (dir, path, store)
}

pub async fn names(store: &MediaStore, older_than: Timestamp) -> BTreeSet<ObjectName> {
    store.list(older_than).map_ok(|found| found.name).try_collect().await.unwrap()
}

fn age(path: &Path, by: Duration) {
    let file = File::options().write(true).open(path).unwrap();
    file.set_modified(file.metadata().unwrap().modified().unwrap() - by).unwrap();
}

/// When a file was written, on our scale.
fn written(path: &Path) -> Timestamp {
    let modified = fs::metadata(path).unwrap().modified().unwrap();
    Timestamp::default().after(modified.duration_since(SystemTime::UNIX_EPOCH).unwrap())
}

#[tokio::test]
async fn what_is_put_is_there_until_it_is_deleted() {
    let (_dir, path, store) = empty();
    let name = name(REALM, 1, 1);
    assert_eq!(store.get(&name).await.unwrap(), None);
    store.put(&name, Bytes::from_static(b"first")).await.unwrap();
    store.put(&name, Bytes::from_static(b"second")).await.unwrap();
    assert_eq!(store.get(&name).await.unwrap().unwrap(), "second");
    assert_eq!(open(&path).get(&name).await.unwrap().unwrap(), "second", "also for whoever opens it later");
    assert_eq!(fs::read(path.join(name.to_string())).unwrap(), b"second");
    store.delete(&name).await.unwrap();
    assert_eq!(store.get(&name).await.unwrap(), None);
    store.delete(&name).await.unwrap();
    assert_eq!(fs::read_dir(path.join("drafts")).unwrap().count(), 0);
}

#[tokio::test]
async fn all_of_it_is_its_owners_alone() {
    let (_dir, path, store) = empty();
    let name = name(REALM, 1, 1);
    store.put(&name, Bytes::from_static(b"face")).await.unwrap();
    let object = path.join(name.to_string());
    let mode = |path: &Path| fs::metadata(path).unwrap().permissions().mode() & 0o777;
    assert_eq!(mode(&object), 0o600);
    for folder in object.ancestors().skip(1).take_while(|folder| folder.starts_with(&path)) {
        assert_eq!(mode(folder), 0o700, "{}", folder.display());
    }
    assert_eq!(mode(&path.join("drafts")), 0o700);
    fs::set_permissions(&path, fs::Permissions::from_mode(0o755)).unwrap();
    drop(open(&path));
    assert_eq!(mode(&path), 0o700, "a folder that was open to others is closed");
}

#[tokio::test]
async fn a_sessions_folder_goes_with_its_last_picture() {
    let (_dir, path, store) = empty();
    let (front, back) = (name(REALM, 1, 1), name(REALM, 1, 2));
    let session = path.join(front.to_string()).parent().unwrap().to_owned();
    store.put(&front, Bytes::from_static(b"front")).await.unwrap();
    store.put(&back, Bytes::from_static(b"back")).await.unwrap();
    store.delete(&front).await.unwrap();
    assert_eq!(store.get(&back).await.unwrap().unwrap(), "back");
    assert!(session.exists());
    store.delete(&back).await.unwrap();
    assert!(!session.exists());
    // Also if somebody has tidied up above it.
    fs::remove_dir_all(path.join("test")).unwrap();
    store.put(&front, Bytes::from_static(b"again")).await.unwrap();
    assert_eq!(store.get(&front).await.unwrap().unwrap(), "again");
}

#[tokio::test(flavor = "multi_thread")]
async fn pictures_that_come_while_the_last_one_goes_are_kept() {
    let (_dir, path, store) = empty();
    for round in 0..40 {
        let (gone, kept) = (name(REALM, 1, 1), name(REALM, 1, 2));
        store.put(&gone, Bytes::from_static(b"gone")).await.unwrap();
        let (deleted, put) = tokio::join!(store.delete(&gone), store.put(&kept, Bytes::from_static(b"kept")));
        deleted.unwrap();
        put.unwrap();
        assert_eq!(store.get(&kept).await.unwrap().unwrap(), "kept", "round {round}");
        store.delete(&kept).await.unwrap();
    }
    let many: Vec<ObjectName> = (0..32).map(|number| name(OTHER, number % 3, number)).collect();
    try_join_all(many.iter().map(|name| store.put(name, Bytes::from(name.to_string())))).await.unwrap();
    for name in &many {
        assert_eq!(store.get(name).await.unwrap().unwrap(), name.to_string());
    }
    assert_eq!(names(&store, EVER).await, many.into_iter().collect());
    assert_eq!(fs::read_dir(path.join("drafts")).unwrap().count(), 0);
}

#[tokio::test]
async fn a_list_has_what_is_old_and_nothing_that_is_not_ours() {
    let (_dir, path, store) = empty();
    assert_eq!(names(&store, EVER).await, BTreeSet::new());
    let (old, young, elsewhere) = (name(REALM, 1, 1), name(REALM, 1, 2), name(OTHER, 2, 3));
    for name in [old, young, elsewhere] {
        store.put(&name, Bytes::from_static(b"12345")).await.unwrap();
    }
    age(&path.join(old.to_string()), Duration::from_secs(3600));
    age(&path.join(elsewhere.to_string()), Duration::from_secs(3600));
    // A disk's own folder, a note, something under a name that only begins like ours, a way out.
    fs::create_dir(path.join("lost+found")).unwrap();
    fs::write(path.join("README"), "x").unwrap();
    let session = path.join(old.to_string()).parent().unwrap().to_owned();
    fs::write(session.join("note.txt"), "x").unwrap();
    fs::create_dir(session.join("00".repeat(16))).unwrap();
    symlink(&session, session.parent().unwrap().join("ff".repeat(16))).unwrap();
    symlink(path.join(old.to_string()), session.join("fe".repeat(16))).unwrap();

    let between = written(&path.join(young.to_string()));
    assert_eq!(names(&store, between).await, BTreeSet::from([old, elsewhere]));
    assert_eq!(names(&store, EVER).await, BTreeSet::from([old, young, elsewhere]));
    let found: Vec<_> = store.list(EVER).try_collect().await.unwrap();
    for found in found {
        assert_eq!(found.bytes, 5);
        assert_eq!(found.modified, written(&path.join(found.name.to_string())));
    }
    assert!(session.join("note.txt").exists() && path.join("README").exists(), "they are left alone");
}

#[tokio::test]
async fn a_picture_is_as_young_as_the_younger_of_its_two_times() {
    let (_dir, path, store) = empty();
    // Named by a clock that runs a day ahead of the disk's.
    let tomorrow =
        Timestamp::default().after(SystemTime::UNIX_EPOCH.elapsed().unwrap()).after(Duration::from_secs(86_400));
    let ahead = ObjectName { media: MediaId::new(tomorrow, [1; 10]), ..name(REALM, 1, 1) };
    store.put(&ahead, Bytes::from_static(b"x")).await.unwrap();
    let path = path.join(ahead.to_string());
    assert_eq!(names(&store, written(&path).after(Duration::from_secs(60))).await, BTreeSet::new());
    assert_eq!(names(&store, tomorrow.after(Duration::from_secs(60))).await, BTreeSet::from([ahead]));
}

#[tokio::test]
async fn a_list_that_is_dropped_ends() {
    let (_dir, _path, store) = empty();
    for number in 0..3 {
        store.put(&name(REALM, number, 1), Bytes::from_static(b"x")).await.unwrap();
    }
    let mut listed = store.list(EVER);
    assert!(listed.try_next().await.unwrap().is_some());
    drop(listed);
    drop(store.list(EVER));
    assert_eq!(names(&store, EVER).await.len(), 3);
}

#[tokio::test]
async fn what_a_killed_process_leaves_is_cleared_once_it_is_old() {
    let (_dir, path, store) = empty();
    let (old, young) = (path.join("drafts/0011"), path.join("drafts/0022"));
    fs::write(&old, "half").unwrap();
    fs::write(&young, "half").unwrap();
    age(&old, Duration::from_secs(3600));
    store.clear_drafts(written(&young)).await.unwrap();
    assert!(!old.exists() && young.exists());
    assert_eq!(names(&store, EVER).await, BTreeSet::new());
}

#[tokio::test]
async fn a_disk_that_is_full_up_to_its_reserve_takes_nothing() {
    let dir = TempDir::new().unwrap();
    let location = MediaLocation::Folder { path: dir.path().join("media"), reserve_bytes: u64::MAX };
    let store = MediaStore::open(location).unwrap();
    let refused = store.put(&name(REALM, 1, 1), Bytes::from_static(b"x")).await.unwrap_err();
    assert_eq!(refused, MediaError::Full);
    assert_eq!(StoreError::from(refused), StoreError::Full);
    assert_eq!(store.probe().await, Err(MediaError::Full));
    assert_eq!(store.get(&name(REALM, 1, 1)).await.unwrap(), None);
}

#[tokio::test]
async fn objects_have_a_largest_size() {
    let (_dir, path, store) = empty();
    let name = name(REALM, 1, 1);
    let large = vec![7; OBJECT_LIMIT + 4096];
    assert_eq!(store.put(&name, Bytes::from(large.clone())).await, Err(MediaError::TooLarge));
    store.put(&name, Bytes::from_static(b"x")).await.unwrap();
    fs::write(path.join(name.to_string()), large).unwrap();
    assert_eq!(store.get(&name).await, Err(MediaError::TooLarge));
}

#[tokio::test]
async fn a_probe_tells_whether_pictures_can_be_kept() {
    let (_dir, path, store) = empty();
    store.probe().await.unwrap();
    assert_eq!(fs::read_dir(path.join("drafts")).unwrap().count(), 0);
    fs::remove_dir_all(&path).unwrap();
    assert!(matches!(store.probe().await, Err(MediaError::Unavailable(_))));
    assert!(matches!(store.put(&name(REALM, 1, 1), Bytes::new()).await, Err(MediaError::Unavailable(_))));
    fs::write(&path, "a file").unwrap();
    let location = MediaLocation::Folder { path: path.clone(), reserve_bytes: 0 };
    let refused = MediaStore::open(location).unwrap_err();
    assert!(matches!(&refused, MediaOpenError::Folder { .. }), "{refused}");
    assert!(refused.to_string().contains(path.to_str().unwrap()), "{refused}");
}
