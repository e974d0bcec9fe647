// The camera inside a frame: what the browser lets the page do, and that ours shows specimens.

import assert from "node:assert/strict";
import { after, before, test } from "node:test";

import { launch } from "./harness/browser.js";
import { Parent } from "./harness/parent.js";
import { Vetd } from "./harness/vetd.js";

/** @type {Vetd} */
let vetd;

before(async () => {
  vetd = await Vetd.start();
});
after(() => vetd.stop());

/**
 * What a frame's `getUserMedia` comes to: the size of the picture, or the name of the error.
 * @param {import("./harness/browser.js").Camera} camera
 * @param {(address: string) => string} [body] the parent's markup
 */
async function ask(camera, body) {
  const browser = await launch(camera);
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
  await browser.close();
  return found;
}

test("a frame with the contract's attributes gets the camera, which shows a specimen", async () => {
  assert.equal(await ask({ shows: "passport" }), "1280x960");
});

test("a frame without allow=camera gets none", async () => {
  assert.equal(await ask({}, (address) => `<iframe src="${address}"></iframe>`), "NotAllowedError");
});

test("a machine without a camera says so", async () => {
  assert.equal(await ask({ missing: true }), "NotFoundError");
});
