//! From the JSON of a `flow_config` to a [`Flow`], naming every wrong field.

use serde_json::{Map, Value};

use crate::check::CheckKind;
use crate::country;
use crate::error::Refusal;
use crate::flow::{CheckSpec, Countries, DocumentKind, FieldKind, FieldSpec, Flow, FlowDigest, Step, StepKind};
use crate::provider::provider_name;
use crate::validate::{Issues, Object};
use crate::verdict::{OnFail, OnReview};

/// The largest flow as JSON text, in bytes.
pub(crate) const FLOW_LIMIT: usize = 64 * 1024;
const FIELD_LIMIT: usize = 40;
/// The most entries of lists that cannot name anything twice: more than there are names, so that
/// what is wrong with each entry is told.
const NAMES_LIMIT: usize = 50;
const NAME_LIMIT: usize = 40;
const TEXT_LIMIT: usize = 5_000;
const LOCALE_LIMIT: usize = 50;
const DEFAULT_TTL: u64 = 1_800;
const DEFAULT_ATTEMPTS: u64 = 3;
const DEFAULT_MIN_AGE: u64 = 18;
const DEFAULT_MIN_MATCH: u64 = 85;

/// The digest is the caller's to fill in.
pub(crate) fn parse(value: &Value, path: &str) -> Result<Flow, Refusal> {
    if value.to_string().len() > FLOW_LIMIT {
        return Err(Refusal::field(path, "must be at most 64 kB of JSON"));
    }
    let mut issues = Issues::default();
    let mut object = Object::at(value, path, &mut issues);
    let steps = steps(&mut object, &mut issues);
    let checks = checks(&mut object, &steps, &mut issues);
    let max_attempts = object.integer("max_attempts", 1..=10, &mut issues).unwrap_or(DEFAULT_ATTEMPTS);
    let ttl_seconds = object.integer("ttl_seconds", 60..=86_400, &mut issues).unwrap_or(DEFAULT_TTL);
    let theme = free_map(&mut object, "theme", &mut issues);
    let strings = free_map(&mut object, "strings", &mut issues);
    let locales = locales(&mut object, &mut issues);
    object.finish(&mut issues);
    issues.done()?;
    Ok(Flow {
        steps,
        checks,
        max_attempts: u32::try_from(max_attempts).unwrap_or(u32::MAX),
        ttl_seconds: u32::try_from(ttl_seconds).unwrap_or(u32::MAX),
        theme,
        locales,
        strings,
        digest: FlowDigest([0; 32]),
    })
}

fn steps(object: &mut Object<'_>, issues: &mut Issues) -> Vec<Step> {
    let path = object.path_of("steps");
    let list = object.list("steps", NAMES_LIMIT, issues);
    if list.is_none_or(<[Value]>::is_empty) {
        issues.add(&path, "must list at least one step");
    }
    let mut steps: Vec<Step> = Vec::new();
    for (position, value) in list.unwrap_or_default().iter().enumerate() {
        let path = format!("{path}.{position}");
        if let Some(step) = step(value, &path, issues) {
            if steps.iter().any(|other| other.kind() == step.kind()) {
                issues.add(format!("{path}.type"), "appears twice; a flow asks for each kind of step once");
            }
            steps.push(step);
        }
    }
    if let [step] = steps.as_slice()
        && step.kind() == StepKind::Consent
        && list.is_some_and(|list| list.len() == 1)
    {
        issues.add(path, "must ask for more than consent");
    }
    steps
}

fn step(value: &Value, path: &str, issues: &mut Issues) -> Option<Step> {
    let mut object = Object::at(value, path, issues);
    let kind = object.required_with("type", issues, |text| {
        StepKind::parse(text)
            .ok_or_else(|| "must be consent, data_entry, document_upload, selfie or liveness".to_owned())
    })?;
    let step = match kind {
        StepKind::Consent => {
            Step::Consent { text: object.required_with("text", issues, consent_text).unwrap_or_default() }
        }
        StepKind::DataEntry => Step::DataEntry { fields: fields(&mut object, issues) },
        StepKind::DocumentUpload => Step::DocumentUpload {
            documents: documents(&mut object, issues),
            countries: countries(&mut object, issues),
        },
        StepKind::Selfie => Step::Selfie,
        StepKind::Liveness => Step::Liveness,
    };
    object.finish(issues);
    Some(step)
}

fn consent_text(text: &str) -> Result<String, String> {
    let fits = !text.trim().is_empty() && text.chars().count() <= TEXT_LIMIT;
    fits.then(|| text.to_owned()).ok_or_else(|| "must have 1 to 5,000 characters".to_owned())
}

fn fields(object: &mut Object<'_>, issues: &mut Issues) -> Vec<FieldSpec> {
    let path = object.path_of("fields");
    let list = object.list("fields", FIELD_LIMIT, issues);
    if list.is_none_or(<[Value]>::is_empty) {
        issues.add(&path, "must list at least one field");
    }
    let mut fields: Vec<FieldSpec> = Vec::new();
    for (position, value) in list.unwrap_or_default().iter().enumerate() {
        let path = format!("{path}.{position}");
        let mut object = Object::at(value, &path, issues);
        let name = object.required_with("name", issues, field_name);
        let kind = object.required_with("type", issues, |text| {
            FieldKind::parse(text).ok_or_else(|| "must be string, date or country".to_owned())
        });
        let required = object.optional_bool("required", issues).unwrap_or(false);
        object.finish(issues);
        if let (Some(name), Some(kind)) = (name, kind) {
            if fields.iter().any(|field| field.name == name) {
                issues.add(format!("{path}.name"), "appears twice");
            }
            fields.push(FieldSpec { name, kind, required });
        }
    }
    fields
}

fn field_name(text: &str) -> Result<String, String> {
    let plain = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'_';
    let fits = (1..=NAME_LIMIT).contains(&text.len()) && text.bytes().all(plain);
    fits.then(|| text.to_owned())
        .ok_or_else(|| "must have 1 to 40 lower-case letters, digits and underscores".to_owned())
}

fn documents(object: &mut Object<'_>, issues: &mut Issues) -> Vec<DocumentKind> {
    let path = object.path_of("documents");
    let Some(list) = object.list("documents", NAMES_LIMIT, issues) else {
        return DocumentKind::ALL.to_vec();
    };
    let mut kinds = Vec::new();
    for (position, value) in list.iter().enumerate() {
        match value.as_str().and_then(DocumentKind::parse) {
            Some(kind) if !kinds.contains(&kind) => kinds.push(kind),
            Some(_) => issues.add(format!("{path}.{position}"), "appears twice"),
            None => issues.add(format!("{path}.{position}"), "must be passport, id_card or driving_license"),
        }
    }
    if list.is_empty() {
        issues.add(path, "must list at least one kind of document");
    }
    kinds
}

fn countries(object: &mut Object<'_>, issues: &mut Issues) -> Countries {
    let path = object.path_of("countries");
    let Some(list) = object.list("countries", 249, issues) else { return Countries::Any };
    if let [only] = list
        && only.as_str() == Some("*")
    {
        return Countries::Any;
    }
    let mut codes = Vec::new();
    for (position, value) in list.iter().enumerate() {
        match value.as_str().filter(|code| country::is_assigned(code)) {
            Some(code) => codes.push(code.to_owned()),
            None => issues
                .add(format!("{path}.{position}"), "must be a two-letter country code like DE, or the list [\"*\"]"),
        }
    }
    if list.is_empty() {
        issues.add(path, "must list at least one country, or [\"*\"]");
    }
    Countries::Only(codes)
}

/// What is checked where the template does not say.
fn default_checks(steps: &[Step]) -> Vec<CheckSpec> {
    use CheckKind as Kind;
    let has = |kind| steps.iter().any(|step| step.kind() == kind);
    let (typed, document) = (has(StepKind::DataEntry), has(StepKind::DocumentUpload));
    let spec = |(kind, on_fail)| CheckSpec {
        kind,
        on_fail,
        on_review: OnReview::Review,
        min_age: None,
        min_match: None,
        provider: None,
    };
    let of_data = [(Kind::DataCompleteness, OnFail::Fail)].into_iter().filter(|_| typed);
    let of_document = [
        (Kind::ImageQuality, OnFail::Retry),
        (Kind::DocumentMrz, OnFail::Retry),
        (Kind::DocumentBarcode, OnFail::Retry),
        (Kind::DocumentType, OnFail::Retry),
        (Kind::IssuingCountry, OnFail::Fail),
        (Kind::DocumentExpiry, OnFail::Fail),
        (Kind::DocumentConsistency, OnFail::Review),
    ];
    let of_document = of_document.into_iter().filter(|_| document);
    let of_both = [(Kind::DataMatch, OnFail::Review)].into_iter().filter(|_| typed && document);
    of_data.chain(of_document).chain(of_both).map(spec).collect()
}

fn checks(object: &mut Object<'_>, steps: &[Step], issues: &mut Issues) -> Vec<CheckSpec> {
    let path = object.path_of("checks");
    let Some(list) = object.list("checks", NAMES_LIMIT, issues) else { return default_checks(steps) };
    let mut checks: Vec<CheckSpec> = Vec::new();
    for (position, value) in list.iter().enumerate() {
        let path = format!("{path}.{position}");
        if let Some(check) = check(value, &path, issues) {
            if checks.iter().any(|other| other.kind == check.kind) {
                issues.add(format!("{path}.type"), "appears twice");
            }
            checks.push(check);
        }
    }
    checks
}

fn check(value: &Value, path: &str, issues: &mut Issues) -> Option<CheckSpec> {
    let mut object = Object::at(value, path, issues);
    let kind = object.required_with("type", issues, |text| {
        CheckKind::parse(text).ok_or_else(|| {
            let known: Vec<&str> = CheckKind::ALL.iter().map(|kind| kind.as_str()).collect();
            format!("must be a check of this release: {}", known.join(", "))
        })
    });
    let on_fail = object.optional_with("on_fail", issues, |text| {
        OnFail::parse(text).ok_or_else(|| "must be fail, review or retry".to_owned())
    });
    let on_review = object.optional_with("on_review", issues, |text| {
        OnReview::parse(text).ok_or_else(|| "must be review, fail or retry".to_owned())
    });
    let kind = kind?;
    let mut small = |of: CheckKind, name: &'static str, range: std::ops::RangeInclusive<u64>, default: u64| {
        let number = (kind == of).then(|| object.integer(name, range, issues).unwrap_or(default))?;
        u8::try_from(number).ok()
    };
    let min_age = small(CheckKind::Age, "min_age", 1..=120, DEFAULT_MIN_AGE);
    let min_match = small(CheckKind::Watchlist, "min_match", 70..=100, DEFAULT_MIN_MATCH);
    let provider = object.optional_with("provider", issues, provider_name);
    if provider.is_none() && kind.needs_provider() {
        issues.add(format!("{path}.provider"), "is required: vetd has no check of its own for this");
    }
    object.finish(issues);
    Some(CheckSpec {
        provider,
        kind,
        on_fail: on_fail.unwrap_or(OnFail::Fail),
        on_review: on_review.unwrap_or(OnReview::Review),
        min_age,
        min_match,
    })
}

fn locales(object: &mut Object<'_>, issues: &mut Issues) -> Vec<String> {
    let path = object.path_of("locales");
    let Some(list) = object.list("locales", LOCALE_LIMIT, issues) else { return vec!["en".to_owned()] };
    let shaped = |text: &&str| {
        (2..=35).contains(&text.len()) && text.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'-')
    };
    let mut locales = Vec::new();
    for (position, value) in list.iter().enumerate() {
        match value.as_str().filter(shaped) {
            Some(locale) => locales.push(locale.to_owned()),
            None => issues.add(format!("{path}.{position}"), "must be a language tag like en or pt-BR (BCP 47)"),
        }
    }
    if list.is_empty() {
        issues.add(path, "must list at least one language");
    }
    locales
}

fn free_map(object: &mut Object<'_>, name: &str, issues: &mut Issues) -> Map<String, Value> {
    let Some(value) = object.take(name) else { return Map::new() };
    if !has_exact_numbers(value) {
        issues.add(object.path_of(name), "must not hold whole numbers beyond 9007199254740991");
    }
    if let Some(map) = value.as_object() {
        return map.clone();
    }
    issues.add(object.path_of(name), "must be an object");
    Map::new()
}

/// RFC 8785 writes numbers as IEEE 754 doubles: beyond 2^53 two whole numbers would share a form,
/// and two flows a digest.
fn has_exact_numbers(value: &Value) -> bool {
    const EXACT: u64 = (1 << 53) - 1;
    match value {
        Value::Number(number) => {
            let whole = number.as_u64().or_else(|| number.as_i64().map(i64::unsigned_abs));
            whole.is_none_or(|whole| whole <= EXACT)
        }
        Value::Array(list) => list.iter().all(has_exact_numbers),
        Value::Object(map) => map.values().all(has_exact_numbers),
        Value::Null | Value::Bool(_) | Value::String(_) => true,
    }
}
