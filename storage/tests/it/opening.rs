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
    assert_eq!(store.session(REALM, session.id).await.unwrap().unwrap().0, session);
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
        assert_eq!(store.session(REALM, session.id).await.unwrap().unwrap().0, session);
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
