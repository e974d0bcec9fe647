//! A tenant's webhook receiver on a real socket, which answers as the test says.

#![allow(dead_code, reason = "each test binary uses its own part of this")]
#![expect(clippy::unwrap_used, clippy::panic, reason = "a test fails where it unwraps")]

use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use axum::body::Bytes;
use axum::extract::State;
use axum::http::{HeaderMap, HeaderValue, Method, StatusCode, Uri};
use axum::response::{IntoResponse, Response};
use parking_lot::Mutex;
use serde_json::Value;
use tokio::net::TcpListener;
use tokio::sync::mpsc;
use vetd_actors::TestClock;

/// How long a delivery may take that has to come.
const PATIENCE: Duration = Duration::from_secs(20);

/// One attempt, as it arrived.
#[derive(Debug, Clone)]
pub struct Delivery {
    pub method: Method,
    pub path: String,
    pub headers: HeaderMap,
    pub body: Bytes,
    /// What the receiver answered.
    pub answered: u16,
}

impl Delivery {
    pub fn event(&self) -> Value {
        serde_json::from_slice(&self.body).unwrap()
    }

    pub fn header(&self, name: &str) -> &str {
        self.headers.get(name).unwrap_or_else(|| panic!("no {name}")).to_str().unwrap()
    }

    pub fn session(&self) -> String {
        self.event()["session_id"].as_str().unwrap().to_owned()
    }

    pub fn sequence(&self) -> u64 {
        self.event()["sequence"].as_u64().unwrap()
    }

    /// Session and sequence.
    pub fn place(&self) -> (String, u64) {
        (self.session(), self.sequence())
    }
}

/// An answer: its status, and a header.
pub type Scripted = (u16, Option<(&'static str, String)>);
type Script = Box<dyn Fn(&Value) -> Response + Send>;

pub struct Receiver {
    pub url: String,
    arrivals: mpsc::UnboundedReceiver<Delivery>,
    script: Arc<Mutex<Script>>,
}

#[derive(Clone)]
struct Desk {
    arrived: mpsc::UnboundedSender<Delivery>,
    script: Arc<Mutex<Script>>,
}

impl Receiver {
    /// One that answers 200.
    pub async fn start() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("http://{}/hook", listener.local_addr().unwrap());
        let (arrived, arrivals) = mpsc::unbounded_channel();
        let script: Arc<Mutex<Script>> = Arc::new(Mutex::new(Box::new(|_| StatusCode::OK.into_response())));
        let desk = Desk { arrived, script: Arc::clone(&script) };
        let router = Router::new().fallback(receive).with_state(desk);
        tokio::spawn(async move { axum::serve(listener, router).await });
        Self { url, arrivals, script }
    }

    /// From here on it answers each event like this.
    pub fn answer(&self, script: impl Fn(&Value) -> Scripted + Send + 'static) {
        *self.script.lock() = Box::new(move |event| {
            let (status, header) = script(event);
            let mut response = StatusCode::from_u16(status).unwrap().into_response();
            if let Some((name, value)) = header {
                response.headers_mut().insert(name, HeaderValue::from_str(&value).unwrap());
            }
            response
        });
    }

    /// From here on it answers like this, with a body.
    pub fn say(&self, status: u16, body: impl Into<String>) {
        let body = body.into();
        let status = StatusCode::from_u16(status).unwrap();
        *self.script.lock() = Box::new(move |_| (status, body.clone()).into_response());
    }

    /// The next attempt, which has to come.
    pub async fn next(&mut self) -> Delivery {
        let arrived = tokio::time::timeout(PATIENCE, self.arrivals.recv()).await;
        arrived.expect("a delivery that has to come did not").unwrap()
    }

    /// The next attempt for this session; what comes for others is passed over.
    pub async fn next_of(&mut self, session: &str) -> Delivery {
        loop {
            let delivery = self.next().await;
            if delivery.session() == session {
                return delivery;
            }
        }
    }

    /// The next attempt that tells of this; what tells of anything else is passed over.
    pub async fn next_of_type(&mut self, kind: &str) -> Delivery {
        loop {
            let delivery = self.next().await;
            if delivery.event()["type"] == kind {
                return delivery;
            }
        }
    }

    /// The next attempt. Time passes while there is none, so that what is to be tried again is.
    pub async fn next_or_advance(&mut self, clock: &TestClock) -> Delivery {
        for _ in 0..1_000 {
            match tokio::time::timeout(Duration::from_millis(20), self.arrivals.recv()).await {
                Ok(delivery) => return delivery.unwrap(),
                Err(_) => clock.advance(Duration::from_secs(1)),
            }
        }
        panic!("a delivery that has to come did not");
    }

    /// An attempt that has arrived already.
    pub fn already(&mut self) -> Option<Delivery> {
        self.arrivals.try_recv().ok()
    }
}

async fn receive(State(desk): State<Desk>, method: Method, uri: Uri, headers: HeaderMap, body: Bytes) -> Response {
    let response = (desk.script.lock())(&serde_json::from_slice(&body).unwrap_or_default());
    let answered = response.status().as_u16();
    // The test may have ended.
    let _ = desk.arrived.send(Delivery { method, path: uri.path().to_owned(), headers, body, answered });
    response
}
