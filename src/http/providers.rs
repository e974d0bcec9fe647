//! `/v1/providers`, and `/callbacks/{id}`, where a provider leaves an answer that took it longer.

use axum::extract::{Request, State};
use serde_json::json;
use vetd_actors::{Ask, Reply};
use vetd_model::id::kind;
use vetd_model::link::Target;
use vetd_model::provider::{Provider, ProviderChange};
use vetd_model::webhook::parse_rotation;
use vetd_model::{ProviderId, Session};

use super::auth::{self, Tenant};
use super::body::{RawBody, no_fields};
use super::error::Answer;
use super::mutation::{Job, Mutation};
use super::openapi::{example, schemas};
use super::paths::PathId;
use super::query::{NoParams, Params};
use super::{Shared, page, reply};

/// Create a provider
///
/// A service of yours, or of others, that carries out checks: a check of a flow that names it is asked
/// there instead of being run here. A workspace has at most 50 providers in each mode. Needs the scope
/// `write`.
#[utoipa::path(
    post, path = "/v1/providers", operation_id = "create_provider", tag = "Providers",
    request_body(content = schemas::providers::ProviderCreate, example = json!(example::provider_create())),
    responses((
        status = 201, description = "The provider, with its secret. No other answer shows it.",
        body = schemas::providers::ProviderCreated,
        example = json!(example::provider_created()),
    )),
    extensions(("x-error-codes" = json!(["invalid_state"]))),
)]
pub(super) async fn create(Tenant(realm): Tenant, mutation: Mutation) -> Answer {
    mutation
        .once(move |Job { front, body, claim }| async move {
            let change = ProviderChange::parse(&body, realm.mode, front.engine.webhook_targets())?;
            let render = Box::new(|provider: &Provider| reply::with_secret(201, provider.to_json(), &provider.secret));
            front.engine.create_provider(realm, change, claim, render).await
        })
        .await
}

/// List providers
///
/// Newest first. Needs the scope `read`.
#[utoipa::path(
    get, path = "/v1/providers", operation_id = "list_providers", tag = "Providers",
    params(schemas::providers::ProviderPlace, schemas::shared::PageSize),
    responses((
        status = 200, description = "A page.", body = schemas::providers::ProviderList,
        example = json!(example::list(&example::provider())),
    )),
)]
pub(super) async fn list(State(front): State<Shared>, Tenant(realm): Tenant, mut params: Params) -> Answer {
    let (limit, place) = (params.limit(), params.place::<ProviderId>());
    params.finish()?;
    let (providers, has_more) = page::cut(front.engine.providers(realm)?, |provider| provider.id, &place, limit)?;
    page::list(providers.iter().map(Provider::to_json).collect(), has_more)
}

/// Get a provider
///
/// Without its secret. Needs the scope `read`.
#[utoipa::path(
    get, path = "/v1/providers/{id}", operation_id = "get_provider", tag = "Providers",
    params(("id" = schemas::values::ProviderId, Path, description = "The provider.")),
    responses((
        status = 200, description = "The provider.", body = schemas::providers::Provider,
        example = json!(example::provider()),
    )),
    extensions(("x-error-codes" = json!(["not_found"]))),
)]
pub(super) async fn get(
    State(front): State<Shared>,
    Tenant(realm): Tenant,
    PathId(id): PathId<kind::Provider>,
    _: NoParams,
) -> Answer {
    reply::ok(&front.engine.provider(realm, id)?.to_json())
}

/// Change a provider
///
/// Also for sessions that are under way. Needs the scope `write`.
#[utoipa::path(
    patch, path = "/v1/providers/{id}", operation_id = "update_provider", tag = "Providers",
    params(("id" = schemas::values::ProviderId, Path, description = "The provider.")),
    request_body(content = Option<schemas::providers::ProviderUpdate>, example = json!({ "timeout_seconds": 20 })),
    responses((
        status = 200, description = "The provider.", body = schemas::providers::Provider,
        example = json!(example::provider()),
    )),
    extensions(("x-error-codes" = json!(["not_found"]))),
)]
pub(super) async fn patch(Tenant(realm): Tenant, PathId(id): PathId<kind::Provider>, mutation: Mutation) -> Answer {
    mutation
        .once(move |Job { front, body, claim }| async move {
            let change = ProviderChange::parse(&body, realm.mode, front.engine.webhook_targets())?;
            let render = Box::new(|provider: &Provider| Reply::json(200, &provider.to_json()));
            front.engine.change_provider(realm, id, change, claim, render).await
        })
        .await
}

/// Delete a provider
///
/// Checks that name it need a review from then on, until another provider has its name. Needs the scope
/// `write`.
#[utoipa::path(
    delete, path = "/v1/providers/{id}", operation_id = "delete_provider", tag = "Providers",
    params(("id" = schemas::values::ProviderId, Path, description = "The provider.")),
    responses((
        status = 200, description = "It is gone.", body = schemas::providers::ProviderDeleted,
        example = json!(example::provider_deleted()),
    )),
    extensions(("x-error-codes" = json!(["not_found"]))),
)]
pub(super) async fn delete(Tenant(realm): Tenant, PathId(id): PathId<kind::Provider>, mutation: Mutation) -> Answer {
    mutation
        .once(move |Job { front, body, claim }| async move {
            no_fields(&body)?;
            let gone = |provider: &Provider| {
                Reply::json(200, &json!({ "id": provider.id, "object": "provider", "deleted": true }))
            };
            front.engine.remove_provider(realm, id, claim, Box::new(gone)).await
        })
        .await
}

/// Rotate the secret of a provider
///
/// Requests are signed with the new secret and, for `overlap_seconds`, with the one before as well.
/// Needs the scope `write`.
#[utoipa::path(
    post, path = "/v1/providers/{id}/rotate_secret", operation_id = "rotate_provider_secret", tag = "Providers",
    params(("id" = schemas::values::ProviderId, Path, description = "The provider.")),
    request_body(
        content = Option<schemas::webhooks::WebhookSecretRotation>, example = json!({ "overlap_seconds": 3600 }),
    ),
    responses((
        status = 200, description = "The provider, with its new secret. No other answer shows it.",
        body = schemas::providers::ProviderCreated,
        example = json!(example::provider_created()),
    )),
    extensions(("x-error-codes" = json!(["not_found"]))),
)]
pub(super) async fn rotate_secret(
    Tenant(realm): Tenant,
    PathId(id): PathId<kind::Provider>,
    mutation: Mutation,
) -> Answer {
    mutation
        .once(move |Job { front, body, claim }| async move {
            let overlap = parse_rotation(&body)?;
            let render = Box::new(|provider: &Provider| reply::with_secret(200, provider.to_json(), &provider.secret));
            front.engine.rotate_provider_secret(realm, id, overlap, claim, render).await
        })
        .await
}

/// Answer for a check
///
/// Where a provider that has answered 202 leaves its finding: `callback_url` of the request, as it
/// stands there. It is signed and takes one answer; a second one is `invalid_state`, and so is one that
/// comes when the session has gone on. Without another credential.
#[utoipa::path(
    post, path = "/callbacks/{id}", operation_id = "answer_check", tag = "Providers",
    params(
        ("id" = schemas::values::CheckId, Path, description = "The check."),
        ("exp" = u64, Query, description = "As it stands in `callback_url`."),
        ("sig" = String, Query, description = "As it stands in `callback_url`."),
    ),
    request_body(content = schemas::providers::ProviderAnswer, example = json!(example::provider_answer())),
    responses((
        status = 200, description = "The answer is kept.", body = schemas::providers::ProviderAnswered,
        example = json!(example::provider_answered()),
    )),
    extensions(("x-error-codes" = json!([
        "validation_error", "invalid_signature", "tenant_suspended", "live_mode_not_activated", "not_found",
        "invalid_state", "payload_too_large", "unsupported_media_type", "dependency_unavailable",
    ]))),
)]
pub(super) async fn answer(
    State(front): State<Shared>,
    PathId(check): PathId<kind::Check>,
    params: Params,
    request: Request,
) -> Answer {
    let (expires, signature) = params.signature()?;
    let opened = front.engine.links().open(Target::Callback(check), expires, &signature, front.engine.now())?;
    front.engine.may_serve(opened.realm).map_err(auth::rejected)?;
    let (parts, body) = request.into_parts();
    let body = RawBody::read(&front, &parts, body, front.settings.iframe_body_limit).await?;
    let ask = Ask::Answer { check, answer: body.json()? };
    let render = Box::new(move |session: &Session| {
        let result = session.checks.iter().find(|result| result.id == check);
        let status = result.map(|result| result.finding.status.as_str());
        Reply::json(200, &json!({ "object": "provider_answer", "id": check, "status": status }))
    });
    reply::send(front.engine.ask(opened.realm, opened.session, ask, None, render).await?)
}
