//! `/v1/test`: for test keys only.

use axum::extract::FromRequestParts;
use axum::http::request::Parts;
use vetd_model::id::kind;
use vetd_model::{ErrorCode, Realm, simulate};

use super::auth::Tenant;
use super::error::{Answer, Problem};
use super::mutation::{Job, Mutation};
use super::openapi::{example, schemas};
use super::paths::PathId;
use super::{Shared, sessions};

/// A tenant's backend with a test key.
pub(super) struct TestTenant(Realm);

impl FromRequestParts<Shared> for TestTenant {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, front: &Shared) -> Result<Self, Problem> {
        let Tenant(realm) = Tenant::from_request_parts(parts, front).await?;
        if realm.mode.is_live() {
            return Err(Problem::new(ErrorCode::PermissionDenied, "This path is for test keys."));
        }
        Ok(Self(realm))
    }
}

/// Walk a session through without a browser
///
/// With a test key only. Does the actions in their order, all of them or none, runs the checks, and
/// answers once everything has happened; so a CI reaches every branch. Needs the scope `write`.
#[utoipa::path(
    post, path = "/v1/test/sessions/{id}/simulate", operation_id = "simulate_session", tag = "Test mode",
    params(("id" = schemas::values::SessionId, Path, description = "The session.")),
    request_body(content = schemas::sessions::Simulation, example = json!({ "actions": ["load", "submit"] })),
    responses((
        status = 200, description = "The session.", body = schemas::sessions::Session,
        example = json!(example::completed_session()),
    )),
    extensions((
        "x-error-codes" = json!(["not_found", "verification_not_cancelable", "invalid_state", "check_not_required"])
    )),
)]
pub(super) async fn simulate(
    TestTenant(realm): TestTenant,
    PathId(id): PathId<kind::Session>,
    mutation: Mutation,
) -> Answer {
    mutation
        .once(move |Job { front, body, claim }| async move {
            let actions = simulate::parse(&body)?;
            let done = front.engine.simulate(realm, id, actions, claim, Box::new(sessions::current)).await;
            done.map_err(sessions::to_tenant)
        })
        .await
}
