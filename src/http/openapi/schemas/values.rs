//! Single values: identifiers, times, names of states. Their patterns, names and limits are the
//! model's.

use std::borrow::Cow;

use serde_json::{Value, json};
use utoipa::openapi::schema::{AdditionalProperties, ArrayBuilder, ObjectBuilder, OneOfBuilder, SchemaType, Type};
use utoipa::openapi::{KnownFormat, RefOr, Schema, SchemaFormat};
use utoipa::{PartialSchema, ToSchema};
use vetd_actors::UPLOAD_BYTES;
use vetd_model::audit_log::{Actor, AuditAction, DETAIL_LIMIT};
use vetd_model::check::{CheckKind, CheckStatus};
use vetd_model::delivery::DeliveryStatus;
use vetd_model::event::API_VERSION;
use vetd_model::flow::{DocumentKind, FieldKind, StepKind};
use vetd_model::id::{Kind, kind};
use vetd_model::media::MediaKind;
use vetd_model::new_session::{KEY_LIMIT, METADATA_LIMIT, VALUE_LIMIT};
use vetd_model::template::{NAME_LIMIT, SLUG_LIMIT};
use vetd_model::verdict::{OnFail as OnFailRule, OnReview as OnReviewRule};
use vetd_model::webhook::EVENT_TYPES;
use vetd_model::{ErrorCode, Status, country};

use super::super::super::query::LAST_SECOND;

macro_rules! values {
    ($($name:ident = $schema:expr;)*) => {
        $(pub(in crate::http) struct $name;

        impl PartialSchema for $name {
            fn schema() -> RefOr<Schema> {
                $schema.into()
            }
        }

        impl ToSchema for $name {
            fn name() -> Cow<'static, str> {
                stringify!($name).into()
            }
        })*

        /// All of them, for the document's list of schemas.
        pub(in crate::http::openapi) fn all() -> Vec<(Cow<'static, str>, RefOr<Schema>)> {
            vec![$(($name::name(), $name::schema())),*]
        }
    };
}

values! {
    SessionId = id::<kind::Session>("A session. It shares its characters with its verification.");
    VerificationId = id::<kind::Verification>("A verification. It shares its characters with its session.");
    TemplateId = id::<kind::Template>("A template.");
    CheckId = id::<kind::Check>("One result of one check.");
    MediaId = id::<kind::Media>("A picture.");
    EventId = id::<kind::Event>("An event; the same in every delivery.");
    EndpointId = id::<kind::Endpoint>("A webhook endpoint.");
    ProviderId = id::<kind::Provider>("A provider of checks.");
    ProviderName = text("What flows call a provider; unique in its workspace and mode.", 1, 40)
        .pattern(Some("^[a-z0-9_-]+$"))
        .examples([json!("faces")]);
    ReceivedName = names(["media", "fields"],
        "`media`: links to the pictures. `fields`: what was read and typed of the person.");
    DeliveryId = id::<kind::Delivery>("A webhook delivery.");
    ApiKeyId = id::<kind::ApiKey>("An API key, which is not the key itself.");
    AuditEntryId = id::<kind::AuditEntry>("An entry of the audit log.");
    RequestId = id::<kind::Request>("One request. Tell it to the server's operator, whose logs name it.");
    Timestamp = ObjectBuilder::new()
        .schema_type(Type::Integer)
        .format(Some(SchemaFormat::KnownFormat(KnownFormat::Int64)))
        .description(Some("A time in unix seconds (UTC)."))
        .minimum(Some(0))
        .maximum(Some(LAST_SECOND))
        .examples([json!(1_763_800_000)]);
    SessionStatus = names(Status::ALL.map(Status::as_str),
        "`created`: made, not opened yet. `requires_input`: the person's turn. `in_progress`: from the first accepted \
         step on, and while checks run. `completed`: all checks passed. `failed`: a check failed decisively, or the \
         attempts are used up. `requires_review`: somebody of the tenant must decide. `canceled`: ended by the person \
         or the tenant. `expired`: the time ran out. The last six are final for the session.");
    StepKindName = names(StepKind::ALL.map(StepKind::as_str), "A kind of step.");
    FieldKindName = names([FieldKind::String, FieldKind::Date, FieldKind::Country].map(FieldKind::as_str),
        "`string`: text of at most 200 characters. `date`: a day, `YYYY-MM-DD`. `country`: a code of ISO 3166-1 alpha-2.");
    DocumentKindName = names(DocumentKind::ALL.map(DocumentKind::as_str), "A kind of document.");
    MediaKindName = names(MediaKind::ALL.map(MediaKind::as_str),
        "`document_front`: the side with the portrait. `document_back`: the other side; cards need it. `selfie`: the \
         person's face. `liveness_1` to `liveness_4`: the person does what the liveness step asks for.");
    ChallengeName = names(["look_straight", "turn_left", "turn_right", "look_up", "come_closer"],
        "A move in front of the camera; left and right are the person's own.");
    PictureFile = ObjectBuilder::new()
        .schema_type(Type::String)
        .format(Some(SchemaFormat::KnownFormat(KnownFormat::Binary)))
        .description(Some("The file itself, not JSON: of a type that `media_types` of the session names."));
    UploadBytes = ObjectBuilder::new()
        .schema_type(Type::Integer)
        .minimum(Some(0))
        .maximum(Some(UPLOAD_BYTES))
        .description(Some("Bytes of a file."));
    CheckKindName = names(CheckKind::ALL.map(CheckKind::as_str), "A check of this release.");
    CheckStatusName = names(
        [CheckStatus::Passed, CheckStatus::Failed, CheckStatus::NeedsReview, CheckStatus::Pending, CheckStatus::Skipped]
            .map(CheckStatus::as_str),
        "`passed`: the evidence holds. `failed`: it does not. `needs_review`: a person must say. `pending`: it has not \
         ended. `skipped`: it had nothing to look at, or its answer was not needed any more.");
    OnFail = names([OnFailRule::Fail, OnFailRule::Review, OnFailRule::Retry].map(OnFailRule::as_str),
        "What a failed check means: the session fails, somebody reviews it, or the person tries again.");
    OnReview = names([OnReviewRule::Review, OnReviewRule::Fail, OnReviewRule::Retry].map(OnReviewRule::as_str),
        "What a check in doubt means: somebody reviews the session, it fails, or the person tries again.");
    TemplateStatus = names(["draft", "published", "archived"],
        "`draft`: never published. `published`: new sessions can use it. `archived`: out of use for good.");
    EndpointStatus = names(["enabled", "disabled"], "Whether deliveries are sent.");
    DeliveryStatusName = names(DeliveryStatus::ALL.map(DeliveryStatus::as_str),
        "`pending`: not yet taken, tried or tried again. `held`: its endpoint is disabled. `succeeded`: the receiver \
         answered 2xx. `exhausted`: given up after 24 hours.");
    AttemptFault = names(["timeout", "address_refused", "connection_failed", "connection_lost"],
        "Why there was no answer: none within ten seconds; the address is one that webhooks may not go to; no \
         connection; it broke, or what came was not HTTP.");
    DisabledReason = names(["gone", "failing"],
        "`gone`: it answered 410. `failing`: five days of nothing but failures.");
    RateLimit = text("The most attempts in a second, a minute or an hour, spread evenly; without it there is no limit.", 3, 9)
        .pattern(Some("^[1-9][0-9]{0,5}/[smh]$|^1000000/[smh]$"))
        .examples([json!("50/s")]);
    Ordering = names(["session", "none"],
        "`session`: the next event of a session waits for the one before it. `none`: it does not.");
    EventType = names(EVENT_TYPES,
        "A type of event. `verification.updated` tells of moves that have no type of their own.");
    VerificationEventType = names(
        EVENT_TYPES.into_iter().filter(|name| name.starts_with("verification.")),
        "`verification.updated` tells of moves that have no type of their own.",
    );
    EndpointEventType = names(
        EVENT_TYPES.into_iter().filter(|name| name.starts_with("webhook_endpoint.")),
        "`webhook_endpoint.disabled`: nothing is sent there until somebody enables it. `webhook_endpoint.test`: \
         somebody asked for a test.",
    );
    AuditActionName = names(AuditAction::ALL.map(AuditAction::as_str),
        "`verification.reviewed`: somebody decided a review. `verification.redacted`: a person's data was erased. \
         `media.viewed`: somebody looked at a picture or a recording. `media.deleted`: pictures, \
         or what a chip said, were deleted. \
         `retention.applied`: data was deleted because its time had come. `watchlist.imported`: a list that people are \
         screened against was read in. `watchlist.removed`: such a list was removed. `master_key.rotated`: the root of all keys was replaced.");
    ActorType = names(Actor::TYPES,
        "`api_key`: a program or a person of the tenant. `person`: whose data it is. `link`: whoever held \
         a link that the tenant was given. `operator`: whoever runs the \
         server. `system`: vetd by itself.");
    AuditDetails = audit_details();
    ApiVersion = names([API_VERSION], "The version of the envelope and of the shape of `data`.");
    Digest = text("SHA-256 in hexadecimal.", 64, 64).pattern(Some("^[0-9a-f]{64}$")).examples([json!("0".repeat(64))]);
    Salt = text("16 bytes in hexadecimal.", 32, 32).pattern(Some("^[0-9a-f]{32}$")).examples([json!("0".repeat(32))]);
    Code = names(ErrorCode::ALL.iter().map(|code| code.as_str()), "Stable: a code never changes its meaning.");
    TemplateName = text("For people.", 1, NAME_LIMIT)
        .pattern(Some(r"^[^\x00-\x1f\x7f-\x9f]*[^\s\x00-\x1f\x7f-\x9f][^\x00-\x1f\x7f-\x9f]*$"))
        .examples([json!("Know your customer")]);
    Slug = text("Names a template for programs; unique in its workspace and mode. `scaffold` and \
                 `scaffold-document` are taken.", 1, SLUG_LIMIT)
        .pattern(Some("^[a-z0-9_][a-z0-9_-]*$"))
        .examples([json!("kyc-basic")]);
    Link = url("An address.");
    RedirectUrl = url("Where the person goes afterwards: https; http on loopback hosts and with a test key. Without \
                       spaces.").max_length(Some(2_000)).examples([json!("https://yourapp.example.com/kyc/complete")]);
    WebhookUrl = url("Where events are sent: https, without credentials or fragment, to a public address or one that \
                      the server's operator allows. With a test key, on a server that listens on loopback, also http \
                      on loopback.")
        .max_length(Some(2_000))
        .examples([json!("https://hooks.example.com/vetd")]);
    Metadata = metadata();
    Country = names(country::all(), "A country's code of ISO 3166-1 alpha-2.");
    TestOutcome = test_outcome();
    FreeObject = ObjectBuilder::new()
        .schema_type(Type::Object)
        .additional_properties(Some(AdditionalProperties::FreeForm(true)))
        .description(Some("JSON of your own. Whole numbers up to 9007199254740991."));
    CountryFilter = all_or_some(
        list(Country::schema(), 249),
        "Codes of ISO 3166-1 alpha-2, or `[\"*\"]` for every country.",
    );
    EventFilter = all_or_some(
        list(EventType::schema(), EVENT_TYPES.len()).unique_items(true),
        "Which events are sent here; `[\"*\"]` is every one, also those of later releases.",
    );
}

fn id<K: Kind>(meaning: &str) -> ObjectBuilder {
    let prefix = K::PREFIX;
    ObjectBuilder::new()
        .schema_type(Type::String)
        .pattern(Some(format!("^{prefix}_[0-7][0-9a-hjkmnp-tv-z]{{25}}$")))
        .description(Some(meaning))
        .examples([json!(format!("{prefix}_{}", super::super::example::ID))])
}

fn url(meaning: &str) -> ObjectBuilder {
    let format = SchemaFormat::Custom("uri".to_owned());
    ObjectBuilder::new().schema_type(Type::String).format(Some(format)).description(Some(meaning))
}

fn names(names: impl IntoIterator<Item = &'static str>, meaning: &str) -> ObjectBuilder {
    let names = names.into_iter().map(Value::from);
    ObjectBuilder::new().schema_type(Type::String).enum_values(Some(names)).description(Some(meaning))
}

fn text(meaning: &str, least: usize, most: usize) -> ObjectBuilder {
    let text = ObjectBuilder::new().schema_type(Type::String).description(Some(meaning));
    text.min_length(Some(least)).max_length(Some(most))
}

fn list(item: RefOr<Schema>, most: usize) -> ArrayBuilder {
    ArrayBuilder::new().items(item).min_items(Some(1)).max_items(Some(most))
}

/// A list of names, or the star alone.
fn all_or_some(some: ArrayBuilder, meaning: &str) -> OneOfBuilder {
    let all = list(names(["*"], "Every one.").into(), 1);
    OneOfBuilder::new().item(all).item(some).description(Some(meaning)).examples([json!(["*"])])
}

fn metadata() -> ObjectBuilder {
    let value = ObjectBuilder::new().schema_type(Type::String).max_length(Some(VALUE_LIMIT)).build();
    let key = ObjectBuilder::new().schema_type(SchemaType::AnyValue).min_length(Some(1)).max_length(Some(KEY_LIMIT));
    ObjectBuilder::new()
        .schema_type(Type::Object)
        .max_properties(Some(METADATA_LIMIT))
        .property_names(Some(Schema::Object(key.build())))
        .additional_properties(Some(AdditionalProperties::RefOr(value.into())))
        .description(Some("Your own labels. Verifications can be found by them. Nothing personal belongs here."))
        .examples([json!({ "customer_id": "cus_123" })])
}

fn audit_details() -> ObjectBuilder {
    let number = ObjectBuilder::new().schema_type(Type::Integer).minimum(Some(0)).build();
    let value = OneOfBuilder::new().item(number).item(text("A name or a version.", 0, DETAIL_LIMIT)).build();
    let value = Schema::OneOf(value);
    ObjectBuilder::new()
        .schema_type(Type::Object)
        .additional_properties(Some(AdditionalProperties::RefOr(value.into())))
        .description(Some(
            "What else is worth knowing of it, such as how many; which names there are depends on the \
                           action. Nothing personal.",
        ))
        .examples([json!({ "decision": "approved" })])
}

fn test_outcome() -> ObjectBuilder {
    let checks = CheckKind::ALL.map(CheckKind::as_str).join("|");
    ObjectBuilder::new()
        .schema_type(Type::String)
        .pattern(Some(format!(
            "^(completed|failed|failed:({checks}):[a-z0-9_]{{1,64}}|requires_review|expired|retry_then_completed)$"
        )))
        .description(Some(
            "With a test key only: what the checks will say, whatever is submitted. `failed:<check>:<code>` lets that \
             check fail with that code; the flow must have it. `expired`: the submit is accepted, the checks never \
             finish and the session expires at once. `retry_then_completed`: the first submit goes back to \
             `requires_input`, the second completes.",
        ))
        .examples([json!("failed:age:under_age")])
}
