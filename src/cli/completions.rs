//! `vetd completions`: scripts with which a shell completes the command line.

use std::process::ExitCode;

use clap::Args;
use clap_complete::{Shell, generate};

use super::definition;
use crate::failure::Failure;
use crate::out;

/// The arguments of `vetd completions`.
#[derive(Debug, Args)]
pub(super) struct CompletionsArgs {
    /// The shell
    #[arg(value_enum)]
    shell: Shell,
}

pub(super) fn run(args: &CompletionsArgs) -> Result<ExitCode, Failure> {
    let mut script = Vec::new();
    generate(args.shell, &mut definition(), "vetd", &mut script);
    out::say(String::from_utf8_lossy(&script).trim_end())?;
    Ok(ExitCode::SUCCESS)
}
