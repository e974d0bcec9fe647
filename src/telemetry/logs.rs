//! Logs: to standard error, as text or JSON.

use std::io::{self, IsTerminal};

use tracing::Subscriber;
use tracing_subscriber::registry::LookupSpan;
use tracing_subscriber::{Layer, fmt};

use crate::config::{LogFilter, LogFormat};

/// Writes what the filter lets through.
pub(super) fn layer<S>(filter: &LogFilter, format: LogFormat) -> Box<dyn Layer<S> + Send + Sync>
where
    S: Subscriber + for<'a> LookupSpan<'a>,
{
    let lines = fmt::layer().with_writer(io::stderr);
    match format {
        LogFormat::Text => lines.with_ansi(io::stderr().is_terminal()).with_filter(filter.filter()).boxed(),
        // The list of spans holds the request's own, whichever is the innermost.
        LogFormat::Json => {
            lines.json().flatten_event(true).with_current_span(false).with_filter(filter.filter()).boxed()
        }
    }
}
