//! Providers of checks: made, changed and removed under one lock.

use std::time::Duration;

use vetd_model::provider::{PROVIDER_LIMIT, Provider, ProviderChange, taken, too_many};
use vetd_model::{ErrorCode, ProviderId, Realm};
use vetd_storage::{Commit, Stored, Write};

use crate::engine::Engine;
use crate::error::EngineError;
use crate::idempotency::Claim;
use crate::reply::{Render, Reply};

impl Engine {
    /// Makes a provider. `render` sees the secret: the only time it is shown.
    ///
    /// # Errors
    /// `validation_error` without a `name` or a `url`, or with a name that is taken; `invalid_state` for
    /// more than 50 providers; the store's.
    pub async fn create_provider(
        &self,
        realm: Realm,
        change: ProviderChange,
        claim: Option<Claim>,
        render: Render<Provider>,
    ) -> Result<Reply, EngineError> {
        let _alone = self.inner.catalog.change.lock().await;
        let others = self.providers(realm)?;
        if others.len() >= PROVIDER_LIMIT {
            return Err(too_many().into());
        }
        let (at, entropy) = (self.now(), self.inner.entropy);
        let provider = change.build(entropy.id(at), realm, entropy.webhook_secret(), at)?;
        self.commit_provider(Stored { value: provider, revision: 0 }, &others, claim, render).await
    }

    /// Changes a provider.
    ///
    /// # Errors
    /// `not_found`; `validation_error` with a name that is taken; the store's.
    pub async fn change_provider(
        &self,
        realm: Realm,
        id: ProviderId,
        change: ProviderChange,
        claim: Option<Claim>,
        render: Render<Provider>,
    ) -> Result<Reply, EngineError> {
        let _alone = self.inner.catalog.change.lock().await;
        let Stored { value, revision } = self.stored_provider(realm, id)?;
        let value = change.apply(&value, self.now());
        let others = self.providers(realm)?;
        self.commit_provider(Stored { value, revision }, &others, claim, render).await
    }

    /// Gives a provider a new secret; the one before signs beside it for `overlap`. `render` sees the
    /// secret: the only time it is shown.
    ///
    /// # Errors
    /// `not_found`; the store's.
    pub async fn rotate_provider_secret(
        &self,
        realm: Realm,
        id: ProviderId,
        overlap: Duration,
        claim: Option<Claim>,
        render: Render<Provider>,
    ) -> Result<Reply, EngineError> {
        let _alone = self.inner.catalog.change.lock().await;
        let Stored { value, revision } = self.stored_provider(realm, id)?;
        let value = value.rotated(self.inner.entropy.webhook_secret(), overlap, self.now());
        self.commit_provider(Stored { value, revision }, &[], claim, render).await
    }

    /// Removes a provider. Checks that name it need a review from then on.
    ///
    /// # Errors
    /// `not_found`; the store's.
    pub async fn remove_provider(
        &self,
        realm: Realm,
        id: ProviderId,
        claim: Option<Claim>,
        render: Render<Provider>,
    ) -> Result<Reply, EngineError> {
        let _alone = self.inner.catalog.change.lock().await;
        let provider = self.provider(realm, id)?;
        let reply = render(&provider);
        let idempotency = claim.map(|claim| claim.file(&reply, None));
        let writes = vec![Write::RemoveProvider { realm, id }];
        self.inner.store.commit(Commit { writes, idempotency }).await?;
        self.inner.context.providers.forget(id);
        Ok(reply)
    }

    async fn commit_provider(
        &self,
        stored: Stored<Provider>,
        others: &[Provider],
        claim: Option<Claim>,
        render: Render<Provider>,
    ) -> Result<Reply, EngineError> {
        let (provider, revision) = (&stored.value, stored.revision);
        if others.iter().any(|other| other.id != provider.id && other.name == provider.name) {
            return Err(taken().into());
        }
        let reply = render(provider);
        let idempotency = claim.map(|claim| claim.file(&reply, None));
        let writes = vec![Write::Provider { revision, provider }];
        self.inner.store.commit(Commit { writes, idempotency }).await?;
        Ok(reply)
    }

    /// One provider.
    ///
    /// # Errors
    /// `not_found`; the store's.
    pub fn provider(&self, realm: Realm, id: ProviderId) -> Result<Provider, EngineError> {
        self.stored_provider(realm, id).map(|stored| stored.value)
    }

    /// All providers of a realm, newest first; at most 50.
    ///
    /// # Errors
    /// The store's.
    pub fn providers(&self, realm: Realm) -> Result<Vec<Provider>, EngineError> {
        Ok(self.inner.store.providers(realm)?.into_iter().map(|stored| stored.value).collect())
    }

    fn stored_provider(&self, realm: Realm, id: ProviderId) -> Result<Stored<Provider>, EngineError> {
        let found = self.inner.store.providers(realm)?.into_iter().find(|stored| stored.value.id == id);
        found.ok_or_else(|| EngineError::refused(ErrorCode::NotFound, "There is no such provider."))
    }
}
