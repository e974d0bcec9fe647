//! The check pool: runs of checks on a bounded number of threads of their own.

use std::collections::{HashSet, VecDeque};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;

use ractor::{Actor, ActorProcessingErr, ActorRef};
use vetd_checks::Evidence;
use vetd_model::check::{CheckKind, Finding};
use vetd_model::decide::CheckFinding;
use vetd_model::field::{Fields, document_of};
use vetd_model::{Session, Timestamp};
use vetd_storage::Store;

use crate::clock::Clock;
use crate::error::EngineError;
use crate::mailbox::Mailbox;
use crate::meters::Meters;
use crate::registry::SessionKey;
use crate::root::Root;
use crate::session_actor::SessionMsg;
use crate::shard::ShardMsg;
use crate::watching::Watchers;
use crate::watchlists::Lists;

/// The pool's handle.
#[derive(Debug, Clone)]
pub(crate) struct CheckPool {
    actor: ActorRef<PoolMsg>,
}

impl CheckPool {
    /// Starts the pool with at most `threads` runs at a time.
    pub(crate) async fn start(root: &Root, tools: Tools, threads: usize) -> Result<Self, EngineError> {
        let started = Actor::spawn_linked(None, Pool, (tools, threads.max(1)), root.get_cell()).await;
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

/// What runs of checks work with.
#[derive(Clone)]
pub(crate) struct Tools {
    pub(crate) store: Arc<dyn Store>,
    pub(crate) clock: Arc<dyn Clock>,
    pub(crate) meters: Arc<Meters>,
    pub(crate) watchers: Arc<Watchers>,
    pub(crate) lists: Arc<Lists>,
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
    Done { key: SessionKey, run: u32, found: (Vec<CheckFinding>, Fields), shard: Mailbox },
}

struct PoolState {
    tools: Tools,
    idle_threads: usize,
    queue: VecDeque<Order>,
    /// Queued and running.
    known: HashSet<(SessionKey, u32)>,
}

struct Pool;

impl Actor for Pool {
    type Msg = PoolMsg;
    type State = PoolState;
    type Arguments = (Tools, usize);

    async fn pre_start(
        &self,
        _myself: ActorRef<PoolMsg>,
        (tools, threads): Self::Arguments,
    ) -> Result<PoolState, ActorProcessingErr> {
        Ok(PoolState { tools, idle_threads: threads, queue: VecDeque::new(), known: HashSet::new() })
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
            PoolMsg::Done { key, run, found: (findings, fields), shard } => {
                state.idle_threads += 1;
                state.known.remove(&(key, run));
                findings.iter().for_each(|check| state.tools.meters.checked(check));
                let message = SessionMsg::ChecksDone { run, findings, fields };
                if shard.send(ShardMsg::Deliver { key, message }).is_err() {
                    tracing::debug!("the shard has stopped; the run is repeated at the next start");
                }
            }
        }
        while state.idle_threads > 0
            && let Some(order) = state.queue.pop_front()
        {
            state.idle_threads -= 1;
            let (pool, tools) = (myself.clone(), state.tools.clone());
            tokio::task::spawn_blocking(move || {
                let ended = |done| tools.watchers.checked(order.key, order.run, done);
                let found =
                    run_checks(&order.session, tools.store.as_ref(), &tools.lists, &|| tools.clock.now(), &ended);
                let done = PoolMsg::Done { key: order.key, run: order.run, found, shard: order.shard };
                if pool.send_message(done).is_err() {
                    tracing::debug!("the check pool has stopped; the run is repeated at the next start");
                }
            });
        }
        Ok(())
    }
}

/// Runs the checks of the session's flow that are our own, one after the other, and resolves what is
/// known of the person. A check that panics is in doubt; it takes nothing else with it. A test session's checks
/// say what its `test_outcome` asks for. `ended` hears how many have ended, after each.
pub(crate) fn run_checks(
    session: &Session,
    store: &dyn Store,
    lists: &Lists,
    now: &dyn Fn() -> Timestamp,
    ended: &dyn Fn(usize),
) -> (Vec<CheckFinding>, Fields) {
    let Some(personal) = session.personal.as_ref() else { return (Vec::new(), Fields::new()) };
    let media: Vec<_> = session.pictures_of_run().cloned().collect();
    let (submissions, media, used_before) = (&personal.submissions, media.as_slice(), Some(false));
    let watchlists = &lists.current();
    let chip = personal.chip.as_deref();
    let mut evidence =
        Evidence { flow: &session.flow, submissions, media, chip, used_before, watchlists, at: session.updated };
    let fields = catch_unwind(AssertUnwindSafe(|| vetd_checks::resolve(&evidence))).unwrap_or_default();
    evidence.used_before = is_used_before(session, store, &fields);
    let check = |(count, (position, spec)): (usize, (usize, &vetd_model::flow::CheckSpec))| {
        let started = now();
        let finding = match &session.test_outcome {
            Some(outcome) => outcome.finding(position, spec.kind, session.attempts),
            None => catch_unwind(AssertUnwindSafe(|| vetd_checks::run(spec, &evidence))).unwrap_or_else(|_| {
                tracing::error!(check = spec.kind.as_str(), session = %session.id, "a check panicked");
                Finding::needs_review("check_error", "The check could not be carried out.")
            }),
        };
        ended(count + 1);
        CheckFinding { kind: spec.kind, finding, started, finished: now() }
    };
    let own = session.flow.checks().iter().enumerate();
    let own = own.filter(|(_, spec)| spec.provider.is_none() || session.test_outcome.is_some());
    let findings = own.enumerate().map(check).collect();
    (findings, fields)
}

/// Whether another verification of the workspace and mode has used the document; `None` if nobody can
/// tell for the moment.
fn is_used_before(session: &Session, store: &dyn Store, fields: &Fields) -> Option<bool> {
    let asked = session.flow.checks().iter().any(|spec| spec.kind == CheckKind::DuplicateDocument);
    let Some((issuer, number)) = document_of(fields).filter(|_| asked) else { return Some(false) };
    // Two, since one of them may be the session itself.
    match store.sessions_of_document(session.realm, issuer, number, 2) {
        Ok(found) => Some(found.iter().any(|id| *id != session.id)),
        Err(error) => {
            tracing::warn!(%error, session = %session.id, "could not look for other uses of a document");
            None
        }
    }
}
