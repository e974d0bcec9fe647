// Opens the camera, and names every way in which that fails.

/**
 * @typedef {"camera_blocked_by_permissions_policy" | "camera_denied" | "camera_missing" | "camera_in_use"
 *   | "insecure_context"} CameraFailure
 */

export class CameraError extends Error {
  /** @param {CameraFailure} code */
  constructor(code) {
    super(code);
    this.code = code;
  }
}

/**
 * @param {"environment" | "user"} facing
 * @returns {Promise<MediaStream>} Throws a `CameraError`.
 */
export async function openCamera(facing) {
  if (!isSecureContext || !navigator.mediaDevices) throw new CameraError("insecure_context");
  if (isBlockedByPolicy()) throw new CameraError("camera_blocked_by_permissions_policy");
  const video = { facingMode: { ideal: facing }, width: { ideal: 2560 }, height: { ideal: 1440 } };
  try {
    return await navigator.mediaDevices.getUserMedia({ video, audio: false });
  } catch (error) {
    throw new CameraError(failureOf(error instanceof Error ? error.name : ""));
  }
}

/** The embedding page has not given the frame `allow="camera"`. Not every browser can say so. */
function isBlockedByPolicy() {
  const policy = /** @type {any} */ (document).permissionsPolicy ?? /** @type {any} */ (document).featurePolicy;
  return policy?.allowsFeature?.("camera") === false;
}

/**
 * By the names of the exceptions that Media Capture and Streams gives.
 * @param {string} name
 * @returns {CameraFailure}
 */
export function failureOf(name) {
  if (name === "NotFoundError" || name === "OverconstrainedError") return "camera_missing";
  if (name === "NotReadableError" || name === "AbortError") return "camera_in_use";
  return "camera_denied";
}

/** @param {MediaStream | null} stream */
export function closeCamera(stream) {
  for (const track of stream?.getTracks() ?? []) track.stop();
}

/** Whether there is another camera to switch to. */
export async function hasSeveralCameras() {
  const devices = await navigator.mediaDevices.enumerateDevices().catch(() => []);
  return devices.filter((device) => device.kind === "videoinput").length > 1;
}
