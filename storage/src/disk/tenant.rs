//! Workspaces, their settings and their API keys.

use std::borrow::Cow;

use serde::{Deserialize, Serialize};
use vetd_model::origin::Origin;
use vetd_model::retention::{Periods, RetentionPolicy};
use vetd_model::workspace::{ApiKey, KeyHash, RealmSettings, Scopes, Workspace};
use vetd_model::{ApiKeyId, Realm, Status, TemplateId, Timestamp, WorkspaceId};

use crate::api::{StoreError, Stored};
use crate::codec::{self, Damaged, revisioned_head, split_revisioned};

const VERSION: u8 = 1;
/// Since settings hold origins.
const SETTINGS_ORIGINS: u8 = 2;
/// Since settings hold rules of retention.
const SETTINGS_VERSION: u8 = 3;
/// The order of outcomes on disk.
const OUTCOMES: [Status; 5] =
    [Status::Completed, Status::Failed, Status::RequiresReview, Status::Canceled, Status::Expired];

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

#[derive(Deserialize)]
struct SettingsV2 {
    default_template: Option<[u8; 16]>,
    allowed_origins: Vec<String>,
}

#[derive(Serialize, Deserialize)]
struct SettingsV3<'a> {
    default_template: Option<[u8; 16]>,
    allowed_origins: Vec<Cow<'a, str>>,
    retention: RetentionV3,
}

/// Days for each of [`OUTCOMES`].
#[derive(Default, Serialize, Deserialize)]
struct RetentionV3 {
    media: [Option<u16>; OUTCOMES.len()],
    personal: [Option<u16>; OUTCOMES.len()],
}

impl From<RetentionPolicy> for RetentionV3 {
    fn from(policy: RetentionPolicy) -> Self {
        let days = |periods: Periods| OUTCOMES.map(|outcome| periods.of(outcome));
        Self { media: days(policy.media), personal: days(policy.personal) }
    }
}

impl From<RetentionV3> for RetentionPolicy {
    fn from(disk: RetentionV3) -> Self {
        let periods = |days: [Option<u16>; OUTCOMES.len()]| {
            OUTCOMES.into_iter().zip(days).fold(Periods::default(), |all, (outcome, days)| all.with(outcome, days))
        };
        Self { media: periods(disk.media), personal: periods(disk.personal) }
    }
}

impl From<SettingsV1> for SettingsV3<'_> {
    fn from(old: SettingsV1) -> Self {
        SettingsV2 { default_template: old.default_template, allowed_origins: Vec::new() }.into()
    }
}

impl From<SettingsV2> for SettingsV3<'_> {
    fn from(old: SettingsV2) -> Self {
        Self {
            default_template: old.default_template,
            allowed_origins: old.allowed_origins.into_iter().map(Cow::Owned).collect(),
            retention: RetentionV3::default(),
        }
    }
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
    let disk = SettingsV3 {
        default_template: settings.default_template.map(|id| *id.bytes()),
        allowed_origins: settings.allowed_origins.iter().map(|origin| Cow::Borrowed(origin.as_str())).collect(),
        retention: settings.retention.into(),
    };
    codec::encode(&revisioned_head(SETTINGS_VERSION, revision), &disk)
}

pub(crate) fn decode_settings(bytes: &[u8]) -> Result<Stored<RealmSettings>, Damaged> {
    let (version, revision, body) = split_revisioned(bytes)?;
    let disk: SettingsV3<'static> = match version {
        VERSION => codec::decode::<SettingsV1>(body)?.into(),
        SETTINGS_ORIGINS => codec::decode::<SettingsV2>(body)?.into(),
        SETTINGS_VERSION => codec::decode(body)?,
        _ => return Err(Damaged),
    };
    let value = RealmSettings {
        default_template: disk.default_template.map(TemplateId::from_bytes),
        allowed_origins: disk.allowed_origins.into_iter().map(|text| Origin::stored(text.into_owned())).collect(),
        retention: disk.retention.into(),
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

#[cfg(test)]
mod tests {
    use vetd_model::Mode;

    use super::*;

    const TEMPLATE: [u8; 16] = [9; 16];
    const ORIGIN: &str = "https://shop.example.com";

    /// The bytes of a record that an earlier release wrote.
    fn record(version: u8, body: &impl Serialize) -> Vec<u8> {
        codec::encode(&revisioned_head(version, 5), body).unwrap()
    }

    #[test]
    fn settings_of_earlier_releases_are_read() {
        let default_template = Some(TemplateId::from_bytes(TEMPLATE));
        let first = decode_settings(&record(1, &(Some(TEMPLATE),))).unwrap();
        assert_eq!(
            first,
            Stored { value: RealmSettings { default_template, ..RealmSettings::default() }, revision: 5 }
        );
        let second = decode_settings(&record(2, &(Some(TEMPLATE), vec![ORIGIN]))).unwrap();
        let allowed_origins = vec![Origin::parse(ORIGIN, Mode::Live).unwrap()];
        let retention = RetentionPolicy::default();
        assert_eq!(second.value, RealmSettings { default_template, allowed_origins, retention });
    }

    #[test]
    fn rules_of_retention_stand_in_an_order_that_never_changes() {
        let periods = |first: u16| {
            (first..).zip(OUTCOMES).fold(Periods::default(), |all, (days, outcome)| all.with(outcome, Some(days)))
        };
        let retention = RetentionPolicy { media: periods(1), personal: periods(11).with(Status::Failed, None) };
        let value = RealmSettings { retention, ..RealmSettings::default() };
        let bytes = encode_settings(&value, 5).unwrap();
        // No template, no origins; then each number behind a one.
        let body = [0, 0, 1, 1, 1, 2, 1, 3, 1, 4, 1, 5, 1, 11, 0, 1, 13, 1, 14, 1, 15];
        assert_eq!(bytes, [revisioned_head(3, 5).as_slice(), &body].concat());
        assert_eq!(decode_settings(&bytes), Ok(Stored { value, revision: 5 }));
    }
}
