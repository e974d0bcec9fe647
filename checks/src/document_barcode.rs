//! `document_barcode`: whether the barcode on the back of a North American licence is there and says
//! what such a barcode must say (AAMVA DL/ID Card Design Standard). Nothing in it is signed: it is a
//! source to compare with, never a proof.

use vetd_model::check::Finding;
use vetd_model::flow::DocumentKind;

use crate::document::Document;

/// The countries whose licences have such a barcode.
const ISSUERS: [&str; 3] = ["US", "CA", "MX"];

/// Codes: `barcode_not_found`, `barcode_not_a_licence`, `barcode_damaged` (failed);
/// `barcode_not_expected`, `no_document` (skipped).
pub(crate) fn run(document: Option<&Document>) -> Finding {
    let Some(document) = document else {
        return Finding::skipped("no_document", "The flow asks for no document.");
    };
    if let Some(licence) = document.licence() {
        let version = licence.version.map(u64::from);
        return Finding::passed()
            .with("version", version)
            .with("issuer_number", licence.issuer_number.as_deref())
            .with("jurisdiction", licence.issuer.map(|issuer| issuer.jurisdiction));
    }
    let is_expected = document.kind == DocumentKind::DrivingLicense && ISSUERS.contains(&document.country.as_str());
    if let Some(barcode) = document.barcodes.first().filter(|_| document.kind != DocumentKind::Passport)
        && let Err(error) = barcode.licence
    {
        let message = "The barcode is not that of a North American licence, or its data is damaged.";
        return Finding::failed(error.code(), message).with("side", barcode.side.as_str());
    }
    if is_expected {
        Finding::failed("barcode_not_found", "No barcode was found on the licence.")
    } else {
        Finding::skipped("barcode_not_expected", "Only licences of North America have such a barcode.")
    }
}
