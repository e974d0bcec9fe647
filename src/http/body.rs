//! Request bodies: read whole, under a limit of size and of time.

use axum::body::{Body, Bytes, HttpBody};
use axum::http::header::{CONTENT_TYPE, EXPECT};
use axum::http::request::Parts;
use bytes::BytesMut;
use http_body_util::BodyExt;
use serde_json::{Map, Value};
use vetd_model::validate::{Issues, Object};
use vetd_model::{ErrorCode, Refusal};

use super::Front;
use super::error::Problem;
use super::json;

/// How much of a body that is too large is read and dropped, so that a client that only listens
/// once it has sent everything gets to see the answer.
const DRAINED: usize = 4 * 1024 * 1024;

/// A body as it came. What it means is asked later, behind the idempotency gate.
#[derive(Debug)]
pub(super) struct RawBody {
    /// The bytes; their hash is the request's fingerprint.
    pub(super) bytes: Bytes,
    /// True if the request says that they are JSON.
    is_json: bool,
}

impl RawBody {
    /// Reads a body of at most `limit` bytes.
    ///
    /// # Errors
    /// `payload_too_large`; `validation_error` if the body does not arrive whole and in time.
    pub(super) async fn read(front: &Front, parts: &Parts, body: Body, limit: usize) -> Result<Self, Problem> {
        let clock = front.engine.clock();
        let time = front.settings.body_time;
        let patience = clock.sleep(time);
        let waits_for_consent = parts.headers.contains_key(EXPECT);
        let bytes = tokio::select! {
            biased;
            bytes = collect(body, limit, waits_for_consent) => bytes?,
            () = patience => return Err(incomplete(&format!("must arrive within {} seconds", time.as_secs()))),
        };
        Ok(Self { bytes, is_json: says_json(parts) })
    }

    /// A file that was put together from parts.
    pub(super) const fn file(bytes: Bytes) -> Self {
        Self { bytes, is_json: false }
    }

    /// The JSON in it; an empty body is an empty object.
    ///
    /// # Errors
    /// `unsupported_media_type`, `validation_error`.
    pub(super) fn json(&self) -> Result<Value, Refusal> {
        if self.bytes.is_empty() {
            return Ok(Value::Object(Map::new()));
        }
        if !self.is_json {
            let message = "Send the body as JSON, with Content-Type: application/json.";
            return Err(Refusal::new(ErrorCode::UnsupportedMediaType, message));
        }
        json::parse(&self.bytes)
    }
}

/// Reads and drops the rest of a body, within bounds, for the sake of a client that only listens once
/// it has sent everything. Returns false if something is left.
pub(super) async fn drain(body: &mut Body) -> bool {
    let mut seen = 0;
    while let Some(frame) = body.frame().await {
        let Ok(frame) = frame else { return false };
        seen += frame.data_ref().map_or(0, Bytes::len);
        if seen > DRAINED {
            return false;
        }
    }
    true
}

/// For routes that take no fields: refuses every one.
///
/// # Errors
/// `validation_error` that names them.
pub(super) fn no_fields(body: &Value) -> Result<(), Refusal> {
    let mut issues = Issues::default();
    Object::root(body, &mut issues).finish(&mut issues);
    issues.done()
}

async fn collect(mut body: Body, limit: usize, waits_for_consent: bool) -> Result<Bytes, Problem> {
    let announced = body.size_hint().lower();
    let mut bytes = BytesMut::new();
    let mut fits = usize::try_from(announced).is_ok_and(|announced| announced <= limit);
    if !fits && waits_for_consent {
        return Err(too_large());
    }
    let mut seen = 0;
    while let Some(frame) = body.frame().await {
        let frame = frame.map_err(|_| incomplete("must arrive whole"))?;
        let Ok(data) = frame.into_data() else { continue };
        seen += data.len();
        fits &= seen <= limit;
        if fits {
            bytes.extend_from_slice(&data);
        } else if seen > limit.saturating_add(DRAINED) {
            break;
        }
    }
    if fits { Ok(bytes.freeze()) } else { Err(too_large()) }
}

/// True for `application/json`, parameters allowed, said once.
fn says_json(parts: &Parts) -> bool {
    let mut values = parts.headers.get_all(CONTENT_TYPE).iter();
    let (Some(value), None) = (values.next(), values.next()) else { return false };
    let essence = value.to_str().unwrap_or_default().split(';').next().unwrap_or_default();
    essence.trim().eq_ignore_ascii_case("application/json")
}

/// A body of more bytes than are taken.
pub(super) fn too_large() -> Problem {
    Problem::new(ErrorCode::PayloadTooLarge, "The body is larger than this route takes.").and_close()
}

/// A body that does not arrive as it must.
pub(super) fn incomplete(message: &str) -> Problem {
    Problem::from(Refusal::field("body", message)).and_close()
}

#[cfg(test)]
mod tests {
    use axum::http::Request;
    use serde_json::json;

    use super::*;

    fn parts(content_types: &[&str]) -> Parts {
        let mut request = Request::builder();
        for value in content_types {
            request = request.header(CONTENT_TYPE, *value);
        }
        request.body(()).unwrap().into_parts().0
    }

    #[test]
    fn json_is_said_once_with_or_without_parameters() {
        for right in ["application/json", "Application/JSON; charset=utf-8"] {
            assert!(says_json(&parts(&[right])), "{right}");
        }
        for wrong in [&[][..], &["text/json"], &["application/jsonp"], &["application/json", "application/json"]] {
            assert!(!says_json(&parts(wrong)), "{wrong:?}");
        }
    }

    #[test]
    fn an_empty_body_is_an_empty_object_whatever_its_type() {
        let body = |bytes: &'static [u8], is_json| RawBody { bytes: Bytes::from_static(bytes), is_json };
        assert_eq!(body(b"", false).json(), Ok(json!({})));
        assert_eq!(body(b"{}", false).json().unwrap_err().code, ErrorCode::UnsupportedMediaType);
        assert!(no_fields(&body(b"{}", true).json().unwrap()).is_ok());
        assert_eq!(no_fields(&json!({ "a": 1 })).unwrap_err().fields[0].path, "a");
        assert!(no_fields(&json!([])).is_err());
    }

    #[tokio::test]
    async fn the_limit_is_the_last_size_that_passes() {
        assert_eq!(collect(Body::from("12345"), 5, false).await.unwrap(), "12345");
        assert!(collect(Body::from("123456"), 5, false).await.is_err());
        assert!(collect(Body::from("123456"), 5, true).await.is_err());
    }
}
