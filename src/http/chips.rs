//! `/v1/sessions/{id}/chip`: what a tenant's app has read of a document's chip.

use serde_json::json;
use vetd_actors::{Reply, chip_finding};
use vetd_model::Session;
use vetd_model::chip::ChipFiles;
use vetd_model::id::kind;

use super::auth::Tenant;
use super::error::Answer;
use super::mutation::{Job, Mutation};
use super::openapi::{example, schemas};
use super::paths::PathId;
use super::sessions::to_tenant;

/// Send a document's chip
///
/// A browser cannot read the chip of a passport; an app of yours can, and sends the files here before
/// the person's last step. They are verified at once against the certificates that the operator of the
/// server trusts; sent again, they replace what was sent before. Only what data group 1 says is kept.
/// Needs the scope `write`.
#[utoipa::path(
    post, path = "/v1/sessions/{id}/chip", operation_id = "send_session_chip", tag = "Sessions",
    params(("id" = schemas::values::SessionId, Path, description = "The session.")),
    request_body(content = schemas::sessions::ChipUpload, example = json!(example::chip_upload())),
    responses((
        status = 200, description = "What is on record.", body = schemas::sessions::ChipTaken,
        example = json!(example::chip_taken()),
    )),
    extensions(("x-error-codes" = json!(["not_found", "invalid_state", "check_not_required"]))),
)]
pub(super) async fn take_in(Tenant(realm): Tenant, PathId(id): PathId<kind::Session>, mutation: Mutation) -> Answer {
    mutation
        .once(move |Job { front, body, claim }| async move {
            let files = ChipFiles::parse(&body)?;
            front.engine.take_in_chip(realm, id, files, claim, Box::new(taken)).await.map_err(to_tenant)
        })
        .await
}

/// What is on record of a session's chip.
pub(super) fn taken(session: &Session) -> Reply {
    let chip = session.personal.as_ref().and_then(|personal| personal.chip.as_deref());
    let finding = chip_finding(session);
    Reply::json(
        200,
        &json!({
            "object": "chip", "session_id": session.id,
            "data_groups": chip.map(|chip| chip.groups.as_slice()).unwrap_or_default(),
            "status": finding.as_ref().map(|finding| finding.status),
            "code": finding.as_ref().and_then(|finding| finding.code.as_deref()),
        }),
    )
}
