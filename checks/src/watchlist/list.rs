//! A list in vetd's own compact form: what the importer writes, what is kept beside the store, and what
//! is loaded at every start. It holds names as the list has them, so a later release can compare them
//! better.
//!
//! The form, numbers big-endian: [`MAGIC`]; the length of the facts (`u32`) and the facts as JSON; the
//! entries, each an identifier, names, births and countries, each of these behind its count or length;
//! the SHA-256 of all before.

use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};
use vetd_model::Timestamp;
use vetd_model::date::Date;

use super::birth::Birth;
use super::import::Format;

/// What every list begins with.
const MAGIC: &[u8; 17] = b"vetd watchlist 1\n";
/// The most entries of a list.
pub const MOST_ENTRIES: u32 = 1_000_000;
/// The largest list in this form, in bytes.
pub const LARGEST: usize = 256 << 20;
/// The longest identifier of an entry, in bytes.
const LONGEST_ID: usize = 100;
/// The longest name that is kept, in bytes; longer ones are cut.
const LONGEST_NAME: usize = 300;
/// The most names, births or countries of one entry; more are left out, of which nobody has so many.
const MOST: usize = 255;

/// What a list says of itself.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Facts {
    /// What the operator calls it.
    pub name: String,
    /// What the file was.
    pub format: Format,
    /// The list's own date, `YYYY-MM-DD`; `None` if it has none.
    pub date: Option<String>,
    /// SHA-256 of the file in hexadecimal; of several files, of all their bytes one after the other.
    pub sha256: String,
    /// How many people are on it.
    pub entries: u32,
    /// How many names they have in all.
    pub names: u32,
    /// How many other entries were left out: organisations, ships, and who has no name.
    pub left_out: u32,
    /// When it was imported, in unix seconds.
    pub imported: u64,
}

impl Facts {
    /// The day that the list is of: its own date, or else that of its import.
    #[must_use]
    pub fn day(&self) -> Option<Date> {
        let own = self.date.as_deref().and_then(Date::parse);
        own.or_else(|| Date::of(Timestamp::from_seconds(self.imported)))
    }

    /// How many days ago that was.
    #[must_use]
    pub fn days_old(&self, at: Timestamp) -> Option<u32> {
        Some(self.day()?.days_until(Date::of(at)?))
    }
}

/// A person on a list.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Entry {
    /// What the list calls them by.
    pub id: String,
    /// Their names.
    pub names: Vec<String>,
    /// When they may have been born.
    pub births: Vec<Birth>,
    /// Countries that they belong to, ISO 3166-1 alpha-2.
    pub countries: Vec<[u8; 2]>,
}

/// Why bytes are no list.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("it is no list of this release, or is damaged; import the list again")]
pub struct NotAList;

/// What a list is called: 1 to 40 of a-z, 0-9, `-` and `_`, beginning with a letter or digit.
#[must_use]
pub fn is_name(text: &str) -> bool {
    let plain = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'-' || byte == b'_';
    (1..=40).contains(&text.len()) && text.bytes().all(plain) && !text.starts_with(['-', '_'])
}

/// Writes entries one after the other; the facts are known once all are there.
#[derive(Debug, Default)]
pub(super) struct Writer {
    bytes: Vec<u8>,
    entries: u32,
    names: u32,
}

impl Writer {
    /// Adds a person; false if there is no room for them.
    pub(super) fn add(&mut self, entry: &Entry) -> bool {
        if self.entries >= MOST_ENTRIES || self.bytes.len() > LARGEST - (1 << 20) {
            return false;
        }
        self.entries += 1;
        put_text(&mut self.bytes, &entry.id, LONGEST_ID);
        let names = entry.names.iter().take(MOST);
        self.bytes.push(names.len() as u8);
        for name in names {
            self.names += 1;
            put_text(&mut self.bytes, name, LONGEST_NAME);
        }
        let births = entry.births.iter().take(MOST);
        self.bytes.push(births.len() as u8);
        for birth in births {
            self.bytes.extend_from_slice(&birth.from.to_be_bytes());
            self.bytes.extend_from_slice(&birth.to.to_be_bytes());
            self.bytes.extend_from_slice(&birth.day.map_or([0, 0], |day| [day.month(), day.day()]));
        }
        let countries = entry.countries.iter().take(MOST);
        self.bytes.push(countries.len() as u8);
        self.bytes.extend(countries.flatten());
        true
    }

    /// The whole list.
    pub(super) fn finish(self, mut facts: Facts) -> (Facts, Vec<u8>) {
        (facts.entries, facts.names) = (self.entries, self.names);
        let json = serde_json::to_vec(&facts).unwrap_or_default();
        let length = u32::try_from(json.len()).unwrap_or(u32::MAX);
        let mut whole = [MAGIC.as_slice(), &length.to_be_bytes(), &json, &self.bytes].concat();
        let check = Sha256::digest(&whole);
        whole.extend_from_slice(&check);
        (facts, whole)
    }
}

fn put_text(to: &mut Vec<u8>, text: &str, longest: usize) {
    let cut = text.floor_char_boundary(longest);
    // No limit is beyond 16 bits.
    to.extend_from_slice(&(cut as u16).to_be_bytes());
    to.extend_from_slice(&text.as_bytes()[..cut]);
}

/// Reads a list: its facts, then each entry in its order.
///
/// # Errors
/// [`NotAList`], also behind some entries.
pub(super) fn read(bytes: &[u8], mut each: impl FnMut(Entry)) -> Result<Facts, NotAList> {
    if bytes.len() > LARGEST {
        return Err(NotAList);
    }
    let (content, check) = bytes.split_last_chunk::<32>().ok_or(NotAList)?;
    if Sha256::digest(content).as_slice() != check {
        return Err(NotAList);
    }
    let mut rest = Rest(content.strip_prefix(MAGIC).ok_or(NotAList)?);
    let length = u32::from_be_bytes(rest.array()?);
    let facts: Facts = serde_json::from_slice(rest.take(length as usize)?).map_err(|_| NotAList)?;
    if !is_name(&facts.name) || facts.entries > MOST_ENTRIES {
        return Err(NotAList);
    }
    for _ in 0..facts.entries {
        each(rest.entry()?);
    }
    if rest.0.is_empty() { Ok(facts) } else { Err(NotAList) }
}

/// What has not been read yet.
struct Rest<'a>(&'a [u8]);

impl<'a> Rest<'a> {
    fn take(&mut self, length: usize) -> Result<&'a [u8], NotAList> {
        let (taken, rest) = self.0.split_at_checked(length).ok_or(NotAList)?;
        self.0 = rest;
        Ok(taken)
    }

    fn array<const N: usize>(&mut self) -> Result<[u8; N], NotAList> {
        self.take(N)?.try_into().map_err(|_| NotAList)
    }

    fn text(&mut self) -> Result<String, NotAList> {
        let length = u16::from_be_bytes(self.array()?);
        String::from_utf8(self.take(usize::from(length))?.to_vec()).map_err(|_| NotAList)
    }

    fn many<T>(&mut self, one: impl Fn(&mut Self) -> Result<T, NotAList>) -> Result<Vec<T>, NotAList> {
        let [count] = self.array()?;
        (0..count).map(|_| one(self)).collect()
    }

    fn entry(&mut self) -> Result<Entry, NotAList> {
        let id = self.text()?;
        let names = self.many(Self::text)?;
        let births = self.many(Self::birth)?;
        let countries = self.many(Self::array)?;
        Ok(Entry { id, names, births, countries })
    }

    fn birth(&mut self) -> Result<Birth, NotAList> {
        let (from, to) = (u16::from_be_bytes(self.array()?), u16::from_be_bytes(self.array()?));
        match self.array()? {
            [0, 0] => Birth::between(from, to),
            [month, day] => Date::new(from, month, day).and_then(Birth::on),
        }
        .ok_or(NotAList)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    pub(crate) fn facts() -> Facts {
        Facts {
            name: "list".to_owned(),
            format: Format::UnXml,
            date: Some("2025-11-01".to_owned()),
            sha256: "00".repeat(32),
            entries: 0,
            names: 0,
            left_out: 3,
            imported: 1_763_800_000,
        }
    }

    fn entries() -> impl Strategy<Value = Vec<Entry>> {
        let birth =
            (1850..2100_u16, 0..9_u16, 0..13_u8, 1..32_u8).prop_filter_map("a birth", |(year, more, month, day)| {
                if month == 0 {
                    Birth::between(year, year + more)
                } else {
                    Date::new(year, month, day).and_then(Birth::on)
                }
            });
        let entry = ("[A-Z0-9.]{1,20}", prop::collection::vec(".{0,40}", 0..5), prop::collection::vec(birth, 0..4));
        let entry = (entry, prop::collection::vec(any::<[u8; 2]>(), 0..4));
        let entry = entry.prop_map(|((id, names, births), countries)| Entry { id, names, births, countries });
        prop::collection::vec(entry, 0..20)
    }

    fn written(entries: &[Entry]) -> Vec<u8> {
        let mut writer = Writer::default();
        assert!(entries.iter().all(|entry| writer.add(entry)));
        writer.finish(facts()).1
    }

    proptest! {
        #[test]
        fn entries_come_back(entries in entries()) {
            let mut back = Vec::new();
            let facts = read(&written(&entries), |entry| back.push(entry)).unwrap();
            prop_assert_eq!(facts.entries as usize, entries.len());
            prop_assert_eq!(back, entries);
        }

        #[test]
        fn damage_is_found(entries in entries(), place in any::<prop::sample::Index>(), bit in 0..8_u8) {
            let mut bytes = written(&entries);
            let place = place.index(bytes.len());
            bytes[place] ^= 1 << bit;
            prop_assert_eq!(read(&bytes, drop), Err(NotAList));
            prop_assert_eq!(read(&bytes[..place], drop), Err(NotAList));
        }

        /// Whoever makes the check fit, too, gets an error and no panic.
        #[test]
        fn hostile_bytes_are_refused(entries in entries(), place in any::<prop::sample::Index>(), byte in any::<u8>()) {
            let mut bytes = written(&entries);
            bytes.truncate(bytes.len() - 32);
            let place = place.index(bytes.len());
            bytes[place] = byte;
            let check = Sha256::digest(&bytes);
            bytes.extend_from_slice(&check);
            let mut seen = 0;
            if let Ok(facts) = read(&bytes, |_| seen += 1) {
                prop_assert_eq!(facts.entries, seen);
            }
        }
    }

    #[test]
    fn long_texts_are_cut_between_letters() {
        let entry = Entry { id: "é".repeat(200), names: vec!["ü".repeat(1000)], ..Entry::default() };
        let mut back = Vec::new();
        read(&written(&[entry]), |entry| back.push(entry)).unwrap();
        assert_eq!((back[0].id.len(), back[0].names[0].len()), (LONGEST_ID, LONGEST_NAME));
    }

    #[test]
    fn names_of_lists_are_names_of_files() {
        for good in ["ofac-sdn", "un", "0", "a_b"] {
            assert!(is_name(good), "{good}");
        }
        for bad in ["", "-a", "A", "a/b", "..", "a b", &"a".repeat(41)] {
            assert!(!is_name(bad), "{bad}");
        }
    }
}
