// Countries by their names in the person's language.

/** The officially assigned codes of ISO 3166-1 alpha-2: behind each first letter the second ones. */
const CODES = {
  A: "DEFGILMOQRSTUWXZ", B: "ABDEFGHIJLMNOQRSTVWYZ", C: "ACDFGHIKLMNORUVWXYZ", D: "EJKMOZ", E: "CEGHRST",
  F: "IJKMOR", G: "ABDEFGHILMNPQRSTUWY", H: "KMNRTU", I: "DELMNOQRST", J: "EMOP", K: "EGHIMNPRWYZ",
  L: "ABCIKRSTUVY", M: "ACDEFGHKLMNOPQRSTUVWXYZ", N: "ACEFGILOPRUZ", O: "M", P: "AEFGHKLMNRSTWY", Q: "A",
  R: "EOSUW", S: "ABCDEGHIJKLMNORSTVXYZ", T: "CDFGHJKLMNORTVWZ", U: "AGMSYZ", V: "ACEGINU", W: "FS", Y: "ET",
  Z: "AMW",
};
const ALL = Object.entries(CODES).flatMap(([first, seconds]) => [...seconds].map((second) => first + second));

/**
 * @param {string[]} admitted Codes, or `["*"]` for all.
 * @param {string} locale
 * @returns {Array<{ code: string, name: string }>} By name.
 */
export function countries(admitted, locale) {
  const codes = admitted.includes("*") ? ALL : admitted;
  const collator = new Intl.Collator(locale);
  const named = codes.map((code) => ({ code, name: countryName(code, locale) }));
  return named.sort((a, b) => collator.compare(a.name, b.name));
}

/**
 * @param {string} code
 * @param {string} locale
 */
export function countryName(code, locale) {
  return new Intl.DisplayNames(locale, { type: "region" }).of(code) ?? code;
}
