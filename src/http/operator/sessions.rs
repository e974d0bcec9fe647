//! Sessions as the operator sees them: how they stand and what has happened, not whom they are
//! about. What the person has typed and the session's token are never shown; metadata and the
//! redirect address only where they are asked for by `personal=true`.

use std::sync::Arc;

use axum::extract::State;
use serde_json::{Map, Value, json};
use vetd_actors::{Ask, Reply};
use vetd_model::decide::CanceledBy;
use vetd_model::event::Event;
use vetd_model::id::kind;
use vetd_model::link::Link;
use vetd_model::media::Media;
use vetd_model::verification::{DetailShape, Moment};
use vetd_model::{Session, SessionId};
use vetd_storage::StatusFilter;

use super::super::body::no_fields;
use super::super::error::{Answer, Problem, absent};
use super::super::listing::{self, View};
use super::super::paths::PathId;
use super::super::query::Params;
use super::super::{Front, Shared, page, reply};
use super::realm::Named;
use super::{Body, change};

/// What is shown of a verification.
const OUTCOME: [&str; 8] = ["status", "attempts", "created", "updated", "decided_at", "last_error", "review", "checks"];

pub(super) async fn list(State(front): State<Shared>, mut params: Params) -> Answer {
    let named = Named::take(&mut params);
    let view = View::<kind::Session> { status: StatusFilter::Session, session: |id| id, metadata: true };
    let found = listing::page(&front, named.one(&front)?, params, view).await?;
    page::list(found.items.iter().map(|session| to_json(session, false)).collect(), found.has_more)
}

pub(super) async fn show(State(front): State<Shared>, PathId(id): PathId<kind::Session>, mut params: Params) -> Answer {
    let named = Named::take(&mut params);
    let personal = params.take("personal", |text| text.parse().map_err(|_| "must be true or false".to_owned()));
    params.finish()?;
    let session = find(&front, &named, id).await?;
    let history = front.engine.history(&session).await?;
    reply::ok(&json!({
        "session": to_json(&session, personal.unwrap_or(false)),
        "verification": outcome(&session),
        "events": history.events.iter().map(event).collect::<Vec<_>>(),
        "events_complete": history.complete,
    }))
}

pub(super) async fn cancel(
    State(front): State<Shared>,
    PathId(id): PathId<kind::Session>,
    mut params: Params,
    Body(body): Body,
) -> Answer {
    let named = Named::take(&mut params);
    params.finish()?;
    no_fields(&body)?;
    let realm = find(&front, &named, id).await?.realm;
    change(&front, move |front| async move {
        let render = Box::new(|session: &Session| Reply::json(200, &to_json(session, false)));
        front.engine.ask(realm, id, Ask::Cancel(CanceledBy::Tenant), None, render).await
    })
    .await
}

/// The session, in whichever realm it is.
pub(super) async fn find(front: &Front, named: &Named, id: SessionId) -> Result<Arc<Session>, Problem> {
    for realm in named.all(front)? {
        if let Some(session) = front.engine.session(realm, id).await? {
            return Ok(session);
        }
    }
    Err(absent("ses").into())
}

/// An event without what it tells of the session's constant part.
pub(super) fn event(event: &Event) -> Value {
    json!({
        "id": event.id, "type": event.kind, "created": event.created, "session_id": event.session,
        "sequence": event.sequence, "status": event.moment.status, "attempts": event.moment.attempts,
        "last_error": event.moment.last_error,
    })
}

/// The session as the operator reads it.
fn to_json(session: &Session, with_personal: bool) -> Value {
    let personal = session.personal.as_ref();
    let keys = personal.map(|personal| personal.metadata.keys().collect::<Vec<_>>());
    let mut shown = json!({
        "id": session.id, "object": "session", "status": session.status(),
        "workspace": session.realm.workspace.0, "livemode": session.realm.mode.is_live(),
        "verification_id": session.id.verification(), "template_id": session.template.id,
        "template_slug": session.template.slug, "template_version": session.template.version,
        "metadata_keys": keys, "last_error": session.last_error, "attempts": session.attempts,
        "next_step": session.next_step().map(|step| step.as_str()),
        "created": session.created, "updated": session.updated, "expires_at": session.expires_at,
    });
    if let (true, Some(map)) = (with_personal, shown.as_object_mut()) {
        map.insert("metadata".to_owned(), json!(personal.map(|personal| &personal.metadata)));
        map.insert("redirect_url".to_owned(), json!(personal.map(|personal| &personal.redirect_url)));
    }
    shown
}

/// The verification without fields, media and metadata.
fn outcome(session: &Session) -> Map<String, Value> {
    // None of the links is shown.
    let link = |_: &Media| Link { url: String::new(), expires_at: session.updated };
    let whole = json!(DetailShape::new(session, &Moment::of(session), link));
    OUTCOME.iter().map(|name| ((*name).to_owned(), whole.get(*name).cloned().unwrap_or_default())).collect()
}
