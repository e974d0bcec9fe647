//! The check pool: runs of checks on a bounded number of threads of their own.

use std::collections::{HashSet, VecDeque};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;

use ractor::{Actor, ActorProcessingErr, ActorRef};
use vetd_checks::Evidence;
use vetd_model::check::Finding;
use vetd_model::decide::CheckFinding;
use vetd_model::{Session, Timestamp};

use crate::clock::Clock;
use crate::error::EngineError;
use crate::mailbox::Mailbox;
use crate::meters::Meters;
use crate::registry::SessionKey;
use crate::root::Root;
use crate::session_actor::SessionMsg;
use crate::shard::ShardMsg;

/// The pool's handle.
#[derive(Debug, Clone)]
pub(crate) struct CheckPool {
    actor: ActorRef<PoolMsg>,
}

impl CheckPool {
    /// Starts the pool with at most `threads` runs at a time.
    pub(crate) async fn start(
        root: &Root,
        clock: Arc<dyn Clock>,
        meters: Arc<Meters>,
        threads: usize,
    ) -> Result<Self, EngineError> {
        let started = Actor::spawn_linked(None, Pool, (clock, meters, threads.max(1)), root.get_cell()).await;
        let (actor, _) = started.map_err(|error| EngineError::internal(error.to_string()))?;
        Ok(Self { actor })
    }

    /// Orders a run; its findings go to the session by way of its shard. A run that is ordered
    /// twice is run once.
    pub(crate) fn order(&self, key: SessionKey, run: u32, session: Arc<Session>, shard: Mailbox) {
        let order = Order { key, run, session, shard };
        if self.actor.send_message(PoolMsg::Order(order)).is_err() {
            tracing::debug!("the check pool has stopped; the run is resumed at the next start");
        }
    }

    /// Stops taking orders. What has not ended is run again at the next start.
    pub(crate) fn stop(&self) {
        self.actor.stop(None);
    }
}

#[derive(Debug)]
struct Order {
    key: SessionKey,
    run: u32,
    session: Arc<Session>,
    shard: Mailbox,
}

#[derive(Debug)]
enum PoolMsg {
    Order(Order),
    Done { key: SessionKey, run: u32, findings: Vec<CheckFinding>, shard: Mailbox },
}

struct PoolState {
    clock: Arc<dyn Clock>,
    meters: Arc<Meters>,
    idle_threads: usize,
    queue: VecDeque<Order>,
    /// Queued and running.
    known: HashSet<(SessionKey, u32)>,
}

struct Pool;

impl Actor for Pool {
    type Msg = PoolMsg;
    type State = PoolState;
    type Arguments = (Arc<dyn Clock>, Arc<Meters>, usize);

    async fn pre_start(
        &self,
        _myself: ActorRef<PoolMsg>,
        (clock, meters, threads): Self::Arguments,
    ) -> Result<PoolState, ActorProcessingErr> {
        Ok(PoolState { clock, meters, idle_threads: threads, queue: VecDeque::new(), known: HashSet::new() })
    }

    async fn handle(
        &self,
        myself: ActorRef<PoolMsg>,
        message: PoolMsg,
        state: &mut PoolState,
    ) -> Result<(), ActorProcessingErr> {
        match message {
            PoolMsg::Order(order) => {
                if state.known.insert((order.key, order.run)) {
                    state.queue.push_back(order);
                }
            }
            PoolMsg::Done { key, run, findings, shard } => {
                state.idle_threads += 1;
                state.known.remove(&(key, run));
                findings.iter().for_each(|check| state.meters.checked(check));
                let message = SessionMsg::ChecksDone { run, findings };
                if shard.send(ShardMsg::Deliver { key, message }).is_err() {
                    tracing::debug!("the shard has stopped; the run is repeated at the next start");
                }
            }
        }
        while state.idle_threads > 0
            && let Some(order) = state.queue.pop_front()
        {
            state.idle_threads -= 1;
            let (pool, clock) = (myself.clone(), Arc::clone(&state.clock));
            tokio::task::spawn_blocking(move || {
                let findings = run_checks(&order.session, &|| clock.now());
                let done = PoolMsg::Done { key: order.key, run: order.run, findings, shard: order.shard };
                if pool.send_message(done).is_err() {
                    tracing::debug!("the check pool has stopped; the run is repeated at the next start");
                }
            });
        }
        Ok(())
    }
}

/// Runs the checks of the session's flow, one after the other. A check that panics is in doubt;
/// it takes nothing else with it. A test session's checks say what its `test_outcome` asks for.
pub(crate) fn run_checks(session: &Session, now: &dyn Fn() -> Timestamp) -> Vec<CheckFinding> {
    let Some(personal) = session.personal.as_ref() else { return Vec::new() };
    let evidence = Evidence { flow: &session.flow, submissions: &personal.submissions, at: session.updated };
    let check = |(position, spec): (usize, &vetd_model::flow::CheckSpec)| {
        let started = now();
        let finding = match &session.test_outcome {
            Some(outcome) => outcome.finding(position, spec.kind, session.attempts),
            None => catch_unwind(AssertUnwindSafe(|| vetd_checks::run(spec, &evidence))).unwrap_or_else(|_| {
                tracing::error!(check = spec.kind.as_str(), session = %session.id, "a check panicked");
                Finding::needs_review("check_error", "The check could not be carried out.")
            }),
        };
        CheckFinding { kind: spec.kind, finding, started, finished: now() }
    };
    session.flow.checks().iter().enumerate().map(check).collect()
}
