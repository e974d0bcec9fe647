// From the desk to the phone: the code leads to the session, and the desk follows what happens there.

import assert from "node:assert/strict";
import { test } from "node:test";
import jsQR from "jsqr";

import { stage } from "./harness/stage.js";

const { vetd, browser } = await stage();

/**
 * What a camera reads of an SVG document on a screen.
 * @param {string} svg
 */
async function read(svg) {
  const page = await browser.newPage();
  const { data, width, height } = await page.evaluate(async (svg) => {
    const image = new Image();
    image.src = `data:image/svg+xml,${encodeURIComponent(svg)}`;
    await image.decode();
    const canvas = document.createElement("canvas");
    [canvas.width, canvas.height] = [image.width, image.height];
    const context = /** @type {CanvasRenderingContext2D} */ (canvas.getContext("2d"));
    context.drawImage(image, 0, 0);
    const { data } = context.getImageData(0, 0, image.width, image.height);
    return { data: [...data], width: image.width, height: image.height };
  }, svg);
  await page.close();
  // The library's types and what it exports differ.
  const decode = /** @type {typeof jsQR.default} */ (/** @type {unknown} */ (jsQR));
  return decode(new Uint8ClampedArray(data), width, height)?.data;
}

test("a camera reads the session's address from the code", async () => {
  const session = await vetd.session();
  const offer = await vetd.callAs(session.sdk_token, "POST", "/iframe/api/handoff", {});
  assert.equal(await read(offer.qr_svg), offer.url);
  assert.equal(offer.reachable, false, "this server listens on loopback");
});

test("the desk follows by its stream what is done on the phone, to the end", async () => {
  const session = await vetd.session();
  const desk = await browser.newPage();
  await desk.goto(session.iframe_url);
  // Read as the page reads it: EventSource cannot send the token.
  await desk.evaluate(async (token) => {
    /** @type {string[]} */
    const told = [];
    Object.assign(window, { told });
    const answer = await fetch("iframe/api/session/stream", { headers: { Authorization: `Bearer ${token}` } });
    const body = /** @type {ReadableStream<BufferSource>} */ (answer.body);
    const reader = body.pipeThrough(new TextDecoderStream()).getReader();
    const follow = async () => {
      let text = "";
      for (let part = await reader.read(); !part.done; part = await reader.read()) {
        const blocks = (text + part.value).split("\n\n");
        text = blocks.pop() ?? "";
        for (const block of blocks) {
          const data = /^data: (.*)$/m.exec(block)?.[1];
          if (data !== undefined) told.push(JSON.parse(data).status);
        }
      }
      told.push("(end)");
    };
    void follow();
  }, session.sdk_token);
  const offer = await vetd.callAs(session.sdk_token, "POST", "/iframe/api/handoff", {});
  const phone = await (await browser.newContext({ viewport: { width: 390, height: 844 }, isMobile: true })).newPage();
  assert.equal((await phone.goto(offer.url))?.status(), 200);
  const token = new URL(offer.url).searchParams.get("token") ?? "";
  const act = (/** @type {string} */ path, /** @type {object} */ body) => vetd.callAs(token, "POST", path, body);
  await act("/iframe/api/load", {});
  await act("/iframe/api/test/outcome", { outcome: "completed" });
  await desk.waitForFunction(() => /** @type {any} */ (window).told.includes("(end)"));
  const told = await desk.evaluate(() => /** @type {any} */ (window).told);
  assert.deepEqual(told.slice(-2), ["completed", "(end)"]);
  await phone.context().close();
  await desk.close();
});
