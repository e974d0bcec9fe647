//! A webhook receiver on raw TCP that misbehaves as it is told, attempt for attempt.

#![allow(dead_code, reason = "each test binary uses its own part of this")]
#![expect(clippy::unwrap_used, clippy::panic, reason = "a test fails where it unwraps")]

pub mod promise;

use std::collections::HashMap;
use std::io;
use std::sync::Arc;
use std::time::Duration;

use futures::FutureExt;
use parking_lot::Mutex;
use serde_json::Value;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::watch;

/// An event that failed this often is taken after all, so that no delivery is exhausted.
const MOST_FAILURES: u32 = 4;
/// The size of a block of headers that nobody should take in.
const HUGE: usize = 10 << 20;

/// What it does with one attempt.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Answer {
    /// 200.
    Taken,
    /// 204, with the body that it must not have.
    TakenWithStrayBody,
    /// 200, and a body without an end.
    TakenEndlessly,
    /// 200, byte for byte.
    TakenSlowly,
    /// 200, and the connection ends in the middle of the body.
    TakenByHalf,
    /// 500.
    Error,
    /// 500, and a body without an end.
    ErrorEndlessly,
    /// 301 to where nobody may ever connect.
    Redirect,
    /// 429, with `Retry-After`.
    Busy,
    /// The connection ends in the middle of the headers of a 200.
    HalfHead,
    /// Something that is not HTTP.
    Garbage,
    /// A 200 with 10 MB of headers.
    HugeHead,
    /// The connection is reset before the request is read.
    ResetUnread,
    /// The connection is reset once the request was read.
    ResetRead,
    /// Nothing, for as long as the connection holds.
    Silence,
    /// A 200 whose headers never end, though they go on.
    EndlessHead,
}

impl Answer {
    /// Everything that ends without the sender's time limit.
    pub const SWIFT: [Self; 14] = [
        Self::Taken,
        Self::TakenWithStrayBody,
        Self::TakenEndlessly,
        Self::TakenSlowly,
        Self::TakenByHalf,
        Self::Error,
        Self::ErrorEndlessly,
        Self::Redirect,
        Self::Busy,
        Self::HalfHead,
        Self::Garbage,
        Self::HugeHead,
        Self::ResetUnread,
        Self::ResetRead,
    ];

    /// True if the sender hears a 2xx: the event is delivered.
    const fn takes(self) -> bool {
        matches!(
            self,
            Self::Taken | Self::TakenWithStrayBody | Self::TakenEndlessly | Self::TakenSlowly | Self::TakenByHalf
        )
    }
}

/// One attempt whose request was read.
#[derive(Debug, Clone)]
pub struct Arrival {
    /// `KYC-Event-Id` and `webhook-id`.
    pub ids: [String; 2],
    pub body: Vec<u8>,
    /// True if it was answered 2xx.
    pub taken: bool,
}

impl Arrival {
    pub fn event(&self) -> Value {
        serde_json::from_slice(&self.body).unwrap()
    }
}

#[derive(Default)]
struct Log {
    arrivals: Vec<Arrival>,
    /// How often each event was refused.
    failures: HashMap<String, u32>,
}

type Script = Box<dyn Iterator<Item = Answer> + Send>;

struct Desk {
    script: Mutex<Script>,
    log: Mutex<Log>,
    attempts: watch::Sender<usize>,
    elsewhere: TcpListener,
}

pub struct FaultyReceiver {
    pub url: String,
    desk: Arc<Desk>,
}

impl FaultyReceiver {
    /// One that meets each attempt as the script says, and takes what comes after its end.
    pub async fn start(script: impl IntoIterator<Item = Answer, IntoIter: Send + 'static>) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let elsewhere = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("http://{}/hook", listener.local_addr().unwrap());
        let script: Mutex<Script> = Mutex::new(Box::new(script.into_iter()));
        let desk = Arc::new(Desk { script, log: Mutex::default(), attempts: watch::Sender::new(0), elsewhere });
        let behind = Arc::clone(&desk);
        tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                tokio::spawn(serve(Arc::clone(&behind), stream));
            }
        });
        Self { url, desk }
    }

    /// From here on it takes whatever comes.
    pub fn heal(&self) {
        *self.desk.script.lock() = Box::new(std::iter::empty());
    }

    /// How many attempts were made. Changes with each of them.
    pub fn attempts(&self) -> watch::Receiver<usize> {
        self.desk.attempts.subscribe()
    }

    /// Every attempt that was read, in the order of their reading.
    pub fn arrivals(&self) -> Vec<Arrival> {
        self.desk.log.lock().arrivals.clone()
    }

    /// Asserts that nobody has followed a redirect.
    pub fn nobody_was_redirected(&self) {
        assert!(self.desk.elsewhere.accept().now_or_never().is_none(), "a redirect was followed");
    }
}

async fn serve(desk: Arc<Desk>, mut stream: TcpStream) {
    // An error is the sender's going away, which is its right.
    while let Ok(true) = meet(&desk, &mut stream).await {}
}

/// Meets one attempt. Returns whether the connection goes on.
async fn meet(desk: &Desk, stream: &mut TcpStream) -> io::Result<bool> {
    if stream.peek(&mut [0]).await? == 0 {
        return Ok(false);
    }
    let answer = desk.script.lock().next().unwrap_or(Answer::Taken);
    desk.attempts.send_modify(|count| *count += 1);
    if answer == Answer::ResetUnread {
        stream.set_zero_linger()?;
        return Ok(false);
    }
    let answer = note(desk, read(stream).await?, answer);
    give(answer, desk, stream).await
}

/// Reads a request.
async fn read(stream: &mut TcpStream) -> io::Result<Arrival> {
    let mut bytes = Vec::new();
    let head = loop {
        if let Some(end) = bytes.windows(4).position(|four| four == b"\r\n\r\n") {
            break String::from_utf8_lossy(&bytes[..end]).into_owned();
        }
        if stream.read_buf(&mut bytes).await? == 0 {
            return Err(io::ErrorKind::UnexpectedEof.into());
        }
    };
    let header = |name: &str| {
        let mut lines = head.lines().filter_map(|line| line.split_once(": "));
        let found = lines.find(|(known, _)| known.eq_ignore_ascii_case(name));
        found.unwrap_or_else(|| panic!("no {name}: {head}")).1.to_owned()
    };
    let mut body = bytes.split_off(head.len() + 4);
    while body.len() < header("content-length").parse().unwrap() {
        if stream.read_buf(&mut body).await? == 0 {
            return Err(io::ErrorKind::UnexpectedEof.into());
        }
    }
    Ok(Arrival { ids: [header("kyc-event-id"), header("webhook-id")], body, taken: false })
}

/// Notes an attempt, before anything is answered. Returns what is to be answered.
fn note(desk: &Desk, mut arrival: Arrival, scripted: Answer) -> Answer {
    let mut log = desk.log.lock();
    let failures = log.failures.entry(arrival.ids[0].clone()).or_default();
    let answer = if *failures < MOST_FAILURES { scripted } else { Answer::Taken };
    *failures += u32::from(!answer.takes());
    arrival.taken = answer.takes();
    log.arrivals.push(arrival);
    answer
}

async fn give(answer: Answer, desk: &Desk, stream: &mut TcpStream) -> io::Result<bool> {
    const TAKEN: &[u8] = b"HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nok";
    match answer {
        Answer::Taken => stream.write_all(TAKEN).await?,
        Answer::TakenWithStrayBody => stream.write_all(b"HTTP/1.1 204 No Content\r\n\r\nstray").await?,
        Answer::TakenEndlessly => without_end(stream, "200 OK").await?,
        Answer::TakenSlowly => {
            stream.set_nodelay(true)?;
            for byte in TAKEN {
                stream.write_all(&[*byte]).await?;
                tokio::task::yield_now().await;
            }
        }
        Answer::TakenByHalf => {
            stream.write_all(b"HTTP/1.1 200 OK\r\ncontent-length: 99\r\n\r\nhalf").await?;
            return Ok(false);
        }
        Answer::Error => stream.write_all(b"HTTP/1.1 500 Oh\r\ncontent-length: 2\r\n\r\nno").await?,
        Answer::ErrorEndlessly => without_end(stream, "500 Oh").await?,
        Answer::Redirect => {
            let head = format!("HTTP/1.1 301 There\r\nlocation: http://{}/\r\n", desk.elsewhere.local_addr()?);
            stream.write_all(format!("{head}content-length: 0\r\n\r\n").as_bytes()).await?;
        }
        Answer::Busy => {
            stream.write_all(b"HTTP/1.1 429 Busy\r\nretry-after: 1\r\ncontent-length: 0\r\n\r\n").await?;
        }
        Answer::HalfHead => {
            stream.write_all(b"HTTP/1.1 200 OK\r\ncontent-le").await?;
            return Ok(false);
        }
        Answer::Garbage => stream.write_all(b"\x16\x03\x01 SSH-2.0 +OK <html>\r\n\r\n").await?,
        Answer::HugeHead => {
            stream.write_all(b"HTTP/1.1 200 OK\r\ncontent-length: 0\r\nx-huge: ").await?;
            stream.write_all(&vec![b'x'; HUGE]).await?;
            stream.write_all(b"\r\n\r\n").await?;
        }
        Answer::ResetUnread | Answer::ResetRead => {
            stream.set_zero_linger()?;
            return Ok(false);
        }
        Answer::Silence => return Ok(stream.read(&mut [0]).await? > 0),
        Answer::EndlessHead => {
            stream.write_all(b"HTTP/1.1 200 OK\r\nx-endless: ").await?;
            // A byte now and then, until the sender has enough.
            while tokio::time::timeout(Duration::from_millis(50), stream.readable()).await.is_err() {
                stream.write_all(b"x").await?;
            }
            return Ok(false);
        }
    }
    Ok(true)
}

/// A body that ends when the sender goes.
async fn without_end(stream: &mut TcpStream, status: &str) -> io::Result<()> {
    stream.write_all(format!("HTTP/1.1 {status}\r\n\r\n").as_bytes()).await?;
    loop {
        stream.write_all(&[b'x'; 16_384]).await?;
    }
}
