//! Typical inputs for measurements: the same at every run, no two sessions alike.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use serde_json::json;
use vetd_model::check::Finding;
use vetd_model::decide::{CheckFinding, Command, Transition, decide};
use vetd_model::event::{Chain, Event, EventKind};
use vetd_model::field::Fields;
use vetd_model::flow::{Flow, Step};
use vetd_model::new_session::{NewSession, TemplateChoice};
use vetd_model::secret::SessionSecret;
use vetd_model::session::{Personal, State};
use vetd_model::submission::Submission;
use vetd_model::{Mode, Realm, Refusal, Session, SessionId, Timestamp, WorkspaceId, scaffold, specimen};
use vetd_storage::{Answer, Commit, IdempotencyRecord, IdempotencySlot, SessionWrite, Write};

/// When everything begins.
pub const NOW: Timestamp = Timestamp::from_seconds(1_763_800_000);
/// Whose everything is.
pub const REALM: Realm = Realm { workspace: WorkspaceId(1), mode: Mode::Test };
/// The base of links.
pub const PUBLIC_URL: &str = "https://verify.example.com";

const METADATA: (&str, &str) = ("customer_id", "cus_123");
const REDIRECT_URL: &str = "https://yourapp.example.com/kyc/complete";

/// What `POST /v1/sessions` asks for.
#[must_use]
pub fn request() -> NewSession {
    NewSession {
        template: TemplateChoice::Default,
        metadata: BTreeMap::from([(METADATA.0.to_owned(), METADATA.1.to_owned())]),
        redirect_url: Some(REDIRECT_URL.to_owned()),
        expires_in: None,
        test_outcome: None,
    }
}

/// A session that was just made, with all that its commit holds: record, event, index entries
/// and idempotency record.
#[derive(Debug)]
pub struct Creation {
    /// The session.
    pub session: Arc<Session>,
    /// Its first event.
    pub event: Event,
    number: u64,
}

impl Creation {
    /// The one with this number.
    #[must_use]
    pub fn new(number: u64) -> Self {
        let at = Timestamp::from_millis(NOW.millis() + number);
        let flow = scaffold::flow();
        let mut session = Session {
            id: SessionId::new(at, scattered(number)),
            realm: REALM,
            template: scaffold::reference(),
            expires_at: at.floor_second().after(Duration::from_secs(u64::from(flow.ttl_seconds()))),
            flow,
            created: at,
            updated: at,
            attempts: 0,
            last_error: None,
            test_outcome: None,
            chain: Chain::default(),
            checks: Vec::new(),
            personal: Some(Box::new(Personal::new(
                SessionSecret::new(scattered(number)),
                request().metadata,
                Some(REDIRECT_URL.to_owned()),
            ))),
            review: None,
            redaction: None,
            state: State::Created,
        };
        let event = Event::append(&mut session, EventKind::Created, at);
        Self { session: Arc::new(session), event, number }
    }

    /// The commit that makes it durable.
    #[must_use]
    pub fn commit(&self) -> Commit<'_> {
        let events = std::slice::from_ref(&self.event);
        let answer = Answer::SessionCreated {
            session: self.session.id,
            expires_at: self.session.expires_at,
            public_url: PUBLIC_URL.to_owned(),
        };
        Commit {
            writes: vec![Write::Session(SessionWrite {
                before: None,
                next: &self.session,
                events,
                erased: None,
                claims_document: false,
            })],
            idempotency: Some(IdempotencyRecord {
                slot: IdempotencySlot(scattered(self.number)),
                at: self.session.created,
                fingerprint: scattered(self.number),
                answer,
                owner: None,
            }),
        }
    }
}

/// A session at each station of a plain success.
#[derive(Debug, Clone)]
pub struct Stations {
    /// Just made.
    pub created: Session,
    /// The person has loaded it.
    pub loaded: Session,
    /// The first of its two steps is in.
    pub halfway: Session,
    /// Both are, and the checks run.
    pub checking: Session,
    /// It has ended well.
    pub completed: Session,
}

/// When the stations lie: all of them before the session's deadline.
pub const DURING: Timestamp = Timestamp::from_seconds(NOW.seconds() + 60);

impl Stations {
    /// Walks a session through.
    ///
    /// # Errors
    /// If the rules do not allow a plain success any more.
    pub fn walk() -> Result<Self, Refusal> {
        let created = Session::clone(&Creation::new(1).session);
        let go = |session: &Session, command| decide(session, command, DURING).map(|moved: Transition| moved.next);
        let loaded = go(&created, Command::Load)?;
        let mut steps = submissions(&created.flow).into_iter();
        let halfway = steps.by_ref().take(1).try_fold(loaded.clone(), |at, step| go(&at, Command::Submit(step)))?;
        let checking = steps.try_fold(halfway.clone(), |at, step| go(&at, Command::Submit(step)))?;
        let completed = go(&checking, passed(&checking))?;
        Ok(Self { created, loaded, halfway, checking, completed })
    }
}

/// Data for every step of a flow, in order.
#[must_use]
pub fn submissions(flow: &Flow) -> Vec<Submission> {
    flow.steps().iter().map(|step: &Step| specimen::submission(step, DURING)).collect()
}

/// The end of a run in which every check has passed.
#[must_use]
pub fn passed(session: &Session) -> Command {
    let checks = session.flow.checks().iter();
    let findings = checks.map(|check| CheckFinding {
        kind: check.kind,
        finding: Finding::passed(),
        started: DURING,
        finished: DURING,
    });
    Command::FinishChecks { run: session.attempts, findings: findings.collect(), fields: Fields::new() }
}

/// Bytes that look random and are the same for the same number (SplitMix64).
fn scattered<const N: usize>(number: u64) -> [u8; N] {
    let mut state = number;
    let mut bytes = [0; N];
    for piece in bytes.chunks_mut(8) {
        state = state.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut mixed = state;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        mixed ^= mixed >> 31;
        let length = piece.len();
        piece.copy_from_slice(&mixed.to_be_bytes()[..length]);
    }
    bytes
}

/// What the tenant posts, as text.
#[must_use]
pub fn request_body() -> String {
    json!({ "metadata": { METADATA.0: METADATA.1 }, "redirect_url": REDIRECT_URL }).to_string()
}

#[cfg(test)]
mod tests {
    use vetd_model::Status;

    use super::*;

    #[test]
    fn the_stations_are_those_of_a_plain_success() {
        let stations = Stations::walk().unwrap();
        let all = [stations.created, stations.loaded, stations.halfway, stations.checking, stations.completed];
        let expected =
            [Status::Created, Status::RequiresInput, Status::InProgress, Status::InProgress, Status::Completed];
        assert_eq!(all.map(|session| session.status()), expected);
    }

    #[test]
    fn the_text_and_the_value_of_the_request_agree() {
        let body = serde_json::from_str(&request_body()).unwrap();
        assert_eq!(NewSession::parse(&body, Mode::Test).unwrap(), request());
    }

    #[test]
    fn no_two_creations_are_alike() {
        let [one, two] = [1, 2].map(Creation::new);
        assert_ne!(one.session.id, two.session.id);
        assert_ne!(one.event.id, two.event.id);
        assert_eq!(one.session, Creation::new(1).session);
    }
}
