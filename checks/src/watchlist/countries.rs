//! Countries as lists name them, by their ISO 3166-1 alpha-2 codes.

use vetd_model::country;

/// Forms of names that are common on lists and in no table of names.
const OTHER_FORMS: [(&str, &str); 26] = [
    ("Bosnia-Herzegovina", "BA"),
    ("Burma", "MM"),
    ("Congo (Democratic Republic)", "CD"),
    ("Congo, Democratic Republic of the", "CD"),
    ("Congo, Republic of the", "CG"),
    ("Cote d Ivoire", "CI"),
    ("Czech Republic", "CZ"),
    ("Democratic People's Republic of Korea", "KP"),
    ("Democratic Republic of the Congo", "CD"),
    ("Gambia, The", "GM"),
    ("Iran", "IR"),
    ("Kosovo", "XK"),
    ("Korea, North", "KP"),
    ("Korea, South", "KR"),
    ("Laos", "LA"),
    ("North Korea", "KP"),
    ("North Macedonia, The Republic of", "MK"),
    ("Palestinian", "PS"),
    ("Russia", "RU"),
    ("South Korea", "KR"),
    ("Syria", "SY"),
    ("Tanzania", "TZ"),
    ("UK", "GB"),
    ("United States", "US"),
    ("Venezuela", "VE"),
    ("Vietnam", "VN"),
];

/// The code of a country that a list names: by a code of two or three letters, or in English.
pub(super) fn code(text: &str) -> Option<[u8; 2]> {
    let text = text.trim();
    let capitals = text.to_ascii_uppercase();
    let by_code = || match capitals.len() {
        2 => country::is_assigned(&capitals).then_some(capitals.as_str()).or((capitals == "XK").then_some("XK")),
        3 => country::alpha2(&capitals),
        _ => None,
    };
    let other = || OTHER_FORMS.iter().find(|(name, _)| name.eq_ignore_ascii_case(text)).map(|(_, code)| *code);
    let found = by_code().or_else(other).or_else(|| country::alpha2(mrz::code_for_name(text)?))?;
    found.as_bytes().try_into().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn countries_are_known_by_codes_and_names() {
        for (text, expected) in [
            ("ru", Some("RU")),
            ("RUS", Some("RU")),
            ("Russia", Some("RU")),
            ("Germany", Some("DE")),
            ("Korea, North", Some("KP")),
            ("Syria", Some("SY")),
            ("Iraq", Some("IQ")),
            (" afghanistan ", Some("AF")),
            ("Atlantis", None),
            ("", None),
        ] {
            assert_eq!(code(text), expected.map(|code| code.as_bytes().try_into().unwrap()), "{text}");
        }
    }
}
