//! The command line: what it understands, and what each command answers to the shell.

mod audit;
mod config;
mod listen;
mod registration;

use std::process::ExitCode;

use clap::{CommandFactory, Parser, Subcommand};
use tokio::runtime::Runtime;

use crate::config::ServeFlags;
use crate::failure::Failure;
use crate::out;
use crate::serve;

/// Shown under `--help`.
const AFTER_HELP: &str = "\
Every setting is a flag, a variable and a key of the configuration file (`vetd config` shows what is
in force). Secrets do not belong on a command line; these come from the environment or a file:
  VETD_MASTER_KEY          the root of all keys; without it, master.key beside the data is used
  VETD_BOOTSTRAP_TEST_KEY  a test API key (ak_test_ and 24 to 64 letters or digits) that `serve`
                           takes over instead of making and printing one

Exit codes:
  0  all is well            1  any other failure, or `audit` found damage
  2  wrong command line     3  settings that cannot be used
  4  the data folder cannot be opened (in use, wrong master key, newer version, damaged)
  5  the address cannot be listened on
  6  the store failed while the server ran";

/// Self-hosted engine for identity-verification sessions.
#[derive(Debug, Parser)]
#[command(name = "vetd", version, args_conflicts_with_subcommands = true, after_help = AFTER_HELP)]
struct Cli {
    #[command(subcommand)]
    command: Option<Command>,
    #[command(flatten)]
    serve: ServeFlags,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Run the server (also what vetd does without a command)
    #[command(after_help = AFTER_HELP)]
    Serve(ServeFlags),
    /// Receive webhooks on this machine, check their signatures and print them
    Listen(listen::ListenArgs),
    /// Check a data folder that no server is using
    Audit(audit::AuditArgs),
    /// Show which settings are in force and where they come from
    Config(config::ConfigArgs),
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
    let runtime = match Runtime::new() {
        Ok(runtime) => runtime,
        Err(error) => {
            out::complain(&format!("vetd: cannot start: {error}"));
            return Failure::other("").exit_code();
        }
    };
    let outcome = runtime.block_on(async {
        match cli.command.unwrap_or(Command::Serve(cli.serve)) {
            Command::Serve(flags) => serve::run(&flags.0).await.map(|()| ExitCode::SUCCESS),
            Command::Listen(args) => listen::run(args).await.map(|()| ExitCode::SUCCESS),
            Command::Audit(args) => audit::run(&args),
            Command::Config(args) => config::run(&args),
        }
    });
    // Whatever still runs on a blocking thread is not waited for: all that was acknowledged is
    // on the disk.
    runtime.shutdown_background();
    outcome.unwrap_or_else(|failure| {
        out::complain(&format!("vetd: {failure}"));
        failure.exit_code()
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::{Environment, Layers};

    #[test]
    fn the_definition_of_the_command_line_is_sound() {
        definition().debug_assert();
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
