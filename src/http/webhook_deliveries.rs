//! `/v1/webhook_deliveries`.

use axum::extract::State;
use vetd_actors::{DeliveryFilter, DeliveryView, Reply};
use vetd_model::DeliveryId;
use vetd_model::delivery::DeliveryStatus;
use vetd_model::id::kind;
use vetd_storage::Towards;

use super::auth::Tenant;
use super::body::no_fields;
use super::error::Answer;
use super::mutation::{Job, Mutation};
use super::openapi::{example, schemas};
use super::paths::PathId;
use super::query::{NoParams, Params, Place};
use super::{Shared, page, reply};

/// List webhook deliveries
///
/// One event to one endpoint each, newest event first, for as long as the event is kept. Needs the
/// scope `read`.
#[utoipa::path(
    get, path = "/v1/webhook_deliveries", operation_id = "list_webhook_deliveries", tag = "Webhook deliveries",
    params(schemas::webhooks::WebhookDeliveryFilter, schemas::shared::PageSize),
    responses((
        status = 200, description = "A page.", body = schemas::webhooks::WebhookDeliveryList,
        example = json!(example::list(&example::delivery())),
    )),
)]
pub(super) async fn list(State(front): State<Shared>, Tenant(realm): Tenant, mut params: Params) -> Answer {
    let endpoint = params.take("endpoint", |text| text.parse().map_err(|error| format!("{error}")));
    let event = params.take("event", |text| text.parse().map_err(|error| format!("{error}")));
    let status = params.take("status", |text| {
        let names = || format!("must be one of {}", DeliveryStatus::ALL.map(DeliveryStatus::as_str).join(", "));
        DeliveryStatus::parse(text).ok_or_else(names)
    });
    let (limit, place) = (params.limit(), params.place::<DeliveryId>());
    params.finish()?;
    let cursor = match place {
        Place::Start => None,
        Place::After(id) => Some((Towards::Older, id)),
        Place::Before(id) => Some((Towards::Newer, id)),
    };
    let found = front.engine.deliveries(realm, DeliveryFilter { endpoint, status, event, cursor, limit }).await?;
    page::list(found.items.iter().map(DeliveryView::to_json).collect(), found.has_more)
}

/// Get a webhook delivery
///
/// With every attempt: its status, how long it took and the first kilobyte of the answer. Needs the
/// scope `read`.
#[utoipa::path(
    get, path = "/v1/webhook_deliveries/{id}", operation_id = "get_webhook_delivery", tag = "Webhook deliveries",
    params(("id" = schemas::values::DeliveryId, Path, description = "The delivery.")),
    responses((
        status = 200, description = "The delivery.", body = schemas::webhooks::WebhookDeliveryDetail,
        example = json!(example::delivery_detail()),
    )),
    extensions(("x-error-codes" = json!(["not_found"]))),
)]
pub(super) async fn get(
    State(front): State<Shared>,
    Tenant(realm): Tenant,
    PathId(id): PathId<kind::Delivery>,
    _: NoParams,
) -> Answer {
    reply::ok(&front.engine.delivery(realm, id)?.to_json())
}

/// Redeliver
///
/// Sends the event to the endpoint once more, now, whatever its order and however the delivery
/// stands: signed anew, under the same event identifier. If the receiver does not take it, it is
/// tried again on a fresh schedule. Needs the scope `write`.
#[utoipa::path(
    post, path = "/v1/webhook_deliveries/{id}/redeliver", operation_id = "redeliver", tag = "Webhook deliveries",
    params(("id" = schemas::values::DeliveryId, Path, description = "The delivery.")),
    request_body(content = Option<schemas::shared::NoFields>, example = json!({})),
    responses((
        status = 200, description = "The delivery, pending.", body = schemas::webhooks::WebhookDelivery,
        example = json!(example::delivery()),
    )),
    extensions(("x-error-codes" = json!(["not_found", "invalid_state"]))),
)]
pub(super) async fn redeliver(Tenant(realm): Tenant, PathId(id): PathId<kind::Delivery>, mutation: Mutation) -> Answer {
    mutation
        .once(move |Job { front, body, claim }| async move {
            no_fields(&body)?;
            front.engine.redeliver(realm, id, claim, Box::new(shown)).await
        })
        .await
}

/// A delivery as an answer.
pub(super) fn shown(delivery: &DeliveryView) -> Reply {
    Reply::json(200, &delivery.to_json())
}
