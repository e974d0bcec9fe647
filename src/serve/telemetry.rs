//! Logs: to standard error, as text or JSON.

use std::io::{self, IsTerminal};

use tracing_subscriber::util::SubscriberInitExt;

use crate::config::{LogFilter, LogFormat};
use crate::failure::Failure;

/// Starts logging for the whole process.
///
/// # Errors
/// If logging was started before.
pub fn start(filter: &LogFilter, format: LogFormat) -> Result<(), Failure> {
    let logs = tracing_subscriber::fmt().with_env_filter(filter.filter()).with_writer(io::stderr);
    let started = match format {
        LogFormat::Text => logs.with_ansi(io::stderr().is_terminal()).finish().try_init(),
        LogFormat::Json => logs.json().flatten_event(true).finish().try_init(),
    };
    started.map_err(|error| Failure::other(format!("logging cannot be started: {error}")))
}
