// What axe does not see: small screens, large text, the size of what is pressed, motion, languages, and
// what a template may change.

import assert from "node:assert/strict";
import { test } from "node:test";

import { overflowing, tooSmall, violations } from "./harness/look.js";
import { LOCALES, STEPS, open } from "./harness/person.js";
import { stage } from "./harness/stage.js";
import { prepare, tour } from "./harness/tour.js";

const { vetd, browser } = await stage({ shows: "passport" }, prepare);

// 320 px is also what 200 % of a window of 640 and 400 % of one of 1280 come to.
test("every screen fits into 320 px, and what is pressed is large enough", async () => {
  const context = await browser.newContext({ viewport: { width: 320, height: 640 }, reducedMotion: "reduce", permissions: ["camera"] });
  /** @type {Record<string, string[]>} */
  const found = {};
  await tour(vetd, context, async (name, page) => {
    const wrong = [...(await overflowing(page)), ...(await tooSmall(page))];
    if (wrong.length > 0) found[name] = wrong;
  });
  await context.close();
  assert.deepEqual(found, {});
});

test("text of twice the size still fits", async () => {
  const context = await browser.newContext({ viewport: { width: 640, height: 800 }, reducedMotion: "reduce" });
  const { page, person } = await open(context, await vetd.session({ template_slug: "tour" }));
  await person.sees("Confirm who you are");
  await page.evaluate(() => document.documentElement.style.setProperty("font-size", "200%"));
  assert.deepEqual(await overflowing(page), []);
  await person.consents();
  assert.deepEqual(await overflowing(page), []);
  await context.close();
});

test("every language is whole, in its direction, and fits into 320 px", async () => {
  for (const locale of LOCALES) {
    const context = await browser.newContext({ locale, viewport: { width: 320, height: 640 }, reducedMotion: "reduce" });
    const { page } = await open(context, await vetd.session({ template_slug: "tour" }));
    await page.locator(`html[lang="${locale}"][dir]`).waitFor({ state: "attached" });
    assert.equal(await page.evaluate(() => document.documentElement.dir), locale === "ar" ? "rtl" : "ltr");
    assert.deepEqual(await overflowing(page), [], locale);
    await page.locator("main .button.primary").click();
    await page.locator("form").waitFor();
    assert.deepEqual(await overflowing(page), [], locale);
    const wrong = await violations(page);
    assert.deepEqual(wrong, [], locale);
    await context.close();
  }
});

test("the template's languages are offered, and one that the browser wants is taken", async () => {
  const context = await browser.newContext({ locale: "fr-CA" });
  const { page, person } = await open(context, await vetd.session({ template_slug: "tour" }));
  await person.sees("Confirmez qui vous êtes");
  await page.getByRole("combobox", { name: "Langue" }).selectOption("zh");
  await person.sees("确认您的身份");
  await page.reload();
  await person.sees("确认您的身份");
  await vetd.template("german", { steps: STEPS, locales: ["de-AT"] });
  const german = await open(context, await vetd.session({ template_slug: "german" }));
  await german.person.sees("Bestätigen Sie, wer Sie sind");
  assert.equal(await german.page.getByRole("combobox").count(), 0);
  await context.close();
});

test("who wants less motion gets none", async () => {
  const context = await browser.newContext({ reducedMotion: "reduce" });
  const { page, person } = await open(context, await vetd.session({ template_slug: "tour" }));
  await person.sees("Confirm who you are");
  const duration = await page.locator(".screen").evaluate((element) => parseFloat(getComputedStyle(element).animationDuration));
  assert.ok(duration < 0.001, `${duration} s`);
  await context.close();
});

test("the template's theme and words are taken where they are safe, and made readable", async () => {
  const context = await browser.newContext({ colorScheme: "light", reducedMotion: "reduce" });
  const theme = { accent: "#ffe14d", radius: "none", font: "serif", mode: "dark", accent_dark: "red;} body{display:none" };
  const strings = { "app.title": "Acme <b>checks</b>", de: { "app.title": "Acme prüft" }, "consent.title": 7 };
  await vetd.template("acme", { steps: STEPS, theme, strings, locales: ["en", "de"] });
  const { page, person } = await open(context, await vetd.session({ template_slug: "acme" }));
  await person.sees("Confirm who you are");
  await page.getByText("Acme <b>checks</b>", { exact: true }).waitFor();
  assert.equal(await page.evaluate(() => document.documentElement.dataset.theme), "dark");
  assert.equal(await page.evaluate(() => document.documentElement.style.getPropertyValue("--accent")), "");
  assert.equal(await page.locator(".button.primary").evaluate((element) => getComputedStyle(element).borderRadius), "0px");
  await page.getByRole("combobox").selectOption("de");
  await page.getByText("Acme prüft", { exact: true }).waitFor();
  await vetd.template("yellow", { steps: STEPS, theme: { accent: "#ffe14d", mode: "light" } });
  const yellow = await open(context, await vetd.session({ template_slug: "yellow" }));
  await yellow.person.sees("Confirm who you are");
  assert.equal(await yellow.page.locator(".button.primary").evaluate((element) => getComputedStyle(element).backgroundColor), "rgb(255, 225, 77)");
  assert.deepEqual(await violations(yellow.page), []);
  await context.close();
});

test("the system decides between light and dark, also where there is no script", async () => {
  for (const [colorScheme, ground] of /** @type {const} */ ([["light", "rgb(255, 255, 255)"], ["dark", "rgb(28, 32, 37)"]])) {
    const context = await browser.newContext({ colorScheme });
    const page = await context.newPage();
    // The server's own answer to a wrong link.
    await page.goto(`${vetd.url}/iframe`);
    assert.equal(await page.locator(".page").evaluate((element) => getComputedStyle(element).backgroundColor), ground);
    await context.close();
  }
});
