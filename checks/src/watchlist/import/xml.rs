//! Walks an XML file element by element. Nothing is expanded: an entity of the file's own, or a document
//! type that could define one, ends the import.

use std::io::{self, Read};
use std::sync::Arc;

use quick_xml::XmlVersion;
use quick_xml::events::{BytesStart, Event};
use quick_xml::reader::Reader;

use super::source::Source;
use super::{Gathered, Input, Stop};

/// The most elements within each other.
const DEEPEST: usize = 32;

/// The attributes of an element, opened one by one.
pub(super) struct Attributes<'a>(&'a BytesStart<'a>);

impl Attributes<'_> {
    /// The value of an attribute; empty if it is absent or cannot be read.
    pub(super) fn get(&self, name: &str) -> String {
        let found = self.0.try_get_attribute(name).ok().flatten();
        let value =
            found.and_then(|attribute| Some(attribute.normalized_value(XmlVersion::Implicit1_0).ok()?.into_owned()));
        value.unwrap_or_default().trim().to_owned()
    }
}

/// What a format makes of the elements. `path` holds their names without prefix, the outermost first.
pub(super) trait Visitor {
    /// An element begins.
    fn open(&mut self, path: &[String], attributes: &Attributes<'_>, to: &mut Gathered);

    /// An element ends; `text` is what stood directly in it, trimmed.
    ///
    /// # Errors
    /// Why the file cannot be imported.
    fn close(&mut self, path: &[String], text: &str, to: &mut Gathered) -> Result<(), Stop>;
}

/// Hands every element to the visitor.
pub(super) fn walk<R: Read>(source: &mut Source<R>, visitor: &mut impl Visitor, to: &mut Gathered) -> Result<(), Stop> {
    let mut reader = Reader::from_reader(source);
    let (mut path, mut texts, mut buffer): (Vec<String>, Vec<String>, Vec<u8>) = Default::default();
    let mut seen_root = false;
    loop {
        reader.get_mut().next_piece();
        buffer.clear();
        let broken = |error: &dyn std::fmt::Display| Stop::malformed(format!("it is no well-formed XML: {error}"));
        let event = match reader.read_event_into(&mut buffer) {
            Err(quick_xml::Error::Io(error)) => return Err(Stop::Io(owned(error))),
            other => other.map_err(|error| broken(&error))?,
        };
        match event {
            Event::Start(element) => {
                seen_root = true;
                open(&element, &mut path, &mut texts)?;
                visitor.open(&path, &Attributes(&element), to);
            }
            Event::Empty(element) => {
                seen_root = true;
                open(&element, &mut path, &mut texts)?;
                visitor.open(&path, &Attributes(&element), to);
                visitor.close(&path, "", to)?;
                path.pop();
                texts.pop();
            }
            Event::End(_) => {
                let text = texts.pop().unwrap_or_default();
                visitor.close(&path, text.trim(), to)?;
                path.pop();
            }
            Event::Text(text) => append(&mut texts, &text.decode().map_err(|error| broken(&error))?),
            Event::CData(text) => append(&mut texts, &text.decode().map_err(|error| broken(&error))?),
            Event::GeneralRef(reference) => {
                let number = reference.resolve_char_ref().map_err(|error| broken(&error))?;
                let name = reference.decode().map_err(|error| broken(&error))?;
                let text = match (number, name.as_ref()) {
                    (Some(letter), _) => letter,
                    (None, "amp") => '&',
                    (None, "lt") => '<',
                    (None, "gt") => '>',
                    (None, "quot") => '"',
                    (None, "apos") => '\'',
                    _ => return Err(Stop::malformed("it uses an entity that XML does not have")),
                };
                append(&mut texts, text.encode_utf8(&mut [0; 4]));
            }
            Event::DocType(_) => return Err(Stop::malformed("it has a document type, which no list has")),
            Event::Decl(_) | Event::PI(_) | Event::Comment(_) => {}
            Event::Eof if path.is_empty() && seen_root => return Ok(()),
            Event::Eof => return Err(Stop::malformed("it breaks off")),
        }
    }
}

/// The error itself, of which nobody else has a hold.
fn owned(error: Arc<io::Error>) -> io::Error {
    Arc::try_unwrap(error).unwrap_or_else(|shared| shared.kind().into())
}

fn open(element: &BytesStart<'_>, path: &mut Vec<String>, texts: &mut Vec<String>) -> Result<(), Stop> {
    if path.len() >= DEEPEST {
        return Err(Stop::malformed("its elements are nested too deeply"));
    }
    path.push(String::from_utf8_lossy(element.local_name().as_ref()).into_owned());
    texts.push(String::new());
    Ok(())
}

/// Text outside of the outermost element is dropped, and so is what is longer than a piece.
fn append(texts: &mut [String], text: &str) {
    const LONGEST: usize = 64 * 1024;
    if let Some(last) = texts.last_mut().filter(|last| last.len() < LONGEST) {
        last.push_str(text);
    }
}

/// The name of the outermost element of a file of which this is the beginning.
pub(super) fn root(head: &str) -> Option<String> {
    let mut reader = Reader::from_str(head);
    loop {
        match reader.read_event() {
            Ok(Event::Start(element) | Event::Empty(element)) => {
                return Some(String::from_utf8_lossy(element.local_name().as_ref()).into_owned());
            }
            Ok(Event::Eof) | Err(_) => return None,
            Ok(_) => {}
        }
    }
}

/// The last names of a path.
pub(super) fn last<const N: usize>(path: &[String]) -> Option<[&str; N]> {
    let last = path.last_chunk::<N>()?;
    Some(std::array::from_fn(|place| last[place].as_str()))
}
