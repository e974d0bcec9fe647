//! Finds the names of a list that are like a name. Every different word is kept once, under what it
//! begins with and what it sounds like, with the names that have it; a look-up compares words rather
//! than names, and then only the names that enough of its words are in.

use std::collections::{BTreeMap, HashMap};

use super::birth::Birth;
use super::list::{self, Entry, Facts, NotAList};
use super::score::{self, Agreement, MOST_ADDED};
use super::words::{self, weight};

/// How much longer or shorter a word may be than one that it is alike to.
const LENGTHS: usize = 4;
/// The most names that one look-up compares in full. A name of common words alone can meet more; those
/// that share most with it come first.
const MOST_COMPARED: usize = 20_000;

/// Who is looked for.
#[derive(Debug, Clone, Default)]
pub struct Person {
    /// Each way their name is written.
    pub names: Vec<String>,
    /// When they were born.
    pub birth: Option<Birth>,
    /// Countries that they belong to, ISO 3166-1 alpha-2.
    pub countries: Vec<[u8; 2]>,
}

/// An entry that is like a person.
#[derive(Debug, Clone, PartialEq)]
pub struct Hit<'a> {
    /// What the list calls it by.
    pub entry: &'a str,
    /// How alike they are in all, 0 to 1.
    pub score: f32,
    /// How alike the names alone are.
    pub name_score: f32,
    /// How the births stand.
    pub birth: &'static str,
    /// How the countries stand.
    pub country: &'static str,
}

/// A list that can be searched. Threads share one; it is never changed.
#[derive(Debug)]
pub struct Watchlist {
    facts: Facts,
    /// All different words, one after the other.
    text: String,
    words: Vec<Word>,
    /// Words by the sound that they begin with, and by all their consonants.
    by_start: HashMap<u8, Vec<u32>>,
    by_sound: HashMap<u32, Vec<u32>>,
    /// The names that have each word: those of word `n` are `word_names[words[n].names..words[n + 1].names]`.
    word_names: Vec<u32>,
    names: Vec<Name>,
    /// The words of each name, as `word_names`.
    name_words: Vec<u32>,
    /// Names by the hash of all their letters in order, for those that part words otherwise.
    joined: Vec<(u64, u32)>,
    entries: Vec<Listed>,
}

#[derive(Debug, Clone, Copy)]
struct Word {
    start: u32,
    length: u8,
    /// Which letters it has.
    letters: u32,
    names: u32,
}

#[derive(Debug, Clone, Copy)]
struct Name {
    words: u32,
    entry: u32,
}

/// An entry, without its names.
#[derive(Debug)]
struct Listed {
    id: Box<str>,
    births: Box<[Birth]>,
    countries: Box<[[u8; 2]]>,
}

impl Watchlist {
    /// Loads a list from vetd's compact form.
    ///
    /// # Errors
    /// [`NotAList`].
    pub fn load(bytes: &[u8]) -> Result<Self, NotAList> {
        let mut building = Building::default();
        let facts = list::read(bytes, |entry| building.add(entry))?;
        Ok(building.finish(facts))
    }

    /// What the list says of itself.
    #[must_use]
    pub const fn facts(&self) -> &Facts {
        &self.facts
    }

    /// Entries that are like a person by at least `threshold` (0 to 1), the most alike first; each once.
    #[must_use]
    pub fn search(&self, person: &Person, threshold: f32) -> Vec<Hit<'_>> {
        let mut best: BTreeMap<u32, f32> = BTreeMap::new();
        for name in &person.names {
            for (entry, score) in self.names_like(name, threshold) {
                let known = best.entry(entry).or_default();
                *known = known.max(score);
            }
        }
        let mut hits: Vec<Hit<'_>> = best
            .into_iter()
            .map(|(entry, names)| self.hit(&self.entries[entry as usize], names, person))
            .filter(|hit| hit.score >= threshold)
            .collect();
        hits.sort_by(|one, other| other.score.total_cmp(&one.score).then_with(|| one.entry.cmp(other.entry)));
        hits
    }

    fn hit<'a>(&self, listed: &'a Listed, name_score: f32, person: &Person) -> Hit<'a> {
        let birth = score::births(person.birth, &listed.births);
        let country = score::countries(&person.countries, &listed.countries);
        let score = score::adjusted(name_score, birth, country);
        let (birth, country) = (birth.as_str(), Agreement::as_str(country));
        Hit { entry: &listed.id, score, name_score, birth, country }
    }

    /// Entries with a name that could come up to the threshold, with how alike the name is.
    fn names_like(&self, name: &str, threshold: f32) -> Vec<(u32, f32)> {
        let query = words::of(name);
        let query: Vec<&str> = query.iter().map(String::as_str).collect();
        let alike: Vec<HashMap<u32, f32>> = query.iter().map(|word| self.words_like(word)).collect();
        let least = threshold - MOST_ADDED;
        let mut found: Vec<(u32, f32)> =
            self.joined(&query).map(|name| (self.names[name as usize].entry, 1.0)).collect();
        for (_, name) in self.candidates(&query, &alike, least) {
            let (place, words) = (self.names[name as usize].entry, self.words_of(name));
            let texts: Vec<&str> = words.iter().map(|word| self.text_of(*word)).collect();
            let pair = |of_query: usize, of_name: usize| {
                let known = words.get(of_name).and_then(|word| alike[of_query].get(word)).copied();
                known.unwrap_or_else(|| unlisted(query[of_query], texts[of_name]))
            };
            let score = score::names(&query, &texts, pair);
            if score >= least {
                found.push((place, score));
            }
        }
        found
    }

    /// The words of the list that are like this one, with how alike they are. Particles and initials
    /// lead to too many names; they are compared later.
    fn words_like(&self, word: &str) -> HashMap<u32, f32> {
        if weight(word) < 1.0 {
            return HashMap::new();
        }
        let bytes = word.as_bytes();
        let (letters, lengths) = (letters(word), word.len().saturating_sub(LENGTHS)..=word.len() + LENGTHS);
        let by_start = bytes.first().and_then(|first| self.by_start.get(&score::sound(*first)));
        let by_sound = self.by_sound.get(&score::skeleton(word));
        let mut found = HashMap::new();
        for place in by_start.into_iter().chain(by_sound).flatten() {
            let other = &self.words[*place as usize];
            let length = usize::from(other.length);
            // Two words that are alike share most letters: cheaper to tell than how alike they are.
            let shared = (letters & other.letters).count_ones() as usize;
            let fewer = letters.count_ones().min(other.letters.count_ones()) as usize;
            if !lengths.contains(&length) || 2 * shared < fewer {
                continue;
            }
            let similarity = score::words(word, self.text_of(*place));
            if similarity > 0.0 {
                found.insert(*place, similarity);
            }
        }
        found
    }

    /// Names that share so much with the query that they could come up to `least`, those that share
    /// most first.
    fn candidates(&self, query: &[&str], alike: &[HashMap<u32, f32>], least: f32) -> Vec<(f32, u32)> {
        let mut shared: Vec<(u32, u8, f32)> = Vec::new();
        for (at, words) in alike.iter().enumerate() {
            for (word, similarity) in words {
                shared.extend(self.names_of(*word).iter().map(|name| (*name, at as u8, *similarity)));
            }
        }
        shared.sort_unstable_by(|one, other| (one.0, one.1).cmp(&(other.0, other.1)).then(other.2.total_cmp(&one.2)));
        // What is not looked up by word may match all the same.
        let light =
            |words: &mut dyn Iterator<Item = &str>| words.map(weight).filter(|weight| *weight < 1.0).sum::<f32>();
        let light_of_query = light(&mut query.iter().copied());
        let all_of_query: f32 = query.iter().map(|word| weight(word)).sum();
        let mut found = Vec::new();
        for of_name in shared.chunk_by(|one, other| one.0 == other.0) {
            let by_word = of_name.chunk_by(|one, other| one.1 == other.1);
            let sum: f32 = by_word.map(|similarities| similarities[0].2).sum();
            let name = of_name[0].0;
            let words = || self.words_of(name).iter().map(|word| self.text_of(*word));
            let light = light_of_query.max(light(&mut words()));
            let short = all_of_query.min(words().map(weight).sum());
            if (sum + light) / short >= least {
                found.push((sum, name));
            }
        }
        found.sort_unstable_by(|one, other| other.0.total_cmp(&one.0));
        found.truncate(MOST_COMPARED);
        found
    }

    /// Names with the same letters in the same order, also if the family name comes first in one of
    /// them.
    fn joined(&self, query: &[&str]) -> impl Iterator<Item = u32> {
        let turns = (0..query.len()).map(|turn| hash(query.iter().skip(turn).chain(query.iter().take(turn))));
        turns.flat_map(|wanted| {
            let first = self.joined.partition_point(|(known, _)| *known < wanted);
            self.joined[first..].iter().take_while(move |(known, _)| *known == wanted).map(|(_, name)| *name)
        })
    }

    fn text_of(&self, word: u32) -> &str {
        let Word { start, length, .. } = self.words[word as usize];
        &self.text[start as usize..start as usize + usize::from(length)]
    }

    fn names_of(&self, word: u32) -> &[u32] {
        let end = self.words.get(word as usize + 1).map_or(self.word_names.len(), |next| next.names as usize);
        &self.word_names[self.words[word as usize].names as usize..end]
    }

    fn words_of(&self, name: u32) -> &[u32] {
        let end = self.names.get(name as usize + 1).map_or(self.name_words.len(), |next| next.words as usize);
        &self.name_words[self.names[name as usize].words as usize..end]
    }
}

/// How alike two words are of which the look-up by word does not tell: particles and initials.
fn unlisted(one: &str, other: &str) -> f32 {
    if weight(one) < 1.0 || weight(other) < 1.0 { score::words(one, other) } else { 0.0 }
}

/// Which letters a word has, one bit each.
fn letters(word: &str) -> u32 {
    word.bytes().fold(0, |letters, letter| letters | 1 << (letter.wrapping_sub(b'A') & 31))
}

/// FNV-1a over all letters: told apart from others by comparing nothing else, since a person looks at
/// every hit.
fn hash<'a>(words: impl Iterator<Item = &'a &'a str>) -> u64 {
    let letters = words.flat_map(|word| word.bytes());
    letters.fold(0xcbf2_9ce4_8422_2325, |hash, letter| (hash ^ u64::from(letter)).wrapping_mul(0x0000_0100_0000_01b3))
}

/// A list that is being loaded.
#[derive(Debug, Default)]
struct Building {
    places: HashMap<String, u32>,
    names_of_words: Vec<Vec<u32>>,
    names: Vec<Name>,
    name_words: Vec<u32>,
    joined: Vec<(u64, u32)>,
    entries: Vec<Listed>,
}

impl Building {
    fn add(&mut self, entry: Entry) {
        let place = self.entries.len() as u32;
        for name in &entry.names {
            let words = words::of(name);
            if words.is_empty() {
                continue;
            }
            let number = self.names.len() as u32;
            self.names.push(Name { words: self.name_words.len() as u32, entry: place });
            let texts: Vec<&str> = words.iter().map(String::as_str).collect();
            if texts.len() > 1 {
                self.joined.push((hash(texts.iter()), number));
            }
            for word in words {
                let next = self.places.len() as u32;
                let word = *self.places.entry(word).or_insert(next);
                if word == next {
                    self.names_of_words.push(Vec::new());
                }
                self.name_words.push(word);
                let names = &mut self.names_of_words[word as usize];
                if names.last() != Some(&number) {
                    names.push(number);
                }
            }
        }
        let Entry { id, births, countries, .. } = entry;
        self.entries.push(Listed { id: id.into(), births: births.into(), countries: countries.into() });
    }

    fn finish(mut self, facts: Facts) -> Watchlist {
        let mut texts: Vec<(String, u32)> = self.places.into_iter().collect();
        texts.sort_unstable_by_key(|(_, place)| *place);
        let (mut text, mut words, mut word_names) = (String::new(), Vec::with_capacity(texts.len()), Vec::new());
        let mut by_start: HashMap<u8, Vec<u32>> = HashMap::new();
        let mut by_sound: HashMap<u32, Vec<u32>> = HashMap::new();
        for ((word, place), names) in texts.iter().zip(&self.names_of_words) {
            let (start, length) = (text.len() as u32, word.len().min(255) as u8);
            words.push(Word { start, length, letters: letters(word), names: word_names.len() as u32 });
            text.push_str(&word[..usize::from(length)]);
            word_names.extend_from_slice(names);
            if weight(word) >= 1.0 {
                by_start.entry(score::sound(word.as_bytes()[0])).or_default().push(*place);
                by_sound.entry(score::skeleton(word)).or_default().push(*place);
            }
        }
        self.joined.sort_unstable();
        Watchlist {
            facts,
            text,
            words,
            by_start,
            by_sound,
            word_names,
            names: self.names,
            name_words: self.name_words,
            joined: self.joined,
            entries: self.entries,
        }
    }
}

#[cfg(test)]
mod tests;
