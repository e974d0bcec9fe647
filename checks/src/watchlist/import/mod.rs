//! From the file of a list to vetd's compact form: read piece by piece, under limits, whatever it holds.
//! People are taken over; organisations, ships and aircraft are counted and left out.

mod csv;
mod eu;
mod ofac;
mod opensanctions;
mod source;
mod uk;
mod un;
mod xml;

use std::io::{BufRead, Read};

use serde::{Deserialize, Serialize};
use vetd_model::Timestamp;
use vetd_model::date::Date;

use super::list::{Entry, Facts, MOST_ENTRIES, Writer, is_name};
use source::Source;

/// The largest file, in bytes.
pub const LARGEST_FILE: u64 = 2 << 30;
/// How much of a file is looked at to tell what it is.
const HEAD: usize = 4096;

/// The formats of lists.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Format {
    /// The Specially Designated Nationals list of OFAC, `sdn.xml`.
    OfacXml,
    /// The same as `sdn.csv`, with `alt.csv` and `add.csv` behind it or without.
    OfacCsv,
    /// The consolidated list of the United Nations Security Council.
    UnXml,
    /// The consolidated financial sanctions list of the European Union, XML 1.1.
    EuXml,
    /// The same as CSV 1.1.
    EuCsv,
    /// The UK sanctions list, or the consolidated list of OFSI, as CSV.
    UkCsv,
    /// `targets.simple.csv` of OpenSanctions.
    OpensanctionsCsv,
}

impl Format {
    /// All of them.
    pub const ALL: [Self; 7] =
        [Self::OfacXml, Self::OfacCsv, Self::UnXml, Self::EuXml, Self::EuCsv, Self::UkCsv, Self::OpensanctionsCsv];

    /// The name on the command line and in results.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::OfacXml => "ofac_xml",
            Self::OfacCsv => "ofac_csv",
            Self::UnXml => "un_xml",
            Self::EuXml => "eu_xml",
            Self::EuCsv => "eu_csv",
            Self::UkCsv => "uk_csv",
            Self::OpensanctionsCsv => "opensanctions_csv",
        }
    }

    /// The format with this name.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|format| format.as_str() == text)
    }

    /// What a list of this format is called if nobody says otherwise.
    #[must_use]
    pub const fn usual_name(self) -> &'static str {
        match self {
            Self::OfacXml | Self::OfacCsv => "ofac-sdn",
            Self::UnXml => "un",
            Self::EuXml | Self::EuCsv => "eu",
            Self::UkCsv => "uk",
            Self::OpensanctionsCsv => "opensanctions",
        }
    }
}

/// Why a file is not imported. Nothing is kept of it.
#[derive(Debug, thiserror::Error)]
pub enum ImportError {
    /// It cannot be read.
    #[error("the file cannot be read: {0}")]
    Io(#[from] std::io::Error),
    /// It is in none of the formats.
    #[error("{0}")]
    UnknownFormat(String),
    /// It breaks off, or is not in the format that it seems to be in.
    #[error("the file is damaged or not in the format {}: {why} (at byte {at})", .format.as_str())]
    Malformed {
        /// What it was read as.
        format: Format,
        /// What is wrong.
        why: String,
        /// How far it was read.
        at: u64,
    },
    /// It is larger than is taken.
    #[error("{0}")]
    TooLarge(&'static str),
    /// It holds nobody.
    #[error("there is no person in the file, read as {}; is it the right one?", .0.as_str())]
    Empty(Format),
    /// A name that cannot be one.
    #[error("a list's name has 1 to 40 of a-z, 0-9, - and _, and begins with a letter or digit")]
    Name,
}

/// What an import makes.
#[derive(Debug)]
pub struct Imported {
    /// What the list says of itself.
    pub facts: Facts,
    /// The list in vetd's compact form.
    pub bytes: Vec<u8>,
}

/// Reads a list. `files` is one file, or those of OFAC's CSV with `sdn.csv` first. Without a `format`
/// the file says what it is; without a `name` the list gets that of its format.
///
/// # Errors
/// [`ImportError`].
pub fn import<R: Read>(
    files: Vec<R>,
    format: Option<Format>,
    name: Option<&str>,
    at: Timestamp,
) -> Result<Imported, ImportError> {
    let mut source = Source::over(files);
    let format = match format {
        Some(format) => format,
        None => tell(source.head(HEAD)?)?,
    };
    let name = name.unwrap_or(format.usual_name());
    if !is_name(name) {
        return Err(ImportError::Name);
    }
    let mut gathered = Gathered::default();
    let read = match format {
        Format::OfacXml => xml::walk(&mut source, &mut ofac::Sdn::default(), &mut gathered),
        Format::OfacCsv => ofac::read_csv(&mut source, &mut gathered),
        Format::UnXml => xml::walk(&mut source, &mut un::Consolidated::default(), &mut gathered),
        Format::EuXml => xml::walk(&mut source, &mut eu::Export::default(), &mut gathered),
        Format::EuCsv => eu::read_csv(&mut source, &mut gathered),
        Format::UkCsv => uk::read(&mut source, &mut gathered),
        Format::OpensanctionsCsv => opensanctions::read(&mut source, &mut gathered),
    };
    read.map_err(|stop| stop.explain(format, source.position()))?;
    let sha256 = source.finish()?;
    let facts = Facts {
        name: name.to_owned(),
        format,
        date: gathered.date.map(|date| date.to_string()),
        sha256,
        entries: 0,
        names: 0,
        left_out: gathered.left_out,
        imported: at.seconds(),
    };
    let (facts, bytes) = gathered.writer.finish(facts);
    if facts.entries == 0 { Err(ImportError::Empty(format)) } else { Ok(Imported { facts, bytes }) }
}

/// What has been read so far.
#[derive(Debug, Default)]
struct Gathered {
    writer: Writer,
    left_out: u32,
    date: Option<Date>,
}

impl Gathered {
    /// Takes a person over; one without a name is left out.
    fn person(&mut self, mut entry: Entry) -> Result<(), Stop> {
        entry.names.retain(|name| !name.trim().is_empty());
        if entry.names.is_empty() {
            self.left_out += 1;
            return Ok(());
        }
        if self.writer.add(&entry) { Ok(()) } else { Err(Stop::TooMany) }
    }
}

/// Why reading stopped.
#[derive(Debug)]
enum Stop {
    Io(std::io::Error),
    Malformed(String),
    TooMany,
}

impl Stop {
    fn malformed(why: impl Into<String>) -> Self {
        Self::Malformed(why.into())
    }

    fn explain(self, format: Format, at: u64) -> ImportError {
        match self {
            Self::Io(error) => match error.get_ref().and_then(|inner| inner.downcast_ref::<source::OverLimit>()) {
                Some(source::OverLimit::File) => ImportError::TooLarge("the file is larger than 2 GiB"),
                Some(source::OverLimit::Piece) => {
                    let why = "one element or line is longer than 1 MiB".to_owned();
                    ImportError::Malformed { format, why, at }
                }
                None => ImportError::Io(error),
            },
            Self::Malformed(why) => ImportError::Malformed { format, why, at },
            Self::TooMany => {
                const { assert!(MOST_ENTRIES == 1_000_000) };
                ImportError::TooLarge("the list has more than 1,000,000 people, or more than 256 MiB of names")
            }
        }
    }
}

/// Adds a value once.
fn add_once<T: PartialEq>(to: &mut Vec<T>, value: Option<T>) {
    to.extend(value.filter(|value| !to.contains(value)));
}

/// Parts of a name with blanks between them.
fn full_name<'a>(parts: impl IntoIterator<Item = &'a str>) -> String {
    parts.into_iter().map(str::trim).filter(|part| !part.is_empty()).collect::<Vec<_>>().join(" ")
}

/// Tells a file's format by its beginning.
fn tell(head: &[u8]) -> Result<Format, ImportError> {
    let text = String::from_utf8_lossy(head);
    let text = text.trim_start_matches('\u{feff}').trim_start();
    if text.starts_with('<') {
        return match xml::root(text) {
            Some(root) if root == "sdnList" => Ok(Format::OfacXml),
            Some(root) if root == "CONSOLIDATED_LIST" => Ok(Format::UnXml),
            Some(root) if root == "export" => Ok(Format::EuXml),
            Some(root) => Err(unknown(&format!("its outermost element is <{}>", root.escape_default()))),
            None => Err(unknown("it has no element at its beginning")),
        };
    }
    let mut lines = text.lines();
    let (first, second) = (lines.next().unwrap_or_default(), lines.next().unwrap_or_default());
    let plain = |line: &str| line.replace('"', "").to_ascii_lowercase();
    let (first, second) = (plain(first), plain(second));
    if first.starts_with("id,schema,name,") {
        Ok(Format::OpensanctionsCsv)
    } else if first.contains("entity_logicalid") {
        Ok(Format::EuCsv)
    } else if [&first, &second].iter().any(|line| line.contains("name 6,")) {
        Ok(Format::UkCsv)
    } else if ofac::is_sdn_line(text.lines().next().unwrap_or_default()) {
        Ok(Format::OfacCsv)
    } else {
        Err(unknown(match head {
            [] => "it is empty",
            [b'P', b'K', ..] | [0x1f, 0x8b, ..] => "it is packed; unpack it first",
            [b'%', b'P', b'D', b'F', ..] => "it is a PDF",
            [b'{' | b'[', ..] => "it is JSON",
            _ => "its beginning is that of none of them",
        }))
    }
}

fn unknown(why: &str) -> ImportError {
    let known: Vec<&str> = Format::ALL.iter().map(|format| format.as_str()).collect();
    ImportError::UnknownFormat(format!("the file is in no format that can be imported ({}): {why}", known.join(", ")))
}

/// Reads on from a source, as the parsers want it.
trait Input: BufRead {
    /// Begins a new element or line: the limit of a piece counts from here.
    fn next_piece(&mut self);
}

#[cfg(test)]
mod tests;
