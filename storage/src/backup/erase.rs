//! A verification in a backup: whether its data can be read there, and how they are erased.

use std::collections::BTreeSet;
use std::fs::File;
use std::io::{BufReader, ErrorKind, Read as _};
use std::path::Path;

use vetd_model::{Realm, SessionId, Timestamp};

use super::frame::{FrameReader, changes};
use super::restore::{Backup, in_pieces};
use super::{BackupError, TREE_FILE};
use crate::disk::session::SessionRecord;
use crate::keyring::{Keyring, given_key};
use crate::keys;
use crate::slots::{KEY_FILE, SLOT, SlotFile, secret_in};

/// What a backup holds of a verification.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct BackupTrace {
    /// True if its record is in the backup.
    pub on_record: bool,
    /// True if the person's data are in the backup, sealed.
    pub sealed: bool,
    /// When it was redacted, if the backup knows of it.
    pub redacted_at: Option<Timestamp>,
    /// The slots of the backup's key file with its secret. If there is one, what is sealed in the
    /// backup can be read by whoever has the master key.
    pub slots: Vec<u32>,
    realms: BTreeSet<[u8; 5]>,
}

/// Looks for a verification in a backup.
///
/// # Errors
/// What is wrong with the backup, or the master key.
pub fn trace_in_backup(folder: &Path, master_key: &str, id: SessionId) -> Result<BackupTrace, BackupError> {
    let backup = Backup::open(folder)?;
    backup.check_key(master_key)?;
    backup.check_files(&mut |_| ())?;
    let mut trace = BackupTrace::default();
    trace.read_tree(folder, id)?;
    let keyring = Keyring::new(&*given_key(master_key, "the master key that was given")?);
    trace.read_keys(folder, &keyring, id)?;
    Ok(trace)
}

/// Zeroes the slots that were found, as the format of backups says.
///
/// # Errors
/// If the key file cannot be written.
pub fn erase_in_backup(folder: &Path, trace: &BackupTrace) -> Result<(), BackupError> {
    let path = folder.join(KEY_FILE);
    let erased = SlotFile::open(&path).and_then(|(slots, _)| slots.erase(&trace.slots));
    erased.map_err(BackupError::io("erasing in", &path))
}

impl BackupTrace {
    fn read_tree(&mut self, folder: &Path, id: SessionId) -> Result<(), BackupError> {
        let path = folder.join(TREE_FILE);
        let mut frames = FrameReader::default();
        in_pieces(&path, |piece| {
            frames.push(piece);
            let not_a_frame = |_| BackupError::damaged(&path, "it does not decode");
            while let Some(frame) = frames.next().map_err(not_a_frame)? {
                changes(frame.content, |key, value| self.read_change(key, value, id)).map_err(not_a_frame)?;
            }
            Ok(())
        })
    }

    /// The last change of a key is its value; what was sealed before it is there all the same.
    fn read_change(&mut self, key: &[u8], value: Option<&[u8]>, id: SessionId) {
        let (Some(&keys::SESSION), Some(realm)) = (key.first(), keys::realm_of(key)) else { return };
        self.realms.insert(realm.bytes());
        if *key != *keys::session(realm, id) {
            return;
        }
        self.on_record = value.is_some();
        // A record that is in several pieces is so because of what is sealed in it.
        let record = value.and_then(<[u8]>::split_last).and_then(|(_, record)| SessionRecord::decode(record).ok());
        self.sealed |= value.is_some() && record.as_ref().is_none_or(|record| record.sealed().is_some());
        self.redacted_at = record.and_then(|record| record.redacted_at());
    }

    /// A secret unwraps for its own session alone, so that the slot need not be known.
    fn read_keys(&mut self, folder: &Path, keyring: &Keyring, id: SessionId) -> Result<(), BackupError> {
        let path = folder.join(KEY_FILE);
        let mut file = BufReader::new(File::open(&path).map_err(BackupError::io("reading", &path))?);
        let realms: Vec<Realm> = self.realms.iter().filter_map(|realm| Realm::from_bytes(*realm)).collect();
        let mut slot = [0; SLOT];
        for number in 0.. {
            match file.read_exact(&mut slot) {
                Ok(()) => {}
                Err(error) if error.kind() == ErrorKind::UnexpectedEof => return Ok(()),
                Err(error) => return Err(BackupError::io("reading", &path)(error)),
            }
            let Some(secret) = secret_in(&slot) else { continue };
            if realms.iter().any(|realm| keyring.unwrap(*realm, id, secret).is_ok()) {
                self.slots.push(number);
            }
        }
        Ok(())
    }
}
