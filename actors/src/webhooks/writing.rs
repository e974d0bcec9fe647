//! What a lane writes down: how attempts have ended, and how far its mark moves with them.
//! Nobody waits for it but those who have asked for something.

use std::collections::BTreeMap;

use futures::future::BoxFuture;
use ractor::ActorRef;
use vetd_model::Timestamp;
use vetd_storage::{Commit, CommitReceipt, IdempotencyRecord, Mark, StoreError, Write};

use crate::webhooks::asks::Promise;
use crate::webhooks::lane::{LaneMsg, LaneState, TRY_AGAIN};
use crate::webhooks::lane_queue::Change;

/// Positions after which the mark is written though none of them was the endpoint's.
const FOREIGN_EVERY: u64 = 65_536;

/// One write of a lane.
#[derive(Debug)]
pub(crate) struct WriteDown {
    changes: BTreeMap<u64, Change>,
    mark: u64,
    /// Whoever waits for it.
    promise: Option<Promise>,
}

/// Where a lane stands with its writes. One at a time, so that a mark never overtakes the
/// records it relies on.
#[derive(Debug)]
pub(crate) struct Writing {
    under_way: bool,
    mark: u64,
    again: Option<Timestamp>,
    /// Whether the mark is written though little has changed.
    hurried: bool,
}

impl Writing {
    pub(crate) const fn new(mark: u64) -> Self {
        Self { under_way: false, mark, again: None, hurried: false }
    }

    /// Nothing is written before this time: the store is away.
    pub(crate) const fn put_off(&mut self, until: Timestamp) {
        self.again = Some(until);
    }

    /// The mark is written with the next write, which comes soon.
    pub(crate) const fn hurry(&mut self) {
        self.hurried = true;
    }

    /// When a write that failed is tried again.
    pub(crate) const fn again_at(&self) -> Option<Timestamp> {
        self.again
    }
}

impl LaneState {
    /// Writes down what has changed. What ends while a write is under way goes with the next.
    pub(crate) fn write_down(&mut self, myself: &ActorRef<LaneMsg>, now: Timestamp) {
        let writing = &mut self.writing;
        writing.again = writing.again.filter(|at| now < *at && at.since(now) <= TRY_AGAIN);
        if writing.under_way || (writing.again.is_some() && self.asks.is_empty()) {
            return;
        }
        let promise = self.next_ask(now);
        let mark = self.queue.mark();
        let is_far = mark >= self.writing.mark + if self.writing.hurried { 1 } else { FOREIGN_EVERY };
        if promise.is_none() && self.queue.changed() == 0 && !is_far {
            return;
        }
        self.writing.hurried = false;
        let write = WriteDown { changes: self.queue.take_changes(), mark, promise };
        let commit = self.commit(&write);
        let lane = myself.clone();
        self.writing.under_way = true;
        tokio::spawn(async move {
            let outcome = commit.await.map(drop);
            if lane.send_message(LaneMsg::Written { write, outcome }).is_err() {
                tracing::debug!("the lane has stopped after a write");
            }
        });
    }

    fn commit(&self, write: &WriteDown) -> BoxFuture<'static, Result<CommitReceipt, StoreError>> {
        let endpoint = self.endpoint.id;
        let mut writes: Vec<Write<'_>> = Vec::with_capacity(write.changes.len() + 1);
        // First: whether the endpoint is still there is looked up once.
        writes.push(Write::Mark { endpoint, mark: Mark { position: write.mark, failing: self.failing } });
        for (position, change) in &write.changes {
            let position = *position;
            for (number, attempt) in &change.attempts {
                writes.push(Write::Attempt { endpoint, position, number: *number, attempt });
            }
            writes.push(match &change.delivery {
                Some(delivery) => Write::Delivery { was: change.was, delivery },
                None => Write::RemoveDelivery { endpoint, position },
            });
        }
        let idempotency: Option<IdempotencyRecord<'_>> = write.promise.as_ref().and_then(Promise::record);
        self.context.store.commit(Commit { writes, idempotency })
    }

    pub(crate) fn note_written(&mut self, write: WriteDown, outcome: Result<(), StoreError>, now: Timestamp) {
        self.writing.under_way = false;
        match &outcome {
            Ok(()) => self.writing.mark = write.mark,
            Err(error) => {
                tracing::warn!(endpoint = %self.endpoint.id, %error, "webhook records could not be written; tried again");
                self.queue.give_back(write.changes);
                self.writing.again = Some(now.after(TRY_AGAIN));
            }
        }
        if let Some(promise) = write.promise {
            promise.keep(outcome);
        }
    }
}
