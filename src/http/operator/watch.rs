//! Follows sessions live: a line of JSON for each move, until the session has ended, the server
//! ends or the operator hangs up.

use std::convert::Infallible;

use axum::body::{Body, Bytes};
use axum::extract::State;
use axum::http::HeaderValue;
use axum::http::header::CONTENT_TYPE;
use axum::response::Response;
use futures::stream;
use serde_json::{Value, json};
use vetd_model::event::Event;
use vetd_model::{Session, SessionId};

use super::super::Shared;
use super::super::error::{Answer, absent};
use super::super::follow::Follower;
use super::super::query::Params;
use super::realm::Named;
use super::sessions;

const LINES_OF_JSON: HeaderValue = HeaderValue::from_static("application/x-ndjson");

pub(super) async fn watch(State(front): State<Shared>, mut params: Params) -> Answer {
    let named = Named::take(&mut params);
    let id = params.take("session", |text| text.parse::<SessionId>().map_err(|error| error.to_string()));
    params.finish()?;
    let realm = match id {
        Some(id) => sessions::find(&front, &named, id).await?.realm,
        None => named.one(&front)?,
    };
    // The following begins before the session is read: a move in between is seen twice, not missed.
    let follower = Follower::new(&front, realm, None);
    let mut watch = Watch { follower, only: id, seen: 0, line: None, ended: false };
    if let Some(id) = id {
        let session = front.engine.session(realm, id).await?.ok_or_else(|| absent("ses"))?;
        watch.begin(&session);
    }
    let lines = stream::unfold(watch, |mut watch| async move {
        let line = watch.next().await?;
        Some((Ok::<_, Infallible>(line), watch))
    });
    let mut response = Response::new(Body::from_stream(lines));
    response.headers_mut().insert(CONTENT_TYPE, LINES_OF_JSON);
    Ok(response)
}

struct Watch {
    follower: Follower,
    /// The one session that is watched; without it all of the realm are.
    only: Option<SessionId>,
    /// The sequence of the watched session's last event that is told.
    seen: u32,
    /// Not told yet.
    line: Option<Bytes>,
    ended: bool,
}

impl Watch {
    /// Tells how the watched session stands.
    fn begin(&mut self, session: &Session) {
        self.seen = session.chain.sequence;
        self.ended = session.status().is_terminal();
        self.tell(&json!({
            "id": null, "type": "now", "created": session.updated, "session_id": session.id,
            "sequence": session.chain.sequence, "status": session.status(), "attempts": session.attempts,
            "last_error": session.last_error,
        }));
    }

    async fn next(&mut self) -> Option<Bytes> {
        loop {
            if let Some(line) = self.line.take() {
                return Some(line);
            }
            if self.ended {
                return None;
            }
            let found = self.follower.next().await?;
            if let Some(event) = found.event.as_session() {
                self.take(event);
            }
        }
    }

    fn take(&mut self, event: &Event) {
        if self.only.is_some_and(|only| event.session != only || event.sequence <= self.seen || self.ended) {
            return;
        }
        self.ended = self.only.is_some() && event.moment.status.is_terminal();
        self.tell(&sessions::event(event));
    }

    fn tell(&mut self, line: &Value) {
        self.line = Some(Bytes::from(format!("{line}\n")));
    }
}
