//! The bytes of the files that are imported: hashed and counted as they are read, no more than a limit
//! in all, and no more than a limit in one piece, so that nothing hostile fills the memory.

use std::collections::VecDeque;
use std::fmt;
use std::io::{self, BufRead, Read};

use sha2::{Digest, Sha256};

use super::{Input, LARGEST_FILE};

/// How much is read at a time.
const BUFFER: usize = 64 * 1024;
/// The longest element or line, in bytes.
const LONGEST_PIECE: usize = 1 << 20;

/// What an error of reading says if a limit was its reason.
#[derive(Debug)]
pub(super) enum OverLimit {
    /// The file is too large.
    File,
    /// One element or line is too long.
    Piece,
}

impl fmt::Display for OverLimit {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a limit was reached")
    }
}

impl std::error::Error for OverLimit {}

/// Files that are read one after the other.
pub(super) struct Source<R> {
    files: VecDeque<R>,
    buffer: Vec<u8>,
    /// What of the buffer has been taken.
    taken: usize,
    hash: Sha256,
    bytes: u64,
    piece: usize,
}

impl<R: Read> Source<R> {
    pub(super) fn over(files: Vec<R>) -> Self {
        Self { files: files.into(), buffer: Vec::new(), taken: 0, hash: Sha256::new(), bytes: 0, piece: 0 }
    }

    /// The beginning, which stays to be read.
    pub(super) fn head(&mut self, length: usize) -> io::Result<&[u8]> {
        while self.buffer.len() < length && self.fill()? {}
        Ok(&self.buffer[..self.buffer.len().min(length)])
    }

    /// How many bytes have been taken.
    pub(super) fn position(&self) -> u64 {
        self.bytes - (self.buffer.len() - self.taken) as u64
    }

    /// Reads what is left; SHA-256 of everything, in hexadecimal.
    pub(super) fn finish(mut self) -> io::Result<String> {
        loop {
            self.taken = self.buffer.len();
            if !self.fill()? {
                break;
            }
        }
        Ok(self.hash.finalize().iter().map(|byte| format!("{byte:02x}")).collect())
    }

    /// Adds to the buffer; false at the end.
    fn fill(&mut self) -> io::Result<bool> {
        self.buffer.drain(..self.taken);
        self.taken = 0;
        let before = self.buffer.len();
        while let Some(file) = self.files.front_mut() {
            self.buffer.resize(before + BUFFER, 0);
            let read = loop {
                match file.read(&mut self.buffer[before..]) {
                    Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                    other => break other,
                }
            };
            self.buffer.truncate(before + *read.as_ref().unwrap_or(&0));
            if read? == 0 {
                self.files.pop_front();
                continue;
            }
            self.bytes += (self.buffer.len() - before) as u64;
            if self.bytes > LARGEST_FILE {
                return Err(io::Error::other(OverLimit::File));
            }
            self.hash.update(&self.buffer[before..]);
            return Ok(true);
        }
        Ok(false)
    }
}

impl<R: Read> Read for Source<R> {
    fn read(&mut self, to: &mut [u8]) -> io::Result<usize> {
        let length = self.fill_buf()?.read(to)?;
        self.consume(length);
        Ok(length)
    }
}

impl<R: Read> BufRead for Source<R> {
    fn fill_buf(&mut self) -> io::Result<&[u8]> {
        if self.piece > LONGEST_PIECE {
            return Err(io::Error::other(OverLimit::Piece));
        }
        if self.taken == self.buffer.len() {
            self.fill()?;
        }
        Ok(&self.buffer[self.taken..])
    }

    fn consume(&mut self, amount: usize) {
        self.taken += amount;
        self.piece += amount;
    }
}

impl<R: Read> Input for Source<R> {
    fn next_piece(&mut self) {
        self.piece = 0;
    }
}

impl<I: Input> Input for &mut I {
    fn next_piece(&mut self) {
        (**self).next_piece();
    }
}
