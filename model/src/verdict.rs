//! From what the checks found to what becomes of the session: a pure function, so that stored
//! findings can be judged again under another policy.

use std::borrow::Cow;

use crate::check::{CheckResult, CheckStatus, LastError};
use crate::flow::{CheckSpec, Flow};

/// What a failed check means.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum OnFail {
    /// The verification fails.
    Fail,
    /// A person of the tenant decides.
    Review,
    /// The person tries again while attempts are left; then the verification fails.
    Retry,
}

/// What a check in doubt means.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum OnReview {
    /// A person of the tenant decides.
    Review,
    /// The verification fails.
    Fail,
    /// The person tries again while attempts are left; then the verification fails.
    Retry,
}

macro_rules! named {
    ($type:ident: $($variant:ident = $text:literal),*) => {
        impl $type {
            /// The name in templates.
            #[must_use]
            pub const fn as_str(self) -> &'static str {
                match self { $(Self::$variant => $text),* }
            }

            /// The policy with this name.
            #[must_use]
            pub fn parse(text: &str) -> Option<Self> {
                match text { $($text => Some(Self::$variant),)* _ => None }
            }
        }
    };
}

named!(OnFail: Fail = "fail", Review = "review", Retry = "retry");
named!(OnReview: Review = "review", Fail = "fail", Retry = "retry");

/// What becomes of a session whose run of checks has ended. Ordered by weight: of several
/// findings the heaviest decides.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Verdict {
    /// All checks passed.
    Complete,
    /// A person of the tenant must decide.
    Review(LastError),
    /// The person shall try again.
    Retry(LastError),
    /// Decided against the person.
    Fail(LastError),
}

impl Verdict {
    const fn weight(&self) -> u8 {
        match self {
            Self::Complete => 0,
            Self::Review(_) => 1,
            Self::Retry(_) => 2,
            Self::Fail(_) => 3,
        }
    }
}

/// Judges one finding under its policy. A check that did not end counts as doubt.
fn judge(spec: &CheckSpec, result: &CheckResult) -> Verdict {
    let error = || LastError {
        code: result.finding.code.clone().unwrap_or(Cow::Borrowed("check_unfinished")),
        message: result.finding.message.clone().unwrap_or(Cow::Borrowed("The check did not finish.")),
        check: Some(result.kind),
    };
    match (result.finding.status, spec.on_fail, spec.on_review) {
        (CheckStatus::Passed | CheckStatus::Skipped, _, _) => Verdict::Complete,
        (CheckStatus::Failed, OnFail::Fail, _) => Verdict::Fail(error()),
        (CheckStatus::Failed, OnFail::Review, _) => Verdict::Review(error()),
        (CheckStatus::Failed, OnFail::Retry, _) => Verdict::Retry(error()),
        (CheckStatus::NeedsReview | CheckStatus::Pending, _, OnReview::Review) => Verdict::Review(error()),
        (CheckStatus::NeedsReview | CheckStatus::Pending, _, OnReview::Fail) => Verdict::Fail(error()),
        (CheckStatus::NeedsReview | CheckStatus::Pending, _, OnReview::Retry) => Verdict::Retry(error()),
    }
}

/// The verdict on a run: the heaviest of its findings, the first of equals.
///
/// A session with pictures that no check has read never completes by itself. Results that are
/// stored can be judged again under another version of the template.
#[must_use]
pub fn conclude(flow: &Flow, results: &[CheckResult]) -> Verdict {
    let looked = |kind| {
        let result = results.iter().find(|result| result.kind == kind);
        result.is_some_and(|result| result.finding.status != CheckStatus::Skipped)
    };
    let floor = if flow.has_unread_evidence(looked) {
        Verdict::Review(LastError {
            code: Cow::Borrowed("evidence_unread"),
            message: Cow::Borrowed("None of the checks could read the pictures; a person must look."),
            check: None,
        })
    } else {
        Verdict::Complete
    };
    judged(flow, results).fold(floor, |heaviest, next| if next.weight() > heaviest.weight() { next } else { heaviest })
}

/// True if what is settled decides: somebody failed or must try again, and no check that is pending is
/// worth waiting for.
#[must_use]
pub fn is_decided(flow: &Flow, results: &[CheckResult]) -> bool {
    let settled = results.iter().filter(|result| result.finding.status != CheckStatus::Pending);
    judged(flow, settled).any(|verdict| matches!(verdict, Verdict::Retry(_) | Verdict::Fail(_)))
}

fn judged<'a>(
    flow: &'a Flow,
    results: impl IntoIterator<Item = &'a CheckResult, IntoIter: Clone>,
) -> impl Iterator<Item = Verdict> {
    let results = results.into_iter();
    let of = move |spec: &'a CheckSpec| results.clone().find(|result| result.kind == spec.kind);
    flow.checks().iter().filter_map(move |spec| of(spec).map(|result| judge(spec, result)))
}
