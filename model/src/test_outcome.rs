//! Test mode: the outcome that a tenant asks for when the session is made.

use std::borrow::Cow;
use std::fmt;

use crate::check::{CheckKind, CheckStatus, Details, Finding, LastError};
use crate::flow::Flow;
use crate::verdict::Verdict;

/// What the checks of a test session will say once the person (or a script) has submitted.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum TestOutcome {
    /// All checks pass.
    Completed,
    /// The first check of the flow fails decisively.
    Failed,
    /// This check fails decisively with this code.
    FailedCheck {
        /// A check of the flow.
        check: CheckKind,
        /// Any code of lower-case letters, digits and underscores.
        code: String,
    },
    /// The first check of the flow is in doubt.
    RequiresReview,
    /// The submit is accepted, the checks never finish, the session expires at once.
    Expired,
    /// The first run asks for another attempt, the second passes.
    RetryThenCompleted,
}

/// The longest code in `failed:<check>:<code>`.
const CODE_LIMIT: usize = 64;

impl TestOutcome {
    /// Reads `test_outcome`. The check of `failed:<check>:<code>` must be one that this release
    /// knows; whether the flow has it is [`Self::fits`]'s question.
    ///
    /// # Errors
    /// What the value must be, for the caller.
    pub fn parse(text: &str) -> Result<Self, String> {
        if let Some(rest) = text.strip_prefix("failed:") {
            let (check, code) = rest.split_once(':').ok_or("must name a check and a code: failed:<check>:<code>")?;
            let check = CheckKind::parse(check).ok_or_else(|| format!("names an unknown check: {check:.40}"))?;
            let plain = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'_';
            if code.is_empty() || code.len() > CODE_LIMIT || !code.bytes().all(plain) {
                return Err("must end in a code of 1 to 64 lower-case letters, digits and underscores".to_owned());
            }
            return Ok(Self::FailedCheck { check, code: code.to_owned() });
        }
        match text {
            "completed" => Ok(Self::Completed),
            "failed" => Ok(Self::Failed),
            "requires_review" => Ok(Self::RequiresReview),
            "expired" => Ok(Self::Expired),
            "retry_then_completed" => Ok(Self::RetryThenCompleted),
            _ => Err("must be completed, failed, failed:<check>:<code>, requires_review, expired or \
                      retry_then_completed"
                .to_owned()),
        }
    }

    /// Whether the flow can have this outcome.
    ///
    /// # Errors
    /// What the value must be, for the caller.
    pub fn fits(&self, flow: &Flow) -> Result<(), String> {
        match self {
            Self::FailedCheck { check, .. } if !flow.checks().iter().any(|spec| spec.kind == *check) => {
                Err(format!("names the check {}, which the flow does not have", check.as_str()))
            }
            Self::RetryThenCompleted if flow.max_attempts() < 2 => {
                Err("needs a second attempt, and the flow allows one".to_owned())
            }
            _ => Ok(()),
        }
    }

    /// What the check at `position` of the flow says in run `run`.
    #[must_use]
    pub fn finding(&self, position: usize, kind: CheckKind, run: u32) -> Finding {
        let scripted = |status, code: &str| Finding {
            status,
            code: Some(Cow::Owned(code.to_owned())),
            message: Some(MESSAGE),
            score: None,
            details: Details::new(),
        };
        match self {
            Self::Failed if position == 0 => scripted(CheckStatus::Failed, "test_failed"),
            Self::FailedCheck { check, code } if *check == kind => scripted(CheckStatus::Failed, code),
            Self::RequiresReview if position == 0 => scripted(CheckStatus::NeedsReview, "test_review"),
            Self::RetryThenCompleted if position == 0 && run == 1 => scripted(CheckStatus::Failed, "test_retry"),
            Self::Expired => Finding::pending(),
            _ => Finding::passed(),
        }
    }

    /// The verdict on run `run`, whatever the template's policy; `None` if the checks never
    /// finish.
    #[must_use]
    pub fn verdict(&self, flow: &Flow, run: u32) -> Option<Verdict> {
        let first = flow.checks().first().map(|spec| spec.kind);
        let error = |code: &str, check| LastError { code: Cow::Owned(code.to_owned()), message: MESSAGE, check };
        Some(match self {
            Self::Expired => return None,
            Self::Completed => Verdict::Complete,
            Self::RetryThenCompleted if run > 1 => Verdict::Complete,
            Self::RetryThenCompleted => Verdict::Retry(error("test_retry", first)),
            Self::RequiresReview => Verdict::Review(error("test_review", first)),
            Self::Failed => Verdict::Fail(error("test_failed", first)),
            Self::FailedCheck { check, code } => Verdict::Fail(error(code, Some(*check))),
        })
    }
}

const MESSAGE: Cow<'static, str> = Cow::Borrowed("As this test session's test_outcome asked.");

impl fmt::Display for TestOutcome {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Completed => f.write_str("completed"),
            Self::Failed => f.write_str("failed"),
            Self::FailedCheck { check, code } => write!(f, "failed:{}:{code}", check.as_str()),
            Self::RequiresReview => f.write_str("requires_review"),
            Self::Expired => f.write_str("expired"),
            Self::RetryThenCompleted => f.write_str("retry_then_completed"),
        }
    }
}
