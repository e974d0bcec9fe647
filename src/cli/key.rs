//! `vetd key`: API keys, made and revoked by the operator.

use std::process::ExitCode;

use bytes::Bytes;
use clap::{Args, Subcommand};
use hyper::Method;
use serde_json::{Value, json};

use super::server::{RealmArgs, ServerArgs, items, mode, table, text, time};
use crate::failure::Failure;
use crate::out;

/// The arguments of `vetd key`.
#[derive(Debug, Args)]
pub(super) struct KeyArgs {
    #[command(flatten)]
    pub(super) server: ServerArgs,
    #[command(subcommand)]
    verb: Verb,
}

#[derive(Debug, Subcommand)]
enum Verb {
    /// Make an API key and print it, this once, alone on standard output
    Create {
        #[command(flatten)]
        realm: RealmArgs,
        /// What to call it in lists
        #[arg(long, value_name = "NAME", default_value = "made by the operator")]
        name: String,
        /// What it may do
        #[arg(long, value_name = "SCOPES", value_delimiter = ',', default_value = "read,write,review")]
        scopes: Vec<String>,
        /// When it ends by itself: a number with s, m, h, d or w behind it [default: never]
        #[arg(long, value_name = "TIME", value_parser = seconds)]
        expires_in: Option<u64>,
    },
    /// List all keys, those that open nothing any more included
    List {
        #[command(flatten)]
        realm: RealmArgs,
    },
    /// Revoke a key: it opens nothing from here on
    Revoke {
        /// The key's identifier (key_…)
        id: String,
        #[command(flatten)]
        realm: RealmArgs,
    },
}

pub(super) async fn run(args: KeyArgs) -> Result<ExitCode, Failure> {
    let KeyArgs { server, verb } = args;
    match verb {
        Verb::Create { realm, name, scopes, expires_in } => {
            let body = json!({ "name": name, "scopes": scopes, "expires_in": expires_in }).to_string();
            let made = server.client()?.call(Method::POST, &realm.path("/admin/keys", &[]), Bytes::from(body)).await?;
            server.print(&made, |made| text(made, "key")).map_err(|failure| {
                Failure::other(format!("{failure}; the key {} was made and not shown: revoke it", text(&made, "id")))
            })?;
            if !server.json {
                out::complain(&about(&made));
            }
        }
        Verb::List { realm } => {
            let found = server.client()?.get(&realm.path("/admin/keys", &[])).await?;
            server.print(&found, as_table)?;
        }
        Verb::Revoke { id, realm } => {
            let path = realm.path(&format!("/admin/keys/{}/revoke", segment(&id)?), &[]);
            let revoked = server.client()?.call(Method::POST, &path, Bytes::new()).await?;
            server.print(&revoked, |key| format!("{} revoked at {}", text(key, "id"), time(key, "revoked_at")))?;
        }
    }
    Ok(ExitCode::SUCCESS)
}

fn as_table(answer: &Value) -> String {
    let row = |key: &Value| {
        let scopes = key.get("scopes").and_then(Value::as_array).into_iter().flatten().filter_map(Value::as_str);
        [
            text(key, "id"),
            text(key, "workspace"),
            mode(key).to_owned(),
            text(key, "prefix"),
            text(key, "name"),
            scopes.collect::<Vec<_>>().join(","),
            time(key, "last_used_at"),
            time(key, "expires_at"),
            time(key, "revoked_at"),
        ]
    };
    let names = ["KEY", "WORKSPACE", "MODE", "PREFIX", "NAME", "SCOPES", "LAST USED", "ENDS", "REVOKED"];
    table(names, items(answer).iter().map(row))
}

/// What a made key is, without itself.
fn about(key: &Value) -> String {
    let end = match time(key, "expires_at").as_str() {
        "-" => "it does not end by itself".to_owned(),
        end => format!("it ends at {end} UTC"),
    };
    let workspace = text(key, "workspace");
    format!("{} of workspace {workspace}, {} mode; {end}. It is not shown again.", text(key, "id"), mode(key))
}

/// An identifier that can stand in a path.
pub(super) fn segment(id: &str) -> Result<&str, Failure> {
    let plain = |byte: u8| byte.is_ascii_alphanumeric() || byte == b'_';
    let fits = !id.is_empty() && id.bytes().all(plain);
    fits.then_some(id).ok_or_else(|| {
        Failure::refused(format!("{} is not an identifier", out::harmless(id)), json!({ "code": "not_found" }))
    })
}

/// A length of time in seconds.
fn seconds(text: &str) -> Result<u64, String> {
    let units = [('s', 1), ('m', 60), ('h', 3600), ('d', 86_400), ('w', 604_800)];
    let read = |(unit, factor): (char, u64)| text.strip_suffix(unit)?.parse::<u64>().ok()?.checked_mul(factor);
    let found = units.into_iter().find_map(read).filter(|seconds| *seconds > 0);
    found.ok_or_else(|| "give a number with s, m, h, d or w behind it, such as 90d".to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lengths_of_time_have_a_unit() {
        for (text, expected) in [("45s", 45), ("30m", 1800), ("12h", 43_200), ("90d", 7_776_000), ("2w", 1_209_600)] {
            assert_eq!(seconds(text), Ok(expected));
        }
        for wrong in ["", "90", "d", "-1d", "0d", "1.5d", "1y", "99999999999999999999w"] {
            assert!(seconds(wrong).is_err(), "{wrong}");
        }
    }
}
