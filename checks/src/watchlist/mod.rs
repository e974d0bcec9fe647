//! `watchlist`: whether somebody on a list that the operator has imported may be the person. Names are
//! never proof, so whoever is found is for a person to look at.
//!
//! A list is imported (`import`) into a compact form (`list`), which is loaded into an index (`index`).
//! Names become words (`words`), which are compared one by one (`score`); date of birth and country
//! raise or lower what comes out.

mod birth;
mod countries;
pub mod import;
mod index;
mod list;
mod score;
mod words;

use std::sync::Arc;
use std::time::Duration;

use serde_json::{Value, json};
use vetd_model::Timestamp;
use vetd_model::check::Finding;
use vetd_model::date::Date;
use vetd_model::field::{Candidate, Fields};

use crate::Evidence;
pub use birth::Birth;
pub use index::{Hit, Person, Watchlist};
pub use list::{Facts, LARGEST, NotAList, is_name};

/// How alike somebody must be where the template does not say, in percent.
pub(crate) const DEFAULT_MATCH: u8 = 85;
/// The most hits that a result names.
const MOST_SHOWN: usize = 10;
/// The most ways to write a name that are looked for.
const MOST_NAMES: usize = 8;

/// The lists that are in force at a time. Cheap to clone; a run keeps those that it began with.
#[derive(Debug, Clone, Default)]
pub struct Watchlists {
    /// Each list, by name.
    pub lists: Vec<Arc<Watchlist>>,
    /// Lists that are kept and cannot be read, by name.
    pub unreadable: Vec<String>,
    /// How old a list may be before results say that it is; no limit by default.
    pub fresh_for: Option<Duration>,
}

impl Watchlists {
    /// Whether a list is older than lists should be.
    #[must_use]
    pub fn is_stale(&self, list: &Facts, at: Timestamp) -> bool {
        let (Some(limit), Some(days)) = (self.fresh_for, list.days_old(at)) else { return false };
        u64::from(days) * 86_400 > limit.as_secs()
    }
}

/// Codes: `watchlist_match`, `watchlist_unavailable`, `name_missing` (needs review).
pub(crate) fn run(evidence: &Evidence<'_>, fields: &Fields, min_match: u8) -> Finding {
    let Watchlists { lists, unreadable, .. } = evidence.watchlists;
    let person = person(fields);
    let looked_at: Vec<Value> = lists.iter().map(|list| shown(evidence, list.facts())).collect();
    if lists.is_empty() {
        let message = "There is no list to compare with.";
        return Finding::needs_review("watchlist_unavailable", message).with("unreadable", unreadable.as_slice());
    }
    if person.names.is_empty() {
        return Finding::needs_review("name_missing", "There is no name to compare with the lists.")
            .with("lists", looked_at);
    }
    let threshold = f32::from(min_match.min(100)) / 100.0;
    let mut hits: Vec<(&Facts, Hit<'_>)> = Vec::new();
    for list in lists {
        hits.extend(list.search(&person, threshold).into_iter().map(|hit| (list.facts(), hit)));
    }
    hits.sort_by(|one, other| other.1.score.total_cmp(&one.1.score));
    let finding = match hits.first() {
        None if !unreadable.is_empty() => {
            Finding::needs_review("watchlist_unavailable", "One of the lists cannot be read.")
                .with("unreadable", unreadable.as_slice())
        }
        None => Finding::passed(),
        Some((_, best)) => {
            let matches: Vec<Value> = hits.iter().take(MOST_SHOWN).map(|(list, hit)| hit_to_json(list, hit)).collect();
            Finding::needs_review("watchlist_match", "Somebody on a list may be the person.")
                .with_score(thousandths(best.score))
                .with("matches", matches)
                .with("matches_total", hits.len())
        }
    };
    finding.with("lists", looked_at).with("min_match", min_match)
}

/// What is known of a list, for whoever asks later what was looked at.
fn shown(evidence: &Evidence<'_>, list: &Facts) -> Value {
    json!({
        "list": list.name, "format": list.format.as_str(), "date": list.date, "sha256": list.sha256,
        "imported": list.imported, "entries": list.entries,
        "stale": evidence.watchlists.is_stale(list, evidence.at),
    })
}

fn hit_to_json(list: &Facts, hit: &Hit<'_>) -> Value {
    let share = |score: f32| f64::from(thousandths(score)) / 1000.0;
    json!({
        "list": list.name, "date": list.date, "sha256": list.sha256, "entry": hit.entry,
        "score": share(hit.score), "name_score": share(hit.name_score),
        "date_of_birth": hit.birth, "country": hit.country,
    })
}

fn thousandths(score: f32) -> u16 {
    (score.clamp(0.0, 1.0) * 1000.0).round() as u16
}

/// Whom to look for: every name that any source gives, since whoever has something to hide may type
/// another one than the document has.
fn person(fields: &Fields) -> Person {
    let said = |name: &str| -> Vec<&str> {
        let field = fields.get(name);
        let all = field.into_iter().flat_map(|field| [&field.chosen].into_iter().chain(&field.disagreeing));
        all.map(|candidate: &Candidate| candidate.value.as_str()).collect()
    };
    let (mut first, middle, mut last) = (said("first_name"), said("middle_name"), said("last_name"));
    first.extend(first.is_empty().then_some(""));
    last.extend(last.is_empty().then_some(""));
    let middle = middle.first().copied().unwrap_or_default();
    let parted = last.iter().flat_map(|last| first.iter().map(move |first| format!("{first} {middle} {last}")));
    let whole = ["full_name", "name"].into_iter().flat_map(said).map(str::to_owned);
    let mut names: Vec<String> = Vec::new();
    for name in parted.chain(whole).filter(|name| !name.trim().is_empty()).take(MOST_NAMES) {
        if !names.contains(&name) {
            names.push(name);
        }
    }
    let birth = fields.get("date_of_birth").and_then(|field| Birth::on(Date::parse(&field.chosen.value)?));
    let of_person = ["nationality", "issuing_country", "country"].into_iter().flat_map(said);
    let mut countries: Vec<[u8; 2]> = of_person.filter_map(countries::code).collect();
    countries.dedup();
    Person { names, birth, countries }
}

#[cfg(test)]
mod tests;
