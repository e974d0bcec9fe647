//! Opens the data folder.

use std::sync::Arc;

use vetd_storage::Store;

use super::Settings;
use crate::failure::Failure;

/// Opens the store.
pub async fn open(_settings: &Settings) -> Result<Arc<dyn Store>, Failure> {
    Err(Failure::store("TODO"))
}
