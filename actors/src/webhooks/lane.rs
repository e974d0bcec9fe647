//! A lane: one endpoint's deliveries. Its trouble is its own: other lanes never wait for it.

use std::collections::VecDeque;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering::Relaxed};
use std::time::Duration;

use ractor::{Actor, ActorProcessingErr, ActorRef};
use vetd_model::Timestamp;
use vetd_model::breaker::{Breaker, BreakerState};
use vetd_model::delivery::Failing;
use vetd_model::rate::Allowance;
use vetd_model::webhook::{DisabledReason, Endpoint};
use vetd_storage::{OnRecord, Store, StoreError};

use crate::alarm::Alarm;
use crate::clock::Clock;
use crate::entropy::Entropy;
use crate::meters::{LaneGauge, Meters};
use crate::webhooks::asks::Ask;
use crate::webhooks::disabling::disable;
use crate::webhooks::lane_queue::{LaneQueue, Taken};
use crate::webhooks::sender::{Ended, Sender, attempt};
use crate::webhooks::writing::{WriteDown, Writing};

/// Attempts of one endpoint at the same time.
const CONCURRENCY: usize = 32;
/// Events read ahead of what is on record.
const WINDOW: usize = 256;
/// The most deliveries that a lane holds: beyond it, events wait in the store until it gets on.
pub(crate) const BACKLOG: usize = 10_000;
/// How many changed deliveries may wait to be written before nothing more is attempted.
const UNWRITTEN: usize = 4_096;
/// How far the clock may go back without anything being done about it.
const SETBACK: Duration = Duration::from_secs(1);
/// When something that the store refused is tried again.
pub(crate) const TRY_AGAIN: Duration = Duration::from_secs(5);

/// What every lane works with.
pub(crate) struct LaneContext {
    pub(crate) store: Arc<dyn Store>,
    pub(crate) clock: Arc<dyn Clock>,
    pub(crate) meters: Arc<Meters>,
    pub(crate) sender: Sender,
}

#[derive(Debug)]
pub(crate) enum LaneMsg {
    /// There are new events.
    Wake,
    /// This time has come, whatever the clock says: a delivery is due, or a write is to be tried
    /// again.
    Alarm(Timestamp),
    /// An attempt has ended.
    Ended {
        position: u64,
        /// The endpoint as it was when the attempt began.
        of: Arc<Endpoint>,
        ended: Ended,
    },
    /// The endpoint's settings have changed: the lane reads them, so that no message can be stale.
    Changed,
    /// Somebody wants deliveries made that are not due.
    Ask(Box<Ask>),
    /// What was written down, or could not be.
    Written { write: WriteDown, outcome: Result<(), StoreError> },
}

pub(crate) struct LaneState {
    pub(crate) context: Arc<LaneContext>,
    pub(crate) endpoint: Arc<Endpoint>,
    pub(crate) queue: LaneQueue,
    pub(crate) failing: Option<Failing>,
    pub(crate) writing: Writing,
    pub(crate) asks: VecDeque<Ask>,
    alarm: Alarm,
    breaker: Breaker,
    allowance: Allowance,
    gauge: LaneGauge,
    /// Set while the endpoint is being disabled: nothing is attempted.
    disabling: bool,
    /// The latest time seen.
    latest: Timestamp,
    /// Whether a [`LaneMsg::Wake`] is on its way.
    woken: Arc<AtomicBool>,
}

pub(crate) struct Lane;

impl Actor for Lane {
    type Msg = LaneMsg;
    type State = LaneState;
    type Arguments = (Arc<LaneContext>, Endpoint, Arc<AtomicBool>);

    async fn pre_start(
        &self,
        myself: ActorRef<LaneMsg>,
        (context, endpoint, woken): Self::Arguments,
    ) -> Result<LaneState, ActorProcessingErr> {
        let mark = context.store.mark(endpoint.id)?;
        let mut queue = LaneQueue::new(endpoint.id, endpoint.ordering, mark.position);
        let now = context.clock.now();
        restore(&context, &endpoint, &mut queue, now)?;
        let ring = {
            let myself = myself.clone();
            move |at| myself.send_message(LaneMsg::Alarm(at)).is_ok()
        };
        let alarm = Alarm::start(Arc::clone(&context.clock), None, ring);
        myself.send_message(LaneMsg::Wake)?;
        let gauge = context.meters.lane(endpoint.id);
        let endpoint_enabled = endpoint.enabled_at;
        Ok(LaneState {
            context,
            endpoint: Arc::new(endpoint),
            queue,
            failing: mark.failing.filter(|failing| endpoint_enabled.is_none_or(|enabled| enabled <= failing.since)),
            writing: Writing::new(mark.position),
            asks: VecDeque::new(),
            alarm,
            breaker: Breaker::default(),
            allowance: Allowance::default(),
            gauge,
            disabling: false,
            latest: now,
            woken,
        })
    }

    async fn handle(
        &self,
        myself: ActorRef<LaneMsg>,
        message: LaneMsg,
        state: &mut LaneState,
    ) -> Result<(), ActorProcessingErr> {
        let rung = match message {
            LaneMsg::Alarm(at) => Some(at),
            _ => None,
        };
        let now = state.look_at_the_clock(rung);
        match message {
            LaneMsg::Wake => state.woken.store(false, Relaxed),
            LaneMsg::Alarm(_) => {}
            LaneMsg::Ended { position, of, ended } => state.note(&myself, position, &of, ended, now),
            LaneMsg::Changed => state.look_at_the_endpoint(&myself, now),
            LaneMsg::Ask(ask) => state.asks.push_back(*ask),
            LaneMsg::Written { write, outcome } => state.note_written(write, outcome, now),
        }
        if let Err(error) = state.read_ahead(now) {
            tracing::warn!(endpoint = %state.endpoint.id, %error, "events could not be read for webhooks; tried again");
            state.writing.put_off(now.after(TRY_AGAIN));
        }
        state.attempt_due(&myself, now);
        state.write_down(&myself, now);
        let next = state.next_alarm(now);
        if rung.is_some() {
            state.alarm.answer(next);
        } else {
            state.alarm.set(next);
        }
        state.gauge.set(state.queue.len(), state.queue.oldest(), state.breaker.state(now));
        Ok(())
    }
}

/// Takes up every pending delivery on record, of which there are not many more than [`BACKLOG`],
/// and what is settled ahead of the mark.
fn restore(
    context: &LaneContext,
    endpoint: &Endpoint,
    queue: &mut LaneQueue,
    now: Timestamp,
) -> Result<(), StoreError> {
    let mut after = Some(queue.position());
    while let Some(position) = after {
        let page = context.store.deliveries(endpoint.id, OnRecord::Settled, position, WINDOW)?;
        page.deliveries.iter().for_each(|delivery| queue.note_settled(delivery.position));
        after = page.next;
    }
    let mut after = Some(0);
    while let Some(position) = after {
        let page = context.store.deliveries(endpoint.id, OnRecord::Pending, position, WINDOW)?;
        page.deliveries.into_iter().for_each(|delivery| queue.restore(delivery, now, endpoint.enabled_at));
        after = page.next;
    }
    Ok(())
}

impl LaneState {
    /// The time. If the clock was set back, what was due keeps its distance; `rung` is the time
    /// that an alarm rang for.
    fn look_at_the_clock(&mut self, rung: Option<Timestamp>) -> Timestamp {
        let now = self.context.clock.now();
        let back = rung.map_or(self.latest, |at| self.latest.max(at)).since(now);
        if back > SETBACK {
            self.queue.clock_set_back(back);
        }
        self.latest = now;
        now
    }

    /// True if nothing is sent: the endpoint is disabled, or about to be.
    pub(crate) fn is_paused(&self) -> bool {
        self.disabling || self.endpoint.disabled.is_some()
    }

    /// Takes over the endpoint as it stands.
    fn look_at_the_endpoint(&mut self, myself: &ActorRef<LaneMsg>, now: Timestamp) {
        match self.context.store.endpoint(self.endpoint.realm, self.endpoint.id) {
            Ok(Some(stored)) => self.take_over(stored.value, now),
            // The dispatcher ends the lane.
            Ok(None) => {}
            Err(error) => {
                tracing::warn!(endpoint = %self.endpoint.id, %error, "a webhook endpoint could not be read; tried again");
                let (clock, lane) = (Arc::clone(&self.context.clock), myself.clone());
                tokio::spawn(async move {
                    clock.sleep(TRY_AGAIN).await;
                    if lane.send_message(LaneMsg::Changed).is_err() {
                        tracing::debug!("the lane has ended; the next one reads its endpoint");
                    }
                });
            }
        }
    }

    fn take_over(&mut self, endpoint: Endpoint, now: Timestamp) {
        if self.endpoint.disabled.is_some() && endpoint.disabled.is_none() {
            self.queue.begin_anew(now);
            self.failing = None;
        }
        if endpoint.disabled.is_some()
            || endpoint.url != self.endpoint.url
            || endpoint.enabled_at != self.endpoint.enabled_at
        {
            self.breaker = Breaker::default();
            self.disabling = false;
        }
        if endpoint.url != self.endpoint.url {
            self.failing = None;
        }
        if endpoint.events != self.endpoint.events {
            // What was passed over before the change stays passed over.
            self.writing.hurry();
        }
        self.queue.set_ordering(endpoint.ordering, now);
        self.endpoint = Arc::new(endpoint);
    }

    fn note(&mut self, myself: &ActorRef<LaneMsg>, position: u64, of: &Endpoint, ended: Ended, now: Timestamp) {
        let (attempt, retry_after) = match ended {
            Ended::Attempt { attempt, retry_after } => (attempt, retry_after),
            Ended::NoEvent => return self.queue.vanished(position, now),
            Ended::NotMade => return self.queue.put_off(position, now.after(TRY_AGAIN)),
        };
        self.context.meters.attempted(&attempt);
        // What came of another address, or from before it was enabled, says nothing of it now.
        let is_the_same = of.url == self.endpoint.url && of.enabled_at == self.endpoint.enabled_at;
        if attempt.succeeded() {
            if is_the_same {
                self.breaker.succeeded();
                self.failing = None;
            }
            return self.queue.delivered(position, attempt, now);
        }
        let gone = attempt.says_gone();
        if !self.queue.failed(position, attempt, retry_after, now, Entropy.thousandth()) {
            self.context.meters.webhooks_exhausted.inc();
            tracing::warn!(endpoint = %self.endpoint.id, position, "a webhook delivery is exhausted");
        }
        if !is_the_same {
            return;
        }
        self.breaker.failed(now);
        let failing = Failing::one_more(self.failing, now);
        self.failing = Some(failing);
        if gone {
            self.disable(myself, DisabledReason::Gone);
        } else if failing.is_hopeless() {
            self.disable(myself, DisabledReason::Failing);
        }
    }

    fn disable(&mut self, myself: &ActorRef<LaneMsg>, reason: DisabledReason) {
        if !self.is_paused() {
            self.disabling = true;
            tokio::spawn(disable(Arc::clone(&self.context), Arc::clone(&self.endpoint), reason, myself.clone()));
        }
    }

    fn read_ahead(&mut self, now: Timestamp) -> Result<(), StoreError> {
        let durable = *self.context.store.durable_position().borrow();
        while !self.is_paused()
            && self.queue.changed() < UNWRITTEN
            && self.queue.unrecorded() < WINDOW
            && self.queue.len() < BACKLOG
            && self.queue.position() < durable
        {
            let page = self.context.store.events(self.endpoint.realm, self.queue.position(), WINDOW)?;
            for found in page.events {
                if self.endpoint.wants(&found.event) {
                    self.queue.push(found.position, Arc::new(found.event), now);
                }
            }
            self.queue.read_to(page.read_to);
        }
        Ok(())
    }

    /// Whether and when attempts may begin.
    fn room(&self, now: Timestamp) -> Room {
        if self.is_paused() || self.queue.changed() >= UNWRITTEN {
            return Room::None;
        }
        match self.breaker.state(now) {
            BreakerState::Closed => Room::Places(CONCURRENCY),
            BreakerState::HalfOpen => Room::Places(1),
            BreakerState::Open { until } => Room::From(until),
        }
    }

    fn attempt_due(&mut self, myself: &ActorRef<LaneMsg>, now: Timestamp) {
        while self.room(now).has_place(self.queue.in_flight())
            && self.queue.next_due().is_some_and(|due| due <= now)
            && self.take_allowance(now)
            && let Some(taken) = self.queue.take_due(now)
        {
            let (context, endpoint, lane) = (Arc::clone(&self.context), Arc::clone(&self.endpoint), myself.clone());
            tokio::spawn(async move {
                let Taken { position, event, logged } = taken;
                let ended = attempt(&context, &endpoint, event, logged).await;
                if lane.send_message(LaneMsg::Ended { position, of: endpoint, ended }).is_err() {
                    tracing::debug!("the lane has stopped; what has no recorded end is sent again");
                }
            });
        }
    }

    /// Takes one attempt from the endpoint's rate, if it has one.
    fn take_allowance(&mut self, now: Timestamp) -> bool {
        let Some(rate) = self.endpoint.rate_limit else { return true };
        let taken = rate.take(self.allowance, now);
        self.allowance = taken.allowance;
        taken.wait.is_none()
    }

    /// When something is to be done though nothing happens.
    fn next_alarm(&self, now: Timestamp) -> Option<Timestamp> {
        let due = self.queue.next_due().and_then(|due| self.room(now).alarm(due, self.queue.in_flight()));
        let due = due.map(|due| match self.endpoint.rate_limit {
            Some(rate) if due <= now => rate.take(self.allowance, now).wait.map_or(due, |wait| now.after(wait)),
            _ => due,
        });
        match (due, self.writing.again_at()) {
            (Some(due), Some(write)) => Some(due.min(write)),
            (due, write) => due.or(write),
        }
    }
}

/// Whether and when attempts may begin.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Room {
    /// Something else must happen first: the endpoint is enabled, or what has changed is written.
    None,
    /// Not before this time.
    From(Timestamp),
    /// Once fewer than so many are under way.
    Places(usize),
}

impl Room {
    const fn has_place(self, in_flight: usize) -> bool {
        matches!(self, Self::Places(places) if in_flight < places)
    }

    /// When to look again at a delivery that is due then. `None` if only something that happens can
    /// change anything: a time that has passed already would ring without end.
    fn alarm(self, due: Timestamp, in_flight: usize) -> Option<Timestamp> {
        match self {
            Self::None => None,
            Self::From(at) => Some(due.max(at)),
            Self::Places(_) => self.has_place(in_flight).then_some(due),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_lane_that_can_attempt_nothing_sets_no_alarm_for_what_is_due() {
        let [past, later] = [1_000, 2_000].map(Timestamp::from_seconds);
        for (room, in_flight, alarm) in [
            (Room::None, 0, None),
            (Room::From(later), 0, Some(later)),
            (Room::From(later), 3, Some(later)),
            (Room::Places(1), 0, Some(past)),
            (Room::Places(1), 1, None),
            (Room::Places(2), 1, Some(past)),
        ] {
            assert_eq!(room.alarm(past, in_flight), alarm, "{room:?} {in_flight}");
            assert_eq!(room.has_place(in_flight), alarm == Some(past), "{room:?} {in_flight}");
        }
    }
}
