//! The disk: what vetd keeps, and the promise that what was acknowledged is kept.
//!
//! [`Store`] is the interface; [`SledStore`] is the one implementation, an embedded sled tree
//! behind a writer thread that commits in groups. Nothing of sled shows in a signature.
//!
//! The way of a commit: `prepare` encodes and seals it on the caller's thread, `writer` takes
//! all that wait into one `group`, writes new secrets into the `slots` of the key file, applies
//! one batch, makes it durable and answers. Readers go through `table`, which masks what is
//! applied but not durable yet.

mod api;
mod audit;
mod audit_log;
mod backup;
mod codec;
mod deliveries;
mod disk;
mod erasure;
mod flows;
mod group;
mod keyring;
mod keys;
mod list;
#[doc(hidden)]
pub mod measure;
pub mod media;
mod meters;
mod open;
mod prepare;
mod query;
mod read;
mod recent;
mod seal;
mod shared;
mod shelf;
mod slots;
mod store;
mod sweep;
mod table;
mod time_limits;
mod trail;
mod writer;

pub use api::{
    Answer, Commit, CommitReceipt, DeliveryPage, EventPage, Handle, IdempotencyRecord, IdempotencySlot, LiveSession,
    Mark, OnRecord, PositionedEvent, SessionWrite, Store, StoreError, Stored, StoredAnswer, StoredSession, Write,
};
pub use audit::{AuditReport, audit};
pub use backup::{
    BackupError, BackupFolder, BackupTrace, FileFacts, Files, Manifest, Origin, RestoreOptions, RestoreStep, Restored,
    erase_in_backup, restore, trace_in_backup,
};
pub use erasure::{ErasureFinding, ErasureReport, verify_erasure};
pub use open::{OpenError, StoreOptions};
pub use query::{AuditQuery, Cursor, DeliveryQuery, Page, SessionQuery, StatusFilter, Towards};
pub use shared::{FatalHook, SpaceProbe, WriteFault, WriteStage};
pub use shelf::{Shelf, ShelfKind};
pub use store::SledStore;
