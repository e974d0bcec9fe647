//! Chips of specimen documents: a signing authority, a document signer and what it has signed, made with
//! keys of our own that anybody can make again (ICAO Doc 9303 parts 10 to 12). Everything is written in
//! DER by hand, so that what is wrong can be made as easily as what is right.

use p256::ecdsa::signature::Signer;
use p256::ecdsa::{Signature, SigningKey};
use sha2::{Digest, Sha256};

/// A certificate, and the key that belongs to it.
#[derive(Clone)]
pub struct Issued {
    /// The certificate in DER.
    pub der: Vec<u8>,
    key: SigningKey,
    subject: Vec<u8>,
    serial: Vec<u8>,
}

/// What a certificate is to say.
#[derive(Debug, Clone)]
pub struct CertificatePlan {
    /// The country of its subject, two capitals.
    pub country: &'static str,
    /// The rest of the subject's name.
    pub name: &'static str,
    /// Chooses the key.
    pub seed: u8,
    /// Its serial number, 1 to 127.
    pub serial: u8,
    /// From when it is valid: `YYMMDDHHMMSSZ`.
    pub not_before: &'static str,
    /// Until when.
    pub not_after: &'static str,
    /// The first byte of its key usage: 0x80 for signatures, 0x06 for certificates and lists.
    pub usage: u8,
    /// Whether it says that it is an authority.
    pub is_authority: bool,
}

impl CertificatePlan {
    /// A country's signing authority, valid from 2020 to 2040.
    #[must_use]
    pub const fn authority(country: &'static str) -> Self {
        Self {
            country,
            name: "Specimen CSCA",
            seed: 1,
            serial: 1,
            not_before: "200101000000Z",
            not_after: "400101000000Z",
            usage: 0x06,
            is_authority: true,
        }
    }

    /// A document signer, likewise.
    #[must_use]
    pub const fn signer(country: &'static str) -> Self {
        Self { name: "Specimen DS", seed: 2, serial: 7, usage: 0x80, is_authority: false, ..Self::authority(country) }
    }

    /// The certificate; without an issuer it is signed with its own key.
    #[must_use]
    pub fn issue(&self, issuer: Option<&Issued>) -> Issued {
        let key = SigningKey::from_slice(&[self.seed.max(1); 32]).expect("a number below the curve's order");
        let subject = name(self.country, self.name);
        let (issuer_name, signing) = issuer.map_or((&subject, &key), |issuer| (&issuer.subject, &issuer.key));
        let point = key.verifying_key().to_sec1_point(false);
        let curve = sequence(&[oid(&EC_PUBLIC_KEY), oid(&P256)]);
        let public = sequence(&[curve, bits(0, point.as_bytes())]);
        let usage = extension(&[0x55, 0x1d, 0x0f], &bits(self.usage.trailing_zeros() as u8, &[self.usage]));
        let constraints = sequence(&if self.is_authority { vec![tlv(0x01, &[0xff])] } else { Vec::new() });
        let extensions = sequence(&[usage, extension(&[0x55, 0x1d, 0x13], &constraints)]);
        let body = sequence(&[
            tlv(0xa0, &tlv(0x02, &[2])),
            tlv(0x02, &[self.serial]),
            algorithm(),
            issuer_name.clone(),
            sequence(&[time(self.not_before), time(self.not_after)]),
            subject.clone(),
            public,
            tlv(0xa3, &extensions),
        ]);
        let der = sequence(&[body.clone(), algorithm(), bits(0, &sign(signing, &body))]);
        Issued { der, key, subject, serial: tlv(0x02, &[self.serial]) }
    }
}

impl Issued {
    /// A document security object over data groups, in the order of their numbers, signed with this
    /// certificate's key.
    #[must_use]
    pub fn sign_groups(&self, groups: &[(u8, &[u8])]) -> Vec<u8> {
        let hash =
            |(number, bytes): &(u8, &[u8])| sequence(&[tlv(0x02, &[*number]), tlv(0x04, &Sha256::digest(bytes))]);
        let hashes: Vec<Vec<u8>> = groups.iter().map(hash).collect();
        let object = sequence(&[tlv(0x02, &[0]), sequence(&[oid(&SHA256)]), sequence(&hashes)]);
        let content_type = sequence(&[oid(&CONTENT_TYPE), tlv(0x31, &oid(&SECURITY_OBJECT))]);
        let digest = sequence(&[oid(&MESSAGE_DIGEST), tlv(0x31, &tlv(0x04, &Sha256::digest(&object)))]);
        let attributes = [content_type, digest].concat();
        let signature = sign(&self.key, &tlv(0x31, &attributes));
        let issuer_and_serial = sequence(&[issuer_of(&self.der), self.serial.clone()]);
        let signer = sequence(&[
            tlv(0x02, &[1]),
            issuer_and_serial,
            sequence(&[oid(&SHA256)]),
            tlv(0xa0, &attributes),
            algorithm(),
            tlv(0x04, &signature),
        ]);
        let signed = sequence(&[
            tlv(0x02, &[3]),
            tlv(0x31, &sequence(&[oid(&SHA256)])),
            sequence(&[oid(&SECURITY_OBJECT), tlv(0xa0, &tlv(0x04, &object))]),
            tlv(0xa0, &self.der),
            tlv(0x31, &signer),
        ]);
        tlv(0x77, &sequence(&[oid(&SIGNED_DATA), tlv(0xa0, &signed)]))
    }

    /// A revocation list of this authority over serial numbers, to be replaced at `next_update`.
    #[must_use]
    pub fn revoke(&self, serials: &[u8], next_update: &str) -> Vec<u8> {
        let revoked: Vec<Vec<u8>> =
            serials.iter().map(|serial| sequence(&[tlv(0x02, &[*serial]), time("250101000000Z")])).collect();
        let mut parts =
            vec![tlv(0x02, &[1]), algorithm(), self.subject.clone(), time("250101000000Z"), time(next_update)];
        if !revoked.is_empty() {
            parts.push(sequence(&revoked));
        }
        let body = sequence(&parts);
        sequence(&[body.clone(), algorithm(), bits(0, &sign(&self.key, &body))])
    }
}

/// Data group 1 with the lines of a zone.
#[must_use]
pub fn group_1(lines: &[String]) -> Vec<u8> {
    tlv(0x61, &[&[0x5f, 0x1f][..], &length(lines.concat().len()), lines.concat().as_bytes()].concat())
}

const EC_PUBLIC_KEY: [u8; 7] = [0x2a, 0x86, 0x48, 0xce, 0x3d, 0x02, 0x01];
const P256: [u8; 8] = [0x2a, 0x86, 0x48, 0xce, 0x3d, 0x03, 0x01, 0x07];
const ECDSA_SHA256: [u8; 8] = [0x2a, 0x86, 0x48, 0xce, 0x3d, 0x04, 0x03, 0x02];
const SHA256: [u8; 9] = [0x60, 0x86, 0x48, 0x01, 0x65, 0x03, 0x04, 0x02, 0x01];
const SIGNED_DATA: [u8; 9] = [0x2a, 0x86, 0x48, 0x86, 0xf7, 0x0d, 0x01, 0x07, 0x02];
const CONTENT_TYPE: [u8; 9] = [0x2a, 0x86, 0x48, 0x86, 0xf7, 0x0d, 0x01, 0x09, 0x03];
const MESSAGE_DIGEST: [u8; 9] = [0x2a, 0x86, 0x48, 0x86, 0xf7, 0x0d, 0x01, 0x09, 0x04];
const SECURITY_OBJECT: [u8; 6] = [0x67, 0x81, 0x08, 0x01, 0x01, 0x01];

fn sign(key: &SigningKey, message: &[u8]) -> Vec<u8> {
    let signature: Signature = key.sign(message);
    signature.to_der().as_bytes().to_vec()
}

fn algorithm() -> Vec<u8> {
    sequence(&[oid(&ECDSA_SHA256)])
}

fn name(country: &str, rest: &str) -> Vec<u8> {
    let part = |kind: &[u8], text: &str| tlv(0x31, &sequence(&[oid(kind), tlv(0x13, text.as_bytes())]));
    sequence(&[part(&[0x55, 0x04, 0x06], country), part(&[0x55, 0x04, 0x03], rest)])
}

/// The issuer's name in a certificate: the fourth element of its body.
fn issuer_of(der: &[u8]) -> Vec<u8> {
    let body = content(content(der).0).0;
    let mut rest = body;
    for _ in 0..3 {
        rest = content(rest).1;
    }
    let after = content(rest).1;
    rest[..rest.len() - after.len()].to_vec()
}

/// The content of the first element, and what comes behind it.
fn content(bytes: &[u8]) -> (&[u8], &[u8]) {
    let (head, length) = match bytes[1] {
        0x82 => (4, usize::from(bytes[2]) << 8 | usize::from(bytes[3])),
        0x81 => (3, usize::from(bytes[2])),
        short => (2, usize::from(short)),
    };
    (&bytes[head..head + length], &bytes[head + length..])
}

fn extension(kind: &[u8], value: &[u8]) -> Vec<u8> {
    sequence(&[oid(kind), tlv(0x01, &[0xff]), tlv(0x04, value)])
}

fn time(text: &str) -> Vec<u8> {
    tlv(0x17, text.as_bytes())
}

fn oid(arcs: &[u8]) -> Vec<u8> {
    tlv(0x06, arcs)
}

fn bits(unused: u8, bytes: &[u8]) -> Vec<u8> {
    tlv(0x03, &[&[unused], bytes].concat())
}

fn sequence(parts: &[Vec<u8>]) -> Vec<u8> {
    tlv(0x30, &parts.concat())
}

fn tlv(tag: u8, content: &[u8]) -> Vec<u8> {
    [&[tag], length(content.len()).as_slice(), content].concat()
}

fn length(length: usize) -> Vec<u8> {
    let bytes = u16::try_from(length).expect("specimens are short").to_be_bytes();
    match length {
        0..=0x7f => vec![bytes[1]],
        0x80..=0xff => vec![0x81, bytes[1]],
        _ => vec![0x82, bytes[0], bytes[1]],
    }
}
