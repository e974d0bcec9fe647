//! A run: prepares, loads for a time, measures the bare handler the same way, reports.

use std::net::SocketAddr;
use std::process::Stdio;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use clap::Args;
use futures::future::join_all;
use hdrhistogram::Histogram;
use hyper::Method;
use indicatif::{ProgressBar, ProgressStyle};
use serde_json::json;
use tokio::io::{AsyncBufReadExt, BufReader};
use tokio::process::{Child, Command};

use crate::client::Client;
use crate::report::{Figures, complain, say};
use crate::scenario::{Scenario, Worker};
use crate::sink::Sink;

/// What to run.
#[derive(Debug, Args)]
pub struct Plan {
    /// What is measured
    #[arg(value_enum)]
    scenario: Scenario,
    /// The server
    #[arg(long, default_value = "127.0.0.1:8080", env = "VETD_LOAD_SERVER")]
    server: SocketAddr,
    /// A test API key of the server
    #[arg(long, env = "VETD_API_KEY", hide_env_values = true)]
    key: String,
    /// Connections, each with one operation under way
    #[arg(long, short, default_value_t = 64)]
    connections: usize,
    /// How long to load, in seconds
    #[arg(long, short, default_value_t = 10)]
    duration: u64,
    /// Operations a second over all connections; without it, as many as go
    #[arg(long)]
    rate: Option<u32>,
    /// For `live`: how many sessions to leave open
    #[arg(long, default_value_t = 100_000)]
    sessions: u64,
    /// Print JSON instead of a table
    #[arg(long)]
    json: bool,
    /// Do not measure the bare handler
    #[arg(long)]
    no_bare: bool,
}

/// Why a run came to nothing.
#[derive(Debug, thiserror::Error)]
pub enum Failure {
    /// The connection failed.
    #[error("{0}")]
    Io(#[from] std::io::Error),
    /// The HTTP exchange failed.
    #[error("{0}")]
    Http(#[from] hyper::Error),
    /// Anything else.
    #[error("{0}")]
    Other(String),
}

/// Runs a plan and reports it.
pub async fn run(plan: Plan) -> Result<(), Failure> {
    let sink = match plan.scenario {
        Scenario::Lifecycle => Some(subscribe(&plan).await?),
        _ => None,
    };
    let vetd = load(&plan, plan.server, plan.scenario, "vetd").await?;
    let delivered = match &sink {
        Some((sink, endpoint)) => Some(settle(&plan, sink, endpoint, vetd.operations).await?),
        None => None,
    };
    let bare = if plan.no_bare || plan.scenario == Scenario::Live { None } else { Some(load_bare(&plan).await?) };
    // A lifecycle is four requests.
    let requests = if plan.scenario == Scenario::Lifecycle { 4.0 } else { 1.0 };
    let ratio = bare.as_ref().map(|bare| vetd.rate * requests / bare.rate);
    if plan.json {
        let report = json!({
            "scenario": plan.scenario, "connections": plan.connections, "vetd": vetd, "bare": bare,
            "ratio_of_requests": ratio, "webhooks_delivered": delivered,
        });
        say(&report.to_string());
        return Ok(());
    }
    say(&vetd.line("vetd"));
    if let (Some(bare), Some(ratio)) = (bare, ratio) {
        say(&bare.line("bare"));
        say(&format!("ratio of requests a second: {ratio:.3}"));
    }
    if let Some((count, seconds)) = delivered {
        say(&format!("webhooks delivered: {count}, the last {seconds:.1} s after the load"));
    }
    Ok(())
}

async fn load_bare(plan: &Plan) -> Result<Figures, Failure> {
    let (mut child, address) = start_bare().await?;
    let scenario = if plan.scenario == Scenario::Read { Scenario::Read } else { Scenario::Create };
    let figures = load(plan, address, scenario, "bare").await;
    child.kill().await?;
    figures
}

async fn start_bare() -> Result<(Child, SocketAddr), Failure> {
    let program = std::env::current_exe()?;
    let mut child = Command::new(program).arg("bare").stdout(Stdio::piped()).kill_on_drop(true).spawn()?;
    let out = child.stdout.take().ok_or_else(|| Failure::Other("the bare handler has no output".to_owned()))?;
    let line = BufReader::new(out).lines().next_line().await?.unwrap_or_default();
    let address = line.parse().map_err(|_| Failure::Other("the bare handler did not start".to_owned()))?;
    Ok((child, address))
}

#[expect(clippy::disallowed_methods, reason = "this program measures real time")]
async fn load(plan: &Plan, server: SocketAddr, scenario: Scenario, name: &str) -> Result<Figures, Failure> {
    let run = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default().as_micros();
    let run = u64::try_from(run).unwrap_or_default();
    let (numbers, key) = (Arc::new(AtomicU64::new(0)), Arc::<str>::from(plan.key.as_str()));
    let mut workers = Vec::with_capacity(plan.connections);
    for _ in 0..plan.connections {
        let client = Client::connect(server).await?;
        let is_vetd = name == "vetd";
        let mut worker = Worker::new(client, scenario, Arc::clone(&key), Arc::clone(&numbers), run, is_vetd);
        worker.prepare().await?;
        workers.push(worker);
    }
    let bar = progress(name, plan);
    let started = Instant::now();
    let limit = match scenario {
        Scenario::Live => Limit { until: None, operations: Some(plan.sessions) },
        _ => Limit { until: Some(started + Duration::from_secs(plan.duration)), operations: None },
    };
    let (done, pace) = (Arc::new(AtomicU64::new(0)), Pace { started, rate: plan.rate });
    let tasks = workers.into_iter().map(|worker| {
        let (done, bar) = (Arc::clone(&done), bar.clone());
        tokio::spawn(work(worker, limit, pace, done, bar))
    });
    let mut latencies = histogram();
    let mut errors = 0;
    for outcome in join_all(tasks).await {
        let (part, failed) = outcome.map_err(|error| Failure::Other(error.to_string()))?;
        latencies.add(part).map_err(|error| Failure::Other(error.to_string()))?;
        errors += failed;
    }
    let took = started.elapsed();
    bar.finish_and_clear();
    Ok(Figures::new(&latencies, errors, took))
}

#[derive(Debug, Clone, Copy)]
struct Limit {
    until: Option<Instant>,
    operations: Option<u64>,
}

#[derive(Debug, Clone, Copy)]
struct Pace {
    started: Instant,
    rate: Option<u32>,
}

#[expect(clippy::disallowed_methods, reason = "this program measures real time")]
async fn work(
    mut worker: Worker,
    limit: Limit,
    pace: Pace,
    done: Arc<AtomicU64>,
    bar: ProgressBar,
) -> (Histogram<u64>, u64) {
    let (mut latencies, mut errors) = (histogram(), 0);
    loop {
        let number = done.fetch_add(1, Ordering::Relaxed);
        if limit.until.is_some_and(|end| Instant::now() >= end) || limit.operations.is_some_and(|most| number >= most) {
            return (latencies, errors);
        }
        // With a rate, latency counts from when the operation was due, so that a server that
        // stalls does not hide its own delay.
        let mut began = Instant::now();
        if let Some(rate) = pace.rate {
            let due = pace.started + Duration::from_secs_f64(number as f64 / f64::from(rate.max(1)));
            tokio::time::sleep_until(due.into()).await;
            began = due;
        }
        match worker.operate().await {
            Ok(()) => latencies.saturating_record(u64::try_from(began.elapsed().as_micros()).unwrap_or(u64::MAX)),
            Err(error) => {
                errors += 1;
                if errors <= 3 {
                    bar.suspend(|| complain(&format!("an operation failed: {error}")));
                }
                if errors > 100 {
                    return (latencies, errors);
                }
            }
        }
        bar.inc(1);
    }
}

fn histogram() -> Histogram<u64> {
    // One minute at three significant digits.
    #[expect(clippy::expect_used, reason = "constant bounds")]
    Histogram::new_with_bounds(1, 60_000_000, 3).expect("these bounds are valid")
}

fn progress(name: &str, plan: &Plan) -> ProgressBar {
    if plan.json {
        return ProgressBar::hidden();
    }
    let bar = ProgressBar::no_length().with_message(name.to_owned());
    let style = ProgressStyle::with_template("{spinner} {msg} {elapsed} {human_pos} operations, {per_sec}");
    bar.set_style(style.unwrap_or_else(|_| ProgressStyle::default_spinner()));
    bar.enable_steady_tick(Duration::from_millis(200));
    bar
}

/// Registers a sink of the driver's own for every event.
async fn subscribe(plan: &Plan) -> Result<(Sink, String), Failure> {
    let sink = Sink::start().await?;
    let mut client = Client::connect(plan.server).await?;
    let body = json!({ "url": format!("http://{}/", sink.address), "description": "vetd-load" }).to_string();
    let reply = client.send(Method::POST, "/v1/webhook_endpoints", &plan.key, None, body.into()).await?;
    let answer: serde_json::Value = serde_json::from_slice(&reply.body).unwrap_or_default();
    let id = answer["id"].as_str().ok_or_else(|| Failure::Other(format!("no endpoint was made: {answer}")))?;
    Ok((sink, id.to_owned()))
}

/// Waits until four webhooks for each lifecycle have arrived, then removes the endpoint.
#[expect(clippy::disallowed_methods, reason = "this program measures real time")]
async fn settle(plan: &Plan, sink: &Sink, endpoint: &str, lifecycles: u64) -> Result<(u64, f64), Failure> {
    const PATIENCE: Duration = Duration::from_secs(120);
    let started = Instant::now();
    while sink.received() < lifecycles * 4 && started.elapsed() < PATIENCE {
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
    let waited = started.elapsed().as_secs_f64();
    let mut client = Client::connect(plan.server).await?;
    let path = format!("/v1/webhook_endpoints/{endpoint}");
    client.send(Method::DELETE, &path, &plan.key, None, bytes::Bytes::new()).await?;
    Ok((sink.received(), waited))
}
