//! `vetd-load`: loads a server and measures it.
//!
//! Machines are noisy, so a figure alone says little: each run also measures a bare axum handler
//! that parses the same request and returns the same answer, in a process of its own, with the
//! same client. The ratio of the two is what can be compared.

mod bare;
mod client;
mod endpoint;
mod failure;
mod ledger;
mod load;
mod process;
mod recover;
mod report;
mod run;
mod scenario;
mod sink;
mod store_write;
mod table;
mod webhooks;

use std::process::ExitCode;

use clap::{Parser, Subcommand};

/// The server's allocator, so that the bare handler does not differ from it in that.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

/// Load a vetd server and measure it next to a bare handler.
///
/// Ends with 1 if anything failed: an operation, a webhook, the run itself.
#[derive(Debug, Parser)]
#[command(name = "vetd-load", version)]
struct Cli {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Run a scenario against a server
    Run(run::Plan),
    /// Measure single durable writes to a throw-away store
    StoreWrite(store_write::StoreWrite),
    /// Kill a server on this machine (SIGKILL), start it again, measure the time to its first answer
    Recover(recover::Recover),
    /// Print a Markdown table of what runs with --json have printed
    Table(table::Table),
    /// Serve the bare handler that runs are compared with (started by `run` itself)
    #[command(hide = true)]
    Bare,
}

#[tokio::main]
async fn main() -> ExitCode {
    let outcome = match Cli::parse().command {
        Command::Run(plan) => run::run(plan).await,
        Command::StoreWrite(plan) => store_write::run(plan).await.map(|()| true),
        Command::Recover(plan) => recover::run(plan).await.map(|()| true),
        Command::Table(table) => table::print(&table).map(|()| true),
        Command::Bare => bare::serve().await.map(|()| true),
    };
    match outcome {
        Ok(true) => ExitCode::SUCCESS,
        Ok(false) => ExitCode::FAILURE,
        Err(failure) => {
            report::complain(&format!("vetd-load: {failure}"));
            ExitCode::FAILURE
        }
    }
}

#[cfg(test)]
mod tests {
    use clap::CommandFactory;

    use super::*;

    #[test]
    fn the_definition_of_the_command_line_is_sound() {
        Cli::command().debug_assert();
    }

    #[test]
    fn a_run_is_told_what_it_needs() {
        let run = ["vetd-load", "run", "create", "-c", "256", "-d", "5", "--no-bare", "--json", "--key", "k"];
        assert!(Cli::try_parse_from(run).is_ok());
        let webhooks = ["vetd-load", "run", "webhooks", "--key", "k"];
        for right in
            [&["--endpoints", "100", "--events", "2"][..], &["--dead", "--pending", "10", "--rate", "500"], &[]]
        {
            assert!(Cli::try_parse_from(webhooks.iter().chain(right)).is_ok(), "{right:?}");
        }
        for wrong in [&["--endpoints", "0"][..], &["--endpoints", "101"], &["--events", "3"], &["--pending", "10"]] {
            assert!(Cli::try_parse_from(webhooks.iter().chain(wrong)).is_err(), "{wrong:?}");
        }
        let recover = ["vetd-load", "recover", "--key", "k", "--pid", "1", "--", "vetd", "serve", "--data", "d"];
        assert!(Cli::try_parse_from(recover).is_ok());
        for wrong in [["--duration", "0"], ["--connections", "0"], ["--rate", "0"], ["--runs", "0"]] {
            assert!(Cli::try_parse_from(run.into_iter().take(3).chain(wrong)).is_err(), "{wrong:?}");
        }
    }
}
