//! What the store counts of itself, and how long its steps take. The handles are made once; on
//! the way of a commit they are only added to.

use std::fmt;
use std::fs;
use std::io;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Instant;

use prometheus_client::collector::Collector;
use prometheus_client::encoding::{DescriptorEncoder, EncodeMetric};
use prometheus_client::metrics::MetricType;
use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::family::Family;
use prometheus_client::metrics::gauge::{ConstGauge, Gauge};
use prometheus_client::metrics::histogram::{Histogram, exponential_buckets};
use prometheus_client::registry::{Registry, Unit};
use vetd_model::Status;

use crate::disk::parts::status_tag;
use crate::disk::status::LIVE;
use crate::shared::SpaceProbe;
use crate::slots::KEY_FILE;
use crate::writer::sled_folder;

/// One label with its value.
type Label = [(&'static str, &'static str); 1];

/// The store's meters.
pub(crate) struct Meters {
    /// Commits handed in and not yet taken into a group.
    pub waiting: Gauge,
    pub group_commits: Histogram,
    pub group_bytes: Histogram,
    /// The steps of making a group durable.
    pub slots: Histogram,
    pub apply: Histogram,
    pub flush: Histogram,
    pub sync: Histogram,
    pub refused: Counter,
    pub reopenings: Counter,
    pub damaged: Counter,
    steps: Family<Label, Histogram, fn() -> Histogram>,
    live: Family<Label, Gauge>,
    live_by_code: [Gauge; LIVE.len()],
    created: Counter,
    ended: Family<Label, Counter>,
    ended_by_code: Vec<(u8, Counter)>,
    /// True once the live sessions that the store was opened with have been counted.
    counted: AtomicBool,
}

impl Meters {
    pub(crate) fn new() -> Self {
        let seconds: fn() -> Histogram = || Histogram::new(exponential_buckets(0.000_05, 2.5, 13));
        let steps = Family::new_with_constructor(seconds);
        let step = |name| Histogram::clone(&steps.get_or_create(&[("step", name)]));
        let (slots, apply, flush, sync) = (step("slots"), step("apply"), step("flush"), step("sync"));
        let (live, ended) = (Family::<Label, Gauge>::default(), Family::<Label, Counter>::default());
        let status = |code| Status::ALL.into_iter().find(|status| status_tag(*status) == code);
        let live_by_code = LIVE.map(|code| {
            status(code).map(|status| live.get_or_create(&[("status", status.as_str())]).clone()).unwrap_or_default()
        });
        let terminal = Status::ALL.into_iter().filter(|status| status.is_terminal());
        let ended_by_code = terminal
            .map(|status| (status_tag(status), ended.get_or_create(&[("status", status.as_str())]).clone()))
            .collect();
        Self {
            waiting: Gauge::default(),
            group_commits: Histogram::new(exponential_buckets(1.0, 2.0, 11)),
            group_bytes: Histogram::new(exponential_buckets(512.0, 4.0, 8)),
            slots,
            apply,
            flush,
            sync,
            refused: Counter::default(),
            reopenings: Counter::default(),
            damaged: Counter::default(),
            steps,
            live,
            live_by_code,
            created: Counter::default(),
            ended,
            ended_by_code,
            counted: AtomicBool::new(false),
        }
    }

    /// Hands the meters to whoever renders them, with what is asked of the folder each time.
    pub(crate) fn register(&self, registry: &mut Registry, disk: DiskUse) {
        registry.register(
            "commits_waiting",
            "Commits handed to the store and not yet taken into a group",
            self.waiting.clone(),
        );
        registry.register("commit_group", "Commits made durable together, with one sync", self.group_commits.clone());
        registry.register_with_unit(
            "commit_group",
            "What one group of commits writes, about",
            Unit::Bytes,
            self.group_bytes.clone(),
        );
        registry.register_with_unit(
            "commit_step",
            "How long each step of making a group durable takes",
            Unit::Seconds,
            self.steps.clone(),
        );
        registry.register("commits_refused", "Commits refused because the disk is full", self.refused.clone());
        registry.register(
            "store_reopenings",
            "Times that the store was reopened after an error of the disk",
            self.reopenings.clone(),
        );
        registry.register("store_damaged", "Times that a damaged record was met", self.damaged.clone());
        registry.register("sessions_live", "Sessions that have not ended, by status", self.live.clone());
        registry.register("sessions_created", "Sessions created", self.created.clone());
        registry.register("sessions_ended", "Sessions that have ended, by final status", self.ended.clone());
        registry.register_collector(Box::new(disk));
    }

    /// So many commits, of about so many bytes, leave the queue as one group.
    #[expect(clippy::cast_precision_loss, reason = "a histogram's buckets are coarser than that")]
    pub(crate) fn group(&self, commits: usize, bytes: usize) {
        if commits > 0 {
            self.waiting.dec_by(i64::try_from(commits).unwrap_or(i64::MAX));
            self.group_commits.observe(commits as f64);
            self.group_bytes.observe(bytes as f64);
        }
    }

    /// A session's move is durable: from the status with the first code, if it existed, to the
    /// one with the second.
    pub(crate) fn moved(&self, from: Option<u8>, to: u8) {
        if from == Some(to) {
            return;
        }
        let was_live = match from {
            None => {
                self.created.inc();
                true
            }
            Some(from) => self.live(from).map(Gauge::dec).is_some(),
        };
        if self.live(to).map(Gauge::inc).is_none() && was_live {
            let ended = self.ended_by_code.iter().find(|(code, _)| *code == to);
            ended.map(|(_, counter)| counter.inc());
        }
    }

    fn live(&self, code: u8) -> Option<&Gauge> {
        LIVE.iter().position(|live| *live == code).map(|place| &self.live_by_code[place])
    }

    /// Takes the number of live sessions with each of the codes [`LIVE`], as they were found on
    /// the disk. After the first time only a store that was opened `again` counts anew: in
    /// between, commits keep the numbers.
    pub(crate) fn count_live(&self, found: [i64; LIVE.len()], again: bool) {
        if self.counted.swap(true, Ordering::Relaxed) && !again {
            return;
        }
        for (gauge, found) in self.live_by_code.iter().zip(found) {
            gauge.set(found);
        }
    }
}

/// Does the work and notes how long it took, in real time also where a test moves the clock.
#[expect(clippy::disallowed_methods, reason = "a stopwatch")]
pub(crate) fn timed<T>(seconds: &Histogram, work: impl FnOnce() -> T) -> T {
    let begun = Instant::now();
    let done = work();
    seconds.observe(begun.elapsed().as_secs_f64());
    done
}

/// What the data folder takes of its disk, asked each time that metrics are read.
pub(crate) struct DiskUse {
    pub folder: PathBuf,
    pub space: SpaceProbe,
    pub reserve_bytes: u64,
}

impl fmt::Debug for DiskUse {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("DiskUse").field("folder", &self.folder).finish_non_exhaustive()
    }
}

impl Collector for DiskUse {
    fn encode(&self, mut encoder: DescriptorEncoder<'_>) -> fmt::Result {
        let mut gauge = |name, help, value: Option<u64>| match value {
            Some(value) => {
                let metric = encoder.encode_descriptor(name, help, Some(&Unit::Bytes), MetricType::Gauge)?;
                ConstGauge::new(value).encode(metric)
            }
            None => Ok(()),
        };
        let used = folder_bytes(&sled_folder(&self.folder)).ok();
        gauge("store_log", "What the store's log and its snapshot take of the disk", used)?;
        let keys = fs::metadata(self.folder.join(KEY_FILE)).ok().map(|file| file.blocks() * BLOCK);
        gauge("store_keys", "What the key file takes of the disk", keys)?;
        gauge("disk_free", "What the data folder's disk has left", (self.space)().ok())?;
        gauge("disk_reserve", "What must be left of it for writes to be accepted", Some(self.reserve_bytes))
    }
}

/// What the file system counts blocks in, whatever its own are.
const BLOCK: u64 = 512;

/// What the files of a folder take of the disk.
fn folder_bytes(folder: &Path) -> io::Result<u64> {
    let mut bytes = 0;
    for entry in fs::read_dir(folder)? {
        let entry = entry?;
        // A snapshot may be replaced between being listed and being looked at.
        let Ok(found) = entry.metadata() else { continue };
        bytes += if found.is_dir() { folder_bytes(&entry.path())? } else { found.blocks() * BLOCK };
    }
    Ok(bytes)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn live(meters: &Meters) -> [i64; 3] {
        [0, 1, 2].map(|place| meters.live_by_code[place].get())
    }

    fn ended(meters: &Meters, status: Status) -> u64 {
        meters.ended.get_or_create(&[("status", status.as_str())]).get()
    }

    #[test]
    fn moves_keep_the_numbers_of_live_and_ended_sessions() {
        let meters = Meters::new();
        meters.count_live([5, 1, 0], false);
        meters.count_live([9, 9, 9], false);
        let tag = status_tag;
        meters.moved(None, tag(Status::Created));
        meters.moved(Some(tag(Status::Created)), tag(Status::RequiresInput));
        meters.moved(Some(tag(Status::RequiresInput)), tag(Status::InProgress));
        meters.moved(Some(tag(Status::InProgress)), tag(Status::InProgress));
        assert_eq!(live(&meters), [5, 1, 1]);
        meters.moved(Some(tag(Status::InProgress)), tag(Status::Completed));
        meters.moved(Some(tag(Status::Completed)), tag(Status::Completed));
        // A simulated session may be born and end in one commit.
        meters.moved(None, tag(Status::Expired));
        assert_eq!(live(&meters), [5, 1, 0]);
        assert_eq!(
            (meters.created.get(), ended(&meters, Status::Completed), ended(&meters, Status::Expired)),
            (2, 1, 1)
        );
        meters.count_live([1, 2, 3], true);
        assert_eq!(live(&meters), [1, 2, 3]);
    }
}
