//! Look-ups over small lists.

use proptest::prelude::*;

use super::super::import::Format;
use super::super::list::{Entry, Facts, Writer};
use super::super::{score, words};
use super::*;
use vetd_model::date::Date;

pub(crate) fn list_of(entries: &[Entry]) -> Watchlist {
    let mut writer = Writer::default();
    assert!(entries.iter().all(|entry| writer.add(entry)));
    let facts = Facts {
        name: "test".to_owned(),
        format: Format::UnXml,
        date: None,
        sha256: String::new(),
        entries: 0,
        names: 0,
        left_out: 0,
        imported: 0,
    };
    Watchlist::load(&writer.finish(facts).1).unwrap()
}

fn entry(id: &str, names: &[&str]) -> Entry {
    Entry { id: id.to_owned(), names: names.iter().map(|name| (*name).to_owned()).collect(), ..Entry::default() }
}

fn person(name: &str) -> Person {
    Person { names: vec![name.to_owned()], ..Person::default() }
}

fn found(list: &Watchlist, person: &Person) -> Vec<String> {
    list.search(person, 0.85).iter().map(|hit| hit.entry.to_owned()).collect()
}

fn some() -> Watchlist {
    list_of(&[
        entry("1", &["Ivan Sergeyevich TESTOV", "Iwan Testoff"]),
        entry("2", &["QADHAFI, Muammar"]),
        entry("3", &["Abd al-Rahman KHALID"]),
        entry("4", &["Juan DE LA CRUZ PRUEBA"]),
        entry("5", &["CARLOS"]),
        entry("6", &["Анна Примерова"]),
    ])
}

#[test]
fn people_are_found_by_any_of_their_names() {
    let list = some();
    for (name, expected) in [
        ("Ivan Testov", "1"),
        ("TESTOFF IWAN", "1"),
        ("Ivan S. Testov", "1"),
        ("Muammar Gaddafi", "2"),
        ("Abdulrahman Khaled", "3"),
        ("Juan Delacruz Prueba", "4"),
        ("Juan Prueba", "4"),
        ("Carlos", "5"),
        ("Anna Primerova", "6"),
    ] {
        assert_eq!(found(&list, &person(name)), [expected], "{name}");
    }
    for name in ["Ivan Beispiel", "Carlos Gomez", "Anna Maria Eriksson", "", "---", "X"] {
        assert!(found(&list, &person(name)).is_empty(), "{name}");
    }
}

#[test]
fn birth_and_country_raise_and_lower_the_score() {
    let born = |text: &str| Birth::on(Date::parse(text).unwrap());
    let listed = Entry {
        births: born("1960-02-01").into_iter().collect(),
        countries: vec![*b"RU"],
        ..entry("1", &["Ivan Sergeyevich Testov"])
    };
    let list = list_of(&[listed]);
    let score = |birth: Option<Birth>, countries: &[[u8; 2]]| {
        let person = Person { birth, countries: countries.to_vec(), ..person("Ivan Testov") };
        list.search(&person, 0.5)[0].score
    };
    let (none, same) = (score(None, &[]), score(born("1960-02-01"), &[*b"RU"]));
    let (year, other) = (score(born("1960-05-01"), &[]), score(born("1985-02-01"), &[*b"SE"]));
    assert!(same > year && year > none && none > other, "{same} {year} {none} {other}");
    assert!(none >= 0.85 && other < 0.85);
}

#[test]
fn an_entry_is_found_once_by_its_best_name() {
    let list = list_of(&[entry("1", &["Ivan Testow", "Ivan Testov", "Testov Ivan"])]);
    let hits = list.search(&person("Ivan Testov"), 0.85);
    assert_eq!((hits.len(), hits[0].name_score), (1, 1.0));
}

/// What a look-up must find: every name is compared, word by word.
fn compared<'a>(entries: &'a [Entry], person: &Person, threshold: f32) -> Vec<(&'a str, f32, f32)> {
    let turns = |words: &[String]| -> Vec<String> {
        (0..words.len()).map(|turn| [&words[turn..], &words[..turn]].concat().concat()).collect()
    };
    let one = |wanted: &String, listed: &String| {
        let (wanted, listed) = (words::of(wanted), words::of(listed));
        let joined = listed.len() > 1 && turns(&wanted).contains(&listed.concat());
        if joined { 1.0 } else { score::names(&wanted, &listed) }
    };
    let mut hits: Vec<(&str, f32, f32)> = Vec::new();
    for entry in entries {
        let pairs = person.names.iter().flat_map(|wanted| entry.names.iter().map(move |listed| (wanted, listed)));
        let names = pairs.map(|(wanted, listed)| one(wanted, listed)).fold(0.0, f32::max);
        let (birth, country) =
            (score::births(person.birth, &entry.births), score::countries(&person.countries, &entry.countries));
        let score = score::adjusted(names, birth, country);
        hits.extend((score >= threshold).then_some((entry.id.as_str(), score, names)));
    }
    hits.sort_by(|one, other| other.1.total_cmp(&one.1).then_with(|| one.0.cmp(other.0)));
    hits
}

/// Names of one to five words: short ones of few letters, which are often alike; ones of syllables; long
/// ones; particles and initials.
fn name() -> impl Strategy<Value = String> {
    let word = prop_oneof![
        4 => "[A-E]{2,7}",
        4 => "(MO|HA|MED|AL|IB|SAN|RI|NA|DIN|QA){1,5}",
        1 => "[A-D]{9,30}",
        1 => "(AL|BIN|DE|LA|VAN|DEL|Y)",
        1 => "[A-E]",
    ];
    prop::collection::vec(word, 1..6).prop_map(|words| words.join(" "))
}

/// How a name is misspelt: words in another order, one of them with another letter, cut or drawn out.
#[derive(Debug, Clone)]
struct Misspelling {
    word: prop::sample::Index,
    place: prop::sample::Index,
    letters: String,
    replaces: bool,
}

impl Misspelling {
    fn any() -> impl Strategy<Value = Self> {
        let letters = prop_oneof!["[A-E]{0,2}", "(H|IN|OV|EVICH)"];
        (any::<prop::sample::Index>(), any::<prop::sample::Index>(), letters, any::<bool>())
            .prop_map(|(word, place, letters, replaces)| Self { word, place, letters, replaces })
    }

    fn of(&self, name: &str) -> String {
        let mut words: Vec<String> = name.split(' ').map(str::to_owned).collect();
        let word = self.word.index(words.len());
        let place = self.place.index(words[word].len());
        words[word].replace_range(place..place + usize::from(self.replaces), &self.letters);
        words.rotate_left(word);
        words.join(" ")
    }
}

fn born() -> impl Strategy<Value = Option<Birth>> {
    prop::option::of((1960_u16..1964).prop_map(|year| Birth::between(year, year).unwrap()))
}

fn of_countries() -> impl Strategy<Value = Vec<[u8; 2]>> {
    prop::collection::vec(prop_oneof![Just(*b"SE"), Just(*b"RU")], 0..2)
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 2 * ProptestConfig::default().cases, ..ProptestConfig::default() })]

    /// A look-up finds whom comparing with every name finds, with the same scores, and nobody else.
    #[test]
    fn the_index_finds_what_comparing_all_names_finds(
        listed in prop::collection::vec((prop::collection::vec(name(), 1..3), born(), of_countries()), 1..40),
        (stranger, misspelt, birth, countries) in (name(), Misspelling::any(), born(), of_countries()),
        threshold in prop_oneof![3 => 0.7_f32..=1.0, 1 => 0.3_f32..0.7],
    ) {
        let entries: Vec<Entry> = listed.into_iter().enumerate().map(|(number, (names, birth, countries))| {
            Entry { id: number.to_string(), names, births: birth.into_iter().collect(), countries }
        }).collect();
        let list = list_of(&entries);
        let known = &entries[0].names[0];
        for names in [vec![stranger.clone()], vec![misspelt.of(known)], vec![known.clone(), stranger]] {
            let person = Person { names, birth, countries: countries.clone() };
            let hits = list.search(&person, threshold);
            let found: Vec<(&str, f32, f32)> = hits.iter().map(|hit| (hit.entry, hit.score, hit.name_score)).collect();
            prop_assert_eq!(found, compared(&entries, &person, threshold), "{:?}", person);
        }
    }

    #[test]
    fn any_name_can_be_looked_for(name in ".{0,300}", listed in prop::collection::vec(".{0,60}", 0..10)) {
        let entries: Vec<Entry> = listed.iter().map(|name| entry("1", &[name.as_str()])).collect();
        for hit in list_of(&entries).search(&person(&name), 0.7) {
            prop_assert!((0.0..=1.0).contains(&hit.score));
        }
    }
}
