//! `vetd backup`: a backup of the store, while its server runs or while none does.

use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::sync::Arc;

use bytes::Bytes;
use clap::Args;
use http_body_util::BodyExt;
use hyper::Method;
use serde_json::json;
use vetd_actors::{Clock, SystemClock};
use vetd_storage::{BackupError, BackupFolder, Manifest, SledStore, Store, StoreOptions};

use super::progress::{Progress, size};
use super::server::ServerArgs;
use crate::config::Settings;
use crate::failure::Failure;
use crate::out;

/// The flags of `vetd backup`.
#[derive(Debug, Args)]
pub(super) struct BackupArgs {
    #[command(flatten)]
    pub(super) server: ServerArgs,
    /// The folder of the backup, which must not exist; it appears once the backup is whole
    #[arg(long, value_name = "DIR")]
    to: PathBuf,
}

pub(super) async fn run(args: BackupArgs) -> Result<ExitCode, Failure> {
    let client = args.server.client()?;
    let mut target = Target::create(&args.to, args.server.json)?;
    if client.is_answered().await {
        let mut body = client.open(Method::POST, "/admin/backup", Bytes::new()).await?.into_body();
        while let Some(frame) = body.frame().await {
            let frame = frame.map_err(|error| {
                Failure::no_server(format!("the server ended before the backup did ({error}); take it again"))
            })?;
            if let Ok(piece) = frame.into_data() {
                target.write(&piece)?;
            }
        }
    } else {
        offline(&args.server.settings()?, &mut target)?;
    }
    let manifest = target.finish()?;
    out::say(&if args.server.json { as_json(&args.to, &manifest) } else { as_text(&args.to, &manifest) })?;
    Ok(ExitCode::SUCCESS)
}

/// Without a server the store is opened here.
fn offline(settings: &Settings, target: &mut Target) -> Result<(), Failure> {
    let master_key = settings.master_key()?;
    let options = StoreOptions { create: false, master_key, ..StoreOptions::new(&settings.data) };
    let store: Arc<SledStore> = SledStore::open(options).map_err(|error| Failure::store(error.to_string()))?;
    let mut failed = None;
    let taken = store.backup(SystemClock::default().now(), &mut |piece| {
        target.write(piece).map_err(|failure| {
            failed = Some(failure);
            std::io::ErrorKind::Other.into()
        })
    });
    match failed {
        Some(failure) => Err(failure),
        None => taken.map_err(refused),
    }
}

/// The folder that is written, and how far it is.
struct Target {
    folder: BackupFolder,
    progress: Progress,
}

impl Target {
    fn create(to: &Path, quiet: bool) -> Result<Self, Failure> {
        let folder = BackupFolder::create(to).map_err(refused)?;
        Ok(Self { folder, progress: Progress::open_ended("backing up", quiet) })
    }

    fn write(&mut self, piece: &[u8]) -> Result<(), Failure> {
        self.folder.write(piece).map_err(refused)?;
        self.progress.is_at(self.folder.bytes());
        Ok(())
    }

    fn finish(self) -> Result<Manifest, Failure> {
        self.progress.end();
        self.folder.finish().map_err(refused)
    }
}

#[expect(clippy::needless_pass_by_value, reason = "for map_err")]
pub(super) fn refused(error: BackupError) -> Failure {
    let message = error.to_string();
    match error {
        BackupError::Open(_)
        | BackupError::Absent(_)
        | BackupError::Damaged { .. }
        | BackupError::Newer { .. }
        | BackupError::NotEmpty(_)
        | BackupError::Unsound(_) => Failure::store(message),
        _ => Failure::other(message),
    }
}

fn as_json(to: &Path, manifest: &Manifest) -> String {
    json!({ "object": "backup", "path": to, "manifest": manifest }).to_string()
}

fn as_text(to: &Path, manifest: &Manifest) -> String {
    let bytes = manifest.files.tree.bytes + manifest.files.keys.bytes;
    format!(
        "{}: {} in {} changes, every event up to position {}\nThe master key is not in it; keep that elsewhere.",
        to.display(),
        size(bytes),
        manifest.origin.changes,
        manifest.origin.position
    )
}
