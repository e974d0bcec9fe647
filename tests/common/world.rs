//! Some of everything, and every route there is: for tests that assert that something was refused
//! everywhere and has changed nothing.

use axum::http::StatusCode;
use serde_json::{Value, json};
use vetd_model::{Mode, Realm, WorkspaceId};
use vetd_storage::Store;

use super::steps::{consent, flow};
use super::{Answer, TestApp, request, text};

/// Where the app's own key opens.
pub const TEST: Realm = Realm { workspace: WorkspaceId(1), mode: Mode::Test };

/// The refusal with this status and code, where the message of a failure names the case.
#[track_caller]
pub fn refused(answer: &Answer, case: &str, status: u16, code: &str) -> Vec<String> {
    let json = answer.json();
    assert_eq!((answer.status.as_u16(), &json["error"]["code"]), (status, &json!(code)), "{case}: {json}");
    answer.refused(status, code)
}

/// Some of everything, in test mode, and what all of it looks like.
pub struct World {
    pub session: Value,
    pub template: Value,
    pub endpoint: Value,
    /// An event's identifier.
    pub event: String,
    pub key: Value,
}

impl World {
    pub async fn make(app: &TestApp) -> Self {
        let template = app.published("kyc", flow("One.")).await;
        let hook = json!({ "url": "https://hooks.example.com/" });
        let endpoint = app.post("/v1/webhook_endpoints", hook).await.expect(StatusCode::CREATED);
        let key = json!({ "name": "CI", "scopes": ["read"] });
        let key = app.post("/v1/api_keys", key).await.expect(StatusCode::CREATED);
        let session = app.create(json!({ "template_slug": "kyc", "metadata": { "a": "b" } })).await;
        let event = first_event(app, TEST);
        Self { session, template, endpoint, event, key }
    }

    /// Everything that can be read of it.
    pub async fn look(&self, app: &TestApp) -> Vec<Value> {
        let mut seen = vec![json!(app.position()), app.session(&self.session).await];
        seen.push(app.verification(&self.session).await);
        seen.push(app.iframe_state(&self.session).await.json());
        for path in ["/v1/sessions", "/v1/verifications", "/v1/templates", "/v1/webhook_endpoints"] {
            seen.push(app.get(&format!("{path}?limit=100")).await.expect(StatusCode::OK));
        }
        let versions = format!("/v1/templates/{}/versions", text(&self.template["id"]));
        let key = format!("/v1/api_keys/{}", text(&self.key["id"]));
        for path in [&versions, &key] {
            seen.push(app.get(path).await.expect(StatusCode::OK));
        }
        seen.push(app.get("/v1/workspace").await.expect(StatusCode::OK)["allowed_origins"].clone());
        seen
    }

    pub fn session_path(&self) -> String {
        format!("/v1/sessions/{}", text(&self.session["id"]))
    }

    pub fn token(&self) -> &str {
        text(&self.session["sdk_token"])
    }

    /// Every route that an API key opens, with a body that it takes; but for the stream of events,
    /// whose answer does not end.
    pub fn tenant_routes(&self) -> Vec<(&'static str, String, Value)> {
        let ver = format!("/v1/verifications/{}", text(&self.session["verification_id"]));
        let tpl = format!("/v1/templates/{}", text(&self.template["id"]));
        let hook = format!("/v1/webhook_endpoints/{}", text(&self.endpoint["id"]));
        let key = format!("/v1/api_keys/{}", text(&self.key["id"]));
        let ses = self.session_path();
        let simulate = format!("/v1/test/sessions/{}/simulate", text(&self.session["id"]));
        let draft = json!({ "name": "n", "slug": "new", "flow_config": flow("N.") });
        vec![
            ("POST", "/v1/sessions".to_owned(), json!({})),
            ("GET", "/v1/sessions".to_owned(), Value::Null),
            ("GET", ses.clone(), Value::Null),
            ("POST", format!("{ses}/cancel"), json!({})),
            ("POST", format!("{ses}/token"), json!({})),
            ("GET", "/v1/verifications".to_owned(), Value::Null),
            ("GET", ver.clone(), Value::Null),
            ("POST", format!("{ver}/cancel"), json!({})),
            ("POST", "/v1/templates".to_owned(), draft),
            ("GET", "/v1/templates".to_owned(), Value::Null),
            ("GET", tpl.clone(), Value::Null),
            ("PATCH", tpl.clone(), json!({ "name": "x" })),
            ("GET", format!("{tpl}/versions"), Value::Null),
            ("GET", format!("{tpl}/versions/1"), Value::Null),
            ("POST", format!("{tpl}/publish"), json!({})),
            ("POST", format!("{tpl}/rollback"), json!({ "version": 1 })),
            ("POST", format!("{tpl}/default"), json!({})),
            ("POST", format!("{tpl}/archive"), json!({})),
            ("GET", "/v1/events".to_owned(), Value::Null),
            ("GET", format!("/v1/events/{}", self.event), Value::Null),
            ("POST", "/v1/webhook_endpoints".to_owned(), json!({ "url": "https://other.example.com/" })),
            ("GET", "/v1/webhook_endpoints".to_owned(), Value::Null),
            ("GET", hook.clone(), Value::Null),
            ("PATCH", hook.clone(), json!({ "description": "x" })),
            ("DELETE", hook, json!({})),
            ("POST", "/v1/api_keys".to_owned(), json!({ "name": "n", "scopes": ["read"] })),
            ("GET", "/v1/api_keys".to_owned(), Value::Null),
            ("GET", key.clone(), Value::Null),
            ("POST", format!("{key}/revoke"), json!({})),
            ("GET", "/v1/audit_log".to_owned(), Value::Null),
            ("GET", "/v1/workspace".to_owned(), Value::Null),
            ("PATCH", "/v1/workspace".to_owned(), json!({ "allowed_origins": ["https://shop.example.com"] })),
            ("POST", simulate, json!({ "actions": ["load"] })),
        ]
    }

    /// Those that name one object.
    pub fn object_routes(&self) -> Vec<(&'static str, String, Value)> {
        let mut routes = self.tenant_routes();
        routes.retain(|(_, path, _)| path.matches('/').count() > 2);
        routes
    }
}

/// The identifier of a realm's first event.
pub fn first_event(app: &TestApp, realm: Realm) -> String {
    app.store.events(realm, 0, 1).unwrap().events[0].event.id().to_string()
}

/// Every route that an sdk_token opens.
pub fn iframe_routes() -> Vec<(&'static str, String, Value)> {
    vec![
        ("GET", "/iframe/api/session".to_owned(), Value::Null),
        ("POST", "/iframe/api/load".to_owned(), json!({})),
        ("POST", "/iframe/api/steps/consent".to_owned(), consent()),
        ("POST", "/iframe/api/cancel".to_owned(), json!({})),
        ("POST", "/iframe/api/token".to_owned(), json!({})),
        ("POST", "/iframe/api/handoff".to_owned(), json!({})),
        ("POST", "/iframe/api/test/outcome".to_owned(), json!({ "outcome": "completed" })),
    ]
}

pub fn body(value: &Value) -> String {
    if value.is_null() { String::new() } else { value.to_string() }
}

/// Sends every route with this credential (none, if empty); all must be refused alike.
pub async fn all_refused(
    app: &TestApp,
    routes: &[(&str, String, Value)],
    bearer: &str,
    case: &str,
    status: u16,
    code: &str,
) {
    for (method, path, value) in routes {
        let mut request = request(bearer, method, path, body(value));
        if bearer.is_empty() {
            request.headers_mut().remove("authorization");
        }
        refused(&app.send(request).await, &format!("{case}: {method} {path}"), status, code);
    }
}
