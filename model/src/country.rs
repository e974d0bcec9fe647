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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn all_249_are_there_in_order() {
        let codes: Vec<&[u8]> = ASSIGNED.as_bytes().chunks(2).collect();
        assert_eq!(codes.len(), 249);
        assert!(codes.is_sorted());
        assert!(is_assigned("DE") && is_assigned("ZW"));
        assert!(!is_assigned("EA") && !is_assigned("de") && !is_assigned("ADA") && !is_assigned(""));
    }
}
