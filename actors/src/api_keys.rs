//! API keys: made, listed, revoked, and when each was last used.

use std::cmp::Reverse;
use std::sync::{Arc, Weak};
use std::time::Duration;

use vetd_model::api_key::{KEY_LIMIT, KeyRequest, LIVE_KEY_LIMIT};
use vetd_model::workspace::{ApiKey, KeyHash, Scopes};
use vetd_model::{ApiKeyId, ErrorCode, Realm, Refusal, Timestamp};
use vetd_storage::{Commit, StoreError, Stored, Write};

use crate::access::{Caller, KnownKey, hash_of, mode_of, not_found};
use crate::engine::{Engine, Inner};
use crate::error::EngineError;
use crate::idempotency::Claim;
use crate::reply::{Render, Reply};

/// The characters of a key that lists show.
const PREFIX_SHOWN: usize = 14;
/// How often last uses are written down.
const KEEP_EVERY: Duration = Duration::from_secs(60);

/// A key to be made.
#[derive(Debug, Clone)]
pub struct NewKey {
    /// What it opens.
    pub realm: Realm,
    /// What its owner calls it.
    pub name: String,
    /// What it may do.
    pub scopes: Scopes,
    /// When it ends by itself.
    pub expires_at: Option<Timestamp>,
}

/// A key as lists show it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct KeyView {
    /// What is known of it.
    pub key: ApiKey,
    /// When it last opened something. After a crash up to a minute behind.
    pub last_used_at: Option<Timestamp>,
}

impl KeyView {
    fn of(known: &Arc<KnownKey>) -> Self {
        Self { key: known.stored.value.clone(), last_used_at: known.used.at() }
    }
}

/// A key that was just made.
pub struct IssuedKey {
    /// The key itself: the only time it is seen.
    pub secret: String,
    /// What is kept of it.
    pub key: ApiKey,
}

impl Engine {
    /// Makes an API key and returns it: the only time it is seen.
    ///
    /// # Errors
    /// `not_found` without such a workspace; `live_mode_not_activated` for a live key of a
    /// workspace that is not active in live mode; `invalid_state` for more than 100 keys that
    /// open something; the store's.
    pub async fn create_key(&self, new: NewKey) -> Result<(String, ApiKey), EngineError> {
        let secret = self.fresh_key(new.realm);
        let _alone = self.inner.access.change.lock().await;
        let key = self.build_key(&secret, new)?;
        self.file_key(&key, None).await?;
        Ok((secret, key))
    }

    /// Makes an API key for somebody who holds one: it opens the same realm and can do no more.
    ///
    /// # Errors
    /// `permission_denied` for a scope that the caller lacks or an end after the caller's own;
    /// as [`Self::create_key`].
    pub async fn issue_key(
        &self,
        caller: Caller,
        request: KeyRequest,
        claim: Option<Claim>,
        render: Render<IssuedKey>,
    ) -> Result<Reply, EngineError> {
        let secret = self.fresh_key(caller.realm);
        let _alone = self.inner.access.change.lock().await;
        let maker = self.known_key(caller.realm, caller.key)?;
        if !maker.stored.value.is_valid(self.now()) {
            // It was revoked while this request was on its way: it must leave no heir.
            return Err(EngineError::refused(ErrorCode::InvalidApiKey, "The API key was revoked or has ended."));
        }
        request.within(&maker.stored.value)?;
        let KeyRequest { name, scopes, expires_at } = request;
        let key = self.build_key(&secret, NewKey { realm: caller.realm, name, scopes, expires_at })?;
        let issued = IssuedKey { secret, key };
        let reply = render(&issued);
        self.file_key(&issued.key, claim.map(|claim| (claim, &reply))).await?;
        Ok(reply)
    }

    /// Makes a key that the operator has chosen, for containers and scripts. Does nothing if
    /// the key exists.
    ///
    /// # Errors
    /// `validation_error` if the key has not the form of one, or opens nothing any more; as
    /// [`Self::create_key`].
    pub async fn adopt_key(&self, key: &str, new: NewKey) -> Result<(), EngineError> {
        if mode_of(key) != Some(new.realm.mode) {
            let message = "must be ak_test_ (for test mode) or ak_live_ and 24 to 64 letters or digits";
            return Err(Refusal::field("key", message).into());
        }
        let _alone = self.inner.access.change.lock().await;
        let known = self.inner.access.keys.read().get(&hash_of(key)).cloned();
        match known {
            Some(known) if known.stored.value.is_valid(self.now()) => Ok(()),
            Some(_) => Err(Refusal::field("key", "was revoked or has ended; choose another one").into()),
            None => self.file_key(&self.build_key(key, new)?, None).await,
        }
    }

    fn fresh_key(&self, realm: Realm) -> String {
        let mode = if realm.mode.is_live() { "live" } else { "test" };
        format!("ak_{mode}_{}", self.inner.entropy.key_letters())
    }

    fn build_key(&self, secret: &str, new: NewKey) -> Result<ApiKey, EngineError> {
        let workspace = self.workspace(new.realm.workspace)?;
        if new.realm.mode.is_live() && !workspace.live_activated {
            let message = "The workspace is not active in live mode; the operator activates it.";
            return Err(EngineError::refused(ErrorCode::LiveModeNotActivated, message));
        }
        let now = self.now();
        let valid = self.api_keys(new.realm).iter().filter(|view| view.key.is_valid(now)).count();
        if valid >= LIVE_KEY_LIMIT {
            let message = "The workspace has 100 API keys in this mode, the most it can; revoke one first.";
            return Err(EngineError::refused(ErrorCode::InvalidState, message));
        }
        Ok(ApiKey {
            id: self.inner.entropy.id(now),
            hash: hash_of(secret),
            prefix: secret.chars().take(PREFIX_SHOWN).collect(),
            name: new.name,
            realm: new.realm,
            scopes: new.scopes,
            created: now,
            expires_at: new.expires_at,
            revoked_at: None,
        })
    }

    async fn file_key(&self, key: &ApiKey, answer: Option<(Claim, &Reply)>) -> Result<(), EngineError> {
        let mut writes = vec![Write::ApiKey { revision: 0, key }];
        writes.extend(self.outlived(key.realm).map(Write::RemoveApiKey));
        self.commit_keys(writes, answer).await
    }

    /// The key to forget, so that keys do not pile up without end.
    fn outlived(&self, realm: Realm) -> Option<KeyHash> {
        let (keys, now) = (self.api_keys(realm), self.now());
        if keys.len() < KEY_LIMIT {
            return None;
        }
        keys.iter().rev().find(|view| !view.key.is_valid(now)).map(|view| view.key.hash)
    }

    /// Revokes a key: it opens nothing from here on, also if it is the caller's own. One that
    /// was revoked before stays as it is.
    ///
    /// # Errors
    /// `not_found` if the realm has no such key; the store's.
    pub async fn revoke_key(
        &self,
        realm: Realm,
        id: ApiKeyId,
        claim: Option<Claim>,
        render: Render<KeyView>,
    ) -> Result<Reply, EngineError> {
        let _alone = self.inner.access.change.lock().await;
        let known = self.known_key(realm, id)?;
        let Stored { mut value, revision } = known.stored.clone();
        let was_revoked = value.revoked_at.is_some();
        value.revoked_at.get_or_insert(self.now());
        let view = KeyView { key: value, last_used_at: known.used.at() };
        let reply = render(&view);
        let mut writes = Vec::new();
        if !was_revoked {
            writes.push(Write::ApiKey { revision, key: &view.key });
        }
        self.commit_keys(writes, claim.map(|claim| (claim, &reply))).await?;
        Ok(reply)
    }

    async fn commit_keys(&self, writes: Vec<Write<'_>>, answer: Option<(Claim, &Reply)>) -> Result<(), EngineError> {
        let idempotency = answer.map(|(claim, reply)| claim.file(reply, None));
        let done = self.inner.store.commit(Commit { writes, idempotency }).await;
        self.follow_access();
        done?;
        Ok(())
    }

    /// All keys of a realm, newest first, those that open nothing any more included; at most
    /// 300.
    #[must_use]
    pub fn api_keys(&self, realm: Realm) -> Vec<KeyView> {
        let keys = self.inner.access.keys.read();
        let ours = keys.values().filter(|known| known.stored.value.realm == realm);
        let mut views: Vec<KeyView> = ours.map(KeyView::of).collect();
        drop(keys);
        views.sort_by_key(|view| Reverse(view.key.id));
        views
    }

    /// One key of a realm.
    ///
    /// # Errors
    /// `not_found`.
    pub fn api_key(&self, realm: Realm, id: ApiKeyId) -> Result<KeyView, EngineError> {
        self.known_key(realm, id).map(|known| KeyView::of(&known))
    }

    pub(crate) fn known_key(&self, realm: Realm, id: ApiKeyId) -> Result<Arc<KnownKey>, EngineError> {
        let ours = |known: &&Arc<KnownKey>| known.stored.value.id == id && known.stored.value.realm == realm;
        self.inner.access.keys.read().values().find(ours).cloned().ok_or_else(|| not_found("API key"))
    }
}

impl Inner {
    /// Writes down the last uses that are not written yet, in one commit.
    pub(crate) async fn keep_last_uses(&self) -> Result<(), StoreError> {
        // Held, so that no use is written behind the removal of its key.
        let _alone = self.access.change.lock().await;
        let unkept = |known: &Arc<KnownKey>| known.used.unkept().map(|at| (Arc::clone(known), at));
        let due: Vec<(Arc<KnownKey>, Timestamp)> = self.access.keys.read().values().filter_map(unkept).collect();
        if due.is_empty() {
            return Ok(());
        }
        let writes = due.iter().map(|(known, at)| Write::KeyUse { key: known.stored.value.hash, at: *at }).collect();
        self.store.commit(Commit { writes, idempotency: None }).await?;
        due.iter().for_each(|(known, at)| known.used.keep(*at));
        Ok(())
    }
}

/// Writes down last uses once a minute, as long as the engine lives.
pub(crate) async fn keep_last_uses(engine: Weak<Inner>) {
    loop {
        let Some(inner) = engine.upgrade() else { return };
        let pause = inner.clock.sleep(KEEP_EVERY);
        drop(inner);
        pause.await;
        let Some(inner) = engine.upgrade() else { return };
        if let Err(error) = inner.keep_last_uses().await {
            tracing::warn!(%error, "could not write down when API keys were last used; trying again in a minute");
        }
    }
}
