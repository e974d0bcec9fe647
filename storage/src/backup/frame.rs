//! Frames: how a backup travels and how its changes stand in a file.
//!
//! A stream begins with [`MAGIC`]. Each frame is the length of its content (`u32`), its kind (a
//! letter), its content, and the first eight bytes of the SHA-256 of its number (`u64`, from 0),
//! kind and content: so a frame that is damaged, lost or out of its place is found. Numbers are
//! big-endian.

use std::io;

use sha2::{Digest, Sha256};

use super::BackupError;

/// What every stream begins with.
pub(super) const MAGIC: [u8; 16] = *b"vetd backup 001\n";
/// The longest content of a frame, in bytes; a group's largest record fits.
const LONGEST: usize = 4 * 1024 * 1024;
/// Length and kind.
const HEAD: usize = 5;
/// The end of a SHA-256.
const CHECK: usize = 8;
/// In place of a value's length: the key is removed.
const REMOVED: u32 = u32::MAX;

/// What a frame holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[repr(u8)]
pub(super) enum Kind {
    /// Changes: for each the length of the key (`u16`), the key, the length of the value (`u32`,
    /// all ones if the key is removed), the value.
    Changes = b'c',
    /// A piece of the key file.
    Keys = b'k',
    /// A piece of an imported file: the length of its name (`u8`), the name, the piece.
    Imported = b'i',
    /// The end, with what the backup says of itself, as JSON.
    End = b'e',
    /// The end of a backup that could not be taken, with the reason in words.
    Failed = b'f',
}

impl Kind {
    fn of(letter: u8) -> Option<Self> {
        [Self::Changes, Self::Keys, Self::Imported, Self::End, Self::Failed]
            .into_iter()
            .find(|kind| *kind as u8 == letter)
    }
}

/// Where a stream goes.
pub(super) type Sink<'a> = &'a mut dyn FnMut(&[u8]) -> io::Result<()>;

/// Writes a stream.
pub(super) struct FrameWriter<'a> {
    to: Sink<'a>,
    number: u64,
}

impl<'a> FrameWriter<'a> {
    pub(super) fn begin(to: Sink<'a>) -> Result<Self, BackupError> {
        to(&MAGIC).map_err(BackupError::Refused)?;
        Ok(Self { to, number: 0 })
    }

    pub(super) fn frame(&mut self, kind: Kind, content: &[u8]) -> Result<(), BackupError> {
        let length = u32::try_from(content.len()).map_err(|_| BackupError::Garbled)?;
        let mut bytes = Vec::with_capacity(HEAD + content.len() + CHECK);
        bytes.extend_from_slice(&length.to_be_bytes());
        bytes.push(kind as u8);
        bytes.extend_from_slice(content);
        bytes.extend_from_slice(&check(self.number, kind, content));
        self.number += 1;
        (self.to)(&bytes).map_err(BackupError::Refused)
    }
}

fn check(number: u64, kind: Kind, content: &[u8]) -> [u8; CHECK] {
    let hash = Sha256::new().chain_update(number.to_be_bytes()).chain_update([kind as u8]).chain_update(content);
    let mut check = [0; CHECK];
    check.copy_from_slice(&hash.finalize()[..CHECK]);
    check
}

/// A stream that is not one.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct NotAFrame;

/// A frame as it was read.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Frame<'a> {
    pub kind: Kind,
    pub content: &'a [u8],
    /// All of its bytes.
    pub raw: &'a [u8],
}

/// Reads a stream that comes in pieces of any length.
#[derive(Default)]
pub(super) struct FrameReader {
    buffer: Vec<u8>,
    /// How much of the buffer has been read.
    read: usize,
    begun: bool,
    number: u64,
}

impl FrameReader {
    /// Takes a piece.
    pub(super) fn push(&mut self, bytes: &[u8]) {
        self.buffer.drain(..self.read);
        self.read = 0;
        self.buffer.extend_from_slice(bytes);
    }

    /// The next frame, if it is there whole.
    pub(super) fn next(&mut self) -> Result<Option<Frame<'_>>, NotAFrame> {
        if !self.begun {
            let Some(magic) = self.buffer.first_chunk() else { return Ok(None) };
            if *magic != MAGIC {
                return Err(NotAFrame);
            }
            self.begun = true;
            self.read = MAGIC.len();
        }
        let rest = &self.buffer[self.read..];
        let Some((head, _)) = rest.split_first_chunk::<HEAD>() else { return Ok(None) };
        let [a, b, c, d, letter] = *head;
        let length = u32::from_be_bytes([a, b, c, d]) as usize;
        if length > LONGEST {
            return Err(NotAFrame);
        }
        let Some(raw) = rest.get(..HEAD + length + CHECK) else { return Ok(None) };
        let kind = Kind::of(letter).ok_or(NotAFrame)?;
        let (content, found) = raw[HEAD..].split_at(length);
        if *found != check(self.number, kind, content) {
            return Err(NotAFrame);
        }
        self.number += 1;
        self.read += raw.len();
        Ok(Some(Frame { kind, content, raw }))
    }

    /// True if nothing is left of a frame that did not end.
    pub(super) const fn is_between_frames(&self) -> bool {
        self.begun && self.read == self.buffer.len()
    }
}

/// Appends a change.
pub(super) fn put_change(to: &mut Vec<u8>, key: &[u8], value: Option<&[u8]>) -> Result<(), BackupError> {
    // Neither happens: keys are short, and no value is longer than a record.
    let too_long = |_| BackupError::Garbled;
    to.extend_from_slice(&u16::try_from(key.len()).map_err(too_long)?.to_be_bytes());
    to.extend_from_slice(key);
    let length = value.map_or(Ok(REMOVED), |value| u32::try_from(value.len())).map_err(too_long)?;
    to.extend_from_slice(&length.to_be_bytes());
    to.extend_from_slice(value.unwrap_or_default());
    Ok(())
}

/// Hands each change to `each`; returns how many there are.
pub(super) fn changes<'a>(
    mut content: &'a [u8],
    mut each: impl FnMut(&'a [u8], Option<&'a [u8]>),
) -> Result<u64, NotAFrame> {
    let mut count = 0;
    while !content.is_empty() {
        let (length, rest) = content.split_first_chunk().ok_or(NotAFrame)?;
        let (key, rest) = rest.split_at_checked(usize::from(u16::from_be_bytes(*length))).ok_or(NotAFrame)?;
        let (length, rest) = rest.split_first_chunk().ok_or(NotAFrame)?;
        content = match u32::from_be_bytes(*length) {
            REMOVED => {
                each(key, None);
                rest
            }
            length => {
                let (value, rest) = rest.split_at_checked(length as usize).ok_or(NotAFrame)?;
                each(key, Some(value));
                rest
            }
        };
        count += 1;
    }
    Ok(count)
}

/// The name and the piece of an imported file that a frame holds.
pub(super) fn imported(content: &[u8]) -> Option<(&str, &[u8])> {
    let (length, rest) = content.split_first()?;
    let (name, piece) = rest.split_at_checked(usize::from(*length))?;
    Some((std::str::from_utf8(name).ok()?, piece))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn stream() -> Vec<u8> {
        let mut bytes = Vec::new();
        let mut sink = |piece: &[u8]| {
            bytes.extend_from_slice(piece);
            Ok(())
        };
        let mut writer = FrameWriter::begin(&mut sink).unwrap();
        writer.frame(Kind::Changes, b"one").unwrap();
        writer.frame(Kind::Keys, b"").unwrap();
        writer.frame(Kind::End, b"{}").unwrap();
        bytes
    }

    /// The frames, and whether the stream ended behind one.
    type Found = (Vec<(Kind, Vec<u8>)>, bool);

    fn read(bytes: &[u8], piece: usize) -> Result<Found, NotAFrame> {
        let (mut reader, mut found) = (FrameReader::default(), Vec::new());
        for piece in bytes.chunks(piece) {
            reader.push(piece);
            while let Some(frame) = reader.next()? {
                found.push((frame.kind, frame.content.to_vec()));
            }
        }
        Ok((found, reader.is_between_frames()))
    }

    #[test]
    fn frames_come_back_however_they_are_cut() {
        let whole = vec![(Kind::Changes, b"one".to_vec()), (Kind::Keys, Vec::new()), (Kind::End, b"{}".to_vec())];
        for piece in 1..80 {
            assert_eq!(read(&stream(), piece), Ok((whole.clone(), true)), "{piece}");
        }
        for length in 0..stream().len() {
            let (found, ended) = read(&stream()[..length], 7).unwrap();
            assert!(found.len() < 3 && whole.starts_with(&found));
            assert_eq!(ended, length == 16 + found.iter().map(|(_, content)| 13 + content.len()).sum::<usize>());
        }
    }

    #[test]
    fn a_frame_that_was_changed_or_lost_is_found() {
        let bytes = stream();
        for place in 0..bytes.len() {
            let mut changed = bytes.clone();
            changed[place] ^= 0x40;
            let whole = read(&changed, 64).is_ok_and(|(found, ended)| ended && found.len() == 3);
            assert!(!whole, "{place}");
        }
        let lost: Vec<u8> = [&bytes[..16], &bytes[16 + 16..]].concat();
        assert_eq!(read(&lost, 64), Err(NotAFrame));
    }

    #[test]
    fn changes_come_back() {
        let mut bytes = Vec::new();
        let written = [(b"key".as_slice(), Some(b"value".as_slice())), (b"gone", None), (b"empty", Some(b""))];
        for (key, value) in written {
            put_change(&mut bytes, key, value).unwrap();
        }
        let mut read = Vec::new();
        assert_eq!(changes(&bytes, |key, value| read.push((key, value))), Ok(3));
        assert_eq!(read, written);
        for length in 1..bytes.len() {
            let mut whole = 0;
            let outcome = changes(&bytes[..length], |_, _| whole += 1);
            assert!(outcome.is_err() || outcome == Ok(whole), "{length}");
            assert!(whole < 3);
        }
    }
}
