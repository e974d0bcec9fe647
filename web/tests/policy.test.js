// The page under its policy in a real browser: who may have it in a frame, and what it may do there.

import assert from "node:assert/strict";
import { test } from "node:test";

import { LOOPBACK_PARENT, OTHER_PARENT, Parent } from "./harness/parent.js";
import { stage } from "./harness/stage.js";

const { vetd, browser } = await stage();

test("the page comes without a complaint of the browser", async () => {
  const session = await vetd.session();
  const page = await browser.newPage();
  /** @type {string[]} */
  const complaints = [];
  page.on("console", (message) => complaints.push(message.text()));
  page.on("pageerror", (error) => complaints.push(String(error)));
  const answer = await page.goto(session.iframe_url, { waitUntil: "load" });
  assert.equal(answer?.status(), 200);
  await page.getByRole("heading", { level: 1 }).waitFor();
  assert.deepEqual(complaints, []);
  await page.close();
});

test("an inline script, another server and a string as markup are stopped", async () => {
  const session = await vetd.session();
  const page = await browser.newPage();
  await page.goto(session.iframe_url);
  await page.evaluate(async () => {
    /** @type {string[]} */
    const stopped = [];
    Object.assign(window, { stopped });
    addEventListener("securitypolicyviolation", (event) => stopped.push(event.effectiveDirective));
    const script = "https://cdn.example.com/a.js";
    await import(script).catch(() => {});
    await fetch("https://other.example.com/").catch(() => {});
    try {
      document.body.innerHTML = "<b>x</b>";
    } catch {
      stopped.push("trusted types");
    }
    const frame = document.createElement("iframe");
    frame.src = "https://other.example.com/";
    document.body.append(frame);
  });
  // The browser tells of each in its own time.
  for (const directive of ["script-src-elem", "connect-src", "trusted types", "frame-src"]) {
    await page.waitForFunction((directive) => /** @type {any} */ (window).stopped.includes(directive), directive);
  }
  await page.close();
});

test("a loopback page may have the page in it, another only if the workspace allows it", async () => {
  const session = await vetd.session();
  const context = await browser.newContext();
  const allowed = await Parent.open(context, { origin: LOOPBACK_PARENT, address: session.iframe_url });
  await allowed.frame.locator("main").waitFor({ state: "attached" });

  const refused = context.waitForEvent("console", (message) => message.text().includes("frame-ancestors"));
  await Parent.open(context, { origin: OTHER_PARENT, address: session.iframe_url });
  await refused;

  await vetd.call("PATCH", "/v1/workspace", { allowed_origins: [OTHER_PARENT] });
  const now = await Parent.open(context, { origin: OTHER_PARENT, address: session.iframe_url });
  await now.frame.locator("main").waitFor({ state: "attached" });
  await context.close();
});

test("a wrong address says what is wrong, to the person who opened it", async () => {
  const session = await vetd.session();
  const page = await browser.newPage();
  for (const [address, heading] of [
    [`${vetd.url}/iframe`, "This link is not complete"],
    [`${vetd.url}/iframe?session_id=${session.id}`, "This link is not complete"],
    [`${vetd.url}/iframe?session_id=${session.id}&token=${session.sdk_token.slice(0, -4)}AAAA`, "This link does not work"],
  ]) {
    await page.goto(String(address));
    assert.equal(await page.getByRole("heading").textContent(), heading);
  }
  await page.close();
});
