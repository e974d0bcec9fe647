//! Workspaces, their settings and their API keys.

use std::borrow::Cow;

use serde::{Deserialize, Serialize};
use vetd_model::origin::Origin;
use vetd_model::workspace::{ApiKey, KeyHash, RealmSettings, Scopes, Workspace};
use vetd_model::{ApiKeyId, Realm, TemplateId, Timestamp, WorkspaceId};

use crate::api::{StoreError, Stored};
use crate::codec::{self, Damaged, revisioned_head, split_revisioned};

const VERSION: u8 = 1;
/// Since settings hold origins.
const SETTINGS_VERSION: u8 = 2;

#[derive(Serialize, Deserialize)]
struct WorkspaceV1<'a> {
    name: Cow<'a, str>,
    created: u64,
    live_activated: bool,
    suspended: bool,
}

#[derive(Deserialize)]
struct SettingsV1 {
    default_template: Option<[u8; 16]>,
}

#[derive(Serialize, Deserialize)]
struct SettingsV2<'a> {
    default_template: Option<[u8; 16]>,
    allowed_origins: Vec<Cow<'a, str>>,
}

#[derive(Serialize, Deserialize)]
struct ApiKeyV1<'a> {
    id: [u8; 16],
    prefix: Cow<'a, str>,
    name: Cow<'a, str>,
    realm: [u8; 5],
    scopes: u8,
    created: u64,
    expires_at: Option<u64>,
    revoked_at: Option<u64>,
}

fn body<T: serde::de::DeserializeOwned>(bytes: &[u8]) -> Result<(u64, T), Damaged> {
    match split_revisioned(bytes)? {
        (VERSION, revision, body) => Ok((revision, codec::decode(body)?)),
        _ => Err(Damaged),
    }
}

pub(crate) fn encode_workspace(workspace: &Workspace, revision: u64) -> Result<Vec<u8>, StoreError> {
    let disk = WorkspaceV1 {
        name: Cow::Borrowed(&workspace.name),
        created: workspace.created.millis(),
        live_activated: workspace.live_activated,
        suspended: workspace.suspended,
    };
    codec::encode(&revisioned_head(VERSION, revision), &disk)
}

pub(crate) fn decode_workspace(id: WorkspaceId, bytes: &[u8]) -> Result<Stored<Workspace>, Damaged> {
    let (revision, disk) = body::<WorkspaceV1<'static>>(bytes)?;
    let value = Workspace {
        id,
        name: disk.name.into_owned(),
        created: Timestamp::from_millis(disk.created),
        live_activated: disk.live_activated,
        suspended: disk.suspended,
    };
    Ok(Stored { value, revision })
}

pub(crate) fn encode_settings(settings: &RealmSettings, revision: u64) -> Result<Vec<u8>, StoreError> {
    let disk = SettingsV2 {
        default_template: settings.default_template.map(|id| *id.bytes()),
        allowed_origins: settings.allowed_origins.iter().map(|origin| Cow::Borrowed(origin.as_str())).collect(),
    };
    codec::encode(&revisioned_head(SETTINGS_VERSION, revision), &disk)
}

pub(crate) fn decode_settings(bytes: &[u8]) -> Result<Stored<RealmSettings>, Damaged> {
    let (revision, disk) = match split_revisioned(bytes)? {
        (VERSION, revision, body) => {
            let SettingsV1 { default_template } = codec::decode(body)?;
            (revision, SettingsV2 { default_template, allowed_origins: Vec::new() })
        }
        (SETTINGS_VERSION, revision, body) => (revision, codec::decode::<SettingsV2<'static>>(body)?),
        _ => return Err(Damaged),
    };
    let value = RealmSettings {
        default_template: disk.default_template.map(TemplateId::from_bytes),
        allowed_origins: disk.allowed_origins.into_iter().map(|text| Origin::stored(text.into_owned())).collect(),
    };
    Ok(Stored { value, revision })
}

pub(crate) fn encode_api_key(key: &ApiKey, revision: u64) -> Result<Vec<u8>, StoreError> {
    let disk = ApiKeyV1 {
        id: *key.id.bytes(),
        prefix: Cow::Borrowed(&key.prefix),
        name: Cow::Borrowed(&key.name),
        realm: key.realm.bytes(),
        scopes: key.scopes.bits(),
        created: key.created.millis(),
        expires_at: key.expires_at.map(Timestamp::millis),
        revoked_at: key.revoked_at.map(Timestamp::millis),
    };
    codec::encode(&revisioned_head(VERSION, revision), &disk)
}

pub(crate) fn decode_api_key(hash: KeyHash, bytes: &[u8]) -> Result<Stored<ApiKey>, Damaged> {
    let (revision, disk) = body::<ApiKeyV1<'static>>(bytes)?;
    let value = ApiKey {
        id: ApiKeyId::from_bytes(disk.id),
        hash,
        prefix: disk.prefix.into_owned(),
        name: disk.name.into_owned(),
        realm: Realm::from_bytes(disk.realm).ok_or(Damaged)?,
        scopes: Scopes::from_bits(disk.scopes),
        created: Timestamp::from_millis(disk.created),
        expires_at: disk.expires_at.map(Timestamp::from_millis),
        revoked_at: disk.revoked_at.map(Timestamp::from_millis),
    };
    Ok(Stored { value, revision })
}

pub(crate) fn encode_key_use(at: Timestamp) -> Vec<u8> {
    revisioned_head(VERSION, at.millis()).to_vec()
}

pub(crate) fn decode_key_use(bytes: &[u8]) -> Result<Timestamp, Damaged> {
    match split_revisioned(bytes)? {
        (VERSION, at, []) => Ok(Timestamp::from_millis(at)),
        _ => Err(Damaged),
    }
}
