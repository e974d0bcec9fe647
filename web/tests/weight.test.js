// The page stays light: whoever is on a slow network has to wait for every byte.

import assert from "node:assert/strict";
import { test } from "node:test";

import { LOCALES } from "./harness/person.js";
import { stage } from "./harness/stage.js";
import { FIRST_LIMIT, LIMIT, prepare, weigh } from "./harness/weigh.js";

const { vetd, browser } = await stage({}, prepare);

test("the page weighs at most 60 kB in every language, and its first step 40", async () => {
  for (const locale of LOCALES) {
    const { first, all } = await weigh(vetd, browser, { locale });
    assert.ok(all.files > 30, `only ${all.files} files were counted`);
    assert.ok(all.bytes <= LIMIT, `${locale}: ${all.bytes} bytes`);
    assert.ok(first.bytes <= FIRST_LIMIT, `${locale}: ${first.bytes} bytes for the first step`);
  }
});
