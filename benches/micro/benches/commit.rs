//! Durable commits to a store on the disk of the target folder: one alone, and many at once,
//! which the writer takes into groups.

#![expect(clippy::expect_used, reason = "a store that fails ends the measurement")]

use std::cell::Cell;
use std::time::{Duration, Instant};

use criterion::{Criterion, Throughput, criterion_group, criterion_main};
use futures::executor::block_on;
use futures::future::try_join_all;
use tempfile::TempDir;
use vetd_benches::Creation;
use vetd_storage::{SledStore, Store, StoreOptions};

#[expect(clippy::disallowed_methods, reason = "this program measures real time")]
fn commits(criterion: &mut Criterion) {
    let folder = TempDir::new_in(env!("CARGO_TARGET_TMPDIR")).expect("a folder");
    let store = SledStore::open(StoreOptions::new(folder.path())).expect("a store");
    let numbers = Cell::new(0);
    let fresh = || Creation::new(numbers.replace(numbers.get() + 1));
    let mut group = criterion.benchmark_group("commit");
    group.sample_size(20).warm_up_time(Duration::from_millis(500)).measurement_time(Duration::from_secs(5));
    for size in [1, 64, 256] {
        group.throughput(Throughput::Elements(size));
        group.bench_function(format!("{size} at once"), |bencher| {
            bencher.iter_custom(|times| {
                let mut total = Duration::ZERO;
                for _ in 0..times {
                    let creations: Vec<Creation> = (0..size).map(|_| fresh()).collect();
                    let began = Instant::now();
                    let durable = try_join_all(creations.iter().map(|creation| store.commit(creation.commit())));
                    block_on(durable).expect("durable commits");
                    total += began.elapsed();
                }
                total
            });
        });
    }
    group.finish();
    block_on(store.close()).expect("a closed store");
}

criterion_group!(benches, commits);
criterion_main!(benches);
