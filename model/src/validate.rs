//! Reading JSON from outside: every wrong field is named, unknown fields are errors.

use std::ops::RangeInclusive;

use serde_json::{Map, Value};

use crate::error::{FieldError, Refusal};

/// The most wrong fields that one answer names.
const ISSUE_LIMIT: usize = 50;
/// The longest part of a foreign key that a path repeats, in characters.
const KEY_SHOWN: usize = 60;

/// The wrong fields found so far.
#[derive(Debug, Default)]
pub struct Issues(Vec<FieldError>);

impl Issues {
    /// Notes one more wrong field.
    pub fn add(&mut self, path: impl Into<String>, message: impl Into<String>) {
        if self.0.len() < ISSUE_LIMIT {
            self.0.push(FieldError { path: path.into(), message: message.into() });
        }
    }

    /// True if nothing is wrong so far.
    #[must_use]
    pub const fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Takes over what another parser found.
    pub fn absorb<T>(&mut self, parsed: Result<T, Refusal>) -> Option<T> {
        parsed.map_err(|refusal| refusal.fields.into_iter().for_each(|field| self.add(field.path, field.message))).ok()
    }

    /// Ends the reading.
    ///
    /// # Errors
    /// `validation_error` if anything was wrong.
    pub fn done(self) -> Result<(), Refusal> {
        if self.0.is_empty() { Ok(()) } else { Err(Refusal::fields(self.0)) }
    }
}

/// A JSON object under reading: each field is taken once, what is left over is unknown.
#[derive(Debug)]
pub struct Object<'a> {
    path: String,
    map: Option<&'a Map<String, Value>>,
    taken: Vec<String>,
}

impl<'a> Object<'a> {
    /// The body itself, whose fields have no prefix.
    pub fn root(value: &'a Value, issues: &mut Issues) -> Self {
        Self::at(value, "", issues)
    }

    /// The object at `path`; anything but an object is noted and read as an empty one.
    pub fn at(value: &'a Value, path: &str, issues: &mut Issues) -> Self {
        let map = value.as_object();
        if map.is_none() {
            issues.add(path, if path.is_empty() { "the body must be a JSON object" } else { "must be an object" });
        }
        Self { path: path.to_owned(), map, taken: Vec::new() }
    }

    /// The full path of one of the object's fields.
    #[must_use]
    pub fn path_of(&self, name: &str) -> String {
        let name: String = name.chars().take(KEY_SHOWN).collect();
        if self.path.is_empty() { name } else { format!("{}.{name}", self.path) }
    }

    /// Takes a field; an absent one and `null` are the same.
    pub fn take(&mut self, name: &str) -> Option<&'a Value> {
        self.taken.push(name.to_owned());
        self.map?.get(name).filter(|value| !value.is_null())
    }

    /// True if the field is there and `null`: what it sets is to be taken away.
    #[must_use]
    pub fn clears(&self, name: &str) -> bool {
        self.map.and_then(|map| map.get(name)).is_some_and(Value::is_null)
    }

    /// Takes a string that `read` accepts, if it is there.
    pub fn optional_with<T>(
        &mut self,
        name: &str,
        issues: &mut Issues,
        read: impl FnOnce(&str) -> Result<T, String>,
    ) -> Option<T> {
        let value = self.take(name)?;
        let parsed = value.as_str().ok_or_else(|| "must be a string".to_owned()).and_then(read);
        parsed.map_err(|message| issues.add(self.path_of(name), message)).ok()
    }

    /// Takes a string that `read` accepts; its absence is noted.
    pub fn required_with<T>(
        &mut self,
        name: &str,
        issues: &mut Issues,
        read: impl FnOnce(&str) -> Result<T, String>,
    ) -> Option<T> {
        self.require(name, issues)?;
        self.optional_with(name, issues, read)
    }

    /// Takes a boolean; its absence is noted.
    pub fn required_bool(&mut self, name: &str, issues: &mut Issues) -> Option<bool> {
        self.require(name, issues)?;
        self.optional_bool(name, issues)
    }

    /// Takes a boolean, if it is there.
    pub fn optional_bool(&mut self, name: &str, issues: &mut Issues) -> Option<bool> {
        let value = self.take(name)?.as_bool();
        if value.is_none() {
            issues.add(self.path_of(name), "must be true or false");
        }
        value
    }

    /// Takes a whole number within `range`, if it is there.
    pub fn integer(&mut self, name: &str, range: RangeInclusive<u64>, issues: &mut Issues) -> Option<u64> {
        let value = whole(self.take(name)?).filter(|number| range.contains(number));
        if value.is_none() {
            let message = format!("must be a whole number from {} to {}", range.start(), range.end());
            issues.add(self.path_of(name), message);
        }
        value
    }

    /// Takes an object; its absence is noted.
    pub fn required_object(&mut self, name: &str, issues: &mut Issues) -> Object<'a> {
        let path = self.path_of(name);
        match self.require(name, issues) {
            Some(value) => Object::at(value, &path, issues),
            None => Object { path, map: None, taken: Vec::new() },
        }
    }

    /// Takes a list of at most `limit` values, if it is there.
    pub fn list(&mut self, name: &str, limit: usize, issues: &mut Issues) -> Option<&'a [Value]> {
        let value = self.take(name)?;
        let list = value.as_array().filter(|list| list.len() <= limit);
        if list.is_none() {
            issues.add(self.path_of(name), format!("must be a list of at most {limit} values"));
        }
        list.map(Vec::as_slice)
    }

    /// Notes every field that nobody took.
    pub fn finish(self, issues: &mut Issues) {
        for name in self.map.into_iter().flat_map(Map::keys) {
            if !self.taken.iter().any(|taken| taken == name) {
                issues.add(self.path_of(name), "is not a known field");
            }
        }
    }

    fn require(&mut self, name: &str, issues: &mut Issues) -> Option<&'a Value> {
        let value = self.take(name);
        if value.is_none() && self.map.is_some() {
            issues.add(self.path_of(name), "is required");
        }
        value
    }
}

/// A whole number, however it is written: `60`, `60.0` and `6e1` are one number to JSON.
fn whole(value: &Value) -> Option<u64> {
    const EXACT: f64 = 9_007_199_254_740_992.0;
    let written = || value.as_f64().filter(|number| number.fract() == 0.0 && (0.0..EXACT).contains(number));
    value.as_u64().or_else(|| written().map(|number| number as u64))
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn a_whole_number_is_one_however_it_is_written() {
        for value in [json!(60), json!(60.0), json!(6e1)] {
            assert_eq!(whole(&value), Some(60), "{value}");
        }
        for value in [json!(60.5), json!(-60), json!(-60.0), json!(1e300), json!("60"), json!(null)] {
            assert_eq!(whole(&value), None, "{value}");
        }
    }
}
