// What the person has typed and chosen but the server does not give back: kept for this tab, so that
// a reload or another attempt finds it, and forgotten when the session ends.

import { recall, remember } from "./token.js";

/**
 * @typedef {object} Draft
 * @property {(name: string) => any} get
 * @property {(name: string, value: unknown) => void} set
 * @property {() => void} forget
 */

/**
 * @param {string} sessionId
 * @returns {Draft}
 */
export function createDraft(sessionId) {
  const key = `vetd.draft.${sessionId}`;
  /** @type {Record<string, unknown>} */
  let values = read(key);
  return {
    get: (name) => values[name],
    set(name, value) {
      values[name] = value;
      remember(key, JSON.stringify(values));
    },
    forget() {
      // The language is nothing personal, and the result is still to be read.
      values = values.locale === undefined ? {} : { locale: values.locale };
      remember(key, values.locale === undefined ? null : JSON.stringify(values));
    },
  };
}

/** @param {string} key */
function read(key) {
  try {
    return Object(JSON.parse(recall(key) ?? "{}"));
  } catch {
    return {};
  }
}
