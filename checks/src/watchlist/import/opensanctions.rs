//! `targets.simple.csv` of OpenSanctions: one line each, several values of a column parted by semicolons.

use std::io::Read;

use vetd_model::date::Date;

use super::super::birth::Birth;
use super::super::countries;
use super::super::list::Entry;
use super::source::Source;
use super::{Gathered, Stop, add_once, csv};

/// Reads the file. It is as old as the newest of its entries.
pub(super) fn read<R: Read>(source: &mut Source<R>, to: &mut Gathered) -> Result<(), Stop> {
    let mut header: Option<csv::Header> = None;
    csv::walk(source, b',', |line| {
        let Some(header) = &header else {
            let found = csv::Header::of(line);
            if !["id", "schema", "name", "birth_date", "countries"].into_iter().all(|name| found.has(name)) {
                return Err(Stop::malformed("its first line does not name the columns of targets.simple.csv"));
            }
            header = Some(found);
            return Ok(());
        };
        let value = |name: &str| header.get(line, name);
        let seen =
            ["last_seen", "last_change"].into_iter().filter_map(|name| Date::parse(value(name).get(..10)?)).max();
        to.date = to.date.max(seen);
        if value("schema") != "Person" {
            to.left_out += 1;
            return Ok(());
        }
        let mut entry = Entry { id: value("id").to_owned(), ..Entry::default() };
        let parts = |name: &str| header.get(line, name).split(';').map(str::trim).filter(|part| !part.is_empty());
        [value("name")].into_iter().chain(parts("aliases")).take(255).for_each(|name| {
            add_once(&mut entry.names, Some(name.to_owned()));
        });
        parts("birth_date").for_each(|born| add_once(&mut entry.births, Birth::parse(born)));
        parts("countries").for_each(|country| add_once(&mut entry.countries, countries::code(country)));
        to.person(entry)
    })
}
