//! Deliveries as the tenant sees and mends them: lists, details, once more, and a whole range.

use std::sync::Arc;

use serde_json::{Value, json};
use tokio::sync::oneshot;
use vetd_model::delivery::{Attempt, Delivery, DeliveryStatus, Standing};
use vetd_model::notice::Logged;
use vetd_model::webhook::Endpoint;
use vetd_model::{DeliveryId, EndpointId, ErrorCode, EventId, Realm, Refusal, Timestamp};
use vetd_storage::{DeliveryQuery, OnRecord, Page, PositionedEvent, StoreError, Towards};

use crate::engine::Engine;
use crate::error::EngineError;
use crate::idempotency::Claim;
use crate::reply::{Render, Reply};
use crate::webhooks::{Ask, BACKLOG, Want};

/// The most attempts that a detail shows: the latest ones.
const ATTEMPTS_SHOWN: usize = 100;
/// How many records are read at a time.
const PAGE: usize = 1_000;

/// A delivery, with what its event and its endpoint say of it.
#[derive(Debug, Clone)]
pub struct DeliveryView {
    delivery: Delivery,
    event_type: &'static str,
    created: Timestamp,
    endpoint_disabled: bool,
    livemode: bool,
}

impl DeliveryView {
    pub(crate) fn new(endpoint: &Endpoint, delivery: Delivery, event: &Logged) -> Self {
        Self {
            delivery,
            event_type: event.type_name(),
            created: event.created(),
            endpoint_disabled: endpoint.disabled.is_some(),
            livemode: endpoint.realm.mode.is_live(),
        }
    }

    /// The delivery as the tenant reads it.
    #[must_use]
    pub fn to_json(&self) -> Value {
        let delivery = &self.delivery;
        let next = match delivery.standing {
            Standing::Due(at) if !self.endpoint_disabled => Some(at),
            _ => None,
        };
        json!({
            "id": delivery.id(), "object": "webhook_delivery", "endpoint": delivery.endpoint,
            "event": delivery.event, "event_type": self.event_type, "session_id": delivery.session,
            "livemode": self.livemode, "status": delivery.status(self.endpoint_disabled).as_str(),
            "attempt_count": delivery.attempts, "next_attempt_at": next, "created": self.created,
        })
    }
}

/// A delivery with its attempts.
#[derive(Debug, Clone)]
pub struct DeliveryDetail {
    view: DeliveryView,
    attempts: Vec<(u32, Attempt)>,
}

impl DeliveryDetail {
    /// The delivery as the tenant reads it, with its attempts, oldest first.
    #[must_use]
    pub fn to_json(&self) -> Value {
        let mut json = self.view.to_json();
        if let Some(map) = json.as_object_mut() {
            let attempts = self.attempts.iter().map(|(number, attempt)| {
                let mut attempt = attempt.to_json();
                attempt["number"] = (*number).into();
                attempt
            });
            map.insert("attempts".to_owned(), attempts.collect());
        }
        json
    }
}

/// Which deliveries a list holds. Every filter that is set must hold.
#[derive(Debug, Clone, Copy)]
pub struct DeliveryFilter {
    /// To which endpoint.
    pub endpoint: Option<EndpointId>,
    /// By status.
    pub status: Option<DeliveryStatus>,
    /// Of which event.
    pub event: Option<EventId>,
    /// Where the page begins: past this delivery.
    pub cursor: Option<(Towards, DeliveryId)>,
    /// The most items on the page, 1 to 100.
    pub limit: usize,
}

/// What came of a recovery.
#[derive(Debug, Clone, Copy)]
pub struct Recovered {
    /// How many deliveries are sent again.
    pub deliveries: usize,
    /// True if there are more than are taken up at once; to be asked for again later.
    pub has_more: bool,
}

/// A delivery that exists, and where it is.
struct Found {
    endpoint: Endpoint,
    position: u64,
    event: Logged,
    delivery: Delivery,
}

impl Engine {
    /// A page of deliveries, newest event first.
    ///
    /// # Errors
    /// `validation_error` on the cursor if it names no delivery, and if the filters match too
    /// little among too many; the store's.
    pub async fn deliveries(&self, realm: Realm, filter: DeliveryFilter) -> Result<Page<DeliveryView>, EngineError> {
        let DeliveryFilter { endpoint, status, event, cursor, limit } = filter;
        let mut endpoints = self.endpoints(realm)?;
        if let Some(wanted) = endpoint {
            endpoints.retain(|endpoint| endpoint.id == wanted);
        }
        let cursor = cursor.map(|(towards, id)| {
            let unknown = || EngineError::from(Refusal::field(cursor_name(towards), "names no delivery that is kept"));
            let (endpoint, found) = self.event_of(&endpoints, id)?.ok_or_else(unknown)?;
            Ok::<_, EngineError>((towards, found.position, endpoint.id))
        });
        let cursor = cursor.transpose()?;
        if let Some(event) = event {
            let past = cursor.map(|(towards, _, of)| (towards, of));
            return self.deliveries_of(&endpoints, self.inner.store.event(realm, event)?, status, past, limit);
        }
        let query = DeliveryQuery { endpoints: endpoints.clone(), status, cursor, limit };
        let page = self.inner.store.delivery_list(query).await.map_err(|error| match error {
            StoreError::TooBroad => {
                let message =
                    "matches too little among too many deliveries; ask by event or by endpoint, or leave it out";
                EngineError::from(Refusal::field("status", message))
            }
            error => error.into(),
        })?;
        let mut items = Vec::with_capacity(page.items.len());
        for delivery in page.items {
            let endpoint = endpoints.iter().find(|endpoint| endpoint.id == delivery.endpoint);
            // An event that was swept a moment ago has no deliveries either.
            if let (Some(endpoint), Some(found)) = (endpoint, self.inner.store.event(realm, delivery.event)?) {
                items.push(DeliveryView::new(endpoint, delivery, &found.event));
            }
        }
        Ok(Page { items, has_more: page.has_more })
    }

    /// The deliveries of one event: at most one an endpoint, newest endpoint first.
    fn deliveries_of(
        &self,
        endpoints: &[Endpoint],
        event: Option<PositionedEvent>,
        status: Option<DeliveryStatus>,
        past: Option<(Towards, EndpointId)>,
        limit: usize,
    ) -> Result<Page<DeliveryView>, EngineError> {
        let Some(found) = event else { return Ok(Page { items: Vec::new(), has_more: false }) };
        let mut items = Vec::new();
        for endpoint in endpoints {
            let is_past = past.is_none_or(|(towards, of)| match towards {
                Towards::Older => endpoint.id < of,
                Towards::Newer => endpoint.id > of,
            });
            let delivery = if is_past { self.standing(endpoint, &found)? } else { None };
            let wanted = |delivery: &Delivery| {
                status.is_none_or(|wanted| delivery.status(endpoint.disabled.is_some()) == wanted)
            };
            items.extend(delivery.filter(wanted).map(|delivery| DeliveryView::new(endpoint, delivery, &found.event)));
        }
        items.sort_by_key(|item| std::cmp::Reverse(item.delivery.endpoint));
        let beyond = items.len().saturating_sub(limit);
        if matches!(past, Some((Towards::Newer, _))) {
            // A page that goes back holds what is nearest to where it began.
            items.drain(..beyond);
        }
        items.truncate(limit);
        Ok(Page { items, has_more: beyond > 0 })
    }

    /// One delivery with its attempts.
    ///
    /// # Errors
    /// `not_found`; the store's.
    pub fn delivery(&self, realm: Realm, id: DeliveryId) -> Result<DeliveryDetail, EngineError> {
        let Found { endpoint, position, event, delivery } = self.find_delivery(realm, id)?;
        let mut attempts = self.inner.store.attempts(endpoint.id, position, ATTEMPTS_SHOWN)?;
        if let Standing::Succeeded(attempt) = &delivery.standing {
            attempts.push((delivery.attempts, attempt.clone()));
        }
        Ok(DeliveryDetail { view: DeliveryView::new(&endpoint, delivery, &event), attempts })
    }

    /// Has a delivery made once more, now, whatever waits before it: signed anew, under the same
    /// event identifier, with a fresh schedule if it had been settled.
    ///
    /// # Errors
    /// `not_found`; `invalid_state` while its endpoint is disabled; the store's.
    pub async fn redeliver(
        &self,
        realm: Realm,
        id: DeliveryId,
        claim: Option<Claim>,
        render: Render<DeliveryView>,
    ) -> Result<Reply, EngineError> {
        let Found { endpoint, position, event, .. } = self.find_delivery(realm, id)?;
        self.ask_lane(endpoint.id, claim, Want::Again { position, event: Arc::new(event), render }).await
    }

    /// Has every exhausted delivery to an endpoint made again whose event was written from
    /// `since` on and before `until`, oldest first, with a fresh schedule.
    ///
    /// # Errors
    /// `not_found`; `invalid_state` while the endpoint is disabled; the store's.
    pub async fn recover(
        &self,
        realm: Realm,
        id: EndpointId,
        (since, until): (Timestamp, Timestamp),
        claim: Option<Claim>,
        render: Render<Recovered>,
    ) -> Result<Reply, EngineError> {
        let endpoint = self.endpoint(realm, id)?;
        let store = Arc::clone(&self.inner.store);
        let search = move || -> Result<(Vec<u64>, bool), StoreError> {
            let (mut positions, mut after) = (Vec::new(), Some(0));
            while let Some(position) = after {
                let page = store.deliveries(endpoint.id, OnRecord::Settled, position, PAGE)?;
                let exhausted = page.deliveries.iter().filter(|delivery| {
                    let born = delivery.event.born();
                    matches!(delivery.standing, Standing::Exhausted(_)) && born >= since && born < until
                });
                positions.extend(exhausted.map(|delivery| delivery.position));
                if positions.len() > BACKLOG {
                    positions.truncate(BACKLOG);
                    return Ok((positions, true));
                }
                after = page.next;
            }
            Ok((positions, false))
        };
        // Among many records: not where others are served meanwhile.
        let searched = tokio::task::spawn_blocking(search).await;
        let (positions, has_more) = searched.map_err(|error| EngineError::internal(error.to_string()))??;
        self.ask_lane(id, claim, Want::Recover { positions, has_more, render }).await
    }

    async fn ask_lane(&self, endpoint: EndpointId, claim: Option<Claim>, want: Want) -> Result<Reply, EngineError> {
        let (reply, answer) = oneshot::channel();
        self.inner.webhooks.ask(endpoint, Ask { want, claim, reply });
        answer.await.unwrap_or_else(|_| Err(EngineError::unavailable("the endpoint's lane is away")))
    }

    fn find_delivery(&self, realm: Realm, id: DeliveryId) -> Result<Found, EngineError> {
        let unknown = || EngineError::refused(ErrorCode::NotFound, "There is no such webhook delivery.");
        let endpoints = self.endpoints(realm)?;
        let (endpoint, found) = self.event_of(&endpoints, id)?.ok_or_else(unknown)?;
        let delivery = self.standing(endpoint, &found)?.ok_or_else(unknown)?;
        Ok(Found { endpoint: endpoint.clone(), position: found.position, event: found.event, delivery })
    }

    /// The endpoint and the event that an identifier of a delivery names, if it does.
    fn event_of<'a>(
        &self,
        endpoints: &'a [Endpoint],
        id: DeliveryId,
    ) -> Result<Option<(&'a Endpoint, PositionedEvent)>, EngineError> {
        for endpoint in endpoints {
            if let Some(found) = self.inner.store.event(endpoint.realm, id.event_at(endpoint.id))? {
                return Ok(Some((endpoint, found)));
            }
        }
        Ok(None)
    }

    /// How the delivery of an event to an endpoint stands; `None` if there is none.
    fn standing(&self, endpoint: &Endpoint, found: &PositionedEvent) -> Result<Option<Delivery>, EngineError> {
        let store = &self.inner.store;
        // Before the record is looked for: it may be written meanwhile.
        let mark = store.mark(endpoint.id)?;
        if let Some(delivery) = store.delivery(endpoint.id, found.position)? {
            return Ok(Some(delivery));
        }
        let event = &found.event;
        let comes = found.position > mark.position && endpoint.wants(event);
        Ok(comes.then(|| Delivery::derived(endpoint.id, found.position, event.id(), event.session())))
    }
}

const fn cursor_name(towards: Towards) -> &'static str {
    match towards {
        Towards::Older => "starting_after",
        Towards::Newer => "ending_before",
    }
}
