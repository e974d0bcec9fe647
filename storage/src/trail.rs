//! A commit's way through the writer, as spans: how long it waits for its group, how long the
//! group takes. When nobody follows traces they cost nothing.

use tracing::{Span, debug_span};

/// The spans of one commit that has not been answered.
#[derive(Default)]
pub(crate) struct Trail {
    commit: Option<Span>,
    wait: Option<Span>,
}

impl Trail {
    /// The commit is handed in. Returns its span, or the caller's own.
    pub(crate) fn begin(&mut self) -> Span {
        let commit = debug_span!("commit");
        if commit.is_disabled() {
            return Span::current();
        }
        self.wait = Some(debug_span!(parent: &commit, "commit.wait"));
        self.commit = Some(commit.clone());
        commit
    }

    /// The writer has taken it into a group, which is written for as long as the span that this
    /// returns is kept.
    pub(crate) fn write(self) -> Option<Span> {
        drop(self.wait);
        self.commit.map(|commit| debug_span!(parent: &commit, "commit.write"))
    }
}
