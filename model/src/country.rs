//! Countries by their ISO 3166-1 alpha-2 codes.

/// The officially assigned codes, two letters each, sorted.
const ASSIGNED: &str = "ADAEAFAGAIALAMAOAQARASATAUAWAXAZBABBBDBEBFBGBHBIBJBLBMBNBOBQBRBSBTBVBWBYBZ\
CACCCDCFCGCHCICKCLCMCNCOCRCUCVCWCXCYCZDEDJDKDMDODZECEEEGEHERESETFIFJFKFMFOFRGAGBGDGEGFGGGHGIGLGMGN\
GPGQGRGSGTGUGWGYHKHMHNHRHTHUIDIEILIMINIOIQIRISITJEJMJOJPKEKGKHKIKMKNKPKRKWKYKZLALBLCLILKLRLSLTLULV\
LYMAMCMDMEMFMGMHMKMLMMMNMOMPMQMRMSMTMUMVMWMXMYMZNANCNENFNGNINLNONPNRNUNZOMPAPEPFPGPHPKPLPMPNPRPSPT\
PWPYQARERORSRURWSASBSCSDSESGSHSISJSKSLSMSNSOSRSSSTSVSXSYSZTCTDTFTGTHTJTKTLTMTNTOTRTTTVTWTZUAUGUMUS\
UYUZVAVCVEVGVIVNVUWFWSYEYTZAZMZW";

/// True if `code` is an assigned alpha-2 code in capitals.
#[must_use]
pub fn is_assigned(code: &str) -> bool {
    ASSIGNED.as_bytes().chunks_exact(2).any(|pair| pair == code.as_bytes())
}

/// Every assigned code, sorted.
pub fn all() -> impl Iterator<Item = &'static str> {
    (0..ASSIGNED.len() / 2).filter_map(|place| ASSIGNED.get(2 * place..2 * place + 2))
}

/// The officially assigned codes: alpha-3 and alpha-2 of each, sorted.
const ALPHA3: &str = "ABWAWAFGAFAGOAOAIAAIALAAXALBALANDADAREAEARGARARMAMASMASATAAQATFTFATGAGAUSAUAUTATAZEAZBDIBIBELBEBENBJ\
BESBQBFABFBGDBDBGRBGBHRBHBHSBSBIHBABLMBLBLRBYBLZBZBMUBMBOLBOBRABRBRBBBBRNBNBTNBTBVTBVBWABWCAFCFCANCA\
CCKCCCHECHCHLCLCHNCNCIVCICMRCMCODCDCOGCGCOKCKCOLCOCOMKMCPVCVCRICRCUBCUCUWCWCXRCXCYMKYCYPCYCZECZDEUDE\
DJIDJDMADMDNKDKDOMDODZADZECUECEGYEGERIERESHEHESPESESTEEETHETFINFIFJIFJFLKFKFRAFRFROFOFSMFMGABGAGBRGB\
GEOGEGGYGGGHAGHGIBGIGINGNGLPGPGMBGMGNBGWGNQGQGRCGRGRDGDGRLGLGTMGTGUFGFGUMGUGUYGYHKGHKHMDHMHNDHNHRVHR\
HTIHTHUNHUIDNIDIMNIMINDINIOTIOIRLIEIRNIRIRQIQISLISISRILITAITJAMJMJEYJEJORJOJPNJPKAZKZKENKEKGZKGKHMKH\
KIRKIKNAKNKORKRKWTKWLAOLALBNLBLBRLRLBYLYLCALCLIELILKALKLSOLSLTULTLUXLULVALVMACMOMAFMFMARMAMCOMCMDAMD\
MDGMGMDVMVMEXMXMHLMHMKDMKMLIMLMLTMTMMRMMMNEMEMNGMNMNPMPMOZMZMRTMRMSRMSMTQMQMUSMUMWIMWMYSMYMYTYTNAMNA\
NCLNCNERNENFKNFNGANGNICNINIUNUNLDNLNORNONPLNPNRUNRNZLNZOMNOMPAKPKPANPAPCNPNPERPEPHLPHPLWPWPNGPGPOLPL\
PRIPRPRKKPPRTPTPRYPYPSEPSPYFPFQATQAREUREROURORUSRURWARWSAUSASDNSDSENSNSGPSGSGSGSSHNSHSJMSJSLBSBSLESL\
SLVSVSMRSMSOMSOSPMPMSRBRSSSDSSSTPSTSURSRSVKSKSVNSISWESESWZSZSXMSXSYCSCSYRSYTCATCTCDTDTGOTGTHATHTJKTJ\
TKLTKTKMTMTLSTLTONTOTTOTTTUNTNTURTRTUVTVTWNTWTZATZUGAUGUKRUAUMIUMURYUYUSAUSUZBUZVATVAVCTVCVENVEVGBVG\
VIRVIVNMVNVUTVUWLFWFWSMWSYEMYEZAFZAZMBZMZWEZW";

/// Codes of ICAO Doc 9303 part 3, section 5, that stand for a country in machine-readable zones
/// beside those of ISO 3166-1: Germany's, the kinds of British nationals, Kosovo's.
const ICAO: [(&str, &str); 8] = [
    ("D", "DE"),
    ("GBD", "GB"),
    ("GBN", "GB"),
    ("GBO", "GB"),
    ("GBP", "GB"),
    ("GBS", "GB"),
    ("RKS", "XK"),
    ("XKX", "XK"),
];

/// The alpha-2 code for a code of three letters, as machine-readable zones and licences use them;
/// `None` for organisations, stateless persons and what is no such code.
#[must_use]
pub fn alpha2(code: &str) -> Option<&'static str> {
    let icao = ICAO.iter().find(|(known, _)| *known == code).map(|(_, alpha2)| *alpha2);
    let assigned = || (0..ALPHA3.len() / 5).filter_map(|place| ALPHA3.get(5 * place..5 * place + 5));
    icao.or_else(|| assigned().find(|pair| pair.get(..3) == Some(code)).and_then(|pair| pair.get(3..)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn all_249_are_there_in_order() {
        let codes: Vec<&str> = all().collect();
        assert_eq!(codes.len(), 249);
        assert!(codes.iter().all(|code| is_assigned(code)));
        assert!(codes.is_sorted());
        assert!(is_assigned("DE") && is_assigned("ZW"));
        assert!(!is_assigned("EA") && !is_assigned("de") && !is_assigned("ADA") && !is_assigned(""));
    }

    #[test]
    fn codes_of_three_letters_have_two() {
        let pairs: Vec<_> = (0..ALPHA3.len() / 5).map(|place| &ALPHA3[5 * place..5 * place + 5]).collect();
        assert_eq!(pairs.len(), 249);
        assert!(pairs.iter().all(|pair| is_assigned(&pair[3..])) && pairs.is_sorted());
        for (code, expected) in [("SWE", Some("SE")), ("D", Some("DE")), ("GBN", Some("GB")), ("UTO", None), ("", None)]
        {
            assert_eq!(alpha2(code), expected, "{code}");
        }
    }
}
