//! How long events are kept: what the sweep takes of them, and what an audit says afterwards.

use std::io;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use vetd_model::notice::{Notice, NoticeKind};
use vetd_model::session::{CanceledBy, State};
use vetd_model::{EndpointId, EventId, Mode, Realm, Session, Timestamp, WorkspaceId};
use vetd_storage::{SledStore, Store, StoreError, StoreOptions, Write, WriteStage, audit};

use crate::opening::plant;
use crate::support::{NOW, OTHER, REALM, commit, make, moved, open, options, write};

const KEPT: Duration = Duration::from_secs(30 * 24 * 3600);

/// An event that needs no session, written at `at`.
fn notice(realm: Realm, number: u64, at: Timestamp) -> Notice {
    let mut entropy = [9; 10];
    entropy[2..].copy_from_slice(&number.to_be_bytes());
    let endpoint = EndpointId::from_bytes([1; 16]);
    Notice { id: EventId::new(at, entropy), realm, endpoint, kind: NoticeKind::Test, created: at }
}

fn notices(realm: Realm, numbers: std::ops::Range<u64>, at: Timestamp) -> Vec<Notice> {
    numbers.map(|number| notice(realm, number, at)).collect()
}

async fn file(store: &SledStore, notices: &[Notice]) {
    for some in notices.chunks(500) {
        commit(store, some.iter().map(Write::Notice).collect()).await.unwrap();
    }
}

fn positions(store: &SledStore, realm: Realm) -> Vec<u64> {
    store.events(realm, 0, 10_000).unwrap().events.iter().map(|event| event.position).collect()
}

#[tokio::test]
async fn the_oldest_events_of_each_realm_go_and_no_others() {
    let dir = tempfile::tempdir().unwrap();
    let store = open(dir.path());
    let third = Realm { workspace: WorkspaceId(1), mode: Mode::Live };
    let young = NOW.after(Duration::from_secs(60));
    // More than a batch that goes, and more than a batch that stays in front of what goes.
    let old = notices(REALM, 0..2_300, NOW);
    file(&store, &old).await;
    let kept = notices(REALM, 2_300..3_500, young);
    file(&store, &kept).await;
    file(&store, &notices(third, 0..3, NOW)).await;
    // The clock was set back: what stands behind a younger event stays with it.
    file(&store, &[notice(OTHER, 0, young), notice(OTHER, 1, NOW)]).await;

    assert_eq!(store.sweep(NOW.after(KEPT), KEPT).await, Ok(0), "not before its time");
    let now = NOW.after(KEPT + Duration::from_millis(1));
    assert_eq!(store.sweep(now, KEPT).await, Ok(2_303));
    assert_eq!(store.sweep(now, KEPT).await, Ok(0));
    let check = |store: &SledStore| {
        assert_eq!(positions(store, REALM), (2_301..=3_500).collect::<Vec<_>>());
        assert_eq!((positions(store, third), positions(store, OTHER)), (vec![], vec![3_504, 3_505]));
        assert_eq!(store.event(REALM, old[2_299].id), Ok(None));
        assert_eq!(store.event(REALM, kept[0].id).unwrap().unwrap().position, 2_301);
        assert_eq!(audit(store).violations, [""; 0]);
    };
    check(&store);
    drop(store);
    let store = open(dir.path());
    check(&store);
    file(&store, &[notice(third, 3, young)]).await;
    assert_eq!(positions(&store, third), [3_506], "positions are never given again");
}

#[tokio::test]
async fn a_sweep_that_is_cut_short_leaves_a_sound_store_and_goes_on() {
    for (stage, kind) in [(WriteStage::Apply, io::ErrorKind::Other), (WriteStage::Flush, io::ErrorKind::StorageFull)] {
        let dir = tempfile::tempdir().unwrap();
        // How many groups pass before one fails; none, while it is 0.
        let passes = Arc::new(AtomicU64::new(0));
        let left = Arc::clone(&passes);
        let fault = move |at| {
            let fails = at == stage && left.load(Ordering::SeqCst) > 0 && left.fetch_sub(1, Ordering::SeqCst) == 1;
            if fails { Err(io::Error::new(kind, "planted")) } else { Ok(()) }
        };
        let store = StoreOptions { write_fault: Some(Arc::new(fault)), ..options(dir.path()) };
        let store = SledStore::open(store).unwrap();
        let (made, handle) = make(&store, REALM, 1).await;
        let (canceled, event) = moved(&made, State::Canceled { at: NOW, by: CanceledBy::Tenant });
        write(&store, Some(&handle), &canceled, &[event]).await.unwrap();
        file(&store, &notices(REALM, 0..2_500, NOW.after(Duration::from_secs(5)))).await;

        passes.store(2, Ordering::SeqCst);
        let now = NOW.after(KEPT + Duration::from_secs(6));
        assert!(matches!(store.sweep(now, KEPT).await, Err(StoreError::Unavailable(_))));
        let left = positions(&store, REALM);
        assert_eq!(left, (2_503 - left.len() as u64..=2_502).collect::<Vec<_>>(), "a beginning went");
        assert!((500..=1_502).contains(&left.len()), "{}", left.len());
        assert_eq!(audit(&store).violations, [""; 0]);
        assert_eq!(store.sweep(now, KEPT).await, Ok(left.len()));
        assert_eq!(audit(&store).violations, [""; 0]);
    }
}

#[tokio::test]
async fn a_full_disk_does_not_keep_events_from_going() {
    let dir = tempfile::tempdir().unwrap();
    let free = Arc::new(AtomicU64::new(1_000));
    let probed = Arc::clone(&free);
    let probe = move || Ok(probed.load(Ordering::SeqCst));
    let store = StoreOptions { reserve_bytes: 1_000, space_probe: Some(Arc::new(probe)), ..options(dir.path()) };
    let store = SledStore::open(store).unwrap();
    file(&store, &notices(REALM, 0..10, NOW)).await;
    free.store(0, Ordering::SeqCst);
    assert_eq!(store.sweep(NOW.after(KEPT * 2), KEPT).await, Ok(10));
}

/// Three sessions that were made at the same time and one that was made later, after a sweep that
/// took what the first three did first.
async fn swept(dir: &Path) -> Vec<Session> {
    let store = open(dir);
    let mut sessions = Vec::new();
    // One ends before the time up to which is swept, one after it, one does not end.
    let canceled = State::Canceled { at: NOW, by: CanceledBy::Tenant };
    for (number, state) in [(1, Some(canceled)), (2, Some(State::Expired { at: NOW })), (3, None)] {
        let (mut session, handle) = make(&store, REALM, number).await;
        if let Some(state) = state {
            if number == 2 {
                session.updated = NOW.after(Duration::from_secs(10));
            }
            let (next, event) = moved(&session, state);
            write(&store, Some(&handle), &next, &[event]).await.unwrap();
            session = next;
        }
        sessions.push(session);
    }
    sessions.push(make(&store, REALM, 20_000).await.0);
    // What stands behind the end of the second session stays with it.
    assert_eq!(store.sweep(NOW.after(KEPT + Duration::from_secs(5)), KEPT).await, Ok(3));
    assert_eq!(positions(&store, REALM), [4, 5, 6]);
    assert_eq!(audit(&store).violations, [""; 0]);
    sessions
}

#[tokio::test]
async fn an_audit_tells_what_was_swept_from_what_is_missing() {
    let gone = |tree: &sled::Db, position: u64| {
        let key = [b"e".as_slice(), &REALM.bytes(), &position.to_be_bytes()].concat();
        let index = tree.scan_prefix(b"i").map(Result::unwrap).find(|(_, value)| *value == position.to_be_bytes());
        tree.remove(key).unwrap();
        tree.remove(index.unwrap().0).unwrap();
    };
    // The end of the second session, and the first event of the one that was made later.
    for position in [4, 6] {
        let dir = tempfile::tempdir().unwrap();
        swept(dir.path()).await;
        plant(dir.path(), |tree| gone(tree, position));
        let report = audit(&open(dir.path()));
        let found = report.violations.iter().any(|found| found.contains("has no verification.created event"));
        assert!(found, "{position}: {report:#?}");
    }
    // A store that was never swept has no excuse.
    let dir = tempfile::tempdir().unwrap();
    swept(dir.path()).await;
    plant(dir.path(), |tree| drop(tree.remove(b"!swept").unwrap()));
    let report = audit(&open(dir.path()));
    for sentence in ["has sequence 2, where 1 follows", "has no verification.created event"] {
        assert!(report.violations.iter().any(|found| found.contains(sentence)), "{sentence}: {report:#?}");
    }
}
