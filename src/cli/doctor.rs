//! `vetd doctor`: what is wrong with this installation, and what to do about it.

use std::fs;
use std::os::unix::fs::{MetadataExt, PermissionsExt};
use std::path::Path;
use std::process::ExitCode;

use clap::Args;
use serde_json::Value;
use vetd_actors::{Clock, SystemClock};
use vetd_model::{Mode, Realm, Timestamp};
use vetd_storage::{OpenError, SessionQuery, SledStore, Store, StoreError, StoreOptions};

use super::finding::{Finding, Level, as_json, as_text};
use crate::admin::Client;
use crate::config::{self, CommonFlags, Settings};
use crate::failure::Failure;
use crate::{host, out, serve};

/// Descriptors that are no connections: the store's files, sockets of webhooks, the listeners.
const OTHER_FILES: u64 = 256;
/// How far the clock may be behind the newest record, in seconds.
const CLOCK_SLACK: u64 = 60;

/// The arguments of `vetd doctor`.
#[derive(Debug, Args)]
pub(super) struct DoctorArgs {
    /// Print the findings as JSON
    #[arg(long)]
    pub(super) json: bool,
    #[command(flatten)]
    flags: CommonFlags,
}

/// What is known of an installation, from the running server or from its folder.
struct Known {
    free_bytes: Option<u64>,
    reserve_bytes: u64,
    open_files: Option<u64>,
    connections: u64,
    public_url: String,
    live_workspaces: u64,
    now: u64,
    newest_session: Option<u64>,
}

/// Success is an installation without a problem; warnings do not count.
pub(super) async fn run(args: &DoctorArgs) -> Result<ExitCode, Failure> {
    let findings = match config::load(&args.flags.0) {
        Ok(settings) => examine(&settings).await,
        Err(failure) => {
            vec![Finding::problem("configuration", failure.message, "mend it; docs/configuration.md has every setting")]
        }
    };
    out::say(&if args.json { as_json(&findings) } else { as_text(&findings) })?;
    let healthy = findings.iter().all(|finding| finding.level != Level::Problem);
    Ok(if healthy { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

async fn examine(settings: &Settings) -> Vec<Finding> {
    let mut findings = vec![Finding::ok("configuration", "it can be read")];
    if !settings.data.is_dir() {
        let message = format!("there is no folder {}", settings.data.display());
        findings.push(Finding::problem(
            "data folder",
            message,
            "make it with `vetd init`, or name another with --data",
        ));
        return findings;
    }
    findings.extend(permissions(&settings.data));
    let client = Client::new(&settings.data, &settings.admin_socket_path());
    if client.is_answered().await {
        match client.get("/admin/status").await {
            Ok(status) => findings.extend(of_the_server(&status)),
            Err(failure) => {
                let advice = "look into the server's log; if it does not answer again, start it again";
                findings.push(Finding::problem("server", failure.message, advice));
            }
        }
    } else {
        findings.extend(of_the_folder(settings).await);
    }
    findings
}

/// Who else can read the data.
fn permissions(data: &Path) -> Vec<Finding> {
    let private = |path: &Path| fs::metadata(path).map(|meta| meta.permissions().mode().trailing_zeros() >= 6);
    let mut findings = Vec::new();
    for (check, path) in
        [("data folder", data.to_owned()), ("key file", data.join("keys")), ("master key", data.join("master.key"))]
    {
        let shown = path.display();
        findings.push(match private(&path) {
            Ok(true) if check == "master key" => Finding::ok(check, format!("it is in {shown}"))
                .and("keep a copy of it away from the backups: without it they cannot be read, with it anybody can"),
            Ok(true) => Finding::ok(check, format!("{shown} is its owner's alone")),
            Ok(false) => {
                let mode = if path.is_dir() { 700 } else { 600 };
                Finding::problem(check, format!("other users have rights on {shown}"), format!("chmod {mode} {shown}"))
            }
            Err(error) if error.kind() == std::io::ErrorKind::NotFound && check == "master key" => {
                Finding::ok(check, "it is not kept beside the data")
            }
            Err(error) => Finding::problem(
                check,
                format!("{shown} cannot be looked at: {error}"),
                "run this as the user that the server runs as; if the file is gone, restore a backup",
            ),
        });
    }
    findings
}

fn of_the_server(status: &Value) -> Vec<Finding> {
    let number = |name: &str| status.get(name).and_then(Value::as_u64);
    let text = |name: &str| status.get(name).and_then(Value::as_str).map(out::harmless).unwrap_or_default();
    let (version, ours) = (text("version"), env!("CARGO_PKG_VERSION"));
    let running = format!("version {version} listens on {}", text("listening"));
    let mut findings = vec![if version == ours {
        Finding::ok("server", running)
    } else {
        let advice = "start the server again to run the new version, or use the program of its version";
        Finding::warning("server", format!("{running}, but this program is version {ours}"), advice)
    }];
    findings.push(match status.get("not_ready").and_then(Value::as_str) {
        None => Finding::ok("writes", "they are accepted"),
        Some(why) => {
            let advice = "make room on the disk or see to it; the server goes on by itself";
            Finding::problem("writes", format!("they are refused: {}", out::harmless(why)), advice)
        }
    });
    let disabled = status.get("disabled_endpoints").and_then(Value::as_array).map(Vec::as_slice).unwrap_or_default();
    findings.push(if disabled.is_empty() {
        Finding::ok("webhooks", "no endpoint is disabled")
    } else {
        let names: Vec<&str> = disabled.iter().filter_map(Value::as_str).collect();
        let advice = "their receivers refused or failed for days; their owners must mend them";
        Finding::warning("webhooks", format!("disabled: {}", names.join(", ")), advice)
    });
    let known = Known {
        free_bytes: number("free_bytes"),
        reserve_bytes: number("reserve_bytes").unwrap_or_default(),
        open_files: number("open_files"),
        connections: number("connections").unwrap_or_default(),
        public_url: text("public_url"),
        live_workspaces: number("live_workspaces").unwrap_or_default(),
        now: number("now").unwrap_or_default(),
        newest_session: number("newest_session"),
    };
    findings.extend(known.findings());
    findings
}

/// Without a server the store is opened for a moment; no record in it is changed.
async fn of_the_folder(settings: &Settings) -> Vec<Finding> {
    let owner = fs::metadata(&settings.data).map(|meta| meta.uid()).ok();
    if owner.is_some_and(|owner| owner != host::user()) {
        // Files that opening makes would belong to the wrong user.
        let message = "no server answers, and the store was not opened: the data folder belongs to another user";
        return vec![Finding::warning("store", message, "run this as the user that the server runs as")];
    }
    let opened = settings.master_key().map(|master_key| {
        let options = StoreOptions { create: false, master_key, ..StoreOptions::new(&settings.data) };
        SledStore::open(options)
    });
    let store = match opened {
        Ok(Ok(store)) => store,
        Ok(Err(error @ OpenError::InUse(_))) => {
            let advice =
                "a server without this admin socket uses it: give its --admin-socket; or it is about to start or end";
            return vec![Finding::problem("server", error.to_string(), advice)];
        }
        Ok(Err(error)) => return vec![Finding::problem("store", error.to_string(), "see the message")],
        Err(failure) => return vec![Finding::problem("master key", failure.message, "see the message")],
    };
    let mut findings = vec![
        Finding::ok("server", "none runs; the store was looked at by itself"),
        Finding::ok("store", "it opens, and the master key is its own").and("`vetd audit` looks at every record"),
    ];
    match read(&store).await {
        Ok((live_workspaces, newest)) => {
            let known = Known {
                free_bytes: host::free_bytes(&settings.data),
                reserve_bytes: settings.disk_reserve.bytes(),
                open_files: host::open_files(),
                connections: settings.connections as u64,
                public_url: settings.public_url(settings.listen),
                live_workspaces,
                now: SystemClock::shifted(settings.clock_offset).now().seconds(),
                newest_session: newest.map(Timestamp::seconds),
            };
            findings.extend(known.findings());
        }
        Err(error) => findings.push(Finding::problem("store", error.to_string(), "run `vetd audit`, restore a backup")),
    }
    findings.push(of_the_pictures(settings).await);
    // It is closed by and by; who starts a server next must find the folder free.
    let _ = store.close().await;
    findings
}

/// Whether pictures can be kept: one is written, read and deleted.
async fn of_the_pictures(settings: &Settings) -> Finding {
    let advice = "see to the folder or the bucket, and to the settings that begin with media";
    let probed = match serve::store::pictures(settings) {
        Ok(pictures) => pictures.probe().await.map_err(|error| error.to_string()),
        Err(failure) => Err(failure.message),
    };
    match probed {
        Ok(()) => Finding::ok("pictures", "they can be kept"),
        Err(why) => Finding::problem("pictures", format!("they cannot be kept: {why}"), advice),
    }
}

/// How many workspaces are open for live mode, and when the newest session was made.
async fn read(store: &SledStore) -> Result<(u64, Option<Timestamp>), StoreError> {
    let (mut live, mut newest) = (0, None);
    for workspace in store.workspaces()? {
        live += u64::from(workspace.value.live_activated && !workspace.value.suspended);
        for mode in [Mode::Test, Mode::Live] {
            let realm = Realm { workspace: workspace.value.id, mode };
            let page = store.sessions(realm, SessionQuery { limit: 1, ..SessionQuery::default() }).await?;
            newest = newest.max(page.items.first().map(|session| session.created));
        }
    }
    Ok((live, newest))
}

impl Known {
    fn findings(&self) -> Vec<Finding> {
        vec![self.disk(), self.files(), self.links(), self.clock()]
    }

    fn disk(&self) -> Finding {
        const MIB: u64 = 1 << 20;
        let (reserve, advice) = (self.reserve_bytes / MIB, "make room, or move the data folder to a larger disk");
        match self.free_bytes {
            None => Finding::warning("disk", "the system does not say how much is free", "look yourself"),
            Some(free) => {
                let message = format!("{} MiB are free; writes stop below {reserve} MiB", free / MIB);
                match free {
                    free if free <= self.reserve_bytes => Finding::problem("disk", message, advice),
                    free if free < self.reserve_bytes.saturating_mul(4) => Finding::warning("disk", message, advice),
                    _ => Finding::ok("disk", message),
                }
            }
        }
    }

    fn files(&self) -> Finding {
        let needed = self.connections.saturating_add(OTHER_FILES);
        match self.open_files {
            Some(limit) if limit < needed => Finding::warning(
                "open files",
                format!("the limit is {limit}, {} connections need {needed}", self.connections),
                "raise it (ulimit -n, or LimitNOFILE= of the service), or lower --connections",
            ),
            Some(limit) => Finding::ok("open files", format!("the limit is {limit}")),
            None => Finding::ok("open files", "there is no limit"),
        }
    }

    fn links(&self) -> Finding {
        let url = &self.public_url;
        if self.live_workspaces > 0 && !url.starts_with("https://") {
            let message =
                format!("links begin with {url}, and {} workspaces are open for live mode", self.live_workspaces);
            return Finding::problem(
                "public url",
                message,
                "put a proxy with TLS before vetd and set --public-url https://…",
            );
        }
        Finding::ok("public url", format!("links begin with {url}"))
    }

    fn clock(&self) -> Finding {
        match self.newest_session {
            Some(newest) if newest > self.now.saturating_add(CLOCK_SLACK) => Finding::problem(
                "clock",
                format!("the newest session was made {} seconds from now", newest - self.now),
                "the clock was set back or is wrong; let it be set by NTP",
            ),
            _ => Finding::ok("clock", "it is not behind the newest session"),
        }
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn known() -> Known {
        Known {
            free_bytes: Some(10 << 30),
            reserve_bytes: 256 << 20,
            open_files: Some(65_536),
            connections: 4096,
            public_url: "https://verify.example.com".to_owned(),
            live_workspaces: 1,
            now: 1_763_800_000,
            newest_session: Some(1_763_800_000),
        }
    }

    fn bad(known: &Known) -> Vec<(&'static str, Level)> {
        let findings = known.findings().into_iter().filter(|finding| finding.level != Level::Ok);
        findings.map(|finding| (finding.check, finding.level)).collect()
    }

    #[test]
    fn each_ill_has_its_finding() {
        assert_eq!(bad(&known()), []);
        let full = Known { free_bytes: Some(256 << 20), ..known() };
        assert_eq!(bad(&full), [("disk", Level::Problem)]);
        let nearly = Known { free_bytes: Some(1000 << 20), ..known() };
        assert_eq!(bad(&nearly), [("disk", Level::Warning)]);
        assert_eq!(bad(&Known { open_files: Some(1024), ..known() }), [("open files", Level::Warning)]);
        let plain = Known { public_url: "http://127.0.0.1:8080".to_owned(), ..known() };
        assert_eq!(bad(&plain), [("public url", Level::Problem)]);
        assert_eq!(bad(&Known { live_workspaces: 0, ..plain }), []);
        let behind = Known { newest_session: Some(1_763_800_061), ..known() };
        assert_eq!(bad(&behind), [("clock", Level::Problem)]);
    }

    #[test]
    fn another_version_and_a_server_that_refuses_writes_are_found() {
        let status = json!({
            "version": "0.0.0", "listening": "127.0.0.1:1", "not_ready": "the disk is full",
            "free_bytes": 10_u64 << 30, "reserve_bytes": 1, "connections": 1, "disabled_endpoints": ["we_1"],
        });
        let levels: Vec<_> = of_the_server(&status).iter().map(|finding| (finding.check, finding.level)).collect();
        assert_eq!(levels[..3], [("server", Level::Warning), ("writes", Level::Problem), ("webhooks", Level::Warning)]);
    }
}
