//! Test mode: data of a person who does not exist, to walk a session through without a browser.

use crate::flow::{Countries, DocumentKind, FieldKind, FieldSpec, Step};
use crate::submission::Submission;
use crate::time::Timestamp;

/// A submission that the step accepts and the built-in checks pass.
#[must_use]
pub fn submission(step: &Step, at: Timestamp) -> Submission {
    match step {
        Step::Consent { .. } => Submission::Consent { at },
        Step::DataEntry { fields } => {
            let fields = fields.iter().map(|field| (field.name.clone(), value(field).to_owned())).collect();
            Submission::DataEntry { fields }
        }
        Step::DocumentUpload { documents, countries } => {
            let document = documents.first().copied().unwrap_or(DocumentKind::Passport);
            let home = issuer(document);
            let country = match countries {
                Countries::Only(codes) if !countries.admit(home) => codes.first().cloned().unwrap_or_default(),
                _ => home.to_owned(),
            };
            Submission::DocumentUpload { document, country }
        }
        Step::Selfie => Submission::Selfie,
        Step::Liveness => Submission::Liveness,
    }
}

/// The country that the specimen of a kind of document comes from (ISO 3166-1, two letters).
#[must_use]
pub const fn issuer(document: DocumentKind) -> &'static str {
    match document {
        DocumentKind::Passport | DocumentKind::IdCard => "DE",
        DocumentKind::DrivingLicense => "US",
    }
}

fn value(field: &FieldSpec) -> &'static str {
    match (field.kind, field.name.as_str()) {
        (FieldKind::Date, "date_of_expiry") => "2049-12-31",
        (FieldKind::Date, _) => "1974-08-12",
        (FieldKind::Country, _) => "DE",
        (FieldKind::String, "first_name") => "ANNA MARIA",
        (FieldKind::String, "last_name") => "ERIKSSON",
        (FieldKind::String, _) => "SPECIMEN",
    }
}
