//! Who may pass: one kind of credential for each part of the site, any other is
//! `authentication_required`. Who passes is counted, then its scopes are looked at.

use axum::extract::{FromRequestParts, MatchedPath, Request, State};
use axum::http::header::AUTHORIZATION;
use axum::http::request::Parts;
use axum::http::{HeaderMap, Method};
use axum::middleware::Next;
use axum::response::IntoResponse;
use vetd_actors::KeyRejection;
use vetd_model::workspace::Scopes;
use vetd_model::{ErrorCode, Realm, Refusal, SessionId, Timestamp};

use super::Shared;
use super::error::{Answer, Problem};
use super::limits::Call;
use super::query::Params;
use super::token;

/// Who passed. The gates below leave it in the request's extensions.
#[derive(Debug, Clone, Copy)]
pub(super) enum Caller {
    /// A tenant's backend.
    Tenant(vetd_actors::Caller),
    /// The person being verified.
    Person(Person),
}

impl Caller {
    /// The world the caller sees.
    pub(super) const fn realm(&self) -> Realm {
        match self {
            Self::Tenant(holder) => holder.realm,
            Self::Person(person) => person.realm,
        }
    }
}

/// Extracted where a tenant's backend calls.
#[derive(Debug, Clone, Copy)]
pub(super) struct Tenant(pub(super) Realm);

/// Extracted where it matters which key a tenant's backend calls with.
#[derive(Debug, Clone, Copy)]
pub(super) struct KeyHolder(pub(super) vetd_actors::Caller);

/// Extracted where the person being verified calls.
#[derive(Debug, Clone, Copy)]
pub(super) struct Person {
    /// Whose session it is.
    pub(super) realm: Realm,
    /// The one session that the token opens.
    pub(super) session: SessionId,
    /// When the token ends: from then on the session can be read, once it has ended itself.
    pub(super) token_ends: Timestamp,
}

impl Person {
    /// Whether the token's time has passed.
    pub(super) fn token_ended(&self, now: Timestamp) -> bool {
        now >= self.token_ends
    }
}

/// The route that needs a scope of its own.
const REVIEW: &str = "/v1/verifications/{id}/review";

/// Lets API keys pass: reading needs the scope `read`, deciding a review `review`, everything else
/// `write`.
pub(super) async fn tenants(State(front): State<Shared>, mut request: Request, next: Next) -> Answer {
    let key = bearer(request.headers()).filter(|key| !token::looks_like_one(key)).ok_or_else(|| {
        Problem::new(
            ErrorCode::AuthenticationRequired,
            "Send an API key: Authorization: Bearer ak_test_… or ak_live_….",
        )
    })?;
    let caller = front.engine.authenticate(key).map_err(rejected)?;
    let call = Call::of_tenant(request.method(), request.uri().path());
    let counted = front.limits.count(call, *caller.key.bytes(), front.engine.now());
    let route = request.extensions().get::<MatchedPath>().map(MatchedPath::as_str);
    let passed = counted.pass().and_then(|()| has_scope(caller.scopes, request.method(), route));
    let mut response = match passed {
        Ok(()) => {
            request.extensions_mut().insert(Caller::Tenant(caller));
            next.run(request).await
        }
        Err(problem) => problem.into_response(),
    };
    counted.write(response.headers_mut());
    Ok(response)
}

fn has_scope(held: Scopes, method: &Method, route: Option<&str>) -> Result<(), Problem> {
    let asked = match route {
        _ if reads(method) => Scopes::READ,
        Some(REVIEW) => Scopes::REVIEW,
        _ => Scopes::WRITE,
    };
    if held.include(asked) {
        return Ok(());
    }
    Err(Refusal::new(ErrorCode::PermissionDenied, format!("The API key lacks the scope {asked}.")).into())
}

/// Lets sdk_tokens pass. One whose time has passed can still read.
pub(super) async fn people(State(front): State<Shared>, mut request: Request, next: Next) -> Answer {
    let token = bearer(request.headers()).filter(|token| token::looks_like_one(token)).ok_or_else(|| {
        Problem::new(ErrorCode::AuthenticationRequired, "Send the session's token: Authorization: Bearer <sdk_token>.")
    })?;
    let grant = front.tokens.verify(token)?;
    front.engine.may_serve(grant.realm).map_err(rejected)?;
    let counted = front.limits.count(Call::Iframe, *grant.session.bytes(), front.engine.now());
    let person = Person { realm: grant.realm, session: grant.session, token_ends: grant.expires_at };
    let mut response = match counted.pass().and_then(|()| opens(&person, front.engine.now(), &request)) {
        Ok(()) => {
            request.extensions_mut().insert(Caller::Person(person));
            next.run(request).await
        }
        Err(problem) => problem.into_response(),
    };
    counted.write(response.headers_mut());
    Ok(response)
}

/// Whether a token opens what the request asks for.
fn opens(person: &Person, now: Timestamp, request: &Request) -> Result<(), Problem> {
    if person.token_ended(now) && !reads(request.method()) {
        return Err(token::ended().into());
    }
    let asked = Params::read(request.uri().query()).take("session_id", |text| Ok(text.to_owned()));
    if asked.is_some_and(|asked| asked != person.session.to_string()) {
        return Err(Problem::new(ErrorCode::PermissionDenied, "The token belongs to another session."));
    }
    Ok(())
}

/// Why a workspace is not served.
pub(super) fn rejected(rejection: KeyRejection) -> Problem {
    match rejection {
        KeyRejection::Invalid => {
            Problem::new(ErrorCode::InvalidApiKey, "The API key is not known, was revoked or has ended.")
        }
        KeyRejection::Suspended => {
            Problem::new(ErrorCode::TenantSuspended, "The workspace is suspended; ask the operator of this server.")
        }
        KeyRejection::LiveNotActivated => Problem::new(
            ErrorCode::LiveModeNotActivated,
            "The workspace is not active in live mode; the operator of this server activates it.",
        ),
    }
}

fn reads(method: &Method) -> bool {
    matches!(*method, Method::GET | Method::HEAD)
}

/// The bearer token of the one `Authorization` header (RFC 6750; the scheme in any case).
fn bearer(headers: &HeaderMap) -> Option<&str> {
    let mut values = headers.get_all(AUTHORIZATION).iter();
    let (value, another) = (values.next()?, values.next());
    let (scheme, token) = value.to_str().ok()?.split_once(' ')?;
    let token = token.trim();
    (another.is_none() && scheme.eq_ignore_ascii_case("bearer") && !token.is_empty()).then_some(token)
}

impl FromRequestParts<Shared> for Caller {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, _: &Shared) -> Result<Self, Problem> {
        let caller = parts.extensions.get::<Self>().copied();
        caller.ok_or_else(|| Problem::internal("a route without a gate".to_owned()))
    }
}

impl FromRequestParts<Shared> for Tenant {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, front: &Shared) -> Result<Self, Problem> {
        let KeyHolder(caller) = KeyHolder::from_request_parts(parts, front).await?;
        Ok(Self(caller.realm))
    }
}

impl FromRequestParts<Shared> for KeyHolder {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, front: &Shared) -> Result<Self, Problem> {
        match Caller::from_request_parts(parts, front).await? {
            Caller::Tenant(caller) => Ok(Self(caller)),
            Caller::Person(_) => Err(Problem::internal("a tenant's route behind the people's gate".to_owned())),
        }
    }
}

impl FromRequestParts<Shared> for Person {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, front: &Shared) -> Result<Self, Problem> {
        match Caller::from_request_parts(parts, front).await? {
            Caller::Person(person) => Ok(person),
            Caller::Tenant(_) => Err(Problem::internal("a person's route behind the tenants' gate".to_owned())),
        }
    }
}

#[cfg(test)]
mod tests {
    use axum::http::HeaderValue;

    use super::*;

    fn headers(values: &[&'static str]) -> HeaderMap {
        values.iter().map(|value| (AUTHORIZATION, HeaderValue::from_static(value))).collect()
    }

    #[test]
    fn one_bearer_header_and_nothing_else() {
        assert_eq!(bearer(&headers(&["Bearer ak_test_1"])), Some("ak_test_1"));
        assert_eq!(bearer(&headers(&["bearer  ak_test_1"])), Some("ak_test_1"));
        for wrong in [&[][..], &["Basic YTpi"], &["Bearer"], &["Bearer "], &["ak_test_1"], &["Bearer a", "Bearer a"]] {
            assert_eq!(bearer(&headers(wrong)), None, "{wrong:?}");
        }
    }
}
