//! Who issues driving licences in North America, by issuer identification number.
//!
//! The numbers are assigned under ISO/IEC 7812 and listed by AAMVA (*AAMVA DL/ID Card Design
//! Standard*, Annex F of 2020: "AAMVA IINs"). Mexico's Coahuila and Hidalgo have numbers, too.

/// Who has an issuer identification number.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Issuer {
    /// Postal abbreviation of the state, province or territory; `DOS` is the United States
    /// Department of State, which issues to diplomats.
    pub jurisdiction: &'static str,
    /// Its country as in ISO 3166-1 alpha-3: `USA`, `CAN` or `MEX`.
    pub country: &'static str,
}

/// The numbers from 604426 on, in order.
const FROM_604426: [&str; 9] = ["PE", "AS", "QC", "YT", "MP", "PR", "AB", "NU", "NT"];

/// The numbers from 636000 on, in order.
const FROM_636000: [&str; 63] = [
    "VA", "NY", "MA", "MD", "NC", "SC", "CT", "LA", "MT", "NM", "FL", "DE", "ON", "NS", "CA", "TX", "NL", "NB", "IA",
    "GU", "CO", "AR", "KS", "OH", "VT", "PA", "AZ", "DOS", "BC", "OR", "MO", "WI", "MI", "AL", "ND", "IL", "NJ", "IN",
    "MN", "NH", "UT", "ME", "SD", "DC", "SK", "WA", "KY", "HI", "MB", "NV", "ID", "MS", "RI", "TN", "NE", "GA", "COA",
    "HID", "OK", "AK", "WY", "WV", "VI",
];

/// The issuer that has this number of six digits, if one has it.
#[must_use]
pub fn of(number: &str) -> Option<Issuer> {
    let number: usize = number.parse().ok()?;
    let listed = |from: usize, list: &'static [&'static str]| list.get(number.checked_sub(from)?).copied();
    let jurisdiction = listed(604_426, &FROM_604426).or_else(|| listed(636_000, &FROM_636000))?;
    let country = match jurisdiction {
        "AB" | "BC" | "MB" | "NB" | "NL" | "NS" | "NT" | "NU" | "ON" | "PE" | "QC" | "SK" | "YT" => "CAN",
        "COA" | "HID" => "MEX",
        _ => "USA",
    };
    Some(Issuer { jurisdiction, country })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_are_those_of_their_issuers() {
        let pairs = [
            ("604426", "PE", "CAN"),
            ("604432", "AB", "CAN"),
            ("604434", "NT", "CAN"),
            ("636000", "VA", "USA"),
            ("636012", "ON", "CAN"),
            ("636014", "CA", "USA"),
            ("636026", "AZ", "USA"),
            ("636028", "BC", "CAN"),
            ("636043", "DC", "USA"),
            ("636050", "ID", "USA"),
            ("636056", "COA", "MEX"),
            ("636062", "VI", "USA"),
        ];
        for (number, jurisdiction, country) in pairs {
            assert_eq!(of(number), Some(Issuer { jurisdiction, country }), "{number}");
        }
        for unknown in ["604425", "604435", "635999", "636063", "", "63600A", "99999999999999999999999"] {
            assert_eq!(of(unknown), None, "{unknown}");
        }
    }
}
