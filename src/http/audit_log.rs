//! `/v1/audit_log`.

use axum::extract::State;
use serde_json::Value;
use vetd_model::audit_log::{self, AuditAction, AuditEntry};
use vetd_model::{AuditEntryId, Realm};
use vetd_storage::{AuditQuery, Cursor, Page};

use super::auth::Tenant;
use super::error::{Answer, Problem};
use super::openapi::{example, schemas};
use super::query::{Params, Place};
use super::{Front, Shared, page as pages};

/// List the audit log
///
/// What was done with a person's data: who reviewed, who erased, who looked at a picture, what was
/// deleted when its time had come. Newest first. Nothing in it is personal, and it is kept longer
/// than the data: 730 days unless the operator has chosen otherwise. Where few entries match, a page
/// may hold fewer than `limit` although there are more; if none was found among all that were looked
/// at, that is an error about `created[gte]`. Needs the scope `read`.
#[utoipa::path(
    get, path = "/v1/audit_log", operation_id = "list_audit_log", tag = "Audit log",
    params(schemas::audit_log::AuditLogFilter, schemas::shared::PageSize),
    responses((
        status = 200, description = "A page.", body = schemas::audit_log::AuditLog,
        example = json!(example::list(&example::audit_log_entry())),
    )),
)]
pub(super) async fn list(State(front): State<Shared>, Tenant(realm): Tenant, params: Params) -> Answer {
    let found = page(&front, realm, params).await?;
    pages::list(shown(&found, realm), found.has_more)
}

/// The page that the parameters ask for.
pub(super) async fn page(front: &Front, realm: Realm, mut params: Params) -> Result<Page<AuditEntry>, Problem> {
    let query = AuditQuery {
        verification: params.take("verification_id", |text| text.parse().map_err(|error| format!("{error}"))),
        action: params.take("action", |text| {
            let names = || format!("must be one of {}", AuditAction::ALL.map(AuditAction::as_str).join(", "));
            AuditAction::parse(text).ok_or_else(names)
        }),
        created_from: params.time("created[gte]"),
        created_before: params.time("created[lt]"),
        limit: params.limit(),
        cursor: match params.place::<AuditEntryId>() {
            Place::Start => Cursor::Start,
            Place::After(id) => Cursor::After(id),
            Place::Before(id) => Cursor::Before(id),
        },
    };
    params.finish()?;
    Ok(front.engine.audit_log(realm, query).await?)
}

/// The entries as they are read.
pub(super) fn shown(page: &Page<AuditEntry>, realm: Realm) -> Vec<Value> {
    page.items.iter().map(|entry| audit_log::to_json(entry, realm)).collect()
}
