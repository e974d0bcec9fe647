//! `vetd workspace`: tenants, made and switched by the operator.

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
            let asked = [("workspace", which.workspace.as_str()), ("mode", mode.as_str())];
            let path = path_with("/admin/workspaces/origins", &asked);
            let answer = if origins.is_empty() && !clear {
                server.client()?.get(&path).await?
            } else {
                let body = json!({ "allowed_origins": origins }).to_string();
                server.client()?.call(Method::PUT, &path, Bytes::from(body)).await?
            };
            server.print(&answer, origin_lines)?;
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
