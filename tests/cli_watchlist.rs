//! `vetd watchlist` against the real program, with a server and without one, and what a session's check
//! says of the lists.
#![expect(clippy::unwrap_used, reason = "a test fails where it unwraps")]

mod operator;
mod program;

use std::fs;
use std::path::Path;

use operator::{Server, run_on};
use program::{BOOTSTRAP_KEY, Program, serve_with_key, vetd};
use serde_json::{Value, json};

const LIST: &str = "id,schema,name,aliases,birth_date,countries,last_seen\n\
    Q101,Person,Ivan Testov,Iwan Testoff,1960-02-01,ru,2025-11-21\n\
    Q102,Company,Sons,,,,2025-11-21\n";
const OTHER: &str = r#"<CONSOLIDATED_LIST dateGenerated="2025-11-20T00:00:00"><INDIVIDUALS><INDIVIDUAL><DATAID>7</DATAID>
    <FIRST_NAME>OLGA</FIRST_NAME><SECOND_NAME>BEISPIEL</SECOND_NAME></INDIVIDUAL></INDIVIDUALS></CONSOLIDATED_LIST>"#;

/// A flow that compares what is typed with the lists.
fn flow() -> Value {
    json!({
        "steps": [{ "type": "data_entry", "fields": [
            { "name": "first_name", "type": "string", "required": true },
            { "name": "last_name", "type": "string", "required": true },
        ] }],
        "checks": [{ "type": "watchlist" }],
    })
}

/// Sends a person through a session of that flow; the verification at its end.
async fn verified(server: &Server, first_name: &str, last_name: &str) -> Value {
    let session = server.session(json!({ "template_slug": "screening" })).await;
    let token = session["sdk_token"].as_str().unwrap();
    let fields = json!({ "fields": { "first_name": first_name, "last_name": last_name } });
    server.call("POST", "/iframe/api/load", token, json!({})).await;
    let (status, answer) = server.call("POST", "/iframe/api/steps/data_entry", token, fields).await;
    assert_eq!(status, 200, "{answer}");
    let path = format!("/v1/verifications/{}", session["verification_id"].as_str().unwrap());
    loop {
        let (_, found) = server.call("GET", &path, BOOTSTRAP_KEY, json!({})).await;
        if found["status"] != "in_progress" {
            return found;
        }
        tokio::task::yield_now().await;
    }
}

async fn publish(server: &Server) {
    let template = json!({ "name": "Screening", "slug": "screening", "flow_config": flow() });
    let (status, made) = server.call("POST", "/v1/templates", BOOTSTRAP_KEY, template).await;
    assert_eq!(status, 201, "{made}");
    let path = format!("/v1/templates/{}/publish", made["id"].as_str().unwrap());
    assert_eq!(server.call("POST", &path, BOOTSTRAP_KEY, json!({})).await.0, 200);
}

#[tokio::test]
async fn a_hit_is_reviewed_and_lists_change_while_the_server_runs() {
    let server = Server::start();
    publish(&server).await;
    let before = verified(&server, "Ivan", "Testov").await;
    assert_eq!(
        (&before["status"], &before["last_error"]["code"]),
        (&json!("requires_review"), &json!("watchlist_unavailable"))
    );

    let file = server.file("targets.simple.csv", LIST);
    let file = file.to_str().unwrap();
    let made = server.json(&["watchlist", "import", file]);
    assert_eq!(
        (&made["name"], &made["entries"], &made["left_out"]),
        (&json!("opensanctions"), &json!(1), &json!(1)),
        "{made}"
    );
    let sum = std::process::Command::new("sha256sum").arg(file).output().unwrap();
    assert!(String::from_utf8(sum.stdout).unwrap().starts_with(made["sha256"].as_str().unwrap()));

    let hit = verified(&server, "Iwan", "Testov").await;
    assert_eq!((&hit["status"], &hit["last_error"]["code"]), (&json!("requires_review"), &json!("watchlist_match")));
    let details = &hit["checks"][0]["details"];
    assert_eq!((&details["matches"][0]["entry"], &details["matches"][0]["sha256"]), (&json!("Q101"), &made["sha256"]));
    assert!(!details.to_string().contains("Testov"), "{details}");
    let review = json!({ "decision": "approved", "reason": "another person" });
    let path = format!("/v1/verifications/{}/review", hit["id"].as_str().unwrap());
    let (status, reviewed) = server.call("POST", &path, BOOTSTRAP_KEY, review).await;
    assert_eq!((status, &reviewed["status"]), (200, &json!("completed")));

    let other = verified(&server, "Anna Maria", "Eriksson").await;
    assert_eq!(
        (&other["status"], &other["checks"][0]["details"]["lists"][0]["date"]),
        (&json!("completed"), &json!("2025-11-21"))
    );

    let log = server.json(&["audit-log"]);
    let actions: Vec<&str> =
        log["data"].as_array().unwrap().iter().map(|entry| entry["action"].as_str().unwrap()).collect();
    assert!(actions.contains(&"watchlist.imported"), "{log}");

    assert_eq!(server.json(&["watchlist", "remove", "opensanctions"])["removed"], true);
    server.refused(&["watchlist", "remove", "opensanctions"], "not_found");
    server.refused(&["watchlist", "remove", "../keys"], "not_found");
    assert_eq!(server.json(&["watchlist", "list"])["data"], json!([]));
    let after = verified(&server, "Iwan", "Testov").await;
    assert_eq!(after["last_error"]["code"], "watchlist_unavailable");
    server.end();
}

#[tokio::test]
async fn lists_outlive_the_server_and_travel_with_backups() {
    let server = Server::start();
    let list = server.file("list.csv", LIST);
    let other = server.file("other.xml", OTHER);
    server.json(&["watchlist", "import", list.to_str().unwrap(), "--name", "mine"]);
    let Server { dir, program, .. } = server;
    assert_eq!(program.end("TERM").1.code(), Some(0));

    // Without a server.
    let said = run_on(dir.path(), &["watchlist", "import", other.to_str().unwrap()]);
    assert!(said.code == 0 && said.out.starts_with("un: 1 people with 1 names"), "{said:?}");
    let shown = run_on(dir.path(), &["watchlist", "list"]);
    assert!(
        shown.out.contains("mine") && shown.out.contains("opensanctions_csv") && shown.out.contains("2025-11-20"),
        "{shown:?}"
    );

    let (backup, restored) = (dir.path().join("backup"), dir.path().join("restored"));
    let taken = run_on(dir.path(), &["backup", "--to", backup.to_str().unwrap()]);
    assert_eq!(taken.code, 0, "{taken:?}");
    let mut command = vetd(&["restore", "--from", backup.to_str().unwrap(), "--to", restored.to_str().unwrap()]);
    command.arg("--master-key-file").arg(dir.path().join("master.key"));
    assert!(command.output().unwrap().status.success());
    fs::copy(dir.path().join("master.key"), restored.join("master.key")).unwrap();

    let mut program = Program::start(serve_with_key(&restored));
    program.address();
    let names = |data: &Path| -> Vec<String> {
        let said = run_on(data, &["watchlist", "list", "--json"]);
        let answer: Value = serde_json::from_str(&said.out).unwrap();
        answer["data"].as_array().unwrap().iter().map(|list| list["name"].as_str().unwrap().to_owned()).collect()
    };
    assert_eq!(names(&restored), ["mine", "un"]);
    assert_eq!(program.end("TERM").1.code(), Some(0));
    let removed = run_on(&restored, &["watchlist", "remove", "mine"]);
    assert_eq!((removed.code, names(&restored)), (0, vec!["un".to_owned()]));
    assert_eq!(run_on(&restored, &["watchlist", "remove", "mine"]).code, 8);
}

#[test]
fn what_is_no_list_is_refused_and_changes_nothing() {
    let server = Server::start();
    for (name, text, why) in [
        ("a.csv", "a,b,c\n1,2,3\n", "no format"),
        ("b.xml", "<sdnList><sdnEntry>", "damaged"),
        ("c.csv", "id,schema,name,aliases,birth_date,countries\nQ1,Company,Sons,,,\n", "no person"),
    ] {
        let file = server.file(name, text);
        let said = server.run(&["watchlist", "import", file.to_str().unwrap()]);
        assert!(said.code == 1 && said.err.contains(why) && said.out.is_empty(), "{said:?}");
    }
    let file = server.file("d.csv", LIST);
    let named = server.run(&["watchlist", "import", file.to_str().unwrap(), "--name", "../keys"]);
    assert!(named.code == 1 && named.err.contains("a-z"), "{named:?}");
    assert_eq!(server.run(&["watchlist", "import", "absent.csv"]).code, 1);
    assert_eq!(server.json(&["watchlist", "list"])["data"], json!([]));
    server.end();
}

#[tokio::test]
async fn a_damaged_list_clears_nobody() {
    let server = Server::start();
    publish(&server).await;
    let list = server.file("list.csv", LIST);
    server.json(&["watchlist", "import", list.to_str().unwrap(), "--name", "mine"]);
    let Server { dir, program, .. } = server;
    program.end("TERM");
    let path = dir.path().join("imported/watchlists/mine");
    let mut bytes = fs::read(&path).unwrap();
    bytes[40] ^= 1;
    fs::write(&path, bytes).unwrap();
    let mut program = Program::start(serve_with_key(dir.path()));
    let server = Server { address: program.address(), dir, program };
    let found = verified(&server, "Anna Maria", "Eriksson").await;
    assert_eq!(
        (&found["status"], &found["last_error"]["code"]),
        (&json!("requires_review"), &json!("watchlist_unavailable"))
    );
    assert_eq!(found["checks"][0]["details"]["unreadable"], json!(["mine"]));
    let list = server.file("list.csv", LIST);
    server.json(&["watchlist", "import", list.to_str().unwrap(), "--name", "mine"]);
    assert_eq!(verified(&server, "Anna Maria", "Eriksson").await["status"], "completed");
    server.end();
}
