//! Pictures: taken in from the person's page, and shown to whoever holds a signed link.

use axum::body::{Body, Bytes};
use axum::extract::State;
use axum::http::HeaderValue;
use axum::http::header::{CONTENT_DISPOSITION, CONTENT_SECURITY_POLICY, CONTENT_TYPE};
use axum::response::Response;
use serde_json::{Value, json};
use vetd_actors::Reply;
use vetd_model::Session;
use vetd_model::id::kind;
use vetd_model::media::{Media, MediaKind};

use super::auth::Person;
use super::error::{Answer, absent};
use super::mutation::{Job, Upload};
use super::openapi::{example, schemas};
use super::paths::{PathId, PathMedia};
use super::query::Params;
use super::{Shared, iframe};

/// Send a picture
///
/// The file itself is the body: JPEG, PNG or WebP, at most 16 MiB and 50 megapixels. It is kept as
/// an upright JPEG without metadata, in place of the one of its kind that was sent before. `advice`
/// says at once what the person should mend; a picture with advice is kept all the same.
#[utoipa::path(
    put, path = "/iframe/api/media/{kind}", operation_id = "send_picture", tag = "Iframe",
    params(("kind" = schemas::values::MediaKindName, Path, description = "What the picture shows.")),
    request_body(content((schemas::values::PictureFile = "image/jpeg", example = json!("(the file)")))),
    responses((
        status = 200, description = "The picture is kept.", body = schemas::iframe::SentPicture,
        example = json!(example::sent_picture()),
    )),
    extensions((
        "x-error-codes" = json!(["not_found", "invalid_state", "check_not_required", "unsupported_media_type"])
    )),
)]
pub(super) async fn put(person: Person, PathMedia(kind): PathMedia, upload: Upload) -> Answer {
    upload
        .once(move |Job { front, body, claim }: Job<Bytes>| async move {
            let render = Box::new(move |session: &Session| Reply::json(200, &sent(session, kind)));
            let taken = front.engine.take_in(person.realm, person.session, kind, body, claim, render).await;
            iframe::unless_ended(&front, person, taken).await
        })
        .await
}

/// What the person's page is told of a picture.
fn sent(session: &Session, kind: MediaKind) -> Value {
    let media = session.personal.as_ref().and_then(|personal| personal.medium(kind));
    media.map(shown).unwrap_or_default()
}

/// A picture as the person's page needs it: nothing that was read of it, only whether anything was.
pub(super) fn shown(media: &Media) -> Value {
    let reading = &media.reading;
    let advice = reading.quality.flaw.map(|flaw| json!({ "code": flaw.code(), "message": flaw.message() }));
    json!({
        "object": "media", "id": media.id, "kind": media.kind, "content_type": Media::CONTENT_TYPE,
        "size": media.size, "sha256": media.sha256, "width": reading.quality.width,
        "height": reading.quality.height, "mrz_found": reading.mrz.is_some(),
        "barcode_found": reading.barcode.is_some(), "advice": advice, "created": media.at,
    })
}

/// `GET /media/{id}?exp=&sig=`: the picture, for as long as the link and the record last.
pub(super) async fn show(State(front): State<Shared>, PathId(id): PathId<kind::Media>, mut params: Params) -> Answer {
    let expires =
        params.take("exp", |text| text.parse::<u64>().map_err(|_| "must be a time in unix seconds".to_owned()));
    let signature = params.take("sig", |text| Ok(text.to_owned()));
    params.finish()?;
    let (expires, signature) = (expires.unwrap_or_default(), signature.unwrap_or_default());
    let opened = front.links.open(id, expires, &signature, front.engine.now())?;
    let picture = front.engine.picture(opened.realm, opened.session, id).await?.ok_or_else(|| absent("med"))?;
    let mut response = Response::new(Body::from(picture.jpeg.to_vec()));
    let headers = response.headers_mut();
    headers.insert(CONTENT_TYPE, HeaderValue::from_static(Media::CONTENT_TYPE));
    headers.insert(CONTENT_DISPOSITION, HeaderValue::from_static("inline; filename=\"picture.jpg\""));
    headers.insert(CONTENT_SECURITY_POLICY, HeaderValue::from_static("default-src 'none'; sandbox"));
    Ok(response)
}
