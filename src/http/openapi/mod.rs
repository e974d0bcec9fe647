//! The OpenAPI document: made from the handlers' annotations, and from what all operations share.
//!
//! A handler says what is its own (parameters, body, answers, `x-error-codes`); `shared` adds what
//! follows from its path and method: credentials, headers, idempotency, the refusals of the gates.
//! Nothing of this costs a request anything: the document is made when it is first asked for.

mod errors;
pub(super) mod example;
mod links;
pub(super) mod schemas;
mod serve;
mod shared;

use serde_json::Value;
use utoipa::OpenApi;

pub(super) use serve::{Document, document, file, page};

use super::{
    api_keys, audit_log, chips, event_stream, events, handoff, health, iframe, media, providers, session_stream,
    sessions, specimens, templates, test_mode, verifications, webhook_deliveries, webhook_endpoints, workspace,
};

#[derive(OpenApi)]
#[openapi(
    paths(
        sessions::create, sessions::list, sessions::get, sessions::cancel, sessions::token, chips::take_in,
        verifications::list, verifications::get, verifications::cancel, verifications::review, verifications::redact,
        templates::create, templates::list, templates::get, templates::patch,
        templates::publish, templates::rollback, templates::make_default, templates::archive,
        templates::versions, templates::version,
        events::list, events::get, event_stream::open,
        webhook_endpoints::create, webhook_endpoints::list, webhook_endpoints::get,
        webhook_endpoints::patch, webhook_endpoints::delete, webhook_endpoints::rotate_secret,
        webhook_endpoints::enable, webhook_endpoints::test, webhook_endpoints::recover,
        webhook_deliveries::list, webhook_deliveries::get, webhook_deliveries::redeliver,
        providers::create, providers::list, providers::get, providers::patch, providers::delete,
        providers::rotate_secret, providers::answer,
        api_keys::create, api_keys::list, api_keys::get, api_keys::revoke, workspace::get, workspace::patch,
        audit_log::list,
        test_mode::simulate,
        iframe::session, session_stream::open, iframe::load, media::put, media::arrived, iframe::submit,
        iframe::cancel, iframe::token, handoff::offer, specimens::list, specimens::show, specimens::outcome,
        health::alive, health::ready,
    ),
    components(schemas(schemas::shared::Error)),
    tags(
        (name = "Sessions", description = "One attempt of one person, from its creation to its end."),
        (name = "Verifications", description = "The lasting record of a session, made with it and outliving it."),
        (name = "Templates", description = "What sessions ask for, as drafts and as versions that never change."),
        (name = "Events", description = "What has happened, in one order for lists, the stream and webhooks."),
        (name = "Webhook endpoints", description = "Where events are sent."),
        (name = "Webhook deliveries", description = "How each event came to each endpoint."),
        (name = "Providers", description = "Services that carry out checks, and their answers."),
        (name = "API keys", description = "Who may call, and what each may do."),
        (name = "Audit log", description = "What people and the system did with a person's data."),
        (name = "Workspace", description = "What the calling key opens."),
        (name = "Test mode", description = "For test keys: free of outside calls, and deterministic."),
        (name = "Iframe", description = "What the page of the person being verified may do with its one session."),
        (name = "Server", description = "For the operator's probes. Without a credential."),
    ),
)]
struct Annotations;

/// The document of a server that is reached at this address.
#[must_use]
pub fn openapi(public_url: &str) -> Value {
    let mut document = Annotations::openapi();
    let components = document.components.get_or_insert_default();
    components.schemas.extend(schemas::values::all().into_iter().map(|(name, schema)| (name.into_owned(), schema)));
    let mut document = serde_json::to_value(document).unwrap_or_default();
    shared::complete(&mut document, public_url);
    document
}
