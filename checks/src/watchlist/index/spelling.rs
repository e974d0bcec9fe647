//! What tells cheaply that two words are not alike: bounds on `score::words`, so that it runs for few
//! pairs. None of them ever says no where it would say yes.
//!
//! Jaro's similarity of words of `a` and `b` letters, of which `m` are common, is at most
//! `(m / a + m / b + 1) / 3`; Winkler adds a tenth of what is missing for each of the first four letters
//! that are the same, if Jaro's is above 0.7. Solved for `m`, that is how many letters two words must have
//! in common, in whatever order, to be alike.

use super::super::score::{self, ALIKE, SOUNDS};
use super::super::words::{LONGEST_WORD, is_light};

/// How many first letters Winkler counts.
const PREFIX: usize = 4;
/// What Jaro's similarity must be above for Winkler to add to it.
const WINKLER_FROM: f64 = 0.7;
/// Letters that names often have three times, and that get a third bit.
const FREQUENT: &[u8; 12] = b"AEIOUNRLHMSD";

/// The letters of a word as a set of bits: one for each of the 26 that it has, one for each that it has
/// twice, one for each frequent one that it has three times. A bit that only one of two words has is a
/// letter of it that the other one lacks.
pub(super) fn letters_of(word: &str) -> u64 {
    word.bytes().fold(0, |letters, letter| {
        let once = 1 << (letter.wrapping_sub(b'A') % 26);
        let twice = once << 26;
        let third = FREQUENT.iter().position(|frequent| *frequent == letter).map_or(0, |place| 1 << (52 + place));
        letters
            | if letters & once == 0 {
                once
            } else if letters & twice == 0 {
                twice
            } else {
                third
            }
    })
}

/// The first two letters of a word, by which words are grouped.
pub(super) fn first_of(word: &str) -> [u8; 2] {
    [0, 1].map(|place| word.as_bytes().get(place).copied().unwrap_or_default())
}

/// The first letters of a word, one byte each; zeros where it is shorter.
pub(super) fn prefix_of(word: &str) -> u32 {
    let mut first = [0; PREFIX];
    first.iter_mut().zip(word.bytes()).for_each(|(to, letter)| *to = letter);
    u32::from_le_bytes(first)
}

/// A word that is looked for, with what others of each length must have in common with it.
pub(super) struct Sought<'a> {
    pub text: &'a str,
    pub is_light: bool,
    letters: u64,
    prefix: u32,
    skeleton: u32,
    /// By the other word's length: the letters in common for words that begin with none to four same
    /// letters; first if they sound the same, then if they do not.
    least: [[[u8; PREFIX + 1]; 2]; LONGEST_WORD + 1],
}

impl<'a> Sought<'a> {
    pub(super) fn new(text: &'a str) -> Self {
        let letters = letters_of(text);
        let least = std::array::from_fn(|length| {
            [SOUNDS, ALIKE].map(|alike| std::array::from_fn(|same| least_common(text.len(), length, same, alike)))
        });
        let (is_light, prefix, skeleton) = (is_light(text), prefix_of(text), score::skeleton(text));
        Self { text, is_light, letters, prefix, skeleton, least }
    }

    /// How many of its letters a word of this length and these first letters may lack to be like it;
    /// `None` if no such word is.
    pub(super) fn may_lack(&self, length: usize, first: [u8; 2]) -> Option<u32> {
        let same = match self.text.as_bytes() {
            [one, two, ..] if [*one, *two] == first => PREFIX,
            [one, ..] if *one == first[0] => 1,
            _ => 0,
        };
        let least = usize::from(self.least[length][0][same]);
        (least <= length).then_some(self.text.len().checked_sub(least)? as u32)
    }

    /// Whether a word lacks more than so many of its letters. Letters without a bit count as there.
    #[inline]
    pub(super) fn lacks_more(&self, letters: u64, most: u32) -> bool {
        let mut lacking = self.letters & !letters;
        for _ in 0..most {
            // Without its lowest bit: much faster than counting all where there is no instruction for it.
            lacking &= lacking.wrapping_sub(1);
        }
        lacking != 0
    }

    /// Whether a word of these letters, this beginning and this sound may be like it.
    pub(super) fn may_be_like(&self, length: usize, letters: u64, prefix: u32, skeleton: u32) -> bool {
        let same = ((self.prefix ^ prefix).trailing_zeros() / 8) as usize;
        let sounds_otherwise = usize::from(self.skeleton != skeleton);
        let least = usize::from(self.least[length][sounds_otherwise][same.min(PREFIX)]);
        self.text.len().checked_sub(least).is_some_and(|most| !self.lacks_more(letters, most as u32))
    }
}

/// How many letters two words of these lengths must have in common to come up to a similarity, if they
/// begin with so many same letters.
fn least_common(one: usize, other: usize, same: usize, alike: f32) -> u8 {
    let (one, other, winkler) = (one as f64, other as f64, 0.1 * same as f64);
    let jaro = ((f64::from(alike) - winkler) / (1.0 - winkler)).max(WINKLER_FROM);
    // A little less, so that no rounding takes one letter too many.
    ((3.0 * jaro - 1.0) * one * other / (one + other) - 1e-3).ceil() as u8
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn may_be_alike(one: &str, other: &str) -> bool {
        let sought = Sought::new(one);
        let (letters, prefix) = (letters_of(other), prefix_of(other));
        let may_lack = sought.may_lack(other.len(), first_of(other));
        let in_a_group = may_lack.is_some_and(|most| !sought.lacks_more(letters, most));
        let by_all = sought.may_be_like(other.len(), letters, prefix, score::skeleton(other));
        assert!(in_a_group || !by_all, "{one} {other}");
        by_all
    }

    #[test]
    fn most_words_are_told_apart_without_comparing_them() {
        for (one, other) in [("PETROV", "SIDOROV"), ("MOHAMMED", "HASSAN"), ("ALI", "OMAR"), ("IVAN", "ANNA")] {
            assert!(!may_be_alike(one, other), "{one} {other}");
        }
        assert!(may_be_alike("QADHAFI", "GADDAFI"));
    }

    proptest! {
        /// Words of few letters are alike more often, and have letters more than three times.
        #[test]
        fn what_is_alike_is_never_told_apart(
            one in "[A-D]{2,12}", other in "[A-D]{2,12}", begin in "[A-Z]{0,30}", end in "[A-Z]{0,8}",
        ) {
            let words = [one.clone(), other.clone(), format!("{begin}{one}"), format!("{begin}{other}"), format!("{one}{end}")];
            for (one, other) in words.iter().flat_map(|one| words.iter().map(move |other| (one, other))) {
                let (one, other) = (&one[..one.len().min(LONGEST_WORD)], &other[..other.len().min(LONGEST_WORD)]);
                prop_assert!(score::words(one, other) == 0.0 || may_be_alike(one, other), "{} {}", one, other);
            }
        }
    }
}
