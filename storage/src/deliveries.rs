//! Deliveries as they are read: those on record, and those that are derived from their events.

use std::collections::VecDeque;

use vetd_model::EndpointId;
use vetd_model::delivery::{Attempt, Delivery, DeliveryStatus};
use vetd_model::webhook::Endpoint;

use crate::api::{DeliveryPage, Mark, OnRecord, StoreError};
use crate::disk::{delivery, event, webhook};
use crate::keys;
use crate::query::{DeliveryQuery, Page, Towards};
use crate::shared::Shared;
use crate::table::Direction;

/// The most entries that one page looks at.
const STEPS: usize = 50_000;
/// How many entries are read at a time.
const CHUNK: usize = 128;

impl Shared {
    /// How far an endpoint's events are taken care of; nowhere for one that does not exist.
    pub(crate) fn mark(&self, endpoint: EndpointId) -> Result<Mark, StoreError> {
        let key = keys::cursor(endpoint);
        let Some(value) = self.table.view()?.get(&key)? else { return Ok(Mark::default()) };
        webhook::decode_mark(&value).map_err(|damaged| self.blame(&key, damaged.into()))
    }

    /// Deliveries on record of an endpoint that exists, by position.
    pub(crate) fn deliveries(
        &self,
        endpoint: EndpointId,
        recorded: OnRecord,
        after: u64,
        limit: usize,
    ) -> Result<DeliveryPage, StoreError> {
        let none = DeliveryPage { deliveries: Vec::new(), next: None };
        let letter = match recorded {
            OnRecord::Pending => keys::DELIVERY,
            OnRecord::Settled => keys::SETTLED,
            OnRecord::Absent | OnRecord::Unknown => return Ok(none),
        };
        let Some(first) = after.checked_add(1) else { return Ok(none) };
        let (first, last) = (keys::delivery(letter, endpoint, first), keys::delivery(letter, endpoint, u64::MAX));
        let view = self.table.view()?;
        if view.get(&keys::cursor(endpoint))?.is_none() {
            return Ok(none);
        }
        // One more than asked for says whether there are more.
        let mut entries = view.range(&first, &last, Direction::Ascending, limit.saturating_add(1))?;
        drop(view);
        let has_more = entries.len() > limit;
        entries.truncate(limit);
        let last_entry = entries.last().and_then(|(key, _)| keys::last_number(key)).unwrap_or(after);
        let mut deliveries = Vec::with_capacity(entries.len());
        for (key, value) in entries {
            deliveries.extend(self.recorded(endpoint, &key, &value)?);
        }
        Ok(DeliveryPage { deliveries, next: has_more.then_some(last_entry) })
    }

    /// A record, or nothing where it is damaged, which is reported.
    fn recorded(&self, endpoint: EndpointId, key: &[u8], value: &[u8]) -> Result<Option<Delivery>, StoreError> {
        let position = keys::last_number(key).unwrap_or_default();
        let read = delivery::decode(endpoint, position, value);
        self.or_left_out(read.map_err(|damaged| self.blame(key, damaged.into())))
    }

    /// One delivery, if it is on record.
    pub(crate) fn delivery(&self, endpoint: EndpointId, position: u64) -> Result<Option<Delivery>, StoreError> {
        let view = self.table.view()?;
        for letter in [keys::SETTLED, keys::DELIVERY] {
            let key = keys::delivery(letter, endpoint, position);
            if let Some(value) = view.get(&key)? {
                let read = delivery::decode(endpoint, position, &value);
                return read.map(Some).map_err(|damaged| self.blame(&key, damaged.into()));
            }
        }
        Ok(None)
    }

    /// The latest failed attempts of a delivery, in their order.
    pub(crate) fn attempts(
        &self,
        endpoint: EndpointId,
        position: u64,
        limit: usize,
    ) -> Result<Vec<(u32, Attempt)>, StoreError> {
        let (first, last) = (keys::attempt(endpoint, position, 0), keys::attempt(endpoint, position, u32::MAX));
        let entries = self.table.view()?.range(&first, &last, Direction::Descending, limit)?;
        let mut attempts = Vec::with_capacity(entries.len());
        for (key, value) in entries.iter().rev() {
            let number = key.last_chunk::<4>().map_or(0, |bytes| u32::from_be_bytes(*bytes));
            let read = delivery::decode_attempt(value).map_err(|damaged| self.blame(key, damaged.into()));
            attempts.extend(self.or_left_out(read)?.map(|attempt| (number, attempt)));
        }
        Ok(attempts)
    }

    /// A page of deliveries, newest event first.
    pub(crate) fn delivery_list(&self, query: &DeliveryQuery) -> Result<Page<Delivery>, StoreError> {
        let towards = query.cursor.map_or(Towards::Older, |(towards, ..)| towards);
        let mut merge = Merge { shared: self, towards, steps: STEPS, sources: Vec::new() };
        for endpoint in &query.endpoints {
            merge.add(endpoint, query)?;
        }
        let disabled = |id| query.endpoints.iter().any(|endpoint| endpoint.id == id && endpoint.disabled.is_some());
        let (mut items, mut last) = (Vec::with_capacity(query.limit + 1), None);
        let mut too_broad = false;
        while items.len() <= query.limit {
            let delivery = match merge.next() {
                Ok(Some(delivery)) => delivery,
                Ok(None) => break,
                // What was found is a page; the next one goes on behind it.
                Err(StoreError::TooBroad) if !items.is_empty() => {
                    too_broad = true;
                    break;
                }
                Err(error) => return Err(error),
            };
            let place = Some((delivery.position, delivery.endpoint));
            let repeated = std::mem::replace(&mut last, place) == place;
            let is_wanted = |wanted| delivery.status(disabled(delivery.endpoint)) == wanted;
            if !repeated && query.status.is_none_or(is_wanted) {
                items.push(delivery);
            }
        }
        let has_more = too_broad || items.len() > query.limit;
        items.truncate(query.limit);
        if towards == Towards::Newer {
            items.reverse();
        }
        Ok(Page { items, has_more })
    }
}

/// Where deliveries of one endpoint come from.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Origin {
    /// Records under this letter. Before [`Origin::Events`], so that a record goes before what
    /// would be derived.
    Records(u8),
    /// Events that have no record yet.
    Events,
}

/// One origin of one endpoint, being read.
struct Source<'a> {
    endpoint: &'a Endpoint,
    origin: Origin,
    /// The positions still to be read; `None` once all are.
    rest: Option<(u64, u64)>,
    read: VecDeque<Delivery>,
}

/// All sources, merged in the order of positions.
struct Merge<'a> {
    shared: &'a Shared,
    towards: Towards,
    steps: usize,
    sources: Vec<Source<'a>>,
}

impl<'a> Merge<'a> {
    fn add(&mut self, endpoint: &'a Endpoint, query: &DeliveryQuery) -> Result<(), StoreError> {
        let (pending, settled) = match query.status {
            None => (true, true),
            Some(DeliveryStatus::Pending) => (endpoint.disabled.is_none(), false),
            Some(DeliveryStatus::Held) => (endpoint.disabled.is_some(), false),
            Some(DeliveryStatus::Succeeded | DeliveryStatus::Exhausted) => (false, true),
        };
        let (first, last) = match query.cursor {
            None => (1, u64::MAX),
            Some((Towards::Older, at, of)) if endpoint.id < of => (1, at),
            Some((Towards::Older, at, _)) => (1, at.saturating_sub(1)),
            Some((Towards::Newer, at, of)) if endpoint.id > of => (at, u64::MAX),
            Some((Towards::Newer, at, _)) => (at.saturating_add(1), u64::MAX),
        };
        let mut sources = Vec::with_capacity(3);
        let mut source = |origin, first| {
            let rest = (first <= last).then_some((first, last));
            sources.push(Source { endpoint, origin, rest, read: VecDeque::new() });
        };
        let ahead = first.max(self.shared.mark(endpoint.id)?.position.saturating_add(1));
        if settled || pending {
            // Ahead of the mark in any case: what is settled there is not to be derived.
            source(Origin::Records(keys::SETTLED), if settled { first } else { ahead });
        }
        if pending {
            source(Origin::Records(keys::DELIVERY), first);
            source(Origin::Events, ahead);
        }
        self.sources.append(&mut sources);
        Ok(())
    }

    fn next(&mut self) -> Result<Option<Delivery>, StoreError> {
        // Backwards: what settles meanwhile moves from a later source to an earlier one.
        for place in (0..self.sources.len()).rev() {
            while self.sources[place].read.is_empty()
                && let Some(rest) = self.sources[place].rest
            {
                self.read_on(place, rest)?;
            }
        }
        // The first of those that are equal: a record goes before what is derived.
        let mut best: Option<(usize, (u64, EndpointId))> = None;
        for (place, source) in self.sources.iter().enumerate() {
            let Some(key) = source.read.front().map(|delivery| (delivery.position, delivery.endpoint)) else {
                continue;
            };
            let goes_before = best.is_none_or(|(_, other)| match self.towards {
                Towards::Older => key > other,
                Towards::Newer => key < other,
            });
            if goes_before {
                best = Some((place, key));
            }
        }
        Ok(best.and_then(|(place, _)| self.sources[place].read.pop_front()))
    }

    /// Reads the next chunk of a source.
    fn read_on(&mut self, place: usize, (first, last): (u64, u64)) -> Result<(), StoreError> {
        self.steps = self.steps.checked_sub(1).ok_or(StoreError::TooBroad)?;
        let Source { endpoint, origin, .. } = self.sources[place];
        let key = |position| match origin {
            Origin::Records(letter) => keys::delivery(letter, endpoint.id, position),
            Origin::Events => keys::event(endpoint.realm, position),
        };
        let last = if origin == Origin::Events { last.min(*self.shared.durable.borrow()) } else { last };
        let direction = match self.towards {
            Towards::Older => Direction::Descending,
            Towards::Newer => Direction::Ascending,
        };
        let entries = match first <= last {
            true => self.shared.table.view()?.range(&key(first), &key(last), direction, CHUNK)?,
            false => Vec::new(),
        };
        self.steps = self.steps.checked_sub(entries.len()).ok_or(StoreError::TooBroad)?;
        let end = entries.last().filter(|_| entries.len() == CHUNK).and_then(|(key, _)| keys::last_number(key));
        let rest = match (end, self.towards) {
            (None, _) => None,
            (Some(end), Towards::Older) => end.checked_sub(1).map(|last| (first, last)),
            (Some(end), Towards::Newer) => end.checked_add(1).map(|first| (first, last)),
        };
        let mut read = VecDeque::with_capacity(entries.len());
        for (key, value) in &entries {
            read.extend(match origin {
                Origin::Records(_) => self.shared.recorded(endpoint.id, key, value)?,
                Origin::Events => self.derived(endpoint, key, value),
            });
        }
        let source = &mut self.sources[place];
        source.rest = rest.filter(|(first, last)| first <= last);
        source.read = read;
        Ok(())
    }

    /// What will come of an event. One that does not decode is reported where it is sent.
    fn derived(&self, endpoint: &Endpoint, key: &[u8], value: &[u8]) -> Option<Delivery> {
        let position = keys::last_number(key)?;
        let event = event::decode(endpoint.realm, value).ok().filter(|event| endpoint.wants(event))?;
        Some(Delivery::derived(endpoint.id, position, event.id(), event.session()))
    }
}
