// Follows the session as it changes: by the server's stream, or by asking again where there is none.

import { hasEnded, isChecking } from "./session.js";

/** @import { Session } from "./types.js" */

const STREAM = "iframe/api/session/stream";
const LONGEST_PAUSE = 15_000;
const MOMENT = 1_000;

/**
 * Goes on until the session has ended.
 * @param {import("./store.js").Store} store
 * @param {import("./api.js").Api} api
 * @param {import("./session.js").SessionActions} session
 */
export async function follow(store, api, session) {
  for (let failures = 0; ; ) {
    // After a problem the person decides whether it goes on.
    while (store.get().problem) await pause(MOMENT, store);
    if (isOver(store)) return;
    const heard = await listen(api, session).catch(() => false);
    failures = heard ? 0 : failures + 1;
    if (isOver(store)) return;
    await pause(Math.min(1000 * 2 ** failures, LONGEST_PAUSE), store);
    if (!store.get().problem) await session.refresh();
  }
}

/** @param {import("./store.js").Store} store */
function isOver(store) {
  const { session } = store.get();
  return session !== null && hasEnded(session);
}

/**
 * Reads one stream to its end.
 * @param {import("./api.js").Api} api
 * @param {import("./session.js").SessionActions} session
 * @returns {Promise<boolean>} Whether it said anything.
 */
async function listen(api, session) {
  const response = await api.send(STREAM, { method: "GET", once: true, quiet: true, headers: { Accept: "text/event-stream" } });
  if (!response.body) return false;
  let heard = false;
  const reader = response.body.pipeThrough(new TextDecoderStream()).getReader();
  const parse = eventParser((event, data) => {
    if (event !== "session") return;
    heard = true;
    session.adopt(/** @type {Session} */ (JSON.parse(data)));
  });
  for (;;) {
    const { done, value } = await reader.read();
    if (done) return heard;
    parse(value);
  }
}

/**
 * Server-sent events (WHATWG HTML, section 9.2) from text that arrives in pieces.
 * @param {(event: string, data: string) => void} emit
 * @returns {(text: string) => void}
 */
export function eventParser(emit) {
  let rest = "";
  let event = "message";
  /** @type {string[]} */
  let data = [];
  return (text) => {
    const lines = (rest + text).split(/\r\n|\n|\r(?!$)/);
    rest = lines.pop() ?? "";
    for (const line of lines) {
      if (line === "") {
        if (data.length > 0) emit(event, data.join("\n"));
        [event, data] = ["message", []];
      } else if (line.startsWith("event:")) event = line.slice(6).trim();
      else if (line.startsWith("data:")) data.push(line.slice(5).replace(/^ /, ""));
    }
  };
}

/**
 * While checks run the next look is soon, also if they begin meanwhile.
 * @param {number} length
 * @param {import("./store.js").Store} store
 */
async function pause(length, store) {
  for (let waited = 0; waited < length; waited += MOMENT) {
    await new Promise((resolve) => setTimeout(resolve, MOMENT));
    const { session } = store.get();
    if (session && isChecking(session)) return;
  }
}
