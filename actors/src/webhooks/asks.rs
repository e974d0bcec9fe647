//! What somebody asks of a lane: a delivery once more, or all that were given up in a time.

use std::sync::Arc;

use tokio::sync::oneshot;
use vetd_model::delivery::{Delivery, Standing};
use vetd_model::notice::Logged;
use vetd_model::{ErrorCode, Timestamp};
use vetd_storage::{IdempotencyRecord, StoreError};

use crate::delivery_api::{DeliveryView, Recovered};
use crate::error::EngineError;
use crate::idempotency::Claim;
use crate::reply::{Render, Reply};
use crate::webhooks::lane::{BACKLOG, LaneState};

/// Something asked, and who waits for the answer.
pub(crate) struct Ask {
    pub(crate) want: Want,
    pub(crate) claim: Option<Claim>,
    pub(crate) reply: oneshot::Sender<Result<Reply, EngineError>>,
}

/// What is asked.
pub(crate) enum Want {
    /// This delivery now, whatever waits before it.
    Again { position: u64, event: Arc<Logged>, render: Render<DeliveryView> },
    /// These, if they are exhausted, oldest first.
    Recover { positions: Vec<u64>, has_more: bool, render: Render<Recovered> },
}

impl std::fmt::Debug for Ask {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Ask(..)")
    }
}

/// An answer that is given once what it tells of is durable.
pub(crate) struct Promise {
    claim: Option<Claim>,
    answer: Reply,
    reply: oneshot::Sender<Result<Reply, EngineError>>,
}

impl std::fmt::Debug for Promise {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Promise(..)")
    }
}

impl Promise {
    /// The idempotency record to commit with the effect.
    pub(crate) fn record(&self) -> Option<IdempotencyRecord<'_>> {
        self.claim.as_ref().map(|claim| claim.file(&self.answer, None))
    }

    /// Answers.
    pub(crate) fn keep(self, outcome: Result<(), StoreError>) {
        answer(self.reply, outcome.map(|()| self.answer).map_err(EngineError::from));
    }
}

fn answer(reply: oneshot::Sender<Result<Reply, EngineError>>, outcome: Result<Reply, EngineError>) {
    if reply.send(outcome).is_err() {
        tracing::debug!("nobody waits for the answer any more");
    }
}

impl LaneState {
    /// Does the next thing that was asked, if any; the caller writes it down and keeps the promise.
    pub(crate) fn next_ask(&mut self, now: Timestamp) -> Option<Promise> {
        while let Some(Ask { want, claim, reply }) = self.asks.pop_front() {
            match self.fulfil(want, now) {
                Ok(done) => return Some(Promise { claim, answer: done, reply }),
                Err(error) => answer(reply, Err(error)),
            }
        }
        None
    }

    fn fulfil(&mut self, want: Want, now: Timestamp) -> Result<Reply, EngineError> {
        if self.is_paused() {
            let message = "The endpoint is disabled; enable it, which also sends everything that is held.";
            return Err(EngineError::refused(ErrorCode::InvalidState, message));
        }
        match want {
            Want::Again { position, event, render } => {
                let delivery = self.again(position, &event, now)?;
                Ok(render(&DeliveryView::new(&self.endpoint, delivery, &event)))
            }
            Want::Recover { positions, has_more, render } => {
                let recovered = self.recover(&positions, now)?;
                Ok(render(&Recovered { deliveries: recovered.0, has_more: has_more || recovered.1 }))
            }
        }
    }

    fn again(&mut self, position: u64, event: &Logged, now: Timestamp) -> Result<Delivery, EngineError> {
        let id = self.endpoint.id;
        let derived = || Delivery::derived(id, position, event.id(), event.session());
        if !self.queue.hurry(position, now) {
            let recorded = self.known(position)?;
            // What was not read yet comes of itself.
            if recorded.is_some() || position <= self.queue.position() {
                self.queue.take_up_again(recorded.unwrap_or_else(derived), false, now);
            }
        }
        Ok(self.known(position)?.unwrap_or_else(derived))
    }

    /// A delivery as it stands: what is not yet written down, else its record.
    fn known(&self, position: u64) -> Result<Option<Delivery>, EngineError> {
        match self.queue.unwritten(position) {
            Some(delivery) => Ok(Some(delivery.clone())),
            None => Ok(self.context.store.delivery(self.endpoint.id, position)?),
        }
    }

    /// Returns how many were taken up, and whether there was no room for others.
    fn recover(&mut self, positions: &[u64], now: Timestamp) -> Result<(usize, bool), EngineError> {
        let mut count = 0;
        for position in positions {
            if self.queue.len() >= BACKLOG {
                return Ok((count, true));
            }
            if let Some(delivery) = self.known(*position)?
                && matches!(delivery.standing, Standing::Exhausted(_))
            {
                self.queue.take_up_again(delivery, true, now);
                count += 1;
            }
        }
        Ok((count, false))
    }
}
