//! The built-in template of test mode, so that a first session needs no template.

use std::sync::{Arc, LazyLock};

use serde_json::json;

use crate::flow::Flow;
use crate::id::TemplateId;
use crate::session::TemplateRef;

/// The slug of the scaffold; no template of a tenant can take it.
pub const SLUG: &str = "scaffold";

/// The version of the scaffold that this release serves. Sessions keep the flow they were made
/// with, so a release that changes the scaffold raises this number.
pub const VERSION: u32 = 1;

/// What a session made from the scaffold refers to. Its identifier is the same everywhere.
#[must_use]
pub fn reference() -> TemplateRef {
    let id = TemplateId::from_bytes([0, 0, 0, 0, 0, 0, 0x70, 0, 0x80, 0, 0, 0, 0, 0, 0, 1]);
    TemplateRef { id, slug: SLUG.to_owned(), version: VERSION }
}

/// The scaffold's flow: consent, four typed fields, two checks.
#[must_use]
pub fn flow() -> Arc<Flow> {
    static FLOW: LazyLock<Arc<Flow>> = LazyLock::new(|| {
        let config = json!({
            "steps": [
                { "type": "consent", "text": "I agree that my data is used to verify my identity." },
                { "type": "data_entry", "fields": [
                    { "name": "first_name", "type": "string", "required": true },
                    { "name": "last_name", "type": "string", "required": true },
                    { "name": "date_of_birth", "type": "date", "required": true },
                    { "name": "country", "type": "country", "required": true },
                ] },
            ],
            "checks": [
                { "type": "data_completeness", "on_fail": "retry", "on_review": "review" },
                { "type": "age", "on_fail": "fail", "on_review": "review" },
            ],
        });
        #[expect(clippy::expect_used, reason = "a constant, parsed by the tests")]
        Arc::new(Flow::parse(&config, "flow_config").expect("the scaffold is a valid flow"))
    });
    Arc::clone(&FLOW)
}
