//! The operator's commands for templates and sessions against the real program.

mod operator;
mod program;

use std::io::Write;
use std::process::Stdio;

use operator::{Server, said};
use program::{BOOTSTRAP_KEY, Program, vetd};
use serde_json::{Value, json};

const TOML: &str = r#"
name = "KYC"
slug = "kyc"

[flow_config]
max_attempts = 2

[[flow_config.steps]]
type = "consent"
text = "I agree."

[[flow_config.steps]]
type = "data_entry"
fields = [{ name = "first_name", type = "string", required = true }]

[[flow_config.checks]]
type = "data_completeness"
"#;

#[tokio::test]
async fn a_template_file_is_applied_once_and_exported_as_it_is_applied() {
    let server = Server::start();
    let toml = server.file("kyc.toml", TOML);
    let apply = ["template", "apply", "-f", toml.to_str().unwrap()];
    let first = server.json(&apply);
    assert_eq!((&first["changes"], &first["template"]["status"]), (&json!(["created"]), &json!("draft")));
    assert_eq!(server.json(&apply)["changes"], json!([]));
    let published = server.json(&[&apply[..], &["--publish"]].concat());
    assert_eq!((&published["changes"], &published["template"]["latest_version"]), (&json!(["published"]), &json!(1)));
    let default = server.json(&[&apply[..], &["--default"]].concat());
    assert_eq!((&default["changes"], &default["template"]["is_default"]), (&json!(["made_default"]), &json!(true)));
    let session = server.session(json!({})).await;
    assert_eq!((&session["template_slug"], &session["template_version"]), (&json!("kyc"), &json!(1)));

    // What is exported is what can be applied, in JSON.
    let exported = server.json(&["template", "export", "kyc"]);
    let json = server.file("kyc.json", &exported.to_string());
    let again = server.json(&["template", "apply", "--publish", "-f", json.to_str().unwrap()]);
    assert_eq!((&again["changes"], &again["template"]["latest_version"]), (&json!([]), &json!(1)));

    let changed = TOML.replace("I agree.", "I do agree.").replace("slug", "publish = true\nslug");
    let changed = server.file("changed.toml", &changed);
    let done = server.json(&["template", "apply", "-f", changed.to_str().unwrap()]);
    assert_eq!(
        (&done["changes"], &done["template"]["published_version"]),
        (&json!(["updated", "published"]), &json!(2))
    );
    assert_eq!(server.json(&["template", "export", "kyc", "--version", "1"]), exported);
    assert_ne!(server.json(&["template", "export", "kyc"]), exported);

    let listed = server.json(&["template", "list"]);
    assert_eq!(listed["data"][0]["slug"], "kyc");
    assert!(listed["data"][0].get("flow_config").is_none());
    assert!(server.run(&["template", "list"]).out.contains("kyc   KYC"));
    assert_eq!(server.json(&["template", "list", "--mode", "live"])["data"], json!([]));
    server.end();
}

#[test]
fn a_wrong_template_file_names_every_fault_and_changes_nothing() {
    let server = Server::start();
    let wrong = TOML.replace("consent", "nonsense").replace("required = true", "required = 3");
    let file = server.file("wrong.toml", &wrong);
    let failure = server.refused(&["template", "apply", "-f", file.to_str().unwrap()], "validation_error");
    let fields = failure["error"]["fields"].as_array().unwrap();
    let paths: Vec<&str> = fields.iter().map(|field| field["path"].as_str().unwrap()).collect();
    assert!(paths.iter().any(|path| path.starts_with("flow_config.steps.0")), "{paths:?}");
    assert!(paths.iter().any(|path| path.starts_with("flow_config.steps.1.fields.0")), "{paths:?}");
    let told = server.run(&["template", "apply", "-f", file.to_str().unwrap()]);
    assert!(told.code == 8 && paths.iter().all(|path| told.err.contains(path)), "{told:?}");

    let broken = [("a.toml", "name = "), ("b.yaml", "name: x"), ("c", "{}")];
    for (name, text) in broken {
        let file = server.file(name, text);
        let told = server.run(&["template", "apply", "-f", file.to_str().unwrap()]);
        assert!(told.code == 1 && told.err.contains("cannot read"), "{name}: {told:?}");
    }
    assert_eq!(server.run(&["template", "apply", "-f", "/nowhere/t.json"]).code, 1);
    let twice = server.file("twice.json", r#"{"name":"a","name":"b"}"#);
    let failure = server.refused(&["template", "apply", "-f", twice.to_str().unwrap()], "validation_error");
    assert_eq!(failure["error"]["fields"][0]["path"], "body");
    server.refused(&["template", "export", "absent"], "not_found");
    assert_eq!(server.json(&["template", "list"])["data"], json!([]));

    // From standard input.
    let mut command = vetd(&["template", "apply", "--json", "-f", "-", "--data"]);
    command.arg(server.data()).stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
    let mut child = command.spawn().unwrap();
    let flow = json!({ "steps": [{ "type": "selfie" }] });
    let text = json!({ "name": "In", "slug": "in", "flow_config": flow }).to_string();
    child.stdin.take().unwrap().write_all(text.as_bytes()).unwrap();
    let told = said(&child.wait_with_output().unwrap());
    assert!(told.code == 0 && told.out.contains("created"), "{told:?}");
    server.export_of_version_that_is_absent();
    server.end();
}

#[tokio::test]
async fn the_audit_log_is_shown_by_realm_and_filter() {
    let server = Server::start();
    // Nothing is in it yet: what writes to it is asked of the API.
    assert_eq!(server.json(&["audit-log"]), json!({ "object": "list", "data": [], "has_more": false }));
    let live = ["audit-log", "--mode", "live", "--action", "media.viewed", "--limit", "1000"];
    assert_eq!(server.json(&live)["data"], json!([]));
    let told = server.run(&["audit-log"]);
    assert_eq!((told.code, told.out.trim()), (0, "AT  WHO  WHAT  VERIFICATION  MEDIA  DETAILS"));
    for (wrong, field) in [(["--action", "media"], "action"), (["--verification", "ses_1"], "verification_id")] {
        let failure = server.refused(&[&["audit-log"][..], &wrong].concat(), "validation_error");
        assert_eq!(failure["error"]["fields"][0]["path"], field);
    }
    server.refused(&["audit-log", "--workspace", "nobody"], "not_found");
    server.end();
}

impl Server {
    fn export_of_version_that_is_absent(&self) {
        self.refused(&["template", "export", "in", "--version", "1"], "not_found");
    }
}

async fn simulate(server: &Server, id: &str, actions: Value) {
    let path = format!("/v1/test/sessions/{id}/simulate");
    let (status, body) = server.call("POST", &path, BOOTSTRAP_KEY, json!({ "actions": actions })).await;
    assert_eq!(status, 200, "{body}");
}

#[tokio::test]
async fn a_session_is_shown_with_its_events_and_without_what_is_personal() {
    let server = Server::start();
    let body = json!({ "metadata": { "customer": "cus_planted" }, "redirect_url": "https://planted.example.com/" });
    let session = server.session(body).await;
    let other = server.session(json!({})).await;
    let id = session["id"].as_str().unwrap();
    simulate(&server, id, json!(["load", "submit"])).await;
    simulate(&server, other["id"].as_str().unwrap(), json!(["load"])).await;

    let shown = server.json(&["session", "show", id]);
    let sequence: Vec<&Value> = shown["events"].as_array().unwrap().iter().map(|event| &event["sequence"]).collect();
    assert_eq!(sequence, [1, 2, 3, 4]);
    assert_eq!(shown["events_complete"], true);
    assert_eq!(
        (&shown["session"]["status"], &shown["verification"]["status"]),
        (&json!("completed"), &json!("completed"))
    );
    assert!(shown["verification"]["checks"][0]["status"] == "passed");
    let token = session["sdk_token"].as_str().unwrap();
    let text = server.run(&["session", "show", id]);
    assert!(text.out.contains("verification.completed") && text.out.contains("customer"), "{}", text.out);
    for planted in ["cus_planted", "planted.example.com", "ERIKSSON", "first_name", token] {
        assert!(!shown.to_string().contains(planted) && !text.out.contains(planted), "{planted}");
    }
    let personal = server.run(&["session", "show", id, "--personal"]);
    assert!(personal.out.contains("cus_planted") && !personal.out.contains("ERIKSSON"), "{}", personal.out);

    let listed = server.json(&["session", "list", "--status", "completed"]);
    assert_eq!((listed["data"].as_array().unwrap().len(), &listed["data"][0]["id"]), (1, &session["id"]));
    assert!(!server.json(&["session", "list"]).to_string().contains("planted"));
    assert_eq!(server.json(&["session", "list", "--limit", "1"])["has_more"], true);
    assert_eq!(server.json(&["session", "list", "--mode", "live"])["data"], json!([]));
    server.refused(&["session", "list", "--status", "happy"], "validation_error");
    server.refused(&["session", "show", "ses_01m82gge0wfpnrq0y26svfhg6c"], "not_found");
    server.refused(&["session", "show", id, "--mode", "live"], "not_found");
    server.end();
}

#[tokio::test]
async fn more_sessions_than_a_page_are_listed() {
    let server = Server::start();
    for _ in 0..103 {
        server.session(json!({})).await;
    }
    let all = server.json(&["session", "list", "--limit", "500"]);
    let mut ids: Vec<&str> = all["data"].as_array().unwrap().iter().map(|each| each["id"].as_str().unwrap()).collect();
    ids.dedup();
    assert_eq!((ids.len(), &all["has_more"]), (103, &json!(false)));
    server.end();
}

#[tokio::test]
async fn a_session_is_canceled_once() {
    let server = Server::start();
    let session = server.session(json!({})).await;
    let id = session["id"].as_str().unwrap();
    assert_eq!(server.json(&["session", "cancel", id])["status"], "canceled");
    server.refused(&["session", "cancel", id], "verification_not_cancelable");
    server.refused(&["session", "cancel", "ses_01m82gge0wfpnrq0y26svfhg6c"], "not_found");
    let (_, found) = server.call("GET", &format!("/v1/sessions/{id}"), BOOTSTRAP_KEY, json!({})).await;
    assert_eq!(found["status"], "canceled");
    server.end();
}

#[tokio::test]
async fn a_watch_tells_each_move_until_the_end() {
    let server = Server::start();
    let session = server.session(json!({})).await;
    let id = session["id"].as_str().unwrap();
    let mut command = vetd(&["session", "watch", id, "--json", "--data"]);
    command.arg(server.data());
    let mut one = Program::start(command);
    let now: Value = serde_json::from_str(&one.read_to("session_id")).unwrap();
    assert_eq!((&now["type"], &now["status"], &now["sequence"]), (&json!("now"), &json!("created"), &json!(1)));
    server.session(json!({})).await;
    simulate(&server, id, json!(["load", "submit"])).await;
    let (rest, status) = one.wait();
    let moves: Vec<Value> = rest.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    let statuses: Vec<&str> = moves.iter().map(|each| each["status"].as_str().unwrap()).collect();
    assert_eq!(statuses, ["requires_input", "in_progress", "completed"], "{rest}");
    assert_eq!(status.code(), Some(0));

    // One that has ended is told at once.
    let told = server.json(&["session", "watch", id]);
    assert_eq!(told["status"], "completed");
    server.refused(&["session", "watch", "ses_01m82gge0wfpnrq0y26svfhg6c"], "not_found");
    server.end();
}

#[tokio::test]
async fn a_watch_of_all_goes_on_until_it_is_interrupted_or_the_server_ends() {
    for interrupted in [true, false] {
        let server = Server::start();
        let mut command = vetd(&["session", "watch", "--data"]);
        command.arg(server.data());
        let mut all = Program::start(command);
        // A session made before the watch has begun is not told: make some until one is.
        let told = std::thread::spawn(move || {
            let line = all.read_to("created");
            (all, line)
        });
        while !told.is_finished() {
            server.session(json!({})).await;
        }
        let (mut all, line) = told.join().unwrap();
        assert!(line.contains("ses_") && line.contains("#1"), "{line}");
        if interrupted {
            all.signal("INT");
            assert_eq!(all.wait().1.code(), Some(0));
            server.end();
        } else {
            server.end();
            assert_eq!(all.wait().1.code(), Some(7));
        }
    }
}
