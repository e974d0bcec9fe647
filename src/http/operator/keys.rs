//! API keys: made (shown once), listed and revoked by the operator.

use axum::extract::State;
use serde_json::Value;
use vetd_actors::{KeyView, NewKey, Reply};
use vetd_model::Realm;
use vetd_model::api_key::{self, KeyRequest};
use vetd_model::id::kind;
use vetd_model::workspace::ApiKey;

use super::super::body::no_fields;
use super::super::error::{Answer, absent};
use super::super::paths::PathId;
use super::super::query::Params;
use super::super::{Shared, page};
use super::realm::Named;
use super::{Body, change};

/// The keys of every workspace, or of the one that is named.
pub(super) async fn list(State(front): State<Shared>, mut params: Params) -> Answer {
    let named = Named::take(&mut params);
    params.finish()?;
    let keys = named.all(&front)?.into_iter().flat_map(|realm| front.engine.api_keys(realm));
    page::list(keys.map(|view| view_to_json(&view)).collect(), false)
}

pub(super) async fn create(State(front): State<Shared>, mut params: Params, Body(body): Body) -> Answer {
    let named = Named::take(&mut params);
    params.finish()?;
    let realm = named.one(&front)?;
    let KeyRequest { name, scopes, expires_at } = KeyRequest::parse(&body, front.engine.now())?;
    change(&front, move |front| async move {
        let (secret, key) = front.engine.create_key(NewKey { realm, name, scopes, expires_at }).await?;
        let mut shown = view_to_json(&KeyView { key, last_used_at: None });
        if let Some(map) = shown.as_object_mut() {
            map.insert("key".to_owned(), secret.into());
        }
        Ok(Reply::json(201, &shown))
    })
    .await
}

pub(super) async fn revoke(
    State(front): State<Shared>,
    PathId(id): PathId<kind::ApiKey>,
    mut params: Params,
    Body(body): Body,
) -> Answer {
    let named = Named::take(&mut params);
    params.finish()?;
    no_fields(&body)?;
    let holds = |realm: &Realm| front.engine.api_key(*realm, id).is_ok();
    let realm = named.all(&front)?.into_iter().find(holds).ok_or_else(|| absent("key"))?;
    change(&front, move |front| async move {
        let render = Box::new(|view: &KeyView| Reply::json(200, &view_to_json(view)));
        front.engine.revoke_key(realm, id, None, render).await
    })
    .await
}

/// The key as its owner reads it, and whose it is.
fn view_to_json(view: &KeyView) -> Value {
    let KeyView { key, last_used_at } = view;
    let ApiKey { realm, .. } = key;
    let mut shown = api_key::to_json(key, *last_used_at);
    if let Some(map) = shown.as_object_mut() {
        map.insert("workspace".to_owned(), realm.workspace.0.into());
    }
    shown
}
