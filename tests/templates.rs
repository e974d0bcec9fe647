//! Section 6: drafts, immutable versions, the default, and what sessions take of them.

mod common;

use std::time::Duration;

use axum::http::StatusCode;
use common::steps::{HOUR, flow};
use common::{TestApp, text};
use serde_json::{Value, json};

fn path(template: &Value) -> String {
    format!("/v1/templates/{}", text(&template["id"]))
}

async fn draft(app: &TestApp, slug: &str) -> Value {
    let body = json!({ "name": "A name", "slug": slug, "flow_config": flow("One.") });
    app.post("/v1/templates", body).await.expect(StatusCode::CREATED)
}

/// The first words of a flow: what tells versions apart.
fn words(flow_config: &Value) -> &str {
    text(&flow_config["steps"][0]["text"])
}

#[tokio::test]
async fn a_draft_has_no_version_and_makes_no_session() {
    let app = TestApp::start().await;
    let template = draft(&app, "kyc").await;
    assert!(text(&template["id"]).starts_with("tpl_"));
    assert_eq!(template["status"], "draft");
    assert_eq!((&template["latest_version"], &template["published_version"]), (&json!(0), &Value::Null));
    assert_eq!((&template["is_default"], &template["livemode"]), (&json!(false), &json!(false)));
    assert_eq!(app.get(&path(&template)).await.expect(StatusCode::OK), template);
    let versions = app.get(&format!("{}/versions", path(&template))).await.expect(StatusCode::OK);
    assert_eq!(versions["data"], json!([]));
    for body in [json!({ "template_id": template["id"] }), json!({ "template_slug": "kyc" })] {
        let field = body.as_object().unwrap().keys().next().unwrap().clone();
        assert_eq!(app.post("/v1/sessions", body).await.refused(422, "validation_error"), [field]);
    }
    app.post(&format!("{}/default", path(&template)), json!({})).await.refused(409, "invalid_state");
    let rollback = app.post(&format!("{}/rollback", path(&template)), json!({ "version": 1 })).await;
    assert_eq!(rollback.refused(422, "validation_error"), ["version"]);
    assert_eq!(app.get(&path(&template)).await.expect(StatusCode::OK), template);
    app.finish().await;
}

#[tokio::test]
async fn publishing_freezes_the_draft_as_the_next_version() {
    let app = TestApp::start().await;
    let template = draft(&app, "kyc").await;
    let at = path(&template);
    let first = app.post(&format!("{at}/publish"), json!({})).await.expect(StatusCode::OK);
    assert_eq!((&first["status"], &first["published_version"]), (&json!("published"), &json!(1)));
    let frozen = app.get(&format!("{at}/versions/1")).await.expect(StatusCode::OK);
    assert_eq!((&frozen["version"], &frozen["is_published"]), (&json!(1), &json!(true)));
    assert_eq!(frozen["flow_config"], template["flow_config"]);

    app.clock.advance(HOUR);
    let edited = app.call("PATCH", &at, json!({ "flow_config": flow("Two.") })).await.expect(StatusCode::OK);
    assert_eq!((words(&edited["flow_config"]), &edited["latest_version"]), ("Two.", &json!(1)));
    assert_eq!(edited["updated"].as_u64().unwrap(), template["updated"].as_u64().unwrap() + 3_600);
    assert_eq!(app.get(&format!("{at}/versions/1")).await.expect(StatusCode::OK), frozen, "a draft is no version");
    let session = app.create(json!({ "template_slug": "kyc" })).await;
    assert_eq!(words(&app.load(&session).await), "One.", "a session takes the published version, not the draft");

    let second = app.post(&format!("{at}/publish"), json!({})).await.expect(StatusCode::OK);
    assert_eq!((&second["published_version"], &second["latest_version"]), (&json!(2), &json!(2)));
    let versions = app.get(&format!("{at}/versions")).await.expect(StatusCode::OK);
    let seen: Vec<_> = versions["data"]
        .as_array()
        .unwrap()
        .iter()
        .map(|version| {
            (version["version"].as_u64().unwrap(), version["is_published"] == true, words(&version["flow_config"]))
        })
        .collect();
    assert_eq!(seen, [(2, true, "Two."), (1, false, "One.")]);
    let mut old = app.get(&format!("{at}/versions/1")).await.expect(StatusCode::OK);
    old["is_published"] = json!(true);
    assert_eq!(old, frozen, "immutable but for what is published");
    app.finish().await;
}

#[tokio::test]
async fn a_rollback_serves_an_earlier_version_and_the_next_publish_takes_the_next_number() {
    let app = TestApp::start().await;
    let template = app.published("kyc", flow("One.")).await;
    app.republish(&template, flow("Two.")).await;
    let at = path(&template);
    let back = app.post(&format!("{at}/rollback"), json!({ "version": 1 })).await.expect(StatusCode::OK);
    assert_eq!((&back["published_version"], &back["latest_version"]), (&json!(1), &json!(2)));
    assert_eq!(words(&back["flow_config"]), "Two.", "the draft stays");
    let session = app.create(json!({ "template_slug": "kyc" })).await;
    assert_eq!((&session["template_version"], words(&app.load(&session).await)), (&json!(1), "One."));
    let next = app.post(&format!("{at}/publish"), json!({})).await.expect(StatusCode::OK);
    assert_eq!((&next["published_version"], &next["latest_version"]), (&json!(3), &json!(3)));
    for wrong in [json!({}), json!({ "version": 0 }), json!({ "version": 4 }), json!({ "version": "1" })] {
        let refused = app.post(&format!("{at}/rollback"), wrong.clone()).await;
        assert_eq!(refused.refused(422, "validation_error"), ["version"], "{wrong}");
    }
    assert_eq!(app.get(&at).await.expect(StatusCode::OK), next);
    app.finish().await;
}

#[tokio::test]
async fn versions_survive_a_restart() {
    let app = TestApp::start().await;
    let template = app.published("kyc", flow("One.")).await;
    let latest = app.republish(&template, flow("Two.")).await;
    let before = app.get(&format!("{}/versions", path(&template))).await.expect(StatusCode::OK);
    let app = app.restart_after(HOUR).await;
    assert_eq!(app.get(&path(&template)).await.expect(StatusCode::OK), latest);
    assert_eq!(app.get(&format!("{}/versions", path(&template))).await.expect(StatusCode::OK), before);
    let session = app.create(json!({ "template_slug": "kyc" })).await;
    assert_eq!(session["template_version"], 2);
    app.finish().await;
}

#[tokio::test]
async fn there_is_one_default_and_it_follows_its_template() {
    let app = TestApp::start().await;
    let one = app.published("one", flow("One.")).await;
    let two = app.published("two", flow("Two.")).await;
    let made = app.post(&format!("{}/default", path(&one)), json!({})).await.expect(StatusCode::OK);
    assert_eq!(made["is_default"], true);
    assert_eq!(app.create(json!({})).await["template_id"], one["id"]);
    app.republish(&one, flow("One, again.")).await;
    let session = app.create(json!({})).await;
    assert_eq!((&session["template_version"], words(&app.load(&session).await)), (&json!(2), "One, again."));
    app.post(&format!("{}/default", path(&two)), json!({})).await.expect(StatusCode::OK);
    assert_eq!(app.create(json!({})).await["template_id"], two["id"]);
    assert_eq!(app.get(&path(&one)).await.expect(StatusCode::OK)["is_default"], false);
    let list = app.get("/v1/templates").await.expect(StatusCode::OK);
    let defaults: Vec<&Value> = list["data"]
        .as_array()
        .unwrap()
        .iter()
        .filter(|each| each["is_default"] == true)
        .map(|each| &each["id"])
        .collect();
    assert_eq!(defaults, [&two["id"]]);
    app.finish().await;
}

#[tokio::test]
async fn each_mode_and_workspace_has_its_own_default() {
    let app = TestApp::start().await;
    let live = app.live_key().await;
    let foreign = app.foreign_key().await;
    let of_test = app.published("kyc", flow("Test.")).await;
    app.post(&format!("{}/default", path(&of_test)), json!({})).await.expect(StatusCode::OK);
    let refused = app.call_as(&live, "POST", "/v1/sessions", json!({})).await;
    assert_eq!(refused.refused(422, "validation_error"), ["template_id"], "live mode has no default and no scaffold");
    let of_live = app.published_as(&live, "kyc", flow("Live.")).await;
    app.call_as(&live, "POST", &format!("{}/default", path(&of_live)), json!({})).await.expect(StatusCode::OK);
    let session = app.call_as(&live, "POST", "/v1/sessions", json!({})).await.expect(StatusCode::CREATED);
    assert_eq!((&session["template_id"], &session["livemode"]), (&of_live["id"], &json!(true)));
    assert_eq!(app.create(json!({})).await["template_id"], of_test["id"]);
    let other = app.call_as(&foreign, "POST", "/v1/sessions", json!({})).await.expect(StatusCode::CREATED);
    assert_eq!(other["template_slug"], "scaffold", "the other workspace has none");
    app.finish().await;
}

#[tokio::test]
async fn an_archived_template_serves_no_new_session_and_is_not_edited() {
    let app = TestApp::start().await;
    let template = app.published("kyc", flow("One.")).await;
    let at = path(&template);
    let session = app.create(json!({ "template_slug": "kyc" })).await;
    let archived = app.post(&format!("{at}/archive"), json!({})).await.expect(StatusCode::OK);
    assert_eq!(archived["status"], "archived");
    assert_eq!(archived["archived_at"], app.engine.now().seconds());
    for body in [json!({ "template_id": template["id"] }), json!({ "template_slug": "kyc" })] {
        let field = body.as_object().unwrap().keys().next().unwrap().clone();
        assert_eq!(app.post("/v1/sessions", body).await.refused(422, "validation_error"), [field]);
    }
    app.call("PATCH", &at, json!({ "name": "x" })).await.refused(409, "invalid_state");
    app.post(&format!("{at}/publish"), json!({})).await.refused(409, "invalid_state");
    app.post(&format!("{at}/rollback"), json!({ "version": 1 })).await.refused(409, "invalid_state");
    app.post(&format!("{at}/default"), json!({})).await.refused(409, "invalid_state");
    app.clock.advance(Duration::from_secs(60));
    let again = app.post(&format!("{at}/archive"), json!({})).await.expect(StatusCode::OK);
    assert_eq!(again, archived, "archiving twice is archiving once");
    assert_eq!(app.get(&at).await.expect(StatusCode::OK), archived);
    assert_eq!(words(&app.load(&session).await), "One.", "a session made before goes on");
    app.finish().await;
}

#[tokio::test]
async fn the_default_cannot_be_archived() {
    let app = TestApp::start().await;
    let one = app.published("one", flow("One.")).await;
    let two = app.published("two", flow("Two.")).await;
    app.post(&format!("{}/default", path(&one)), json!({})).await.expect(StatusCode::OK);
    app.post(&format!("{}/archive", path(&one)), json!({})).await.refused(409, "invalid_state");
    assert_eq!(app.create(json!({})).await["template_id"], one["id"]);
    app.post(&format!("{}/default", path(&two)), json!({})).await.expect(StatusCode::OK);
    app.post(&format!("{}/archive", path(&one)), json!({})).await.expect(StatusCode::OK);
    app.finish().await;
}

#[tokio::test]
async fn a_slug_is_unique_in_its_workspace_and_mode() {
    let app = TestApp::start().await;
    let (live, foreign) = (app.live_key().await, app.foreign_key().await);
    let first = draft(&app, "kyc").await;
    let body = || json!({ "name": "n", "slug": "kyc", "flow_config": flow("N.") });
    assert_eq!(app.post("/v1/templates", body()).await.refused(422, "validation_error"), ["slug"]);
    for elsewhere in [&live, &foreign] {
        app.call_as(elsewhere, "POST", "/v1/templates", body()).await.expect(StatusCode::CREATED);
    }
    let second = draft(&app, "other").await;
    let taken = app.call("PATCH", &path(&second), json!({ "slug": "kyc", "name": "changed" })).await;
    assert_eq!(taken.refused(422, "validation_error"), ["slug"]);
    assert_eq!(app.get(&path(&second)).await.expect(StatusCode::OK), second, "nothing of it was changed");
    // Its own slug is not taken, and a slug that was given up is free.
    app.call("PATCH", &path(&first), json!({ "slug": "kyc" })).await.expect(StatusCode::OK);
    app.call("PATCH", &path(&first), json!({ "slug": "renamed" })).await.expect(StatusCode::OK);
    app.call("PATCH", &path(&second), json!({ "slug": "kyc" })).await.expect(StatusCode::OK);
    app.post(&format!("{}/publish", path(&second)), json!({})).await.expect(StatusCode::OK);
    assert_eq!(app.create(json!({ "template_slug": "kyc" })).await["template_id"], second["id"]);
    let gone = app.post("/v1/sessions", json!({ "template_slug": "other" })).await;
    assert_eq!(gone.refused(422, "validation_error"), ["template_slug"]);
    app.finish().await;
}

#[tokio::test]
async fn of_twenty_templates_with_one_slug_at_once_one_is_made() {
    let app = TestApp::start().await;
    let body = || json!({ "name": "n", "slug": "kyc", "flow_config": flow("N.") });
    let all = futures::future::join_all((0..20).map(|_| app.post("/v1/templates", body()))).await;
    assert_eq!(all.iter().filter(|answer| answer.status == StatusCode::CREATED).count(), 1);
    assert!(all.iter().all(|answer| answer.status == StatusCode::CREATED || answer.json()["error"]["fields"][0]["path"] == "slug"));
    let list = app.get("/v1/templates").await.expect(StatusCode::OK);
    assert_eq!(list["data"].as_array().unwrap().len(), 1);
    app.finish().await;
}

#[tokio::test]
async fn sessions_are_pinned_by_id_and_by_slug_to_what_is_published_now() {
    let app = TestApp::start().await;
    let template = app.published("kyc", flow("One.")).await;
    for (expected, words_now) in [(1, "One."), (2, "Two."), (3, "Three.")] {
        if expected > 1 {
            app.republish(&template, flow(words_now)).await;
        }
        for body in [json!({ "template_id": template["id"] }), json!({ "template_slug": "kyc" })] {
            let session = app.create(body).await;
            assert_eq!((&session["template_version"], &session["template_slug"]), (&json!(expected), &json!("kyc")));
            assert_eq!(words(&app.load(&session).await), words_now);
        }
    }
    app.call("PATCH", &path(&template), json!({ "slug": "renamed" })).await.expect(StatusCode::OK);
    let session = app.create(json!({ "template_id": template["id"] })).await;
    assert_eq!(session["template_slug"], "renamed");
    app.finish().await;
}

#[tokio::test]
async fn a_session_keeps_its_snapshot_through_everything() {
    let app = TestApp::start().await;
    let template = app.published("kyc", flow("One.")).await;
    let session = app.create(json!({ "template_slug": "kyc" })).await;
    assert_eq!(
        session["expires_at"].as_u64().unwrap() - session["created"].as_u64().unwrap(),
        600,
        "the flow's ttl_seconds"
    );
    let shorter = app.create(json!({ "template_slug": "kyc", "expires_in": 60 })).await;
    assert_eq!(shorter["expires_at"].as_u64().unwrap() - shorter["created"].as_u64().unwrap(), 60, "expires_in wins");
    let state = app.load(&session).await;
    app.republish(&template, json!({ "steps": [{ "type": "liveness" }], "checks": [], "ttl_seconds": 60 })).await;
    app.call("PATCH", &path(&template), json!({ "slug": "new" })).await.expect(StatusCode::OK);
    app.post(&format!("{}/archive", path(&template)), json!({})).await.expect(StatusCode::OK);
    let app = app.restart_after(Duration::from_secs(300)).await;
    assert_eq!(app.iframe_state(&session).await.expect(StatusCode::OK), state);
    // The snapshot's checks and attempts count, not the template's.
    app.submit(&session, "consent", common::steps::consent()).await;
    app.enter(&session, json!({ "last_name": "-" })).await;
    let again = app.await_status(&session, "requires_input").await;
    assert_eq!(again["last_error"]["code"], "field_blank");
    app.enter(&session, json!({ "last_name": "-" })).await;
    app.await_status(&session, "failed").await;
    assert_eq!(app.verification(&session).await["template_slug"], "kyc");
    app.finish().await;
}

#[tokio::test]
async fn every_wrong_field_is_named_at_once() {
    let app = TestApp::start().await;
    let wrong = json!({
        "name": "", "slug": "Not A Slug", "surprise": 1,
        "flow_config": {
            "steps": [
                { "type": "consent" },
                { "type": "data_entry", "fields": [
                    { "name": "First Name", "type": "string" },
                    { "name": "a", "type": "number" },
                    { "name": "b", "type": "date", "required": "yes" },
                    { "name": "b", "type": "date" },
                    { "type": "string", "label": "x" },
                ] },
                { "type": "document_upload", "documents": ["visa"], "countries": ["DE", "XX"] },
                { "type": "fingerprint" },
            ],
            "checks": [
                { "type": "iris_scan" },
                { "type": "age", "on_fail": "ignore", "on_review": "skip", "min_age": 0 },
                { "type": "data_completeness", "min_age": 18 },
            ],
            "max_attempts": 0, "ttl_seconds": 59, "theme": [], "locales": [], "strings": "x", "colour": "red",
        },
    });
    let mut named = app.post("/v1/templates", wrong.clone()).await.refused(422, "validation_error");
    named.sort();
    let mut expected = [
        "name",
        "slug",
        "surprise",
        "flow_config.steps.0.text",
        "flow_config.steps.1.fields.0.name",
        "flow_config.steps.1.fields.1.type",
        "flow_config.steps.1.fields.2.required",
        "flow_config.steps.1.fields.3.name",
        "flow_config.steps.1.fields.4.name",
        "flow_config.steps.1.fields.4.label",
        "flow_config.steps.2.documents.0",
        "flow_config.steps.2.countries.1",
        "flow_config.steps.3.type",
        "flow_config.checks.0.type",
        "flow_config.checks.1.on_fail",
        "flow_config.checks.1.on_review",
        "flow_config.checks.1.min_age",
        "flow_config.checks.2.min_age",
        "flow_config.max_attempts",
        "flow_config.ttl_seconds",
        "flow_config.theme",
        "flow_config.locales",
        "flow_config.strings",
        "flow_config.colour",
    ];
    expected.sort_unstable();
    assert_eq!(named, expected);

    // A change is validated the same way, and changes nothing if anything is wrong.
    let template = draft(&app, "kyc").await;
    let change = json!({ "name": "good", "slug": "-bad", "flow_config": wrong["flow_config"] });
    let named = app.call("PATCH", &path(&template), change).await.refused(422, "validation_error");
    assert_eq!(named.len(), expected.len() - 2, "{named:?}");
    assert_eq!(app.get(&path(&template)).await.expect(StatusCode::OK), template);
    let list = app.get("/v1/templates").await.expect(StatusCode::OK);
    assert_eq!(list["data"].as_array().unwrap().len(), 1);
    app.finish().await;
}

#[tokio::test]
async fn flows_that_cannot_be() {
    let app = TestApp::start().await;
    let data = json!({ "type": "data_entry", "fields": [{ "name": "a", "type": "string" }] });
    for (case, value, field) in [
        ("no steps", json!({}), "flow_config.steps"),
        ("an empty list", json!({ "steps": [] }), "flow_config.steps"),
        ("steps that are no list", json!({ "steps": "consent" }), "flow_config.steps"),
        ("a step that is no object", json!({ "steps": ["selfie"] }), "flow_config.steps.0"),
        ("nothing but consent", json!({ "steps": [{ "type": "consent", "text": "x" }] }), "flow_config.steps"),
        ("a step twice", json!({ "steps": [data, data] }), "flow_config.steps.1.type"),
        (
            "a check twice",
            json!({ "steps": [data], "checks": [{ "type": "age" }, { "type": "age" }] }),
            "flow_config.checks.1.type",
        ),
        ("too many attempts", json!({ "steps": [data], "max_attempts": 11 }), "flow_config.max_attempts"),
        ("too long a life", json!({ "steps": [data], "ttl_seconds": 86_401 }), "flow_config.ttl_seconds"),
        ("a large theme", json!({ "steps": [data], "theme": { "x": "y".repeat(70_000) } }), "flow_config"),
        ("no object", json!([]), "flow_config"),
    ] {
        let body = json!({ "name": "n", "slug": "n", "flow_config": value });
        let named = app.post("/v1/templates", body).await.refused(422, "validation_error");
        assert_eq!(named[0], field, "{case}: {named:?}");
    }
    for slug in ["scaffold", "scaffold-document", "", "Ab", "a b", "-a", "ü", &"s".repeat(61)] {
        let body = json!({ "name": "n", "slug": slug, "flow_config": flow("N.") });
        assert_eq!(app.post("/v1/templates", body).await.refused(422, "validation_error"), ["slug"], "{slug}");
    }
    let missing = app.post("/v1/templates", json!({})).await.refused(422, "validation_error");
    assert_eq!(missing, ["name", "slug", "flow_config"]);
    app.finish().await;
}

#[tokio::test]
async fn only_steps_are_required_and_the_rest_has_the_contracts_defaults() {
    let app = TestApp::start().await;
    let steps = json!({ "steps": [
        { "type": "data_entry", "fields": [{ "name": "a", "type": "string" }] },
        { "type": "document_upload" }, { "type": "selfie" }, { "type": "liveness" } ] });
    let body = json!({ "name": "n", "slug": "n", "flow_config": steps });
    let made = app.post("/v1/templates", body).await.expect(StatusCode::CREATED);
    let config = &made["flow_config"];
    assert_eq!((&config["max_attempts"], &config["ttl_seconds"]), (&json!(3), &json!(1_800)));
    assert_eq!((&config["theme"], &config["strings"], &config["locales"]), (&json!({}), &json!({}), &json!(["en"])));
    assert_eq!(config["steps"][1]["documents"], json!(["passport", "id_card", "driving_license"]));
    assert_eq!(config["steps"][1]["countries"], json!(["*"]));
    // What the API shows it takes back.
    let again = json!({ "name": "m", "slug": "m", "flow_config": config });
    let copy = app.post("/v1/templates", again).await.expect(StatusCode::CREATED);
    assert_eq!(copy["flow_config"], *config);
    app.finish().await;
}

#[tokio::test]
async fn lists_of_templates_and_versions_are_paged_newest_first() {
    let app = TestApp::start().await;
    let mut slugs: Vec<String> = Vec::new();
    for number in 0..7 {
        app.clock.advance(Duration::from_secs(1));
        let slug = format!("t{number}");
        if number % 2 == 0 {
            draft(&app, &slug).await
        } else {
            app.published(&slug, flow("P.")).await
        };
        slugs.insert(0, slug);
    }
    let mut seen = Vec::new();
    let mut after = String::new();
    loop {
        let page = app.get(&format!("/v1/templates?limit=3{after}")).await.expect(StatusCode::OK);
        let data = page["data"].as_array().unwrap();
        seen.extend(data.iter().map(|each| text(&each["slug"]).to_owned()));
        if page["has_more"] == false {
            break;
        }
        assert_eq!(data.len(), 3);
        after = format!("&starting_after={}", text(&data[2]["id"]));
    }
    assert_eq!(seen, slugs);
    let exact = app.get("/v1/templates?limit=7").await.expect(StatusCode::OK);
    assert_eq!((exact["data"].as_array().unwrap().len(), &exact["has_more"]), (7, &json!(false)));
    let published = app.get("/v1/templates?status=published").await.expect(StatusCode::OK);
    let published: Vec<&str> = published["data"].as_array().unwrap().iter().map(|each| text(&each["slug"])).collect();
    assert_eq!(published, ["t5", "t3", "t1"]);

    let template = app.published("many", flow("1.")).await;
    for number in 2..6 {
        app.republish(&template, flow(&format!("{number}."))).await;
    }
    let at = format!("{}/versions", path(&template));
    let numbers = async |query: &str| {
        let page = app.get(&format!("{at}?{query}")).await.expect(StatusCode::OK);
        let data = page["data"].as_array().unwrap().iter().map(|each| each["version"].as_u64().unwrap());
        (data.collect::<Vec<_>>(), page["has_more"] == true)
    };
    assert_eq!(numbers("limit=2").await, (vec![5, 4], true));
    assert_eq!(numbers("limit=2&starting_after=4").await, (vec![3, 2], true));
    assert_eq!(numbers("limit=2&starting_after=2").await, (vec![1], false));
    assert_eq!(numbers("limit=2&ending_before=3").await, (vec![5, 4], false));
    app.finish().await;
}
