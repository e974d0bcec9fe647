//! Resolved fields: what is known of the person and their document, and where it comes from.

use std::collections::BTreeMap;

use serde::{Serialize, Serializer};
use serde_json::{Value, json};

/// Where a value comes from, the most trusted first.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Source {
    /// The chip of a document, signed by its issuer.
    Chip,
    /// A machine-readable zone whose check digit over the value holds.
    MrzProven,
    /// The barcode of a licence.
    Barcode,
    /// A machine-readable zone, where no check digit stands over the value.
    Mrz,
    /// The person.
    Typed,
}

impl Source {
    /// The name in JSON: the check that read it, or `typed`.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Chip => "document_chip",
            Self::MrzProven | Self::Mrz => "document_mrz",
            Self::Barcode => "document_barcode",
            Self::Typed => "typed",
        }
    }
}

impl Serialize for Source {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(self.as_str())
    }
}

/// A value from one source.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Candidate {
    /// The value: text as it stands there, dates as YYYY-MM-DD, countries as ISO 3166-1 alpha-2
    /// where there is such a code.
    pub value: String,
    /// Where it comes from.
    pub source: Source,
    /// How sure the source is, in thousandths.
    pub confidence: u16,
}

/// A field: the value that counts, and what else was said.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Field {
    /// The value of the most trusted source.
    pub chosen: Candidate,
    /// Other sources with another value.
    pub disagreeing: Vec<Candidate>,
}

/// Fields by name.
pub type Fields = BTreeMap<String, Field>;

/// What a document is known by among all: who issued it, and its number. `None` if no machine has
/// read both.
#[must_use]
pub fn document_of(fields: &Fields) -> Option<(&str, &str)> {
    let read = |name: &str| {
        let chosen = &fields.get(name)?.chosen;
        (chosen.source != Source::Typed).then_some(chosen.value.as_str())
    };
    Some((read("issuing_country")?, read("document_number")?))
}

/// Resolves what several sources say: the most trusted source counts, and among equals the one that
/// came first. `same` tells whether two values of a field mean the same.
#[must_use]
pub fn resolve(
    candidates: impl IntoIterator<Item = (String, Candidate)>,
    same: impl Fn(&str, &str, &str) -> bool,
) -> Fields {
    let mut by_name: BTreeMap<String, Vec<Candidate>> = BTreeMap::new();
    for (name, candidate) in candidates {
        by_name.entry(name).or_default().push(candidate);
    }
    let mut fields = Fields::new();
    for (name, mut said) in by_name {
        said.sort_by_key(|candidate| candidate.source);
        let mut said = said.into_iter();
        let Some(chosen) = said.next() else { continue };
        let disagreeing = said.filter(|other| !same(&name, &chosen.value, &other.value)).collect();
        fields.insert(name, Field { chosen, disagreeing });
    }
    fields
}

impl Candidate {
    fn to_json(&self) -> Value {
        json!({
            "value": self.value, "source": self.source, "confidence": f64::from(self.confidence) / 1000.0,
        })
    }
}

impl Field {
    /// The field as the tenant reads it; `disagreeing` only where somebody disagrees.
    #[must_use]
    pub fn to_json(&self) -> Value {
        let mut json = self.chosen.to_json();
        if let (Some(map), false) = (json.as_object_mut(), self.disagreeing.is_empty()) {
            map.insert("disagreeing".to_owned(), self.disagreeing.iter().map(Candidate::to_json).collect());
        }
        json
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn said(name: &str, value: &str, source: Source) -> (String, Candidate) {
        (name.to_owned(), Candidate { value: value.to_owned(), source, confidence: 1000 })
    }

    #[test]
    fn the_most_trusted_source_counts_and_who_disagrees_is_shown() {
        let fields = resolve(
            [
                said("last_name", "Erikson", Source::Typed),
                said("last_name", "ERIKSSON", Source::Mrz),
                said("last_name", "eriksson", Source::Barcode),
                said("document_number", "L898902C3", Source::MrzProven),
            ],
            |_, a, b| a.eq_ignore_ascii_case(b),
        );
        let name = &fields["last_name"];
        assert_eq!((name.chosen.value.as_str(), name.chosen.source), ("eriksson", Source::Barcode));
        assert_eq!(name.disagreeing.len(), 1);
        assert_eq!(name.to_json()["disagreeing"][0]["source"], "typed");
        assert!(fields["document_number"].to_json().get("disagreeing").is_none());
    }
}
