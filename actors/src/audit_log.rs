//! The audit log of a realm: read, written to, and its oldest entries deleted in time.

use vetd_model::audit_log::{Actor, AuditAction, AuditEntry};
use vetd_model::{AuditEntryId, Realm, Refusal};
use vetd_storage::{AuditQuery, Commit, Cursor, Page, Write};

use crate::engine::Engine;
use crate::error::EngineError;

impl Engine {
    /// A page of what was done with the data of a realm's persons, newest first.
    ///
    /// # Errors
    /// `validation_error` on the cursor if it names no entry of the realm, and if the filters match
    /// too little among too many; the store's.
    pub async fn audit_log(&self, realm: Realm, query: AuditQuery) -> Result<Page<AuditEntry>, EngineError> {
        let place = match query.cursor {
            Cursor::Start => None,
            Cursor::After(id) => Some(("starting_after", id)),
            Cursor::Before(id) => Some(("ending_before", id)),
        };
        if let Some((name, id)) = place
            && !self.has_audit_entry(realm, id)?
        {
            return Err(Refusal::field(name, "must name an entry of this workspace and mode that is still kept").into());
        }
        Ok(self.inner.store.audit_log(realm, query).await?)
    }

    fn has_audit_entry(&self, realm: Realm, id: AuditEntryId) -> Result<bool, EngineError> {
        Ok(self.inner.store.audit_entry(realm, id)?.is_some())
    }

    /// An entry of now, not written down yet: for [`Self::note`], or for the commit of what it
    /// tells of.
    #[must_use]
    pub fn audit_entry(&self, actor: Actor, action: AuditAction) -> AuditEntry {
        AuditEntry::new(self.inner.entropy.id(self.now()), actor, action)
    }

    /// Writes an entry down, in a commit of its own: for what changes nothing else that is kept.
    /// Durable once it returns.
    ///
    /// # Errors
    /// The store's. Nothing that must be told of may be done then.
    pub async fn note(&self, realm: Realm, entry: &AuditEntry) -> Result<(), EngineError> {
        let writes = vec![Write::Audit { realm, entry }];
        self.inner.store.commit(Commit { writes, idempotency: None }).await?;
        Ok(())
    }
}
