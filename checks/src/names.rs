//! Whether two sources name the same person: what was typed, a machine-readable zone, a barcode.
//!
//! Names are compared in the letters A to Z. A letter with a mark has several right forms there
//! (ICAO Doc 9303 part 3, section 6 A: Ü is UE, UXX or U), so every name has a few spellings, and
//! two names are the same if one spelling of each is. Hyphens are blanks, apostrophes and full stops
//! are nothing (part 3, 4.6), and blanks do not count: DE LA CRUZ is DELACRUZ.
//!
//! Scripts other than Latin are written in Latin letters by section 6 B for Cyrillic in each of its
//! languages, and by a rough table for all others. If that agrees, it is proof enough; if it does
//! not, nothing follows, because the same name has many Latin spellings: [`Match::Unsure`].

use std::collections::BTreeSet;

use deunicode::deunicode;
use mrz::{CyrillicLanguage, TransliterationStyle, transliterate, transliterate_cyrillic};
use strsim::jaro_winkler;
use unicode_normalization::UnicodeNormalization;
use unicode_normalization::char::is_combining_mark;

/// Scores from here on have an ordinary explanation: a middle name that is not given everywhere, an
/// initial, UE for Ü in one place and U in another.
pub const LIKELY: u16 = 900;

/// Given names of one side are missing on the other: people rarely type all of them.
const MIDDLE_NAMES_MISSING: u16 = 950;
/// A given name is an initial on one side.
const INITIAL: u16 = 920;
/// Equal if AE, OE, UE and AA are read as A, O, U and A: a name that lost its marks in two ways, as
/// MUELLER and MULLER did. Not the same, because there are names that differ by no more.
const MARKS_LOST: u16 = 930;
/// One family name is one of several on the other side: after marriage, or the first of two.
const PART_OF_FAMILY_NAME: u16 = 850;
/// All names are there, but parted otherwise into family and given names.
const PARTED_OTHERWISE: u16 = 850;
/// Family and given names are in each other's place.
const SWAPPED: u16 = 800;
/// One side has no given name at all.
const NO_GIVEN_NAME: u16 = 700;

/// Jaro-Winkler similarity below which two words are different names. One wrong letter in a word of
/// four leaves 0.883 if it is the last (ANNA, ANNE) and 0.833 if it is the first (ANNA, INNA, which
/// are different names); SMITH and SCHMIDT have 0.81, JOHNSON and JONES 0.83.
const ALIKE: f64 = 0.88;

/// The most letters of a name that are looked at, as it is written and as it is spelled; the longest line of
/// a zone has 39. One letter may become eighteen Latin ones, and comparing takes the square of all.
const LONGEST: usize = 200;

/// What a comparison of names comes to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Match {
    /// The same name, up to what spelling, script and the width of a field do to it.
    Same,
    /// Alike, with a score of 0 to 999: from [`LIKELY`] on with an ordinary explanation, below for a
    /// person to look at.
    Similar(u16),
    /// Different names.
    Different,
    /// Nothing follows: one side is in a script whose Latin spellings are many, or is empty.
    Unsure,
}

/// The names that one source gives.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Names<'a> {
    /// Family name: the primary identifier of Doc 9303.
    pub last: &'a str,
    /// Given names in their order, parted by blanks: the secondary identifier.
    pub given: &'a str,
    /// Whether the source may have cut them to fit: names may then end early, and given names may be
    /// initials or missing.
    pub cut: bool,
}

impl<'a> Names<'a> {
    /// Names of a source that has room for them.
    #[must_use]
    pub fn whole(last: &'a str, given: &'a str) -> Self {
        Self { last, given, cut: false }
    }

    /// Names of a machine-readable zone whose name field holds `width` characters: 39 in a passport,
    /// 31 in a card of format TD2, 30 in one of TD1. They count as cut if they fill it (Doc 9303
    /// part 3, 4.6: a zone that is full to its last character may be truncated).
    #[must_use]
    pub fn of_zone(last: &'a str, given: &'a str, width: usize) -> Self {
        let length = last.chars().count() + given.chars().count() + if given.is_empty() { 0 } else { 2 };
        Self { last, given, cut: length >= width }
    }
}

/// Compares the names of two sources, whichever comes first.
///
/// The result is the worse one of family and given names, unless all is there in another place.
#[must_use]
pub fn compare(one: Names<'_>, other: Names<'_>) -> Match {
    let cut = (one.cut, other.cut);
    let parts = (family(one.last, other.last, cut), given(one.given, other.given, cut));
    match parts {
        (Match::Different, _) | (_, Match::Different) => misplaced(one, other).unwrap_or(Match::Different),
        (Match::Unsure, _) | (_, Match::Unsure) => misplaced(one, other).unwrap_or(Match::Unsure),
        (Match::Similar(last), Match::Similar(first)) => Match::Similar(last.min(first)),
        (Match::Similar(score), Match::Same) | (Match::Same, Match::Similar(score)) => Match::Similar(score),
        (Match::Same, Match::Same) => Match::Same,
    }
}

/// All names are on both sides, but in each other's place or parted otherwise.
fn misplaced(one: Names<'_>, other: Names<'_>) -> Option<Match> {
    let whole = (false, false);
    if [one.last, one.given, other.last, other.given].iter().any(|name| words(name).is_empty()) {
        return None;
    }
    let crossed = (family(one.last, other.given, whole), given(one.given, other.last, whole));
    if crossed == (Match::Same, Match::Same) {
        return Some(Match::Similar(SWAPPED));
    }
    let all = |names: Names<'_>| format!("{} {}", names.last, names.given);
    let (one, other) = (Spelled::all(&all(one)), Spelled::all(&all(other)));
    let same = one.spellings.iter().any(|one| other.spellings.iter().any(|other| sorted(one) == sorted(other)));
    same.then_some(Match::Similar(PARTED_OTHERWISE))
}

/// Compares two family names; `cut` says which of them may end early.
fn family(one: &str, other: &str, cut: (bool, bool)) -> Match {
    let (one, other) = (Spelled::all(one), Spelled::all(other));
    let Some(pairs) = pairs(&one, &other) else { return Match::Unsure };
    let pair = |(one, other): (&[String], &[String])| {
        let (short, long) = (one.concat(), other.concat());
        if short == long || cut.0 && long.starts_with(&short) || cut.1 && short.starts_with(&long) {
            return Match::Same;
        }
        if without_marks(&short) == without_marks(&long) {
            return Match::Similar(MARKS_LOST);
        }
        if one.iter().all(|word| other.contains(word)) || other.iter().all(|word| one.contains(word)) {
            return Match::Similar(PART_OF_FAMILY_NAME);
        }
        alike(jaro_winkler(&short, &long))
    };
    best(pairs.map(pair), one.lossy || other.lossy)
}

/// Compares two lists of given names, in any order; `cut` says which of them may be cut.
fn given(one: &str, other: &str, cut: (bool, bool)) -> Match {
    match (words(one).is_empty(), words(other).is_empty()) {
        (true, true) => return Match::Same,
        (true, false) if cut.0 => return Match::Same,
        (false, true) if cut.1 => return Match::Same,
        (true, false) | (false, true) => return Match::Similar(NO_GIVEN_NAME),
        (false, false) => {}
    }
    let (one, other) = (Spelled::all(one), Spelled::all(other));
    let Some(pairs) = pairs(&one, &other) else { return Match::Unsure };
    best(pairs.map(|(one, other)| given_spelling(one, other, cut)), one.lossy || other.lossy)
}

fn given_spelling(one: &[String], other: &[String], cut: (bool, bool)) -> Match {
    if one.concat() == other.concat() || sorted(one) == sorted(other) {
        return Match::Same;
    }
    if cut.0 && is_cut_from(one, other) || cut.1 && is_cut_from(other, one) {
        return Match::Same;
    }
    if without_marks(&one.concat()) == without_marks(&other.concat()) {
        return Match::Similar(MARKS_LOST);
    }
    let (short, long) = if one.len() <= other.len() { (one, other) } else { (other, one) };
    if short.iter().all(|word| long.contains(word)) {
        return Match::Similar(MIDDLE_NAMES_MISSING);
    }
    // Each name of the shorter side with the one most like it that is still free.
    let mut free: Vec<&String> = long.iter().collect();
    let mut least = MIDDLE_NAMES_MISSING;
    for word in short {
        let scores = free.iter().map(|other| word_score(word, other)).enumerate();
        let Some((at, score)) = scores.max_by_key(|(_, score)| *score) else { return Match::Different };
        free.swap_remove(at);
        least = least.min(score);
    }
    if least == 0 { Match::Different } else { Match::Similar(least) }
}

/// How alike two given names are; 0 for different ones.
fn word_score(one: &str, other: &str) -> u16 {
    let initial = |short: &str, long: &str| short.len() == 1 && long.starts_with(short);
    if one == other {
        return MIDDLE_NAMES_MISSING;
    }
    if initial(one, other) || initial(other, one) {
        return INITIAL;
    }
    match alike(jaro_winkler(one, other)) {
        Match::Similar(score) => score,
        _ => 0,
    }
}

/// Whether `short` may be what a full field left of `long`: each word, in order, begins one of
/// `long`'s, and words may be missing behind the first (Doc 9303 part 3, 4.6).
fn is_cut_from(short: &[String], long: &[String]) -> bool {
    let mut rest = long.iter();
    let first = short.first().zip(long.first()).is_some_and(|(short, long)| long.starts_with(short.as_str()));
    first && short.iter().all(|word| rest.any(|other| other.starts_with(word.as_str())))
}

/// A similarity as a match; never so high that it looks explained.
fn alike(similarity: f64) -> Match {
    if similarity < ALIKE {
        return Match::Different;
    }
    Match::Similar(((similarity * 1000.0) as u16).min(LIKELY - 1))
}

/// The best of what all pairs of spellings come to; a rough spelling proves sameness alone.
fn best(matches: impl Iterator<Item = Match>, lossy: bool) -> Match {
    let rank = |result: &Match| match result {
        Match::Same => 1000,
        Match::Similar(score) => *score,
        Match::Different | Match::Unsure => 0,
    };
    match matches.max_by_key(rank).unwrap_or(Match::Unsure) {
        Match::Same => Match::Same,
        _ if lossy => Match::Unsure,
        other => other,
    }
}

/// Every spelling of one with every spelling of the other; `None` if either has no letter.
fn pairs<'a>(one: &'a Spelled, other: &'a Spelled) -> Option<impl Iterator<Item = (&'a [String], &'a [String])>> {
    let empty = |name: &Spelled| name.spellings.iter().all(Vec::is_empty);
    if empty(one) || empty(other) {
        return None;
    }
    let all = move |one: &'a Vec<String>| other.spellings.iter().map(move |other| (one.as_slice(), other.as_slice()));
    Some(one.spellings.iter().flat_map(all))
}

/// A name in the letters A to Z, in each way it may be spelled there.
struct Spelled {
    /// The words of each spelling.
    spellings: BTreeSet<Vec<String>>,
    /// Whether another script than Latin was written in Latin letters.
    lossy: bool,
}

impl Spelled {
    fn all(name: &str) -> Self {
        let name: String = name.nfc().take(LONGEST).collect();
        let lossy = !is_latin(&name);
        let styles = [TransliterationStyle::Simple, TransliterationStyle::Expanded, TransliterationStyle::XxSuffix];
        let mut texts: Vec<String> = styles.into_iter().map(|style| transliterate(&name, style)).collect();
        if lossy {
            let languages = [
                CyrillicLanguage::Russian,
                CyrillicLanguage::Ukrainian,
                CyrillicLanguage::Belarusian,
                CyrillicLanguage::Bulgarian,
                CyrillicLanguage::Serbian,
                CyrillicLanguage::Macedonian,
            ];
            texts.extend(languages.into_iter().map(|language| transliterate_cyrillic(&name, language)));
        }
        // As it stands, for letters that none of these tables knows.
        texts.push(name);
        Self { spellings: texts.iter().map(|text| words(text)).collect(), lossy }
    }
}

/// Whether all letters are Latin ones: those that fall apart into A to Z and marks, and those of the
/// Latin blocks that do not, as Ł and Ə.
fn is_latin(name: &str) -> bool {
    let letters = name.nfkd().filter(|letter| letter.is_alphabetic() && !is_combining_mark(*letter));
    letters
        .into_iter()
        .all(|letter| matches!(letter, '\0'..='\u{2ff}' | '\u{1e00}'..='\u{1eff}' | '\u{a720}'..='\u{a7ff}'))
}

/// The words of a name in the letters A to Z: marks are dropped, blanks and hyphens part words,
/// apostrophes and full stops are dropped, other scripts are written roughly in Latin letters. What comes
/// behind the first [`LONGEST`] letters is left out.
fn words(name: &str) -> Vec<String> {
    let mut room = LONGEST;
    let mut words = vec![String::new()];
    for letter in name.nfkd().filter(|letter| !is_combining_mark(*letter)) {
        if room == 0 {
            break;
        }
        match letter {
            '\'' | '.' | '\u{2bb}'..='\u{2bd}' | '\u{2018}' | '\u{2019}' | '\u{b4}' | '`' => {}
            '-' | '<' | ',' | '/' | '\u{2010}'..='\u{2015}' => words.push(String::new()),
            letter if letter.is_whitespace() => words.push(String::new()),
            letter => {
                let Some(word) = words.last_mut() else { break };
                // A Chinese character becomes a syllable with a blank behind it.
                let latin = if letter.is_ascii() { letter.to_string() } else { deunicode(&letter.to_string()) };
                let letters = latin.chars().filter(char::is_ascii_alphabetic).map(|letter| letter.to_ascii_uppercase());
                let before = word.len();
                word.extend(letters.take(room));
                room -= word.len() - before;
            }
        }
    }
    words.retain(|word| !word.is_empty());
    words
}

fn sorted(words: &[String]) -> Vec<&String> {
    let mut words: Vec<&String> = words.iter().collect();
    words.sort();
    words
}

/// The word as if its letters had lost their marks: Ä, Ö, Ü and Å written with one letter.
fn without_marks(word: &str) -> String {
    word.replace("AE", "A").replace("OE", "O").replace("UE", "U").replace("AA", "A")
}

#[cfg(test)]
mod tests;
