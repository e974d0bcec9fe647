// The page stays light: whoever is on a slow network has to wait for every byte.

import assert from "node:assert/strict";
import { test } from "node:test";

import { LOCALES } from "./harness/person.js";
import { stage } from "./harness/stage.js";
import { LIMIT, prepare, weigh } from "./harness/weigh.js";

const { vetd, browser } = await stage({}, prepare);

test("the page weighs at most 60 kB in every language", async () => {
  for (const locale of LOCALES) {
    const { files, bytes } = await weigh(vetd, browser, { locale });
    assert.ok(files > 30, `only ${files} files were counted`);
    assert.ok(bytes <= LIMIT, `${locale}: ${bytes} bytes`);
  }
});
