//! What the running server says of itself, for `vetd doctor`.

use std::net::SocketAddr;
use std::path::PathBuf;
use std::sync::Arc;

use axum::Extension;
use axum::extract::State;
use serde_json::json;
use vetd_actors::EngineError;
use vetd_model::{Mode, Realm, Timestamp};
use vetd_storage::SessionQuery;

use super::super::error::Answer;
use super::super::query::NoParams;
use super::super::{Front, Shared, reply};
use crate::host;

/// What the server was started with.
#[derive(Debug, Clone)]
pub struct Facts {
    /// When it was started.
    pub started: Timestamp,
    /// Where it listens.
    pub listening: SocketAddr,
    /// The data folder.
    pub data: PathBuf,
    /// The most connections at a time.
    pub connections: usize,
    /// The disk space to leave free, in bytes.
    pub reserve_bytes: u64,
}

pub(super) async fn get(State(front): State<Shared>, Extension(facts): Extension<Arc<Facts>>, _: NoParams) -> Answer {
    let ready = match front.engine.readiness().await {
        Ok(()) => None,
        Err(EngineError::Unavailable { for_the_log, .. }) => Some(for_the_log),
        Err(error) => Some(error.to_string()),
    };
    let workspaces = front.engine.workspaces();
    let live = workspaces.iter().filter(|workspace| workspace.live_activated && !workspace.suspended).count();
    let (newest, disabled) = look_around(&front).await?;
    reply::ok(&json!({
        "version": env!("CARGO_PKG_VERSION"), "process": std::process::id(),
        "started": facts.started, "now": front.engine.now(),
        "listening": facts.listening.to_string(), "public_url": front.settings.public_url,
        "data": facts.data, "not_ready": ready,
        "free_bytes": host::free_bytes(&facts.data), "reserve_bytes": facts.reserve_bytes,
        "connections": facts.connections, "open_files": host::open_files(),
        "workspaces": workspaces.len(), "live_workspaces": live,
        "newest_session": newest, "disabled_endpoints": disabled,
    }))
}

/// When the newest session was made, and which webhook endpoints are disabled.
async fn look_around(front: &Front) -> Result<(Option<Timestamp>, Vec<String>), EngineError> {
    let (mut newest, mut disabled) = (None, Vec::new());
    for workspace in front.engine.workspaces() {
        for mode in [Mode::Test, Mode::Live] {
            let realm = Realm { workspace: workspace.id, mode };
            let query = SessionQuery { limit: 1, ..SessionQuery::default() };
            let page = front.engine.sessions(realm, query).await?;
            newest = newest.max(page.items.first().map(|session| session.created));
            let endpoints = front.engine.endpoints(realm)?;
            let off = endpoints.iter().filter(|endpoint| endpoint.disabled.is_some());
            disabled.extend(off.map(|endpoint| endpoint.id.to_string()));
        }
    }
    Ok((newest, disabled))
}
