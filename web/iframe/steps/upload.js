// Sends a picture in parts, so that a connection that breaks costs no more than what was under way on
// it. Every part carries the same Idempotency-Key: it counts for the whole file.

import { ApiError, newKey, pause } from "../api.js";

/** @import { Media, MediaKind } from "../types.js" */

const PART = 256 * 1024;

/**
 * @param {import("../api.js").Api} api
 * @param {MediaKind} kind
 * @param {Blob} file
 * @param {object} watch
 * @param {(share: number) => void} watch.progress 0 to 1.
 * @param {(connection: "online" | "offline") => void} watch.report
 * @param {AbortSignal} watch.signal
 * @returns {Promise<Media>}
 */
export async function upload(api, kind, file, { progress, report, signal }) {
  const path = `iframe/api/media/${kind}`;
  const key = newKey();
  let offset = 0;
  for (let failures = 0; ; ) {
    progress(offset / file.size);
    try {
      const part = file.slice(offset, offset + PART);
      const headers = {
        "Content-Type": file.type || "application/octet-stream",
        "Upload-Offset": String(offset),
        "Upload-Length": String(file.size),
      };
      const response = await api.send(path, { method: "PUT", file: part, headers, key, signal, once: true });
      failures = 0;
      if (response.status !== 202) {
        progress(1);
        return response.json();
      }
      offset = offsetOf(response.headers) ?? offset + part.size;
    } catch (error) {
      signal.throwIfAborted();
      const expected = error instanceof ApiError && error.status === 409 ? offsetOf(error.headers) : undefined;
      if (error instanceof ApiError && expected === undefined) throw error;
      failures += 1;
      if (expected === undefined) report("offline");
      if (failures > 1 || expected === undefined) await pause(failures, null, signal);
      offset = expected ?? (await arrived(api, path, signal)) ?? offset;
    }
  }
}

/**
 * How much the server has of it; `undefined` if it cannot be asked now.
 * @param {import("../api.js").Api} api
 * @param {string} path
 * @param {AbortSignal} signal
 */
async function arrived(api, path, signal) {
  try {
    return offsetOf((await api.send(path, { method: "HEAD", signal, once: true })).headers);
  } catch (error) {
    if (error instanceof ApiError) throw error;
    return undefined;
  }
}

/** @param {Headers} headers */
function offsetOf(headers) {
  const text = headers.get("Upload-Offset");
  return text === null ? undefined : Number(text);
}
