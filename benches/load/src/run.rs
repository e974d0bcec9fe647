//! A run: prepares, loads the server, measures the bare handler the same way, reports. Several
//! runs alternate between the two, so that both meet the same moods of the machine.

use std::net::SocketAddr;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use clap::Args;
use serde::Serialize;

use crate::bare::{self, Samples};
use crate::client::{Client, Server, server};
use crate::failure::Failure;
use crate::load::{Course, load};
use crate::process::{self, Memory};
use crate::report::{Figures, complain, median, say};
use crate::scenario::{Scenario, Stock, Worker};
use crate::sink::{Deliveries, Sink};
use crate::store_write;
use crate::webhooks::{Hooks, Options, Receipts};

/// What to run.
#[derive(Debug, Args)]
pub struct Plan {
    /// What is measured
    #[arg(value_enum)]
    scenario: Scenario,
    /// The server, as host:port or http://host:port
    #[arg(long, default_value = "127.0.0.1:8080", env = "VETD_LOAD_SERVER", value_parser = server)]
    server: Server,
    /// A test API key of the server
    #[arg(long, env = "VETD_API_KEY", hide_env_values = true)]
    key: String,
    /// Connections, each with one operation under way
    #[arg(long, short, default_value_t = 64, value_parser = clap::builder::RangedU64ValueParser::<usize>::new().range(1..=65_535))]
    connections: usize,
    /// How long to measure, in seconds
    #[arg(long, short, default_value_t = 10, value_parser = clap::value_parser!(u64).range(1..=86_400))]
    duration: u64,
    /// How long to load before that, in seconds; what begins within it is not measured
    #[arg(long, default_value_t = 1)]
    warmup: u64,
    /// How often to measure server and bare handler, one after the other
    #[arg(long, default_value_t = 1, value_parser = clap::value_parser!(u32).range(1..))]
    runs: u32,
    /// Operations a second over all connections (an open loop: latency counts from when each was
    /// due); without it, as many as go
    #[arg(long, value_parser = clap::value_parser!(u32).range(1..))]
    rate: Option<u32>,
    /// For `read`, `replay` and `mixed`: over how many sessions to spread them
    #[arg(long, default_value_t = 1000, value_parser = clap::value_parser!(u64).range(1..=1_000_000))]
    spread: u64,
    /// For `live`: how many sessions to leave open
    #[arg(long, default_value_t = 100_000)]
    sessions: u64,
    /// For `lifecycle` and `webhooks`: where the driver's own receiver of webhooks listens
    #[arg(long, default_value = "127.0.0.1:0")]
    sink: SocketAddr,
    #[command(flatten)]
    webhooks: Options,
    /// Beside each run, measure single durable store writes in a throw-away store within this
    /// folder; it should be on the disk of the server's data
    #[arg(long)]
    dir: Option<PathBuf>,
    /// The server's process, if it is on this machine: its memory is reported
    #[arg(long)]
    pid: Option<u32>,
    /// The server's data folder, if it is on this machine: its size is reported
    #[arg(long)]
    data: Option<PathBuf>,
    /// Print JSON instead of a table
    #[arg(long)]
    json: bool,
    /// Do not measure the bare handler
    #[arg(long)]
    no_bare: bool,
}

/// One round: the server, then what it is compared with.
#[derive(Debug, Clone, Serialize)]
struct Round {
    vetd: Figures,
    bare: Option<Figures>,
    /// Operations a second, the server's by the bare handler's.
    ratio: Option<f64>,
    /// Single durable writes to a store on the same disk.
    store_write: Option<Figures>,
    /// The server's median latency by that of a single store write.
    p50_by_store_write: Option<f64>,
    webhooks: Option<Deliveries>,
    receipts: Option<Receipts>,
}

/// The whole run; of each figure the round in the middle.
#[derive(Debug, Serialize)]
struct Report {
    scenario: Scenario,
    connections: usize,
    seconds: u64,
    asked_rate: Option<u32>,
    vetd: Figures,
    bare: Option<Figures>,
    ratio: Option<f64>,
    store_write: Option<Figures>,
    p50_by_store_write: Option<f64>,
    webhooks: Option<Deliveries>,
    receipts: Option<Receipts>,
    memory: Option<Memory>,
    data_bytes: Option<u64>,
    runs: Vec<Round>,
}

/// What receives webhooks during a run.
#[derive(Default)]
struct Receivers {
    sink: Option<Sink>,
    hooks: Option<Hooks>,
}

/// Runs a plan and reports it; true if no operation failed and every webhook arrived, in order.
pub async fn run(plan: Plan) -> Result<bool, Failure> {
    plan.webhooks.check(plan.scenario)?;
    let mut receivers = Receivers::default();
    match plan.scenario {
        Scenario::Lifecycle => receivers.sink = Some(Sink::start(&plan.server, &plan.key, plan.sink).await?),
        Scenario::Webhooks => {
            let waits = plan.rate.is_none();
            receivers.hooks = Some(Hooks::listen(&plan.key, plan.sink, plan.webhooks, waits).await?);
        }
        _ => {}
    }
    let outcome = tokio::select! {
        outcome = measure(&plan, &receivers) => outcome,
        _ = tokio::signal::ctrl_c() => Err(Failure::other("ended by Ctrl-C")),
    };
    if let Err(error) = receivers.end(&plan.server).await {
        complain(&format!("the webhook endpoint could not be removed: {error}"));
    }
    let report = Report::of(&plan, outcome?)?;
    if plan.json {
        say(&serde_json::to_string(&report).map_err(Failure::other)?);
    } else {
        report.show();
    }
    Ok(report.runs.iter().all(Round::is_clean))
}

async fn measure(plan: &Plan, receivers: &Receivers) -> Result<Vec<Round>, Failure> {
    let Receivers { sink, hooks } = receivers;
    if let Some(hooks) = hooks {
        hooks.register(&plan.server, plan.connections).await?;
    }
    let book = hooks.as_ref().map(|hooks| &hooks.book);
    let stock = Stock::prepare(&plan.server, &plan.key, plan.scenario, plan.spread, book.cloned()).await?;
    let is_live = plan.scenario == Scenario::Live;
    let course = Course {
        connections: plan.connections,
        warmup: Duration::from_secs(plan.warmup),
        duration: Duration::from_secs(plan.duration),
        rate: plan.rate,
        operations: is_live.then_some(plan.sessions),
    };
    let is_compared = !plan.no_bare && !is_live && book.is_none();
    let bare = if is_compared { Some(bare::start(&sample(plan, &stock, sink.as_ref()).await?).await?) } else { None };
    let bare = bare.as_ref().map(|(_, address)| Server::from(*address));
    let mut rounds = Vec::new();
    for _ in 0..if is_live { 1 } else { plan.runs } {
        if let Some(sink) = sink {
            sink.clear();
        }
        if let Some(book) = book {
            book.begin(course.warmup);
        }
        let vetd = load("vetd", &plan.server, &stock, course).await?;
        let webhooks = match sink {
            Some(sink) => Some(sink.settle(vetd.finished, vetd.began).await),
            None => None,
        };
        let receipts = match book {
            Some(book) => Some(book.settle(vetd.began).await),
            None => None,
        };
        let vetd = vetd.figures;
        let bare = match &bare {
            Some(bare) => Some(load("bare", bare, &stock, course).await?.figures),
            None => None,
        };
        let store_write = match &plan.dir {
            Some(dir) => Some(store_write::measure(dir, course.warmup, course.duration).await?),
            None => None,
        };
        // In an open loop the rate is what was asked for.
        let ratio = bare.as_ref().filter(|_| plan.rate.is_none()).map(|bare| vetd.rate / bare.rate);
        let p50_by_store_write = store_write.as_ref().map(|write| vetd.p50_ms / write.p50_ms);
        rounds.push(Round { vetd, bare, ratio, store_write, p50_by_store_write, webhooks, receipts });
    }
    Ok(rounds)
}

/// What the server answers to each call of the scenario.
#[expect(clippy::disallowed_methods, reason = "this program measures real time")]
async fn sample(plan: &Plan, stock: &Arc<Stock>, sink: Option<&Sink>) -> Result<Samples, Failure> {
    let began = std::time::Instant::now();
    let samples = Worker::new(Client::connect(&plan.server).await?, Arc::clone(stock), 0).sample().await?;
    if let Some(sink) = sink {
        sink.settle(1, began).await;
    }
    Ok(samples)
}

impl Receivers {
    /// Removes their endpoints.
    async fn end(&self, server: &Server) -> Result<(), Failure> {
        match (&self.sink, &self.hooks) {
            (Some(sink), _) => sink.end(server).await,
            (_, Some(hooks)) => hooks.end(server).await,
            _ => Ok(()),
        }
    }
}

impl Round {
    fn is_clean(&self) -> bool {
        let failed = self.vetd.errors + self.bare.as_ref().map_or(0, |bare| bare.errors);
        let is_complete = self.webhooks.as_ref().is_none_or(Deliveries::is_complete);
        failed == 0 && is_complete && self.receipts.as_ref().is_none_or(Receipts::is_complete)
    }
}

impl Report {
    fn of(plan: &Plan, runs: Vec<Round>) -> Result<Self, Failure> {
        let each = |measure: fn(&Round) -> Option<f64>| -> Vec<f64> { runs.iter().filter_map(measure).collect() };
        let figures = |part: fn(&Round) -> Option<&Figures>| -> Option<Figures> {
            let all: Vec<&Figures> = runs.iter().filter_map(part).collect();
            median(&all, |figures| figures.rate).map(|middle| (*middle).clone())
        };
        let receipts: Vec<&Receipts> = runs.iter().filter_map(|run| run.receipts.as_ref()).collect();
        let webhooks: Vec<&Deliveries> = runs.iter().filter_map(|run| run.webhooks.as_ref()).collect();
        Ok(Self {
            scenario: plan.scenario,
            connections: plan.connections,
            seconds: plan.duration,
            asked_rate: plan.rate,
            vetd: figures(|run| Some(&run.vetd)).ok_or_else(|| Failure::other("nothing was measured"))?,
            bare: figures(|run| run.bare.as_ref()),
            ratio: median(&each(|run| run.ratio), |n| *n).copied(),
            store_write: figures(|run| run.store_write.as_ref()),
            p50_by_store_write: median(&each(|run| run.p50_by_store_write), |n| *n).copied(),
            webhooks: median(&webhooks, |found| found.whole_lifecycles_per_second).map(|found| (*found).clone()),
            receipts: median(&receipts, |found| found.per_second).map(|found| (*found).clone()),
            memory: plan.pid.map(process::memory).transpose()?,
            data_bytes: plan.data.as_deref().map(process::folder_bytes).transpose()?,
            runs,
        })
    }

    fn show(&self) {
        say(&Figures::head());
        for run in &self.runs {
            let rows = [("vetd", Some(&run.vetd)), ("bare", run.bare.as_ref()), ("store", run.store_write.as_ref())];
            for (name, figures) in rows {
                if let Some(figures) = figures {
                    say(&figures.line(name));
                    figures.errors_by_kind.iter().for_each(|(kind, count)| say(&format!("          {count} × {kind}")));
                }
            }
            if run.vetd.never_begun > 0 {
                let count = run.vetd.never_begun;
                say(&format!(
                    "          {count} operations were due and never began: the server cannot keep this rate"
                ));
            }
            if let Some(found) = &run.webhooks {
                say(&shown(found));
            }
            if let Some(found) = &run.receipts {
                say(&found.line());
            }
        }
        if let Some(ratio) = self.ratio {
            let all = self.runs.iter().filter_map(|run| run.ratio);
            let (low, high) = all.fold((f64::MAX, f64::MIN), |(low, high), n| (low.min(n), high.max(n)));
            say(&format!("ratio of operations a second, vetd by bare: {ratio:.3} ({low:.3} to {high:.3})"));
        }
        if let Some(ratio) = self.p50_by_store_write {
            say(&format!("median latency by that of one durable store write: {ratio:.2}"));
        }
        if let Some(memory) = self.memory {
            let (rss, pss) = (memory.rss_kib / 1024, memory.pss_kib / 1024);
            say(&format!("memory of the server: {rss} MiB resident, {pss} MiB proportional"));
        }
        if let Some(bytes) = self.data_bytes {
            say(&format!("size of the data folder on its disk: {} MiB", bytes >> 20));
        }
    }
}

fn shown(found: &Deliveries) -> String {
    format!(
        "          webhooks: {} of {} in {:.1} s, {} more than once, {} refused; age on arrival p50 {:.1} ms, p99 {:.1} \
         ms, max {:.1} ms; {:.0} whole lifecycles a second",
        found.delivered,
        found.expected,
        found.seconds,
        found.duplicates,
        found.refused,
        found.age_p50_ms,
        found.age_p99_ms,
        found.age_max_ms,
        found.whole_lifecycles_per_second
    )
}
