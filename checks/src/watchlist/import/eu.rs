//! The consolidated list of persons, groups and entities subject to EU financial sanctions, version 1.1,
//! as XML and as CSV.

use std::io::Read;

use vetd_model::date::Date;

use super::super::birth::Birth;
use super::super::countries;
use super::super::list::Entry;
use super::source::Source;
use super::xml::{Attributes, Visitor, last};
use super::{Gathered, Stop, add_once, csv, full_name};

/// The XML file.
#[derive(Debug, Default)]
pub(super) struct Export {
    entry: Entry,
    is_person: bool,
}

impl Visitor for Export {
    fn open(&mut self, path: &[String], attributes: &Attributes<'_>, to: &mut Gathered) {
        let entry = &mut self.entry;
        match last::<1>(path) {
            Some(["export"]) => to.date = attributes.get("generationDate").get(..10).and_then(Date::parse),
            Some(["sanctionEntity"]) => {
                let reference = attributes.get("euReferenceNumber");
                let id = if reference.is_empty() { attributes.get("logicalId") } else { reference };
                *self = Self { entry: Entry { id, ..Entry::default() }, is_person: false };
            }
            Some(["subjectType"]) => {
                self.is_person = is_person(&attributes.get("code"), &attributes.get("classificationCode"));
            }
            Some(["nameAlias"]) => {
                let parts = ["firstName", "middleName", "lastName"].map(|part| attributes.get(part));
                let name = whole(&attributes.get("wholeName"), parts.iter().map(String::as_str));
                add_once(&mut entry.names, Some(name));
            }
            Some(["citizenship"]) => {
                add_once(&mut entry.countries, countries::code(&attributes.get("countryIso2Code")));
            }
            Some(["birthdate"]) => {
                let day = Birth::parse(&attributes.get("birthdate"));
                let year = |name: &str| attributes.get(name).parse::<u16>().ok();
                let years =
                    year("yearRangeFrom").zip(year("yearRangeTo")).and_then(|(from, to)| Birth::between(from, to));
                let single = || year("year").and_then(|year| Birth::between(year, year));
                add_once(&mut entry.births, day.or(years).or_else(single));
            }
            _ => {}
        }
    }

    fn close(&mut self, path: &[String], _: &str, to: &mut Gathered) -> Result<(), Stop> {
        if last::<1>(path) != Some(["sanctionEntity"]) {
            return Ok(());
        }
        let entry = std::mem::take(&mut self.entry);
        if self.is_person {
            return to.person(entry);
        }
        to.left_out += 1;
        Ok(())
    }
}

fn is_person(code: &str, classification: &str) -> bool {
    code.eq_ignore_ascii_case("person") || classification == "P"
}

fn whole<'a>(whole: &str, parts: impl Iterator<Item = &'a str>) -> String {
    if whole.is_empty() { full_name(parts) } else { whole.to_owned() }
}

/// The CSV file: every line holds one thing about somebody, and all lines about them stand together.
pub(super) fn read_csv<R: Read>(source: &mut Source<R>, to: &mut Gathered) -> Result<(), Stop> {
    let mut header: Option<csv::Header> = None;
    let mut current: Option<(String, Entry, bool)> = None;
    csv::walk(source, b';', |line| {
        let Some(header) = &header else {
            let found = csv::Header::of(line);
            if !found.has("Entity_LogicalId") || !found.has("NameAlias_WholeName") {
                return Err(Stop::malformed("its first line does not name the columns of version 1.1"));
            }
            header = Some(found);
            return Ok(());
        };
        let value = |name: &str| header.get(line, name);
        let number = value("Entity_LogicalId");
        if number.is_empty() {
            return Ok(());
        }
        if to.date.is_none() {
            to.date = Birth::parse(value("FileGenerationDate")).and_then(|birth| birth.day);
        }
        if current.as_ref().is_none_or(|(known, ..)| known != number) {
            finish(current.take(), to)?;
            let reference = value("Entity_EU_ReferenceNumber");
            let id = if reference.is_empty() { number } else { reference };
            current = Some((number.to_owned(), Entry { id: id.to_owned(), ..Entry::default() }, false));
        }
        let Some((_, entry, person)) = &mut current else { return Ok(()) };
        *person |= is_person(value("Entity_SubjectType"), value("Entity_SubjectType_ClassificationCode"));
        let parts = ["NameAlias_FirstName", "NameAlias_MiddleName", "NameAlias_LastName"].map(value);
        add_once(&mut entry.names, Some(whole(value("NameAlias_WholeName"), parts.into_iter())));
        let born = header.first(line, &["BirthDate_BirthDate", "BirthDate_Year"]);
        add_once(&mut entry.births, Birth::parse(born));
        add_once(&mut entry.countries, countries::code(value("Citizenship_CountryIso2Code")));
        Ok(())
    })?;
    finish(current, to)
}

fn finish(current: Option<(String, Entry, bool)>, to: &mut Gathered) -> Result<(), Stop> {
    match current {
        Some((_, entry, true)) => to.person(entry),
        Some(_) => {
            to.left_out += 1;
            Ok(())
        }
        None => Ok(()),
    }
}
