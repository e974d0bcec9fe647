//! The real program, killed with SIGKILL again and again under load: what it has acknowledged
//! is there afterwards, once.
#![expect(clippy::unwrap_used, reason = "a test fails where it unwraps")]

mod crash_load;
mod program;

use std::collections::HashMap;
use std::hash::{BuildHasher, Hasher, RandomState};
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use crash_load::server::{a_while, command, kill, sound, start};
use crash_load::{Load, Up};
use program::Program;
use rand::rngs::StdRng;
use rand::{RngExt, SeedableRng};
use serde_json::Value;
use tokio::sync::watch;
use tokio::task::JoinSet;
use vetd_model::event::EventKind;
use vetd_model::{Mode, Realm, SessionId, WorkspaceId};
use vetd_storage::{SledStore, Store, StoreOptions};

const KILLS: u32 = 24;
const WORKERS: u64 = 24;
/// Beyond every deadline that the load asks for.
const PAST_ALL_DEADLINES: u64 = 2 * 3_600;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_server_killed_at_random_moments_loses_nothing_and_does_nothing_twice() {
    let seed = RandomState::new().build_hasher().finish();
    let seed = std::env::var("VETD_TEST_SEED").map_or(seed, |text| text.parse().unwrap());
    eprintln!("VETD_TEST_SEED={seed}");
    let mut rng = StdRng::seed_from_u64(seed);
    let dir = tempfile::tempdir().unwrap();
    let (up, watched) = watch::channel(Up::default());
    let load = Arc::new(Load::new(watched));
    let mut offset = 0;
    let mut server = start(dir.path(), offset, &up);
    let mut workers = JoinSet::new();
    for worker in 0..WORKERS {
        workers.spawn(Arc::clone(&load).work(seed, worker));
    }

    let mut kills = 0;
    while kills < KILLS {
        a_while(rng.random_range(100..700)).await;
        kill(server, &up);
        kills += 1;
        if rng.random_bool(0.25) {
            // Killed before it has recovered.
            let early = Program::start(command(dir.path(), offset));
            a_while(rng.random_range(5..120)).await;
            early.kill();
            kills += 1;
        }
        if kills % 6 == 0 {
            let report = sound(dir.path());
            eprintln!("after {kills} kills: {} sessions, {} events", report.sessions, report.events);
        }
        // Deadlines pass while the server is down.
        offset += rng.random_range(0..20);
        server = start(dir.path(), offset, &up);
        spot_check(&load, &mut rng).await;
        if let Some(ended) = workers.try_join_next() {
            ended.unwrap();
        }
    }
    load.stop.store(true, Ordering::SeqCst);
    while let Some(ended) = workers.join_next().await {
        ended.unwrap();
    }
    kill(server, &up);
    sound(dir.path());

    let server = start(dir.path(), offset + PAST_ALL_DEADLINES, &up);
    let read = read_once_all_have_ended(&load).await;
    let ledger = load.ledger.snapshot();
    assert_eq!(read.len(), ledger.len(), "as many sessions as idempotency keys");
    for (key, record) in &ledger {
        record.check(key, &read[&record.id]);
    }
    Up::now(&up, None);
    assert_eq!(server.end("TERM").1.code(), Some(0));
    let report = sound(dir.path());
    let expired = check_events(dir.path(), &read);
    let (cut_off, replayed) = (load.cut_off.load(Ordering::Relaxed), load.replayed.load(Ordering::Relaxed));
    eprintln!(
        "{} sessions, {} events, {expired} expired; {cut_off} requests cut off, {replayed} answers replayed",
        report.sessions, report.events
    );
    assert!(cut_off > 0 && replayed > 0 && expired > 0, "the load met no crash at all");
}

/// Reads some of the acknowledged sessions while the load goes on.
async fn spot_check(load: &Load, rng: &mut StdRng) {
    let ledger = load.ledger.snapshot();
    for _ in 0..20.min(ledger.len()) {
        let (key, record) = &ledger[rng.random_range(0..ledger.len())];
        record.check(key, &load.read(&format!("/v1/sessions/{}", record.id)).await);
    }
}

/// Waits until no session lives, then reads all of them.
async fn read_once_all_have_ended(load: &Load) -> HashMap<String, Value> {
    for status in ["created", "requires_input", "in_progress"] {
        let path = format!("/v1/sessions?limit=1&status={status}");
        let none_left = async {
            while load.read(&path).await["data"] != Value::Array(Vec::new()) {
                a_while(20).await;
            }
        };
        let waited = tokio::time::timeout(Duration::from_secs(60), none_left).await;
        assert!(waited.is_ok(), "sessions past their deadline stay {status}");
    }
    let mut read = HashMap::new();
    let mut path = "/v1/sessions?limit=100".to_owned();
    loop {
        let page = load.read(&path).await;
        for session in page["data"].as_array().unwrap() {
            let id = session["id"].as_str().unwrap().to_owned();
            path = format!("/v1/sessions?limit=100&starting_after={id}");
            assert!(read.insert(id, session.clone()).is_none(), "a session stands twice in the list");
        }
        if page["has_more"] == false {
            return read;
        }
    }
}

/// Each session's events count 1, 2, 3 …, end as the session did, and tell of at most one end.
/// Returns how many have expired.
fn check_events(data: &Path, read: &HashMap<String, Value>) -> usize {
    let store = SledStore::open(StoreOptions::new(data)).unwrap();
    let realm = Realm { workspace: WorkspaceId(1), mode: Mode::Test };
    let events = store.events(realm, 0, 1_000_000).unwrap().events;
    let mut by_session: HashMap<SessionId, Vec<EventKind>> = HashMap::new();
    for event in events.iter().filter_map(|found| found.event.as_session()) {
        let kinds = by_session.entry(event.session).or_default();
        kinds.push(event.kind);
        assert_eq!(event.sequence as usize, kinds.len(), "a gap in the events of {}", event.session);
    }
    assert_eq!(by_session.len(), read.len());
    for (id, kinds) in &by_session {
        let (last, before) = kinds.split_last().unwrap();
        let told = last.as_str().trim_start_matches("verification.").replace("review_required", "requires_review");
        assert_eq!(read[&id.to_string()]["status"], told, "{id}: {kinds:?}");
        assert!(before.iter().all(|kind| matches!(kind, EventKind::Created | EventKind::Updated)), "{id}: {kinds:?}");
    }
    by_session.values().filter(|kinds| kinds.contains(&EventKind::Expired)).count()
}
