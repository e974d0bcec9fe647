//! Reading what the chip of a document holds: passive authentication (ICAO Doc 9303 part 11, 5.1) of the
//! document security object and the data groups, against the certificates that the operator trusts.
//!
//! Hashes, signatures and the step to the issuing authority's certificate are those of the `dmrtd` crate;
//! dates, key usage and revocation are looked up here and judged by the check. That data were signed does
//! not tell that the chip is no copy.

mod certificate;
mod sod;
mod trust;

use dmrtd::auth::passive::{self, ChainStatus, DataGroup, PassiveAuthError};
use vetd_model::Timestamp;
use vetd_model::chip::{Chip, ChipFiles, Integrity, Revocation};

use certificate::Certificate;
pub use trust::{BadTrust, Trust};

/// Why files are none of a chip.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum NotAChip {
    /// The document security object is none.
    #[error("must be the file EF.SOD: a CMS SignedData of data group hashes (ICAO Doc 9303 part 10, 4.6.2)")]
    Sod,
    /// Data group 1 is none.
    #[error("must be the file EF.DG1: a machine-readable zone (ICAO Doc 9303 part 10, 4.7.1)")]
    Group1,
}

/// Reads a chip's files. What can be said of them is said; whether that is enough is for the check.
///
/// # Errors
/// [`NotAChip`], if nothing can be said.
pub fn read(files: &ChipFiles, trust: &Trust, at: Timestamp) -> Result<Chip, NotAChip> {
    let signer = sod::signer(&files.sod).ok_or(NotAChip::Sod)?;
    let lines = sod::zone(files.groups.get(&1).map_or(&[], Vec::as_slice)).ok_or(NotAChip::Group1)?;
    let mut integrity = authenticate(files, &[])?.0;
    let mut anchor = None;
    if integrity == Integrity::Intact {
        let issuers = trust.issuers_of(&signer);
        for issuer in issuers {
            match authenticate(files, std::slice::from_ref(&issuer.key))? {
                (Integrity::Intact, true) => anchor = Some(&issuer.certificate),
                (Integrity::Intact, false) => {}
                (other, _) => integrity = other,
            }
            if anchor.is_some() {
                break;
            }
        }
    }
    let revocation = anchor.map_or(Revocation::NoList, |anchor| trust.revocation(&[&signer, anchor]));
    Ok(Chip {
        at,
        lines,
        groups: files.groups.keys().copied().collect(),
        integrity,
        signer: signer.facts(Certificate::may_sign_documents),
        anchor: anchor.map(|anchor| anchor.facts(Certificate::may_sign_certificates)),
        revocation,
    })
}

/// What holds, and whether one of the keys has signed the signer's certificate.
fn authenticate(files: &ChipFiles, keys: &[passive::TrustAnchor]) -> Result<(Integrity, bool), NotAChip> {
    let groups: Vec<DataGroup<'_>> =
        files.groups.iter().map(|(number, bytes)| DataGroup { number: *number, bytes }).collect();
    match passive::verify(&files.sod, &groups, keys) {
        Ok(held) => Ok((Integrity::Intact, matches!(held.chain, ChainStatus::Trusted { .. }))),
        Err(PassiveAuthError::DataGroupHashMismatch(number)) => Ok((Integrity::Altered(number), false)),
        Err(PassiveAuthError::BadDocumentSignature | PassiveAuthError::BadSignedAttributes) => {
            Ok((Integrity::SignatureInvalid, false))
        }
        Err(PassiveAuthError::UnsupportedHash | PassiveAuthError::UnsupportedKey) => {
            Ok((Integrity::Unsupported, false))
        }
        Err(
            PassiveAuthError::MalformedSod
            | PassiveAuthError::MalformedSecurityObject
            | PassiveAuthError::NoSigner
            | PassiveAuthError::MalformedCertificate
            | PassiveAuthError::NoDataGroups,
        ) => Err(NotAChip::Sod),
    }
}

#[cfg(test)]
mod tests;
