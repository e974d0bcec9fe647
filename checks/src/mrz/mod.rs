//! Reads the machine-readable zone (ICAO Doc 9303) in a photo of a document.
//!
//! 1. Marks that are darker than their surroundings (`marks`) are chained to lines (`lines`).
//! 2. Each line that promises something is cut out as a strip, and a small net says where on it a
//!    letter of OCR-B stands, and which (`net`).
//! 3. A lattice of 30, 36 or 44 cells is laid over the strip (`lattice`).
//! 4. Lines that stand below each other are read as a zone: check digits, the table of states and
//!    the grammar of names choose among likely letters (`zone`).
//!
//! A zone is *proven* if all of that agrees and no other zone is nearly as likely. That says that
//! the zone was read right, never that the document is genuine; and no check digit protects names,
//! so they remain read rather than proven ([`document`]).

pub mod document;
mod lattice;
mod layout;
mod lines;
mod marks;
mod names;
mod net;
mod search;
mod zone;

use std::fmt;

pub use layout::Format;

use crate::gray::Gray;
use crate::nets::NetError;
use net::LetterNet;
use search::Search;

/// The most times that the net looks at a strip for one picture, about 4 ms each: the bound on what
/// a picture costs, beside finding its marks three times.
pub const MAX_LOOKS: usize = 100;

/// What was read.
#[derive(Clone, PartialEq)]
pub struct MrzReading {
    /// The zone's lines from top to bottom, in the letters `A` to `Z`, `0` to `9` and `<`.
    pub lines: Vec<String>,
    /// Its format.
    pub format: Format,
    /// How sure the net is of a letter: the geometric mean of its probabilities, 0 to 1.
    pub confidence: f32,
    /// How many pixels of the picture one character's cell is wide. Below 12, ask for a picture
    /// from nearer.
    pub pixels_per_character: f32,
    /// Whether check digits, states and names agree, and nothing else is nearly as likely. If not,
    /// the lines are a guess to show, not to rely on.
    pub proven: bool,
    /// By how many quarters the picture had to be turned clockwise to be read: 0 to 3.
    pub quarter_turns: u8,
}

/// Shows no letter: zones are people's data.
impl fmt::Debug for MrzReading {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("MrzReading")
            .field("format", &self.format)
            .field("confidence", &self.confidence)
            .field("pixels_per_character", &self.pixels_per_character)
            .field("proven", &self.proven)
            .field("quarter_turns", &self.quarter_turns)
            .finish_non_exhaustive()
    }
}

/// The reader: a loaded net. Threads may share it; each [`read`](Self::read) takes one core.
pub struct MrzReader {
    net: LetterNet,
}

impl fmt::Debug for MrzReader {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("MrzReader")
    }
}

impl MrzReader {
    /// Loads the net, which is part of the program.
    ///
    /// # Errors
    ///
    /// If the net cannot be loaded: a bug of this program's build.
    pub fn new() -> Result<Self, NetError> {
        Ok(Self { net: LetterNet::load()? })
    }

    /// Reads the zone of the document in `picture`, whichever way up it is. None if there is nothing
    /// that looks like one. Takes about 0.1 s if there is a zone and at most about 1.5 s.
    #[must_use]
    pub fn read(&self, picture: &Gray) -> Option<MrzReading> {
        self.net.on_one_thread(|worker| Search::new(&self.net, worker, picture).run())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_reader_is_shared_by_threads() {
        fn shared<T: Send + Sync>(_: &T) {}
        shared(&MrzReader::new().unwrap());
    }

    #[test]
    fn pictures_of_nothing_have_no_zone() {
        let reader = MrzReader::new().unwrap();
        for (width, height) in [(1, 1), (2, 900), (900, 2), (640, 480)] {
            for pixel in [0_u8, 128, 255] {
                assert!(reader.read(&Gray::new(width, height, vec![pixel; width * height]).unwrap()).is_none());
            }
        }
    }
}
