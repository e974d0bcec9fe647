//! One durable store write at a time, from one thread: what the disk and the store take for a
//! creation when nothing stands around them.

use std::path::Path;
use std::sync::Arc;
use std::time::{Duration, Instant};

use clap::Args;
use futures::executor::block_on;
use vetd_benches::Creation;
use vetd_storage::{SledStore, Store, StoreOptions};

use crate::failure::Failure;
use crate::load::histogram;
use crate::report::{Figures, say};

/// What to measure.
#[derive(Debug, Args)]
pub struct StoreWrite {
    /// A folder on the disk in question; a throw-away store is made in it
    #[arg(long, default_value = ".")]
    dir: std::path::PathBuf,
    /// How long to measure, in seconds
    #[arg(long, short, default_value_t = 10)]
    duration: u64,
    /// How long to write before that, in seconds
    #[arg(long, default_value_t = 1)]
    warmup: u64,
    /// Print JSON instead of a table
    #[arg(long)]
    json: bool,
}

/// Measures and reports.
pub async fn run(plan: StoreWrite) -> Result<(), Failure> {
    let figures = measure(&plan.dir, Duration::from_secs(plan.warmup), Duration::from_secs(plan.duration)).await?;
    if plan.json {
        say(&serde_json::json!({ "scenario": "store-write", "store_write": figures }).to_string());
    } else {
        say(&Figures::head());
        say(&figures.line("store"));
    }
    Ok(())
}

/// Measures durable commits of the shape of a creation, in a throw-away store within `dir`.
pub async fn measure(dir: &Path, warmup: Duration, duration: Duration) -> Result<Figures, Failure> {
    let folder = tempfile::Builder::new().prefix("vetd-load-").tempdir_in(dir)?;
    let measured = tokio::task::spawn_blocking(move || {
        let store = SledStore::open(StoreOptions::new(folder.path())).map_err(Failure::other)?;
        let figures = write(&store, warmup, duration)?;
        block_on(store.close()).map_err(Failure::other)?;
        drop(store);
        folder.close()?;
        Ok(figures)
    });
    measured.await.map_err(Failure::other)?
}

#[expect(clippy::disallowed_methods, reason = "this program measures real time")]
fn write(store: &Arc<SledStore>, warmup: Duration, duration: Duration) -> Result<Figures, Failure> {
    let mut latencies = histogram();
    let began = Instant::now();
    for number in 0.. {
        let creation = Creation::new(number);
        let now = Instant::now();
        if now >= began + warmup + duration {
            break;
        }
        block_on(store.commit(creation.commit())).map_err(Failure::other)?;
        if now >= began + warmup {
            latencies.saturating_record(u64::try_from(now.elapsed().as_micros()).unwrap_or(u64::MAX));
        }
    }
    Ok(Figures::new(&latencies, began.elapsed().saturating_sub(warmup)))
}
