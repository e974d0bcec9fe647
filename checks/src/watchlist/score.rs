//! How alike a person and an entry are: names word by word, then birth and country.

use strsim::jaro_winkler;

use super::birth::Birth;
use super::words::{MOST_WORDS, is_light};

/// What an ordinary word counts among those of its name, and what a particle or an initial does.
const HEAVY: f32 = 1.0;
const LIGHT: f32 = 0.3;
/// Words below this Jaro-Winkler similarity are different.
pub(super) const ALIKE: f32 = 0.85;
/// Words that sound the same are alike from this similarity on …
pub(super) const SOUNDS: f32 = 0.80;
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

/// The most that birth and country can add for a person of whom they are known or not.
pub(super) fn most_added(birth: Option<Birth>, countries: &[[u8; 2]]) -> f32 {
    let of_birth = if birth.is_some() { Agreement::Same.of_birth() } else { 0.0 };
    let of_country = if countries.is_empty() { 0.0 } else { Agreement::Same.of_country() };
    of_birth + of_country
}

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

/// How many words of a name are ordinary ones, and how many are particles or initials: all that its
/// score depends on besides how alike the words are.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Shape {
    pub heavy: u8,
    pub light: u8,
}

impl Shape {
    /// That of a name of these words, at most [`MOST_WORDS`].
    pub(super) fn of<'a>(words: impl IntoIterator<Item = &'a str>) -> Self {
        words.into_iter().fold(Self { heavy: 0, light: 0 }, |Self { heavy, light }, word| {
            if is_light(word) { Self { heavy, light: light + 1 } } else { Self { heavy: heavy + 1, light } }
        })
    }

    /// How many words it has.
    pub(super) fn words(self) -> usize {
        usize::from(self.heavy) + usize::from(self.light)
    }

    /// What all its words count.
    pub(super) fn weight(self) -> f32 {
        f32::from(self.heavy) * HEAVY + f32::from(self.light) * LIGHT
    }

    /// The score of two names whose words match with this sum of weights; it grows with the sum.
    pub(super) fn score(self, other: Self, matched: f32) -> f32 {
        let (short, long) = (self.weight().min(other.weight()), self.weight().max(other.weight()));
        if short == 0.0 {
            return 0.0;
        }
        let left_over = (long - matched).max(0.0) / long;
        let whole = (matched / short).min(1.0) * (1.0 - LEFT_OVER * left_over);
        let (few, many) = (self.heavy.min(other.heavy), self.heavy.max(other.heavy));
        if few <= 1 && many > 1 { whole * ONE_WORD } else { whole }
    }

    /// How many ordinary words of one name must be like ordinary words of the other for the score to
    /// come up to `least`; `None` if it cannot.
    pub(super) fn least_heavy_pairs(self, other: Self, least: f32) -> Option<u8> {
        (0..=self.heavy.min(other.heavy)).find(|pairs| {
            // What is left over is matched in pairs with a light word on one side or on both.
            let lights = (self.light + self.heavy - pairs).min(other.light + other.heavy - pairs);
            let lights = lights.min(self.light + other.light);
            self.score(other, f32::from(*pairs) * HEAVY + f32::from(lights) * LIGHT) >= least
        })
    }
}

/// What a pair of words that are so much alike adds to a name's sum, at most.
pub(super) fn weighed(one_is_light: bool, other_is_light: bool, alike: f32) -> f32 {
    alike * if one_is_light || other_is_light { LIGHT } else { HEAVY }
}

/// The greatest sum of pairs of words, each word of one name with at most one of the other. `weighed`
/// tells what a pair adds, by the words' places; names have at most [`MOST_WORDS`].
pub(super) fn matched(of_one: usize, of_other: usize, weighed: impl Fn(usize, usize) -> f32) -> f32 {
    // The greatest sum for the words so far, by which words of the other name are taken.
    let mut sums = [f32::NEG_INFINITY; 1 << MOST_WORDS];
    let best = &mut sums[..1 << of_other.min(MOST_WORDS)];
    best[0] = 0.0;
    for at in 0..of_one {
        for taken in (0..best.len()).rev() {
            for place in 0..of_other {
                let before = taken & !(1 << place);
                if before != taken && best[before] > f32::NEG_INFINITY {
                    best[taken] = best[taken].max(best[before] + weighed(at, place));
                }
            }
        }
    }
    best.iter().copied().fold(0.0, f32::max)
}

/// How alike two names are, 0 to 1, by comparing each word with each: what every look-up must come to.
#[cfg(test)]
pub(super) fn names(one: &[String], other: &[String]) -> f32 {
    let pair = |a: usize, b: usize| weighed(is_light(&one[a]), is_light(&other[b]), words(&one[a], &other[b]));
    let shape = |words: &[String]| Shape::of(words.iter().map(String::as_str));
    shape(one).score(shape(other), matched(one.len(), other.len(), pair))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use vetd_model::date::Date;

    use super::super::words;
    use super::*;

    fn score(one: &str, other: &str) -> f32 {
        names(&words::of(one), &words::of(other))
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
