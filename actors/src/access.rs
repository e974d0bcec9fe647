//! Workspaces and API keys: who may call.

use std::collections::HashMap;
use std::sync::Arc;

use parking_lot::RwLock;
use sha2::{Digest, Sha256};
use vetd_model::workspace::{ApiKey, KeyHash, Scopes, Workspace};
use vetd_model::{ApiKeyId, ErrorCode, Mode, Realm, Refusal, Timestamp, WorkspaceId};
use vetd_storage::{Commit, Store, StoreError, Stored, Write};

use crate::engine::Engine;
use crate::error::EngineError;

/// The characters of a key that lists show.
const PREFIX_SHOWN: usize = 14;

/// Who is calling, as far as a key tells.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Caller {
    /// The workspace and the mode that the key opens.
    pub realm: Realm,
    /// What the key may do.
    pub scopes: Scopes,
    /// Which key.
    pub key: ApiKeyId,
}

/// Why a key opens nothing.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum KeyRejection {
    /// Unknown, revoked or expired.
    Invalid,
    /// The operator has suspended the workspace.
    Suspended,
    /// A live key of a workspace that is not active in live mode.
    LiveNotActivated,
}

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

/// All workspaces and keys in memory: they are few, and each request needs one.
#[derive(Debug, Default)]
pub(crate) struct Access {
    keys: RwLock<HashMap<KeyHash, Arc<Stored<ApiKey>>>>,
    workspaces: RwLock<HashMap<WorkspaceId, Stored<Workspace>>>,
    /// Held while a key or a workspace is changed.
    change: tokio::sync::Mutex<()>,
}

impl Access {
    pub(crate) fn load(store: &dyn Store) -> Result<Self, StoreError> {
        let keys = store.api_keys()?.into_iter().map(|key| (key.value.hash, Arc::new(key))).collect();
        let workspaces = store.workspaces()?.into_iter().map(|stored| (stored.value.id, stored)).collect();
        Ok(Self { keys: RwLock::new(keys), workspaces: RwLock::new(workspaces), change: tokio::sync::Mutex::default() })
    }
}

/// The mode of a well-formed key: `ak_test_` or `ak_live_` and 24 to 64 letters or digits.
fn mode_of(key: &str) -> Option<Mode> {
    let (mode, letters) = match (key.strip_prefix("ak_test_"), key.strip_prefix("ak_live_")) {
        (Some(letters), _) => (Mode::Test, letters),
        (_, Some(letters)) => (Mode::Live, letters),
        _ => return None,
    };
    let fits = (24..=64).contains(&letters.len()) && letters.bytes().all(|byte| byte.is_ascii_alphanumeric());
    fits.then_some(mode)
}

fn hash_of(key: &str) -> KeyHash {
    KeyHash(Sha256::digest(key.as_bytes()).into())
}

impl Engine {
    /// Who holds this key. The key is looked up by its hash, so the time this takes tells
    /// nothing about other keys.
    ///
    /// # Errors
    /// See [`KeyRejection`].
    pub fn authenticate(&self, key: &str) -> Result<Caller, KeyRejection> {
        mode_of(key).ok_or(KeyRejection::Invalid)?;
        let access = &self.inner.access;
        let stored = access.keys.read().get(&hash_of(key)).cloned().ok_or(KeyRejection::Invalid)?;
        let key = &stored.value;
        if !key.is_valid(self.now()) {
            return Err(KeyRejection::Invalid);
        }
        self.may_serve(key.realm)?;
        Ok(Caller { realm: key.realm, scopes: key.scopes, key: key.id })
    }

    /// Whether the workspace is served in this mode, by whatever credential.
    ///
    /// # Errors
    /// See [`KeyRejection`].
    pub fn may_serve(&self, realm: Realm) -> Result<(), KeyRejection> {
        let workspaces = self.inner.access.workspaces.read();
        let workspace = &workspaces.get(&realm.workspace).ok_or(KeyRejection::Invalid)?.value;
        if workspace.suspended {
            return Err(KeyRejection::Suspended);
        }
        if realm.mode.is_live() && !workspace.live_activated {
            return Err(KeyRejection::LiveNotActivated);
        }
        Ok(())
    }

    /// The workspaces, by number.
    #[must_use]
    pub fn workspaces(&self) -> Vec<Workspace> {
        let mut all: Vec<Workspace> =
            self.inner.access.workspaces.read().values().map(|stored| stored.value.clone()).collect();
        all.sort_by_key(|workspace| workspace.id);
        all
    }

    /// Makes a workspace.
    ///
    /// # Errors
    /// The store's.
    pub async fn create_workspace(&self, name: &str) -> Result<Workspace, EngineError> {
        let _alone = self.inner.access.change.lock().await;
        let highest = self.inner.access.workspaces.read().keys().map(|id| id.0).max().unwrap_or(0);
        let workspace = Workspace {
            id: WorkspaceId(highest + 1),
            name: name.to_owned(),
            created: self.now(),
            live_activated: false,
            suspended: false,
        };
        self.put_workspace(Stored { value: workspace, revision: 0 }).await
    }

    /// Activates live mode for a workspace, or suspends or resumes it: the operator's acts.
    ///
    /// # Errors
    /// `not_found` if there is no such workspace; the store's.
    pub async fn change_workspace(
        &self,
        id: WorkspaceId,
        change: impl FnOnce(&mut Workspace) + Send,
    ) -> Result<Workspace, EngineError> {
        let _alone = self.inner.access.change.lock().await;
        let stored = self.inner.access.workspaces.read().get(&id).cloned();
        let mut stored = stored.ok_or_else(|| not_found("workspace"))?;
        change(&mut stored.value);
        self.put_workspace(stored).await
    }

    async fn put_workspace(&self, stored: Stored<Workspace>) -> Result<Workspace, EngineError> {
        let write = Write::Workspace { revision: stored.revision, workspace: &stored.value };
        let done = self.inner.store.commit(Commit { writes: vec![write], idempotency: None }).await;
        self.follow_access();
        done?;
        Ok(stored.value)
    }

    /// Makes an API key and returns it: the only time it is seen.
    ///
    /// # Errors
    /// `live_mode_not_activated` for a live key of a workspace that is not active in live mode;
    /// the store's.
    pub async fn create_key(&self, new: NewKey) -> Result<(String, ApiKey), EngineError> {
        let mode = if new.realm.mode.is_live() { "live" } else { "test" };
        let key = format!("ak_{mode}_{}", self.inner.entropy.key_letters());
        let filed = self.file_key(&key, new).await?;
        Ok((key, filed))
    }

    /// Makes a key that the operator has chosen, for containers and scripts. Does nothing if
    /// the key exists.
    ///
    /// # Errors
    /// `validation_error` if the key has not the form of one; the store's.
    pub async fn adopt_key(&self, key: &str, new: NewKey) -> Result<(), EngineError> {
        if mode_of(key) != Some(new.realm.mode) {
            let message = "must be ak_test_ (for test mode) or ak_live_ and 24 to 64 letters or digits";
            return Err(Refusal::field("key", message).into());
        }
        let filed = self.inner.access.keys.read().get(&hash_of(key)).cloned();
        match filed {
            Some(filed) if filed.value.is_valid(self.now()) => Ok(()),
            Some(_) => Err(Refusal::field("key", "was revoked or has ended; choose another one").into()),
            None => self.file_key(key, new).await.map(drop),
        }
    }

    async fn file_key(&self, key: &str, new: NewKey) -> Result<ApiKey, EngineError> {
        let _alone = self.inner.access.change.lock().await;
        let workspace = self.inner.access.workspaces.read().get(&new.realm.workspace).cloned();
        let workspace = workspace.ok_or_else(|| not_found("workspace"))?.value;
        if new.realm.mode.is_live() && !workspace.live_activated {
            let message = "The workspace is not active in live mode; the operator activates it.";
            return Err(EngineError::refused(ErrorCode::LiveModeNotActivated, message));
        }
        let filed = ApiKey {
            id: self.inner.entropy.id(self.now()),
            hash: hash_of(key),
            prefix: key.chars().take(PREFIX_SHOWN).collect(),
            name: new.name,
            realm: new.realm,
            scopes: new.scopes,
            created: self.now(),
            expires_at: new.expires_at,
            revoked_at: None,
        };
        self.put_key(Stored { value: filed, revision: 0 }).await
    }

    /// Revokes a key: it opens nothing from here on.
    ///
    /// # Errors
    /// `not_found` if the workspace has no such key; the store's.
    pub async fn revoke_key(&self, realm: Realm, id: ApiKeyId) -> Result<ApiKey, EngineError> {
        let _alone = self.inner.access.change.lock().await;
        let ours = |stored: &&Arc<Stored<ApiKey>>| stored.value.id == id && stored.value.realm == realm;
        let stored = self.inner.access.keys.read().values().find(ours).cloned().ok_or_else(|| not_found("API key"))?;
        let mut next = Stored::clone(&stored);
        next.value.revoked_at.get_or_insert(self.now());
        self.put_key(next).await
    }

    async fn put_key(&self, stored: Stored<ApiKey>) -> Result<ApiKey, EngineError> {
        let write = Write::ApiKey { revision: stored.revision, key: &stored.value };
        let done = self.inner.store.commit(Commit { writes: vec![write], idempotency: None }).await;
        self.follow_access();
        done?;
        Ok(stored.value)
    }

    /// Makes memory follow what the store says, also after a commit whose outcome is unknown.
    fn follow_access(&self) {
        match Access::load(self.inner.store.as_ref()) {
            Ok(fresh) => {
                *self.inner.access.keys.write() = fresh.keys.into_inner();
                *self.inner.access.workspaces.write() = fresh.workspaces.into_inner();
            }
            Err(error) => tracing::error!(%error, "keys and workspaces may be stale until the next change or start"),
        }
    }
}

fn not_found(what: &str) -> EngineError {
    EngineError::refused(ErrorCode::NotFound, format!("There is no such {what}."))
}
