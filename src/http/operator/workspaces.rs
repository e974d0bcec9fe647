//! Workspaces: made, listed, opened for live mode, suspended and resumed by the operator alone.

use axum::extract::State;
use serde_json::{Value, json};
use vetd_actors::Reply;
use vetd_model::validate::{Issues, Object};
use vetd_model::workspace::{RealmSettings, SettingsPatch, Workspace};
use vetd_model::{Realm, Refusal};

use super::super::body::no_fields;
use super::super::error::Answer;
use super::super::query::{NoParams, Params};
use super::super::{Front, Shared, page, reply};
use super::realm::Named;
use super::{Body, change, realm};

/// The longest name, in characters.
const NAME_LIMIT: usize = 100;

pub(super) async fn list(State(front): State<Shared>, _: NoParams) -> Answer {
    page::list(front.engine.workspaces().iter().map(to_json).collect(), false)
}

pub(super) async fn create(State(front): State<Shared>, _: NoParams, Body(body): Body) -> Answer {
    let name = new_name(&front, &body)?;
    change(&front, |front| async move {
        let made = front.engine.create_workspace(&name).await?;
        Ok(Reply::json(201, &to_json(&made)))
    })
    .await
}

pub(super) async fn activate_live(state: State<Shared>, params: Params, body: Body) -> Answer {
    set(state, params, body, |workspace| workspace.live_activated = true).await
}

pub(super) async fn suspend(state: State<Shared>, params: Params, body: Body) -> Answer {
    set(state, params, body, |workspace| workspace.suspended = true).await
}

pub(super) async fn resume(state: State<Shared>, params: Params, body: Body) -> Answer {
    set(state, params, body, |workspace| workspace.suspended = false).await
}

/// What a workspace has chosen for a mode.
pub(super) async fn settings(State(front): State<Shared>, mut params: Params) -> Answer {
    let named = Named::take(&mut params);
    params.finish()?;
    let realm = named.one(&front)?;
    reply::ok(&settings_to_json(realm, &front.engine.settings(realm).await?))
}

/// As `PATCH /v1/workspace`.
pub(super) async fn change_settings(State(front): State<Shared>, mut params: Params, Body(body): Body) -> Answer {
    let named = Named::take(&mut params);
    params.finish()?;
    let realm = named.one(&front)?;
    let patch = SettingsPatch::parse(&body, realm.mode)?;
    change(&front, move |front| async move {
        let shown = move |after: &RealmSettings| Reply::json(200, &settings_to_json(realm, after));
        front.engine.change_settings(realm, patch, None, Box::new(shown)).await
    })
    .await
}

async fn set(State(front): State<Shared>, mut params: Params, Body(body): Body, act: fn(&mut Workspace)) -> Answer {
    let named = realm::take_workspace(&mut params);
    params.finish()?;
    no_fields(&body)?;
    // Whom this shuts out must be said, also where there is only one workspace.
    let named = named.ok_or_else(|| Refusal::field("workspace", "is required"))?;
    let id = realm::one(&front, Some(&named))?.id;
    change(&front, move |front| async move {
        let changed = front.engine.change_workspace(id, act).await?;
        Ok(Reply::json(200, &to_json(&changed)))
    })
    .await
}

fn new_name(front: &Front, body: &Value) -> Result<String, Refusal> {
    let mut issues = Issues::default();
    let mut object = Object::root(body, &mut issues);
    let name = object.required_with("name", &mut issues, |text| {
        let fits = (1..=NAME_LIMIT).contains(&text.chars().count()) && text.trim() == text;
        let printable = !text.chars().any(char::is_control);
        if !fits || !printable || text.bytes().all(|byte| byte.is_ascii_digit()) {
            return Err("must have 1 to 100 printable characters, not only digits, no space around them".to_owned());
        }
        if front.engine.workspaces().iter().any(|workspace| workspace.name == text) {
            return Err("is the name of another workspace".to_owned());
        }
        Ok(text.to_owned())
    });
    object.finish(&mut issues);
    issues.done().map(|()| name.unwrap_or_default())
}

fn settings_to_json(realm: Realm, settings: &RealmSettings) -> Value {
    json!({
        "object": "workspace", "number": realm.workspace.0, "livemode": realm.mode.is_live(),
        "allowed_origins": settings.allowed_origins, "retention": settings.retention.to_json(),
    })
}

/// The workspace as the operator reads it.
fn to_json(workspace: &Workspace) -> Value {
    json!({
        "object": "workspace", "number": workspace.id.0, "name": workspace.name, "created": workspace.created,
        "live_activated": workspace.live_activated, "suspended": workspace.suspended,
    })
}
