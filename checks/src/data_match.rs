//! `data_match`: whether what the person typed is what the document says. Dates and numbers must be the
//! same; names are compared as people and machines write them.

use vetd_model::check::Finding;
use vetd_model::field::Candidate;

use crate::Evidence;
use crate::document::Document;
use crate::document_rules::plain;
use crate::names::{self, Match};

/// The fields that are compared.
const COMPARED: [&str; 8] = [
    "first_name",
    "last_name",
    "date_of_birth",
    "document_number",
    "date_of_expiry",
    "nationality",
    "issuing_country",
    "sex",
];

/// How a typed value stands to a read one.
enum Verdict {
    Same,
    Doubtful(u16),
    Different,
}

/// Codes: `data_mismatch` (failed); `data_similar` (needs review); `nothing_to_match` (skipped).
pub(crate) fn run(evidence: &Evidence<'_>, document: Option<&Document>) -> Finding {
    let read = document.filter(|document| document.is_read()).map(Document::candidates).unwrap_or_default();
    let mut compared = Vec::new();
    for name in COMPARED {
        let Some(typed) = evidence.typed(name) else { continue };
        if let Some((_, candidate)) = read.iter().find(|(field, _)| field == name) {
            compared.push((name, compare(name, typed, candidate)));
        }
    }
    if compared.is_empty() {
        return Finding::skipped("nothing_to_match", "Nothing that was typed stands on the document too.");
    }
    let names_of = |wanted: fn(&Verdict) -> bool| -> Vec<&str> {
        compared.iter().filter(|(_, verdict)| wanted(verdict)).map(|(name, _)| *name).collect()
    };
    let different = names_of(|verdict| matches!(verdict, Verdict::Different));
    let doubtful = names_of(|verdict| matches!(verdict, Verdict::Doubtful(_)));
    let score = compared.iter().map(|(_, verdict)| match verdict {
        Verdict::Same => 1000,
        Verdict::Doubtful(score) => *score,
        Verdict::Different => 0,
    });
    let score = score.min().unwrap_or_default();
    let finding = if !different.is_empty() {
        Finding::failed("data_mismatch", "What was typed is not what the document says.")
    } else if !doubtful.is_empty() {
        Finding::needs_review("data_similar", "What was typed is like what the document says, but not the same.")
    } else {
        Finding::passed()
    };
    let all = names_of(|_| true);
    finding.with_score(score).with("compared", all).with("different", different).with("doubtful", doubtful)
}

fn compare(name: &str, typed: &str, read: &Candidate) -> Verdict {
    if !is_name(name) {
        return if same(name, typed, &read.value) { Verdict::Same } else { Verdict::Different };
    }
    match names::compare(typed, &read.value) {
        Match::Same => Verdict::Same,
        Match::Similar(score) => Verdict::Doubtful(score),
        Match::Unsure => Verdict::Doubtful(0),
        Match::Different => Verdict::Different,
    }
}

fn is_name(field: &str) -> bool {
    matches!(field, "first_name" | "last_name")
}

/// True if two values of a field mean the same.
pub(crate) fn same(field: &str, a: &str, b: &str) -> bool {
    if is_name(field) { names::compare(a, b) == Match::Same } else { plain(a) == plain(b) }
}
