// The page's words in the person's language: one file a locale, the template's own words before them.

import { pause } from "./api.js";

/** @import { Session } from "./types.js" */

/** What this page is translated into. */
export const LOCALES = ["en", "es", "fr", "de", "pt", "ar", "zh"];
const FALLBACK = "en";
const LONGEST = 2_000;
const TRIES = 5;

/** @typedef {(key: string, values?: Record<string, string | number>) => string} Translate */

/** @type {Map<string, Record<string, string>>} */
const loaded = new Map();

/**
 * The words of a locale, with those of English where it lacks any.
 * @param {string} locale
 */
export async function loadLocale(locale) {
  const words = await fetchWords(locale).catch(() => ({}));
  const isWhole = Object.keys(words).length > 0;
  loaded.set(locale, isWhole || locale === FALLBACK ? words : await fetchWords(FALLBACK).catch(() => ({})));
}

/**
 * @param {string} locale
 * @returns {Promise<Record<string, string>>}
 */
async function fetchWords(locale) {
  const known = loaded.get(locale);
  if (known) return known;
  for (let tries = 1; ; tries += 1) {
    const response = await fetch(new URL(`./locales/${locale}.json`, import.meta.url)).catch(() => null);
    if (response?.ok) return response.json();
    if (response || tries === TRIES) throw new Error(`no locale ${locale}`);
    await pause(tries, null);
  }
}

/**
 * @param {() => string} locale
 * @param {() => Session | null} session
 * @returns {Translate}
 */
export function createTranslate(locale, session) {
  return (key, values = {}) => {
    const text = ownWords(session(), locale(), key) ?? loaded.get(locale())?.[key] ?? "";
    return text.replaceAll(/\{(\w+)\}/g, (whole, name) => String(values[name] ?? whole));
  };
}

/**
 * The template's `strings`: `{ "key": "…" }` for every language, or `{ "de": { "key": "…" } }` for one.
 * @param {Session | null} session
 * @param {string} locale
 * @param {string} key
 */
export function ownWords(session, locale, key) {
  const strings = session?.strings ?? {};
  for (const words of [strings[locale], strings]) {
    const text = /** @type {Record<string, unknown> | null | undefined} */ (words)?.[key];
    if (typeof text === "string" && text.trim() !== "" && text.length <= LONGEST) return text;
  }
  return undefined;
}

/**
 * The translation for a language tag: `pt-BR` is read as `pt`.
 * @param {unknown} tag
 */
export function supported(tag) {
  if (typeof tag !== "string") return undefined;
  const language = tag.toLowerCase().split(/[-_]/)[0];
  return LOCALES.find((locale) => locale === language);
}

/**
 * What the template offers and this page can speak, in the template's order.
 * @param {Session | null} session
 */
export function offered(session) {
  const locales = (session?.locales ?? []).map(supported).filter((locale) => locale !== undefined);
  return locales.length > 0 ? [...new Set(locales)] : [FALLBACK];
}

/**
 * The first of the wishes that is offered, else the template's first language.
 * @param {Session | null} session
 * @param {readonly string[]} wishes
 */
export function choose(session, wishes) {
  const choice = offered(session);
  return wishes.map(supported).find((wish) => wish !== undefined && choice.includes(wish)) ?? choice[0] ?? FALLBACK;
}

/** @param {string} locale */
export function directionOf(locale) {
  return locale === "ar" ? "rtl" : "ltr";
}
