//! A run of checks, from its first finding to its verdict. Where a flow hands checks to providers the
//! run has two parts: the checks of our own, and then, unless those have decided already, a call for
//! each of the others.

use crate::check::{CheckKind, CheckResult, CheckStatus, Finding};
use crate::decide::{CheckFinding, Transition, invalid, pending_effects};
use crate::error::Refusal;
use crate::field::Fields;
use crate::flow::{CheckSpec, StepKind};
use crate::id::CheckId;
use crate::session::{ProviderCall, RUN_LIMIT, Session, State, StepSet};
use crate::time::Timestamp;
use crate::verdict::{Verdict, conclude, is_decided};

/// Files what the checks of our own have found, and goes on: to the providers, or to the verdict.
pub(crate) fn finish(
    session: &Session,
    run: u32,
    findings: Vec<CheckFinding>,
    fields: Fields,
    at: Timestamp,
) -> Transition {
    let State::Checking { started } = session.state else { return Transition::unchanged(session) };
    if run != session.attempts {
        return Transition::unchanged(session);
    }
    let mut next = session.clone();
    if let Some(personal) = next.personal.as_mut() {
        personal.fields = fields;
    }
    next.checks = file(session, findings);
    let calls = provider_calls(&next);
    let finished = if calls.is_empty() || is_decided(&next.flow, &next.checks) {
        decide_run(next, at)
    } else {
        next.state = State::Awaiting { started, calls };
        let effects = pending_effects(&next);
        Transition { effects, ..Transition::quiet(next, at) }
    };
    Transition { claims_document: claims_document(&finished.next), ..finished }
}

/// True if the run's own check has found nobody who used the document before, and the session now keeps
/// the document. A provider's finding is not about our own index, a chosen outcome about none.
fn claims_document(session: &Session) -> bool {
    let own = |spec: &&CheckSpec| spec.kind == CheckKind::DuplicateDocument && spec.provider.is_none();
    let passed = |result: &CheckResult| {
        result.kind == CheckKind::DuplicateDocument && result.finding.status == CheckStatus::Passed
    };
    session.indexed_document().is_some()
        && session.test_outcome.is_none()
        && session.flow.checks().iter().find(own).is_some()
        && session.checks.iter().any(passed)
}

/// The calls that are still to be made. None in a test session whose outcome is asked for.
fn provider_calls(session: &Session) -> Vec<ProviderCall> {
    if session.test_outcome.is_some() {
        return Vec::new();
    }
    let of_providers = session.flow.checks().iter().filter(|spec| spec.provider.is_some());
    let results = of_providers.filter_map(|spec| session.checks.iter().find(|result| result.kind == spec.kind));
    let open = results.filter(|result| result.finding.status == CheckStatus::Pending);
    open.map(|result| ProviderCall { check: result.id, accepted: false }).collect()
}

/// The provider has taken the call and will answer later.
///
/// # Errors
/// `invalid_state` if nothing is awaited of it.
pub(crate) fn accept(session: &Session, check: CheckId, at: Timestamp) -> Result<Transition, Refusal> {
    let mut next = session.clone();
    let call = match &mut next.state {
        State::Awaiting { calls, .. } => calls.iter_mut().find(|call| call.check == check),
        _ => None,
    };
    let call = call.ok_or_else(not_awaited)?;
    if call.accepted {
        return Ok(Transition::unchanged(session));
    }
    call.accepted = true;
    Ok(Transition::quiet(next, at))
}

/// Files a provider's answer. The last one, or one that decides, ends the run.
///
/// # Errors
/// `invalid_state` if nothing is awaited of it: each call is answered once.
pub(crate) fn answer(
    session: &Session,
    check: CheckId,
    finding: Finding,
    at: Timestamp,
) -> Result<Transition, Refusal> {
    let mut next = session.clone();
    let State::Awaiting { calls, .. } = &mut next.state else { return Err(not_awaited()) };
    let before = calls.len();
    calls.retain(|call| call.check != check);
    let is_last = calls.is_empty();
    let result = next.checks.iter_mut().find(|result| result.id == check).filter(|_| calls.len() < before);
    let result = result.ok_or_else(not_awaited)?;
    (result.finding, result.finished) = (finding, at);
    if is_last || is_decided(&next.flow, &next.checks) {
        return Ok(decide_run(next, at));
    }
    Ok(Transition::quiet(next, at))
}

fn not_awaited() -> Refusal {
    invalid("Nothing is awaited for this check: it was answered already, or its session has gone on without it.")
}

/// Ends a run that has taken too long: what is unfinished needs review.
pub(crate) fn ring(session: &Session, at: Timestamp) -> Transition {
    match session.state {
        State::Checking { started } if at >= started.after(RUN_LIMIT) => {
            let unfinished = |kind| CheckFinding {
                kind,
                finding: Finding::needs_review("check_unfinished", "The check did not finish in time."),
                started,
                finished: at,
            };
            let findings = session.flow.checks().iter().map(|spec| unfinished(spec.kind)).collect();
            let fields = session.personal.as_ref().map(|personal| personal.fields.clone()).unwrap_or_default();
            finish(session, session.attempts, findings, fields, at)
        }
        State::Awaiting { started, .. } if at >= started.after(RUN_LIMIT) => {
            let mut next = session.clone();
            for result in pending(&mut next.checks) {
                result.finding = Finding::needs_review("provider_timeout", "The provider did not answer in time.");
                result.finished = at;
            }
            decide_run(next, at)
        }
        _ => Transition::unchanged(session),
    }
}

/// The run keeps its number: whoever reads the session from the disk goes on with it, as
/// [`pending_effects`] says. Who has promised an answer is not asked again.
pub(crate) fn resume(session: &Session, at: Timestamp) -> Transition {
    let mut next = session.clone();
    match &mut next.state {
        State::Checking { started } | State::Awaiting { started, .. } => *started = at,
        _ => return Transition::unchanged(session),
    }
    Transition::quiet(next, at)
}

/// The verdict on a run, and the session after it.
fn decide_run(mut next: Session, at: Timestamp) -> Transition {
    if next.test_outcome.is_none() {
        let of_providers = |kind| next.flow.checks().iter().any(|spec| spec.kind == kind && spec.provider.is_some());
        for result in pending(&mut next.checks).filter(|result| of_providers(result.kind)) {
            result.finding = Finding::skipped("not_needed", "The other checks had decided before the provider did.");
        }
    }
    let verdict = match &next.test_outcome {
        Some(outcome) => outcome.verdict(&next.flow, next.attempts),
        None => Some(conclude(&next.flow, &next.checks)),
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
            retry(&next, at)
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

fn pending(results: &mut [CheckResult]) -> impl Iterator<Item = &mut CheckResult> {
    results.iter_mut().filter(|result| result.finding.status == CheckStatus::Pending)
}

/// Gives each finding its identifier. One result for each check of the flow: a check without a
/// finding is left pending, a second finding is dropped.
fn file(session: &Session, mut findings: Vec<CheckFinding>) -> Vec<CheckResult> {
    let run = u64::from(session.attempts);
    let mut results = Vec::with_capacity(session.flow.checks().len());
    for (position, spec) in session.flow.checks().iter().enumerate() {
        let found = findings.iter().position(|found| found.kind == spec.kind).map(|i| findings.swap_remove(i));
        let (finding, started, finished) = match found {
            Some(found) => (found.finding, found.started, found.finished),
            None => (Finding::pending(), session.updated, session.updated),
        };
        let number = run << 16 | position as u64;
        let entropy = session.personal.as_ref().map_or([0; 10], |p| p.secret.derive_short("check id", number));
        results.push(CheckResult { id: CheckId::new(started, entropy), kind: spec.kind, finding, started, finished });
    }
    results
}
