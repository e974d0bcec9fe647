//! Why an operation or a whole run came to nothing.

/// Why an operation or a run came to nothing.
#[derive(Debug, thiserror::Error)]
pub enum Failure {
    /// The connection failed.
    #[error("{0}")]
    Io(#[from] std::io::Error),
    /// The HTTP exchange failed.
    #[error("{0}")]
    Http(#[from] hyper::Error),
    /// The server answered with another status than it should have.
    #[error("the server answered {status} and not {expected}: {body}")]
    Status {
        /// The status.
        status: u16,
        /// The one that the scenario expects.
        expected: u16,
        /// The error's code, if the answer holds one.
        code: Option<String>,
        /// The beginning of the answer.
        body: String,
    },
    /// No answer came for as long as an operation may take.
    #[error("no answer within {0} s")]
    Silence(u64),
    /// Anything else.
    #[error("{0}")]
    Other(String),
}

impl Failure {
    /// Anything that has no variant of its own.
    pub fn other(error: impl std::fmt::Display) -> Self {
        Self::Other(error.to_string())
    }

    /// Under which name the failure is counted.
    #[must_use]
    pub fn kind(&self) -> String {
        match self {
            Self::Io(error) => format!("connection: {}", error.kind()),
            Self::Http(_) => "connection broken".to_owned(),
            Self::Status { status, code: Some(code), .. } => format!("{status} {code}"),
            Self::Status { status, code: None, .. } => status.to_string(),
            Self::Silence(_) => "no answer".to_owned(),
            Self::Other(_) => "other".to_owned(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn failures_are_counted_by_status_and_code() {
        let refused = |code: Option<&str>| Failure::Status {
            status: 503,
            expected: 201,
            code: code.map(str::to_owned),
            body: String::new(),
        };
        assert_eq!(refused(Some("dependency_unavailable")).kind(), "503 dependency_unavailable");
        assert_eq!(refused(None).kind(), "503");
    }
}
