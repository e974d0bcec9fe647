//! What has happened, in commit order: to one session, or from here on.

use std::sync::Arc;

use tokio::sync::watch;
use vetd_model::event::{self, Event};
use vetd_model::notice::Logged;
use vetd_model::{Realm, Session};
use vetd_storage::{PositionedEvent, Store, StoreError};

use crate::engine::Engine;
use crate::error::EngineError;

/// How many events are read at a time.
const PAGE: usize = 1_000;
/// The most pages that are searched for the events of one session.
const PAGES: usize = 200;

/// The events of one session.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct History {
    /// In their order.
    pub events: Vec<Event>,
    /// False if some were not found: too much else was committed between them, or the person's
    /// data is erased.
    pub complete: bool,
}

/// The events of a realm from one moment on.
pub struct EventFeed {
    store: Arc<dyn Store>,
    durable: watch::Receiver<u64>,
    realm: Realm,
    read_to: u64,
}

/// An event's envelope as it is delivered, listed and streamed: JSON. `None` if the session that
/// it tells of is gone.
pub(crate) async fn render_event(
    store: &dyn Store,
    realm: Realm,
    event: &Logged,
) -> Result<Option<Vec<u8>>, StoreError> {
    let json = match event {
        Logged::Session(event) => {
            let Some((session, _)) = store.session(realm, event.session).await? else { return Ok(None) };
            serde_json::to_vec(&event.envelope(&session))
        }
        Logged::Endpoint(notice) => serde_json::to_vec(&notice.envelope()),
    };
    Ok(json.ok())
}

impl Engine {
    /// The events of a session. There is no index for them: the first one is found by its
    /// identifier, which the session's secret tells, the others by reading on from there.
    ///
    /// # Errors
    /// The store's.
    pub async fn history(&self, session: &Session) -> Result<History, EngineError> {
        let wanted = session.chain.sequence as usize;
        let mut events = Vec::with_capacity(wanted);
        let store = &self.inner.store;
        let durable = *store.durable_position().borrow();
        let first = event::first_id(session).map(|id| store.event(session.realm, id)).transpose()?.flatten();
        let Some(first) = first else { return Ok(History { events, complete: false }) };
        let mut after = first.position;
        events.extend(first.event.into_session());
        for _ in 0..PAGES {
            if events.len() >= wanted {
                break;
            }
            let page = store.events(session.realm, after, PAGE)?;
            after = page.read_to;
            let ours = page.events.into_iter().filter_map(|positioned| positioned.event.into_session());
            events.extend(ours.filter(|event| event.session == session.id));
            if after >= durable {
                break;
            }
            tokio::task::yield_now().await;
        }
        let complete = events.len() >= wanted;
        Ok(History { events, complete })
    }

    /// Follows a realm's events, beginning with the next one that is committed.
    #[must_use]
    pub fn event_feed(&self, realm: Realm) -> EventFeed {
        let durable = self.inner.store.durable_position();
        let read_to = *durable.borrow();
        EventFeed { store: Arc::clone(&self.inner.store), durable, realm, read_to }
    }
}

impl EventFeed {
    /// The next events, at least one, once they are durable. Can be dropped and asked again
    /// without missing any.
    ///
    /// # Errors
    /// The store's.
    pub async fn next(&mut self) -> Result<Vec<PositionedEvent>, EngineError> {
        loop {
            // Before reading, so that what becomes durable meanwhile wakes the wait below.
            self.durable.borrow_and_update();
            let page = self.store.events(self.realm, self.read_to, PAGE)?;
            self.read_to = page.read_to;
            if !page.events.is_empty() {
                return Ok(page.events);
            }
            let closed = |_| EngineError::unavailable("the store is closed");
            self.durable.changed().await.map_err(closed)?;
        }
    }
}
