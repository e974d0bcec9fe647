//! The key file: each session's secret, wrapped, in a slot of fixed size and place.
//!
//! It stands outside of sled, whose log keeps old copies of what was overwritten: a slot that
//! is zeroed here is gone. Slots are written and synced ahead of the record that refers to them;
//! one that no record refers to, after a crash in between, is harmless.

use std::fs::{File, OpenOptions};
use std::io::{self, Read as _};
use std::os::unix::fs::{FileExt, OpenOptionsExt};
use std::path::Path;
use std::sync::atomic::{AtomicU64, Ordering};

use crate::api::StoreError;
use crate::seal::OVERHEAD;

/// The key file's name in the data folder.
pub(crate) const KEY_FILE: &str = "keys";
/// A wrapped secret, in bytes.
pub(crate) const WRAPPED: usize = OVERHEAD + 32;
/// A slot, in bytes: its state, seven bytes unused, the wrapped secret.
pub(crate) const SLOT: usize = 80;
const OFFSET: usize = SLOT - WRAPPED;
/// The file grows by this many slots at a time.
const CHUNK: u64 = 4096;
/// What stands in the place of slot 0, which is never given out.
const MAGIC: [u8; 16] = *b"vetd key file 1\n";

const USED: u8 = 1;
const ERASED: u8 = 2;

/// What a slot holds.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Slot {
    /// Nothing was ever written here.
    Empty,
    /// A wrapped secret.
    Secret([u8; WRAPPED]),
    /// A secret was here.
    Erased,
}

/// The open key file. Slots count from 1.
pub(crate) struct SlotFile {
    file: File,
    capacity: AtomicU64,
}

impl SlotFile {
    /// Makes the file of a new store; one that a start cut short has left is taken over. One
    /// that is in use is refused and stays as it is.
    pub(crate) fn create(path: &Path) -> io::Result<Self> {
        if is_in_use(path)? {
            return Err(io::Error::new(io::ErrorKind::AlreadyExists, "a key file in use"));
        }
        let file = OpenOptions::new().read(true).write(true).create(true).truncate(true).mode(0o600).open(path)?;
        let slots = Self { file, capacity: AtomicU64::new(0) };
        slots.grow(CHUNK)?;
        slots.file.write_all_at(&MAGIC, 0)?;
        slots.file.sync_all()?;
        Ok(slots)
    }

    /// Opens the file and finds the first slot behind the last one in use.
    pub(crate) fn open(path: &Path) -> io::Result<(Self, u32)> {
        let file = OpenOptions::new().read(true).write(true).open(path)?;
        let mut magic = [0; MAGIC.len()];
        file.read_exact_at(&mut magic, 0)?;
        if magic != MAGIC {
            return Err(io::Error::new(io::ErrorKind::InvalidData, "not a key file of this release"));
        }
        // A last chunk that was cut short while growing is grown again.
        let capacity = file.metadata()?.len() / (SLOT as u64 * CHUNK) * CHUNK;
        let slots = Self { file, capacity: AtomicU64::new(capacity) };
        let next = slots.first_free()?;
        Ok((slots, next))
    }

    /// Only the last chunk is searched: a chunk is added when the one before it is full.
    fn first_free(&self) -> io::Result<u32> {
        let first = self.capacity.load(Ordering::Acquire).saturating_sub(CHUNK);
        let mut chunk = vec![0; SLOT * CHUNK as usize];
        self.file.read_exact_at(&mut chunk, first * SLOT as u64)?;
        let last_used = chunk.chunks(SLOT).rposition(|slot| slot[0] != 0);
        let free = first + last_used.map_or(0, |place| place as u64 + 1);
        u32::try_from(free.max(1)).map_err(|_| full())
    }

    /// Writes wrapped secrets into the slots from `first` on and syncs them.
    pub(crate) fn write(&self, first: u32, secrets: &[Vec<u8>]) -> io::Result<()> {
        let end = u64::from(first) + secrets.len() as u64;
        if end > u64::from(u32::MAX) {
            return Err(full());
        }
        self.grow(end)?;
        let mut bytes = vec![0; SLOT * secrets.len()];
        for (slot, secret) in bytes.chunks_mut(SLOT).zip(secrets) {
            slot[0] = USED;
            slot[OFFSET..].copy_from_slice(secret.get(..WRAPPED).ok_or(io::ErrorKind::InvalidInput)?);
        }
        self.file.write_all_at(&bytes, u64::from(first) * SLOT as u64)?;
        self.file.sync_data()
    }

    /// Puts another wrapping of the same secret into a slot; [`Self::sync`] makes it durable.
    pub(crate) fn replace(&self, slot: u32, secret: &[u8]) -> io::Result<()> {
        let secret = secret.get(..WRAPPED).ok_or(io::ErrorKind::InvalidInput)?;
        self.file.write_all_at(secret, u64::from(slot) * SLOT as u64 + OFFSET as u64)
    }

    pub(crate) fn sync(&self) -> io::Result<()> {
        self.file.sync_all()
    }

    /// What the slot holds.
    pub(crate) fn read(&self, slot: u32) -> io::Result<Slot> {
        if slot == 0 || u64::from(slot) >= self.capacity.load(Ordering::Acquire) {
            return Ok(Slot::Empty);
        }
        let mut bytes = [0; SLOT];
        self.file.read_exact_at(&mut bytes, u64::from(slot) * SLOT as u64)?;
        let mut secret = [0; WRAPPED];
        secret.copy_from_slice(&bytes[OFFSET..]);
        Ok(match bytes[0] {
            0 => Slot::Empty,
            USED => Slot::Secret(secret),
            _ => Slot::Erased,
        })
    }

    /// Zeroes secrets in place and syncs: whatever they sealed can no longer be read, in the
    /// store and in every backup that does not hold the slots. A slot is not used again.
    pub(crate) fn erase(&self, slots: &[u32]) -> io::Result<()> {
        let mut bytes = [0; SLOT];
        bytes[0] = ERASED;
        for slot in slots {
            if *slot == 0 || u64::from(*slot) >= self.capacity.load(Ordering::Acquire) {
                return Err(io::ErrorKind::InvalidInput.into());
            }
            self.file.write_all_at(&bytes, u64::from(*slot) * SLOT as u64)?;
        }
        if slots.is_empty() { Ok(()) } else { self.file.sync_data() }
    }

    /// Hands over the file as it is now, in pieces of so many slots. A slot that is written
    /// meanwhile may be there in part; no record of an earlier commit refers to it.
    pub(crate) fn copy<E: From<StoreError>>(
        &self,
        slots: u64,
        mut each: impl FnMut(&[u8]) -> Result<(), E>,
    ) -> Result<(), E> {
        let (mut slot, end) = (0, self.capacity.load(Ordering::Acquire));
        while slot < end {
            let mut piece = vec![0; SLOT * usize::try_from(slots.min(end - slot)).unwrap_or(0)];
            let read = self.file.read_exact_at(&mut piece, slot * SLOT as u64);
            read.map_err(|error| StoreError::Unavailable(format!("the key file: {error}")))?;
            each(&piece)?;
            slot += slots;
        }
        Ok(())
    }

    /// Writes zeros, so that the space is taken now and not in the middle of a commit.
    fn grow(&self, slots: u64) -> io::Result<()> {
        let zeros = vec![0; SLOT * CHUNK as usize];
        loop {
            let capacity = self.capacity.load(Ordering::Acquire);
            if capacity >= slots {
                return Ok(());
            }
            self.file.write_all_at(&zeros, capacity * SLOT as u64)?;
            self.capacity.store(capacity + CHUNK, Ordering::Release);
        }
    }
}

/// True if bytes begin as a slot in use does: its state, then the bytes that are unused.
pub(crate) fn begins_slot(bytes: &[u8]) -> bool {
    bytes.get(..OFFSET) == Some(&[USED, 0, 0, 0, 0, 0, 0, 0])
}

/// The wrapped secret that stands in a slot, whatever its state says; `None` if there are only zeros.
pub(crate) fn secret_in(slot: &[u8]) -> Option<&[u8]> {
    slot.get(OFFSET..SLOT).filter(|secret| secret.iter().any(|byte| *byte != 0))
}

/// True if the file holds, or once held, a secret, or is something else than a key file: if it
/// may not be written anew.
pub(crate) fn is_in_use(path: &Path) -> io::Result<bool> {
    let mut file = match File::open(path) {
        Ok(file) => file,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(false),
        Err(error) => return Err(error),
    };
    let mut head = [0; SLOT];
    let length = read_full(&mut file, &mut head)?;
    let unused = [MAGIC.as_slice(), &[0; SLOT - MAGIC.len()]].concat();
    if head != [0; SLOT] && head[..length] != unused[..length] {
        return Ok(true);
    }
    let mut chunk = vec![0; SLOT * CHUNK as usize];
    loop {
        match read_full(&mut file, &mut chunk)? {
            0 => return Ok(false),
            length if chunk[..length].iter().any(|byte| *byte != 0) => return Ok(true),
            _ => {}
        }
    }
}

/// Reads until the buffer is full or the file ends.
fn read_full(file: &mut File, buffer: &mut [u8]) -> io::Result<usize> {
    let mut length = 0;
    loop {
        match file.read(&mut buffer[length..]) {
            Ok(0) => return Ok(length),
            Ok(more) => length += more,
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(error) => return Err(error),
        }
    }
}

fn full() -> io::Error {
    io::Error::new(io::ErrorKind::StorageFull, "the key file has no slot left")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn slots_come_back_and_the_next_free_one_is_found() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join(KEY_FILE);
        let secret = |byte: u8| vec![byte; WRAPPED];
        let slots = SlotFile::create(&path).unwrap();
        slots.write(1, &[secret(1), secret(2), secret(3)]).unwrap();
        slots.write(6, &[secret(6)]).unwrap();
        drop(slots);

        let (slots, next) = SlotFile::open(&path).unwrap();
        assert_eq!(next, 7);
        assert_eq!(slots.read(2).unwrap(), Slot::Secret([2; WRAPPED]));
        assert_eq!(slots.read(4).unwrap(), Slot::Empty);
        assert_eq!(slots.read(0).unwrap(), Slot::Empty);
        assert_eq!(slots.read(u32::MAX).unwrap(), Slot::Empty);

        let many: Vec<Vec<u8>> = (0..5000_u32).map(|_| secret(9)).collect();
        slots.write(7, &many).unwrap();
        assert_eq!(SlotFile::open(&path).unwrap().1, 5007);
    }

    #[test]
    fn an_erased_secret_is_gone_from_the_file_and_its_slot_is_not_used_again() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join(KEY_FILE);
        let slots = SlotFile::create(&path).unwrap();
        slots.write(1, &[vec![0xab; WRAPPED], vec![0xcd; WRAPPED]]).unwrap();
        slots.erase(&[2]).unwrap();
        assert_eq!(slots.read(2).unwrap(), Slot::Erased);
        assert_eq!(slots.read(1).unwrap(), Slot::Secret([0xab; WRAPPED]));
        assert!(!std::fs::read(&path).unwrap().contains(&0xcd));
        assert_eq!(SlotFile::open(&path).unwrap().1, 3);
        assert!(slots.erase(&[0]).is_err());
    }

    #[test]
    fn only_a_file_without_a_used_slot_is_taken_over() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join(KEY_FILE);
        let put = |bytes: &[u8]| std::fs::write(&path, bytes).unwrap();
        assert!(!is_in_use(&path).unwrap(), "none is there");
        // What a start that was cut short leaves.
        for length in [0, 7, SLOT, SLOT * 5 + 3, SLOT * CHUNK as usize] {
            put(&vec![0; length]);
            assert!(!is_in_use(&path).unwrap(), "{length}");
            drop(SlotFile::create(&path).unwrap());
            assert!(!is_in_use(&path).unwrap());
        }
        // Files of another kind, or of another release.
        for other in [b"x".as_slice(), b"vetd key file 2\n", &[1; SLOT * 2]] {
            put(other);
            assert!(is_in_use(&path).unwrap());
        }
        std::fs::remove_file(&path).unwrap();
        let slots = SlotFile::create(&path).unwrap();
        slots.write(CHUNK as u32 + 5, &[vec![1; WRAPPED]]).unwrap();
        for erased in [false, true] {
            if erased {
                slots.erase(&[CHUNK as u32 + 5]).unwrap();
            }
            let before = std::fs::read(&path).unwrap();
            assert!(is_in_use(&path).unwrap());
            assert!(SlotFile::create(&path).is_err());
            assert_eq!(std::fs::read(&path).unwrap(), before);
        }
    }

    #[test]
    fn another_file_is_refused() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join(KEY_FILE);
        std::fs::write(&path, vec![0; SLOT * CHUNK as usize]).unwrap();
        assert!(SlotFile::open(&path).is_err());
    }
}
