//! One client's connection, a little below HTTP.
//!
//! hyper answers a request that it cannot parse by itself, with an empty body, before any of our
//! code has seen it. vetd promises its error envelope on every answer, so the connection
//! recognises those few answers as they pass and sends the envelope in their place.
//!
//! It also closes as a good server should: after its last byte it reads on for a moment. If a
//! socket is closed while unread bytes wait in it, the kernel throws away what the client has not
//! read yet, and somebody who sent too much would see a broken connection instead of the reason.

use std::io::{self, IoSlice};
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};
use std::time::Duration;

use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use vetd_actors::{Clock, Entropy};
use vetd_model::RequestId;

/// How long the last bytes of a client are waited for, and how many are thrown away.
const LINGER: Duration = Duration::from_secs(1);
const LINGER_BYTES: usize = 16 << 20;
/// Longer than any answer that hyper makes up.
const LONGEST_CANNED: usize = 512;

type Sleep = Pin<Box<dyn Future<Output = ()> + Send>>;

/// A connection that speaks the error envelope even where hyper answers by itself.
pub struct Wire<S> {
    inner: S,
    clock: Arc<dyn Clock>,
    /// The answer that goes out in place of hyper's, and how much of it is out.
    replacement: Option<(Vec<u8>, usize)>,
    lingering: Option<Sleep>,
    thrown_away: usize,
}

impl<S: AsyncRead + AsyncWrite + Unpin> Wire<S> {
    /// Wraps a fresh connection.
    pub fn new(inner: S, clock: Arc<dyn Clock>) -> Self {
        Self { inner, clock, replacement: None, lingering: None, thrown_away: 0 }
    }

    /// Writes the replacement to its end; only then does hyper hear that its own bytes are gone.
    fn poll_replace(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        let Some((bytes, out)) = &mut self.replacement else { return Poll::Ready(Ok(())) };
        while *out < bytes.len() {
            let written = ready!(Pin::new(&mut self.inner).poll_write(cx, &bytes[*out..]))?;
            if written == 0 {
                return Poll::Ready(Err(io::ErrorKind::WriteZero.into()));
            }
            *out += written;
        }
        self.replacement = None;
        Poll::Ready(Ok(()))
    }

    fn poll_linger(&mut self, cx: &mut Context<'_>) -> Poll<()> {
        let clock = &self.clock;
        let until = self.lingering.get_or_insert_with(|| clock.sleep(LINGER));
        let mut scratch = [0; 4096];
        while self.thrown_away < LINGER_BYTES {
            if until.as_mut().poll(cx).is_ready() {
                return Poll::Ready(());
            }
            let mut buffer = ReadBuf::new(&mut scratch);
            match ready!(Pin::new(&mut self.inner).poll_read(cx, &mut buffer)) {
                Ok(()) if !buffer.filled().is_empty() => self.thrown_away += buffer.filled().len(),
                Ok(()) | Err(_) => return Poll::Ready(()),
            }
        }
        Poll::Ready(())
    }
}

impl<S: AsyncRead + Unpin> AsyncRead for Wire<S> {
    fn poll_read(mut self: Pin<&mut Self>, cx: &mut Context<'_>, buffer: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.inner).poll_read(cx, buffer)
    }
}

impl<S: AsyncRead + AsyncWrite + Unpin> AsyncWrite for Wire<S> {
    fn poll_write(mut self: Pin<&mut Self>, cx: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        if self.replacement.is_none() {
            let Some(status) = canned_status(bytes) else {
                return Pin::new(&mut self.inner).poll_write(cx, bytes);
            };
            let id: RequestId = Entropy.id(self.clock.now());
            self.replacement = Some((envelope(status, &id.to_string()), 0));
        }
        self.poll_replace(cx).map_ok(|()| bytes.len())
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        slices: &[IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        let mut filled = slices.iter().filter(|slice| !slice.is_empty());
        match (filled.next(), filled.next()) {
            (Some(only), None) => self.poll_write(cx, only),
            _ => Pin::new(&mut self.inner).poll_write_vectored(cx, slices),
        }
    }

    fn is_write_vectored(&self) -> bool {
        self.inner.is_write_vectored()
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.inner).poll_flush(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        if self.lingering.is_none() {
            ready!(Pin::new(&mut self.inner).poll_shutdown(cx))?;
        }
        self.poll_linger(cx).map(Ok)
    }
}

/// The status, if these bytes are one of the answers that hyper makes up: nothing but a head,
/// with an empty body and without the header that every answer of ours has.
fn canned_status(bytes: &[u8]) -> Option<u16> {
    if bytes.len() > LONGEST_CANNED || !bytes.starts_with(b"HTTP/1.") || !bytes.ends_with(b"\r\n\r\n") {
        return None;
    }
    let head = std::str::from_utf8(bytes).ok()?.to_ascii_lowercase();
    let status = head.get(9..12)?.parse().ok().filter(|status| [400, 414, 431].contains(status))?;
    let empty = head.contains("\r\ncontent-length: 0\r\n") && !head.contains("\r\nkyc-request-id:");
    let alone = head.find("\r\n\r\n") == Some(head.len() - 4);
    (empty && alone).then_some(status)
}

/// The whole answer for a request that is not HTTP.
fn envelope(status: u16, request_id: &str) -> Vec<u8> {
    let body = envelope_body(status, request_id);
    format!(
        "HTTP/1.1 422 Unprocessable Content\r\ncontent-type: application/json\r\nkyc-request-id: {request_id}\r\n\
         cache-control: no-store\r\nx-content-type-options: nosniff\r\nconnection: close\r\n\
         content-length: {}\r\n\r\n{body}",
        body.len()
    )
    .into_bytes()
}

/// The error envelope, for the status that HTTP has for what is wrong.
pub(super) fn envelope_body(status: u16, request_id: &str) -> String {
    let (path, message, wrong) = match status {
        431 => (
            "headers",
            "The headers are more than vetd reads.",
            "must be at most 100 and, together with the request line, at most 32 kB",
        ),
        414 => ("request", "The request's address is longer than vetd reads.", "has an address that is too long"),
        _ => (
            "headers",
            "A header or the request line is malformed.",
            "must follow HTTP: a header's value holds no control characters, and the request line is METHOD PATH VERSION",
        ),
    };
    // None of these texts needs escaping.
    format!(
        r#"{{"error":{{"code":"validation_error","message":"{message}","request_id":"{request_id}","fields":[{{"path":"{path}","message":"{wrong}"}}]}}}}"#
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_answers_that_hyper_makes_up_are_replaced() {
        let canned = |text: &str| canned_status(text.as_bytes());
        assert_eq!(canned("HTTP/1.1 400 Bad Request\r\ncontent-length: 0\r\ndate: x\r\n\r\n"), Some(400));
        assert_eq!(canned("HTTP/1.0 431 Too\r\ncontent-length: 0\r\n\r\n"), Some(431));
        assert_eq!(canned("HTTP/1.1 200 OK\r\ncontent-length: 0\r\n\r\n"), None);
        assert_eq!(canned("HTTP/1.1 400 Bad Request\r\ncontent-length: 2\r\n\r\n{}"), None);
        assert_eq!(canned("HTTP/1.1 400 Bad Request\r\nkyc-request-id: r\r\ncontent-length: 0\r\n\r\n"), None);
        assert_eq!(canned("HTTP/1.1 400 Bad Request\r\ncontent-length: 0\r\n\r\nmore\r\n\r\n"), None);
        assert_eq!(canned("HTTP/1.1 400 B"), None);
    }
}
