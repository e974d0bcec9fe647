//! What the store's handle, its readers and its writer share.

use std::fs::File;
use std::io;
use std::path::PathBuf;
use std::sync::Arc;

use parking_lot::Mutex;
use tokio::sync::watch;

use crate::flows::Flows;
use crate::keyring::Keyring;
use crate::meters::Meters;
use crate::recent::Recent;
use crate::shelf::Shelf;
use crate::slots::SlotFile;
use crate::table::Table;
use crate::time_limits::FiledDays;

/// Says how many bytes the data folder's disk has left.
pub type SpaceProbe = Arc<dyn Fn() -> io::Result<u64> + Send + Sync>;
/// Called once when the store has failed for good, with the reason.
pub type FatalHook = Arc<dyn Fn(&str) + Send + Sync>;
/// Where a group stands when a [`WriteFault`] is asked.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum WriteStage {
    /// Before its batch is applied.
    Apply,
    /// After that, before it is flushed: the outcome is open.
    Flush,
    /// Before the data file is synced, for a group or after the store was reopened.
    Sync,
    /// Before secrets are erased, after the batch that orders it is durable.
    Erase,
}
/// Asked at each stage of each group; an error stands for one of the disk. For tests.
pub type WriteFault = Arc<dyn Fn(WriteStage) -> io::Result<()> + Send + Sync>;

/// An open store.
pub(crate) struct Shared {
    pub folder: PathBuf,
    pub shelf: Shelf,
    pub cache_bytes: u64,
    pub reserve_bytes: u64,
    pub list_steps: usize,
    pub space: SpaceProbe,
    pub on_fatal: Option<FatalHook>,
    pub write_fault: Option<WriteFault>,
    pub keyring: Keyring,
    pub slots: SlotFile,
    pub table: Table,
    pub flows: Flows,
    pub recent: Recent,
    pub filed_days: FiledDays,
    pub durable: watch::Sender<u64>,
    pub meters: Meters,
    pub lock: Mutex<Option<File>>,
}

impl Shared {
    /// True if the disk is full up to the reserve. A disk that cannot be asked is taken as full.
    pub(crate) fn is_full(&self) -> bool {
        match (self.space)() {
            Ok(free) => free < self.reserve_bytes,
            Err(error) => {
                tracing::error!(%error, "cannot tell how much space the data folder's disk has left");
                true
            }
        }
    }

    /// Reports a record that does not decode.
    pub(crate) fn report_damage(&self, key: &str) {
        self.meters.damaged.inc();
        tracing::error!(key, "a record is damaged; it is left where it is");
    }

    /// From here on every call is refused.
    pub(crate) fn give_up(&self, reason: &str) {
        tracing::error!(reason, "the store has failed for good");
        self.table.take_away(reason);
        if let Some(hook) = &self.on_fatal {
            hook(reason);
        }
    }

    /// Gives the folder free.
    pub(crate) fn unlock(&self) {
        drop(self.lock.lock().take());
    }
}
