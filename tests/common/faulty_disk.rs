//! A disk that is full, or fails, or is tampered with while the server is down.

use std::io;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use vetd::http::router;
use vetd_storage::WriteStage;

use super::{TestApp, open};

/// What the disk has left when it is full: less than the reserve of 256 MiB.
pub const FULL: u64 = 255 << 20;

impl TestApp {
    /// From here on the disk answers each stage of each write like this. Asked on the store's
    /// writer thread, before anybody is told of the write.
    pub fn fault_writes(&self, fault: impl Fn(WriteStage) -> io::Result<()> + Send + Sync + 'static) {
        *self.write_fault.lock() = Some(Arc::new(fault));
    }

    pub fn fill_disk(&self) {
        self.free_space.store(FULL, Ordering::SeqCst);
    }

    /// The disk has space, and works.
    pub fn heal_disk(&self) {
        self.free_space.store(u64::MAX, Ordering::SeqCst);
        *self.write_fault.lock() = None;
    }

    /// Takes the server down, does something to its folder, and starts it again with a disk that
    /// works. If the disk failed before, this stands for a process that was killed: nothing that
    /// came after the failure has reached the disk, the orderly end included.
    pub async fn restart_around(mut self, pause: Duration, tamper: impl FnOnce(&Path)) -> Self {
        self.stop().await;
        tamper(self.dir.path());
        self.heal_disk();
        self.clock.advance(pause);
        (self.engine, self.store) =
            open(self.dir.path(), &self.clock, &self.config, &self.free_space, &self.write_fault).await;
        self.router = router(self.engine.clone(), self.http.clone());
        self
    }
}
