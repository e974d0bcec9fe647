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
use super::paths::PathId;
use super::query::{NoParams, Params};
use super::{Shared, page, reply};

pub(super) async fn create(Tenant(realm): Tenant, mutation: Mutation) -> Answer {
    mutation
        .once(move |Job { front, body, claim }| async move {
            let change = EndpointChange::parse(&body, realm.mode, front.settings.loopback_webhooks)?;
            front.engine.create_endpoint(realm, change, claim, Box::new(with_secret)).await
        })
        .await
}

pub(super) async fn list(State(front): State<Shared>, Tenant(realm): Tenant, mut params: Params) -> Answer {
    let (limit, place) = (params.limit(), params.place::<EndpointId>());
    params.finish()?;
    let all = front.engine.endpoints(realm)?;
    let (endpoints, has_more) = page::cut(all, |endpoint| endpoint.id, &place, limit)?;
    page::list(endpoints.iter().map(Endpoint::to_json).collect(), has_more)
}

pub(super) async fn get(
    State(front): State<Shared>,
    Tenant(realm): Tenant,
    PathId(id): PathId<kind::Endpoint>,
    _: NoParams,
) -> Answer {
    reply::ok(&front.engine.endpoint(realm, id)?.to_json())
}

pub(super) async fn patch(Tenant(realm): Tenant, PathId(id): PathId<kind::Endpoint>, mutation: Mutation) -> Answer {
    mutation
        .once(move |Job { front, body, claim }| async move {
            let change = EndpointChange::parse(&body, realm.mode, front.settings.loopback_webhooks)?;
            let render = Box::new(|endpoint: &Endpoint| Reply::json(200, &endpoint.to_json()));
            front.engine.change_endpoint(realm, id, change, claim, render).await
        })
        .await
}

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
