//! Chips of documents: read once when a tenant's app sends them in, put on record, judged by the check.

use std::sync::Arc;

use vetd_checks::chip::{self, NotAChip, Trust};
use vetd_model::check::Finding;
use vetd_model::chip::ChipFiles;
use vetd_model::decide::may_attach_chip;
use vetd_model::{ErrorCode, Realm, Refusal, Session, SessionId};

use crate::engine::Engine;
use crate::error::EngineError;
use crate::idempotency::Claim;
use crate::reply::{Ask, Render, Reply};

impl Engine {
    /// Takes the files of a document's chip: reads them against the operator's certificates and puts on
    /// record what they say, in place of an earlier reading. The files themselves are not kept.
    ///
    /// # Errors
    /// `not_found`, `invalid_state`, `session_expired`, `check_not_required`; `validation_error` for
    /// files that are none of a chip; the store's.
    pub async fn take_in_chip(
        &self,
        realm: Realm,
        id: SessionId,
        files: ChipFiles,
        claim: Option<Claim>,
        render: Render<Session>,
    ) -> Result<Reply, EngineError> {
        let absent = || EngineError::refused(ErrorCode::NotFound, "There is no such session in this mode.");
        let session = self.session(realm, id).await?.ok_or_else(absent)?;
        let now = self.now();
        may_attach_chip(&session, now)?;
        let trust = Arc::clone(&self.inner.chip_trust);
        let read = tokio::task::spawn_blocking(move || chip::read(&files, &trust, now)).await;
        let read = read.map_err(|error| EngineError::internal(format!("the reading of a chip: {error}")))?;
        let chip = read.map_err(refused)?;
        self.ask(realm, id, Ask::AttachChip(Box::new(chip)), claim, render).await
    }
}

fn refused(error: NotAChip) -> Refusal {
    let path = match error {
        NotAChip::Sod => "sod",
        NotAChip::Group1 => "dg1",
    };
    Refusal::field(path, error.to_string())
}

/// What the check would say of a session's chip at the time of its last change; `None` if none is on
/// record.
#[must_use]
pub fn chip_finding(session: &Session) -> Option<Finding> {
    let chip = session.personal.as_ref()?.chip.as_deref()?;
    Some(vetd_checks::judge_chip(chip, session.updated))
}

/// What the operator trusts, for [`EngineConfig`](crate::EngineConfig).
pub type ChipTrust = Trust;
