//! Templates: edited under one lock, resolved from memory.

use std::collections::HashMap;
use std::sync::Arc;

use parking_lot::RwLock;
use vetd_model::flow::Flow;
use vetd_model::new_session::TemplateChoice;
use vetd_model::session::TemplateRef;
use vetd_model::template::{self, NewTemplate, Template, TemplateCommand, TemplateVersion};
use vetd_model::workspace::RealmSettings;
use vetd_model::{ErrorCode, Realm, Refusal, TemplateId, scaffold};
use vetd_storage::{Commit, Stored, Write};

use crate::engine::Engine;
use crate::error::EngineError;
use crate::idempotency::Claim;
use crate::reply::{Render, Reply};

/// The most templates of one realm.
const TEMPLATE_LIMIT: usize = 1_000;
/// The most resolved choices kept in memory.
const CACHE_LIMIT: usize = 10_000;

/// A template and whether it is its realm's default.
#[derive(Debug, Clone)]
pub struct TemplateView {
    /// The template.
    pub template: Template,
    /// True if sessions that name no template take this one.
    pub is_default: bool,
}

type Resolved = (TemplateRef, Arc<Flow>);

/// Resolved choices, emptied at every change of any template.
#[derive(Debug, Default)]
pub(crate) struct Catalog {
    resolved: RwLock<Cache>,
    /// Held while a template or a realm's settings are changed: slugs stay unique, the default
    /// stays usable.
    pub(crate) change: tokio::sync::Mutex<()>,
}

#[derive(Debug, Default)]
struct Cache {
    /// Counts changes, so that what was read before one is not kept after it.
    generation: u64,
    entries: HashMap<(Realm, TemplateChoice), Resolved>,
}

impl Engine {
    /// The published flow that a new session takes.
    pub(crate) async fn resolve(&self, realm: Realm, choice: TemplateChoice) -> Result<Resolved, EngineError> {
        let key = (realm, choice);
        let generation = {
            let cache = self.inner.catalog.resolved.read();
            if let Some(resolved) = cache.entries.get(&key) {
                return Ok(resolved.clone());
            }
            cache.generation
        };
        let resolved = self.resolve_stored(realm, &key.1).await?;
        let mut cache = self.inner.catalog.resolved.write();
        if cache.generation == generation && cache.entries.len() < CACHE_LIMIT {
            cache.entries.insert(key, resolved.clone());
        }
        Ok(resolved)
    }

    async fn resolve_stored(&self, realm: Realm, choice: &TemplateChoice) -> Result<Resolved, EngineError> {
        let store = &self.inner.store;
        let (field, id) = match choice {
            TemplateChoice::Id(id) => ("template_id", Some(*id)),
            TemplateChoice::Slug(slug) => ("template_slug", store.template_by_slug(realm, slug)?),
            TemplateChoice::Default => ("template_id", store.settings(realm).await?.value.default_template),
        };
        let scaffold = match choice {
            TemplateChoice::Id(id) => scaffold::by_id(*id),
            TemplateChoice::Slug(slug) => scaffold::by_slug(slug),
            TemplateChoice::Default => id.is_none().then(|| (scaffold::reference(), scaffold::flow())),
        };
        if let Some(scaffold) = scaffold.filter(|_| !realm.mode.is_live()) {
            return Ok(scaffold);
        }
        let unknown = match choice {
            TemplateChoice::Default => "is required: the workspace has no default template for this mode",
            _ => "names no template of this workspace and mode",
        };
        let id = id.ok_or_else(|| Refusal::field(field, unknown))?;
        let template = store.template(realm, id).await?.ok_or_else(|| Refusal::field(field, unknown))?.value;
        let number = template::usable_version(&template).map_err(|reason| Refusal::field(field, reason))?;
        let version = store.template_version(realm, id, number)?;
        let version = version.ok_or_else(|| EngineError::internal(format!("{id} lacks its version {number}")))?;
        Ok((TemplateRef { id, slug: template.slug, version: number }, version.flow))
    }

    fn forget_resolved(&self) {
        let mut cache = self.inner.catalog.resolved.write();
        cache.generation += 1;
        cache.entries.clear();
    }

    /// Makes a template with its first draft.
    ///
    /// # Errors
    /// `validation_error` if the slug is taken; the store's.
    pub async fn create_template(
        &self,
        realm: Realm,
        new: NewTemplate,
        claim: Option<Claim>,
        render: Render<TemplateView>,
    ) -> Result<Reply, EngineError> {
        let _alone = self.inner.catalog.change.lock().await;
        self.require_free_slug(realm, &new.slug)?;
        if self.inner.store.template_ids(realm)?.len() >= TEMPLATE_LIMIT {
            return Err(EngineError::refused(
                ErrorCode::InvalidState,
                "The workspace has 1,000 templates, the most it can.",
            ));
        }
        let at = self.now();
        let template = new.build(self.inner.entropy.id(at), realm, at);
        let write = Write::Template { revision: 0, template: &template, previous_slug: None, frozen: None };
        let view = TemplateView { template: template.clone(), is_default: false };
        self.commit_template(vec![write], view, claim, render).await
    }

    /// Decides a command about a template and commits the outcome.
    ///
    /// # Errors
    /// `not_found`, the rules' refusal (see [`template::decide`]), the store's.
    pub async fn change_template(
        &self,
        realm: Realm,
        id: TemplateId,
        command: TemplateCommand,
        claim: Option<Claim>,
        render: Render<TemplateView>,
    ) -> Result<Reply, EngineError> {
        let _alone = self.inner.catalog.change.lock().await;
        let stored = self.stored_template(realm, id).await?;
        let is_default = self.inner.store.settings(realm).await?.value.default_template == Some(id);
        let command = match command {
            TemplateCommand::Archive { .. } => TemplateCommand::Archive { is_default },
            other => other,
        };
        let transition = template::decide(&stored.value, command, self.now())?;
        let previous_slug = Some(stored.value.slug.as_str()).filter(|slug| *slug != transition.next.slug);
        if previous_slug.is_some() {
            self.require_free_slug(realm, &transition.next.slug)?;
        }
        let frozen = transition.frozen.as_ref();
        let write = Write::Template { revision: stored.revision, template: &transition.next, previous_slug, frozen };
        let view = TemplateView { template: transition.next.clone(), is_default };
        self.commit_template(vec![write], view, claim, render).await
    }

    /// Makes a published template the one that sessions take when they name none.
    ///
    /// # Errors
    /// `not_found`, `invalid_state` if it is archived or unpublished, the store's.
    pub async fn set_default_template(
        &self,
        realm: Realm,
        id: TemplateId,
        claim: Option<Claim>,
        render: Render<TemplateView>,
    ) -> Result<Reply, EngineError> {
        let _alone = self.inner.catalog.change.lock().await;
        let template = self.stored_template(realm, id).await?.value;
        if let Err(reason) = template::usable_version(&template) {
            let message = format!("The address {reason}; it cannot be the default.");
            return Err(EngineError::refused(ErrorCode::InvalidState, message));
        }
        let before = self.inner.store.settings(realm).await?;
        let settings = RealmSettings { default_template: Some(id), ..before.value };
        let write = Write::Settings { revision: before.revision, realm, settings: &settings };
        self.commit_template(vec![write], TemplateView { template, is_default: true }, claim, render).await
    }

    async fn commit_template(
        &self,
        writes: Vec<Write<'_>>,
        view: TemplateView,
        claim: Option<Claim>,
        render: Render<TemplateView>,
    ) -> Result<Reply, EngineError> {
        let reply = render(&view);
        let idempotency = claim.map(|claim| claim.file(&reply, None));
        let done = self.inner.store.commit(Commit { writes, idempotency }).await;
        // Also after an error, whose outcome may be unknown.
        self.forget_resolved();
        done?;
        Ok(reply)
    }

    /// One template.
    ///
    /// # Errors
    /// `not_found`; the store's.
    pub async fn template(&self, realm: Realm, id: TemplateId) -> Result<TemplateView, EngineError> {
        let template = self.stored_template(realm, id).await?.value;
        let is_default = self.inner.store.settings(realm).await?.value.default_template == Some(id);
        Ok(TemplateView { template, is_default })
    }

    /// The identifiers of all templates of a realm, newest first; at most 1,000.
    ///
    /// # Errors
    /// The store's.
    pub fn template_ids(&self, realm: Realm) -> Result<Vec<TemplateId>, EngineError> {
        Ok(self.inner.store.template_ids(realm)?)
    }

    /// The template with this slug.
    ///
    /// # Errors
    /// The store's.
    pub fn template_by_slug(&self, realm: Realm, slug: &str) -> Result<Option<TemplateId>, EngineError> {
        Ok(self.inner.store.template_by_slug(realm, slug)?)
    }

    /// One frozen version of a template.
    ///
    /// # Errors
    /// `not_found`; the store's.
    pub fn template_version(&self, realm: Realm, id: TemplateId, number: u32) -> Result<TemplateVersion, EngineError> {
        self.inner.store.template_version(realm, id, number)?.ok_or_else(no_such_template)
    }

    async fn stored_template(&self, realm: Realm, id: TemplateId) -> Result<Stored<Template>, EngineError> {
        self.inner.store.template(realm, id).await?.ok_or_else(no_such_template)
    }

    fn require_free_slug(&self, realm: Realm, slug: &str) -> Result<(), EngineError> {
        match self.inner.store.template_by_slug(realm, slug)? {
            None => Ok(()),
            Some(_) => Err(Refusal::field("slug", "is taken by another template of this workspace and mode").into()),
        }
    }
}

fn no_such_template() -> EngineError {
    EngineError::refused(ErrorCode::NotFound, "There is no such template or version in this workspace and mode.")
}
