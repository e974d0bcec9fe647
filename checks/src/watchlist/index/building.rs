//! Puts a list's entries together to what can be searched.

use std::collections::HashMap;

use super::super::list::{Entry, Facts};
use super::super::score::{Shape, skeleton};
use super::super::words::{self, is_light};
use super::spelling::{first_of, letters_of, prefix_of};
use super::{Group, Listed, Name, Shapes, Watchlist, Word};

/// A list that is being loaded. Words and names are numbered as they come, and anew once all are there.
#[derive(Debug, Default)]
pub(super) struct Building {
    places: HashMap<String, u32>,
    names: Vec<(Shape, Name)>,
    name_words: Vec<u32>,
    joined: Vec<(u64, u32)>,
    entries: Vec<Listed>,
}

impl Building {
    pub(super) fn add(&mut self, entry: Entry) {
        let place = self.entries.len() as u32;
        for name in &entry.names {
            let words = words::of(name);
            if words.is_empty() {
                continue;
            }
            if words.len() > 1 {
                self.joined.push((hash(&words), place));
            }
            let shape = Shape::of(words.iter().map(String::as_str));
            self.names.push((shape, Name { words: self.name_words.len() as u32, entry: place }));
            for word in words {
                let next = self.places.len() as u32;
                self.name_words.push(*self.places.entry(word).or_insert(next));
            }
        }
        let Entry { id, births, countries, .. } = entry;
        self.entries.push(Listed { id: id.into(), births: births.into(), countries: countries.into() });
    }

    pub(super) fn finish(mut self, facts: Facts) -> Watchlist {
        self.joined.sort_unstable();
        self.joined.dedup();
        self.joined.shrink_to_fit();
        self.entries.shrink_to_fit();
        let texts = self.number_words();
        let (names, name_words, shapes) = self.number_names();
        let light = texts.iter().take_while(|text| is_light(text)).count() as u32;
        let (name_counts, word_names) = names_of_words(texts.len(), light, &names, &name_words);
        let mut text = String::with_capacity(texts.iter().map(String::len).sum());
        let mut words = Vec::with_capacity(texts.len() + 1);
        for (word, names) in texts.iter().zip(&name_counts) {
            let start = text.len() as u32;
            words.push(Word { start, prefix: prefix_of(word), skeleton: skeleton(word), names: *names });
            text.push_str(word);
        }
        words.push(Word { start: text.len() as u32, prefix: 0, skeleton: 0, names: word_names.len() as u32 });
        let letters = texts.iter().map(|text| letters_of(text)).collect();
        let groups = groups(&texts, light);
        let Self { joined, entries, .. } = self;
        Watchlist { facts, text, words, letters, light, groups, word_names, names, name_words, shapes, joined, entries }
    }

    /// Numbers the words anew: particles and initials, then the others by length and letters.
    fn number_words(&mut self) -> Vec<String> {
        let mut words: Vec<(String, u32)> = std::mem::take(&mut self.places).into_iter().collect();
        words.sort_unstable_by(|(one, _), (other, _)| {
            let key = |word: &str| (!is_light(word), word.len());
            key(one).cmp(&key(other)).then_with(|| one.cmp(other))
        });
        let mut numbers = vec![0; words.len()];
        for (number, (_, before)) in words.iter().enumerate() {
            numbers[*before as usize] = number as u32;
        }
        self.name_words.iter_mut().for_each(|word| *word = numbers[*word as usize]);
        words.into_iter().map(|(text, _)| text).collect()
    }

    /// Numbers the names anew, by shape: the names and one behind them, their words, and which have which.
    fn number_names(&mut self) -> (Vec<Name>, Vec<u32>, Shapes) {
        let mut before = std::mem::take(&mut self.names);
        before.sort_by_key(|(shape, name)| (*shape, name.words));
        let mut names = Vec::with_capacity(before.len() + 1);
        let mut words = Vec::with_capacity(self.name_words.len());
        let mut shapes = Vec::new();
        for same in before.chunk_by(|(one, _), (other, _)| one == other) {
            let (shape, first) = (same[0].0, names.len() as u32);
            for (_, Name { words: start, entry }) in same {
                names.push(Name { words: words.len() as u32, entry: *entry });
                let start = *start as usize;
                words.extend_from_slice(&self.name_words[start..start + shape.words()]);
            }
            shapes.push((shape, first..names.len() as u32));
        }
        names.push(Name { words: words.len() as u32, entry: 0 });
        (names, words, shapes)
    }
}

/// Where the names of each word begin, and the names of all ordinary words, each once.
fn names_of_words(count: usize, light: u32, names: &[Name], name_words: &[u32]) -> (Vec<u32>, Vec<u32>) {
    let once = |place: usize, words: &[u32]| words[place] >= light && !words[..place].contains(&words[place]);
    let pairs = || {
        names.windows(2).enumerate().flat_map(move |(name, ends)| {
            let words = &name_words[ends[0].words as usize..ends[1].words as usize];
            (0..words.len()).filter(move |place| once(*place, words)).map(move |place| (words[place], name as u32))
        })
    };
    let mut ends = vec![0_u32; count];
    pairs().for_each(|(word, _)| ends[word as usize] += 1);
    let mut total = 0;
    for end in &mut ends {
        let names = std::mem::replace(end, total);
        total += names;
    }
    let starts = ends.clone();
    let mut word_names = vec![0; total as usize];
    for (word, name) in pairs() {
        let end = &mut ends[word as usize];
        word_names[*end as usize] = name;
        *end += 1;
    }
    (starts, word_names)
}

/// The ordinary words by length and first two letters.
fn groups(texts: &[String], light: u32) -> Vec<Group> {
    let key = |text: &String| (text.len(), first_of(text));
    let mut start = light;
    let same = texts[light as usize..].chunk_by(|one, other| key(one) == key(other));
    same.map(|same| {
        let ((length, first), words) = (key(&same[0]), start..start + same.len() as u32);
        start = words.end;
        Group { length, first, words }
    })
    .collect()
}

/// FNV-1a over all letters: told apart from others by comparing nothing else, since a person looks at
/// every hit.
pub(super) fn hash<'a>(words: impl IntoIterator<Item = &'a String>) -> u64 {
    let letters = words.into_iter().flat_map(|word| word.bytes());
    letters.fold(0xcbf2_9ce4_8422_2325, |hash, letter| (hash ^ u64::from(letter)).wrapping_mul(0x0000_0100_0000_01b3))
}
