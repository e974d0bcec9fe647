//! What lists are asked for.

use vetd_model::audit_log::AuditAction;
use vetd_model::delivery::DeliveryStatus;
use vetd_model::webhook::Endpoint;
use vetd_model::{AuditEntryId, EndpointId, SessionId, Status, TemplateId, Timestamp, VerificationId};

/// Which status a list filters by: a session keeps its status for good, a verification's moves
/// on when a review decides it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum StatusFilter {
    /// The session's status.
    Session(Status),
    /// The verification's status.
    Verification(Status),
}

/// Where a page begins. Lists run from the newest to the oldest.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Cursor<T = SessionId> {
    /// At the newest.
    #[default]
    Start,
    /// With the next one older than this (`starting_after`).
    After(T),
    /// Ending with the next one newer than this (`ending_before`).
    Before(T),
}

/// A page of sessions, or of their verifications, which share their identifiers. Every filter
/// that is set must hold.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct SessionQuery {
    /// By status.
    pub status: Option<StatusFilter>,
    /// By template.
    pub template: Option<TemplateId>,
    /// By metadata entries, all of them.
    pub metadata: Vec<(String, String)>,
    /// Made at or after this second.
    pub created_from: Option<Timestamp>,
    /// Made before this second.
    pub created_before: Option<Timestamp>,
    /// Where the page begins.
    pub cursor: Cursor,
    /// The most items on the page, 1 to 100.
    pub limit: usize,
}

/// A page of deliveries. Every filter that is set must hold.
#[derive(Debug, Clone)]
pub struct DeliveryQuery {
    /// To which endpoints, all of one realm.
    pub endpoints: Vec<Endpoint>,
    /// By status.
    pub status: Option<DeliveryStatus>,
    /// Where the page begins: past this delivery, named by the position of its event and its
    /// endpoint.
    pub cursor: Option<(Towards, u64, EndpointId)>,
    /// The most items on the page, 1 to 100.
    pub limit: usize,
}

/// A page of the audit log. Every filter that is set must hold.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct AuditQuery {
    /// About this verification.
    pub verification: Option<VerificationId>,
    /// Of this action.
    pub action: Option<AuditAction>,
    /// Written at or after this second.
    pub created_from: Option<Timestamp>,
    /// Written before this second.
    pub created_before: Option<Timestamp>,
    /// Where the page begins.
    pub cursor: Cursor<AuditEntryId>,
    /// The most items on the page, 1 to 100.
    pub limit: usize,
}

/// Which way a page goes on from where it begins.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Towards {
    /// To older ones.
    Older,
    /// To newer ones.
    Newer,
}

/// A page, newest first.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Page<T> {
    /// The items.
    pub items: Vec<T>,
    /// True if there are more beyond the page, in the direction of the cursor.
    pub has_more: bool,
}
