//! Webhook deliveries: a dispatcher that follows the durable events, and a lane for each
//! endpoint.

mod asks;
mod disabling;
mod lane;
mod lane_queue;
#[cfg(test)]
mod lane_queue_tests;
mod sender;
mod writing;

use std::collections::HashMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering::Relaxed};
use std::time::Duration;

use ractor::{Actor, ActorProcessingErr, ActorRef, SupervisionEvent};
use vetd_model::webhook::Endpoint;
use vetd_model::{EndpointId, Realm};
use vetd_storage::Store;

use crate::clock::Clock;
use crate::engine::EngineConfig;
use crate::error::EngineError;
use crate::meters::Meters;
use crate::root::Root;
pub(crate) use crate::webhooks::asks::{Ask, Want};
pub(crate) use crate::webhooks::lane::BACKLOG;
use crate::webhooks::lane::{Lane, LaneContext, LaneMsg};
use crate::webhooks::sender::Sender;

/// When a lane that failed, or could not start, is opened again: the store is away for a moment
/// while it is reopened after an error of the disk.
const OPEN_AGAIN: Duration = Duration::from_secs(5);

/// The deliveries' handle.
#[derive(Debug)]
pub(crate) struct Webhooks {
    dispatcher: ActorRef<DispatcherMsg>,
}

impl Webhooks {
    /// Starts a lane for each endpoint, each where it left off.
    pub(crate) async fn start(
        root: &Root,
        store: Arc<dyn Store>,
        clock: Arc<dyn Clock>,
        meters: Arc<Meters>,
        config: &EngineConfig,
    ) -> Result<Self, EngineError> {
        let endpoints = store.endpoints(None)?.into_iter().map(|stored| stored.value).collect();
        let sender = Sender::new(config.webhook_targets.clone())?;
        let context = Arc::new(LaneContext { store, clock, meters, sender });
        let started = Actor::spawn_linked(None, Dispatcher, (context, endpoints), root.get_cell()).await;
        let (dispatcher, _) = started.map_err(|error| EngineError::internal(error.to_string()))?;
        Ok(Self { dispatcher })
    }

    /// An endpoint is new or has changed.
    pub(crate) fn endpoint_changed(&self, endpoint: Endpoint) {
        self.tell(DispatcherMsg::Changed(Box::new(endpoint)));
    }

    /// An endpoint is gone, and its deliveries with it.
    pub(crate) fn endpoint_removed(&self, id: EndpointId) {
        self.tell(DispatcherMsg::Removed(id));
    }

    /// Asks an endpoint's lane for deliveries that are not due.
    pub(crate) fn ask(&self, endpoint: EndpointId, ask: Ask) {
        self.tell(DispatcherMsg::Ask(endpoint, Box::new(ask)));
    }

    fn tell(&self, message: DispatcherMsg) {
        if self.dispatcher.send_message(message).is_err() {
            tracing::debug!("deliveries have stopped; the next start reads the endpoints again");
        }
    }

    /// Stops. Attempts under way are cut off: without a recorded end they are made again.
    pub(crate) async fn stop(&self) {
        if self.dispatcher.stop_and_wait(None, None).await.is_err() {
            tracing::debug!("deliveries had stopped already");
        }
    }
}

#[derive(Debug)]
enum DispatcherMsg {
    /// More events are durable.
    Advanced,
    Changed(Box<Endpoint>),
    Removed(EndpointId),
    /// For the lane of this endpoint. If it is away the ask is dropped, and whoever waits hears.
    Ask(EndpointId, Box<Ask>),
    /// A lane that is away is to be opened again.
    Again(EndpointId),
}

/// An endpoint's lane.
struct Running {
    realm: Realm,
    lane: ActorRef<LaneMsg>,
    /// Whether it has been told of new events and has not heard yet: many commits wake it once.
    woken: Arc<AtomicBool>,
}

struct DispatcherState {
    context: Arc<LaneContext>,
    lanes: HashMap<EndpointId, Running>,
    /// Endpoints whose lane is away for the moment.
    away: HashMap<EndpointId, Realm>,
}

struct Dispatcher;

impl Actor for Dispatcher {
    type Msg = DispatcherMsg;
    type State = DispatcherState;
    type Arguments = (Arc<LaneContext>, Vec<Endpoint>);

    async fn pre_start(
        &self,
        myself: ActorRef<DispatcherMsg>,
        (context, endpoints): Self::Arguments,
    ) -> Result<DispatcherState, ActorProcessingErr> {
        let mut position = context.store.durable_position();
        let follower = myself.clone();
        tokio::spawn(async move {
            while position.changed().await.is_ok() {
                if follower.send_message(DispatcherMsg::Advanced).is_err() {
                    return;
                }
            }
        });
        for endpoint in endpoints {
            myself.send_message(DispatcherMsg::Changed(Box::new(endpoint)))?;
        }
        Ok(DispatcherState { context, lanes: HashMap::new(), away: HashMap::new() })
    }

    async fn handle(
        &self,
        myself: ActorRef<DispatcherMsg>,
        message: DispatcherMsg,
        state: &mut DispatcherState,
    ) -> Result<(), ActorProcessingErr> {
        match message {
            DispatcherMsg::Advanced => state.lanes.values().for_each(Running::wake),
            DispatcherMsg::Changed(endpoint) => state.open(&myself, *endpoint).await,
            DispatcherMsg::Again(id) => {
                if let Some(realm) = state.away.remove(&id) {
                    state.open_again(&myself, realm, id).await;
                }
            }
            DispatcherMsg::Ask(id, ask) => {
                if let Some(running) = state.lanes.get(&id) {
                    tell(&running.lane, LaneMsg::Ask(ask));
                }
            }
            DispatcherMsg::Removed(id) => {
                state.away.remove(&id);
                if let Some(running) = state.lanes.remove(&id) {
                    running.lane.stop(None);
                }
            }
        }
        Ok(())
    }

    async fn handle_supervisor_evt(
        &self,
        myself: ActorRef<DispatcherMsg>,
        event: SupervisionEvent,
        state: &mut DispatcherState,
    ) -> Result<(), ActorProcessingErr> {
        if let SupervisionEvent::ActorFailed(cell, error) = event {
            let failed = state.lanes.iter().find(|(_, running)| running.lane.get_id() == cell.get_id());
            if let Some(id) = failed.map(|(id, _)| *id)
                && let Some(running) = state.lanes.remove(&id)
            {
                tracing::error!(endpoint = %id, %error, "a webhook lane failed; it resumes from its mark");
                state.open_later(&myself, running.realm, id);
            }
        }
        Ok(())
    }
}

impl Running {
    fn wake(&self) {
        if !self.woken.swap(true, Relaxed) {
            tell(&self.lane, LaneMsg::Wake);
        }
    }
}

impl DispatcherState {
    async fn open(&mut self, myself: &ActorRef<DispatcherMsg>, endpoint: Endpoint) {
        let (realm, id) = (endpoint.realm, endpoint.id);
        self.away.remove(&id);
        if let Some(running) = self.lanes.get(&id) {
            return tell(&running.lane, LaneMsg::Changed);
        }
        // It wakes itself once.
        let woken = Arc::new(AtomicBool::new(true));
        let arguments = (Arc::clone(&self.context), endpoint, Arc::clone(&woken));
        match Actor::spawn_linked(None, Lane, arguments, myself.get_cell()).await {
            Ok((lane, _)) => drop(self.lanes.insert(id, Running { realm, lane, woken })),
            Err(error) => {
                tracing::error!(endpoint = %id, %error, "a webhook lane could not start; tried again");
                self.open_later(myself, realm, id);
            }
        }
    }

    /// The endpoint as it stands now: it may have changed since the lane went away.
    async fn open_again(&mut self, myself: &ActorRef<DispatcherMsg>, realm: Realm, id: EndpointId) {
        match self.context.store.endpoint(realm, id) {
            Ok(Some(stored)) => self.open(myself, stored.value).await,
            Ok(None) => {}
            Err(error) => {
                tracing::error!(endpoint = %id, %error, "a webhook endpoint could not be read; tried again");
                self.open_later(myself, realm, id);
            }
        }
    }

    fn open_later(&mut self, myself: &ActorRef<DispatcherMsg>, realm: Realm, id: EndpointId) {
        let (clock, dispatcher) = (Arc::clone(&self.context.clock), myself.clone());
        self.away.insert(id, realm);
        tokio::spawn(async move {
            clock.sleep(OPEN_AGAIN).await;
            if dispatcher.send_message(DispatcherMsg::Again(id)).is_err() {
                tracing::debug!("deliveries have stopped; the next start reads the endpoints again");
            }
        });
    }
}

fn tell(lane: &ActorRef<LaneMsg>, message: LaneMsg) {
    if lane.send_message(message).is_err() {
        tracing::debug!("the lane has ended; the dispatcher hears of it");
    }
}
