//! Templates and their frozen versions. Their flows are filed apart, by digest.

use std::borrow::Cow;
use std::sync::Arc;

use serde::{Deserialize, Serialize};
use vetd_model::flow::{Flow, FlowDigest};
use vetd_model::template::{Template, TemplateVersion};
use vetd_model::{Realm, TemplateId, Timestamp};

use crate::api::StoreError;
use crate::codec::{self, Damaged, revisioned_head, split_revisioned, take};

const VERSION: u8 = 1;

#[derive(Serialize, Deserialize)]
struct TemplateV1<'a> {
    name: Cow<'a, str>,
    slug: Cow<'a, str>,
    draft: [u8; 32],
    latest_version: u32,
    published_version: Option<u32>,
    archived_at: Option<u64>,
    created: u64,
    updated: u64,
}

#[derive(Serialize, Deserialize)]
struct TemplateVersionV1 {
    flow: [u8; 32],
    created: u64,
}

pub(crate) fn encode(template: &Template, revision: u64) -> Result<Vec<u8>, StoreError> {
    let disk = TemplateV1 {
        name: Cow::Borrowed(&template.name),
        slug: Cow::Borrowed(&template.slug),
        draft: template.draft.digest().0,
        latest_version: template.latest_version,
        published_version: template.published_version,
        archived_at: template.archived_at.map(Timestamp::millis),
        created: template.created.millis(),
        updated: template.updated.millis(),
    };
    codec::encode(&revisioned_head(VERSION, revision), &disk)
}

/// Reads a template; `flow` finds a flow by its digest.
pub(crate) fn decode<E: From<Damaged>>(
    realm: Realm,
    id: TemplateId,
    bytes: &[u8],
    flow: impl FnOnce(FlowDigest) -> Result<Arc<Flow>, E>,
) -> Result<(Template, u64), E> {
    let (version, revision, body) = split_revisioned(bytes)?;
    if version != VERSION {
        return Err(Damaged.into());
    }
    let disk: TemplateV1<'static> = codec::decode(body)?;
    let template = Template {
        id,
        realm,
        name: disk.name.into_owned(),
        slug: disk.slug.into_owned(),
        draft: flow(FlowDigest(disk.draft))?,
        latest_version: disk.latest_version,
        published_version: disk.published_version,
        archived_at: disk.archived_at.map(Timestamp::from_millis),
        created: Timestamp::from_millis(disk.created),
        updated: Timestamp::from_millis(disk.updated),
    };
    Ok((template, revision))
}

pub(crate) fn encode_version(version: &TemplateVersion) -> Result<Vec<u8>, StoreError> {
    let disk = TemplateVersionV1 { flow: version.flow.digest().0, created: version.created.millis() };
    codec::encode(&[VERSION], &disk)
}

/// Reads a frozen version; `flow` finds a flow by its digest.
pub(crate) fn decode_version<E: From<Damaged>>(
    template: TemplateId,
    number: u32,
    bytes: &[u8],
    flow: impl FnOnce(FlowDigest) -> Result<Arc<Flow>, E>,
) -> Result<TemplateVersion, E> {
    let ([VERSION], body) = take::<1>(bytes)? else { return Err(Damaged.into()) };
    let disk: TemplateVersionV1 = codec::decode(body)?;
    let created = Timestamp::from_millis(disk.created);
    Ok(TemplateVersion { template, number, flow: flow(FlowDigest(disk.flow))?, created })
}
