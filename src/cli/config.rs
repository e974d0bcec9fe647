//! `vetd config`: which settings are in force, and where they come from.

use std::process::ExitCode;

use clap::Args;
use serde_json::{Value, json};

use crate::config::{Environment, InForce, Layers, Origin, ServeFlags, Settings, Shape, items, reference_page};
use crate::failure::Failure;
use crate::out;

/// The flags of `vetd config`.
#[derive(Debug, Args)]
pub struct ConfigArgs {
    /// Print them as JSON
    #[arg(long)]
    pub(super) json: bool,
    /// Say what each setting means and takes
    #[arg(long, conflicts_with = "json")]
    long: bool,
    /// Print the reference page of all settings (docs/configuration.md) instead
    #[arg(long, conflicts_with_all = ["json", "long"])]
    reference: bool,
    #[command(flatten)]
    flags: ServeFlags,
}

/// Shows the settings that `vetd serve` would use with the same flags. Success is that it could.
pub(super) fn run(args: &ConfigArgs) -> Result<ExitCode, Failure> {
    if args.reference {
        out::say(reference_page().trim_end())?;
        return Ok(ExitCode::SUCCESS);
    }
    let layers = Layers::gather(&args.flags.0, &Environment::of_the_process())?;
    Settings::from_layers(&layers)?;
    out::say(&if args.json { as_json(&layers) } else { as_text(&layers, args.long) })?;
    Ok(ExitCode::SUCCESS)
}

fn as_json(layers: &Layers) -> String {
    let settings = layers.values.iter().map(|value| {
        let mut shown = json!({ "name": value.setting.name, "value": json_value(value), "origin": "default" });
        match &value.origin {
            Origin::Default => {}
            Origin::Flag(flag) => {
                shown["origin"] = "flag".into();
                shown["flag"] = flag.as_str().into();
            }
            Origin::Variable(variable) => {
                shown["origin"] = "variable".into();
                shown["variable"] = variable.as_str().into();
            }
            Origin::File { path, line } => {
                shown["origin"] = "file".into();
                shown["file"] = path.display().to_string().into();
                shown["line"] = (*line).into();
            }
        }
        shown
    });
    let settings: Vec<Value> = settings.collect();
    let file = layers.file.as_ref().map(|path| path.display().to_string());
    format!("{:#}", json!({ "file": file, "settings": settings }))
}

fn json_value(value: &InForce) -> Value {
    match (value.setting.shape, value.text.as_deref()) {
        (Shape::Secret, text) => is_set(text).into(),
        (_, None) => Value::Null,
        (Shape::Number | Shape::Switch, Some(text)) => serde_json::from_str(text).unwrap_or_else(|_| text.into()),
        (Shape::Text | Shape::Path, Some(text)) => text.into(),
        (Shape::List, Some(text)) => items(text).collect(),
    }
}

fn as_text(layers: &Layers, long: bool) -> String {
    let rows: Vec<[String; 3]> = layers.values.iter().map(row).collect();
    let width = |column: usize| rows.iter().map(|row| row[column].chars().count()).max().unwrap_or_default();
    let (first, second) = (width(0), width(1));
    let mut lines = match &layers.file {
        Some(path) => vec![format!("configuration file: {}", out::harmless(&path.display().to_string()))],
        None => vec!["configuration file: none".to_owned()],
    };
    let mut group = "";
    for ([name, value, origin], in_force) in rows.iter().zip(&layers.values) {
        let setting = in_force.setting;
        if setting.group != group {
            group = setting.group;
            lines.push(format!("\n{group}"));
        }
        lines.push(format!("  {name:<first$}  {value:<second$}  {origin}"));
        if long {
            let about = setting.about.replace('`', "");
            let takes = setting.range.as_ref().map(|range| format!(" {} to {}.", range.start(), range.end()));
            lines.push(format!("      {about}{}", takes.unwrap_or_default()));
        }
    }
    lines.join("\n")
}

/// Name, value and origin, for people.
fn row(value: &InForce) -> [String; 3] {
    let setting = value.setting;
    let shown = match (setting.shape, value.text.as_deref()) {
        (Shape::Secret, text) => is_set(text).to_owned(),
        (_, None) => format!("({})", setting.otherwise),
        (Shape::Number, Some(number)) => format!("{number} {}", setting.unit()),
        (_, Some(text)) => out::harmless(text),
    };
    [setting.name.to_owned(), shown, out::harmless(&value.origin.to_string())]
}

fn is_set(secret: Option<&str>) -> &'static str {
    if secret.is_some() { "set" } else { "not set" }
}
