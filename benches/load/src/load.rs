//! The load itself: connections that are set up beforehand, a warm-up that does not count, then
//! as many operations as go (closed loop) or as many as are due (open loop).

use std::collections::BTreeMap;
use std::ops::Range;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use futures::future::{join_all, try_join_all};
use hdrhistogram::Histogram;
use indicatif::{HumanCount, ProgressBar, ProgressStyle};
use tokio::sync::Semaphore;

use crate::client::{Client, Server};
use crate::failure::Failure;
use crate::report::{Figures, complain};
use crate::scenario::{Stock, Worker};

/// The longest that an operation may take.
const PATIENCE: Duration = Duration::from_secs(60);
/// After this many failures in a row a connection gives up.
const HOPELESS: u32 = 100;
/// How many failures are shown; the others are only counted.
const SHOWN: u64 = 3;

/// How to load.
#[derive(Debug, Clone, Copy)]
pub struct Course {
    /// Connections, each with one operation under way.
    pub connections: usize,
    /// Operations that begin within this time are not measured.
    pub warmup: Duration,
    /// How long operations are measured after that.
    pub duration: Duration,
    /// Operations a second over all connections; without it, as many as go.
    pub rate: Option<u32>,
    /// Ends after this many operations instead; then nothing is warmed up.
    pub operations: Option<u64>,
}

/// What a load came to.
#[derive(Debug)]
pub struct Loaded {
    /// What was measured.
    pub figures: Figures,
    /// The operations that succeeded, those of the warm-up included.
    pub finished: u64,
    /// When the warm-up began.
    pub began: Instant,
}

/// When operations begin, when they count and when they end.
struct Track {
    /// From here on they are measured.
    from: Instant,
    /// From here on none begins.
    until: Option<Instant>,
    /// As many as are due and have not begun, in an open loop.
    due: Option<Due>,
    operations: Option<u64>,
    begun: AtomicU64,
    finished: AtomicU64,
    failed: AtomicU64,
}

struct Due {
    permits: Semaphore,
    began: Instant,
    rate: f64,
}

/// What one worker measured.
struct Part {
    latencies: Histogram<u64>,
    /// Operations that make up the rate. In an open loop these are all that ended in the time
    /// measured: a backlog from the warm-up is work as well.
    answered: u64,
    errors: BTreeMap<String, u64>,
    sent: u64,
    received: u64,
    last: Instant,
}

/// Loads the server and measures it.
///
/// # Errors
/// If a connection cannot be made. Operations that fail are counted.
#[expect(clippy::disallowed_methods, reason = "this program measures real time")]
pub async fn load(name: &str, server: &Server, stock: &Arc<Stock>, course: Course) -> Result<Loaded, Failure> {
    let clients = try_join_all((0..course.connections).map(|_| Client::connect(server))).await?;
    let began = Instant::now();
    let warmup = if course.operations.is_some() { Duration::ZERO } else { course.warmup };
    let track = Arc::new(Track {
        from: began + warmup,
        until: course.operations.is_none().then(|| began + warmup + course.duration),
        due: course.rate.map(|rate| Due { permits: Semaphore::new(0), began, rate: f64::from(rate.max(1)) }),
        operations: course.operations,
        begun: AtomicU64::new(0),
        finished: AtomicU64::new(0),
        failed: AtomicU64::new(0),
    });
    let bar = tokio::spawn(show(name.to_owned(), course, Arc::clone(&track), began));
    let over = Arc::new(AtomicBool::new(false));
    let pacer = track.due.is_some().then(|| {
        let (track, over) = (Arc::clone(&track), Arc::clone(&over));
        thread::spawn(move || track.pace(&over))
    });
    let workers = clients.into_iter().enumerate();
    let workers = workers.map(|(number, client)| Worker::new(client, Arc::clone(stock), number));
    let parts = join_all(workers.map(|worker| tokio::spawn(work(worker, Arc::clone(&track))))).await;
    over.store(true, Ordering::Relaxed);
    let due = pacer.map_or(Ok(0), thread::JoinHandle::join).map_err(|_| Failure::other("the pacer failed"))?;
    bar.abort();
    let mut whole = parts.into_iter().try_fold(Part::new(track.from), |whole, part| {
        whole.add(part.map_err(Failure::other)?).map_err(Failure::other)
    })?;
    let begun = track.begun.load(Ordering::Relaxed);
    track.add_those_never_begun(&mut whole.latencies, begun..due);
    let mut figures = Figures::new(&whole.latencies, whole.last - track.from);
    figures.operations = whole.answered;
    figures.rate = whole.answered as f64 / figures.seconds.max(0.001);
    figures.never_begun = due.saturating_sub(begun);
    figures.errors = whole.errors.values().sum();
    figures.errors_by_kind = whole.errors;
    (figures.body_bytes_sent, figures.body_bytes_received) = (whole.sent, whole.received);
    Ok(Loaded { figures, finished: track.finished.load(Ordering::Relaxed), began })
}

impl Due {
    /// When the operation with this number is due.
    fn at(&self, number: u64) -> Instant {
        self.began + Duration::from_secs_f64(number as f64 / self.rate)
    }
}

impl Part {
    fn new(last: Instant) -> Self {
        Self { latencies: histogram(), answered: 0, errors: BTreeMap::new(), sent: 0, received: 0, last }
    }

    fn add(mut self, other: Self) -> Result<Self, hdrhistogram::AdditionError> {
        self.latencies.add(other.latencies)?;
        for (kind, count) in other.errors {
            *self.errors.entry(kind).or_default() += count;
        }
        self.answered += other.answered;
        self.sent += other.sent;
        self.received += other.received;
        self.last = self.last.max(other.last);
        Ok(self)
    }
}

impl Track {
    /// Lets operations begin when they are due; returns how many were. It has a thread of its
    /// own because the runtime's timers are exact to a millisecond only.
    #[expect(clippy::disallowed_methods, reason = "this program measures real time")]
    fn pace(&self, over: &AtomicBool) -> u64 {
        let Some(due) = &self.due else { return 0 };
        let mut released = 0;
        while !over.load(Ordering::Relaxed) {
            let now = Instant::now();
            let now = self.until.map_or(now, |end| now.min(end));
            let reached = (now.duration_since(due.began).as_secs_f64() * due.rate).ceil() as u64;
            let reached = self.operations.map_or(reached, |most| reached.min(most));
            due.permits.add_permits((reached - released) as usize);
            released = reached;
            if self.until.is_some_and(|end| now >= end) {
                break;
            }
            // Not for long: the load may end early.
            thread::sleep(due.at(released).saturating_duration_since(Instant::now()).min(Duration::from_millis(50)));
        }
        // A moment, so that those due last begin.
        thread::sleep(Duration::from_millis(2));
        due.permits.close();
        released
    }

    /// Operations that were due and never began have waited until the end, and would have waited
    /// longer: left out, they would make a server that cannot keep up look fast.
    fn add_those_never_begun(&self, latencies: &mut Histogram<u64>, numbers: Range<u64>) {
        let (Some(due), Some(end)) = (&self.due, self.until) else { return };
        for number in numbers {
            let at = due.at(number);
            if at >= self.from {
                latencies.saturating_record(micros(end.saturating_duration_since(at)));
            }
        }
    }

    /// When the next operation began, or was due; `None` if there is none.
    ///
    /// With a rate, latency counts from when the operation was due, so that a server that stalls
    /// does not hide its own delay.
    #[expect(clippy::disallowed_methods, reason = "this program measures real time")]
    async fn next(&self) -> Option<Instant> {
        if let Some(due) = &self.due {
            due.permits.acquire().await.ok()?.forget();
        }
        let now = Instant::now();
        if self.due.is_none() && self.until.is_some_and(|end| now >= end) {
            return None;
        }
        let number = self.begun.fetch_add(1, Ordering::Relaxed);
        if self.operations.is_some_and(|most| number >= most) {
            return None;
        }
        Some(self.due.as_ref().map_or(now, |due| due.at(number)))
    }
}

#[expect(clippy::disallowed_methods, reason = "this program measures real time")]
async fn work(mut worker: Worker, track: Arc<Track>) -> Part {
    let mut part = Part::new(track.from);
    let (mut in_a_row, mut bytes) = (0, None);
    while let Some(began) = track.next().await {
        let counts = began >= track.from;
        if counts && bytes.is_none() {
            bytes = Some((worker.client.sent, worker.client.received));
        }
        let outcome = tokio::time::timeout(PATIENCE, worker.operate()).await;
        match outcome.unwrap_or(Err(Failure::Silence(PATIENCE.as_secs()))) {
            Ok(()) => {
                in_a_row = 0;
                track.finished.fetch_add(1, Ordering::Relaxed);
                let ended = Instant::now();
                if counts || track.due.is_some() && ended >= track.from {
                    part.answered += 1;
                    part.last = ended;
                }
                if counts {
                    part.latencies.saturating_record(micros(ended.duration_since(began)));
                }
            }
            Err(error) => {
                in_a_row += 1;
                if track.failed.fetch_add(1, Ordering::Relaxed) < SHOWN {
                    complain(&format!("an operation failed: {error}"));
                }
                *part.errors.entry(error.kind()).or_default() += 1;
                if in_a_row > HOPELESS {
                    break;
                }
            }
        }
    }
    let (sent, received) = bytes.unwrap_or((worker.client.sent, worker.client.received));
    part.sent = worker.client.sent - sent;
    part.received = worker.client.received - received;
    part
}

/// Latencies in microseconds: up to a minute, at three significant digits.
pub fn histogram() -> Histogram<u64> {
    #[expect(clippy::expect_used, reason = "constant bounds")]
    Histogram::new_with_bounds(1, 60_000_000, 3).expect("these bounds are valid")
}

/// Moves a progress bar on standard error, if that is a terminal, until the task is ended.
#[expect(clippy::disallowed_methods, reason = "this program measures real time")]
async fn show(name: String, course: Course, track: Arc<Track>, began: Instant) {
    let length = course.operations.unwrap_or_else(|| millis(course.warmup + course.duration));
    let bar = ProgressBar::new(length).with_prefix(name);
    let style = ProgressStyle::with_template("{prefix:7} {bar:30} {elapsed:>4}  {msg}");
    bar.set_style(style.unwrap_or_else(|_| ProgressStyle::default_bar()));
    // Cleared when the task ends.
    let bar = Shown(bar);
    let mut ticks = tokio::time::interval(Duration::from_millis(200));
    loop {
        ticks.tick().await;
        let (done, failed) = (track.finished.load(Ordering::Relaxed), track.failed.load(Ordering::Relaxed));
        let elapsed = began.elapsed();
        let rate = HumanCount((done as f64 / elapsed.as_secs_f64().max(0.001)) as u64);
        let warming = if elapsed < track.from - began { "warming up, " } else { "" };
        let trouble = if failed > 0 { format!(", {failed} failed") } else { String::new() };
        bar.0.set_message(format!("{warming}{} operations, {rate}/s{trouble}", HumanCount(done)));
        bar.0.set_position(course.operations.map_or_else(|| millis(elapsed).min(length), |_| done));
    }
}

struct Shown(ProgressBar);

impl Drop for Shown {
    fn drop(&mut self) {
        self.0.finish_and_clear();
    }
}

fn micros(time: Duration) -> u64 {
    u64::try_from(time.as_micros()).unwrap_or(u64::MAX)
}

fn millis(time: Duration) -> u64 {
    u64::try_from(time.as_millis()).unwrap_or(u64::MAX)
}
