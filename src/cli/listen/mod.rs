//! `vetd listen`: a webhook receiver for the terminal, as a tenant's backend would be one.

mod behaviour;
mod chain;
mod forward;
mod receiver;
mod report;

use std::net::{Ipv4Addr, SocketAddr};
use std::sync::Arc;
use std::time::Duration;

use clap::Args;
use parking_lot::Mutex;
use prometheus_client::metrics::gauge::Gauge;
use tokio::net::TcpListener;
use tokio::sync::mpsc;
use vetd_actors::{Clock, SystemClock};
use vetd_model::signature::WebhookSecret;

use self::behaviour::{Behaviour, Mishap, Plan, parse_duration, parse_failing};
use self::forward::Forward;
use self::receiver::{Ledger, Receiver, router};
use super::registration::Registration;
use crate::config::secret;
use crate::failure::Failure;
use crate::out;
use crate::serve::{Door, Limits, Signals, bind};

/// How long the last deliveries may take to be answered at the end.
const DRAIN: Duration = Duration::from_secs(2);

/// The flags of `vetd listen`.
#[derive(Debug, Args)]
pub struct ListenArgs {
    /// The port on 127.0.0.1; 0 takes a free one
    #[arg(long, value_name = "PORT", default_value_t = 4242)]
    port: u16,
    /// The endpoint's secret (whsec_…); may also stand in VETD_WEBHOOK_SECRET
    #[arg(long, value_name = "SECRET", conflicts_with = "api_key")]
    secret: Option<String>,
    /// Register an endpoint with this key (ak_test_…) and remove it at the end; may also stand in VETD_API_KEY
    #[arg(long, value_name = "KEY")]
    api_key: Option<String>,
    /// The server to register at
    #[arg(long, env = "VETD_URL", value_name = "URL", default_value = "http://127.0.0.1:8080")]
    url: String,
    /// Print the whole body of each event
    #[arg(long)]
    json: bool,
    /// End after this many events that were taken; one that comes again is not counted again
    #[arg(long, value_name = "NUMBER", value_parser = clap::value_parser!(u64).range(1..))]
    count: Option<u64>,
    /// Pass each delivery that is in order on to this address and answer with the status of its answer
    #[arg(long, value_name = "URL")]
    forward: Option<String>,
    /// Answer with this status (300 to 599) instead of taking a delivery: the first COUNT, or all
    #[arg(long, value_name = "STATUS[:COUNT]", value_parser = parse_failing, conflicts_with = "drop")]
    fail: Option<Plan>,
    /// Close the connection without an answer instead of taking a delivery: the first COUNT, or all
    #[arg(long, value_name = "COUNT", num_args = 0..=1, value_parser = clap::value_parser!(u64).range(1..))]
    drop: Option<Option<u64>>,
    /// Hold each answer back for this time (500ms, 12s, 2m)
    #[arg(long, value_name = "DURATION", value_parser = parse_duration)]
    delay: Option<Duration>,
}

impl ListenArgs {
    /// What goes wrong on purpose.
    fn behaviour(&self) -> Behaviour {
        let drops = self.drop.map(|times| Plan { mishap: Mishap::HangUp, times });
        Behaviour::new(self.delay, self.fail.or(drops))
    }
}

/// Receives until a signal or `--count` ends it.
pub(super) async fn run(args: ListenArgs) -> Result<(), Failure> {
    let forward = args.forward.as_deref().map(|target| Forward::to(target, args.port)).transpose()?;
    let mut signals = Signals::listen()?;
    let listener = bind(SocketAddr::from((Ipv4Addr::LOCALHOST, args.port))).await?;
    let listening = listener.local_addr().map_err(|error| Failure::listen(error.to_string()))?;
    let clock: Arc<dyn Clock> = Arc::new(SystemClock::default());

    let given = match (&args.secret, &args.api_key) {
        (None, None) => secret("VETD_WEBHOOK_SECRET")?,
        _ => args.secret.clone(),
    };
    let api_key = match (&given, &args.api_key) {
        (None, None) => secret("VETD_API_KEY")?,
        _ => args.api_key.clone(),
    };
    let wrong = "the secret must be whsec_ followed by base64 of 24 to 64 bytes";
    let given =
        given.map(|text| WebhookSecret::parse(&text).ok_or_else(|| Failure::configuration(wrong))).transpose()?;
    // Deliveries that come before this answer wait in the system's queue.
    let registration = match &api_key {
        Some(key) => Some(tokio::select! {
            made = Registration::make(&args.url, key, listening) => made?,
            // The endpoint may or may not be there; `vetd listen` never knew its name.
            signal = signals.next() => return Err(Failure::other(format!("ended by {signal} while registering"))),
        }),
        None => None,
    };
    let known = registration.as_ref().map(|made| made.secret.clone()).or(given);

    let (counted, events) = mpsc::unbounded_channel();
    let receiver = Receiver {
        secret: known,
        clock,
        json: args.json,
        behaviour: args.behaviour(),
        forward,
        ledger: Mutex::new(Ledger::new(counted)),
    };
    let received = receive(&args, receiver, registration.as_ref(), listener, events, &mut signals).await;
    // The endpoint goes, however the rest ended.
    let removed = match registration {
        Some(made) => {
            let left = format!("ended by a second signal; the endpoint {} may still be there", made.id);
            tokio::select! {
                removed = made.remove() => removed,
                _ = signals.next() => Err(Failure::other(left)),
            }
        }
        None => Ok(()),
    };
    received.and(removed)
}

async fn receive(
    args: &ListenArgs,
    receiver: Receiver,
    registration: Option<&Registration>,
    listener: TcpListener,
    mut events: mpsc::UnboundedReceiver<Result<(), Failure>>,
    signals: &mut Signals,
) -> Result<(), Failure> {
    let listening = listener.local_addr().map_err(|error| Failure::listen(error.to_string()))?;
    let how = match (registration, &receiver.secret) {
        (Some(made), _) => format!("registered as {}, removed again at the end", made.id),
        (None, Some(_)) => "signatures are checked with the given secret".to_owned(),
        (None, None) => "signatures are NOT checked; give --secret or --api-key".to_owned(),
    };
    // With --json, standard output holds events alone.
    let greeting = format!("listening on  http://{listening}/  ({how})");
    if args.json {
        out::complain(&greeting);
    } else {
        out::say(&greeting)?;
    }

    let clock = Arc::clone(&receiver.clock);
    let door = Door { clock, connections: 256, limits: Limits::USUAL, drain: DRAIN, open: Gauge::default() };
    let enough = async {
        let mut left = args.count;
        loop {
            tokio::select! {
                _ = signals.next() => return Ok(()),
                event = events.recv() => match event {
                    Some(printed) => printed?,
                    None => return Ok(()),
                },
            }
            left = left.map(|left| left - 1);
            if left == Some(0) {
                return Ok(());
            }
        }
    };
    let mut outcome = Ok(());
    let stop = async { outcome = enough.await };
    door.serve(listener, router(receiver), stop).await;
    outcome
}
