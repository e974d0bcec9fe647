//! Who has a session before their eyes: told at each change of it, and how far its checks are. What is
//! told here is what is durable already; nothing is kept for whom nobody watches.

use std::collections::HashMap;
use std::future::pending;
use std::sync::Arc;

use parking_lot::Mutex;
use tokio::sync::watch;
use vetd_model::{Realm, SessionId};

use crate::engine::Engine;
use crate::registry::SessionKey;

/// The sessions that are watched.
#[derive(Debug, Default)]
pub(crate) struct Watchers(Mutex<HashMap<SessionKey, watch::Sender<Checked>>>);

/// How many checks of a run have ended.
#[derive(Debug, Clone, Copy, Default)]
struct Checked {
    run: u32,
    done: usize,
}

impl Watchers {
    /// The session has changed, and the change is durable.
    pub(crate) fn changed(&self, key: SessionKey) {
        if let Some(sender) = self.0.lock().get(&key) {
            sender.send_modify(|_| {});
        }
    }

    /// So many checks of a run have ended.
    pub(crate) fn checked(&self, key: SessionKey, run: u32, done: usize) {
        if let Some(sender) = self.0.lock().get(&key) {
            sender.send_replace(Checked { run, done });
        }
    }

    fn watch(self: &Arc<Self>, key: SessionKey) -> Watch {
        let receiver = self.0.lock().entry(key).or_default().subscribe();
        Watch { watchers: Arc::clone(self), key, receiver }
    }
}

/// One watcher of one session.
#[derive(Debug)]
pub struct Watch {
    watchers: Arc<Watchers>,
    key: SessionKey,
    receiver: watch::Receiver<Checked>,
}

impl Watch {
    /// Waits until the session has changed since this was last asked, or since the watch began. Can be
    /// dropped and asked again without missing a change.
    pub async fn changed(&mut self) {
        if self.receiver.changed().await.is_err() {
            // The other end lives in the map for as long as this one does.
            pending::<()>().await;
        }
    }

    /// How many checks of this run have ended, as far as is known.
    #[must_use]
    pub fn checks_done(&self, run: u32) -> usize {
        let checked = *self.receiver.borrow();
        if checked.run == run { checked.done } else { 0 }
    }
}

impl Drop for Watch {
    fn drop(&mut self) {
        let mut watched = self.watchers.0.lock();
        if watched.get(&self.key).is_some_and(|sender| sender.receiver_count() <= 1) {
            watched.remove(&self.key);
        }
    }
}

impl Engine {
    /// Watches a session. Read it afterwards: no change is missed between the two.
    #[must_use]
    pub fn watch(&self, realm: Realm, id: SessionId) -> Watch {
        self.inner.context.watchers.watch(SessionKey { realm, id })
    }
}

#[cfg(test)]
mod tests {
    use futures::FutureExt;
    use vetd_model::{Mode, WorkspaceId};

    use super::*;

    fn key(byte: u8) -> SessionKey {
        let realm = Realm { workspace: WorkspaceId(1), mode: Mode::Test };
        SessionKey { realm, id: SessionId::from_bytes([byte; 16]) }
    }

    #[test]
    fn a_watch_hears_of_its_own_session_alone_and_leaves_nothing_behind() {
        let watchers = Arc::new(Watchers::default());
        let (mut one, mut two, mut other) = (watchers.watch(key(1)), watchers.watch(key(1)), watchers.watch(key(2)));
        watchers.changed(key(1));
        watchers.checked(key(1), 3, 2);
        assert!(one.changed().now_or_never().is_some() && two.changed().now_or_never().is_some());
        assert!(one.changed().now_or_never().is_none() && other.changed().now_or_never().is_none());
        assert_eq!((one.checks_done(3), one.checks_done(4), other.checks_done(3)), (2, 0, 0));
        drop((one, other));
        watchers.changed(key(1));
        assert!(two.changed().now_or_never().is_some());
        drop(two);
        watchers.changed(key(1));
        assert!(watchers.0.lock().is_empty());
    }
}
