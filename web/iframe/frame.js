// The conversation with the page that embeds this one. Its origin is pinned: found among those that the
// server allows, and from then on the only one that is heard or told anything. Nothing is posted to `*`.

import { parseUrl } from "./links.js";
import { hasEnded, phaseOf } from "./session.js";

/** @import { Session, State } from "./types.js" */

/** @typedef {{ theme?: unknown, locale?: unknown }} Configuration */
/**
 * @typedef {object} Frame
 * @property {boolean} isFramed
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
   */
  function post(type, data) {
    if (!isFramed) return;
    const livemode = store.get().session?.livemode;
    if (pinned === null || livemode === undefined) return void waiting.push({ type, data });
    const emitted_at = new Date().toISOString();
    window.parent.postMessage({ type, version: 1, session_id: sessionId, livemode, emitted_at, data }, pinned);
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
    if (problem && problem.code !== before?.problem?.code) post("kyc.error", { code: problem.code, message: explain(problem.code) });
  }

  /** @param {Session} session */
  function conclude({ status, redirect_url }) {
    if (status === "canceled") post("kyc.canceled", {});
    else if (status === "expired") post("kyc.error", { code: "session_expired", message: explain("expired") });
    else post("kyc.completed", { status, redirect_url });
  }

  if (isFramed) {
    addEventListener("message", hear);
    /** @type {State | null} */
    let before = null;
    store.subscribe((state) => {
      const last = before;
      before = state;
      tell(state, last);
    });
    let height = 0;
    new ResizeObserver(() => {
      const next = Math.ceil(document.body.getBoundingClientRect().height);
      if (next === height || next === 0) return;
      height = next;
      post("kyc.resize", { height });
    }).observe(document.body);
  }

  return { isFramed, error: (code, message) => post("kyc.error", { code, message }) };
}

/** @param {State | null} state */
function openOf(state) {
  const session = state?.session ?? null;
  return session?.status === "created" ? null : session;
}

/** Where the embedding page comes from, as far as the browser says it. */
function embedder() {
  return location.ancestorOrigins?.[0] ?? parseUrl(document.referrer)?.origin;
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
