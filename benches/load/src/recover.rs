//! Kills a server, starts it again, and measures the time to its first good answer.

use std::process::Stdio;
use std::time::{Duration, Instant};

use clap::Args;
use hyper::Method;
use serde::Serialize;
use serde_json::json;
use tokio::process::{Child, Command};

use crate::client::{Client, Message, Server, bearer, server};
use crate::failure::Failure;
use crate::process::{self, Memory};
use crate::report::{median, say};
use crate::scenario::text;

/// How long a start may take.
const PATIENCE: Duration = Duration::from_secs(120);
const PAUSE: Duration = Duration::from_millis(1);

/// What to kill and how to start it again.
#[derive(Debug, Args)]
pub struct Recover {
    /// The server
    #[arg(long, default_value = "127.0.0.1:8080", env = "VETD_LOAD_SERVER", value_parser = server)]
    server: Server,
    /// A test API key of the server
    #[arg(long, env = "VETD_API_KEY", hide_env_values = true)]
    key: String,
    /// The server's process; it is killed with SIGKILL
    #[arg(long)]
    pid: u32,
    /// How often to kill it
    #[arg(long, default_value_t = 1, value_parser = clap::value_parser!(u32).range(1..))]
    runs: u32,
    /// Print JSON instead of text
    #[arg(long)]
    json: bool,
    /// What starts the server again; it is left running
    #[arg(last = true, required = true, value_name = "COMMAND")]
    command: Vec<String>,
}

#[derive(Debug, Serialize)]
struct Recovery {
    /// From the signal to the first good answer.
    seconds: f64,
    /// The part of it that the killed process took to be gone.
    ending_seconds: f64,
    /// Of the new process, after its first answer.
    memory: Memory,
}

/// Kills, starts, measures, reports; as often as asked.
pub async fn run(plan: Recover) -> Result<(), Failure> {
    let path = make_session(&plan).await?;
    let (mut pid, mut child, mut runs) = (plan.pid, None, Vec::new());
    for _ in 0..plan.runs {
        let (recovery, started) = recover(&plan, pid, child.take(), &path).await?;
        pid = started.id().ok_or_else(|| Failure::other("the server ended after its first answer"))?;
        child = Some(started);
        runs.push(recovery);
    }
    let middle = median(&runs, |run| run.seconds).ok_or_else(|| Failure::other("nothing was measured"))?;
    if plan.json {
        say(&json!({ "scenario": "recover", "recovery": middle, "runs": runs, "pid": pid }).to_string());
    } else {
        let (rss, pss) = (middle.memory.rss_kib / 1024, middle.memory.pss_kib / 1024);
        say(&format!(
            "first good answer {:.3} s after kill -9 (the old process was gone after {:.3} s); memory {rss} MiB \
             resident, {pss} MiB proportional",
            middle.seconds, middle.ending_seconds
        ));
        say(&format!("the server runs on as process {pid}"));
    }
    Ok(())
}

/// Makes the session that will be asked for; returns its path.
async fn make_session(plan: &Recover) -> Result<String, Failure> {
    let body = br#"{"expires_in":86400}"#;
    let message = Message {
        method: Method::POST,
        path: "/v1/sessions",
        bearer: bearer(&plan.key)?,
        idempotency_key: None,
        body: body[..].into(),
    };
    let reply = Client::connect(&plan.server).await?.send(message).await?;
    Ok(format!("/v1/sessions/{}", text(&reply, "id")?))
}

/// `child` is the process, if it is this program's own.
#[expect(clippy::disallowed_methods, reason = "this program measures real time")]
async fn recover(plan: &Recover, pid: u32, child: Option<Child>, path: &str) -> Result<(Recovery, Child), Failure> {
    let (program, arguments) = plan.command.split_first().ok_or_else(|| Failure::other("no command was given"))?;
    let began = Instant::now();
    match child {
        Some(mut child) => child.kill().await?,
        None => kill(pid).await?,
    }
    while process::is_alive(pid) {
        tokio::time::sleep(PAUSE).await;
    }
    let ending = began.elapsed();
    let mut started = Command::new(program)
        .args(arguments)
        // The driver's own settings are none of the server's.
        .env_remove("VETD_API_KEY")
        .env_remove("VETD_LOAD_SERVER")
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .spawn()?;
    while !answers(plan, path).await {
        if let Some(status) = started.try_wait()? {
            return Err(Failure::other(format!("{program} did not start: {status}")));
        }
        if began.elapsed() > PATIENCE {
            return Err(Failure::other(format!("no good answer within {} s", PATIENCE.as_secs())));
        }
        tokio::time::sleep(PAUSE).await;
    }
    let seconds = began.elapsed().as_secs_f64();
    let memory = process::memory(started.id().unwrap_or_default())?;
    Ok((Recovery { seconds, ending_seconds: ending.as_secs_f64(), memory }, started))
}

async fn kill(pid: u32) -> Result<(), Failure> {
    let status = Command::new("kill").args(["-KILL", &pid.to_string()]).status().await?;
    if status.success() { Ok(()) } else { Err(Failure::other(format!("process {pid} could not be killed"))) }
}

async fn answers(plan: &Recover, path: &str) -> bool {
    let Ok(bearer) = bearer(&plan.key) else { return false };
    let message = Message { method: Method::GET, path, bearer, idempotency_key: None, body: bytes::Bytes::new() };
    match Client::connect(&plan.server).await {
        Ok(mut client) => client.send(message).await.is_ok_and(|reply| reply.status.is_success()),
        Err(_) => false,
    }
}
