//! A lane: one endpoint's deliveries. Its trouble is its own: other lanes never wait for it.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use futures::future::BoxFuture;
use ractor::{Actor, ActorProcessingErr, ActorRef};
use vetd_model::webhook::{Endpoint, Setback};
use vetd_model::{EventId, Timestamp};
use vetd_storage::{Commit, CommitReceipt, Store, StoreError, Write};

use crate::alarm::Alarm;
use crate::clock::Clock;
use crate::entropy::Entropy;
use crate::history::render_event;
use crate::meters::Meters;
use crate::webhooks::lane_queue::{Change, LaneQueue};
use crate::webhooks::sender::{Attempt, Sender};
use crate::webhooks::target::Reach;

/// Attempts of one endpoint at the same time.
const CONCURRENCY: usize = 16;
/// Events read ahead of what is delivered or recorded.
const WINDOW: usize = 256;
/// The most deliveries that a lane holds: beyond it, events wait in the store until it gets on.
const BACKLOG: usize = 10_000;
/// Successes after which the cursor is written even if nothing else is.
const CURSOR_EVERY: u64 = 64;
/// Positions after which the cursor is written though none of them was the endpoint's.
const FOREIGN_EVERY: u64 = 65_536;
/// When a write that failed is tried again.
const WRITE_AGAIN: Duration = Duration::from_secs(5);

/// What every lane works with.
pub(crate) struct LaneContext {
    pub(crate) store: Arc<dyn Store>,
    pub(crate) clock: Arc<dyn Clock>,
    pub(crate) meters: Arc<Meters>,
    pub(crate) sender: Sender,
    pub(crate) loopback: bool,
}

#[derive(Debug)]
pub(crate) enum LaneMsg {
    /// There are new events.
    Wake,
    /// A delivery is due, or a write is to be tried again.
    Alarm,
    /// An attempt has ended.
    Ended { position: u64, attempt: Attempt },
    /// The endpoint's settings have changed.
    Changed(Box<Endpoint>),
    /// What was written down, or could not be.
    Written { write: WriteDown, outcome: Result<(), StoreError> },
}

/// One write of a lane: records, and how far the cursor moves with them.
#[derive(Debug)]
pub(crate) struct WriteDown {
    changes: BTreeMap<u64, Change>,
    cursor: u64,
    /// How many successes the cursor moves past.
    delivered: u64,
}

pub(crate) struct LaneState {
    context: Arc<LaneContext>,
    endpoint: Arc<Endpoint>,
    queue: LaneQueue,
    alarm: Alarm,
    /// One write at a time, so that a cursor never overtakes the records it relies on.
    writing: bool,
    /// Deliveries that have succeeded since the cursor was last written.
    unwritten: u64,
    written_cursor: u64,
    write_again: Option<Timestamp>,
}

pub(crate) struct Lane;

impl Actor for Lane {
    type Msg = LaneMsg;
    type State = LaneState;
    type Arguments = (Arc<LaneContext>, Endpoint);

    async fn pre_start(
        &self,
        myself: ActorRef<LaneMsg>,
        (context, endpoint): Self::Arguments,
    ) -> Result<LaneState, ActorProcessingErr> {
        let cursor = context.store.cursor(endpoint.id)?;
        let mut queue = LaneQueue::new(endpoint.id, endpoint.ordering, cursor);
        let now = context.clock.now();
        restore(&context, &endpoint, &mut queue, now)?;
        let ring = {
            let myself = myself.clone();
            move || myself.send_message(LaneMsg::Alarm).is_ok()
        };
        let alarm = Alarm::start(Arc::clone(&context.clock), None, ring);
        myself.send_message(LaneMsg::Wake)?;
        let endpoint = Arc::new(endpoint);
        Ok(LaneState {
            context,
            endpoint,
            queue,
            alarm,
            writing: false,
            unwritten: 0,
            written_cursor: cursor,
            write_again: None,
        })
    }

    async fn handle(
        &self,
        myself: ActorRef<LaneMsg>,
        message: LaneMsg,
        state: &mut LaneState,
    ) -> Result<(), ActorProcessingErr> {
        let now = state.context.clock.now();
        let rung = matches!(message, LaneMsg::Alarm);
        match message {
            LaneMsg::Wake | LaneMsg::Alarm => {}
            LaneMsg::Ended { position, attempt } => state.note(position, attempt, now),
            LaneMsg::Changed(endpoint) => {
                state.queue.set_ordering(endpoint.ordering, now);
                state.endpoint = Arc::from(endpoint);
            }
            LaneMsg::Written { write, outcome } => state.note_written(write, outcome, now),
        }
        state.read_ahead(now)?;
        state.attempt_due(&myself, now);
        state.write_down(&myself, now);
        let next = state.next_alarm();
        if rung {
            state.alarm.answer(next);
        } else {
            state.alarm.set(next);
        }
        Ok(())
    }
}

/// Takes up every filed delivery. There are not many more than [`BACKLOG`].
fn restore(
    context: &LaneContext,
    endpoint: &Endpoint,
    queue: &mut LaneQueue,
    now: Timestamp,
) -> Result<(), StoreError> {
    let mut after = Some(0);
    while let Some(position) = after {
        let page = context.store.deliveries(endpoint.id, position, WINDOW)?;
        page.deliveries.iter().for_each(|delivery| queue.restore(delivery, now));
        after = page.next;
    }
    Ok(())
}

impl LaneState {
    fn note(&mut self, position: u64, attempt: Attempt, now: Timestamp) {
        let meters = &self.context.meters;
        match attempt {
            Attempt::Delivered => {
                meters.webhooks_delivered.inc();
                self.queue.delivered(position, now);
                self.unwritten += 1;
            }
            Attempt::Failed(setback) => {
                meters.webhooks_failed.inc();
                let jitter = Entropy.thousandth();
                if !self.queue.failed(position, setback, now, jitter) {
                    meters.webhooks_exhausted.inc();
                    tracing::warn!(endpoint = %self.endpoint.id, position, "a webhook delivery is exhausted");
                }
            }
        }
    }

    fn read_ahead(&mut self, now: Timestamp) -> Result<(), StoreError> {
        let durable = *self.context.store.durable_position().borrow();
        while self.queue.unrecorded() < WINDOW && self.queue.len() < BACKLOG && self.queue.position() < durable {
            let page = self.context.store.events(self.endpoint.realm, self.queue.position(), WINDOW)?;
            for found in &page.events {
                if self.endpoint.wants(&found.event) {
                    self.queue.push(found.position, found.event.id(), found.event.session(), now);
                }
            }
            self.queue.read_to(page.read_to);
        }
        Ok(())
    }

    fn attempt_due(&mut self, myself: &ActorRef<LaneMsg>, now: Timestamp) {
        while self.queue.in_flight() < CONCURRENCY
            && let Some((position, event)) = self.queue.take_due(now)
        {
            let (context, endpoint, lane) = (Arc::clone(&self.context), Arc::clone(&self.endpoint), myself.clone());
            tokio::spawn(async move {
                let attempt = attempt(&context, &endpoint, event).await;
                if lane.send_message(LaneMsg::Ended { position, attempt }).is_err() {
                    tracing::debug!("the lane has stopped; what has no recorded end is sent again");
                }
            });
        }
    }

    /// Writes down records and cursor; nobody waits for it. A cursor alone is written when the
    /// lane comes to rest after successes, after many of them, and rarely for the sake of events
    /// that are not the endpoint's.
    fn write_down(&mut self, myself: &ActorRef<LaneMsg>, now: Timestamp) {
        self.write_again = self.write_again.filter(|at| now < *at);
        if self.writing || self.write_again.is_some() {
            return;
        }
        let cursor = self.queue.cursor();
        let at_rest = self.unwritten > 0 && self.queue.in_flight() == 0;
        let far = self.unwritten >= CURSOR_EVERY || cursor >= self.written_cursor + FOREIGN_EVERY;
        let changes = self.queue.take_changes();
        if changes.is_empty() && !at_rest && !far {
            return;
        }
        let write = WriteDown { changes, cursor, delivered: std::mem::take(&mut self.unwritten) };
        let commit = self.commit(&write);
        let lane = myself.clone();
        self.writing = true;
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
        for (position, change) in &write.changes {
            writes.push(match change {
                Change::Put(delivery) => Write::Delivery(delivery),
                Change::Remove => Write::RemoveDelivery { endpoint, position: *position },
            });
        }
        writes.push(Write::Cursor { endpoint, position: write.cursor });
        self.context.store.commit(Commit { writes, idempotency: None })
    }

    fn note_written(&mut self, write: WriteDown, outcome: Result<(), StoreError>, now: Timestamp) {
        self.writing = false;
        match outcome {
            Ok(()) => self.written_cursor = write.cursor,
            Err(error) => {
                tracing::warn!(endpoint = %self.endpoint.id, %error, "webhook records could not be written; tried again");
                self.queue.give_back(write.changes);
                self.unwritten += write.delivered;
                self.write_again = Some(now.after(WRITE_AGAIN));
            }
        }
    }

    fn next_alarm(&self) -> Option<Timestamp> {
        let due = self.queue.next_due().filter(|_| self.queue.in_flight() < CONCURRENCY);
        match (due, self.write_again) {
            (Some(due), Some(write)) => Some(due.min(write)),
            (due, write) => due.or(write),
        }
    }
}

async fn attempt(context: &LaneContext, endpoint: &Endpoint, event: EventId) -> Attempt {
    let body = match envelope(context, endpoint, event).await {
        Ok(Some(body)) => body,
        Ok(None) => {
            tracing::error!(%event, "an event is gone before it was delivered");
            return Attempt::Failed(Setback::default());
        }
        Err(error) => {
            tracing::error!(%event, %error, "an event could not be read for its delivery");
            return Attempt::Failed(Setback::default());
        }
    };
    let live = endpoint.realm.mode.is_live();
    let reach = if context.loopback && !live { Reach::Loopback } else { Reach::Public };
    context.sender.attempt(endpoint, reach, event, body, context.clock.now()).await
}

async fn envelope(context: &LaneContext, endpoint: &Endpoint, id: EventId) -> Result<Option<Vec<u8>>, StoreError> {
    let Some(found) = context.store.event(endpoint.realm, id)? else { return Ok(None) };
    render_event(context.store.as_ref(), endpoint.realm, &found.event).await
}
