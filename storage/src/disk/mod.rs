//! Disk shapes: what records hold, apart from the model's types, with conversions both ways.
//!
//! A shape never changes once a release has written it. A new one gets the next version number
//! and stands beside the old one, which stays readable. Variants of enums are only ever added
//! at the end: their order is their number on disk.

pub(crate) mod answer;
pub(crate) mod audit_log;
pub(crate) mod delivery;
pub(crate) mod event;
mod faces;
pub(crate) mod flow;
pub(crate) mod parts;
pub(crate) mod personal;
pub(crate) mod provider;
mod secrets;
pub(crate) mod session;
pub(crate) mod status;
pub(crate) mod template;
pub(crate) mod tenant;
pub(crate) mod webhook;
