//! One request, one effect: twins in flight share one piece of work, later repeats get the
//! filed answer.
//!
//! The table of work in flight is looked up first, then the store, as one step: whoever puts
//! the entry owns the key until the outcome is durable or refused. The work runs in a task of
//! its own, so a client that hangs up does not stop it.

use std::collections::HashMap;
use std::collections::hash_map::Entry;
use std::sync::Arc;
use std::time::Duration;

use parking_lot::Mutex;
use tokio::sync::watch;
use vetd_model::secret::SessionSecret;
use vetd_model::{ErrorCode, Realm, SessionId, Timestamp};
use vetd_storage::{Answer, IdempotencyRecord, IdempotencySlot};

use crate::engine::Engine;
use crate::error::EngineError;
use crate::reply::Reply;

/// The session whose secret seals an answer.
type Owner<'a> = (Realm, SessionId, &'a SessionSecret);

/// How long a twin waits for the first.
const TWIN_PATIENCE: Duration = Duration::from_secs(10);

/// One use of an idempotency key.
#[derive(Debug, Clone, Copy)]
pub struct IdempotencyKey {
    /// A hash of workspace, mode, method, path and key.
    pub slot: IdempotencySlot,
    /// SHA-256 of the raw body.
    pub fingerprint: [u8; 32],
}

/// The right to file one answer, to be handed to the engine's call that does the work.
#[derive(Debug)]
pub struct Claim {
    pub(crate) key: IdempotencyKey,
    pub(crate) at: Timestamp,
}

/// How a request with an idempotency key came out.
#[derive(Debug, Clone)]
pub enum Once {
    /// The work was done for this request.
    First(Reply),
    /// The work was done for a twin that came a moment earlier.
    Twin(Reply),
    /// It was done earlier; this is what is filed.
    Filed(Answer),
}

#[derive(Debug, Clone)]
enum Outcome {
    Done(Reply),
    Filed(Answer),
    Failed(EngineError),
}

/// The work under way, by idempotency key.
#[derive(Debug, Default)]
pub(crate) struct InFlight {
    entries: Mutex<HashMap<IdempotencySlot, Work>>,
}

#[derive(Debug)]
struct Work {
    fingerprint: [u8; 32],
    outcome: watch::Receiver<Option<Outcome>>,
}

/// Takes the entry out of the table whatever becomes of the work.
struct Leader {
    engine: Engine,
    slot: IdempotencySlot,
    outcome: watch::Sender<Option<Outcome>>,
}

impl Drop for Leader {
    fn drop(&mut self) {
        // The outcome is durable by now or will never be: a newcomer may look in the store.
        self.engine.inner.in_flight.entries.lock().remove(&self.slot);
        self.outcome.send_if_modified(|outcome| {
            let missing = outcome.is_none();
            if missing {
                *outcome = Some(Outcome::Failed(EngineError::internal("the work ended without an outcome")));
            }
            missing
        });
    }
}

impl Engine {
    /// Does `work` at most once for `key`. Without a key it is simply done, to its end even if
    /// the caller goes away.
    ///
    /// # Errors
    /// `idempotency_conflict` if the key was used with another body, `idempotency_in_progress`
    /// after ten seconds behind a twin; otherwise the work's own error, which leaves the key free.
    pub async fn once<W, F>(&self, key: Option<IdempotencyKey>, work: W) -> Result<Once, EngineError>
    where
        W: FnOnce(Option<Claim>) -> F + Send + 'static,
        F: Future<Output = Result<Reply, EngineError>> + Send + 'static,
    {
        let Some(key) = key else {
            let done = tokio::spawn(work(None)).await;
            return done.map_err(|error| EngineError::internal(error.to_string()))?.map(Once::First);
        };
        match self.join(key)? {
            Joined::Twin(mut outcome) => self.await_twin(&mut outcome).await,
            Joined::Leader(leader, mut outcome) => {
                tokio::spawn(leader.lead(key, self.now(), work));
                settle(&mut outcome, Once::First).await
            }
        }
    }

    async fn await_twin(&self, outcome: &mut watch::Receiver<Option<Outcome>>) -> Result<Once, EngineError> {
        let patience = self.inner.clock.sleep(TWIN_PATIENCE);
        tokio::select! {
            settled = settle(outcome, Once::Twin) => settled,
            () = patience => Err(EngineError::refused(
                ErrorCode::IdempotencyInProgress,
                "The first request with this Idempotency-Key is still running; try again in a moment.",
            )),
        }
    }

    fn join(&self, key: IdempotencyKey) -> Result<Joined, EngineError> {
        let mut entries = self.inner.in_flight.entries.lock();
        match entries.entry(key.slot) {
            Entry::Occupied(work) if work.get().fingerprint != key.fingerprint => Err(conflict()),
            Entry::Occupied(work) => Ok(Joined::Twin(work.get().outcome.clone())),
            Entry::Vacant(place) => {
                let (sender, receiver) = watch::channel(None);
                place.insert(Work { fingerprint: key.fingerprint, outcome: receiver.clone() });
                let leader = Leader { engine: self.clone(), slot: key.slot, outcome: sender };
                Ok(Joined::Leader(leader, receiver))
            }
        }
    }
}

enum Joined {
    Leader(Leader, watch::Receiver<Option<Outcome>>),
    Twin(watch::Receiver<Option<Outcome>>),
}

impl Leader {
    async fn lead<W, F>(self, key: IdempotencyKey, at: Timestamp, work: W)
    where
        W: FnOnce(Option<Claim>) -> F + Send + 'static,
        F: Future<Output = Result<Reply, EngineError>> + Send + 'static,
    {
        let store = Arc::clone(&self.engine.inner.store);
        let outcome = match store.answer(key.slot, at).await {
            Ok(Some(filed)) if filed.fingerprint != key.fingerprint => Outcome::Failed(conflict()),
            Ok(Some(filed)) => Outcome::Filed(filed.answer),
            Ok(None) => match work(Some(Claim { key, at })).await {
                Ok(reply) => Outcome::Done(reply),
                Err(error) => Outcome::Failed(error),
            },
            Err(error) => Outcome::Failed(error.into()),
        };
        self.outcome.send_replace(Some(outcome));
    }
}

async fn settle(outcome: &mut watch::Receiver<Option<Outcome>>, done: fn(Reply) -> Once) -> Result<Once, EngineError> {
    let outcome = outcome.wait_for(Option::is_some).await.map(|settled| settled.clone());
    match outcome {
        Ok(Some(Outcome::Done(reply))) => Ok(done(reply)),
        Ok(Some(Outcome::Filed(answer))) => Ok(Once::Filed(answer)),
        Ok(Some(Outcome::Failed(error))) => Err(error),
        Ok(None) | Err(_) => Err(EngineError::internal("the work ended without an outcome")),
    }
}

fn conflict() -> EngineError {
    let message = "This Idempotency-Key was used with another body; use a new key for a new request.";
    EngineError::refused(ErrorCode::IdempotencyConflict, message)
}

impl Claim {
    /// The record to commit with the effect. `owner` seals the answer with a session's secret.
    pub(crate) fn file<'a>(&self, reply: &Reply, owner: Option<Owner<'a>>) -> IdempotencyRecord<'a> {
        let answer = Answer::Body { status: reply.status, body: reply.body.clone() };
        self.record(answer, owner)
    }

    /// The record of an answer that can be made again.
    pub(crate) fn record<'a>(&self, answer: Answer, owner: Option<Owner<'a>>) -> IdempotencyRecord<'a> {
        IdempotencyRecord { slot: self.key.slot, at: self.at, fingerprint: self.key.fingerprint, answer, owner }
    }
}
