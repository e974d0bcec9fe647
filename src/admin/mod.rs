//! The local socket over which the operator's commands speak to a running server. Its routes are
//! in `http::operator`.

mod client;
mod socket;

pub use client::{Client, Lines};
pub use socket::{AdminSocket, FILE, check_path};
