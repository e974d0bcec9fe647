//! What a person submits for a step.

use std::collections::BTreeMap;

use serde_json::{Value, json};

use crate::error::{ErrorCode, Refusal};
use crate::flow::{DocumentKind, FieldKind, FieldSpec, Flow, Step, StepKind};
use crate::media::MediaKind;
use crate::time::Timestamp;
use crate::validate::{Issues, Object};
use crate::{country, date};

/// The longest typed value, in characters.
pub const VALUE_LIMIT: usize = 200;

/// One accepted step, validated against the step's definition.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Submission {
    /// The person agreed.
    Consent {
        /// When.
        at: Timestamp,
    },
    /// The typed fields by name, trimmed of nothing: as typed.
    DataEntry {
        /// Name to value.
        fields: BTreeMap<String, String>,
    },
    /// The person says which document this is.
    DocumentUpload {
        /// The kind of document.
        document: DocumentKind,
        /// The issuing country, ISO 3166-1 alpha-2.
        country: String,
    },
    /// The person took a picture.
    Selfie,
    /// The person answered the challenge.
    Liveness,
}

impl Submission {
    /// The step that this answers.
    #[must_use]
    pub const fn kind(&self) -> StepKind {
        match self {
            Self::Consent { .. } => StepKind::Consent,
            Self::DataEntry { .. } => StepKind::DataEntry,
            Self::DocumentUpload { .. } => StepKind::DocumentUpload,
            Self::Selfie => StepKind::Selfie,
            Self::Liveness => StepKind::Liveness,
        }
    }

    /// The pictures that must be there before this is accepted.
    #[must_use]
    pub fn pictures(&self, flow: &Flow) -> &'static [MediaKind] {
        match self {
            Self::DocumentUpload { document, .. } => MediaKind::required_of(*document),
            Self::Selfie => &[MediaKind::Selfie],
            Self::Liveness if flow.has_challenges() => &MediaKind::LIVENESS,
            Self::Consent { .. } | Self::DataEntry { .. } | Self::Liveness => &[],
        }
    }

    /// Validates the body of a step against the flow.
    ///
    /// # Errors
    /// `check_not_required` for a step that the flow does not ask for, `validation_error` with
    /// the path of every wrong field.
    pub fn parse(flow: &Flow, kind: StepKind, body: &Value, at: Timestamp) -> Result<Self, Refusal> {
        let step = flow.step(kind).ok_or_else(|| not_required(kind))?;
        let mut issues = Issues::default();
        let mut object = Object::root(body, &mut issues);
        let submission = match step {
            Step::Consent { .. } => {
                if object.required_bool("accepted", &mut issues) == Some(false) {
                    issues.add("accepted", "must be true; to decline, cancel the session");
                }
                Self::Consent { at }
            }
            Step::DataEntry { fields } => {
                let mut entries = object.required_object("fields", &mut issues);
                let fields = typed_fields(fields, &mut entries, &mut issues);
                entries.finish(&mut issues);
                Self::DataEntry { fields }
            }
            Step::DocumentUpload { documents, countries } => {
                let document = object.required_with("document", &mut issues, |text| {
                    DocumentKind::parse(text)
                        .filter(|kind| documents.contains(kind))
                        .ok_or_else(|| "must be one of the documents that the step lists".to_owned())
                });
                let country = object.required_with("country", &mut issues, |text| {
                    (country::is_assigned(text) && countries.admit(text))
                        .then(|| text.to_owned())
                        .ok_or_else(|| "must be the two-letter code of a country that the step lists".to_owned())
                });
                Self::DocumentUpload {
                    document: document.unwrap_or(DocumentKind::Passport),
                    country: country.unwrap_or_default(),
                }
            }
            Step::Selfie => Self::Selfie,
            Step::Liveness => Self::Liveness,
        };
        object.finish(&mut issues);
        issues.done().map(|()| submission)
    }

    /// What the person submitted, as the tenant may read it.
    #[must_use]
    pub fn to_json(&self) -> Value {
        match self {
            Self::Consent { at } => json!({ "accepted": true, "at": at }),
            Self::DataEntry { fields } => json!({ "fields": fields }),
            Self::DocumentUpload { document, country } => {
                json!({ "document": document.as_str(), "country": country })
            }
            Self::Selfie | Self::Liveness => json!({}),
        }
    }
}

/// The refusal of a step that the flow does not ask for.
#[must_use]
pub fn not_required(kind: StepKind) -> Refusal {
    let message = format!("This session's flow has no {} step.", kind.as_str());
    Refusal::new(ErrorCode::CheckNotRequired, message)
}

fn typed_fields(specs: &[FieldSpec], entries: &mut Object<'_>, issues: &mut Issues) -> BTreeMap<String, String> {
    let mut fields = BTreeMap::new();
    for spec in specs {
        let read = |text: &str| typed_value(spec.kind, text).map(|()| text.to_owned());
        let value = if spec.required {
            entries.required_with(&spec.name, issues, read)
        } else {
            entries.optional_with(&spec.name, issues, read)
        };
        if let Some(value) = value {
            fields.insert(spec.name.clone(), value);
        }
    }
    fields
}

fn typed_value(kind: FieldKind, text: &str) -> Result<(), String> {
    let wrong = match kind {
        FieldKind::String if text.chars().count() > VALUE_LIMIT => "must have at most 200 characters",
        FieldKind::String if text.chars().any(char::is_control) => "must not hold control characters",
        FieldKind::Date if date::Date::parse(text).is_none() => "must be a date of the calendar like 1990-04-28",
        FieldKind::Country if !country::is_assigned(text) => "must be a two-letter country code like DE (ISO 3166-1)",
        _ => return Ok(()),
    };
    Err(wrong.to_owned())
}
