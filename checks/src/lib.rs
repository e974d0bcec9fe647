//! Checks: evidence in, findings out. Pure functions over bytes and values: no network, no
//! clock, no store. The engine's check pool calls them on threads of its own.

mod age;
pub mod barcode;
pub mod chip;
mod data_completeness;
mod data_match;
mod document;
mod document_barcode;
mod document_chip;
mod document_mrz;
mod document_rules;
mod face_match;
pub mod faces;
mod file_type;
pub mod gray;
#[cfg(feature = "heic")]
mod heic;
mod image_quality;
mod liveness;
pub mod mrz;
pub mod names;
mod nets;
#[cfg(feature = "pdf")]
pub mod pdf;
pub mod picture;
pub mod quality;
mod reader;
mod specimens;
pub mod watchlist;

use std::collections::BTreeMap;

pub use faces::{FaceFiles, FaceReader};
pub use file_type::{FileType, media_types};
pub use nets::NetError;
pub use picture::PictureError;
pub use reader::{Reader, TakenIn};
pub use specimens::{SPECIMENS, SpecimenPicture, specimen};

use vetd_model::Timestamp;
use vetd_model::challenge::Challenge;
use vetd_model::check::{CheckKind, Finding};
use vetd_model::chip::Chip;
use vetd_model::date::Date;
use vetd_model::field::{self, Candidate, Fields, Source};
use vetd_model::flow::{CheckSpec, FieldSpec, Flow, Step, StepKind};
use vetd_model::media::Media;
use vetd_model::submission::Submission;

use document::Document;
use watchlist::Watchlists;

/// What the checks of one run look at.
#[derive(Debug, Clone, Copy)]
pub struct Evidence<'a> {
    /// What was asked.
    pub flow: &'a Flow,
    /// What was submitted, by step.
    pub submissions: &'a BTreeMap<StepKind, Submission>,
    /// The pictures, and what was read of them.
    pub media: &'a [Media],
    /// What the liveness step asked for, in order; empty if it asked for nothing.
    pub challenges: &'a [Challenge],
    /// What the document's chip said, if it was read.
    pub chip: Option<&'a Chip>,
    /// Whether another verification of the workspace and mode has used the document; `None` if nobody
    /// can tell.
    pub used_before: Option<bool>,
    /// The lists that people are looked for on.
    pub watchlists: &'a Watchlists,
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

    /// The day on which the run began, in UTC.
    fn today(&self) -> Option<Date> {
        Date::of(self.at)
    }

    /// The zone on the chip, if it is one.
    fn chip_zone(&self) -> Option<mrz::document::Document> {
        mrz::document::Document::parse(&self.chip?.lines, self.today()?).ok()
    }

    /// The zone on the chip, if the chip is authentic.
    fn authentic_zone(&self) -> Option<mrz::document::Document> {
        let (chip, zone) = (self.chip?, self.chip_zone()?);
        document_chip::objection(chip, Some(&zone), self.at).is_none().then_some(zone)
    }

    /// What machines have read of the document, the most trusted source first.
    fn read_candidates(&self, document: Option<&Document>) -> Vec<(String, Candidate)> {
        let of_chip = self.authentic_zone().map(|zone| document::of_chip(&zone)).unwrap_or_default();
        of_chip.into_iter().chain(document.map(Document::candidates).unwrap_or_default()).collect()
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
    let document = Document::of(evidence);
    let document = document.as_ref();
    match spec.kind {
        CheckKind::DataCompleteness => data_completeness::run(evidence),
        CheckKind::Age => age::run(evidence, document, spec.min_age.unwrap_or(age::DEFAULT_YEARS)),
        CheckKind::ImageQuality => image_quality::run(evidence),
        CheckKind::DocumentMrz => document_mrz::run(document),
        CheckKind::DocumentBarcode => document_barcode::run(document),
        CheckKind::DocumentConsistency => document_rules::consistency(evidence, document),
        CheckKind::DocumentExpiry => document_rules::expiry(evidence, document),
        CheckKind::DocumentType => document_rules::kind(document),
        CheckKind::IssuingCountry => document_rules::issuing_country(evidence, document),
        CheckKind::DataMatch => data_match::run(evidence, document),
        CheckKind::DuplicateDocument => document_rules::duplicate(evidence, document),
        CheckKind::FaceMatch => face_match::run(evidence),
        CheckKind::Liveness => liveness::run(evidence),
        CheckKind::DocumentChip => match evidence.chip {
            Some(chip) => judge_chip(chip, evidence.at),
            None => document_chip::missing(),
        },
        CheckKind::Watchlist => {
            watchlist::run(evidence, &resolve(evidence), spec.min_match.unwrap_or(watchlist::DEFAULT_MATCH))
        }
        CheckKind::Provider => Finding::needs_review("provider_unknown", "Only a provider can carry out this check."),
    }
}

/// What `document_chip` says of a chip at a time.
#[must_use]
pub fn judge_chip(chip: &Chip, at: Timestamp) -> Finding {
    let zone = Date::of(at).and_then(|today| mrz::document::Document::parse(&chip.lines, today).ok());
    document_chip::run(chip, zone.as_ref(), at)
}

/// Resolves what is known of the person and their document: what machines have read, and what was
/// typed, each field from the most trusted source, and who disagrees.
#[must_use]
pub fn resolve(evidence: &Evidence<'_>) -> Fields {
    let read = evidence.read_candidates(Document::of(evidence).as_ref());
    let typed = match evidence.submissions.get(&StepKind::DataEntry) {
        Some(Submission::DataEntry { fields }) => Some(fields),
        _ => None,
    };
    let typed = typed.into_iter().flatten().map(|(name, value)| {
        (name.clone(), Candidate { value: value.clone(), source: Source::Typed, confidence: 1000 })
    });
    field::resolve(read.into_iter().chain(typed), data_match::same)
}

#[cfg(test)]
pub(crate) mod tests {
    use std::time::Duration;

    use serde_json::{Value, json};
    use vetd_model::MediaId;
    use vetd_model::event::Hash;
    use vetd_model::face::Faces;
    use vetd_model::media::{MediaKind, Quality, Reading};

    use super::*;

    /// What was read of a picture with these faces on it.
    pub(crate) fn reading_of(faces: Option<Faces>) -> Reading {
        Reading { quality: Quality::default(), mrz: None, barcode: None, faces }
    }

    /// Runs one check over pictures.
    pub(crate) fn check_pictures(kind: CheckKind, pictures: &[(MediaKind, Option<Faces>)]) -> Finding {
        let pictures: Vec<_> = pictures.iter().map(|(kind, faces)| (*kind, reading_of(faces.clone()))).collect();
        check_readings(kind, &[], &pictures, 0)
    }

    /// Runs `liveness` over pictures that were taken in so many seconds after each other.
    pub(crate) fn check_challenges(asked: &[Challenge], pictures: &[(MediaKind, Reading)], seconds: u64) -> Finding {
        check_readings(CheckKind::Liveness, asked, pictures, seconds)
    }

    fn check_readings(
        kind: CheckKind,
        challenges: &[Challenge],
        pictures: &[(MediaKind, Reading)],
        seconds: u64,
    ) -> Finding {
        let config = json!({ "steps": [{ "type": "selfie" }], "checks": [{ "type": kind.as_str() }] });
        let flow = Flow::parse(&config, "").unwrap();
        let at = Timestamp::from_seconds(1_763_800_000);
        let picture = |(place, (kind, reading)): (usize, &(MediaKind, Reading))| {
            let (id, at) =
                (MediaId::from_bytes([*kind as u8; 16]), at.after(Duration::from_secs(place as u64 * seconds)));
            Media { id, kind: *kind, size: 1, sha256: Hash([0; 32]), at, attempt: 0, reading: reading.clone() }
        };
        let media: Vec<_> = pictures.iter().enumerate().map(picture).collect();
        let submissions = BTreeMap::new();
        let (media, watchlists, used_before) = (media.as_slice(), &Watchlists::default(), Some(false));
        let (flow, submissions, chip) = (&flow, &submissions, None);
        let evidence = Evidence { flow, submissions, media, challenges, chip, used_before, watchlists, at };
        run(&flow.checks()[0], &evidence)
    }

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
        let (watchlists, used_before) = (&Watchlists::default(), Some(false));
        let evidence = Evidence {
            flow: &flow,
            submissions: &submissions,
            media: &[],
            challenges: &[],
            chip: None,
            used_before,
            watchlists,
            at,
        };
        run(&flow.checks()[0], &evidence)
    }
}
