//! What a certificate says of itself (RFC 5280, with the profile of ICAO Doc 9303 part 12).

use sha2::{Digest, Sha256};
use vetd_model::Timestamp;
use vetd_model::chip::Certified;
use vetd_model::event::Hash;
use x509_cert::certificate::{CertificateInner, Raw};
use x509_cert::der::{Decode, Encode};
use x509_cert::ext::pkix::{BasicConstraints, KeyUsage, SubjectKeyIdentifier};
use x509_cert::time::Time;

/// A certificate that was read. Some issuers' are odd, so no more is asked of their form than is needed.
pub(super) struct Certificate {
    inner: CertificateInner<Raw>,
    der: Vec<u8>,
    /// Its issuer and subject, in DER.
    pub(super) issuer: Vec<u8>,
    pub(super) subject: Vec<u8>,
}

impl Certificate {
    pub(super) fn read(der: &[u8]) -> Option<Self> {
        let inner = CertificateInner::<Raw>::from_der(der).ok()?;
        let tbs = inner.tbs_certificate();
        let (issuer, subject) = (tbs.issuer().to_der().ok()?, tbs.subject().to_der().ok()?);
        Some(Self { inner, der: der.to_vec(), issuer, subject })
    }

    pub(super) fn serial(&self) -> &[u8] {
        self.inner.tbs_certificate().serial_number().as_bytes()
    }

    /// Issuer and serial number as a signer is named by them, in DER without the head.
    pub(super) fn issuer_and_serial(&self) -> Option<Vec<u8>> {
        let serial = self.inner.tbs_certificate().serial_number().to_der().ok()?;
        Some([self.issuer.as_slice(), &serial].concat())
    }

    pub(super) fn key_identifier(&self) -> Option<Vec<u8>> {
        let found = self.inner.tbs_certificate().get_extension::<SubjectKeyIdentifier>().ok()??;
        Some(found.1.0.into_bytes().into())
    }

    /// A document signer's key must be for signatures.
    pub(super) fn may_sign_documents(&self) -> bool {
        self.usage().is_some_and(|usage| usage.digital_signature())
    }

    /// An issuing authority's must be for certificates, and it must say that it is one.
    pub(super) fn may_sign_certificates(&self) -> bool {
        let constraints = self.inner.tbs_certificate().get_extension::<BasicConstraints>().ok().flatten();
        constraints.is_some_and(|(_, constraints)| constraints.ca)
            && self.usage().is_some_and(|usage| usage.key_cert_sign())
    }

    fn usage(&self) -> Option<KeyUsage> {
        Some(self.inner.tbs_certificate().get_extension::<KeyUsage>().ok()??.1)
    }

    pub(super) fn facts(&self, may_sign: fn(&Self) -> bool) -> Certified {
        let tbs = self.inner.tbs_certificate();
        let country = tbs.subject().country().ok().flatten().map(|country| country.as_str().to_ascii_uppercase());
        Certified {
            country: country.filter(|country| country.len() == 2).unwrap_or_default(),
            sha256: Hash(Sha256::digest(&self.der).into()),
            not_before: timestamp(&tbs.validity().not_before),
            not_after: timestamp(&tbs.validity().not_after),
            may_sign: may_sign(self),
        }
    }
}

pub(super) fn timestamp(time: &Time) -> Timestamp {
    Timestamp::from_seconds(time.to_unix_duration().as_secs())
}
