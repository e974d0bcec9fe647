//! Checks over what was read of a document: its kind, its issuer, its dates, and whether its parts
//! agree. They go by what is certain; where nothing certain was read they have nothing to look at, and
//! the checks that read say so.

use vetd_model::check::Finding;
use vetd_model::country;
use vetd_model::date::Date;
use vetd_model::flow::{Countries, Step, StepKind};

use crate::Evidence;
use crate::document::Document;
use crate::mrz::document::Document as Zone;

/// No state issues a document for longer (ICAO Doc 9303 recommends ten years; some cards for the old
/// are valid for longer).
const LONGEST_VALIDITY: u16 = 50;
/// Nobody on record has lived longer than 122 years.
const OLDEST: u16 = 130;

fn unread() -> Finding {
    Finding::skipped("document_unread", "Nothing certain was read of the document.")
}

/// `document_type`. Codes: `document_type_mismatch` (failed); `document_unread` (skipped).
pub(crate) fn kind(document: Option<&Document>) -> Finding {
    let Some((document, read)) = document.and_then(|document| Some((document, document.read_kind()?))) else {
        return unread();
    };
    if read == Some(document.kind) {
        return Finding::passed().with("read", document.kind.as_str());
    }
    let finding = Finding::failed("document_type_mismatch", "The document is not of the kind that was chosen.");
    finding.with("chosen", document.kind.as_str()).with("read", read.map(|kind| kind.as_str()))
}

/// `issuing_country`. Codes: `issuing_country_mismatch`, `issuing_country_not_accepted`,
/// `document_specimen` (failed); `issuing_country_unknown` (needs review); `document_unread`
/// (skipped).
pub(crate) fn issuing_country(evidence: &Evidence<'_>, document: Option<&Document>) -> Finding {
    let Some((document, issuer)) = document.and_then(|document| Some((document, document.issuer()?))) else {
        return unread();
    };
    let finding = if document.is_specimen() {
        Finding::failed("document_specimen", "The document is a specimen.")
    } else if !is_country(&issuer) {
        Finding::needs_review("issuing_country_unknown", "The document was not issued by a country.")
    } else if !accepted(evidence, &issuer) {
        Finding::failed("issuing_country_not_accepted", "Documents of the country that issued it are not taken.")
    } else if issuer != document.country {
        Finding::failed("issuing_country_mismatch", "The document comes from another country than was chosen.")
    } else {
        Finding::passed()
    };
    finding.with("chosen", document.country.as_str()).with("read", issuer)
}

/// Kosovo has no code of ISO 3166-1 and issues documents all the same.
fn is_country(code: &str) -> bool {
    country::is_assigned(code) || code == "XK"
}

fn accepted(evidence: &Evidence<'_>, issuer: &str) -> bool {
    match evidence.flow.step(StepKind::DocumentUpload) {
        Some(Step::DocumentUpload { countries: Countries::Only(codes), .. }) => codes.iter().any(|code| code == issuer),
        _ => true,
    }
}

/// `document_expiry`, on the day the checks run, in UTC. Codes: `document_expired`,
/// `document_not_yet_valid` (failed); `expiry_unknown` (needs review); `document_unread` (skipped).
pub(crate) fn expiry(evidence: &Evidence<'_>, document: Option<&Document>) -> Finding {
    let (Some(document), Some(today)) = (document.filter(|document| document.is_read()), evidence.today()) else {
        return unread();
    };
    let issued = document.issued().or_else(|| evidence.typed("date_of_issue").and_then(Date::parse));
    let finding = if issued.is_some_and(|issued| issued > today) {
        Finding::failed("document_not_yet_valid", "The document is not valid yet.")
    } else {
        match document.expiry() {
            None => Finding::needs_review("expiry_unknown", "The document does not say until when it is valid."),
            Some(expiry) if expiry < today => Finding::failed("document_expired", "The document has expired."),
            Some(_) => Finding::passed(),
        }
    };
    let day = |date: Option<Date>| date.map(|date| date.to_string());
    finding.with("date_of_expiry", day(document.expiry())).with("date_of_issue", day(issued))
}

/// `document_consistency`: whether the parts of the document agree with each other, and its dates with
/// the calendar. Codes: `sides_differ`, `dates_implausible` (failed); `issuer_nationality_differ`
/// (needs review); `document_unread` (skipped).
pub(crate) fn consistency(evidence: &Evidence<'_>, document: Option<&Document>) -> Finding {
    let (Some(document), Some(today)) = (document.filter(|document| document.is_read()), evidence.today()) else {
        return unread();
    };
    let differing = differing(document, evidence.chip_zone().as_ref());
    if !differing.is_empty() {
        let finding = Finding::failed("sides_differ", "The parts of the document are not of one document.");
        return finding.with("differing", differing);
    }
    if !are_plausible(document, today) {
        return Finding::failed("dates_implausible", "The dates of the document cannot be right.");
    }
    // A passport is issued to a state's own nationals, but for those that say otherwise.
    let zone = document.proven_zone().filter(|zone| zone.code == "P");
    if let Some(zone) = zone
        && country::alpha2(&zone.issuer) != country::alpha2(&zone.nationality)
    {
        let finding = Finding::needs_review(
            "issuer_nationality_differ",
            "The passport was issued by another country than the holder's own.",
        );
        return finding.with("issuer", zone.issuer.as_str()).with("nationality", zone.nationality.as_str());
    }
    Finding::passed()
}

/// What two machine-readable parts say differently.
fn differing(document: &Document, chip: Option<&Zone>) -> Vec<&'static str> {
    let zones: Vec<_> =
        document.zones.iter().filter(|read| read.proven).filter_map(|read| read.zone.as_ref()).collect();
    let licences = document.barcodes.iter().filter_map(|barcode| barcode.licence.as_ref().ok());
    let of_zones = zones.into_iter().chain(chip).map(|zone| (zone.number.clone(), zone.birth_date));
    let of_licences = licences.map(|licence| (licence.number.clone().unwrap_or_default(), licence.date_of_birth));
    let parts: Vec<(String, Option<Date>)> = of_zones.chain(of_licences).collect();
    let mut differing = Vec::new();
    for (number, birth) in parts.iter().skip(1) {
        let Some((first_number, first_birth)) = parts.first() else { continue };
        if plain(number) != plain(first_number) && !number.is_empty() && !first_number.is_empty() {
            differing.push("document_number");
        }
        if birth.is_some() && first_birth.is_some() && birth != first_birth {
            differing.push("date_of_birth");
        }
    }
    differing.dedup();
    differing
}

/// Letters and digits alone: zones drop the rest.
pub(crate) fn plain(number: &str) -> String {
    number.chars().filter(char::is_ascii_alphanumeric).map(|letter| letter.to_ascii_uppercase()).collect()
}

fn are_plausible(document: &Document, today: Date) -> bool {
    let (birth, issued, expiry) = (document.birth(), document.issued(), document.expiry());
    let born_before = |date: Option<Date>| birth.is_none_or(|birth| date.is_none_or(|date| birth < date));
    birth.is_none_or(|birth| birth <= today && birth.whole_years_until(today) <= OLDEST)
        && born_before(issued)
        && born_before(expiry)
        && issued.is_none_or(|issued| expiry.is_none_or(|expiry| issued < expiry))
        && expiry.is_none_or(|expiry| today.whole_years_until(expiry) <= LONGEST_VALIDITY)
}

/// `duplicate_document`: whether the document was used for another verification of the workspace and
/// mode. Codes: `document_used_before` (failed); `check_error` (needs review); `document_unread`
/// (skipped).
pub(crate) fn duplicate(evidence: &Evidence<'_>, document: Option<&Document>) -> Finding {
    if !document.is_some_and(Document::is_read) {
        return unread();
    }
    match evidence.used_before {
        Some(false) => Finding::passed(),
        Some(true) => Finding::failed("document_used_before", "Another verification has used the document."),
        None => Finding::needs_review("check_error", "The check could not be carried out."),
    }
}
