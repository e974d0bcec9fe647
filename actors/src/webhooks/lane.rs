//! A lane: one endpoint's deliveries. Its trouble is its own: other lanes never wait for it.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use ractor::{Actor, ActorProcessingErr, ActorRef};
use vetd_model::webhook::{Delivery, Endpoint, Setback};
use vetd_model::{EventId, Timestamp};
use vetd_storage::{Commit, Store, StoreError, Write};

use crate::alarm::Alarm;
use crate::clock::Clock;
use crate::entropy::Entropy;
use crate::webhooks::lane_queue::{Change, LaneQueue};
use crate::webhooks::sender::{Attempt, Sender};
use crate::webhooks::target::Reach;

/// Attempts of one endpoint at the same time.
const CONCURRENCY: usize = 16;
/// Events read ahead of what is delivered or recorded.
const WINDOW: usize = 256;
/// Successes after which the cursor is written even if nothing else is.
const CURSOR_EVERY: u64 = 64;
/// When a write that failed is tried again.
const WRITE_AGAIN: Duration = Duration::from_secs(5);

/// What every lane works with.
pub(crate) struct LaneContext {
    pub(crate) store: Arc<dyn Store>,
    pub(crate) clock: Arc<dyn Clock>,
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
    Written { changes: BTreeMap<u64, Change>, cursor: u64, outcome: Result<(), StoreError> },
}

pub(crate) struct LaneState {
    context: Arc<LaneContext>,
    endpoint: Arc<Endpoint>,
    queue: LaneQueue,
    alarm: Alarm,
    /// One write at a time, so that a cursor never overtakes the records it relies on.
    writing: bool,
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
        for delivery in pending(&context, &endpoint)? {
            queue.restore(&delivery, now);
        }
        let ring = {
            let myself = myself.clone();
            move || myself.send_message(LaneMsg::Alarm).is_ok()
        };
        let alarm = Alarm::start(Arc::clone(&context.clock), None, ring);
        myself.send_message(LaneMsg::Wake)?;
        let endpoint = Arc::new(endpoint);
        Ok(LaneState { context, endpoint, queue, alarm, writing: false, written_cursor: cursor, write_again: None })
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
            LaneMsg::Changed(endpoint) => state.endpoint = Arc::from(endpoint),
            LaneMsg::Written { changes, cursor, outcome } => state.note_written(changes, cursor, outcome, now),
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

fn pending(context: &LaneContext, endpoint: &Endpoint) -> Result<Vec<Delivery>, StoreError> {
    let mut all: Vec<Delivery> = Vec::new();
    loop {
        let after = all.last().map_or(0, |delivery| delivery.position);
        let page = context.store.deliveries(endpoint.id, after, WINDOW)?;
        let last = page.len() < WINDOW;
        all.extend(page);
        if last {
            return Ok(all);
        }
    }
}

impl LaneState {
    fn note(&mut self, position: u64, attempt: Attempt, now: Timestamp) {
        match attempt {
            Attempt::Delivered => self.queue.delivered(position, now),
            Attempt::Failed(setback) => {
                let jitter = Entropy.thousandth();
                if !self.queue.failed(position, setback, now, jitter) {
                    tracing::warn!(endpoint = %self.endpoint.id, position, "a webhook delivery is exhausted");
                }
            }
        }
    }

    fn read_ahead(&mut self, now: Timestamp) -> Result<(), StoreError> {
        let durable = *self.context.store.durable_position().borrow();
        while self.queue.unrecorded() < WINDOW && self.queue.position() < durable {
            let events = self.context.store.events(self.endpoint.realm, self.queue.position(), WINDOW)?;
            for found in &events {
                if self.endpoint.events.admits(found.event.kind) {
                    self.queue.push(found.position, found.event.id, found.event.session, now);
                }
                self.queue.read_to(found.position);
            }
            // A page may be short of a damaged event, so only an empty one is the end.
            if events.is_empty() {
                // The rest up to `durable` is other realms'.
                self.queue.read_to(durable);
            }
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

    /// Writes down records and cursor; nobody waits for it.
    fn write_down(&mut self, myself: &ActorRef<LaneMsg>, now: Timestamp) {
        let cursor = self.queue.cursor();
        let idle = self.queue.in_flight() == 0 && cursor > self.written_cursor;
        let far = cursor >= self.written_cursor + CURSOR_EVERY;
        if self.writing || self.write_again.is_some_and(|at| now < at) {
            return;
        }
        let changes = self.queue.take_changes();
        if changes.is_empty() && !idle && !far {
            return;
        }
        let endpoint = self.endpoint.id;
        let mut writes: Vec<Write<'_>> = Vec::with_capacity(changes.len() + 1);
        for (position, change) in &changes {
            writes.push(match change {
                Change::Put(delivery) => Write::Delivery(delivery),
                Change::Remove => Write::RemoveDelivery { endpoint, position: *position },
            });
        }
        writes.push(Write::Cursor { endpoint, position: cursor });
        let commit = self.context.store.commit(Commit { writes, idempotency: None });
        let lane = myself.clone();
        (self.writing, self.write_again) = (true, None);
        tokio::spawn(async move {
            let outcome = commit.await.map(drop);
            if lane.send_message(LaneMsg::Written { changes, cursor, outcome }).is_err() {
                tracing::debug!("the lane has stopped after a write");
            }
        });
    }

    fn note_written(
        &mut self,
        changes: BTreeMap<u64, Change>,
        cursor: u64,
        outcome: Result<(), StoreError>,
        now: Timestamp,
    ) {
        self.writing = false;
        match outcome {
            Ok(()) => self.written_cursor = cursor,
            Err(error) => {
                tracing::warn!(endpoint = %self.endpoint.id, %error, "webhook records could not be written; tried again");
                self.queue.give_back(changes);
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
    let session = context.store.session(endpoint.realm, found.event.session).await?;
    let body = session.and_then(|(session, _)| serde_json::to_vec(&found.event.envelope(&session)).ok());
    Ok(body)
}
