//! The lifecycle by example: the cases that the contract names.

#![expect(clippy::unwrap_used, reason = "a test fails where it unwraps")]

use std::sync::Arc;
use std::time::Duration;

use serde_json::json;
use vetd_model::check::{CheckKind, Finding};
use vetd_model::chip::{Certified, Chip, Integrity, Revocation};
use vetd_model::decide::{CanceledBy, CheckFinding, Command, Effect, Transition, decide, may_attach, pending_effects};
use vetd_model::event::Hash;
use vetd_model::field::{Candidate, Field, Fields, Source};
use vetd_model::flow::{Flow, StepKind};
use vetd_model::media::{Media, MediaKind, Quality, Reading, UPLOAD_LIMIT};
use vetd_model::new_session::{Birth, NewSession};
use vetd_model::review::{Decision, NewReview};
use vetd_model::secret::SessionSecret;
use vetd_model::session::RUN_LIMIT;
use vetd_model::simulate::{Action, simulate};
use vetd_model::test_outcome::TestOutcome;
use vetd_model::verification::{ListShape, Moment};
use vetd_model::{
    ErrorCode, MediaId, Mode, Realm, Session, SessionId, Status, Timestamp, WorkspaceId, scaffold, specimen,
};

const BORN: Timestamp = Timestamp::from_millis(1_763_800_000_250);

fn realm() -> Realm {
    Realm { workspace: WorkspaceId(1), mode: Mode::Test }
}

#[expect(clippy::needless_pass_by_value, reason = "the callers build it in place")]
fn start(body: serde_json::Value) -> Session {
    start_with(&body, scaffold::flow())
}

fn start_with(body: &serde_json::Value, flow: Arc<Flow>) -> Session {
    let birth =
        Birth { id: SessionId::new(BORN, [1; 10]), realm: realm(), secret: SessionSecret::new([2; 32]), at: BORN };
    NewSession::parse(body, Mode::Test).unwrap().build(birth, scaffold::reference(), flow).unwrap().next
}

fn apply(session: &mut Session, command: Command, at: Timestamp) -> Transition {
    let transition = decide(session, command, at).unwrap();
    *session = transition.next.clone();
    transition
}

fn picture(kind: MediaKind, at: Timestamp) -> Media {
    let reading = Reading { quality: Quality::default(), mrz: None, barcode: None, faces: None };
    let id = MediaId::new(at, [kind as u8; 10]);
    Media { id, kind, size: 1, sha256: Hash([1; 32]), at, attempt: 0, reading }
}

/// Loads and submits every step at `at`, with its pictures.
fn submit_all(session: &mut Session, at: Timestamp) -> Transition {
    if session.status() == Status::Created {
        apply(session, Command::Load, at);
    }
    let mut last = None;
    while let Some(step) = session.next_step().and_then(|kind| session.flow.step(kind).cloned()) {
        let submission = specimen::submission(&step, at);
        for kind in submission.pictures(&session.flow) {
            apply(session, Command::Attach(picture(*kind, at)), at);
        }
        last = Some(apply(session, Command::Submit(submission), at));
    }
    last.unwrap()
}

fn findings(session: &Session, finding: &Finding) -> Command {
    let found =
        |kind| CheckFinding { kind, finding: finding.clone(), started: session.updated, finished: session.updated };
    let findings = session.flow.checks().iter().map(|spec| found(spec.kind)).collect();
    Command::FinishChecks { run: session.attempts, findings, fields: Fields::new() }
}

fn later(seconds: u64) -> Timestamp {
    BORN.after(Duration::from_secs(seconds))
}

#[test]
fn a_plain_success_is_created_updated_updated_completed() {
    let mut session = start(json!({}));
    let walk = simulate(&session, &[Action::Load, Action::Submit], &[], later(1), &|session| {
        let Command::FinishChecks { findings, .. } = findings(session, &Finding::passed()) else { unreachable!() };
        (findings, Fields::new())
    })
    .unwrap();
    session = walk.next;
    let told: Vec<_> = walk.events.iter().map(|event| (event.sequence, event.kind.as_str())).collect();
    assert_eq!(told, [(2, "verification.updated"), (3, "verification.updated"), (4, "verification.completed")]);
    assert_eq!(session.status(), Status::Completed);
}

#[test]
fn checks_start_as_a_durable_fact_when_the_last_step_is_accepted() {
    let mut session = start(json!({}));
    let last = submit_all(&mut session, later(1));
    assert_eq!(last.effects, [Effect::RunChecks { run: 1 }]);
    // What a restart finds tells it to run them again.
    assert_eq!(pending_effects(&session), [Effect::RunChecks { run: 1 }]);
}

#[test]
fn a_command_at_the_deadline_finds_the_session_expired() {
    let session = start(json!({ "expires_in": 60 }));
    let deadline = session.expires_at;
    assert_eq!(deadline, Timestamp::from_seconds(1_763_800_060));
    let just_before = deadline.before(Duration::from_millis(1));
    assert_eq!(decide(&session, Command::Load, just_before).unwrap().next.status(), Status::RequiresInput);
    let late = decide(&session, Command::Load, deadline).unwrap();
    assert_eq!(late.next.status(), Status::Expired);
    assert_eq!(late.refused.unwrap().code, ErrorCode::SessionExpired);
    assert_eq!(late.events.len(), 1);
}

#[test]
fn an_expiry_written_late_is_dated_at_the_deadline() {
    let session = start(json!({ "expires_in": 60 }));
    let found = later(7_200);
    let expired = decide(&session, Command::Ring, found).unwrap();
    let event = &expired.events[0];
    assert_eq!(event.created, found);
    assert_eq!(event.moment.decided_at, Some(session.expires_at));
}

#[test]
fn checks_running_at_the_deadline_still_decide() {
    let mut session = start(json!({ "expires_in": 60 }));
    submit_all(&mut session, later(59));
    let past = later(100);
    assert!(!decide(&session, Command::Ring, past).unwrap().changed);
    let done = decide(&session, findings(&session, &Finding::passed()), past).unwrap();
    assert_eq!(done.next.status(), Status::Completed);
}

#[test]
fn a_retry_after_the_deadline_expires_in_the_same_commit() {
    let mut session = start(json!({ "expires_in": 60, "test_outcome": "retry_then_completed" }));
    submit_all(&mut session, later(59));
    let done = decide(&session, findings(&session, &Finding::failed("x", "y")), later(100)).unwrap();
    assert_eq!(done.next.status(), Status::Expired);
    assert_eq!(done.events.len(), 1);
    assert_eq!(done.next.state.ended_at(), Some(session.expires_at));
}

#[test]
fn a_retry_goes_back_once_and_then_completes() {
    let mut session = start(json!({ "test_outcome": "retry_then_completed" }));
    submit_all(&mut session, later(1));
    let command = findings(&session, &Finding::passed());
    apply(&mut session, command, later(2));
    assert_eq!(session.status(), Status::RequiresInput);
    assert_eq!(session.last_error.as_ref().unwrap().code, "test_retry");
    assert_eq!(session.next_step().unwrap().as_str(), "data_entry", "consent is not asked for twice");
    submit_all(&mut session, later(3));
    let command = findings(&session, &Finding::passed());
    apply(&mut session, command, later(4));
    assert_eq!((session.status(), session.attempts), (Status::Completed, 2));
    assert_eq!(session.last_error, None);
}

/// A document as a machine read it.
fn passport() -> Fields {
    let said = |value: &str| Candidate { value: value.to_owned(), source: Source::MrzProven, confidence: 1000 };
    let field = |value| Field { chosen: said(value), disagreeing: Vec::new() };
    Fields::from([("issuing_country".to_owned(), field("SE")), ("document_number".to_owned(), field("A1"))])
}

#[test]
fn who_keeps_a_document_that_nobody_has_used_claims_it() {
    let start = |provider: &str, further: &str, body| {
        let mut duplicate = json!({ "type": "duplicate_document" });
        if !provider.is_empty() {
            duplicate["provider"] = json!(provider);
        }
        let steps = json!([{ "type": "data_entry", "fields": [{ "name": "a", "type": "string", "required": true }] }]);
        let checks = json!([duplicate, { "type": "data_completeness", "on_fail": further }]);
        let mut session =
            start_with(&body, Arc::new(Flow::parse(&json!({ "steps": steps, "checks": checks }), "").unwrap()));
        submit_all(&mut session, later(1));
        session
    };
    let finish = |session: &Session, duplicate: Finding, completeness: Finding, fields| {
        let found = |kind, finding| CheckFinding { kind, finding, started: later(1), finished: later(1) };
        let duplicate = found(CheckKind::DuplicateDocument, duplicate);
        let findings = vec![duplicate, found(CheckKind::DataCompleteness, completeness)];
        decide(session, Command::FinishChecks { run: 1, findings, fields }, later(2)).unwrap()
    };
    let (passed, failed) = (Finding::passed, || Finding::failed("x", "y"));
    let plain = start("", "retry", json!({}));
    assert!(finish(&plain, passed(), passed(), passport()).claims_document);
    assert!(finish(&start("", "fail", json!({})), passed(), failed(), passport()).claims_document);
    // Another attempt may be with another document; what was used, not read or not asked is no claim.
    let retried = finish(&plain, passed(), failed(), passport());
    assert!(!retried.claims_document && retried.next.status() == Status::RequiresInput);
    assert!(!finish(&plain, failed(), passed(), passport()).claims_document);
    assert!(!finish(&plain, passed(), passed(), Fields::new()).claims_document);
    let chosen = start("", "fail", json!({ "test_outcome": "completed" }));
    assert!(!finish(&chosen, passed(), passed(), passport()).claims_document);
    assert!(!finish(&start("acme", "fail", json!({})), passed(), passed(), passport()).claims_document);
    // Who ends it meanwhile rests on no finding.
    let canceled = decide(&retried.next, Command::Cancel(CanceledBy::Person), later(3)).unwrap();
    assert!(canceled.next.indexed_document().is_some() && !canceled.claims_document);
}

#[test]
fn when_the_time_of_media_is_over_the_pictures_go_and_what_the_chip_said() {
    let signer = Certified {
        country: "SE".to_owned(),
        sha256: Hash([1; 32]),
        not_before: BORN,
        not_after: BORN,
        may_sign: true,
    };
    let chip = Chip {
        at: BORN,
        lines: vec!["P<SWELINDQVIST<<ASTRID".to_owned()],
        groups: vec![1],
        integrity: Integrity::Intact,
        signer,
        anchor: None,
        revocation: Revocation::NoList,
    };
    let steps = json!([{ "type": "document_upload", "documents": ["passport"] }]);
    let flow = json!({ "steps": steps, "checks": [{ "type": "document_chip" }] });
    let mut session = start_with(&json!({}), Arc::new(Flow::parse(&flow, "").unwrap()));
    apply(&mut session, Command::AttachChip(Box::new(chip)), later(1));
    let forget = |session: &Session| decide(session, Command::ForgetMedia, later(9));
    assert_eq!(forget(&session).unwrap_err().code, ErrorCode::InvalidState);
    let mut pictured = session.clone();
    submit_all(&mut pictured, later(2));
    for (mut session, pictures) in [(session, 0), (pictured, 1)] {
        apply(&mut session, Command::Cancel(CanceledBy::Person), later(3));
        let done = forget(&session).unwrap();
        let left = done.next.personal.as_ref().unwrap();
        assert_eq!((done.changed, done.effects.len(), done.events.len()), (true, pictures, 0));
        assert!(left.chip.is_none() && left.media.is_empty() && left.submissions.len() == pictures);
        assert!(!forget(&done.next).unwrap().changed);
    }
}

#[test]
fn used_up_attempts_fail() {
    let config = json!({
        "steps": [{ "type": "data_entry", "fields": [{ "name": "a", "type": "string", "required": true }] }],
        "checks": [{ "type": "data_completeness", "on_fail": "retry" }], "max_attempts": 2,
    });
    let mut session = start_with(&json!({}), Arc::new(Flow::parse(&config, "").unwrap()));
    for expected in [Status::RequiresInput, Status::Failed] {
        submit_all(&mut session, later(1));
        let command = findings(&session, &Finding::failed("field_blank", "…"));
        apply(&mut session, command, later(2));
        assert_eq!(session.status(), expected);
    }
    assert_eq!(session.last_error.as_ref().unwrap().check, Some(CheckKind::DataCompleteness));
}

#[test]
fn a_result_of_an_older_or_ended_run_is_dropped() {
    let mut session = start(json!({ "test_outcome": "retry_then_completed" }));
    submit_all(&mut session, later(1));
    let first_run = findings(&session, &Finding::passed());
    apply(&mut session, first_run.clone(), later(2));
    assert!(!decide(&session, first_run.clone(), later(3)).unwrap().changed, "the run has ended");
    submit_all(&mut session, later(3));
    assert!(!decide(&session, first_run, later(4)).unwrap().changed, "another run is under way");
}

#[test]
fn a_run_over_its_limit_goes_to_a_reviewer() {
    let mut session = start(json!({ "expires_in": 60 }));
    submit_all(&mut session, later(1));
    let limit = session.deadline().unwrap();
    assert_eq!(limit, later(1).after(RUN_LIMIT));
    let rung = decide(&session, Command::Ring, limit).unwrap();
    assert_eq!(rung.next.status(), Status::RequiresReview);
    assert_eq!(rung.next.last_error.unwrap().code, "check_unfinished");
}

#[test]
fn an_interrupted_run_begins_anew_with_its_whole_time() {
    let mut session = start(json!({}));
    assert!(!decide(&session, Command::Resume, later(1)).unwrap().changed, "no run, nothing to resume");
    submit_all(&mut session, later(1));
    let back = later(1).after(RUN_LIMIT).after(RUN_LIMIT);
    let resumed = decide(&session, Command::Resume, back).unwrap();
    assert!(resumed.changed && resumed.events.is_empty());
    assert_eq!((resumed.next.status(), resumed.next.attempts), (Status::InProgress, 1));
    assert_eq!(resumed.next.deadline(), Some(back.after(RUN_LIMIT)));
    assert_eq!(pending_effects(&resumed.next), [Effect::RunChecks { run: 1 }]);
}

#[test]
fn cancelling_works_while_checks_run_and_only_once() {
    let mut session = start(json!({}));
    submit_all(&mut session, later(1));
    apply(&mut session, Command::Cancel(CanceledBy::Tenant), later(2));
    assert_eq!(session.status(), Status::Canceled);
    let twice = decide(&session, Command::Cancel(CanceledBy::Person), later(3)).unwrap_err();
    assert_eq!(twice.code, ErrorCode::VerificationNotCancelable);
}

#[test]
fn steps_come_in_their_order_and_may_be_given_again() {
    let mut session = start(json!({}));
    let steps = session.flow.steps().to_vec();
    let [consent, data] = [0, 1].map(|i| Command::Submit(specimen::submission(&steps[i], later(1))));
    assert_eq!(decide(&session, consent.clone(), later(1)).unwrap_err().code, ErrorCode::InvalidState);
    apply(&mut session, Command::Load, later(1));
    assert_eq!(decide(&session, data.clone(), later(1)).unwrap_err().code, ErrorCode::InvalidState);
    assert_eq!(apply(&mut session, consent.clone(), later(1)).events.len(), 1);
    assert!(apply(&mut session, consent, later(2)).events.is_empty(), "the person went back: no move, no event");
    apply(&mut session, data.clone(), later(3));
    assert_eq!(decide(&session, data, later(4)).unwrap_err().code, ErrorCode::InvalidState);
}

#[test]
fn a_clock_set_back_changes_no_order() {
    let mut session = start(json!({}));
    apply(&mut session, Command::Load, later(10));
    apply(&mut session, Command::Cancel(CanceledBy::Person), later(5));
    assert_eq!(session.updated, later(10));
}

#[test]
fn a_flow_whose_pictures_nobody_reads_is_never_completed_by_itself() {
    let config = json!({ "steps": [{ "type": "selfie" }], "checks": [] });
    let mut session = start_with(&json!({}), Arc::new(Flow::parse(&config, "").unwrap()));
    submit_all(&mut session, later(1));
    let command = findings(&session, &Finding::passed());
    apply(&mut session, command, later(2));
    assert_eq!(session.status(), Status::RequiresReview);
    assert_eq!(session.last_error.unwrap().code, "evidence_unread");
}

#[test]
fn every_test_outcome_ends_as_it_says() {
    for (outcome, status, code) in [
        ("completed", Status::Completed, None),
        ("failed", Status::Failed, Some("test_failed")),
        ("failed:age:under_age", Status::Failed, Some("under_age")),
        ("requires_review", Status::RequiresReview, Some("test_review")),
        ("expired", Status::Expired, None),
        ("retry_then_completed", Status::RequiresInput, Some("test_retry")),
    ] {
        let mut session = start(json!({ "test_outcome": outcome }));
        submit_all(&mut session, later(1));
        let command = findings(&session, &Finding::passed());
        apply(&mut session, command, later(2));
        assert_eq!(session.status(), status, "{outcome}");
        assert_eq!(session.last_error.map(|error| error.code.into_owned()).as_deref(), code, "{outcome}");
        if status == Status::Expired {
            assert_eq!(session.state.ended_at(), Some(session.expires_at), "as if the deadline had come");
        }
    }
}

#[test]
fn an_outcome_can_be_chosen_in_test_mode_while_it_is_the_persons_turn() {
    let choose = || Command::Choose(TestOutcome::RequiresReview);
    let refused = |session: &Session, command| decide(session, command, later(1)).unwrap_err().code;
    let mut session = start(json!({ "test_outcome": "completed" }));
    assert_eq!(refused(&session, choose()), ErrorCode::InvalidState, "nobody has loaded it");
    apply(&mut session, Command::Load, later(1));
    let absent = TestOutcome::FailedCheck { check: CheckKind::DocumentMrz, code: "x".to_owned() };
    assert_eq!(refused(&session, Command::Choose(absent)), ErrorCode::ValidationError);
    let live = Session { realm: Realm { mode: Mode::Live, ..realm() }, ..session.clone() };
    assert_eq!(refused(&live, choose()), ErrorCode::InvalidState);
    let chosen = apply(&mut session, choose(), later(1));
    assert!(chosen.changed && chosen.events.is_empty());
    submit_all(&mut session, later(1));
    assert_eq!(refused(&session, choose()), ErrorCode::InvalidState, "the checks run");
    let command = findings(&session, &Finding::passed());
    apply(&mut session, command, later(2));
    assert_eq!(session.status(), Status::RequiresReview);
    assert_eq!(refused(&session, choose()), ErrorCode::SessionExpired);
}

fn with_document() -> Session {
    let config = json!({ "steps": [{ "type": "document_upload" }], "checks": [{ "type": "document_mrz" }] });
    let mut session = start_with(&json!({}), Arc::new(Flow::parse(&config, "flow_config").unwrap()));
    apply(&mut session, Command::Load, later(1));
    session
}

fn attach(kind: MediaKind, seconds: u64) -> Command {
    Command::Attach(picture(kind, later(seconds)))
}

#[test]
fn a_document_needs_its_pictures_and_one_that_was_read_completes() {
    let mut session = with_document();
    let document = specimen::submission(session.flow.step(StepKind::DocumentUpload).unwrap(), later(1));
    let refused = decide(&session, Command::Submit(document), later(1)).unwrap_err();
    assert_eq!(refused.fields[0].path, "media.document_front");
    let refused = decide(&session, attach(MediaKind::Selfie, 1), later(1)).unwrap_err();
    assert_eq!(refused.code, ErrorCode::CheckNotRequired);
    submit_all(&mut session, later(2));
    let done = findings(&session, &Finding::passed());
    assert_eq!(decide(&session, done, later(3)).unwrap().next.status(), Status::Completed);
    // A check that had nothing to look at has read nothing.
    let skipped = findings(&session, &Finding::skipped("no_mrz_expected", "Such a document has none."));
    let next = decide(&session, skipped, later(3)).unwrap().next;
    assert_eq!(next.last_error.unwrap().code, "evidence_unread");
}

#[test]
fn a_picture_taken_again_replaces_the_one_before_and_is_deleted() {
    let mut session = with_document();
    assert!(apply(&mut session, attach(MediaKind::DocumentFront, 1), later(1)).effects.is_empty());
    let first = session.personal.as_ref().unwrap().media[0].id;
    let again = apply(&mut session, attach(MediaKind::DocumentFront, 2), later(2));
    assert_eq!(again.effects, [Effect::Discard { media: first }]);
    assert_eq!((again.events.len(), session.personal.as_ref().unwrap().media.len()), (0, 1));
    for _ in 2..UPLOAD_LIMIT {
        apply(&mut session, attach(MediaKind::DocumentBack, 3), later(3));
    }
    let refused = decide(&session, attach(MediaKind::DocumentBack, 3), later(3)).unwrap_err();
    assert_eq!(refused.code, ErrorCode::InvalidState);
    let fresh = with_document();
    assert!(may_attach(&fresh, MediaKind::DocumentFront, UPLOAD_LIMIT - 1, later(3)).is_ok());
    let unreadable = may_attach(&fresh, MediaKind::DocumentFront, UPLOAD_LIMIT, later(3)).unwrap_err();
    assert_eq!(unreadable, refused, "what was no picture counts, too");
    let late = decide(&session, attach(MediaKind::DocumentFront, 3), session.expires_at).unwrap();
    assert_eq!(late.refused.unwrap().code, ErrorCode::SessionExpired);
}

#[test]
fn another_attempt_needs_other_pictures() {
    let mut session = with_document();
    submit_all(&mut session, later(1));
    let config = findings(&session, &Finding::failed("mrz_not_found", "None was found."));
    let flow = json!({ "steps": [{ "type": "document_upload" }],
        "checks": [{ "type": "document_mrz", "on_fail": "retry" }] });
    session.flow = Arc::new(Flow::parse(&flow, "flow_config").unwrap());
    apply(&mut session, config, later(2));
    assert_eq!(session.status(), Status::RequiresInput);
    let document = specimen::submission(session.flow.step(StepKind::DocumentUpload).unwrap(), later(3));
    assert!(decide(&session, Command::Submit(document), later(3)).is_err());
    submit_all(&mut session, later(3));
    assert_eq!(session.attempts, 2);
}

#[test]
fn a_review_decides_the_verification_and_leaves_the_session() {
    let mut session = start(json!({ "test_outcome": "requires_review" }));
    let review = |decision| Command::Review {
        review: NewReview { decision, reason: Some("Looks right.".to_owned()) },
        reviewer: "key_1".to_owned(),
    };
    let early = decide(&session, review(Decision::Approved), later(1)).unwrap_err();
    assert_eq!(early.code, ErrorCode::InvalidState);
    submit_all(&mut session, later(1));
    let found = findings(&session, &Finding::passed());
    apply(&mut session, found, later(2));
    let reviewed = apply(&mut session, review(Decision::Declined), later(9));
    assert_eq!(reviewed.events[0].kind.as_str(), "verification.reviewed");
    assert_eq!((session.status(), session.verification_status()), (Status::RequiresReview, Status::Failed));
    let moment = Moment::of(&session);
    assert_eq!(moment.decided_at, Some(later(9)));
    let shape = serde_json::to_value(ListShape::new(&session, &moment)).unwrap();
    assert_eq!(shape["status"], "failed");
    assert_eq!(shape["review"]["reason"], "Looks right.");
    let second = decide(&session, review(Decision::Approved), later(10)).unwrap_err();
    assert_eq!(second.code, ErrorCode::InvalidState);
}

#[test]
fn only_what_has_ended_is_redacted() {
    let session = start(json!({ "metadata": { "a": "b" } }));
    assert_eq!(decide(&session, Command::Redact, later(1)).unwrap_err().code, ErrorCode::InvalidState);
}
