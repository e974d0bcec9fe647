//! Who may call: every workspace and API key in memory, and what workspaces are told to be.

use std::collections::HashMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use parking_lot::RwLock;
use sha2::{Digest, Sha256};
use vetd_model::origin::Origin;
use vetd_model::workspace::{ApiKey, KeyHash, RealmSettings, Scopes, SettingsPatch, Workspace};
use vetd_model::{ApiKeyId, ErrorCode, Mode, Realm, Timestamp, WorkspaceId};
use vetd_storage::{Commit, Store, StoreError, Stored, Write};

use crate::engine::Engine;
use crate::error::EngineError;
use crate::idempotency::Claim;
use crate::reply::{Render, Reply};

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

/// All workspaces and keys in memory: they are few, and each request needs one.
#[derive(Debug, Default)]
pub(crate) struct Access {
    pub(crate) keys: RwLock<HashMap<KeyHash, Arc<KnownKey>>>,
    workspaces: RwLock<HashMap<WorkspaceId, Stored<Workspace>>>,
    /// Held while a key or a workspace is changed.
    pub(crate) change: tokio::sync::Mutex<()>,
}

/// A key and its last use.
#[derive(Debug)]
pub(crate) struct KnownKey {
    pub(crate) stored: Stored<ApiKey>,
    pub(crate) used: Arc<LastUse>,
}

/// When a key was last used, to the second; written down now and then, never by a request.
#[derive(Debug, Default)]
pub(crate) struct LastUse {
    /// In milliseconds; 0 for never.
    at: AtomicU64,
    /// As far as it was written down.
    kept: AtomicU64,
}

impl LastUse {
    fn kept(at: Timestamp) -> Self {
        Self { at: AtomicU64::new(at.millis()), kept: AtomicU64::new(at.millis()) }
    }

    /// Requests come by the thousand: only the first one of a second writes.
    fn touch(&self, now: Timestamp) {
        if now.seconds() > self.at.load(Ordering::Relaxed) / 1000 {
            self.at.fetch_max(now.millis(), Ordering::Relaxed);
        }
    }

    pub(crate) fn at(&self) -> Option<Timestamp> {
        Some(self.at.load(Ordering::Relaxed)).filter(|at| *at > 0).map(Timestamp::from_millis)
    }

    /// The use that is still to be written down.
    pub(crate) fn unkept(&self) -> Option<Timestamp> {
        self.at().filter(|at| at.millis() != self.kept.load(Ordering::Relaxed))
    }

    pub(crate) fn keep(&self, at: Timestamp) {
        self.kept.store(at.millis(), Ordering::Relaxed);
    }
}

impl Access {
    pub(crate) fn load(store: &dyn Store) -> Result<Self, StoreError> {
        let uses: HashMap<KeyHash, Timestamp> = store.key_uses()?.into_iter().collect();
        let known = |stored: Stored<ApiKey>| {
            let used = uses.get(&stored.value.hash).copied().map(LastUse::kept).unwrap_or_default();
            (stored.value.hash, Arc::new(KnownKey { stored, used: Arc::new(used) }))
        };
        let keys = store.api_keys()?.into_iter().map(known).collect();
        let workspaces = store.workspaces()?.into_iter().map(|stored| (stored.value.id, stored)).collect();
        Ok(Self { keys: RwLock::new(keys), workspaces: RwLock::new(workspaces), change: tokio::sync::Mutex::default() })
    }

    /// Takes over what the store says, but for the uses: those in memory are newer.
    fn follow(&self, store: &dyn Store) -> Result<(), StoreError> {
        let fresh = Self::load(store)?;
        let mut keys = self.keys.write();
        let mut next = fresh.keys.into_inner();
        for (hash, known) in &mut next {
            if let Some(before) = keys.get(hash) {
                let (stored, used) = (known.stored.clone(), Arc::clone(&before.used));
                *known = Arc::new(KnownKey { stored, used });
            }
        }
        *keys = next;
        *self.workspaces.write() = fresh.workspaces.into_inner();
        Ok(())
    }
}

/// The mode of a well-formed key: `ak_test_` or `ak_live_` and 24 to 64 letters or digits.
pub(crate) fn mode_of(key: &str) -> Option<Mode> {
    let (mode, letters) = match (key.strip_prefix("ak_test_"), key.strip_prefix("ak_live_")) {
        (Some(letters), _) => (Mode::Test, letters),
        (_, Some(letters)) => (Mode::Live, letters),
        _ => return None,
    };
    let fits = (24..=64).contains(&letters.len()) && letters.bytes().all(|byte| byte.is_ascii_alphanumeric());
    fits.then_some(mode)
}

pub(crate) fn hash_of(key: &str) -> KeyHash {
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
        let known = access.keys.read().get(&hash_of(key)).cloned().ok_or(KeyRejection::Invalid)?;
        let key = &known.stored.value;
        self.pass(&known).map(|()| Caller { realm: key.realm, scopes: key.scopes, key: key.id })
    }

    /// Whether the key of somebody who was let in opens anything still: for answers that go on and
    /// on.
    ///
    /// # Errors
    /// See [`KeyRejection`].
    pub fn authenticate_again(&self, caller: &Caller) -> Result<(), KeyRejection> {
        let known = self.known_key(caller.realm, caller.key).map_err(|_| KeyRejection::Invalid)?;
        self.pass(&known)
    }

    fn pass(&self, known: &KnownKey) -> Result<(), KeyRejection> {
        let (key, now) = (&known.stored.value, self.now());
        if !key.is_valid(now) {
            return Err(KeyRejection::Invalid);
        }
        self.may_serve(key.realm)?;
        known.used.touch(now);
        Ok(())
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

    /// One workspace.
    ///
    /// # Errors
    /// `not_found`.
    pub fn workspace(&self, id: WorkspaceId) -> Result<Workspace, EngineError> {
        let found = self.inner.access.workspaces.read().get(&id).map(|stored| stored.value.clone());
        found.ok_or_else(|| not_found("workspace"))
    }

    /// The pages that may embed the iframe of this realm's sessions and hear from it. Test-mode
    /// pages on loopback, and vetd's own, always may.
    ///
    /// # Errors
    /// The store's.
    pub async fn allowed_origins(&self, realm: Realm) -> Result<Vec<Origin>, EngineError> {
        Ok(self.inner.store.settings(realm).await?.value.allowed_origins)
    }

    /// What the workspace has chosen for this mode.
    ///
    /// # Errors
    /// The store's.
    pub async fn settings(&self, realm: Realm) -> Result<RealmSettings, EngineError> {
        Ok(self.inner.store.settings(realm).await?.value)
    }

    /// Changes what the workspace has chosen for this mode. The answer is rendered from what holds
    /// afterwards.
    ///
    /// # Errors
    /// `not_found` if there is no such workspace; the store's.
    pub async fn change_settings(
        &self,
        realm: Realm,
        patch: SettingsPatch,
        claim: Option<Claim>,
        render: Render<RealmSettings>,
    ) -> Result<Reply, EngineError> {
        self.workspace(realm.workspace)?;
        let _alone = self.inner.catalog.change.lock().await;
        let before = self.inner.store.settings(realm).await?;
        let settings = patch.apply(before.value.clone());
        let mut writes = Vec::new();
        if settings != before.value {
            writes.push(Write::Settings { revision: before.revision, realm, settings: &settings });
        }
        let reply = render(&settings);
        let idempotency = claim.map(|claim| claim.file(&reply, None));
        self.inner.store.commit(Commit { writes, idempotency }).await?;
        Ok(reply)
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

    /// Makes memory follow what the store says, also after a commit whose outcome is unknown.
    pub(crate) fn follow_access(&self) {
        if let Err(error) = self.inner.access.follow(self.inner.store.as_ref()) {
            tracing::error!(%error, "keys and workspaces may be stale until the next change or start");
        }
    }
}

pub(crate) fn not_found(what: &str) -> EngineError {
    EngineError::refused(ErrorCode::NotFound, format!("There is no such {what}."))
}
