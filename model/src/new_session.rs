//! `POST /v1/sessions`: from the body to a session in its first state.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use serde_json::Value;
use url::Url;

use crate::address::is_loopback;
use crate::decide::Transition;
use crate::error::Refusal;
use crate::event::{Chain, Event, EventKind};
use crate::flow::Flow;
use crate::id::{SessionId, TemplateId};
use crate::realm::{Mode, Realm};
use crate::secret::SessionSecret;
use crate::session::{Personal, Session, State, TemplateRef};
use crate::test_outcome::TestOutcome;
use crate::time::Timestamp;
use crate::validate::{Issues, Object};

/// The most metadata entries.
pub const METADATA_LIMIT: usize = 50;
/// The longest metadata key, in characters.
pub const KEY_LIMIT: usize = 40;
/// The longest metadata value, in characters.
pub const VALUE_LIMIT: usize = 500;
/// The longest redirect address, in characters.
const URL_LIMIT: usize = 2_000;

/// Which template a session is made from.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub enum TemplateChoice {
    /// This one.
    Id(TemplateId),
    /// The one with this slug.
    Slug(String),
    /// The default of the workspace and mode.
    Default,
}

/// A validated request for a session.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NewSession {
    /// Which template.
    pub template: TemplateChoice,
    /// The tenant's own labels.
    pub metadata: BTreeMap<String, String>,
    /// Where the person goes afterwards.
    pub redirect_url: Option<String>,
    /// The time to live in seconds, 60 to 86,400; the flow's if absent.
    pub expires_in: Option<u32>,
    /// In test mode: what the checks will say.
    pub test_outcome: Option<TestOutcome>,
}

impl NewSession {
    /// Validates the body of a request made in `mode`.
    ///
    /// # Errors
    /// `validation_error` with the path of every wrong field.
    pub fn parse(body: &Value, mode: Mode) -> Result<Self, Refusal> {
        let mut issues = Issues::default();
        let mut object = Object::root(body, &mut issues);
        let id = object.optional_with("template_id", &mut issues, |text| {
            text.parse::<TemplateId>().map_err(|error| error.to_string())
        });
        let slug = object.optional_with("template_slug", &mut issues, |text| Ok(text.to_owned()));
        let template = match (id, slug) {
            (Some(_), Some(_)) => {
                issues.add("template_slug", "must be absent when template_id is given");
                TemplateChoice::Default
            }
            (Some(id), None) => TemplateChoice::Id(id),
            (None, Some(slug)) => TemplateChoice::Slug(slug),
            (None, None) => TemplateChoice::Default,
        };
        let metadata = object.take("metadata").map(|value| metadata(value, &mut issues)).unwrap_or_default();
        let redirect_url = object.optional_with("redirect_url", &mut issues, |text| redirect_url(text, mode));
        let expires_in = object.integer("expires_in", 60..=86_400, &mut issues).and_then(|n| u32::try_from(n).ok());
        let test_outcome = object.optional_with("test_outcome", &mut issues, |text| {
            if mode.is_live() { Err("is for test keys only".to_owned()) } else { TestOutcome::parse(text) }
        });
        object.finish(&mut issues);
        issues.done().map(|()| Self { template, metadata, redirect_url, expires_in, test_outcome })
    }

    /// The session in its first state, with its first event.
    ///
    /// # Errors
    /// `validation_error` if `test_outcome` does not fit the flow.
    pub fn build(self, birth: Birth, template: TemplateRef, flow: Arc<Flow>) -> Result<Transition, Refusal> {
        if let Some(outcome) = &self.test_outcome {
            outcome.fits(&flow).map_err(|message| Refusal::field("test_outcome", message))?;
        }
        let ttl = Duration::from_secs(u64::from(self.expires_in.unwrap_or(flow.ttl_seconds())));
        let mut session = Session {
            id: birth.id,
            realm: birth.realm,
            template,
            flow,
            created: birth.at,
            updated: birth.at,
            expires_at: birth.at.floor_second().after(ttl),
            attempts: 0,
            last_error: None,
            test_outcome: self.test_outcome,
            chain: Chain::default(),
            checks: Vec::new(),
            personal: Some(Box::new(Personal::new(birth.secret, self.metadata, self.redirect_url))),
            review: None,
            redaction: None,
            state: State::Created,
        };
        let event = Event::append(&mut session, EventKind::Created, birth.at);
        Ok(Transition { events: vec![event], ..Transition::quiet(session, birth.at) })
    }
}

/// What a session is born with that no rule can make up.
#[derive(Debug)]
pub struct Birth {
    /// Its identifier.
    pub id: SessionId,
    /// Whose it is.
    pub realm: Realm,
    /// Its secret.
    pub secret: SessionSecret,
    /// The time.
    pub at: Timestamp,
}

fn metadata(value: &Value, issues: &mut Issues) -> BTreeMap<String, String> {
    let Some(map) = value.as_object() else {
        issues.add("metadata", "must be an object of strings");
        return BTreeMap::new();
    };
    if map.len() > METADATA_LIMIT {
        issues.add("metadata", "must have at most 50 keys");
        return BTreeMap::new();
    }
    let mut metadata = BTreeMap::new();
    for (key, value) in map {
        let path = || format!("metadata.{}", key.chars().take(KEY_LIMIT).collect::<String>());
        if key.is_empty() || key.chars().count() > KEY_LIMIT {
            issues.add(path(), "must have a key of 1 to 40 characters");
        }
        match value.as_str() {
            Some(text) if text.chars().count() <= VALUE_LIMIT => {
                metadata.insert(key.clone(), text.to_owned());
            }
            Some(_) => issues.add(path(), "must have at most 500 characters"),
            None => issues.add(path(), "must be a string"),
        }
    }
    metadata
}

fn redirect_url(text: &str, mode: Mode) -> Result<String, String> {
    let url = Url::parse(text).map_err(|_| "must be an absolute https URL")?;
    let on_loopback = || url.host().is_some_and(|host| is_loopback(&host));
    let plain_http = url.scheme() == "http" && (mode == Mode::Test || on_loopback());
    if url.host().is_none() || !(url.scheme() == "https" || plain_http) {
        return Err("must be an https URL; http is for loopback hosts and test mode".to_owned());
    }
    if text.chars().count() > URL_LIMIT {
        return Err("must have at most 2,000 characters".to_owned());
    }
    if text.chars().any(|letter| letter.is_control() || letter.is_whitespace()) {
        return Err("must not hold spaces or control characters".to_owned());
    }
    Ok(text.to_owned())
}
