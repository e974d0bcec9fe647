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
}
