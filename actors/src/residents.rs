//! The actors of one shard that are in memory, by session and by how recently they were used.

use std::collections::{BTreeMap, HashMap};

use ractor::{ActorId, ActorRef};

use crate::registry::SessionKey;
use crate::session_actor::SessionMsg;

/// One actor in memory.
#[derive(Debug)]
pub(crate) struct Resident {
    pub(crate) actor: ActorRef<SessionMsg>,
    /// Once it is told to end, messages are held for its successor: a session never has two
    /// actors at a time.
    pub(crate) held: Option<Vec<SessionMsg>>,
    used: u64,
}

/// The resident actors.
#[derive(Debug, Default)]
pub(crate) struct Residents {
    by_session: HashMap<SessionKey, Resident>,
    by_actor: HashMap<ActorId, SessionKey>,
    /// The idle end first. Actors that have been told to end are not in it.
    by_use: BTreeMap<u64, SessionKey>,
    uses: u64,
}

impl Residents {
    pub(crate) fn len(&self) -> usize {
        self.by_session.len()
    }

    pub(crate) fn insert(&mut self, key: SessionKey, actor: ActorRef<SessionMsg>) {
        self.uses += 1;
        self.by_actor.insert(actor.get_id(), key);
        self.by_use.insert(self.uses, key);
        self.by_session.insert(key, Resident { actor, held: None, used: self.uses });
    }

    /// The actor of a session, which counts as used now.
    pub(crate) fn touch(&mut self, key: SessionKey) -> Option<&mut Resident> {
        let resident = self.by_session.get_mut(&key)?;
        if resident.held.is_none() {
            self.by_use.remove(&resident.used);
            self.uses += 1;
            resident.used = self.uses;
            self.by_use.insert(self.uses, key);
        }
        Some(resident)
    }

    /// Tells an actor to end once its mailbox is empty.
    pub(crate) fn drain(&mut self, key: SessionKey) {
        let Some(resident) = self.by_session.get_mut(&key) else { return };
        if resident.held.is_none() {
            resident.held = Some(Vec::new());
            self.by_use.remove(&resident.used);
            if resident.actor.drain().is_err() {
                tracing::debug!("the actor had ended already; its termination is on the way");
            }
        }
    }

    /// Tells the least recently used actors to end until at most `limit` are not ending.
    pub(crate) fn shrink_to(&mut self, limit: usize) {
        while self.by_use.len() > limit {
            let Some((_, key)) = self.by_use.first_key_value() else { return };
            self.drain(*key);
        }
    }

    /// Tells all of them to end.
    pub(crate) fn drain_all(&mut self) {
        self.shrink_to(0);
    }

    /// Forgets an actor that has ended, and returns its session and what was held meanwhile.
    pub(crate) fn remove(&mut self, actor: ActorId) -> Option<(SessionKey, Vec<SessionMsg>)> {
        let key = self.by_actor.remove(&actor)?;
        let resident = self.by_session.remove(&key)?;
        self.by_use.remove(&resident.used);
        Some((key, resident.held.unwrap_or_default()))
    }
}
