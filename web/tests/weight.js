// What the page weighs on the wire and how soon its first step is there:
// `CHROMIUM=… PROGRAM=… node web/tests/weight.js`. Fails beyond the 60 kB that the page may have.

import { launch } from "./harness/browser.js";
import { LOCALES, STEPS } from "./harness/person.js";
import { Vetd } from "./harness/vetd.js";

/** Bytes, headers not counted. */
const LIMIT = 60_000;
const LOADS = 20;
/** A mobile network as browsers' own tools imitate one: "Fast 4G" of Chromium. */
const MOBILE = { offline: false, latency: 165, downloadThroughput: (9_000_000 * 0.9) / 8, uploadThroughput: (1_500_000 * 0.9) / 8 };

const [vetd, browser] = await Promise.all([Vetd.start(), launch()]);
await vetd.template("all", { steps: STEPS, locales: LOCALES });

/**
 * Loads the page of a fresh session.
 * @param {object} how
 * @param {typeof MOBILE} [how.network]
 * @param {string} [how.locale]
 */
async function load({ network, locale = "en" }) {
  const context = await browser.newContext({ locale });
  const page = await context.newPage();
  const devtools = await context.newCDPSession(page);
  await devtools.send("Network.enable");
  await devtools.send("Network.setCacheDisabled", { cacheDisabled: false });
  if (network) await devtools.send("Network.emulateNetworkConditions", network);
  const session = await vetd.session({ template_slug: "all" });
  /** @type {Map<string, number>} */
  const files = new Map();
  page.on("requestfinished", async (request) => {
    const path = new URL(request.url()).pathname;
    if (!path.includes("/api/")) files.set(path, (await request.sizes()).responseBodySize);
  });
  await page.goto(session.iframe_url);
  await page.getByRole("heading", { level: 1 }).waitFor();
  const time = await page.evaluate(() => performance.now());
  await page.waitForLoadState("load");
  await context.close();
  return { time, files: files.size, bytes: [...files.values()].reduce((sum, bytes) => sum + bytes, 0) };
}

/** @param {number[]} values */
function median(values) {
  return values.sort((a, b) => a - b)[Math.floor(values.length / 2)] ?? NaN;
}

let heaviest = 0;
for (const locale of LOCALES) {
  const { files, bytes } = await load({ locale });
  heaviest = Math.max(heaviest, bytes);
  console.log(`${locale}: ${bytes} bytes in ${files} files`);
}
for (const [name, network] of /** @type {const} */ ([["this machine", undefined], ["a mobile network (165 ms, 8.1 Mbit/s)", MOBILE]])) {
  const times = [];
  for (let at = 0; at < LOADS; at += 1) times.push((await load({ ...(network && { network }) })).time);
  console.log(`first step over ${name}: median ${Math.round(median(times))} ms of ${LOADS} cold loads`);
}
await browser.close();
await vetd.stop();
if (heaviest > LIMIT) {
  console.error(`The page weighs more than ${LIMIT} bytes.`);
  process.exitCode = 1;
}
