//! A name as words in the letters A to Z: how the names of people and those of lists are made
//! comparable. Runs when a list is loaded rather than when it is imported, so every release can do
//! better over the lists that are there.

use deunicode::deunicode_char;

/// The most words of a name that are compared.
pub(super) const MOST_WORDS: usize = 8;
/// The most characters of a name that are looked at.
const LONGEST: usize = 200;
/// The most letters of a word that are compared.
pub(super) const LONGEST_WORD: usize = 40;

/// What stands before or behind a name and is none.
const TITLES: [&str; 22] = [
    "MR",
    "MRS",
    "MS",
    "MISS",
    "DR",
    "PROF",
    "SIR",
    "DAME",
    "HON",
    "JR",
    "SR",
    "ING",
    "HAJI",
    "HAJJI",
    "SHEIKH",
    "SHAYKH",
    "SHAIKH",
    "MULLAH",
    "MAULAVI",
    "MAWLAWI",
    "MAULANA",
    "AYATOLLAH",
];
/// Words of a name that many names have, and that are often left out.
const PARTICLES: [&str; 35] = [
    "AL", "EL", "UL", "AD", "AS", "AR", "AN", "BIN", "BEN", "IBN", "BINT", "ABU", "OULD", "DE", "DA", "DI", "DO",
    "DOS", "DAS", "DEL", "DELLA", "DER", "DEN", "DU", "LA", "LE", "LOS", "LAS", "VAN", "VON", "VOM", "ZU", "TEN",
    "TER", "Y",
];
/// How "servant of the" is written in Latin letters, the first half of many names.
const SERVANT: [&str; 6] = ["ABDUL", "ABDAL", "ABDEL", "ABDOL", "ABDUR", "ABDUS"];

/// The words of a name, without titles; at most [`MOST_WORDS`].
pub(super) fn of(name: &str) -> Vec<String> {
    let all = joined(parted(name));
    let without: Vec<String> = all.iter().filter(|word| !TITLES.contains(&word.as_str())).cloned().collect();
    let mut words = if without.is_empty() { all } else { without };
    words.truncate(MOST_WORDS);
    words.iter_mut().for_each(|word| word.truncate(LONGEST_WORD));
    words
}

/// Whether a word says little of its name: particles and initials.
pub(super) fn is_light(word: &str) -> bool {
    word.len() == 1 || PARTICLES.contains(&word)
}

/// Parts a name where letters end; apostrophes and full stops part nothing.
fn parted(name: &str) -> Vec<String> {
    let mut words = vec![String::new()];
    for letter in name.chars().take(LONGEST) {
        match letter {
            '\'' | '.' | '`' | '\u{b4}' | '\u{2bb}'..='\u{2bd}' | '\u{2018}' | '\u{2019}' => {}
            letter if !letter.is_alphanumeric() && !is_mark(letter) => words.push(String::new()),
            letter => {
                let latin = deunicode_char(letter).unwrap_or_default();
                let Some(word) = words.last_mut() else { break };
                word.extend(latin.chars().filter(char::is_ascii_alphabetic).map(|letter| letter.to_ascii_uppercase()));
            }
        }
    }
    words.retain(|word| !word.is_empty());
    words
}

/// Marks stand behind the letter that they belong to, if it was not put together with them.
const fn is_mark(letter: char) -> bool {
    matches!(letter, '\u{300}'..='\u{36f}' | '\u{64b}'..='\u{65f}')
}

/// ABD AL RAHMAN, ABDUL RAHMAN, ABDULRAHMAN and ABDELRAHMAN are one word.
fn joined(words: Vec<String>) -> Vec<String> {
    let mut found: Vec<String> = Vec::with_capacity(words.len());
    let mut rest = words.into_iter().peekable();
    while let Some(word) = rest.next() {
        let is_servant = word == "ABD" || SERVANT.contains(&word.as_str());
        if is_servant && rest.peek().is_some() {
            let article = |next: &String| word == "ABD" && next.len() == 2 && PARTICLES.contains(&next.as_str());
            rest.next_if(article);
            let name = rest.next().unwrap_or_default();
            found.push(format!("ABD{}", name.strip_prefix("AL").filter(|name| *name == "LAH").unwrap_or(&name)));
            continue;
        }
        let inside = SERVANT.into_iter().find_map(|servant| word.strip_prefix(servant)).filter(|name| name.len() > 2);
        found.push(inside.map_or_else(|| word.clone(), |name| format!("ABD{name}")));
    }
    found
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_become_words() {
        for (name, expected) in [
            ("Müller-Lüdenscheidt, Dr. Jürgen", "MULLER LUDENSCHEIDT JURGEN"),
            ("O'Brien J.", "OBRIEN J"),
            ("Владимир Петров", "VLADIMIR PETROV"),
            ("Łukasz  ŻÓŁĆ", "LUKASZ ZOLC"),
            ("MULLAH", "MULLAH"),
            ("E\u{301}ric", "ERIC"),
            ("  -- ", ""),
        ] {
            assert_eq!(of(name).join(" "), expected, "{name}");
        }
    }

    #[test]
    fn servants_of_god_are_one_word_however_they_are_written() {
        for name in ["ABD AL RAHMAN", "Abdul Rahman", "Abdulrahman", "ABDEL-RAHMAN", "ʿAbd al-Raḥmān", "Abd el Rahman"]
        {
            assert_eq!(of(name), ["ABDRAHMAN"], "{name}");
        }
        assert_eq!((of("Abdullah"), of("Abd Allah")), (vec!["ABDLAH".to_owned()], vec!["ABDLAH".to_owned()]));
        assert_eq!(of("Abdul"), ["ABDUL"]);
    }

    #[test]
    fn no_name_is_longer_than_what_is_compared() {
        assert_eq!(of(&"a ".repeat(1000)).len(), MOST_WORDS);
        assert_eq!(of(&"a".repeat(100_000))[0].len(), LONGEST_WORD);
    }
}
