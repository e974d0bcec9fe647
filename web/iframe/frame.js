// The conversation with the page that embeds this one. Its origin is pinned: found among those that the
// server allows, and from then on the only one that is heard or told anything. Nothing is posted to `*`.
//
// Where no session can be read, neither can that list. But the list is the page's `frame-ancestors`, too: a
// browser shows this page under no other. So whoever the browser says is above it may hear what is wrong.

import { parseUrl } from "./links.js";
import { hasEnded, phaseOf } from "./session.js";

/** @import { Session, State } from "./types.js" */

/** @typedef {{ theme?: unknown, locale?: unknown }} Configuration */
/**
 * @typedef {object} Frame
 * @property {boolean} isFramed
 * @property {() => void} begin From now on the parent is told what there is to tell. Needs the words.
 * @property {(code: string, message: string) => void} error
 */

/**
 * @param {object} options
 * @param {string} options.sessionId
 * @param {import("./store.js").Store} options.store
 * @param {(configuration: Configuration) => void} options.onConfigure
 * @param {() => void} options.onCancel
 * @param {(code: string) => string} options.explain
 * @returns {Frame}
 */
export function createFrame({ sessionId, store, onConfigure, onCancel, explain }) {
  const isFramed = window.parent !== window;
  /** @type {string | null} */
  let pinned = null;
  /** @type {Array<{ type: string, data: object }>} */
  let waiting = [];

  /**
   * @param {string} type
   * @param {object} data
   * @param {string | null} to
   */
  function post(type, data, to = pinned) {
    if (!isFramed) return;
    if (to === null) return void waiting.push({ type, data });
    const livemode = store.get().session?.livemode;
    const emitted_at = new Date().toISOString();
    const message = { type, version: 1, session_id: sessionId, ...(livemode !== undefined && { livemode }), emitted_at, data };
    window.parent.postMessage(message, to);
  }

  /** @param {string} origin */
  function pin(origin) {
    pinned = origin;
    const held = waiting;
    waiting = [];
    for (const { type, data } of held) post(type, data);
  }

  /** @param {MessageEvent} event */
  function hear(event) {
    const { session } = store.get();
    const comesFromParent = event.source === window.parent && (pinned ? event.origin === pinned : isAllowed(event.origin, session));
    if (!comesFromParent || !isMessage(event.data, sessionId, session)) {
      return store.set({ ignored: store.get().ignored + 1 });
    }
    if (pinned === null) pin(event.origin);
    if (event.data.type === "kyc.configure") onConfigure(event.data.data);
    else onCancel();
  }

  /**
   * @param {State} state
   * @param {State | null} before
   */
  function tell(state, before) {
    const { problem } = state;
    // A session that is not open yet is nothing to tell of.
    const [session, last] = [openOf(state), openOf(before)];
    if (session && !last) {
      const origin = embedder();
      if (pinned === null && origin && isAllowed(origin, session)) pin(origin);
      post("kyc.ready", {});
    }
    if (session && (session.status !== last?.status || phaseOf(session) !== phaseOf(last))) {
      post("kyc.status_changed", { status: session.status, phase: phaseOf(session) });
      if (hasEnded(session)) conclude(session);
    }
    if (problem && problem.code !== before?.problem?.code) {
      const to = pinned ?? (state.session ? null : embedder());
      post("kyc.error", { code: problem.code, message: explain(problem.code) }, to);
    }
  }

  /** @param {Session} session */
  function conclude({ status, redirect_url }) {
    if (status === "canceled") post("kyc.canceled", {});
    else if (status === "expired") post("kyc.error", { code: "session_expired", message: explain("expired") });
    else post("kyc.completed", { status, redirect_url });
  }

  function begin() {
    if (!isFramed) return;
    addEventListener("message", hear);
    /** @type {State | null} */
    let before = null;
    const follow = (/** @type {State} */ state) => {
      const last = before;
      before = state;
      tell(state, last);
    };
    store.subscribe(follow);
    follow(store.get());
    let height = 0;
    new ResizeObserver(() => {
      const next = Math.ceil(document.body.getBoundingClientRect().height);
      if (next === height || next === 0) return;
      height = next;
      post("kyc.resize", { height });
    }).observe(document.body);
  }

  return { isFramed, begin, error: (code, message) => post("kyc.error", { code, message }) };
}

/** @param {State | null} state */
function openOf(state) {
  const session = state?.session ?? null;
  return session?.status === "created" ? null : session;
}

/** The origin of the embedding page, as far as the browser says it. */
function embedder() {
  const origin = parseUrl(location.ancestorOrigins?.[0] ?? document.referrer)?.origin;
  return origin === undefined || origin === "null" ? null : origin;
}

/**
 * @param {string} origin
 * @param {Session | null} session
 */
export function isAllowed(origin, session) {
  if (!session) return false;
  if (origin === location.origin || session.parent_origins?.includes(origin)) return true;
  return session.loopback_allowed === true && isLoopback(origin);
}

/** @param {string} origin */
export function isLoopback(origin) {
  const { protocol, hostname } = parseUrl(origin) ?? { protocol: "", hostname: "" };
  const isWeb = protocol === "http:" || protocol === "https:";
  return isWeb && (/^(.+\.)?localhost$/.test(hostname) || /^127(\.\d+){3}$/.test(hostname) || hostname === "[::1]");
}

/**
 * @param {any} message
 * @param {string} sessionId
 * @param {Session | null} session
 */
function isMessage(message, sessionId, session) {
  if (typeof message !== "object" || message === null) return false;
  const { type, version, session_id, livemode, emitted_at, data } = message;
  const isKnown = type === "kyc.configure" || type === "kyc.cancel";
  const isOurs = version === 1 && session_id === sessionId && (livemode === undefined || livemode === session?.livemode);
  const isDated = typeof emitted_at === "string" && !Number.isNaN(Date.parse(emitted_at));
  return isKnown && isOurs && isDated && typeof data === "object" && data !== null;
}
