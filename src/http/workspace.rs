//! `/v1/workspace`: the caller's own.

use axum::extract::State;
use serde::Serialize;
use serde_json::Value;
use vetd_actors::{Render, Reply};
use vetd_model::origin::Origin;
use vetd_model::workspace::{RealmSettings, SettingsPatch, Workspace};
use vetd_model::{Realm, Timestamp, WorkspaceId};

use super::auth::Tenant;
use super::error::Answer;
use super::mutation::{Job, Mutation};
use super::openapi::{example, schemas};
use super::query::NoParams;
use super::{Shared, reply};

/// Get the workspace
///
/// The one that the key opens. Needs the scope `read`.
#[utoipa::path(
    get, path = "/v1/workspace", operation_id = "get_workspace", tag = "Workspace",
    responses((status = 200, description = "The workspace.", body = schemas::access::Workspace, example = json!(example::workspace()))),
)]
pub(super) async fn get(State(front): State<Shared>, Tenant(realm): Tenant, _: NoParams) -> Answer {
    let workspace = front.engine.workspace(realm.workspace)?;
    let settings = front.engine.settings(realm).await?;
    reply::ok(&WorkspaceView::of(&workspace, realm, &settings))
}

/// Change the workspace
///
/// For the mode of the key. What is given takes the place of what was there, as a whole: rules of
/// retention that are left out of `retention` are none any more. Needs the scope `write`.
#[utoipa::path(
    patch, path = "/v1/workspace", operation_id = "update_workspace", tag = "Workspace",
    request_body(content = Option<schemas::access::WorkspaceUpdate>, example = json!(example::workspace_update())),
    responses((status = 200, description = "The workspace.", body = schemas::access::Workspace, example = json!(example::workspace()))),
)]
pub(super) async fn patch(Tenant(realm): Tenant, mutation: Mutation) -> Answer {
    mutation
        .once(move |Job { front, body, claim }| async move {
            let patch = SettingsPatch::parse(&body, realm.mode)?;
            let workspace = front.engine.workspace(realm.workspace)?;
            let render: Render<RealmSettings> =
                Box::new(move |settings| Reply::json(200, &WorkspaceView::of(&workspace, realm, settings)));
            front.engine.change_settings(realm, patch, claim, render).await
        })
        .await
}

/// A workspace as its owner reads it, in the mode of the key.
#[derive(Serialize)]
struct WorkspaceView<'a> {
    id: WorkspaceId,
    object: &'static str,
    livemode: bool,
    name: &'a str,
    allowed_origins: &'a [Origin],
    retention: Value,
    live_activated: bool,
    created: Timestamp,
}

impl<'a> WorkspaceView<'a> {
    fn of(workspace: &'a Workspace, realm: Realm, settings: &'a RealmSettings) -> Self {
        Self {
            id: workspace.id,
            object: "workspace",
            livemode: realm.mode.is_live(),
            name: &workspace.name,
            allowed_origins: &settings.allowed_origins,
            retention: settings.retention.to_json(),
            live_activated: workspace.live_activated,
            created: workspace.created,
        }
    }
}
