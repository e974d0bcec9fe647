//! The operator's end: requests to a running server over its local socket.

use std::io::ErrorKind;
use std::path::{Path, PathBuf};
use std::time::Duration;

use bytes::{Bytes, BytesMut};
use http_body_util::{BodyExt, Full, Limited};
use hyper::body::Incoming;
use hyper::client::conn::http1;
use hyper::header::{CONTENT_TYPE, HOST};
use hyper::{Method, Request, Response};
use hyper_util::rt::TokioIo;
use serde_json::Value;
use tokio::net::UnixStream;
use vetd_actors::{Clock, SystemClock};

use super::socket;
use crate::failure::Failure;
use crate::out;

/// How long the server may take to begin its answer.
const PATIENCE: Duration = Duration::from_secs(60);
/// The most bytes of an answer that is read whole.
const ANSWER_LIMIT: usize = 64 << 20;

/// Speaks to the server of one data folder.
pub struct Client {
    socket: PathBuf,
    data: PathBuf,
}

impl Client {
    /// For the server that runs on `data` and listens at `socket`.
    #[must_use]
    pub fn new(data: &Path, socket: &Path) -> Self {
        Self { socket: socket.to_owned(), data: data.to_owned() }
    }

    /// Whether a server answers. A socket without one behind it is none.
    pub async fn is_answered(&self) -> bool {
        UnixStream::connect(&self.socket).await.is_ok()
    }

    /// Reads.
    ///
    /// # Errors
    /// If no server answers, or it refuses.
    pub async fn get(&self, path: &str) -> Result<Value, Failure> {
        self.call(Method::GET, path, Bytes::new()).await
    }

    /// Changes something; `body` is JSON.
    ///
    /// # Errors
    /// If no server answers, or it refuses.
    pub async fn call(&self, method: Method, path: &str, body: Bytes) -> Result<Value, Failure> {
        let answer = self.open(method, path, body).await?;
        let bytes = whole(answer).await?;
        serde_json::from_slice(&bytes)
            .map_err(|error| Failure::other(format!("the server's answer is broken: {error}")))
    }

    /// Begins an answer that is read piece by piece.
    ///
    /// # Errors
    /// If no server answers, or it refuses.
    pub async fn open(&self, method: Method, path: &str, body: Bytes) -> Result<Response<Incoming>, Failure> {
        let broken = |error: hyper::Error| {
            Failure::no_server(format!("the server closed the connection without an answer ({error}); is it ending?"))
        };
        socket::check_path(&self.socket)?;
        let stream = UnixStream::connect(&self.socket).await.map_err(|error| self.unreachable(&error))?;
        let (mut sender, connection) = http1::handshake(TokioIo::new(stream)).await.map_err(broken)?;
        // It ends with the answer.
        tokio::spawn(connection);
        let request = Request::builder().method(method).uri(path).header(HOST, "vetd");
        let request = request.header(CONTENT_TYPE, "application/json").body(Full::new(body));
        let request = request.map_err(|error| Failure::other(format!("the request cannot be made: {error}")))?;
        let answer = tokio::select! {
            answer = sender.send_request(request) => answer.map_err(broken)?,
            () = SystemClock::default().sleep(PATIENCE) => {
                return Err(Failure::no_server(format!("the server at {} does not answer", self.socket.display())));
            }
        };
        if answer.status().is_success() {
            return Ok(answer);
        }
        let bytes = whole(answer).await?;
        Err(refusal(&bytes))
    }

    fn unreachable(&self, error: &std::io::Error) -> Failure {
        let (data, socket) = (self.data.display(), self.socket.display());
        Failure::no_server(match error.kind() {
            ErrorKind::NotFound | ErrorKind::ConnectionRefused => format!(
                "no server runs on the data folder {data} (nobody answers at {socket}). Start one with `vetd serve`, or \
                 name the folder of the one that runs with --data (VETD_DATA)"
            ),
            ErrorKind::PermissionDenied => {
                format!(
                    "you may not use the admin socket {socket}; run this as the user that the server runs as, or as root"
                )
            }
            _ => format!("the admin socket {socket} cannot be reached: {error}"),
        })
    }
}

async fn whole(answer: Response<Incoming>) -> Result<Bytes, Failure> {
    let body = Limited::new(answer.into_body(), ANSWER_LIMIT).collect().await;
    let body = body.map_err(|error| Failure::no_server(format!("the server's answer broke off: {error}")))?;
    Ok(body.to_bytes())
}

/// The server's own words.
fn refusal(body: &[u8]) -> Failure {
    let mut body: Value = serde_json::from_slice(body).unwrap_or_default();
    let error = body.pointer_mut("/error").map(Value::take).unwrap_or_default();
    let text = |name: &str| error.get(name).and_then(Value::as_str).unwrap_or_default().to_owned();
    let mut message = format!("{} ({})", text("message"), text("code"));
    let fields = error.get("fields").and_then(Value::as_array).map(Vec::as_slice).unwrap_or_default();
    for field in fields {
        let part = |name: &str| field.get(name).and_then(Value::as_str).unwrap_or_default();
        message.push_str(&format!("\n  {}: {}", part("path"), part("message")));
    }
    let message = message.lines().map(out::harmless).collect::<Vec<_>>().join("\n");
    Failure::refused(message, error)
}

/// An answer of lines, read one at a time.
pub struct Lines {
    body: Incoming,
    rest: BytesMut,
}

impl Lines {
    /// Of this answer.
    #[must_use]
    pub fn of(answer: Response<Incoming>) -> Self {
        Self { body: answer.into_body(), rest: BytesMut::new() }
    }

    /// The next line without its end; `None` once the answer has ended.
    ///
    /// # Errors
    /// If the connection breaks.
    pub async fn next(&mut self) -> Result<Option<Bytes>, Failure> {
        loop {
            if let Some(end) = self.rest.iter().position(|byte| *byte == b'\n') {
                let line = self.rest.split_to(end + 1).freeze();
                return Ok(Some(line.slice(..end)));
            }
            match self.body.frame().await {
                None => return Ok(None),
                Some(Ok(frame)) => self.rest.extend_from_slice(frame.data_ref().map_or(&[], |data| data)),
                Some(Err(error)) => return Err(Failure::no_server(format!("the connection broke: {error}"))),
            }
        }
    }
}
