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
use super::paths::PathId;
use super::query::{NoParams, Params};
use super::{Shared, page, reply};

pub(super) async fn create(KeyHolder(caller): KeyHolder, mutation: Mutation) -> Answer {
    mutation
        .once(move |Job { front, body, claim }| async move {
            let request = KeyRequest::parse(&body, front.engine.now())?;
            front.engine.issue_key(caller, request, claim, Box::new(with_key)).await
        })
        .await
}

pub(super) async fn list(State(front): State<Shared>, Tenant(realm): Tenant, mut params: Params) -> Answer {
    let (limit, place) = (params.limit(), params.place::<ApiKeyId>());
    params.finish()?;
    let (keys, has_more) = page::cut(front.engine.api_keys(realm), |view| view.key.id, &place, limit)?;
    page::list(keys.iter().map(json).collect(), has_more)
}

pub(super) async fn get(
    State(front): State<Shared>,
    Tenant(realm): Tenant,
    PathId(id): PathId<kind::ApiKey>,
    _: NoParams,
) -> Answer {
    reply::ok(&json(&front.engine.api_key(realm, id)?))
}

pub(super) async fn revoke(Tenant(realm): Tenant, PathId(id): PathId<kind::ApiKey>, mutation: Mutation) -> Answer {
    mutation
        .once(move |Job { front, body, claim }| async move {
            no_fields(&body)?;
            let render = Box::new(|view: &KeyView| Reply::json(200, &json(view)));
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

fn json(view: &KeyView) -> Value {
    api_key::to_json(&view.key, view.last_used_at)
}
