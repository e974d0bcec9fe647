//! Webhook deliveries: a dispatcher that follows the durable events, and a lane for each
//! endpoint.

mod lane;
mod lane_queue;
#[cfg(test)]
mod lane_queue_tests;
mod sender;
mod target;

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

use ractor::{Actor, ActorProcessingErr, ActorRef, SupervisionEvent};
use vetd_model::EndpointId;
use vetd_model::webhook::Endpoint;
use vetd_storage::Store;

use crate::clock::Clock;
use crate::engine::EngineConfig;
use crate::error::EngineError;
use crate::meters::Meters;
use crate::root::Root;
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
        let context =
            Arc::new(LaneContext { store, clock, meters, sender: Sender::new()?, loopback: config.loopback_webhooks });
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
    /// A lane that is away is to be opened again.
    Again(EndpointId),
}

struct DispatcherState {
    context: Arc<LaneContext>,
    lanes: HashMap<EndpointId, (Endpoint, ActorRef<LaneMsg>)>,
    /// Endpoints whose lane is away for the moment.
    away: HashMap<EndpointId, Endpoint>,
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
            DispatcherMsg::Advanced => state.lanes.values().for_each(|(_, lane)| tell(lane, LaneMsg::Wake)),
            DispatcherMsg::Changed(endpoint) => state.open(&myself, *endpoint).await,
            DispatcherMsg::Again(id) => {
                if let Some(endpoint) = state.away.remove(&id) {
                    state.open(&myself, endpoint).await;
                }
            }
            DispatcherMsg::Removed(id) => {
                state.away.remove(&id);
                if let Some((_, lane)) = state.lanes.remove(&id) {
                    lane.stop(None);
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
            let failed = state.lanes.iter().find(|(_, (_, lane))| lane.get_id() == cell.get_id());
            if let Some(id) = failed.map(|(id, _)| *id)
                && let Some((endpoint, _)) = state.lanes.remove(&id)
            {
                tracing::error!(endpoint = %id, %error, "a webhook lane failed; it resumes from its cursor");
                state.open_later(&myself, endpoint);
            }
        }
        Ok(())
    }
}

impl DispatcherState {
    async fn open(&mut self, myself: &ActorRef<DispatcherMsg>, endpoint: Endpoint) {
        let id = endpoint.id;
        self.away.remove(&id);
        if let Some((known, lane)) = self.lanes.get_mut(&id) {
            *known = endpoint.clone();
            return tell(lane, LaneMsg::Changed(Box::new(endpoint)));
        }
        let arguments = (Arc::clone(&self.context), endpoint.clone());
        match Actor::spawn_linked(None, Lane, arguments, myself.get_cell()).await {
            Ok((lane, _)) => drop(self.lanes.insert(id, (endpoint, lane))),
            Err(error) => {
                tracing::error!(endpoint = %id, %error, "a webhook lane could not start; tried again");
                self.open_later(myself, endpoint);
            }
        }
    }

    fn open_later(&mut self, myself: &ActorRef<DispatcherMsg>, endpoint: Endpoint) {
        let (clock, dispatcher, id) = (Arc::clone(&self.context.clock), myself.clone(), endpoint.id);
        self.away.insert(id, endpoint);
        tokio::spawn(async move {
            clock.sleep_until(clock.now().after(OPEN_AGAIN)).await;
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
