// The embedder's script on a page of another origin. In the iframe is an empty page in the place of vetd's:
// what it says is said by the test, in its name.

import assert from "node:assert/strict";
import { test } from "node:test";

import { stopClock } from "./harness/browser.js";
import { LOOPBACK_PARENT, OTHER_PARENT, Parent } from "./harness/parent.js";
import { stage } from "./harness/stage.js";

const { vetd, browser } = await stage();

/**
 * A page of a shop that mounts a session with embed.js and keeps what `onEvent` hears. That includes, after
 * 20 seconds, that the page does not answer: a test of what is heard says something before that.
 * @param {Record<string, any>} session
 * @param {Record<string, any>} options further options of mountVerification
 * @param {Record<string, string>} headers of the shop's page
 * @param {(context: import("playwright-core").BrowserContext) => Promise<void>} [prepare] what comes before all
 */
async function mount(session, options = {}, headers = {}, prepare) {
  const context = await browser.newContext();
  await prepare?.(context);
  await context.route(`${vetd.url}/iframe?**`, (route) =>
    route.fulfill({ contentType: "text/html", body: "<main></main>" }),
  );
  const all = { container: "#here", sessionId: session.id, token: session.sdk_token, ...options };
  const head = `<script type="module">
    import { mountVerification } from "${vetd.url}/embed.js";
    window.events = [];
    try {
      window.verification = mountVerification({ ...${JSON.stringify(all)}, onEvent: (event) => window.events.push(event) });
    } catch (error) {
      window.failure = String(error);
    }
    window.mounted = true;
  </script>`;
  const parent = await Parent.open(context, { headers, head, body: `<div id="here"></div>` });
  await parent.page.waitForFunction(() => /** @type {any} */ (window).mounted);
  return parent;
}

/**
 * Says something in the iframe's name, and waits until the parent has had the chance to hear it.
 * @param {Parent} parent
 * @param {unknown} message
 */
async function speak(parent, message) {
  const frame = await (await parent.page.$("iframe"))?.contentFrame();
  const before = (await parent.heard()).length;
  await frame?.evaluate((message) => window.parent.postMessage(message, "*"), message);
  await parent.page.waitForFunction((before) => /** @type {any} */ (window).heard.length > before, before);
}

/** @param {Record<string, any>} session @param {string} type @param {object} data */
function message(session, type, data = {}) {
  return { type, version: 1, session_id: session.id, livemode: false, emitted_at: new Date().toISOString(), data };
}

/**
 * What `onEvent` has heard.
 * @param {Parent} parent
 * @returns {Promise<any[]>}
 */
async function events(parent) {
  return parent.page.evaluate(() => /** @type {any} */ (window).events);
}

test("the iframe has the contract's attributes and vetd's own address", async () => {
  const session = await vetd.session();
  const parent = await mount(session, { title: "Prove who you are" }, { "Referrer-Policy": "no-referrer" });
  const iframe = parent.page.locator("iframe");
  assert.equal(await iframe.getAttribute("title"), "Prove who you are");
  assert.equal(await iframe.getAttribute("allow"), "camera; microphone");
  assert.equal(await iframe.getAttribute("sandbox"), "allow-scripts allow-same-origin allow-forms allow-popups");
  assert.equal(await iframe.getAttribute("src"), session.iframe_url);
  const origin = await parent.frame.locator("main").evaluate(() => document.referrer);
  assert.equal(origin, `${LOOPBACK_PARENT}/`, "the page knows whom it answers");
  await parent.frame.locator("main").waitFor({ state: "attached" });
  await parent.page.context().close();
});

test("what the page says is heard; another shape, session or sender is not", async () => {
  const session = await vetd.session();
  const parent = await mount(session);
  await parent.frame.locator("main").waitFor({ state: "attached" });
  await speak(parent, message(session, "kyc.ready"));
  const right = message(session, "kyc.test_right", { status: "requires_input" });
  await speak(parent, right);
  for (const wrong of [
    "kyc.test_text",
    null,
    { ...right, version: 2 },
    { ...right, type: "test_other" },
    { ...right, session_id: "ses_other" },
    { ...right, data: null },
  ]) {
    await speak(parent, wrong);
  }
  // Neither the embedding page's own window nor another frame of vetd's is the iframe.
  await parent.page.evaluate((right) => window.postMessage(right, "*"), { ...right, type: "kyc.test_self" });
  await parent.hear("kyc.test_self");
  await parent.page.evaluate((src) => {
    const other = Object.assign(document.createElement("iframe"), { name: "other", src });
    document.body.append(other);
  }, `${vetd.url}/iframe?other`);
  const other = await (await parent.page.waitForSelector("iframe[name=other]")).contentFrame();
  await other?.waitForURL(`${vetd.url}/iframe?other`);
  await other?.evaluate((right) => window.parent.postMessage(right, "*"), { ...right, type: "kyc.test_other" });
  await parent.hear("kyc.test_other");
  await speak(parent, { ...right, type: "kyc.test_last" });
  assert.deepEqual(
    (await events(parent)).map((event) => event.type),
    ["kyc.ready", "kyc.test_right", "kyc.test_last"],
  );
  await parent.page.context().close();
});

test("another origin in the same iframe is not heard", async () => {
  const session = await vetd.session();
  const parent = await mount(session);
  await parent.frame.locator("main").waitFor({ state: "attached" });
  await speak(parent, message(session, "kyc.ready"));
  const elsewhere = "http://elsewhere.localhost/";
  await parent.page.route(elsewhere, (route) => route.fulfill({ contentType: "text/html", body: "<main></main>" }));
  const frame = await (await parent.page.$("iframe"))?.contentFrame();
  await frame?.goto(elsewhere);
  await speak(parent, message(session, "kyc.test_stranger"));
  assert.deepEqual((await events(parent)).map((event) => event.type), ["kyc.ready"]);
  await parent.page.context().close();
});

test("the iframe is as tall as the page asks, within reason", async () => {
  const session = await vetd.session();
  const parent = await mount(session);
  await parent.frame.locator("main").waitFor({ state: "attached" });
  const height = () => parent.page.locator("iframe").evaluate((iframe) => iframe.style.height);
  await speak(parent, message(session, "kyc.resize", { height: 812.4 }));
  assert.equal(await height(), "813px");
  for (const wrong of [-1, 0, 1e9, "900px", NaN]) {
    await speak(parent, message(session, "kyc.resize", { height: wrong }));
    assert.equal(await height(), "813px", String(wrong));
  }
  await parent.page.context().close();
});

test("it tells the page how to look and when to cancel, once the page is there", async () => {
  const session = await vetd.session();
  const parent = await mount(session, { theme: "dark", locale: "de" });
  await parent.frame.locator("main").waitFor({ state: "attached" });
  const frame = await (await parent.page.$("iframe"))?.contentFrame();
  await frame?.evaluate(() => {
    const window_ = /** @type {any} */ (window);
    window_.said = [];
    addEventListener("message", ({ data }) => window_.said.push([data.type, data.data, data.version, data.session_id]));
  });
  const said = async (/** @type {number} */ count) => {
    await frame?.waitForFunction((count) => /** @type {any} */ (window).said.length >= count, count);
    return frame?.evaluate(() => /** @type {any} */ (window).said.splice(0));
  };
  const configured = (/** @type {object} */ data) => ["kyc.configure", data, 1, session.id];
  await speak(parent, message(session, "kyc.ready"));
  assert.deepEqual(await said(1), [configured({ theme: "dark", locale: "de" })]);
  await parent.page.evaluate(() => /** @type {any} */ (window).verification.configure({ theme: "light" }));
  assert.deepEqual(await said(1), [configured({ theme: "light", locale: "de" })]);
  await parent.page.evaluate(() => /** @type {any} */ (window).verification.cancel());
  assert.deepEqual(await said(1), [["kyc.cancel", {}, 1, session.id]]);
  await parent.page.context().close();
});

test("unmounted, it leaves nothing behind and hears nothing more", async () => {
  const session = await vetd.session();
  const parent = await mount(session);
  await parent.page.evaluate(() => /** @type {any} */ (window).verification.unmount());
  assert.equal(await parent.page.locator("iframe").count(), 0);
  assert.equal(await parent.page.locator("#here").innerHTML(), "");
  // As from a window that is gone, like the iframe's now.
  await parent.page.evaluate(
    ({ data, origin }) => window.dispatchEvent(new MessageEvent("message", { data, origin, source: null })),
    { data: message(session, "kyc.test_late"), origin: vetd.url },
  );
  await parent.hear("kyc.test_late");
  assert.deepEqual(await events(parent), []);
  await parent.page.context().close();
});

test("what is missing is said at once", async () => {
  const session = await vetd.session();
  for (const [options, said] of /** @type {[object, string][]} */ ([
    [{ container: "#nowhere" }, "finds no container: #nowhere"],
    [{ token: "" }, "needs sessionId and token"],
    [{ sessionId: "" }, "needs sessionId and token"],
  ])) {
    const parent = await mount(session, options);
    const failure = await parent.page.evaluate(() => /** @type {any} */ (window).failure);
    assert.ok(failure.startsWith("TypeError") && failure.includes(said), failure);
    assert.equal(await parent.page.locator("iframe").count(), 0);
    await parent.page.context().close();
  }
});

test("a page that never answers is an error that says why it may be", async () => {
  const session = await vetd.session();
  const context = await browser.newContext();
  const page = await context.newPage();
  await page.clock.install();
  const html = `<!doctype html><div id="here"></div><script type="module">
    import { mountVerification } from "${vetd.url}/embed.js";
    window.events = [];
    mountVerification({
      container: "#here", sessionId: "${session.id}", token: "${session.sdk_token}",
      onEvent: (event) => window.events.push(event),
    });
    window.mounted = true;
  </script>`;
  await page.route(`${OTHER_PARENT}/`, (route) => route.fulfill({ contentType: "text/html", body: html }));
  await page.goto(`${OTHER_PARENT}/`);
  await page.waitForFunction(() => /** @type {any} */ (window).mounted);
  await page.clock.runFor(20_001);
  const heard = await page.evaluate(() => /** @type {any} */ (window).events);
  assert.deepEqual(
    heard.map((/** @type {any} */ event) => [event.type, event.data.code]),
    [["kyc.error", "page_unreachable"]],
  );
  await context.close();
});

test("a page that says what is in the way has answered", async () => {
  const session = await vetd.session();
  const parent = await mount(session, {}, {}, stopClock);
  await parent.frame.locator("main").waitFor({ state: "attached" });
  const { livemode: _, ...error } = message(session, "kyc.error", { code: "invalid_signature", message: "…" });
  await speak(parent, error);
  await parent.page.clock.runFor(20_001);
  assert.deepEqual((await events(parent)).map((event) => [event.type, event.data.code]), [["kyc.error", "invalid_signature"]]);
  await parent.page.context().close();
});
