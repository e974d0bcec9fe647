//! `/v1/webhook_endpoints`.

use axum::extract::State;
use serde_json::json;
use vetd_actors::{Recovered, Reply};
use vetd_model::EndpointId;
use vetd_model::id::kind;
use vetd_model::webhook::{Endpoint, EndpointChange, parse_recovery, parse_rotation};

use super::auth::Tenant;
use super::body::no_fields;
use super::error::Answer;
use super::mutation::{Job, Mutation};
use super::openapi::{example, schemas};
use super::paths::PathId;
use super::query::{NoParams, Params};
use super::{Shared, page, reply, webhook_deliveries};

/// Create a webhook endpoint
///
/// It gets every event from now on that its filter names. A workspace has at most 100 endpoints in
/// each mode. Needs the scope `write`.
#[utoipa::path(
    post, path = "/v1/webhook_endpoints", operation_id = "create_webhook_endpoint", tag = "Webhook endpoints",
    request_body(content = schemas::webhooks::WebhookEndpointCreate, example = json!(example::endpoint_create())),
    responses((
        status = 201, description = "The endpoint, with its secret. No other answer shows it.",
        body = schemas::webhooks::WebhookEndpointCreated,
        example = json!(example::endpoint_created()),
    )),
    extensions(("x-error-codes" = json!(["invalid_state"]))),
)]
pub(super) async fn create(Tenant(realm): Tenant, mutation: Mutation) -> Answer {
    mutation
        .once(move |Job { front, body, claim }| async move {
            let change = EndpointChange::parse(&body, realm.mode, front.engine.webhook_targets())?;
            let render = Box::new(|endpoint: &Endpoint| reply::with_secret(201, endpoint.to_json(), &endpoint.secret));
            front.engine.create_endpoint(realm, change, claim, render).await
        })
        .await
}

/// List webhook endpoints
///
/// Newest first. Needs the scope `read`.
#[utoipa::path(
    get, path = "/v1/webhook_endpoints", operation_id = "list_webhook_endpoints", tag = "Webhook endpoints",
    params(schemas::webhooks::WebhookEndpointPlace, schemas::shared::PageSize),
    responses((
        status = 200, description = "A page.", body = schemas::webhooks::WebhookEndpointList,
        example = json!(example::list(&example::endpoint())),
    )),
)]
pub(super) async fn list(State(front): State<Shared>, Tenant(realm): Tenant, mut params: Params) -> Answer {
    let (limit, place) = (params.limit(), params.place::<EndpointId>());
    params.finish()?;
    let all = front.engine.endpoints(realm)?;
    let (endpoints, has_more) = page::cut(all, |endpoint| endpoint.id, &place, limit)?;
    page::list(endpoints.iter().map(Endpoint::to_json).collect(), has_more)
}

/// Get a webhook endpoint
///
/// Without its secret. Needs the scope `read`.
#[utoipa::path(
    get, path = "/v1/webhook_endpoints/{id}", operation_id = "get_webhook_endpoint", tag = "Webhook endpoints",
    params(("id" = schemas::values::EndpointId, Path, description = "The endpoint.")),
    responses((
        status = 200, description = "The endpoint.", body = schemas::webhooks::WebhookEndpoint,
        example = json!(example::endpoint()),
    )),
    extensions(("x-error-codes" = json!(["not_found"]))),
)]
pub(super) async fn get(
    State(front): State<Shared>,
    Tenant(realm): Tenant,
    PathId(id): PathId<kind::Endpoint>,
    _: NoParams,
) -> Answer {
    reply::ok(&front.engine.endpoint(realm, id)?.to_json())
}

/// Change a webhook endpoint
///
/// Needs the scope `write`.
#[utoipa::path(
    patch, path = "/v1/webhook_endpoints/{id}", operation_id = "update_webhook_endpoint", tag = "Webhook endpoints",
    params(("id" = schemas::values::EndpointId, Path, description = "The endpoint.")),
    request_body(
        content = Option<schemas::webhooks::WebhookEndpointUpdate>,
        example = json!(example::endpoint_update()),
    ),
    responses((
        status = 200, description = "The endpoint.", body = schemas::webhooks::WebhookEndpoint,
        example = json!(example::endpoint()),
    )),
    extensions(("x-error-codes" = json!(["not_found"]))),
)]
pub(super) async fn patch(Tenant(realm): Tenant, PathId(id): PathId<kind::Endpoint>, mutation: Mutation) -> Answer {
    mutation
        .once(move |Job { front, body, claim }| async move {
            let change = EndpointChange::parse(&body, realm.mode, front.engine.webhook_targets())?;
            let render = Box::new(|endpoint: &Endpoint| Reply::json(200, &endpoint.to_json()));
            front.engine.change_endpoint(realm, id, change, claim, render).await
        })
        .await
}

/// Delete a webhook endpoint
///
/// What was still to be sent there is canceled. Needs the scope `write`.
#[utoipa::path(
    delete, path = "/v1/webhook_endpoints/{id}", operation_id = "delete_webhook_endpoint", tag = "Webhook endpoints",
    params(("id" = schemas::values::EndpointId, Path, description = "The endpoint.")),
    responses((
        status = 200, description = "It is gone.", body = schemas::webhooks::WebhookEndpointDeleted,
        example = json!(example::endpoint_deleted()),
    )),
    extensions(("x-error-codes" = json!(["not_found"]))),
)]
pub(super) async fn delete(Tenant(realm): Tenant, PathId(id): PathId<kind::Endpoint>, mutation: Mutation) -> Answer {
    mutation
        .once(move |Job { front, body, claim }| async move {
            no_fields(&body)?;
            front.engine.remove_endpoint(realm, id, claim, Box::new(gone)).await
        })
        .await
}

/// Rotate the secret of a webhook endpoint
///
/// Deliveries are signed with the new secret and, for `overlap_seconds`, with the one before as
/// well, so that a receiver can change over. Needs the scope `write`.
#[utoipa::path(
    post, path = "/v1/webhook_endpoints/{id}/rotate_secret", operation_id = "rotate_webhook_secret",
    tag = "Webhook endpoints",
    params(("id" = schemas::values::EndpointId, Path, description = "The endpoint.")),
    request_body(
        content = Option<schemas::webhooks::WebhookSecretRotation>, example = json!({ "overlap_seconds": 3600 }),
    ),
    responses((
        status = 200, description = "The endpoint, with its new secret. No other answer shows it.",
        body = schemas::webhooks::WebhookEndpointCreated,
        example = json!(example::endpoint_created()),
    )),
    extensions(("x-error-codes" = json!(["not_found", "invalid_state"]))),
)]
pub(super) async fn rotate_secret(
    Tenant(realm): Tenant,
    PathId(id): PathId<kind::Endpoint>,
    mutation: Mutation,
) -> Answer {
    mutation
        .once(move |Job { front, body, claim }| async move {
            let overlap = parse_rotation(&body)?;
            let render = Box::new(|endpoint: &Endpoint| reply::with_secret(200, endpoint.to_json(), &endpoint.secret));
            front.engine.rotate_secret(realm, id, overlap, claim, render).await
        })
        .await
}

/// Enable a webhook endpoint
///
/// What was held while it was disabled is sent, oldest first, each with a fresh schedule, as far as
/// events are kept. An endpoint that is enabled stays as it is. Needs the scope `write`.
#[utoipa::path(
    post, path = "/v1/webhook_endpoints/{id}/enable", operation_id = "enable_webhook_endpoint",
    tag = "Webhook endpoints",
    params(("id" = schemas::values::EndpointId, Path, description = "The endpoint.")),
    request_body(content = Option<schemas::shared::NoFields>, example = json!({})),
    responses((
        status = 200, description = "The endpoint.", body = schemas::webhooks::WebhookEndpoint,
        example = json!(example::endpoint()),
    )),
    extensions(("x-error-codes" = json!(["not_found"]))),
)]
pub(super) async fn enable(Tenant(realm): Tenant, PathId(id): PathId<kind::Endpoint>, mutation: Mutation) -> Answer {
    mutation
        .once(move |Job { front, body, claim }| async move {
            no_fields(&body)?;
            let render = Box::new(|endpoint: &Endpoint| Reply::json(200, &endpoint.to_json()));
            front.engine.enable_endpoint(realm, id, claim, render).await
        })
        .await
}

/// Test a webhook endpoint
///
/// Sends it an event of type `webhook_endpoint.test`, whatever its filter, and to no other. The
/// answer is the delivery; ask for it again to see how it came out. Needs the scope `write`.
#[utoipa::path(
    post, path = "/v1/webhook_endpoints/{id}/test", operation_id = "test_webhook_endpoint",
    tag = "Webhook endpoints",
    params(("id" = schemas::values::EndpointId, Path, description = "The endpoint.")),
    request_body(content = Option<schemas::shared::NoFields>, example = json!({})),
    responses((
        status = 200, description = "The delivery, pending.", body = schemas::webhooks::WebhookDelivery,
        example = json!(example::delivery()),
    )),
    extensions(("x-error-codes" = json!(["not_found", "invalid_state"]))),
)]
pub(super) async fn test(Tenant(realm): Tenant, PathId(id): PathId<kind::Endpoint>, mutation: Mutation) -> Answer {
    mutation
        .once(move |Job { front, body, claim }| async move {
            no_fields(&body)?;
            front.engine.test_endpoint(realm, id, claim, Box::new(webhook_deliveries::shown)).await
        })
        .await
}

/// Recover the deliveries of a time
///
/// Sends every delivery once more that was given up (`exhausted`) and whose event was written from
/// `since` on and before `until`: oldest first, each with a fresh schedule. At most 10,000 at once;
/// `has_more` says that there are others. Needs the scope `write`.
#[utoipa::path(
    post, path = "/v1/webhook_endpoints/{id}/recover", operation_id = "recover_webhook_endpoint",
    tag = "Webhook endpoints",
    params(("id" = schemas::values::EndpointId, Path, description = "The endpoint.")),
    request_body(
        content = schemas::webhooks::WebhookRecovery, example = json!({ "since": example::CREATED }),
    ),
    responses((
        status = 200, description = "How many are sent.", body = schemas::webhooks::WebhookRecovered,
        example = json!(example::recovered()),
    )),
    extensions(("x-error-codes" = json!(["not_found", "invalid_state"]))),
)]
pub(super) async fn recover(Tenant(realm): Tenant, PathId(id): PathId<kind::Endpoint>, mutation: Mutation) -> Answer {
    mutation
        .once(move |Job { front, body, claim }| async move {
            let range = parse_recovery(&body, front.engine.now())?;
            let render = Box::new(move |recovered: &Recovered| {
                let Recovered { deliveries, has_more } = recovered;
                let (since, until) = range;
                let body = json!({
                    "object": "webhook_recovery", "endpoint": id, "since": since, "until": until,
                    "deliveries": deliveries, "has_more": has_more,
                });
                Reply::json(200, &body)
            });
            front.engine.recover(realm, id, range, claim, render).await
        })
        .await
}

fn gone(endpoint: &Endpoint) -> Reply {
    Reply::json(200, &json!({ "id": endpoint.id, "object": "webhook_endpoint", "deleted": true }))
}
