//! Settings in the configuration file (TOML).

use std::collections::BTreeMap;
use std::fs::File;
use std::io::{self, ErrorKind, Read};
use std::path::{Path, PathBuf};

use toml::{Spanned, Value};
use vetd_storage::media::BucketPlace;

use super::setting::{Setting, Shape};

/// Read if there is one and none is named.
pub(super) const DEFAULT: &str = "vetd.toml";
/// The most bytes of a configuration file.
const BYTES: u64 = 1 << 20;

/// A configuration file that was read.
#[derive(Default)]
pub(super) struct ConfigFile {
    /// Its name; empty if there is none.
    pub(super) path: PathBuf,
    entries: BTreeMap<String, Entry>,
}

struct Entry {
    line: usize,
    value: Value,
}

impl ConfigFile {
    /// Reads the file that is named, or else the default one, if it is there.
    ///
    /// # Errors
    /// If a named file is missing, or if it cannot be read or is not TOML.
    pub(super) fn read(named: Option<(&Path, &str)>) -> Result<Option<Self>, String> {
        let (path, by) = named.unwrap_or((Path::new(DEFAULT), "found in the working directory"));
        let shown = path.display();
        let text = match read_limited(path, BYTES) {
            Ok(text) => text,
            Err(error) if error.kind() == ErrorKind::NotFound && named.is_none() => return Ok(None),
            Err(error) => return Err(format!("the configuration file {shown} ({by}) cannot be read: {error}")),
        };
        let line = |offset: usize| text.bytes().take(offset).filter(|byte| *byte == b'\n').count() + 1;
        let parsed: BTreeMap<Spanned<String>, Spanned<Value>> = toml::from_str(&text).map_err(|error| {
            let line = line(error.span().map_or(0, |span| span.start));
            format!("{shown}, line {line}: this is not TOML: {}", error.message())
        })?;
        let entries = parsed.into_iter().map(|(key, value)| {
            let line = line(key.span().start);
            (key.into_inner(), Entry { line, value: value.into_inner() })
        });
        Ok(Some(Self { path: path.to_owned(), entries: entries.collect() }))
    }

    /// The keys, each with its line.
    pub(super) fn keys(&self) -> impl Iterator<Item = (&str, usize)> {
        self.entries.iter().map(|(key, entry)| (key.as_str(), entry.line))
    }

    /// A setting's value as text, and its line; `Err` says how it should be written.
    pub(super) fn get(&self, setting: &Setting) -> Option<(Result<String, String>, usize)> {
        let entry = self.entries.get(setting.name)?;
        Some((self.text(setting, &entry.value), entry.line))
    }

    fn text(&self, setting: &Setting, value: &Value) -> Result<String, String> {
        match (setting.shape, value) {
            (Shape::Text, Value::String(text)) => Ok(text.clone()),
            (Shape::Path, Value::String(text)) if text.is_empty() => Ok(String::new()),
            // Where a bucket can stand in place of a folder.
            (Shape::Path, Value::String(text)) if text.starts_with(BucketPlace::SCHEME) => Ok(text.clone()),
            (Shape::Path, Value::String(text)) => {
                let folder = self.path.parent().unwrap_or(Path::new(""));
                folder.join(text).into_os_string().into_string().map_err(|_| "give a path that is text".to_owned())
            }
            (Shape::Number, Value::Integer(number)) => Ok(number.to_string()),
            (Shape::Switch, Value::Boolean(switch)) => Ok(switch.to_string()),
            (Shape::Text | Shape::Path, _) => Err("write it as text in quotes".to_owned()),
            (Shape::List, Value::Array(items)) => {
                let items: Option<Vec<&str>> = items.iter().map(Value::as_str).collect();
                items.map(|items| items.join(",")).ok_or_else(|| "write each item as text in quotes".to_owned())
            }
            (Shape::List, _) => Err("write it as a list of texts: [\"…\", \"…\"]".to_owned()),
            (Shape::Number, _) => {
                let range = setting.check("").err().unwrap_or_default();
                Err(format!("{range}, without quotes"))
            }
            (Shape::Switch, _) => Err("write true or false, without quotes".to_owned()),
            (Shape::Secret, _) => Err(format!(
                "a secret does not belong in this file; set {}, or name a file that holds it with {}_file",
                setting.variable, setting.name
            )),
        }
    }
}

/// Reads a text file of at most so many bytes.
///
/// # Errors
/// Of the disk; also if the file is longer or not UTF-8.
pub(super) fn read_limited(path: &Path, bytes: u64) -> io::Result<String> {
    let mut text = String::new();
    File::open(path)?.take(bytes + 1).read_to_string(&mut text)?;
    if text.len() as u64 > bytes {
        return Err(io::Error::new(ErrorKind::FileTooLarge, format!("it is larger than {bytes} bytes")));
    }
    Ok(text)
}
