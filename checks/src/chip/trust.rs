//! What the operator trusts: the certificates of country signing authorities, and their revocation lists.
//! Both are taken as they are given: whoever may put them there may also say whom to trust, so a list's
//! own signature is not looked at.

use dmrtd::auth::passive::TrustAnchor;
use vetd_model::chip::Revocation;
use x509_cert::certificate::Raw;
use x509_cert::crl::CertificateList;
use x509_cert::der::{Decode, Document, Encode};

use super::certificate::{Certificate, timestamp};

/// The most certificates that are taken: the authorities of all countries have some hundreds.
const MOST: usize = 5_000;

/// A file that cannot be used.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub struct BadTrust(String);

/// Certificates and revocation lists. Cheap to look up in; never changed once it is read.
#[derive(Default)]
pub struct Trust {
    issuers: Vec<Issuer>,
    lists: Vec<List>,
    unusable: usize,
}

impl std::fmt::Debug for Trust {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Trust").field("issuers", &self.issuers.len()).field("lists", &self.lists.len()).finish()
    }
}

/// An authority's certificate.
pub(super) struct Issuer {
    pub(super) certificate: Certificate,
    pub(super) key: TrustAnchor,
}

/// A revocation list.
struct List {
    issuer: Vec<u8>,
    next_update: Option<vetd_model::Timestamp>,
    serials: Vec<Vec<u8>>,
}

impl Trust {
    /// Reads a file: a certificate or a revocation list in DER, or any number of both in PEM.
    ///
    /// # Errors
    /// What is wrong with it.
    pub fn add(&mut self, file: &[u8]) -> Result<(), BadTrust> {
        let Some(text) = std::str::from_utf8(file).ok().filter(|text| text.contains("-----BEGIN ")) else {
            return self.add_der(file);
        };
        let before = self.issuers.len() + self.lists.len() + self.unusable;
        for block in text.split_inclusive("-----END ").collect::<Vec<_>>().windows(2) {
            let (begun, end) = (block[0].find("-----BEGIN "), block[1].find("-----"));
            let (Some(begun), Some(end)) = (begun, end) else { continue };
            let pem = format!("{}{}-----\n", &block[0][begun..], &block[1][..end]);
            let (_, document) = Document::from_pem(&pem).map_err(|error| BadTrust(format!("it is no PEM: {error}")))?;
            self.add_der(document.as_bytes())?;
        }
        if self.issuers.len() + self.lists.len() + self.unusable == before {
            return Err(BadTrust("it has the beginning of a PEM block and no end".to_owned()));
        }
        Ok(())
    }

    fn add_der(&mut self, der: &[u8]) -> Result<(), BadTrust> {
        if self.issuers.len() + self.lists.len() >= MOST {
            return Err(BadTrust(format!("there are more than {MOST} certificates and lists")));
        }
        if let Some(certificate) = Certificate::read(der) {
            match TrustAnchor::from_certificate(der) {
                Ok(key) => self.issuers.push(Issuer { certificate, key }),
                // Some country's key is of a kind that nobody else uses; its documents are then unknown.
                Err(_) => self.unusable += 1,
            }
            return Ok(());
        }
        let list = CertificateList::<Raw>::from_der(der).map_err(|_| {
            BadTrust("it holds something that is neither a certificate nor a revocation list".to_owned())
        })?;
        let list = list.tbs_cert_list;
        let issuer = list.issuer.to_der().map_err(|error| BadTrust(error.to_string()))?;
        let revoked = list.revoked_certificates.unwrap_or_default();
        let mut serials: Vec<Vec<u8>> = revoked.iter().map(|one| one.serial_number.as_bytes().to_vec()).collect();
        serials.sort();
        self.lists.push(List { issuer, next_update: list.next_update.as_ref().map(timestamp), serials });
        Ok(())
    }

    /// How many certificates, revocation lists, and certificates that cannot be used there are.
    #[must_use]
    pub const fn counts(&self) -> (usize, usize, usize) {
        (self.issuers.len(), self.lists.len(), self.unusable)
    }

    /// The authorities that can have issued a certificate: one has several keys in its life.
    pub(super) fn issuers_of(&self, certificate: &Certificate) -> impl Iterator<Item = &Issuer> {
        self.issuers.iter().filter(|issuer| issuer.certificate.subject == certificate.issuer)
    }

    /// What the lists say of certificates.
    pub(super) fn revocation(&self, certificates: &[&Certificate]) -> Revocation {
        let Some(signer) = certificates.first() else { return Revocation::NoList };
        let lists = || self.lists.iter().filter(|list| list.issuer == signer.issuer);
        let is_on = |list: &List, certificate: &&Certificate| {
            certificate.issuer == list.issuer
                && list.serials.binary_search_by(|serial| serial.as_slice().cmp(certificate.serial())).is_ok()
        };
        if lists().any(|list| certificates.iter().any(|certificate| is_on(list, certificate))) {
            return Revocation::Listed;
        }
        match lists().max_by_key(|list| list.next_update) {
            Some(list) => Revocation::NotListed { next_update: list.next_update },
            None => Revocation::NoList,
        }
    }
}
