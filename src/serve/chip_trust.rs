//! Reads the certificates of country signing authorities, and their revocation lists.

use std::fs;
use std::path::{Path, PathBuf};

use vetd_actors::ChipTrust;

use crate::config::Settings;
use crate::failure::Failure;

/// The largest file, in bytes.
const LARGEST: u64 = 16 << 20;

/// Reads the file, or every file of the folder, that the settings name.
///
/// # Errors
/// Which file cannot be used, and why: a check that trusts less than its operator thinks is not started.
pub fn read(settings: &Settings) -> Result<ChipTrust, Failure> {
    let mut trust = ChipTrust::default();
    let Some(place) = &settings.chip_trust else { return Ok(trust) };
    for path in files(place)? {
        let wrong = |why: &str| Failure::configuration(format!("chip_trust: {}: {why}", path.display()));
        let length = fs::metadata(&path).map_err(|error| wrong(&error.to_string()))?.len();
        if length > LARGEST {
            return Err(wrong("it is larger than 16 MiB"));
        }
        let bytes = fs::read(&path).map_err(|error| wrong(&error.to_string()))?;
        trust.add(&bytes).map_err(|error| wrong(&error.to_string()))?;
    }
    let (certificates, revocation_lists, unusable) = trust.counts();
    tracing::info!(certificates, revocation_lists, unusable, "read whom the chips of documents are trusted by");
    Ok(trust)
}

/// A file, or those in a folder whose names do not begin with a full stop, in their order.
fn files(place: &Path) -> Result<Vec<PathBuf>, Failure> {
    let wrong = |error: std::io::Error| Failure::configuration(format!("chip_trust: {}: {error}", place.display()));
    if !fs::metadata(place).map_err(wrong)?.is_dir() {
        return Ok(vec![place.to_owned()]);
    }
    let mut found = Vec::new();
    for entry in fs::read_dir(place).map_err(wrong)? {
        let entry = entry.map_err(wrong)?;
        let hidden = entry.file_name().to_string_lossy().starts_with('.');
        if !hidden && entry.path().is_file() {
            found.push(entry.path());
        }
    }
    found.sort();
    Ok(found)
}
