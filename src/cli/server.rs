//! What all commands share that speak to a running server: which one, which workspace and mode,
//! and how the answer is printed.

use clap::{Arg, ArgAction, ArgMatches, Args, Command, FromArgMatches, ValueEnum};
use serde_json::{Value, json};
use url::form_urlencoded;
use vetd_model::Timestamp;
use vetd_model::date::Date;

use crate::admin::Client;
use crate::config::{self, CommonFlags, Settings};
use crate::failure::Failure;
use crate::out;

/// The flag for scripts.
const JSON: &str = "json";
/// The most items on one page of the server's.
const PAGE: usize = 100;

/// Which server, and for whom the answer is. These flags stand before or behind the verb.
#[derive(Debug, Clone)]
pub(super) struct ServerArgs {
    flags: CommonFlags,
    pub(super) json: bool,
}

impl ServerArgs {
    /// The settings in force.
    pub(super) fn settings(&self) -> Result<Settings, Failure> {
        config::load(&self.flags.0)
    }

    /// Speaks to the server.
    pub(super) fn client(&self) -> Result<Client, Failure> {
        let settings = self.settings()?;
        Ok(Client::new(&settings.data, &settings.admin_socket_path()))
    }

    /// Prints an answer of the server: as it is, or as `text` says it to people.
    pub(super) fn print(&self, answer: &Value, text: impl FnOnce(&Value) -> String) -> Result<(), Failure> {
        out::say(&if self.json { answer.to_string() } else { text(answer) })
    }
}

impl Args for ServerArgs {
    fn augment_args(command: Command) -> Command {
        let json = Arg::new(JSON).long(JSON).action(ArgAction::SetTrue).help("Print JSON, also for a failure");
        CommonFlags::augment_args(command).arg(json).mut_args(|argument| argument.global(true))
    }

    fn augment_args_for_update(command: Command) -> Command {
        Self::augment_args(command)
    }
}

impl FromArgMatches for ServerArgs {
    fn from_arg_matches(matches: &ArgMatches) -> Result<Self, clap::Error> {
        Ok(Self { flags: CommonFlags::from_arg_matches(matches)?, json: matches.get_flag(JSON) })
    }

    fn update_from_arg_matches(&mut self, matches: &ArgMatches) -> Result<(), clap::Error> {
        *self = Self::from_arg_matches(matches)?;
        Ok(())
    }
}

/// Test or live.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(super) enum ModeArg {
    /// For developers and their CI
    Test,
    /// Real people
    Live,
}

impl ModeArg {
    pub(super) const fn as_str(self) -> &'static str {
        match self {
            Self::Test => "test",
            Self::Live => "live",
        }
    }
}

/// One workspace in one mode.
#[derive(Debug, Clone, Args)]
pub(super) struct RealmArgs {
    /// The workspace, by number or name [default: the only one]
    #[arg(long, value_name = "WORKSPACE")]
    workspace: Option<String>,
    /// The mode [default: test, or where the identifier is found]
    #[arg(long, value_enum)]
    mode: Option<ModeArg>,
}

impl RealmArgs {
    /// A path of the admin socket with these parameters, and those of the realm.
    pub(super) fn path(&self, path: &str, more: &[(&str, &str)]) -> String {
        let mut pairs = more.to_vec();
        pairs.extend(self.workspace.as_deref().map(|workspace| ("workspace", workspace)));
        pairs.extend(self.mode.map(|mode| ("mode", mode.as_str())));
        path_with(path, &pairs)
    }
}

/// A path with parameters.
pub(super) fn path_with(path: &str, pairs: &[(&str, &str)]) -> String {
    if pairs.is_empty() {
        return path.to_owned();
    }
    let query = form_urlencoded::Serializer::new(String::new()).extend_pairs(pairs).finish();
    format!("{path}?{query}")
}

/// The items of a list that the server answered.
pub(super) fn items(answer: &Value) -> &[Value] {
    answer.get("data").and_then(Value::as_array).map(Vec::as_slice).unwrap_or_default()
}

/// Reads page after page of a list until there are `limit` items. `more` are parameters besides.
pub(super) async fn pages(
    server: &ServerArgs,
    realm: &RealmArgs,
    path: &str,
    more: &[(&str, &str)],
    limit: usize,
) -> Result<Value, Failure> {
    let client = server.client()?;
    let mut found: Vec<Value> = Vec::new();
    loop {
        let size = (limit - found.len()).min(PAGE).to_string();
        let last = found.last().map(|item| text(item, "id"));
        let mut asked = more.to_vec();
        asked.push(("limit", &size));
        asked.extend(last.as_deref().map(|last| ("starting_after", last)));
        let page = client.get(&realm.path(path, &asked)).await?;
        found.extend_from_slice(items(&page));
        let has_more = page.get("has_more").and_then(Value::as_bool).unwrap_or(false) && !items(&page).is_empty();
        if !has_more || found.len() >= limit {
            return Ok(json!({ "object": "list", "data": found, "has_more": has_more }));
        }
    }
}

/// A field as people read it; a dash for what is absent.
pub(super) fn text(value: &Value, name: &str) -> String {
    match value.get(name) {
        None | Some(Value::Null) => "-".to_owned(),
        Some(Value::String(text)) => out::harmless(text),
        Some(Value::Bool(yes)) => if *yes { "yes" } else { "no" }.to_owned(),
        Some(other) => out::harmless(&other.to_string()),
    }
}

/// A field that is a time in unix seconds, as people read it (UTC).
pub(super) fn time(value: &Value, name: &str) -> String {
    value.get(name).and_then(Value::as_u64).map_or_else(|| "-".to_owned(), moment)
}

/// The mode of what says `livemode`.
pub(super) fn mode(value: &Value) -> &'static str {
    if value.get("livemode").and_then(Value::as_bool).unwrap_or(false) { "live" } else { "test" }
}

/// Date and time of day in UTC.
pub(super) fn moment(seconds: u64) -> String {
    let date = Date::of(Timestamp::from_seconds(seconds)).map_or_else(|| "-".to_owned(), |date| date.to_string());
    let second = seconds % 86_400;
    format!("{date} {:02}:{:02}:{:02}", second / 3600, second / 60 % 60, second % 60)
}

/// Columns under their names.
pub(super) fn table<const N: usize>(names: [&str; N], rows: impl IntoIterator<Item = [String; N]>) -> String {
    let mut lines = vec![names.map(str::to_owned)];
    lines.extend(rows);
    let width = |column: usize| lines.iter().map(|line| line[column].chars().count()).max().unwrap_or_default();
    let widths: [usize; N] = std::array::from_fn(width);
    let line = |cells: &[String; N]| {
        let cells: Vec<String> = cells.iter().zip(widths).map(|(cell, width)| format!("{cell:<width$}")).collect();
        cells.join("  ").trim_end().to_owned()
    };
    lines.iter().map(line).collect::<Vec<_>>().join("\n")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn columns_are_as_wide_as_their_widest_cell() {
        let rows = [["1".to_owned(), "acme".to_owned()], ["12".to_owned(), "x".to_owned()]];
        assert_eq!(table(["NO", "NAME"], rows), "NO  NAME\n1   acme\n12  x");
    }

    #[test]
    fn times_are_in_utc() {
        assert_eq!(moment(1_763_800_000), "2025-11-22 08:26:40");
    }

    #[test]
    fn names_are_encoded() {
        let realm = RealmArgs { workspace: Some("a & b/c".to_owned()), mode: Some(ModeArg::Live) };
        assert_eq!(realm.path("/x", &[("slug", "s")]), "/x?slug=s&workspace=a+%26+b%2Fc&mode=live");
    }
}
