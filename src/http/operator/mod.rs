//! The operator's routes: what `vetd workspace`, `vetd key` and the others ask of a running
//! server, over its local socket. Whoever reaches that socket is the operator, so there is no
//! other credential, and the cap on requests under way does not hold them up.
//!
//! Not an API: these routes are for the `vetd` program of the same release. Bodies, answers,
//! lists and errors have the shapes of `/v1`.

mod audit_log;
mod backup;
mod keys;
mod realm;
mod sessions;
mod status;
mod templates;
mod watch;
mod watchlists;
mod workspaces;

use std::sync::Arc;

use axum::extract::{FromRequest, Request};
use axum::middleware::from_fn_with_state;
use axum::routing::{delete, get, post, put};
use axum::{Extension, Router};
use serde_json::Value;
use vetd_actors::{EngineError, Once, Reply};

use super::body::RawBody;
use super::error::{Answer, Problem};
use super::routes::{unknown_method, unknown_path};
use super::{Shared, frame, reply};

pub use status::Facts;
pub(crate) use watchlists::to_json as watchlist_to_json;

/// Everything that vetd answers to over its local socket.
pub(super) fn router(front: Shared, facts: Facts) -> Router {
    Router::new()
        .route("/admin/status", get(status::get))
        .route("/admin/workspaces", get(workspaces::list).post(workspaces::create))
        .route("/admin/workspaces/activate-live", post(workspaces::activate_live))
        .route("/admin/workspaces/suspend", post(workspaces::suspend))
        .route("/admin/workspaces/resume", post(workspaces::resume))
        .route("/admin/workspaces/settings", get(workspaces::settings).patch(workspaces::change_settings))
        .route("/admin/keys", get(keys::list).post(keys::create))
        .route("/admin/keys/{id}/revoke", post(keys::revoke))
        .route("/admin/templates", put(templates::apply).get(templates::list))
        .route("/admin/templates/export", get(templates::export))
        .route("/admin/sessions", get(sessions::list))
        .route("/admin/sessions/{id}", get(sessions::show))
        .route("/admin/sessions/{id}/cancel", post(sessions::cancel))
        .route("/admin/audit-log", get(audit_log::list))
        .route("/admin/backup", post(backup::take))
        .route("/admin/watch", get(watch::watch))
        .route("/admin/watchlists", get(watchlists::list).put(watchlists::import))
        .route("/admin/watchlists/{name}", delete(watchlists::remove))
        .fallback(unknown_path)
        .method_not_allowed_fallback(unknown_method)
        .layer(Extension(Arc::new(facts)))
        .layer(from_fn_with_state(Arc::clone(&front), frame::around))
        .with_state(front)
}

/// The body's JSON. The last argument of a handler.
struct Body(Value);

impl FromRequest<Shared> for Body {
    type Rejection = Problem;

    async fn from_request(request: Request, front: &Shared) -> Result<Self, Problem> {
        let (parts, body) = request.into_parts();
        let body = RawBody::read(front, &parts, body, front.settings.v1_body_limit).await?;
        Ok(Self(body.json()?))
    }
}

/// Does a change to its end: an operator who hangs up does not stop it half way.
async fn change<W, F>(front: &Shared, work: W) -> Answer
where
    W: FnOnce(Shared) -> F + Send + 'static,
    F: Future<Output = Result<Reply, EngineError>> + Send + 'static,
{
    let inner = front.clone();
    match Box::pin(front.engine.once(None, move |_| work(inner))).await? {
        Once::First(answer) | Once::Twin(answer) => reply::send(answer),
        Once::Filed(_) => Err(Problem::internal("a change without a key has a filed answer".to_owned())),
    }
}
