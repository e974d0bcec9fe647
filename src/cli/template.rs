//! `vetd template`: templates kept as files, beside the code of whoever uses them.

use std::fs;
use std::io::{self, Read};
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use bytes::Bytes;
use clap::{Args, Subcommand};
use hyper::Method;
use serde_json::Value;

use super::server::{RealmArgs, ServerArgs, items, table, text, time};
use crate::failure::Failure;
use crate::out;

/// The largest file that is read, in bytes: more than the server takes.
const FILE_LIMIT: u64 = 1 << 20;

/// The arguments of `vetd template`.
#[derive(Debug, Args)]
pub(super) struct TemplateArgs {
    #[command(flatten)]
    pub(super) server: ServerArgs,
    #[command(subcommand)]
    verb: Verb,
}

#[derive(Debug, Subcommand)]
enum Verb {
    /// Make a template, or make it what the file says; what is unchanged stays as it is
    #[command(after_help = FILE_HELP)]
    Apply {
        /// A .json or .toml file; - reads JSON from standard input
        #[arg(short, long, value_name = "FILE")]
        file: PathBuf,
        /// Publish it, so that new sessions take it
        #[arg(long)]
        publish: bool,
        /// Publish it, and let sessions take it that name no template
        #[arg(long)]
        default: bool,
        #[command(flatten)]
        realm: RealmArgs,
    },
    /// Print a template as `apply` takes it
    Export {
        /// Its slug
        slug: String,
        /// A published version [default: the draft]
        #[arg(long, value_name = "NUMBER", value_parser = clap::value_parser!(u32).range(1..))]
        version: Option<u32>,
        #[command(flatten)]
        realm: RealmArgs,
    },
    /// List all templates
    List {
        #[command(flatten)]
        realm: RealmArgs,
    },
}

const FILE_HELP: &str = "\
The file holds `name`, `slug` and `flow_config`, as POST /v1/templates takes them, and may hold
`publish` and `default` (true or false), which the flags overrule. The slug says which template it is.";

pub(super) async fn run(args: TemplateArgs) -> Result<ExitCode, Failure> {
    let TemplateArgs { server, verb } = args;
    match verb {
        Verb::Apply { file, publish, default, realm } => {
            let body = read(&file)?;
            let mut flags = Vec::new();
            flags.extend(publish.then_some(("publish", "true")));
            flags.extend(default.then_some(("default", "true")));
            let done = server.client()?.call(Method::PUT, &realm.path("/admin/templates", &flags), body).await?;
            server.print(&done, what_changed)?;
        }
        Verb::Export { slug, version, realm } => {
            let version = version.map(|number| number.to_string());
            let mut asked = vec![("slug", slug.as_str())];
            asked.extend(version.as_deref().map(|number| ("version", number)));
            let found = server.client()?.get(&realm.path("/admin/templates/export", &asked)).await?;
            server.print(&found, |found| serde_json::to_string_pretty(found).unwrap_or_default())?;
        }
        Verb::List { realm } => {
            let found = server.client()?.get(&realm.path("/admin/templates", &[])).await?;
            server.print(&found, as_table)?;
        }
    }
    Ok(ExitCode::SUCCESS)
}

/// The file as JSON. What is in it is the server's to judge.
fn read(file: &Path) -> Result<Bytes, Failure> {
    let failed = |why: &str| Failure::other(format!("cannot read {}: {why}", file.display()));
    if file == Path::new("-") {
        let mut bytes = Vec::new();
        let read = io::stdin().lock().take(FILE_LIMIT).read_to_end(&mut bytes);
        read.map_err(|error| failed(&error.to_string()))?;
        return Ok(Bytes::from(bytes));
    }
    let extension = file.extension().and_then(|extension| extension.to_str()).unwrap_or_default();
    if !matches!(extension, "json" | "toml") {
        return Err(failed("its name must end in .json or .toml"));
    }
    let mut bytes = Vec::new();
    let opened = fs::File::open(file).and_then(|opened| opened.take(FILE_LIMIT).read_to_end(&mut bytes));
    opened.map_err(|error| failed(&error.to_string()))?;
    if extension == "json" {
        return Ok(Bytes::from(bytes));
    }
    let text = String::from_utf8(bytes).map_err(|_| failed("it is not UTF-8"))?;
    let value: Value = toml::from_str(&text).map_err(|error| failed(&format!("it is not TOML: {error}")))?;
    Ok(Bytes::from(value.to_string()))
}

fn what_changed(done: &Value) -> String {
    let changes: Vec<&str> =
        done.get("changes").and_then(Value::as_array).into_iter().flatten().filter_map(Value::as_str).collect();
    let template = done.get("template").unwrap_or(&Value::Null);
    let published = template.get("published_version").and_then(Value::as_u64);
    let serves = published.map_or_else(
        || "not published: new sessions cannot take it yet (--publish)".to_owned(),
        |version| format!("new sessions take version {version}"),
    );
    let changes = if changes.is_empty() { "unchanged".to_owned() } else { changes.join(", ").replace('_', " ") };
    out::harmless(&format!("{}: {changes}; {serves}", text(template, "slug")))
}

fn as_table(answer: &Value) -> String {
    let row = |template: &Value| {
        ["slug", "name", "status", "published_version", "is_default"]
            .map(|name| text(template, name))
            .into_iter()
            .chain([time(template, "updated")])
            .collect::<Vec<_>>()
            .try_into()
            .unwrap_or_default()
    };
    table::<6>(["SLUG", "NAME", "STATUS", "PUBLISHED", "DEFAULT", "UPDATED"], items(answer).iter().map(row))
}
