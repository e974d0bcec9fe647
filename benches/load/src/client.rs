//! One connection that sends one request at a time: as little client as possible, since it
//! shares the machine with what it measures.

use std::net::{SocketAddr, ToSocketAddrs};

use bytes::Bytes;
use http_body_util::{BodyExt, Full};
use hyper::client::conn::http1::{SendRequest, handshake};
use hyper::header::{AUTHORIZATION, CONTENT_TYPE, HOST, HeaderName, HeaderValue};
use hyper::{HeaderMap, Method, Request, StatusCode};
use hyper_util::rt::TokioIo;
use tokio::net::TcpStream;

use crate::failure::Failure;

const IDEMPOTENCY_KEY: HeaderName = HeaderName::from_static("idempotency-key");
const JSON: HeaderValue = HeaderValue::from_static("application/json");

/// Where the server is.
#[derive(Debug, Clone)]
pub struct Server {
    /// Its address.
    pub address: SocketAddr,
    host: HeaderValue,
}

impl From<SocketAddr> for Server {
    fn from(address: SocketAddr) -> Self {
        // An address is always a valid header.
        let host = HeaderValue::from_str(&address.to_string()).unwrap_or(HeaderValue::from_static("localhost"));
        Self { address, host }
    }
}

/// Reads `host:port`, with or without `http://`.
///
/// # Errors
/// What is wrong with it.
pub fn server(text: &str) -> Result<Server, String> {
    if text.starts_with("https://") {
        return Err("TLS is not measured here; give the address behind the proxy, such as 127.0.0.1:8080".to_owned());
    }
    let authority = text.strip_prefix("http://").unwrap_or(text).trim_end_matches('/');
    let host = HeaderValue::from_str(authority).map_err(|error| error.to_string())?;
    let address = authority.to_socket_addrs().map_err(|error| error.to_string())?.next();
    Ok(Server { address: address.ok_or("this name has no address")?, host })
}

/// A kept-alive HTTP/1.1 connection.
pub struct Client {
    server: Server,
    sender: SendRequest<Full<Bytes>>,
    /// The bytes of all bodies that were sent.
    pub sent: u64,
    /// The bytes of all bodies that came back.
    pub received: u64,
}

/// What is sent.
pub struct Message<'a> {
    /// The method.
    pub method: Method,
    /// The path, with its query.
    pub path: &'a str,
    /// See [`bearer`].
    pub bearer: HeaderValue,
    /// The idempotency key, if there is one.
    pub idempotency_key: Option<&'a str>,
    /// JSON, or nothing.
    pub body: Bytes,
}

/// What came back.
pub struct Reply {
    /// The HTTP status.
    pub status: StatusCode,
    /// The headers.
    pub headers: HeaderMap,
    /// The body.
    pub body: Bytes,
}

/// The header's value for a credential.
///
/// # Errors
/// If it is not fit for a header.
pub fn bearer(credential: &str) -> Result<HeaderValue, Failure> {
    HeaderValue::from_str(&format!("Bearer {credential}")).map_err(Failure::other)
}

impl Client {
    /// Connects.
    pub async fn connect(server: &Server) -> Result<Self, Failure> {
        let sender = open(server.address).await?;
        Ok(Self { server: server.clone(), sender, sent: 0, received: 0 })
    }

    /// Sends a request and reads the whole answer.
    pub async fn send(&mut self, message: Message<'_>) -> Result<Reply, Failure> {
        if self.sender.ready().await.is_err() {
            self.sender = open(self.server.address).await?;
        }
        self.sent += message.body.len() as u64;
        let mut request = Request::builder()
            .method(message.method)
            .uri(message.path)
            .header(HOST, self.server.host.clone())
            .header(AUTHORIZATION, message.bearer)
            .header(CONTENT_TYPE, JSON);
        if let Some(key) = message.idempotency_key {
            request = request.header(IDEMPOTENCY_KEY, key);
        }
        let request = request.body(Full::new(message.body)).map_err(Failure::other)?;
        let (head, body) = self.sender.send_request(request).await?.into_parts();
        let body = body.collect().await?.to_bytes();
        self.received += body.len() as u64;
        Ok(Reply { status: head.status, headers: head.headers, body })
    }
}

async fn open(address: SocketAddr) -> Result<SendRequest<Full<Bytes>>, Failure> {
    let stream = TcpStream::connect(address).await?;
    stream.set_nodelay(true)?;
    let (sender, connection) = handshake(TokioIo::new(stream)).await?;
    // Its end shows in the next request.
    tokio::spawn(async move { drop(connection.await) });
    Ok(sender)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_server_is_given_with_or_without_http() {
        for text in ["127.0.0.1:8080", "http://127.0.0.1:8080", "http://127.0.0.1:8080/"] {
            let server = server(text).unwrap();
            assert_eq!((server.address.port(), server.host.to_str().unwrap()), (8080, "127.0.0.1:8080"));
        }
        assert!(server("https://127.0.0.1:8080").unwrap_err().contains("TLS"));
        assert!(server("127.0.0.1").is_err());
    }
}
