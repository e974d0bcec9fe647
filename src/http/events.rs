//! `/v1/events`: what webhooks tell, to be read again.

use axum::extract::State;
use vetd_actors::EventQuery;
use vetd_model::id::kind;
use vetd_model::webhook::EVENT_TYPES;
use vetd_model::{EventId, Realm, Refusal, VerificationId};

use super::auth::Tenant;
use super::error::{Answer, Problem, absent};
use super::openapi::{example, schemas};
use super::paths::PathId;
use super::query::{NoParams, Params};
use super::{Front, Shared, page, reply};

/// List events
///
/// Oldest first, in the order in which they were committed; webhooks and the stream follow the same
/// order. Events stay readable for as long as the operator keeps them, 30 days unless told
/// otherwise. Read on with the last event of a page as `after`, also when `has_more` is false: what
/// comes later stands behind it. A page may hold fewer events than `limit` although there are more;
/// if so few match that none was found among all that were looked at, that is an error about
/// `after`. Needs the scope `read`.
#[utoipa::path(
    get, path = "/v1/events", operation_id = "list_events", tag = "Events",
    params(schemas::events::EventChoice, schemas::events::EventPlace, schemas::shared::PageSize),
    responses((
        status = 200, description = "A page.", body = schemas::events::EventList,
        example = json!(example::list(&example::event())),
    )),
)]
pub(super) async fn list(State(front): State<Shared>, Tenant(realm): Tenant, mut params: Params) -> Answer {
    let (kind, after, limit) = (take_type(&mut params), take_after(&mut params), params.limit());
    let read = |text: &str| text.parse::<VerificationId>().map_err(|error| error.to_string());
    let verification = params.take("verification_id", read);
    params.finish()?;
    let after = after.map_or(Ok(0), |id| position(&front, realm, "after", id))?;
    let found = front.engine.events(realm, EventQuery { after, kind, verification, limit }).await?;
    page::list_of_json(&found.envelopes, found.has_more)
}

/// Get an event
///
/// Needs the scope `read`.
#[utoipa::path(
    get, path = "/v1/events/{id}", operation_id = "get_event", tag = "Events",
    params(("id" = schemas::values::EventId, Path, description = "The event.")),
    responses((
        status = 200, description = "The event, as webhooks deliver it.", body = schemas::events::Event,
        example = json!(example::event()),
    )),
    extensions(("x-error-codes" = json!(["not_found"]))),
)]
pub(super) async fn get(
    State(front): State<Shared>,
    Tenant(realm): Tenant,
    PathId(id): PathId<kind::Event>,
    _: NoParams,
) -> Answer {
    let envelope = front.engine.event(realm, id).await?.ok_or_else(|| absent("evt"))?;
    reply::json(envelope)
}

/// Takes `type`.
pub(super) fn take_type(params: &mut Params) -> Option<&'static str> {
    let names = || format!("must be one of {}", EVENT_TYPES.join(", "));
    params.take("type", |text| EVENT_TYPES.into_iter().find(|known| *known == text).ok_or_else(names))
}

/// Takes `after`.
pub(super) fn take_after(params: &mut Params) -> Option<EventId> {
    params.take("after", |text| text.parse().map_err(|error| format!("{error}")))
}

/// Where the event stands that a caller has read up to.
pub(super) fn position(front: &Front, realm: Realm, field: &str, id: EventId) -> Result<u64, Problem> {
    let position = front.engine.event_position(realm, id)?;
    let unknown = "must name an event of this workspace and mode that is still kept; without it, events are read from \
                   the oldest one on";
    let unknown = || Refusal::field(field, unknown);
    Ok(position.ok_or_else(unknown)?)
}
