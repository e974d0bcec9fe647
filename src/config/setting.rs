//! What one setting is: its names, what it takes, what it is when nobody says anything.

use std::ops::RangeInclusive;

use super::value::Value;

/// How a value is written down.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Shape {
    /// Some text; a string in the file.
    Text,
    /// The name of a file or folder; a string in the file, relative to the file's own folder.
    Path,
    /// A whole number; an integer in the file.
    Number,
    /// On or off; true or false in the file.
    Switch,
    /// Several texts: between commas, or a list of strings in the file.
    List,
    /// A text that is never shown, and comes from the environment alone.
    Secret,
}

/// The texts of a list, as they stand between commas.
pub fn items(text: &str) -> impl Iterator<Item = &str> {
    text.split(',').map(str::trim).filter(|item| !item.is_empty())
}

/// One setting, as `table` declares it.
#[derive(Debug)]
pub struct Setting {
    /// Its key in the file. Flag and variable follow from it.
    pub name: &'static str,
    /// The flag, without its two dashes.
    pub flag: String,
    /// The environment variable.
    pub variable: String,
    /// The heading that it stands under.
    pub group: &'static str,
    /// What it means, in a sentence or two.
    pub about: String,
    /// How its value is written down.
    pub shape: Shape,
    /// Stands for the value in `--help`.
    pub placeholder: &'static str,
    /// The numbers that it takes.
    pub range: Option<RangeInclusive<i64>>,
    /// The texts that it takes, if they are few.
    pub choices: &'static [&'static str],
    /// Its value if nobody gives one.
    pub default: Option<&'static str>,
    /// What happens if nobody gives a value, where that is no value that could be given.
    pub otherwise: &'static str,
    /// True if commands that do not serve have its flag too.
    pub common: bool,
    /// True if `--help` does not show it.
    pub hidden: bool,
    parse: fn(&str) -> Result<(), String>,
}

impl Setting {
    /// A setting with the names that follow from `name`; `V` and `declared` say the rest.
    pub(super) fn new<V: Value>(name: &'static str, group: &'static str, about: &str, declared: Declared) -> Self {
        let Declared { placeholder, range, default, otherwise, common, hidden } = declared;
        Self {
            name,
            flag: name.replace('_', "-"),
            variable: format!("VETD_{}", name.to_uppercase()),
            group,
            about: about.trim().to_owned(),
            shape: V::SHAPE,
            placeholder,
            range,
            choices: V::CHOICES,
            default,
            otherwise,
            common,
            hidden,
            parse: |text| V::parse(text).map(drop),
        }
    }

    /// The unit of its numbers: `MiB`, `seconds`, `sessions`.
    #[must_use]
    pub fn unit(&self) -> String {
        match self.placeholder {
            "MIB" => "MiB".to_owned(),
            "KIB" => "KiB".to_owned(),
            other => other.to_lowercase(),
        }
    }

    /// Whether this can be its value.
    ///
    /// # Errors
    /// What to give instead.
    pub fn check(&self, text: &str) -> Result<(), String> {
        if let Some(range) = &self.range {
            let fits = text.parse().is_ok_and(|number: i64| range.contains(&number));
            let (from, to, unit) = (range.start(), range.end(), self.unit());
            return if fits { Ok(()) } else { Err(format!("give a whole number from {from} to {to} ({unit})")) };
        }
        if !self.choices.is_empty() && !self.choices.contains(&text) {
            return Err(format!("give {}", self.choices.join(" or ")));
        }
        (self.parse)(text)
    }
}

/// What an entry of the table says besides its name, type and meaning.
#[derive(Debug)]
pub(super) struct Declared {
    placeholder: &'static str,
    range: Option<RangeInclusive<i64>>,
    default: Option<&'static str>,
    otherwise: &'static str,
    common: bool,
    hidden: bool,
}

/// A text, path, choice or secret; the placeholder stands for it in `--help`.
pub(super) fn text(placeholder: &'static str) -> Declared {
    Declared { placeholder, range: None, default: None, otherwise: "", common: false, hidden: false }
}

/// A whole number of so many units within a range.
pub(super) fn number(unit: &'static str, range: RangeInclusive<i64>) -> Declared {
    Declared { range: Some(range), ..text(unit) }
}

impl Declared {
    /// The value if nobody gives one.
    pub(super) fn default(self, default: &'static str) -> Self {
        Self { default: Some(default), ..self }
    }

    /// What happens without a value; the field is an `Option`.
    pub(super) fn otherwise(self, otherwise: &'static str) -> Self {
        Self { otherwise, ..self }
    }

    /// Every command that needs the data folder or the running server has the flag.
    pub(super) fn common(self) -> Self {
        Self { common: true, ..self }
    }

    /// Left out of `--help`.
    pub(super) fn hidden(self) -> Self {
        Self { hidden: true, ..self }
    }
}
