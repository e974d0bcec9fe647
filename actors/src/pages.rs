//! Pages of PDF files, for those who take pictures in: drawn elsewhere, since drawing has no limit of
//! its own.

use std::fmt;

use bytes::Bytes;
use futures::future::BoxFuture;
use vetd_checks::PictureError;
use vetd_model::media::MediaKind;

/// Draws pages of PDF files, each within limits of time and memory.
pub trait PageDrawer: fmt::Debug + Send + Sync {
    /// Draws the page of a file that shows such a picture, as a file of one of the other types that are
    /// taken in.
    fn draw(&self, file: Bytes, kind: MediaKind) -> BoxFuture<'_, Result<Vec<u8>, PageError>>;
}

/// Why a page was not drawn.
#[derive(Debug, thiserror::Error)]
pub enum PageError {
    /// For something about the file.
    #[error(transparent)]
    Refused(#[from] PictureError),
    /// For something that will pass; the text is for the log.
    #[error("a page could not be drawn: {0}")]
    Unavailable(String),
}
