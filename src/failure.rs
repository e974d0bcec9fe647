//! Why the program ends, in words for the person at the terminal and a code for scripts.

use std::fmt;
use std::process::ExitCode;

/// The kinds of failure; each has an exit code of its own. clap itself ends with 2 for a wrong
/// command line.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// Whatever has no code of its own.
    Other,
    /// Settings that contradict each other or cannot be used, wherever they stand.
    Configuration,
    /// The data folder cannot be opened.
    Store,
    /// The address cannot be listened on.
    Listen,
    /// The store failed while the server ran.
    Fatal,
}

impl Kind {
    /// The exit code.
    #[must_use]
    pub const fn code(self) -> u8 {
        match self {
            Self::Other => 1,
            Self::Configuration => 3,
            Self::Store => 4,
            Self::Listen => 5,
            Self::Fatal => 6,
        }
    }
}

/// Ends the program with a message on standard error.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Failure {
    /// Which kind.
    pub kind: Kind,
    /// What happened and what to do about it.
    pub message: String,
}

impl Failure {
    /// Without a code of its own.
    pub fn other(message: impl Into<String>) -> Self {
        Self { kind: Kind::Other, message: message.into() }
    }

    /// Wrong settings.
    pub fn configuration(message: impl Into<String>) -> Self {
        Self { kind: Kind::Configuration, message: message.into() }
    }

    /// The data folder cannot be opened.
    pub fn store(message: impl Into<String>) -> Self {
        Self { kind: Kind::Store, message: message.into() }
    }

    /// The address cannot be listened on.
    pub fn listen(message: impl Into<String>) -> Self {
        Self { kind: Kind::Listen, message: message.into() }
    }

    /// The code that the program ends with.
    #[must_use]
    pub fn exit_code(&self) -> ExitCode {
        ExitCode::from(self.kind.code())
    }
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.message)
    }
}

impl std::error::Error for Failure {}
