//! The person's part of a session, sealed under the session's own secret.

use std::borrow::Cow;
use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use vetd_model::secret::SessionSecret;
use vetd_model::session::Personal;
use vetd_model::submission::Submission;
use vetd_model::{Realm, SessionId, Timestamp};
use zeroize::Zeroizing;

use crate::api::StoreError;
use crate::codec::{self, Blob, Damaged};
use crate::disk::parts::{document_from, document_tag};
use crate::keyring::bound;
use crate::seal::Seal;

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

/// Seals everything but the secret itself.
pub(crate) fn seal(realm: Realm, id: SessionId, personal: &Personal) -> Result<Blob, StoreError> {
    let disk = PersonalV1 {
        metadata: Cow::Borrowed(&personal.metadata),
        redirect_url: personal.redirect_url.as_deref().map(Cow::Borrowed),
        submissions: personal.submissions.values().map(submission_to_disk).collect(),
    };
    let plain = Zeroizing::new(codec::encode(&[1], &disk)?);
    Ok(Blob(Seal::new(&personal.secret.derive(LABEL, 0)).close(&plain, &bound(realm, id))?))
}

/// Opens what [`seal`] made.
pub(crate) fn open(realm: Realm, id: SessionId, secret: SessionSecret, sealed: &Blob) -> Result<Personal, Damaged> {
    let plain = Seal::new(&secret.derive(LABEL, 0)).open(&sealed.0, &bound(realm, id))?;
    let ([1], body) = codec::take::<1>(&plain)? else { return Err(Damaged) };
    let disk: PersonalV1<'static> = codec::decode(body)?;
    let submissions = disk.submissions.into_iter().map(submission_from_disk).collect::<Result<Vec<_>, _>>()?;
    Ok(Personal {
        secret,
        metadata: disk.metadata.into_owned(),
        redirect_url: disk.redirect_url.map(Cow::into_owned),
        submissions: submissions.into_iter().map(|submission| (submission.kind(), submission)).collect(),
    })
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
