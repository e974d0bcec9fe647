// Prints what the page weighs on the wire and how soon its first step is there:
// `CHROMIUM=… PROGRAM=… node web/tests/weight.js`.

import { launch } from "./harness/browser.js";
import { LOCALES } from "./harness/person.js";
import { prepare, weigh } from "./harness/weigh.js";
import { Vetd } from "./harness/vetd.js";

const LOADS = 20;
/** A mobile network as Chromium's own tools imitate one ("Fast 4G"). */
const MOBILE = { offline: false, latency: 165, downloadThroughput: (9_000_000 * 0.9) / 8, uploadThroughput: (1_500_000 * 0.9) / 8 };

/** @param {number[]} values */
function median(values) {
  return values.sort((a, b) => a - b)[Math.floor(values.length / 2)] ?? NaN;
}

const [vetd, browser] = await Promise.all([Vetd.start(), launch()]);
await prepare(vetd);
for (const locale of LOCALES) {
  const { first, all } = await weigh(vetd, browser, { locale });
  console.log(`${locale}: ${all.bytes} bytes in ${all.files} files, ${first.bytes} in ${first.files} for the first step`);
}
for (const [name, network] of /** @type {const} */ ([["this machine", undefined], ["a mobile network (165 ms, 8.1 Mbit/s)", MOBILE]])) {
  const times = [];
  for (let at = 0; at < LOADS; at += 1) times.push((await weigh(vetd, browser, { ...(network && { network }) })).time);
  console.log(`first step over ${name}: median ${Math.round(median(times))} ms of ${LOADS} cold loads`);
}
await browser.close();
await vetd.stop();
