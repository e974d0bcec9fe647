// Finds the links in a template's text. What is not plainly an https address stays text.

/** @typedef {{ text: string, href?: string }} Piece */

/** `[words](https://…)`, or an address by itself. */
const LINK = /\[([^\]\n]{1,200})\]\((https:\/\/[^\s()]+)\)|https:\/\/[^\s<>"“”]+/g;
/** Signs that end a sentence rather than an address. */
const TRAILING = /[.,;:!?)\]}'’"]+$/;

/**
 * @param {string} text
 * @returns {Piece[]}
 */
export function pieces(text) {
  /** @type {Piece[]} */
  const found = [];
  let end = 0;
  for (const match of text.matchAll(LINK)) {
    const [whole, words, address] = match;
    const bare = words === undefined ? whole.replace(TRAILING, "") : whole;
    const href = safe(address ?? bare);
    if (!href) continue;
    if (match.index > end) found.push({ text: text.slice(end, match.index) });
    found.push({ text: words ?? bare, href });
    end = match.index + bare.length;
  }
  if (end < text.length) found.push({ text: text.slice(end) });
  return found;
}

/** An https address without a name or password in it. @param {string} text */
function safe(text) {
  const url = parseUrl(text);
  return url?.protocol === "https:" && url.username === "" && url.password === "" ? url.href : undefined;
}

/** Where a redirect may lead: https, or http where vetd's own rules allow it. @param {string | null} text */
export function isWebAddress(text) {
  return ["https:", "http:"].includes(parseUrl(text ?? "")?.protocol ?? "");
}

/** @param {string} text */
export function parseUrl(text) {
  try {
    return new URL(text);
  } catch {
    return undefined;
  }
}
