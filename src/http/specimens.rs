//! Test mode on the person's page: specimens to send in place of real documents, and an outcome to end
//! with.

use axum::body::{Body, Bytes};
use axum::extract::{FromRequestParts, Path, State};
use axum::http::HeaderValue;
use axum::http::header::CONTENT_TYPE;
use axum::http::request::Parts;
use axum::response::Response;
use serde_json::{Map, Value, json};
use vetd_actors::{SPECIMENS, SpecimenPicture};
use vetd_model::flow::DocumentKind;
use vetd_model::media::Media;
use vetd_model::submission::Submission;
use vetd_model::{ErrorCode, simulate, specimen};

use super::auth::Person;
use super::error::{Answer, Problem};
use super::mutation::{Job, Mutation};
use super::openapi::{example, schemas};
use super::query::Params;
use super::{Shared, iframe, reply, sessions};

/// The person of a test session.
pub(super) struct TestPerson(Person);

impl FromRequestParts<Shared> for TestPerson {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, front: &Shared) -> Result<Self, Problem> {
        let person = Person::from_request_parts(parts, front).await?;
        if person.realm.mode.is_live() {
            return Err(Problem::new(ErrorCode::PermissionDenied, "This path is for test sessions."));
        }
        Ok(Self(person))
    }
}

/// List specimens
///
/// In test mode only. Pictures of documents that nobody owns, with machine-readable zones and a barcode
/// that read as real ones do, and what the same invented person gives in each step of this session's flow.
#[utoipa::path(
    get, path = "/iframe/api/specimens", operation_id = "list_specimens", tag = "Iframe",
    responses((
        status = 200, description = "All of them.", body = schemas::iframe::Specimens,
        example = json!(example::specimens()),
    )),
    extensions(("x-error-codes" = json!(["not_found"]))),
)]
pub(super) async fn list(State(front): State<Shared>, TestPerson(person): TestPerson, mut params: Params) -> Answer {
    params.take("session_id", |_| Ok(()));
    params.finish()?;
    let session = sessions::find(&front, person.realm, person.session).await?;
    let now = front.engine.now();
    let given = session.flow.steps().iter().map(|step| (step.kind().as_str(), specimen::submission(step, now)));
    let steps: Map<String, Value> = given.map(|(kind, submission)| (kind.to_owned(), body_of(&submission))).collect();
    let pictures: Vec<Value> = SPECIMENS.iter().map(shown).collect();
    reply::ok(&json!({ "object": "specimens", "pictures": pictures, "steps": steps }))
}

/// Get a specimen's picture
///
/// In test mode only. A JPEG file, to be sent as the person's own.
#[utoipa::path(
    get, path = "/iframe/api/specimens/{name}", operation_id = "get_specimen", tag = "Iframe",
    params(("name" = String, Path, description = "As the list names it.", example = "passport")),
    responses((
        status = 200, description = "The picture.", content_type = "image/jpeg",
        body = schemas::values::PictureFile, example = json!("(the file)"),
    )),
    extensions(("x-error-codes" = json!(["not_found"]))),
)]
pub(super) async fn show(_: TestPerson, Path(name): Path<String>, mut params: Params) -> Answer {
    params.take("session_id", |_| Ok(()));
    params.finish()?;
    let found = SPECIMENS.iter().find(|picture| picture.name == name);
    let found = found.ok_or_else(|| Problem::new(ErrorCode::NotFound, "There is no such specimen."))?;
    let mut response = Response::new(Body::from(Bytes::from_static(found.jpeg)));
    response.headers_mut().insert(CONTENT_TYPE, HeaderValue::from_static(Media::CONTENT_TYPE));
    Ok(response)
}

/// End with an outcome
///
/// In test mode only. Loads the session, gives every missing step as the invented person would, and has
/// the checks say what `outcome` asks for, as `test_outcome` does for a session that is made with one.
#[utoipa::path(
    post, path = "/iframe/api/test/outcome", operation_id = "choose_test_outcome", tag = "Iframe",
    request_body(content = schemas::iframe::OutcomeChoice, example = json!({ "outcome": "completed" })),
    responses((
        status = 200, description = "The session as the page needs it.", body = schemas::iframe::IframeSession,
        example = json!(example::canceled_iframe_session()),
    )),
    extensions(("x-error-codes" = json!(["not_found", "invalid_state", "check_not_required"]))),
)]
pub(super) async fn outcome(TestPerson(person): TestPerson, mutation: Mutation) -> Answer {
    mutation
        .once(move |Job { front, body, claim }| async move {
            let actions = simulate::parse_outcome(&body)?;
            let (realm, session) = (person.realm, person.session);
            let done = front.engine.simulate(realm, session, actions, claim, Box::new(iframe::current)).await;
            iframe::unless_ended(&front, person, done).await
        })
        .await
}

fn shown(picture: &SpecimenPicture) -> Value {
    json!({
        "object": "specimen", "name": picture.name, "kind": picture.kind, "document": picture.document.map(DocumentKind::as_str),
        "country": picture.document.map(specimen::issuer), "content_type": Media::CONTENT_TYPE,
        "size": picture.jpeg.len(),
    })
}

/// The body with which a step is given.
fn body_of(submission: &Submission) -> Value {
    match submission {
        Submission::Consent { .. } => json!({ "accepted": true }),
        Submission::DataEntry { fields } => json!({ "fields": fields }),
        Submission::DocumentUpload { document, country } => {
            json!({ "document": document.as_str(), "country": country })
        }
        Submission::Selfie | Submission::Liveness => json!({}),
    }
}
