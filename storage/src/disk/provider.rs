//! Providers of checks. Their secrets are sealed.

use std::borrow::Cow;

use serde::{Deserialize, Serialize};
use vetd_model::provider::{Provider, Receives};
use vetd_model::{ProviderId, Realm, Timestamp};

use crate::api::{StoreError, Stored};
use crate::codec::{self, Blob, Damaged, revisioned_head, split_revisioned};
use crate::disk::secrets::Secrets;
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

pub(crate) fn encode(provider: &Provider, revision: u64, seal: &Seal) -> Result<Vec<u8>, StoreError> {
    let secrets = Secrets::of(seal, provider.realm, provider.id);
    let previous = provider.previous_secret.as_ref().map(|previous| secrets.close_previous(previous));
    let disk = ProviderV1 {
        name: Cow::Borrowed(&provider.name),
        url: Cow::Borrowed(&provider.url),
        timeout: provider.timeout,
        receives_media: provider.receives.media,
        receives_fields: provider.receives.fields,
        secret: secrets.close(&provider.secret)?,
        previous_secret: previous.transpose()?,
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
    let secrets = Secrets::of(seal, realm, id);
    let previous = disk.previous_secret.as_ref().map(|previous| secrets.open_previous(previous));
    let value = Provider {
        id,
        realm,
        name: disk.name.into_owned(),
        url: disk.url.into_owned(),
        timeout: disk.timeout,
        receives: Receives { media: disk.receives_media, fields: disk.receives_fields },
        secret: secrets.open(&disk.secret)?,
        previous_secret: previous.transpose()?,
        created: Timestamp::from_millis(disk.created),
        updated: Timestamp::from_millis(disk.updated),
    };
    Ok(Stored { value, revision })
}
