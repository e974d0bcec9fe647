//! Templates: a draft that is edited, and immutable versions that are published from it.

use std::sync::Arc;

use serde_json::{Value, json};

use crate::error::{ErrorCode, Refusal};
use crate::flow::Flow;
use crate::id::TemplateId;
use crate::realm::Realm;
use crate::scaffold;
use crate::time::Timestamp;
use crate::validate::{Issues, Object};

/// The longest name, in characters.
pub const NAME_LIMIT: usize = 100;
/// The longest slug, in characters.
pub const SLUG_LIMIT: usize = 60;
/// The most versions of one template.
pub const VERSION_LIMIT: u32 = 10_000;

/// A template with its draft.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Template {
    /// Names it for good.
    pub id: TemplateId,
    /// Whose it is.
    pub realm: Realm,
    /// For people.
    pub name: String,
    /// For programs; unique in its realm.
    pub slug: String,
    /// What the next publish will freeze.
    pub draft: Arc<Flow>,
    /// The highest version number given so far; 0 before the first publish.
    pub latest_version: u32,
    /// The version that new sessions take.
    pub published_version: Option<u32>,
    /// When it was archived; an archived template serves no new session and is not edited.
    pub archived_at: Option<Timestamp>,
    /// When it was made.
    pub created: Timestamp,
    /// When it last changed.
    pub updated: Timestamp,
}

/// One frozen version.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TemplateVersion {
    /// Of which template.
    pub template: TemplateId,
    /// 1, 2, 3 …
    pub number: u32,
    /// The flow of sessions made from it.
    pub flow: Arc<Flow>,
    /// When it was published.
    pub created: Timestamp,
}

/// A validated `POST /v1/templates`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NewTemplate {
    /// For people.
    pub name: String,
    /// For programs.
    pub slug: String,
    /// The first draft.
    pub flow: Flow,
}

impl NewTemplate {
    /// Validates the body.
    ///
    /// # Errors
    /// `validation_error` with the path of every wrong field.
    pub fn parse(body: &Value) -> Result<Self, Refusal> {
        let mut issues = Issues::default();
        let mut object = Object::root(body, &mut issues);
        let name = object.required_with("name", &mut issues, name);
        let slug = object.required_with("slug", &mut issues, slug);
        let flow = object.take("flow_config");
        let flow = match flow {
            Some(value) => issues.absorb(Flow::parse(value, "flow_config")),
            None => {
                issues.add("flow_config", "is required");
                None
            }
        };
        object.finish(&mut issues);
        issues.done()?;
        match (name, slug, flow) {
            (Some(name), Some(slug), Some(flow)) => Ok(Self { name, slug, flow }),
            _ => Err(Refusal::field("", "must hold name, slug and flow_config")),
        }
    }

    /// The template in its first state.
    #[must_use]
    pub fn build(self, id: TemplateId, realm: Realm, at: Timestamp) -> Template {
        Template {
            id,
            realm,
            name: self.name,
            slug: self.slug,
            draft: Arc::new(self.flow),
            latest_version: 0,
            published_version: None,
            archived_at: None,
            created: at,
            updated: at,
        }
    }
}

/// A validated `PATCH /v1/templates/{id}`.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct TemplatePatch {
    /// A new name.
    pub name: Option<String>,
    /// A new slug.
    pub slug: Option<String>,
    /// A new draft.
    pub flow: Option<Flow>,
}

impl TemplatePatch {
    /// Validates the body.
    ///
    /// # Errors
    /// `validation_error` with the path of every wrong field.
    pub fn parse(body: &Value) -> Result<Self, Refusal> {
        let mut issues = Issues::default();
        let mut object = Object::root(body, &mut issues);
        let name = object.optional_with("name", &mut issues, name);
        let slug = object.optional_with("slug", &mut issues, slug);
        let flow = object.take("flow_config");
        let flow = flow.and_then(|value| issues.absorb(Flow::parse(value, "flow_config")));
        object.finish(&mut issues);
        issues.done().map(|()| Self { name, slug, flow })
    }
}

/// What can be done to a template.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum TemplateCommand {
    /// Edit name, slug or draft.
    Patch(Box<TemplatePatch>),
    /// Freeze the draft as the next version and let new sessions take it.
    Publish,
    /// Let new sessions take this earlier version again.
    Rollback {
        /// A version that was published once.
        version: u32,
    },
    /// Take it out of use for good.
    Archive {
        /// True if the template is its realm's default, which cannot be archived.
        is_default: bool,
    },
}

impl TemplateCommand {
    /// Validates the body of `…/rollback`.
    ///
    /// # Errors
    /// `validation_error` with the path of every wrong field.
    pub fn parse_rollback(body: &Value) -> Result<Self, Refusal> {
        let mut issues = Issues::default();
        let mut object = Object::root(body, &mut issues);
        let version = object.integer("version", 1..=u64::from(VERSION_LIMIT), &mut issues);
        if version.is_none() && issues.is_empty() {
            issues.add("version", "is required");
        }
        object.finish(&mut issues);
        issues.done()?;
        Ok(Self::Rollback { version: version.and_then(|n| u32::try_from(n).ok()).unwrap_or_default() })
    }
}

/// The outcome of a [`TemplateCommand`].
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TemplateTransition {
    /// The template afterwards.
    pub next: Template,
    /// The version to file, if one was frozen.
    pub frozen: Option<TemplateVersion>,
}

/// What becomes of a template; pure.
///
/// # Errors
/// `invalid_state` for an archived template, for archiving the default and for more than
/// [`VERSION_LIMIT`] versions; `validation_error` for a rollback to a version that does not exist.
pub fn decide(template: &Template, command: TemplateCommand, at: Timestamp) -> Result<TemplateTransition, Refusal> {
    let at = at.max(template.updated);
    let mut next = Template { updated: at, ..template.clone() };
    let mut frozen = None;
    if template.archived_at.is_some() {
        return match command {
            TemplateCommand::Archive { .. } => Ok(TemplateTransition { next: template.clone(), frozen }),
            _ => Err(Refusal::new(ErrorCode::InvalidState, "The template is archived; make a new one.")),
        };
    }
    match command {
        TemplateCommand::Patch(patch) => {
            next.name = patch.name.unwrap_or(next.name);
            next.slug = patch.slug.unwrap_or(next.slug);
            next.draft = patch.flow.map_or(next.draft, Arc::new);
        }
        TemplateCommand::Publish => {
            let number = template.latest_version + 1;
            if number > VERSION_LIMIT {
                return Err(Refusal::new(ErrorCode::InvalidState, "The template has 10,000 versions; make a new one."));
            }
            next.latest_version = number;
            next.published_version = Some(number);
            let flow = Arc::clone(&template.draft);
            frozen = Some(TemplateVersion { template: template.id, number, flow, created: at });
        }
        TemplateCommand::Rollback { version } => {
            if version == 0 || version > template.latest_version {
                return Err(Refusal::field("version", "must be the number of a published version"));
            }
            next.published_version = Some(version);
        }
        TemplateCommand::Archive { is_default: true } => {
            let message = "The template is the workspace's default; make another one the default first.";
            return Err(Refusal::new(ErrorCode::InvalidState, message));
        }
        TemplateCommand::Archive { is_default: false } => next.archived_at = Some(at),
    }
    Ok(TemplateTransition { next, frozen })
}

/// Whether new sessions may take the template.
///
/// # Errors
/// What is in the way, for the caller.
pub fn usable_version(template: &Template) -> Result<u32, &'static str> {
    if template.archived_at.is_some() {
        return Err("names an archived template");
    }
    template.published_version.ok_or("names a template without a published version; publish it first")
}

impl Template {
    /// `draft`, `published` or `archived`.
    #[must_use]
    pub const fn status(&self) -> &'static str {
        match (self.archived_at, self.published_version) {
            (Some(_), _) => "archived",
            (None, Some(_)) => "published",
            (None, None) => "draft",
        }
    }
}

/// The template as the tenant reads it.
#[must_use]
pub fn to_json(template: &Template, is_default: bool) -> Value {
    json!({
        "id": template.id, "object": "template", "name": template.name, "slug": template.slug, "status": template.status(),
        "livemode": template.realm.mode.is_live(), "is_default": is_default,
        "published_version": template.published_version, "latest_version": template.latest_version,
        "flow_config": template.draft.to_json(), "created": template.created, "updated": template.updated,
        "archived_at": template.archived_at,
    })
}

/// A frozen version as the tenant reads it.
#[must_use]
pub fn version_to_json(version: &TemplateVersion, published: Option<u32>) -> Value {
    json!({
        "object": "template_version", "template_id": version.template, "version": version.number,
        "is_published": published == Some(version.number), "flow_config": version.flow.to_json(),
        "created": version.created,
    })
}

pub(crate) fn name(text: &str) -> Result<String, String> {
    let length = text.chars().count();
    if text.trim().is_empty() || length > NAME_LIMIT || text.chars().any(char::is_control) {
        return Err("must have 1 to 100 printable characters".to_owned());
    }
    Ok(text.to_owned())
}

fn slug(text: &str) -> Result<String, String> {
    let plain = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'-' || byte == b'_';
    let fits = !text.is_empty() && text.len() <= SLUG_LIMIT && text.bytes().all(plain);
    if !fits || text.starts_with('-') || scaffold::by_slug(text).is_some() {
        return Err("must have 1 to 60 lower-case letters, digits, hyphens and underscores, and not be scaffold or \
                    scaffold-document"
            .to_owned());
    }
    Ok(text.to_owned())
}
