//! What an operator sees of a running server: logs on standard error, metrics at `/metrics`,
//! and, if a collector is named, traces. Nothing in them is personal or secret: identifiers, kinds
//! and numbers only, never what a request says.

mod logs;
mod meters;
mod traces;

use std::time::Duration;

use tracing_subscriber::layer::SubscriberExt;
use tracing_subscriber::util::SubscriberInitExt;

use crate::config::{LogFilter, LogFormat};
use crate::failure::Failure;

pub use meters::HttpMeters;
pub(crate) use meters::{Guard, known, render};
pub use traces::TraceSettings;
pub(crate) use traces::{finish_span, request_span};

use traces::Traces;

/// What is seen, until it is ended.
pub struct Telemetry {
    traces: Option<Traces>,
}

/// Starts logs, and traces if they are asked for, for the whole process.
///
/// # Errors
/// If the collector's address cannot be used, or logging was started before.
pub fn start(filter: &LogFilter, format: LogFormat, traces: Option<&TraceSettings>) -> Result<Telemetry, Failure> {
    let traces = traces.map(Traces::start).transpose()?;
    let subscriber = tracing_subscriber::registry().with(logs::layer(filter, format));
    let started = match &traces {
        Some(traces) => subscriber.with(traces.layer()).try_init(),
        None => subscriber.try_init(),
    };
    started.map_err(|error| Failure::other(format!("logging cannot be started: {error}")))?;
    Ok(Telemetry { traces })
}

impl Telemetry {
    /// Sends what traces are left, at most for so long.
    pub async fn end(self, limit: Duration) {
        if let Some(traces) = self.traces {
            traces.end(limit).await;
        }
    }
}
