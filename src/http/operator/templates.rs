//! Templates from files: applied by slug, as often as one likes, and exported as they are applied.

use axum::extract::State;
use serde_json::{Value, json};
use vetd_actors::{EngineError, Render, Reply, TemplateView};
use vetd_model::template::{self, NewTemplate, TemplateCommand, TemplatePatch};
use vetd_model::validate::{Issues, Object};
use vetd_model::{ErrorCode, Realm, Refusal, TemplateId};

use super::super::error::Answer;
use super::super::query::{Params, number};
use super::super::{Front, Shared, page, reply};
use super::realm::Named;
use super::{Body, change};

/// A template as a file describes it.
struct Wanted {
    template: NewTemplate,
    publish: bool,
    default: bool,
}

impl Wanted {
    /// Reads what `POST /v1/templates` takes, and `publish` and `default` beside it.
    fn parse(mut body: Value) -> Result<Self, Refusal> {
        let mut issues = Issues::default();
        let mut object = Object::root(&body, &mut issues);
        let publish = object.optional_bool("publish", &mut issues);
        let default = object.optional_bool("default", &mut issues);
        if let Some(map) = body.as_object_mut() {
            map.remove("publish");
            map.remove("default");
        }
        let template = issues.absorb(NewTemplate::parse(&body));
        issues.done()?;
        let template = template.ok_or_else(|| Refusal::field("body", "must hold name, slug and flow_config"))?;
        let default = default.unwrap_or(false);
        // Only what is published can be the default.
        Ok(Self { template, publish: publish.unwrap_or(false) || default, default })
    }
}

pub(super) async fn apply(State(front): State<Shared>, mut params: Params, Body(mut body): Body) -> Answer {
    let named = Named::take(&mut params);
    let flag = |text: &str| text.parse::<bool>().map_err(|_| "must be true or false".to_owned());
    let (publish, default) = (params.take("publish", flag), params.take("default", flag));
    params.finish()?;
    let realm = named.one(&front)?;
    // A flag of the command line wins over the file.
    for (name, flag) in [("publish", publish), ("default", default)] {
        if let (Some(flag), Some(map)) = (flag, body.as_object_mut()) {
            map.insert(name.to_owned(), flag.into());
        }
    }
    let wanted = Wanted::parse(body)?;
    change(&front, move |front| async move { apply_to(&front, realm, wanted).await }).await
}

/// Makes the template what the file says, writing only what differs.
async fn apply_to(front: &Front, realm: Realm, wanted: Wanted) -> Result<Reply, EngineError> {
    let engine = &front.engine;
    let Wanted { template, publish, default } = wanted;
    let slug = template.slug.clone();
    let mut done = Vec::new();
    let id = match engine.template_by_slug(realm, &slug)? {
        None => {
            engine.create_template(realm, template, None, discard()).await?;
            done.push("created");
            engine.template_by_slug(realm, &slug)?.ok_or_else(|| gone(&slug))?
        }
        Some(id) => {
            let stored = engine.template(realm, id).await?.template;
            if stored.archived_at.is_some() {
                let message = "The template with this slug is archived for good; choose another slug.";
                return Err(Refusal::new(ErrorCode::InvalidState, message).into());
            }
            if stored.name != template.name || *stored.draft != template.flow {
                let patch = TemplatePatch { name: Some(template.name), slug: None, flow: Some(template.flow) };
                command(front, realm, id, TemplateCommand::Patch(Box::new(patch))).await?;
                done.push("updated");
            }
            id
        }
    };
    if publish && !serves_its_draft(front, realm, id).await? {
        command(front, realm, id, TemplateCommand::Publish).await?;
        done.push("published");
    }
    if default && !engine.template(realm, id).await?.is_default {
        engine.set_default_template(realm, id, None, discard()).await?;
        done.push("made_default");
    }
    let view = engine.template(realm, id).await?;
    Ok(Reply::json(200, &json!({ "changes": done, "template": to_json(&view) })))
}

/// True if new sessions take what the draft says.
async fn serves_its_draft(front: &Front, realm: Realm, id: TemplateId) -> Result<bool, EngineError> {
    let template = front.engine.template(realm, id).await?.template;
    let Some(number) = template.published_version else { return Ok(false) };
    Ok(front.engine.template_version(realm, id, number)?.flow == template.draft)
}

async fn command(front: &Front, realm: Realm, id: TemplateId, command: TemplateCommand) -> Result<(), EngineError> {
    front.engine.change_template(realm, id, command, None, discard()).await.map(drop)
}

pub(super) async fn list(State(front): State<Shared>, mut params: Params) -> Answer {
    let named = Named::take(&mut params);
    params.finish()?;
    let realm = named.one(&front)?;
    let mut shown = Vec::new();
    for id in front.engine.template_ids(realm)? {
        // One template at a time is in memory: a flow may be large.
        let mut view = to_json(&front.engine.template(realm, id).await?);
        if let Some(map) = view.as_object_mut() {
            map.remove("flow_config");
        }
        shown.push(view);
        tokio::task::yield_now().await;
    }
    page::list(shown, false)
}

/// What [`apply`] takes: the draft, or the version that is asked for.
pub(super) async fn export(State(front): State<Shared>, mut params: Params) -> Answer {
    let named = Named::take(&mut params);
    let slug = params.take("slug", |text| Ok(text.to_owned()));
    let version = params.take("version", |text| {
        let version = number(text).and_then(|version| u32::try_from(version).ok());
        version.ok_or_else(|| "must be the number of a version".to_owned())
    });
    params.finish()?;
    let realm = named.one(&front)?;
    let slug = slug.ok_or_else(|| Refusal::field("slug", "is required"))?;
    let id = front.engine.template_by_slug(realm, &slug)?.ok_or_else(|| gone(&slug))?;
    let template = front.engine.template(realm, id).await?.template;
    let flow = match version {
        Some(number) => front.engine.template_version(realm, id, number)?.flow,
        None => template.draft,
    };
    reply::ok(&json!({ "name": template.name, "slug": template.slug, "flow_config": flow.to_json() }))
}

fn gone(slug: &str) -> Refusal {
    Refusal::new(ErrorCode::NotFound, format!("There is no template {slug} in this workspace and mode."))
}

/// The answer of a step that is not the last one.
fn discard() -> Render<TemplateView> {
    Box::new(|_| Reply::json(200, &Value::Null))
}

fn to_json(view: &TemplateView) -> Value {
    template::to_json(&view.template, view.is_default)
}
