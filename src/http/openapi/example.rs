//! Example bodies. The tests hold them against the schemas.

use serde_json::{Value, json};

/// The characters of the identifiers in examples.
pub(super) const ID: &str = "01jd7w0c8ze5tb9n3m6qk4v2ah";
pub(in crate::http) const CREATED: u64 = 1_763_800_000;

/// An identifier of the kind with this prefix.
pub(super) fn id(prefix: &str) -> String {
    format!("{prefix}_{ID}")
}

pub(in crate::http) fn session_create() -> Value {
    json!({
        "template_slug": "kyc-basic", "metadata": { "customer_id": "cus_123" },
        "redirect_url": "https://yourapp.example.com/kyc/complete", "expires_in": 1800,
    })
}

pub(in crate::http) fn session() -> Value {
    json!({
        "id": id("ses"), "object": "session", "status": "requires_input", "livemode": false,
        "verification_id": id("ver"), "template_id": id("tpl"), "template_slug": "kyc-basic", "template_version": 3,
        "metadata": { "customer_id": "cus_123" }, "redirect_url": "https://yourapp.example.com/kyc/complete",
        "last_error": null, "created": CREATED, "expires_at": CREATED + 1800,
    })
}

pub(in crate::http) fn session_created() -> Value {
    let mut session = with(session(), "status", "created");
    session = with(session, "sdk_token", TOKEN);
    with(session, "iframe_url", iframe_url())
}

pub(in crate::http) fn session_token() -> Value {
    json!({ "sdk_token": TOKEN, "iframe_url": iframe_url(), "expires_at": CREATED + 1800 })
}

pub(in crate::http) fn chip_upload() -> Value {
    json!({ "sod": "dwAA", "dg1": "YQAA" })
}

pub(in crate::http) fn chip_taken() -> Value {
    json!({ "object": "chip", "session_id": session()["id"], "data_groups": [1, 2], "status": "passed", "code": null })
}

pub(in crate::http) fn canceled_session() -> Value {
    with(session(), "status", "canceled")
}

pub(in crate::http) fn completed_session() -> Value {
    with(session(), "status", "completed")
}

pub(in crate::http) fn verification() -> Value {
    json!({
        "id": id("ver"), "object": "verification", "session_id": id("ses"), "status": "completed", "livemode": false,
        "template_id": id("tpl"), "template_slug": "kyc-basic", "template_version": 3,
        "metadata": { "customer_id": "cus_123" }, "last_error": null, "attempts": 1, "created": CREATED,
        "updated": CREATED + 90, "decided_at": CREATED + 90, "expires_at": CREATED + 1800, "redacted_at": null,
        "review": null,
    })
}

pub(in crate::http) fn verification_detail() -> Value {
    let check = json!({
        "id": id("chk"), "type": "data_completeness", "status": "passed", "code": null, "message": null, "score": 1.0,
        "details": {}, "started": CREATED + 89, "finished": CREATED + 90,
    });
    let field = |value: &str| json!({ "value": value, "source": "typed", "confidence": 1.0 });
    let mut detail = with(verification(), "checks", json!([check]));
    detail = with(detail, "fields", json!({ "first_name": field("ANNA MARIA"), "last_name": field("ERIKSSON") }));
    with(detail, "media", json!([]))
}

fn picture() -> Value {
    let (media, signature) = (id("med"), "A".repeat(71));
    let url = format!("https://verify.example.com/media/{}?exp={}&sig={signature}", media.as_str(), CREATED + 990);
    json!({
        "id": media, "kind": "document_front", "content_type": "image/jpeg", "size": 482_113,
        "sha256": "9f".repeat(32), "url": url, "url_expires_at": CREATED + 990,
    })
}

pub(in crate::http) fn reviewed_verification() -> Value {
    let review = json!({
        "decision": "approved", "reviewer": id("key"), "at": CREATED + 4_000,
        "reason": "The portrait and the selfie show the same person.",
    });
    let reviewed = with(with(verification_detail(), "review", review), "media", json!([picture()]));
    with(with(reviewed, "updated", CREATED + 4_000), "decided_at", CREATED + 4_000)
}

pub(in crate::http) fn redacted_verification() -> Value {
    let erased = with(with(verification_detail(), "metadata", Value::Null), "fields", json!({}));
    with(with(erased, "updated", CREATED + 9_000), "redacted_at", CREATED + 9_000)
}

pub(in crate::http) fn sent_picture() -> Value {
    json!({
        "object": "media", "id": id("med"), "kind": "document_front", "content_type": "image/jpeg", "size": 482_113,
        "sha256": "9f".repeat(32), "width": 2_400, "height": 1_700, "mrz_found": true, "barcode_found": false,
        "advice": null, "created": CREATED + 60,
    })
}

pub(in crate::http) fn upload() -> Value {
    json!({ "object": "upload", "kind": "document_front", "offset": 262_144, "length": 482_113 })
}

pub(in crate::http) fn canceled_verification() -> Value {
    let canceled = with(verification(), "status", "canceled");
    let mut detail = with(with(canceled, "attempts", 0), "checks", json!([]));
    detail = with(detail, "fields", json!({}));
    with(detail, "media", json!([]))
}

pub(in crate::http) fn template_create() -> Value {
    json!({ "name": "Know your customer", "slug": "kyc-basic", "flow_config": flow_config() })
}

pub(in crate::http) fn template_update() -> Value {
    json!({ "name": "Know your customer, adults" })
}

pub(in crate::http) fn template() -> Value {
    json!({
        "id": id("tpl"), "object": "template", "name": "Know your customer", "slug": "kyc-basic", "status": "published",
        "livemode": false, "is_default": false, "published_version": 3, "latest_version": 3,
        "flow_config": full_flow_config(), "created": CREATED, "updated": CREATED + 60, "archived_at": null,
    })
}

pub(in crate::http) fn draft_template() -> Value {
    let draft = with(with(template(), "status", "draft"), "published_version", Value::Null);
    with(draft, "latest_version", 0)
}

pub(in crate::http) fn default_template() -> Value {
    with(template(), "is_default", true)
}

pub(in crate::http) fn archived_template() -> Value {
    with(with(template(), "status", "archived"), "archived_at", CREATED + 60)
}

pub(in crate::http) fn template_version() -> Value {
    json!({
        "object": "template_version", "template_id": id("tpl"), "version": 3, "is_published": true,
        "flow_config": full_flow_config(), "created": CREATED + 60,
    })
}

fn flow_config() -> Value {
    json!({
        "steps": [
            { "type": "consent", "text": "I agree that my data is used to verify my identity." },
            { "type": "data_entry", "fields": [
                { "name": "first_name", "type": "string", "required": true },
                { "name": "last_name", "type": "string", "required": true },
                { "name": "date_of_birth", "type": "date", "required": true },
            ] },
        ],
        "checks": [
            { "type": "data_completeness", "on_fail": "retry", "on_review": "review" },
            { "type": "age", "on_fail": "fail", "on_review": "review", "min_age": 18 },
        ],
    })
}

fn full_flow_config() -> Value {
    let mut flow = with(with(flow_config(), "max_attempts", 3), "ttl_seconds", 1800);
    flow = with(with(flow, "theme", json!({})), "locales", json!(["en"]));
    with(flow, "strings", json!({}))
}

pub(in crate::http) fn api_key_create() -> Value {
    json!({ "name": "CI", "scopes": ["read", "write"], "expires_in": 7_776_000 })
}

pub(in crate::http) fn api_key() -> Value {
    json!({
        "id": id("key"), "object": "api_key", "livemode": false, "name": "CI", "prefix": "ak_test_Ab3dEf",
        "scopes": ["read", "write"], "created": CREATED, "expires_at": CREATED + 7_776_000, "last_used_at": null,
        "revoked_at": null,
    })
}

pub(in crate::http) fn api_key_created() -> Value {
    with(api_key(), "key", "ak_test_Ab3dEfGh1jKlMn0pQrStUvWx")
}

pub(in crate::http) fn api_key_revoked() -> Value {
    with(api_key(), "revoked_at", CREATED + 60)
}

pub(in crate::http) fn audit_log_entry() -> Value {
    json!({
        "id": id("aud"), "object": "audit_log_entry", "livemode": false, "created": CREATED + 120,
        "actor": { "type": "api_key", "id": id("key") }, "action": "verification.reviewed",
        "verification_id": id("ver"), "media_id": null, "details": { "decision": "approved" },
    })
}

pub(in crate::http) fn workspace_update() -> Value {
    let retention = json!({ "media": { "completed": 30, "failed": 30 }, "personal": { "completed": 365 } });
    json!({ "allowed_origins": ["https://shop.example.com"], "retention": retention })
}

pub(in crate::http) fn workspace() -> Value {
    let days = |completed: u16, failed: Option<u16>| {
        json!({
            "completed": completed, "failed": failed, "requires_review": null, "canceled": null, "expired": null,
        })
    };
    json!({
        "id": "ws_1", "object": "workspace", "livemode": false, "name": "default",
        "allowed_origins": ["https://shop.example.com"],
        "retention": { "media": days(30, Some(30)), "personal": days(365, None) }, "live_activated": false,
        "created": CREATED,
    })
}

pub(in crate::http) fn event() -> Value {
    let object = with(with(verification(), "status", "created"), "attempts", 0);
    let object = with(with(object, "updated", CREATED), "decided_at", Value::Null);
    json!({
        "id": id("evt"), "type": "verification.created", "api_version": "2025-01", "created": CREATED,
        "livemode": false, "session_id": id("ses"), "sequence": 1, "prev_hash": "0".repeat(64),
        "data_salt": "91b3c3f0a7d84f6c8f5e2d1b0a493827",
        "data_hash": "5f70bf18a086007016e948b04aed3b82103a36bea41755b6cddfaf10ace3c6ef",
        "hash": "2c26b46b68ffc68ff99b453c1d30413413422d706483bfa0f98a5e886266e7ae",
        "data": { "object": object },
    })
}

pub(in crate::http) fn event_stream() -> Value {
    format!("id: {}\nevent: verification.created\ndata: {}\n\n:\n\n", id("evt"), event()).into()
}

pub(in crate::http) fn endpoint_create() -> Value {
    json!({ "url": "https://hooks.example.com/vetd", "events": ["*"], "description": "Production" })
}

pub(in crate::http) fn endpoint_update() -> Value {
    json!({ "events": ["verification.completed", "verification.failed"] })
}

pub(in crate::http) fn endpoint() -> Value {
    json!({
        "id": id("we"), "object": "webhook_endpoint", "url": "https://hooks.example.com/vetd", "events": ["*"],
        "description": "Production", "ordering": "session", "rate_limit": null, "livemode": false,
        "status": "enabled", "disabled_at": null, "disabled_reason": null, "created": CREATED, "updated": CREATED,
    })
}

pub(in crate::http) fn endpoint_created() -> Value {
    with(endpoint(), "secret", "whsec_AAECAwQFBgcICQoLDA0ODxAREhMUFRYX")
}

pub(in crate::http) fn delivery() -> Value {
    json!({
        "id": id("whd"), "object": "webhook_delivery", "endpoint": id("we"), "event": id("evt"),
        "event_type": "verification.completed", "session_id": id("ses"), "livemode": false, "status": "pending",
        "attempt_count": 1, "next_attempt_at": CREATED + 35, "created": CREATED,
    })
}

pub(in crate::http) fn delivery_detail() -> Value {
    let attempt = json!({
        "number": 1, "at": CREATED, "latency_ms": 48, "status": 503, "body": "try later", "error": null,
    });
    with(delivery(), "attempts", json!([attempt]))
}

pub(in crate::http) fn recovered() -> Value {
    json!({
        "object": "webhook_recovery", "endpoint": id("we"), "since": CREATED, "until": CREATED + 3_600,
        "deliveries": 12, "has_more": false,
    })
}

pub(in crate::http) fn provider_create() -> Value {
    json!({ "name": "faces", "url": "https://faces.example.com/vetd", "timeout_seconds": 10, "receives": ["media"] })
}

pub(in crate::http) fn provider() -> Value {
    json!({
        "id": id("prv"), "object": "provider", "livemode": false, "name": "faces",
        "url": "https://faces.example.com/vetd", "timeout_seconds": 10, "receives": ["media"], "created": CREATED,
        "updated": CREATED,
    })
}

pub(in crate::http) fn provider_created() -> Value {
    with(provider(), "secret", "whsec_AAECAwQFBgcICQoLDA0ODxAREhMUFRYX")
}

pub(in crate::http) fn provider_deleted() -> Value {
    json!({ "id": id("prv"), "object": "provider", "deleted": true })
}

pub(in crate::http) fn provider_answer() -> Value {
    json!({ "status": "failed", "code": "face_mismatch", "score": 0.07, "details": { "faces_found": 1 } })
}

pub(in crate::http) fn provider_answered() -> Value {
    json!({ "object": "provider_answer", "id": id("chk"), "status": "failed" })
}

pub(in crate::http) fn endpoint_deleted() -> Value {
    json!({ "id": id("we"), "object": "webhook_endpoint", "deleted": true })
}

pub(in crate::http) fn iframe_session() -> Value {
    json!({
        "object": "iframe_session", "session_id": id("ses"), "status": "requires_input", "livemode": false,
        "steps": [
            { "type": "consent", "text": "I agree that my data is used to verify my identity.", "state": "current" },
            { "type": "data_entry", "state": "pending", "fields": [
                { "name": "first_name", "type": "string", "required": true },
            ] },
        ],
        "next_step": "consent", "attempts": 0, "max_attempts": 3, "last_error": null, "expires_at": CREATED + 1800,
        "theme": {}, "locales": ["en"], "strings": {}, "redirect_url": null, "media": [],
    })
}

pub(in crate::http) fn consented_iframe_session() -> Value {
    let mut session = with(with(iframe_session(), "status", "in_progress"), "next_step", "data_entry");
    session["steps"][0]["state"] = json!("accepted");
    session["steps"][1]["state"] = json!("current");
    session
}

pub(in crate::http) fn canceled_iframe_session() -> Value {
    let mut session = with(with(iframe_session(), "status", "canceled"), "next_step", Value::Null);
    session["steps"][0]["state"] = json!("pending");
    with(session, "redirect_url", "https://yourapp.example.com/kyc/complete")
}

pub(in crate::http) fn iframe_page() -> Value {
    let mut page = iframe_session();
    page["progress"] = Value::Null;
    page["parent_origins"] = json!(["https://shop.example.com"]);
    page["loopback_allowed"] = json!(true);
    page["media_types"] = json!(["image/jpeg", "image/png", "image/webp", "application/pdf"]);
    with(page, "server_time", CREATED + 60)
}

pub(in crate::http) fn session_stream() -> Value {
    format!("event: session\ndata: {}\n\n:\n\n", iframe_page()).into()
}

pub(in crate::http) fn handoff() -> Value {
    let qr_svg = "<?xml version=\"1.0\" standalone=\"yes\"?><svg xmlns=\"http://www.w3.org/2000/svg\"/>";
    json!({
        "object": "handoff", "url": iframe_url(), "qr_svg": qr_svg, "reachable": true, "expires_at": CREATED + 1800,
    })
}

pub(in crate::http) fn specimens() -> Value {
    let passport = json!({
        "object": "specimen", "name": "passport", "kind": "document_front", "document": "passport", "country": "DE",
        "content_type": "image/jpeg", "size": 84_282,
    });
    let steps = json!({ "consent": { "accepted": true }, "data_entry": { "fields": { "first_name": "ANNA MARIA" } } });
    json!({ "object": "specimens", "pictures": [passport], "steps": steps })
}

pub(in crate::http) fn iframe_token() -> Value {
    json!({ "sdk_token": TOKEN, "expires_at": CREATED + 1800 })
}

/// A page with this one item.
pub(in crate::http) fn list(item: &Value) -> Value {
    json!({ "object": "list", "data": [item], "has_more": false })
}

/// Has the shape of a token, and opens nothing.
const TOKEN: &str = "eyJhbGciOiJIUzI1NiIsInR5cCI6IkpXVCJ9.e30.c2lnbmF0dXJl";

fn iframe_url() -> String {
    format!("https://verify.example.com/iframe?session_id={}&token={TOKEN}", id("ses"))
}

fn with(mut object: Value, name: &str, value: impl Into<Value>) -> Value {
    object[name] = value.into();
    object
}
