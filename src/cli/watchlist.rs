//! `vetd watchlist`: the lists that people are looked for on.

use std::fs::File;
use std::io::Read;
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::sync::Arc;

use bytes::Bytes;
use clap::{Args, Subcommand};
use hyper::Method;
use serde_json::{Value, json};
use vetd_actors::watchlist_import::{Format, ImportError, Imported, import};
use vetd_actors::{Clock, SystemClock, WatchlistView, offline_watchlists};
use vetd_model::Timestamp;
use vetd_storage::{SledStore, StoreOptions};

use super::progress::Progress;
use super::server::{ServerArgs, items, table, text, time};
use crate::config::Settings;
use crate::failure::Failure;
use crate::http::watchlist_to_json;
use crate::out;

/// The arguments of `vetd watchlist`.
#[derive(Debug, Args)]
pub(super) struct WatchlistArgs {
    #[command(flatten)]
    pub(super) server: ServerArgs,
    #[command(subcommand)]
    verb: Verb,
}

#[derive(Debug, Subcommand)]
enum Verb {
    /// Import a list, in place of an earlier one of its name; also while no server runs
    #[command(after_help = IMPORT_HELP)]
    Import {
        /// The file; of OFAC's CSV sdn.csv, and alt.csv and add.csv behind it
        #[arg(required = true, num_args = 1..=3, value_name = "FILE")]
        files: Vec<PathBuf>,
        /// What the list is called in results: 1 to 40 of a-z, 0-9, - and _ [default: by its format]
        #[arg(long, value_name = "NAME")]
        name: Option<String>,
        /// What the file is [default: told by its beginning]
        #[arg(long, value_name = "FORMAT", value_parser = format_named)]
        format: Option<Format>,
    },
    /// List the lists that are in force
    List,
    /// Remove a list
    Remove {
        /// What it is called
        name: String,
    },
}

const IMPORT_HELP: &str = "\
Formats: ofac_xml and ofac_csv (OFAC's SDN list), un_xml (the consolidated list of the UN Security Council),
eu_xml and eu_csv (the EU's consolidated financial sanctions list 1.1), uk_csv (the UK sanctions list, or
OFSI's consolidated list), opensanctions_csv (targets.simple.csv). People are taken over; organisations,
ships and aircraft are left out. A file has at most 2 GiB, a list at most 1,000,000 people.

Where the lists may be had, and under which terms, is up to whoever publishes them; vetd fetches none.";

fn format_named(text: &str) -> Result<Format, String> {
    let known: Vec<&str> = Format::ALL.iter().map(|format| format.as_str()).collect();
    Format::parse(text).ok_or_else(|| format!("give one of {}", known.join(", ")))
}

pub(super) async fn run(args: WatchlistArgs) -> Result<ExitCode, Failure> {
    let WatchlistArgs { server, verb } = args;
    let client = server.client()?;
    let is_answered = client.is_answered().await;
    match verb {
        Verb::Import { files, name, format } => {
            let at = SystemClock::shifted(server.settings()?.clock_offset).now();
            let imported = read(&files, name.as_deref(), format, at, server.json)?;
            let filed = if is_answered {
                client.call(Method::PUT, "/admin/watchlists", Bytes::from(imported.bytes)).await?
            } else {
                let filed = offline_watchlists::file(&*open(&server.settings()?)?, &imported.bytes);
                filed.map_err(|error| Failure::store(format!("the list cannot be kept: {error}")))?;
                watchlist_to_json(&WatchlistView { facts: imported.facts, days_old: None, stale: false })
            };
            server.print(&filed, |filed| {
                let (name, entries, names) = (text(filed, "name"), text(filed, "entries"), text(filed, "names"));
                let (format, date) = (text(filed, "format"), text(filed, "date"));
                let left_out = text(filed, "left_out");
                format!("{name}: {entries} people with {names} names, {left_out} other entries left out ({format}, list of {date})")
            })?;
        }
        Verb::List => {
            let lists = if is_answered {
                client.get("/admin/watchlists").await?
            } else {
                let settings = server.settings()?;
                let now = SystemClock::shifted(settings.clock_offset).now();
                let found = offline_watchlists::all(&*open(&settings)?, settings.watchlist_max_age.duration(), now);
                let found = found.map_err(|error| Failure::store(error.to_string()))?;
                json!({ "object": "list", "data": found.iter().map(watchlist_to_json).collect::<Vec<_>>(), "has_more": false })
            };
            server.print(&lists, as_table)?;
        }
        Verb::Remove { name } => {
            let removed = if is_answered {
                client.call(Method::DELETE, &format!("/admin/watchlists/{}", segment(&name)), Bytes::new()).await?
            } else {
                remove_offline(&server.settings()?, &name)?
            };
            server.print(&removed, |removed| format!("{} is removed", text(removed, "name")))?;
        }
    }
    Ok(ExitCode::SUCCESS)
}

/// A name as it may stand in a path; what cannot be one becomes one that no list has.
fn segment(name: &str) -> &str {
    let plain = |byte: u8| byte.is_ascii_alphanumeric() || byte == b'-' || byte == b'_';
    if !name.is_empty() && name.bytes().all(plain) { name } else { "-" }
}

fn remove_offline(settings: &Settings, name: &str) -> Result<Value, Failure> {
    let removed = offline_watchlists::remove(&*open(settings)?, name);
    match removed.map_err(|error| Failure::store(format!("the list cannot be removed: {error}")))? {
        true => Ok(json!({ "object": "watchlist", "name": name, "removed": true })),
        false => Err(Failure::refused("there is no such list".to_owned(), json!({ "code": "not_found" }))),
    }
}

/// Without a server the folder is held here.
fn open(settings: &Settings) -> Result<Arc<SledStore>, Failure> {
    let master_key = settings.master_key()?;
    let options = StoreOptions { create: false, master_key, ..StoreOptions::new(&settings.data) };
    SledStore::open(options).map_err(|error| Failure::store(error.to_string()))
}

/// Reads the files, of which the server sees only what is kept.
fn read(
    files: &[PathBuf],
    name: Option<&str>,
    format: Option<Format>,
    at: Timestamp,
    quiet: bool,
) -> Result<Imported, Failure> {
    let failed =
        |path: &Path, why: &dyn std::fmt::Display| Failure::other(format!("cannot import {}: {why}", path.display()));
    let (mut opened, mut length) = (Vec::new(), 0);
    for path in files {
        let file = File::open(path).map_err(|error| failed(path, &error))?;
        length += file.metadata().map_err(|error| failed(path, &error))?.len();
        opened.push(file);
    }
    let progress = Progress::of("reading", length, quiet);
    let watched = std::cell::Cell::new(0);
    let readers = opened.into_iter().map(|file| Watched { file, read: &watched, progress: &progress }).collect();
    let imported = import(readers, format, name, at);
    progress.end();
    imported.map_err(|error| match error {
        ImportError::Name => Failure::other(error.to_string()),
        error => failed(&files[0], &error),
    })
}

/// A file that shows how far it is.
struct Watched<'a> {
    file: File,
    read: &'a std::cell::Cell<u64>,
    progress: &'a Progress,
}

impl Read for Watched<'_> {
    fn read(&mut self, to: &mut [u8]) -> std::io::Result<usize> {
        let length = self.file.read(to)?;
        self.read.set(self.read.get() + length as u64);
        self.progress.is_at(self.read.get());
        Ok(length)
    }
}

fn as_table(answer: &Value) -> String {
    if items(answer).is_empty() {
        return "no list is imported".to_owned();
    }
    let row = |list: &Value| {
        let state = if list.get("stale") == Some(&Value::Bool(true)) { "stale" } else { "fresh" };
        [
            text(list, "name"),
            text(list, "format"),
            text(list, "entries"),
            text(list, "date"),
            state.to_owned(),
            time(list, "imported"),
            out::harmless(&text(list, "sha256")),
        ]
    };
    table(["NAME", "FORMAT", "PEOPLE", "LIST OF", "STATE", "IMPORTED", "SHA-256"], items(answer).iter().map(row))
}
