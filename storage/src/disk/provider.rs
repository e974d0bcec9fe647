//! Providers of checks. Their secrets are sealed.

use std::borrow::Cow;

use serde::{Deserialize, Serialize};
use vetd_model::provider::{Provider, Receives};
use vetd_model::signature::WebhookSecret;
use vetd_model::webhook::PreviousSecret;
use vetd_model::{ProviderId, Realm, Timestamp};

use crate::api::{StoreError, Stored};
use crate::codec::{self, Blob, Damaged, revisioned_head, split_revisioned};
use crate::seal::Seal;

const V1: u8 = 1;

#[derive(Serialize, Deserialize)]
struct ProviderV1<'a> {
    name: Cow<'a, str>,
    url: Cow<'a, str>,
    timeout: u8,
    receives_media: bool,
    receives_fields: bool,
    secret: Blob,
    /// With its end.
    previous_secret: Option<(Blob, u64)>,
    created: u64,
    updated: u64,
}

fn bound(realm: Realm, id: ProviderId) -> Vec<u8> {
    [realm.bytes().as_slice(), id.bytes()].concat()
}

pub(crate) fn encode(provider: &Provider, revision: u64, seal: &Seal) -> Result<Vec<u8>, StoreError> {
    let bound = bound(provider.realm, provider.id);
    let close = |secret: &WebhookSecret| seal.close(secret.expose().as_bytes(), &bound).map(Blob);
    let previous = provider.previous_secret.as_ref();
    let disk = ProviderV1 {
        name: Cow::Borrowed(&provider.name),
        url: Cow::Borrowed(&provider.url),
        timeout: provider.timeout,
        receives_media: provider.receives.media,
        receives_fields: provider.receives.fields,
        secret: close(&provider.secret)?,
        previous_secret: previous
            .map(|previous| Ok::<_, StoreError>((close(&previous.secret)?, previous.until.millis())))
            .transpose()?,
        created: provider.created.millis(),
        updated: provider.updated.millis(),
    };
    codec::encode(&revisioned_head(V1, revision), &disk)
}

pub(crate) fn decode(realm: Realm, id: ProviderId, bytes: &[u8], seal: &Seal) -> Result<Stored<Provider>, Damaged> {
    let (version, revision, body) = split_revisioned(bytes)?;
    let disk: ProviderV1<'static> = match version {
        V1 => codec::decode(body)?,
        _ => return Err(Damaged),
    };
    let bound = bound(realm, id);
    let open = |sealed: &Blob| {
        let secret = seal.open(&sealed.0, &bound)?;
        std::str::from_utf8(&secret).ok().and_then(WebhookSecret::parse).ok_or(Damaged)
    };
    let previous = disk.previous_secret.as_ref().map(|(secret, until)| {
        Ok::<_, Damaged>(PreviousSecret { secret: open(secret)?, until: Timestamp::from_millis(*until) })
    });
    let value = Provider {
        id,
        realm,
        name: disk.name.into_owned(),
        url: disk.url.into_owned(),
        timeout: disk.timeout,
        receives: Receives { media: disk.receives_media, fields: disk.receives_fields },
        secret: open(&disk.secret)?,
        previous_secret: previous.transpose()?,
        created: Timestamp::from_millis(disk.created),
        updated: Timestamp::from_millis(disk.updated),
    };
    Ok(Stored { value, revision })
}
