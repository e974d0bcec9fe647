//! Backups of the store that the engine runs on.

use std::io::ErrorKind;
use std::sync::Arc;

use bytes::Bytes;
use tokio::sync::mpsc;
use vetd_model::ErrorCode;
use vetd_storage::BackupError;

use crate::engine::Engine;
use crate::error::EngineError;

/// How many pieces, of some 64 kB, may wait for whoever takes the backup.
const PIECES: usize = 16;

impl Engine {
    /// Takes a backup while everything goes on: the pieces of a stream for a
    /// [`BackupFolder`](vetd_storage::BackupFolder). It ends if the receiver is dropped. An
    /// error ends it: `invalid_state` comes first, while another backup is taken; any other is
    /// also the last piece before it.
    #[must_use]
    pub fn backup(&self) -> mpsc::Receiver<Result<Bytes, EngineError>> {
        let (sender, pieces) = mpsc::channel(PIECES);
        let (store, at) = (Arc::clone(&self.inner.store), self.now());
        tokio::task::spawn_blocking(move || {
            let mut give = |piece: &[u8]| {
                let piece = Ok(Bytes::copy_from_slice(piece));
                sender.blocking_send(piece).map_err(|_| ErrorKind::BrokenPipe.into())
            };
            if let Err(error) = store.backup(at, &mut give) {
                tracing::warn!(%error, "a backup was not taken to its end");
                let _ = sender.blocking_send(Err(error.into()));
            }
        });
        pieces
    }
}

impl From<BackupError> for EngineError {
    fn from(error: BackupError) -> Self {
        match error {
            BackupError::Busy => Self::refused(ErrorCode::InvalidState, error.to_string()),
            error => Self::unavailable(error.to_string()),
        }
    }
}
