// The whole flow without a mouse: Tab, letters, arrows and Enter alone.

import assert from "node:assert/strict";
import { after, before, test } from "node:test";

import { launch } from "./harness/browser.js";
import { STEPS, open } from "./harness/person.js";
import { Vetd } from "./harness/vetd.js";

/** @typedef {import("playwright-core").Page} Page */

/** @type {Vetd} */
let vetd;
/** @type {import("playwright-core").Browser} */
let browser;

before(async () => {
  [vetd, browser] = await Promise.all([Vetd.start(), launch({ shows: "passport" })]);
  await vetd.template("passport", { steps: STEPS });
});
after(async () => {
  await browser.close();
  await vetd.stop();
});

/** What has the focus, as a screen reader names it. @param {Page} page */
function focused(page) {
  return page.evaluate(() => {
    const element = /** @type {any} */ (document.activeElement);
    const label = element?.labels?.[0]?.textContent;
    return String(element?.getAttribute("aria-label") ?? label ?? element?.textContent ?? "").trim();
  });
}

/**
 * Goes on from control to control until this one has the focus.
 * @param {Page} page
 * @param {string} name
 */
async function tabTo(page, name) {
  const passed = [];
  for (let presses = 0; presses < 25; presses += 1) {
    await page.keyboard.press("Tab");
    const here = await focused(page);
    if (here.startsWith(name)) return;
    passed.push(here);
  }
  assert.fail(`no way to "${name}", only past ${passed.join(" | ")}`);
}

/** @param {Page} page @param {string} name */
async function press(page, name) {
  await tabTo(page, name);
  await page.keyboard.press("Enter");
}

/** The new screen's heading has the focus. @param {Page} page @param {string} heading */
async function lands(page, heading) {
  await page.waitForFunction((heading) => document.activeElement?.tagName === "H1" && document.activeElement.textContent === heading, heading);
}

test("from the first screen to the decision", async () => {
  const session = await vetd.session({ template_slug: "passport" });
  const context = await browser.newContext({ permissions: ["camera"] });
  const { page } = await open(context, session);
  await lands(page, "Confirm who you are");
  await press(page, "Agree and continue");
  await lands(page, "Your details");
  for (const [name, text] of [["First names", "ANNA MARIA"], ["Last name", "ERIKSSON"], ["Month", "August"], ["Day", "12"], ["Year", "1974"]]) {
    await tabTo(page, String(name));
    await page.keyboard.type(String(text));
  }
  await page.keyboard.press("Enter");
  await lands(page, "Your document");
  await tabTo(page, "Issuing country");
  await page.keyboard.type("Germany");
  await tabTo(page, "Passport");
  await page.keyboard.press("ArrowDown");
  await page.keyboard.press("ArrowUp");
  await press(page, "Continue");
  await lands(page, "The photo page of your passport");
  await press(page, "Use the camera");
  await lands(page, "Is everything sharp and readable?");
  await press(page, "Use this picture");
  await lands(page, "You are verified");
  await context.close();
});

test("the way out asks first, and Escape keeps the session", async () => {
  const session = await vetd.session({ template_slug: "passport" });
  const context = await browser.newContext();
  const { page } = await open(context, session);
  await lands(page, "Confirm who you are");
  await press(page, "Cancel the verification");
  await page.getByRole("dialog", { name: "Cancel the verification?" }).waitFor();
  await page.keyboard.press("Escape");
  await page.getByRole("dialog").waitFor({ state: "hidden" });
  assert.equal(await focused(page), "Cancel the verification", "the focus is back where it was");
  assert.equal((await vetd.call("GET", `/v1/sessions/${session.id}`)).status, "requires_input");
  await page.keyboard.press("Enter");
  await press(page, "Cancel for good");
  await lands(page, "The verification was cancelled");
  assert.equal((await vetd.call("GET", `/v1/sessions/${session.id}`)).status, "canceled");
  await context.close();
});
