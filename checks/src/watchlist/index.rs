//! Finds the names of a list that are like a name, exactly those that comparing with every name would
//! find. Every different word is kept once, with the names that have it. A look-up compares words rather
//! than names, of words those that cheap bounds do not tell apart (`spelling`), and then only names that
//! have as many words in common with what is looked for as their score needs.

mod building;
mod spelling;

use std::collections::BTreeMap;
use std::ops::Range;

use super::birth::Birth;
use super::list::{self, Facts, NotAList};
use super::score::{self, Agreement, Shape};
use super::words::{self, MOST_WORDS};
use building::{Building, hash};
use spelling::Sought;

/// What bounds are too low by, so that rounding leaves nobody out.
const SLACK: f32 = 1e-4;

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

/// Which names have which shape.
type Shapes = Vec<(Shape, Range<u32>)>;

/// A list that can be searched. Threads share one; it is never changed.
#[derive(Debug)]
pub struct Watchlist {
    facts: Facts,
    /// All different words, one after the other: particles and initials first, then by length and letters.
    text: String,
    /// The words, and one behind them.
    words: Vec<Word>,
    /// Which letters each word has, as `spelling::letters_of`.
    letters: Vec<u64>,
    /// How many of the words are particles and initials.
    light: u32,
    /// The other words by length and first two letters.
    groups: Vec<Group>,
    /// The names that have each of those words: `word_names[words[n].names..words[n + 1].names]`.
    word_names: Vec<u32>,
    /// The names by shape, and one behind them.
    names: Vec<Name>,
    /// The words of each name, as `word_names`.
    name_words: Vec<u32>,
    shapes: Shapes,
    /// Entries by the hash of all letters of a name in order, for names that part words otherwise.
    joined: Vec<(u64, u32)>,
    entries: Vec<Listed>,
}

#[derive(Debug, Clone, Copy)]
struct Word {
    start: u32,
    prefix: u32,
    skeleton: u32,
    names: u32,
}

/// Words of the same length and first two letters.
#[derive(Debug)]
struct Group {
    length: usize,
    first: [u8; 2],
    words: Range<u32>,
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

/// A name that is looked for.
struct Query<'a> {
    words: Vec<QueryWord<'a>>,
    shape: Shape,
    /// What a name's score must come up to.
    least: f32,
}

/// A word of a name that is looked for.
struct QueryWord<'a> {
    sought: Sought<'a>,
    /// The list's ordinary words that are like it, if it is one itself: in their order, with how alike
    /// they are.
    alike: Vec<(u32, f32)>,
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
        let least = threshold - score::most_added(person.birth, &person.countries) - SLACK;
        let mut best: BTreeMap<u32, f32> = BTreeMap::new();
        for name in &person.names {
            for (entry, score) in self.names_like(name, least) {
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

    /// Entries with a name that is alike by at least `least`, with how alike the name is.
    fn names_like(&self, name: &str, least: f32) -> Vec<(u32, f32)> {
        let texts = words::of(name);
        let joined = self.joined(&texts).map(|entry| (entry, 1.0));
        let mut found: Vec<(u32, f32)> = joined.filter(|(_, score)| *score >= least).collect();
        let words = texts.iter().map(|text| QueryWord { sought: Sought::new(text), alike: Vec::new() }).collect();
        let mut query = Query { words, shape: Shape::of(texts.iter().map(String::as_str)), least };
        for name in self.candidates(&mut query) {
            let score = self.compare(&query, name);
            if score >= least {
                found.push((self.names[name as usize].entry, score));
            }
        }
        found
    }

    /// The names that can come up to the query's least score, in no order, each once. Those of a shape
    /// that needs none of the query's ordinary words are all among them.
    fn candidates(&self, query: &mut Query<'_>) -> Vec<u32> {
        let mut found = Vec::new();
        let (mut needed, mut within_reach): (Option<u8>, Vec<Range<u32>>) = (None, Vec::new());
        for (shape, names) in &self.shapes {
            match query.shape.least_heavy_pairs(*shape, query.least) {
                None => {}
                Some(0) => found.extend(names.clone()),
                Some(pairs) => {
                    needed = Some(needed.map_or(pairs, |needed| needed.min(pairs)));
                    match within_reach.last_mut() {
                        Some(last) if last.end == names.start => last.end = names.end,
                        _ => within_reach.push(names.clone()),
                    }
                }
            }
        }
        if needed.is_none() && found.is_empty() {
            return found;
        }
        // For each name the last of the query's words that it was seen with, and how many there were.
        let mut seen = vec![(0_u8, 0_u8); self.names.len()];
        for (word, number) in query.words.iter_mut().filter(|word| !word.sought.is_light).zip(1..) {
            word.alike = self.words_like(&word.sought);
            for name in word.alike.iter().flat_map(|(word, _)| self.names_of(*word)) {
                let (last, count) = &mut seen[*name as usize];
                if *last != number {
                    (*last, *count) = (number, *count + 1);
                    if Some(*count) == needed && within_reach.iter().any(|names| names.contains(name)) {
                        found.push(*name);
                    }
                }
            }
        }
        found
    }

    /// The list's ordinary words that are like this one, in their order, with how alike they are.
    fn words_like(&self, sought: &Sought<'_>) -> Vec<(u32, f32)> {
        let mut found = Vec::new();
        for group in &self.groups {
            let Some(may_lack) = sought.may_lack(group.length, group.first) else { continue };
            let letters = &self.letters[group.words.start as usize..group.words.end as usize];
            for (place, letters) in group.words.clone().zip(letters) {
                if sought.lacks_more(*letters, may_lack) {
                    continue;
                }
                let Word { prefix, skeleton, .. } = self.words[place as usize];
                if sought.may_be_like(group.length, *letters, prefix, skeleton) {
                    let alike = score::words(sought.text, self.text_of(place));
                    found.extend((alike > 0.0).then_some((place, alike)));
                }
            }
        }
        found
    }

    /// How alike a name is to the query; 0 if that is below the query's least score.
    fn compare(&self, query: &Query<'_>, name: u32) -> f32 {
        let words = self.words_of(name);
        let light = words.iter().filter(|word| **word < self.light).count() as u8;
        let shape = Shape { heavy: words.len() as u8 - light, light };
        let mut pairs = [[0.0_f32; MOST_WORDS]; MOST_WORDS];
        // What the query's words match at most, if each could have the best of the name's.
        let mut most = query.shape.weight();
        for (of_query, pairs) in query.words.iter().zip(&mut pairs) {
            let is_light = of_query.sought.is_light;
            for (word, pair) in words.iter().zip(pairs.iter_mut()) {
                let is_listed_light = *word < self.light;
                let alike = if is_light || is_listed_light {
                    score::words(of_query.sought.text, self.text_of(*word))
                } else {
                    let place = of_query.alike.binary_search_by_key(word, |(word, _)| *word);
                    place.map_or(0.0, |place| of_query.alike[place].1)
                };
                *pair = score::weighed(is_light, is_listed_light, alike);
            }
            most -= score::weighed(is_light, false, 1.0) - pairs.iter().copied().fold(0.0, f32::max);
            if query.shape.score(shape, most + SLACK) < query.least {
                return 0.0;
            }
        }
        let matched = score::matched(query.words.len(), words.len(), |one, other| pairs[one][other]);
        query.shape.score(shape, matched)
    }

    /// Entries with a name of the same letters in the same order, also if the family name comes first in
    /// one of them.
    fn joined(&self, query: &[String]) -> impl Iterator<Item = u32> {
        let turns = (0..query.len()).map(|turn| hash(query.iter().skip(turn).chain(query.iter().take(turn))));
        turns.flat_map(|wanted| {
            let first = self.joined.partition_point(|(known, _)| *known < wanted);
            self.joined[first..].iter().take_while(move |(known, _)| *known == wanted).map(|(_, entry)| *entry)
        })
    }

    fn text_of(&self, word: u32) -> &str {
        let [word, next] = [self.words[word as usize], self.words[word as usize + 1]];
        &self.text[word.start as usize..next.start as usize]
    }

    fn names_of(&self, word: u32) -> &[u32] {
        let [word, next] = [self.words[word as usize], self.words[word as usize + 1]];
        &self.word_names[word.names as usize..next.names as usize]
    }

    fn words_of(&self, name: u32) -> &[u32] {
        let [name, next] = [self.names[name as usize], self.names[name as usize + 1]];
        &self.name_words[name.words as usize..next.words as usize]
    }
}

#[cfg(test)]
mod tests;
