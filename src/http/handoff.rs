//! From the desk to the phone: the session's address with a token of its own, also as a QR code.

use axum::extract::State;
use qrcode::render::svg;
use qrcode::{EcLevel, QrCode};
use serde_json::json;
use vetd_actors::{Ask, Reply};
use vetd_model::{Session, address};

use super::auth::Person;
use super::body::no_fields;
use super::error::Answer;
use super::mutation::{Job, Mutation};
use super::openapi::{example, schemas};
use super::{Shared, iframe, sessions};

/// The side of a module, in the units of the picture.
const MODULE: u32 = 4;

/// Move to the phone
///
/// The address at which the same session goes on, with a fresh token, and the same address as a QR code.
/// This page follows by its stream what happens there; both tokens stay valid. Who has the address has
/// the session: show it to the person alone.
#[utoipa::path(
    post, path = "/iframe/api/handoff", operation_id = "hand_off_iframe_session", tag = "Iframe",
    request_body(content = Option<schemas::shared::NoFields>, example = json!({})),
    responses((
        status = 200, description = "Where to go on.", body = schemas::iframe::Handoff,
        example = json!(example::handoff()),
    )),
    extensions(("x-error-codes" = json!(["not_found"]))),
)]
pub(super) async fn offer(State(front): State<Shared>, person: Person, mutation: Mutation) -> Answer {
    let is_reachable = !address::leads_to_loopback(&front.settings.public_url);
    mutation
        .once(move |Job { front, body, claim }| async move {
            no_fields(&body)?;
            let door = front.clone();
            let render = Box::new(move |session: &Session| {
                let token = sessions::renewed(&door, session);
                let url = sessions::iframe_url(&door.settings.public_url, session.id, &token);
                let qr_svg = qr_code(&url);
                let body = json!({
                    "object": "handoff", "url": url, "qr_svg": qr_svg, "reachable": is_reachable,
                    "expires_at": token.expires_at,
                });
                Reply::json(200, &body)
            });
            let done = front.engine.ask(person.realm, person.session, Ask::Renew, claim, render).await;
            iframe::unless_ended(&front, person, done).await
        })
        .await
}

/// The code as SVG, black on white whatever the page's colours, since cameras want it so. `None` for what
/// is too long for one.
fn qr_code(text: &str) -> Option<String> {
    let code = QrCode::with_error_correction_level(text, EcLevel::L).ok()?;
    Some(code.render::<svg::Color<'_>>().module_dimensions(MODULE, MODULE).quiet_zone(true).build())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_address_becomes_a_picture_without_anything_that_runs() {
        let svg = qr_code("https://verify.example.com/iframe?session_id=ses_1&token=a.b.c").unwrap();
        assert!(svg.contains("<svg ") && svg.contains("#fff") && !svg.contains("<script") && !svg.contains("href"));
        assert!(qr_code(&"a".repeat(4000)).is_none());
    }
}
