// What the page weighs on the wire, and when its first step is there.

import { LOCALES, STEPS } from "./person.js";

/** @typedef {{ offline: boolean, latency: number, downloadThroughput: number, uploadThroughput: number }} Network */

/** What the page may weigh: bodies as they are sent, without the API's answers. */
export const LIMIT = 60_000;

/** What `weigh` needs on the server. @param {import("./vetd.js").Vetd} vetd */
export async function prepare(vetd) {
  await vetd.template("weight", { steps: STEPS, locales: LOCALES });
}

/**
 * Loads the page of a fresh session.
 * @param {import("./vetd.js").Vetd} vetd
 * @param {import("playwright-core").Browser} browser
 * @param {object} how
 * @param {Network} [how.network]
 * @param {string} [how.locale]
 */
export async function weigh(vetd, browser, { network, locale = "en" }) {
  const context = await browser.newContext({ locale });
  const page = await context.newPage();
  const devtools = await context.newCDPSession(page);
  await devtools.send("Network.enable");
  await devtools.send("Network.setCacheDisabled", { cacheDisabled: false });
  if (network) await devtools.send("Network.emulateNetworkConditions", network);
  const session = await vetd.session({ template_slug: "weight" });
  /** @type {Map<string, Promise<number>>} */
  const files = new Map();
  page.on("requestfinished", (request) => {
    const path = new URL(request.url()).pathname;
    if (!path.includes("/api/")) files.set(path, request.sizes().then(({ responseBodySize }) => responseBodySize));
  });
  await page.goto(session.iframe_url);
  await page.getByRole("heading", { level: 1 }).waitFor();
  const time = await page.evaluate(() => performance.now());
  await page.waitForLoadState("load");
  const sizes = await Promise.all(files.values());
  await context.close();
  return { time, files: sizes.length, bytes: sizes.reduce((sum, bytes) => sum + bytes, 0) };
}
