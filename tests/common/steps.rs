//! What tests do over and over: templates made, sessions walked, writes held back.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use axum::http::StatusCode;
use parking_lot::{Condvar, Mutex};
use serde_json::{Value, json};
use tokio::sync::mpsc;
use vetd_storage::WriteStage;

use super::{Answer, TestApp, request, text};

/// A flow that differs from the scaffold in everything that a session shows.
pub fn flow(text: &str) -> Value {
    json!({
        "steps": [
            { "type": "consent", "text": text },
            { "type": "data_entry", "fields": [
                { "name": "last_name", "type": "string", "required": true },
                { "name": "date_of_birth", "type": "date", "required": false },
                { "name": "nickname", "type": "string", "required": false },
            ] },
        ],
        "checks": [
            { "type": "data_completeness", "on_fail": "retry", "on_review": "review" },
            { "type": "age", "on_fail": "fail", "on_review": "review", "min_age": 18 },
        ],
        "max_attempts": 2, "ttl_seconds": 600, "theme": { "accent": "#123456" }, "locales": ["de", "en"],
        "strings": { "title": text },
    })
}

/// What the person sends for consent.
pub fn consent() -> Value {
    json!({ "accepted": true })
}

pub const HOUR: Duration = Duration::from_secs(3_600);

impl TestApp {
    /// With another key and an `Idempotency-Key`.
    pub async fn call_once(&self, bearer: &str, once: &str, method: &str, path: &str, body: Value) -> Answer {
        let mut request = request(bearer, method, path, body.to_string());
        request.headers_mut().insert("idempotency-key", once.parse().unwrap());
        self.send(request).await
    }

    /// Makes a template and publishes its first version.
    pub async fn published(&self, slug: &str, flow: Value) -> Value {
        self.published_as(&self.key, slug, flow).await
    }

    pub async fn published_as(&self, bearer: &str, slug: &str, flow: Value) -> Value {
        let body = json!({ "name": slug, "slug": slug, "flow_config": flow });
        let made = self.call_as(bearer, "POST", "/v1/templates", body).await.expect(StatusCode::CREATED);
        let path = format!("/v1/templates/{}/publish", text(&made["id"]));
        self.call_as(bearer, "POST", &path, json!({})).await.expect(StatusCode::OK)
    }

    /// Replaces a template's draft and publishes it.
    pub async fn republish(&self, template: &Value, flow: Value) -> Value {
        let path = format!("/v1/templates/{}", text(&template["id"]));
        self.call("PATCH", &path, json!({ "flow_config": flow })).await.expect(StatusCode::OK);
        self.post(&format!("{path}/publish"), json!({})).await.expect(StatusCode::OK)
    }

    /// What the iframe does with its token.
    pub async fn iframe(&self, session: &Value, action: &str, body: Value) -> Answer {
        self.call_as(text(&session["sdk_token"]), "POST", &format!("/iframe/api/{action}"), body).await
    }

    /// The state that the iframe reads, without what belongs to the moment of reading.
    pub async fn iframe_state(&self, session: &Value) -> Answer {
        let mut answer = self.iframe_page(session).await;
        if answer.status == StatusCode::OK {
            let mut state = answer.json();
            for name in ["progress", "parent_origins", "loopback_allowed", "server_time", "media_types"] {
                assert!(state.as_object_mut().unwrap().remove(name).is_some(), "no {name} in {state}");
            }
            answer.body = state.to_string().into_bytes();
        }
        answer
    }

    /// All that the iframe reads.
    pub async fn iframe_page(&self, session: &Value) -> Answer {
        self.get_as(text(&session["sdk_token"]), "/iframe/api/session").await
    }

    pub async fn load(&self, session: &Value) -> Value {
        self.iframe(session, "load", json!({})).await.expect(StatusCode::OK)
    }

    /// Sends the picture of a specimen passport as one of this kind.
    pub async fn send_picture(&self, session: &Value, kind: &str) -> Value {
        let file = concat!(env!("CARGO_MANIFEST_DIR"), "/checks/specimen-pictures/passport.jpg");
        let body = std::fs::read(file).unwrap();
        let request = request(text(&session["sdk_token"]), "PUT", &format!("/iframe/api/media/{kind}"), body);
        self.send(request).await.expect(StatusCode::OK)
    }

    /// Submits a step that is accepted.
    pub async fn submit(&self, session: &Value, step: &str, body: Value) -> Value {
        self.iframe(session, &format!("steps/{step}"), body).await.expect(StatusCode::OK)
    }

    /// Submits typed fields that are accepted.
    pub async fn enter(&self, session: &Value, fields: Value) -> Value {
        self.submit(session, "data_entry", json!({ "fields": fields })).await
    }

    /// Makes, loads and agrees: the next thing to come is typed data.
    pub async fn consented(&self, body: Value) -> Value {
        let session = self.create(body).await;
        self.load(&session).await;
        self.submit(&session, "consent", consent()).await;
        session
    }

    pub async fn simulate(&self, session: &Value, actions: &[&str]) -> Answer {
        let path = format!("/v1/test/sessions/{}/simulate", text(&session["id"]));
        self.post(&path, json!({ "actions": actions })).await
    }

    pub async fn cancel(&self, session: &Value) -> Answer {
        self.post(&format!("/v1/sessions/{}/cancel", text(&session["id"])), json!({})).await
    }

    pub async fn session(&self, session: &Value) -> Value {
        self.get(&format!("/v1/sessions/{}", text(&session["id"]))).await.expect(StatusCode::OK)
    }

    pub async fn verification(&self, session: &Value) -> Value {
        let path = format!("/v1/verifications/{}", text(&session["verification_id"]));
        self.get(&path).await.expect(StatusCode::OK)
    }

    /// From here on no write reaches the disk until the hold is let go.
    pub fn hold_writes(&self) -> Hold {
        self.hold_writes_at(WriteStage::Apply)
    }

    /// From here on no write gets beyond this stage until the hold is let go.
    pub fn hold_writes_at(&self, held: WriteStage) -> Hold {
        self.hold(held, 0)
    }

    /// So many further groups of writes reach the disk, and no other until the hold is let go.
    pub fn hold_writes_after(&self, groups: usize) -> Hold {
        self.hold(WriteStage::Apply, groups)
    }

    fn hold(&self, held: WriteStage, after: usize) -> Hold {
        let (arrived, arrivals) = mpsc::unbounded_channel();
        let gate = Arc::new((Mutex::new(false), Condvar::new()));
        let (closed, passed) = (Arc::clone(&gate), AtomicUsize::new(0));
        *self.write_fault.lock() = Some(Arc::new(move |stage| {
            if stage == held && passed.fetch_add(1, Ordering::SeqCst) >= after {
                let mut is_open = closed.0.lock();
                if !*is_open {
                    // Nobody may be listening any more.
                    arrived.send(()).ok();
                }
                closed.1.wait_while(&mut is_open, |is_open| !*is_open);
            }
            Ok(())
        }));
        Hold { gate, arrivals }
    }
}

/// Keeps writes from the disk for as long as it lives.
pub struct Hold {
    gate: Arc<(Mutex<bool>, Condvar)>,
    arrivals: mpsc::UnboundedReceiver<()>,
}

impl Hold {
    /// Waits until a write stands before the disk.
    pub async fn arrived(&mut self) {
        self.arrivals.recv().await.unwrap();
    }

    pub fn let_go(self) {}
}

impl Drop for Hold {
    fn drop(&mut self) {
        *self.gate.0.lock() = true;
        self.gate.1.notify_all();
    }
}
