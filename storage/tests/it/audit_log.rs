//! The audit log: pages against a plain model of them, one commit with what is told, the sweep.

use proptest::prelude::*;
use std::time::Duration;

use vetd_model::audit_log::{Actor, AuditAction, AuditEntry};
use vetd_model::session::{CanceledBy, State};
use vetd_model::{ApiKeyId, AuditEntryId, MediaId, Mode, Realm, Timestamp, VerificationId, WorkspaceId};
use vetd_storage::{
    AuditQuery, Commit, Cursor, SessionWrite, SledStore, Store, StoreError, StoreOptions, Write, audit,
};

use crate::opening::plant;
use crate::support::{NOW, OTHER, REALM, commit, make, moved, open, options};

fn at(seconds: u64) -> Timestamp {
    NOW.after(Duration::from_secs(seconds))
}

fn verification(number: u8) -> VerificationId {
    VerificationId::new(NOW, [number; 10])
}

/// An entry of this time; `number` tells it from others.
fn entry(at: Timestamp, number: u64, action: AuditAction) -> AuditEntry {
    let mut entropy = [9; 10];
    entropy[2..].copy_from_slice(&number.to_be_bytes());
    AuditEntry::new(AuditEntryId::new(at, entropy), Actor::System, action)
}

async fn file(store: &SledStore, realm: Realm, entries: &[AuditEntry]) {
    for some in entries.chunks(500) {
        commit(store, some.iter().map(|entry| Write::Audit { realm, entry }).collect()).await.unwrap();
    }
}

async fn ids(store: &SledStore, realm: Realm, query: &AuditQuery) -> (Vec<AuditEntryId>, bool) {
    let page = store.audit_log(realm, query.clone()).await.unwrap();
    (page.items.iter().map(|entry| entry.id).collect(), page.has_more)
}

#[tokio::test]
async fn every_kind_of_entry_comes_back_as_it_was_filed() {
    let dir = tempfile::tempdir().unwrap();
    let store = open(dir.path());
    let actors = [Actor::ApiKey(ApiKeyId::from_bytes([3; 16])), Actor::Person, Actor::Operator, Actor::System];
    let mut filed = Vec::new();
    for (number, action) in (0..).zip(AuditAction::ALL) {
        let mut entry = entry(at(number), number, action);
        entry.actor = actors[number as usize % 4];
        filed.push(match number % 3 {
            0 => entry,
            1 => entry.about(verification(1)).with("decision", "approved"),
            _ => entry.about(verification(2)).about_media(MediaId::from_bytes([4; 16])).with("bytes", u64::MAX),
        });
    }
    file(&store, REALM, &filed).await;
    let check = async |store: &SledStore| {
        let page = store.audit_log(REALM, AuditQuery { limit: 100, ..AuditQuery::default() }).await.unwrap();
        assert!(page.items.iter().eq(filed.iter().rev()) && !page.has_more, "{page:?}");
        assert_eq!(store.audit_entry(REALM, filed[2].id), Ok(Some(filed[2].clone())));
        // Another realm sees nothing of it.
        assert_eq!(store.audit_entry(OTHER, filed[2].id), Ok(None));
        assert_eq!(ids(store, OTHER, &AuditQuery { limit: 1, ..AuditQuery::default() }).await, (vec![], false));
        assert_eq!(audit(store).violations, [""; 0]);
    };
    check(&store).await;
    drop(store);
    check(&open(dir.path())).await;
}

#[tokio::test]
async fn a_move_and_its_entry_are_one_commit() {
    let dir = tempfile::tempdir().unwrap();
    let store = open(dir.path());
    let (made, handle) = make(&store, REALM, 1).await;
    let (next, event) = moved(&made, State::Canceled { at: NOW, by: CanceledBy::Tenant });
    let (first, second) =
        (entry(at(1), 1, AuditAction::VerificationReviewed), entry(at(2), 2, AuditAction::MediaDeleted));
    let write = async |entry: &AuditEntry| {
        let (next, events) = (&std::sync::Arc::new(next.clone()), std::slice::from_ref(&event));
        let session =
            Write::Session(SessionWrite { before: Some(&handle), next, events, erased: None, claims_document: false });
        let writes = vec![session, Write::Audit { realm: REALM, entry }];
        store.commit(Commit { writes, idempotency: None }).await
    };
    write(&first).await.unwrap();
    assert_eq!(write(&second).await, Err(StoreError::Conflict));
    let all = AuditQuery { limit: 10, ..AuditQuery::default() };
    assert_eq!(ids(&store, REALM, &all).await, (vec![first.id], false), "what was refused left no entry");
    assert_eq!(audit(&store).violations, [""; 0]);
}

#[tokio::test]
async fn filters_that_match_too_little_end_early_or_are_refused() {
    let dir = tempfile::tempdir().unwrap();
    let store = SledStore::open(StoreOptions { list_steps: 500, ..options(dir.path()) }).unwrap();
    let action = |number| if number == 300 { AuditAction::MediaDeleted } else { AuditAction::MediaViewed };
    let entries: Vec<AuditEntry> = (0..1_200).map(|number| entry(at(number), number, action(number))).collect();
    file(&store, REALM, &entries).await;
    let query =
        |cursor| AuditQuery { action: Some(AuditAction::MediaDeleted), cursor, limit: 10, ..AuditQuery::default() };
    assert_eq!(store.audit_log(REALM, query(Cursor::Start)).await, Err(StoreError::TooBroad));
    // With one found, the page goes on behind it.
    assert_eq!(ids(&store, REALM, &query(Cursor::After(entries[700].id))).await, (vec![entries[300].id], true));
    assert_eq!(ids(&store, REALM, &query(Cursor::After(entries[300].id))).await, (vec![], false));
    let narrow = AuditQuery { created_before: Some(at(301)), ..query(Cursor::Start) };
    assert_eq!(ids(&store, REALM, &narrow).await, (vec![entries[300].id], false));
    // Without a filter every entry is a hit.
    let plain = AuditQuery { limit: 2, ..AuditQuery::default() };
    assert_eq!(ids(&store, REALM, &plain).await, (vec![entries[1_199].id, entries[1_198].id], true));
}

/// Some entries of two realms: time, verification, action.
fn entries() -> impl Strategy<Value = Vec<(Realm, AuditEntry)>> {
    let one = (any::<bool>(), 0..30_u64, 0..3_u8, 0..3_usize);
    proptest::collection::vec(one, 0..60).prop_map(|all| {
        let make = |(place, (foreign, second, about, action)): (u64, (bool, u64, u8, usize))| {
            // Several within one millisecond too.
            let entry = entry(Timestamp::from_millis(NOW.millis() + second * 500), place, AuditAction::ALL[action]);
            let entry = if about == 0 { entry } else { entry.about(verification(about)) };
            (if foreign { OTHER } else { REALM }, entry)
        };
        (0..).zip(all).map(make).collect()
    })
}

fn queries() -> impl Strategy<Value = AuditQuery> {
    let second = || proptest::option::of((0..17_u64).prop_map(at));
    let filters = (
        proptest::option::of((1..3_u8).prop_map(verification)),
        proptest::option::of((0..3_usize).prop_map(|place| AuditAction::ALL[place])),
        second(),
        second(),
        1..8_usize,
    );
    filters.prop_map(|(verification, action, created_from, created_before, limit)| AuditQuery {
        verification,
        action,
        created_from,
        created_before,
        cursor: Cursor::Start,
        limit,
    })
}

/// What the query means, said plainly.
fn expected(entries: &[(Realm, AuditEntry)], query: &AuditQuery) -> Vec<AuditEntryId> {
    let fits = |(realm, entry): &&(Realm, AuditEntry)| {
        *realm == REALM
            && query.verification.is_none_or(|id| entry.verification == Some(id))
            && query.action.is_none_or(|action| entry.action == action)
            && query.created_from.is_none_or(|from| from <= entry.at)
            && query.created_before.is_none_or(|before| entry.at < before)
    };
    let mut ids: Vec<AuditEntryId> = entries.iter().filter(fits).map(|(_, entry)| entry.id).collect();
    ids.sort_unstable_by(|a, b| b.cmp(a));
    ids
}

async fn walk(store: &SledStore, query: &AuditQuery, all: &[AuditEntryId]) {
    let mut seen = Vec::new();
    let mut cursor = Cursor::Start;
    loop {
        let (page, has_more) = ids(store, REALM, &AuditQuery { cursor, ..query.clone() }).await;
        seen.extend(page);
        assert_eq!(has_more, seen.len() < all.len());
        match seen.last() {
            Some(last) if has_more => cursor = Cursor::After(*last),
            _ => break,
        }
    }
    assert_eq!(seen, all);

    let Some(oldest) = all.last() else { return };
    let mut seen = vec![*oldest];
    loop {
        let cursor = Cursor::Before(seen[0]);
        let (newer, has_more) = ids(store, REALM, &AuditQuery { cursor, ..query.clone() }).await;
        seen.splice(0..0, newer);
        assert_eq!(has_more, seen.len() < all.len());
        if !has_more {
            break;
        }
    }
    assert_eq!(seen, all);
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 24, ..ProptestConfig::default() })]

    #[test]
    fn walking_the_pages_gives_exactly_what_matches(
        entries in entries(),
        queries in proptest::collection::vec(queries(), 1..12),
    ) {
        let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
        runtime.block_on(async {
            let dir = tempfile::tempdir().unwrap();
            let store = open(dir.path());
            for (realm, entry) in &entries {
                file(&store, *realm, std::slice::from_ref(entry)).await;
            }
            for query in &queries {
                walk(&store, query, &expected(&entries, query)).await;
            }
        });
    }
}

#[tokio::test]
async fn the_oldest_entries_of_each_realm_go_and_no_others() {
    let dir = tempfile::tempdir().unwrap();
    let store = open(dir.path());
    let live = Realm { workspace: WorkspaceId(1), mode: Mode::Live };
    let many = |from: u64, to: u64, at| -> Vec<AuditEntry> {
        (from..to).map(|number| entry(at, number, AuditAction::MediaViewed)).collect()
    };
    // More than a batch that goes, and more than a batch that stays in front of what goes.
    file(&store, REALM, &many(0, 2_300, NOW)).await;
    file(&store, REALM, &many(2_300, 3_500, at(60))).await;
    file(&store, live, &many(0, 3, NOW)).await;
    file(&store, OTHER, &many(0, 2, at(60))).await;
    file(&store, OTHER, &many(2, 3, NOW)).await;

    assert_eq!(store.sweep_audit_log(NOW).await, Ok(0), "not before its time");
    assert_eq!(store.sweep_audit_log(at(1)).await, Ok(2_304));
    assert_eq!(store.sweep_audit_log(at(1)).await, Ok(0));
    let left = async |store: &SledStore, realm| {
        let (mut count, mut cursor) = (0, Cursor::Start);
        loop {
            let (page, has_more) = ids(store, realm, &AuditQuery { cursor, limit: 100, ..AuditQuery::default() }).await;
            count += page.len();
            match page.last() {
                Some(last) if has_more => cursor = Cursor::After(*last),
                _ => return count,
            }
        }
    };
    let store = {
        drop(store);
        open(dir.path())
    };
    assert_eq!((left(&store, REALM).await, left(&store, live).await, left(&store, OTHER).await), (1_200, 0, 2));
    assert_eq!(audit(&store).violations, [""; 0]);
}

#[tokio::test]
async fn a_damaged_entry_is_reported_left_out_and_swept_in_its_time() {
    let dir = tempfile::tempdir().unwrap();
    let (first, second) = (entry(NOW, 1, AuditAction::MediaViewed), entry(at(1), 2, AuditAction::MediaViewed));
    let store = open(dir.path());
    file(&store, REALM, &[first.clone(), second.clone()]).await;
    drop(store);
    plant(dir.path(), |tree| {
        let key = [b"l".as_slice(), &REALM.bytes(), first.id.bytes()].concat();
        tree.insert(key, vec![9; 40]).unwrap();
    });
    let store = open(dir.path());
    let report = audit(&store);
    assert!(report.violations.len() == 1 && report.violations[0].contains("audit log entry"), "{report:?}");
    let all = AuditQuery { limit: 10, ..AuditQuery::default() };
    assert_eq!(ids(&store, REALM, &all).await, (vec![second.id], false));
    assert!(matches!(store.audit_entry(REALM, first.id), Err(StoreError::Inconsistent { .. })));
    assert!(store.damaged() > 0);
    assert_eq!(store.sweep_audit_log(at(1)).await, Ok(1));
    assert_eq!(audit(&store).violations, [""; 0]);
}
