//! The measure of the machine: an axum handler that parses the same request, keeps nothing, and
//! returns the answer that the server gave: same status, same headers, same bytes.

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::process::Stdio;
use std::sync::Arc;

use axum::extract::{Path, State};
use axum::http::header::{AUTHORIZATION, CONNECTION, CONTENT_LENGTH, DATE, HeaderName, HeaderValue};
use axum::http::{HeaderMap, StatusCode};
use axum::response::Response;
use axum::routing::{get, post};
use axum::serve::ListenerExt;
use axum::{Json, Router};
use bytes::Bytes;
use serde::{Deserialize, Serialize};
use serde_json::Value;
use tokio::io::{AsyncBufReadExt, AsyncWriteExt, BufReader};
use tokio::net::TcpListener;
use tokio::process::{Child, Command};

use crate::client::Reply;
use crate::failure::Failure;
use crate::report::say;
use crate::scenario::Call;

/// An answer of the server's, for the bare handler to repeat.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Sample {
    status: u16,
    headers: Vec<(String, String)>,
    body: String,
}

/// An answer for each call that a scenario makes.
pub type Samples = BTreeMap<Call, Sample>;

impl Sample {
    /// Of this reply.
    #[must_use]
    pub fn of(reply: &Reply) -> Self {
        // The HTTP library adds these itself.
        let own = |name: &HeaderName| [CONNECTION, CONTENT_LENGTH, DATE].contains(name);
        let text = |value: &HeaderValue| String::from_utf8_lossy(value.as_bytes()).into_owned();
        let headers = reply.headers.iter().filter(|(name, _)| !own(name));
        Self {
            status: reply.status.as_u16(),
            headers: headers.map(|(name, value)| (name.to_string(), text(value))).collect(),
            body: String::from_utf8_lossy(&reply.body).into_owned(),
        }
    }
}

/// Starts the bare handler in a process of its own; it ends when the child is dropped.
pub async fn start(samples: &Samples) -> Result<(Child, SocketAddr), Failure> {
    let program = std::env::current_exe()?;
    let mut command = Command::new(program);
    command.arg("bare").stdin(Stdio::piped()).stdout(Stdio::piped()).kill_on_drop(true);
    let mut child = command.spawn()?;
    let silent = || Failure::other("the bare handler did not start");
    let mut line = serde_json::to_vec(samples).map_err(Failure::other)?;
    line.push(b'\n');
    child.stdin.as_mut().ok_or_else(silent)?.write_all(&line).await?;
    let out = child.stdout.take().ok_or_else(silent)?;
    let line = BufReader::new(out).lines().next_line().await?.unwrap_or_default();
    Ok((child, line.parse().map_err(|_| silent())?))
}

/// Reads the samples from standard input, prints its address, serves until it is killed.
pub async fn serve() -> Result<(), Failure> {
    let line = std::io::stdin().lines().next().transpose()?.unwrap_or_default();
    let samples: Samples = serde_json::from_str(&line).map_err(Failure::other)?;
    let answers = samples.into_iter().map(|(call, sample)| Ok((call, Answer::try_from(sample)?)));
    let answers: Answers = Arc::new(answers.collect::<Result<_, Failure>>()?);
    let routes = Router::new()
        .route("/v1/sessions", post(create))
        .route("/v1/sessions/{id}", get(read))
        .route("/iframe/api/load", post(load))
        .route("/iframe/api/steps/{step}", post(submit))
        .with_state(answers);
    let listener = TcpListener::bind(("127.0.0.1", 0)).await?;
    say(&listener.local_addr()?.to_string());
    let listener = listener.tap_io(|stream| drop(stream.set_nodelay(true)));
    Ok(axum::serve(listener, routes).await?)
}

struct Answer {
    status: StatusCode,
    headers: HeaderMap,
    body: Bytes,
}

type Answers = Arc<BTreeMap<Call, Answer>>;

impl TryFrom<Sample> for Answer {
    type Error = Failure;

    fn try_from(sample: Sample) -> Result<Self, Failure> {
        let mut headers = HeaderMap::new();
        for (name, value) in sample.headers {
            let name: HeaderName = name.parse().map_err(Failure::other)?;
            headers.append(name, value.parse().map_err(Failure::other)?);
        }
        let status = StatusCode::from_u16(sample.status).map_err(Failure::other)?;
        Ok(Self { status, headers, body: sample.body.into() })
    }
}

async fn create(State(answers): State<Answers>, headers: HeaderMap, Json(body): Json<Value>) -> Response {
    let is_fit = body.is_object() && headers.get("idempotency-key").is_some_and(|key| key.to_str().is_ok());
    answer(&answers, Call::Create, &headers, is_fit)
}

async fn read(State(answers): State<Answers>, Path(id): Path<String>, headers: HeaderMap) -> Response {
    answer(&answers, Call::Read, &headers, id.starts_with("ses_"))
}

async fn load(State(answers): State<Answers>, headers: HeaderMap, Json(body): Json<Value>) -> Response {
    answer(&answers, Call::Load, &headers, body.is_object())
}

async fn submit(
    State(answers): State<Answers>,
    Path(step): Path<String>,
    headers: HeaderMap,
    Json(body): Json<Value>,
) -> Response {
    let call = if step == "consent" { Call::Consent } else { Call::DataEntry };
    answer(&answers, call, &headers, body.is_object())
}

fn answer(answers: &Answers, call: Call, headers: &HeaderMap, is_fit: bool) -> Response {
    let credential = headers.get(AUTHORIZATION).and_then(|value| value.to_str().ok()?.strip_prefix("Bearer "));
    let mut response = Response::default();
    match answers.get(&call).filter(|_| is_fit && credential.is_some()) {
        Some(answer) => {
            *response.status_mut() = answer.status;
            response.headers_mut().clone_from(&answer.headers);
            *response.body_mut() = answer.body.clone().into();
        }
        None => *response.status_mut() = StatusCode::BAD_REQUEST,
    }
    response
}
