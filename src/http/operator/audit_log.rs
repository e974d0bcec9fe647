//! The audit log of a workspace and mode, as the operator reads it.

use axum::extract::State;

use super::super::error::Answer;
use super::super::query::Params;
use super::super::{Shared, audit_log, page};
use super::realm::Named;

pub(super) async fn list(State(front): State<Shared>, mut params: Params) -> Answer {
    let realm = Named::take(&mut params).one(&front)?;
    let found = audit_log::page(&front, realm, params).await?;
    page::list(audit_log::shown(&found, realm), found.has_more)
}
