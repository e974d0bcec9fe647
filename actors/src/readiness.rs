//! Whether requests should come here: the store takes writes, and pictures can be kept. The place of
//! the pictures may be a bucket elsewhere, where asking costs requests: what it said last holds for
//! some seconds.

use std::time::Duration;

use tokio::sync::Mutex;
use vetd_model::Timestamp;
use vetd_storage::media::MediaError;

use crate::engine::Engine;
use crate::error::EngineError;

/// How long what was found holds.
const HOLDS: Duration = Duration::from_secs(15);

/// What the place of the pictures said last, and when. Locked while it is asked, so that it is asked
/// once however many wait.
#[derive(Default)]
pub(crate) struct Probed(Mutex<Option<(Timestamp, Result<(), MediaError>)>>);

impl Engine {
    /// Whether everything is there that requests need.
    ///
    /// # Errors
    /// What is in the way.
    pub async fn readiness(&self) -> Result<(), EngineError> {
        self.health()?;
        self.probe_pictures().await.map_err(|error| match error {
            MediaError::Full => EngineError::Unavailable { for_the_log: in_the_way(&error), retry_after: 30 },
            error => EngineError::unavailable(in_the_way(&error)),
        })
    }

    async fn probe_pictures(&self) -> Result<(), MediaError> {
        let mut probed = self.inner.probed.0.lock().await;
        let now = self.now();
        match &*probed {
            // A clock that was set back makes nothing hold for longer.
            Some((at, said)) if *at <= now && now.since(*at) < HOLDS => said.clone(),
            _ => {
                let said = self.inner.context.pictures.store.probe().await;
                *probed = Some((now, said.clone()));
                said
            }
        }
    }
}

fn in_the_way(error: &MediaError) -> String {
    format!("pictures cannot be kept: {error}")
}
