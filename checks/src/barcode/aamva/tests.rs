//! What real cards do, what is no card, and that nothing makes the parser panic.

use proptest::prelude::*;

use super::*;

/// A licence of California, version 9, as its issuer writes it.
const CALIFORNIA: &str = "@\n\u{1e}\rANSI 636014090102DL00410278ZC03190024DLDAQY1234567\nDCSMUSTER-O'NEIL\nDDEN\nDACANNA\nDDFT\nDADMARIA LUISE\nDDGU\nDCAC\nDCBNONE\nDCDNONE\nDBD08292019\nDBB01311990\nDBA01312027\nDBC2\nDAU064 IN\nDAYBRO\nDAG2570 24TH STREET\nDAISACRAMENTO\nDAJCA\nDAK958180000  \nDCF00/00/0000NNNAN/ANFD/YY\nDCGUSA\nDAW125\nDAZBLK\nDCK19999999999999990000\nDDAF\nDDB08292017\nDDK1\rZCZCABRN\nZCBBLK\r";

/// One of Ontario, version 8: dates begin with the year.
const ONTARIO: &str = "@\n\u{1e}\rANSI 636012080002DL00410190ZO02310025DLDCAG\nDCBX\nDCDNONE\nDBA20270131\nDCSTREMBLAY\nDDEN\nDACZOÉ\nDDFN\nDADNONE\nDDGN\nDBD20220115\nDBB19900228\nDBC9\nDAYUNK\nDAU170 cm\nDAG12 RUE PRINCIPALE\nDAIOTTAWA\nDAJON\nDAKK1A 0B1\nDAQT0000-00000-00228\nDCFDG1234567\nDCGCAN\rZOZOAN\r";

/// One of version 1: one element for all names, dates begin with the year, no blank.
const VERSION_1: &str = "@\n\u{1e}\rAAMVA6360250101ID00290150IDDAAPUBLIC,JOHN,QUINCY ADAM\nDAQ12 345 678\nDBA20080115\nDBB19570212\nDBCM\nDBD20030806\nDAGVIA APPIA 9\nDAIHARRISBURG\nDAJPA\nDAK17101\r";

fn day(year: u16, month: u8, day: u8) -> Option<Date> {
    Date::new(year, month, day)
}

#[test]
fn a_licence_of_the_united_states() {
    let licence = parse(CALIFORNIA).unwrap();
    assert_eq!(licence.kind, Some(CardKind::DriverLicence));
    assert_eq!((licence.issuer_number.as_deref(), licence.version), (Some("636014"), Some(9)));
    assert_eq!(licence.issuer, Some(Issuer { jurisdiction: "CA", country: "USA" }));
    assert_eq!(licence.number.as_deref(), Some("Y1234567"));
    assert_eq!(licence.last_name.as_deref(), Some("MUSTER-O'NEIL"));
    assert_eq!(licence.first_name.as_deref(), Some("ANNA"));
    assert_eq!(licence.middle_names.as_deref(), Some("MARIA LUISE"));
    assert_eq!(licence.last_name_truncated, Some(Truncation::Whole));
    assert_eq!(licence.first_name_truncated, Some(Truncation::Truncated));
    assert_eq!(licence.middle_names_truncated, Some(Truncation::Unknown));
    assert_eq!(licence.date_of_birth, day(1990, 1, 31));
    assert_eq!((licence.issued, licence.expires), (day(2019, 8, 29), day(2027, 1, 31)));
    assert_eq!(licence.sex, Some(Sex::Female));
    assert_eq!(licence.street.as_deref(), Some("2570 24TH STREET"));
    assert_eq!((licence.city.as_deref(), licence.state.as_deref()), (Some("SACRAMENTO"), Some("CA")));
    assert_eq!((licence.postal_code.as_deref(), licence.country.as_deref()), (Some("95818"), Some("USA")));
    assert_eq!(licence.discriminator.as_deref(), Some("00/00/0000NNNAN/ANFD/YY"));
}

#[test]
fn a_licence_of_canada() {
    let licence = parse(ONTARIO).unwrap();
    assert_eq!(licence.issuer, Some(Issuer { jurisdiction: "ON", country: "CAN" }));
    assert_eq!(licence.date_of_birth, day(1990, 2, 28));
    assert_eq!((licence.issued, licence.expires), (day(2022, 1, 15), day(2027, 1, 31)));
    assert_eq!((licence.first_name.as_deref(), licence.middle_names), (Some("ZOÉ"), None));
    assert_eq!((licence.postal_code.as_deref(), licence.sex), (Some("K1A 0B1"), Some(Sex::NotSpecified)));
}

#[test]
fn an_identification_card_of_version_1() {
    let card = parse(VERSION_1).unwrap();
    assert_eq!((card.kind, card.version), (Some(CardKind::IdentificationCard), Some(1)));
    assert_eq!(card.last_name.as_deref(), Some("PUBLIC"));
    assert_eq!(card.first_name.as_deref(), Some("JOHN"));
    assert_eq!(card.middle_names.as_deref(), Some("QUINCY ADAM"));
    assert_eq!((card.date_of_birth, card.sex), (day(1957, 2, 12), Some(Sex::Male)));
    assert_eq!(card.number.as_deref(), Some("12 345 678"));
}

#[test]
fn version_3_has_given_names_in_one_element() {
    let text = "@\n\u{1e}\rANSI 6360150301DL00310240DLDCSPUBLIC\nDCTJOHN,QUINCY,ADAM\nDAQ1\nDBB02121957\r";
    let licence = parse(text).unwrap();
    assert_eq!((licence.first_name.as_deref(), licence.middle_names.as_deref()), (Some("JOHN"), Some("QUINCY ADAM")));
}

#[test]
fn what_scanners_swallow_is_not_missed() {
    let bare = CALIFORNIA.replace("@\n\u{1e}\r", "");
    assert_eq!(parse(&bare), parse(CALIFORNIA));
    assert_eq!(parse(&CALIFORNIA.replace('\n', "\r\n")), parse(CALIFORNIA));
    assert_eq!(parse(&CALIFORNIA.replace("ANSI ", "ANSI")), parse(CALIFORNIA));
}

#[test]
fn the_digits_of_a_date_tell_their_order() {
    assert_eq!(date("12201985"), day(1985, 12, 20));
    assert_eq!(date("19851220"), day(1985, 12, 20));
    assert_eq!(date("1985-12-20"), day(1985, 12, 20));
    assert_eq!(date("20122012"), None, "no month 20, no day 2012-20-12");
    for none in ["", "NONE", "13321985", "02301985", "1985", "1985122O", "١٩٨٥١٢٢٠"] {
        assert_eq!(date(none), None, "{none}");
    }
}

#[test]
fn other_barcodes_are_no_licences() {
    let boarding_pass = "M1DESMARAIS/LUC       EABC123 YULFRAAC 0834 226F001A0025 106>60000";
    let others = [
        boarding_pass,
        "",
        "@",
        "ANSI",
        "M1ANSINK/ANNA         EABC123",
        "[)>\u{1e}01\u{1d}96841706672",
        "12 ANSI STREET",
    ];
    for text in others {
        assert_eq!(parse(text), Err(NotRead::NotALicence), "{text}");
    }
    assert_eq!(NotRead::NotALicence.code(), "barcode_not_a_licence");
}

#[test]
fn a_licence_without_its_mandatory_elements_is_damaged() {
    for text in
        ["@\n\u{1e}\rANSI 636014090102DL0041", &CALIFORNIA[..70], "@\n\u{1e}\rAAMVA", "ANSI 636014\nDBBNONE\nDAQ\n"]
    {
        assert_eq!(parse(text), Err(NotRead::Damaged), "{text}");
    }
    assert_eq!(NotRead::Damaged.code(), "barcode_damaged");
}

proptest! {
    #[test]
    fn no_text_makes_it_panic(text in any::<String>()) {
        let _ = parse(&text);
    }

    #[test]
    fn no_text_behind_a_header_makes_it_panic(text in "[@\\nDLIDABCQZÉ\r0-9 ]{0,200}") {
        let _ = parse(&format!("@\n\u{1e}\rANSI {text}"));
    }

    #[test]
    fn no_bytes_make_it_panic(bytes in prop::collection::vec(any::<u8>(), 0..400)) {
        let _ = parse(&String::from_utf8_lossy(&bytes));
        let letters: String = bytes.iter().map(|byte| char::from(*byte)).collect();
        let _ = parse(&format!("ANSI 636014{letters}"));
    }

    #[test]
    fn a_licence_that_is_cut_or_spoilt_says_nothing_new(at in 0..CALIFORNIA.len(), letter in any::<char>()) {
        if let Ok(licence) = parse(&CALIFORNIA[..at]) {
            prop_assert_eq!(licence.last_name.as_deref(), Some("MUSTER-O'NEIL"));
            prop_assert_eq!(licence.date_of_birth, day(1990, 1, 31));
        }
        let spoilt = format!("{}{letter}{}", &CALIFORNIA[..at], &CALIFORNIA[at + 1..]);
        let _ = parse(&spoilt);
    }
}
