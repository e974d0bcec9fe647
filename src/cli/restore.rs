//! `vetd restore`: a data folder made from a backup, checked before anybody uses it.

use std::path::{Path, PathBuf};
use std::process::ExitCode;

use clap::Args;
use serde_json::json;
use vetd_actors::{Clock, SystemClock};
use vetd_model::Timestamp;
use vetd_storage::{RestoreOptions, RestoreStep, Restored, restore};
use zeroize::Zeroizing;

use super::audit;
use super::backup::refused;
use super::progress::Progress;
use crate::config::{self, Flags};
use crate::failure::Failure;
use crate::out;

/// sled's cache while a store is loaded, in bytes.
const CACHE: u64 = 128 << 20;

/// The flags of `vetd restore`.
#[derive(Debug, Args)]
pub(super) struct RestoreArgs {
    /// The folder that `vetd backup` made
    #[arg(long, value_name = "DIR")]
    from: PathBuf,
    /// The data folder to make: one that does not exist, or is empty
    #[arg(long, value_name = "DIR")]
    to: PathBuf,
    /// A file with the master key of the store that was backed up [env: VETD_MASTER_KEY_FILE] [default: the key in VETD_MASTER_KEY]
    #[arg(long, value_name = "FILE")]
    master_key_file: Option<String>,
    /// A file with another master key for the restored store: how a master key is rotated
    #[arg(long, value_name = "FILE")]
    new_master_key_file: Option<PathBuf>,
    /// Restore even if the audit finds that something does not hold
    #[arg(long)]
    allow_damage: bool,
    /// Print JSON, also for a failure
    #[arg(long)]
    pub(super) json: bool,
}

pub(super) fn run(args: RestoreArgs) -> Result<ExitCode, Failure> {
    let RestoreArgs { from, to, master_key_file, new_master_key_file, allow_damage, json } = args;
    let master_key = master_key(master_key_file)?;
    let new_master_key = new_master_key_file.as_deref().map(new_master_key).transpose()?;
    let rotated = new_master_key.is_some();
    let options = RestoreOptions { from, to, master_key, new_master_key, cache_bytes: CACHE, allow_damage };
    let mut shown: Option<(&str, Progress)> = None;
    let restored = restore(&options, &mut |step| show(&mut shown, step, json));
    if let Some((_, progress)) = shown {
        progress.end();
    }
    let restored = restored.map_err(refused)?;
    out::say(&if json { as_json(&options.to, &restored) } else { as_text(&options.to, &restored, rotated) })?;
    Ok(if restored.audit.is_sound() { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

fn master_key(file: Option<String>) -> Result<Zeroizing<String>, Failure> {
    let settings = config::load(&Flags::only("master_key_file", file))?;
    settings.master_key()?.ok_or_else(|| {
        Failure::configuration(
            "a backup holds no master key, and none was given: set VETD_MASTER_KEY to the key of the store that was \
             backed up, or name its file with --master-key-file (it is master.key in that store's data folder, unless \
             VETD_MASTER_KEY was set there)",
        )
    })
}

fn new_master_key(path: &Path) -> Result<(Zeroizing<String>, Timestamp), Failure> {
    let text = std::fs::read_to_string(path).map_err(|error| {
        Failure::configuration(format!("the new master key cannot be read from {}: {error}", path.display()))
    })?;
    Ok((Zeroizing::new(text), SystemClock::default().now()))
}

/// One bar for each step.
fn show(shown: &mut Option<(&'static str, Progress)>, step: RestoreStep, quiet: bool) {
    let (what, at) = match step {
        RestoreStep::Checked { bytes, of } => ("checking the backup", Some((bytes, of))),
        RestoreStep::Loaded { bytes, of } => ("loading", Some((bytes, of))),
        RestoreStep::Rekeying => ("changing the master key", None),
        RestoreStep::Auditing => ("auditing", None),
    };
    if shown.as_ref().is_none_or(|(before, _)| *before != what) {
        if let Some((_, before)) = shown.take() {
            before.end();
        }
        let progress = match at {
            Some((_, of)) => Progress::of(what, of, quiet),
            None => Progress::open_ended(what, quiet),
        };
        *shown = Some((what, progress));
    }
    if let (Some((_, progress)), Some((bytes, _))) = (shown, at) {
        progress.is_at(bytes);
    }
}

fn as_json(to: &Path, restored: &Restored) -> String {
    let audit = audit::as_json(&restored.audit);
    json!({ "object": "restored", "path": to, "manifest": restored.manifest, "audit": audit }).to_string()
}

fn as_text(to: &Path, restored: &Restored, rotated: bool) -> String {
    let audit = &restored.audit;
    let mut text: String = audit.violations.iter().map(|found| out::harmless(found) + "\n").collect();
    let which = if rotated { "new" } else { "same" };
    let verdict = if audit.is_sound() { "everything holds" } else { "the above does not hold" };
    text += &format!(
        "{}: {} sessions, {} events, {} idempotency records, every event up to position {}: {verdict}\nStart vetd with \
         the {which} master key: in VETD_MASTER_KEY, or as master.key in that folder.",
        to.display(),
        audit.sessions,
        audit.events,
        audit.answers,
        restored.manifest.origin.position
    );
    text
}
