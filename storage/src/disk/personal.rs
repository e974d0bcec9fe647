//! The person's part of a session, sealed under the session's own secret.

use std::borrow::Cow;
use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use vetd_model::check::Details;
use vetd_model::chip::{Certified, Chip, Integrity, Revocation};
use vetd_model::event::Hash;
use vetd_model::field::{Candidate, Field};
use vetd_model::media::{Media, MrzText, Quality, Reading};
use vetd_model::secret::SessionSecret;
use vetd_model::session::Personal;
use vetd_model::submission::Submission;
use vetd_model::{MediaId, Realm, Session, SessionId, Timestamp};
use zeroize::Zeroizing;

use crate::api::StoreError;
use crate::codec::{self, Blob, Damaged};
use crate::disk::parts::{
    document_from, document_tag, flaw_from, flaw_tag, media_from, media_tag, source_from, source_tag,
};
use crate::keyring::bound;
use crate::seal::Seal;

const VERSION_1: u8 = 1;
/// As version 1, then an [`EvidenceV2`].
const VERSION_2: u8 = 2;
/// As version 2, then a [`ChipV3`]; written where there is a chip.
const VERSION_3: u8 = 3;
/// The label of the key that seals the record's personal part.
const LABEL: &str = "record seal";

#[derive(Serialize, Deserialize)]
struct PersonalV1<'a> {
    metadata: Cow<'a, BTreeMap<String, String>>,
    redirect_url: Option<Cow<'a, str>>,
    submissions: Vec<SubmissionV1<'a>>,
}

#[derive(Serialize, Deserialize)]
enum SubmissionV1<'a> {
    Consent { at: u64 },
    DataEntry { fields: Cow<'a, BTreeMap<String, String>> },
    DocumentUpload { document: u8, country: Cow<'a, str> },
    Selfie,
    Liveness,
}

/// What a session holds once pictures are taken in, checks have ended or a reviewer has decided.
#[derive(Default, Serialize, Deserialize)]
struct EvidenceV2<'a> {
    media: Vec<MediaV2<'a>>,
    uploads: u32,
    fields: Vec<FieldV2<'a>>,
    /// The details of each check result, in their order, as JSON.
    details: Vec<Cow<'a, str>>,
    review_reason: Option<Cow<'a, str>>,
}

#[derive(Serialize, Deserialize)]
struct MediaV2<'a> {
    id: [u8; 16],
    kind: u8,
    size: u32,
    sha256: [u8; 32],
    at: u64,
    attempt: u32,
    quality: QualityV2,
    mrz: Option<MrzV2<'a>>,
    barcode: Option<Cow<'a, str>>,
}

#[derive(Serialize, Deserialize)]
struct QualityV2 {
    width: u32,
    height: u32,
    sharpness: u32,
    glare: u16,
    brightness: u8,
    flaw: Option<u8>,
}

#[derive(Serialize, Deserialize)]
struct MrzV2<'a> {
    lines: Cow<'a, [String]>,
    confidence: u16,
    proven: bool,
}

#[derive(Serialize, Deserialize)]
struct FieldV2<'a> {
    name: Cow<'a, str>,
    /// The one that counts, then those that disagree.
    said: Vec<CandidateV2<'a>>,
}

#[derive(Serialize, Deserialize)]
struct CandidateV2<'a> {
    value: Cow<'a, str>,
    source: u8,
    confidence: u16,
}

/// What the chip of a document said.
#[derive(Serialize, Deserialize)]
struct ChipV3<'a> {
    at: u64,
    lines: Cow<'a, [String]>,
    groups: Cow<'a, [u8]>,
    integrity: u8,
    /// The data group that is not the one that was signed; 0 for none.
    altered: u8,
    signer: CertifiedV3<'a>,
    anchor: Option<CertifiedV3<'a>>,
    revocation: u8,
    next_update: Option<u64>,
}

#[derive(Serialize, Deserialize)]
struct CertifiedV3<'a> {
    country: Cow<'a, str>,
    sha256: [u8; 32],
    not_before: u64,
    not_after: u64,
    may_sign: bool,
}

/// What was sealed, opened.
pub(crate) struct Opened {
    pub personal: Personal,
    /// The details of each check result, in their order.
    pub details: Vec<Details>,
}

/// What a session's secret seals the personal part of its record with.
pub(crate) fn seal_of(secret: &SessionSecret) -> Seal {
    Seal::new(&secret.derive(LABEL, 0))
}

/// Seals everything but the secret itself.
pub(crate) fn seal(session: &Session, personal: &Personal) -> Result<Blob, StoreError> {
    let disk = PersonalV1 {
        metadata: Cow::Borrowed(&personal.metadata),
        redirect_url: personal.redirect_url.as_deref().map(Cow::Borrowed),
        submissions: personal.submissions.values().map(submission_to_disk).collect(),
    };
    let details = session.checks.iter().map(|check| details_to_disk(&check.finding.details));
    let evidence = EvidenceV2 {
        media: personal.media.iter().map(media_to_disk).collect(),
        uploads: personal.uploads,
        fields: personal.fields.iter().map(|(name, field)| field_to_disk(name, field)).collect(),
        details: details.collect(),
        review_reason: personal.review_reason.as_deref().map(Cow::Borrowed),
    };
    let plain = Zeroizing::new(match personal.chip.as_deref() {
        None => codec::encode(&[VERSION_2], &(disk, evidence))?,
        Some(chip) => codec::encode(&[VERSION_3], &(disk, evidence, chip_to_disk(chip)))?,
    });
    Ok(Blob(seal_of(&personal.secret).close(&plain, &bound(session.realm, session.id))?))
}

/// Opens what [`seal`] made.
pub(crate) fn open(realm: Realm, id: SessionId, secret: SessionSecret, sealed: &Blob) -> Result<Opened, Damaged> {
    let plain = seal_of(&secret).open(&sealed.0, &bound(realm, id))?;
    let ([version], body) = codec::take::<1>(&plain)?;
    let (disk, evidence, chip): (PersonalV1<'static>, EvidenceV2<'static>, Option<ChipV3<'static>>) = match version {
        VERSION_1 => (codec::decode(body)?, EvidenceV2::default(), None),
        VERSION_2 => codec::decode(body).map(|(disk, evidence)| (disk, evidence, None))?,
        VERSION_3 => codec::decode(body).map(|(disk, evidence, chip)| (disk, evidence, Some(chip)))?,
        _ => return Err(Damaged),
    };
    let submissions = disk.submissions.into_iter().map(submission_from_disk).collect::<Result<Vec<_>, _>>()?;
    let personal = Personal {
        secret,
        metadata: disk.metadata.into_owned(),
        redirect_url: disk.redirect_url.map(Cow::into_owned),
        submissions: submissions.into_iter().map(|submission| (submission.kind(), submission)).collect(),
        media: evidence.media.into_iter().map(media_from_disk).collect::<Result<_, _>>()?,
        chip: chip.map(chip_from_disk).transpose()?.map(Box::new),
        uploads: evidence.uploads,
        fields: evidence.fields.into_iter().map(field_from_disk).collect::<Result<_, _>>()?,
        review_reason: evidence.review_reason.map(Cow::into_owned),
    };
    let details = evidence.details.iter().map(|text| details_from_disk(text)).collect::<Result<_, _>>()?;
    Ok(Opened { personal, details })
}

/// Most findings have none, and then nothing is written.
fn details_to_disk(details: &Details) -> Cow<'_, str> {
    if details.is_empty() {
        return Cow::Borrowed("");
    }
    Cow::Owned(serde_json::to_string(details).unwrap_or_default())
}

fn details_from_disk(text: &str) -> Result<Details, Damaged> {
    if text.is_empty() { Ok(Details::new()) } else { serde_json::from_str(text).map_err(|_| Damaged) }
}

fn media_to_disk(media: &Media) -> MediaV2<'_> {
    let Reading { quality, mrz, barcode } = &media.reading;
    MediaV2 {
        id: *media.id.bytes(),
        kind: media_tag(media.kind),
        size: media.size,
        sha256: media.sha256.0,
        at: media.at.millis(),
        attempt: media.attempt,
        quality: QualityV2 {
            width: quality.width,
            height: quality.height,
            sharpness: quality.sharpness,
            glare: quality.glare,
            brightness: quality.brightness,
            flaw: quality.flaw.map(flaw_tag),
        },
        mrz: mrz.as_ref().map(|mrz| MrzV2 {
            lines: Cow::Borrowed(&mrz.lines),
            confidence: mrz.confidence,
            proven: mrz.proven,
        }),
        barcode: barcode.as_deref().map(Cow::Borrowed),
    }
}

fn media_from_disk(disk: MediaV2<'_>) -> Result<Media, Damaged> {
    let QualityV2 { width, height, sharpness, glare, brightness, flaw } = disk.quality;
    let flaw = flaw.map(flaw_from).transpose()?;
    Ok(Media {
        id: MediaId::from_bytes(disk.id),
        kind: media_from(disk.kind)?,
        size: disk.size,
        sha256: Hash(disk.sha256),
        at: Timestamp::from_millis(disk.at),
        attempt: disk.attempt,
        reading: Reading {
            quality: Quality { width, height, sharpness, glare, brightness, flaw },
            mrz: disk.mrz.map(|mrz| MrzText {
                lines: mrz.lines.into_owned(),
                confidence: mrz.confidence,
                proven: mrz.proven,
            }),
            barcode: disk.barcode.map(Cow::into_owned),
        },
    })
}

fn chip_to_disk(chip: &Chip) -> ChipV3<'_> {
    let (integrity, altered) = match chip.integrity {
        Integrity::Intact => (0, 0),
        Integrity::Altered(group) => (1, group),
        Integrity::SignatureInvalid => (2, 0),
        Integrity::Unsupported => (3, 0),
    };
    let (revocation, next_update) = match chip.revocation {
        Revocation::NoList => (0, None),
        Revocation::NotListed { next_update } => (1, next_update.map(Timestamp::seconds)),
        Revocation::Listed => (2, None),
    };
    ChipV3 {
        at: chip.at.millis(),
        lines: Cow::Borrowed(&chip.lines),
        groups: Cow::Borrowed(&chip.groups),
        integrity,
        altered,
        signer: certified_to_disk(&chip.signer),
        anchor: chip.anchor.as_ref().map(certified_to_disk),
        revocation,
        next_update,
    }
}

fn certified_to_disk(certified: &Certified) -> CertifiedV3<'_> {
    CertifiedV3 {
        country: Cow::Borrowed(&certified.country),
        sha256: certified.sha256.0,
        not_before: certified.not_before.seconds(),
        not_after: certified.not_after.seconds(),
        may_sign: certified.may_sign,
    }
}

fn chip_from_disk(disk: ChipV3<'_>) -> Result<Chip, Damaged> {
    Ok(Chip {
        at: Timestamp::from_millis(disk.at),
        lines: disk.lines.into_owned(),
        groups: disk.groups.into_owned(),
        integrity: match (disk.integrity, disk.altered) {
            (0, _) => Integrity::Intact,
            (1, group) => Integrity::Altered(group),
            (2, _) => Integrity::SignatureInvalid,
            (3, _) => Integrity::Unsupported,
            _ => return Err(Damaged),
        },
        signer: certified_from_disk(disk.signer),
        anchor: disk.anchor.map(certified_from_disk),
        revocation: match disk.revocation {
            0 => Revocation::NoList,
            1 => Revocation::NotListed { next_update: disk.next_update.map(Timestamp::from_seconds) },
            2 => Revocation::Listed,
            _ => return Err(Damaged),
        },
    })
}

fn certified_from_disk(disk: CertifiedV3<'_>) -> Certified {
    Certified {
        country: disk.country.into_owned(),
        sha256: Hash(disk.sha256),
        not_before: Timestamp::from_seconds(disk.not_before),
        not_after: Timestamp::from_seconds(disk.not_after),
        may_sign: disk.may_sign,
    }
}

fn field_to_disk<'a>(name: &'a str, field: &'a Field) -> FieldV2<'a> {
    let said = std::iter::once(&field.chosen).chain(&field.disagreeing);
    let said = said.map(|candidate| CandidateV2 {
        value: Cow::Borrowed(&candidate.value),
        source: source_tag(candidate.source),
        confidence: candidate.confidence,
    });
    FieldV2 { name: Cow::Borrowed(name), said: said.collect() }
}

fn field_from_disk(disk: FieldV2<'_>) -> Result<(String, Field), Damaged> {
    let said = disk.said.into_iter().map(|candidate| {
        Ok(Candidate {
            value: candidate.value.into_owned(),
            source: source_from(candidate.source)?,
            confidence: candidate.confidence,
        })
    });
    let mut said = said.collect::<Result<Vec<_>, Damaged>>()?.into_iter();
    let chosen = said.next().ok_or(Damaged)?;
    Ok((disk.name.into_owned(), Field { chosen, disagreeing: said.collect() }))
}

fn submission_to_disk(submission: &Submission) -> SubmissionV1<'_> {
    match submission {
        Submission::Consent { at } => SubmissionV1::Consent { at: at.millis() },
        Submission::DataEntry { fields } => SubmissionV1::DataEntry { fields: Cow::Borrowed(fields) },
        Submission::DocumentUpload { document, country } => {
            SubmissionV1::DocumentUpload { document: document_tag(*document), country: Cow::Borrowed(country) }
        }
        Submission::Selfie => SubmissionV1::Selfie,
        Submission::Liveness => SubmissionV1::Liveness,
    }
}

fn submission_from_disk(disk: SubmissionV1<'_>) -> Result<Submission, Damaged> {
    Ok(match disk {
        SubmissionV1::Consent { at } => Submission::Consent { at: Timestamp::from_millis(at) },
        SubmissionV1::DataEntry { fields } => Submission::DataEntry { fields: fields.into_owned() },
        SubmissionV1::DocumentUpload { document, country } => {
            Submission::DocumentUpload { document: document_from(document)?, country: country.into_owned() }
        }
        SubmissionV1::Selfie => Submission::Selfie,
        SubmissionV1::Liveness => Submission::Liveness,
    })
}
