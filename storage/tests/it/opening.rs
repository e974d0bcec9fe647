//! What an opening refuses, and what the folder shows to others.

use std::os::unix::fs::PermissionsExt;
use std::path::Path;

use vetd_storage::{OpenError, SledStore, Store, StoreOptions};
use zeroize::Zeroizing;

use crate::support::{REALM, make, open, options};

fn mode(path: &Path) -> u32 {
    std::fs::metadata(path).unwrap().permissions().mode() & 0o777
}

fn with_key(dir: &Path, key: &str) -> StoreOptions {
    StoreOptions { master_key: Some(Zeroizing::new(key.to_owned())), ..options(dir) }
}

#[tokio::test]
async fn the_folder_and_its_keys_are_for_their_owner_alone() {
    let dir = tempfile::tempdir().unwrap();
    let data = dir.path().join("deep/data");
    let store = open(&data);
    make(&store, REALM, 1).await;
    assert_eq!((mode(&data), mode(&data.join("master.key")), mode(&data.join("keys"))), (0o700, 0o600, 0o600));
}

#[tokio::test]
async fn one_process_at_a_time() {
    let dir = tempfile::tempdir().unwrap();
    let store = open(dir.path());
    assert!(matches!(SledStore::open(options(dir.path())), Err(OpenError::InUse(_))));
    store.close().await.unwrap();
    let second = open(dir.path());
    drop(store);
    assert_eq!(second.health(), Ok(()));
}

#[tokio::test]
async fn another_or_no_master_key_is_refused_and_harms_nothing() {
    let dir = tempfile::tempdir().unwrap();
    let store = open(dir.path());
    let (session, _) = make(&store, REALM, 1).await;
    let derived = store.derived_key("tokens");
    drop(store);
    let key = std::fs::read_to_string(dir.path().join("master.key")).unwrap();

    assert!(matches!(SledStore::open(with_key(dir.path(), &"ab".repeat(32))), Err(OpenError::WrongMasterKey)));
    assert!(matches!(SledStore::open(with_key(dir.path(), "short")), Err(OpenError::InvalidMasterKey { .. })));
    std::fs::remove_file(dir.path().join("master.key")).unwrap();
    let missing = SledStore::open(options(dir.path())).unwrap_err();
    assert!(matches!(missing, OpenError::MissingMasterKey { .. }));
    assert!(!missing.to_string().contains(key.trim()));
    assert!(!dir.path().join("master.key").exists(), "none is made for a store that has one");

    let store = SledStore::open(with_key(dir.path(), &key)).unwrap();
    assert_eq!(*store.session(REALM, session.id).await.unwrap().unwrap().0, session);
    assert_eq!(store.derived_key("tokens"), derived);
    assert_ne!(store.derived_key("media"), derived);
}

#[tokio::test]
async fn a_newer_store_is_refused() {
    let dir = tempfile::tempdir().unwrap();
    drop(open(dir.path()));
    plant(dir.path(), |tree| {
        tree.insert(b"!schema", &2_u32.to_be_bytes()).unwrap();
    });
    let refused = SledStore::open(options(dir.path())).unwrap_err();
    assert!(matches!(refused, OpenError::Newer { found: 2, known: 1 }), "{refused}");
}

#[tokio::test]
async fn a_store_without_its_key_file_is_refused() {
    let dir = tempfile::tempdir().unwrap();
    drop(open(dir.path()));
    std::fs::remove_file(dir.path().join("keys")).unwrap();
    assert!(matches!(SledStore::open(options(dir.path())), Err(OpenError::KeyFile { .. })));
}

fn copy(from: &Path, to: &Path) {
    std::fs::create_dir_all(to).unwrap();
    for entry in std::fs::read_dir(from).unwrap() {
        let (path, to) = (entry.as_ref().unwrap().path(), to.join(entry.as_ref().unwrap().file_name()));
        if path.is_dir() {
            copy(&path, &to);
        } else {
            std::fs::copy(&path, &to).unwrap();
        }
    }
}

#[tokio::test]
async fn a_key_file_in_use_without_its_store_is_refused_and_stays_as_it_is() {
    let dir = tempfile::tempdir().unwrap();
    let (data, backup) = (dir.path().join("data"), dir.path().join("backup"));
    let store = open(&data);
    let (made, _) = make(&store, REALM, 1).await;
    drop(store);
    copy(&data.join("sled"), &backup);
    let keys = std::fs::read(data.join("keys")).unwrap();
    let master = std::fs::read(data.join("master.key")).unwrap();
    std::fs::remove_dir_all(data.join("sled")).unwrap();

    let refused = |made: &str| {
        let refused = SledStore::open(options(&data)).unwrap_err();
        assert!(matches!(&refused, OpenError::MissingTree { path } if *path == data.join("keys")), "{refused}");
        assert!(refused.to_string().contains("restore sled/"), "{refused}");
        assert_eq!(std::fs::read(data.join("keys")).unwrap(), keys, "{made}");
    };
    refused("sled/ is absent");
    assert!(!data.join("sled").exists(), "none is made");
    // The key alone, with the master key elsewhere: none is made either.
    std::fs::remove_file(data.join("master.key")).unwrap();
    refused("master.key is absent too");
    std::fs::create_dir(data.join("sled")).unwrap();
    refused("sled/ is an empty folder");
    plant(&data, |_| {});
    refused("sled/ is an empty tree");
    assert!(!data.join("master.key").exists());
    std::fs::remove_dir_all(data.join("sled")).unwrap();

    copy(&backup, &data.join("sled"));
    std::fs::write(data.join("master.key"), master).unwrap();
    let store = open(&data);
    assert_eq!(*store.session(REALM, made.id).await.unwrap().unwrap().0, made);
}

#[tokio::test]
async fn a_first_start_that_was_cut_short_is_begun_anew() {
    let dir = tempfile::tempdir().unwrap();
    // The tree is there but nothing in it; the key file is there, without a slot in use.
    plant(dir.path(), |_| {});
    std::fs::write(dir.path().join("keys"), vec![0; 1_000]).unwrap();
    let store = open(dir.path());
    make(&store, REALM, 1).await;
    assert_eq!(vetd_storage::audit(&store).violations, [""; 0]);
    drop(store);

    // A store in which nobody has been verified yet may lose its tree.
    let other = tempfile::tempdir().unwrap();
    drop(open(other.path()));
    std::fs::remove_dir_all(other.path().join("sled")).unwrap();
    let store = open(other.path());
    make(&store, REALM, 1).await;
}

#[tokio::test]
async fn where_no_store_is_to_be_made_none_is() {
    let dir = tempfile::tempdir().unwrap();
    let looking = |dir: &Path| SledStore::open(StoreOptions { create: false, ..options(dir) });
    let absent = dir.path().join("absent");
    assert!(matches!(looking(&absent), Err(OpenError::Absent(_))));
    assert!(!absent.exists());
    let empty = dir.path().join("empty");
    plant(&empty, |_| {});
    assert!(matches!(looking(&empty), Err(OpenError::Absent(_))));
    assert!(!empty.join("keys").exists() && !empty.join("master.key").exists());
    drop(open(dir.path()));
    assert_eq!(looking(dir.path()).unwrap().health(), Ok(()));
}

#[tokio::test]
async fn something_else_than_a_store_is_refused() {
    let dir = tempfile::tempdir().unwrap();
    plant(dir.path(), |tree| {
        tree.insert(b"hello", b"world").unwrap();
    });
    assert!(matches!(SledStore::open(options(dir.path())), Err(OpenError::Damaged(_))));
}

#[tokio::test]
async fn damage_to_sleds_files_is_said_and_not_repaired() {
    let dir = tempfile::tempdir().unwrap();
    let store = open(dir.path());
    for number in 0..50 {
        make(&store, REALM, number).await;
    }
    drop(store);
    std::fs::write(dir.path().join("sled/conf"), b"not a configuration").unwrap();
    let refused = SledStore::open(options(dir.path())).unwrap_err();
    assert!(refused.to_string().contains("backup"), "{refused}");
}

#[tokio::test]
async fn positions_and_slots_go_on_where_they_ended() {
    let dir = tempfile::tempdir().unwrap();
    let mut sessions = Vec::new();
    for number in 0..4 {
        let store = open(dir.path());
        assert_eq!(*store.durable_position().borrow(), number);
        sessions.push(make(&store, REALM, number).await.0);
    }
    let store = open(dir.path());
    for session in sessions {
        assert_eq!(*store.session(REALM, session.id).await.unwrap().unwrap().0, session);
    }
    assert_eq!(vetd_storage::audit(&store).violations, [""; 0]);
}

/// Changes a closed store behind its back.
pub fn plant(dir: &Path, change: impl FnOnce(&sled::Db)) {
    for _ in 0..1000 {
        // sled lets its lock go a moment after it was closed.
        match sled::open(dir.join("sled")) {
            Ok(tree) => {
                change(&tree);
                tree.flush().unwrap();
                return;
            }
            Err(_) => std::thread::yield_now(),
        }
    }
    panic!("sled keeps its lock");
}
