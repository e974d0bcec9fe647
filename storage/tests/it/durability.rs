//! Conflicts, order, and what concurrent writers and readers see.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use vetd_model::session::{State, StepSet};
use vetd_model::{Mode, Realm};
use vetd_storage::{Commit, SessionWrite, SledStore, Store, StoreError, StoreOptions, Write, audit};

use crate::support::{NOW, REALM, commit, make, moved, open, options, session, write};

const WAITING: State = State::RequiresInput { accepted: StepSet::from_bits(0) };

#[tokio::test]
async fn a_stale_revision_is_refused_and_changes_nothing() {
    let dir = tempfile::tempdir().unwrap();
    let store = open(dir.path());
    let (made, handle) = make(&store, REALM, 1).await;
    let (winner, event) = moved(&made, WAITING);
    write(&store, Some(&handle), &winner, &[event]).await.unwrap();

    let (loser, event) = moved(&made, State::Canceled { at: NOW, by: vetd_model::session::CanceledBy::Tenant });
    assert_eq!(write(&store, Some(&handle), &loser, &[event]).await, Err(StoreError::Conflict));
    let (again, event) = session(REALM, 1, &[]);
    assert_eq!(write(&store, None, &again, &[event]).await, Err(StoreError::Conflict));
    assert_eq!(*store.session(REALM, made.id).await.unwrap().unwrap().0, winner);
    assert_eq!(store.events(REALM, 0, 10).unwrap().events.len(), 2);
    assert_eq!(audit(&store).violations, [""; 0]);
}

#[tokio::test]
async fn of_two_conflicting_commits_at_once_one_wins() {
    let dir = tempfile::tempdir().unwrap();
    let store = open(dir.path());
    for number in 0..20 {
        let (made, handle) = make(&store, REALM, number).await;
        let (one, one_event) = moved(&made, WAITING);
        let (two, two_event) = moved(&made, State::Expired { at: NOW });
        // Both are in the queue before either is answered, so most meet in one group.
        let (one_events, two_events) = ([one_event], [two_event]);
        let one_write = SessionWrite {
            before: Some(&handle),
            next: &Arc::new(one.clone()),
            events: &one_events,
            erased: None,
            claims_document: false,
        };
        let two_write = SessionWrite {
            before: Some(&handle),
            next: &Arc::new(two.clone()),
            events: &two_events,
            erased: None,
            claims_document: false,
        };
        let first = store.commit(Commit { writes: vec![Write::Session(one_write)], idempotency: None });
        let second = store.commit(Commit { writes: vec![Write::Session(two_write)], idempotency: None });
        assert!(first.await.is_ok());
        assert_eq!(second.await, Err(StoreError::Conflict));
        assert_eq!(*store.session(REALM, made.id).await.unwrap().unwrap().0, one);
    }
    assert_eq!(audit(&store).violations, [""; 0]);
}

#[tokio::test]
async fn a_commit_is_all_or_nothing() {
    let dir = tempfile::tempdir().unwrap();
    let store = open(dir.path());
    let (made, stale) = make(&store, REALM, 1).await;
    let (next, event) = moved(&made, WAITING);
    write(&store, Some(&stale), &next, &[event]).await.unwrap();

    let (other, other_event) = session(REALM, 2, &[("a", "b")]);
    let (late, late_event) = moved(&made, State::Expired { at: NOW });
    let (other_events, late_events) = ([other_event], [late_event]);
    let (other_next, late_next) = (Arc::new(other.clone()), Arc::new(late.clone()));
    let writes = vec![
        Write::Session(SessionWrite {
            before: None,
            next: &other_next,
            events: &other_events,
            erased: None,
            claims_document: false,
        }),
        Write::Session(SessionWrite {
            before: Some(&stale),
            next: &late_next,
            events: &late_events,
            erased: None,
            claims_document: false,
        }),
    ];
    assert_eq!(commit(&store, writes).await, Err(StoreError::Conflict));
    assert_eq!(store.session(REALM, other.id).await, Ok(None));
    assert_eq!(*store.durable_position().borrow(), 2);
    assert_eq!(audit(&store).violations, [""; 0]);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn what_64_writers_were_told_is_there_afterwards() {
    let dir = tempfile::tempdir().unwrap();
    let store = open(dir.path());
    let writers: Vec<_> = (0..64_u64)
        .map(|writer| {
            let store = Arc::clone(&store);
            tokio::spawn(async move {
                let mut kept = Vec::new();
                for turn in 0..5 {
                    let (made, handle) = make(&store, REALM, writer * 100 + turn).await;
                    let (next, event) = moved(&made, WAITING);
                    write(&store, Some(&handle), &next, &[event]).await.unwrap();
                    kept.push(next);
                }
                kept
            })
        })
        .collect();
    let mut kept = Vec::new();
    for writer in writers {
        kept.extend(writer.await.unwrap());
    }
    drop(store);

    let store = open(dir.path());
    for session in &kept {
        assert_eq!(*store.session(REALM, session.id).await.unwrap().unwrap().0, *session);
    }
    let report = audit(&store);
    assert_eq!((report.violations, report.sessions, report.events), (vec![], 320, 640));
    let page = store.events(REALM, 0, 1000).unwrap();
    let positions: Vec<u64> = page.events.iter().map(|event| event.position).collect();
    assert_eq!(positions, (1..=640).collect::<Vec<_>>());
}

/// A reader that follows events must find each one's session at least as far as the event says,
/// and never an event beyond the durable position.
#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn a_follower_never_sees_more_than_is_durable_nor_an_event_without_its_session() {
    let dir = tempfile::tempdir().unwrap();
    let store = open(dir.path());
    let done = Arc::new(AtomicBool::new(false));
    let follower = tokio::spawn({
        let (store, done) = (Arc::clone(&store), Arc::clone(&done));
        async move {
            let mut after = 0;
            let mut position = store.durable_position();
            loop {
                let ending = done.load(Ordering::Acquire);
                let durable = *position.borrow_and_update();
                let page = store.events(REALM, after, 50).unwrap();
                let durable_by_now = *position.borrow_and_update();
                for event in &page.events {
                    assert_eq!(event.position, after + 1, "no gap");
                    after = event.position;
                    let event = event.event.as_session().unwrap();
                    let (session, _) = store.session(REALM, event.session).await.unwrap().unwrap();
                    assert!(session.chain.sequence >= event.sequence);
                }
                assert!(after <= durable_by_now, "nothing beyond the durable position");
                // All events here are of this realm, so the last one read is all there is to read.
                assert_eq!(page.read_to, after);
                assert!(page.events.len() == 50 || after >= durable, "nothing durable is held back");
                if ending && page.events.is_empty() {
                    return after;
                }
                tokio::task::yield_now().await;
            }
        }
    });
    let writers: Vec<_> = (0..16_u64)
        .map(|writer| {
            let store = Arc::clone(&store);
            tokio::spawn(async move {
                for turn in 0..10 {
                    let (made, handle) = make(&store, REALM, writer * 100 + turn).await;
                    let (next, event) = moved(&made, WAITING);
                    write(&store, Some(&handle), &next, &[event]).await.unwrap();
                    let (read, _) = store.session(REALM, made.id).await.unwrap().unwrap();
                    assert_eq!(*read, next, "what was acknowledged is read");
                }
            })
        })
        .collect();
    for writer in writers {
        writer.await.unwrap();
    }
    done.store(true, Ordering::Release);
    assert_eq!(follower.await.unwrap(), 320);
}

#[tokio::test]
async fn a_commit_goes_on_when_nobody_waits_for_it() {
    let dir = tempfile::tempdir().unwrap();
    let store = open(dir.path());
    let (session, event) = session(REALM, 1, &[]);
    let events = [event];
    let write = SessionWrite {
        before: None,
        next: &Arc::new(session.clone()),
        events: &events,
        erased: None,
        claims_document: false,
    };
    drop(store.commit(Commit { writes: vec![Write::Session(write)], idempotency: None }));
    store.close().await.unwrap();
    assert!(matches!(store.session(REALM, session.id).await, Err(StoreError::Unavailable(_))));
    drop(store);
    assert!(open(dir.path()).session(REALM, session.id).await.unwrap().is_some());
}

#[tokio::test]
async fn readers_are_handed_a_session_as_it_was_last_made_durable() {
    let dir = tempfile::tempdir().unwrap();
    let store = SledStore::open(StoreOptions { recent_sessions: 64, ..options(dir.path()) }).unwrap();
    let (made, handle) = make(&store, REALM, 1).await;
    let read = || async { store.session(REALM, made.id).await.unwrap().unwrap() };
    assert_eq!((&*read().await.0, read().await.1), (&made, handle.clone()));
    assert!(Arc::ptr_eq(&read().await.0, &read().await.0), "the second reader is handed the same");
    let (next, event) = moved(&made, WAITING);
    write(&store, Some(&handle), &next, &[event]).await.unwrap();
    assert_eq!(*read().await.0, next);
    assert_eq!(read().await.1.revision(), 2);
    let live = Realm { mode: Mode::Live, ..REALM };
    assert_eq!(store.session(live, made.id).await, Ok(None), "in the other mode it is absent");
}
