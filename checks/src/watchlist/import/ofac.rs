//! The list of Specially Designated Nationals of the United States' Office of Foreign Assets Control,
//! as XML and as its three CSV files.

use std::collections::BTreeMap;
use std::io::Read;

use vetd_model::date::Date;

use super::super::birth::Birth;
use super::super::countries;
use super::super::list::Entry;
use super::source::Source;
use super::xml::{Attributes, Visitor, last};
use super::{Gathered, Stop, add_once, csv, full_name};

/// What stands in a CSV file where there is nothing.
const NOTHING: &str = "-0-";

/// `sdn.xml`.
#[derive(Debug, Default)]
pub(super) struct Sdn {
    entry: Entry,
    is_person: bool,
    first: String,
    last: String,
    alias_first: String,
    alias_last: String,
}

impl Visitor for Sdn {
    fn open(&mut self, path: &[String], _: &Attributes<'_>, _: &mut Gathered) {
        match last::<1>(path) {
            Some(["sdnEntry"]) => *self = Self::default(),
            Some(["aka"]) => (self.alias_first, self.alias_last) = Default::default(),
            _ => {}
        }
    }

    fn close(&mut self, path: &[String], text: &str, to: &mut Gathered) -> Result<(), Stop> {
        match last::<2>(path) {
            Some(["publshInformation", "Publish_Date"]) => to.date = american(text),
            Some(["sdnEntry", "uid"]) => text.clone_into(&mut self.entry.id),
            Some(["sdnEntry", "firstName"]) => text.clone_into(&mut self.first),
            Some(["sdnEntry", "lastName"]) => text.clone_into(&mut self.last),
            Some(["sdnEntry", "sdnType"]) => self.is_person = text.eq_ignore_ascii_case("individual"),
            Some(["aka", "firstName"]) => text.clone_into(&mut self.alias_first),
            Some(["aka", "lastName"]) => text.clone_into(&mut self.alias_last),
            Some(["akaList", "aka"]) => {
                let alias = full_name([self.alias_first.as_str(), &self.alias_last]);
                add_once(&mut self.entry.names, Some(alias));
            }
            Some(["dateOfBirthItem", "dateOfBirth"]) => add_once(&mut self.entry.births, Birth::parse(text)),
            Some(["nationality" | "citizenship", "country"]) => {
                add_once(&mut self.entry.countries, countries::code(text));
            }
            Some([_, "sdnEntry"]) => {
                let mut entry = std::mem::take(&mut self.entry);
                entry.names.insert(0, full_name([self.first.as_str(), &self.last]));
                if !self.is_person {
                    to.left_out += 1;
                    return Ok(());
                }
                return to.person(entry);
            }
            _ => {}
        }
        Ok(())
    }
}

/// Month, day and year, as the list's own date is written.
fn american(text: &str) -> Option<Date> {
    let parts: Vec<u16> = text.split('/').map(|part| part.trim().parse().ok()).collect::<Option<_>>()?;
    let [month, day, year] = parts[..] else { return None };
    Date::new(year, u8::try_from(month).ok()?, u8::try_from(day).ok()?)
}

/// Whether this is a line of `sdn.csv`: a number, a name, and ten columns more.
pub(super) fn is_sdn_line(line: &str) -> bool {
    let digits = line.find(',').map_or("", |end| &line[..end]);
    !digits.is_empty() && digits.bytes().all(|byte| byte.is_ascii_digit()) && line.matches(',').count() >= 11
}

/// `sdn.csv`, with `alt.csv` (other names) and `add.csv` (addresses) behind it or without; they are told
/// apart by their numbers of columns.
pub(super) fn read_csv<R: Read>(source: &mut Source<R>, to: &mut Gathered) -> Result<(), Stop> {
    // Those that are no people are known, too, so that their other names are not missed.
    let mut people: BTreeMap<u64, Option<Entry>> = BTreeMap::new();
    csv::walk(source, b',', |line| {
        let Ok(number) = line.at(0).parse::<u64>() else {
            // The last line of each file is a control character.
            return if line.len() <= 1 { Ok(()) } else { Err(Stop::malformed("a line begins with no number")) };
        };
        let value = |place: usize| Some(line.at(place)).filter(|value| !value.is_empty() && *value != NOTHING);
        match line.len() {
            12 => {
                if people.len() >= super::MOST_ENTRIES as usize {
                    return Err(Stop::TooMany);
                }
                let is_person = value(2).is_some_and(|kind| kind.eq_ignore_ascii_case("individual"));
                to.left_out += u32::from(!is_person);
                people.insert(number, is_person.then(|| of_line(line.at(0), value(1), value(11))));
            }
            5 => match people.get_mut(&number) {
                Some(Some(person)) if person.names.len() < 255 => add_once(&mut person.names, value(3).map(turned)),
                Some(_) => {}
                None => return Err(Stop::malformed("another name of nobody; give sdn.csv first, then alt.csv")),
            },
            6 if people.contains_key(&number) => {}
            6 => return Err(Stop::malformed("an address of nobody; give sdn.csv first, then add.csv")),
            _ => return Err(Stop::malformed("a line has another number of columns than sdn.csv, alt.csv and add.csv")),
        }
        Ok(())
    })?;
    people.into_values().flatten().try_for_each(|person| to.person(person))
}

/// What a line of `sdn.csv` says; births and nationalities stand among its remarks.
fn of_line(id: &str, name: Option<&str>, remarks: Option<&str>) -> Entry {
    let names = name.map(turned).into_iter().collect();
    let mut entry = Entry { id: id.to_owned(), names, ..Entry::default() };
    for remark in remarks.unwrap_or_default().split(';') {
        let remark = remark.trim().trim_end_matches('.');
        let remark = remark.strip_prefix("alt. ").unwrap_or(remark);
        if let Some(born) = remark.strip_prefix("DOB ") {
            add_once(&mut entry.births, Birth::parse(born));
        } else if let Some(country) = remark.strip_prefix("nationality ").or_else(|| remark.strip_prefix("citizen ")) {
            add_once(&mut entry.countries, countries::code(country));
        } else if let Some(alias) = remark.strip_prefix("a.k.a. ") {
            add_once(&mut entry.names, Some(alias.trim_matches(['\'', '"']).to_owned()));
        }
    }
    entry
}

/// `LAST, First` as `First LAST`.
fn turned(name: &str) -> String {
    match name.split_once(',') {
        Some((last, first)) => full_name([first, last]),
        None => name.to_owned(),
    }
}
