//! Every setting of vetd, from where it is declared to what is in force.
//!
//! `table` declares each setting once. From that entry come its flag, its variable, its key in the
//! configuration file, its check, its place in `docs/configuration.md` and its field in
//! [`Settings`]. `layers` finds the value in force: a flag wins over a variable, a variable over
//! the file, the file over the default.

mod environment;
mod file;
mod flags;
mod layers;
mod media;
mod reference;
mod setting;
mod table;
#[cfg(test)]
mod tests;
mod value;

pub use environment::{Environment, secret};
pub use flags::{CommonFlags, Flags, ServeFlags};
pub use layers::{InForce, Layers, Origin};
pub use media::MediaPlace;
pub use reference::page as reference_page;
pub use setting::{Setting, Shape, items};
pub use table::{Settings, all};
pub use value::{CollectorUrl, Kibibytes, LogFilter, LogFormat, Mebibytes, PublicUrl, Secret, Share};

use crate::failure::Failure;

/// The settings in force, from these flags, the process's environment and the file.
///
/// # Errors
/// Everything that is wrong with them, each with its origin.
pub fn load(flags: &Flags) -> Result<Settings, Failure> {
    Settings::from_layers(&Layers::gather(flags, &Environment::of_the_process())?)
}
