//! The UK sanctions list, and the consolidated list of the Office of Financial Sanctions Implementation,
//! as CSV. A first line says of when it is, the second one names the columns; each line is one name.

use std::collections::BTreeMap;
use std::io::Read;

use super::super::birth::Birth;
use super::super::countries;
use super::super::list::Entry;
use super::source::Source;
use super::{Gathered, MOST_ENTRIES, Stop, add_once, csv, full_name};

/// Reads the file. Lines about one person may stand apart, so all people are held until its end.
pub(super) fn read<R: Read>(source: &mut Source<R>, to: &mut Gathered) -> Result<(), Stop> {
    let mut header: Option<csv::Header> = None;
    let mut people: BTreeMap<String, (Entry, bool)> = BTreeMap::new();
    let mut before = 0;
    csv::walk(source, b',', |line| {
        let Some(header) = &header else {
            let found = csv::Header::of(line);
            if found.has("Name 6") {
                header = Some(found);
            } else if before >= 5 {
                return Err(Stop::malformed("none of its first lines names the columns"));
            } else {
                before += 1;
                let date = line.columns().find_map(|text| Birth::parse(text.rsplit(": ").next()?));
                to.date = to.date.or(date.and_then(|date| date.day));
            }
            return Ok(());
        };
        let id = header.first(line, &["Unique ID", "Group ID"]);
        if id.is_empty() {
            return Ok(());
        }
        if people.len() >= MOST_ENTRIES as usize {
            return Err(Stop::TooMany);
        }
        let (entry, person) = people.entry(id.to_owned()).or_default();
        let kind = header.first(line, &["Designation Type", "Individual, Entity, Ship", "Group Type"]);
        *person |= kind.eq_ignore_ascii_case("individual");
        // The family name is the sixth.
        let names = ["Name 1", "Name 2", "Name 3", "Name 4", "Name 5", "Name 6"].map(|part| header.get(line, part));
        if entry.names.len() < 255 {
            add_once(&mut entry.names, Some(full_name(names)));
            let original = header.first(line, &["Name non-latin script", "Name Non-Latin Script"]);
            add_once(&mut entry.names, (!original.is_empty()).then(|| original.to_owned()));
        }
        let births = header.first(line, &["D.O.B", "DOB"]);
        for born in births.split([';', '|']) {
            add_once(&mut entry.births, Birth::parse(numbered(born)));
        }
        let nations = header.first(line, &["Nationality(/ies)", "Nationality"]);
        for nation in nations.split([';', '|', '(']) {
            add_once(&mut entry.countries, countries::code(numbered(nation)));
        }
        Ok(())
    })?;
    for (id, (entry, is_person)) in people {
        if is_person {
            to.person(Entry { id, ..entry })?;
        } else {
            to.left_out += 1;
        }
    }
    Ok(())
}

/// Values of one column are numbered, as `(1) Iraq (2) Syria`.
fn numbered(text: &str) -> &str {
    let text = text.trim();
    let rest = text.trim_start_matches('(').trim_start_matches(|letter: char| letter.is_ascii_digit());
    rest.strip_prefix(')').map_or(text, str::trim)
}
