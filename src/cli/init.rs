//! `vetd init`: a data folder, its master key, a configuration file to edit, a first workspace
//! and a first key, without starting a server.

use std::fs::{self, OpenOptions};
use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::sync::Arc;
use std::time::Duration;

use clap::Args;
use serde_json::json;
use vetd_actors::{Engine, EngineConfig, SystemClock};
use vetd_model::address::WebhookTargets;

use crate::config::{self, CommonFlags, Environment, Layers, Settings, Shape};
use crate::failure::Failure;
use crate::out;
use crate::serve::first_start::{self, Key};
use crate::serve::store;

/// The configuration file, as every command looks for it.
const FILE: &str = "vetd.toml";

/// The arguments of `vetd init`.
#[derive(Debug, Args)]
pub(super) struct InitArgs {
    /// Print JSON, also for a failure
    #[arg(long)]
    pub(super) json: bool,
    #[command(flatten)]
    flags: CommonFlags,
}

/// Makes everything that a first start makes, and the configuration file. Nothing that is there is
/// overwritten.
pub(super) async fn run(args: &InitArgs) -> Result<ExitCode, Failure> {
    let layers = Layers::gather(&args.flags.0, &Environment::of_the_process())?;
    let settings = Settings::from_layers(&layers)?;
    let data = settings.data.display();
    // The last file of a new store; without it opening decides what the folder is.
    if settings.data.join("keys").exists() {
        return Err(Failure::store(format!(
            "{data} holds a store already, and nothing was changed. Start it with `vetd serve`, or name another folder \
             with --data"
        )));
    }
    let bootstrap_key = settings.bootstrap_test_key()?;
    // The file comes first: a key that is made is then shown, whatever else fails.
    let file = match &layers.file {
        Some(file) => file.clone(),
        None => write_config(&settings.data)?,
    };
    let key = make(&settings, bootstrap_key.as_ref().map(|key| key.as_str())).await;
    if key.is_err() && layers.file.is_none() {
        // Nothing of a try that failed stays in the way of the next one.
        let _ = fs::remove_file(&file);
    }
    let key = key?;
    let beside = settings.data.join("master.key").exists();
    let secret = match &key {
        Key::Made(secret) => Some(secret.as_str()),
        Key::Adopted | Key::Known => None,
    };
    if args.json {
        out::say(
            &json!({
                "data": settings.data, "config": file, "config_made": layers.file.is_none(), "master_key_made": beside,
                "workspace": "default", "key": secret,
            })
            .to_string(),
        )?;
        return Ok(ExitCode::SUCCESS);
    }
    if let Some(secret) = secret {
        out::say(secret)?;
    }
    let made = if layers.file.is_some() { "left as it is" } else { "made, to be edited" };
    let master_key =
        if beside { format!("{data}/master.key (keep a copy elsewhere)") } else { "VETD_MASTER_KEY".to_owned() };
    let shown = if secret.is_some() { "printed above, this once" } else { "the one in VETD_BOOTSTRAP_TEST_KEY" };
    out::complain(&format!(
        "data folder    {data}\nmaster key     {master_key}\nconfiguration  {} ({made})\nworkspace      default\n\
         test key       {shown}\n\nStart it with `vetd serve`.",
        file.display()
    ));
    Ok(ExitCode::SUCCESS)
}

/// The store, with its first workspace and key in it.
async fn make(settings: &Settings, bootstrap_key: Option<&str>) -> Result<Key, Failure> {
    let store = store::open(settings).await?;
    let config = EngineConfig {
        shards: 1,
        resident_limit: 1,
        check_threads: 1,
        faces: None,
        pages: None,
        public_url: String::new(),
        webhook_targets: WebhookTargets::default(),
        keep_events: settings.event_retention.duration(),
        keep_audit_log: settings.audit_retention.duration(),
        chip_trust: Arc::default(),
        watchlist_max_age: settings.watchlist_max_age.duration(),
        on_fatal: None,
    };
    let clock = Arc::new(SystemClock::shifted(settings.clock_offset));
    let engine = Engine::start(store, store::pictures(settings)?, clock, config).await;
    let engine = engine.map_err(|error| Failure::store(format!("the new store cannot be used: {error}")))?;
    let key = first_start::prepare(&engine, false, bootstrap_key).await;
    engine.shutdown(Duration::from_secs(10)).await;
    key
}

/// Writes the configuration file into the working directory: every setting, commented out, but for
/// the data folder.
fn write_config(data: &Path) -> Result<PathBuf, Failure> {
    let path = PathBuf::from(FILE);
    let failed = |error: std::io::Error| {
        Failure::other(format!("cannot write {FILE} into the working directory: {error}. Nothing was made"))
    };
    let mut file = OpenOptions::new().write(true).create_new(true).open(&path).map_err(failed)?;
    file.write_all(config_text(data).as_bytes()).and_then(|()| file.sync_all()).map_err(failed)?;
    Ok(path)
}

fn config_text(data: &Path) -> String {
    let mut text = "# vetd's settings. A flag wins over a variable, a variable over this file, this file over the\n\
                    # default. `vetd config` shows what is in force. Secrets do not belong here.\n"
        .to_owned();
    let mut group = "";
    for setting in config::all().iter().filter(|setting| setting.shape != Shape::Secret && !setting.hidden) {
        if setting.group != group {
            group = setting.group;
            text.push_str(&format!("\n# --- {group} ---\n"));
        }
        text.push_str(&format!("\n# {}\n", setting.about));
        let quoted = |value: &str| match setting.shape {
            Shape::Text | Shape::Path | Shape::Secret => toml::Value::from(value).to_string(),
            Shape::Number | Shape::Switch => value.to_owned(),
            Shape::List => toml::Value::from(config::items(value).collect::<Vec<_>>()).to_string(),
        };
        let name = setting.name;
        text.push_str(&match (name, setting.default) {
            ("data", _) => format!("data = {}\n", quoted(&data.to_string_lossy())),
            (_, Some(default)) => format!("# {name} = {}\n", quoted(default)),
            (_, None) => format!("# {name} =    (without it: {})\n", setting.otherwise),
        });
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_file_is_toml_that_sets_the_data_folder_alone() {
        let text = config_text(Path::new("/var/lib/ve\"td"));
        let parsed: toml::Table = toml::from_str(&text).unwrap();
        assert_eq!(parsed.len(), 1);
        assert_eq!(parsed["data"].as_str(), Some("/var/lib/ve\"td"));
        assert!(text.contains("# cache = 64\n") && text.contains("# log = \"info\"\n"), "{text}");
        assert!(!text.contains("master_key =") && !text.contains("clock_offset"), "{text}");
    }
}
