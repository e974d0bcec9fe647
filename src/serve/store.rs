//! Opens the data folder.

use std::sync::Arc;

use vetd_storage::media::MediaStore;
use vetd_storage::{OpenError, SledStore, StoreOptions};

use crate::config::Settings;
use crate::failure::{Failure, Kind};
use crate::out;

/// Opens the store as the settings say. If it fails for good later, the process ends.
///
/// # Errors
/// Why it cannot be opened, with advice.
pub async fn open(settings: &Settings) -> Result<Arc<SledStore>, Failure> {
    let mut options = StoreOptions::new(&settings.data);
    options.master_key = settings.master_key()?;
    options.cache_bytes = settings.cache.bytes();
    options.reserve_bytes = settings.disk_reserve.bytes();
    options.on_fatal = Some(Arc::new(end_the_process));
    let opened = tokio::task::spawn_blocking(|| SledStore::open(options)).await;
    let opened = opened.map_err(|error| Failure::store(format!("opening the data folder failed: {error}")))?;
    opened.map_err(refused)
}

/// Opens the place of the pictures.
///
/// # Errors
/// Why it cannot be used, and what to do about it.
pub fn pictures(settings: &Settings) -> Result<MediaStore, Failure> {
    MediaStore::open(settings.media_location()?).map_err(|error| Failure::store(error.to_string()))
}

#[expect(clippy::needless_pass_by_value, reason = "it is handed to map_err")]
fn refused(error: OpenError) -> Failure {
    Failure::store(error.to_string())
}

/// What has failed cannot be brought back within this process, so the next one has to.
pub(super) fn end_the_process(reason: &str) {
    out::complain(&format!(
        "vetd: it cannot go on: {reason}. What was acknowledged is on the disk. Look after the disk if it is named, \
         then start vetd again."
    ));
    std::process::exit(i32::from(Kind::Fatal.code()));
}

#[cfg(test)]
mod tests {
    use zeroize::Zeroizing;

    use super::*;

    fn open_offline(dir: &std::path::Path, master_key: Option<Zeroizing<String>>) -> Result<Arc<SledStore>, Failure> {
        SledStore::open(StoreOptions { master_key, ..StoreOptions::new(dir) }).map_err(refused)
    }

    #[test]
    fn a_folder_in_use_is_named() {
        let dir = tempfile::tempdir().unwrap();
        let _first = open_offline(dir.path(), None).unwrap();
        let failure = open_offline(dir.path(), None).err().unwrap();
        assert_eq!(failure.kind, Kind::Store);
        assert!(failure.message.contains("in use"), "{failure}");
    }

    #[test]
    fn a_wrong_master_key_is_named() {
        let dir = tempfile::tempdir().unwrap();
        let key = |letter: &str| Some(Zeroizing::new(letter.repeat(64)));
        drop(open_offline(dir.path(), key("1")).unwrap());
        assert!(open_offline(dir.path(), key("2")).err().unwrap().message.contains("master key"));
        assert!(open_offline(dir.path(), key("x")).err().unwrap().message.contains("VETD_MASTER_KEY"));
        assert!(open_offline(dir.path(), None).err().unwrap().message.contains("VETD_MASTER_KEY"));
    }
}
