//! Every change goes this way: the idempotency gate first, then validation, then the work, which
//! a client that hangs up does not stop.

use axum::extract::{FromRequest, FromRequestParts, Request};
use axum::http::request::Parts;
use axum::http::{HeaderMap, HeaderName};
use bytes::Bytes;
use serde_json::Value;
use sha2::{Digest, Sha256};
use vetd_actors::{Claim, EngineError, IdempotencyKey, Once, Reply};
use vetd_model::{Refusal, Session};
use vetd_storage::{Answer as Filed, IdempotencySlot};

use super::auth::Caller;
use super::body::RawBody;
use super::error::{Answer, Problem};
use super::frame::Permit;
use super::query::Params;
use super::{Front, Shared};
use super::{chips, iframe, reply, sessions, token, verifications};

const HEADER: HeaderName = HeaderName::from_static("idempotency-key");
/// The largest file that is sent, in bytes.
pub(super) const FILE_LIMIT: usize = 16 * 1024 * 1024;
/// The longest key, in characters.
const KEY_LIMIT: usize = 255;

/// A request to change something, read but not yet looked into. The last argument of its
/// handler: it takes the body.
pub(super) struct Mutation {
    front: Shared,
    caller: Caller,
    key: Option<IdempotencyKey>,
    path: String,
    body: RawBody,
    query: Option<String>,
    permit: Option<Permit>,
}

/// A request to send a file: as a [`Mutation`], with a body that is taken as it is and may be as
/// large as a picture.
pub(super) struct Upload(Mutation);

/// What the work of a [`Mutation`] is given.
pub(super) struct Job<T = Value> {
    /// The front door.
    pub(super) front: Shared,
    /// The body's JSON, or its bytes.
    pub(super) body: T,
    /// The right to file the answer, if the request has a key.
    pub(super) claim: Option<Claim>,
}

impl Mutation {
    /// Does `work` at most once for the request's key and answers what it came to.
    pub(super) async fn once<W, F>(self, work: W) -> Answer
    where
        W: FnOnce(Job) -> F + Send + 'static,
        F: Future<Output = Result<Reply, EngineError>> + Send + 'static,
    {
        self.once_with(|body| body.json(), work).await
    }

    async fn once_with<T, W, F>(self, read: fn(RawBody) -> Result<T, Refusal>, work: W) -> Answer
    where
        T: Send + 'static,
        W: FnOnce(Job<T>) -> F + Send + 'static,
        F: Future<Output = Result<Reply, EngineError>> + Send + 'static,
    {
        let Self { front, caller, key, path, body, query, permit } = self;
        let inner = front.clone();
        let once = front.engine.once(key, move |claim| async move {
            refuse_parameters(query.as_deref(), &caller)?;
            let body = read(body)?;
            let done = work(Job { front: inner, body, claim }).await;
            drop(permit);
            done
        });
        let once = Box::pin(once).await?;
        if !matches!(once, Once::First(_)) {
            front.settings.meters.replays.inc();
        }
        match once {
            Once::First(answer) => reply::send(answer),
            Once::Twin(answer) => reply::replay(answer.status, answer.body),
            Once::Filed(Filed::Body { status, body }) => reply::replay(status, body),
            Once::Filed(Filed::SessionCreated { session, expires_at, public_url }) => {
                let stored = front.engine.session(caller.realm(), session).await?;
                let session =
                    stored.ok_or_else(|| Problem::internal(format!("{session} is gone, its answer is not")))?;
                let answer = sessions::created(&front, &session, expires_at, &public_url);
                reply::replay(answer.status, answer.body)
            }
            Once::Filed(Filed::Redacted { status, session }) => {
                let stored = front.engine.session(caller.realm(), session).await?;
                let session =
                    stored.ok_or_else(|| Problem::internal(format!("{session} is gone, its answer is not")))?;
                reply::replay(status, redacted(&front, &caller, &path, &session)?.body)
            }
        }
    }

    async fn read(request: Request, front: &Shared, limit: impl Fn(&Caller) -> usize) -> Result<Self, Problem> {
        let (mut parts, body) = request.into_parts();
        let opening = Opening::of(&mut parts, front).await?;
        let body = RawBody::read(front, &parts, body, limit(&opening.caller)).await?;
        Ok(opening.with(body))
    }
}

/// A request to change something, without its body.
pub(super) struct Opening {
    front: Shared,
    caller: Caller,
    slot: Option<IdempotencySlot>,
    path: String,
    query: Option<String>,
    permit: Option<Permit>,
}

impl Opening {
    /// Reads what stands in front of the body.
    pub(super) async fn of(parts: &mut Parts, front: &Shared) -> Result<Self, Problem> {
        let caller = Caller::from_request_parts(parts, front).await?;
        let slot = key_of(&parts.headers)?.map(|key| slot(&caller, parts, key));
        let (path, query) = (parts.uri.path().to_owned(), parts.uri.query().map(str::to_owned));
        let permit = parts.extensions.remove::<Permit>();
        Ok(Self { front: front.clone(), caller, slot, path, query, permit })
    }

    /// Where the request's answer is filed, if it has a key.
    pub(super) const fn slot(&self) -> Option<IdempotencySlot> {
        self.slot
    }

    /// For requests that never come to the gate: refuses parameters, as it does.
    pub(super) fn refuse_parameters(&self) -> Result<(), Refusal> {
        refuse_parameters(self.query.as_deref(), &self.caller)
    }

    /// The request with this file, which may have come with earlier requests in part.
    pub(super) fn with_file(self, bytes: Bytes) -> Upload {
        Upload(self.with(RawBody::file(bytes)))
    }

    fn with(self, body: RawBody) -> Mutation {
        let Self { front, caller, slot, path, query, permit } = self;
        let key = slot.map(|slot| IdempotencyKey { slot, fingerprint: Sha256::digest(&body.bytes).into() });
        Mutation { front, caller, key, path, body, query, permit }
    }
}

impl Upload {
    /// As [`Mutation::once`].
    pub(super) async fn once<W, F>(self, work: W) -> Answer
    where
        W: FnOnce(Job<Bytes>) -> F + Send + 'static,
        F: Future<Output = Result<Reply, EngineError>> + Send + 'static,
    {
        self.0.once_with(|body| Ok(body.bytes), work).await
    }
}

/// What is left of an answer whose data was erased: the object that it showed, as it stands.
///
/// # Errors
/// `session_expired` if nothing is left of it.
fn redacted(front: &Front, caller: &Caller, path: &str, session: &Session) -> Result<Reply, Refusal> {
    match caller {
        Caller::Person(_) if path.starts_with("/iframe/api/media/") => Err(token::ended()),
        Caller::Person(_) => Ok(iframe::current(session)),
        Caller::Tenant(_) if path.ends_with("/chip") => Ok(chips::taken(session)),
        Caller::Tenant(_) if path.starts_with("/v1/verifications/") => Ok(verifications::current(front, session)),
        Caller::Tenant(_) => Ok(sessions::current(session)),
    }
}

/// A change takes no parameters; the iframe may repeat its session's identifier.
fn refuse_parameters(query: Option<&str>, caller: &Caller) -> Result<(), Refusal> {
    let mut params = Params::read(query);
    if let Caller::Person(_) = caller {
        params.take("session_id", |_| Ok(()));
    }
    params.finish()
}

impl FromRequest<Shared> for Mutation {
    type Rejection = Problem;

    async fn from_request(request: Request, front: &Shared) -> Result<Self, Problem> {
        let limit = |caller: &Caller| match caller {
            Caller::Tenant(_) => front.settings.v1_body_limit,
            Caller::Person(_) => front.settings.iframe_body_limit,
        };
        Self::read(request, front, limit).await
    }
}

impl FromRequest<Shared> for Upload {
    type Rejection = Problem;

    async fn from_request(request: Request, front: &Shared) -> Result<Self, Problem> {
        Mutation::read(request, front, |_| FILE_LIMIT).await.map(Self)
    }
}

/// The one `Idempotency-Key` of a request, if it has one.
fn key_of(headers: &HeaderMap) -> Result<Option<&str>, Refusal> {
    let mut values = headers.get_all(HEADER).iter();
    let Some(value) = values.next() else { return Ok(None) };
    let visible = value.as_bytes().iter().all(u8::is_ascii_graphic);
    let key = value.to_str().ok().filter(|key| visible && (1..=KEY_LIMIT).contains(&key.len()));
    match (key, values.next()) {
        (Some(key), None) => Ok(Some(key)),
        _ => Err(Refusal::field("Idempotency-Key", "must be given once, with 1 to 255 visible ASCII characters")),
    }
}

/// Where the key's answer is filed: workspace, mode, session (for its own person), method, path
/// and key, each with its length in front, so that no two combinations can meet.
fn slot(caller: &Caller, parts: &Parts, key: &str) -> IdempotencySlot {
    let session = match caller {
        Caller::Tenant(_) => Vec::new(),
        Caller::Person(person) => person.session.bytes().to_vec(),
    };
    let (method, path) = (parts.method.as_str(), parts.uri.path());
    let mut hash = Sha256::new();
    for part in [&caller.realm().bytes()[..], &session, method.as_bytes(), path.as_bytes(), key.as_bytes()] {
        hash.update((part.len() as u64).to_be_bytes());
        hash.update(part);
    }
    let hash: [u8; 32] = hash.finalize().into();
    let mut slot = [0; 16];
    slot.copy_from_slice(&hash[..16]);
    IdempotencySlot(slot)
}

#[cfg(test)]
mod tests {
    use axum::http::HeaderValue;
    use vetd_model::workspace::Scopes;
    use vetd_model::{ApiKeyId, Mode, Realm, SessionId, Timestamp, WorkspaceId};

    use super::super::auth::Person;
    use super::*;

    fn keyed(values: &[&[u8]]) -> HeaderMap {
        values.iter().map(|value| (HEADER, HeaderValue::from_bytes(value).unwrap())).collect()
    }

    #[test]
    fn a_key_is_one_header_of_1_to_255_visible_ascii_characters() {
        assert_eq!(key_of(&keyed(&[])), Ok(None));
        assert_eq!(key_of(&keyed(&[b"!~"])), Ok(Some("!~")));
        assert_eq!(key_of(&keyed(&[&[b'k'; 255]])).unwrap().map(str::len), Some(255));
        let wrong: [&[&[u8]]; 6] = [&[b""], &[&[b'k'; 256]], &[b"a b"], &[b"a\tb"], &["ü".as_bytes()], &[b"a", b"a"]];
        for values in wrong {
            let refusal = key_of(&keyed(values)).unwrap_err();
            assert_eq!(refusal.fields[0].path, "Idempotency-Key", "{values:?}");
        }
    }

    fn parts(method: &str, uri: &str) -> Parts {
        Request::builder().method(method).uri(uri).body(axum::body::Body::empty()).unwrap().into_parts().0
    }

    #[test]
    fn slots_differ_in_every_part_but_the_query() {
        let realm = |workspace, mode| Realm { workspace: WorkspaceId(workspace), mode };
        let tenant = |realm| {
            Caller::Tenant(vetd_actors::Caller { realm, scopes: Scopes::ALL, key: ApiKeyId::from_bytes([1; 16]) })
        };
        let person = |byte| Person {
            realm: realm(1, Mode::Test),
            session: SessionId::from_bytes([byte; 16]),
            token_ends: Timestamp::from_seconds(1),
        };
        let ours = tenant(realm(1, Mode::Test));
        let base = slot(&ours, &parts("POST", "/v1/sessions"), "k");
        assert_eq!(base, slot(&ours, &parts("POST", "/v1/sessions?a=b"), "k"));
        let mut all = vec![
            base,
            slot(&tenant(realm(2, Mode::Test)), &parts("POST", "/v1/sessions"), "k"),
            slot(&tenant(realm(1, Mode::Live)), &parts("POST", "/v1/sessions"), "k"),
            slot(&Caller::Person(person(1)), &parts("POST", "/v1/sessions"), "k"),
            slot(&Caller::Person(person(2)), &parts("POST", "/v1/sessions"), "k"),
            slot(&ours, &parts("PATCH", "/v1/sessions"), "k"),
            slot(&ours, &parts("POST", "/v1/sessionsk"), ""),
            slot(&ours, &parts("POST", "/v1/sessions"), "kk"),
        ];
        let count = all.len();
        all.sort_by_key(|slot| slot.0);
        all.dedup();
        assert_eq!(all.len(), count);
    }
}
