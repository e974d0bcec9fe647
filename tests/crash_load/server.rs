//! The real program over one data folder, started and killed again and again.

use std::path::Path;
use std::process::Command;
use std::time::Duration;

use tokio::sync::watch;
use tokio::task::block_in_place;
use vetd_storage::{AuditReport, SledStore, StoreOptions, audit};

use super::Up;
use crate::program::{Program, serve_with_key};

/// The program, its clock ahead by `offset` seconds.
pub fn command(data: &Path, offset: u64) -> Command {
    let mut command = serve_with_key(data);
    command.env("VETD_CLOCK_OFFSET", offset.to_string()).env("VETD_LOG", "error");
    // Each start has another port, and links in replayed answers must not change with it.
    command.env("VETD_PUBLIC_URL", "https://verify.example.com");
    command
}

/// Starts it, and says where it is.
pub fn start(data: &Path, offset: u64, up: &watch::Sender<Up>) -> Program {
    block_in_place(|| {
        let mut server = Program::start(command(data, offset));
        Up::now(up, Some(server.address()));
        server
    })
}

/// Kills it, and says that it is gone.
pub fn kill(server: Program, up: &watch::Sender<Up>) {
    // First, so that whoever is not answered from here on knows why.
    Up::now(up, None);
    block_in_place(|| server.kill());
}

#[expect(clippy::disallowed_methods, reason = "a random moment of another process's life")]
pub async fn a_while(milliseconds: u64) {
    tokio::time::sleep(Duration::from_millis(milliseconds)).await;
}

/// Audits the store of a server that does not run.
pub fn sound(data: &Path) -> AuditReport {
    block_in_place(|| {
        let store = SledStore::open(StoreOptions::new(data)).unwrap();
        let report = audit(&store);
        assert!(report.is_sound(), "the store is not sound: {:#?}", report.violations);
        report
    })
}
