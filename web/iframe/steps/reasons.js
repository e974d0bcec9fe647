// Which words explain a code of the checks (docs/checks.md). Codes with one cure share their words.

/** @type {Record<string, string>} */
const REASONS = {
  field_missing: "details", field_blank: "details", field_placeholder: "details",
  date_of_birth_missing: "details", date_of_birth_in_future: "details", date_of_birth_implausible: "details",
  under_age: "under_age",
  picture_blurred: "picture_blurred", picture_glare: "picture_glare", picture_dark: "picture_dark",
  picture_overexposed: "picture_overexposed", picture_too_small: "picture_too_small",
  mrz_not_found: "mrz", mrz_check_digits: "mrz", mrz_uncertain: "mrz", mrz_illegible: "mrz",
  barcode_not_found: "barcode", barcode_damaged: "barcode", barcode_not_a_licence: "document_type",
  document_specimen: "specimen", document_type_mismatch: "document_type",
  issuing_country_mismatch: "country", issuing_country_unknown: "country", issuing_country_not_accepted: "country_not_accepted",
  document_expired: "document_expired", document_not_yet_valid: "document_not_yet_valid", expiry_unknown: "mrz",
  sides_differ: "sides_differ", dates_implausible: "mrz", issuer_nationality_differ: "review",
  face_mismatch: "face", face_similar: "face", face_changed: "face", portrait_not_found: "portrait",
  no_face: "no_face", several_faces: "several_faces", challenge_failed: "challenge", challenge_too_slow: "challenge_too_slow",
  data_mismatch: "data_match", data_similar: "data_match", document_used_before: "used_before",
  chip_missing: "chip_missing", chip_data_altered: "chip", chip_signature_invalid: "chip", chip_zone_invalid: "chip",
  chip_signer_revoked: "chip", chip_signer_key_usage: "chip", chip_anchor_key_usage: "chip", chip_issuer_mismatch: "chip",
  chip_signer_expired: "chip", chip_signer_not_yet_valid: "chip", chip_anchor_expired: "chip", chip_anchor_not_yet_valid: "chip",
  name_missing: "details", watchlist_match: "review", watchlist_unavailable: "review",
  chip_anchor_unknown: "review", chip_unsupported: "review", check_error: "review", check_unfinished: "review",
  test_failed: "test", test_review: "test", test_retry: "test",
};

/** @param {string} code */
export function reasonKey(code) {
  return `reason.${Object.hasOwn(REASONS, code) ? REASONS[code] : "other"}`;
}
