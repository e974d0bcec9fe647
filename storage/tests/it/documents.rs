//! The index by document: who stands in it, and that one session alone can be the first.

use std::collections::BTreeMap;
use std::sync::Arc;

use vetd_model::event::Event;
use vetd_model::field::{Candidate, Field, Source};
use vetd_model::session::{ProviderCall, State, StepSet};
use vetd_model::{CheckId, Realm, Session, SessionId};
use vetd_storage::{Commit, CommitReceipt, Handle, SessionWrite, SledStore, Store, StoreError, Write, audit};

use crate::support::{NOW, OTHER, REALM, make, moved, open};

const ISSUER: &str = "SE";
const NUMBER: &str = "AB1234567";
const COMPLETED: State = State::Completed { at: NOW };

/// The session moved on, with a document that was read.
fn read(session: &Session, state: State) -> (Session, Event) {
    let (mut next, event) = moved(session, state);
    let said = |value: &str| Candidate { value: value.to_owned(), source: Source::MrzProven, confidence: 1000 };
    let field = |value| Field { chosen: said(value), disagreeing: Vec::new() };
    next.personal.as_mut().unwrap().fields =
        BTreeMap::from([("issuing_country".to_owned(), field(ISSUER)), ("document_number".to_owned(), field(NUMBER))]);
    (next, event)
}

fn awaiting() -> State {
    let call = ProviderCall { check: CheckId::new(NOW, [1; 10]), accepted: false };
    State::Awaiting { started: NOW, calls: vec![call] }
}

/// Handed to the writer at once; the outcome is awaited by the caller.
fn write(
    store: &SledStore,
    before: &Handle,
    (next, event): (Session, Event),
    claims_document: bool,
) -> impl Future<Output = Result<CommitReceipt, StoreError>> + use<> {
    let (next, events) = (Arc::new(next), [event]);
    let write = SessionWrite { before: Some(before), next: &next, events: &events, erased: None, claims_document };
    store.commit(Commit { writes: vec![Write::Session(write)], idempotency: None })
}

fn found(store: &SledStore, realm: Realm) -> Vec<SessionId> {
    store.sessions_of_document(realm, ISSUER, NUMBER, 10).unwrap()
}

#[tokio::test]
async fn of_those_who_claim_a_document_one_gets_it_and_the_others_find_it() {
    let dir = tempfile::tempdir().unwrap();
    let store = open(dir.path());
    let (one, one_handle) = make(&store, REALM, 1).await;
    let (two, two_handle) = make(&store, REALM, 2).await;
    let (foreign, foreign_handle) = make(&store, OTHER, 3).await;
    // All are in the queue before any is answered.
    let first = write(&store, &one_handle, read(&one, COMPLETED), true);
    let second = write(&store, &two_handle, read(&two, COMPLETED), true);
    let elsewhere = write(&store, &foreign_handle, read(&foreign, COMPLETED), true);
    assert_eq!(second.await.map(drop), Err(StoreError::DocumentTaken));
    assert_eq!(found(&store, REALM), [one.id], "who is refused finds the other at once");
    assert!(first.await.is_ok() && elsewhere.await.is_ok());
    // Later, too; and nothing of what was refused has been written.
    let again = write(&store, &two_handle, read(&two, COMPLETED), true).await;
    assert_eq!(again.map(drop), Err(StoreError::DocumentTaken));
    assert_eq!(*store.session(REALM, two.id).await.unwrap().unwrap().0, two);
    write(&store, &two_handle, read(&two, State::Failed { at: NOW }), false).await.unwrap();
    assert_eq!((found(&store, REALM), found(&store, OTHER)), (vec![two.id, one.id], vec![foreign.id]));
    assert_eq!(audit(&store).violations, [""; 0]);
}

#[tokio::test]
async fn a_session_keeps_its_document_while_it_awaits_providers_and_gives_it_up_for_another_attempt() {
    let dir = tempfile::tempdir().unwrap();
    let store = open(dir.path());
    let (one, handle) = make(&store, REALM, 1).await;
    let (other, other_handle) = make(&store, REALM, 2).await;
    let waiting = read(&one, awaiting());
    let handle = write(&store, &handle, waiting.clone(), true).await.unwrap().session.unwrap();
    assert_eq!(found(&store, REALM), [one.id]);
    let refused = write(&store, &other_handle, read(&other, COMPLETED), true).await;
    assert_eq!(refused.map(drop), Err(StoreError::DocumentTaken));
    // As it is read again after a restart.
    drop(store);
    let store = open(dir.path());
    assert_eq!(store.session(REALM, one.id).await.unwrap().unwrap().1, handle);

    let back = moved(&waiting.0, State::RequiresInput { accepted: StepSet::default() });
    let handle = write(&store, &handle, back.clone(), false).await.unwrap().session.unwrap();
    assert_eq!(found(&store, REALM), []);
    assert_eq!(audit(&store).violations, [""; 0]);
    // It takes it up again, and its end writes no second entry.
    let waiting = moved(&back.0, awaiting());
    let handle = write(&store, &handle, waiting.clone(), true).await.unwrap().session.unwrap();
    write(&store, &handle, moved(&waiting.0, COMPLETED), false).await.unwrap();
    assert_eq!(found(&store, REALM), [one.id]);
    assert_eq!(audit(&store).violations, [""; 0]);
}
