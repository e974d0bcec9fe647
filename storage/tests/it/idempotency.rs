//! Stored answers: how long they count, who can read them, what the sweep leaves.

use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use vetd_model::session::State;
use vetd_model::{SessionId, Timestamp};
use vetd_storage::{
    Answer, Commit, IdempotencyRecord, IdempotencySlot, SessionWrite, SledStore, Store, StoreError, Write,
};

use crate::support::{KEEP, NOW, REALM, make, moved, open, options, session};

const DAY: Duration = Duration::from_secs(24 * 3600);
const TICK: Duration = Duration::from_millis(1);

fn slot(number: u8) -> IdempotencySlot {
    IdempotencySlot([number; 16])
}

fn created(number: u8) -> Answer {
    let public_url = format!("https://vetd.example/{number}");
    Answer::SessionCreated { session: SessionId::from_bytes([number; 16]), expires_at: NOW, public_url }
}

fn record(number: u8, at: Timestamp, answer: Answer) -> IdempotencyRecord<'static> {
    IdempotencyRecord { slot: slot(number), at, fingerprint: [number; 32], answer, owner: None }
}

async fn file(store: &SledStore, record: IdempotencyRecord<'_>) -> Result<(), StoreError> {
    store.commit(Commit { writes: vec![], idempotency: Some(record) }).await.map(|_| ())
}

#[tokio::test]
async fn answers_of_every_kind_come_back() {
    let dir = tempfile::tempdir().unwrap();
    let store = open(dir.path());
    let (made, handle) = make(&store, REALM, 1).await;
    let body = |text: &'static str| Answer::Body { status: 201, body: Bytes::from_static(text.as_bytes()) };
    file(&store, record(1, NOW, created(1))).await.unwrap();
    file(&store, record(2, NOW, body("{\"whsec\":1}"))).await.unwrap();
    let (next, event) = moved(&made, State::Expired { at: NOW });
    let events = [event];
    let secret = &made.personal.as_ref().unwrap().secret;
    let owned = IdempotencyRecord { owner: Some((REALM, made.id, secret)), ..record(3, NOW, body("theirs")) };
    let write = SessionWrite {
        before: Some(&handle),
        next: &Arc::new(next.clone()),
        events: &events,
        erased: None,
        claims_document: false,
    };
    store.commit(Commit { writes: vec![Write::Session(write)], idempotency: Some(owned) }).await.unwrap();
    let long = Answer::Body { status: 200, body: Bytes::from(vec![b'x'; 100_000]) };
    file(&store, record(4, NOW, long.clone())).await.unwrap();
    drop(store);

    let store = open(dir.path());
    for (number, answer) in [(1, created(1)), (2, body("{\"whsec\":1}")), (3, body("theirs")), (4, long)] {
        let stored = store.answer(slot(number), NOW).await.unwrap().unwrap();
        assert_eq!((stored.fingerprint, stored.answer), ([number; 32], answer));
    }
    assert_eq!(store.answer(slot(9), NOW).await, Ok(None));
}

#[tokio::test]
async fn an_answer_counts_for_24_hours_to_the_millisecond() {
    let dir = tempfile::tempdir().unwrap();
    let store = open(dir.path());
    // Early and late in a day, so that both days' keys are met.
    let midnight = Timestamp::from_millis(NOW.day() * 86_400_000);
    for (number, at) in [(1, midnight), (2, midnight.after(DAY).before(TICK)), (3, NOW)] {
        file(&store, record(number, at, created(number))).await.unwrap();
        let end = at.after(DAY);
        assert!(store.answer(slot(number), at).await.unwrap().is_some());
        assert!(store.answer(slot(number), end.before(TICK)).await.unwrap().is_some());
        assert_eq!(store.answer(slot(number), end).await, Ok(None));
        assert_eq!(store.answer(slot(number), end.after(DAY)).await, Ok(None));
        assert!(store.answer(slot(number), at.before(Duration::from_secs(60))).await.unwrap().is_some(), "a step back");
    }
}

#[tokio::test]
async fn a_twin_is_refused_until_the_answer_is_old() {
    let dir = tempfile::tempdir().unwrap();
    let store = open(dir.path());
    file(&store, record(1, NOW, created(1))).await.unwrap();
    assert_eq!(file(&store, record(1, NOW, created(2))).await, Err(StoreError::Conflict));
    assert_eq!(file(&store, record(1, NOW.after(DAY).before(TICK), created(2))).await, Err(StoreError::Conflict));
    assert_eq!(store.answer(slot(1), NOW).await.unwrap().unwrap().answer, created(1));
    file(&store, record(1, NOW.after(DAY), created(3))).await.unwrap();
    assert_eq!(store.answer(slot(1), NOW.after(DAY)).await.unwrap().unwrap().answer, created(3));

    let (session, event) = session(REALM, 1, &[]);
    let events = [event];
    let write = SessionWrite {
        before: None,
        next: &Arc::new(session.clone()),
        events: &events,
        erased: None,
        claims_document: false,
    };
    let twin = Commit { writes: vec![Write::Session(write)], idempotency: Some(record(1, NOW.after(DAY), created(4))) };
    assert_eq!(store.commit(twin).await, Err(StoreError::Conflict));
    assert_eq!(store.session(REALM, session.id).await, Ok(None), "nor is its effect there");
}

#[tokio::test]
async fn the_sweep_takes_finished_days_and_nothing_else() {
    let dir = tempfile::tempdir().unwrap();
    let store = open(dir.path());
    let long = Answer::Body { status: 200, body: Bytes::from(vec![b'x'; 20_000]) };
    for number in 0..200_u8 {
        let at = NOW.before(DAY * u32::from(number % 4));
        let answer = if number % 8 == 2 { long.clone() } else { created(number) };
        file(&store, record(number, at, answer)).await.unwrap();
    }
    make(&store, REALM, 1).await;
    assert_eq!(store.sweep(NOW, KEEP).await, Ok(100), "of four days two are finished");
    assert_eq!(store.sweep(NOW, KEEP).await, Ok(0));
    for number in 0..200_u8 {
        let at = NOW.before(DAY * u32::from(number % 4));
        assert_eq!(store.answer(slot(number), at).await.unwrap().is_some(), number % 4 < 2, "{number}");
    }
    let report = vetd_storage::audit(&store);
    assert_eq!((report.answers, report.sessions), (100, 1));
    assert!(!report.violations.iter().any(|sentence| sentence.contains("continuation")), "{report:?}");
}

#[tokio::test]
async fn an_answer_of_a_person_is_unreadable_without_their_slot() {
    let dir = tempfile::tempdir().unwrap();
    let store = open(dir.path());
    let (made, _) = make(&store, REALM, 1).await;
    let secret = &made.personal.as_ref().unwrap().secret;
    let body = Answer::Body { status: 200, body: Bytes::from_static(b"theirs") };
    let owned = IdempotencyRecord { owner: Some((REALM, made.id, secret)), ..record(3, NOW, body) };
    file(&store, owned).await.unwrap();
    drop(store);
    // Zero the first slot, as an erasure does.
    let path = dir.path().join("keys");
    let mut bytes = std::fs::read(&path).unwrap();
    bytes[80..160].fill(0);
    bytes[80] = 2;
    std::fs::write(&path, bytes).unwrap();

    let store = SledStore::open(options(dir.path())).unwrap();
    assert!(matches!(store.answer(slot(3), NOW).await, Err(StoreError::Inconsistent { .. })));
    assert!(matches!(store.session(REALM, made.id).await, Err(StoreError::Inconsistent { .. })));
}
