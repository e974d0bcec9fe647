//! Endpoints, their cursors and their deliveries. An endpoint's secret is sealed.

use std::borrow::Cow;

use serde::{Deserialize, Serialize};
use vetd_model::signature::WebhookSecret;
use vetd_model::webhook::{Delivery, Endpoint, EventFilter, Ordering};
use vetd_model::{EndpointId, EventId, Realm, SessionId, Timestamp};

use crate::api::{StoreError, Stored};
use crate::codec::{self, Blob, Damaged, revisioned_head, split_revisioned, take};
use crate::seal::Seal;

const VERSION: u8 = 1;

#[derive(Serialize, Deserialize)]
struct EndpointV1<'a> {
    url: Cow<'a, str>,
    /// `None` for all.
    events: Option<Vec<Cow<'a, str>>>,
    description: Option<Cow<'a, str>>,
    in_session_order: bool,
    secret: Blob,
    disabled_at: Option<u64>,
    created: u64,
    updated: u64,
}

#[derive(Serialize, Deserialize)]
struct DeliveryV1 {
    event: [u8; 16],
    session: [u8; 16],
    failures: u32,
    head_since: Option<u64>,
    due: Option<u64>,
}

fn bound(realm: Realm, id: EndpointId) -> Vec<u8> {
    [realm.bytes().as_slice(), id.bytes()].concat()
}

pub(crate) fn encode_endpoint(endpoint: &Endpoint, revision: u64, seal: &Seal) -> Result<Vec<u8>, StoreError> {
    let secret = seal.close(endpoint.secret.expose().as_bytes(), &bound(endpoint.realm, endpoint.id))?;
    let disk = EndpointV1 {
        url: Cow::Borrowed(&endpoint.url),
        events: match &endpoint.events {
            EventFilter::All => None,
            EventFilter::Only(types) => Some(types.iter().map(|name| Cow::Borrowed(*name)).collect()),
        },
        description: endpoint.description.as_deref().map(Cow::Borrowed),
        in_session_order: endpoint.ordering == Ordering::Session,
        secret: Blob(secret),
        disabled_at: endpoint.disabled_at.map(Timestamp::millis),
        created: endpoint.created.millis(),
        updated: endpoint.updated.millis(),
    };
    codec::encode(&revisioned_head(VERSION, revision), &disk)
}

pub(crate) fn decode_endpoint(
    realm: Realm,
    id: EndpointId,
    bytes: &[u8],
    seal: &Seal,
) -> Result<Stored<Endpoint>, Damaged> {
    let (VERSION, revision, body) = split_revisioned(bytes)? else { return Err(Damaged) };
    let disk: EndpointV1<'static> = codec::decode(body)?;
    let secret = seal.open(&disk.secret.0, &bound(realm, id))?;
    let secret = std::str::from_utf8(&secret).ok().and_then(WebhookSecret::parse).ok_or(Damaged)?;
    let events = match disk.events {
        None => EventFilter::All,
        Some(types) => EventFilter::of(types.iter().map(AsRef::as_ref)),
    };
    let value = Endpoint {
        id,
        realm,
        url: disk.url.into_owned(),
        events,
        description: disk.description.map(Cow::into_owned),
        ordering: if disk.in_session_order { Ordering::Session } else { Ordering::None },
        secret,
        disabled_at: disk.disabled_at.map(Timestamp::from_millis),
        created: Timestamp::from_millis(disk.created),
        updated: Timestamp::from_millis(disk.updated),
    };
    Ok(Stored { value, revision })
}

pub(crate) fn encode_cursor(position: u64) -> Vec<u8> {
    revisioned_head(VERSION, position).to_vec()
}

pub(crate) fn decode_cursor(bytes: &[u8]) -> Result<u64, Damaged> {
    match split_revisioned(bytes)? {
        (VERSION, position, []) => Ok(position),
        _ => Err(Damaged),
    }
}

pub(crate) fn encode_delivery(delivery: &Delivery) -> Result<Vec<u8>, StoreError> {
    let disk = DeliveryV1 {
        event: *delivery.event.bytes(),
        session: *delivery.session.bytes(),
        failures: delivery.failures,
        head_since: delivery.head_since.map(Timestamp::millis),
        due: delivery.due.map(Timestamp::millis),
    };
    codec::encode(&[VERSION], &disk)
}

pub(crate) fn decode_delivery(endpoint: EndpointId, position: u64, bytes: &[u8]) -> Result<Delivery, Damaged> {
    let ([VERSION], body) = take::<1>(bytes)? else { return Err(Damaged) };
    let disk: DeliveryV1 = codec::decode(body)?;
    Ok(Delivery {
        endpoint,
        position,
        event: EventId::from_bytes(disk.event),
        session: SessionId::from_bytes(disk.session),
        failures: disk.failures,
        head_since: disk.head_since.map(Timestamp::from_millis),
        due: disk.due.map(Timestamp::from_millis),
    })
}
