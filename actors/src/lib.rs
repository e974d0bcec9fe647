//! The engine: live sessions as actors that own their state and their deadline, the pools that
//! run checks and deliver webhooks, and recovery.
//!
//! ractor lives only here. The front door holds an [`Engine`] and nothing else.

mod access;
mod alarm;
mod api_keys;
mod audit_log;
mod backup;
mod catalog;
mod check_pool;
mod chips;
mod clock;
mod deadlines;
mod delivery_api;
mod engine;
mod entropy;
mod error;
mod events;
mod finishing;
mod history;
mod idempotency;
mod mailbox;
mod meters;
mod outbound;
mod pages;
mod pictures;
mod provider_api;
mod providers;
mod readiness;
mod receiving;
mod registry;
mod reply;
mod residents;
mod retention;
mod root;
mod session_actor;
mod shard;
mod uploads;
mod watching;
mod watchlists;
mod webhook_api;
mod webhooks;

pub use access::{Caller, KeyRejection};
pub use api_keys::{IssuedKey, KeyView, NewKey};
pub use catalog::TemplateView;
pub use chips::{ChipTrust, chip_finding};
pub use clock::{Clock, SystemClock, TestClock};
pub use delivery_api::{DeliveryDetail, DeliveryFilter, DeliveryView, Recovered};
pub use engine::{Engine, EngineConfig};
pub use entropy::Entropy;
pub use error::EngineError;
pub use events::{EventList, EventQuery};
pub use history::{EventFeed, History};
pub use idempotency::{Claim, IdempotencyKey, Once};
pub use pages::{PageDrawer, PageError};
pub use pictures::Shown;
pub use receiving::{Arrived, Part, Place};
pub use reply::{Ask, Render, Reply};
pub use uploads::{Progress, UPLOAD_BYTES, UPLOAD_LIFE, UPLOADS_BYTES, UploadKey, UploadRefusal, Uploads};
#[cfg(feature = "pdf")]
pub use vetd_checks::pdf;
pub use vetd_checks::picture::{MAX_BYTES, PictureError};
pub use vetd_checks::watchlist::import as watchlist_import;
pub use vetd_checks::watchlist::{Facts as WatchlistFacts, LARGEST as LARGEST_WATCHLIST};
pub use vetd_checks::{FaceFiles, FaceReader};
pub use vetd_checks::{SPECIMENS, SpecimenPicture};
pub use watching::Watch;
pub use watchlists::{WatchlistView, offline_watchlists};
