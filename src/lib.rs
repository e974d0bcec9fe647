//! vetd's front door: configuration, command line, HTTP. axum lives only here, and of the
//! engine it knows [`vetd_actors::Engine`] alone.

pub mod admin;
pub mod cli;
pub mod config;
pub mod failure;
pub mod host;
pub mod http;
pub mod out;
pub mod serve;
pub mod telemetry;
