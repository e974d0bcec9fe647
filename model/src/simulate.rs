//! Test mode: a session walked through without a browser, in one step.

use serde_json::Value;

use crate::decide::{CheckFinding, Command, Effect, Transition, decide};
use crate::error::Refusal;
use crate::field::Fields;
use crate::media::Media;
use crate::session::{CanceledBy, Session, State};
use crate::specimen;
use crate::test_outcome::TestOutcome;
use crate::time::Timestamp;
use crate::validate::{Issues, Object};

/// The most actions of one request.
const ACTION_LIMIT: usize = 20;

/// One thing that a script lets the person, the tenant or the clock do.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Action {
    /// The iframe loads.
    Load,
    /// The checks are to say this, whatever was asked for when the session was made.
    Choose(TestOutcome),
    /// The person submits every missing step, with specimen data, and the checks run.
    Submit,
    /// The person cancels.
    Cancel,
    /// The deadline comes.
    Expire,
}

/// Validates the body of `…/simulate`.
///
/// # Errors
/// `validation_error` with the path of every wrong field.
pub fn parse(body: &Value) -> Result<Vec<Action>, Refusal> {
    let mut issues = Issues::default();
    let mut object = Object::root(body, &mut issues);
    let list = object.list("actions", ACTION_LIMIT, &mut issues);
    if list.is_none_or(<[Value]>::is_empty) && issues.is_empty() {
        issues.add("actions", "must list at least one of load, submit, cancel and expire");
    }
    let mut actions = Vec::new();
    for (position, value) in list.unwrap_or_default().iter().enumerate() {
        match value.as_str() {
            Some("load") => actions.push(Action::Load),
            Some("submit") => actions.push(Action::Submit),
            Some("cancel") => actions.push(Action::Cancel),
            Some("expire") => actions.push(Action::Expire),
            _ => issues.add(format!("actions.{position}"), "must be load, submit, cancel or expire"),
        }
    }
    object.finish(&mut issues);
    issues.done().map(|()| actions)
}

/// Validates the body of `/iframe/api/test/outcome`: what the person's page does then.
///
/// # Errors
/// `validation_error` with the path of every wrong field.
pub fn parse_outcome(body: &Value) -> Result<Vec<Action>, Refusal> {
    let mut issues = Issues::default();
    let mut object = Object::root(body, &mut issues);
    let outcome = object.required_with("outcome", &mut issues, TestOutcome::parse);
    object.finish(&mut issues);
    issues.done()?;
    Ok([Action::Load].into_iter().chain(outcome.map(Action::Choose)).chain([Action::Submit]).collect())
}

/// Runs the checks of a session's flow: what they find, and what is resolved.
pub type RunChecks<'a> = &'a dyn Fn(&Session) -> (Vec<CheckFinding>, Fields);

/// All actions in their order as one transition: either every one is allowed, or nothing
/// changes. `pictures` are what the person sends where a step wants one; `check` runs the flow's
/// checks.
///
/// # Errors
/// The first refusal.
pub fn simulate(
    session: &Session,
    actions: &[Action],
    pictures: &[Media],
    at: Timestamp,
    check: RunChecks<'_>,
) -> Result<Transition, Refusal> {
    let mut walk = decide(session, Command::Ring, at)?;
    for action in actions {
        walk = match action {
            Action::Load => step(walk, Command::Load, at)?,
            Action::Choose(outcome) => step(walk, Command::Choose(outcome.clone()), at)?,
            Action::Submit => submit(walk, pictures, at, check)?,
            Action::Cancel => step(walk, Command::Cancel(CanceledBy::Person), at)?,
            Action::Expire => step(walk, Command::Lapse, at)?,
        };
    }
    Ok(walk)
}

fn submit(
    mut walk: Transition,
    pictures: &[Media],
    at: Timestamp,
    check: RunChecks<'_>,
) -> Result<Transition, Refusal> {
    let missing: Vec<_> =
        walk.next.flow.steps().iter().filter(|step| !walk.next.accepted().contains(step.kind())).cloned().collect();
    let missing = if missing.is_empty() { walk.next.flow.steps().to_vec() } else { missing };
    for one in missing {
        let submission = specimen::submission(&one, at);
        for kind in submission.pictures() {
            if let Some(picture) = pictures.iter().find(|picture| picture.kind == *kind) {
                walk = step(walk, Command::Attach(picture.clone()), at)?;
            }
        }
        walk = step(walk, Command::Submit(submission), at)?;
    }
    let ordered = walk.effects.iter().find_map(|effect| match effect {
        Effect::RunChecks { run } => Some(*run),
        Effect::AskProvider { .. } | Effect::Discard { .. } => None,
    });
    if let (State::Checking { .. }, Some(run)) = (&walk.next.state, ordered) {
        let (findings, fields) = check(&walk.next);
        let command = Command::FinishChecks { run, findings, fields };
        walk = step(walk, command, at)?;
    }
    Ok(walk)
}

fn step(walk: Transition, command: Command, at: Timestamp) -> Result<Transition, Refusal> {
    let later = decide(&walk.next, command, at)?;
    match later.refused.clone() {
        Some(refusal) => Err(refusal),
        None => Ok(walk.then(later)),
    }
}
