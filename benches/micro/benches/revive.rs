//! A command to a session whose actor has ended: it is revived, from the store's memory of recent
//! sessions or from its record. Beside it the same command to a session whose actor is there.

#![expect(clippy::expect_used, reason = "an engine that fails ends the measurement")]

use std::sync::Arc;
use std::time::Duration;

use criterion::{Criterion, criterion_group, criterion_main};
use tempfile::TempDir;
use tokio::runtime::Runtime;
use vetd_actors::{Ask, Engine, EngineConfig, Reply, SystemClock};
use vetd_benches::{PUBLIC_URL, REALM, request};
use vetd_model::address::WebhookTargets;
use vetd_model::{Session, SessionId};
use vetd_storage::media::{MediaLocation, MediaStore};
use vetd_storage::{SledStore, StoreOptions};

/// Enough that each has been passivated when its turn comes again.
const SESSIONS: usize = 1_000;

fn asks(criterion: &mut Criterion) {
    let runtime = Runtime::new().expect("a runtime");
    let mut group = criterion.benchmark_group("ask");
    group.warm_up_time(Duration::from_millis(500)).measurement_time(Duration::from_secs(3));
    let cases = [
        ("resident session", 2 * SESSIONS, 2 * SESSIONS),
        ("session revived from memory", 1, 2 * SESSIONS),
        ("session revived from its record", 1, 1),
    ];
    for (name, resident_limit, recent_sessions) in cases {
        let folder = TempDir::new_in(env!("CARGO_TARGET_TMPDIR")).expect("a folder");
        let engine = runtime.block_on(start(folder.path(), resident_limit, recent_sessions));
        let sessions = runtime.block_on(make(&engine));
        let mut turns = sessions.iter().cycle();
        group.bench_function(name, |bencher| {
            bencher.iter(|| {
                let id = *turns.next().expect("an endless cycle");
                // Asks for a living session and changes nothing.
                let render = Box::new(|_: &Session| Reply::json(200, &"alive"));
                runtime.block_on(engine.ask(REALM, id, Ask::Renew, None, render)).expect("an answer")
            });
        });
        runtime.block_on(engine.shutdown(Duration::from_secs(10)));
    }
    group.finish();
}

async fn start(folder: &std::path::Path, resident_limit: usize, recent_sessions: usize) -> Engine {
    let options = StoreOptions { recent_sessions, ..StoreOptions::new(folder) };
    let store = SledStore::open(options).expect("a store");
    let config = EngineConfig {
        shards: 1,
        resident_limit,
        check_threads: 1,
        faces: None,
        pages: None,
        public_url: String::new(),
        webhook_targets: WebhookTargets::default(),
        keep_events: Duration::MAX,
        keep_audit_log: Duration::MAX,
        chip_trust: Arc::default(),
        watchlist_max_age: Duration::MAX,
        on_fatal: None,
    };
    let pictures = MediaLocation::Folder { path: folder.join("media"), reserve_bytes: 0 };
    let pictures = MediaStore::open(pictures).expect("a place for pictures");
    Engine::start(store, pictures, Arc::new(SystemClock::shifted(0)), config).await.expect("an engine")
}

async fn make(engine: &Engine) -> Vec<SessionId> {
    let (ids, made) = std::sync::mpsc::channel();
    for _ in 0..SESSIONS {
        let ids = ids.clone();
        let render = Box::new(move |session: &Session| {
            ids.send(session.id).expect("a list to be filled");
            Reply::json(201, &"made")
        });
        let made = engine.create_session(REALM, request(), PUBLIC_URL.to_owned(), None, render).await;
        made.expect("a session");
    }
    drop(ids);
    made.iter().collect()
}

criterion_group!(benches, asks);
criterion_main!(benches);
