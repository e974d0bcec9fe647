// The token of the session: taken out of the address at once, kept for this tab alone.

const KEY = "vetd.token.";

/**
 * @typedef {object} Access
 * @property {string} sessionId
 * @property {string | null} token
 */

/**
 * What the address or this tab knows. Without a token the link is not complete.
 * @returns {Access}
 */
export function takeAccess() {
  const parameters = new URLSearchParams(location.search);
  const sessionId = parameters.get("session_id") ?? "";
  const given = parameters.get("token");
  if (given !== null) {
    const resume = encodeURIComponent(document.documentElement.dataset.resume ?? "");
    history.replaceState(null, "", `?session_id=${encodeURIComponent(sessionId)}&resume=${resume}`);
  }
  const token = given || recall(KEY + sessionId);
  if (token) keepToken(sessionId, token);
  return { sessionId, token };
}

/**
 * @param {string} sessionId
 * @param {string} token
 */
export function keepToken(sessionId, token) {
  remember(KEY + sessionId, token);
}

/**
 * When a token begins and ends, in unix seconds; `null` if it is none.
 * @param {string} token
 * @returns {{ iat: number, exp: number } | null}
 */
export function timesOf(token) {
  try {
    const claims = JSON.parse(atob((token.split(".")[1] ?? "").replaceAll("-", "+").replaceAll("_", "/")));
    return typeof claims.exp === "number" && typeof claims.iat === "number" ? claims : null;
  } catch {
    return null;
  }
}

/** Storage may be switched off: then a reload starts from the link again. @param {string} key */
export function recall(key) {
  try {
    return sessionStorage.getItem(key);
  } catch {
    return null;
  }
}

/**
 * @param {string} key
 * @param {string | null} value
 */
export function remember(key, value) {
  try {
    if (value === null) sessionStorage.removeItem(key);
    else sessionStorage.setItem(key, value);
  } catch {
    // The page works without.
  }
}
