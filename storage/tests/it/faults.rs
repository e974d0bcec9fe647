//! A full disk, a failing disk, damaged records, and what an onlooker finds in the files.

use std::io;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};

use bytes::Bytes;
use parking_lot::Mutex;
use vetd_model::flow::StepKind;
use vetd_model::signature::WebhookSecret;
use vetd_model::submission::Submission;
use vetd_model::webhook::{Endpoint, EventFilter};
use vetd_model::{EndpointId, Session};
use vetd_storage::{
    Answer, Commit, IdempotencyRecord, IdempotencySlot, SessionQuery, SessionWrite, SledStore, Store, StoreError,
    StoreOptions, Write, WriteStage, audit,
};

use crate::opening::plant;
use crate::support::{KEEP, NOW, REALM, commit, make, open, options, session, write};

#[tokio::test]
async fn a_full_disk_refuses_writes_serves_reads_and_resumes() {
    let dir = tempfile::tempdir().unwrap();
    let free = Arc::new(AtomicU64::new(1_000));
    let probed = Arc::clone(&free);
    let store = SledStore::open(StoreOptions {
        reserve_bytes: 1_000,
        space_probe: Some(Arc::new(move || Ok(probed.load(Ordering::SeqCst)))),
        ..options(dir.path())
    })
    .unwrap();
    let (kept, _) = make(&store, REALM, 1).await;
    assert_eq!(store.health(), Ok(()));

    free.store(999, Ordering::SeqCst);
    assert_eq!(store.health(), Err(StoreError::Full));
    let (refused, event) = session(REALM, 2, &[]);
    assert_eq!(write(&store, None, &refused, std::slice::from_ref(&event)).await, Err(StoreError::Full));
    assert_eq!(*store.session(REALM, kept.id).await.unwrap().unwrap().0, kept);
    assert_eq!(store.session(REALM, refused.id).await, Ok(None));
    let gone = EndpointId::from_bytes([1; 16]);
    commit(&store, vec![Write::RemoveDelivery { endpoint: gone, position: 1 }]).await.unwrap();

    free.store(1_000, Ordering::SeqCst);
    write(&store, None, &refused, &[event]).await.unwrap();
    assert_eq!(*store.durable_position().borrow(), 2);
    assert_eq!(audit(&store).violations, [""; 0]);
}

/// A store whose disk fails at the given stage, in this way, once it is told to.
fn failing(
    dir: &Path,
    at: WriteStage,
    kind: io::ErrorKind,
) -> (Arc<SledStore>, Arc<AtomicU64>, Arc<Mutex<Vec<String>>>) {
    let failures = Arc::new(AtomicU64::new(0));
    let left = Arc::clone(&failures);
    let fatal = Arc::new(Mutex::new(Vec::new()));
    let noted = Arc::clone(&fatal);
    let fault = move |stage| {
        let strikes = |left: u64| left.checked_sub(1);
        if stage == at && left.fetch_update(Ordering::SeqCst, Ordering::SeqCst, strikes).is_ok() {
            return Err(io::Error::new(kind, "planted"));
        }
        Ok(())
    };
    let store = SledStore::open(StoreOptions {
        write_fault: Some(Arc::new(fault)),
        on_fatal: Some(Arc::new(move |reason: &str| noted.lock().push(reason.to_owned()))),
        ..options(dir)
    });
    (store.unwrap(), failures, fatal)
}

#[tokio::test]
async fn after_an_error_of_the_disk_the_store_is_reopened_and_whole() {
    for (stage, kind) in [
        (WriteStage::Apply, io::ErrorKind::Other),
        (WriteStage::Apply, io::ErrorKind::StorageFull),
        (WriteStage::Flush, io::ErrorKind::StorageFull),
    ] {
        let dir = tempfile::tempdir().unwrap();
        let (store, failures, fatal) = failing(dir.path(), stage, kind);
        let (kept, _) = make(&store, REALM, 1).await;

        failures.store(1, Ordering::SeqCst);
        let (open, event) = session(REALM, 2, &[]);
        assert!(matches!(write(&store, None, &open, &[event]).await, Err(StoreError::Unavailable(_))));
        // The answer comes once the store is usable again; the commit's outcome is then plain.
        let landed = store.session(REALM, open.id).await.unwrap().is_some();
        assert_eq!(landed, stage == WriteStage::Flush);
        assert_eq!(*store.durable_position().borrow(), 1 + u64::from(landed));
        assert_eq!(*store.session(REALM, kept.id).await.unwrap().unwrap().0, kept);

        make(&store, REALM, 3).await;
        assert_eq!(audit(&store).violations, [""; 0]);
        assert!(fatal.lock().is_empty());
    }
}

/// Also a flush that fails: it reports what the kernel could not write, once.
#[tokio::test]
async fn a_failed_sync_ends_the_store_for_good() {
    for (stage, kind) in [
        (WriteStage::Sync, io::ErrorKind::Other),
        (WriteStage::Sync, io::ErrorKind::StorageFull),
        (WriteStage::Flush, io::ErrorKind::Other),
    ] {
        let dir = tempfile::tempdir().unwrap();
        let (store, failures, fatal) = failing(dir.path(), stage, kind);
        let (kept, _) = make(&store, REALM, 1).await;
        failures.store(1, Ordering::SeqCst);
        let (lost, event) = session(REALM, 2, &[]);
        assert!(matches!(write(&store, None, &lost, &[event]).await, Err(StoreError::Unavailable(_))));
        assert_eq!(fatal.lock().len(), 1);
        assert!(matches!(store.health(), Err(StoreError::Unavailable(_))));
        assert!(matches!(store.session(REALM, kept.id).await, Err(StoreError::Unavailable(_))));
        assert!(matches!(store.sweep(NOW, KEEP).await, Err(StoreError::Unavailable(_))));
        drop(store);
        assert_eq!(*open(dir.path()).session(REALM, kept.id).await.unwrap().unwrap().0, kept);
    }
}

/// What sled's own thread was told, and the new handle never will be, the old handle still tells.
#[tokio::test]
async fn a_store_whose_writes_may_be_lost_is_not_reopened() {
    let dir = tempfile::tempdir().unwrap();
    let failing = Arc::new(AtomicBool::new(false));
    let fails = Arc::clone(&failing);
    let fatal = Arc::new(Mutex::new(Vec::new()));
    let noted = Arc::clone(&fatal);
    let fault = move |_| if fails.load(Ordering::SeqCst) { Err(io::Error::other("planted")) } else { Ok(()) };
    let store = SledStore::open(StoreOptions {
        write_fault: Some(Arc::new(fault)),
        on_fatal: Some(Arc::new(move |reason: &str| noted.lock().push(reason.to_owned()))),
        ..options(dir.path())
    })
    .unwrap();
    make(&store, REALM, 1).await;
    failing.store(true, Ordering::SeqCst);
    let (lost, event) = session(REALM, 2, &[]);
    assert!(matches!(write(&store, None, &lost, &[event]).await, Err(StoreError::Unavailable(_))));
    assert!(matches!(fatal.lock().as_slice(), [reason] if reason.contains("could not be synced")));
    assert!(matches!(store.health(), Err(StoreError::Unavailable(_))));
}

#[tokio::test]
async fn a_damaged_record_is_reported_and_the_others_are_served() {
    let dir = tempfile::tempdir().unwrap();
    let store = open(dir.path());
    let mut sessions = Vec::new();
    for number in 0..5 {
        sessions.push(make(&store, REALM, number).await.0);
    }
    drop(store);
    let key = [b"s".as_slice(), &REALM.bytes(), sessions[2].id.bytes()].concat();
    plant(dir.path(), |tree| {
        let mut record = tree.get(&key).unwrap().unwrap().to_vec();
        record.remove(60);
        tree.insert(&key, record).unwrap();
    });

    let store = open(dir.path());
    let StoreError::Inconsistent { key } = store.session(REALM, sessions[2].id).await.unwrap_err() else {
        panic!("the damage shows")
    };
    assert!(key.contains(&sessions[2].id.to_string()));
    let page = store.sessions(REALM, SessionQuery { limit: 10, ..SessionQuery::default() }).await.unwrap();
    let rest: Vec<Session> = [4, 3, 1, 0].map(|place: usize| sessions[place].clone()).to_vec();
    assert_eq!(page.items, rest);
    assert_eq!(store.damaged(), 2);
    assert!(audit(&store).violations.iter().any(|sentence| sentence.contains("does not decode")));
}

fn files(dir: &Path) -> Vec<std::path::PathBuf> {
    let entries = std::fs::read_dir(dir).unwrap().map(|entry| entry.unwrap().path());
    entries.flat_map(|path| if path.is_dir() { files(&path) } else { vec![path] }).collect()
}

fn found(dir: &Path, needle: &[u8]) -> bool {
    files(dir).iter().any(|path| {
        let bytes = std::fs::read(path).unwrap();
        bytes.windows(needle.len()).any(|window| window == needle)
    })
}

#[tokio::test]
async fn nothing_personal_and_no_secret_stands_in_any_file() {
    let dir = tempfile::tempdir().unwrap();
    let store = open(dir.path());
    let (mut session, _) = session(REALM, 1, &[("planted_name", "planted_value")]);
    let personal = session.personal.as_mut().unwrap();
    personal.redirect_url = Some("https://planted.example/".to_owned());
    let fields = [("first_name".to_owned(), "PLANTED PERSON".to_owned())].into();
    personal.submissions.insert(StepKind::DataEntry, Submission::DataEntry { fields });
    let secret = personal.secret.clone();
    let event = vetd_model::event::Event::append(&mut session, vetd_model::event::EventKind::Created, NOW);
    let events = [event];
    let body = |text: &str| Answer::Body { status: 200, body: Bytes::copy_from_slice(text.as_bytes()) };
    let filed = |number, answer, owner| IdempotencyRecord {
        slot: IdempotencySlot([number; 16]),
        at: NOW,
        fingerprint: [0; 32],
        answer,
        owner,
    };
    let owner = Some((REALM, session.id, &secret));
    let next = Arc::new(session.clone());
    let writes = vec![Write::Session(SessionWrite {
        before: None,
        next: &next,
        events: &events,
        erased: None,
        claims_document: false,
    })];
    store.commit(Commit { writes, idempotency: Some(filed(1, body("planted owned"), owner)) }).await.unwrap();
    let webhook = WebhookSecret::new([0x5a; 32]);
    let endpoint = Endpoint {
        id: EndpointId::from_bytes([1; 16]),
        realm: REALM,
        url: "https://example.com/visible-address".to_owned(),
        events: EventFilter::All,
        description: None,
        ordering: vetd_model::webhook::Ordering::Session,
        secret: webhook.clone(),
        rate_limit: None,
        previous_secrets: Vec::new(),
        disabled: None,
        enabled_at: None,
        created: NOW,
        updated: NOW,
    };
    let writes = vec![Write::Endpoint { revision: 0, endpoint: &endpoint }];
    store.commit(Commit { writes, idempotency: Some(filed(2, body("planted answer"), None)) }).await.unwrap();
    drop(store);

    let data = dir.path();
    assert!(found(data, b"visible-address"), "what is not secret is found, so the search works");
    let secrets: [&[u8]; 9] = [
        b"planted_name",
        b"planted_value",
        b"planted.example",
        b"PLANTED PERSON",
        b"first_name\x0e",
        b"planted owned",
        b"planted answer",
        webhook.expose().as_bytes(),
        secret.expose(),
    ];
    for needle in secrets {
        assert!(!found(data, needle), "{}", String::from_utf8_lossy(needle));
    }
    assert!(!found(data, &[0x5a; 32]));
}
