//! `/v1/webhook_endpoints`.

use axum::extract::State;
use serde_json::json;
use vetd_actors::Reply;
use vetd_model::EndpointId;
use vetd_model::id::kind;
use vetd_model::webhook::{Endpoint, EndpointChange};

use super::auth::Tenant;
use super::body::no_fields;
use super::error::Answer;
use super::mutation::{Job, Mutation};
use super::openapi::{example, schemas};
use super::paths::PathId;
use super::query::{NoParams, Params};
use super::{Shared, page, reply};

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
            let change = EndpointChange::parse(&body, realm.mode, front.settings.loopback_webhooks)?;
            front.engine.create_endpoint(realm, change, claim, Box::new(with_secret)).await
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
            let change = EndpointChange::parse(&body, realm.mode, front.settings.loopback_webhooks)?;
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

/// The answer to `POST` alone shows the secret.
fn with_secret(endpoint: &Endpoint) -> Reply {
    let mut body = endpoint.to_json();
    if let Some(map) = body.as_object_mut() {
        map.insert("secret".to_owned(), endpoint.secret.expose().into());
    }
    Reply::json(201, &body)
}

fn gone(endpoint: &Endpoint) -> Reply {
    Reply::json(200, &json!({ "id": endpoint.id, "object": "webhook_endpoint", "deleted": true }))
}
