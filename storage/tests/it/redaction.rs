//! Erasure: what is redacted is gone from the store, whatever happens in between.

use std::collections::BTreeMap;
use std::fs;
use std::io;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use bytes::Bytes;
use vetd_model::decide::{Command, decide};
use vetd_model::field::{Candidate, Field, Source};
use vetd_model::review::{Decision, NewReview};
use vetd_model::session::State;
use vetd_model::{Session, Status};
use vetd_storage::{
    Answer, Commit, Cursor, Handle, IdempotencyRecord, IdempotencySlot, SessionQuery, SessionWrite, SledStore,
    StatusFilter, Store, StoreError, StoreOptions, Write, WriteStage, audit,
};

use crate::support::{KEEP, NOW, REALM, make, minutes, moved, open, options, write};

const SLOT: IdempotencySlot = IdempotencySlot([7; 16]);
const ISSUER: &str = "DE";
const NUMBER: &str = "L898902C3";

/// A session that has ended in review, with a document and a filed answer.
async fn ended(store: &SledStore) -> (Session, Handle) {
    let (made, handle) = make(store, REALM, 1).await;
    let (mut next, event) = moved(&made, State::RequiresReview { at: NOW });
    let said = |value: &str| Candidate { value: value.to_owned(), source: Source::MrzProven, confidence: 1000 };
    let field = |value| Field { chosen: said(value), disagreeing: Vec::new() };
    next.personal.as_mut().unwrap().fields =
        BTreeMap::from([("issuing_country".to_owned(), field(ISSUER)), ("document_number".to_owned(), field(NUMBER))]);
    let secret = next.personal.as_ref().unwrap().secret.clone();
    let record = IdempotencyRecord {
        slot: SLOT,
        at: NOW,
        fingerprint: [1; 32],
        answer: Answer::Body { status: 200, body: Bytes::from_static(b"{\"first_name\":\"ANNA\"}") },
        owner: Some((REALM, next.id, &secret)),
    };
    let write = SessionWrite {
        before: Some(&handle),
        next: &Arc::new(next.clone()),
        events: &[event],
        erased: None,
        claims_document: false,
    };
    let commit = Commit { writes: vec![Write::Session(write)], idempotency: Some(record) };
    let handle = store.commit(commit).await.unwrap().session.unwrap();
    (next, handle)
}

async fn redact(store: &SledStore, session: &Session, handle: &Handle) -> Result<Session, StoreError> {
    let transition = decide(session, Command::Redact, NOW.after(minutes(60))).unwrap();
    let next = Arc::new(transition.next);
    let (events, erased) = (&transition.events, transition.erased.as_deref());
    let write = SessionWrite { before: Some(handle), next: &next, events, erased, claims_document: false };
    store.commit(Commit { writes: vec![Write::Session(write)], idempotency: None }).await?;
    Ok(Session::clone(&next))
}

fn by_metadata() -> SessionQuery {
    let metadata = vec![("order".to_owned(), "A-1".to_owned())];
    SessionQuery { metadata, limit: 10, cursor: Cursor::Start, ..SessionQuery::default() }
}

/// The states of the slots of the key file that were ever used: 1 used, 2 erased.
fn slots(dir: &Path) -> Vec<u8> {
    let bytes = fs::read(dir.join("keys")).unwrap();
    let slots = bytes.chunks(80).skip(1).take_while(|slot| slot[0] != 0);
    slots
        .map(|slot| {
            assert!(slot[0] == 1 || slot[1..].iter().all(|byte| *byte == 0), "an erased slot holds nothing");
            slot[0]
        })
        .collect()
}

fn assert_gone(store: &SledStore, dir: &Path) {
    assert_eq!(slots(dir), [2]);
    assert_eq!(store.sessions_of_document(REALM, ISSUER, NUMBER, 10).unwrap(), []);
    assert_eq!(audit(store).violations, [""; 0]);
}

#[tokio::test]
async fn what_is_redacted_is_found_by_nothing_and_read_by_nobody() {
    let dir = tempfile::tempdir().unwrap();
    let store = open(dir.path());
    let (session, handle) = ended(&store).await;
    assert_eq!(store.sessions_of_document(REALM, ISSUER, NUMBER, 10).unwrap(), [session.id]);
    assert_eq!(store.sessions(REALM, by_metadata()).await.unwrap().items.len(), 1);
    assert!(matches!(store.answer(SLOT, NOW).await.unwrap().unwrap().answer, Answer::Body { .. }));
    assert_eq!(audit(&store).violations, [""; 0]);

    let redacted = redact(&store, &session, &handle).await.unwrap();
    for reopened in [false, true] {
        let store = if reopened { open(dir.path()) } else { Arc::clone(&store) };
        assert_gone(&store, dir.path());
        assert_eq!(*store.session(REALM, session.id).await.unwrap().unwrap().0, redacted);
        assert_eq!(store.sessions(REALM, by_metadata()).await.unwrap().items.len(), 0);
        let answer = store.answer(SLOT, NOW).await.unwrap().unwrap().answer;
        assert_eq!(answer, Answer::Redacted { status: 200, session: session.id });
        if !reopened {
            store.close().await.unwrap();
        }
    }
    let store = open(dir.path());
    let (_, other) = make(&store, REALM, 2).await;
    assert_eq!((slots(dir.path()), other.revision()), (vec![2, 1], 1), "a slot is not used again");
    store.sweep(NOW.after(minutes(60 * 24 * 8)), KEEP).await.unwrap();
    assert_eq!(audit(&store).violations, [""; 0]);
}

#[tokio::test]
async fn an_erasure_that_was_cut_short_is_carried_out_at_the_next_start() {
    let dir = tempfile::tempdir().unwrap();
    let ended_for_good = Arc::new(AtomicBool::new(false));
    let told = Arc::clone(&ended_for_good);
    let fault = |at| if at == WriteStage::Erase { Err(io::Error::other("planted")) } else { Ok(()) };
    let options = StoreOptions {
        write_fault: Some(Arc::new(fault)),
        on_fatal: Some(Arc::new(move |_: &str| told.store(true, Ordering::SeqCst))),
        ..options(dir.path())
    };
    let store = SledStore::open(options).unwrap();
    let (session, handle) = ended(&store).await;
    assert!(matches!(redact(&store, &session, &handle).await, Err(StoreError::Unavailable(_))));
    assert!(ended_for_good.load(Ordering::SeqCst), "nothing goes on while a secret is left that must go");
    assert_eq!(slots(dir.path()), [1]);
    store.close().await.unwrap();
    drop(store);

    let store = open(dir.path());
    assert_gone(&store, dir.path());
    let (found, _) = store.session(REALM, session.id).await.unwrap().unwrap();
    assert!(found.personal.is_none() && found.redaction.is_some());
}

#[tokio::test]
async fn a_reviewed_verification_is_listed_by_its_own_status_and_its_session_by_its() {
    let dir = tempfile::tempdir().unwrap();
    let store = open(dir.path());
    let (session, handle) = ended(&store).await;
    let review = NewReview { decision: Decision::Approved, reason: None };
    let reviewed = decide(&session, Command::Review { review, reviewer: "key_1".to_owned() }, NOW).unwrap();
    write(&store, Some(&handle), &reviewed.next, &reviewed.events).await.unwrap();
    drop(store);
    let store = open(dir.path());
    for (filter, count) in [
        (StatusFilter::Session(Status::RequiresReview), 1),
        (StatusFilter::Session(Status::Completed), 0),
        (StatusFilter::Verification(Status::RequiresReview), 0),
        (StatusFilter::Verification(Status::Completed), 1),
    ] {
        let query = SessionQuery { status: Some(filter), limit: 10, ..SessionQuery::default() };
        assert_eq!(store.sessions(REALM, query).await.unwrap().items.len(), count, "{filter:?}");
    }
    assert_eq!(audit(&store).violations, [""; 0]);
}

#[tokio::test]
async fn an_erasure_whose_commit_ended_in_doubt_is_carried_out_when_the_store_reopens() {
    let dir = tempfile::tempdir().unwrap();
    let fails = Arc::new(AtomicBool::new(false));
    let planted = Arc::clone(&fails);
    let fault = move |at| {
        let fails = at == WriteStage::Flush && planted.swap(false, Ordering::SeqCst);
        // A full disk, which is met before anything is lost: the store is reopened and goes on.
        if fails { Err(io::Error::new(io::ErrorKind::StorageFull, "planted")) } else { Ok(()) }
    };
    let options = StoreOptions { write_fault: Some(Arc::new(fault)), ..options(dir.path()) };
    let store = SledStore::open(options).unwrap();
    let (session, handle) = ended(&store).await;
    fails.store(true, Ordering::SeqCst);
    assert!(matches!(redact(&store, &session, &handle).await, Err(StoreError::Unavailable(_))));
    let (found, _) = store.session(REALM, session.id).await.unwrap().unwrap();
    assert!(found.redaction.is_some() && found.personal.is_none(), "it had reached the disk");
    assert_gone(&store, dir.path());
}
