// The time of a session and of its token, on a server whose clock is moved.

import assert from "node:assert/strict";
import { test } from "node:test";

import { ALL_STEPS, Person, open } from "./harness/person.js";
import { stage } from "./harness/stage.js";

const { vetd, browser } = await stage({ shows: "passport" }, (vetd) => vetd.template("passport", { steps: ALL_STEPS }));

test("near the end the time that is left is shown; at the end, that it is over", async () => {
  const session = await vetd.session({ template_slug: "passport", expires_in: 280 });
  const context = await browser.newContext();
  const { page, person } = await open(context, session);
  await person.consents();
  await page.getByText(/Time left: \d:\d\d/).waitFor();
  // Nobody asks while the server finds out what has ended meanwhile.
  await context.setOffline(true);
  await vetd.restart(280);
  await vetd.reaches(session, "expired");
  await context.setOffline(false);
  await person.sees("The time is up");
  await page.reload();
  await person.sees("The time is up");
  await context.close();
});

test("the token is renewed before it ends", async () => {
  const session = await vetd.session({ template_slug: "passport", expires_in: 7200 });
  // Two thirds of the token's half hour are over when the page is opened.
  await vetd.restart(1_200);
  const context = await browser.newContext();
  const page = await context.newPage();
  await page.clock.install();
  await page.goto(session.iframe_url);
  const person = new Person(page);
  await person.sees("Confirm who you are");
  await page.clock.runFor(15_000);
  await page.waitForFunction(([id, first]) => sessionStorage.getItem(`vetd.token.${id}`) !== first, [session.id, session.sdk_token]);
  // The first token has ended by then; the second has not.
  await vetd.restart(900);
  await person.consents();
  await context.close();
});
