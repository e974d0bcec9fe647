//! Refusals on the wire: one envelope, one status for each code.

use axum::body::Body;
use axum::http::header::{CONNECTION, CONTENT_TYPE, RETRY_AFTER, WWW_AUTHENTICATE};
use axum::http::{HeaderValue, StatusCode, Version};
use axum::response::{IntoResponse, Response};
use serde::Serialize;
use vetd_actors::EngineError;
use vetd_model::{ErrorCode, FieldError, Refusal, RequestId};

use super::file::content_type;
use super::reply::JSON;

/// What every handler comes to.
pub(super) type Answer = Result<Response, Problem>;

/// Why a request was not served. On its way out it travels in the response's extensions; the
/// frame around the router writes the envelope, since it knows the request's identifier.
#[derive(Debug, Clone)]
pub(super) struct Problem {
    refusal: Refusal,
    /// In seconds; codes that ask for one have a default.
    retry_after: Option<u32>,
    /// For the operator, never for the caller.
    for_the_log: Option<String>,
    /// True if the rest of the request was left unread.
    closes: bool,
    /// For a person: a page to say it on, in place of the envelope.
    page: Option<String>,
}

impl Problem {
    /// A refusal without fields.
    pub(super) fn new(code: ErrorCode, message: &'static str) -> Self {
        Refusal::new(code, message).into()
    }

    /// A fault of the server. The caller is told nothing about it.
    pub(super) fn internal(for_the_log: String) -> Self {
        let message = "The server failed; the request_id helps its operator to find out why.";
        Self { for_the_log: Some(for_the_log), ..Self::new(ErrorCode::InternalError, message) }
    }

    /// Something is away, to be tried again in so many seconds.
    pub(super) fn unavailable(for_the_log: String, retry_after: u32) -> Self {
        let message = "The server cannot serve this for the moment; try again.";
        let problem = Self::new(ErrorCode::DependencyUnavailable, message);
        Self { for_the_log: Some(for_the_log), retry_after: Some(retry_after), ..problem }
    }

    /// Too many calls of a kind, to be tried again in so many seconds.
    pub(super) fn rate_limited(retry_after: u32) -> Self {
        let message = "Too many requests of this kind; try again after the seconds in Retry-After.";
        Self { retry_after: Some(retry_after), ..Self::new(ErrorCode::RateLimited, message) }
    }

    /// For codes that ask for a wait: how long it is, in seconds.
    pub(super) fn after(self, retry_after: u32) -> Self {
        Self { retry_after: Some(retry_after), ..self }
    }

    /// Ends the connection after the answer: what is left of the request will not be read.
    pub(super) fn and_close(self) -> Self {
        Self { closes: true, ..self }
    }

    /// Says it on this page, in place of the envelope.
    pub(super) fn on_page(self, page: String) -> Self {
        Self { page: Some(page), ..self }
    }

    /// What it is.
    pub(super) const fn code(&self) -> ErrorCode {
        self.refusal.code
    }

    /// Writes the envelope, or the page, and what the operator must know.
    pub(super) fn write(self, response: &mut Response, request_id: RequestId, version: Version) {
        let code = self.refusal.code;
        if let Some(fault) = self.for_the_log {
            tracing::error!(%request_id, code = code.as_str(), fault, "the request failed");
        }
        if self.closes && version < Version::HTTP_2 {
            response.headers_mut().insert(CONNECTION, HeaderValue::from_static("close"));
        }
        if let Some(page) = self.page {
            response.headers_mut().insert(CONTENT_TYPE, content_type("error.html"));
            *response.body_mut() = page.replace("{{request_id}}", &request_id.to_string()).into();
            return;
        }
        let fields = (code == ErrorCode::ValidationError).then_some(self.refusal.fields);
        let error = Inner { code: code.as_str(), message: &self.refusal.message, request_id, fields };
        response.headers_mut().insert(CONTENT_TYPE, JSON);
        *response.body_mut() = Body::from(serde_json::to_vec(&Envelope { error }).unwrap_or_default());
    }
}

#[derive(Serialize)]
struct Envelope<'a> {
    error: Inner<'a>,
}

#[derive(Serialize)]
struct Inner<'a> {
    code: &'static str,
    message: &'a str,
    request_id: RequestId,
    #[serde(skip_serializing_if = "Option::is_none")]
    fields: Option<Vec<FieldError>>,
}

impl From<Refusal> for Problem {
    fn from(refusal: Refusal) -> Self {
        let waits = matches!(
            refusal.code,
            ErrorCode::RateLimited | ErrorCode::DependencyUnavailable | ErrorCode::IdempotencyInProgress
        );
        Self { refusal, retry_after: waits.then_some(1), for_the_log: None, closes: false, page: None }
    }
}

impl From<EngineError> for Problem {
    fn from(error: EngineError) -> Self {
        match error {
            EngineError::Refused(refusal) => refusal.into(),
            EngineError::Unavailable { for_the_log, retry_after } => Self::unavailable(for_the_log, retry_after),
            EngineError::Internal { for_the_log } => Self::internal(for_the_log),
        }
    }
}

impl IntoResponse for Problem {
    fn into_response(self) -> Response {
        let status = status_of(self.refusal.code);
        let mut response = status.into_response();
        if let Some(seconds) = self.retry_after {
            response.headers_mut().insert(RETRY_AFTER, seconds.into());
        }
        if status == StatusCode::UNAUTHORIZED {
            response.headers_mut().insert(WWW_AUTHENTICATE, HeaderValue::from_static("Bearer"));
        }
        response.extensions_mut().insert(self);
        response
    }
}

/// The status of a code.
pub(super) const fn status_of(code: ErrorCode) -> StatusCode {
    match code {
        ErrorCode::AuthenticationRequired
        | ErrorCode::InvalidApiKey
        | ErrorCode::SessionExpired
        | ErrorCode::InvalidSignature => StatusCode::UNAUTHORIZED,
        ErrorCode::PermissionDenied | ErrorCode::TenantSuspended | ErrorCode::LiveModeNotActivated => {
            StatusCode::FORBIDDEN
        }
        ErrorCode::VerificationNotFound | ErrorCode::NotFound => StatusCode::NOT_FOUND,
        ErrorCode::MethodNotAllowed => StatusCode::METHOD_NOT_ALLOWED,
        ErrorCode::IdempotencyConflict
        | ErrorCode::IdempotencyInProgress
        | ErrorCode::VerificationNotCancelable
        | ErrorCode::InvalidState => StatusCode::CONFLICT,
        ErrorCode::PayloadTooLarge => StatusCode::PAYLOAD_TOO_LARGE,
        ErrorCode::UnsupportedMediaType => StatusCode::UNSUPPORTED_MEDIA_TYPE,
        ErrorCode::ValidationError | ErrorCode::CheckNotRequired => StatusCode::UNPROCESSABLE_ENTITY,
        ErrorCode::RateLimited => StatusCode::TOO_MANY_REQUESTS,
        ErrorCode::InternalError => StatusCode::INTERNAL_SERVER_ERROR,
        ErrorCode::DependencyUnavailable => StatusCode::SERVICE_UNAVAILABLE,
    }
}

/// The refusal of an object that is absent or another tenant's, by the prefix of its kind.
pub(super) fn absent(prefix: &str) -> Refusal {
    match prefix {
        "ver" => Refusal::new(ErrorCode::VerificationNotFound, "There is no such verification in this mode."),
        "ses" => Refusal::new(ErrorCode::NotFound, "There is no such session in this mode."),
        "tpl" => Refusal::new(ErrorCode::NotFound, "There is no such template or version in this mode."),
        "key" => Refusal::new(ErrorCode::NotFound, "There is no such API key in this mode."),
        "evt" => Refusal::new(ErrorCode::NotFound, "There is no such event in this mode, or it is no longer kept."),
        "med" => Refusal::new(ErrorCode::NotFound, "There is no such picture, or it was erased."),
        "watchlist" => Refusal::new(ErrorCode::NotFound, "There is no such list."),
        "we" => Refusal::new(ErrorCode::NotFound, "There is no such webhook endpoint in this mode."),
        _ => Refusal::new(ErrorCode::NotFound, "There is no such object in this mode."),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn written(problem: Problem) -> Response {
        let mut response = problem.into_response();
        let problem = response.extensions_mut().remove::<Problem>().expect("the problem travels along");
        problem.write(&mut response, RequestId::from_bytes([0; 16]), Version::HTTP_11);
        response
    }

    async fn body(problem: Problem) -> String {
        let bytes = axum::body::to_bytes(written(problem).into_body(), 10_000).await.unwrap();
        String::from_utf8(bytes.to_vec()).unwrap()
    }

    #[tokio::test]
    async fn fields_stand_with_validation_errors_only() {
        let id = RequestId::from_bytes([0; 16]);
        let absent = r#"{"error":{"code":"not_found","message":"Gone.","request_id":"ID"}}"#;
        assert_eq!(body(Problem::new(ErrorCode::NotFound, "Gone.")).await, absent.replace("ID", &id.to_string()));
        let wrong = r#""fields":[{"path":"metadata.x","message":"must be a string"}]}}"#;
        assert!(body(Refusal::field("metadata.x", "must be a string").into()).await.ends_with(wrong));
    }

    #[tokio::test]
    async fn the_log_s_text_stays_in_the_log() {
        for problem in [Problem::internal("a path".to_owned()), Problem::unavailable("a path".to_owned(), 30)] {
            assert!(!body(problem).await.contains("a path"));
        }
    }

    #[test]
    fn every_code_has_the_headers_of_its_status() {
        for code in ErrorCode::ALL {
            let response = written(Problem::new(*code, "No."));
            let headers = response.headers();
            assert!(response.status().is_client_error() || response.status().is_server_error());
            let asks_to_wait =
                matches!(response.status().as_u16(), 429 | 503) || code.as_str().ends_with("in_progress");
            assert_eq!(headers.contains_key(RETRY_AFTER), asks_to_wait, "{code}");
            assert_eq!(headers.contains_key(WWW_AUTHENTICATE), response.status().as_u16() == 401, "{code}");
        }
        let engine = EngineError::Unavailable { for_the_log: String::new(), retry_after: 30 };
        assert_eq!(written(engine.into()).headers()[RETRY_AFTER], "30");
    }
}
