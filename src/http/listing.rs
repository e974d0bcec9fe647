//! Lists of sessions and of their verifications: two views of the same records.

use vetd_model::id::{Id, Kind};
use vetd_model::{Realm, Session, SessionId, Status};
use vetd_storage::{Cursor, Page, SessionQuery, StatusFilter};

use super::Front;
use super::error::Problem;
use super::page::unknown_place;
use super::query::{Params, Place};

/// How the two lists differ.
pub(super) struct View<K> {
    /// What their `status` means.
    pub(super) status: fn(Status) -> StatusFilter,
    /// The session behind an identifier of the list.
    pub(super) session: fn(Id<K>) -> SessionId,
    /// Whether `metadata[key]` filters.
    pub(super) metadata: bool,
}

/// The page that the parameters ask for.
pub(super) async fn page<K: Kind>(
    front: &Front,
    realm: Realm,
    mut params: Params,
    view: View<K>,
) -> Result<Page<Session>, Problem> {
    let status = params.take("status", |text| {
        let names = || format!("must be one of {}", Status::ALL.map(Status::as_str).join(", "));
        Status::parse(text).ok_or_else(names)
    });
    let query = SessionQuery {
        status: status.map(view.status),
        template: params.take("template_id", |text| text.parse().map_err(|error| format!("{error}"))),
        metadata: if view.metadata { params.take_family("metadata") } else { Vec::new() },
        created_from: params.time("created[gte]"),
        created_before: params.time("created[lt]"),
        limit: params.limit(),
        cursor: match params.place::<Id<K>>() {
            Place::Start => Cursor::Start,
            Place::After(id) => Cursor::After((view.session)(id)),
            Place::Before(id) => Cursor::Before((view.session)(id)),
        },
    };
    params.finish()?;
    require_place(front, realm, query.cursor).await?;
    Ok(front.engine.sessions(realm, query).await?)
}

async fn require_place(front: &Front, realm: Realm, cursor: Cursor) -> Result<(), Problem> {
    let (parameter, id) = match cursor {
        Cursor::Start => return Ok(()),
        Cursor::After(id) => ("starting_after", id),
        Cursor::Before(id) => ("ending_before", id),
    };
    match front.engine.session(realm, id).await? {
        Some(_) => Ok(()),
        None => Err(unknown_place(parameter).into()),
    }
}
