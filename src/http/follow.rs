//! Follows a realm's events for as long as the server goes on.

use std::sync::atomic::Ordering;
use std::time::Duration;
use std::vec;

use vetd_actors::EventFeed;
use vetd_model::Realm;
use vetd_storage::PositionedEvent;

use super::Shared;

/// How often to look whether the server is about to end.
const GLANCE: Duration = Duration::from_secs(1);

/// The events of a realm, one after the other.
pub(super) struct Follower {
    front: Shared,
    feed: EventFeed,
    /// Read, and not taken yet.
    read: vec::IntoIter<PositionedEvent>,
}

impl Follower {
    /// Begins after `position`; without one, with the next event that is committed.
    pub(super) fn new(front: &Shared, realm: Realm, position: Option<u64>) -> Self {
        let feed = front.engine.event_feed(realm, position);
        Self { front: Shared::clone(front), feed, read: Vec::new().into_iter() }
    }

    /// The next event, once it is durable. `None` once the server is about to end, or the store is
    /// away. Can be dropped and asked again without missing any.
    pub(super) async fn next(&mut self) -> Option<PositionedEvent> {
        while self.front.settings.open.load(Ordering::Relaxed) {
            if let Some(event) = self.read.next() {
                return Some(event);
            }
            tokio::select! {
                events = self.feed.next() => match events {
                    Ok(events) => self.read = events.into_iter(),
                    Err(error) => {
                        tracing::warn!(%error, "events are no longer followed");
                        return None;
                    }
                },
                () = self.front.engine.clock().sleep(GLANCE) => {}
            }
        }
        None
    }
}
