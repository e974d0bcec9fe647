//! The lists that people are looked for on: imported, listed and removed by the operator. Files are read
//! by the command, which sends what vetd keeps of them.

use axum::extract::{FromRequest, Path, Request, State};
use axum::http::StatusCode;
use serde_json::{Value, json};
use vetd_actors::{LARGEST_WATCHLIST, Reply, WatchlistView};

use super::super::body::RawBody;
use super::super::error::{Answer, Problem, absent};
use super::super::query::NoParams;
use super::super::{Shared, page};
use super::change;

/// A list in vetd's own form. The last argument of a handler.
pub(super) struct List(bytes::Bytes);

impl FromRequest<Shared> for List {
    type Rejection = Problem;

    async fn from_request(request: Request, front: &Shared) -> Result<Self, Problem> {
        let (parts, body) = request.into_parts();
        Ok(Self(RawBody::read(front, &parts, body, LARGEST_WATCHLIST).await?.bytes))
    }
}

pub(super) async fn list(State(front): State<Shared>, _: NoParams) -> Answer {
    page::list(front.engine.watchlists().iter().map(to_json).collect(), false)
}

pub(super) async fn import(State(front): State<Shared>, _: NoParams, List(bytes): List) -> Answer {
    change(&front, |front| async move {
        let view = front.engine.import_watchlist(bytes).await?;
        Ok(Reply::json(200, &to_json(&view)))
    })
    .await
}

pub(super) async fn remove(State(front): State<Shared>, Path(name): Path<String>, _: NoParams) -> Answer {
    change(&front, |front| async move {
        if front.engine.remove_watchlist(&name).await? {
            let removed = json!({ "object": "watchlist", "name": name, "removed": true });
            return Ok(Reply::json(StatusCode::OK.as_u16(), &removed));
        }
        Err(absent("watchlist").into())
    })
    .await
}

/// The list as the operator reads it.
pub(crate) fn to_json(view: &WatchlistView) -> Value {
    let WatchlistView { facts, days_old, stale } = view;
    json!({
        "object": "watchlist", "name": facts.name, "format": facts.format.as_str(), "date": facts.date,
        "sha256": facts.sha256, "entries": facts.entries, "names": facts.names, "left_out": facts.left_out,
        "imported": facts.imported, "days_old": days_old, "stale": stale,
    })
}
