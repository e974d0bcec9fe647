//! Which answer tells what another operation needs: OpenAPI's links. Readers see how operations
//! hang together, and tools that walk an API by itself find their way.

use serde_json::{Map, Value, json};

/// Whose answer, its status, and where in it the identifier stands for the operations below a path.
const LINKS: [(&str, &str, &str, &str); 10] = [
    ("create_session", "201", "id", "/v1/sessions/{id}"),
    ("create_session", "201", "verification_id", "/v1/verifications/{id}"),
    ("create_session", "201", "id", "/v1/test/sessions/{id}"),
    ("create_template", "201", "id", "/v1/templates/{id}"),
    ("publish_template", "200", "id", "/v1/templates/{id}/rollback"),
    ("publish_template", "200", "id", "/v1/templates/{id}/versions"),
    ("list_events", "200", "data/0/id", "/v1/events/{id}"),
    ("create_webhook_endpoint", "201", "id", "/v1/webhook_endpoints/{id}"),
    ("create_provider", "201", "id", "/v1/providers/{id}"),
    ("test_webhook_endpoint", "200", "id", "/v1/webhook_deliveries/{id}"),
];

/// Adds them to the document's paths.
pub(super) fn add(paths: &mut Value) {
    for (source, status, field, below) in LINKS {
        let links = links(paths, field, below);
        for (_, item) in super::shared::entries(paths) {
            for (_, operation) in super::shared::entries(item).filter(|(_, one)| one["operationId"] == source) {
                let known = &mut operation["responses"][status]["links"];
                match known.as_object_mut() {
                    Some(known) => known.extend(links.clone()),
                    None => *known = Value::Object(links.clone()),
                }
            }
        }
    }
}

fn links(paths: &mut Value, field: &str, below: &str) -> Map<String, Value> {
    let mut links = Map::new();
    for (path, item) in super::shared::entries(paths) {
        let is_below = path.strip_prefix(below).is_some_and(|rest| rest.is_empty() || rest.starts_with('/'));
        for (_, operation) in super::shared::entries(item).filter(|_| is_below) {
            let Some(name) = operation["operationId"].as_str() else { continue };
            let mut parameters = json!({ "id": format!("$response.body#/{field}") });
            if path.ends_with("/{n}") {
                parameters["n"] = json!("$response.body#/latest_version");
            }
            links.insert(name.to_owned(), json!({ "operationId": name, "parameters": parameters }));
        }
    }
    links
}
