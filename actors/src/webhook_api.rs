//! Webhook endpoints: made, changed and removed under one lock.

use std::time::Duration;

use vetd_model::delivery::Delivery;
use vetd_model::notice::{Logged, Notice, NoticeKind};
use vetd_model::webhook::{ENDPOINT_LIMIT, Endpoint, EndpointChange};
use vetd_model::{EndpointId, ErrorCode, Realm};
use vetd_storage::{Commit, Stored, Write};

use crate::delivery_api::DeliveryView;
use crate::engine::Engine;
use crate::error::EngineError;
use crate::idempotency::Claim;
use crate::reply::{Render, Reply};

impl Engine {
    /// Makes an endpoint; it gets the events committed after it. `render` sees the secret: the
    /// only time it is shown.
    ///
    /// # Errors
    /// `validation_error` without a `url`; `invalid_state` for more than 100 endpoints; the store's.
    pub async fn create_endpoint(
        &self,
        realm: Realm,
        change: EndpointChange,
        claim: Option<Claim>,
        render: Render<Endpoint>,
    ) -> Result<Reply, EngineError> {
        let _alone = self.inner.endpoint_change.lock().await;
        if self.endpoints(realm)?.len() >= ENDPOINT_LIMIT {
            let message = "The workspace has 100 webhook endpoints in this mode, the most it can.";
            return Err(EngineError::refused(ErrorCode::InvalidState, message));
        }
        let (at, entropy) = (self.now(), self.inner.entropy);
        let endpoint = change.build(entropy.id(at), realm, entropy.webhook_secret(), at)?;
        self.commit_endpoint(Stored { value: endpoint, revision: 0 }, claim, render).await
    }

    /// Changes an endpoint.
    ///
    /// # Errors
    /// `not_found`; the store's.
    pub async fn change_endpoint(
        &self,
        realm: Realm,
        id: EndpointId,
        change: EndpointChange,
        claim: Option<Claim>,
        render: Render<Endpoint>,
    ) -> Result<Reply, EngineError> {
        let _alone = self.inner.endpoint_change.lock().await;
        let stored = self.stored_endpoint(realm, id)?;
        let value = change.apply(&stored.value, self.now());
        self.commit_endpoint(Stored { value, revision: stored.revision }, claim, render).await
    }

    async fn commit_endpoint(
        &self,
        stored: Stored<Endpoint>,
        claim: Option<Claim>,
        render: Render<Endpoint>,
    ) -> Result<Reply, EngineError> {
        let reply = render(&stored.value);
        let idempotency = claim.map(|claim| claim.file(&reply, None));
        let write = Write::Endpoint { revision: stored.revision, endpoint: &stored.value };
        let done = self.inner.store.commit(Commit { writes: vec![write], idempotency }).await;
        self.follow(stored.value.realm, stored.value.id);
        done?;
        Ok(reply)
    }

    /// Gives an endpoint a new secret; the one before signs beside it for `overlap`. `render` sees
    /// the secret: the only time it is shown.
    ///
    /// # Errors
    /// `not_found`; `invalid_state` if five earlier secrets are still valid; the store's.
    pub async fn rotate_secret(
        &self,
        realm: Realm,
        id: EndpointId,
        overlap: Duration,
        claim: Option<Claim>,
        render: Render<Endpoint>,
    ) -> Result<Reply, EngineError> {
        let _alone = self.inner.endpoint_change.lock().await;
        let stored = self.stored_endpoint(realm, id)?;
        let value = stored.value.rotated(self.inner.entropy.webhook_secret(), overlap, self.now())?;
        self.commit_endpoint(Stored { value, revision: stored.revision }, claim, render).await
    }

    /// Enables an endpoint: what is held is sent, oldest first, with a fresh schedule. One that
    /// is enabled stays as it is.
    ///
    /// # Errors
    /// `not_found`; the store's.
    pub async fn enable_endpoint(
        &self,
        realm: Realm,
        id: EndpointId,
        claim: Option<Claim>,
        render: Render<Endpoint>,
    ) -> Result<Reply, EngineError> {
        let _alone = self.inner.endpoint_change.lock().await;
        let stored = self.stored_endpoint(realm, id)?;
        let value = stored.value.enabled(self.now());
        self.commit_endpoint(Stored { value, revision: stored.revision }, claim, render).await
    }

    /// Sends a `webhook_endpoint.test` event to an endpoint, and to no other.
    ///
    /// # Errors
    /// `not_found`; `invalid_state` while it is disabled; the store's.
    pub async fn test_endpoint(
        &self,
        realm: Realm,
        id: EndpointId,
        claim: Option<Claim>,
        render: Render<DeliveryView>,
    ) -> Result<Reply, EngineError> {
        let endpoint = self.stored_endpoint(realm, id)?.value;
        if endpoint.disabled.is_some() {
            let message = "The endpoint is disabled; enable it before it is tested.";
            return Err(EngineError::refused(ErrorCode::InvalidState, message));
        }
        let at = self.now();
        let notice = Notice { id: self.inner.entropy.id(at), realm, endpoint: id, kind: NoticeKind::Test, created: at };
        // Where it stands in the log does not matter to the answer.
        let delivery = Delivery::derived(id, 0, notice.id, None);
        let reply = render(&DeliveryView::new(&endpoint, delivery, &Logged::Endpoint(notice.clone())));
        let idempotency = claim.map(|claim| claim.file(&reply, None));
        self.inner.store.commit(Commit { writes: vec![Write::Notice(&notice)], idempotency }).await?;
        Ok(reply)
    }

    /// Removes an endpoint and cancels its deliveries.
    ///
    /// # Errors
    /// `not_found`; the store's.
    pub async fn remove_endpoint(
        &self,
        realm: Realm,
        id: EndpointId,
        claim: Option<Claim>,
        render: Render<Endpoint>,
    ) -> Result<Reply, EngineError> {
        let _alone = self.inner.endpoint_change.lock().await;
        let endpoint = self.stored_endpoint(realm, id)?.value;
        let reply = render(&endpoint);
        let idempotency = claim.map(|claim| claim.file(&reply, None));
        let writes = vec![Write::RemoveEndpoint { realm, id }];
        let done = self.inner.store.commit(Commit { writes, idempotency }).await;
        self.follow(realm, id);
        done?;
        Ok(reply)
    }

    /// One endpoint.
    ///
    /// # Errors
    /// `not_found`; the store's.
    pub fn endpoint(&self, realm: Realm, id: EndpointId) -> Result<Endpoint, EngineError> {
        self.stored_endpoint(realm, id).map(|stored| stored.value)
    }

    /// All endpoints of a realm, newest first; at most 100.
    ///
    /// # Errors
    /// The store's.
    pub fn endpoints(&self, realm: Realm) -> Result<Vec<Endpoint>, EngineError> {
        Ok(self.inner.store.endpoints(Some(realm))?.into_iter().map(|stored| stored.value).collect())
    }

    fn stored_endpoint(&self, realm: Realm, id: EndpointId) -> Result<Stored<Endpoint>, EngineError> {
        let stored = self.inner.store.endpoint(realm, id)?;
        stored.ok_or_else(|| EngineError::refused(ErrorCode::NotFound, "There is no such webhook endpoint."))
    }

    /// Makes the lanes follow what the store says, also after a commit whose outcome is unknown.
    fn follow(&self, realm: Realm, id: EndpointId) {
        match self.inner.store.endpoint(realm, id) {
            Ok(Some(stored)) => self.inner.webhooks.endpoint_changed(stored.value),
            Ok(None) => self.inner.webhooks.endpoint_removed(id),
            Err(error) => tracing::error!(endpoint = %id, %error, "its lane may be stale until the next start"),
        }
    }
}
