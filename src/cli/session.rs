//! `vetd session`: how sessions stand, what happened to them, and following them live.

use std::process::ExitCode;

use bytes::Bytes;
use clap::{Args, Subcommand};
use hyper::Method;
use serde_json::Value;

use super::key::segment;
use super::server::{RealmArgs, ServerArgs, items, mode, moment, pages, table, text, time};
use crate::admin::Lines;
use crate::failure::Failure;
use crate::out;
use crate::serve::Signals;

/// The arguments of `vetd session`.
#[derive(Debug, Args)]
pub(super) struct SessionArgs {
    #[command(flatten)]
    pub(super) server: ServerArgs,
    #[command(subcommand)]
    verb: Verb,
}

#[derive(Debug, Subcommand)]
enum Verb {
    /// List sessions, the newest first
    List {
        #[command(flatten)]
        realm: RealmArgs,
        /// Only those with this status
        #[arg(long, value_name = "STATUS")]
        status: Option<String>,
        /// At most so many
        #[arg(long, value_name = "NUMBER", default_value_t = 20, value_parser = clap::value_parser!(u16).range(1..=10_000))]
        limit: u16,
    },
    /// Show a session, its outcome and its events; what the person typed is never shown
    Show {
        /// The session (ses_…)
        id: String,
        /// Show the tenant's metadata and the redirect address too
        #[arg(long)]
        personal: bool,
        #[command(flatten)]
        realm: RealmArgs,
    },
    /// Cancel a session that has not ended
    Cancel {
        /// The session (ses_…)
        id: String,
        #[command(flatten)]
        realm: RealmArgs,
    },
    /// Follow a session until it has ended, or all of a workspace and mode until Ctrl-C
    Watch {
        /// The session (ses_…) [default: all]
        id: Option<String>,
        #[command(flatten)]
        realm: RealmArgs,
    },
}

pub(super) async fn run(args: SessionArgs) -> Result<ExitCode, Failure> {
    let SessionArgs { server, verb } = args;
    match verb {
        Verb::List { realm, status, limit } => {
            let asked: Vec<(&str, &str)> = status.as_deref().map(|status| ("status", status)).into_iter().collect();
            let found = pages(&server, &realm, "/admin/sessions", &asked, usize::from(limit)).await?;
            server.print(&found, as_table)?;
        }
        Verb::Show { id, personal, realm } => {
            let asked: &[(&str, &str)] = if personal { &[("personal", "true")] } else { &[] };
            let path = realm.path(&format!("/admin/sessions/{}", segment(&id)?), asked);
            let found = server.client()?.get(&path).await?;
            server.print(&found, as_text)?;
        }
        Verb::Cancel { id, realm } => {
            let path = realm.path(&format!("/admin/sessions/{}/cancel", segment(&id)?), &[]);
            let canceled = server.client()?.call(Method::POST, &path, Bytes::new()).await?;
            server.print(&canceled, |session| format!("{} {}", text(session, "id"), text(session, "status")))?;
        }
        Verb::Watch { id, realm } => watch(&server, &realm, id.as_deref()).await?,
    }
    Ok(ExitCode::SUCCESS)
}

/// Prints a line for each move.
async fn watch(server: &ServerArgs, realm: &RealmArgs, id: Option<&str>) -> Result<(), Failure> {
    let mut signals = Signals::listen()?;
    let id = id.map(segment).transpose()?;
    let asked: Vec<(&str, &str)> = id.map(|id| ("session", id)).into_iter().collect();
    let answer = server.client()?.open(Method::GET, &realm.path("/admin/watch", &asked), Bytes::new()).await?;
    let mut lines = Lines::of(answer);
    let mut ended = false;
    loop {
        let line = tokio::select! {
            line = lines.next() => line?,
            _ = signals.next() => return Ok(()),
        };
        match line {
            Some(line) => {
                let moved: Value = serde_json::from_slice(&line).unwrap_or_default();
                let status = moved.get("status").and_then(Value::as_str).and_then(vetd_model::Status::parse);
                ended = id.is_some() && status.is_some_and(vetd_model::Status::is_terminal);
                server.print(&moved, one_line)?;
            }
            None if ended => return Ok(()),
            None => return Err(Failure::no_server("the server ended")),
        }
    }
}

/// Time, session, place in its history, status.
fn one_line(moved: &Value) -> String {
    let error = moved.get("last_error").filter(|error| !error.is_null());
    let error = error.map_or_else(String::new, |error| format!("  {}", text(error, "code")));
    let (at, id, number) = (time(moved, "created"), text(moved, "session_id"), text(moved, "sequence"));
    format!("{at}  {id}  #{number:<3} {}{error}", text(moved, "status"))
}

fn as_table(answer: &Value) -> String {
    let row = |session: &Value| {
        let error = session.get("last_error").map_or_else(|| "-".to_owned(), |error| text(error, "code"));
        [
            text(session, "id"),
            text(session, "status"),
            text(session, "template_slug"),
            time(session, "created"),
            time(session, "expires_at"),
            error,
        ]
    };
    table(["SESSION", "STATUS", "TEMPLATE", "CREATED", "EXPIRES", "LAST ERROR"], items(answer).iter().map(row))
}

/// A session for people.
fn as_text(answer: &Value) -> String {
    let part = |name: &str| answer.get(name).unwrap_or(&Value::Null);
    let (session, outcome) = (part("session"), part("verification"));
    let fact = |name: &str, value: String| format!("{name:<13} {value}");
    let keys = session.get("metadata_keys").and_then(Value::as_array).into_iter().flatten().filter_map(Value::as_str);
    let keys: Vec<&str> = keys.collect();
    let mut lines = vec![
        fact("session", text(session, "id")),
        fact("verification", text(session, "verification_id")),
        fact("workspace", format!("{}, {} mode", text(session, "workspace"), mode(session))),
        fact("template", format!("{} version {}", text(session, "template_slug"), text(session, "template_version"))),
        fact("status", text(session, "status")),
        fact("next step", text(session, "next_step")),
        fact("attempts", text(session, "attempts")),
        fact("created", time(session, "created")),
        fact("expires", time(session, "expires_at")),
        fact("decided", time(outcome, "decided_at")),
        fact("metadata", if keys.is_empty() { "-".to_owned() } else { out::harmless(&keys.join(", ")) }),
    ];
    if let Some(metadata) = session.get("metadata").and_then(Value::as_object) {
        lines.extend(
            metadata
                .keys()
                .map(|key| fact("", format!("{} = {}", out::harmless(key), text(&session["metadata"], key)))),
        );
        lines.push(fact("redirect", text(session, "redirect_url")));
    }
    if let Some(error) = session.get("last_error").filter(|error| !error.is_null()) {
        lines.push(fact("last error", format!("{}: {}", text(error, "code"), text(error, "message"))));
    }
    for check in outcome.get("checks").and_then(Value::as_array).into_iter().flatten() {
        lines.push(fact("check", format!("{} {} {}", text(check, "type"), text(check, "status"), text(check, "code"))));
    }
    for event in part("events").as_array().into_iter().flatten() {
        let at = event.get("created").and_then(Value::as_u64).map_or_else(String::new, moment);
        let kind = text(event, "type");
        lines.push(fact("event", format!("#{:<3} {at}  {kind}  {}", text(event, "sequence"), text(event, "status"))));
    }
    if part("events_complete") == &Value::Bool(false) {
        lines.push(fact("", "(further events were not found near the first one)".to_owned()));
    }
    lines.join("\n")
}
