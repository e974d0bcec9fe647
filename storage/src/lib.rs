//! The disk: what vetd keeps, and the promise that what was acknowledged is kept.
//!
//! [`Store`] is the interface; [`SledStore`] is the one implementation, an embedded sled tree
//! behind a writer thread that commits in groups. Nothing of sled shows in a signature.

mod api;
mod query;

pub use api::{
    Answer, Commit, CommitReceipt, Handle, IdempotencyRecord, IdempotencySlot, LiveSession, PositionedEvent,
    SessionWrite, Store, StoreError, Stored, StoredAnswer, Write,
};
pub use query::{Cursor, Page, SessionQuery, StatusFilter};
