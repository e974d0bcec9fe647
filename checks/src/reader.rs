//! stub
use vetd_model::media::{MediaKind, Quality, Reading};
use vetd_model::submission::Submission;
/// stub
#[derive(Debug, Clone, Copy, thiserror::Error)]
#[error("bad")]
pub struct PictureError;
impl PictureError {
    /// stub
    pub fn code(self) -> &'static str {
        "picture_damaged"
    }
}
/// stub
#[derive(Debug, Clone)]
pub struct TakenIn {
    /// stub
    pub jpeg: Vec<u8>,
    /// stub
    pub reading: Reading,
}
/// stub
#[derive(Debug)]
pub struct Reader;
impl Reader {
    /// stub
    pub fn new() -> Result<Self, PictureError> {
        Ok(Self)
    }
    /// stub
    pub fn take_in(&self, _kind: MediaKind, bytes: &[u8]) -> Result<TakenIn, PictureError> {
        Ok(TakenIn { jpeg: bytes.to_vec(), reading: Reading { quality: Quality::default(), mrz: None, barcode: None } })
    }
}
/// stub
pub fn specimen(_: &Submission, _: MediaKind) -> &'static [u8] {
    b"x"
}
/// stub
pub fn resolve(_: &crate::Evidence<'_>) -> vetd_model::field::Fields {
    Default::default()
}
