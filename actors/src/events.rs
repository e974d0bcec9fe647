//! A realm's events in commit order: pages of them, and one by its identifier, as they are
//! delivered.

use vetd_model::notice::Logged;
use vetd_model::{EventId, Realm, Refusal, VerificationId};
use vetd_storage::StoreError;

use crate::engine::Engine;
use crate::error::EngineError;
use crate::history::{Found, render_event};

/// How many events are read at a time where most may not be wanted.
const PAGE: usize = 1_000;
/// About how many events are read for one page of those of a type.
const MOST_READ: usize = 20_000;

/// Which events of a realm, oldest first.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct EventQuery {
    /// Those that stand after this position.
    pub after: u64,
    /// Those of this type.
    pub kind: Option<&'static str>,
    /// Those of this verification.
    pub verification: Option<VerificationId>,
    /// The most events on the page.
    pub limit: usize,
}

/// A page of events.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct EventList {
    /// Their envelopes, JSON as it is delivered.
    pub envelopes: Vec<Vec<u8>>,
    /// True if there are more, or may be.
    pub has_more: bool,
}

impl Engine {
    /// A page of events.
    ///
    /// # Errors
    /// `validation_error` if so few events match that none was found among all that were read; the
    /// store's.
    pub async fn events(&self, realm: Realm, query: EventQuery) -> Result<EventList, EngineError> {
        let Found { mut events, cut_short } = match query.verification {
            None => self.events_after(realm, query).await?,
            Some(id) => match self.session(realm, id.session()).await? {
                Some(session) => self.events_of(&session, query.after).await?,
                None => Found::default(),
            },
        };
        events.retain(|found| query.kind.is_none_or(|kind| found.event.type_name() == kind));
        let has_more = events.len() > query.limit || cut_short;
        if events.is_empty() && has_more {
            let message = "must name a later event: none of the many that follow matches the other parameters";
            return Err(Refusal::field("after", message).into());
        }
        events.truncate(query.limit);
        let mut envelopes = Vec::with_capacity(events.len());
        for found in events {
            envelopes.extend(self.envelope(realm, &found.event).await?);
        }
        Ok(EventList { envelopes, has_more })
    }

    /// At least one more than the page holds, if there are so many.
    async fn events_after(&self, realm: Realm, query: EventQuery) -> Result<Found, StoreError> {
        let store = &self.inner.store;
        let durable = *store.durable_position().borrow();
        let mut found = Found::default();
        let (mut read_to, mut read) = (query.after, 0);
        while found.events.len() <= query.limit && read_to < durable {
            if read >= MOST_READ {
                found.cut_short = true;
                break;
            }
            let size = if query.kind.is_some() { PAGE } else { query.limit + 1 };
            let page = store.events(realm, read_to, size)?;
            (read_to, read) = (page.read_to, read + size);
            let wanted = |kind| query.kind.is_none_or(|wanted| wanted == kind);
            found.events.extend(page.events.into_iter().filter(|found| wanted(found.event.type_name())));
            tokio::task::yield_now().await;
        }
        Ok(found)
    }

    /// One event's envelope, JSON as it is delivered.
    ///
    /// # Errors
    /// The store's.
    pub async fn event(&self, realm: Realm, id: EventId) -> Result<Option<Vec<u8>>, EngineError> {
        match self.inner.store.event(realm, id)? {
            Some(found) => self.envelope(realm, &found.event).await,
            None => Ok(None),
        }
    }

    /// The envelope of an event, JSON as it is delivered. `None` if what it tells of is gone.
    ///
    /// # Errors
    /// The store's.
    pub async fn envelope(&self, realm: Realm, event: &Logged) -> Result<Option<Vec<u8>>, EngineError> {
        Ok(render_event(self.inner.store.as_ref(), realm, event).await?)
    }

    /// Where an event stands in the order of all.
    ///
    /// # Errors
    /// The store's.
    pub fn event_position(&self, realm: Realm, id: EventId) -> Result<Option<u64>, EngineError> {
        Ok(self.inner.store.event(realm, id)?.map(|found| found.position))
    }
}
