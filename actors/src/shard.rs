//! A registry shard: supervises the actors of its sessions and rings them at their deadlines.
//!
//! A shard never waits for a child. It alone ends one: it marks it, lets it drain, holds new
//! messages, and spawns a successor only after the termination event.

use std::collections::{HashMap, HashSet};
use std::sync::Arc;
use std::time::Duration;

use prometheus_client::metrics::gauge::Gauge;
use ractor::{Actor, ActorId, ActorProcessingErr, ActorRef, SupervisionEvent};
use tokio::sync::oneshot;
use vetd_model::Timestamp;

use crate::alarm::Alarm;
use crate::deadlines::Deadlines;
use crate::error::EngineError;
use crate::mailbox::Mailbox;
use crate::registry::SessionKey;
use crate::residents::Residents;
use crate::session_actor::{Context, SessionActor, SessionArguments, SessionMsg};

/// How many failures of one session within [`BUDGET_WINDOW`] are answered by reviving it.
const RESTART_BUDGET: u32 = 3;
/// What the restart budget counts over, and how long a session rests once it is used up.
const BUDGET_WINDOW: Duration = Duration::from_secs(60);

/// When a session is rung again after a ring that could not be carried out.
pub(crate) const RING_AGAIN: Duration = Duration::from_secs(5);

#[derive(Debug)]
pub(crate) enum ShardMsg {
    /// A message for a session's actor.
    Deliver { key: SessionKey, message: SessionMsg },
    /// A session has been made, or its actor has handled a message; its deadline is this. Without
    /// one it has ended or does not exist, and its actor is not needed any more.
    Settled { key: SessionKey, deadline: Option<Timestamp> },
    /// The next deadline has come.
    Alarm,
    /// End all actors, then say so.
    Drain { done: oneshot::Sender<()> },
}

pub(crate) struct ShardArguments {
    pub(crate) context: Arc<Context>,
    pub(crate) resident_limit: usize,
    pub(crate) deadlines: Vec<(SessionKey, Timestamp)>,
    /// Sessions whose checks were running when the server ended; they are rung at once.
    pub(crate) interrupted: HashSet<SessionKey>,
    /// How many messages wait for the shard.
    pub(crate) waiting: Gauge,
}

pub(crate) struct ShardState {
    context: Arc<Context>,
    mailbox: Mailbox,
    resident_limit: usize,
    residents: Residents,
    deadlines: Deadlines,
    interrupted: HashSet<SessionKey>,
    failures: HashMap<SessionKey, Failures>,
    alarm: Alarm,
    drained: Option<oneshot::Sender<()>>,
}

#[derive(Debug)]
struct Failures {
    first: Timestamp,
    count: u32,
}

impl Failures {
    /// True while they count; a clock that was set back ends that early rather than late.
    fn count_at(&self, now: Timestamp) -> bool {
        (self.first..self.first.after(BUDGET_WINDOW)).contains(&now)
    }
}

pub(crate) struct Shard;

impl Actor for Shard {
    type Msg = ShardMsg;
    type State = ShardState;
    type Arguments = ShardArguments;

    async fn pre_start(
        &self,
        myself: ActorRef<ShardMsg>,
        arguments: ShardArguments,
    ) -> Result<ShardState, ActorProcessingErr> {
        let mut deadlines = Deadlines::default();
        for (key, at) in arguments.deadlines {
            deadlines.set(key, Some(at));
        }
        let mailbox = Mailbox::new(myself, arguments.waiting);
        let ring = {
            let mailbox = mailbox.clone();
            move |_| mailbox.send(ShardMsg::Alarm).is_ok()
        };
        let alarm = Alarm::start(Arc::clone(&arguments.context.clock), deadlines.next(), ring);
        Ok(ShardState {
            context: arguments.context,
            mailbox,
            resident_limit: arguments.resident_limit,
            residents: Residents::default(),
            deadlines,
            interrupted: arguments.interrupted,
            failures: HashMap::new(),
            alarm,
            drained: None,
        })
    }

    async fn handle(
        &self,
        myself: ActorRef<ShardMsg>,
        message: ShardMsg,
        state: &mut ShardState,
    ) -> Result<(), ActorProcessingErr> {
        state.mailbox.taken();
        match message {
            ShardMsg::Deliver { key, message } => state.deliver(&myself, key, message).await,
            ShardMsg::Settled { key, deadline } => {
                state.deadlines.set(key, deadline);
                if deadline.is_none() {
                    state.interrupted.remove(&key);
                    state.residents.drain(key);
                }
                state.ring_due(&myself).await;
            }
            ShardMsg::Alarm => {
                state.ring_due(&myself).await;
                state.alarm.answer(state.deadlines.next());
            }
            ShardMsg::Drain { done } => {
                state.drained = Some(done);
                state.residents.drain_all();
                state.report_drained();
            }
        }
        Ok(())
    }

    async fn handle_supervisor_evt(
        &self,
        myself: ActorRef<ShardMsg>,
        event: SupervisionEvent,
        state: &mut ShardState,
    ) -> Result<(), ActorProcessingErr> {
        match event {
            SupervisionEvent::ActorTerminated(cell, _, _) => {
                if let Some((key, held)) = state.forget(cell.get_id()) {
                    state.deliver_held(&myself, key, held).await;
                }
            }
            SupervisionEvent::ActorFailed(cell, error) => {
                if let Some((key, held)) = state.forget(cell.get_id()) {
                    tracing::error!(session = %key.id, %error, "a session's actor failed; it is revived from its snapshot");
                    state.context.meters.failures.inc();
                    state.note_failure(key);
                    state.deliver_held(&myself, key, held).await;
                    state.ring_due(&myself).await;
                }
            }
            _ => {}
        }
        state.report_drained();
        Ok(())
    }
}

impl ShardState {
    async fn deliver(&mut self, myself: &ActorRef<ShardMsg>, key: SessionKey, message: SessionMsg) {
        if self.drained.is_some() {
            return message.refuse(&EngineError::unavailable("the server is shutting down"));
        }
        if self.rests(key) {
            let retry_after = u32::try_from(BUDGET_WINDOW.as_secs()).unwrap_or(u32::MAX);
            let for_the_log = "the session's restart budget is used up".to_owned();
            return message.refuse(&EngineError::Unavailable { for_the_log, retry_after });
        }
        if let Some(resident) = self.residents.touch(key) {
            match &mut resident.held {
                Some(held) => held.push(message),
                None => forward(&resident.actor, message),
            }
            return;
        }
        self.residents.shrink_to(self.resident_limit.saturating_sub(1));
        let arguments = SessionArguments { key, context: Arc::clone(&self.context), shard: self.mailbox.clone() };
        // The actor loads its session with its first message, so starting it waits for nothing.
        match Actor::spawn_linked(None, SessionActor, arguments, myself.get_cell()).await {
            Ok((actor, _)) => {
                self.context.meters.resident.inc();
                self.context.meters.revivals.inc();
                forward(&actor, message);
                self.residents.insert(key, actor);
            }
            Err(error) => {
                self.deadlines.set(key, Some(self.context.clock.now().after(RING_AGAIN)));
                message.refuse(&EngineError::internal(error.to_string()));
            }
        }
    }

    /// Forgets an actor that has ended; returns its session and what was held meanwhile.
    fn forget(&mut self, actor: ActorId) -> Option<(SessionKey, Vec<SessionMsg>)> {
        let ended = self.residents.remove(actor)?;
        self.context.meters.resident.dec();
        Some(ended)
    }

    async fn deliver_held(&mut self, myself: &ActorRef<ShardMsg>, key: SessionKey, held: Vec<SessionMsg>) {
        for message in held {
            self.deliver(myself, key, message).await;
        }
    }

    async fn ring_due(&mut self, myself: &ActorRef<ShardMsg>) {
        let now = self.context.clock.now();
        while self.drained.is_none()
            && let Some((due, key)) = self.deadlines.pop_due(now)
        {
            if !self.interrupted.contains(&key) {
                self.context.meters.lateness.observe(now.since(due).as_secs_f64());
            }
            if self.rests(key) {
                self.deadlines.set(key, Some(now.after(BUDGET_WINDOW)));
            } else {
                let ring = if self.interrupted.remove(&key) { SessionMsg::Resume } else { SessionMsg::Ring };
                self.deliver(myself, key, ring).await;
            }
        }
        self.alarm.set(self.deadlines.next());
    }

    /// A failed session is rung again at once, so that its checks resume; if that fails too
    /// often, after a rest.
    fn note_failure(&mut self, key: SessionKey) {
        let now = self.context.clock.now();
        self.failures.retain(|_, failures| failures.count_at(now));
        let failures = self.failures.entry(key).or_insert(Failures { first: now, count: 0 });
        failures.count += 1;
        let again = if failures.count > RESTART_BUDGET { now.after(BUDGET_WINDOW) } else { now };
        self.deadlines.set(key, Some(again));
    }

    fn rests(&self, key: SessionKey) -> bool {
        let now = self.context.clock.now();
        self.failures.get(&key).is_some_and(|failures| failures.count > RESTART_BUDGET && failures.count_at(now))
    }

    fn report_drained(&mut self) {
        if self.residents.len() == 0
            && let Some(done) = self.drained.as_mut().filter(|done| !done.is_closed())
        {
            let (spent, _) = oneshot::channel();
            let _receiver_may_have_given_up = std::mem::replace(done, spent).send(());
        }
    }
}

fn forward(actor: &ActorRef<SessionMsg>, message: SessionMsg) {
    if let Err(ractor::MessagingErr::SendErr(message)) = actor.send_message(message) {
        message.refuse(&EngineError::unavailable("the session's actor has just ended"));
    }
}
