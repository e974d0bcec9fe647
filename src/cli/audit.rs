//! `vetd audit`: is everything in the data folder as it should be?

use std::path::PathBuf;
use std::process::ExitCode;

use clap::Args;

use crate::failure::Failure;

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

pub fn run(_args: &AuditArgs) -> Result<ExitCode, Failure> {
    Err(Failure::store("TODO"))
}
