//! Checks: evidence in, findings out. Pure functions over bytes and values: no network, no
//! clock, no store. The engine's check pool calls them on threads of its own.

mod age;
pub mod barcode;
mod data_completeness;
pub mod gray;
pub mod mrz;
pub mod names;
pub mod picture;
pub mod quality;

use std::collections::BTreeMap;

use vetd_model::Timestamp;
use vetd_model::check::{CheckKind, Finding};
use vetd_model::flow::{CheckSpec, FieldSpec, Flow, Step, StepKind};
use vetd_model::submission::Submission;

/// What the checks of one run look at.
#[derive(Debug, Clone, Copy)]
pub struct Evidence<'a> {
    /// What was asked.
    pub flow: &'a Flow,
    /// What was submitted, by step.
    pub submissions: &'a BTreeMap<StepKind, Submission>,
    /// When the run began: what "today" means.
    pub at: Timestamp,
}

impl<'a> Evidence<'a> {
    /// The fields that the flow asks the person to type.
    fn asked(&self) -> &'a [FieldSpec] {
        match self.flow.step(StepKind::DataEntry) {
            Some(Step::DataEntry { fields }) => fields,
            _ => &[],
        }
    }

    /// The value typed for a field.
    fn typed(&self, name: &str) -> Option<&'a str> {
        match self.submissions.get(&StepKind::DataEntry) {
            Some(Submission::DataEntry { fields }) => fields.get(name).map(String::as_str),
            _ => None,
        }
    }
}

/// Runs one check. Bounded by the limits of what a submission holds; never panics on any
/// evidence.
#[must_use]
pub fn run(spec: &CheckSpec, evidence: &Evidence<'_>) -> Finding {
    match spec.kind {
        CheckKind::DataCompleteness => data_completeness::run(evidence),
        CheckKind::Age => age::run(evidence, spec.min_age.unwrap_or(age::DEFAULT_YEARS)),
    }
}

#[cfg(test)]
pub(crate) mod tests {
    use serde_json::{Value, json};

    use super::*;

    /// Runs one check over typed fields, all of them asked for as required strings except
    /// `date_of_birth`.
    pub(crate) fn check_typed(kind: CheckKind, typed: &[(&str, &str)]) -> Finding {
        let kind_of = |name: &str| if name == "date_of_birth" { "date" } else { "string" };
        let fields: Vec<Value> =
            typed.iter().map(|(name, _)| json!({ "name": name, "type": kind_of(name), "required": true })).collect();
        let config = json!({
            "steps": [{ "type": "data_entry", "fields": fields }], "checks": [{ "type": kind.as_str() }],
        });
        let flow = Flow::parse(&config, "").unwrap();
        let fields = typed.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect();
        let submissions = BTreeMap::from([(StepKind::DataEntry, Submission::DataEntry { fields })]);
        // 22 November 2025.
        let at = Timestamp::from_seconds(1_763_800_000);
        run(&flow.checks()[0], &Evidence { flow: &flow, submissions: &submissions, at })
    }
}
