// The time of a session and of its token, on a server whose clock is moved.

import assert from "node:assert/strict";
import { after, before, test } from "node:test";

import { launch } from "./harness/browser.js";
import { Person, STEPS, open } from "./harness/person.js";
import { Vetd } from "./harness/vetd.js";

/** @type {Vetd} */
let vetd;
/** @type {import("playwright-core").Browser} */
let browser;

before(async () => {
  [vetd, browser] = await Promise.all([Vetd.start(), launch({ shows: "passport" })]);
  await vetd.template("passport", { steps: [...STEPS, { type: "selfie" }, { type: "liveness" }] });
});
after(async () => {
  await browser.close();
  await vetd.stop();
});

test("near the end the time that is left is shown; at the end, that it is over", async () => {
  const session = await vetd.session({ template_slug: "passport", expires_in: 120 });
  const context = await browser.newContext();
  const { page, person } = await open(context, session);
  await person.consents();
  await page.getByText(/Time left: [01]:\d\d/).waitFor();
  await vetd.restart(120);
  await person.sees("The time is up");
  assert.equal((await vetd.call("GET", `/v1/sessions/${session.id}`)).status, "expired");
  await page.reload();
  await person.sees("The time is up");
  await context.close();
});

test("the token is renewed before it ends", async () => {
  const session = await vetd.session({ template_slug: "passport", expires_in: 7200 });
  const context = await browser.newContext();
  const page = await context.newPage();
  await page.clock.install();
  await page.goto(session.iframe_url);
  const person = new Person(page);
  await person.sees("Confirm who you are");
  await vetd.restart(1_200);
  const renewed = page.waitForResponse((response) => response.url().endsWith("/iframe/api/token") && response.ok());
  await page.clock.runFor(60_000);
  await renewed;
  // The first token has ended by then; the second has not.
  await vetd.restart(900);
  await page.clock.resume();
  await person.consents();
  await context.close();
});
