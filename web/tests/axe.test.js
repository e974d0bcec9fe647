// WCAG 2.2 AA, as far as a machine sees it: axe-core on every screen, light and dark.

import assert from "node:assert/strict";
import { after, before, test } from "node:test";

import { launch } from "./harness/browser.js";
import { violations } from "./harness/look.js";
import { prepare, tour } from "./harness/tour.js";
import { Vetd } from "./harness/vetd.js";

/** @type {Vetd} */
let vetd;
/** @type {import("playwright-core").Browser} */
let browser;

before(async () => {
  [vetd, browser] = await Promise.all([Vetd.start(), launch({ shows: "passport" })]);
  await prepare(vetd);
});
after(async () => {
  await browser.close();
  await vetd.stop();
});

for (const colorScheme of /** @type {const} */ (["light", "dark"])) {
  test(`axe finds nothing on any screen, ${colorScheme}`, async () => {
    const context = await browser.newContext({ colorScheme, reducedMotion: "reduce", permissions: ["camera"] });
    /** @type {Record<string, string[]>} */
    const found = {};
    let screens = 0;
    await tour(vetd, context, async (name, page) => {
      screens += 1;
      const wrong = await violations(page);
      if (wrong.length > 0) found[name] = wrong;
    });
    await context.close();
    assert.deepEqual(found, {});
    assert.ok(screens >= 28, `${screens} screens`);
  });
}
