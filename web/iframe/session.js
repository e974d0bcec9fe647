// What the person does with the session, and what becomes of it. The server's snapshot is the truth;
// this file decides only which of two snapshots is the later one.

import { ApiError, newKey } from "./api.js";
import { now, setServerTime } from "./clock.js";

/** @import { Session, State, StepType } from "./types.js" */

const ENDED = ["completed", "failed", "requires_review", "canceled", "expired"];

/** @param {Session} session */
export function hasEnded(session) {
  return ENDED.includes(session.status);
}

/** All steps are in; checks run. @param {Session} session */
export function isChecking(session) {
  return session.status === "in_progress" && session.next_step === null;
}

/**
 * Where it stands for the person: `submitted` (or `in_review`, where somebody of the tenant decides) is
 * not yet `decided`.
 * @param {Session} session
 * @returns {"collecting" | "submitted" | "in_review" | "decided" | "ended"}
 */
export function phaseOf(session) {
  if (session.status === "completed" || session.status === "failed") return "decided";
  if (session.status === "requires_review") return "in_review";
  if (hasEnded(session)) return "ended";
  return isChecking(session) ? "submitted" : "collecting";
}

/** Milliseconds until the deadline. @param {Session} session */
export function timeLeft(session) {
  return session.expires_at * 1000 - now();
}

/**
 * Grows with every move that the lifecycle allows, so that an answer that was overtaken by a later one
 * takes nothing back.
 * @param {Session} session
 */
export function rank(session) {
  if (hasEnded(session)) return Infinity;
  if (session.status === "created") return -1;
  const accepted = session.steps.filter((step) => step.state === "accepted").length;
  return session.attempts * 100 + (isChecking(session) ? 0 : 1 + accepted);
}

/** @param {Session | null} session */
function around(session) {
  const { parent_origins, loopback_allowed, media_types } = session ?? {};
  return { parent_origins, loopback_allowed, media_types };
}

/** @typedef {ReturnType<typeof createSessionActions>} SessionActions */

/**
 * @param {import("./store.js").Store} store
 * @param {import("./api.js").Api} api
 */
export function createSessionActions(store, api) {
  /** @param {Session} session */
  function adopt(session) {
    setServerTime(session.server_time);
    const known = store.get().session;
    if (known && rank(session) < rank(known)) return;
    // Not every answer says who may embed the page, and what files are taken; the person does not change that.
    store.set({ session: { ...around(known), ...session }, problem: null });
  }

  /** @param {unknown} error */
  function fail(error) {
    if (!(error instanceof ApiError)) throw error;
    store.set({ problem: { code: error.code, ...(error.reference && { reference: error.reference }) } });
  }

  /** Reads the session; an end that it has come to meanwhile is no failure. */
  async function refresh() {
    try {
      adopt(await api.read("iframe/api/session"));
    } catch (error) {
      fail(error);
    }
  }

  /**
   * @param {string} path
   * @param {unknown} json
   */
  async function act(path, json) {
    try {
      adopt(await api.post(path, json));
    } catch (error) {
      if (!(error instanceof ApiError)) throw error;
      // The session has moved on without this page: on another device, by the tenant, by its deadline.
      if (["session_expired", "invalid_state", "verification_not_cancelable"].includes(error.code)) return refresh();
      if (error.code === "validation_error") throw error;
      fail(error);
    }
  }

  return {
    adopt,
    refresh,
    /** Opens the session, where nobody has yet. */
    async start() {
      await refresh();
      if (store.get().session?.status === "created") await act("iframe/api/load", {});
    },
    /**
     * Gives a step. Throws an `ApiError` if the server finds something wrong with what was typed.
     * @param {StepType} type
     * @param {unknown} body
     */
    async submit(type, body) {
      await act(`iframe/api/steps/${type}`, body);
      store.set({ revisited: null });
    },
    cancel: () => act("iframe/api/cancel", {}),
    /** Test mode: ends the session so. @param {string} outcome */
    chooseOutcome: (outcome) => act("iframe/api/test/outcome", { outcome }),
    /** @returns {Promise<{ sdk_token: string }>} */
    async renewToken() {
      const response = await api.send("iframe/api/token", { method: "POST", json: {}, key: newKey(), once: true });
      return response.json();
    },
    fail,
  };
}
