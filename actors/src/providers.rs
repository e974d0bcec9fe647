//! Asks providers for what a flow hands to them: signed, again and again under the same
//! `Idempotency-Key` until there is an answer, never more than a few at a time.
//!
//! That a provider is to be asked stands in the session's record before it is asked, and so does its
//! promise to answer later. What is lost with the process is at most an answer that was on its way, and
//! its question is put again under the same key.

use std::collections::{HashMap, HashSet};
use std::sync::Arc;
use std::time::Duration;

use parking_lot::Mutex;
use reqwest::header::CONTENT_TYPE;
use reqwest::{RequestBuilder, StatusCode};
use serde_json::Value;
use tokio::sync::Semaphore;
use tokio::task::JoinSet;
use vetd_model::address::WebhookTargets;
use vetd_model::breaker::{Breaker, BreakerState};
use vetd_model::check::Finding;
use vetd_model::link::{Links, Target};
use vetd_model::provider::{NoAnswer, Provider, parse_answer};
use vetd_model::signature::{kyc_signature, standard_signature};
use vetd_model::{CheckId, ProviderId, Realm, Session, State, Timestamp};
use vetd_storage::{Store, StoreError};

use crate::clock::Clock;
use crate::error::EngineError;
use crate::mailbox::Mailbox;
use crate::meters::Meters;
use crate::outbound::{self, Outbound};
use crate::registry::SessionKey;
use crate::session_actor::SessionMsg;
use crate::shard::ShardMsg;

const USER_AGENT: &str = "KYC-Providers/1.0";
/// Beyond this no provider is waited for, whatever its own limit.
const TIME_LIMIT: Duration = Duration::from_secs(60);
/// How many questions one provider is asked at a time.
const AT_A_TIME: usize = 8;
/// The pauses between attempts, in seconds; together shorter than a run of checks may take.
const PAUSES: [u64; 7] = [1, 5, 15, 30, 60, 120, 240];
/// The longest `Retry-After` that is heeded, in seconds.
const LONGEST_WISH: u64 = 120;
/// The longest answer that is read, in bytes.
const ANSWER_LIMIT: usize = 64 * 1024;

/// What is known of a call by the session that waits for it.
#[derive(Debug)]
pub(crate) enum Said {
    /// The provider will answer later, at the address that it was given.
    Later,
    /// It has answered, or there is no hope.
    Found(Finding),
}

impl Said {
    /// Nothing is to be had from the provider of this name.
    fn hopeless(why: NoAnswer, name: &str) -> Self {
        Self::Found(why.finding(name))
    }
}

/// The calls under way.
pub(crate) struct Providers {
    desk: Arc<Desk>,
    calls: Mutex<JoinSet<()>>,
}

struct Desk {
    store: Arc<dyn Store>,
    clock: Arc<dyn Clock>,
    meters: Arc<Meters>,
    links: Links,
    outbound: Outbound,
    lanes: Lanes,
    /// The calls under way: one that is ordered twice is made once.
    known: Mutex<HashSet<CheckId>>,
}

/// What the calls of one provider share.
struct Lane {
    places: Semaphore,
    /// Held by whoever looks whether it is back.
    probe: Semaphore,
    breaker: Mutex<Breaker>,
}

impl Default for Lane {
    fn default() -> Self {
        Self { places: Semaphore::new(AT_A_TIME), probe: Semaphore::new(1), breaker: Mutex::default() }
    }
}

/// The lanes of all providers that were asked since the start.
#[derive(Default)]
struct Lanes(Mutex<HashMap<ProviderId, Arc<Lane>>>);

impl Lanes {
    /// The lane of a provider, kept if it `still_exists`: for one that is gone nobody would drop it.
    fn of(&self, provider: ProviderId, still_exists: impl FnOnce() -> bool) -> Arc<Lane> {
        let mut lanes = self.0.lock();
        if let Some(lane) = lanes.get(&provider) {
            return Arc::clone(lane);
        }
        let lane = Arc::default();
        if still_exists() {
            lanes.insert(provider, Arc::clone(&lane));
        }
        lane
    }

    /// The provider is removed. Calls under way end by what they hold.
    fn forget(&self, provider: ProviderId) {
        self.0.lock().remove(&provider);
    }
}

struct Order {
    key: SessionKey,
    check: CheckId,
    shard: Mailbox,
}

/// How one attempt ended.
enum Attempted {
    Said(Said),
    /// Worth another attempt, after the seconds that the provider asks for.
    Failed(Option<u64>),
}

impl Providers {
    pub(crate) fn new(
        store: Arc<dyn Store>,
        clock: Arc<dyn Clock>,
        meters: Arc<Meters>,
        links: Links,
        targets: WebhookTargets,
    ) -> Result<Self, EngineError> {
        let outbound = Outbound::new(targets, USER_AGENT, TIME_LIMIT)?;
        let (lanes, known) = (Lanes::default(), Mutex::default());
        let desk = Arc::new(Desk { store, clock, meters, links, outbound, lanes, known });
        Ok(Self { desk, calls: Mutex::default() })
    }

    /// Asks for the check of a session; what is said goes to the session by way of its shard.
    pub(crate) fn ask(&self, key: SessionKey, check: CheckId, shard: Mailbox) {
        if !self.desk.known.lock().insert(check) {
            return;
        }
        let desk = Arc::clone(&self.desk);
        let order = Order { key, check, shard };
        let mut calls = self.calls.lock();
        while calls.try_join_next().is_some() {}
        calls.spawn(async move {
            let _known = Known { desk: &desk, check };
            let said = desk.consult(&order).await;
            if let Some(said) = said
                && order.shard.send(order.message(said)).is_err()
            {
                tracing::debug!("the shard has stopped; the provider is asked again at the next start");
            }
        });
    }

    /// Drops what is kept of a provider that has been removed.
    pub(crate) fn forget(&self, provider: ProviderId) {
        self.desk.lanes.forget(provider);
    }

    /// Stops. Calls under way are cut off, and made again at the next start.
    pub(crate) fn stop(&self) {
        self.calls.lock().abort_all();
    }
}

/// Forgets a call when its work ends, however it ends.
struct Known<'a> {
    desk: &'a Desk,
    check: CheckId,
}

impl Drop for Known<'_> {
    fn drop(&mut self) {
        self.desk.known.lock().remove(&self.check);
    }
}

impl Order {
    fn message(&self, said: Said) -> ShardMsg {
        ShardMsg::Deliver { key: self.key, message: SessionMsg::Provider { check: self.check, said } }
    }
}

impl Desk {
    /// Asks until there is an answer. `None` if nobody waits for it any more.
    async fn consult(&self, order: &Order) -> Option<Said> {
        let mut pauses = PAUSES.iter();
        loop {
            let wish = match self.attempt(order).await {
                Ok(Attempted::Said(said)) => return Some(said),
                Ok(Attempted::Failed(wish)) => wish.unwrap_or_default().min(LONGEST_WISH),
                Err(Stopped::NotWanted) => return None,
                Err(Stopped::Hopeless(said)) => return Some(said),
                Err(Stopped::Store(error)) => {
                    tracing::warn!(%error, check = %order.check, "could not read what a provider is asked");
                    0
                }
            };
            let Some(pause) = pauses.next() else {
                let name = self.wanted(order).await.ok().map(|(_, _, name)| name).unwrap_or_default();
                return Some(Said::hopeless(NoAnswer::Unavailable, &name));
            };
            self.clock.sleep(Duration::from_secs(wish.max(*pause))).await;
        }
    }

    /// One attempt, once there is a place for it and the provider is not known to be down.
    async fn attempt(&self, order: &Order) -> Result<Attempted, Stopped> {
        let (_, provider) = self.question(order).await?;
        let lane = self.lanes.of(provider.id, || self.exists(order.key.realm, provider.id));
        loop {
            let (_place, _probe) = match lane.state(self.clock.now()) {
                BreakerState::Open { until } => {
                    self.clock.sleep_until(until).await;
                    continue;
                }
                BreakerState::Closed => (lane.places.acquire().await, None),
                BreakerState::HalfOpen => {
                    let probe = lane.probe.acquire().await;
                    // Whoever held it before has seen.
                    if lane.state(self.clock.now()) != BreakerState::HalfOpen {
                        continue;
                    }
                    (lane.places.acquire().await, Some(probe))
                }
            };
            // It may have waited long.
            let (session, provider) = self.question(order).await?;
            let attempted = self.send(order, &session, &provider).await;
            match attempted {
                Attempted::Failed(_) => lane.breaker.lock().failed(self.clock.now()),
                Attempted::Said(_) => lane.breaker.lock().succeeded(),
            }
            return Ok(attempted);
        }
    }

    /// The session, if it waits for the call, and the name of the provider that it wants.
    async fn wanted(&self, order: &Order) -> Result<(Arc<Session>, Realm, String), Stopped> {
        let SessionKey { realm, id } = order.key;
        let found = self.store.session(realm, id).await.map_err(Stopped::Store)?;
        let (session, _) = found.ok_or(Stopped::NotWanted)?;
        let State::Awaiting { calls, .. } = &session.state else { return Err(Stopped::NotWanted) };
        let is_open = calls.iter().any(|call| call.check == order.check && !call.accepted);
        let kind = session.checks.iter().find(|result| result.id == order.check).map(|result| result.kind);
        let spec = session.flow.checks().iter().find(|spec| Some(spec.kind) == kind);
        let name = spec.and_then(|spec| spec.provider.clone()).filter(|_| is_open);
        name.map(|name| (session, realm, name)).ok_or(Stopped::NotWanted)
    }

    fn exists(&self, realm: Realm, id: ProviderId) -> bool {
        self.store.providers(realm).is_ok_and(|all| all.iter().any(|stored| stored.value.id == id))
    }

    async fn question(&self, order: &Order) -> Result<(Arc<Session>, Provider), Stopped> {
        let (session, realm, name) = self.wanted(order).await?;
        let providers = self.store.providers(realm).map_err(Stopped::Store)?;
        let provider = providers.into_iter().map(|stored| stored.value).find(|provider| provider.name == name);
        let provider = provider.ok_or_else(|| Stopped::Hopeless(Said::hopeless(NoAnswer::Unknown, &name)))?;
        Ok((session, provider))
    }

    async fn send(&self, order: &Order, session: &Session, provider: &Provider) -> Attempted {
        let began = self.clock.now();
        let Some(request) = self.request(order, session, provider, began) else {
            return Attempted::Said(Said::hopeless(NoAnswer::Unavailable, &provider.name));
        };
        let time_limit = self.clock.sleep(Duration::from_secs(provider.timeout.into()));
        let (attempted, outcome) = tokio::select! {
            answered = read(request, &provider.name, began) => answered,
            () = time_limit => (Attempted::Failed(None), "timeout"),
        };
        self.meters.asked(outcome, self.clock.now().since(began));
        if let Attempted::Failed(_) = attempted {
            tracing::info!(provider = %provider.id, check = %order.check, outcome, "a provider gave no answer");
        }
        attempted
    }

    /// The same question has the same bytes as long as the server runs. `None` for an address that
    /// the operator does not admit any more.
    fn request(&self, order: &Order, session: &Session, provider: &Provider, now: Timestamp) -> Option<RequestBuilder> {
        let State::Awaiting { started, .. } = session.state else { return None };
        let callback = self.links.link(session, Target::Callback(order.check), started);
        let picture = |media: &vetd_model::media::Media| self.links.link(session, Target::Picture(media.id), started);
        let body = provider.request(session, order.check, picture, &callback, started)?.to_string().into_bytes();
        let (id, timestamp) = (order.check.to_string(), now.seconds());
        let request = self.outbound.post(&provider.url, session.realm.mode).ok()?;
        let request = request
            .header(CONTENT_TYPE, "application/json")
            .header("Idempotency-Key", &id)
            .header("KYC-Signature", kyc_signature(provider.secrets_at(now), timestamp, &body))
            .header("webhook-id", &id)
            .header("webhook-timestamp", timestamp)
            .header("webhook-signature", standard_signature(provider.secrets_at(now), &id, timestamp, &body));
        Some(request.body(body))
    }
}

/// Why no attempt was made.
enum Stopped {
    /// The session has ended, or has its answer.
    NotWanted,
    /// None ever can be.
    Hopeless(Said),
    Store(StoreError),
}

impl Lane {
    fn state(&self, now: Timestamp) -> BreakerState {
        self.breaker.lock().state(now)
    }
}

/// Sends a request and reads what it comes to; also the outcome as a label.
async fn read(request: RequestBuilder, name: &str, now: Timestamp) -> (Attempted, &'static str) {
    let mut answer = match request.send().await {
        Ok(answer) => answer,
        Err(_) => return (Attempted::Failed(None), "unreachable"),
    };
    let found = |why| Attempted::Said(Said::hopeless(why, name));
    match answer.status() {
        StatusCode::ACCEPTED => (Attempted::Said(Said::Later), "accepted"),
        status if status.is_success() => {
            let body = outbound::beginning(&mut answer, ANSWER_LIMIT + 1).await;
            let body = Some(body).filter(|body| body.len() <= ANSWER_LIMIT);
            let answer = body.and_then(|body| serde_json::from_slice::<Value>(&body).ok());
            match answer.map(|answer| parse_answer(&answer, name)) {
                Some(Ok(finding)) => (Attempted::Said(Said::Found(finding)), "answered"),
                _ => (found(NoAnswer::Unreadable), "unreadable"),
            }
        }
        status if is_passing(status) => (Attempted::Failed(outbound::retry_after(&answer, now)), "rejected"),
        status => (found(NoAnswer::Refused(status.as_u16())), "refused"),
    }
}

/// True for statuses that say nothing of the request itself: it may be taken the next time.
fn is_passing(status: StatusCode) -> bool {
    const PASSING: [StatusCode; 4] =
        [StatusCode::REQUEST_TIMEOUT, StatusCode::CONFLICT, StatusCode::TOO_EARLY, StatusCode::TOO_MANY_REQUESTS];
    status.is_server_error() || PASSING.contains(&status)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lanes_are_kept_for_providers_that_are_there_and_dropped_with_them() {
        let (lanes, id) = (Lanes::default(), ProviderId::from_bytes([1; 16]));
        let kept = lanes.of(id, || true);
        assert!(Arc::ptr_eq(&kept, &lanes.of(id, || false)), "a known one is not asked about again");
        lanes.forget(id);
        assert_eq!((Arc::strong_count(&kept), lanes.0.lock().len()), (1, 0));
        // A call that has read the provider before it was removed comes too late to bring its lane back.
        let late = lanes.of(id, || false);
        assert_eq!((Arc::strong_count(&late), lanes.0.lock().len()), (1, 0));
    }
}
