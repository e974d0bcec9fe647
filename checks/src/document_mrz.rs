//! `document_mrz`: whether the machine-readable zone (ICAO Doc 9303) is there, and whether everything
//! in it that can be proven holds. A zone that passes was read right; that does not make the document
//! genuine, and no check digit protects the names.

use vetd_model::check::Finding;
use vetd_model::flow::DocumentKind;

use crate::document::Document;

/// Codes: `mrz_not_found`, `mrz_check_digits`, `document_specimen` (failed); `mrz_uncertain`,
/// `mrz_illegible` (needs review); `mrz_not_expected`, `no_document` (skipped).
pub(crate) fn run(document: Option<&Document>) -> Finding {
    let Some(document) = document else {
        return Finding::skipped("no_document", "The flow asks for no document.");
    };
    let Some(read) = document.zones.first() else {
        return match document.kind {
            DocumentKind::DrivingLicense => {
                Finding::skipped("mrz_not_expected", "Driving licences have no machine-readable zone.")
            }
            DocumentKind::Passport | DocumentKind::IdCard => {
                Finding::failed("mrz_not_found", "No machine-readable zone was found on the document.")
            }
        };
    };
    let Some(zone) = &read.zone else {
        return Finding::needs_review("mrz_illegible", "The machine-readable zone could not be read.")
            .with("side", read.side.as_str());
    };
    let finding = if document.is_specimen() {
        Finding::failed("document_specimen", "The document is a specimen.")
    } else if !zone.digits.all_hold() {
        Finding::failed("mrz_check_digits", "The check digits of the machine-readable zone do not hold.")
    } else if !read.proven {
        Finding::needs_review("mrz_uncertain", "The machine-readable zone was read, but not with certainty.")
    } else {
        Finding::passed()
    };
    let digits = [
        ("number", zone.digits.number),
        ("date_of_birth", zone.digits.birth_date),
        ("date_of_expiry", zone.digits.expiry_date),
        ("optional_data", zone.digits.optional_data),
        ("composite", zone.digits.composite),
    ];
    let digits: serde_json::Map<_, _> =
        digits.into_iter().filter_map(|(name, holds)| Some((name.to_owned(), holds?.into()))).collect();
    finding
        .with_score(read.confidence)
        .with("side", read.side.as_str())
        .with("format", zone.format.as_str())
        .with("document_code", zone.code.as_str())
        .with("check_digits", digits)
        .with("names_proven", false)
}
