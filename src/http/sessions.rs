//! `/v1/sessions`.

use std::collections::BTreeMap;
use std::sync::Arc;

use axum::extract::State;
use serde::Serialize;
use serde_json::json;
use vetd_actors::{Ask, EngineError, Render, Reply};
use vetd_model::check::LastError;
use vetd_model::decide::CanceledBy;
use vetd_model::id::kind;
use vetd_model::new_session::NewSession;
use vetd_model::{ErrorCode, Realm, Refusal, Session, SessionId, Status, TemplateId, Timestamp, VerificationId};
use vetd_storage::StatusFilter;

use super::auth::Tenant;
use super::body::no_fields;
use super::error::{Answer, absent};
use super::listing::{self, View};
use super::mutation::{Job, Mutation};
use super::openapi::{example, schemas};
use super::paths::PathId;
use super::query::{NoParams, Params};
use super::token::SdkToken;
use super::{Front, Shared, page, reply};

/// Create a session
///
/// Makes a session and its verification. Send `iframe_url` to the page in which the person will
/// prove who they are. Needs the scope `write`.
#[utoipa::path(
    post, path = "/v1/sessions", operation_id = "create_session", tag = "Sessions",
    request_body(content = Option<schemas::sessions::SessionCreate>, example = json!(example::session_create())),
    responses((
        status = 201, description = "The session, with its token.", body = schemas::sessions::SessionCreated,
        example = json!(example::session_created()),
    )),
)]
pub(super) async fn create(Tenant(realm): Tenant, mutation: Mutation) -> Answer {
    mutation
        .once(move |Job { front, body, claim }| async move {
            let new = NewSession::parse(&body, realm.mode)?;
            let door = front.clone();
            let render: Render<Session> =
                Box::new(move |session| created(&door, session, session.expires_at, &door.settings.public_url));
            let public_url = front.settings.public_url.clone();
            front.engine.create_session(realm, new, public_url, claim, render).await
        })
        .await
}

/// List sessions
///
/// Newest first. Needs the scope `read`.
#[utoipa::path(
    get, path = "/v1/sessions", operation_id = "list_sessions", tag = "Sessions",
    params(schemas::sessions::SessionFilter, schemas::shared::PageSize),
    responses((
        status = 200, description = "A page.", body = schemas::sessions::SessionList,
        example = json!(example::list(&example::session())),
    )),
)]
pub(super) async fn list(State(front): State<Shared>, Tenant(realm): Tenant, params: Params) -> Answer {
    let view = View::<kind::Session> { status: StatusFilter::Session, session: |id| id, metadata: false };
    let found = listing::page(&front, realm, params, view).await?;
    page::list(found.items.iter().map(SessionView::of).collect(), found.has_more)
}

/// Get a session
///
/// As it stands now, without its token. Needs the scope `read`.
#[utoipa::path(
    get, path = "/v1/sessions/{id}", operation_id = "get_session", tag = "Sessions",
    params(("id" = schemas::values::SessionId, Path, description = "The session.")),
    responses((
        status = 200, description = "The session.", body = schemas::sessions::Session,
        example = json!(example::session()),
    )),
    extensions(("x-error-codes" = json!(["not_found"]))),
)]
pub(super) async fn get(
    State(front): State<Shared>,
    Tenant(realm): Tenant,
    PathId(id): PathId<kind::Session>,
    _: NoParams,
) -> Answer {
    let session = find(&front, realm, id).await?;
    reply::ok(&SessionView::of(&session))
}

/// Cancel a session
///
/// Allowed until it has ended, also while checks run. Needs the scope `write`.
#[utoipa::path(
    post, path = "/v1/sessions/{id}/cancel", operation_id = "cancel_session", tag = "Sessions",
    params(("id" = schemas::values::SessionId, Path, description = "The session.")),
    request_body(content = Option<schemas::shared::NoFields>, example = json!({})),
    responses((
        status = 200, description = "The session, canceled.", body = schemas::sessions::Session,
        example = json!(example::canceled_session()),
    )),
    extensions(("x-error-codes" = json!(["not_found", "verification_not_cancelable"]))),
)]
pub(super) async fn cancel(Tenant(realm): Tenant, PathId(id): PathId<kind::Session>, mutation: Mutation) -> Answer {
    mutation
        .once(move |Job { front, body, claim }| async move {
            no_fields(&body)?;
            front.engine.ask(realm, id, Ask::Cancel(CanceledBy::Tenant), claim, Box::new(current)).await
        })
        .await
}

/// Renew a session's token
///
/// A fresh `sdk_token` for a session that lives: the person changed device, or came back after half
/// an hour. The old one stays valid until its own end. Needs the scope `write`.
#[utoipa::path(
    post, path = "/v1/sessions/{id}/token", operation_id = "renew_session_token", tag = "Sessions",
    params(("id" = schemas::values::SessionId, Path, description = "The session.")),
    request_body(content = Option<schemas::shared::NoFields>, example = json!({})),
    responses((
        status = 200, description = "The token.", body = schemas::sessions::SessionToken,
        example = json!(example::session_token()),
    )),
    extensions(("x-error-codes" = json!(["not_found", "invalid_state"]))),
)]
pub(super) async fn token(Tenant(realm): Tenant, PathId(id): PathId<kind::Session>, mutation: Mutation) -> Answer {
    mutation
        .once(move |Job { front, body, claim }| async move {
            no_fields(&body)?;
            let door = front.clone();
            let render = Box::new(move |session: &Session| {
                let token = renewed(&door, session);
                let iframe_url = iframe_url(&door.settings.public_url, id, &token);
                let body = json!({ "sdk_token": token.text, "iframe_url": iframe_url, "expires_at": token.expires_at });
                Reply::json(200, &body)
            });
            front.engine.ask(realm, id, Ask::Renew, claim, render).await.map_err(to_tenant)
        })
        .await
}

/// To the person a session that has ended is `session_expired`; a tenant's credential has not
/// ended, so to the tenant it is a move that is not allowed.
pub(super) fn to_tenant(error: EngineError) -> EngineError {
    match error {
        EngineError::Refused(refusal) if refusal.code == ErrorCode::SessionExpired => {
            Refusal { code: ErrorCode::InvalidState, ..refusal }.into()
        }
        other => other,
    }
}

/// A session as the tenant reads it.
#[derive(Serialize)]
struct SessionView<'a> {
    id: SessionId,
    object: &'static str,
    status: Status,
    livemode: bool,
    verification_id: VerificationId,
    template_id: TemplateId,
    template_slug: &'a str,
    template_version: u32,
    metadata: Option<&'a BTreeMap<String, String>>,
    redirect_url: Option<&'a str>,
    last_error: Option<&'a LastError>,
    #[serde(skip_serializing_if = "Option::is_none")]
    sdk_token: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    iframe_url: Option<String>,
    created: Timestamp,
    expires_at: Timestamp,
}

impl<'a> SessionView<'a> {
    fn of(session: &'a Session) -> Self {
        let personal = session.personal.as_ref();
        Self {
            id: session.id,
            object: "session",
            status: session.status(),
            livemode: session.realm.mode.is_live(),
            verification_id: session.id.verification(),
            template_id: session.template.id,
            template_slug: &session.template.slug,
            template_version: session.template.version,
            metadata: personal.map(|personal| &personal.metadata),
            redirect_url: personal.and_then(|personal| personal.redirect_url.as_deref()),
            last_error: session.last_error.as_ref(),
            sdk_token: None,
            iframe_url: None,
            created: session.created,
            expires_at: session.expires_at,
        }
    }
}

/// The session as it stands.
pub(super) fn current(session: &Session) -> Reply {
    Reply::json(200, &SessionView::of(session))
}

/// The answer to the session's creation, made from nothing that changes afterwards (but for a
/// redaction): today's replay equals the first answer byte for byte.
///
/// A release that changes this shape keeps the old one for a day, for what was made before it.
pub(super) fn created(front: &Front, session: &Session, expires_at: Timestamp, public_url: &str) -> Reply {
    let token = front.tokens.issue(session, session.created, expires_at);
    let view = SessionView {
        status: Status::Created,
        last_error: None,
        iframe_url: Some(iframe_url(public_url, session.id, &token)),
        sdk_token: Some(token.text),
        expires_at,
        ..SessionView::of(session)
    };
    Reply::json(201, &view)
}

/// A fresh token for a session that lives.
pub(super) fn renewed(front: &Front, session: &Session) -> SdkToken {
    front.tokens.issue(session, front.engine.now(), session.expires_at)
}

/// One session of the realm.
pub(super) async fn find(front: &Front, realm: Realm, id: SessionId) -> Result<Arc<Session>, EngineError> {
    Ok(front.engine.session(realm, id).await?.ok_or_else(|| absent("ses"))?)
}

pub(super) fn iframe_url(public_url: &str, id: SessionId, token: &SdkToken) -> String {
    format!("{public_url}/iframe?session_id={id}&token={}", token.text)
}
