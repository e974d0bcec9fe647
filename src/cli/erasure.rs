//! `vetd erasure`: shows that what was redacted can no longer be read, here and in backups.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::sync::Arc;

use clap::{Args, Subcommand};
use futures::StreamExt;
use serde_json::{Value, json};
use vetd_model::{SessionId, Timestamp, VerificationId};
use vetd_storage::media::{MediaError, MediaStore};
use vetd_storage::{
    BackupTrace, ErasureFinding, ErasureReport, SledStore, StoreOptions, erase_in_backup, trace_in_backup,
    verify_erasure,
};
use zeroize::Zeroizing;

use super::backup::refused;
use super::server::{ServerArgs, moment};
use crate::config::Settings;
use crate::failure::Failure;
use crate::{out, serve};

/// The exit code if a backup still holds the key of what was to be erased.
pub(super) const HELD_BY_BACKUP: u8 = 9;

/// The arguments of `vetd erasure`.
#[derive(Debug, Args)]
pub(super) struct ErasureArgs {
    #[command(flatten)]
    pub(super) server: ServerArgs,
    #[command(subcommand)]
    verb: Verb,
}

#[derive(Debug, Subcommand)]
enum Verb {
    /// Look for what is left of a redacted verification: in the data folder, which no server may use meanwhile, or in a backup
    Verify {
        /// The verification (ver_…)
        id: VerificationId,
        /// Look in this backup instead, also while a server runs
        #[arg(long, value_name = "DIR")]
        backup: Option<PathBuf>,
        /// Erase it in the backup, too: zeroes its slot in the backup's key file, which cannot be undone
        #[arg(long, requires = "backup")]
        apply: bool,
    },
}

pub(super) async fn run(args: ErasureArgs) -> Result<ExitCode, Failure> {
    let ErasureArgs { server, verb: Verb::Verify { id, backup, apply } } = args;
    match backup {
        None => verify(&server, id).await,
        Some(folder) => verify_backup(&server, id, &folder, apply).await,
    }
}

/// In the data folder, and where pictures are kept.
async fn verify(server: &ServerArgs, id: VerificationId) -> Result<ExitCode, Failure> {
    let settings = server.settings()?;
    let store = open(&settings)?;
    let mut report = look(&store, id)?;
    let pictures = serve::store::pictures(&settings)?;
    report.findings.push(of_the_pictures(&pictures, &report).await.map_err(|error| Failure::store(error.to_string()))?);
    let erased = report.is_erased();
    out::say(&if server.json { as_json(id, &report).to_string() } else { as_text(id, &report) })?;
    Ok(if erased { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

fn open(settings: &Settings) -> Result<Arc<SledStore>, Failure> {
    let options =
        StoreOptions { create: false, master_key: settings.master_key()?, ..StoreOptions::new(&settings.data) };
    SledStore::open(options).map_err(|error| Failure::store(error.to_string()))
}

fn look(store: &SledStore, id: VerificationId) -> Result<ErasureReport, Failure> {
    let report = verify_erasure(store, id.session()).map_err(|error| Failure::store(error.to_string()))?;
    report.ok_or_else(|| not_found(format!("there is no verification {id} in the data folder")))
}

fn not_found(message: String) -> Failure {
    Failure::refused(message, json!({ "code": "verification_not_found" }))
}

/// Every object in the place is looked at: the record names none any more.
async fn of_the_pictures(pictures: &MediaStore, report: &ErasureReport) -> Result<ErasureFinding, MediaError> {
    let (mut all, mut found, mut left) = (pictures.list(Timestamp::from_millis(u64::MAX)), 0, 0);
    while let Some(object) = all.next().await {
        let name = object?.name;
        found += 1;
        left += usize::from(name.realm == report.realm && name.session == report.session);
    }
    let message = format!("{left} of the {found} that are kept stand under its name");
    Ok(ErasureFinding::new("pictures", left == 0, message))
}

/// In a backup.
async fn verify_backup(
    server: &ServerArgs,
    id: VerificationId,
    folder: &Path,
    apply: bool,
) -> Result<ExitCode, Failure> {
    let settings = server.settings()?;
    let master_key = master_key(&settings)?;
    let look = || trace_in_backup(folder, &master_key, id.session()).map_err(refused);
    let mut trace = look()?;
    let applied = apply && !trace.slots.is_empty();
    if applied {
        if trace.redacted_at.is_none() {
            must_be_redacted(server, &settings, id).await?;
        }
        erase_in_backup(folder, &trace).map_err(refused)?;
        trace = look()?;
    }
    let said = if server.json {
        backup_as_json(id, folder, &trace, applied).to_string()
    } else {
        backup_as_text(id, folder, &trace, applied)
    };
    out::say(&said)?;
    Ok(if trace.slots.is_empty() { ExitCode::SUCCESS } else { ExitCode::from(HELD_BY_BACKUP) })
}

/// The one in force, or else the data folder's own.
fn master_key(settings: &Settings) -> Result<Zeroizing<String>, Failure> {
    if let Some(given) = settings.master_key()? {
        return Ok(given);
    }
    let path = settings.data.join("master.key");
    fs::read_to_string(&path).map(Zeroizing::new).map_err(|error| {
        Failure::configuration(format!(
            "a backup holds no master key, and {} cannot be read ({error}): set VETD_MASTER_KEY to the key of the store \
             that was backed up, or name its data folder with --data",
            path.display()
        ))
    })
}

/// Nothing is erased from a backup that is not erased from the store.
async fn must_be_redacted(server: &ServerArgs, settings: &Settings, id: VerificationId) -> Result<(), Failure> {
    let session: SessionId = id.session();
    let client = server.client()?;
    let is_redacted = if client.is_answered().await {
        let shown = client.get(&format!("/admin/sessions/{session}")).await?;
        shown.pointer("/verification/redacted_at").is_some_and(Value::is_u64)
    } else {
        look(&*open(settings)?, id)?.redacted_at.is_some()
    };
    if is_redacted {
        return Ok(());
    }
    let message = format!("{id} is not redacted in the store; redact it there first, then erase it from its backups");
    Err(Failure::refused(message, json!({ "code": "invalid_state" })))
}

fn as_json(id: VerificationId, report: &ErasureReport) -> Value {
    let finding = |finding: &ErasureFinding| json!({ "place": finding.place, "erased": finding.erased, "message": finding.message });
    json!({
        "object": "erasure",
        "verification_id": id,
        "redacted_at": report.redacted_at,
        "erased": report.is_erased(),
        "findings": report.findings.iter().map(finding).collect::<Vec<_>>(),
    })
}

fn as_text(id: VerificationId, report: &ErasureReport) -> String {
    let line = |finding: &ErasureFinding| {
        let verdict = if finding.erased { "erased" } else { "HELD" };
        format!("{verdict:<7} {:<15} {}\n", finding.place, finding.message)
    };
    let mut text: String = report.findings.iter().map(line).collect();
    let at = report.redacted_at.map_or_else(String::new, |at| format!(", redacted {}", moment(at.seconds())));
    text += &match report.is_erased() {
        true => format!("{id}{at}: nothing of the person can be read any more"),
        false if report.redacted_at.is_none() => format!("{id} is not redacted"),
        false => {
            format!("{id}{at}: the above is left; start the server, which erases what a crash has left, and look again")
        }
    };
    text
}

/// `held`, `erased`, or `absent` if nothing of it was ever in the backup.
fn key_of(trace: &BackupTrace) -> &'static str {
    match trace {
        BackupTrace { slots, .. } if !slots.is_empty() => "held",
        BackupTrace { on_record: true, .. } => "erased",
        _ => "absent",
    }
}

fn backup_as_json(id: VerificationId, folder: &Path, trace: &BackupTrace, applied: bool) -> Value {
    json!({
        "object": "backup_erasure",
        "path": folder,
        "verification_id": id,
        "on_record": trace.on_record,
        "sealed": trace.sealed,
        "redacted_at": trace.redacted_at,
        "key": key_of(trace),
        "applied": applied,
    })
}

fn backup_as_text(id: VerificationId, folder: &Path, trace: &BackupTrace, applied: bool) -> String {
    let folder = folder.display();
    let data = if trace.sealed { "the person's data, sealed" } else { "nothing of the person's" };
    match key_of(trace) {
        "held" => format!(
            "{folder} HOLDS the key of {id}, and {data}: whoever has the master key can read it. Erase it there with \
             --apply, or delete the backup and take it again; do the same with every copy of it"
        ),
        "erased" => {
            let now = if applied { "was erased just now" } else { "is erased" };
            format!("{folder}: the key of {id} {now}; the backup holds {data}, which nothing opens")
        }
        _ => format!("{folder}: {id} is not in this backup"),
    }
}
