//! The operator's commands against the real program: workspaces, keys, and what is said when no
//! server runs.

mod operator;
mod program;

use std::os::unix::fs::PermissionsExt;

use operator::{Server, run_on, said};
use program::{BOOTSTRAP_KEY, Program, ended, serve, vetd};
use serde_json::{Value, json};

#[test]
fn workspaces_are_made_listed_and_switched() {
    let server = Server::start();
    let made = server.json(&["workspace", "create", "acme"]);
    assert_eq!((&made["number"], &made["name"], &made["suspended"]), (&json!(2), &json!("acme"), &json!(false)));
    for (act, field, value) in
        [("activate-live", "live_activated", true), ("suspend", "suspended", true), ("resume", "suspended", false)]
    {
        for named in ["acme", "2"] {
            assert_eq!(server.json(&["workspace", act, named])[field], value, "{act}");
        }
    }
    let listed = server.json(&["workspace", "list"]);
    let names: Vec<&Value> = listed["data"].as_array().unwrap().iter().map(|workspace| &workspace["name"]).collect();
    assert_eq!(names, ["default", "acme"]);
    let table = server.run(&["workspace", "list"]);
    assert!(table.code == 0 && table.out.starts_with("NUMBER  NAME"), "{table:?}");

    for wrong in ["acme", "12", "", " a", "a\nb", &"x".repeat(101)] {
        let failure = server.refused(&["workspace", "create", wrong], "validation_error");
        assert_eq!(failure["error"]["fields"][0]["path"], "name");
    }
    for act in ["activate-live", "suspend", "resume"] {
        server.refused(&["workspace", act, "nobody"], "not_found");
    }
    assert_eq!(server.json(&["workspace", "list"]), listed, "what is refused changes nothing");
    server.end();
}

#[tokio::test]
async fn live_mode_is_reached_and_a_suspended_workspace_is_shut_out() {
    let server = Server::start();
    let live = ["key", "create", "--mode", "live", "--name", "backend"];
    server.refused(&live, "live_mode_not_activated");
    server.json(&["workspace", "activate-live", "default"]);
    let made = server.run(&live);
    let key = made.out.trim();
    assert!(made.code == 0 && key.starts_with("ak_live_") && !key.contains(char::is_whitespace), "{made:?}");
    assert!(made.err.contains("not shown again") && !made.err.contains(key), "{made:?}");

    let flow = json!({ "steps": [{ "type": "selfie" }] });
    let file = server.file("live.json", &json!({ "name": "Live", "slug": "live", "flow_config": flow }).to_string());
    server.json(&["template", "apply", "--mode", "live", "--default", "-f", file.to_str().unwrap()]);
    let (status, session) = server.call("POST", "/v1/sessions", key, json!({})).await;
    assert_eq!((status, &session["livemode"], &session["template_slug"]), (201, &json!(true), &json!("live")));

    server.json(&["workspace", "suspend", "1"]);
    for each in [key, BOOTSTRAP_KEY] {
        let (status, refused) = server.call("GET", "/v1/sessions", each, json!({})).await;
        assert_eq!((status, &refused["error"]["code"]), (403, &json!("tenant_suspended")));
    }
    server.json(&["workspace", "resume", "1"]);
    let path = format!("/v1/sessions/{}", session["id"].as_str().unwrap());
    assert_eq!(server.call("GET", &path, key, json!({})).await.0, 200);
    server.end();
}

#[tokio::test]
async fn keys_have_the_scopes_and_the_end_that_were_asked_and_can_be_revoked() {
    let server = Server::start();
    let made = server.json(&[
        "key",
        "create",
        "--workspace",
        "default",
        "--scopes",
        "read",
        "--expires-in",
        "90d",
        "--name",
        "ci",
    ]);
    let key = made["key"].as_str().unwrap();
    let lifetime = made["expires_at"].as_u64().unwrap() - made["created"].as_u64().unwrap();
    assert_eq!((&made["name"], lifetime), (&json!("ci"), 90 * 86_400));
    assert_eq!(server.call("GET", "/v1/sessions", key, json!({})).await.0, 200);
    let (status, refused) = server.call("POST", "/v1/sessions", key, json!({})).await;
    assert_eq!((status, &refused["error"]["code"]), (403, &json!("permission_denied")));

    let id = made["id"].as_str().unwrap();
    let listed = server.json(&["key", "list"]);
    let found = listed["data"].as_array().unwrap().iter().find(|each| each["id"] == id).unwrap();
    assert!(found["last_used_at"].is_u64() && found["scopes"] == json!(["read"]), "{found}");
    assert!(!listed.to_string().contains(key) && key.starts_with(found["prefix"].as_str().unwrap()));
    let table = server.run(&["key", "list"]);
    assert!(table.code == 0 && table.out.contains(id) && !table.out.contains(key), "{table:?}");
    assert_eq!(server.json(&["key", "list", "--mode", "live"])["data"], json!([]));
    let revoked = server.json(&["key", "revoke", id]);
    assert_eq!(server.call("GET", "/v1/sessions", key, json!({})).await.1["error"]["code"], "invalid_api_key");
    assert_eq!(server.json(&["key", "revoke", id])["revoked_at"], revoked["revoked_at"], "it stays as it is");

    server.refused(&["key", "revoke", "key_01m82gge0wfpnrq0y26svfhg6c"], "not_found");
    server.refused(&["key", "revoke", "../keys"], "not_found");
    server.refused(&["key", "create", "--workspace", "nobody"], "not_found");
    let failure = server.refused(&["key", "create", "--scopes", "read,everything"], "validation_error");
    assert_eq!(failure["error"]["fields"][0]["path"], "scopes");
    for wrong in ["90", "0d", "1y"] {
        assert_eq!(server.run(&["key", "create", "--expires-in", wrong]).code, 2);
    }
    server.json(&["workspace", "create", "another"]);
    let unclear = server.refused(&["key", "create"], "validation_error");
    assert_eq!(unclear["error"]["fields"][0]["path"], "workspace");
    server.end();
}

#[tokio::test]
async fn each_mode_of_a_workspace_has_its_own_rules_of_retention() {
    let server = Server::start();
    let show = ["workspace", "retention", "default"];
    let with = |more: &[&'static str]| [&show[..], more].concat();
    assert_eq!(server.run(&show).out, "\n");
    let set = server.json(&with(&["personal.completed=365", "media.failed=7", "media.completed=30"]));
    let none = Value::Null;
    let periods = |completed: u16, failed: Value| json!({ "completed": completed, "failed": failed, "requires_review": none, "canceled": none, "expired": none });
    let wanted = json!({ "media": periods(30, json!(7)), "personal": periods(365, Value::Null) });
    assert_eq!(set["retention"], wanted);
    let seen = server.call("GET", "/v1/workspace", BOOTSTRAP_KEY, json!({})).await.1;
    assert_eq!(seen["retention"], wanted);
    // What is shown can be given back, all of it at once.
    assert_eq!(server.run(&show).out, "media.completed=30\nmedia.failed=7\npersonal.completed=365\n");
    assert_eq!(server.run(&with(&["--mode", "live"])).out, "\n");
    assert_eq!(server.run(&with(&["media.failed=9"])).out, "media.failed=9\n", "no other rule is left");

    for (wrong, path) in [
        ("media.failed=0", "retention.media.failed"),
        ("media.created=1", "retention.media.created"),
        ("pictures.failed=1", "retention.pictures"),
    ] {
        let failure = server.refused(&with(&[wrong]), "validation_error");
        assert_eq!(failure["error"]["fields"][0]["path"], path);
    }
    for malformed in ["media.failed", "media=1", "media.failed=soon", "media.failed=-1"] {
        assert_eq!(server.run(&with(&[malformed])).code, 2, "{malformed}");
    }
    assert_eq!(server.run(&with(&["media.failed=1", "media.failed=2"])).code, 1);
    server.refused(&["workspace", "retention", "nobody"], "not_found");
    assert_eq!(server.run(&show).out, "media.failed=9\n", "what is refused changes nothing");
    assert_eq!(server.run(&with(&["--clear"])).out, "\n");
    server.end();
}

#[tokio::test]
async fn each_mode_of_a_workspace_has_its_own_origins() {
    let server = Server::start();
    let origins = ["workspace", "origins", "default"];
    assert_eq!(server.json(&origins)["allowed_origins"], json!([]));
    let set = [&origins[..], &["https://Shop.Example.com/", "http://localhost:3000"]].concat();
    let wanted = json!(["https://shop.example.com", "http://localhost:3000"]);
    assert_eq!(server.json(&set)["allowed_origins"], wanted);
    assert_eq!(server.run(&origins).out, "https://shop.example.com\nhttp://localhost:3000\n");
    assert_eq!(server.call("GET", "/v1/workspace", BOOTSTRAP_KEY, json!({})).await.1["allowed_origins"], wanted);
    assert_eq!(server.json(&[&origins[..], &["--mode", "live"]].concat())["allowed_origins"], json!([]));

    let plain = [&origins[..], &["--mode", "live", "http://localhost:3000"]].concat();
    let failure = server.refused(&plain, "validation_error");
    assert_eq!(failure["error"]["fields"][0]["path"], "allowed_origins.0");
    server.refused(&["workspace", "origins", "nobody"], "not_found");
    assert_eq!(server.run(&[&set[..], &["--clear"]].concat()).code, 2);
    assert_eq!(server.json(&origins)["allowed_origins"], wanted);
    assert_eq!(server.json(&[&origins[..], &["--clear"]].concat())["allowed_origins"], json!([]));
    server.end();
}

#[test]
fn without_a_server_every_command_says_so_and_what_to_do() {
    let dir = tempfile::tempdir().unwrap();
    let mut file = dir.path().to_owned();
    file.push("t.json");
    std::fs::write(&file, "{}").unwrap();
    let commands: [&[&str]; 15] = [
        &["workspace", "list"],
        &["workspace", "create", "x"],
        &["workspace", "suspend", "x"],
        &["workspace", "origins", "x"],
        &["workspace", "retention", "x"],
        &["key", "list"],
        &["key", "create"],
        &["key", "revoke", "key_01m82gge0wfpnrq0y26svfhg6c"],
        &["template", "list"],
        &["template", "export", "x"],
        &["template", "apply", "-f", file.to_str().unwrap()],
        &["session", "list"],
        &["session", "show", "ses_01m82gge0wfpnrq0y26svfhg6c"],
        &["session", "cancel", "ses_01m82gge0wfpnrq0y26svfhg6c"],
        &["session", "watch"],
    ];
    // A socket that nobody listens on any more is like none.
    for stale in [false, true] {
        if stale {
            drop(std::os::unix::net::UnixListener::bind(dir.path().join("admin.sock")).unwrap());
        }
        for command in commands {
            let said = run_on(dir.path(), command);
            assert!(said.code == 7 && said.err.contains("vetd serve") && said.err.contains("--data"), "{said:?}");
            let said = run_on(dir.path(), &[command, &["--json"]].concat());
            let failure: Value = serde_json::from_str(&said.err).unwrap();
            assert_eq!((said.code, &failure["exit_code"], said.out.as_str()), (7, &json!(7), ""));
        }
    }
}

#[test]
fn the_socket_is_the_owner_s_alone_goes_with_the_server_and_a_dead_one_is_replaced() {
    let dir = tempfile::tempdir().unwrap();
    let socket = dir.path().join("admin.sock");
    let mut server = Program::start(serve(dir.path()));
    server.address();
    assert_eq!(std::fs::metadata(&socket).unwrap().permissions().mode() & 0o777, 0o600);
    assert_eq!(run_on(dir.path(), &["workspace", "list"]).code, 0);
    server.kill();
    assert!(socket.exists());
    assert_eq!(run_on(dir.path(), &["workspace", "list"]).code, 7);

    let mut server = Program::start(serve(dir.path()));
    server.address();
    assert_eq!(run_on(dir.path(), &["workspace", "list"]).code, 0);
    assert_eq!(server.end("TERM").1.code(), Some(0));
    assert!(!socket.exists());
}

#[test]
fn the_socket_can_be_elsewhere_and_too_long_a_path_is_refused_before_anything_is_made() {
    let dir = tempfile::tempdir().unwrap();
    let deep = dir.path().join("d".repeat(120));
    let (code, said_so) = ended(serve(&deep));
    assert!(code == Some(3) && said_so.contains("--admin-socket"), "{code:?} {said_so}");
    assert!(!deep.exists());

    let socket = dir.path().join("s");
    let mut command = serve(&deep);
    command.arg("--admin-socket").arg(&socket);
    let mut server = Program::start(command);
    server.address();
    let mut list = vetd(&["workspace", "list"]);
    list.env("VETD_ADMIN_SOCKET", &socket);
    assert_eq!(said(&list.output().unwrap()).code, 0);

    // Another server must not take a socket that is in use.
    let mut command = serve(&dir.path().join("other"));
    command.arg("--admin-socket").arg(&socket);
    let (code, said_so) = ended(command);
    assert!(code == Some(5) && said_so.contains("another server"), "{code:?} {said_so}");
    assert_eq!(server.end("TERM").1.code(), Some(0));
}

#[test]
fn completions_know_the_commands() {
    for shell in ["bash", "zsh", "fish", "elvish", "powershell"] {
        let said = said(&vetd(&["completions", shell]).output().unwrap());
        assert!(said.code == 0 && said.out.contains("activate-live"), "{shell}");
    }
    assert_eq!(said(&vetd(&["completions", "cobol"]).output().unwrap()).code, 2);
}
