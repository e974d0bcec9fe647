//! `/iframe/api/session/stream`: the session at once, and again at each change of it.

use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use axum::body::Bytes;
use axum::extract::State;
use futures::future::BoxFuture;
use futures::stream;
use vetd_actors::Watch;
use vetd_model::{Session, SessionId};

use super::auth::Person;
use super::error::Answer;
use super::iframe::{self, IframePage};
use super::openapi::example;
use super::query::Params;
use super::streams::{self, BEAT, Caps, Place};
use super::web::parents::Parents;
use super::{Shared, sessions};

/// How many streams one session can have, and all. A person has it open on a desk and on a phone, and
/// a page that was loaded again opens one before the old one is known to be gone.
pub(super) const CAPS: Caps = Caps {
    of_one: 5,
    one_is_full: "The session has five streams open, the most it can; close a page first.",
    of_all: 2_000,
    all_are_full: "The server has as many streams open as it can; read the session instead, or try again later.",
};

/// How often to look whether the server is about to end.
const GLANCE: Duration = Duration::from_secs(1);

/// Follow the session
///
/// Server-sent events, all of them `session`, with what `GET /iframe/api/session` answers as `data`: one
/// at once, one at each change, and while checks run one after each of them. A comment comes every 15
/// seconds. The stream ends once the session has, when the token does, and when the server ends. Changes
/// that come fast may share an event. A session has at most five streams, a server 2,000
/// (`rate_limited`).
#[utoipa::path(
    get, path = "/iframe/api/session/stream", operation_id = "stream_iframe_session", tag = "Iframe",
    responses((
        status = 200, description = "The session, again and again.", content_type = "text/event-stream",
        body = String, example = json!(example::session_stream()),
    )),
    extensions(("x-error-codes" = json!(["not_found"]))),
)]
pub(super) async fn open(State(front): State<Shared>, person: Person, mut params: Params) -> Answer {
    params.take("session_id", |_| Ok(()));
    params.finish()?;
    // Before the first look, so that no change falls between the two.
    let watch = front.engine.watch(person.realm, person.session);
    let parents = Parents::of(&front, person.realm).await?;
    iframe::readable(&front, person).await?;
    let place = front.session_streams.take(person.session)?;
    let beat = front.engine.clock().sleep(BEAT);
    let stream = SessionStream { front, person, parents, watch, beat, stage: Stage::First, _place: place };
    Ok(streams::answer(stream::unfold(stream, |mut stream| async move {
        let next = stream.next().await?;
        Some((next, stream))
    })))
}

/// One page's view of its session.
struct SessionStream {
    front: Shared,
    person: Person,
    parents: Parents,
    watch: Watch,
    /// Until the next sign of life.
    beat: BoxFuture<'static, ()>,
    stage: Stage,
    _place: Place<SessionId>,
}

/// Where a stream stands.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Stage {
    /// Nothing was sent.
    First,
    /// What changes is sent.
    Following,
    /// The session's end was sent.
    Last,
}

impl SessionStream {
    /// What to send next; `None` ends the stream.
    async fn next(&mut self) -> Option<Bytes> {
        match self.stage {
            Stage::First => self.stage = Stage::Following,
            Stage::Following => {
                if let Some(beat) = self.changed_or_beat().await? {
                    return Some(beat);
                }
            }
            Stage::Last => return None,
        }
        let session = self.current().await?;
        if session.status().is_terminal() {
            self.stage = Stage::Last;
        }
        Some(self.event(&session))
    }

    /// Waits for a change, or for the time of a sign of life, which is what comes back then.
    async fn changed_or_beat(&mut self) -> Option<Option<Bytes>> {
        while self.front.settings.open.load(Ordering::Relaxed) {
            tokio::select! {
                biased;
                () = &mut self.beat => {
                    self.beat = self.front.engine.clock().sleep(BEAT);
                    self.current().await?;
                    return Some(Some(Bytes::from_static(b":\n\n")));
                }
                () = self.watch.changed() => return Some(None),
                () = self.front.engine.clock().sleep(GLANCE) => {}
            }
        }
        None
    }

    /// The session, if the person may still follow it. Its end ends its token, too, and is worth waiting
    /// for until it is written.
    async fn current(&mut self) -> Option<Arc<Session>> {
        self.front.engine.may_serve(self.person.realm).ok()?;
        let session = sessions::find(&self.front, self.person.realm, self.person.session).await.ok()?;
        if session.is_overdue(self.front.engine.now()) {
            return Some(session);
        }
        iframe::readable(&self.front, self.person).await.ok()
    }

    /// JSON has no line breaks of its own.
    fn event(&self, session: &Session) -> Bytes {
        let done = self.watch.checks_done(session.attempts);
        let page = IframePage::of(session, &self.parents, &self.front.engine, done);
        let data = serde_json::to_string(&page).unwrap_or_default();
        format!("event: session\ndata: {data}\n\n").into()
    }
}
