//! What a run found, for people and for programs.

use std::collections::BTreeMap;
use std::io::Write;
use std::time::Duration;

use hdrhistogram::Histogram;
use serde::Serialize;

/// What one load came to.
#[derive(Debug, Clone, Default, Serialize)]
pub struct Figures {
    /// Operations that were measured and succeeded.
    pub operations: u64,
    /// Operations that failed, in the warm-up too.
    pub errors: u64,
    /// The same by their kind.
    pub errors_by_kind: BTreeMap<String, u64>,
    /// Operations that were due by the given rate but never began, because all connections
    /// were busy to the end.
    pub never_begun: u64,
    /// From the end of the warm-up to the last answer.
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
    /// What requests held, without their heads.
    pub body_bytes_sent: u64,
    /// What answers held, without their heads.
    pub body_bytes_received: u64,
}

impl Figures {
    /// From latencies in microseconds.
    #[must_use]
    pub fn new(latencies: &Histogram<u64>, took: Duration) -> Self {
        let seconds = took.as_secs_f64();
        Self {
            operations: latencies.len(),
            seconds,
            rate: latencies.len() as f64 / seconds.max(0.001),
            p50_ms: quantile(latencies, 0.5),
            p90_ms: quantile(latencies, 0.9),
            p99_ms: quantile(latencies, 0.99),
            p999_ms: quantile(latencies, 0.999),
            max_ms: latencies.max() as f64 / 1000.0,
            ..Self::default()
        }
    }

    /// The head of the table that [`Self::line`] gives a row of.
    #[must_use]
    pub fn head() -> String {
        format!(
            "{:<9} {:>10} {:>9} {:>9} {:>9} {:>9} {:>9} {:>10} {:>7} {:>9}",
            "", "per second", "p50 ms", "p90 ms", "p99 ms", "p99.9 ms", "max ms", "operations", "errors", "MB in"
        )
    }

    /// One row of the table.
    #[must_use]
    pub fn line(&self, name: &str) -> String {
        format!(
            "{name:<9} {:>10.0} {:>9.2} {:>9.2} {:>9.2} {:>9.2} {:>9.2} {:>10} {:>7} {:>9.1}",
            self.rate,
            self.p50_ms,
            self.p90_ms,
            self.p99_ms,
            self.p999_ms,
            self.max_ms,
            self.operations,
            self.errors,
            self.body_bytes_received as f64 / 1e6
        )
    }
}

/// A quantile in milliseconds, of latencies in microseconds.
#[must_use]
pub fn quantile(latencies: &Histogram<u64>, quantile: f64) -> f64 {
    latencies.value_at_quantile(quantile) as f64 / 1000.0
}

/// The one in the middle by `measure`; of an even number, the lower of the two.
#[must_use]
pub fn median<T>(all: &[T], measure: impl Fn(&T) -> f64) -> Option<&T> {
    let mut sorted: Vec<&T> = all.iter().collect();
    sorted.sort_by(|a, b| measure(a).total_cmp(&measure(b)));
    sorted.get(sorted.len().saturating_sub(1) / 2).copied()
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_median_is_one_of_those_given() {
        assert_eq!(median(&[3.0, 1.0, 2.0], |n| *n), Some(&2.0));
        assert_eq!(median(&[3.0, 1.0], |n| *n), Some(&1.0));
        assert_eq!(median(&[], |n: &f64| *n), None);
    }

    #[test]
    fn figures_are_in_milliseconds_and_per_second() {
        let mut latencies = crate::load::histogram();
        (1..=1000).for_each(|n| latencies.saturating_record(n * 1000));
        let figures = Figures::new(&latencies, Duration::from_secs(2));
        assert_eq!((figures.operations, figures.rate), (1000, 500.0));
        assert!((figures.p99_ms - 990.0).abs() < 1.0, "{figures:?}");
    }
}
