//! `/demo`, for a first look in test mode: a page that embeds a session, and the session for it, made
//! without a key. So it is there only where nobody but this machine's own people reach it, or where the
//! operator wants it.

use std::collections::BTreeMap;

use axum::extract::{Path, Request, State};
use axum::http::header::{CONTENT_SECURITY_POLICY, HOST, ORIGIN, REFERRER_POLICY};
use axum::http::{HeaderMap, HeaderName, HeaderValue};
use axum::response::Response;
use serde_json::Value;
use url::Url;
use vetd_actors::Render;
use vetd_model::new_session::{NewSession, TemplateChoice};
use vetd_model::test_outcome::TestOutcome;
use vetd_model::validate::{Issues, Object};
use vetd_model::{ErrorCode, Mode, Realm, Refusal, Session, address, scaffold};

use super::super::body::RawBody;
use super::super::error::{Answer, Problem};
use super::super::limits::Call;
use super::super::{Demo, Shared, auth, reply, sessions};
use super::absent;

/// vetd's own files and its own iframe.
const POLICY: HeaderValue = HeaderValue::from_static(
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; connect-src 'self'; \
     frame-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'; \
     require-trusted-types-for 'script'; trusted-types 'none'",
);
/// What a browser says about where a request comes from.
const FETCH_SITE: HeaderName = HeaderName::from_static("sec-fetch-site");
/// What proxies add: with one of these, a request has come from elsewhere.
const FORWARDED: [&str; 3] = ["forwarded", "x-forwarded-for", "via"];
/// The largest body, in bytes.
const BODY_LIMIT: usize = 4 * 1024;

/// `GET /demo`.
pub(in crate::http) async fn page(State(front): State<Shared>, headers: HeaderMap) -> Answer {
    let mut response = file(&front, "index.html", &headers)?;
    response.headers_mut().insert(CONTENT_SECURITY_POLICY, POLICY);
    response.headers_mut().insert(REFERRER_POLICY, HeaderValue::from_static("no-referrer"));
    Ok(response)
}

/// `GET /demo/{file}`: what the page needs.
pub(in crate::http) async fn asset(
    State(front): State<Shared>,
    Path(name): Path<String>,
    headers: HeaderMap,
) -> Answer {
    if name == "index.html" { Err(absent()) } else { file(&front, &name, &headers) }
}

fn file(front: &Shared, name: &str, asked: &HeaderMap) -> Result<Response, Problem> {
    let files = front.site.files();
    files.demo(name).map(|file| file.send(asked)).ok_or_else(absent)
}

/// `POST /demo/sessions` `{flow, outcome}`: a test session of the first workspace, answered as
/// `POST /v1/sessions` answers it. Only the demo's own page can ask for one.
pub(in crate::http) async fn create(State(front): State<Shared>, request: Request) -> Answer {
    let (parts, body) = request.into_parts();
    refuse_strangers(&parts.headers, front.settings.demo)?;
    front.limits.count(Call::CreateSession, [0; 16], front.engine.now()).pass()?;
    let body = RawBody::read(&front, &parts, body, BODY_LIMIT).await?.json()?;
    let workspace = front.engine.workspaces().first().map(|workspace| workspace.id).ok_or_else(absent)?;
    let realm = Realm { workspace, mode: Mode::Test };
    front.engine.may_serve(realm).map_err(auth::rejected)?;
    let (door, public_url) = (front.clone(), front.settings.public_url.clone());
    let render: Render<Session> =
        Box::new(move |session| sessions::created(&door, session, session.expires_at, &door.settings.public_url));
    reply::send(front.engine.create_session(realm, parse(&body)?, public_url, None, render).await?)
}

fn parse(body: &Value) -> Result<NewSession, Refusal> {
    let mut issues = Issues::default();
    let mut object = Object::root(body, &mut issues);
    let slug = object.required_with("flow", &mut issues, |text| match text {
        "data" => Ok(scaffold::SLUG),
        "document" => Ok(scaffold::DOCUMENT_SLUG),
        _ => Err("must be data or document".to_owned()),
    });
    let test_outcome = object.optional_with("outcome", &mut issues, TestOutcome::parse);
    object.finish(&mut issues);
    issues.done()?;
    Ok(NewSession {
        template: TemplateChoice::Slug(slug.unwrap_or(scaffold::SLUG).to_owned()),
        metadata: BTreeMap::from([("source".to_owned(), "demo".to_owned())]),
        redirect_url: None,
        expires_in: None,
        test_outcome,
    })
}

/// Other sites can send requests to this machine through a browser that runs on it, even under a name
/// of their own that they have made to lead here.
fn refuse_strangers(headers: &HeaderMap, demo: Demo) -> Result<(), Problem> {
    let text = |name: &HeaderName| headers.get(name).and_then(|value| value.to_str().ok());
    let is_own = match (text(&FETCH_SITE), text(&ORIGIN)) {
        (Some(site), _) => site == "same-origin",
        (None, Some(origin)) => Url::parse(origin).is_ok_and(|origin| Some(origin.authority()) == text(&HOST)),
        (None, None) => true,
    };
    let is_forwarded = FORWARDED.iter().any(|name| headers.contains_key(*name));
    let names_here = text(&HOST).is_some_and(|host| address::leads_to_loopback(&format!("http://{host}")));
    let may_come = demo == Demo::Everyone || names_here && !is_forwarded;
    if is_own && may_come {
        return Ok(());
    }
    Err(Problem::new(ErrorCode::PermissionDenied, "Only the demo's own page makes its sessions."))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn refused(demo: Demo, headers: &[(HeaderName, &'static str)]) -> bool {
        let headers = headers.iter().map(|(name, value)| (name.clone(), HeaderValue::from_static(value))).collect();
        refuse_strangers(&headers, demo).is_err()
    }

    #[test]
    fn strangers_make_no_session() {
        let host = (HOST, "127.0.0.1:8080");
        assert!(!refused(Demo::Loopback, std::slice::from_ref(&host)));
        assert!(!refused(Demo::Loopback, &[(HOST, "localhost:8080"), (FETCH_SITE, "same-origin")]));
        assert!(!refused(Demo::Loopback, &[host.clone(), (ORIGIN, "http://127.0.0.1:8080")]));
        assert!(refused(
            Demo::Loopback,
            &[host.clone(), (FETCH_SITE, "cross-site"), (ORIGIN, "http://127.0.0.1:8080")]
        ));
        assert!(refused(Demo::Loopback, &[host.clone(), (FETCH_SITE, "same-site")]));
        let proxied = HeaderName::from_static("x-forwarded-for");
        assert!(refused(Demo::Loopback, &[host.clone(), (proxied, "192.0.2.1")]));
        assert!(refused(Demo::Loopback, &[host, (ORIGIN, "http://127.0.0.1:3000")]));
        let rebound = [(HOST, "evil.example:8080"), (FETCH_SITE, "same-origin")];
        assert!(refused(Demo::Loopback, &rebound) && refused(Demo::Loopback, &[]));
        assert!(!refused(Demo::Everyone, &rebound));
    }
}
