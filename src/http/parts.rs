//! Pictures that arrive in parts, so that a connection that breaks costs no more than what was under
//! way on it: `Upload-Offset` and `Upload-Length`, and what becomes of the bytes between them.

use axum::body::Body;
use axum::extract::{FromRequest, Request};
use axum::http::{HeaderMap, HeaderName, HeaderValue};
use axum::response::{IntoResponse, Response};
use http_body_util::BodyExt;
use vetd_actors::{Arrived, EngineError, Place, Reply, UploadRefusal};
use vetd_model::media::MediaKind;
use vetd_model::{ErrorCode, Refusal};

use super::auth::Person;
use super::body::{drain, incomplete, too_large};
use super::error::Problem;
use super::mutation::{FILE_LIMIT, Opening, Upload};
use super::query::number;
use super::{Front, Shared, iframe};

pub(super) const OFFSET: HeaderName = HeaderName::from_static("upload-offset");
const LENGTH: HeaderName = HeaderName::from_static("upload-length");

/// What a request to send a picture has brought.
pub(super) enum Received {
    /// All of it: in one piece, or with the part that completes it.
    Whole(Upload),
    /// Its first bytes, so many of so many.
    UpTo {
        /// Where the next part begins.
        offset: u64,
        /// Where the picture ends.
        length: u64,
    },
    /// Nothing: the picture goes on elsewhere. The answer says where.
    Elsewhere(Response),
}

/// Reads a picture, or a part of one. What has arrived of a part is kept when its connection breaks.
///
/// # Errors
/// As for any body; for a part also those of a picture that is not wanted now.
pub(super) async fn receive(
    front: &Shared,
    person: Person,
    kind: MediaKind,
    request: Request,
) -> Result<Received, Problem> {
    let Some(place) = place_of(request.headers())? else {
        return Upload::from_request(request, front).await.map(Received::Whole);
    };
    let (mut parts, mut body) = request.into_parts();
    let opening = Opening::of(&mut parts, front).await?;
    let time = front.settings.body_time;
    let patience = front.engine.clock().sleep(time);
    let stopped = tokio::select! {
        biased;
        stopped = take(front, person, kind, place, &opening, &mut body) => stopped,
        () = patience => Err(Stop::Refused(incomplete(&format!("must arrive within {} seconds", time.as_secs())))),
    };
    match stopped {
        Ok(Arrived::Whole(bytes)) => Ok(Received::Whole(opening.with_file(bytes))),
        Ok(Arrived::UpTo(offset)) => Ok(Received::UpTo { offset, length: place.length }),
        Err(Stop::Refused(problem)) => Err(problem),
        Err(Stop::Elsewhere { expected, is_read }) => Ok(Received::Elsewhere(elsewhere(expected, is_read))),
    }
}

/// Why a part was not taken to its end.
enum Stop {
    Refused(Problem),
    Elsewhere { expected: u64, is_read: bool },
}

impl From<Problem> for Stop {
    fn from(problem: Problem) -> Self {
        Self::Refused(problem)
    }
}

async fn take(
    front: &Front,
    person: Person,
    kind: MediaKind,
    place: Place,
    opening: &Opening,
    body: &mut Body,
) -> Result<Arrived, Stop> {
    let taken = async {
        opening.refuse_parameters().map_err(Problem::from)?;
        let wanted = front.engine.wants_part(person.realm, person.session, kind, opening.slot()).await;
        refuse_unwanted(front, person, wanted).await?;
        pour(front, person, kind, place, body).await
    };
    let stop = match taken.await {
        Ok(arrived) => return Ok(arrived),
        Err(stop) => stop,
    };
    let is_read = drain(body).await;
    Err(match stop {
        Stop::Refused(problem) if is_read => Stop::Refused(problem),
        Stop::Refused(problem) => Stop::Refused(problem.and_close()),
        Stop::Elsewhere { expected, .. } => Stop::Elsewhere { expected, is_read },
    })
}

/// Each piece is kept as it comes.
async fn pour(front: &Front, person: Person, kind: MediaKind, place: Place, body: &mut Body) -> Result<Arrived, Stop> {
    let stop = |refusal| match refusal {
        UploadRefusal::Offset { expected } => Stop::Elsewhere { expected, is_read: false },
        UploadRefusal::TooLarge { .. } => Stop::Refused(Refusal::field("body", "goes beyond Upload-Length").into()),
    };
    let mut part = front.engine.begin_part(person.session, kind, place).map_err(stop)?;
    while let Some(frame) = body.frame().await {
        let frame = frame.map_err(|_| incomplete("must arrive whole"))?;
        if let Ok(data) = frame.into_data() {
            part.push(&data).map_err(stop)?;
        }
    }
    part.end().map_err(stop)
}

/// To the person an ended session is just that, as when a picture is sent in one piece.
async fn refuse_unwanted(front: &Front, person: Person, wanted: Result<(), EngineError>) -> Result<(), Problem> {
    let wanted = wanted.map(|()| Reply::json(200, &()));
    Ok(iframe::unless_ended(front, person, wanted).await.map(drop)?)
}

/// 409, with where to go on.
fn elsewhere(expected: u64, is_read: bool) -> Response {
    let message = format!("The picture has arrived up to byte {expected}; go on there, or begin anew at 0.");
    let problem = Problem::from(Refusal::new(ErrorCode::InvalidState, message));
    let problem = if is_read { problem } else { problem.and_close() };
    at(problem.into_response(), expected)
}

/// An answer that says where the next part begins.
pub(super) fn at(mut response: Response, offset: u64) -> Response {
    response.headers_mut().insert(OFFSET, HeaderValue::from(offset));
    response
}

/// Where a part belongs; `None` if the request has neither header, and sends a picture in one piece.
fn place_of(headers: &HeaderMap) -> Result<Option<Place>, Problem> {
    if !headers.contains_key(OFFSET) && !headers.contains_key(LENGTH) {
        return Ok(None);
    }
    let offset = number_in(headers, &OFFSET, "Upload-Offset")?;
    let length = number_in(headers, &LENGTH, "Upload-Length")?;
    if length > FILE_LIMIT as u64 {
        return Err(too_large());
    }
    if length == 0 {
        return Err(Refusal::field("Upload-Length", "must be at least 1").into());
    }
    if offset > length {
        return Err(Refusal::field("Upload-Offset", "must not be more than Upload-Length").into());
    }
    Ok(Some(Place { offset, length }))
}

fn number_in(headers: &HeaderMap, header: &HeaderName, name: &str) -> Result<u64, Refusal> {
    let mut values = headers.get_all(header).iter();
    let value = values.next().and_then(|value| number(value.to_str().ok()?));
    match (value, values.next()) {
        (Some(value), None) => Ok(value),
        _ => Err(Refusal::field(
            name,
            "must be given once, as a whole number: a part has both its offset and the length",
        )),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn place(headers: &[(HeaderName, &'static str)]) -> Option<Result<Place, u16>> {
        let headers = headers.iter().map(|(name, value)| (name.clone(), HeaderValue::from_static(value))).collect();
        let status = |problem: Problem| problem.into_response().status().as_u16();
        place_of(&headers).map_err(status).transpose()
    }

    #[test]
    fn a_part_has_both_headers_once_and_lies_within_its_picture() {
        assert_eq!(place(&[]), None);
        let part = |offset, length| place(&[(OFFSET, offset), (LENGTH, length)]);
        assert_eq!(part("0", "1"), Some(Ok(Place { offset: 0, length: 1 })));
        assert_eq!(part("5", "5"), Some(Ok(Place { offset: 5, length: 5 })));
        assert_eq!(part("0", "16777216"), Some(Ok(Place { offset: 0, length: 16_777_216 })));
        assert_eq!(part("0", "16777217"), Some(Err(413)));
        for (offset, length) in [("6", "5"), ("0", "0"), ("", "5"), ("-1", "5"), ("+1", "5"), ("0x1", "5"), ("0", "a")]
        {
            assert_eq!(part(offset, length), Some(Err(422)), "{offset} {length}");
        }
        for headers in [&[(OFFSET, "0")][..], &[(LENGTH, "5")], &[(OFFSET, "0"), (OFFSET, "0"), (LENGTH, "5")]] {
            assert_eq!(place(headers), Some(Err(422)), "{headers:?}");
        }
    }
}
