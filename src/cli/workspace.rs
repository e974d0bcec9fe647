//! `vetd workspace`: tenants, made and switched by the operator.

use std::process::ExitCode;

use bytes::Bytes;
use clap::{Args, Subcommand};
use hyper::Method;
use serde_json::{Value, json};

use super::server::{ServerArgs, items, path_with, table, text, time};
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
    };
    server.print(&answer, as_table)?;
    Ok(ExitCode::SUCCESS)
}

async fn switch(server: &ServerArgs, act: &str, which: &Which) -> Result<Value, Failure> {
    let path = path_with(&format!("/admin/workspaces/{act}"), &[("workspace", &which.workspace)]);
    server.client()?.call(Method::POST, &path, Bytes::new()).await
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
