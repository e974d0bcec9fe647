//! The audit finds what was planted, each thing by itself.

use std::path::Path;

use vetd_model::session::{State, StepSet};
use vetd_model::{EventId, Session};
use vetd_storage::{Answer, Commit, IdempotencyRecord, IdempotencySlot, Store, Write, audit};

use crate::opening::plant;
use crate::support::{NOW, REALM, moved, open, session, write};

/// Two sessions, one of which has expired, and an answer.
async fn sound(dir: &Path) -> Vec<Session> {
    let store = open(dir);
    let mut sessions = Vec::new();
    for number in 0..2 {
        let (made, event) = session(REALM, number, &[("order", "A-1")]);
        let handle = write(&store, None, &made, &[event]).await.unwrap();
        let state = if number == 0 {
            State::RequiresInput { accepted: StepSet::default() }
        } else {
            State::Expired { at: NOW }
        };
        let (next, event) = moved(&made, state);
        write(&store, Some(&handle), &next, &[event]).await.unwrap();
        sessions.push(next);
    }
    let public_url = "https://vetd.example".to_owned();
    let answer = Answer::SessionCreated { session: sessions[0].id, expires_at: NOW, public_url };
    let slot = IdempotencySlot([1; 16]);
    let record = IdempotencyRecord { slot, at: NOW, fingerprint: [0; 32], answer, owner: None };
    store.commit(Commit { writes: Vec::<Write<'_>>::new(), idempotency: Some(record) }).await.unwrap();
    let report = audit(&store);
    assert!(report.is_sound(), "{report:?}");
    assert_eq!((report.sessions, report.events, report.answers), (2, 4, 1));
    sessions
}

fn key(letter: u8, rest: &[&[u8]]) -> Vec<u8> {
    [&[letter], REALM.bytes().as_slice(), &rest.concat()].concat()
}

fn first(tree: &sled::Db, prefix: &[u8]) -> (sled::IVec, sled::IVec) {
    tree.scan_prefix(prefix).next().unwrap().unwrap()
}

fn position(number: u64) -> Vec<u8> {
    key(b'e', &[&number.to_be_bytes()])
}

/// The sentence that must be found, and the damage.
type Plant = (&'static str, fn(&sled::Db, &[Session]));

const PLANTS: &[Plant] = &[
    ("has no entry in the status index", |tree, sessions| {
        tree.remove(key(b'x', &[&[1], sessions[0].id.bytes()])).unwrap();
    }),
    ("has no session with that status", |tree, sessions| {
        tree.insert(key(b'x', &[&[3], sessions[0].id.bytes()]), &[1]).unwrap();
    }),
    ("has no entry in the template index", |tree, sessions| {
        tree.remove(key(b't', &[sessions[0].template.id.bytes(), sessions[0].id.bytes()])).unwrap();
    }),
    ("has no session of that template", |tree, _| {
        tree.insert(key(b't', &[&[7; 16], &[7; 16]]), &[]).unwrap();
    }),
    ("lacks an entry in the index of metadata or documents", |tree, _| {
        let (entry, _) = first(tree, b"m");
        tree.remove(entry).unwrap();
    }),
    ("has no session that holds what it stands for", |tree, sessions| {
        tree.insert(key(b'm', &[&[7; 8], sessions[0].id.bytes()]), &[]).unwrap();
    }),
    ("where 1 follows", |tree, _| {
        tree.remove(position(1)).unwrap();
    }),
    ("do not end where its record says", |tree, _| {
        tree.remove(position(2)).unwrap();
    }),
    ("has no verification.created event", |tree, _| {
        tree.remove(position(1)).unwrap();
        tree.remove(position(2)).unwrap();
    }),
    ("has 0 verification.expired events", |tree, _| {
        tree.remove(position(4)).unwrap();
    }),
    ("does not continue the chain", |tree, _| {
        let mut event = tree.get(position(2)).unwrap().unwrap().to_vec();
        // Version, two identifiers, kind, a nine-byte time, the sequence; then prev_hash.
        event[1 + 16 + 16 + 1 + 9 + 1] ^= 1;
        tree.insert(position(2), event).unwrap();
    }),
    ("has another data_hash than its data", |tree, _| {
        let mut event = tree.get(position(2)).unwrap().unwrap().to_vec();
        event[1 + 16 + 16 + 1 + 9 + 1 + 32] ^= 1;
        tree.insert(position(2), event).unwrap();
    }),
    ("is not found by its identifier", |tree, _| {
        let (entry, _) = first(tree, b"i");
        tree.remove(entry).unwrap();
    }),
    ("where that event is not", |tree, _| {
        let id = EventId::from_bytes([7; 16]);
        tree.insert(key(b'i', &[id.bytes()]), &1_u64.to_be_bytes()).unwrap();
    }),
    ("tells of the session", |tree, sessions| {
        tree.remove(key(b's', &[sessions[0].id.bytes()])).unwrap();
    }),
    ("answers for the session", |tree, sessions| {
        tree.remove(key(b's', &[sessions[0].id.bytes()])).unwrap();
    }),
    ("share a slot", |tree, sessions| {
        let mut other = tree.get(key(b's', &[sessions[1].id.bytes()])).unwrap().unwrap().to_vec();
        other[9..13].copy_from_slice(&1_u32.to_be_bytes());
        // Without a sealed part no secret is asked for, and only the slot speaks: behind sealed
        // parts stand neither a review nor a redaction, and the count of continuations.
        let sealed = other.len() - 3 - sealed_length(&sessions[1]);
        other.truncate(sealed);
        other.extend_from_slice(&[0; 4]);
        tree.insert(key(b's', &[sessions[1].id.bytes()]), other).unwrap();
    }),
    ("does not decode", |tree, sessions| {
        tree.insert(key(b's', &[sessions[0].id.bytes()]), vec![9; 40]).unwrap();
    }),
    ("beyond the last position", |tree, _| {
        tree.insert(b"!position", &3_u64.to_be_bytes()).unwrap();
    }),
    ("has no place in it", |tree, sessions| {
        let of = key(b's', &[sessions[0].id.bytes()]);
        tree.insert([b"+".as_slice(), &of, &[1]].concat(), &[0]).unwrap();
    }),
];

/// The sealed part with its tag and its length in front.
fn sealed_length(session: &Session) -> usize {
    let metadata = &session.personal.as_ref().unwrap().metadata;
    let entries: usize = metadata.iter().map(|(name, value)| 2 + name.len() + value.len()).sum();
    // Version, count, entries, no address, no submission, no evidence; nonce and tag; present, length.
    1 + 1 + entries + 1 + 1 + 5 + 40 + 2
}

#[tokio::test]
async fn every_planted_violation_is_found() {
    for (sentence, damage) in PLANTS {
        let dir = tempfile::tempdir().unwrap();
        let sessions = sound(dir.path()).await;
        plant(dir.path(), |tree| damage(tree, &sessions));
        let store = open(dir.path());
        let report = audit(&store);
        assert!(report.violations.iter().any(|found| found.contains(sentence)), "{sentence}: {report:#?}");
    }
}
