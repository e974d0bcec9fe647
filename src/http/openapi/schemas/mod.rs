//! The shapes of requests and answers, as the document shows them.
//!
//! The types here are never made: they only describe. What they promise is held by the tests,
//! which check every answer of every route against the document, and refuse what it does not
//! name. Limits and names come from the model's own constants.
//!
//! Requests refuse unknown fields (`deny_unknown_fields`); answers may gain fields, so their
//! schemas stay open.

#![expect(dead_code, reason = "these types describe JSON; nothing makes one")]

pub(in crate::http) mod access;
pub(in crate::http) mod audit_log;
pub(in crate::http) mod events;
pub(in crate::http) mod iframe;
pub(in crate::http) mod providers;
pub(in crate::http) mod sessions;
pub(in crate::http) mod shared;
pub(in crate::http) mod templates;
pub(in crate::http) mod values;
pub(in crate::http) mod verifications;
pub(in crate::http) mod webhooks;
