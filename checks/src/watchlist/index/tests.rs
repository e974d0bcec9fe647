//! Look-ups over small lists.

use proptest::prelude::*;

use super::super::import::Format;
use super::super::list::Writer;
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

proptest! {
    /// The index leaves nobody out that comparing with every name finds, but for first letters of
    /// another sound in a word whose consonants differ too.
    #[test]
    fn the_index_finds_what_comparing_all_names_finds(
        listed in prop::collection::vec("[A-E]{2,6} [A-E]{2,6}( [A-E]{2,6})?", 1..30), wanted in "[A-E]{2,6} [A-E]{2,6}",
    ) {
        let entries: Vec<Entry> =
            listed.iter().enumerate().map(|(place, name)| entry(&place.to_string(), &[name.as_str()])).collect();
        let list = list_of(&entries);
        let mut indexed = found(&list, &person(&wanted));
        let query = words::of(&wanted);
        let query: Vec<&str> = query.iter().map(String::as_str).collect();
        let reachable = |one: &str, other: &str| {
            weight(one) < 1.0 || weight(other) < 1.0
                || score::sound(one.as_bytes()[0]) == score::sound(other.as_bytes()[0])
                || score::skeleton(one) == score::skeleton(other)
        };
        let mut compared: Vec<String> = entries.iter().filter(|entry| {
            let name = words::of(&entry.names[0]);
            let name: Vec<&str> = name.iter().map(String::as_str).collect();
            let alike = |a: usize, b: usize| if reachable(query[a], name[b]) { score::words(query[a], name[b]) } else { 0.0 };
            let turned: Vec<&str> = query.iter().rev().copied().collect();
            let joined = name.len() > 1 && (query.concat() == name.concat() || turned.concat() == name.concat());
            score::names(&query, &name, alike) >= 0.85 || joined
        }).map(|entry| entry.id.clone()).collect();
        indexed.sort();
        compared.sort();
        prop_assert_eq!(indexed, compared);
    }

    #[test]
    fn any_name_can_be_looked_for(name in ".{0,300}", listed in prop::collection::vec(".{0,60}", 0..10)) {
        let entries: Vec<Entry> = listed.iter().map(|name| entry("1", &[name.as_str()])).collect();
        for hit in list_of(&entries).search(&person(&name), 0.7) {
            prop_assert!((0.0..=1.0).contains(&hit.score));
        }
    }
}
