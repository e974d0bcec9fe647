//! The table of the documentation, made from the JSON that runs have left.

use std::fs;
use std::path::PathBuf;

use clap::Args;
use serde_json::Value;

use crate::failure::Failure;
use crate::report::say;
use crate::webhooks::endpoints;

/// Which runs.
#[derive(Debug, Args)]
pub struct Table {
    /// What runs with --json have printed, a file each
    #[arg(required = true)]
    files: Vec<PathBuf>,
}

/// Prints the table in Markdown, a row for each file.
pub fn print(table: &Table) -> Result<(), Failure> {
    say("| run | vetd, per s | bare, per s | ratio | p50 ms | p99 ms | p99.9 ms | errors | besides |");
    say("| --- | ---: | ---: | ---: | ---: | ---: | ---: | ---: | --- |");
    for file in &table.files {
        let name = file.file_stem().unwrap_or_default().to_string_lossy();
        let text = fs::read_to_string(file).map_err(|error| Failure::other(format!("{}: {error}", file.display())))?;
        let run =
            serde_json::from_str(&text).map_err(|error| Failure::other(format!("{}: {error}", file.display())))?;
        say(&row(&name, &run));
    }
    Ok(())
}

fn row(name: &str, run: &Value) -> String {
    let number = |pointer: &str, digits: usize| {
        run.pointer(pointer).and_then(Value::as_f64).map_or_else(String::new, |n| format!("{n:.digits$}"))
    };
    format!(
        "| {name} | {} | {} | {} | {} | {} | {} | {} | {} |",
        number("/vetd/rate", 0),
        number("/bare/rate", 0),
        number("/ratio", 3),
        number("/vetd/p50_ms", 2),
        number("/vetd/p99_ms", 2),
        number("/vetd/p999_ms", 2),
        number("/vetd/errors", 0),
        besides(run)
    )
}

/// What only some runs measure.
fn besides(run: &Value) -> String {
    const MIB: f64 = 1024.0 * 1024.0;
    let found = |pointer: &str, divisor: f64| run.pointer(pointer).and_then(Value::as_f64).map(|n| n / divisor);
    let trouble =
        |pointer: &str, name: &str| found(pointer, 1.0).filter(|n| *n > 0.0).map(|n| format!("{n:.0} {name}"));
    let facts = [
        found("/p50_by_store_write", 1.0).map(|n| format!("{n:.2} times one store write")),
        found("/store_write/p50_ms", 1.0).map(|n| format!("store write p50 {n:.2} ms")),
        found("/webhooks/whole_lifecycles_per_second", 1.0).map(|n| format!("{n:.0} whole lifecycles/s with webhooks")),
        found("/webhooks/age_p99_ms", 1.0).map(|n| format!("webhooks' age p99 {n:.0} ms")),
        found("/receipts/per_second", 1.0).map(|n| format!("{n:.0} deliveries/s")),
        found("/receipts/endpoints", 1.0).map(|n| format!("to {}", endpoints(n as u64))),
        found("/receipts/dead_pending", 1.0).map(|n| format!("beside a dead one with {n:.0} pending")),
        found("/receipts/age_p50_ms", 1.0).map(|n| format!("age p50 {n:.1} ms")),
        found("/receipts/age_p99_ms", 1.0).map(|n| format!("p99 {n:.1} ms")),
        found("/receipts/age_p999_ms", 1.0).map(|n| format!("p99.9 {n:.1} ms")),
        trouble("/receipts/duplicates", "more than once"),
        trouble("/receipts/missing", "missing"),
        trouble("/receipts/out_of_order", "out of order"),
        found("/asked_rate", 1.0).map(|n| format!("asked for {n:.0}/s")),
        trouble("/vetd/never_begun", "never begun"),
        found("/memory/rss_kib", 1024.0).map(|n| format!("{n:.0} MiB resident")),
        found("/data_bytes", MIB).map(|n| format!("{n:.0} MiB on disk")),
        found("/recovery/seconds", 1.0).map(|n| format!("first answer {n:.3} s after kill -9")),
        found("/recovery/memory/rss_kib", 1024.0).map(|n| format!("then {n:.0} MiB resident")),
    ];
    facts.into_iter().flatten().collect::<Vec<_>>().join("; ")
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn a_row_holds_what_the_run_measured() {
        let figures = json!({ "rate": 1234.5, "p50_ms": 1.5, "p99_ms": 2.25, "p999_ms": 3.0, "errors": 0 });
        let run = json!({ "vetd": figures, "bare": { "rate": 5000.0 }, "ratio": 0.2469, "p50_by_store_write": 1.4 });
        assert_eq!(
            row("create-1", &run),
            "| create-1 | 1234 | 5000 | 0.247 | 1.50 | 2.25 | 3.00 | 0 | 1.40 times one store write |"
        );
        let receipts = json!({ "endpoints": 10, "dead_pending": 10_000, "per_second": 4999.6, "age_p50_ms": 4.04,
            "age_p99_ms": 12.5, "age_p999_ms": 30.25, "duplicates": 2, "missing": 0, "out_of_order": 0 });
        let expected = "| 5000 deliveries/s; to 10 endpoints; beside a dead one with 10000 pending; age p50 4.0 ms; \
             p99 12.5 ms; p99.9 30.2 ms; 2 more than once; asked for 500/s |";
        let line = row("webhooks-dead", &json!({ "receipts": receipts, "asked_rate": 500 }));
        assert!(line.ends_with(expected), "{line}");
        let run = json!({ "recovery": { "seconds": 0.25, "memory": { "rss_kib": 204_800 } } });
        assert!(row("recover", &run).ends_with("| first answer 0.250 s after kill -9; then 200 MiB resident |"));
    }
}
