//! `/v1/templates`.

use axum::extract::State;
use serde_json::Value;
use vetd_actors::{Render, Reply, TemplateView};
use vetd_model::TemplateId;
use vetd_model::id::kind;
use vetd_model::template::{self, NewTemplate, TemplateCommand, TemplatePatch};
use vetd_model::{Realm, Refusal};

use super::auth::Tenant;
use super::body::no_fields;
use super::error::Answer;
use super::mutation::{Job, Mutation};
use super::openapi::{example, schemas};
use super::paths::{PathId, PathNumber};
use super::query::{NoParams, Params};
use super::{Shared, page, reply};

/// Create a template
///
/// Makes a draft; publish it before sessions can use it. A workspace has at most 1,000 templates in
/// each mode. Needs the scope `write`.
#[utoipa::path(
    post, path = "/v1/templates", operation_id = "create_template", tag = "Templates",
    request_body(content = schemas::templates::TemplateCreate, example = json!(example::template_create())),
    responses((
        status = 201, description = "The template.", body = schemas::templates::Template,
        example = json!(example::draft_template()),
    )),
    extensions(("x-error-codes" = json!(["invalid_state"]))),
)]
pub(super) async fn create(Tenant(realm): Tenant, mutation: Mutation) -> Answer {
    mutation
        .once(move |Job { front, body, claim }| async move {
            let new = NewTemplate::parse(&body)?;
            front.engine.create_template(realm, new, claim, render(201)).await
        })
        .await
}

/// List templates
///
/// Newest first. Needs the scope `read`.
#[utoipa::path(
    get, path = "/v1/templates", operation_id = "list_templates", tag = "Templates",
    params(schemas::templates::TemplateFilter, schemas::shared::PageSize),
    responses((
        status = 200, description = "A page.", body = schemas::templates::TemplateList,
        example = json!(example::list(&example::template())),
    )),
)]
pub(super) async fn list(State(front): State<Shared>, Tenant(realm): Tenant, mut params: Params) -> Answer {
    let status = params.take("status", |text| match text {
        "draft" | "published" | "archived" => Ok(text.to_owned()),
        _ => Err("must be draft, published or archived".to_owned()),
    });
    let (limit, place) = (params.limit(), params.place::<TemplateId>());
    params.finish()?;
    // One template at a time is in memory: a flow may be large.
    let mut ids = front.engine.template_ids(realm)?;
    if let Some(status) = status {
        let mut kept = Vec::new();
        for id in ids {
            // The place is looked for among all, the filter applies to what is beyond it: so a
            // page can begin at a template that has changed its status meanwhile.
            if place.names(&id) || front.engine.template(realm, id).await?.template.status() == status {
                kept.push(id);
            }
            tokio::task::yield_now().await;
        }
        ids = kept;
    }
    let (ids, has_more) = page::cut(ids, |id| *id, &place, limit)?;
    let mut views = Vec::with_capacity(ids.len());
    for id in ids {
        views.push(json(&front.engine.template(realm, id).await?));
    }
    page::list(views, has_more)
}

/// Get a template
///
/// With its draft. Needs the scope `read`.
#[utoipa::path(
    get, path = "/v1/templates/{id}", operation_id = "get_template", tag = "Templates",
    params(("id" = schemas::values::TemplateId, Path, description = "The template.")),
    responses((
        status = 200, description = "The template.", body = schemas::templates::Template,
        example = json!(example::template()),
    )),
    extensions(("x-error-codes" = json!(["not_found"]))),
)]
pub(super) async fn get(
    State(front): State<Shared>,
    Tenant(realm): Tenant,
    PathId(id): PathId<kind::Template>,
    _: NoParams,
) -> Answer {
    reply::ok(&json(&front.engine.template(realm, id).await?))
}

/// Edit a template
///
/// Changes name, slug or draft. Sessions see a new draft once it is published. Needs the scope
/// `write`.
#[utoipa::path(
    patch, path = "/v1/templates/{id}", operation_id = "update_template", tag = "Templates",
    params(("id" = schemas::values::TemplateId, Path, description = "The template.")),
    request_body(content = Option<schemas::templates::TemplateUpdate>, example = json!(example::template_update())),
    responses((
        status = 200, description = "The template.", body = schemas::templates::Template,
        example = json!(example::template()),
    )),
    extensions(("x-error-codes" = json!(["not_found", "invalid_state"]))),
)]
pub(super) async fn patch(Tenant(realm): Tenant, PathId(id): PathId<kind::Template>, mutation: Mutation) -> Answer {
    change(realm, id, mutation, |body| Ok(TemplateCommand::Patch(Box::new(TemplatePatch::parse(body)?)))).await
}

/// Publish a template
///
/// Freezes the draft as the next version, which new sessions take from now on. Needs the scope
/// `write`.
#[utoipa::path(
    post, path = "/v1/templates/{id}/publish", operation_id = "publish_template", tag = "Templates",
    params(("id" = schemas::values::TemplateId, Path, description = "The template.")),
    request_body(content = Option<schemas::shared::NoFields>, example = json!({})),
    responses((
        status = 200, description = "The template.", body = schemas::templates::Template,
        example = json!(example::template()),
    )),
    extensions(("x-error-codes" = json!(["not_found", "invalid_state"]))),
)]
pub(super) async fn publish(Tenant(realm): Tenant, PathId(id): PathId<kind::Template>, mutation: Mutation) -> Answer {
    change(realm, id, mutation, |body| no_fields(body).map(|()| TemplateCommand::Publish)).await
}

/// Go back to an earlier version
///
/// New sessions take that version again; the draft stays as it is. Needs the scope `write`.
#[utoipa::path(
    post, path = "/v1/templates/{id}/rollback", operation_id = "rollback_template", tag = "Templates",
    params(("id" = schemas::values::TemplateId, Path, description = "The template.")),
    request_body(content = schemas::templates::TemplateRollback, example = json!({ "version": 3 })),
    responses((
        status = 200, description = "The template.", body = schemas::templates::Template,
        example = json!(example::template()),
    )),
    extensions(("x-error-codes" = json!(["not_found", "invalid_state"]))),
)]
pub(super) async fn rollback(Tenant(realm): Tenant, PathId(id): PathId<kind::Template>, mutation: Mutation) -> Answer {
    change(realm, id, mutation, TemplateCommand::parse_rollback).await
}

/// Archive a template
///
/// Takes it out of use for good; sessions made from it go on. The default cannot be archived. A
/// second time changes nothing. Needs the scope `write`.
#[utoipa::path(
    post, path = "/v1/templates/{id}/archive", operation_id = "archive_template", tag = "Templates",
    params(("id" = schemas::values::TemplateId, Path, description = "The template.")),
    request_body(content = Option<schemas::shared::NoFields>, example = json!({})),
    responses((
        status = 200, description = "The template.", body = schemas::templates::Template,
        example = json!(example::archived_template()),
    )),
    extensions(("x-error-codes" = json!(["not_found", "invalid_state"]))),
)]
pub(super) async fn archive(Tenant(realm): Tenant, PathId(id): PathId<kind::Template>, mutation: Mutation) -> Answer {
    // Whether it is the default is the engine's to know.
    change(realm, id, mutation, |body| no_fields(body).map(|()| TemplateCommand::Archive { is_default: false })).await
}

/// Make a template the default
///
/// Sessions of this mode that name no template take it. It must have a published version. Needs the
/// scope `write`.
#[utoipa::path(
    post, path = "/v1/templates/{id}/default", operation_id = "make_template_default", tag = "Templates",
    params(("id" = schemas::values::TemplateId, Path, description = "The template.")),
    request_body(content = Option<schemas::shared::NoFields>, example = json!({})),
    responses((
        status = 200, description = "The template.", body = schemas::templates::Template,
        example = json!(example::default_template()),
    )),
    extensions(("x-error-codes" = json!(["not_found", "invalid_state"]))),
)]
pub(super) async fn make_default(
    Tenant(realm): Tenant,
    PathId(id): PathId<kind::Template>,
    mutation: Mutation,
) -> Answer {
    mutation
        .once(move |Job { front, body, claim }| async move {
            no_fields(&body)?;
            front.engine.set_default_template(realm, id, claim, render(200)).await
        })
        .await
}

/// List a template's versions
///
/// The highest first. Needs the scope `read`.
#[utoipa::path(
    get, path = "/v1/templates/{id}/versions", operation_id = "list_template_versions", tag = "Templates",
    params(
        ("id" = schemas::values::TemplateId, Path, description = "The template."),
        schemas::templates::VersionPlace,
        schemas::shared::PageSize,
    ),
    responses((
        status = 200, description = "A page.", body = schemas::templates::TemplateVersionList,
        example = json!(example::list(&example::template_version())),
    )),
    extensions(("x-error-codes" = json!(["not_found"]))),
)]
pub(super) async fn versions(
    State(front): State<Shared>,
    Tenant(realm): Tenant,
    PathId(id): PathId<kind::Template>,
    mut params: Params,
) -> Answer {
    let (limit, place) = (params.limit(), params.place::<u32>());
    params.finish()?;
    let template = front.engine.template(realm, id).await?.template;
    let numbers = (1..=template.latest_version).rev().collect();
    let (numbers, has_more) = page::cut(numbers, |number| *number, &place, limit)?;
    let version = |number| front.engine.template_version(realm, id, number);
    let versions = numbers.into_iter().map(version).collect::<Result<Vec<_>, _>>()?;
    let published = template.published_version;
    page::list(versions.iter().map(|version| template::version_to_json(version, published)).collect(), has_more)
}

/// Get a version of a template
///
/// It never changes. Needs the scope `read`.
#[utoipa::path(
    get, path = "/v1/templates/{id}/versions/{n}", operation_id = "get_template_version", tag = "Templates",
    params(
        ("id" = schemas::values::TemplateId, Path, description = "The template."),
        ("n" = u32, Path, description = "The version's number.", minimum = 1, maximum = 10_000),
    ),
    responses((
        status = 200, description = "The version.", body = schemas::templates::TemplateVersion,
        example = json!(example::template_version()),
    )),
    extensions(("x-error-codes" = json!(["not_found"]))),
)]
pub(super) async fn version(
    State(front): State<Shared>,
    Tenant(realm): Tenant,
    PathId(id): PathId<kind::Template>,
    PathNumber(number): PathNumber,
    _: NoParams,
) -> Answer {
    let template = front.engine.template(realm, id).await?.template;
    let version = front.engine.template_version(realm, id, number)?;
    reply::ok(&template::version_to_json(&version, template.published_version))
}

async fn change(
    realm: Realm,
    id: TemplateId,
    mutation: Mutation,
    parse: fn(&Value) -> Result<TemplateCommand, Refusal>,
) -> Answer {
    mutation
        .once(move |Job { front, body, claim }| async move {
            front.engine.change_template(realm, id, parse(&body)?, claim, render(200)).await
        })
        .await
}

fn render(status: u16) -> Render<TemplateView> {
    Box::new(move |view| Reply::json(status, &json(view)))
}

fn json(view: &TemplateView) -> Value {
    template::to_json(&view.template, view.is_default)
}
