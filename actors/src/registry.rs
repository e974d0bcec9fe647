//! The registry: which shard owns which session.

use std::collections::HashSet;
use std::sync::Arc;
use std::time::Duration;

use futures::future::join_all;
use ractor::Actor;
use tokio::sync::oneshot;
use vetd_model::{Realm, SessionId, Timestamp};

use crate::engine::EngineConfig;
use crate::error::EngineError;
use crate::mailbox::Mailbox;
use crate::root::Root;
use crate::session_actor::{Context, SessionMsg};
use crate::shard::{Shard, ShardArguments, ShardMsg};

/// A session with the realm that every look-up of it names.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub(crate) struct SessionKey {
    pub(crate) realm: Realm,
    pub(crate) id: SessionId,
}

/// The shards. A session belongs to the one that its identifier's last bytes name, so the
/// number of shards may change from start to start.
#[derive(Debug, Clone)]
pub(crate) struct Registry {
    shards: Arc<[Mailbox]>,
}

fn shard_of(id: SessionId, shards: usize) -> usize {
    let [.., a, b] = *id.bytes();
    usize::from(u16::from_be_bytes([a, b])) % shards
}

impl Registry {
    /// Starts the shards with every live session's deadline.
    pub(crate) async fn start(root: &Root, context: &Arc<Context>, config: &EngineConfig) -> Result<Self, EngineError> {
        let count = config.shards.max(1);
        let mut deadlines: Vec<Vec<(SessionKey, Timestamp)>> = vec![Vec::new(); count];
        let mut interrupted: Vec<HashSet<SessionKey>> = vec![HashSet::new(); count];
        context.store.live_sessions(&mut |live| {
            let key = SessionKey { realm: live.realm, id: live.id };
            let shard = shard_of(live.id, count);
            // Interrupted checks are run again by whoever loads the session: ring it now.
            let at = if live.checking { Timestamp::default() } else { live.deadline };
            deadlines[shard].push((key, at));
            if live.checking {
                interrupted[shard].insert(key);
            }
        })?;
        let resident_limit = config.resident_limit.div_ceil(count).max(1);
        let mut shards = Vec::with_capacity(count);
        for (number, (deadlines, interrupted)) in deadlines.into_iter().zip(interrupted).enumerate() {
            let (context, waiting) = (Arc::clone(context), context.meters.mailbox(number));
            let arguments =
                ShardArguments { context, resident_limit, deadlines, interrupted, waiting: waiting.clone() };
            let started = Actor::spawn_linked(None, Shard, arguments, root.get_cell()).await;
            let (shard, _) = started.map_err(|error| EngineError::internal(error.to_string()))?;
            shards.push(Mailbox::new(shard, waiting));
        }
        Ok(Self { shards: shards.into() })
    }

    /// Hands a message to a session's actor, which is revived if need be.
    pub(crate) fn deliver(&self, key: SessionKey, message: SessionMsg) -> Result<(), EngineError> {
        self.shard_of(key)
            .send(ShardMsg::Deliver { key, message })
            .map_err(|_| EngineError::unavailable("the registry shard has stopped"))
    }

    /// Sees to it that a session without an actor is rung at its deadline.
    pub(crate) fn arm(&self, key: SessionKey, deadline: Option<Timestamp>) {
        if self.shard_of(key).send(ShardMsg::Settled { key, deadline }).is_err() {
            tracing::debug!("the shard has stopped; the next start arms the session's deadline");
        }
    }

    fn shard_of(&self, key: SessionKey) -> &Mailbox {
        &self.shards[shard_of(key.id, self.shards.len())]
    }

    /// Lets every resident actor end what it has begun, at most for `grace`.
    pub(crate) async fn drain(&self, clock: &dyn crate::clock::Clock, grace: Duration) {
        let drained = self.shards.iter().map(|shard| async move {
            let (done, finished) = oneshot::channel();
            if shard.send(ShardMsg::Drain { done }).is_ok() {
                let _stopped_or_drained = finished.await;
            }
        });
        tokio::select! {
            _ = join_all(drained) => {}
            () = clock.sleep(grace) => {
                tracing::warn!("not every session actor ended in time; their sessions resume at the next start");
            }
        }
        self.shards.iter().for_each(Mailbox::stop);
    }
}
