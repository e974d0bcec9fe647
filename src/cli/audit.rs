//! `vetd audit`: is everything in the data folder as it should be?

use std::fmt::Write;
use std::path::Path;
use std::process::ExitCode;
use std::sync::Arc;

use clap::Args;
use serde_json::{Value, json};
use vetd_storage::{AuditReport, SledStore, StoreOptions, audit};
use zeroize::Zeroizing;

use crate::config::{self, CommonFlags};
use crate::failure::Failure;
use crate::out;

/// The flags of `vetd audit`.
#[derive(Debug, Args)]
pub struct AuditArgs {
    /// Print the report as JSON
    #[arg(long)]
    pub(super) json: bool,
    #[command(flatten)]
    flags: CommonFlags,
}

/// Audits a store that no server uses. Success is a sound store.
pub(super) fn run(args: &AuditArgs) -> Result<ExitCode, Failure> {
    let settings = config::load(&args.flags.0)?;
    let store = open(&settings.data, settings.master_key()?)?;
    let report = audit(&store);
    out::say(&if args.json { as_json(&report).to_string() } else { as_text(&report) })?;
    Ok(if report.is_sound() { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

/// Opens the store that is there, be it a copy put back from a backup; an audit makes none.
fn open(dir: &Path, master_key: Option<Zeroizing<String>>) -> Result<Arc<SledStore>, Failure> {
    let options = StoreOptions { create: false, master_key, ..StoreOptions::new(dir) };
    SledStore::open(options).map_err(|error| Failure::store(error.to_string()))
}

/// The report for scripts.
pub(super) fn as_json(report: &AuditReport) -> Value {
    json!({
        "sound": report.is_sound(),
        "sessions": report.sessions,
        "events": report.events,
        "answers": report.answers,
        "violations": report.violations,
    })
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
    use std::fs;

    use super::*;
    use crate::failure::Kind;

    #[test]
    fn a_report_names_each_finding() {
        let mut report = AuditReport { sessions: 2, events: 8, ..AuditReport::default() };
        assert_eq!(as_text(&report), "2 sessions, 8 events, 0 idempotency records: everything holds");
        report.violations.push("The session ses_x has no events.".to_owned());
        assert_eq!(as_text(&report).lines().next(), Some("The session ses_x has no events."));
        assert!(as_json(&report).to_string().contains("\"sound\":false"));
    }

    fn key() -> Option<Zeroizing<String>> {
        Some(Zeroizing::new("5a".repeat(32)))
    }

    fn names(dir: &Path) -> Vec<String> {
        let entries = fs::read_dir(dir).unwrap();
        let mut names: Vec<_> = entries.map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect();
        names.sort_unstable();
        names
    }

    #[test]
    fn an_audit_makes_nothing() {
        let dir = tempfile::tempdir().unwrap();
        let absent = dir.path().join("absent");
        assert_eq!(open(&absent, key()).err().map(|failure| failure.kind), Some(Kind::Store));
        assert!(!absent.exists());

        // Neither in a folder with something else, nor beside what is left of a store.
        for name in ["lock", "keys", "master.key"] {
            fs::write(dir.path().join(name), b"").unwrap();
        }
        fs::create_dir(dir.path().join("sled")).unwrap();
        let failure = open(dir.path(), key()).err().unwrap();
        assert!(failure.message.contains("no store"), "{failure}");
        assert_eq!(names(dir.path()), ["keys", "lock", "master.key", "sled"]);
        assert_eq!(names(&dir.path().join("sled")), [""; 0]);
    }

    #[test]
    fn a_copy_put_back_from_a_backup_is_audited() {
        let dir = tempfile::tempdir().unwrap();
        let (kept, copy) = (dir.path().join("kept"), dir.path().join("copy"));
        drop(SledStore::open(StoreOptions { master_key: key(), ..StoreOptions::new(&kept) }).unwrap());
        fs::create_dir_all(copy.join("sled")).unwrap();
        fs::copy(kept.join("keys"), copy.join("keys")).unwrap();
        for name in names(&kept.join("sled")) {
            let file = Path::new("sled").join(name);
            if kept.join(&file).is_file() {
                fs::copy(kept.join(&file), copy.join(&file)).unwrap();
            }
        }
        assert_eq!(names(&copy), ["keys", "sled"]);
        let store = open(&copy, key()).unwrap();
        assert!(audit(&store).is_sound());
        drop(store);
        assert!(open(&copy, None).err().unwrap().message.contains("VETD_MASTER_KEY"));

        fs::remove_dir_all(copy.join("sled")).unwrap();
        assert!(open(&copy, key()).err().unwrap().message.contains("no store"));
        assert!(!copy.join("sled").exists());
    }
}
