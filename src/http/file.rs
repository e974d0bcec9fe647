//! Files that change with a release only: kept by clients, and packed once for those that take it.

use std::io::Write;

use axum::body::{Body, Bytes};
use axum::http::header::{ACCEPT_ENCODING, CACHE_CONTROL, CONTENT_ENCODING, CONTENT_TYPE, ETAG, IF_NONE_MATCH, VARY};
use axum::http::{HeaderMap, HeaderValue, StatusCode};
use axum::response::Response;
use flate2::Compression;
use flate2::write::GzEncoder;
use sha2::{Digest, Sha256};

/// Kept, and asked for again each time: a new release shows at once.
const REVALIDATE: HeaderValue = HeaderValue::from_static("no-cache");
/// Kept for a year and never asked for again: the address names the content.
const IMMUTABLE: HeaderValue = HeaderValue::from_static("public, max-age=31536000, immutable");

/// A file as it is sent.
#[derive(Debug, Clone)]
pub(super) struct File {
    content_type: HeaderValue,
    tag: HeaderValue,
    body: Form,
}

#[derive(Debug, Clone)]
enum Form {
    Plain(Bytes),
    /// A library has it in this form alone; every browser takes it.
    Gzip(Bytes),
    Either {
        plain: Bytes,
        gzip: Bytes,
    },
}

impl File {
    /// One that is sent as it is.
    pub(super) fn plain(bytes: Bytes, content_type: HeaderValue) -> Self {
        Self { content_type, tag: tag(&bytes), body: Form::Plain(bytes) }
    }

    /// One that comes packed.
    pub(super) fn gzipped(bytes: Bytes, content_type: HeaderValue) -> Self {
        Self { content_type, tag: tag(&bytes), body: Form::Gzip(bytes) }
    }

    /// One that is packed here, for callers that take it so.
    pub(super) fn packed(plain: Bytes, content_type: HeaderValue) -> Self {
        let mut packer = GzEncoder::new(Vec::new(), Compression::best());
        let packed = packer.write_all(&plain).and_then(|()| packer.finish());
        let file = Self::plain(plain.clone(), content_type);
        match packed {
            Ok(gzip) if gzip.len() < plain.len() => Self { body: Form::Either { plain, gzip: gzip.into() }, ..file },
            _ => file,
        }
    }

    /// Its bytes, unpacked; a library's packed file as it is.
    pub(super) const fn bytes(&self) -> &Bytes {
        match &self.body {
            Form::Plain(bytes) | Form::Gzip(bytes) | Form::Either { plain: bytes, .. } => bytes,
        }
    }

    /// The file, or that the caller has it already. Its address stays when it changes.
    pub(super) fn send(&self, asked: &HeaderMap) -> Response {
        let known = asked.get_all(IF_NONE_MATCH).iter().filter_map(|value| value.to_str().ok());
        let tag = self.tag.to_str().unwrap_or_default();
        let is_known = known.flat_map(|value| value.split(',')).any(|one| one.trim().trim_start_matches("W/") == tag);
        let mut response = self.written(asked);
        if is_known {
            *response.status_mut() = StatusCode::NOT_MODIFIED;
            *response.body_mut() = Body::empty();
        }
        response.headers_mut().insert(CACHE_CONTROL, REVALIDATE);
        response.headers_mut().insert(ETAG, self.tag.clone());
        response
    }

    /// The file, where its address names its content.
    pub(super) fn send_for_good(&self, asked: &HeaderMap) -> Response {
        let mut response = self.written(asked);
        response.headers_mut().insert(CACHE_CONTROL, IMMUTABLE);
        response
    }

    /// The file in the form that the caller takes, without a word on how long it lasts.
    pub(super) fn written(&self, asked: &HeaderMap) -> Response {
        let (bytes, is_packed) = match &self.body {
            Form::Plain(bytes) => (bytes, false),
            Form::Gzip(bytes) => (bytes, true),
            Form::Either { gzip, .. } if takes_gzip(asked) => (gzip, true),
            Form::Either { plain, .. } => (plain, false),
        };
        let mut response = Response::new(Body::from(bytes.clone()));
        let headers = response.headers_mut();
        headers.insert(CONTENT_TYPE, self.content_type.clone());
        if is_packed {
            headers.insert(CONTENT_ENCODING, HeaderValue::from_static("gzip"));
        }
        if matches!(self.body, Form::Either { .. }) {
            headers.insert(VARY, HeaderValue::from_static("Accept-Encoding"));
        }
        response
    }
}

/// The type of a file by the end of its name.
pub(super) fn content_type(name: &str) -> HeaderValue {
    HeaderValue::from_static(match name.rsplit('.').next() {
        Some("html") => "text/html; charset=utf-8",
        Some("js") => "text/javascript; charset=utf-8",
        Some("css") => "text/css; charset=utf-8",
        Some("json") => "application/json",
        Some("svg") => "image/svg+xml",
        Some("ts") => "application/typescript; charset=utf-8",
        _ => "application/octet-stream",
    })
}

fn tag(bytes: &Bytes) -> HeaderValue {
    let [a, b, c, d, e, f, g, h, ..] = <[u8; 32]>::from(Sha256::digest(bytes));
    let tag = format!("\"{:016x}\"", u64::from_be_bytes([a, b, c, d, e, f, g, h]));
    HeaderValue::from_str(&tag).unwrap_or(HeaderValue::from_static("\"\""))
}

/// Whether the caller takes gzip (RFC 9110, section 12.5.3): it names it, or everything, not with `q=0`.
fn takes_gzip(asked: &HeaderMap) -> bool {
    let values = asked.get_all(ACCEPT_ENCODING).iter().filter_map(|value| value.to_str().ok());
    let mut weights = values.flat_map(|value| value.split(',')).filter_map(|one| {
        let (name, weight) = one.split_once(';').unwrap_or((one, "q=1"));
        let named = matches!(name.trim().to_ascii_lowercase().as_str(), "gzip" | "*");
        named.then(|| weight.trim().trim_start_matches("q=").parse::<f32>().unwrap_or(0.0))
    });
    weights.any(|weight| weight > 0.0)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn asking(value: &'static str) -> HeaderMap {
        HeaderMap::from_iter([(ACCEPT_ENCODING, HeaderValue::from_static(value))])
    }

    #[test]
    fn gzip_goes_to_those_who_take_it() {
        for takes in ["gzip", "br, GZIP;q=0.5", "*", "deflate, gzip, br, zstd"] {
            assert!(takes_gzip(&asking(takes)), "{takes}");
        }
        for not in ["", "br", "gzip;q=0", "identity", "*;q=0.0", "gzip;q=x"] {
            assert!(!takes_gzip(&asking(not)), "{not}");
        }
        assert!(!takes_gzip(&HeaderMap::new()));
    }

    #[test]
    fn what_does_not_get_smaller_is_not_packed() {
        let file = File::packed(Bytes::from_static(b"a"), content_type("a.js"));
        assert!(!file.send(&asking("gzip")).headers().contains_key(CONTENT_ENCODING));
        let file = File::packed(Bytes::from(vec![b'a'; 1000]), content_type("a.js"));
        assert_eq!(file.send(&asking("gzip")).headers()[CONTENT_ENCODING], "gzip");
        assert!(!file.send(&asking("br")).headers().contains_key(CONTENT_ENCODING));
        assert_eq!(file.bytes().len(), 1000);
    }
}
