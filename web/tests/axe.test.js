// WCAG 2.2 AA, as far as a machine sees it: axe-core on every screen, light and dark.

import assert from "node:assert/strict";
import { test } from "node:test";

import { violations } from "./harness/look.js";
import { stage } from "./harness/stage.js";
import { prepare, tour } from "./harness/tour.js";

const { vetd, browser } = await stage({ shows: "passport" }, prepare);

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
    assert.ok(screens >= 29, `${screens} screens`);
  });
}
