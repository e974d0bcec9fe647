//! The real program, killed with SIGKILL again and again while it delivers: no event is lost,
//! none comes out of order, and what comes twice is the same.
#![expect(clippy::unwrap_used, reason = "a test fails where it unwraps")]

mod crash_load;
mod faulty_receiver;
mod program;

use std::hash::{BuildHasher, Hasher, RandomState};
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use crash_load::server::{a_while, command, kill, start};
use crash_load::{Load, Up};
use faulty_receiver::promise::expected;
use faulty_receiver::{Answer, FaultyReceiver};
use program::{BOOTSTRAP_KEY, Program};
use rand::rngs::StdRng;
use rand::seq::IndexedRandom;
use rand::{RngExt, SeedableRng};
use serde_json::{Value, json};
use tokio::sync::watch;
use tokio::task::JoinSet;
use vetd_model::delivery::Standing;
use vetd_model::{EndpointId, Mode, Realm, WorkspaceId};
use vetd_storage::{OnRecord, SledStore, Store, StoreOptions, audit};

const KILLS: u32 = 24;
const WORKERS: u64 = 6;
/// Beyond every deadline and every retry that the run leaves behind.
const PAST_ALL: u64 = 2 * 3_600;
const PATIENCE: Duration = Duration::from_secs(120);
const REALM: Realm = Realm { workspace: WorkspaceId(1), mode: Mode::Test };

struct Hook {
    id: EndpointId,
    receiver: FaultyReceiver,
    types: &'static [&'static str],
    ordered: bool,
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_server_killed_at_random_moments_delivers_everything_in_order() {
    let seed = RandomState::new().build_hasher().finish();
    let seed = std::env::var("VETD_TEST_SEED").map_or(seed, |text| text.parse().unwrap());
    eprintln!("VETD_TEST_SEED={seed}");
    let mut rng = StdRng::seed_from_u64(seed);
    let dir = tempfile::tempdir().unwrap();
    let (up, watched) = watch::channel(Up::default());
    let load = Arc::new(Load::new(watched));
    let mut offset = 0;
    let mut server = start(dir.path(), offset, &up);
    let hooks = make_hooks(&load, &mut rng).await;
    let mut workers = JoinSet::new();
    for worker in 0..WORKERS {
        workers.spawn(Arc::clone(&load).work(seed, worker));
    }

    for _ in 0..KILLS {
        a_while(rng.random_range(50..400)).await;
        kill(server, &up);
        if rng.random_bool(0.25) {
            // Killed before it has recovered.
            let early = Program::start(command(dir.path(), offset));
            a_while(rng.random_range(5..120)).await;
            early.kill();
        }
        // Retries that were to come by now come at the start.
        offset += rng.random_range(0..20);
        server = start(dir.path(), offset, &up);
        if let Some(ended) = workers.try_join_next() {
            ended.unwrap();
        }
    }
    load.stop.store(true, Ordering::SeqCst);
    while let Some(ended) = workers.join_next().await {
        ended.unwrap();
    }
    kill(server, &up);
    hooks.iter().for_each(|hook| hook.receiver.heal());
    let server = start(dir.path(), offset + PAST_ALL, &up);
    all_is_over(&load, &hooks).await;
    Up::now(&up, None);
    assert_eq!(server.end("TERM").1.code(), Some(0));
    check(dir.path(), &hooks);
}

/// Endpoints of every kind, whose receivers fail now and then.
async fn make_hooks(load: &Load, rng: &mut StdRng) -> Vec<Hook> {
    let ends = &["verification.completed", "verification.failed", "verification.expired"];
    let mut hooks = Vec::new();
    for (types, ordered) in [(&[][..], true), (&[], false), (ends, true)] {
        let mut rng = StdRng::seed_from_u64(rng.random());
        // A failure costs five seconds or a restart, and a few in a row close the lane for longer.
        let fails = [Answer::Error, Answer::ResetRead, Answer::ResetUnread, Answer::HalfHead];
        let script = std::iter::from_fn(move || match rng.random_bool(0.02) {
            true => fails.choose(&mut rng).copied(),
            false => Some(Answer::Taken),
        });
        let receiver = FaultyReceiver::start(script).await;
        let events = if types.is_empty() { json!(["*"]) } else { json!(types) };
        let ordering = if ordered { "session" } else { "none" };
        let body = json!({ "url": receiver.url, "events": events, "ordering": ordering });
        let address = load.up.borrow().address().unwrap();
        let request = load.client.post(format!("{address}/v1/webhook_endpoints")).bearer_auth(BOOTSTRAP_KEY);
        let response = request.json(&body).send().await.unwrap();
        assert_eq!(response.status(), 201);
        let id = response.json::<Value>().await.unwrap()["id"].as_str().unwrap().parse().unwrap();
        hooks.push(Hook { id, receiver, types, ordered });
    }
    hooks
}

/// Waits until no session lives and no delivery is pending.
async fn all_is_over(load: &Load, hooks: &[Hook]) {
    let lists =
        ["created", "requires_input", "in_progress"].map(|status| format!("/v1/sessions?limit=1&status={status}"));
    let pending = "/v1/webhook_deliveries?limit=1&status=pending".to_owned();
    for list in lists.into_iter().chain([pending]) {
        let over = async {
            while load.read(&list).await["data"] != json!([]) {
                a_while(20).await;
            }
        };
        let waited = tokio::time::timeout(PATIENCE, over).await;
        let arrived: Vec<usize> = hooks.iter().map(|hook| hook.receiver.arrivals().len()).collect();
        assert!(waited.is_ok(), "it is never over: {list}; {arrived:?} have arrived");
    }
}

/// Opens the store of the server that has ended, and holds what has arrived against it.
fn check(data: &Path, hooks: &[Hook]) {
    let store = SledStore::open(StoreOptions::new(data)).unwrap();
    let report = audit(&store);
    assert!(report.is_sound(), "the store is not sound: {:#?}", report.violations);
    let events = store.events(REALM, 0, 1_000_000).unwrap().events;
    let mut all_repeated = 0;
    for hook in hooks {
        let expected = expected(&events, hook.types);
        let repeated = hook.receiver.check(&expected, hook.ordered);
        let settled = store.deliveries(hook.id, OnRecord::Settled, 0, 1_000_000).unwrap().deliveries;
        assert!(settled.iter().all(|delivery| matches!(delivery.standing, Standing::Succeeded(_))));
        assert_eq!(settled.len(), expected.len(), "each has its record");
        eprintln!("{} events, {repeated} repeated", expected.len());
        all_repeated += repeated;
    }
    assert!(all_repeated > 0, "the deliveries met no crash at all");
}
