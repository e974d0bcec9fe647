//! What machines have read of the document, put together from all its pictures.

use vetd_model::country;
use vetd_model::date::Date;
use vetd_model::field::{Candidate, Source};
use vetd_model::flow::{DocumentKind, StepKind};
use vetd_model::media::{Media, MediaKind, MrzText};
use vetd_model::submission::Submission;

use crate::Evidence;
use crate::barcode::aamva::{self, CardKind, Licence, NotRead};
use crate::mrz::document::{Document as Zone, Sex};

/// How sure a licence's barcode is: the code corrects errors or cannot be read, and nothing in it is
/// signed.
const BARCODE_CONFIDENCE: u16 = 990;
/// The most that is said of a zone's value that no check digit protects.
const UNPROVEN: u16 = 980;
/// The state that issues the specimens of ICAO Doc 9303.
const UTOPIA: &str = "UTO";

/// A zone that was read.
#[derive(Debug)]
pub(crate) struct ReadZone {
    /// On which picture.
    pub(crate) side: MediaKind,
    /// How sure the reader is of its characters, in thousandths.
    pub(crate) confidence: u16,
    /// Whether the reader stands by it.
    pub(crate) proven: bool,
    /// What it says; `None` if its lines make no zone.
    pub(crate) zone: Option<Zone>,
}

/// A barcode that was read.
#[derive(Debug)]
pub(crate) struct ReadBarcode {
    /// On which picture.
    pub(crate) side: MediaKind,
    /// What it says, or why it says nothing.
    pub(crate) licence: Result<Licence, NotRead>,
}

/// What the person says it is, and what was read of it.
#[derive(Debug)]
pub(crate) struct Document {
    /// The kind that the person chose.
    pub(crate) kind: DocumentKind,
    /// The country that the person chose, ISO 3166-1 alpha-2.
    pub(crate) country: String,
    /// The zones, at most one a picture, the most reliable first.
    pub(crate) zones: Vec<ReadZone>,
    /// The barcodes, at most one a picture.
    pub(crate) barcodes: Vec<ReadBarcode>,
}

impl Document {
    /// The document of a run; `None` if the flow asks for none.
    pub(crate) fn of(evidence: &Evidence<'_>) -> Option<Self> {
        let submission = evidence.submissions.get(&StepKind::DocumentUpload)?;
        let Submission::DocumentUpload { document, country } = submission else { return None };
        let pictures = || evidence.media.iter().filter(|media| media.kind.shows_document());
        let today = evidence.today();
        let zone = |media: &Media, mrz: &MrzText| ReadZone {
            side: media.kind,
            confidence: mrz.confidence,
            proven: mrz.proven,
            zone: today.and_then(|today| Zone::parse(&mrz.lines, today).ok()),
        };
        let mut zones: Vec<ReadZone> =
            pictures().filter_map(|media| Some(zone(media, media.reading.mrz.as_ref()?))).collect();
        zones.sort_by_key(|zone| (!zone.proven, zone.zone.is_none(), u16::MAX - zone.confidence));
        let barcode = |media: &Media| {
            let licence = aamva::parse(media.reading.barcode.as_deref()?);
            Some(ReadBarcode { side: media.kind, licence })
        };
        let barcodes = pictures().filter_map(barcode).collect();
        Some(Self { kind: *document, country: country.clone(), zones, barcodes })
    }

    /// The zone that counts, if one was read that says something.
    pub(crate) fn zone(&self) -> Option<(&ReadZone, &Zone)> {
        let read = self.zones.first()?;
        Some((read, read.zone.as_ref()?))
    }

    /// The licence that counts.
    pub(crate) fn licence(&self) -> Option<&Licence> {
        self.barcodes.iter().find_map(|barcode| barcode.licence.as_ref().ok())
    }

    /// True if a machine has read something that the other checks can go by.
    pub(crate) fn is_read(&self) -> bool {
        self.zone().is_some_and(|(read, _)| read.proven) || self.licence().is_some()
    }

    /// The zone, if the reader stands by it.
    pub(crate) fn proven_zone(&self) -> Option<&Zone> {
        self.zone().filter(|(read, _)| read.proven).map(|(_, zone)| zone)
    }

    /// Who issued it, as it is read: alpha-2 where there is such a code, else the code itself.
    pub(crate) fn issuer(&self) -> Option<String> {
        let licence = self.licence().and_then(licence_country).map(str::to_owned);
        self.proven_zone().map(|zone| two_letters(&zone.issuer)).or(licence)
    }

    /// The last day on which it is valid.
    pub(crate) fn expiry(&self) -> Option<Date> {
        self.proven_zone().and_then(|zone| zone.expiry_date).or_else(|| self.licence()?.expires)
    }

    /// The day on which it was issued; no zone says it.
    pub(crate) fn issued(&self) -> Option<Date> {
        self.licence()?.issued
    }

    /// The date of birth.
    pub(crate) fn birth(&self) -> Option<Date> {
        self.proven_zone().and_then(|zone| zone.birth_date).or_else(|| self.licence()?.date_of_birth)
    }

    /// The kind of document that was read; `None` for one that is none of ours, such as a visa.
    pub(crate) fn read_kind(&self) -> Option<Option<DocumentKind>> {
        let licence = || {
            let kind = self.licence()?.kind;
            Some(Some(match kind {
                Some(CardKind::IdentificationCard) => DocumentKind::IdCard,
                Some(CardKind::DriverLicence) | None => DocumentKind::DrivingLicense,
            }))
        };
        let zone = self.proven_zone().map(|zone| match zone.code.as_bytes().first() {
            Some(b'P') => Some(DocumentKind::Passport),
            Some(b'I' | b'A' | b'C') => Some(DocumentKind::IdCard),
            _ => None,
        });
        zone.or_else(licence)
    }

    /// True for the specimens that ICAO Doc 9303 prints.
    pub(crate) fn is_specimen(&self) -> bool {
        self.zone().is_some_and(|(_, zone)| zone.issuer == UTOPIA)
    }

    /// What was read, as candidates for the resolved fields.
    pub(crate) fn candidates(&self) -> Vec<(String, Candidate)> {
        let mut candidates = Vec::new();
        if let Some((read, zone)) = self.zone() {
            of_zone(read, zone, &mut candidates);
        }
        if let Some(licence) = self.licence() {
            of_licence(licence, &mut candidates);
        }
        candidates.into_iter().map(|(name, candidate)| (name.to_owned(), candidate)).collect()
    }
}

/// What the zone on an authentic chip says: all of it is proven.
pub(crate) fn of_chip(zone: &Zone) -> Vec<(String, Candidate)> {
    let candidate = |value| Candidate { value, source: Source::Chip, confidence: 1000 };
    let values = values_of(zone).into_iter().filter(|(_, value, _)| !value.is_empty());
    values.map(|(name, value, _)| (name.to_owned(), candidate(value))).collect()
}

fn of_zone(read: &ReadZone, zone: &Zone, candidates: &mut Vec<(&'static str, Candidate)>) {
    for (name, value, holds) in values_of(zone).into_iter().filter(|(_, value, _)| !value.is_empty()) {
        let is_proven = read.proven && holds == Some(true);
        let source = if is_proven { Source::MrzProven } else { Source::Mrz };
        let confidence = if is_proven { 1000 } else { read.confidence.min(UNPROVEN) };
        candidates.push((name, Candidate { value, source, confidence }));
    }
}

/// The values of a zone by the names of fields; empty where it has none. The last says whether a check
/// digit over the value holds.
fn values_of(zone: &Zone) -> [(&'static str, String, Option<bool>); 9] {
    let day = |date: Option<Date>| date.map(|date| date.to_string()).unwrap_or_default();
    let sex = if zone.sex == Sex::Unspecified { "" } else { zone.sex.as_str() };
    [
        ("last_name", zone.surname.clone(), None),
        ("first_name", zone.given_names.clone(), None),
        ("document_number", zone.number.clone(), zone.digits.number),
        ("date_of_birth", day(zone.birth_date), zone.digits.birth_date),
        ("date_of_expiry", day(zone.expiry_date), zone.digits.expiry_date),
        ("issuing_country", two_letters(&zone.issuer), None),
        ("nationality", two_letters(&zone.nationality), None),
        ("document_code", zone.code.clone(), None),
        ("sex", sex.to_owned(), None),
    ]
}

fn of_licence(licence: &Licence, candidates: &mut Vec<(&'static str, Candidate)>) {
    let mut add = |name, value: Option<String>| {
        if let Some(value) = value.filter(|value| !value.is_empty()) {
            candidates.push((name, Candidate { value, source: Source::Barcode, confidence: BARCODE_CONFIDENCE }));
        }
    };
    let day = |date: Option<Date>| date.map(|date| date.to_string());
    let given = [&licence.first_name, &licence.middle_names].into_iter().flatten().cloned().collect::<Vec<_>>();
    add("last_name", licence.last_name.clone());
    add("first_name", Some(given.join(" ")));
    add("document_number", licence.number.clone());
    add("date_of_birth", day(licence.date_of_birth));
    add("date_of_expiry", day(licence.expires));
    add("date_of_issue", day(licence.issued));
    add("issuing_country", licence_country(licence).map(str::to_owned));
    add("issuing_region", licence.issuer.map(|issuer| issuer.jurisdiction.to_owned()));
    add("street", licence.street.clone());
    add("city", licence.city.clone());
    add("state", licence.state.clone());
    add("postal_code", licence.postal_code.clone());
    let sex = licence.sex.and_then(|sex| match sex {
        aamva::Sex::Male => Some("M".to_owned()),
        aamva::Sex::Female => Some("F".to_owned()),
        aamva::Sex::NotSpecified => None,
    });
    add("sex", sex);
}

/// Where a licence comes from, alpha-2.
fn licence_country(licence: &Licence) -> Option<&'static str> {
    let named = licence.country.as_deref().and_then(country::alpha2);
    named.or_else(|| licence.issuer.and_then(|issuer| country::alpha2(issuer.country)))
}

/// The alpha-2 code; a code that has none stays as it is.
fn two_letters(code: &str) -> String {
    country::alpha2(code).map_or_else(|| code.to_owned(), str::to_owned)
}
