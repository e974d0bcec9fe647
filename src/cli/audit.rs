//! `vetd audit`: is everything in the data folder as it should be?

use std::fmt::Write;
use std::path::PathBuf;
use std::process::ExitCode;

use clap::Args;
use serde_json::json;
use vetd_storage::{AuditReport, audit};
use zeroize::Zeroizing;

use crate::failure::Failure;
use crate::out;
use crate::serve::{secret, store};

/// The flags of `vetd audit`.
#[derive(Debug, Args)]
pub struct AuditArgs {
    /// The data folder
    #[arg(long, env = "VETD_DATA", value_name = "DIR", default_value = "./vetd-data")]
    data: PathBuf,
    /// Print the report as JSON
    #[arg(long)]
    json: bool,
}

/// Audits a store that no server uses. Success is a sound store.
pub(super) fn run(args: &AuditArgs) -> Result<ExitCode, Failure> {
    // Opening a store makes what is absent; an audit only looks.
    if !args.data.join("lock").exists() {
        return Err(Failure::store(format!(
            "there is no store in {}; name its folder with --data",
            args.data.display()
        )));
    }
    let store = store::open_offline(&args.data, secret("VETD_MASTER_KEY")?.map(Zeroizing::new))?;
    let report = audit(&store);
    out::say(&if args.json { as_json(&report) } else { as_text(&report) })?;
    Ok(if report.is_sound() { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

fn as_json(report: &AuditReport) -> String {
    json!({
        "sound": report.is_sound(),
        "sessions": report.sessions,
        "events": report.events,
        "answers": report.answers,
        "violations": report.violations,
    })
    .to_string()
}

fn as_text(report: &AuditReport) -> String {
    let AuditReport { sessions, events, answers, violations } = report;
    let mut text = String::new();
    for violation in violations {
        // Writing to a string does not fail.
        let _ = writeln!(text, "{}", out::harmless(violation));
    }
    let verdict = match violations.len() {
        0 => "everything holds".to_owned(),
        number => format!("{number} things do not hold"),
    };
    let _ = write!(text, "{sessions} sessions, {events} events, {answers} idempotency records: {verdict}");
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_report_names_each_finding() {
        let mut report = AuditReport { sessions: 2, events: 8, ..AuditReport::default() };
        assert_eq!(as_text(&report), "2 sessions, 8 events, 0 idempotency records: everything holds");
        report.violations.push("The session ses_x has no events.".to_owned());
        assert_eq!(as_text(&report).lines().next(), Some("The session ses_x has no events."));
        assert!(as_json(&report).contains("\"sound\":false"));
    }

    #[test]
    fn an_audit_makes_nothing() {
        let dir = tempfile::tempdir().unwrap();
        let args = AuditArgs { data: dir.path().join("absent"), json: false };
        assert!(run(&args).is_err());
        assert!(!args.data.exists());
    }
}
