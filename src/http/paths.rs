//! What stands in paths. What has not the form of an identifier identifies nothing, so it is
//! answered like one that is absent.

use axum::extract::{FromRequestParts, RawPathParams};
use axum::http::request::Parts;
use vetd_model::ErrorCode;
use vetd_model::flow::StepKind;
use vetd_model::id::{Id, Kind};
use vetd_model::media::MediaKind;

use super::Shared;
use super::error::{Problem, absent};
use super::query::number;

/// The `{id}` of a path.
pub(super) struct PathId<K>(pub(super) Id<K>);

/// The `{n}` of a path: the number of a template's version.
pub(super) struct PathNumber(pub(super) u32);

/// The `{type}` of a path: a kind of step.
pub(super) struct PathStep(pub(super) StepKind);

/// The `{kind}` of a path: a kind of picture.
pub(super) struct PathMedia(pub(super) MediaKind);

impl<K: Kind> FromRequestParts<Shared> for PathId<K> {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, front: &Shared) -> Result<Self, Problem> {
        let id = segment(parts, front, "id").await.and_then(|text| text.parse().ok());
        id.map(Self).ok_or_else(|| absent(K::PREFIX).into())
    }
}

impl FromRequestParts<Shared> for PathNumber {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, front: &Shared) -> Result<Self, Problem> {
        let number = segment(parts, front, "n").await.and_then(|text| number(&text));
        let number = number.and_then(|number| u32::try_from(number).ok());
        number.map(Self).ok_or_else(|| absent("tpl").into())
    }
}

impl FromRequestParts<Shared> for PathStep {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, front: &Shared) -> Result<Self, Problem> {
        let kind = segment(parts, front, "type").await.and_then(|text| StepKind::parse(&text));
        kind.map(Self).ok_or_else(|| Problem::new(ErrorCode::NotFound, "There is no such kind of step."))
    }
}

impl FromRequestParts<Shared> for PathMedia {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, front: &Shared) -> Result<Self, Problem> {
        let kind = segment(parts, front, "kind").await.and_then(|text| MediaKind::parse(&text));
        kind.map(Self).ok_or_else(|| Problem::new(ErrorCode::NotFound, "There is no such kind of picture."))
    }
}

async fn segment(parts: &mut Parts, front: &Shared, name: &str) -> Option<String> {
    let params = RawPathParams::from_request_parts(parts, front).await.ok()?;
    params.iter().find(|(each, _)| *each == name).map(|(_, value)| value.to_owned())
}
