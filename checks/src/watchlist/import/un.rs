//! The consolidated list of the United Nations Security Council.

use vetd_model::date::Date;

use super::super::birth::Birth;
use super::super::countries;
use super::super::list::Entry;
use super::xml::{Attributes, Visitor, last};
use super::{Gathered, Stop, add_once, full_name};

/// The whole file.
#[derive(Debug, Default)]
pub(super) struct Consolidated {
    entry: Entry,
    /// First to fourth name.
    parts: [String; 4],
    from_year: Option<u16>,
}

impl Visitor for Consolidated {
    fn open(&mut self, path: &[String], attributes: &Attributes<'_>, to: &mut Gathered) {
        match last::<1>(path) {
            Some(["CONSOLIDATED_LIST"]) => to.date = attributes.get("dateGenerated").get(..10).and_then(Date::parse),
            Some(["INDIVIDUAL"]) => *self = Self::default(),
            _ => {}
        }
    }

    fn close(&mut self, path: &[String], text: &str, to: &mut Gathered) -> Result<(), Stop> {
        match last::<2>(path) {
            Some(["INDIVIDUAL", "DATAID"]) if self.entry.id.is_empty() => text.clone_into(&mut self.entry.id),
            Some(["INDIVIDUAL", "REFERENCE_NUMBER"]) if !text.is_empty() => text.clone_into(&mut self.entry.id),
            Some(["INDIVIDUAL", "FIRST_NAME"]) => text.clone_into(&mut self.parts[0]),
            Some(["INDIVIDUAL", "SECOND_NAME"]) => text.clone_into(&mut self.parts[1]),
            Some(["INDIVIDUAL", "THIRD_NAME"]) => text.clone_into(&mut self.parts[2]),
            Some(["INDIVIDUAL", "FOURTH_NAME"]) => text.clone_into(&mut self.parts[3]),
            Some(["INDIVIDUAL", "NAME_ORIGINAL_SCRIPT"]) | Some(["INDIVIDUAL_ALIAS", "ALIAS_NAME"]) => {
                add_once(&mut self.entry.names, Some(text.to_owned()));
            }
            Some(["NATIONALITY", "VALUE"]) => add_once(&mut self.entry.countries, countries::code(text)),
            Some(["INDIVIDUAL_DATE_OF_BIRTH", "DATE" | "YEAR"]) => add_once(&mut self.entry.births, Birth::parse(text)),
            Some(["INDIVIDUAL_DATE_OF_BIRTH", "FROM_YEAR"]) => self.from_year = text.parse().ok(),
            Some(["INDIVIDUAL_DATE_OF_BIRTH", "TO_YEAR"]) => {
                let years =
                    self.from_year.take().zip(text.parse().ok()).and_then(|(from, to)| Birth::between(from, to));
                add_once(&mut self.entry.births, years);
            }
            Some([_, "INDIVIDUAL"]) => {
                let mut entry = std::mem::take(&mut self.entry);
                entry.names.insert(0, full_name(self.parts.iter().map(String::as_str)));
                return to.person(entry);
            }
            Some([_, "ENTITY"]) => to.left_out += 1,
            _ => {}
        }
        Ok(())
    }
}
