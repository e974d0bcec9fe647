//! `docs/cli.md`, made from the definition of the command line.

use std::fmt::Write;

use clap::{Arg, Command};

use super::{EXIT_CODES, definition};
use crate::config;

/// What the page says before the commands.
const INTRODUCTION: &str = "\
# Command line

<!-- Made from the definition of the command line: cargo run -- reference > docs/cli.md -->

`vetd serve` runs the server; the other commands help to run it. `workspace`, `key`, `template`, `session`,
`audit-log`, `backup` and `doctor` speak to the running server over a local socket in its data folder (`admin.sock`), which
only the user that the server runs as, and root, may use. They find the server by its data folder: `--data`, `VETD_DATA`, or the
configuration file, like every setting ([configuration.md](configuration.md)).

`--json` prints one JSON value on standard output; a failure is then JSON too, on standard error:
`{\"exit_code\": 8, \"message\": \"…\", \"error\": {\"code\": \"not_found\", …}}`, with the server's own error
([errors.md](errors.md)) if it refused. What people read goes to standard error where standard output
holds what scripts want: `KEY=$(vetd key create --name ci)`.

`audit`, `erasure` and `restore` open a data folder themselves, which no server may use meanwhile.

What a person has typed and the tokens of sessions are shown by no command.
";

/// The page.
#[must_use]
pub fn page() -> String {
    let mut page = INTRODUCTION.to_owned();
    let _ = write!(page, "\n## Exit codes\n\n| code | meaning |\n| --- | --- |\n");
    for (code, meaning) in EXIT_CODES {
        let _ = writeln!(page, "| {code} | {meaning} |");
    }
    let mut command = definition();
    command.build();
    for each in command.get_subcommands() {
        describe(&mut page, each, 2);
    }
    page
}

fn describe(page: &mut String, command: &Command, depth: usize) {
    if command.is_hide_set() || command.get_name() == "help" {
        return;
    }
    let name = command.get_bin_name().unwrap_or_else(|| command.get_name());
    let _ = write!(page, "\n{} {name}\n\n", "#".repeat(depth));
    if let Some(about) = command.get_about() {
        let _ = writeln!(page, "{about}.");
    }
    let arguments: Vec<&Arg> = command.get_arguments().filter(|argument| is_own(argument)).collect();
    let verbs: Vec<&Command> = command.get_subcommands().filter(|verb| verb.get_name() != "help").collect();
    if verbs.is_empty() {
        let usage = command.clone().render_usage().to_string();
        let _ = write!(page, "\n    {}\n", usage.trim_start_matches("Usage: ").trim());
    }
    if verbs.is_empty() && !arguments.is_empty() {
        page.push_str("\n| argument | meaning |\n| --- | --- |\n");
        for argument in arguments {
            let help = argument.get_help().map(ToString::to_string).unwrap_or_default().replace('|', "\\|");
            let _ = writeln!(page, "| `{}` | {help} |", written(argument));
        }
    }
    if let Some(more) = command.get_after_help().filter(|_| depth > 2) {
        let _ = write!(page, "\n{more}\n");
    }
    for verb in verbs {
        describe(page, verb, depth + 1);
    }
}

/// Settings stand on their own page.
fn is_own(argument: &Arg) -> bool {
    let id = argument.get_id().as_str();
    let is_setting = id == "config" || config::all().iter().any(|setting| setting.name == id);
    !is_setting && !argument.is_hide_set() && !matches!(id, "help" | "version")
}

fn written(argument: &Arg) -> String {
    let value = argument.get_value_names().map(|names| names.join(" ")).unwrap_or_default();
    let takes = argument.get_action().takes_values();
    let is_optional = argument.get_num_args().is_some_and(|range| range.min_values() == 0);
    match argument.get_long() {
        Some(long) if takes && is_optional => format!("--{long} [{value}]"),
        Some(long) if takes => format!("--{long} {value}"),
        Some(long) => format!("--{long}"),
        None => value,
    }
}
