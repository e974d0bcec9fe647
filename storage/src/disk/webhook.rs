//! Endpoints and their cursors. An endpoint's secrets are sealed.

use std::borrow::Cow;

use serde::{Deserialize, Serialize};
use vetd_model::delivery::Failing;
use vetd_model::webhook::{Disabled, DisabledReason, Endpoint, EventFilter, Ordering};
use vetd_model::{EndpointId, Realm, Timestamp};

use crate::api::{Mark, StoreError, Stored};
use crate::codec::{self, Blob, Damaged, revisioned_head, split_revisioned, take};
use crate::disk::parts::{reason_from, reason_tag};
use crate::disk::secrets::Secrets;
use crate::seal::Seal;

const V1: u8 = 1;
const V2: u8 = 2;

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
struct EndpointV2<'a> {
    url: Cow<'a, str>,
    /// `None` for all.
    events: Option<Vec<Cow<'a, str>>>,
    description: Option<Cow<'a, str>>,
    in_session_order: bool,
    rate_limit: Option<Cow<'a, str>>,
    secret: Blob,
    /// Each with its end.
    previous_secrets: Vec<(Blob, u64)>,
    /// Since when, and why.
    disabled: Option<(u64, u8)>,
    enabled_at: Option<u64>,
    created: u64,
    updated: u64,
}

impl<'a> From<EndpointV1<'a>> for EndpointV2<'a> {
    fn from(old: EndpointV1<'a>) -> Self {
        let failing = reason_tag(DisabledReason::Failing);
        Self {
            url: old.url,
            events: old.events,
            description: old.description,
            in_session_order: old.in_session_order,
            rate_limit: None,
            secret: old.secret,
            previous_secrets: Vec::new(),
            disabled: old.disabled_at.map(|at| (at, failing)),
            enabled_at: None,
            created: old.created,
            updated: old.updated,
        }
    }
}

/// How far an endpoint's events are taken care of.
#[derive(Serialize, Deserialize)]
struct MarkV2 {
    position: u64,
    /// Its time of nothing but failures: since when, and the last of them.
    failing: Option<(u64, u64)>,
}

pub(crate) fn encode_endpoint(endpoint: &Endpoint, revision: u64, seal: &Seal) -> Result<Vec<u8>, StoreError> {
    let secrets = Secrets::of(seal, endpoint.realm, endpoint.id);
    let previous = endpoint.previous_secrets.iter().map(|previous| secrets.close_previous(previous));
    let disk = EndpointV2 {
        url: Cow::Borrowed(&endpoint.url),
        events: match &endpoint.events {
            EventFilter::All => None,
            EventFilter::Only(types) => Some(types.iter().map(|name| Cow::Borrowed(*name)).collect()),
        },
        description: endpoint.description.as_deref().map(Cow::Borrowed),
        in_session_order: endpoint.ordering == Ordering::Session,
        rate_limit: endpoint.rate_limit.map(|rate| Cow::Owned(rate.to_string())),
        secret: secrets.close(&endpoint.secret)?,
        previous_secrets: previous.collect::<Result<_, _>>()?,
        disabled: endpoint.disabled.map(|disabled| (disabled.at.millis(), reason_tag(disabled.reason))),
        enabled_at: endpoint.enabled_at.map(Timestamp::millis),
        created: endpoint.created.millis(),
        updated: endpoint.updated.millis(),
    };
    codec::encode(&revisioned_head(V2, revision), &disk)
}

pub(crate) fn decode_endpoint(
    realm: Realm,
    id: EndpointId,
    bytes: &[u8],
    seal: &Seal,
) -> Result<Stored<Endpoint>, Damaged> {
    let (version, revision, body) = split_revisioned(bytes)?;
    let disk: EndpointV2<'static> = match version {
        V1 => codec::decode::<EndpointV1<'static>>(body)?.into(),
        V2 => codec::decode(body)?,
        _ => return Err(Damaged),
    };
    let secrets = Secrets::of(seal, realm, id);
    let events = match disk.events {
        None => EventFilter::All,
        Some(types) => EventFilter::of(types.iter().map(AsRef::as_ref)),
    };
    let previous = disk.previous_secrets.iter().map(|previous| secrets.open_previous(previous));
    let disabled = disk.disabled.map(|(at, reason)| {
        Ok::<_, Damaged>(Disabled { at: Timestamp::from_millis(at), reason: reason_from(reason)? })
    });
    let value = Endpoint {
        id,
        realm,
        url: disk.url.into_owned(),
        events,
        description: disk.description.map(Cow::into_owned),
        ordering: if disk.in_session_order { Ordering::Session } else { Ordering::None },
        rate_limit: disk.rate_limit.map(|text| text.parse()).transpose().map_err(|_| Damaged)?,
        secret: secrets.open(&disk.secret)?,
        previous_secrets: previous.collect::<Result<_, _>>()?,
        disabled: disabled.transpose()?,
        enabled_at: disk.enabled_at.map(Timestamp::from_millis),
        created: Timestamp::from_millis(disk.created),
        updated: Timestamp::from_millis(disk.updated),
    };
    Ok(Stored { value, revision })
}

pub(crate) fn encode_mark(mark: Mark) -> Result<Vec<u8>, StoreError> {
    let failing = mark.failing.map(|failing| (failing.since.millis(), failing.last.millis()));
    codec::encode(&[V2], &MarkV2 { position: mark.position, failing })
}

pub(crate) fn decode_mark(bytes: &[u8]) -> Result<Mark, Damaged> {
    match take::<1>(bytes)? {
        // A version and the position, as before there was more to keep.
        ([V1], position) => {
            let position = position.try_into().map(u64::from_be_bytes).map_err(|_| Damaged)?;
            Ok(Mark { position, failing: None })
        }
        ([V2], body) => {
            let disk: MarkV2 = codec::decode(body)?;
            let time = Timestamp::from_millis;
            let failing = disk.failing.map(|(since, last)| Failing { since: time(since), last: time(last) });
            Ok(Mark { position: disk.position, failing })
        }
        _ => Err(Damaged),
    }
}
