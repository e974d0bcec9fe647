// Takes pictures of every screen: `bash web/tests/run.sh` finds what this needs, so
// `CHROMIUM=… PROGRAM=… node web/tests/screens.js` takes all of them into web/tests/shots, and with
// `--docs` a chosen set into docs/screens.

import { mkdir } from "node:fs/promises";
import { join } from "node:path";
import { fileURLToPath } from "node:url";

import { launch } from "./harness/browser.js";
import { pictureOfDemo } from "./harness/demo.js";
import { prepare, tour } from "./harness/tour.js";
import { Vetd } from "./harness/vetd.js";

/** @typedef {{ width: number, height: number, colorScheme: "light" | "dark", locale?: string, only?: string[] }} Look */

/** @type {Look[]} */
const ALL = [320, 768, 1280].flatMap((width) =>
  /** @type {const} */ (["light", "dark"]).map((colorScheme) => ({ width, height: width === 320 ? 640 : 900, colorScheme })),
);
/** @type {Look[]} */
const CHOSEN = [
  { width: 320, height: 640, colorScheme: "light" },
  { width: 320, height: 640, colorScheme: "dark", only: ["consent", "data-errors", "document-front", "completed"] },
  { width: 768, height: 900, colorScheme: "light", only: ["document", "phone", "requires-review"] },
  { width: 1280, height: 900, colorScheme: "light", only: ["consent", "data", "document-front", "completed"] },
  { width: 1280, height: 900, colorScheme: "dark", only: ["document", "waiting"] },
];

const isForDocs = process.argv.includes("--docs");
const folder = fileURLToPath(new URL(isForDocs ? "../../docs/screens/" : "shots/", import.meta.url));
await mkdir(folder, { recursive: true });
const [vetd, browser] = await Promise.all([Vetd.start(), launch({ shows: "passport" })]);
await prepare(vetd);
for (const { width, height, colorScheme, only } of isForDocs ? CHOSEN : ALL) {
  const context = await browser.newContext({ viewport: { width, height }, colorScheme, reducedMotion: "reduce", permissions: ["camera"] });
  await tour(vetd, context, async (name, page) => {
    if (only && !only.includes(name)) return;
    const file = `${name}-${width}${colorScheme === "dark" ? "-dark" : ""}.png`;
    await page.screenshot({ path: join(folder, file), fullPage: true, animations: "disabled" });
  });
  await context.close();
}
if (isForDocs) await pictureOfDemo(vetd, browser, join(folder, "demo.png"));
await browser.close();
await vetd.stop();
console.log(`The pictures are in ${folder}`);
