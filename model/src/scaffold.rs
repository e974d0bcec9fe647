//! The built-in templates of test mode, so that a first session needs no template: one of typed data,
//! which is used where a workspace has no default, and one of a document.

use std::sync::{Arc, LazyLock};

use serde_json::{Value, json};

use crate::flow::Flow;
use crate::id::TemplateId;
use crate::session::TemplateRef;

/// The slug of the scaffold; no template of a tenant can take it.
pub const SLUG: &str = "scaffold";
/// The slug of the one that asks for a document; taken, too.
pub const DOCUMENT_SLUG: &str = "scaffold-document";

/// The version of both that this release serves. Sessions keep the flow they were made with, so a
/// release that changes one raises this number.
pub const VERSION: u32 = 1;

/// A template's reference and its flow.
pub type Scaffold = (TemplateRef, Arc<Flow>);

/// What a session made from the scaffold refers to. Its identifier is the same everywhere.
#[must_use]
pub fn reference() -> TemplateRef {
    reference_to(1, SLUG)
}

/// The scaffold's flow: consent, four typed fields, two checks.
#[must_use]
pub fn flow() -> Arc<Flow> {
    static FLOW: LazyLock<Arc<Flow>> = LazyLock::new(|| {
        parsed(&json!({
            "steps": [
                { "type": "consent", "text": CONSENT },
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
        }))
    });
    Arc::clone(&FLOW)
}

/// The built-in template with this slug.
#[must_use]
pub fn by_slug(slug: &str) -> Option<Scaffold> {
    all().into_iter().find(|(reference, _)| reference.slug == slug)
}

/// The built-in template with this identifier.
#[must_use]
pub fn by_id(id: TemplateId) -> Option<Scaffold> {
    all().into_iter().find(|(reference, _)| reference.id == id)
}

const CONSENT: &str = "I agree that my data is used to verify my identity.";

fn all() -> [Scaffold; 2] {
    [(reference(), flow()), (reference_to(2, DOCUMENT_SLUG), document_flow())]
}

/// Consent and a document, with the checks that read documents.
fn document_flow() -> Arc<Flow> {
    static FLOW: LazyLock<Arc<Flow>> = LazyLock::new(|| {
        parsed(&json!({
            "steps": [
                { "type": "consent", "text": CONSENT },
                { "type": "document_upload", "documents": ["passport", "id_card", "driving_license"] },
            ],
        }))
    });
    Arc::clone(&FLOW)
}

fn reference_to(number: u8, slug: &str) -> TemplateRef {
    let id = TemplateId::from_bytes([0, 0, 0, 0, 0, 0, 0x70, 0, 0x80, 0, 0, 0, 0, 0, 0, number]);
    TemplateRef { id, slug: slug.to_owned(), version: VERSION }
}

#[expect(clippy::expect_used, reason = "constants, parsed by the tests")]
fn parsed(config: &Value) -> Arc<Flow> {
    Arc::new(Flow::parse(config, "flow_config").expect("a scaffold is a valid flow"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_is_found_by_its_names_and_has_checks() {
        for (reference, flow) in all() {
            assert_eq!(by_slug(&reference.slug), Some((reference.clone(), Arc::clone(&flow))));
            assert_eq!(by_id(reference.id), Some((reference, Arc::clone(&flow))));
            assert!(!flow.checks().is_empty());
        }
        assert_eq!(by_slug("kyc"), None);
    }
}
