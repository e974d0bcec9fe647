// Rules over typed fields. What is wrong is named by the key of the words that say so.

/** @import { Field } from "../types.js" */

/** The longest value that the server takes, in characters. */
export const LONGEST = 200;
const OLDEST_YEARS = 130;

/** @typedef {{ day: string, month: string, year: string }} DateParts */

/** What browsers may fill in, by the names that templates use. */
export const AUTOCOMPLETE = /** @type {Record<string, string>} */ ({
  first_name: "given-name", last_name: "family-name", middle_name: "additional-name", full_name: "name",
  date_of_birth: "bday", email: "email", phone: "tel", country: "country", nationality: "country",
  address: "street-address", city: "address-level2", postal_code: "postal-code", state: "address-level1",
});

/**
 * @param {Field} field
 * @param {string} value As it would be sent.
 * @param {Date} today
 * @returns {string | null}
 */
export function wrong(field, value, today) {
  if (value === "") return field.required ? "error.required" : null;
  if (field.type === "date") return wrongDate(field.name, value, today);
  if (field.type === "country") return null;
  if ([...value].length > LONGEST) return "error.too_long";
  return /[\p{L}\p{N}]/u.test(value) ? null : "error.no_letter";
}

/**
 * @param {string} name
 * @param {string} value
 * @param {Date} today
 */
function wrongDate(name, value, today) {
  const [year = NaN, month = NaN, day = NaN] = value.split("-").map(Number);
  if (!/^\d{4}-\d\d?-\d\d?$/.test(value)) return "error.date";
  const date = new Date(Date.UTC(year, month - 1, day));
  date.setUTCFullYear(year);
  if (date.getUTCMonth() !== month - 1 || date.getUTCDate() !== day) return "error.date";
  if (name !== "date_of_birth") return null;
  if (date > today) return "error.future";
  return today.getUTCFullYear() - year > OLDEST_YEARS ? "error.too_old" : null;
}

/**
 * As the server takes it; an incomplete date is kept as it is, so that it is found wrong.
 * @param {DateParts} parts
 */
export function dateOf(parts) {
  const [year, month, day] = [parts.year, parts.month, parts.day].map(digitsOf);
  const padded = [year, month?.padStart(2, "0"), day?.padStart(2, "0")];
  if (year && month && day) return padded.join("-");
  return year || month || day ? [year, month, day].join("-") : "";
}

/** Arabic and other digits as ASCII. @param {string} text */
export function digitsOf(text) {
  return text.trim().replace(/\p{Nd}/gu, (digit) => String(digitValue(digit)));
}

/** Decimal digits stand in Unicode ten in a row, from zero on. @param {string} digit */
function digitValue(digit) {
  let zero = /** @type {number} */ (digit.codePointAt(0));
  while (/\p{Nd}/u.test(String.fromCodePoint(zero - 1)) && /** @type {number} */ (digit.codePointAt(0)) - zero < 9) zero -= 1;
  return /** @type {number} */ (digit.codePointAt(0)) - zero;
}

/**
 * Which part of a date comes first where the person lives.
 * @param {string} locale
 * @returns {Array<keyof DateParts>}
 */
export function dateOrder(locale) {
  const parts = new Intl.DateTimeFormat(locale, { day: "numeric", month: "numeric", year: "numeric" }).formatToParts();
  const names = parts.map((part) => part.type);
  return /** @type {Array<keyof DateParts>} */ (names.filter((name) => ["day", "month", "year"].includes(name)));
}

/** The months' names. @param {string} locale */
export function months(locale) {
  const format = new Intl.DateTimeFormat(locale, { month: "long", timeZone: "UTC", calendar: "gregory" });
  return Array.from({ length: 12 }, (_, month) => format.format(Date.UTC(2000, month, 15)));
}

/** `middle_name` as people write it. @param {string} name */
export function humanised(name) {
  const words = name.replaceAll("_", " ").trim();
  return words.charAt(0).toUpperCase() + words.slice(1);
}
