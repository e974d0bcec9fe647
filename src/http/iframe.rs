//! `/iframe/api`: what the page of the person being verified may do with its one session.

use std::sync::Arc;
use std::time::Duration;

use axum::extract::State as Extract;
use serde::Serialize;
use serde_json::{Map, Value, json};
use vetd_actors::{Ask, Engine, EngineError, Reply};
use vetd_model::challenge::CHALLENGES;
use vetd_model::check::{CheckStatus, LastError};
use vetd_model::decide::CanceledBy;
use vetd_model::flow::{Step, StepKind};
use vetd_model::{Refusal, Session, SessionId, State, Status, Timestamp};

use super::auth::Person;
use super::body::no_fields;
use super::error::{Answer, Problem};
use super::mutation::{Job, Mutation};
use super::openapi::{example, schemas};
use super::paths::PathStep;
use super::query::Params;
use super::web::parents::Parents;
use super::{Front, Shared, media, reply, sessions, token};

/// How long the state stays readable after the session's end, so that the result can be shown.
const AFTERGLOW: Duration = Duration::from_secs(1800);

/// Get the session
///
/// Stays readable for 30 minutes after the session's end, so that the result can be shown.
#[utoipa::path(
    get, path = "/iframe/api/session", operation_id = "get_iframe_session", tag = "Iframe",
    responses((
        status = 200, description = "The session as the page needs it, and what is around it.",
        body = schemas::iframe::IframePage, example = json!(example::iframe_page()),
    )),
    extensions(("x-error-codes" = json!(["not_found"]))),
)]
pub(super) async fn session(Extract(front): Extract<Shared>, person: Person, mut params: Params) -> Answer {
    params.take("session_id", |_| Ok(()));
    params.finish()?;
    let parents = Parents::of(&front, person.realm).await?;
    let session = readable(&front, person).await?;
    reply::ok(&IframePage::of(&session, &parents, &front.engine, 0))
}

/// The person's session, for as long as they may read it.
///
/// # Errors
/// `not_found`, `session_expired`; the store's.
pub(super) async fn readable(front: &Front, person: Person) -> Result<Arc<Session>, Problem> {
    let session = sessions::find(front, person.realm, person.session).await?;
    let now = front.engine.now();
    let is_readable = match session.state.ended_at() {
        Some(end) => now < end.after(AFTERGLOW),
        // Checks that run past the deadline outlive every token; the person waits for them.
        None => !person.token_ended(now) || session.state.is_checked(),
    };
    if is_readable { Ok(session) } else { Err(token::ended().into()) }
}

/// Open the session
///
/// The page has loaded. A second time changes nothing.
#[utoipa::path(
    post, path = "/iframe/api/load", operation_id = "load_iframe_session", tag = "Iframe",
    request_body(content = Option<schemas::shared::NoFields>, example = json!({})),
    responses((
        status = 200, description = "The session as the page needs it.", body = schemas::iframe::IframeSession,
        example = json!(example::iframe_session()),
    )),
    extensions(("x-error-codes" = json!(["not_found", "invalid_state"]))),
)]
pub(super) async fn load(person: Person, mutation: Mutation) -> Answer {
    act(person, mutation, |body| no_fields(&body).map(|()| Ask::Load)).await
}

/// Submit a step
///
/// After the last one the checks run; read the session to see what they say. A step that the flow
/// does not ask for is `check_not_required`.
#[utoipa::path(
    post, path = "/iframe/api/steps/{type}", operation_id = "submit_step", tag = "Iframe",
    params(("type" = schemas::values::StepKindName, Path, description = "The kind of step.")),
    request_body(content = Option<schemas::iframe::StepSubmission>, example = json!({ "accepted": true })),
    responses((
        status = 200, description = "The session as the page needs it.", body = schemas::iframe::IframeSession,
        example = json!(example::consented_iframe_session()),
    )),
    extensions(("x-error-codes" = json!(["not_found", "invalid_state", "check_not_required"]))),
)]
pub(super) async fn submit(person: Person, PathStep(step): PathStep, mutation: Mutation) -> Answer {
    act(person, mutation, move |body| Ok(Ask::Submit { step, body })).await
}

/// Cancel the session
///
/// The person does not go on.
#[utoipa::path(
    post, path = "/iframe/api/cancel", operation_id = "cancel_iframe_session", tag = "Iframe",
    request_body(content = Option<schemas::shared::NoFields>, example = json!({})),
    responses((
        status = 200, description = "The session as the page needs it.", body = schemas::iframe::IframeSession,
        example = json!(example::canceled_iframe_session()),
    )),
    extensions(("x-error-codes" = json!(["not_found"]))),
)]
pub(super) async fn cancel(person: Person, mutation: Mutation) -> Answer {
    act(person, mutation, |body| no_fields(&body).map(|()| Ask::Cancel(CanceledBy::Person))).await
}

/// Renew the token
///
/// Before it ends: within the session's life a page needs a fresh one every half hour.
#[utoipa::path(
    post, path = "/iframe/api/token", operation_id = "renew_iframe_token", tag = "Iframe",
    request_body(content = Option<schemas::shared::NoFields>, example = json!({})),
    responses((
        status = 200, description = "The token.", body = schemas::iframe::IframeToken,
        example = json!(example::iframe_token()),
    )),
    extensions(("x-error-codes" = json!(["not_found"]))),
)]
pub(super) async fn token(person: Person, mutation: Mutation) -> Answer {
    mutation
        .once(move |Job { front, body, claim }| async move {
            no_fields(&body)?;
            let door = front.clone();
            let render = Box::new(move |session: &Session| {
                let token = sessions::renewed(&door, session);
                Reply::json(200, &json!({ "sdk_token": token.text, "expires_at": token.expires_at }))
            });
            front.engine.ask(person.realm, person.session, Ask::Renew, claim, render).await
        })
        .await
}

async fn act(
    person: Person,
    mutation: Mutation,
    parse: impl FnOnce(Value) -> Result<Ask, Refusal> + Send + 'static,
) -> Answer {
    let render = Box::new(current);
    mutation
        .once(move |Job { front, body, claim }| async move {
            let done = match parse(body) {
                Ok(ask) => front.engine.ask(person.realm, person.session, ask, claim, render).await,
                Err(refusal) => Err(refusal.into()),
            };
            unless_ended(&front, person, done).await
        })
        .await
}

/// To the person an ended session is just that, whatever else is wrong with the request.
pub(super) async fn unless_ended(
    front: &Front,
    person: Person,
    done: Result<Reply, EngineError>,
) -> Result<Reply, EngineError> {
    let Err(EngineError::Refused(refusal)) = done else { return done };
    let session = front.engine.session(person.realm, person.session).await?;
    let has_ended = session.is_some_and(|session| session.status().is_terminal());
    Err(if has_ended { token::ended() } else { refusal }.into())
}

/// The session as its page reads it.
pub(super) fn current(session: &Session) -> Reply {
    Reply::json(200, &IframeView::of(session))
}

/// The session as the page needs it: nothing of the tenant's, nothing that was typed.
#[derive(Serialize)]
struct IframeView<'a> {
    object: &'static str,
    session_id: SessionId,
    status: Status,
    livemode: bool,
    steps: Vec<Value>,
    next_step: Option<StepKind>,
    attempts: u32,
    max_attempts: u32,
    last_error: Option<&'a LastError>,
    expires_at: Timestamp,
    theme: &'a Map<String, Value>,
    locales: &'a [String],
    strings: &'a Map<String, Value>,
    redirect_url: Option<&'a str>,
    /// The pictures of this attempt, so that a page that was loaded again knows what it has sent.
    media: Vec<Value>,
}

/// The session, and what only the reader of this moment can be told.
#[derive(Serialize)]
pub(super) struct IframePage<'a> {
    #[serde(flatten)]
    session: IframeView<'a>,
    /// While checks run: how far they are.
    progress: Option<Progress>,
    #[serde(flatten)]
    parents: &'a Parents,
    server_time: Timestamp,
    /// What pictures of documents may be.
    media_types: Vec<&'static str>,
}

/// How many checks of this run have ended, of how many.
#[derive(Serialize)]
struct Progress {
    done: usize,
    total: usize,
}

impl<'a> IframePage<'a> {
    /// As it is now, with so many checks of its run done.
    pub(super) fn of(session: &'a Session, parents: &'a Parents, engine: &Engine, done: usize) -> Self {
        let settled = session.checks.iter().filter(|result| result.finding.status != CheckStatus::Pending);
        let done = match session.state {
            State::Checking { .. } => Some(done),
            State::Awaiting { .. } => Some(settled.count()),
            _ => None,
        };
        let progress = done.map(|done| Progress { done, total: session.flow.checks().len() });
        let (server_time, media_types) = (engine.now(), engine.media_types());
        Self { session: IframeView::of(session), progress, parents, server_time, media_types }
    }
}

impl<'a> IframeView<'a> {
    fn of(session: &'a Session) -> Self {
        let flow = &session.flow;
        let has_ended = session.status().is_terminal();
        let media = session.personal.iter().filter(|_| !has_ended).flat_map(|personal| &personal.media);
        let media = media.filter(|media| media.attempt == session.attempts).map(media::shown).collect();
        let personal = session.personal.as_ref().filter(|_| has_ended);
        Self {
            object: "iframe_session",
            session_id: session.id,
            status: session.status(),
            livemode: session.realm.mode.is_live(),
            steps: flow.steps().iter().map(|step| step_json(session, step)).collect(),
            next_step: session.next_step(),
            attempts: session.attempts,
            max_attempts: flow.max_attempts(),
            last_error: session.last_error.as_ref(),
            expires_at: session.expires_at,
            theme: flow.theme(),
            locales: flow.locales(),
            strings: flow.strings(),
            redirect_url: personal.and_then(|personal| personal.redirect_url.as_deref()),
            media,
        }
    }
}

/// A step as the template writes it, and where it stands.
fn step_json(session: &Session, step: &Step) -> Value {
    let state = if session.accepted().contains(step.kind()) {
        "accepted"
    } else if session.next_step() == Some(step.kind()) {
        "current"
    } else {
        "pending"
    };
    let mut json = step.to_json();
    if let Some(map) = json.as_object_mut() {
        map.insert("state".to_owned(), state.into());
        if step.kind() == StepKind::Liveness && session.flow.has_challenges() {
            map.insert("challenges".to_owned(), json!(session.shown_challenges()));
            map.insert("challenge_count".to_owned(), CHALLENGES.into());
        }
    }
    json
}
