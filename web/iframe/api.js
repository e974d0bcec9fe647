// Requests to the server. A lost connection or a busy server is waited out, with the same
// Idempotency-Key, so that nothing happens twice; every other refusal is an `ApiError`.

/** @import { State } from "./types.js" */

const BUSY = [429, 502, 503, 504];
const BUSY_TRIES = 6;
const LONGEST_PAUSE = 10_000;

/** A refusal of the server, with its stable code. */
export class ApiError extends Error {
  /**
   * @param {number} status
   * @param {{ code?: string, message?: string, request_id?: string, fields?: Array<{ path: string, message: string }> }} error
   * @param {Headers} headers
   */
  constructor(status, error, headers) {
    super(error.message ?? `HTTP ${status}`);
    this.status = status;
    this.code = error.code ?? "internal_error";
    this.reference = error.request_id ?? headers.get("KYC-Request-Id") ?? undefined;
    this.fields = error.fields ?? [];
    this.headers = headers;
  }
}

/**
 * @typedef {object} Call
 * @property {string} method
 * @property {unknown} [json]
 * @property {Blob} [file]
 * @property {Record<string, string>} [headers]
 * @property {string} [key] The Idempotency-Key.
 * @property {AbortSignal} [signal]
 * @property {boolean} [once] A lost connection is the caller's matter.
 * @property {boolean} [quiet] So is a busy server, and nobody need be told.
 */

/** @typedef {ReturnType<typeof createApi>} Api */

/**
 * @param {() => string} token
 * @param {(connection: State["connection"]) => void} report
 */
export function createApi(token, report) {
  /**
   * @param {string} path
   * @param {Call} call
   * @returns {Promise<Response>} An answer of 2xx.
   */
  async function send(path, call) {
    for (let tries = 1; ; tries += 1) {
      let response;
      try {
        response = await fetch(path, options(call));
      } catch (error) {
        if (call.signal?.aborted || call.once) throw error;
        report("offline");
        await pause(tries, null, call.signal);
        continue;
      }
      if (BUSY.includes(response.status) && tries < BUSY_TRIES && !call.quiet) {
        report("busy");
        await pause(tries, response.headers.get("Retry-After"), call.signal);
        continue;
      }
      report("online");
      if (response.ok) return response;
      throw await refusal(response);
    }
  }

  /**
   * @param {Call} call
   * @returns {RequestInit}
   */
  function options({ method, json, file, key, headers, signal }) {
    const all = new Headers({ Authorization: `Bearer ${token()}`, ...headers });
    if (json !== undefined) all.set("Content-Type", "application/json");
    if (key) all.set("Idempotency-Key", key);
    const body = file ?? (json === undefined ? null : JSON.stringify(json));
    return { method, headers: all, body, signal: signal ?? null, cache: "no-store", credentials: "omit" };
  }

  return {
    send,
    /** @param {string} path @returns {Promise<any>} */
    read: async (path) => (await send(path, { method: "GET" })).json(),
    /** @param {string} path @param {unknown} json @returns {Promise<any>} */
    post: async (path, json) => (await send(path, { method: "POST", json, key: newKey() })).json(),
  };
}

/** A key that no other request has. */
export function newKey() {
  // `crypto.randomUUID` is missing where the page is not served over TLS.
  return Array.from(crypto.getRandomValues(new Uint8Array(16)), (byte) => byte.toString(16).padStart(2, "0")).join("");
}

/** @param {Response} response */
async function refusal(response) {
  const body = await response.json().catch(() => null);
  return new ApiError(response.status, body?.error ?? {}, response.headers);
}

/**
 * Longer each time; over at once when the connection is there again.
 * @param {number} tries
 * @param {string | null} retryAfter
 * @param {AbortSignal} [signal]
 * @returns {Promise<void>}
 */
export function pause(tries, retryAfter, signal) {
  const asked = Number(retryAfter) * 1000;
  const length = asked > 0 ? Math.min(asked, 6 * LONGEST_PAUSE) : Math.min(500 * 2 ** (tries - 1), LONGEST_PAUSE);
  return new Promise((resolve, reject) => {
    const end = () => {
      clearTimeout(timer);
      removeEventListener("online", end);
      signal?.removeEventListener("abort", end);
      if (signal?.aborted) reject(signal.reason);
      else resolve();
    };
    const timer = setTimeout(end, length);
    addEventListener("online", end);
    signal?.addEventListener("abort", end);
  });
}
