//! The lists that people are looked for on: loaded at the start, replaced while checks run, kept beside
//! the store. They are the operator's and belong to the whole server.

use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use parking_lot::RwLock;
use vetd_checks::watchlist::{Facts, Watchlist, Watchlists};
use vetd_model::audit_log::{Actor, AuditAction};
use vetd_model::{Mode, Realm, Refusal, Timestamp};
use vetd_storage::{Shelf, ShelfKind};

use crate::engine::Engine;
use crate::error::EngineError;

const KIND: ShelfKind = ShelfKind::Watchlist;

/// The lists in force.
#[derive(Debug, Default)]
pub(crate) struct Lists {
    current: RwLock<Watchlists>,
    /// Who changes them waits for who came before.
    change: tokio::sync::Mutex<()>,
}

/// A list, and whether it is older than it should be.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct WatchlistView {
    /// What it says of itself.
    pub facts: Facts,
    /// How many days ago it was made.
    pub days_old: Option<u32>,
    /// Whether it is older than the operator wants lists to be.
    pub stale: bool,
}

impl WatchlistView {
    fn of(facts: &Facts, lists: &Watchlists, now: Timestamp) -> Self {
        Self { days_old: facts.days_old(now), stale: lists.is_stale(facts, now), facts: facts.clone() }
    }
}

impl Lists {
    /// Loads every list that is kept. One that cannot be read is named in each result until it is
    /// imported again or removed: nobody is cleared by a list that is missing.
    pub(crate) fn load(shelf: &Shelf, fresh_for: Duration) -> Result<Self, EngineError> {
        let unavailable =
            |error: std::io::Error| EngineError::unavailable(format!("the lists cannot be read: {error}"));
        let mut loaded = Watchlists { fresh_for: Some(fresh_for), ..Watchlists::default() };
        for name in shelf.names(KIND).map_err(unavailable)? {
            let bytes = shelf.read(KIND, &name).map_err(unavailable)?;
            match Watchlist::load(&bytes) {
                Ok(list) if list.facts().name == name => loaded.lists.push(Arc::new(list)),
                _ => {
                    tracing::error!(list = name, "a list is damaged; import it again or remove it");
                    loaded.unreadable.push(name);
                }
            }
        }
        Ok(Self { current: RwLock::new(loaded), change: tokio::sync::Mutex::default() })
    }

    /// The lists of now. Whoever holds them keeps them, whatever is imported meanwhile.
    pub(crate) fn current(&self) -> Watchlists {
        self.current.read().clone()
    }

    /// Every list, as the operator reads it.
    fn views(&self, now: Timestamp) -> Vec<WatchlistView> {
        let lists = self.current();
        lists.lists.iter().map(|list| WatchlistView::of(list.facts(), &lists, now)).collect()
    }

    /// How old each list is, for metrics.
    pub(crate) fn ages(&self, now: Timestamp) -> Vec<(String, Duration)> {
        let lists = self.current();
        let age = |facts: &Facts| facts.days_old(now).map(|days| Duration::from_secs(u64::from(days) * 86_400));
        lists.lists.iter().filter_map(|list| Some((list.facts().name.clone(), age(list.facts())?))).collect()
    }

    fn replace(&self, name: &str, list: Option<Watchlist>) {
        let mut current = self.current.write();
        current.lists.retain(|known| known.facts().name != name);
        current.unreadable.retain(|known| known != name);
        current.lists.extend(list.map(Arc::new));
        current.lists.sort_by(|one, other| one.facts().name.cmp(&other.facts().name));
    }
}

impl Engine {
    /// Every list in force, by name.
    #[must_use]
    pub fn watchlists(&self) -> Vec<WatchlistView> {
        self.inner.lists.views(self.now())
    }

    /// Takes a list over in vetd's own form, in place of an earlier one of its name: written down first,
    /// in force from then on. Runs of checks that have begun go on with the lists that they began with.
    ///
    /// # Errors
    /// `validation_error` if it is no list; the disk's.
    pub async fn import_watchlist(&self, bytes: Bytes) -> Result<WatchlistView, EngineError> {
        let _turn = self.inner.lists.change.lock().await;
        let shelf = self.inner.store.shelf().clone();
        let filed = tokio::task::spawn_blocking(move || {
            let list = Watchlist::load(&bytes).map_err(|error| Refusal::field("body", error.to_string()))?;
            shelf.put(KIND, &list.facts().name, &bytes).map_err(not_kept)?;
            Ok::<_, EngineError>(list)
        });
        let list = filed.await.map_err(|error| EngineError::internal(format!("the loading of a list: {error}")))??;
        let facts = list.facts().clone();
        self.inner.lists.replace(&facts.name, Some(list));
        tracing::info!(list = facts.name, entries = facts.entries, "a list was imported");
        self.tell(AuditAction::WatchlistImported, &facts.name, Some(&facts)).await?;
        Ok(WatchlistView::of(&facts, &self.inner.lists.current(), self.now()))
    }

    /// Removes a list, also one that cannot be read; false if there is none of this name.
    ///
    /// # Errors
    /// The disk's.
    pub async fn remove_watchlist(&self, name: &str) -> Result<bool, EngineError> {
        let _turn = self.inner.lists.change.lock().await;
        if !vetd_checks::watchlist::is_name(name) {
            return Ok(false);
        }
        let (shelf, file) = (self.inner.store.shelf().clone(), name.to_owned());
        let removed = tokio::task::spawn_blocking(move || shelf.remove(KIND, &file)).await;
        let removed = removed.map_err(|error| EngineError::internal(format!("the removal of a list: {error}")))?;
        if !removed.map_err(not_kept)? {
            return Ok(false);
        }
        self.inner.lists.replace(name, None);
        tracing::info!(list = name, "a list was removed");
        self.tell(AuditAction::WatchlistRemoved, name, None).await?;
        Ok(true)
    }

    /// Every workspace can read what its people are looked for on.
    async fn tell(&self, action: AuditAction, name: &str, facts: Option<&Facts>) -> Result<(), EngineError> {
        for workspace in self.workspaces() {
            for mode in [Mode::Test, Mode::Live] {
                let mut entry = self.audit_entry(Actor::Operator, action).with("list", name);
                if let Some(facts) = facts {
                    entry = entry.with("sha256", facts.sha256.as_str()).with("entries", u64::from(facts.entries));
                    entry = entry.with("date", facts.date.as_deref().unwrap_or("unknown"));
                }
                self.note(Realm { workspace: workspace.id, mode }, &entry).await?;
            }
        }
        Ok(())
    }
}

#[expect(clippy::needless_pass_by_value, reason = "for map_err")]
fn not_kept(error: std::io::Error) -> EngineError {
    EngineError::unavailable(format!("a list cannot be kept: {error}"))
}

/// What the operator's commands do where no server runs: over an open store, with nobody to be told.
pub mod offline_watchlists {
    use std::io;
    use std::time::Duration;

    use vetd_checks::watchlist::Watchlist;
    use vetd_model::Timestamp;
    use vetd_storage::Store;

    use super::{KIND, Lists, WatchlistView};
    use crate::error::EngineError;

    /// Files a list.
    ///
    /// # Errors
    /// If it is none; the disk's.
    pub fn file(store: &dyn Store, bytes: &[u8]) -> io::Result<()> {
        let list = Watchlist::load(bytes).map_err(io::Error::other)?;
        store.shelf().put(KIND, &list.facts().name, bytes)
    }

    /// Every list that is kept.
    ///
    /// # Errors
    /// The disk's.
    pub fn all(store: &dyn Store, max_age: Duration, now: Timestamp) -> Result<Vec<WatchlistView>, EngineError> {
        Ok(Lists::load(store.shelf(), max_age)?.views(now))
    }

    /// Removes a list; false if there is none of this name.
    ///
    /// # Errors
    /// The disk's.
    pub fn remove(store: &dyn Store, name: &str) -> io::Result<bool> {
        if vetd_checks::watchlist::is_name(name) { store.shelf().remove(KIND, name) } else { Ok(false) }
    }
}
