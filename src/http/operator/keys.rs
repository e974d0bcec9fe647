//! API keys: made (shown once), listed and revoked by the operator.

use std::time::Duration;

use axum::extract::State;
use serde_json::{Value, json};
use vetd_actors::{EngineError, KeyView, NewKey, Reply};
use vetd_model::id::kind;
use vetd_model::validate::{Issues, Object};
use vetd_model::workspace::{ApiKey, Scopes};
use vetd_model::{ErrorCode, Realm, Refusal, Timestamp};

use super::super::Shared;
use super::super::body::no_fields;
use super::super::error::{Answer, absent};
use super::super::paths::PathId;
use super::super::query::Params;
use super::realm::Named;
use super::{Body, change};

/// The longest name, in characters.
const NAME_LIMIT: usize = 100;
/// The longest life of a key that ends by itself, in seconds: ten years.
const LONGEST: u64 = 10 * 366 * 86_400;

pub(super) async fn create(State(front): State<Shared>, mut params: Params, Body(body): Body) -> Answer {
    let named = Named::take(&mut params);
    params.finish()?;
    let new = parse(&body, named.one(&front)?, front.engine.now())?;
    change(&front, |front| async move {
        let (secret, key) = front.engine.create_key(new).await?;
        let mut shown = to_json(&key);
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
    let realms = named.all(&front)?;
    change(&front, move |front| async move {
        for realm in realms {
            let render = Box::new(|view: &KeyView| Reply::json(200, &to_json(&view.key)));
            match front.engine.revoke_key(realm, id, None, render).await {
                Ok(reply) => return Ok(reply),
                Err(EngineError::Refused(refusal)) if refusal.code == ErrorCode::NotFound => {}
                Err(error) => return Err(error),
            }
        }
        Err(absent("key").into())
    })
    .await
}

fn parse(body: &Value, realm: Realm, now: Timestamp) -> Result<NewKey, Refusal> {
    let mut issues = Issues::default();
    let mut object = Object::root(body, &mut issues);
    let name = object.optional_with("name", &mut issues, |text| {
        let fits = (1..=NAME_LIMIT).contains(&text.chars().count()) && !text.chars().any(char::is_control);
        fits.then(|| text.to_owned()).ok_or_else(|| "must have 1 to 100 printable characters".to_owned())
    });
    let mut scopes: Option<Scopes> = None;
    for (place, value) in object.list("scopes", 10, &mut issues).unwrap_or_default().iter().enumerate() {
        let scope = match value.as_str() {
            Some("read") => Scopes::READ,
            Some("write") => Scopes::WRITE,
            Some("review") => Scopes::REVIEW,
            _ => {
                issues.add(format!("scopes.{place}"), "must be read, write or review");
                continue;
            }
        };
        scopes = Some(scopes.map_or(scope, |held| held.union(scope)));
    }
    let expires_in = object.integer("expires_in", 1..=LONGEST, &mut issues);
    object.finish(&mut issues);
    issues.done()?;
    Ok(NewKey {
        realm,
        name: name.unwrap_or_else(|| "made by the operator".to_owned()),
        scopes: scopes.unwrap_or(Scopes::ALL),
        expires_at: expires_in.map(|seconds| now.after(Duration::from_secs(seconds))),
    })
}

/// The key as the operator reads it; the secret itself is not kept.
fn to_json(key: &ApiKey) -> Value {
    json!({
        "id": key.id, "object": "api_key", "prefix": key.prefix, "name": key.name,
        "workspace": key.realm.workspace.0, "livemode": key.realm.mode.is_live(),
        "scopes": key.scopes.to_string(), "created": key.created, "expires_at": key.expires_at,
        "revoked_at": key.revoked_at,
    })
}
