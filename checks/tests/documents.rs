//! The checks over what was read of a document: each code, from the evidence that brings it about.

#![expect(clippy::unwrap_used, reason = "a test fails where it unwraps")]

use std::collections::BTreeMap;

use serde_json::{Value, json};
use vetd_checks::watchlist::Watchlists;
use vetd_checks::{Evidence, resolve, run};
use vetd_model::check::{CheckKind, CheckStatus, Finding};
use vetd_model::date::Date;
use vetd_model::event::Hash;
use vetd_model::field::Fields;
use vetd_model::flow::{DocumentKind, Flow, StepKind};
use vetd_model::media::{Flaw, Media, MediaKind, MrzText, Quality, Reading};
use vetd_model::submission::Submission;
use vetd_model::{MediaId, Timestamp};
use vetd_specimens::{Format, LicenceBack, Person};

/// 22 November 2025.
const NOW: Timestamp = Timestamp::from_seconds(1_763_800_000);

fn astrid() -> Person {
    Person {
        surname: "LINDQVIST".to_owned(),
        given_names: "ASTRID".to_owned(),
        issuer: "SWE".to_owned(),
        nationality: "SWE".to_owned(),
        number: "AB1234567".to_owned(),
        born: Date::new(1990, 4, 28).unwrap(),
        sex: 'F',
        issued: Date::new(2022, 5, 1).unwrap(),
        expires: Date::new(2032, 4, 30).unwrap(),
        optional: String::new(),
    }
}

fn lines(format: Format, person: &Person) -> Vec<String> {
    let code = match format {
        Format::Td3 => "P",
        Format::Td1 | Format::Td2 => "I",
        Format::MrvA | Format::MrvB => "V",
    };
    vetd_specimens::lines(format, code, person, None)
}

/// What a run looks at.
struct Case {
    document: DocumentKind,
    country: &'static str,
    countries: Value,
    typed: BTreeMap<String, String>,
    media: Vec<Media>,
    used_before: bool,
}

impl Case {
    fn new(document: DocumentKind, country: &'static str) -> Self {
        let (typed, media, countries) = (BTreeMap::new(), Vec::new(), json!(["*"]));
        Self { document, country, countries, typed, media, used_before: false }
    }

    /// A passport whose zone was read and proven.
    fn passport(person: &Person) -> Self {
        Self::new(DocumentKind::Passport, "SE").with_zone(MediaKind::DocumentFront, Format::Td3, person)
    }

    fn with_zone(self, kind: MediaKind, format: Format, person: &Person) -> Self {
        self.with_lines(kind, lines(format, person), true)
    }

    fn with_lines(mut self, kind: MediaKind, lines: Vec<String>, proven: bool) -> Self {
        let mrz = Some(MrzText { lines, confidence: 987, proven });
        self.media.push(picture(kind, Reading { quality: Quality::default(), mrz, barcode: None }));
        self
    }

    fn with_barcode(mut self, kind: MediaKind, text: &str) -> Self {
        let barcode = Some(text.to_owned());
        self.media.push(picture(kind, Reading { quality: Quality::default(), mrz: None, barcode }));
        self
    }

    fn typing(mut self, name: &str, value: &str) -> Self {
        self.typed.insert(name.to_owned(), value.to_owned());
        self
    }

    fn look<T>(&self, kind: CheckKind, look: impl FnOnce(&Flow, &Evidence<'_>) -> T) -> T {
        let fields: Vec<_> =
            self.typed.keys().map(|name| json!({ "name": name, "type": "string", "required": true })).collect();
        let mut steps = vec![json!({ "type": "document_upload", "countries": self.countries })];
        if !fields.is_empty() {
            steps.push(json!({ "type": "data_entry", "fields": fields }));
        }
        let flow = Flow::parse(&json!({ "steps": steps, "checks": [{ "type": kind.as_str() }] }), "").unwrap();
        let document = Submission::DocumentUpload { document: self.document, country: self.country.to_owned() };
        let mut submissions = BTreeMap::from([(StepKind::DocumentUpload, document)]);
        submissions.insert(StepKind::DataEntry, Submission::DataEntry { fields: self.typed.clone() });
        let (media, used_before) = (self.media.as_slice(), Some(self.used_before));
        look(
            &flow,
            &Evidence {
                flow: &flow,
                submissions: &submissions,
                media,
                chip: None,
                used_before,
                watchlists: &Watchlists::default(),
                at: NOW,
            },
        )
    }

    fn check(&self, kind: CheckKind) -> Finding {
        self.look(kind, |flow, evidence| run(&flow.checks()[0], evidence))
    }

    /// The code, with `-` for a pass.
    fn code(&self, kind: CheckKind) -> String {
        let finding = self.check(kind);
        assert_eq!(finding.code.is_none(), finding.status == CheckStatus::Passed);
        finding.code.map_or_else(|| "-".to_owned(), std::borrow::Cow::into_owned)
    }

    fn fields(&self) -> Fields {
        self.look(CheckKind::DocumentMrz, |_, evidence| resolve(evidence))
    }
}

fn picture(kind: MediaKind, reading: Reading) -> Media {
    Media { id: MediaId::from_bytes([1; 16]), kind, size: 1, sha256: Hash([1; 32]), at: NOW, attempt: 0, reading }
}

#[test]
fn a_good_passport_passes_everything() {
    let case = Case::passport(&astrid())
        .typing("last_name", "Lindqvist")
        .typing("first_name", "Åstrid")
        .typing("date_of_birth", "1990-04-28")
        .typing("document_number", "ab 123 4567");
    for kind in CheckKind::ALL {
        let expected = match kind {
            CheckKind::DocumentBarcode => "barcode_not_expected",
            // What the operator and the tenant's app have not brought.
            CheckKind::Watchlist => "watchlist_unavailable",
            CheckKind::DocumentChip => "chip_missing",
            _ => "-",
        };
        assert_eq!(case.code(kind), expected, "{kind:?}");
    }
}

#[test]
fn a_zone_is_judged_by_what_can_be_proven() {
    let case = |lines: Vec<String>, proven| {
        Case::new(DocumentKind::Passport, "SE").with_lines(MediaKind::DocumentFront, lines, proven)
    };
    let good = lines(Format::Td3, &astrid());
    let mut wrong = good.clone();
    wrong[1].replace_range(9..10, if good[1].as_bytes()[9] == b'1' { "2" } else { "1" });
    let specimen = Person { issuer: "UTO".to_owned(), ..astrid() };
    for (case, code) in [
        (case(good.clone(), true), "-"),
        (case(good, false), "mrz_uncertain"),
        (case(wrong, false), "mrz_check_digits"),
        (case(vec!["P<SWE".to_owned()], false), "mrz_illegible"),
        (Case::passport(&specimen), "document_specimen"),
        (Case::new(DocumentKind::Passport, "SE"), "mrz_not_found"),
        (Case::new(DocumentKind::IdCard, "SE"), "mrz_not_found"),
        (Case::new(DocumentKind::DrivingLicense, "SE"), "mrz_not_expected"),
    ] {
        assert_eq!(case.code(CheckKind::DocumentMrz), code);
    }
}

#[test]
fn the_document_must_be_the_one_that_was_chosen() {
    let visa = Case::new(DocumentKind::Passport, "SE").with_zone(MediaKind::DocumentFront, Format::MrvA, &astrid());
    let card = Case::new(DocumentKind::IdCard, "SE").with_zone(MediaKind::DocumentBack, Format::Td1, &astrid());
    let card_as_passport =
        Case::new(DocumentKind::Passport, "SE").with_zone(MediaKind::DocumentFront, Format::Td1, &astrid());
    for (case, code) in [
        (Case::passport(&astrid()), "-"),
        (card, "-"),
        (card_as_passport, "document_type_mismatch"),
        (visa, "document_type_mismatch"),
        (Case::new(DocumentKind::Passport, "SE"), "document_unread"),
    ] {
        assert_eq!(case.code(CheckKind::DocumentType), code);
    }
}

#[test]
fn the_issuer_must_be_the_chosen_one_and_taken() {
    let from = |code: &str| Person { issuer: code.to_owned(), nationality: code.to_owned(), ..astrid() };
    let only = |codes: Value| Case { countries: codes, ..Case::passport(&astrid()) };
    for (case, code) in [
        (Case::passport(&astrid()), "-"),
        (Case::passport(&from("NOR")), "issuing_country_mismatch"),
        (Case::passport(&from("UNO")), "issuing_country_unknown"),
        (only(json!(["SE", "FI"])), "-"),
        (only(json!(["FI"])), "issuing_country_not_accepted"),
    ] {
        assert_eq!(case.code(CheckKind::IssuingCountry), code);
    }
    let german = Case { country: "DE", ..Case::passport(&from("D")) };
    assert_eq!(german.code(CheckKind::IssuingCountry), "-");
}

#[test]
fn dates_are_held_against_the_calendar() {
    let expiring = |year, month, day| Person { expires: Date::new(year, month, day).unwrap(), ..astrid() };
    assert_eq!(Case::passport(&expiring(2025, 11, 22)).code(CheckKind::DocumentExpiry), "-", "its last day");
    assert_eq!(Case::passport(&expiring(2025, 11, 21)).code(CheckKind::DocumentExpiry), "document_expired");
    let early = Case::passport(&astrid()).typing("date_of_issue", "2026-01-01");
    assert_eq!(early.code(CheckKind::DocumentExpiry), "document_not_yet_valid");
    let mut endless = lines(Format::Td3, &astrid());
    endless[1].replace_range(21..27, "<<<<<<");
    let endless = Case::new(DocumentKind::Passport, "SE").with_lines(MediaKind::DocumentFront, endless, true);
    assert_eq!(endless.code(CheckKind::DocumentExpiry), "expiry_unknown");
    let child = Person { born: Date::new(2010, 4, 28).unwrap(), ..astrid() };
    let child = Case::passport(&child).typing("date_of_birth", "1990-04-28");
    assert_eq!(child.code(CheckKind::Age), "under_age", "the document counts, not what was typed");
}

#[test]
fn parts_of_one_document_agree() {
    let other = Person { number: "ZZ7654321".to_owned(), born: Date::new(1971, 1, 2).unwrap(), ..astrid() };
    let two = |second: &Person| {
        Case::new(DocumentKind::IdCard, "SE").with_zone(MediaKind::DocumentFront, Format::Td2, &astrid()).with_zone(
            MediaKind::DocumentBack,
            Format::Td1,
            second,
        )
    };
    assert_eq!(two(&astrid()).code(CheckKind::DocumentConsistency), "-");
    let finding = two(&other).check(CheckKind::DocumentConsistency);
    assert_eq!(finding.code.as_deref(), Some("sides_differ"));
    assert_eq!(finding.details["differing"], json!(["document_number", "date_of_birth"]));
    let resident = Person { nationality: "NOR".to_owned(), ..astrid() };
    assert_eq!(Case::passport(&resident).code(CheckKind::DocumentConsistency), "issuer_nationality_differ");
}

#[test]
fn a_licence_s_barcode_is_asked_for_where_there_is_one() {
    let licence = LicenceBack::invented(3);
    let country = if licence.jurisdiction.country == "CAN" { "CA" } else { "US" };
    let good = Case::new(DocumentKind::DrivingLicense, country).with_barcode(MediaKind::DocumentBack, &licence.text);
    for (case, code) in [
        (Case::new(DocumentKind::DrivingLicense, "US"), "barcode_not_found"),
        (Case::new(DocumentKind::DrivingLicense, "SE"), "barcode_not_expected"),
        (
            Case::new(DocumentKind::DrivingLicense, "US").with_barcode(MediaKind::DocumentBack, "M1ERIKSSON/ANNA"),
            "barcode_not_a_licence",
        ),
    ] {
        assert_eq!(case.code(CheckKind::DocumentBarcode), code);
    }
    for kind in [CheckKind::DocumentBarcode, CheckKind::DocumentType, CheckKind::IssuingCountry] {
        assert_eq!(good.code(kind), "-", "{kind:?}");
    }
    let number = &good.fields()["document_number"];
    assert_eq!(
        (number.chosen.value.as_str(), number.to_json()["source"].as_str()),
        (licence.person.number.as_str(), Some("document_barcode"))
    );
}

#[test]
fn what_was_typed_is_held_against_what_was_read() {
    let typed = |name: &str, value: &str| Case::passport(&astrid()).typing(name, value).code(CheckKind::DataMatch);
    assert_eq!(typed("last_name", "LINDQVIST"), "-");
    assert_eq!(typed("last_name", "Andersson"), "data_mismatch");
    assert_eq!(typed("date_of_birth", "1990-04-29"), "data_mismatch");
    assert_eq!(typed("document_number", "AB1234568"), "data_mismatch");
    assert_eq!(typed("favourite_colour", "green"), "nothing_to_match");
    let similar = Case::passport(&astrid()).typing("last_name", "Lindquist").typing("first_name", "Astrid");
    assert_eq!(similar.code(CheckKind::DataMatch), "data_similar");
    let disagreeing = &similar.fields()["last_name"];
    assert_eq!(
        (disagreeing.chosen.value.as_str(), disagreeing.disagreeing[0].value.as_str()),
        ("LINDQVIST", "Lindquist")
    );
}

#[test]
fn a_document_is_used_once_and_a_poor_picture_is_said_to_be_one() {
    let used = Case { used_before: true, ..Case::passport(&astrid()) };
    assert_eq!(used.code(CheckKind::DuplicateDocument), "document_used_before");
    assert_eq!(Case::new(DocumentKind::Passport, "SE").code(CheckKind::DuplicateDocument), "document_unread");
    let mut poor = Case::new(DocumentKind::Passport, "SE");
    let quality = Quality { flaw: Some(Flaw::Blurred), ..Quality::default() };
    poor.media.push(picture(MediaKind::DocumentFront, Reading { quality, mrz: None, barcode: None }));
    assert_eq!(poor.code(CheckKind::ImageQuality), "picture_blurred");
    assert_eq!(Case::new(DocumentKind::Passport, "SE").code(CheckKind::ImageQuality), "no_pictures");
}
