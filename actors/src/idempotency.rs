//! One request, one effect: twins in flight share one piece of work, later repeats get the
//! filed answer.
//!
//! The table of work in flight is looked up first, then the store, as one step: whoever puts
//! the entry owns the key until the outcome is durable or refused. A client that hangs
//! up does not stop the work.

use std::collections::HashMap;
use std::collections::hash_map::Entry;
use std::time::Duration;

use parking_lot::Mutex;
use tokio::sync::watch;
use tracing::{Instrument, debug_span};
use vetd_model::secret::SessionSecret;
use vetd_model::{ErrorCode, Realm, SessionId, Timestamp};
use vetd_storage::{Answer, IdempotencyRecord, IdempotencySlot};

use crate::engine::Engine;
use crate::error::EngineError;
use crate::finishing::Finishing;
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

/// What the twins are told.
type Outcome = Result<Filing, EngineError>;

#[derive(Debug, Clone)]
enum Filing {
    Done(Reply),
    Earlier(Answer),
}

/// The work under way, by idempotency key.
#[derive(Debug, Default)]
pub(crate) struct InFlight {
    entries: Mutex<HashMap<IdempotencySlot, Work>>,
}

#[derive(Debug)]
struct Work {
    fingerprint: [u8; 32],
    /// Made by the first twin: most work has none.
    twins: Option<watch::Sender<Option<Outcome>>>,
}

/// Owns a key while its work is under way, and gives it free whatever becomes of the work.
struct Leader {
    engine: Engine,
    slot: IdempotencySlot,
    settled: bool,
}

impl Leader {
    /// Gives the key free and tells the twins. The outcome is durable by now or will never be:
    /// a newcomer may look in the store.
    fn settle(&mut self, outcome: impl FnOnce() -> Outcome) {
        self.settled = true;
        let work = self.engine.inner.in_flight.entries.lock().remove(&self.slot);
        if let Some(twins) = work.and_then(|work| work.twins) {
            twins.send_replace(Some(outcome()));
        }
    }

    async fn lead<W, F>(mut self, key: IdempotencyKey, at: Timestamp, work: W) -> Result<Once, EngineError>
    where
        W: FnOnce(Option<Claim>) -> F + Send + 'static,
        F: Future<Output = Result<Reply, EngineError>> + Send + 'static,
    {
        let outcome = match self.engine.inner.store.answer(key.slot, at).await {
            Ok(Some(filed)) if filed.fingerprint != key.fingerprint => Err(conflict()),
            Ok(Some(filed)) => Ok(Filing::Earlier(filed.answer)),
            Ok(None) => work(Some(Claim { key, at })).await.map(Filing::Done),
            Err(error) => Err(error.into()),
        };
        self.settle(|| outcome.clone());
        outcome.map(|filing| filing.once(Once::First))
    }
}

impl Drop for Leader {
    fn drop(&mut self) {
        if !self.settled {
            self.settle(|| Err(EngineError::internal("the work ended without an outcome")));
        }
    }
}

impl Filing {
    fn once(self, done: fn(Reply) -> Once) -> Once {
        match self {
            Self::Done(reply) => done(reply),
            Self::Earlier(answer) => Once::Filed(answer),
        }
    }
}

enum Joined {
    Leader(Leader),
    Twin(watch::Receiver<Option<Outcome>>),
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
        let Some(key) = key else { return Finishing::new(work(None).in_current_span()).await.map(Once::First) };
        match self.join(key)? {
            Joined::Leader(leader) => {
                let span = debug_span!("idempotency").or_current();
                Finishing::new(leader.lead(key, self.now(), work).instrument(span)).await
            }
            Joined::Twin(outcome) => self.await_twin(outcome).await,
        }
    }

    fn join(&self, key: IdempotencyKey) -> Result<Joined, EngineError> {
        let mut entries = self.inner.in_flight.entries.lock();
        match entries.entry(key.slot) {
            Entry::Occupied(work) if work.get().fingerprint != key.fingerprint => Err(conflict()),
            Entry::Occupied(mut work) => {
                let twins = work.get_mut().twins.get_or_insert_with(|| watch::Sender::new(None));
                Ok(Joined::Twin(twins.subscribe()))
            }
            Entry::Vacant(place) => {
                place.insert(Work { fingerprint: key.fingerprint, twins: None });
                Ok(Joined::Leader(Leader { engine: self.clone(), slot: key.slot, settled: false }))
            }
        }
    }

    async fn await_twin(&self, mut outcome: watch::Receiver<Option<Outcome>>) -> Result<Once, EngineError> {
        let patience = self.inner.clock.sleep(TWIN_PATIENCE);
        tokio::select! {
            settled = outcome.wait_for(Option::is_some) => match settled.ok().and_then(|settled| settled.clone()) {
                Some(outcome) => outcome.map(|filing| filing.once(Once::Twin)),
                None => Err(EngineError::internal("the work ended without an outcome")),
            },
            () = patience => Err(EngineError::refused(
                ErrorCode::IdempotencyInProgress,
                "The first request with this Idempotency-Key is still running; try again in a moment.",
            )),
        }
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
