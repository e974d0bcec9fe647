//! Pictures: taken in from the person's page, and shown to whoever holds a signed link.

use std::sync::Arc;

use axum::body::{Body, Bytes};
use axum::extract::{Request, State};
use axum::http::header::{CONTENT_DISPOSITION, CONTENT_SECURITY_POLICY, CONTENT_TYPE};
use axum::http::{HeaderValue, StatusCode};
use axum::response::{IntoResponse, Response};
use serde_json::{Value, json};
use vetd_actors::Reply;
use vetd_model::Session;
use vetd_model::id::kind;
use vetd_model::link::Target;
use vetd_model::media::{Media, MediaKind};

use super::auth::{self, Person};
use super::error::{Answer, Problem, absent};
use super::mutation::Job;
use super::openapi::{example, schemas};
use super::parts::{self, Received};
use super::paths::{PathId, PathMedia};
use super::query::Params;
use super::{Shared, iframe, reply};

/// Send a picture
///
/// The file itself is the body: JPEG, PNG or WebP, at most 16 MiB and 50 megapixels. It is kept as
/// an upright JPEG without metadata, in place of the one of its kind that was sent before. `advice`
/// says at once what the person should mend; a picture with advice is kept all the same.
///
/// Documents may also come as PDF, on one page, or on two, of which the second counts where the back is
/// sent. `media_types` of the session names all types that this server takes.
///
/// With `Upload-Offset` and `Upload-Length` the body is a part of the file. Parts follow one another;
/// the one that completes the file is answered as a file in one piece is, the others with 202. Bytes
/// that arrived before a connection broke are kept for ten minutes, in memory: ask with `HEAD` where
/// to go on. A part that begins elsewhere is 409 `invalid_state`, and `Upload-Offset` says where it must;
/// one at 0 always begins the file anew. An `Idempotency-Key` counts for the whole file, however it
/// is parted: send the same one with each part.
#[utoipa::path(
    put, path = "/iframe/api/media/{kind}", operation_id = "send_picture", tag = "Iframe",
    params(
        ("kind" = schemas::values::MediaKindName, Path, description = "What the picture shows."),
        ("Upload-Offset" = Option<schemas::values::UploadBytes>, Header,
            description = "For a part: how many bytes of the file come before it."),
        ("Upload-Length" = Option<schemas::values::UploadBytes>, Header,
            description = "For a part: how many bytes the file has in all."),
    ),
    request_body(content((schemas::values::PictureFile = "image/jpeg", example = json!("(the file)")))),
    responses(
        (
            status = 200, description = "The picture is kept.", body = schemas::iframe::SentPicture,
            example = json!(example::sent_picture()),
        ),
        (
            status = 202, description = "The part has arrived, the picture is not complete.",
            body = schemas::iframe::UploadProgress, example = json!(example::upload()),
        ),
    ),
    extensions(
        ("x-error-codes" = json!(["not_found", "invalid_state", "check_not_required", "unsupported_media_type"])),
        ("x-upload-offset" = json!({ "202": true, "409": false })),
    ),
)]
pub(super) async fn put(
    State(front): State<Shared>,
    person: Person,
    PathMedia(kind): PathMedia,
    request: Request,
) -> Answer {
    // Waits with the body unread, at most for as long as a request may take.
    let place = Arc::clone(&front.files).acquire_owned().await;
    let place = place.map_err(|error| Problem::unavailable(error.to_string(), 1))?;
    let upload = match parts::receive(&front, person, kind, request).await? {
        Received::Whole(upload) => upload,
        Received::UpTo { offset, length } => {
            let progress = json!({ "object": "upload", "kind": kind, "offset": offset, "length": length });
            return Ok(parts::at(reply::send(Reply::json(202, &progress))?, offset));
        }
        Received::Elsewhere(answer) => return Ok(answer),
    };
    upload
        .once(move |Job { front, body, claim }: Job<Bytes>| async move {
            let render = Box::new(move |session: &Session| Reply::json(200, &sent(session, kind)));
            let taken = front.engine.take_in(person.realm, person.session, kind, body, claim, render).await;
            drop(place);
            iframe::unless_ended(&front, person, taken).await
        })
        .await
}

/// Ask where to go on
///
/// How many bytes of a picture have arrived in parts: where the next one begins. 0 if nothing is kept
/// of it: it is complete, or ten minutes have passed, or the room was needed, or the server has started
/// again. A part that is still on its way over another connection is not taken any more.
#[utoipa::path(
    head, path = "/iframe/api/media/{kind}", operation_id = "get_upload", tag = "Iframe",
    params(("kind" = schemas::values::MediaKindName, Path, description = "What the picture shows.")),
    responses((status = 204, description = "`Upload-Offset` says it.")),
    extensions(
        ("x-error-codes" = json!(["not_found"])),
        ("x-upload-offset" = json!({ "204": true })),
    ),
)]
pub(super) async fn arrived(
    State(front): State<Shared>,
    person: Person,
    PathMedia(kind): PathMedia,
    mut params: Params,
) -> Answer {
    params.take("session_id", |_| Ok(()));
    params.finish()?;
    let offset = front.engine.arrived(person.realm, person.session, kind).await?;
    Ok(parts::at(StatusCode::NO_CONTENT.into_response(), offset))
}

/// What the person's page is told of a picture.
fn sent(session: &Session, kind: MediaKind) -> Value {
    let media = session.personal.as_ref().and_then(|personal| personal.medium(kind));
    media.map(shown).unwrap_or_default()
}

/// A picture as the person's page needs it: nothing that was read of it, only whether anything was.
pub(super) fn shown(media: &Media) -> Value {
    let reading = &media.reading;
    let advice = media.flaw().map(|flaw| json!({ "code": flaw.code(), "message": flaw.message() }));
    json!({
        "object": "media", "id": media.id, "kind": media.kind, "content_type": Media::CONTENT_TYPE,
        "size": media.size, "sha256": media.sha256, "width": reading.quality.width,
        "height": reading.quality.height, "mrz_found": reading.mrz.is_some(),
        "barcode_found": reading.barcode.is_some(), "advice": advice, "created": media.at,
    })
}

/// `GET /media/{id}?exp=&sig=`: the picture, for as long as the link and the record last.
pub(super) async fn show(State(front): State<Shared>, PathId(id): PathId<kind::Media>, params: Params) -> Answer {
    let (expires, signature) = params.signature()?;
    let opened = front.engine.links().open(Target::Picture(id), expires, &signature, front.engine.now())?;
    front.engine.may_serve(opened.realm).map_err(auth::rejected)?;
    let picture = front.engine.picture(opened.realm, opened.session, id).await?.ok_or_else(|| absent("med"))?;
    let mut response = Response::new(Body::from(picture.jpeg.to_vec()));
    let headers = response.headers_mut();
    headers.insert(CONTENT_TYPE, HeaderValue::from_static(Media::CONTENT_TYPE));
    headers.insert(CONTENT_DISPOSITION, HeaderValue::from_static("inline; filename=\"picture.jpg\""));
    headers.insert(CONTENT_SECURITY_POLICY, HeaderValue::from_static("default-src 'none'; sandbox"));
    Ok(response)
}
