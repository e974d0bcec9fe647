//! `/v1/verifications`.

use axum::extract::State;
use vetd_actors::{Ask, EngineError, Reply};
use vetd_model::decide::CanceledBy;
use vetd_model::id::{Id, kind};
use vetd_model::verification::{DetailShape, ListShape, Moment};
use vetd_model::{ErrorCode, Session};
use vetd_storage::StatusFilter;

use super::auth::Tenant;
use super::body::no_fields;
use super::error::{Answer, absent};
use super::listing::{self, View};
use super::mutation::{Job, Mutation};
use super::paths::PathId;
use super::query::{NoParams, Params};
use super::{Shared, page, reply};

pub(super) async fn list(State(front): State<Shared>, Tenant(realm): Tenant, params: Params) -> Answer {
    let view = View { status: StatusFilter::Verification, session: Id::<kind::Verification>::session, metadata: true };
    let found = listing::page(&front, realm, params, view).await?;
    let moments: Vec<Moment> = found.items.iter().map(Moment::of).collect();
    let shapes = found.items.iter().zip(&moments).map(|(session, moment)| ListShape::new(session, moment));
    page::list(shapes.collect(), found.has_more)
}

pub(super) async fn get(
    State(front): State<Shared>,
    Tenant(realm): Tenant,
    PathId(id): PathId<kind::Verification>,
    _: NoParams,
) -> Answer {
    let session = front.engine.session(realm, id.session()).await?.ok_or_else(|| absent("ver"))?;
    reply::ok(&DetailShape::new(&session, &Moment::of(&session)))
}

pub(super) async fn cancel(
    Tenant(realm): Tenant,
    PathId(id): PathId<kind::Verification>,
    mutation: Mutation,
) -> Answer {
    mutation
        .once(move |Job { front, body, claim }| async move {
            no_fields(&body)?;
            let ask = Ask::Cancel(CanceledBy::Tenant);
            let render =
                Box::new(|session: &Session| Reply::json(200, &DetailShape::new(session, &Moment::of(session))));
            front.engine.ask(realm, id.session(), ask, claim, render).await.map_err(about_verification)
        })
        .await
}

/// An absent session is, on these paths, an absent verification.
fn about_verification(error: EngineError) -> EngineError {
    match error {
        EngineError::Refused(refusal) if refusal.code == ErrorCode::NotFound => absent("ver").into(),
        other => other,
    }
}
