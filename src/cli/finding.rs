//! What `vetd doctor` has found, and how it is told.

use serde::Serialize;
use serde_json::json;

/// How bad it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub(super) enum Level {
    /// All is well.
    Ok,
    /// It works, and should be looked at.
    Warning,
    /// It does not work, or is not safe.
    Problem,
}

/// What one check has found.
#[derive(Debug, Serialize)]
pub(super) struct Finding {
    pub(super) check: &'static str,
    pub(super) level: Level,
    pub(super) message: String,
    /// What to do.
    pub(super) advice: Option<String>,
}

impl Finding {
    pub(super) fn ok(check: &'static str, message: impl Into<String>) -> Self {
        Self { check, level: Level::Ok, message: message.into(), advice: None }
    }

    pub(super) fn warning(check: &'static str, message: impl Into<String>, advice: impl Into<String>) -> Self {
        Self { level: Level::Warning, ..Self::ok(check, message) }.and(advice)
    }

    pub(super) fn problem(check: &'static str, message: impl Into<String>, advice: impl Into<String>) -> Self {
        Self { level: Level::Problem, ..Self::ok(check, message) }.and(advice)
    }

    /// With advice.
    pub(super) fn and(self, advice: impl Into<String>) -> Self {
        Self { advice: Some(advice.into()), ..self }
    }
}

/// For scripts.
pub(super) fn as_json(findings: &[Finding]) -> String {
    let problems = findings.iter().filter(|finding| finding.level == Level::Problem).count();
    json!({ "healthy": problems == 0, "findings": findings }).to_string()
}

/// For people: a line each, and the advice under it.
pub(super) fn as_text(findings: &[Finding]) -> String {
    let mut lines = Vec::new();
    for Finding { check, level, message, advice } in findings {
        let level = match level {
            Level::Ok => "ok",
            Level::Warning => "WARNING",
            Level::Problem => "PROBLEM",
        };
        lines.push(format!("{level:<8} {check:<14} {message}"));
        lines.extend(advice.as_ref().map(|advice| format!("{:<8} {:<14} -> {advice}", "", "")));
    }
    lines.join("\n")
}
