//! Settings on the command line. The flags are made from the table, not written down again.

use std::collections::BTreeMap;
use std::path::PathBuf;

use clap::{Arg, ArgAction, ArgMatches, Args, Command, FromArgMatches};

use super::setting::{Setting, Shape};
use super::table::all;

/// The settings that stand on the command line.
#[derive(Debug, Clone, Default)]
pub struct Flags {
    /// `--config`.
    pub(super) config: Option<PathBuf>,
    pub(super) given: BTreeMap<&'static str, String>,
}

impl Flags {
    /// One setting alone, for a command that has a flag of its own for it.
    #[must_use]
    pub fn only(setting: &'static str, value: Option<String>) -> Self {
        Self { config: None, given: value.map(|value| (setting, value)).into_iter().collect() }
    }
}

/// The flags of what serves: every setting that is no secret.
#[derive(Debug, Clone, Default)]
pub struct ServeFlags(pub Flags);

/// The flags of commands that only need to find the data folder or the running server:
/// `--config`, and the settings marked `common`.
#[derive(Debug, Clone, Default)]
pub struct CommonFlags(pub Flags);

macro_rules! flags {
    ($flags:ty, $includes:expr) => {
        impl Args for $flags {
            fn augment_args(command: Command) -> Command {
                augment(command, $includes)
            }

            fn augment_args_for_update(command: Command) -> Command {
                augment(command, $includes)
            }
        }

        impl FromArgMatches for $flags {
            fn from_arg_matches(matches: &ArgMatches) -> Result<Self, clap::Error> {
                Ok(Self(read(matches, $includes)))
            }

            fn update_from_arg_matches(&mut self, matches: &ArgMatches) -> Result<(), clap::Error> {
                self.0 = read(matches, $includes);
                Ok(())
            }
        }
    };
}
flags!(ServeFlags, |setting| setting.shape != Shape::Secret);
flags!(CommonFlags, |setting| setting.common);

type Includes = fn(&Setting) -> bool;

fn included(includes: Includes) -> impl Iterator<Item = &'static Setting> {
    all().iter().filter(move |setting| includes(setting))
}

fn augment(command: Command, includes: Includes) -> Command {
    let config = Arg::new("config").long("config").value_name("FILE").help(
        "The configuration file (TOML) [env: VETD_CONFIG] [default: vetd.toml in the working directory, if it is there]",
    );
    let config = config.value_parser(clap::value_parser!(PathBuf));
    command.arg(config).args(included(includes).map(flag))
}

/// The flag of one setting.
pub(super) fn flag(setting: &'static Setting) -> Arg {
    let about = setting.about.trim_end_matches('.');
    let takes = match (&setting.range, setting.choices) {
        (Some(range), _) => format!(" ({} to {} {})", range.start(), range.end(), setting.unit()),
        (None, []) => String::new(),
        (None, choices) => format!(" ({})", choices.join(" or ")),
    };
    let default = setting.default.unwrap_or(setting.otherwise);
    let help = format!("{about}{takes} [env: {}] [default: {default}]", setting.variable);
    let arg = Arg::new(setting.name).long(&*setting.flag).value_name(setting.placeholder).hide(setting.hidden);
    let arg = arg.help(help).help_heading(setting.group).action(ArgAction::Set);
    match setting.shape {
        // `--name` alone turns it on.
        Shape::Switch => arg.num_args(0..=1).require_equals(true).default_missing_value("true"),
        Shape::Number => arg.allow_negative_numbers(true),
        Shape::Text | Shape::Path | Shape::List | Shape::Secret => arg,
    }
}

fn read(matches: &ArgMatches, includes: Includes) -> Flags {
    let given = |setting: &'static Setting| {
        let value: Option<&String> = matches.get_one(setting.name);
        value.map(|value| (setting.name, value.clone()))
    };
    Flags { config: matches.get_one("config").cloned(), given: included(includes).filter_map(given).collect() }
}
