//! A store restored under another master key: everything is there, and the old key opens nothing.

use std::fs;

use bytes::Bytes;
use vetd_model::audit_log::AuditAction;
use vetd_model::field::{Candidate, Source, resolve};
use vetd_model::provider::ProviderChange;
use vetd_model::session::State;
use vetd_model::signature::WebhookSecret;
use vetd_model::workspace::Workspace;
use vetd_model::{ProviderId, Session, WorkspaceId};
use vetd_storage::{
    Answer, AuditQuery, BackupFolder, Commit, IdempotencyRecord, IdempotencySlot, OpenError, RestoreOptions,
    SessionQuery, SledStore, Store, StoreOptions, Write, restore,
};
use zeroize::Zeroizing;

use crate::support::{NOW, REALM, commit, make, moved, open, options, session, write};
use crate::webhooks::endpoint;

const NEW_KEY: &str = "0badc0de0badc0de0badc0de0badc0de0badc0de0badc0de0badc0de0badc0de";

/// A session that has ended, with a document.
async fn documented(store: &SledStore) -> Session {
    let (made, handle) = make(store, REALM, 7).await;
    let (mut ended, event) = moved(&made, State::Completed { at: NOW });
    let read = |value: &str| Candidate { value: value.to_owned(), source: Source::MrzProven, confidence: 1000 };
    let fields = [("issuing_country", "SWE"), ("document_number", "AB1234567")]
        .map(|(name, value)| (name.to_owned(), read(value)));
    ended.personal.as_mut().unwrap().fields = resolve(fields, |_, a, b| a == b);
    write(store, Some(&handle), &ended, &[event]).await.unwrap();
    ended
}

async fn file(store: &SledStore, number: u8, body: Vec<u8>) {
    let answer = Answer::Body { status: 201, body: Bytes::from(body) };
    let slot = IdempotencySlot([number; 16]);
    let record = IdempotencyRecord { slot, at: NOW, fingerprint: [number; 32], answer, owner: None };
    store.commit(Commit { writes: vec![], idempotency: Some(record) }).await.unwrap();
}

#[tokio::test]
async fn everything_is_there_under_the_new_key_and_nothing_under_the_old_one() {
    let dir = tempfile::tempdir().unwrap();
    let [data, backup, restored] = ["data", "backup", "restored"].map(|name| dir.path().join(name));
    let store = open(&data);
    let workspace =
        Workspace { id: WorkspaceId(1), name: "one".to_owned(), created: NOW, live_activated: true, suspended: false };
    let one = endpoint(1);
    let body = serde_json::json!({ "name": "acme", "url": "https://acme.example.com" });
    let change = ProviderChange::parse(&body, REALM.mode, &Default::default()).unwrap();
    let provider = change.build(ProviderId::from_bytes([5; 16]), REALM, WebhookSecret::new([6; 32]), NOW).unwrap();
    let writes = vec![
        Write::Workspace { revision: 0, workspace: &workspace },
        Write::Endpoint { revision: 0, endpoint: &one },
        Write::Provider { revision: 0, provider: &provider },
    ];
    commit(&store, writes).await.unwrap();
    let ended = documented(&store).await;
    let (long, event) = session(REALM, 8, &[("city", "Malmö"), ("note", &"n".repeat(9_000))]);
    write(&store, None, &long, &[event]).await.unwrap();
    file(&store, 1, b"short".to_vec()).await;
    file(&store, 2, vec![b'x'; 50_000]).await;
    let mut folder = BackupFolder::create(&backup).unwrap();
    let mut keep = |piece: &[u8]| {
        folder.write(piece).unwrap();
        Ok(())
    };
    store.backup(NOW, &mut keep).unwrap();
    folder.finish().unwrap();

    let options_of = |new: &str| RestoreOptions {
        from: backup.clone(),
        to: restored.clone(),
        master_key: Zeroizing::new(fs::read_to_string(data.join("master.key")).unwrap()),
        new_master_key: Some((Zeroizing::new(new.to_owned()), NOW)),
        cache_bytes: 8 << 20,
        allow_damage: false,
    };
    assert!(restore(&options_of("short"), &mut |_| ()).is_err() && !restored.exists());
    let done = restore(&options_of(NEW_KEY), &mut |_| ()).unwrap();
    assert_eq!(done.audit.violations, Vec::<String>::new());

    let with = |key: &str| StoreOptions { master_key: Some(Zeroizing::new(key.to_owned())), ..options(&restored) };
    let old = fs::read_to_string(data.join("master.key")).unwrap();
    assert!(matches!(SledStore::open(with(&old)), Err(OpenError::WrongMasterKey)));
    let copy = SledStore::open(with(NEW_KEY)).unwrap();
    for known in [&ended, &long] {
        assert_eq!(&*copy.session(REALM, known.id).await.unwrap().unwrap().0, known);
    }
    for (name, value, id) in [("order", "A-1", ended.id), ("city", "Malmö", long.id)] {
        let metadata = vec![(name.to_owned(), value.to_owned())];
        let query = SessionQuery { metadata, limit: 10, ..SessionQuery::default() };
        let found = copy.sessions(REALM, query).await.unwrap().items;
        assert_eq!(found.iter().map(|session| session.id).collect::<Vec<_>>(), [id], "{name}");
    }
    assert_eq!(copy.sessions_of_document(REALM, "SWE", "AB1234567", 2), Ok(vec![ended.id]));
    assert_eq!(copy.endpoints(None).unwrap()[0].value, one);
    assert_eq!(copy.providers(REALM).unwrap()[0].value, provider);
    for (number, body) in [(1, b"short".to_vec()), (2, vec![b'x'; 50_000])] {
        let stored = copy.answer(IdempotencySlot([number; 16]), NOW).await.unwrap().unwrap();
        assert_eq!(stored.answer, Answer::Body { status: 201, body: Bytes::from(body) });
    }
    let told = copy.audit_log(REALM, AuditQuery { limit: 10, ..AuditQuery::default() }).await.unwrap();
    assert_eq!(told.items.iter().map(|entry| entry.action).collect::<Vec<_>>(), [AuditAction::MasterKeyRotated]);
    // The wrappings of the old key are gone from the key file.
    let slots = |dir: &std::path::Path| fs::read(dir.join("keys")).unwrap();
    let wrapped = |file: &[u8]| {
        file.chunks(80).skip(1).map(|slot| slot[8..].to_vec()).filter(|slot| slot[0] != 0).collect::<Vec<_>>()
    };
    let (before, after) = (wrapped(&slots(&data)), wrapped(&slots(&restored)));
    assert!(!before.is_empty() && before.iter().all(|slot| !after.contains(slot)));
}
