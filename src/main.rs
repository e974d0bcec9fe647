//! The `vetd` program; everything is in the library.

use std::process::ExitCode;

/// Memory is made on one thread and given back on another all the time.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

fn main() -> ExitCode {
    vetd::cli::run()
}
