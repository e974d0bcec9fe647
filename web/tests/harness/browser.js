// Headless Chromium, with a camera that shows our own specimens.

import { mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { chromium } from "playwright-core";

const SPECIMENS = fileURLToPath(new URL("../../../checks/specimen-pictures/", import.meta.url));

/** @typedef {"passport" | "id_card_front" | "id_card_back" | "driving_license_front" | "driving_license_back" | "selfie"} Specimen */

/**
 * What the camera does.
 * @typedef {object} Camera
 * @property {Specimen} [shows] the picture that it shows, for ever
 * @property {Buffer[]} [frames] or these JPEG files one after the other, all of one size
 * @property {boolean} [asks] true if the browser does not allow it by itself
 * @property {boolean} [missing] true if there is none
 */

/**
 * Stops the clock of a page, or of all pages to come, a minute on. Afterwards `clock.runFor` moves it.
 * @param {import("playwright-core").Page | import("playwright-core").BrowserContext} where
 */
export async function stopClock({ clock }) {
  await clock.install();
  // Installed, it still goes on; and it can be stopped only at a time to come.
  await clock.pauseAt(Date.now() + 60_000);
}

/** Of the specimens of passports, in pixels. */
export const SPECIMEN_SIZE = { width: 1280, height: 960 };

/** @param {Specimen} name */
export async function specimen(name) {
  return readFile(join(SPECIMENS, `${name}.jpg`));
}

/**
 * Starts a browser. Close it with what comes back.
 * @param {Camera} camera
 */
export async function launch(camera = {}) {
  const executablePath = process.env.CHROMIUM;
  if (executablePath === undefined) throw new Error("CHROMIUM names no browser; use web/tests/run.sh");
  const folder = await mkdtemp(join(tmpdir(), "vetd-camera-"));
  const args = [
    "--no-sandbox", // tests run as root in containers
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    // Pages that the tests make up have no address of their own, and may have vetd on loopback in them.
    "--disable-features=LocalNetworkAccessChecks,LocalNetworkAccessChecksWebRTC,BlockInsecurePrivateNetworkRequests",
  ];
  if (camera.missing !== true) {
    const video = join(folder, "camera.mjpeg");
    const frames = camera.frames ?? Array(5).fill(await specimen(camera.shows ?? "passport"));
    await writeFile(video, Buffer.concat(frames));
    args.push("--use-fake-device-for-media-stream", `--use-file-for-fake-video-capture=${video}`);
    if (camera.asks !== true) args.push("--use-fake-ui-for-media-stream");
  }
  const browser = await chromium.launch({ executablePath, args, timeout: 60_000 });
  browser.on("disconnected", () => void rm(folder, { recursive: true, force: true }));
  return browser;
}

/**
 * Starts a browser that ends with a test, however that ends.
 * @param {import("node:test").TestContext} t
 * @param {Camera} camera
 */
export async function launchFor(t, camera = {}) {
  const browser = await launch(camera);
  t.after(() => browser.close());
  return browser;
}
