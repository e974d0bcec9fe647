//! `vetd workspace`: tenants, made and switched by the operator.

use std::collections::BTreeMap;
use std::process::ExitCode;

use bytes::Bytes;
use clap::{Args, Subcommand};
use hyper::Method;
use serde_json::{Value, json};

use super::server::{ModeArg, ServerArgs, items, path_with, table, text, time};
use crate::failure::Failure;

/// The arguments of `vetd workspace`.
#[derive(Debug, Args)]
pub(super) struct WorkspaceArgs {
    #[command(flatten)]
    pub(super) server: ServerArgs,
    #[command(subcommand)]
    verb: Verb,
}

#[derive(Debug, Subcommand)]
enum Verb {
    /// Make a workspace
    Create {
        /// Its name
        name: String,
    },
    /// List all workspaces
    List,
    /// Open live mode for a workspace; live keys can be made from here on
    ActivateLive(Which),
    /// Shut a workspace out: every request with its keys and tokens is refused
    Suspend(Which),
    /// Let a suspended workspace in again
    Resume(Which),
    /// Show or set which pages may embed the iframe; each mode has its own list
    Origins {
        #[command(flatten)]
        which: Which,
        /// The origins from here on, such as https://shop.example.com [default: show them]
        #[arg(value_name = "ORIGIN")]
        origins: Vec<String>,
        /// Let no page embed it
        #[arg(long, conflicts_with = "origins")]
        clear: bool,
        /// The mode
        #[arg(long, value_enum, default_value = "test")]
        mode: ModeArg,
    },
    /// Show or set how long people's data is kept; each mode has its own rules
    Retention {
        #[command(flatten)]
        which: Which,
        /// All rules from here on, such as media.completed=30 or personal.failed=7, in days [default: show them]
        #[arg(value_name = "RULE", value_parser = Rule::parse)]
        rules: Vec<Rule>,
        /// Keep everything
        #[arg(long, conflicts_with = "rules")]
        clear: bool,
        /// The mode
        #[arg(long, value_enum, default_value = "test")]
        mode: ModeArg,
    },
}

/// For how many days data of a kind is kept after a verification that ended so. Which kinds, ends and
/// numbers there are is for the server to say.
#[derive(Debug, Clone)]
struct Rule {
    kind: String,
    outcome: String,
    days: u64,
}

impl Rule {
    fn parse(text: &str) -> Result<Self, String> {
        let parts = text.split_once('=').and_then(|(of, days)| Some((of.split_once('.')?, days.parse().ok()?)));
        let ((kind, outcome), days) = parts.ok_or("must be such as media.completed=30")?;
        Ok(Self { kind: kind.to_owned(), outcome: outcome.to_owned(), days })
    }
}

#[derive(Debug, Args)]
struct Which {
    /// The workspace, by number or name
    workspace: String,
}

pub(super) async fn run(args: WorkspaceArgs) -> Result<ExitCode, Failure> {
    let WorkspaceArgs { server, verb } = args;
    let answer = match verb {
        Verb::Create { name } => {
            let body = json!({ "name": name }).to_string();
            server.client()?.call(Method::POST, "/admin/workspaces", Bytes::from(body)).await?
        }
        Verb::List => server.client()?.get("/admin/workspaces").await?,
        Verb::ActivateLive(which) => switch(&server, "activate-live", &which).await?,
        Verb::Suspend(which) => switch(&server, "suspend", &which).await?,
        Verb::Resume(which) => switch(&server, "resume", &which).await?,
        Verb::Origins { which, origins, clear, mode } => {
            let change = (clear || !origins.is_empty()).then(|| json!({ "allowed_origins": origins }));
            let answer = settings(&server, &which, mode, change).await?;
            server.print(&answer, origin_lines)?;
            return Ok(ExitCode::SUCCESS);
        }
        Verb::Retention { which, rules, clear, mode } => {
            let change = if clear || !rules.is_empty() { Some(rules_to_json(&rules)?) } else { None };
            let answer = settings(&server, &which, mode, change).await?;
            server.print(&answer, rule_lines)?;
            return Ok(ExitCode::SUCCESS);
        }
    };
    server.print(&answer, as_table)?;
    Ok(ExitCode::SUCCESS)
}

async fn switch(server: &ServerArgs, act: &str, which: &Which) -> Result<Value, Failure> {
    let path = path_with(&format!("/admin/workspaces/{act}"), &[("workspace", &which.workspace)]);
    server.client()?.call(Method::POST, &path, Bytes::new()).await
}

/// The settings of a workspace and mode, after this change of them.
async fn settings(server: &ServerArgs, which: &Which, mode: ModeArg, change: Option<Value>) -> Result<Value, Failure> {
    let asked = [("workspace", which.workspace.as_str()), ("mode", mode.as_str())];
    let path = path_with("/admin/workspaces/settings", &asked);
    let client = server.client()?;
    match change {
        None => client.get(&path).await,
        Some(change) => client.call(Method::PATCH, &path, Bytes::from(change.to_string())).await,
    }
}

fn rules_to_json(rules: &[Rule]) -> Result<Value, Failure> {
    let mut kinds: BTreeMap<&str, BTreeMap<&str, u64>> = BTreeMap::new();
    for Rule { kind, outcome, days } in rules {
        if kinds.entry(kind).or_default().insert(outcome, *days).is_some() {
            return Err(Failure::other(format!("{kind}.{outcome} is given twice; give one rule for it")));
        }
    }
    Ok(json!({ "retention": kinds }))
}

/// A rule a line, as it is set; nothing for none.
fn rule_lines(answer: &Value) -> String {
    let kinds = answer.get("retention").and_then(Value::as_object).into_iter().flatten();
    let rules = kinds.flat_map(|(kind, periods)| {
        let periods = periods.as_object().into_iter().flatten();
        periods.filter_map(move |(outcome, days)| Some(format!("{kind}.{outcome}={}", days.as_u64()?)))
    });
    rules.collect::<Vec<_>>().join("\n")
}

/// An origin a line; nothing for none.
fn origin_lines(answer: &Value) -> String {
    let origins = answer.get("allowed_origins").and_then(Value::as_array).into_iter().flatten();
    origins.filter_map(Value::as_str).collect::<Vec<_>>().join("\n")
}

/// One workspace or a list of them.
fn as_table(answer: &Value) -> String {
    let alone = std::slice::from_ref(answer);
    let workspaces = if answer.get("data").is_some() { items(answer) } else { alone };
    let row = |workspace: &Value| {
        [
            text(workspace, "number"),
            text(workspace, "name"),
            text(workspace, "live_activated"),
            text(workspace, "suspended"),
            time(workspace, "created"),
        ]
    };
    table(["NUMBER", "NAME", "LIVE", "SUSPENDED", "CREATED"], workspaces.iter().map(row))
}
