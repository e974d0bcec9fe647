//! `vetd audit-log`: what was done with a person's data, by whom.

use std::process::ExitCode;

use clap::Args;
use serde_json::Value;

use super::server::{RealmArgs, ServerArgs, items, pages, table, text, time};
use crate::failure::Failure;
use crate::out;

/// The arguments of `vetd audit-log`.
#[derive(Debug, Args)]
pub(super) struct AuditLogArgs {
    #[command(flatten)]
    pub(super) server: ServerArgs,
    #[command(flatten)]
    realm: RealmArgs,
    /// Only what was done to this verification (ver_…)
    #[arg(long, value_name = "VERIFICATION")]
    verification: Option<String>,
    /// Only this, such as media.viewed
    #[arg(long, value_name = "ACTION")]
    action: Option<String>,
    /// At most so many, the newest first
    #[arg(long, value_name = "NUMBER", default_value_t = 20, value_parser = clap::value_parser!(u16).range(1..=10_000))]
    limit: u16,
}

pub(super) async fn run(args: AuditLogArgs) -> Result<ExitCode, Failure> {
    let AuditLogArgs { server, realm, verification, action, limit } = args;
    let mut asked: Vec<(&str, &str)> = Vec::new();
    asked.extend(verification.as_deref().map(|verification| ("verification_id", verification)));
    asked.extend(action.as_deref().map(|action| ("action", action)));
    let found = pages(&server, &realm, "/admin/audit-log", &asked, usize::from(limit)).await?;
    server.print(&found, as_table)?;
    Ok(ExitCode::SUCCESS)
}

fn as_table(answer: &Value) -> String {
    let row = |entry: &Value| {
        let actor = entry.get("actor").unwrap_or(&Value::Null);
        let who = if actor["id"].is_null() { text(actor, "type") } else { text(actor, "id") };
        let details = entry.get("details").and_then(Value::as_object).into_iter().flatten();
        let details: Vec<String> =
            details.map(|(name, _)| format!("{}={}", out::harmless(name), text(&entry["details"], name))).collect();
        [
            time(entry, "created"),
            who,
            text(entry, "action"),
            text(entry, "verification_id"),
            text(entry, "media_id"),
            details.join(" "),
        ]
    };
    table(["AT", "WHO", "WHAT", "VERIFICATION", "MEDIA", "DETAILS"], items(answer).iter().map(row))
}
