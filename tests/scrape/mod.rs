//! Prometheus' text format (0.0.4), read strictly.

#![allow(dead_code, reason = "each test binary uses its own part of this")]
#![expect(clippy::unwrap_used, clippy::panic, reason = "a test fails where it unwraps")]

use std::collections::{BTreeMap, BTreeSet};

/// One metric, all its series.
#[derive(Debug, Default)]
pub struct Family {
    pub kind: String,
    pub help: String,
    pub labels: BTreeSet<String>,
}

/// Everything that one scrape says.
#[derive(Debug, Default)]
pub struct Scrape {
    pub families: BTreeMap<String, Family>,
    /// By name and labels, as they are written.
    pub samples: BTreeMap<String, f64>,
}

impl Scrape {
    /// Reads a scrape. Whatever Prometheus would stumble over fails.
    pub fn read(text: &str) -> Self {
        let mut scrape = Self::default();
        assert!(text.ends_with('\n'), "the last line has no end");
        for line in text.lines() {
            if let Some(rest) = line.strip_prefix("# HELP ") {
                let (name, help) = rest.split_once(' ').unwrap();
                let family = Family { help: help.to_owned(), ..Family::default() };
                assert!(scrape.families.insert(name.to_owned(), family).is_none(), "{name} is there twice");
            } else if let Some(rest) = line.strip_prefix("# TYPE ") {
                let (name, kind) = rest.split_once(' ').unwrap();
                assert!(["counter", "gauge", "histogram"].contains(&kind), "{line}");
                scrape.families.get_mut(name).unwrap().kind = kind.to_owned();
            } else {
                scrape.sample(line);
            }
        }
        for (name, family) in &scrape.families {
            if family.kind == "histogram" {
                scrape.check_histogram(name);
            }
        }
        scrape
    }

    fn sample(&mut self, line: &str) {
        let (series, value) = line.rsplit_once(' ').unwrap();
        let value: f64 = value.parse().unwrap_or_else(|_| panic!("not a number: {line}"));
        let (name, labels) = series.split_once('{').unwrap_or((series, "}"));
        let labels = labels.strip_suffix('}').unwrap_or_else(|| panic!("labels without an end: {line}"));
        let part_of = |suffix| Some(name.strip_suffix(suffix)?).filter(|name| self.families.contains_key(*name));
        let of_histogram = ["_bucket", "_sum", "_count"].into_iter().find_map(part_of);
        let name = of_histogram.unwrap_or(name).to_owned();
        let family = self.families.get_mut(&name).unwrap_or_else(|| panic!("{line} belongs to nothing"));
        assert_eq!(of_histogram.is_some(), family.kind == "histogram", "{line}");
        for label in labels.split("\",").filter(|label| !label.is_empty()) {
            let (label, _) = label.split_once("=\"").unwrap_or_else(|| panic!("not a label: {line}"));
            family.labels.insert(label.to_owned());
        }
        assert!(self.samples.insert(series.to_owned(), value).is_none(), "{series} is there twice");
    }

    /// Each series' buckets never fall, and the last one holds everything.
    fn check_histogram(&self, name: &str) {
        let counts = self.samples.iter().filter(|(series, _)| series.starts_with(&format!("{name}_count")));
        for (series, count) in counts {
            let labels = series.trim_start_matches(&format!("{name}_count")).trim_matches(['{', '}']);
            let ours = |series: &str| series.starts_with(&format!("{name}_bucket{{")) && series.contains(labels);
            let mut buckets: Vec<(f64, f64)> = Vec::new();
            for (series, value) in self.samples.iter().filter(|(series, _)| ours(series)) {
                let bound = series.split("le=\"").nth(1).unwrap().split('"').next().unwrap();
                let bound = if bound == "+Inf" { f64::INFINITY } else { bound.parse().unwrap() };
                buckets.push((bound, *value));
            }
            buckets.sort_by(|a, b| a.partial_cmp(b).unwrap());
            assert!(buckets.windows(2).all(|pair| pair[0].1 <= pair[1].1), "{series}: {buckets:?}");
            assert_eq!(buckets.last(), Some(&(f64::INFINITY, *count)), "{series}");
        }
    }

    /// The value of a series; 0 if there is none.
    pub fn value(&self, series: &str) -> f64 {
        self.samples.get(series).copied().unwrap_or(0.0)
    }
}
