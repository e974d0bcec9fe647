// The camera inside a frame: what the browser lets the page do, and that ours shows specimens.

import assert from "node:assert/strict";
import { after, test } from "node:test";

import { launchFor } from "./harness/browser.js";
import { Parent } from "./harness/parent.js";
import { Vetd } from "./harness/vetd.js";

const vetd = await Vetd.start();
after(() => vetd.stop());

/**
 * What a frame's `getUserMedia` comes to: the size of the picture, or the name of the error.
 * @param {import("node:test").TestContext} t
 * @param {import("./harness/browser.js").Camera} camera
 * @param {(address: string) => string} [body] the parent's markup
 */
async function ask(t, camera, body) {
  const browser = await launchFor(t, camera);
  const session = await vetd.session();
  const parent = await Parent.open(await browser.newContext(), {
    address: session.iframe_url,
    ...(body && { body: body(session.iframe_url) }),
  });
  const main = parent.frame.locator("main");
  await main.waitFor({ state: "attached" });
  const found = await main.evaluate(async () => {
    try {
      const stream = await navigator.mediaDevices.getUserMedia({ video: { width: 1280, height: 960 } });
      const { width, height } = stream.getVideoTracks()[0]?.getSettings() ?? {};
      return `${width}x${height}`;
    } catch (error) {
      return error instanceof Error ? error.name : String(error);
    }
  });
  return found;
}

test("a frame with the contract's attributes gets the camera, which shows a specimen", async (t) => {
  assert.equal(await ask(t, { shows: "passport" }), "1280x960");
});

test("a frame without allow=camera gets none", async (t) => {
  assert.equal(await ask(t, {}, (address) => `<iframe src="${address}"></iframe>`), "NotAllowedError");
});

test("a machine without a camera says so", async (t) => {
  assert.equal(await ask(t, { missing: true }), "NotFoundError");
});
