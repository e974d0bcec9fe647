//! The deadlines of one shard's sessions, resident or not, in order.

use std::collections::{BTreeSet, HashMap, HashSet};

use vetd_model::Timestamp;

use crate::registry::SessionKey;

/// The most sessions of one shard that are rung at the same time: after a long stop everything
/// is due at once, and each ring brings an actor into memory.
const RINGING_LIMIT: usize = 256;

/// One deadline a session. A ring that comes too early or twice does no harm: the rules look at
/// the time themselves.
#[derive(Debug, Default)]
pub(crate) struct Deadlines {
    order: BTreeSet<(Timestamp, SessionKey)>,
    by_session: HashMap<SessionKey, Timestamp>,
    ringing: HashSet<SessionKey>,
}

impl Deadlines {
    /// Sets or, with `None`, forgets the deadline of a session; its ring, if any, has ended.
    pub(crate) fn set(&mut self, session: SessionKey, deadline: Option<Timestamp>) {
        self.ringing.remove(&session);
        let before = match deadline {
            Some(at) => self.by_session.insert(session, at),
            None => self.by_session.remove(&session),
        };
        if let Some(before) = before {
            self.order.remove(&(before, session));
        }
        if let Some(at) = deadline {
            self.order.insert((at, session));
        }
    }

    /// Takes the next session that is due at `now`, unless enough are being rung. It is rung
    /// until its deadline is set again.
    pub(crate) fn pop_due(&mut self, now: Timestamp) -> Option<(Timestamp, SessionKey)> {
        let (at, session) = *self.order.first()?;
        if at > now || self.ringing.len() >= RINGING_LIMIT {
            return None;
        }
        self.order.pop_first();
        self.by_session.remove(&session);
        self.ringing.insert(session);
        Some((at, session))
    }

    /// When to look again; `None` while there is nothing to wait for, or too much is under way.
    pub(crate) fn next(&self) -> Option<Timestamp> {
        let waits = self.ringing.len() < RINGING_LIMIT;
        waits.then(|| self.order.first().map(|(at, _)| *at))?
    }
}

#[cfg(test)]
mod tests {
    use vetd_model::{Mode, Realm, SessionId, WorkspaceId};

    use super::*;

    fn key(number: u16) -> SessionKey {
        let mut bytes = [0; 16];
        bytes[14..].copy_from_slice(&number.to_be_bytes());
        let realm = Realm { workspace: WorkspaceId(1), mode: Mode::Test };
        SessionKey { realm, id: SessionId::from_bytes(bytes) }
    }

    fn at(seconds: u64) -> Timestamp {
        Timestamp::from_seconds(seconds)
    }

    #[test]
    fn sessions_ring_in_the_order_of_their_last_deadline() {
        let mut deadlines = Deadlines::default();
        deadlines.set(key(1), Some(at(30)));
        deadlines.set(key(2), Some(at(20)));
        deadlines.set(key(3), Some(at(10)));
        deadlines.set(key(1), Some(at(15)));
        deadlines.set(key(3), None);
        assert_eq!(deadlines.next(), Some(at(15)));
        assert_eq!(deadlines.pop_due(at(14)), None);
        assert_eq!(deadlines.pop_due(at(20)), Some((at(15), key(1))));
        assert_eq!(deadlines.pop_due(at(20)), Some((at(20), key(2))));
        assert_eq!(deadlines.next(), None);
    }

    #[test]
    fn a_flood_of_overdue_sessions_is_rung_in_portions() {
        let mut deadlines = Deadlines::default();
        let flood = u16::try_from(RINGING_LIMIT).unwrap() + 1;
        (0..flood).for_each(|number| deadlines.set(key(number), Some(at(1))));
        let mut rung = 0;
        while deadlines.pop_due(at(2)).is_some() {
            rung += 1;
        }
        assert_eq!((rung, deadlines.next()), (RINGING_LIMIT, None));
        deadlines.set(key(0), None);
        assert_eq!(deadlines.pop_due(at(2)), Some((at(1), key(flood - 1))));
    }
}
