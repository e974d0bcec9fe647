//! Writes `docs/configuration.md`.

use std::fmt::Write;

use super::setting::{Setting, Shape};
use super::table::all;

/// What the page says before the tables.
const INTRODUCTION: &str = "\
# Configuration

<!-- Made from src/config/table.rs: cargo run -- config --reference > docs/configuration.md -->

vetd runs without any of this. Every setting is a flag, an environment variable and a key of one TOML
file; a flag wins over a variable, a variable over the file, the file over the default.
`vetd config` shows what is in force and where each value comes from.

- **The file** is the one that `--config FILE` or `VETD_CONFIG` names, else `vetd.toml` in the working
  directory if it is there. A path in it is relative to the file's own folder.
- **Secrets** come from the environment, or from a file that a setting names; never from a flag or
  from the configuration file itself.
- **An unknown key or `VETD_…` variable is an error**, and so is a value out of range: vetd names the
  setting, where the value comes from and what it takes, and ends with exit code 3. An empty variable
  counts as not set.
- A switch is turned on by its flag alone, and off by `--flag=false`. A list is written between commas,
  and in the file as a list: `[\"…\", \"…\"]`.

For example, in `/etc/vetd/vetd.toml`:

    data = \"/var/lib/vetd\"
    listen = \"127.0.0.1:8080\"
    public_url = \"https://verify.example.com\"
    log_format = \"json\"
    cache = 256 # MiB
";

/// The page.
#[must_use]
pub fn page() -> String {
    let mut page = INTRODUCTION.to_owned();
    let mut group = "";
    for setting in all() {
        if setting.group != group {
            group = setting.group;
            let _ = write!(page, "\n## {group}\n\n| key | flag | variable | default | takes | meaning |\n");
            page.push_str("| --- | --- | --- | --- | --- | --- |\n");
        }
        page.push_str(&row(setting));
    }
    page
}

fn row(setting: &Setting) -> String {
    let Setting { name, flag, variable, about, placeholder, .. } = setting;
    let (key, flag) = match setting.shape {
        Shape::Secret => (String::new(), String::new()),
        Shape::Switch => (format!("`{name}`"), format!("`--{flag}`")),
        _ => (format!("`{name}`"), format!("`--{flag} {placeholder}`")),
    };
    let default = setting.default.map_or_else(|| setting.otherwise.to_owned(), |default| format!("`{default}`"));
    let takes = match (&setting.range, setting.choices) {
        (Some(range), _) => format!("{} to {} {}", range.start(), range.end(), setting.unit()),
        (None, []) => placeholder.to_lowercase(),
        (None, choices) => choices.iter().map(|choice| format!("`{choice}`")).collect::<Vec<_>>().join(" or "),
    };
    format!("| {key} | {flag} | `{variable}` | {default} | {takes} | {about} |\n")
}
