// What a test file plays on: a vetd and a browser of its own, which end with the file.

import { after } from "node:test";

import { launch } from "./browser.js";
import { Vetd } from "./vetd.js";

/**
 * Starts both.
 * @param {import("./browser.js").Camera} [camera]
 * @param {(vetd: Vetd) => Promise<unknown>} [prepare] what the tests need on the server
 */
export async function stage(camera, prepare) {
  const vetd = await Vetd.start();
  /** @type {import("playwright-core").Browser | undefined} */
  let started;
  const end = async () => {
    await started?.close();
    await vetd.stop();
  };
  try {
    const browser = (started = await launch(camera));
    await prepare?.(vetd);
    after(end);
    return { vetd, browser };
  } catch (error) {
    // The file ends here; what has started must not outlive it.
    await end();
    throw error;
  }
}
