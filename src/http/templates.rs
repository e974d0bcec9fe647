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
use super::paths::{PathId, PathNumber};
use super::query::{NoParams, Params};
use super::{Shared, page, reply};

pub(super) async fn create(Tenant(realm): Tenant, mutation: Mutation) -> Answer {
    mutation
        .once(move |Job { front, body, claim }| async move {
            let new = NewTemplate::parse(&body)?;
            front.engine.create_template(realm, new, claim, render(201)).await
        })
        .await
}

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

pub(super) async fn get(
    State(front): State<Shared>,
    Tenant(realm): Tenant,
    PathId(id): PathId<kind::Template>,
    _: NoParams,
) -> Answer {
    reply::ok(&json(&front.engine.template(realm, id).await?))
}

pub(super) async fn patch(Tenant(realm): Tenant, PathId(id): PathId<kind::Template>, mutation: Mutation) -> Answer {
    change(realm, id, mutation, |body| Ok(TemplateCommand::Patch(Box::new(TemplatePatch::parse(body)?)))).await
}

pub(super) async fn publish(Tenant(realm): Tenant, PathId(id): PathId<kind::Template>, mutation: Mutation) -> Answer {
    change(realm, id, mutation, |body| no_fields(body).map(|()| TemplateCommand::Publish)).await
}

pub(super) async fn rollback(Tenant(realm): Tenant, PathId(id): PathId<kind::Template>, mutation: Mutation) -> Answer {
    change(realm, id, mutation, TemplateCommand::parse_rollback).await
}

pub(super) async fn archive(Tenant(realm): Tenant, PathId(id): PathId<kind::Template>, mutation: Mutation) -> Answer {
    // Whether it is the default is the engine's to know.
    change(realm, id, mutation, |body| no_fields(body).map(|()| TemplateCommand::Archive { is_default: false })).await
}

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
