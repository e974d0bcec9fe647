//! `GET /iframe`: the page itself, under a policy that lets nothing in but its own files.

use axum::extract::State;
use axum::http::header::{ACCEPT, CONTENT_SECURITY_POLICY, REFERRER_POLICY};
use axum::http::{HeaderMap, HeaderName, HeaderValue};
use axum::response::{IntoResponse, Response};
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use vetd_model::{ErrorCode, Realm, Refusal, SessionId};

use super::super::auth;
use super::super::error::Problem;
use super::super::file::{File, content_type};
use super::super::query::Params;
use super::super::{Front, Shared};
use super::parents::Parents;
use super::{Files, RESOURCE_POLICY};

/// What the page may use of the device. Everything else that a page can ask for is off.
const PERMISSIONS: HeaderValue = HeaderValue::from_static(
    "camera=(self), microphone=(self), accelerometer=(), autoplay=(self), display-capture=(), \
     encrypted-media=(), fullscreen=(self), geolocation=(), gyroscope=(), hid=(), idle-detection=(), \
     local-fonts=(), magnetometer=(), midi=(), payment=(), picture-in-picture=(), \
     publickey-credentials-create=(), publickey-credentials-get=(), screen-wake-lock=(self), serial=(), usb=(), \
     xr-spatial-tracking=()",
);
/// Nothing but a style: for the page that says what is wrong. It does nothing, so anybody may frame it.
const ERROR_POLICY: HeaderValue =
    HeaderValue::from_static("default-src 'none'; style-src 'self'; base-uri 'none'; form-action 'none'");

const PERMISSIONS_POLICY: HeaderName = HeaderName::from_static("permissions-policy");
const EMBEDDER_POLICY: HeaderName = HeaderName::from_static("cross-origin-embedder-policy");

/// Opens the page of a session. Nothing starts without both parameters; a page that was loaded again
/// has put `resume` in the place of the token, which it keeps itself.
pub(in crate::http) async fn open(State(front): State<Shared>, headers: HeaderMap, params: Params) -> Response {
    let files = front.site.files();
    let opened = async {
        let (realm, session) = asked_for(&front, params)?;
        front.engine.may_serve(realm).map_err(auth::rejected)?;
        let parents = Parents::of(&front, realm).await?;
        Ok(written(&front, &files, (realm, session), &parents, &headers))
    };
    match opened.await {
        Ok(response) => response,
        Err(problem) => refused(problem, &files, &headers),
    }
}

/// Which session the address names, and whose it is by a credential that goes with it.
fn asked_for(front: &Front, mut params: Params) -> Result<(Realm, SessionId), Problem> {
    let text = |text: &str| Ok(text.to_owned());
    let session = params.take("session_id", |text| text.parse::<SessionId>().map_err(|error| error.to_string()));
    let (token, resume) = (params.take("token", text), params.take("resume", text));
    let session = session.ok_or_else(|| missing("session_id"))?;
    if let Some(token) = token {
        let grant = front.tokens.verify(&token)?;
        if grant.session != session {
            return Err(Problem::new(ErrorCode::PermissionDenied, "The token belongs to another session."));
        }
        return Ok((grant.realm, session));
    }
    let realm = resume.and_then(|resume| front.resumes.read(&resume, session));
    realm.map(|realm| (realm, session)).ok_or_else(|| missing("token"))
}

fn missing(name: &str) -> Problem {
    Refusal::field(name, "must be given once, as it stands in iframe_url").into()
}

fn written(
    front: &Front,
    files: &Files,
    (realm, session): (Realm, SessionId),
    parents: &Parents,
    asked: &HeaderMap,
) -> Response {
    let nonce = URL_SAFE_NO_PAD.encode(front.engine.entropy().bytes::<18>());
    let html = files.template("index.html");
    let html = html.replace("{{nonce}}", &nonce).replace("{{resume}}", &front.resumes.make(realm, session));
    let policy = format!(
        "default-src 'none'; script-src 'nonce-{nonce}'; style-src 'self' 'nonce-{nonce}'; connect-src 'self'; \
         img-src 'self' blob: data:; media-src 'self' blob:; base-uri 'none'; form-action 'none'; \
         require-trusted-types-for 'script'; trusted-types 'none'; frame-ancestors {}",
        parents.frame_ancestors()
    );
    // Nothing of the request stands in it, so that its packed length gives nothing away.
    let mut response = File::packed(html.into(), content_type("index.html")).written(asked);
    let headers = response.headers_mut();
    // Origins are made of characters that a header may hold.
    headers.insert(CONTENT_SECURITY_POLICY, HeaderValue::from_str(&policy).unwrap_or(ERROR_POLICY));
    headers.insert(PERMISSIONS_POLICY, PERMISSIONS);
    headers.insert(REFERRER_POLICY, HeaderValue::from_static("no-referrer"));
    // A parent that is isolated from other origins can have the page in it all the same.
    headers.insert(EMBEDDER_POLICY, HeaderValue::from_static("require-corp"));
    headers.insert(RESOURCE_POLICY, HeaderValue::from_static("cross-origin"));
    response
}

/// What is wrong: in plain words on a page for a person, in the envelope for a program.
fn refused(problem: Problem, files: &Files, asked: &HeaderMap) -> Response {
    let mut accepted = asked.get_all(ACCEPT).iter().filter_map(|value| value.to_str().ok());
    if !accepted.any(|value| value.contains("text/html")) {
        return problem.into_response();
    }
    let (title, advice) = in_plain_words(problem.code());
    let page = files.template("error.html").replace("{{title}}", title).replace("{{advice}}", advice);
    let mut response = problem.on_page(page).into_response();
    let headers = response.headers_mut();
    headers.insert(CONTENT_SECURITY_POLICY, ERROR_POLICY);
    headers.insert(REFERRER_POLICY, HeaderValue::from_static("no-referrer"));
    headers.insert(RESOURCE_POLICY, HeaderValue::from_static("cross-origin"));
    headers.insert(EMBEDDER_POLICY, HeaderValue::from_static("require-corp"));
    response
}

/// A heading and what to do, for somebody who has only followed a link.
const fn in_plain_words(code: ErrorCode) -> (&'static str, &'static str) {
    match code {
        ErrorCode::ValidationError => (
            "This link is not complete",
            "A part of the address is missing. Go back to the site that sent you here and start again from there.",
        ),
        ErrorCode::InvalidSignature | ErrorCode::PermissionDenied => (
            "This link does not work",
            "The address was changed on its way. Go back to the site that sent you here and start again from there.",
        ),
        ErrorCode::TenantSuspended | ErrorCode::LiveModeNotActivated | ErrorCode::InvalidApiKey => (
            "This service is not available",
            "The site that sent you here cannot verify people at the moment. Please ask that site what to do.",
        ),
        _ => ("Something went wrong", "Please load this page again in a moment. Nothing that you have done is lost."),
    }
}
