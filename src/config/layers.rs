//! Which value is in force: a flag wins over a variable, a variable over the file, the file over
//! the default.

use std::fmt;
use std::path::{Path, PathBuf};

use super::environment::Environment;
use super::file::ConfigFile;
use super::flags::Flags;
use super::setting::{Setting, Shape};
use super::table::all;
use crate::failure::Failure;
use crate::out;

/// Where a value comes from.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Origin {
    /// A flag, with its dashes.
    Flag(String),
    /// An environment variable.
    Variable(String),
    /// A line of the configuration file.
    File {
        /// The file.
        path: PathBuf,
        /// The line, from 1.
        line: usize,
    },
    /// Nobody gave one.
    Default,
}

impl fmt::Display for Origin {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Flag(name) | Self::Variable(name) => f.write_str(name),
            Self::File { path, line } => write!(f, "{}, line {line}", path.display()),
            Self::Default => f.write_str("default"),
        }
    }
}

/// A setting and its value in force.
pub struct InForce {
    /// The setting.
    pub setting: &'static Setting,
    /// Its value as text; for a secret this is the secret.
    pub text: Option<String>,
    /// Where it comes from.
    pub origin: Origin,
}

/// The value in force of every setting.
pub struct Layers {
    /// In the order of the table.
    pub values: Vec<InForce>,
    /// The configuration file, if one was read.
    pub file: Option<PathBuf>,
}

impl Layers {
    /// Puts flags, environment and file on top of the defaults, and checks every value in force.
    ///
    /// # Errors
    /// All that is wrong: unknown names in the environment and the file, and values out of range.
    pub fn gather(flags: &Flags, environment: &Environment) -> Result<Self, Failure> {
        let file = named_file(flags, environment).and_then(|named| {
            let named = named.as_ref().map(|(path, by)| (path.as_path(), *by));
            ConfigFile::read(named)
        });
        let (file, mut problems) = match file {
            Ok(file) => (file, Vec::new()),
            Err(problem) => (None, vec![problem]),
        };
        problems.extend(unknown_names(environment, file.as_ref()));
        let mut values = Vec::new();
        for setting in all() {
            match in_force(setting, flags, environment, file.as_ref()) {
                Ok(value) => values.push(value),
                Err(problem) => problems.push(problem),
            }
        }
        match problems.as_slice() {
            [] => Ok(Self { values, file: file.map(|file| file.path) }),
            [only] => Err(Failure::configuration(out::harmless(only))),
            several => {
                let lines: String = several.iter().map(|problem| format!("\n  - {}", out::harmless(problem))).collect();
                Err(Failure::configuration(format!("the configuration cannot be used:{lines}")))
            }
        }
    }

    /// The text in force of the setting with this name.
    #[must_use]
    pub fn text(&self, name: &str) -> Option<&str> {
        self.values.iter().find(|value| value.setting.name == name)?.text.as_deref()
    }
}

/// The file that a flag or a variable names, and which of them does.
fn named_file(flags: &Flags, environment: &Environment) -> Result<Option<(PathBuf, &'static str)>, String> {
    if let Some(path) = &flags.config {
        return Ok(Some((path.clone(), "named by --config")));
    }
    let path = environment.get("VETD_CONFIG")?;
    Ok(path.map(|path| (PathBuf::from(path), "named by VETD_CONFIG")))
}

fn in_force(
    setting: &'static Setting,
    flags: &Flags,
    environment: &Environment,
    file: Option<&ConfigFile>,
) -> Result<InForce, String> {
    let (text, origin) = if let Some(text) = flags.given.get(setting.name) {
        (Ok(text.clone()), Origin::Flag(format!("--{}", setting.flag)))
    } else if let Some(text) = environment.get(&setting.variable)? {
        (Ok(text.to_owned()), Origin::Variable(setting.variable.clone()))
    } else if let Some((file, (text, line))) = file.and_then(|file| Some((file, file.get(setting)?))) {
        (text, Origin::File { path: file.path.clone(), line })
    } else {
        let text = setting.default.map(str::to_owned);
        return Ok(InForce { setting, text, origin: Origin::Default });
    };
    let checked = text.and_then(|text| match setting.check(&text) {
        Ok(()) => Ok(text),
        Err(advice) if setting.shape == Shape::Secret => Err(advice),
        Err(advice) => Err(format!("it cannot be \"{text}\"; {advice}")),
    });
    match checked {
        Ok(text) => Ok(InForce { setting, text: Some(text), origin }),
        Err(problem) => Err(format!("{} ({origin}): {problem}", setting.name)),
    }
}

/// What is wrong with names that no setting has.
fn unknown_names(environment: &Environment, file: Option<&ConfigFile>) -> Vec<String> {
    let variables = environment.unknown().map(|name| {
        let near = nearest(name, all().iter().map(|setting| setting.variable.as_str()));
        format!("{name}: no setting has this variable; {}", advice(near))
    });
    let keys = file.into_iter().flat_map(|file| {
        let path: &Path = &file.path;
        file.keys().filter(|(key, _)| !all().iter().any(|setting| setting.name == *key)).map(move |(key, line)| {
            let near = nearest(&key.replace('-', "_"), all().iter().map(|setting| setting.name));
            format!("{}, line {line}: no setting has the name {key}; {}", path.display(), advice(near))
        })
    });
    variables.chain(keys).collect()
}

fn advice(near: Option<&str>) -> String {
    let all = "`vetd config` shows all of them";
    near.map_or_else(|| all.to_owned(), |near| format!("did you mean {near}? {all}"))
}

/// The known name that is most like this one, if any is.
fn nearest<'a>(name: &str, known: impl Iterator<Item = &'a str>) -> Option<&'a str> {
    let (distance, near) = known.map(|known| (distance(name, known), known)).min()?;
    (distance <= name.len() / 3).then_some(near)
}

/// How many letters have to be added, dropped or exchanged to make one text of the other.
fn distance(one: &str, other: &str) -> usize {
    let other: Vec<char> = other.chars().collect();
    let mut row: Vec<usize> = (0..=other.len()).collect();
    for (above, letter) in one.chars().enumerate() {
        let mut diagonal = above;
        row[0] = above + 1;
        for (at, against) in other.iter().enumerate() {
            let exchanged = diagonal + usize::from(letter != *against);
            diagonal = row[at + 1];
            row[at + 1] = exchanged.min(diagonal + 1).min(row[at] + 1);
        }
    }
    row[other.len()]
}
