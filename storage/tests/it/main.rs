//! The store on real folders: what is committed comes back, whatever happens in between.

#![expect(clippy::unwrap_used, clippy::panic, reason = "a test that fails says where")]

mod audit_log;
mod audits;
mod backup;
mod documents;
mod durability;
mod faults;
mod idempotency;
mod lists;
#[cfg(feature = "s3")]
mod media_bucket;
mod media_folder;
mod older_stores;
mod opening;
mod redaction;
mod rekeying;
mod retention;
mod round_trips;
mod support;
mod webhooks;
