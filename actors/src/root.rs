//! The root of the engine's actors. Sessions and webhook lanes are revived by their own
//! supervisors; what stands above them never fails but by a bug, and an engine that has lost a
//! part of itself must not go on as if it were whole: then the process ends, and its next start
//! recovers everything.

use ractor::{Actor, ActorProcessingErr, ActorRef, SupervisionEvent};
use vetd_storage::FatalHook;

use crate::error::EngineError;

/// The root's handle.
pub(crate) type Root = ActorRef<()>;

/// Starts the root. `on_fatal` is called with the reason if a child of it fails.
pub(crate) async fn start(on_fatal: Option<FatalHook>) -> Result<Root, EngineError> {
    let started = Actor::spawn(None, Supervisor, on_fatal).await;
    started.map(|(root, _)| root).map_err(|error| EngineError::internal(error.to_string()))
}

struct Supervisor;

impl Actor for Supervisor {
    type Msg = ();
    type State = Option<FatalHook>;
    type Arguments = Option<FatalHook>;

    async fn pre_start(
        &self,
        _myself: ActorRef<()>,
        on_fatal: Option<FatalHook>,
    ) -> Result<Option<FatalHook>, ActorProcessingErr> {
        Ok(on_fatal)
    }

    async fn handle_supervisor_evt(
        &self,
        _myself: ActorRef<()>,
        event: SupervisionEvent,
        on_fatal: &mut Option<FatalHook>,
    ) -> Result<(), ActorProcessingErr> {
        if let SupervisionEvent::ActorFailed(_, error) = event {
            tracing::error!(%error, "a part of the engine has failed");
            if let Some(hook) = on_fatal {
                hook(&format!("a part of the engine has failed: {error}"));
            }
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use tokio::sync::mpsc;

    use super::*;

    struct Fragile;

    impl Actor for Fragile {
        type Msg = ();
        type State = ();
        type Arguments = ();

        async fn pre_start(&self, _: ActorRef<()>, (): ()) -> Result<(), ActorProcessingErr> {
            Ok(())
        }

        async fn handle(&self, _: ActorRef<()>, (): (), (): &mut ()) -> Result<(), ActorProcessingErr> {
            panic!("as the test wants it")
        }
    }

    #[tokio::test]
    async fn a_failure_is_fatal_and_a_normal_end_is_not() {
        let (tell, mut told) = mpsc::unbounded_channel();
        let hook: FatalHook = Arc::new(move |reason| tell.send(reason.to_owned()).unwrap());
        let root = start(Some(hook)).await.unwrap();
        let (calm, _) = Actor::spawn_linked(None, Fragile, (), root.get_cell()).await.unwrap();
        calm.stop_and_wait(None, None).await.unwrap();
        let (fragile, _) = Actor::spawn_linked(None, Fragile, (), root.get_cell()).await.unwrap();
        fragile.send_message(()).unwrap();
        assert!(told.recv().await.unwrap().contains("as the test wants it"));
        assert!(told.try_recv().is_err(), "the normal end before it told nothing");
    }
}
