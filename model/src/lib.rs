//! The pure rules of vetd: identifiers, sessions and their lifecycle, templates,
//! verifications, events and webhook arithmetic.
//!
//! Nothing here is async, reads a clock, draws randomness or touches a disk or a socket: time
//! and entropy are arguments, effects are values. Tests, live actors, recovery and generated
//! histories all call the same functions.

pub mod address;
pub mod api_key;
pub mod audit_log;
pub mod breaker;
pub mod check;
mod checking;
pub mod chip;
pub mod country;
pub mod date;
pub mod decide;
pub mod delivery;
pub mod error;
pub mod event;
pub mod field;
pub mod flow;
mod flow_parse;
pub mod id;
pub mod link;
pub mod media;
pub mod new_session;
pub mod notice;
pub mod origin;
pub mod provider;
pub mod rate;
pub mod realm;
pub mod retention;
pub mod review;
pub mod scaffold;
pub mod secret;
pub mod session;
pub mod signature;
pub mod simulate;
pub mod specimen;
pub mod submission;
pub mod template;
pub mod test_outcome;
pub mod time;
pub mod validate;
pub mod verdict;
pub mod verification;
pub mod webhook;
pub mod workspace;

pub use error::{ErrorCode, FieldError, Refusal};
pub use id::{
    ApiKeyId, AuditEntryId, CheckId, DeliveryId, EndpointId, EventId, MediaId, ProviderId, RequestId, SessionId,
    TemplateId, VerificationId,
};
pub use realm::{Mode, Realm, WorkspaceId};
pub use session::{Session, State, Status};
pub use time::Timestamp;
