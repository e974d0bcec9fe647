//! Settings in environment variables.

use std::collections::BTreeMap;
use std::env;
use std::ffi::OsString;

use super::setting::Setting;
use super::table::all;
use crate::failure::Failure;
use crate::out;

/// Variables that begin like settings and belong to other commands.
const OTHERS: &[&str] = &["VETD_CONFIG", "VETD_API_KEY", "VETD_URL", "VETD_WEBHOOK_SECRET"];
/// How whole families of such variables begin. Kubernetes gives every container the last three if
/// there is a service with the name vetd.
const FAMILIES: &[&str] = &["VETD_LOAD_", "VETD_TEST_", "VETD_PORT", "VETD_SERVICE_HOST", "VETD_SERVICE_PORT"];

/// The variables whose names begin with `VETD_`. An empty one counts as not set.
#[derive(Default)]
pub struct Environment(BTreeMap<String, OsString>);

impl Environment {
    /// Those of this process.
    #[must_use]
    pub fn of_the_process() -> Self {
        Self::of(env::vars_os().map(|(name, value)| (name.to_string_lossy().into_owned(), value)))
    }

    /// These.
    pub fn of(variables: impl IntoIterator<Item = (String, OsString)>) -> Self {
        let ours = |(name, value): &(String, OsString)| name.starts_with("VETD_") && !value.is_empty();
        Self(variables.into_iter().filter(ours).collect())
    }

    /// The value of a variable.
    ///
    /// # Errors
    /// If it is not text.
    pub fn get(&self, name: &str) -> Result<Option<&str>, String> {
        match self.0.get(name).map(|value| value.to_str()) {
            Some(None) => Err(format!("{name} is not readable text")),
            Some(found) => Ok(found.filter(|value| !value.trim().is_empty())),
            None => Ok(None),
        }
    }

    /// The variables that nothing reads.
    pub(super) fn unknown(&self) -> impl Iterator<Item = &str> {
        let names = self.0.keys().map(String::as_str);
        names.filter(|name| {
            let is_setting = all().iter().any(|setting: &Setting| setting.variable == *name);
            !is_setting && !OTHERS.contains(name) && !FAMILIES.iter().any(|family| name.starts_with(family))
        })
    }
}

/// Reads a secret of a client command from the environment; an empty one is none.
///
/// # Errors
/// If it is not text.
pub fn secret(name: &str) -> Result<Option<String>, Failure> {
    let environment = Environment::of_the_process();
    let value = environment.get(name).map_err(|error| Failure::configuration(out::harmless(&error)))?;
    Ok(value.map(|value| value.trim().to_owned()))
}
