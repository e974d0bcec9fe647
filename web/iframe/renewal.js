// Renews the token before it ends, for as long as the session lives.

import { now } from "./clock.js";
import { hasEnded } from "./session.js";
import { timesOf } from "./token.js";

const LOOK_EVERY = 15_000;
/** A token is renewed once so much of its life has passed. */
const SPENT = 0.6;

/**
 * @param {import("./store.js").Store} store
 * @param {import("./session.js").SessionActions} session
 * @param {{ get: () => string, set: (token: string) => void }} token
 */
export function keepRenewed(store, session, token) {
  let isAsking = false;

  async function look() {
    const current = store.get().session;
    if (isAsking || !current || hasEnded(current) || !isDue(token.get(), current.expires_at)) return;
    isAsking = true;
    // A failure is no matter yet: the next look tries again.
    await session.renewToken().then(({ sdk_token }) => token.set(sdk_token), () => {});
    isAsking = false;
  }

  setInterval(() => void look(), LOOK_EVERY);
  document.addEventListener("visibilitychange", () => void look());
}

/**
 * A token that lasts to the end of the session is the last one.
 * @param {string} token
 * @param {number} sessionEnd Unix seconds.
 */
export function isDue(token, sessionEnd) {
  const times = timesOf(token);
  if (!times || times.exp >= sessionEnd) return false;
  return now() / 1000 >= times.iat + (times.exp - times.iat) * SPENT;
}
