//! Sessions made through the engine: idempotency aside, all that a creation does behind HTTP, its
//! durable commit included; and made and loaded, which spawns their actors and commits twice.

#![expect(clippy::expect_used, reason = "an engine that fails ends the measurement")]

use std::sync::{Arc, mpsc};
use std::time::{Duration, Instant};

use criterion::{Criterion, Throughput, criterion_group, criterion_main};
use futures::future::try_join_all;
use tempfile::TempDir;
use tokio::runtime::Runtime;
use vetd_actors::{Ask, Engine, EngineConfig, Reply, SystemClock};
use vetd_benches::{PUBLIC_URL, REALM, request};
use vetd_model::Session;
use vetd_model::address::WebhookTargets;
use vetd_storage::media::{MediaLocation, MediaStore};
use vetd_storage::{SledStore, StoreOptions};

#[expect(clippy::disallowed_methods, reason = "this program measures real time")]
fn spawns(criterion: &mut Criterion) {
    let folder = TempDir::new_in(env!("CARGO_TARGET_TMPDIR")).expect("a folder");
    let runtime = Runtime::new().expect("a runtime");
    let engine = runtime.block_on(start(folder.path()));
    for (name, is_loaded) in [("create", false), ("create and load", true)] {
        let mut group = criterion.benchmark_group(name);
        group.sample_size(20).warm_up_time(Duration::from_millis(500)).measurement_time(Duration::from_secs(4));
        for size in [1, 64, 256] {
            group.throughput(Throughput::Elements(size));
            group.bench_function(format!("{size} at once"), |bencher| {
                bencher.iter_custom(|times| {
                    runtime.block_on(async {
                        let began = Instant::now();
                        for _ in 0..times {
                            // Tasks of their own, as requests are.
                            let made = (0..size).map(|_| tokio::spawn(create(engine.clone(), is_loaded)));
                            try_join_all(made).await.expect("sessions");
                        }
                        began.elapsed()
                    })
                });
            });
        }
        group.finish();
    }
    runtime.block_on(engine.shutdown(Duration::from_secs(10)));
}

async fn start(folder: &std::path::Path) -> Engine {
    let store = SledStore::open(StoreOptions::new(folder)).expect("a store");
    let config = EngineConfig {
        shards: 8,
        resident_limit: 10_000,
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

async fn create(engine: Engine, is_loaded: bool) {
    let (made, id) = mpsc::channel();
    let render = Box::new(move |session: &Session| {
        made.send(session.id).expect("somebody who waits");
        Reply::json(201, &"made")
    });
    let reply = engine.create_session(REALM, request(), PUBLIC_URL.to_owned(), None, render).await;
    reply.expect("a session");
    if is_loaded {
        let render = Box::new(|_: &Session| Reply::json(200, &"loaded"));
        let id = id.recv().expect("its identifier");
        engine.ask(REALM, id, Ask::Load, None, render).await.expect("a loaded session");
    }
}

criterion_group!(benches, spawns);
criterion_main!(benches);
