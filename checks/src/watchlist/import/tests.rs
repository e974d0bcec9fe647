//! Every format over a small list of invented people, and files that are none.

use std::io::Cursor;

use proptest::prelude::*;

use super::*;
use crate::watchlist::birth::Birth;
use crate::watchlist::list;

const AT: Timestamp = Timestamp::from_seconds(1_763_800_000);

const OFAC_XML: &str = r#"<?xml version="1.0" standalone="yes"?>
<sdnList xmlns="https://example.org/sdn"><publshInformation><Publish_Date>11/21/2025</Publish_Date></publshInformation>
<sdnEntry><uid>101</uid><firstName>Ivan</firstName><lastName>TESTOV</lastName><sdnType>Individual</sdnType>
 <akaList><aka><uid>1</uid><type>a.k.a.</type><lastName>TESTOFF</lastName><firstName>Iwan</firstName></aka></akaList>
 <nationalityList><nationality><uid>2</uid><country>Russia</country></nationality></nationalityList>
 <dateOfBirthList><dateOfBirthItem><uid>3</uid><dateOfBirth>01 Feb 1960</dateOfBirth></dateOfBirthItem></dateOfBirthList></sdnEntry>
<sdnEntry><uid>102</uid><lastName>TEST &amp; SONS &#76;TD</lastName><sdnType>Entity</sdnType></sdnEntry></sdnList>"#;
const SDN_CSV: &str = "101,\"TESTOV, Ivan\",\"individual\",\"PROG\",-0- ,-0- ,-0- ,-0- ,-0- ,-0- ,-0- ,\"DOB 01 Feb 1960; nationality Russia.\"\n\
    102,\"TEST & SONS\",-0- ,\"PROG\",-0- ,-0- ,-0- ,-0- ,-0- ,-0- ,-0- ,-0- \n\u{1a}\n";
const ALT_CSV: &str = "101,1,\"aka\",\"TESTOFF, Iwan\",-0- \n102,2,\"aka\",\"SONS\",-0- \n\u{1a}\n";
const UN_XML: &str = r#"<CONSOLIDATED_LIST dateGenerated="2025-11-21T00:00:00"><INDIVIDUALS><INDIVIDUAL>
 <DATAID>7</DATAID><FIRST_NAME>IVAN</FIRST_NAME><SECOND_NAME>TESTOV</SECOND_NAME><REFERENCE_NUMBER>XXi.101</REFERENCE_NUMBER>
 <NATIONALITY><VALUE>Russian Federation</VALUE></NATIONALITY>
 <INDIVIDUAL_ALIAS><QUALITY>Good</QUALITY><ALIAS_NAME>Iwan Testoff</ALIAS_NAME></INDIVIDUAL_ALIAS>
 <INDIVIDUAL_DATE_OF_BIRTH><TYPE_OF_DATE>EXACT</TYPE_OF_DATE><DATE>1960-02-01</DATE></INDIVIDUAL_DATE_OF_BIRTH>
 </INDIVIDUAL></INDIVIDUALS><ENTITIES><ENTITY><DATAID>8</DATAID></ENTITY></ENTITIES></CONSOLIDATED_LIST>"#;
const EU_XML: &str = r#"<export xmlns="http://example.org/export" generationDate="2025-11-21T10:00:00.000+01:00">
<sanctionEntity euReferenceNumber="EU.101.1" logicalId="101"><subjectType code="person" classificationCode="P"/>
 <nameAlias firstName="Ivan" middleName="" lastName="Testov" wholeName="Ivan Testov" strong="true"/>
 <nameAlias firstName="Iwan" middleName="" lastName="Testoff" wholeName="" strong="false"/>
 <citizenship countryIso2Code="RU"/><birthdate birthdate="1960-02-01" year="1960"/></sanctionEntity>
<sanctionEntity logicalId="102"><subjectType code="enterprise" classificationCode="E"/><nameAlias wholeName="Sons"/></sanctionEntity></export>"#;
const EU_CSV: &str = "fileGenerationDate;Entity_LogicalId;Entity_EU_ReferenceNumber;Entity_SubjectType;NameAlias_LastName;\
    NameAlias_FirstName;NameAlias_MiddleName;NameAlias_WholeName;BirthDate_BirthDate;BirthDate_Year;Citizenship_CountryIso2Code\n\
    21/11/2025;101;EU.101.1;P;Testov;Ivan;;Ivan Testov;;;\n21/11/2025;101;EU.101.1;person;Testoff;Iwan;;;;;\n\
    21/11/2025;101;EU.101.1;P;;;;;1960-02-01;1960;\n21/11/2025;101;EU.101.1;P;;;;;;;RU\n21/11/2025;102;;E;;;;Sons;;;\n";
const UK_CSV: &str = "Report Date: 21-Nov-2025\nLast Updated,Unique ID,Name 6,Name 1,Name 2,Name 3,Name 4,Name 5,Designation Type,D.O.B,Nationality(/ies)\n\
    01/01/2025,XXX0101,TESTOV,Ivan,,,,,Individual,01/02/1960,(1) Russia (2) Syria\n\
    01/01/2025,XXX0101,TESTOFF,Iwan,,,,,Individual,01/02/1960,(1) Russia (2) Syria\n01/01/2025,XXX0102,SONS,,,,,,Entity,,\n";
const OPENSANCTIONS: &str = "\u{feff}\"id\",\"schema\",\"name\",\"aliases\",\"birth_date\",\"countries\",\"last_seen\"\n\
    \"Q101\",\"Person\",\"Ivan Testov\",\"Iwan Testoff\",\"1960-02-01\",\"ru;sy\",\"2025-11-21\"\n\
    \"Q102\",\"Company\",\"Sons\",\"\",\"\",\"\",\"2025-11-20T10:00:00\"\n";

const ALL: [(Format, &str); 7] = [
    (Format::OfacXml, OFAC_XML),
    (Format::OfacCsv, SDN_CSV),
    (Format::UnXml, UN_XML),
    (Format::EuXml, EU_XML),
    (Format::EuCsv, EU_CSV),
    (Format::UkCsv, UK_CSV),
    (Format::OpensanctionsCsv, OPENSANCTIONS),
];

fn of(files: &[&[u8]], format: Option<Format>) -> Result<(Facts, Vec<Entry>), ImportError> {
    let files: Vec<Cursor<Vec<u8>>> = files.iter().map(|file| Cursor::new(file.to_vec())).collect();
    let imported = import(files, format, None, AT)?;
    let mut entries = Vec::new();
    let facts = list::read(&imported.bytes, |entry| entries.push(entry)).unwrap();
    assert_eq!(facts, imported.facts);
    Ok((facts, entries))
}

#[expect(clippy::needless_pass_by_value, reason = "what unwrap_err gives is handed on")]
fn said(error: ImportError) -> String {
    error.to_string()
}

#[test]
fn every_format_is_told_and_says_the_same_of_the_same_person() {
    for (format, text) in ALL {
        let (facts, entries) = of(&[text.as_bytes()], None).unwrap_or_else(|error| panic!("{format:?}: {error}"));
        assert_eq!((facts.format, facts.entries, facts.left_out), (format, 1, 1), "{format:?}");
        assert_eq!(facts.name, format.usual_name());
        // OFAC's CSV is the one without a date.
        assert_eq!(facts.date.as_deref(), (format != Format::OfacCsv).then_some("2025-11-21"), "{format:?}");
        let [entry] = entries.as_slice() else { panic!("{format:?}: {entries:?}") };
        assert!(entry.id.contains("101"), "{entry:?}");
        assert!(entry.names[0].eq_ignore_ascii_case("Ivan Testov"), "{format:?}: {entry:?}");
        assert_eq!(entry.births, [Birth::on(Date::parse("1960-02-01").unwrap()).unwrap()], "{format:?}");
        assert_eq!(entry.countries.first(), Some(b"RU"), "{format:?}: {entry:?}");
        if format != Format::OfacCsv {
            assert!(entry.names[1].eq_ignore_ascii_case("Iwan Testoff"), "{format:?}: {entry:?}");
        }
    }
}

#[test]
fn the_files_of_ofac_belong_together() {
    let (facts, entries) = of(&[SDN_CSV.as_bytes(), ALT_CSV.as_bytes()], None).unwrap();
    assert_eq!(entries[0].names, ["Ivan TESTOV", "Iwan TESTOFF"]);
    let whole = [SDN_CSV, ALT_CSV].concat();
    let (of_whole, _) = of(&[whole.as_bytes()], None).unwrap();
    assert_eq!(facts.sha256, of_whole.sha256);
    let turned = said(of(&[ALT_CSV.as_bytes(), SDN_CSV.as_bytes()], Some(Format::OfacCsv)).unwrap_err());
    assert!(turned.contains("sdn.csv first"), "{turned}");
}

#[test]
fn the_hash_is_that_of_the_file() {
    use sha2::Digest;
    let (facts, _) = of(&[UN_XML.as_bytes()], None).unwrap();
    let expected: String = sha2::Sha256::digest(UN_XML).iter().map(|byte| format!("{byte:02x}")).collect();
    assert_eq!(facts.sha256, expected);
}

#[test]
fn what_is_no_list_is_refused_with_a_reason() {
    for (bytes, why) in [
        (&b""[..], "empty"),
        (b"PK\x03\x04", "unpack"),
        (b"\x1f\x8b\x08", "unpack"),
        (b"%PDF-1.7", "PDF"),
        (b"{\"a\":1}", "JSON"),
        (b"a,b,c\n1,2,3\n", "none of them"),
        (b"<html><body/></html>", "<html>"),
        (b"<", "no element"),
        (b"\x00\xff\xfe", "none of them"),
    ] {
        let message = said(of(&[bytes], None).unwrap_err());
        assert!(message.contains(why) && message.contains("opensanctions_csv"), "{message}");
    }
    let empty = said(of(&[b"<sdnList></sdnList>"], None).unwrap_err());
    assert!(empty.contains("no person"), "{empty}");
    let other = said(of(&[UN_XML.as_bytes()], Some(Format::EuXml)).unwrap_err());
    assert!(other.contains("no person"), "{other}");
}

#[test]
fn a_list_that_breaks_off_is_refused() {
    for (format, text) in ALL.into_iter().filter(|(_, text)| text.starts_with('<')) {
        let cut = &text.as_bytes()[..text.len() - 12];
        assert!(said(of(&[cut], None).unwrap_err()).contains("damaged"), "{format:?}");
    }
}

#[test]
fn nothing_is_expanded_and_nothing_is_nested_without_end() {
    let entities = "<!DOCTYPE sdnList [<!ENTITY a \"aaaa\"><!ENTITY b \"&a;&a;\">]><sdnList>&b;</sdnList>";
    let external = "<!DOCTYPE sdnList SYSTEM \"file:///etc/passwd\"><sdnList></sdnList>";
    for text in [entities, external] {
        assert!(said(of(&[text.as_bytes()], None).unwrap_err()).contains("document type"));
    }
    let undefined = said(of(&[b"<sdnList><sdnEntry>&b;</sdnEntry></sdnList>"], None).unwrap_err());
    assert!(undefined.contains("entity"), "{undefined}");
    let deep = ["<sdnList>", &"<a>".repeat(1000)].concat();
    assert!(said(of(&[deep.as_bytes()], None).unwrap_err()).contains("nested"));
}

/// Bytes without end.
struct Endless(&'static [u8], u64);

impl Read for Endless {
    fn read(&mut self, to: &mut [u8]) -> std::io::Result<usize> {
        if self.0.is_empty() {
            to.fill(b'a');
            self.1 += to.len() as u64;
            assert!(self.1 < 8 << 20, "a piece without end is read no further than its limit");
            return Ok(to.len());
        }
        let length = self.0.len().min(to.len());
        to[..length].copy_from_slice(&self.0[..length]);
        self.0 = &self.0[length..];
        Ok(length)
    }
}

#[test]
fn an_element_or_a_line_without_end_is_refused_before_it_fills_the_memory() {
    for start in [
        "<sdnList><sdnEntry><uid>",
        "<sdnList><sdnEntry a=\"",
        "<sdnList><!--",
        "id,schema,name,birth_date,countries\n\"",
    ] {
        let message = said(import(vec![Endless(start.as_bytes(), 0)], None, None, AT).unwrap_err());
        assert!(message.contains("1 MiB"), "{start}: {message}");
    }
}

#[test]
fn a_list_keeps_the_name_that_it_is_given() {
    let files = || vec![Cursor::new(UN_XML)];
    assert_eq!(import(files(), None, Some("mine"), AT).unwrap().facts.name, "mine");
    assert!(matches!(import(files(), None, Some("../mine"), AT), Err(ImportError::Name)));
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 512, ..ProptestConfig::default() })]

    /// Lists with any damage are read or refused, and never anything else.
    #[test]
    fn damaged_lists_end_in_a_list_or_an_error(
        which in 0..ALL.len(), wounds in prop::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 0..12),
        cut in any::<prop::sample::Index>(), cuts in any::<bool>(), twice in any::<bool>(),
    ) {
        let (format, text) = ALL[which];
        let mut bytes = text.as_bytes().to_vec();
        for (place, byte) in wounds {
            let place = place.index(bytes.len());
            bytes[place] = byte;
        }
        if twice {
            bytes.extend_from_within(..);
        }
        if cuts {
            bytes.truncate(cut.index(bytes.len()));
        }
        if let Ok((facts, entries)) = of(&[&bytes], Some(format)) {
            prop_assert_eq!(facts.entries as usize, entries.len());
        }
        let _ = of(&[&bytes], None);
    }

    #[test]
    fn any_bytes_end_in_an_error(bytes in prop::collection::vec(any::<u8>(), 0..2000), which in 0..ALL.len()) {
        prop_assert!(of(&[&bytes], Some(ALL[which].0)).is_err());
        prop_assert!(of(&[&bytes], None).is_err());
    }
}
