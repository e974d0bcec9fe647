// The whole flow without a mouse: Tab, letters, arrows and Enter alone.

import assert from "node:assert/strict";
import { test } from "node:test";

import { STEPS, open } from "./harness/person.js";
import { stage } from "./harness/stage.js";

/** @typedef {import("playwright-core").Page} Page */

const { vetd, browser } = await stage({ shows: "passport" }, (vetd) => vetd.template("passport", { steps: STEPS }));

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

/**
 * Chooses from a list: its first letter, and down from there. All letters would have to be typed within a
 * second of each other.
 * @param {Page} page
 * @param {string} name
 * @param {string} wanted
 */
async function choose(page, name, wanted) {
  await tabTo(page, name);
  await page.keyboard.press(wanted.charAt(0));
  const chosen = () => page.evaluate(() => /** @type {HTMLSelectElement} */ (document.activeElement).selectedOptions[0]?.textContent);
  for (let presses = 0; presses < 25; presses += 1) {
    if ((await chosen()) === wanted) return;
    await page.keyboard.press("ArrowDown");
  }
  assert.fail(`no "${wanted}" in "${name}"`);
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
  const type = async (/** @type {string} */ name, /** @type {string} */ text) => {
    await tabTo(page, name);
    await page.keyboard.type(text);
  };
  await type("First names", "ANNA MARIA");
  await type("Last name", "ERIKSSON");
  await choose(page, "Month", "August");
  await type("Day", "12");
  await type("Year", "1974");
  await page.keyboard.press("Enter");
  await lands(page, "Your document");
  await choose(page, "Issuing country", "Germany");
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
