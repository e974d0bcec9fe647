//! What a run found, for people and for programs.

use std::io::Write;
use std::time::Duration;

use hdrhistogram::Histogram;
use serde::Serialize;

/// What one load came to.
#[derive(Debug, Clone, Serialize)]
pub struct Figures {
    /// Operations that succeeded.
    pub operations: u64,
    /// Operations that did not.
    pub errors: u64,
    /// How long it took.
    pub seconds: f64,
    /// Operations a second.
    pub rate: f64,
    /// Latencies in milliseconds.
    pub p50_ms: f64,
    /// See `p50_ms`.
    pub p90_ms: f64,
    /// See `p50_ms`.
    pub p99_ms: f64,
    /// See `p50_ms`.
    pub p999_ms: f64,
    /// See `p50_ms`.
    pub max_ms: f64,
}

impl Figures {
    /// From latencies in microseconds.
    #[must_use]
    pub fn new(latencies: &Histogram<u64>, errors: u64, took: Duration) -> Self {
        let millis = |quantile| latencies.value_at_quantile(quantile) as f64 / 1000.0;
        let seconds = took.as_secs_f64();
        Self {
            operations: latencies.len(),
            errors,
            seconds,
            rate: latencies.len() as f64 / seconds.max(f64::EPSILON),
            p50_ms: millis(0.5),
            p90_ms: millis(0.9),
            p99_ms: millis(0.99),
            p999_ms: millis(0.999),
            max_ms: latencies.max() as f64 / 1000.0,
        }
    }

    /// One line of the table.
    #[must_use]
    pub fn line(&self, name: &str) -> String {
        format!(
            "{name:<10} {:>9.0}/s  p50 {:>8.2}  p90 {:>8.2}  p99 {:>8.2}  p99.9 {:>8.2}  max {:>8.2} ms  {} done, {} failed",
            self.rate, self.p50_ms, self.p90_ms, self.p99_ms, self.p999_ms, self.max_ms, self.operations, self.errors
        )
    }
}

/// Writes a line to standard output; a closed one ends nothing.
pub fn say(line: &str) {
    let mut out = std::io::stdout().lock();
    drop(writeln!(out, "{line}").and_then(|()| out.flush()));
}

/// Writes a line to standard error.
pub fn complain(line: &str) {
    drop(writeln!(std::io::stderr().lock(), "{line}"));
}
