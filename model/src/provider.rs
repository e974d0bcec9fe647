//! Providers: services of others that carry out a check. What a tenant sets, what a provider is asked,
//! and what it may answer.

use std::borrow::Cow;
use std::time::Duration;

use serde_json::{Map, Value, json};

use crate::address::WebhookTargets;
use crate::check::{CheckStatus, Details, Finding};
use crate::error::{ErrorCode, Refusal};
use crate::event::API_VERSION;
use crate::id::{CheckId, ProviderId};
use crate::link::Link;
use crate::media::Media;
use crate::realm::{Mode, Realm};
use crate::session::Session;
use crate::signature::WebhookSecret;
use crate::submission::Submission;
use crate::time::Timestamp;
use crate::validate::{Issues, Object};
use crate::verification;
use crate::webhook::PreviousSecret;

/// The most providers of one realm.
pub const PROVIDER_LIMIT: usize = 50;
/// How long a provider has for its answer, in seconds, where the tenant has not said.
const TIMEOUT_DEFAULT: u64 = 10;
/// The longest that it can be given.
const TIMEOUT_LIMIT: u64 = 30;
/// The longest code in an answer, in characters.
const CODE_LIMIT: usize = 64;
/// The longest message in an answer, in characters.
const MESSAGE_LIMIT: usize = 500;
/// The largest details in an answer, in bytes of JSON.
const DETAILS_LIMIT: usize = 4 * 1024;

/// Where checks are handed to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Provider {
    /// Names it for good.
    pub id: ProviderId,
    /// Whose it is.
    pub realm: Realm,
    /// What flows call it; unique in its realm.
    pub name: String,
    /// Where it is asked.
    pub url: String,
    /// How long it has for its answer, in seconds.
    pub timeout: u8,
    /// What it is told of the person.
    pub receives: Receives,
    /// Signs what it is asked.
    pub secret: WebhookSecret,
    /// The secret before, until it ends.
    pub previous_secret: Option<PreviousSecret>,
    /// When it was made.
    pub created: Timestamp,
    /// When it last changed.
    pub updated: Timestamp,
}

/// What a provider is told of the person; nothing beyond that leaves the house.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Receives {
    /// Links to the pictures.
    pub media: bool,
    /// The resolved fields.
    pub fields: bool,
}

impl Receives {
    const ALL: Self = Self { media: true, fields: true };

    fn names(self) -> Vec<&'static str> {
        [(self.media, "media"), (self.fields, "fields")].iter().filter(|(on, _)| *on).map(|(_, name)| *name).collect()
    }
}

impl Provider {
    /// The provider as the tenant reads it; the secret is not in it.
    #[must_use]
    pub fn to_json(&self) -> Value {
        json!({
            "id": self.id, "object": "provider", "livemode": self.realm.mode.is_live(), "name": self.name,
            "url": self.url, "timeout_seconds": self.timeout, "receives": self.receives.names(),
            "created": self.created, "updated": self.updated,
        })
    }

    /// The secrets that sign a request at `now`, the newest first.
    pub fn secrets_at(&self, now: Timestamp) -> impl Iterator<Item = &WebhookSecret> {
        let previous = self.previous_secret.iter().filter(move |previous| now < previous.until);
        std::iter::once(&self.secret).chain(previous.map(|previous| &previous.secret))
    }

    /// The provider with a new secret; the one before signs beside it for `overlap`.
    #[must_use]
    pub fn rotated(&self, secret: WebhookSecret, overlap: Duration, at: Timestamp) -> Self {
        let previous = PreviousSecret { secret: self.secret.clone(), until: at.after(overlap) };
        let previous_secret = Some(previous).filter(|_| !overlap.is_zero());
        Self { secret, previous_secret, updated: at.max(self.updated), ..self.clone() }
    }

    /// What the provider is asked for the check with this result: the body of the request. `None` if
    /// the session has no such result, or its person's data is gone.
    #[must_use]
    pub fn request(
        &self,
        session: &Session,
        check: CheckId,
        link: impl Fn(&Media) -> Link,
        callback: &Link,
        at: Timestamp,
    ) -> Option<Value> {
        let personal = session.personal.as_ref()?;
        let kind = session.checks.iter().find(|result| result.id == check)?.kind;
        let document = personal.submissions.values().find_map(|submission| match submission {
            Submission::DocumentUpload { document, country } => {
                Some(json!({ "type": document.as_str(), "country": country }))
            }
            _ => None,
        });
        let media: Vec<Value> =
            session.pictures_of_run().map(|media| verification::media_json(media, &link(media))).collect();
        Some(json!({
            "id": check, "object": "provider_request", "api_version": API_VERSION, "type": kind, "created": at,
            "livemode": session.realm.mode.is_live(), "session_id": session.id,
            "verification_id": session.id.verification(), "template_slug": session.template.slug,
            "attempt": session.attempts, "document": document,
            "media": if self.receives.media { json!(media) } else { json!([]) },
            "fields": if self.receives.fields { verification::fields_json(session) } else { json!({}) },
            "callback_url": callback.url, "callback_expires_at": callback.expires_at,
        }))
    }
}

/// What a tenant sets on a provider; absent fields stay as they are.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct ProviderChange {
    /// What flows call it.
    pub name: Option<String>,
    /// Where it is asked.
    pub url: Option<String>,
    /// How long it has for its answer, in seconds.
    pub timeout: Option<u8>,
    /// What it is told of the person.
    pub receives: Option<Receives>,
}

impl ProviderChange {
    /// Validates a `POST` or `PATCH` body.
    ///
    /// # Errors
    /// `validation_error` with the path of every wrong field.
    pub fn parse(body: &Value, mode: Mode, targets: &WebhookTargets) -> Result<Self, Refusal> {
        let mut issues = Issues::default();
        let mut object = Object::root(body, &mut issues);
        let name = object.optional_with("name", &mut issues, provider_name);
        let url = object.optional_with("url", &mut issues, |text| targets.url(text, mode).map(String::from));
        let timeout = object.integer("timeout_seconds", 1..=TIMEOUT_LIMIT, &mut issues);
        let receives = object.list("receives", 2, &mut issues).map(|list| receives(list, &mut issues));
        object.finish(&mut issues);
        let timeout = timeout.and_then(|seconds| u8::try_from(seconds).ok());
        issues.done().map(|()| Self { name, url, timeout, receives })
    }

    /// The provider that a `POST` makes.
    ///
    /// # Errors
    /// `validation_error` if `name` or `url` is missing.
    pub fn build(
        self,
        id: ProviderId,
        realm: Realm,
        secret: WebhookSecret,
        at: Timestamp,
    ) -> Result<Provider, Refusal> {
        Ok(Provider {
            id,
            realm,
            name: self.name.ok_or_else(|| Refusal::field("name", "is required"))?,
            url: self.url.ok_or_else(|| Refusal::field("url", "is required"))?,
            timeout: self.timeout.unwrap_or(TIMEOUT_DEFAULT as u8),
            receives: self.receives.unwrap_or(Receives::ALL),
            secret,
            previous_secret: None,
            created: at,
            updated: at,
        })
    }

    /// The provider after a `PATCH`.
    #[must_use]
    pub fn apply(self, provider: &Provider, at: Timestamp) -> Provider {
        let before = provider.clone();
        Provider {
            name: self.name.unwrap_or(before.name),
            url: self.url.unwrap_or(before.url),
            timeout: self.timeout.unwrap_or(before.timeout),
            receives: self.receives.unwrap_or(before.receives),
            updated: at.max(before.updated),
            ..before
        }
    }
}

/// Reads the name of a provider: what flows call it.
///
/// # Errors
/// What it must be, for the caller.
pub fn provider_name(text: &str) -> Result<String, String> {
    let plain = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || matches!(byte, b'_' | b'-');
    let fits = (1..=40).contains(&text.len()) && text.bytes().all(plain);
    fits.then(|| text.to_owned())
        .ok_or_else(|| "must have 1 to 40 lower-case letters, digits, hyphens and underscores".to_owned())
}

fn receives(list: &[Value], issues: &mut Issues) -> Receives {
    let mut receives = Receives { media: false, fields: false };
    for (position, value) in list.iter().enumerate() {
        match value.as_str() {
            Some("media") => receives.media = true,
            Some("fields") => receives.fields = true,
            _ => issues.add(format!("receives.{position}"), "must be media or fields"),
        }
    }
    receives
}

/// Reads a provider's answer. Its words are kept with the person's data, since they may tell of the
/// person; what the session and its events show is the code alone.
///
/// # Errors
/// `validation_error` with the path of every wrong field.
pub fn parse_answer(body: &Value, provider: &str) -> Result<Finding, Refusal> {
    let mut issues = Issues::default();
    let mut object = Object::root(body, &mut issues);
    let status = object.required_with("status", &mut issues, |text| match text {
        "passed" => Ok(CheckStatus::Passed),
        "failed" => Ok(CheckStatus::Failed),
        "needs_review" => Ok(CheckStatus::NeedsReview),
        _ => Err("must be passed, failed or needs_review".to_owned()),
    });
    let code = object.optional_with("code", &mut issues, code);
    if code.is_none() && matches!(status, Some(CheckStatus::Failed | CheckStatus::NeedsReview)) {
        issues.add("code", "is required unless the status is passed");
    }
    let words = object.optional_with("message", &mut issues, |text| {
        let fits = text.chars().count() <= MESSAGE_LIMIT;
        fits.then(|| text.to_owned()).ok_or_else(|| "must have at most 500 characters".to_owned())
    });
    let score = object.take("score").filter(|value| !value.is_null()).map(|value| thousandths(value, &mut issues));
    let said = object.take("details").filter(|value| !value.is_null()).map(|value| free_details(value, &mut issues));
    object.finish(&mut issues);
    issues.done()?;
    let status = status.ok_or_else(|| Refusal::field("status", "is required"))?;
    let mut details = Details::from([(Cow::Borrowed("provider"), Value::from(provider))]);
    details.extend(words.map(|words| (Cow::Borrowed("message"), Value::from(words))));
    details.extend(said.map(|said| (Cow::Borrowed("answer"), Value::from(said))));
    Ok(Finding {
        status,
        code: code.filter(|_| status != CheckStatus::Passed).map(Cow::Owned),
        message: match status {
            CheckStatus::Passed => None,
            CheckStatus::Failed => Some(Cow::Borrowed("The provider's check did not pass.")),
            _ => Some(Cow::Borrowed("The provider cannot say for sure; a person must look.")),
        },
        score: score.flatten(),
        details,
    })
}

fn code(text: &str) -> Result<String, String> {
    let plain = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'_';
    let fits = (1..=CODE_LIMIT).contains(&text.len()) && text.bytes().all(plain);
    fits.then(|| text.to_owned())
        .ok_or_else(|| "must have 1 to 64 lower-case letters, digits and underscores".to_owned())
}

fn thousandths(value: &Value, issues: &mut Issues) -> Option<u16> {
    let score = value.as_f64().filter(|score| (0.0..=1.0).contains(score));
    if score.is_none() {
        issues.add("score", "must be a number from 0 to 1");
    }
    score.map(|score| (score * 1000.0).round() as u16)
}

fn free_details(value: &Value, issues: &mut Issues) -> Map<String, Value> {
    match value.as_object() {
        Some(map) if value.to_string().len() <= DETAILS_LIMIT => map.clone(),
        _ => {
            issues.add("details", "must be an object of at most 4,096 bytes");
            Map::new()
        }
    }
}

/// Why a provider has no finding to give.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum NoAnswer {
    /// No provider of the workspace and mode has the name that the flow uses.
    Unknown,
    /// It could not be reached, or said that it cannot answer now, again and again.
    Unavailable,
    /// It does not take the request; the HTTP status that it answered.
    Refused(u16),
    /// What it answered is not an answer.
    Unreadable,
    /// Test mode: the session was walked through in one step, which asks nobody.
    NotAsked,
}

impl NoAnswer {
    /// What it means for the check: a person must look.
    #[must_use]
    pub fn finding(self, provider: &str) -> Finding {
        let finding = match self {
            Self::Unknown => Finding::needs_review("provider_unknown", "The flow names a provider that is not there."),
            Self::Unavailable => Finding::needs_review("provider_unavailable", "The provider could not be reached."),
            Self::Refused(_) => Finding::needs_review("provider_refused", "The provider did not take the request."),
            Self::Unreadable => Finding::needs_review("provider_unreadable", "The provider's answer makes no sense."),
            Self::NotAsked => Finding::needs_review("provider_not_asked", "A simulated session asks no provider."),
        };
        let finding = finding.with("provider", provider);
        match self {
            Self::Refused(status) => finding.with("http_status", status),
            _ => finding,
        }
    }
}

/// That a name is taken.
#[must_use]
pub fn taken() -> Refusal {
    Refusal::field("name", "is the name of another provider of this workspace and mode")
}

/// That a realm has as many as it can.
#[must_use]
pub fn too_many() -> Refusal {
    let message = "The workspace has 50 providers in this mode, the most it can.";
    Refusal::new(ErrorCode::InvalidState, message)
}
