//! The command line: what it understands, and what each command answers to the shell.

mod audit;
mod audit_log;
mod backup;
mod completions;
mod config;
mod doctor;
#[cfg(feature = "pdf")]
mod draw_page;
mod erasure;
mod finding;
mod init;
mod key;
mod listen;
mod progress;
mod reference;
mod registration;
mod restore;
mod server;
mod session;
mod template;
mod watchlist;
mod workspace;

pub use reference::page as reference_page;

use std::process::ExitCode;

use clap::{CommandFactory, Parser, Subcommand};
use tokio::runtime::Runtime;

use crate::config::ServeFlags;
use crate::failure::Failure;
use crate::out;
use crate::serve;

/// What each exit code means.
const EXIT_CODES: [(u8, &str); 10] = [
    (0, "all is well"),
    (1, "any other failure; `audit` found damage, `doctor` a problem, `erasure` something that is left"),
    (2, "wrong command line"),
    (3, "settings that cannot be used"),
    (
        4,
        "the data folder cannot be opened, or a backup not restored (in use, wrong master key, newer version, damaged)",
    ),
    (5, "the address or the admin socket cannot be listened on"),
    (6, "the store failed while the server ran"),
    (7, "no server runs on the data folder, or it does not answer"),
    (8, "the running server refused: what was named does not exist, or is not allowed"),
    (erasure::HELD_BY_BACKUP, "a backup still holds the key of data that were to be erased"),
];

/// Shown under `--help`.
fn after_help() -> String {
    let codes: Vec<String> = EXIT_CODES.iter().map(|(code, meaning)| format!("  {code}  {meaning}")).collect();
    format!(
        "\
Every setting is a flag, a variable and a key of the configuration file (`vetd config` shows what is
in force). Secrets do not belong on a command line; these come from the environment or a file:
  VETD_MASTER_KEY          the root of all keys; without it, master.key beside the data is used
  VETD_BOOTSTRAP_TEST_KEY  a test API key (ak_test_ and 24 to 64 letters or digits) that `serve`
                           takes over instead of making and printing one

Exit codes:
{}",
        codes.join("\n")
    )
}

/// Self-hosted engine for identity-verification sessions.
#[derive(Debug, Parser)]
#[command(name = "vetd", version, args_conflicts_with_subcommands = true, after_help = after_help())]
struct Cli {
    #[command(subcommand)]
    command: Option<Command>,
    #[command(flatten)]
    serve: ServeFlags,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Run the server (also what vetd does without a command)
    #[command(after_help = after_help())]
    Serve(ServeFlags),
    /// Make a data folder, a configuration file, a first workspace and a first key, without a server
    Init(init::InitArgs),
    /// Say what is wrong with this installation and what to do about it
    Doctor(doctor::DoctorArgs),
    /// Receive webhooks on this machine, check their signatures and chains, and print them
    Listen(listen::ListenArgs),
    /// Check a data folder that no server is using
    Audit(audit::AuditArgs),
    /// Take a backup, also of a store whose server runs
    Backup(backup::BackupArgs),
    /// Make a data folder from a backup, checked
    Restore(restore::RestoreArgs),
    /// Show which settings are in force and where they come from
    Config(config::ConfigArgs),
    /// Tenants: make, list, open for live mode, suspend, resume; who embeds their page, how long data is kept
    Workspace(workspace::WorkspaceArgs),
    /// API keys: make, list and revoke
    Key(key::KeyArgs),
    /// Templates kept as files: apply, export, list
    Template(template::TemplateArgs),
    /// Sessions: list, show, cancel, watch
    Session(session::SessionArgs),
    /// The lists that people are looked for on: import, list, remove
    Watchlist(watchlist::WatchlistArgs),
    /// What people and the system did with a person's data
    AuditLog(audit_log::AuditLogArgs),
    /// Show that what was redacted can no longer be read
    Erasure(erasure::ErasureArgs),
    /// Print a script that completes this command line in a shell
    Completions(completions::CompletionsArgs),
    /// Print the reference page of the command line (docs/cli.md)
    #[command(hide = true)]
    Reference,
    /// Draw a page of a PDF; the server calls this for itself
    #[cfg(feature = "pdf")]
    #[command(hide = true)]
    DrawPage(draw_page::DrawPageArgs),
}

impl Command {
    /// Whether a failure is to be printed as JSON.
    const fn wants_json(&self) -> bool {
        match self {
            Self::Serve(_) | Self::Listen(_) | Self::Completions(_) | Self::Reference => false,
            #[cfg(feature = "pdf")]
            Self::DrawPage(_) => false,
            Self::Config(args) => args.json,
            Self::Init(args) => args.json,
            Self::Doctor(args) => args.json,
            Self::Audit(args) => args.json,
            Self::Backup(args) => args.server.json,
            Self::Restore(args) => args.json,
            Self::Workspace(args) => args.server.json,
            Self::Key(args) => args.server.json,
            Self::Template(args) => args.server.json,
            Self::Session(args) => args.server.json,
            Self::Watchlist(args) => args.server.json,
            Self::AuditLog(args) => args.server.json,
            Self::Erasure(args) => args.server.json,
        }
    }

    fn run(self) -> Result<ExitCode, Failure> {
        match self {
            Self::Serve(flags) => on_runtime(async move { serve::run(&flags.0).await.map(|()| ExitCode::SUCCESS) }),
            Self::Config(args) => config::run(&args),
            Self::Init(args) => on_runtime(async move { init::run(&args).await }),
            Self::Doctor(args) => on_runtime(async move { doctor::run(&args).await }),
            Self::Listen(args) => on_runtime(async { listen::run(args).await.map(|()| ExitCode::SUCCESS) }),
            Self::Audit(args) => on_runtime(async move { audit::run(&args) }),
            Self::Backup(args) => on_runtime(backup::run(args)),
            Self::Restore(args) => on_runtime(async { restore::run(args) }),
            Self::Workspace(args) => on_runtime(workspace::run(args)),
            Self::Key(args) => on_runtime(key::run(args)),
            Self::Template(args) => on_runtime(template::run(args)),
            Self::Session(args) => on_runtime(session::run(args)),
            Self::Watchlist(args) => on_runtime(watchlist::run(args)),
            Self::AuditLog(args) => on_runtime(audit_log::run(args)),
            Self::Erasure(args) => on_runtime(erasure::run(args)),
            Self::Completions(args) => completions::run(&args),
            Self::Reference => out::say(reference_page().trim_end()).map(|()| ExitCode::SUCCESS),
            #[cfg(feature = "pdf")]
            Self::DrawPage(args) => draw_page::run(&args),
        }
    }
}

/// Carries out what waits for others.
fn on_runtime(work: impl Future<Output = Result<ExitCode, Failure>>) -> Result<ExitCode, Failure> {
    let runtime = Runtime::new().map_err(|error| Failure::other(format!("cannot start: {error}")))?;
    let outcome = runtime.block_on(Box::pin(work));
    // Whatever still runs on a blocking thread is not waited for: all that was acknowledged is
    // on the disk.
    runtime.shutdown_background();
    outcome
}

/// The definition of the command line: what the documentation must name.
#[must_use]
pub fn definition() -> clap::Command {
    Cli::command()
}

/// Runs the program with the arguments and the environment of the process.
#[must_use]
pub fn run() -> ExitCode {
    let cli = Cli::parse();
    let command = cli.command.unwrap_or(Command::Serve(cli.serve));
    let wants_json = command.wants_json();
    command.run().unwrap_or_else(|failure| {
        out::complain(&if wants_json { failure.to_json().to_string() } else { format!("vetd: {failure}") });
        failure.exit_code()
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::{Environment, Layers};
    use crate::failure::Kind;

    #[test]
    fn the_definition_of_the_command_line_is_sound() {
        definition().debug_assert();
    }

    #[test]
    fn every_kind_of_failure_has_its_exit_code_in_the_table() {
        let kinds =
            [Kind::Other, Kind::Configuration, Kind::Store, Kind::Listen, Kind::Fatal, Kind::NoServer, Kind::Refused];
        let listed: Vec<u8> = EXIT_CODES.iter().map(|(code, _)| *code).collect();
        assert_eq!(listed, (0..=9).collect::<Vec<u8>>());
        // 0 is success and 2 is clap's own.
        assert_eq!(kinds.map(Kind::code), [1, 3, 4, 5, 6, 7, 8]);
    }

    #[test]
    fn serve_is_what_is_done_without_a_command() {
        let cli = Cli::parse_from(["vetd", "--listen", "127.0.0.1:0"]);
        assert!(cli.command.is_none());
        let layers = Layers::gather(&cli.serve.0, &Environment::default()).unwrap();
        assert_eq!(layers.text("listen"), Some("127.0.0.1:0"));
        assert!(Cli::try_parse_from(["vetd", "--listen", "127.0.0.1:0", "audit"]).is_err());
    }
}
