//! `/v1/api_keys`.

use axum::extract::State;
use serde_json::Value;
use vetd_actors::{IssuedKey, KeyView, Reply};
use vetd_model::ApiKeyId;
use vetd_model::api_key::{self, KeyRequest};
use vetd_model::id::kind;

use super::auth::{KeyHolder, Tenant};
use super::body::no_fields;
use super::error::Answer;
use super::mutation::{Job, Mutation};
use super::openapi::{example, schemas};
use super::paths::PathId;
use super::query::{NoParams, Params};
use super::{Shared, page, reply};

/// Create an API key
///
/// It opens the same workspace and mode, and does no more than the key that makes it. A workspace has
/// at most 100 keys in each mode that open something. Needs the scope `write`.
#[utoipa::path(
    post, path = "/v1/api_keys", operation_id = "create_api_key", tag = "API keys",
    request_body(content = schemas::access::ApiKeyCreate, example = json!(example::api_key_create())),
    responses((status = 201, description = "The key. No other answer shows it.", body = schemas::access::ApiKeyCreated, example = json!(example::api_key_created()))),
    extensions(("x-error-codes" = json!(["invalid_state"]))),
)]
pub(super) async fn create(KeyHolder(caller): KeyHolder, mutation: Mutation) -> Answer {
    mutation
        .once(move |Job { front, body, claim }| async move {
            let request = KeyRequest::parse(&body, front.engine.now())?;
            front.engine.issue_key(caller, request, claim, Box::new(with_key)).await
        })
        .await
}

/// List API keys
///
/// Newest first, revoked ones included. Needs the scope `read`.
#[utoipa::path(
    get, path = "/v1/api_keys", operation_id = "list_api_keys", tag = "API keys",
    params(schemas::access::ApiKeyPlace, schemas::shared::PageSize),
    responses((status = 200, description = "A page.", body = schemas::access::ApiKeyList, example = json!(example::list(&example::api_key())))),
)]
pub(super) async fn list(State(front): State<Shared>, Tenant(realm): Tenant, mut params: Params) -> Answer {
    let (limit, place) = (params.limit(), params.place::<ApiKeyId>());
    params.finish()?;
    let (keys, has_more) = page::cut(front.engine.api_keys(realm), |view| view.key.id, &place, limit)?;
    page::list(keys.iter().map(shown).collect(), has_more)
}

/// Get an API key
///
/// Without the key itself. Needs the scope `read`.
#[utoipa::path(
    get, path = "/v1/api_keys/{id}", operation_id = "get_api_key", tag = "API keys",
    params(("id" = schemas::values::ApiKeyId, Path, description = "The API key.")),
    responses((status = 200, description = "The API key.", body = schemas::access::ApiKey, example = json!(example::api_key()))),
    extensions(("x-error-codes" = json!(["not_found"]))),
)]
pub(super) async fn get(
    State(front): State<Shared>,
    Tenant(realm): Tenant,
    PathId(id): PathId<kind::ApiKey>,
    _: NoParams,
) -> Answer {
    reply::ok(&shown(&front.engine.api_key(realm, id)?))
}

/// Revoke an API key
///
/// It opens nothing from here on; also the key that asks may be named. Needs the scope `write`.
#[utoipa::path(
    post, path = "/v1/api_keys/{id}/revoke", operation_id = "revoke_api_key", tag = "API keys",
    params(("id" = schemas::values::ApiKeyId, Path, description = "The API key.")),
    request_body(content = Option<schemas::shared::NoFields>, example = json!({})),
    responses((status = 200, description = "The revoked API key.", body = schemas::access::ApiKey, example = json!(example::api_key_revoked()))),
    extensions(("x-error-codes" = json!(["not_found"]))),
)]
pub(super) async fn revoke(Tenant(realm): Tenant, PathId(id): PathId<kind::ApiKey>, mutation: Mutation) -> Answer {
    mutation
        .once(move |Job { front, body, claim }| async move {
            no_fields(&body)?;
            let render = Box::new(|view: &KeyView| Reply::json(200, &shown(view)));
            front.engine.revoke_key(realm, id, claim, render).await
        })
        .await
}

/// The answer to `POST` alone shows the key.
fn with_key(issued: &IssuedKey) -> Reply {
    let mut body = api_key::to_json(&issued.key, None);
    if let Some(map) = body.as_object_mut() {
        map.insert("key".to_owned(), issued.secret.as_str().into());
    }
    Reply::json(201, &body)
}

fn shown(view: &KeyView) -> Value {
    api_key::to_json(&view.key, view.last_used_at)
}
