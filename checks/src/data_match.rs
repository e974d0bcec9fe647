//! `data_match`: whether what the person typed is what the document says. Dates and numbers must be the
//! same; names are compared as people and machines write them.

use vetd_model::check::Finding;

use crate::Evidence;
use crate::document::Document;
use crate::document_rules::plain;
use crate::names::{self, Match, Names};

/// The fields that are compared letter by letter.
const COMPARED: [&str; 6] =
    ["date_of_birth", "document_number", "date_of_expiry", "nationality", "issuing_country", "sex"];

/// How a typed value stands to a read one.
enum Verdict {
    Same,
    Doubtful(u16),
    Different,
}

/// Codes: `data_mismatch` (failed); `data_similar` (needs review); `nothing_to_match` (skipped).
pub(crate) fn run(evidence: &Evidence<'_>, document: Option<&Document>) -> Finding {
    let read = evidence.read_candidates(document.filter(|document| document.is_read()));
    let value = |name: &str| read.iter().find(|(field, _)| field == name).map(|(_, read)| read.value.as_str());
    let mut compared: Vec<(&str, Verdict)> = Vec::new();
    compared.extend(compare_names(evidence, document, &value));
    for name in COMPARED {
        if let (Some(typed), Some(read)) = (evidence.typed(name), value(name)) {
            let verdict = if plain(typed) == plain(read) { Verdict::Same } else { Verdict::Different };
            compared.push((name, verdict));
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

/// Names are compared together, since people and zones part them differently.
fn compare_names<'a>(
    evidence: &Evidence<'_>,
    document: Option<&Document>,
    read: &impl Fn(&str) -> Option<&'a str>,
) -> Option<(&'static str, Verdict)> {
    let (last, first) = (evidence.typed("last_name"), evidence.typed("first_name"));
    // What the person was not asked for is not compared.
    let read = |name, typed: Option<&str>| typed.and(read(name)).unwrap_or_default();
    let (read_last, read_first) = (read("last_name", last), read("first_name", first));
    if last.is_none() && first.is_none() || read_last.is_empty() && read_first.is_empty() {
        return None;
    }
    let typed = Names::whole(last.unwrap_or_default(), first.unwrap_or_default());
    let of_chip = evidence.authentic_zone().map(|zone| zone.format.name_width());
    let width = of_chip.or_else(|| Some(document.and_then(Document::proven_zone)?.format.name_width()));
    let read = match width {
        Some(width) => Names::of_zone(read_last, read_first, width),
        None => Names::whole(read_last, read_first),
    };
    let verdict = match names::compare(typed, read) {
        Match::Same => Verdict::Same,
        Match::Similar(score) if score >= names::LIKELY => Verdict::Same,
        Match::Similar(score) => Verdict::Doubtful(score),
        Match::Unsure => Verdict::Doubtful(0),
        Match::Different => Verdict::Different,
    };
    Some(("name", verdict))
}

/// True if two values of a field mean the same.
pub(crate) fn same(field: &str, a: &str, b: &str) -> bool {
    match field {
        "last_name" | "first_name" => names::compare(Names::whole(a, ""), Names::whole(b, "")) == Match::Same,
        _ => plain(a) == plain(b),
    }
}
