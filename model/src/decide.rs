//! The lifecycle of a session, all of it:
//!
//! ```text
//! created ──► requires_input ──► in_progress ──► completed | failed | requires_review
//!    └──────────────┴────────────────┴──────────► canceled | expired
//! ```
//!
//! and one move back, from `in_progress` to `requires_input`, when the checks ask for another
//! attempt. [`decide`] is the only place that knows these moves.

use crate::check::{CheckKind, Finding};
use crate::checking;
use crate::chip::Chip;
use crate::error::{ErrorCode, FieldError, Refusal};
use crate::event::{self, Event, EventKind};
use crate::field::Fields;
use crate::id::{CheckId, MediaId};
use crate::media::{Media, MediaKind, UPLOAD_LIMIT};
use crate::review::{NewReview, Redaction, Review};
pub use crate::session::CanceledBy;
use crate::session::{Personal, Session, State, Status, StepSet};
use crate::submission::{Submission, not_required};
use crate::test_outcome::TestOutcome;
use crate::time::Timestamp;

/// What can be asked of a session.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Command {
    /// The iframe has loaded.
    Load,
    /// Somebody wants to go on with it, with a fresh token: changes nothing, but needs a session
    /// that has not ended.
    Renew,
    /// A picture was taken in and is kept; it replaces the one of its kind.
    Attach(Media),
    /// The document's chip was read; it replaces what an earlier reading said.
    AttachChip(Box<Chip>),
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
        /// What was resolved of the person and their document.
        fields: Fields,
    },
    /// A provider has taken the call for this check, and will answer later.
    AcceptCall {
        /// For which check.
        check: CheckId,
    },
    /// A provider has answered, or there is no hope that it will.
    AnswerCall {
        /// For which check.
        check: CheckId,
        /// What it has found.
        finding: Finding,
    },
    /// A deadline may have passed.
    Ring,
    /// The server has started again: a run of checks that its end interrupted goes on, and its time
    /// limit begins anew.
    Resume,
    /// Test mode: from here on the checks say this.
    Choose(TestOutcome),
    /// Test mode: act as if the deadline had come now.
    Lapse,
    /// A person of the tenant decides a doubtful case.
    Review {
        /// How, and why.
        review: NewReview,
        /// Who.
        reviewer: String,
    },
    /// The person's data is to be erased.
    Redact,
    /// The pictures are to be deleted, and with them what was read of them and of the document's chip.
    ForgetMedia,
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
    /// Ask the provider that the flow names for this check.
    AskProvider {
        /// For which check.
        check: CheckId,
    },
    /// Delete the picture, which no record names any more.
    Discard {
        /// Which.
        media: MediaId,
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
    /// The person's data, where the move is its erasure: its index entries go with it.
    pub erased: Option<Box<Personal>>,
    /// True if it rests on a finding that nobody has used the document before: it must be refused if
    /// somebody has by the time that it is committed.
    pub claims_document: bool,
    /// The command's own refusal, where the only move is the expiry that came first.
    pub refused: Option<Refusal>,
    /// False if there is nothing to write.
    pub changed: bool,
}

impl Transition {
    pub(crate) fn unchanged(session: &Session) -> Self {
        Self::unchanged_in(session.clone())
    }

    const fn unchanged_in(next: Session) -> Self {
        Self {
            next,
            events: Vec::new(),
            effects: Vec::new(),
            erased: None,
            claims_document: false,
            refused: None,
            changed: false,
        }
    }

    /// A move that keeps the status.
    pub(crate) fn quiet(mut next: Session, at: Timestamp) -> Self {
        next.updated = at;
        Self { changed: true, ..Self::unchanged_in(next) }
    }

    /// A move to another status, with the event that tells of it.
    pub(crate) fn announced(next: Session, at: Timestamp) -> Self {
        let kind = EventKind::of_move_to(next.status());
        let mut transition = Self::quiet(next, at);
        transition.events.push(Event::append(&mut transition.next, kind, at));
        transition
    }

    /// This transition and one that was decided on its outcome, as one.
    #[must_use]
    pub fn then(mut self, later: Self) -> Self {
        self.events.extend(later.events);
        // What is to be deleted stays so; an order of checks is carried out between the two.
        self.effects.retain(|effect| matches!(effect, Effect::Discard { .. }));
        self.effects.extend(later.effects);
        self.erased = self.erased.or(later.erased);
        self.claims_document |= later.claims_document;
        self.changed |= later.changed;
        Self { next: later.next, refused: later.refused, ..self }
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
    match &session.state {
        State::Checking { .. } => vec![Effect::RunChecks { run: session.attempts }],
        State::Awaiting { calls, .. } => {
            let to_be_made = calls.iter().filter(|call| !call.accepted);
            to_be_made.map(|call| Effect::AskProvider { check: call.check }).collect()
        }
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
        Command::Attach(media) => attach(session, media, at),
        Command::AttachChip(chip) => attach_chip(session, chip, at),
        Command::Submit(submission) => submit(session, submission, at),
        Command::Cancel(by) => cancel(session, by, at),
        Command::FinishChecks { run, findings, fields } => Ok(checking::finish(session, run, findings, fields, at)),
        Command::AcceptCall { check } => checking::accept(session, check, at),
        Command::AnswerCall { check, finding } => checking::answer(session, check, finding, at),
        Command::Ring => Ok(checking::ring(session, at)),
        Command::Resume => Ok(checking::resume(session, at)),
        Command::Choose(outcome) => choose(session, outcome, at),
        Command::Lapse => lapse(session, at),
        Command::Review { review, reviewer } => decide_review(session, review, reviewer, at),
        Command::Redact => redact(session, at),
        Command::ForgetMedia => forget_media(session),
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

/// The steps that count so far, while it is the person's turn.
fn persons_turn(session: &Session) -> Result<StepSet, Refusal> {
    match &session.state {
        State::RequiresInput { accepted } | State::Collecting { accepted } => Ok(*accepted),
        State::Created => Err(invalid("The session has not been loaded; call load first.")),
        State::Checking { .. } | State::Awaiting { .. } => Err(invalid("All steps are in and the checks are running.")),
        _ => Err(ended(session)),
    }
}

/// Whether a picture of a kind may be taken in now. Asked before it is looked at, and again when it
/// is put on record. `unreadable` files that were sent before and were no pictures count like pictures:
/// they have been looked at, too.
///
/// # Errors
/// `invalid_state`, `session_expired`, `check_not_required`.
pub fn may_attach(session: &Session, kind: MediaKind, unreadable: u32, at: Timestamp) -> Result<(), Refusal> {
    if session.is_overdue(at) {
        return Err(Refusal::new(ErrorCode::SessionExpired, "The session has ended: it is expired."));
    }
    persons_turn(session)?;
    session.flow.step(kind.step()).ok_or_else(|| not_required(kind.step()))?;
    if let Some(place) = MediaKind::LIVENESS.iter().position(|one| *one == kind) {
        may_answer(session, place)?;
    }
    match &session.personal {
        Some(personal) if personal.uploads.saturating_add(unreadable) < UPLOAD_LIMIT => Ok(()),
        _ => Err(invalid(format!(
            "No more pictures are taken in this session: it has sent {UPLOAD_LIMIT}, those that could not be read \
             included."
        ))),
    }
}

/// Challenges are answered in their order, and only where there are any.
fn may_answer(session: &Session, place: usize) -> Result<(), Refusal> {
    if !session.flow.has_challenges() {
        let message = "This session's liveness step asks for no pictures.";
        return Err(Refusal::new(ErrorCode::CheckNotRequired, message));
    }
    match MediaKind::LIVENESS.get(session.answered_challenges()) {
        Some(due) if place > session.answered_challenges() => {
            Err(invalid(format!("The picture {} comes first.", due.as_str())))
        }
        _ => Ok(()),
    }
}

fn attach(session: &Session, media: Media, at: Timestamp) -> Result<Transition, Refusal> {
    may_attach(session, media.kind, 0, at)?;
    let mut next = session.clone();
    let Some(personal) = next.personal.as_mut() else { return Err(ended(session)) };
    let replaced = personal.media.iter().filter(|old| media.kind.replaces(old.kind));
    let effects = replaced.map(|old| Effect::Discard { media: old.id }).collect();
    personal.media.retain(|old| !media.kind.replaces(old.kind));
    personal.media.push(Media { attempt: session.attempts, at, ..media });
    personal.media.sort_by_key(|media| media.kind);
    personal.uploads += 1;
    Ok(Transition { effects, ..Transition::quiet(next, at) })
}

/// Whether a chip may be sent in now. Asked before it is looked at, and again when it is put on record.
/// The person need not have begun: it is the tenant's app that reads a chip.
///
/// # Errors
/// `invalid_state`, `session_expired`, `check_not_required`.
pub fn may_attach_chip(session: &Session, at: Timestamp) -> Result<(), Refusal> {
    if session.is_overdue(at) {
        return Err(Refusal::new(ErrorCode::SessionExpired, "The session has ended: it is expired."));
    }
    if session.state != State::Created {
        persons_turn(session)?;
    }
    if session.flow.checks().iter().any(|spec| spec.kind == CheckKind::DocumentChip) {
        return Ok(());
    }
    Err(Refusal::new(ErrorCode::CheckNotRequired, "This session's flow has no document_chip check."))
}

fn attach_chip(session: &Session, chip: Box<Chip>, at: Timestamp) -> Result<Transition, Refusal> {
    may_attach_chip(session, at)?;
    let mut next = session.clone();
    let Some(personal) = next.personal.as_mut() else { return Err(ended(session)) };
    personal.chip = Some(chip);
    Ok(Transition::quiet(next, at))
}

fn submit(session: &Session, submission: Submission, at: Timestamp) -> Result<Transition, Refusal> {
    let kind = submission.kind();
    let accepted = persons_turn(session)?;
    session.flow.step(kind).ok_or_else(|| not_required(kind))?;
    if let Some(due) = session.flow.next_after(accepted)
        && due != kind
        && !accepted.contains(kind)
    {
        return Err(invalid(format!("The step {} comes first.", due.as_str())));
    }
    require_pictures(session, &submission)?;
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

/// A step that is about pictures needs them, taken in this attempt.
fn require_pictures(session: &Session, submission: &Submission) -> Result<(), Refusal> {
    let personal = session.personal.as_ref();
    let is_there = |kind| {
        let media = personal.and_then(|personal| personal.medium(kind));
        media.is_some_and(|media| media.attempt == session.attempts)
    };
    let missing = submission.pictures(&session.flow).iter().filter(|kind| !is_there(**kind));
    let missing: Vec<_> = missing.map(|kind| kind.as_str()).collect();
    if missing.is_empty() {
        return Ok(());
    }
    let wanted = |name: &&str| {
        let message = format!("must be sent first, with PUT /iframe/api/media/{name}, and anew for each attempt");
        FieldError { path: format!("media.{name}"), message }
    };
    Err(Refusal::fields(missing.iter().map(wanted).collect()))
}

fn cancel(session: &Session, by: CanceledBy, at: Timestamp) -> Result<Transition, Refusal> {
    if session.status().is_terminal() {
        let message = format!("The verification is {}; only one that has not ended can be canceled.", session.status());
        return Err(Refusal::new(ErrorCode::VerificationNotCancelable, message));
    }
    Ok(Transition::announced(Session { state: State::Canceled { at, by }, ..session.clone() }, at))
}

fn choose(session: &Session, outcome: TestOutcome, at: Timestamp) -> Result<Transition, Refusal> {
    if session.realm.mode.is_live() {
        return Err(invalid("Only a test session's outcome can be chosen."));
    }
    persons_turn(session)?;
    outcome.fits(&session.flow).map_err(|message| Refusal::field("outcome", message))?;
    Ok(Transition::quiet(Session { test_outcome: Some(outcome), ..session.clone() }, at))
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

fn decide_review(session: &Session, new: NewReview, reviewer: String, at: Timestamp) -> Result<Transition, Refusal> {
    if session.status() != Status::RequiresReview {
        return Err(invalid(format!("The verification is {}; nothing is to be reviewed.", session.status())));
    }
    if let Some(review) = &session.review {
        return Err(invalid(format!("The verification was {} already.", review.decision.as_str())));
    }
    let mut next = session.clone();
    let Some(personal) = next.personal.as_mut() else {
        return Err(invalid("The person's data was erased; there is nothing left to review."));
    };
    personal.review_reason = new.reason;
    let sequence = session.chain.sequence + 1;
    next.review = Some(Review { decision: new.decision, reviewer, at, sequence });
    let mut transition = Transition::quiet(next, at);
    transition.events.push(Event::append(&mut transition.next, EventKind::Reviewed, at));
    Ok(transition)
}

/// Erases what is the person's. What is left: the object, its status, the checks' outcomes.
fn redact(session: &Session, at: Timestamp) -> Result<Transition, Refusal> {
    if !session.status().is_terminal() {
        return Err(invalid("The verification has not ended; cancel it first."));
    }
    let (Some(first_event), None) = (event::first_id(session), session.redaction) else {
        return Ok(Transition::unchanged(session));
    };
    let last_event = event::next_id(session, at);
    let mut next = session.clone();
    let erased = next.personal.take();
    next.checks.iter_mut().for_each(|check| check.finding.details.clear());
    next.redaction = Some(Redaction { at, sequence: session.chain.sequence + 1, first_event, last_event });
    let mut transition = Transition::quiet(next, at);
    transition.events.push(Event::append_as(&mut transition.next, last_event, EventKind::Redacted, at));
    let media = erased.iter().flat_map(|personal| &personal.media);
    transition.effects = media.map(|media| Effect::Discard { media: media.id }).collect();
    transition.erased = erased;
    Ok(transition)
}

/// Leaves the time of the last change as it is: that is when the last event was written.
fn forget_media(session: &Session) -> Result<Transition, Refusal> {
    if !session.status().is_terminal() {
        return Err(invalid("The verification has not ended; its pictures are still needed."));
    }
    let mut next = session.clone();
    let Some(personal) = next.personal.as_mut().filter(|personal| personal.has_evidence()) else {
        return Ok(Transition::unchanged(session));
    };
    personal.chip = None;
    let media = std::mem::take(&mut personal.media);
    let effects = media.iter().map(|media| Effect::Discard { media: media.id }).collect();
    Ok(Transition { effects, ..Transition::quiet(next, session.updated) })
}

pub(crate) fn invalid(message: impl Into<std::borrow::Cow<'static, str>>) -> Refusal {
    Refusal::new(ErrorCode::InvalidState, message)
}

fn ended(session: &Session) -> Refusal {
    Refusal::new(ErrorCode::SessionExpired, format!("The session has ended: it is {}.", session.status()))
}
