//! Generated histories: whatever is asked of a session, in whatever order and at whatever time,
//! the rules of the lifecycle hold.

#![expect(clippy::unwrap_used, reason = "a test fails where it unwraps")]

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use proptest::prelude::*;
use serde_json::{Value, json};
use sha2::{Digest, Sha256};
use vetd_model::check::{CheckKind, CheckStatus, Finding};
use vetd_model::decide::{CanceledBy, CheckFinding, Command, Effect, Transition, decide, pending_effects};
use vetd_model::event::{self, Event};
use vetd_model::field::Fields;
use vetd_model::flow::{DocumentKind, Flow};
use vetd_model::media::{Media, MediaKind, Quality, Reading};
use vetd_model::new_session::{Birth, NewSession, TemplateChoice};
use vetd_model::review::{Decision, NewReview};
use vetd_model::scaffold;
use vetd_model::secret::SessionSecret;
use vetd_model::submission::Submission;
use vetd_model::test_outcome::TestOutcome;
use vetd_model::{CheckId, MediaId, Mode, Realm, Session, SessionId, State, Status, Timestamp, WorkspaceId};

const BORN: Timestamp = Timestamp::from_millis(1_763_800_000_123);
const TTL: u32 = 600;

/// A command before it is known when it comes and which run is under way.
#[derive(Debug, Clone)]
enum Ask {
    Load,
    Attach(MediaKind),
    Submit(Submission),
    SubmitNext,
    Cancel(CanceledBy),
    Finish {
        run_offset: i8,
        statuses: [CheckStatus; 2],
    },
    /// By the provider that is asked last, or by one that nobody asked.
    Accept {
        is_asked: bool,
    },
    Answer {
        is_asked: bool,
        status: CheckStatus,
    },
    Ring,
    Resume,
    Lapse,
    Review(Decision),
}

#[derive(Debug, Clone)]
struct History {
    metadata: BTreeMap<String, String>,
    flow: Arc<Flow>,
    mode: Mode,
    outcome: Option<TestOutcome>,
    steps: Vec<(Ask, Duration)>,
}

fn flows() -> impl Strategy<Value = Arc<Flow>> {
    let steps = prop::sample::subsequence(
        vec![
            json!({ "type": "consent", "text": "Yes." }),
            json!({ "type": "data_entry", "fields": [{ "name": "date_of_birth", "type": "date", "required": true }] }),
            json!({ "type": "document_upload" }),
            json!({ "type": "selfie" }),
            json!({ "type": "liveness" }),
        ],
        2..=5,
    );
    let policy =
        (prop::sample::select(vec!["fail", "review", "retry"]), prop::sample::select(vec!["fail", "review", "retry"]));
    let policies = (policy.clone(), policy.clone(), prop::option::of(policy), any::<bool>());
    (steps.prop_shuffle(), policies, 1..4u32).prop_map(|(steps, (first, second, handed, both), attempts)| {
        let check =
            |kind: &str, (fail, review): (&str, &str)| json!({ "type": kind, "on_fail": fail, "on_review": review });
        let mut checks: Vec<Value> = vec![check("data_completeness", first), check("age", second)];
        if let Some(policy) = handed {
            let mut provider = check("provider", policy);
            provider["provider"] = json!("acme");
            checks.push(provider);
            if both {
                checks[1]["provider"] = json!("acme");
            }
        }
        let config = json!({ "steps": steps, "checks": checks, "max_attempts": attempts, "ttl_seconds": TTL });
        Arc::new(Flow::parse(&config, "flow_config").unwrap())
    })
}

fn submissions() -> impl Strategy<Value = Submission> {
    prop_oneof![
        Just(Submission::Consent { at: BORN }),
        Just(Submission::DataEntry { fields: BTreeMap::from([("date_of_birth".to_owned(), "1974-08-12".to_owned())]) }),
        Just(Submission::DocumentUpload { document: DocumentKind::IdCard, country: "DE".to_owned() }),
        Just(Submission::Selfie),
        Just(Submission::Liveness),
    ]
}

fn asks() -> impl Strategy<Value = Ask> {
    let status = prop::sample::select(vec![
        CheckStatus::Passed,
        CheckStatus::Passed,
        CheckStatus::Failed,
        CheckStatus::NeedsReview,
        CheckStatus::Pending,
        CheckStatus::Skipped,
    ]);
    prop_oneof![
        3 => Just(Ask::Load),
        1 => prop::sample::select(MediaKind::ALL.to_vec()).prop_map(Ask::Attach),
        2 => submissions().prop_map(Ask::Submit),
        8 => Just(Ask::SubmitNext),
        1 => prop::sample::select(vec![CanceledBy::Person, CanceledBy::Tenant]).prop_map(Ask::Cancel),
        1 => any::<bool>().prop_map(|is_asked| Ask::Accept { is_asked }),
        3 => (prop::bool::weighted(0.8), status.clone())
            .prop_map(|(is_asked, status)| Ask::Answer { is_asked, status }),
        6 => (prop::sample::select(vec![0i8, 0, 0, -1, 1]), [status.clone(), status])
            .prop_map(|(run_offset, statuses)| Ask::Finish { run_offset, statuses }),
        2 => Just(Ask::Ring),
        1 => Just(Ask::Resume),
        1 => Just(Ask::Lapse),
        1 => prop::sample::select(vec![Decision::Approved, Decision::Declined]).prop_map(Ask::Review),
    ]
}

fn outcomes() -> impl Strategy<Value = Option<TestOutcome>> {
    prop::option::weighted(
        0.3,
        prop::sample::select(vec![
            TestOutcome::Completed,
            TestOutcome::Failed,
            TestOutcome::FailedCheck { check: CheckKind::Age, code: "made_up".to_owned() },
            TestOutcome::RequiresReview,
            TestOutcome::Expired,
            TestOutcome::RetryThenCompleted,
        ]),
    )
}

prop_compose! {
    fn histories()(
        flow in flows(),
        live: bool,
        outcome in outcomes(),
        // Any letters at all: the canonical form sorts and escapes them.
        metadata in prop::collection::btree_map("\\PC{1,3}|[\u{e000}-\u{ffff}\u{10000}-\u{10100}]{1,2}", any::<String>(), 0..5),
        steps in prop::collection::vec((asks(), (0u64..90_000).prop_map(Duration::from_millis)), 1..40),
    ) -> History {
        let outcome = outcome.filter(|outcome| !live && outcome.fits(&flow).is_ok());
        History { metadata, flow, mode: Mode::from_livemode(live), outcome, steps }
    }
}

fn birth(history: &History) -> Transition {
    let realm = Realm { workspace: WorkspaceId(1), mode: history.mode };
    let birth = Birth { id: SessionId::new(BORN, [7; 10]), realm, secret: SessionSecret::new([9; 32]), at: BORN };
    let request = NewSession {
        template: TemplateChoice::Default,
        metadata: history.metadata.clone(),
        redirect_url: None,
        expires_in: None,
        test_outcome: history.outcome.clone(),
    };
    request.build(birth, scaffold::reference(), Arc::clone(&history.flow)).unwrap()
}

fn command(ask: &Ask, session: &Session, at: Timestamp) -> Command {
    match ask {
        Ask::Load => Command::Load,
        Ask::Attach(kind) => Command::Attach(picture(*kind, at)),
        Ask::Submit(submission) => Command::Submit(submission.clone()),
        Ask::SubmitNext => match session.next_step().and_then(|kind| session.flow.step(kind)) {
            Some(step) => Command::Submit(vetd_model::specimen::submission(step, at)),
            None => Command::Load,
        },
        Ask::Cancel(by) => Command::Cancel(*by),
        Ask::Ring => Command::Ring,
        Ask::Resume => Command::Resume,
        Ask::Lapse => Command::Lapse,
        Ask::Review(decision) => Command::Review {
            review: NewReview { decision: *decision, reason: Some("ANNA looks right".to_owned()) },
            reviewer: "key_1".to_owned(),
        },
        Ask::Accept { is_asked } => Command::AcceptCall { check: call(session, *is_asked) },
        Ask::Answer { is_asked, status } => Command::AnswerCall {
            check: call(session, *is_asked),
            finding: Finding { status: *status, ..Finding::pending() },
        },
        Ask::Finish { run_offset, statuses } => {
            let finding = |(kind, status): (CheckKind, &CheckStatus)| CheckFinding {
                kind,
                finding: Finding { status: *status, ..Finding::pending() },
                started: at,
                finished: at,
            };
            Command::FinishChecks {
                run: session.attempts.saturating_add_signed(i32::from(*run_offset)),
                findings: CheckKind::ALL.into_iter().zip(statuses).map(finding).collect(),
                fields: Fields::new(),
            }
        }
    }
}

/// The check that a provider is asked for.
fn call(session: &Session, is_asked: bool) -> CheckId {
    match &session.state {
        State::Awaiting { calls, .. } if is_asked => calls.last().unwrap().check,
        _ => session.checks.first().map_or(CheckId::from_bytes([1; 16]), |result| result.id),
    }
}

fn picture(kind: MediaKind, at: Timestamp) -> Media {
    let reading = Reading { quality: Quality::default(), mrz: None, barcode: None };
    Media {
        id: MediaId::new(at, [kind as u8; 10]),
        kind,
        size: 1,
        sha256: event::Hash([1; 32]),
        at,
        attempt: 0,
        reading,
    }
}

/// Before the next step is given, its pictures are sent.
fn pictures(ask: &Ask, session: &Session, at: Timestamp) -> Vec<Command> {
    let Ask::SubmitNext = ask else { return Vec::new() };
    let Command::Submit(submission) = command(ask, session, at) else { return Vec::new() };
    submission.pictures().iter().map(|kind| Command::Attach(picture(*kind, at))).collect()
}

/// Plays a history; hands each step to `look`: before, at, transition.
fn play(history: &History, mut look: impl FnMut(&Session, Timestamp, &Command, &Transition)) -> (Session, Vec<Event>) {
    let born = birth(history);
    let (mut session, mut events, mut at) = (born.next, born.events, BORN);
    for (ask, pause) in &history.steps {
        at = at.after(*pause);
        let last = command(ask, &session, at);
        for command in pictures(ask, &session, at).into_iter().chain([last]) {
            if let Ok(transition) = decide(&session, command.clone(), at) {
                look(&session, at, &command, &transition);
                events.extend(transition.events);
                session = transition.next;
            }
        }
    }
    (session, events)
}

fn allowed(from: Status, to: Status) -> bool {
    use Status::*;
    matches!(
        (from, to),
        (Created, RequiresInput)
            | (RequiresInput, InProgress)
            | (InProgress, Completed | Failed | RequiresReview | RequiresInput)
            | (Created | RequiresInput | InProgress, Canceled | Expired)
    )
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 2_000, ..ProptestConfig::default() })]

    #[test]
    fn only_the_moves_of_the_lifecycle_happen(history in histories()) {
        play(&history, |before, at, command, transition| {
            let (from, to) = (before.status(), transition.next.status());
            if from != to {
                assert!(allowed(from, to), "{from} to {to} by {command:?}");
                assert_eq!(transition.events.len(), 1, "each move writes exactly one event");
                assert_eq!(transition.events[0].moment.status, to);
            } else if matches!(command, Command::Review { .. }) {
                assert_eq!((from, before.review.is_none()), (Status::RequiresReview, true), "one review of a doubtful case");
                assert_eq!(transition.events.len(), 1, "a review writes exactly one event");
                assert_eq!(transition.events[0].moment.status, transition.next.verification_status());
            } else {
                assert!(transition.events.is_empty(), "no move, no event");
            }
            if !transition.changed {
                assert_eq!(&transition.next, before, "unchanged means unchanged");
            }
            assert!(transition.next.attempts <= history.flow.max_attempts());
            if to == Status::Expired && from != to {
                let due = at >= before.expires_at || matches!(command, Command::Lapse);
                assert!(due || before.test_outcome == Some(TestOutcome::Expired), "nothing expires before its time");
            }
            if !transition.next.status().is_terminal() && !transition.next.state.is_checked() {
                assert!(at < transition.next.expires_at, "nothing but a run of checks outlives the deadline");
            }
        });
    }

    #[test]
    fn each_call_is_answered_once_and_whoever_promised_is_not_asked_again(history in histories()) {
        let mut answered = std::collections::BTreeSet::new();
        play(&history, |before, _, command, transition| {
            let asked: Vec<CheckId> = transition.effects.iter().filter_map(|effect| match effect {
                Effect::AskProvider { check } => Some(*check),
                _ => None,
            }).collect();
            match command {
                Command::AnswerCall { check, .. } if transition.changed && transition.refused.is_none() => {
                    assert!(matches!(&before.state, State::Awaiting { calls, .. } if calls.iter().any(|call| call.check == *check)));
                    assert!(answered.insert(*check), "answered twice");
                }
                Command::FinishChecks { .. } => {}
                _ => assert!(asked.is_empty(), "only what our own checks leave open is asked: {command:?}"),
            }
            if let State::Awaiting { calls, .. } = &transition.next.state {
                assert!(!calls.is_empty(), "nobody is waited for");
                assert!(before.test_outcome.is_none());
                let to_ask = pending_effects(&transition.next).len();
                assert_eq!(to_ask, calls.iter().filter(|call| !call.accepted).count());
                let pending = |check: CheckId| {
                    let result = transition.next.checks.iter().find(|result| result.id == check);
                    result.is_some_and(|result| result.finding.status == CheckStatus::Pending)
                };
                assert!(calls.iter().all(|call| pending(call.check)), "an answer that is awaited is pending");
            } else if transition.next.status().is_terminal() && !before.status().is_terminal() {
                let to_ask = pending_effects(&transition.next);
                assert!(to_ask.is_empty(), "an ended session asks nobody");
            }
        });
    }

    #[test]
    fn a_terminal_session_never_changes(history in histories(), more in prop::collection::vec(asks(), 1..10)) {
        let (session, _) = play(&history, |_, _, _, _| {});
        prop_assume!(session.status().is_terminal());
        let at = session.updated.after(Duration::from_secs(100_000));
        for ask in more.into_iter().filter(|ask| !matches!(ask, Ask::Review(_))) {
            match decide(&session, command(&ask, &session, at), at) {
                Err(_) => {}
                Ok(transition) => {
                    prop_assert!(!transition.changed && transition.events.is_empty());
                    prop_assert_eq!(&transition.next, &session);
                }
            }
        }
    }

    #[test]
    fn sequences_have_no_gap_and_the_chain_verifies(history in histories()) {
        let (session, events) = play(&history, |_, _, _, _| {});
        let mut previous = "0".repeat(64);
        for (position, event) in events.iter().enumerate() {
            let envelope = serde_json::to_value(event.envelope(&session)).unwrap();
            prop_assert_eq!(&envelope["sequence"], &json!(position + 1));
            prop_assert_eq!(&envelope["prev_hash"], &json!(previous));
            // As any receiver would verify it, from the JSON alone.
            let salt = unhex(envelope["data_salt"].as_str().unwrap());
            prop_assert_eq!(salt.len(), 16);
            let canonical = serde_json_canonicalizer::to_vec(&envelope["data"]).unwrap();
            let data_hash = hex(&Sha256::digest([salt, canonical].concat()));
            prop_assert_eq!(&envelope["data_hash"], &json!(data_hash));
            let part = |name: &str| match &envelope[name] {
                Value::String(text) => text.clone(),
                other => other.to_string(),
            };
            let parts = ["id", "type", "api_version", "created", "livemode", "session_id", "sequence", "prev_hash", "data_hash"];
            let joined = parts.map(part).join("\n");
            let hash = hex(&Sha256::digest(joined.as_bytes()));
            prop_assert_eq!(&envelope["hash"], &json!(hash));
            previous = hash;
        }
        prop_assert_eq!(session.chain.sequence as usize, events.len());
        prop_assert_eq!(event::first_id(&session), events.first().map(|event| event.id));
        let ended = session.status().is_terminal();
        prop_assert_eq!(event::last_id(&session), events.last().map(|event| event.id).filter(|_| ended));
        prop_assert_eq!(session.chain.hash.to_string(), previous);
    }

    #[test]
    fn what_is_redacted_is_gone_and_the_chain_still_holds(history in histories(), decision in prop::option::of(Just(Decision::Approved))) {
        let (mut session, mut events) = play(&history, |_, _, _, _| {});
        prop_assume!(session.status().is_terminal());
        let at = session.updated.after(Duration::from_secs(100_000));
        if let Some(decision) = decision
            && let Ok(reviewed) = decide(&session, command(&Ask::Review(decision), &session, at), at)
        {
            events.extend(reviewed.events);
            session = reviewed.next;
        }
        let before: Vec<_> = events.iter().map(|event| (event.data_hash, event.hash())).collect();
        let media = session.personal.as_ref().map_or(0, |personal| personal.media.len());
        let (first, status, checks) = (event::first_id(&session), session.verification_status(), session.checks.len());
        let redacted = decide(&session, Command::Redact, at).unwrap();
        prop_assert_eq!((redacted.events.len(), redacted.effects.len()), (1, media));
        prop_assert_eq!(redacted.erased.as_deref(), session.personal.as_deref());
        let session = redacted.next;
        prop_assert!(session.personal.is_none());
        prop_assert_eq!((event::first_id(&session), session.verification_status(), session.checks.len()), (first, status, checks));
        let told = redacted.events.last().unwrap();
        prop_assert_eq!(event::last_id(&session), Some(told.id));
        prop_assert_ne!(Some(told.id), first);
        prop_assert_eq!(told.prev_hash, before.last().unwrap().1);
        prop_assert_eq!(session.chain.hash, told.hash());
        for (event, (data_hash, hash)) in events.iter().zip(before) {
            prop_assert_eq!((event.data_hash, event.hash()), (data_hash, hash));
            let envelope = serde_json::to_value(event.envelope(&session)).unwrap();
            prop_assert_eq!(&envelope["data_salt"], &Value::Null);
            prop_assert_eq!(&envelope["data"]["object"]["metadata"], &Value::Null);
            prop_assert_eq!(&envelope["data"]["object"]["redacted_at"], &Value::Null, "not known by then");
            prop_assert!(!envelope.to_string().contains("ANNA"));
        }
        let last = serde_json::to_value(told.envelope(&session)).unwrap();
        prop_assert_eq!(&last["data"]["object"]["redacted_at"], &json!(at.seconds()));
        let again = decide(&session, Command::Redact, at).unwrap();
        prop_assert!(!again.changed && again.events.is_empty() && again.effects.is_empty());
        prop_assert!(decide(&session, command(&Ask::Review(Decision::Approved), &session, at), at).is_err());
    }

    #[test]
    fn a_replayed_history_gives_the_same_bytes(history in histories()) {
        let bytes = || {
            let (session, events) = play(&history, |_, _, _, _| {});
            let envelopes: Vec<_> = events.iter().map(|event| serde_json::to_value(event.envelope(&session)).unwrap()).collect();
            (format!("{session:?}"), serde_json::to_string(&envelopes).unwrap())
        };
        prop_assert_eq!(bytes(), bytes());
    }
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

fn unhex(text: &str) -> Vec<u8> {
    (0..text.len()).step_by(2).map(|at| u8::from_str_radix(&text[at..at + 2], 16).unwrap()).collect()
}
