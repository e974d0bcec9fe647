//! `/v1/events/stream`: events as they come, in the format of server-sent events (WHATWG HTML).

use axum::body::Bytes;
use axum::extract::State;
use axum::http::HeaderMap;
use futures::future::BoxFuture;
use futures::stream;
use vetd_actors::Caller;
use vetd_model::{EventId, Realm, Refusal};
use vetd_storage::PositionedEvent;

use super::Shared;
use super::auth::KeyHolder;
use super::error::Answer;
use super::events::{position, take_after, take_type};
use super::follow::Follower;
use super::openapi::{example, schemas};
use super::query::Params;
use super::streams::{self, BEAT, Caps, Place};

/// How many streams one workspace in one mode can have, and all.
pub(super) const CAPS: Caps = Caps {
    of_one: 10,
    one_is_full: "The workspace has ten event streams open in this mode, the most it can; close one first.",
    of_all: 1_000,
    all_are_full: "The server has as many event streams open as it can; try again later, or list events.",
};

/// The name that errors give it.
const LAST_EVENT_ID: &str = "Last-Event-ID";

/// Follow events
///
/// Server-sent events, as `EventSource` reads them: each has the event's identifier as `id`, its
/// type as `event` and its envelope, as webhooks deliver it, as `data`. The stream begins with the
/// next event, or behind the one that `Last-Event-ID` or `after` names, and goes on without a gap.
/// A comment comes every 15 seconds; an `id` that comes with it names an event that was passed
/// over, to go on behind. The stream ends when the key does, and when the server ends; come back
/// then with the last `id` as `Last-Event-ID`. A workspace has at most ten streams in each mode, a
/// server a thousand (`rate_limited`). Needs the scope `read`.
#[utoipa::path(
    get, path = "/v1/events/stream", operation_id = "stream_events", tag = "Events",
    params(
        schemas::events::EventType,
        schemas::events::EventPlace,
        (
            "Last-Event-ID" = Option<schemas::values::EventId>, Header,
            description = "The stream goes on behind this event, whatever `after` says.",
        ),
    ),
    responses((
        status = 200, description = "Events, without end.", content_type = "text/event-stream", body = String,
        example = json!(example::event_stream()),
    )),
)]
pub(super) async fn open(
    State(front): State<Shared>,
    KeyHolder(caller): KeyHolder,
    headers: HeaderMap,
    mut params: Params,
) -> Answer {
    let (kind, after) = (take_type(&mut params), take_after(&mut params));
    params.finish()?;
    let begin = match (last_event_id(&headers)?, after) {
        (Some(id), _) => Some(position(&front, caller.realm, LAST_EVENT_ID, id)?),
        (None, Some(id)) => Some(position(&front, caller.realm, "after", id)?),
        (None, None) => None,
    };
    let place = front.event_streams.take(caller.realm)?;
    let follower = Follower::new(&front, caller.realm, begin);
    let beat = front.engine.clock().sleep(BEAT);
    let events = EventStream { front, caller, kind, follower, beat, passed: None, _place: place };
    let events = stream::unfold(events, |mut events| async move {
        let next = events.next().await?;
        Some((next, events))
    });
    Ok(streams::answer(events))
}

/// What the header says; an empty one counts as absent.
fn last_event_id(headers: &HeaderMap) -> Result<Option<EventId>, Refusal> {
    let wrong = |message: String| Refusal::field(LAST_EVENT_ID, message);
    let mut values = headers.get_all(LAST_EVENT_ID).iter();
    let Some(value) = values.next().filter(|value| !value.is_empty()) else { return Ok(None) };
    if values.next().is_some() {
        return Err(wrong("must be given once".to_owned()));
    }
    let id = value.to_str().unwrap_or_default().parse();
    id.map(Some).map_err(|error| wrong(format!("{error}")))
}

/// One caller's events.
struct EventStream {
    front: Shared,
    caller: Caller,
    /// The type to send; without it every event is sent.
    kind: Option<&'static str>,
    follower: Follower,
    /// Until the next sign of life.
    beat: BoxFuture<'static, ()>,
    /// The last event that was not sent, if it came after all that were.
    passed: Option<EventId>,
    _place: Place<Realm>,
}

impl EventStream {
    /// What to send next; `None` ends the stream.
    async fn next(&mut self) -> Option<Bytes> {
        loop {
            let found = tokio::select! {
                biased;
                () = &mut self.beat => return self.sign_of_life(),
                found = self.follower.next() => found?,
            };
            if self.kind.is_some_and(|kind| found.event.type_name() != kind) {
                self.passed = Some(found.event.id());
                continue;
            }
            self.passed = None;
            match self.front.engine.envelope(self.caller.realm, &found.event).await {
                Ok(Some(envelope)) => return Some(message(&found, &envelope)),
                Ok(None) => {}
                Err(error) => {
                    tracing::warn!(%error, "an event stream ends");
                    return None;
                }
            }
        }
    }

    /// The key is looked at again, and the caller is told how far everything was read: with a rare
    /// type, the last event that it got may be swept before the next one comes.
    fn sign_of_life(&mut self) -> Option<Bytes> {
        self.beat = self.front.engine.clock().sleep(BEAT);
        self.front.engine.authenticate_again(&self.caller).ok()?;
        let id = self.passed.take().map_or(String::new(), |id| format!("id: {id}\n"));
        Some(format!(":\n{id}\n").into())
    }
}

/// The envelope is JSON on one line: its line breaks are escaped.
fn message(found: &PositionedEvent, envelope: &[u8]) -> Bytes {
    let head = format!("id: {}\nevent: {}\ndata: ", found.event.id(), found.event.type_name());
    [head.as_bytes(), envelope, b"\n\n"].concat().into()
}
