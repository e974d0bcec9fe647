//! `document_chip`: whether the document's chip holds what its issuer has signed, by passive
//! authentication against the operator's certificates (ICAO Doc 9303 parts 11 and 12). The only check
//! that proves where data come from; that the chip is no copy, it does not prove.

use vetd_model::Timestamp;
use vetd_model::check::Finding;
use vetd_model::chip::{Certified, Chip, Integrity, Revocation};
use vetd_model::country;

use crate::mrz::document::Document as Zone;

/// What is wrong with a chip, the worst first; `None` if it is authentic.
pub(crate) fn objection(chip: &Chip, zone: Option<&Zone>, at: Timestamp) -> Option<Finding> {
    let failed = |code, message| Some(Finding::failed(code, message));
    match chip.integrity {
        Integrity::Intact => {}
        Integrity::Altered(group) => {
            let finding = Finding::failed("chip_data_altered", "The chip's data are not those that its issuer signed.");
            return Some(finding.with("data_group", group));
        }
        Integrity::SignatureInvalid => {
            return failed("chip_signature_invalid", "The signature over the chip's data does not hold.");
        }
        Integrity::Unsupported => {
            let message = "The signature over the chip's data is of a kind that cannot be verified.";
            return Some(Finding::needs_review("chip_unsupported", message));
        }
    }
    let Some(anchor) = &chip.anchor else {
        let message = "No certificate that the operator trusts has issued the one that the chip was signed with.";
        return Some(Finding::needs_review("chip_anchor_unknown", message));
    };
    let zone = zone.filter(|zone| zone.digits.all_hold());
    let Some(zone) = zone else {
        return failed(
            "chip_zone_invalid",
            "The machine-readable zone on the chip is none, or its check digits do not hold.",
        );
    };
    if chip.revocation == Revocation::Listed {
        return failed("chip_signer_revoked", "The certificate that the chip was signed with was revoked.");
    }
    if !anchor.may_sign {
        return failed("chip_anchor_key_usage", "The issuing authority's certificate is not for issuing certificates.");
    }
    if !chip.signer.may_sign {
        return failed("chip_signer_key_usage", "The certificate that the chip was signed with is not for signatures.");
    }
    if !is_of(&chip.signer, zone) || !is_of(anchor, zone) {
        return failed("chip_issuer_mismatch", "The chip was signed by another country than the document's issuer.");
    }
    match (of_time(&chip.signer, at), of_time(anchor, at)) {
        (Time::After, _) => failed("chip_signer_expired", "The certificate that the chip was signed with has expired."),
        (Time::Before, _) => {
            failed("chip_signer_not_yet_valid", "The certificate that the chip was signed with is not valid yet.")
        }
        (_, Time::After) => failed("chip_anchor_expired", "The issuing authority's certificate has expired."),
        (_, Time::Before) => {
            failed("chip_anchor_not_yet_valid", "The issuing authority's certificate is not valid yet.")
        }
        (Time::Within, Time::Within) => None,
    }
}

/// Nobody has sent a chip in. Code: `chip_missing` (failed).
pub(crate) const fn missing() -> Finding {
    Finding::failed("chip_missing", "The document's chip was not read.")
}

/// Codes: those of [`objection`].
pub(crate) fn run(chip: &Chip, zone: Option<&Zone>, at: Timestamp) -> Finding {
    let (revocation, outdated) = match chip.revocation {
        Revocation::NoList => ("no_list", false),
        Revocation::NotListed { next_update } => ("not_listed", next_update.is_some_and(|next| next < at)),
        Revocation::Listed => ("listed", false),
    };
    objection(chip, zone, at)
        .unwrap_or_else(Finding::passed)
        .with("data_groups", chip.groups.as_slice())
        .with("signer_sha256", chip.signer.sha256.to_string())
        .with("anchor_sha256", chip.anchor.as_ref().map(|anchor| anchor.sha256.to_string()))
        .with("revocation", revocation)
        .with("revocation_list_outdated", outdated)
}

enum Time {
    Before,
    Within,
    After,
}

fn of_time(certificate: &Certified, at: Timestamp) -> Time {
    if at < certificate.not_before {
        Time::Before
    } else if at.seconds() > certificate.not_after.seconds() {
        Time::After
    } else {
        Time::Within
    }
}

/// Whether a certificate is of the country that issued the document. Organisations have codes of their
/// own, of which the certificates have the first two letters; Kosovo's certificates say KS.
fn is_of(certificate: &Certified, zone: &Zone) -> bool {
    let issuer = zone.issuer.as_str();
    let expected = country::alpha2(issuer).or_else(|| issuer.get(..2)).unwrap_or_default();
    certificate.country == expected || expected == "XK" && certificate.country == "KS"
}
