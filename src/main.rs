//! The `vetd` program; everything is in the library.

use std::process::ExitCode;

fn main() -> ExitCode {
    vetd::cli::run()
}
