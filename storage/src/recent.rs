//! Sessions as they were last made durable, ready for whoever reads them next: the command that
//! follows, the webhooks of a move, a backend that asks again and again. It saves them the
//! look-up, the decoding and the opening of two seals.

use std::sync::Arc;

use quick_cache::sync::{Cache, GuardResult};
use vetd_model::{Realm, Session, SessionId};

use crate::api::{Handle, StoreError, StoredSession};

type Key = (Realm, SessionId);

/// The sessions, never one that is not durable and never one that has a durable successor.
pub(crate) struct Recent(Option<Cache<Key, StoredSession>>);

impl Recent {
    /// Keeps so many sessions, or none; one takes one to three kB.
    pub(crate) fn new(sessions: usize) -> Self {
        // A cache too small for one would not see that a newer one was put.
        Self((sessions > 0).then(|| Cache::new(sessions)))
    }

    /// This is how the session stands now. A read of it that has begun before gives way.
    pub(crate) fn put(&self, session: Arc<Session>, handle: Handle) {
        if let Some(cache) = &self.0 {
            cache.insert((session.realm, session.id), (session, handle));
        }
    }

    /// The session, read if it is not here. What is read while a newer one is put is handed to
    /// its reader, who asked before, and not kept.
    ///
    /// # Errors
    /// Those of `read`.
    pub(crate) fn get_or_read(
        &self,
        key: Key,
        read: impl FnOnce() -> Result<Option<(Session, Handle)>, StoreError>,
    ) -> Result<Option<StoredSession>, StoreError> {
        let read = || Ok(read()?.map(|(session, handle)| (Arc::new(session), handle)));
        let Some(cache) = &self.0 else { return read() };
        match cache.get_value_or_guard(&key, None) {
            GuardResult::Value(found) => Ok(Some(found)),
            GuardResult::Guard(place) => {
                let found = read()?;
                if let Some(found) = &found {
                    // Refused if the place was taken or cleared meanwhile.
                    let _ = place.insert(found.clone());
                }
                Ok(found)
            }
            GuardResult::Timeout => read(),
        }
    }

    /// Forgets everything.
    pub(crate) fn clear(&self) {
        if let Some(cache) = &self.0 {
            cache.clear();
        }
    }
}
