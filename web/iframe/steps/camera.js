// The live camera: opened, or every way in which that fails by its name; then a frame to fit things into, a
// hint what to change, and the picture taken by hand or, once it is sharp and still, by itself.

import { h, show } from "../dom.js";
import { icon } from "../icons.js";
import { iconButton } from "../layout.js";
import { areaUnder, snapshot } from "./picture.js";
import { SAMPLE, createJudge, greyOf } from "./sharpness.js";

/** @import { App } from "../types.js" */

/** Time between two looks at the picture, and before the first one that counts, in milliseconds. */
const INTERVAL = 160;
const SETTLING = 1200;

/**
 * @typedef {"camera_blocked_by_permissions_policy" | "camera_denied" | "camera_missing" | "camera_in_use"
 *   | "insecure_context"} CameraFailure
 */

/**
 * @param {App} app
 * @param {object} options
 * @param {"card" | "spread" | "face"} options.shape
 * @param {(picture: Blob) => void} options.onPicture
 * @param {(failure: CameraFailure) => void} options.onFailure
 * @param {() => void} options.onClose
 */
export function viewfinder({ t }, { shape, onPicture, onFailure, onClose }) {
  const isFace = shape === "face";
  const video = h("video", { playsinline: true, autoplay: true, "aria-label": t("capture.live"), class: isFace ? "mirrored" : "" });
  video.muted = true;
  const guide = h("div", { class: "guide" });
  const hint = h("p", { class: "hint", role: "status" }, t("capture.opening"));
  const stage = h("div", { class: `stage ${shape}` }, video, guide);
  const shutter = h("button", { type: "button", class: "shutter", "aria-label": t("capture.shutter"), on: { click: () => take() } }, icon("camera"));
  const swap = iconButton("swap", t("capture.switch"), () => void change());
  const element = h(
    "div",
    { class: "viewfinder" },
    stage,
    hint,
    h("div", { class: "controls" }, iconButton("close", t("capture.stop"), onClose), shutter, swap),
  );
  show(swap, false);
  shutter.disabled = true;

  /** @type {"environment" | "user"} */
  let facing = isFace ? "user" : "environment";
  /** @type {MediaStream | null} */
  let stream = null;
  let [isClosed, isTaking] = [false, false];
  /** @type {ReturnType<typeof setInterval> | undefined} */
  let timer;
  const canvas = h("canvas", { width: SAMPLE.width, height: SAMPLE.height });
  const context = canvas.getContext("2d", { willReadFrequently: true });

  async function open() {
    try {
      const opened = await openCamera(facing);
      if (isClosed) return closeCamera(opened);
      stream = opened;
      opened.getVideoTracks()[0]?.addEventListener("ended", () => onFailure("camera_in_use"));
      video.srcObject = opened;
      await video.play();
    } catch (error) {
      if (isClosed) return;
      close();
      return onFailure(error instanceof CameraError ? error.code : "camera_in_use");
    }
    shutter.disabled = false;
    hint.textContent = t(isFace ? "capture.hint.face" : "capture.hint.frame");
    show(swap, await hasSeveralCameras());
    watch();
  }

  /** Looks at the picture again and again. A face is taken by hand: nothing here can tell one. */
  function watch() {
    const judge = createJudge();
    const began = performance.now();
    timer = setInterval(() => {
      if (video.readyState < 2 || document.hidden || !context) return;
      const { x, y, width, height } = area(guide);
      context.drawImage(video, x, y, width, height, 0, 0, SAMPLE.width, SAMPLE.height);
      const { verdict, ready } = judge(greyOf(context.getImageData(0, 0, SAMPLE.width, SAMPLE.height)), SAMPLE.width);
      const settled = performance.now() - began > SETTLING;
      guide.classList.toggle("good", verdict === "good" && !isFace);
      if (settled) say(isFace && !["black", "dark"].includes(verdict) ? "face" : verdict);
      if (ready && settled && !isFace) void take();
    }, INTERVAL);
  }

  /** @param {string} name */
  function say(name) {
    const text = t(`capture.hint.${name}`);
    if (hint.textContent !== text) hint.textContent = text;
  }

  /** The part of the camera's picture under an element. @param {HTMLElement} over */
  function area(over) {
    const [outer, inner] = [stage.getBoundingClientRect(), over.getBoundingClientRect()];
    const box = { x: inner.x - outer.x, y: inner.y - outer.y, width: inner.width, height: inner.height };
    return areaUnder({ width: video.videoWidth, height: video.videoHeight }, outer, box);
  }

  /** What the person sees is what is taken. */
  async function take() {
    if (isTaking || video.videoWidth === 0) return;
    isTaking = true;
    const picture = await snapshot(video, area(stage));
    close();
    onPicture(picture);
  }

  async function change() {
    clearInterval(timer);
    closeCamera(stream);
    facing = facing === "user" ? "environment" : "user";
    video.classList.toggle("mirrored", facing === "user");
    await open();
  }

  function close() {
    isClosed = true;
    clearInterval(timer);
    closeCamera(stream);
  }

  void open();
  return { element, close };
}

class CameraError extends Error {
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
async function openCamera(facing) {
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
function closeCamera(stream) {
  for (const track of stream?.getTracks() ?? []) track.stop();
}

/** Whether there is another camera to switch to. */
async function hasSeveralCameras() {
  const devices = await navigator.mediaDevices.enumerateDevices().catch(() => []);
  return devices.filter((device) => device.kind === "videoinput").length > 1;
}
