//! What the front door asks of a session, and the answer that is filed with the effect.

use bytes::Bytes;
use serde_json::Value;
use vetd_model::decide::CanceledBy;
use vetd_model::flow::StepKind;
use vetd_model::simulate::Action;

/// What can be asked of a session from outside.
#[derive(Debug)]
pub enum Ask {
    /// The iframe has loaded.
    Load,
    /// A fresh token is wanted: changes nothing, but needs a session that has not ended.
    Renew,
    /// The person submits a step; the body is validated against the session's own flow.
    Submit {
        /// Which step.
        step: StepKind,
        /// The body, as it came.
        body: Value,
    },
    /// The person or the tenant ends it.
    Cancel(CanceledBy),
    /// Test mode: walk through these actions in one step.
    Simulate(Vec<Action>),
}

impl Ask {
    /// Its name in traces.
    pub(crate) const fn name(&self) -> &'static str {
        match self {
            Self::Load => "load",
            Self::Renew => "renew",
            Self::Submit { .. } => "submit",
            Self::Cancel(_) => "cancel",
            Self::Simulate(_) => "simulate",
        }
    }
}

/// An answer as bytes: what a first caller, its twins and a later replay all get.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Reply {
    /// The HTTP status, 2xx.
    pub status: u16,
    /// JSON.
    pub body: Bytes,
}

/// Makes the answer from the value as it will be once committed, so that answer and effect can
/// be committed as one.
pub type Render<T> = Box<dyn FnOnce(&T) -> Reply + Send>;
