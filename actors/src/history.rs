//! What has happened, in commit order: to one session, or from here on.

use std::sync::Arc;

use tokio::sync::watch;
use vetd_model::event::{self, Event};
use vetd_model::notice::Logged;
use vetd_model::{EventId, Realm, Session};
use vetd_storage::{PositionedEvent, Store, StoreError};

use crate::engine::Engine;
use crate::error::EngineError;

/// How many events are read at a time.
const PAGE: usize = 1_000;
/// How many events a feed reads at a time; they are kept until they are taken.
const FEED_PAGE: usize = 100;
/// The most pages that are searched for the events of one session.
const PAGES: usize = 200;

/// The events of one session.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct History {
    /// In their order.
    pub events: Vec<Event>,
    /// False if some were not found: too much else was committed between them, or the first ones
    /// are no longer kept.
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

/// What a search has found.
#[derive(Default)]
pub(crate) struct Found {
    /// In their order.
    pub(crate) events: Vec<PositionedEvent>,
    /// True if it ended at its bound, before everything was read.
    pub(crate) cut_short: bool,
}

impl Engine {
    /// The events of a session, as far as they are kept.
    ///
    /// # Errors
    /// The store's.
    pub async fn history(&self, session: &Session) -> Result<History, EngineError> {
        let found = self.events_of(session, 0).await?;
        let events: Vec<Event> = found.events.into_iter().filter_map(|found| found.event.into_session()).collect();
        let complete = events.len() >= session.chain.sequence as usize;
        Ok(History { events, complete })
    }

    /// The events of a session that are kept and stand after a position. There is no index for
    /// them: the first one is found by its identifier, which the session's secret tells, and so is
    /// the last one once the session has ended; what is between them is read.
    pub(crate) async fn events_of(&self, session: &Session, after: u64) -> Result<Found, StoreError> {
        let store = &self.inner.store;
        let durable = *store.durable_position().borrow();
        let position = |id: EventId| Ok::<_, StoreError>(store.event(session.realm, id)?.map(|found| found.position));
        let first = event::first_id(session).map(position).transpose()?.flatten();
        let last = event::last_id(session).map(position).transpose()?;
        let mut found = Found::default();
        if let (None, Some(None)) = (first, last) {
            // The oldest events of a realm go first, so none of these is kept.
            return Ok(found);
        }
        let end = last.flatten().unwrap_or(durable);
        let mut read_to = after.max(first.map_or(0, |first| first - 1));
        for _ in 0..PAGES {
            if read_to >= end {
                return Ok(found);
            }
            let page = store.events(session.realm, read_to, PAGE)?;
            read_to = page.read_to;
            let ours = page.events.into_iter().filter(|found| found.event.session() == Some(session.id));
            found.events.extend(ours);
            let newest = found.events.last().and_then(|found| found.event.as_session());
            if newest.is_some_and(|event| event.sequence >= session.chain.sequence) {
                return Ok(found);
            }
            tokio::task::yield_now().await;
        }
        found.cut_short = read_to < end;
        Ok(found)
    }

    /// Follows a realm's events, beginning with the first one after `position`; without one, with
    /// the next one that is committed.
    #[must_use]
    pub fn event_feed(&self, realm: Realm, position: Option<u64>) -> EventFeed {
        let durable = self.inner.store.durable_position();
        let read_to = position.unwrap_or(*durable.borrow());
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
            let durable = *self.durable.borrow_and_update();
            if durable.saturating_sub(self.read_to) > FEED_PAGE as u64 {
                // Old pages come without a wait: others want their turn between them.
                tokio::task::yield_now().await;
            }
            let page = self.store.events(self.realm, self.read_to, FEED_PAGE)?;
            self.read_to = page.read_to;
            if !page.events.is_empty() {
                return Ok(page.events);
            }
            let closed = |_| EngineError::unavailable("the store is closed");
            self.durable.changed().await.map_err(closed)?;
        }
    }
}
