//! The lifecycle of a session, all of it:
//!
//! ```text
//! created ──► requires_input ──► in_progress ──► completed | failed | requires_review
//!    └──────────────┴────────────────┴──────────► canceled | expired
//! ```
//!
//! and one move back, from `in_progress` to `requires_input`, when the checks ask for another
//! attempt. [`decide`] is the only place that knows these moves.

use crate::check::{CheckKind, CheckResult, CheckStatus, Finding};
use crate::error::{ErrorCode, Refusal};
use crate::event::{Event, EventKind};
use crate::flow::StepKind;
use crate::id::CheckId;
pub use crate::session::CanceledBy;
use crate::session::{RUN_LIMIT, Session, State, StepSet};
use crate::submission::{Submission, not_required};
use crate::time::Timestamp;
use crate::verdict::{Verdict, conclude};

/// What can be asked of a session.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Command {
    /// The iframe has loaded.
    Load,
    /// Somebody wants to go on with it, with a fresh token: changes nothing, but needs a session
    /// that has not ended.
    Renew,
    /// The person submits a step.
    Submit(Submission),
    /// The person or the tenant ends it.
    Cancel(CanceledBy),
    /// A run of checks has ended. Results of an older or ended run change nothing.
    FinishChecks {
        /// The number of the run.
        run: u32,
        /// What the checks found.
        findings: Vec<CheckFinding>,
    },
    /// A deadline may have passed.
    Ring,
    /// The server has started again: a run of checks that its end interrupted begins anew, and
    /// its time limit with it.
    Resume,
    /// Test mode: act as if the deadline had come now.
    Lapse,
}

/// What one check of a run found, and when.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CheckFinding {
    /// Which check.
    pub kind: CheckKind,
    /// What it found.
    pub finding: Finding,
    /// When it began.
    pub started: Timestamp,
    /// When it ended.
    pub finished: Timestamp,
}

/// What has to be done once a move is durable. Lost effects are made again from the state: see
/// [`pending_effects`].
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Effect {
    /// Run the flow's checks on what was submitted.
    RunChecks {
        /// The number of the run.
        run: u32,
    },
}

/// The outcome of an allowed command: a value, not yet a fact.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Transition {
    /// The session afterwards.
    pub next: Session,
    /// The events to write with it, in order.
    pub events: Vec<Event>,
    /// What to do once that is durable.
    pub effects: Vec<Effect>,
    /// The command's own refusal, where the only move is the expiry that came first.
    pub refused: Option<Refusal>,
    /// False if there is nothing to write.
    pub changed: bool,
}

impl Transition {
    fn unchanged(session: &Session) -> Self {
        Self { next: session.clone(), events: Vec::new(), effects: Vec::new(), refused: None, changed: false }
    }

    /// A move that keeps the status.
    fn quiet(mut next: Session, at: Timestamp) -> Self {
        next.updated = at;
        Self { next, events: Vec::new(), effects: Vec::new(), refused: None, changed: true }
    }

    /// A move to another status, with the event that tells of it.
    fn announced(next: Session, at: Timestamp) -> Self {
        let kind = EventKind::of_move_to(next.status());
        let mut transition = Self::quiet(next, at);
        transition.events.push(Event::append(&mut transition.next, kind, at));
        transition
    }

    /// This transition and one that was decided on its outcome, as one.
    #[must_use]
    pub fn then(mut self, later: Self) -> Self {
        self.events.extend(later.events);
        Self { events: self.events, changed: self.changed || later.changed, ..later }
    }
}

/// Decides a command at a time. Expiry comes first: a command at or after the deadline finds
/// the session expired, unless checks are running.
///
/// # Errors
/// The command is not allowed, and nothing has changed.
pub fn decide(session: &Session, command: Command, at: Timestamp) -> Result<Transition, Refusal> {
    let at = at.max(session.updated);
    if let Some(expired) = expiry(session, at) {
        let refused = decide_current(&expired.next, command, at).err();
        return Ok(Transition { refused, ..expired });
    }
    decide_current(session, command, at)
}

/// What must still be done for a session as it stands: what a revived actor does first.
#[must_use]
pub fn pending_effects(session: &Session) -> Vec<Effect> {
    match session.state {
        State::Checking { .. } => vec![Effect::RunChecks { run: session.attempts }],
        _ => Vec::new(),
    }
}

/// The expiry of a session whose deadline has passed.
fn expiry(session: &Session, at: Timestamp) -> Option<Transition> {
    session.is_overdue(at).then(|| {
        let next = Session { state: State::Expired { at: session.expires_at }, ..session.clone() };
        Transition::announced(next, at)
    })
}

fn decide_current(session: &Session, command: Command, at: Timestamp) -> Result<Transition, Refusal> {
    match command {
        Command::Load => load(session, at),
        Command::Renew if session.status().is_terminal() => Err(ended(session)),
        Command::Renew => Ok(Transition::unchanged(session)),
        Command::Submit(submission) => submit(session, submission, at),
        Command::Cancel(by) => cancel(session, by, at),
        Command::FinishChecks { run, findings } => Ok(finish(session, run, findings, at)),
        Command::Ring => Ok(ring(session, at)),
        Command::Resume => Ok(resume(session, at)),
        Command::Lapse => lapse(session, at),
    }
}

fn load(session: &Session, at: Timestamp) -> Result<Transition, Refusal> {
    match &session.state {
        State::Created => {
            let state = State::RequiresInput { accepted: StepSet::default() };
            Ok(Transition::announced(Session { state, ..session.clone() }, at))
        }
        state if state.status().is_terminal() => Err(ended(session)),
        _ => Ok(Transition::unchanged(session)),
    }
}

fn submit(session: &Session, submission: Submission, at: Timestamp) -> Result<Transition, Refusal> {
    let kind = submission.kind();
    let accepted = match &session.state {
        State::RequiresInput { accepted } | State::Collecting { accepted } => *accepted,
        State::Created => return Err(invalid("The session has not been loaded; call load first.")),
        State::Checking { .. } => return Err(invalid("All steps are in and the checks are running.")),
        _ => return Err(ended(session)),
    };
    session.flow.step(kind).ok_or_else(|| not_required(kind))?;
    if let Some(due) = session.flow.next_after(accepted)
        && due != kind
        && !accepted.contains(kind)
    {
        return Err(invalid(format!("The step {} comes first.", due.as_str())));
    }
    let accepted = accepted.with(kind);
    let mut next = session.clone();
    if let Some(personal) = next.personal.as_mut() {
        personal.submissions.insert(kind, submission);
    }
    let complete = next.flow.next_after(accepted).is_none();
    if complete {
        next.attempts += 1;
        next.state = State::Checking { started: at };
    } else {
        next.state = State::Collecting { accepted };
    }
    let mut transition =
        if next.status() == session.status() { Transition::quiet(next, at) } else { Transition::announced(next, at) };
    transition.effects = if complete { pending_effects(&transition.next) } else { Vec::new() };
    Ok(transition)
}

fn cancel(session: &Session, by: CanceledBy, at: Timestamp) -> Result<Transition, Refusal> {
    if session.status().is_terminal() {
        let message = format!("The verification is {}; only one that has not ended can be canceled.", session.status());
        return Err(Refusal::new(ErrorCode::VerificationNotCancelable, message));
    }
    Ok(Transition::announced(Session { state: State::Canceled { at, by }, ..session.clone() }, at))
}

fn ring(session: &Session, at: Timestamp) -> Transition {
    match session.state {
        State::Checking { started } if at >= started.after(RUN_LIMIT) => {
            let unfinished = |kind| CheckFinding {
                kind,
                finding: Finding::needs_review("check_unfinished", "The check did not finish in time."),
                started,
                finished: at,
            };
            let findings = session.flow.checks().iter().map(|spec| unfinished(spec.kind)).collect();
            finish(session, session.attempts, findings, at)
        }
        _ => Transition::unchanged(session),
    }
}

/// The run keeps its number: whoever reads the session from the disk runs its checks, as
/// [`pending_effects`] says.
fn resume(session: &Session, at: Timestamp) -> Transition {
    match session.state {
        State::Checking { .. } => {
            Transition::quiet(Session { state: State::Checking { started: at }, ..session.clone() }, at)
        }
        _ => Transition::unchanged(session),
    }
}

fn lapse(session: &Session, at: Timestamp) -> Result<Transition, Refusal> {
    if session.realm.mode.is_live() {
        return Err(invalid("Only a test session can be expired ahead of its time."));
    }
    if session.status().is_terminal() {
        return Err(ended(session));
    }
    let deadline = at.floor_second();
    let state = State::Expired { at: deadline };
    Ok(Transition::announced(Session { state, expires_at: deadline, ..session.clone() }, at))
}

fn finish(session: &Session, run: u32, findings: Vec<CheckFinding>, at: Timestamp) -> Transition {
    if !matches!(session.state, State::Checking { .. }) || run != session.attempts {
        return Transition::unchanged(session);
    }
    let mut next = session.clone();
    next.checks = file(session, findings);
    let verdict = match &session.test_outcome {
        Some(outcome) => outcome.verdict(&session.flow, run),
        None => Some(conclude(&session.flow, &next.checks)),
    };
    next.last_error = None;
    next.state = match verdict {
        Some(Verdict::Complete) => State::Completed { at },
        Some(Verdict::Review(error)) => {
            next.last_error = Some(error);
            State::RequiresReview { at }
        }
        Some(Verdict::Fail(error)) => {
            next.last_error = Some(error);
            State::Failed { at }
        }
        Some(Verdict::Retry(error)) => {
            next.last_error = Some(error);
            retry(session, at)
        }
        None => {
            next.expires_at = at.floor_second();
            State::Expired { at: next.expires_at }
        }
    };
    Transition::announced(next, at)
}

/// What a wish for another attempt comes to.
fn retry(session: &Session, at: Timestamp) -> State {
    if session.attempts >= session.flow.max_attempts() {
        State::Failed { at }
    } else if at >= session.expires_at {
        State::Expired { at: session.expires_at }
    } else {
        // Who has consented once need not do so again.
        let accepted = StepSet::default().with(StepKind::Consent).intersect(session.flow.step_set());
        State::RequiresInput { accepted }
    }
}

/// Gives each finding its identifier. One result for each check of the flow: a check without a
/// finding is left pending, a second finding is dropped.
fn file(session: &Session, mut findings: Vec<CheckFinding>) -> Vec<CheckResult> {
    let run = u64::from(session.attempts);
    let mut results = Vec::with_capacity(session.flow.checks().len());
    for (position, spec) in session.flow.checks().iter().enumerate() {
        let found = findings.iter().position(|found| found.kind == spec.kind).map(|i| findings.swap_remove(i));
        let missing = Finding { status: CheckStatus::Pending, code: None, message: None, score: None };
        let (finding, started, finished) = match found {
            Some(found) => (found.finding, found.started, found.finished),
            None => (missing, session.updated, session.updated),
        };
        let number = run << 16 | position as u64;
        let entropy = session.personal.as_ref().map_or([0; 10], |p| p.secret.derive_short("check id", number));
        results.push(CheckResult { id: CheckId::new(started, entropy), kind: spec.kind, finding, started, finished });
    }
    results
}

fn invalid(message: impl Into<std::borrow::Cow<'static, str>>) -> Refusal {
    Refusal::new(ErrorCode::InvalidState, message)
}

fn ended(session: &Session) -> Refusal {
    Refusal::new(ErrorCode::SessionExpired, format!("The session has ended: it is {}.", session.status()))
}
