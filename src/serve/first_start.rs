//! What the first start makes, and what each start tells the person who made it.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::path::Path;

use vetd_actors::{Engine, EngineError, NewKey};
use vetd_model::workspace::Scopes;
use vetd_model::{Mode, Realm, WorkspaceId};

use crate::failure::Failure;
use crate::http::Demo;

/// What there is to say about API keys.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Key {
    /// This one was made now; it is shown once.
    Made(String),
    /// The one in `VETD_BOOTSTRAP_TEST_KEY` opens the first workspace.
    Adopted,
    /// There are keys, and nothing to say about them.
    Known,
}

/// Makes the first workspace and the first key where they are missing. `has_keys` is whether the
/// store held any key when it was opened: a first start that was interrupted between the two is
/// completed by the next.
///
/// # Errors
/// The store's.
pub async fn prepare(engine: &Engine, has_keys: bool, bootstrap_key: Option<&str>) -> Result<Key, Failure> {
    let workspace = match engine.workspaces().first() {
        Some(workspace) => workspace.id,
        None => engine.create_workspace("default").await.map_err(failed)?.id,
    };
    if let Some(key) = bootstrap_key {
        engine.adopt_key(key, first_key(workspace, "VETD_BOOTSTRAP_TEST_KEY")).await.map_err(failed)?;
        return Ok(Key::Adopted);
    }
    if has_keys {
        return Ok(Key::Known);
    }
    let (key, _) = engine.create_key(first_key(workspace, "first key")).await.map_err(failed)?;
    Ok(Key::Made(key))
}

fn first_key(workspace: WorkspaceId, name: &str) -> NewKey {
    let realm = Realm { workspace, mode: Mode::Test };
    NewKey { realm, name: name.to_owned(), scopes: Scopes::ALL, expires_at: None }
}

#[expect(clippy::needless_pass_by_value, reason = "it is handed to map_err")]
fn failed(error: EngineError) -> Failure {
    Failure::store(format!("the first workspace and its key could not be made: {error}"))
}

/// What is printed once vetd is ready.
#[must_use]
pub fn banner(listening: SocketAddr, metrics: Option<SocketAddr>, demo: Demo, data: &Path, key: &Key) -> String {
    let here = reachable(listening);
    let program = std::env::args().next().unwrap_or_else(|| "vetd".to_owned());
    let version = env!("CARGO_PKG_VERSION");
    let data = data.display();
    let metrics = metrics.map_or_else(String::new, |at| format!("\n  metrics       http://{at}/metrics"));
    let webhooks = if listening.ip().is_loopback() {
        "\n  webhooks      in test mode also to loopback, over http too, because vetd listens there itself"
    } else {
        ""
    };
    let in_browser = match demo {
        Demo::Off => "by hand:\n\n  ".to_owned(),
        Demo::Loopback | Demo::Everyone => format!("in your browser:\n\n  {here}/demo\n\nor by hand:\n\n  "),
    };
    let demo = match demo {
        Demo::Off => String::new(),
        Demo::Loopback => format!("\n  demo          {here}/demo, for this machine alone"),
        Demo::Everyone => format!("\n  demo          {here}/demo, for everyone: it makes test sessions without a key"),
    };
    let start =
        format!("vetd {version}\n  listening on  http://{listening}{metrics}\n  data folder   {data}{webhooks}{demo}");
    let (shown, example) = match key {
        Key::Known => return start,
        Key::Adopted => (String::new(), "$VETD_BOOTSTRAP_TEST_KEY"),
        Key::Made(key) => (
            format!("\n\nThe test API key of the workspace \"default\", shown this once; keep it:\n\n  {key}"),
            key.as_str(),
        ),
    };
    format!(
        "{start}{shown}\n\nTry next, {in_browser}\
         curl -X POST {here}/v1/sessions -H \"Authorization: Bearer {example}\" -H \"Content-Type: application/json\" -d '{{}}'\n\n\
         and, in a second terminal, see the webhooks arrive:\n\n  \
         {program} listen --url {here} --api-key {example}\n"
    )
}

/// An address at which this machine reaches itself.
fn reachable(listening: SocketAddr) -> String {
    let ip = match listening.ip() {
        IpAddr::V4(ip) if ip.is_unspecified() => IpAddr::V4(Ipv4Addr::LOCALHOST),
        IpAddr::V6(ip) if ip.is_unspecified() => IpAddr::V6(Ipv6Addr::LOCALHOST),
        ip => ip,
    };
    format!("http://{}", SocketAddr::new(ip, listening.port()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_new_key_is_shown_with_what_to_try_next() {
        let listening = "0.0.0.0:8080".parse().unwrap();
        let text = banner(listening, None, Demo::Off, Path::new("vetd-data"), &Key::Made("ak_test_abc".to_owned()));
        assert!(text.contains("listening on  http://0.0.0.0:8080"));
        assert!(text.contains("\n  ak_test_abc\n"));
        assert!(
            text.contains("curl -X POST http://127.0.0.1:8080/v1/sessions -H \"Authorization: Bearer ak_test_abc\"")
        );
    }

    #[test]
    fn a_start_on_loopback_says_that_test_webhooks_may_go_there() {
        let start = |listening: &str| banner(listening.parse().unwrap(), None, Demo::Off, Path::new("d"), &Key::Known);
        assert!(start("127.0.0.1:8080").contains("webhooks      in test mode also to loopback"));
        assert!(start("[::1]:8080").contains("webhooks"));
        assert!(!start("0.0.0.0:8080").contains("webhooks"));
    }

    #[test]
    fn the_demo_is_named_where_there_is_one() {
        let start = |demo, key: &Key| banner("127.0.0.1:8080".parse().unwrap(), None, demo, Path::new("d"), key);
        let made = Key::Made("ak_test_abc".to_owned());
        let first = start(Demo::Loopback, &made);
        assert!(first.contains("demo          http://127.0.0.1:8080/demo, for this machine alone"), "{first}");
        assert!(
            first.contains("Try next, in your browser:\n\n  http://127.0.0.1:8080/demo\n\nor by hand:\n\n  curl"),
            "{first}"
        );
        assert!(start(Demo::Everyone, &Key::Known).contains("for everyone: it makes test sessions without a key"));
        assert!(!start(Demo::Off, &Key::Known).contains("demo"));
    }

    #[test]
    fn a_known_or_adopted_key_is_not_shown() {
        let listening = "127.0.0.1:8080".parse().unwrap();
        assert_eq!(banner(listening, None, Demo::Off, Path::new("d"), &Key::Known).lines().count(), 4);
        assert!(
            banner(listening, None, Demo::Off, Path::new("d"), &Key::Adopted)
                .contains("Bearer $VETD_BOOTSTRAP_TEST_KEY")
        );
    }
}
