//! `/v1/verifications`.

use axum::extract::State;
use vetd_actors::{Ask, EngineError, Reply};
use vetd_model::audit_log::Actor;
use vetd_model::decide::CanceledBy;
use vetd_model::id::{Id, kind};
use vetd_model::link::Target;
use vetd_model::media::Media;
use vetd_model::review::NewReview;
use vetd_model::verification::{DetailShape, ListShape, Moment};
use vetd_model::{ErrorCode, Session};
use vetd_storage::StatusFilter;

use super::auth::{KeyHolder, Tenant};
use super::body::no_fields;
use super::error::{Answer, absent};
use super::listing::{self, View};
use super::mutation::{Job, Mutation};
use super::openapi::{example, schemas};
use super::paths::PathId;
use super::query::{NoParams, Params};
use super::{Front, Shared, page, reply};

/// List verifications
///
/// Newest first. Needs the scope `read`.
#[utoipa::path(
    get, path = "/v1/verifications", operation_id = "list_verifications", tag = "Verifications",
    params(schemas::verifications::VerificationFilter, schemas::shared::PageSize),
    responses((
        status = 200, description = "A page.", body = schemas::verifications::VerificationList,
        example = json!(example::list(&example::verification())),
    )),
)]
pub(super) async fn list(State(front): State<Shared>, Tenant(realm): Tenant, params: Params) -> Answer {
    let view = View { status: StatusFilter::Verification, session: Id::<kind::Verification>::session, metadata: true };
    let found = listing::page(&front, realm, params, view).await?;
    let moments: Vec<Moment> = found.items.iter().map(Moment::of).collect();
    let shapes = found.items.iter().zip(&moments).map(|(session, moment)| ListShape::new(session, moment));
    page::list(shapes.collect(), found.has_more)
}

/// Get a verification
///
/// With every check, the person's data and the media. Needs the scope `read`.
#[utoipa::path(
    get, path = "/v1/verifications/{id}", operation_id = "get_verification", tag = "Verifications",
    params(("id" = schemas::values::VerificationId, Path, description = "The verification.")),
    responses((
        status = 200, description = "The verification.", body = schemas::verifications::VerificationDetail,
        example = json!(example::verification_detail()),
    )),
    extensions(("x-error-codes" = json!(["verification_not_found"]))),
)]
pub(super) async fn get(
    State(front): State<Shared>,
    Tenant(realm): Tenant,
    PathId(id): PathId<kind::Verification>,
    _: NoParams,
) -> Answer {
    let session = front.engine.session(realm, id.session()).await?.ok_or_else(|| absent("ver"))?;
    reply::send(current(&front, &session))
}

/// The verification as it stands, with links to its pictures that work for a while.
pub(super) fn current(front: &Front, session: &Session) -> Reply {
    let (moment, now) = (Moment::of(session), front.engine.now());
    let link = |media: &Media| front.engine.links().link(session, Target::Picture(media.id), now);
    Reply::json(200, &DetailShape::new(session, &moment, link))
}

/// Cancel a verification
///
/// The same act as to cancel its session. Needs the scope `write`.
#[utoipa::path(
    post, path = "/v1/verifications/{id}/cancel", operation_id = "cancel_verification", tag = "Verifications",
    params(("id" = schemas::values::VerificationId, Path, description = "The verification.")),
    request_body(content = Option<schemas::shared::NoFields>, example = json!({})),
    responses((
        status = 200, description = "The verification, canceled.", body = schemas::verifications::VerificationDetail,
        example = json!(example::canceled_verification()),
    )),
    extensions(("x-error-codes" = json!(["verification_not_found", "verification_not_cancelable"]))),
)]
pub(super) async fn cancel(
    Tenant(realm): Tenant,
    PathId(id): PathId<kind::Verification>,
    mutation: Mutation,
) -> Answer {
    mutation
        .once(move |Job { front, body, claim }| async move {
            no_fields(&body)?;
            let (ask, door) = (Ask::Cancel(CanceledBy::Tenant), front.clone());
            let render = Box::new(move |session: &Session| current(&door, session));
            front.engine.ask(realm, id.session(), ask, claim, render).await.map_err(about_verification)
        })
        .await
}

/// Decide a review
///
/// Moves a verification that requires review to `completed` or `failed`; its session keeps the
/// status in which it ended. The second of two reviews is refused. Needs the scope `review`.
#[utoipa::path(
    post, path = "/v1/verifications/{id}/review", operation_id = "review_verification", tag = "Verifications",
    params(("id" = schemas::values::VerificationId, Path, description = "The verification.")),
    request_body(
        content = schemas::verifications::NewReview,
        example = json!({ "decision": "approved", "reason": "The portrait and the selfie show the same person." }),
    ),
    responses((
        status = 200, description = "The verification, decided.", body = schemas::verifications::VerificationDetail,
        example = json!(example::reviewed_verification()),
    )),
    extensions(("x-error-codes" = json!(["verification_not_found", "invalid_state"]))),
)]
pub(super) async fn review(
    KeyHolder(caller): KeyHolder,
    PathId(id): PathId<kind::Verification>,
    mutation: Mutation,
) -> Answer {
    mutation
        .once(move |Job { front, body, claim }| async move {
            let ask = Ask::Review { review: NewReview::parse(&body)?, by: caller.key };
            let door = front.clone();
            let render = Box::new(move |session: &Session| current(&door, session));
            front.engine.ask(caller.realm, id.session(), ask, claim, render).await.map_err(about_verification)
        })
        .await
}

/// Erase the person's data
///
/// Fields, typed data, pictures, metadata, `redirect_url`, stored answers and the data of events go
/// for good, here and in what is delivered from now on; the verification, its status and what the
/// checks came to stay. Only once it has ended; a second time changes nothing. Needs the scope
/// `write`.
#[utoipa::path(
    post, path = "/v1/verifications/{id}/redact", operation_id = "redact_verification", tag = "Verifications",
    params(("id" = schemas::values::VerificationId, Path, description = "The verification.")),
    request_body(content = Option<schemas::shared::NoFields>, example = json!({})),
    responses((
        status = 200, description = "The verification, redacted.", body = schemas::verifications::VerificationDetail,
        example = json!(example::redacted_verification()),
    )),
    extensions(("x-error-codes" = json!(["verification_not_found", "invalid_state"]))),
)]
pub(super) async fn redact(
    KeyHolder(caller): KeyHolder,
    PathId(id): PathId<kind::Verification>,
    mutation: Mutation,
) -> Answer {
    mutation
        .once(move |Job { front, body, claim }| async move {
            no_fields(&body)?;
            let door = front.clone();
            let render = Box::new(move |session: &Session| current(&door, session));
            let ask = Ask::Redact { by: Actor::ApiKey(caller.key), by_rule: None };
            front.engine.ask(caller.realm, id.session(), ask, claim, render).await.map_err(about_verification)
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
