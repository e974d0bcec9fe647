// What the page weighs on the wire, and when its first step is there.

import { readdir } from "node:fs/promises";

import { LOCALES, STEPS } from "./person.js";

/** @typedef {{ offline: boolean, latency: number, downloadThroughput: number, uploadThroughput: number }} Network */

/** What the page may weigh: bodies as they are sent, without the API's answers. */
export const LIMIT = 60_000;
/** What of it the first step may wait for. */
export const FIRST_LIMIT = 40_000;

const PAGE = new URL("../../iframe/", import.meta.url);
/** All modules, and with them the page itself, its styles and the words of one language. */
const FILES = (await readdir(PAGE, { recursive: true })).filter((name) => name.endsWith(".js")).length + 3;

/** @typedef {{ files: number, bytes: number }} Weight */

/** What `weigh` needs on the server. @param {import("./vetd.js").Vetd} vetd */
export async function prepare(vetd) {
  await vetd.template("weight", { steps: STEPS, locales: LOCALES });
}

/**
 * Loads the page of a fresh session: when the heading of its first step is there, what that waits
 * for, and what has come in the end.
 * @param {import("./vetd.js").Vetd} vetd
 * @param {import("playwright-core").Browser} browser
 * @param {object} how
 * @param {Network} [how.network]
 * @param {string} [how.locale]
 */
export async function weigh(vetd, browser, { network, locale = "en" }) {
  const context = await browser.newContext({ locale });
  await context.addInitScript(() => {
    new MutationObserver((_, observer) => {
      if (!document.querySelector("h1")) return;
      performance.mark("first step");
      observer.disconnect();
    }).observe(document, { subtree: true, childList: true });
  });
  const page = await context.newPage();
  const devtools = await context.newCDPSession(page);
  await devtools.send("Network.enable");
  if (network) await devtools.send("Network.emulateNetworkConditions", network);
  const session = await vetd.session({ template_slug: "weight" });
  await page.goto(session.iframe_url);
  const read = () => page.evaluate(() => {
    const entries = /** @type {PerformanceResourceTiming[]} */ ([...performance.getEntriesByType("navigation"), ...performance.getEntriesByType("resource")]);
    const files = entries.filter(({ name, responseEnd }) => responseEnd > 0 && !name.includes("/api/"));
    const time = performance.getEntriesByName("first step")[0]?.startTime ?? Infinity;
    return { time, files: files.map(({ name, encodedBodySize }) => ({ name, bytes: encodedBodySize })) };
  });
  await page.waitForFunction((count) => performance.getEntriesByType("resource").filter(({ name }) => !name.includes("/api/")).length >= count, FILES - 1);
  const { time, files } = await read();
  await context.close();
  return { time, first: sum(files.filter(({ name }) => !name.includes("/steps/"))), all: sum(files) };
}

/** @param {Array<{ bytes: number }>} files @returns {Weight} */
function sum(files) {
  return { files: files.length, bytes: files.reduce((sum, { bytes }) => sum + bytes, 0) };
}
