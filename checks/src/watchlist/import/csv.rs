//! Reads CSV line by line, columns by their names.

use std::collections::HashMap;
use std::io::Read;

use super::source::Source;
use super::{Input, Stop};

/// The most columns of a line.
const MOST_COLUMNS: usize = 500;

/// One line.
pub(super) struct Line(Vec<String>);

impl Line {
    /// A column by its place; empty if it is absent.
    pub(super) fn at(&self, place: usize) -> &str {
        self.0.get(place).map_or("", |value| value.trim())
    }

    /// How many columns there are.
    pub(super) fn len(&self) -> usize {
        self.0.len()
    }

    /// All columns.
    pub(super) fn columns(&self) -> impl Iterator<Item = &str> {
        self.0.iter().map(|value| value.trim())
    }
}

/// Where each column stands.
#[derive(Debug, Default)]
pub(super) struct Header(HashMap<String, usize>);

impl Header {
    /// The columns that a line names, whatever their case.
    pub(super) fn of(line: &Line) -> Self {
        let names = line.columns().map(|name| name.trim_start_matches('\u{feff}').to_lowercase());
        Self(names.enumerate().map(|(place, name)| (name, place)).collect())
    }

    /// The value of a column in a line; empty if there is no such column.
    pub(super) fn get<'a>(&self, line: &'a Line, name: &str) -> &'a str {
        self.0.get(&name.to_lowercase()).map_or("", |place| line.at(*place))
    }

    /// The first of these columns that the line has something in.
    pub(super) fn first<'a>(&self, line: &'a Line, names: &[&str]) -> &'a str {
        names.iter().map(|name| self.get(line, name)).find(|value| !value.is_empty()).unwrap_or_default()
    }

    /// True if there is such a column.
    pub(super) fn has(&self, name: &str) -> bool {
        self.0.contains_key(&name.to_lowercase())
    }
}

/// Hands every line to `each`.
pub(super) fn walk<R: Read>(
    source: &mut Source<R>,
    delimiter: u8,
    mut each: impl FnMut(&Line) -> Result<(), Stop>,
) -> Result<(), Stop> {
    let mut reader =
        ::csv::ReaderBuilder::new().has_headers(false).flexible(true).delimiter(delimiter).from_reader(source);
    let mut record = ::csv::ByteRecord::new();
    loop {
        reader.get_mut().next_piece();
        let more = reader.read_byte_record(&mut record).map_err(|error| match error.into_kind() {
            ::csv::ErrorKind::Io(error) => Stop::Io(error),
            _ => Stop::malformed("it is no well-formed CSV"),
        })?;
        if !more {
            return Ok(());
        }
        if record.len() > MOST_COLUMNS {
            return Err(Stop::malformed("a line has more than 500 columns"));
        }
        each(&Line(record.iter().map(text).collect()))?;
    }
}

/// UTF-8, or else Latin-1, as some lists are.
fn text(bytes: &[u8]) -> String {
    let utf8 = std::str::from_utf8(bytes).map(str::to_owned);
    utf8.unwrap_or_else(|_| bytes.iter().map(|byte| char::from(*byte)).collect())
}
