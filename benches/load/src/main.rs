//! `vetd-load`: loads a server and measures it.
//!
//! Machines are noisy, so a figure alone says little: each run also measures a bare axum handler
//! that reads the same request and returns an answer of the same size, in a process of its own,
//! with the same client. The ratio of the two is what can be compared.

mod bare;
mod client;
mod report;
mod run;
mod scenario;
mod sink;

use std::net::SocketAddr;
use std::process::ExitCode;

use clap::{Parser, Subcommand};

use run::{Failure, Plan};

/// Load a vetd server and measure it next to a bare handler.
#[derive(Debug, Parser)]
#[command(name = "vetd-load", version)]
struct Cli {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Run a scenario against a server
    Run(Plan),
    /// Serve the bare handler that runs are compared with (started by `run` itself)
    #[command(hide = true)]
    Bare {
        /// Where to listen
        #[arg(long, default_value = "127.0.0.1:0")]
        listen: SocketAddr,
    },
}

#[tokio::main]
async fn main() -> ExitCode {
    let outcome = match Cli::parse().command {
        Command::Run(plan) => run::run(plan).await,
        Command::Bare { listen } => bare::serve(listen).await.map_err(Failure::from),
    };
    match outcome {
        Ok(()) => ExitCode::SUCCESS,
        Err(failure) => {
            report::complain(&format!("vetd-load: {failure}"));
            ExitCode::FAILURE
        }
    }
}
