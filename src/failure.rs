//! Why the program ends, in words for the person at the terminal and a code for scripts.

use std::fmt;
use std::process::ExitCode;

use serde_json::{Value, json};

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
    /// No server runs on the data folder, or it does not answer.
    NoServer,
    /// The running server refused: what was named does not exist, or is not allowed.
    Refused,
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
            Self::NoServer => 7,
            Self::Refused => 8,
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
    /// The server's own error, if it refused.
    pub error: Option<Value>,
}

impl Failure {
    /// Without a code of its own.
    pub fn other(message: impl Into<String>) -> Self {
        Self::new(Kind::Other, message)
    }

    /// Wrong settings.
    pub fn configuration(message: impl Into<String>) -> Self {
        Self::new(Kind::Configuration, message)
    }

    /// The data folder cannot be opened.
    pub fn store(message: impl Into<String>) -> Self {
        Self::new(Kind::Store, message)
    }

    /// The address cannot be listened on.
    pub fn listen(message: impl Into<String>) -> Self {
        Self::new(Kind::Listen, message)
    }

    /// No server answers.
    pub fn no_server(message: impl Into<String>) -> Self {
        Self::new(Kind::NoServer, message)
    }

    /// The server refused, with this error.
    pub fn refused(message: impl Into<String>, error: Value) -> Self {
        Self { error: Some(error), ..Self::new(Kind::Refused, message) }
    }

    fn new(kind: Kind, message: impl Into<String>) -> Self {
        Self { kind, message: message.into(), error: None }
    }

    /// The failure for scripts.
    #[must_use]
    pub fn to_json(&self) -> Value {
        json!({ "exit_code": self.kind.code(), "message": self.message, "error": self.error })
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
