//! How alike a person and an entry are: names word by word, then birth and country.

use strsim::jaro_winkler;

use super::birth::Birth;
use super::words::{MOST_WORDS, weight};

/// Words below this Jaro-Winkler similarity are different.
pub(super) const ALIKE: f32 = 0.85;
/// Words that sound the same are alike from this similarity on …
const SOUNDS: f32 = 0.80;
/// … and then count for at least so much.
const SOUNDS_SCORE: f32 = 0.88;
/// An initial and a word that begins with it.
const INITIAL: f32 = 0.7;
/// What words that only the longer name has take away, if it had nothing else.
const LEFT_OVER: f32 = 0.1;
/// One word alone names too many: it counts for so much beside a name of several.
const ONE_WORD: f32 = 0.6;

/// How birth or country stand to what a list says.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Agreement {
    /// The same day, or the same country.
    Same,
    /// The same year, where no day is known or another one.
    SameYear,
    /// A year beside it.
    Near,
    /// Something else.
    Different,
    /// One side does not say.
    Unknown,
}

impl Agreement {
    pub(super) const fn as_str(self) -> &'static str {
        match self {
            Self::Same => "same",
            Self::SameYear => "same_year",
            Self::Near => "near",
            Self::Different => "different",
            Self::Unknown => "unknown",
        }
    }

    const fn of_birth(self) -> f32 {
        match self {
            Self::Same => 0.05,
            Self::SameYear => 0.02,
            Self::Near => -0.04,
            Self::Different => -0.12,
            Self::Unknown => 0.0,
        }
    }

    const fn of_country(self) -> f32 {
        match self {
            Self::Same => 0.02,
            Self::Different => -0.04,
            Self::SameYear | Self::Near | Self::Unknown => 0.0,
        }
    }
}

/// The most that birth and country add.
pub(super) const MOST_ADDED: f32 = 0.07;

/// The score of names together with birth and country, 0 to 1.
pub(super) fn adjusted(names: f32, birth: Agreement, country: Agreement) -> f32 {
    (names + birth.of_birth() + country.of_country()).clamp(0.0, 1.0)
}

/// How a date of birth stands to those that an entry has; the best of them counts.
pub(super) fn births(born: Option<Birth>, listed: &[Birth]) -> Agreement {
    let Some(born) = born else { return Agreement::Unknown };
    let one = |listed: &Birth| match (born.day, listed.day) {
        (Some(born), Some(listed)) if born == listed => Agreement::Same,
        _ if (listed.from..=listed.to).contains(&born.from) => Agreement::SameYear,
        _ if (listed.from - 1..=listed.to + 1).contains(&born.from) => Agreement::Near,
        _ => Agreement::Different,
    };
    let best = listed.iter().map(one).min_by_key(|agreement| *agreement as u8);
    best.unwrap_or(Agreement::Unknown)
}

/// How the countries of a person stand to those of an entry.
pub(super) fn countries(of_person: &[[u8; 2]], listed: &[[u8; 2]]) -> Agreement {
    if of_person.is_empty() || listed.is_empty() {
        return Agreement::Unknown;
    }
    let shared = of_person.iter().any(|country| listed.contains(country));
    if shared { Agreement::Same } else { Agreement::Different }
}

/// How alike two words are, 0 to 1; 0 for different ones.
pub(super) fn words(one: &str, other: &str) -> f32 {
    if one == other {
        return 1.0;
    }
    if one.len() == 1 || other.len() == 1 {
        let same_initial = one.as_bytes().first() == other.as_bytes().first();
        return if same_initial { INITIAL } else { 0.0 };
    }
    let similarity = jaro_winkler(one, other) as f32;
    if similarity >= SOUNDS && skeleton(one) == skeleton(other) {
        return similarity.max(SOUNDS_SCORE);
    }
    if similarity >= ALIKE { similarity } else { 0.0 }
}

/// What a word sounds like: the classes of its consonants, as Soundex has them, vowels left out, the
/// first letter one of them. At most eight count; 0 if there is none.
pub(super) fn skeleton(word: &str) -> u32 {
    let (mut code, mut last) = (0, 0);
    for letter in word.bytes() {
        let class = sound(letter);
        if class != last && class != 0 && code < 1 << 21 {
            code = code << 3 | u32::from(class);
        }
        // H and W part nothing.
        if !matches!(letter, b'H' | b'W') {
            last = class;
        }
    }
    code
}

/// The class of a consonant; 0 for vowels.
pub(super) const fn sound(letter: u8) -> u8 {
    match letter {
        b'B' | b'F' | b'P' | b'V' => 1,
        b'C' | b'G' | b'J' | b'K' | b'Q' | b'S' | b'X' | b'Z' => 2,
        b'D' | b'T' => 3,
        b'L' => 4,
        b'M' | b'N' => 5,
        b'R' => 6,
        _ => 0,
    }
}

/// How alike two names are, 0 to 1: each word of one with at most one of the other, so that the sum is
/// the greatest, over the words of the name that has fewer. `alike` tells how alike two words are, by
/// their places.
pub(super) fn names(one: &[&str], other: &[&str], alike: impl Fn(usize, usize) -> f32) -> f32 {
    let (one, other) = (&one[..one.len().min(MOST_WORDS)], &other[..other.len().min(MOST_WORDS)]);
    let weights = |words: &[&str]| words.iter().map(|word| weight(word)).collect::<Vec<_>>();
    let (of_one, of_other) = (weights(one), weights(other));
    let sum = |weights: &[f32]| weights.iter().sum::<f32>();
    let (short, long) = (sum(&of_one).min(sum(&of_other)), sum(&of_one).max(sum(&of_other)));
    if short == 0.0 {
        return 0.0;
    }
    // The greatest sum for the words so far, by which words of the other name are taken.
    let mut best = vec![f32::NEG_INFINITY; 1 << other.len()];
    best[0] = 0.0;
    for (at, weight) in of_one.iter().enumerate() {
        for taken in (0..best.len()).rev() {
            for (place, other_weight) in of_other.iter().enumerate() {
                let before = taken & !(1 << place);
                if before != taken && best[before] > f32::NEG_INFINITY {
                    let pair = alike(at, place) * weight.min(*other_weight);
                    best[taken] = best[taken].max(best[before] + pair);
                }
            }
        }
    }
    let matched = best.into_iter().fold(0.0, f32::max);
    let left_over = (long - matched).max(0.0) / long;
    let whole = (matched / short).min(1.0) * (1.0 - LEFT_OVER * left_over);
    let heavy = |weights: &[f32]| weights.iter().filter(|weight| **weight >= 1.0).count();
    let (few, many) = (heavy(&of_one).min(heavy(&of_other)), heavy(&of_one).max(heavy(&of_other)));
    if few <= 1 && many > 1 { whole * ONE_WORD } else { whole }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use vetd_model::date::Date;

    use super::super::words;
    use super::words as alike;
    use super::*;

    fn score(one: &str, other: &str) -> f32 {
        let (one, other) = (words::of(one), words::of(other));
        let (one, other): (Vec<&str>, Vec<&str>) =
            (one.iter().map(String::as_str).collect(), other.iter().map(String::as_str).collect());
        names(&one, &other, |a, b| alike(one[a], other[b]))
    }

    #[test]
    fn the_same_person_is_written_in_many_ways() {
        for (one, other) in [
            ("Ivan Petrov", "PETROV, Ivan"),
            ("Ivan Petrov", "PETROV, Ivan Sergeyevich"),
            ("Muammar Gaddafi", "QADHAFI, Muammar"),
            ("Mohammed Abdul Rahman", "Muhammad Abd al-Rahman"),
            ("Jon Smyth", "John Smith"),
            ("Usama bin Laden", "BIN LADIN, Usama"),
            ("Vladimir Ivanov", "Владимир Иванов"),
        ] {
            assert!(score(one, other) >= 0.85, "{one} / {other}: {}", score(one, other));
        }
    }

    #[test]
    fn different_people_are_apart() {
        for (one, other) in [
            ("Ivan Petrov", "Ivan Sidorov"),
            ("Anna Maria Eriksson", "Anna Maria Svensson"),
            ("Carlos Gomez", "CARLOS"),
            ("Mohammed Ali Hassan", "Mohammed Ali Karimi"),
            ("John Smith", "Jane Smith"),
            ("Ali", "Omar"),
        ] {
            assert!(score(one, other) < 0.85, "{one} / {other}: {}", score(one, other));
        }
    }

    #[test]
    fn a_birth_counts_by_its_day_its_year_and_those_beside_it() {
        let day = |text| Birth::on(Date::parse(text).unwrap());
        let listed = [Birth::between(1968, 1970).unwrap(), day("1958-03-01").unwrap()];
        for (born, expected) in [
            (day("1958-03-01"), Agreement::Same),
            (day("1958-03-02"), Agreement::SameYear),
            (day("1969-03-02"), Agreement::SameYear),
            (day("1971-03-02"), Agreement::Near),
            (day("1980-03-02"), Agreement::Different),
            (None, Agreement::Unknown),
        ] {
            assert_eq!(births(born, &listed), expected, "{born:?}");
        }
        assert_eq!(births(day("1980-03-02"), &[]), Agreement::Unknown);
    }

    proptest! {
        /// Whichever name comes first, and whatever order its words have.
        #[test]
        fn scores_are_the_same_both_ways(
            mut one in prop::collection::vec("[F-J]{1,5}", 1..6),
            other in prop::collection::vec("[F-J]{1,5}", 1..6),
        ) {
            let there = score(&one.join(" "), &other.join(" "));
            prop_assert!((0.0..=1.0).contains(&there));
            prop_assert!((there - score(&other.join(" "), &one.join(" "))).abs() < 1e-4);
            one.reverse();
            prop_assert!((there - score(&one.join(" "), &other.join(" "))).abs() < 1e-4);
        }

        #[test]
        fn a_name_is_itself(words in prop::collection::vec("[A-Z]{2,9}", 1..6)) {
            prop_assert!(score(&words.join(" "), &words.join(" ")) > 0.999);
        }
    }
}
